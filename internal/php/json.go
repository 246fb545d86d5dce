package php

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxQuery bounds the query of a JSON document, in bytes: twice PHP's default
// post_max_size. A document says a long name once, its query once a value, so
// that the query's size may grow with the square of the document's. What stands
// in no query counts too, nulls and empty arrays as if they were empty strings.
const MaxQuery = 16 << 20

// maxJSONDepth is how many arrays, the outermost included, json_decode opens
// within each other: its default depth of 512 counts what is in the last one.
const maxJSONDepth = 511

// A SyntaxError says why a document is not JSON, or not of the kind that was
// expected. What is wrong with one of its members is an [Error].
type SyntaxError struct {
	Offset int
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("malformed JSON at byte %d: %s", e.Offset, e.Reason)
}

// An Object says how a JSON object that [ReadJSON] has read is sent signed.
type Object struct {
	Account    string // the value of its member of that name
	HasAccount bool

	own    Own
	cuts   [2]span // its members that are the gateway's own, in order
	cutLen int
	kept   bool // it has another member
	brace  int  // the closing one's offset
}

// AppendSigned appends doc, the document that o was read from, without the
// members that are the gateway's own and with the signature as its last member.
// The signature is in base64. No other byte is changed.
func (o *Object) AppendSigned(dst, doc, signature []byte) []byte {
	from := 0
	for _, cut := range o.cuts[:o.cutLen] {
		dst = append(dst, doc[from:cut.from]...)
		from = cut.to
	}
	dst = append(dst, doc[from:o.brace]...)
	if o.kept {
		dst = append(dst, ',')
	}
	dst = append(append(append(dst, '"'), o.own.Signature...), `":"`...)
	dst = append(dst, signature...)
	dst = append(dst, '"')
	return append(dst, doc[o.brace:]...)
}

// note takes account of the next member and the comma before it. A member that
// is cut takes that comma along, or, while nothing is kept, the one behind it.
func (o *Object) note(comma int, member span, cut bool) {
	if !o.kept && o.cutLen > 0 {
		o.cuts[o.cutLen-1].to = member.from
	}
	switch {
	case !cut:
		o.kept = true
	case o.kept:
		o.cuts[o.cutLen] = span{from: comma, to: member.to}
		o.cutLen++
	default:
		o.cuts[o.cutLen] = member
		o.cutLen++
	}
}

// ReadJSON reads a JSON object that is in the normal form, without the members
// that are the gateway's own. A value is the text that http_build_query
// prints of it: a string's characters, a number as it is written, 1 or 0 for
// true or false. Null and empty arrays are in a as empty arrays, which stand in
// no query. The error is an *[Error] or a *[SyntaxError]; a is then of no use.
//
// PHP reads the same from what [Object.AppendSigned] makes of doc, the signature
// aside, whether json_decode is to return arrays or objects.
func ReadJSON(a *Array, doc []byte, own Own) (Object, error) {
	a.reset()
	r := jsonReader{a: a, doc: doc, strict: true, object: Object{own: own}, levels: MaxInputNestingLevel}
	if r.next() != '{' {
		return Object{}, r.malformed("want an object")
	}
	if err := r.readObject(0, 0); err != nil {
		return Object{}, err
	}
	r.object.brace = r.pos - 1
	if err := r.readEnd(); err != nil {
		return Object{}, err
	}
	if r.object.cutLen > 0 {
		r.object.Account, r.object.HasAccount = a.Get(own.Account)
		a.Remove(own.Account)
		a.Remove(own.Signature)
	}
	return r.object, nil
}

type jsonReader struct {
	a      *Array
	doc    []byte
	pos    int
	strict bool
	object Object // kept if strict
	size   int    // of the query, with a last ampersand

	levels int                       // how many arrays may be open within the outermost
	depth  int                       // how many are
	open   [maxErrorName/2 + 1]int32 // the first of them; an Error shows no more
	key    span                      // the current element's
}

// next skips white space. It returns the byte behind it, 0 at the end.
func (r *jsonReader) next() byte {
	for ; r.pos < len(r.doc); r.pos++ {
		if c := r.doc[r.pos]; c > ' ' || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
	}
	return 0
}

func (r *jsonReader) readEnd() error {
	if r.next(); r.pos < len(r.doc) {
		return r.malformed("want nothing behind the closing bracket")
	}
	return nil
}

// readObject reads the object at r.pos into parent. The length of parent's
// escaped name is nameLen.
func (r *jsonReader) readObject(parent int32, nameLen int) error {
	r.pos++
	if r.next() == '}' {
		r.pos++
		return nil
	}
	comma := 0
	for {
		if r.next() != '"' {
			return r.malformed("want a member's name in double quotes")
		}
		from := r.pos
		key, reason := r.readString()
		r.key = key
		if reason != "" {
			return r.refuse("%s", reason)
		}
		if r.next() != ':' {
			return r.malformed("want a colon behind a member's name")
		}
		r.pos++
		cut := false
		if r.strict {
			if err := r.checkMember(parent); err != nil {
				return err
			}
			cut = parent == 0 && r.isOwn()
			if cut && r.next() != '"' {
				return r.refuse("is not a string: leave it out, it is added when the request is signed")
			}
		}
		size := r.size
		if err := r.readElement(parent, nameLen); err != nil {
			return err
		}
		if cut {
			r.size = size
		}
		if r.strict && parent == 0 {
			r.object.note(comma, span{from: from, to: r.pos}, cut)
		}
		switch r.next() {
		case ',':
			comma = r.pos
			r.pos++
		case '}':
			r.pos++
			return nil
		default:
			return r.malformed("want a comma or a closing brace")
		}
	}
}

func (r *jsonReader) isOwn() bool {
	key := r.a.bytes(r.key)
	return string(key) == r.object.own.Signature || string(key) == r.object.own.Account
}

// readList reads the array at r.pos into parent. The length of parent's escaped
// name is nameLen.
func (r *jsonReader) readList(parent int32, nameLen int) error {
	r.pos++
	if r.next() == ']' {
		r.pos++
		return nil
	}
	for i := int64(0); ; i++ {
		from := len(r.a.text)
		r.a.text = strconv.AppendInt(r.a.text, i, 10)
		r.key = span{from, len(r.a.text), true}
		if err := r.readElement(parent, nameLen); err != nil {
			return err
		}
		switch r.next() {
		case ',':
			r.pos++
		case ']':
			r.pos++
			return nil
		default:
			return r.malformed("want a comma or a closing bracket")
		}
	}
}

// readElement reads the value of parent's element r.key.
func (r *jsonReader) readElement(parent int32, nameLen int) error {
	a := r.a
	n, found := a.element(parent, r.key)
	var before node
	switch {
	case !found:
		if !r.strict && len(a.nodes) > 1+MaxNodes {
			return r.refuse("is beyond the %d values that are read: send fewer", MaxNodes)
		}
	case r.strict:
		return r.refuse("is given twice, and PHP keeps the last only: leave one out")
	default:
		before = a.nodes[n]
		a.vacate(n)
	}
	nameLen += a.escapedLen(r.key)
	if parent != 0 {
		nameLen += len("%5B%5D")
	}
	var value span
	var err error
	switch c := r.next(); c {
	case '{', '[':
		a.nodes[n].isArray = true
		if r.depth == r.levels {
			return r.refuse("is nested more than %d levels deep: nest it less", r.levels)
		}
		if r.depth < len(r.open) {
			r.open[r.depth] = n
		}
		r.depth++
		if c == '{' {
			err = r.readObject(n, nameLen)
		} else {
			err = r.readList(n, nameLen)
		}
		r.depth--
	case 'n':
		a.nodes[n].isArray = true
		_, err = r.readLiteral("null", "")
	case 't':
		value, err = r.readLiteral("true", "1")
	case 'f':
		value, err = r.readLiteral("false", "0")
	case '"':
		var reason string
		if value, reason = r.readString(); reason != "" {
			err = r.refuse("%s", reason)
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		value, err = r.readNumber()
	default:
		err = r.malformed("want a value")
	}
	if err != nil {
		return err
	}
	if !a.nodes[n].isArray {
		a.nodes[n].value = value
		a.vars++
	}
	if found && (before.isArray || a.nodes[n].isArray || !bytes.Equal(a.bytes(before.value), a.bytes(value))) {
		a.nodes[n].changed = true
	}
	if a.nodes[n].first == 0 {
		if r.size += nameLen + len("=&") + a.escapedLen(value); r.size > MaxQuery+1 {
			return r.refuse("brings the parameters, urlencoded with their full names, above %d bytes: send less", MaxQuery)
		}
	}
	return nil
}

// vacate takes out what n holds, so that it may hold something else.
func (a *Array) vacate(n int32) {
	a.vars -= a.count(n)
	a.empty(n)
	a.nodes[n].isArray = false
}

// readLiteral reads the word at r.pos, which stands for text.
func (r *jsonReader) readLiteral(word, text string) (span, error) {
	if !bytes.HasPrefix(r.doc[r.pos:], []byte(word)) {
		return span{}, r.malformed("want a value")
	}
	r.pos += len(word)
	from := len(r.a.text)
	r.a.text = append(r.a.text, text...)
	return span{from, len(r.a.text), true}, nil
}

// plainJSON are the bytes that stand for themselves in a string: ASCII but for
// control characters, the quote and the backslash.
var plainJSON = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// readString decodes the string at r.pos. If it is malformed, the reason says
// why; the text is then what stands before the fault.
func (r *jsonReader) readString() (text span, reason string) {
	doc := r.doc
	from := len(r.a.text)
	run := r.pos + 1 // what has not been copied yet begins here
	i := run
	for i < len(doc) && unreserved(doc[i]) {
		i++
	}
	plain := i < len(doc) && doc[i] == '"'
	for reason == "" {
		for i < len(doc) && plainJSON[doc[i]] {
			i++
		}
		switch {
		case i == len(doc):
			reason = "is cut off within a string: close it with a double quote"
		case doc[i] == '"':
			r.a.text = append(r.a.text, doc[run:i]...)
			r.pos = i + 1
			return span{from, len(r.a.text), plain}, ""
		case doc[i] == '\\':
			r.a.text = append(r.a.text, doc[run:i]...)
			var c rune
			var n int
			if c, n, reason = unescapeJSON(doc[i:]); reason == "" {
				r.a.text = utf8.AppendRune(r.a.text, c)
			}
			i += n
			run = i
		case doc[i] < ' ':
			reason = `has a control character in a string: write it as an escape, a new line as \n`
		default:
			c, n := utf8.DecodeRune(doc[i:])
			if c == utf8.RuneError && n == 1 {
				reason = "has a string that is not UTF-8: encode it as UTF-8"
				break
			}
			i += n
		}
	}
	r.a.text = append(r.a.text, doc[run:i]...)
	return span{from: from, to: len(r.a.text)}, reason
}

// unescapeJSON decodes the escape that s begins with and returns its length.
func unescapeJSON(s []byte) (c rune, n int, reason string) {
	const malformed = `has a malformed escape in a string: write a backslash as \\`
	if len(s) < 2 {
		return 0, 0, malformed
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2, ""
	case 'b':
		return '\b', 2, ""
	case 'f':
		return '\f', 2, ""
	case 'n':
		return '\n', 2, ""
	case 'r':
		return '\r', 2, ""
	case 't':
		return '\t', 2, ""
	}
	c, ok := codeUnit(s)
	if !ok {
		return 0, 0, malformed
	}
	if c < 0xD800 || c > 0xDFFF {
		return c, len(`\u0000`), ""
	}
	if low, ok := codeUnit(s[len(`\u0000`):]); ok && c < 0xDC00 && 0xDC00 <= low && low <= 0xDFFF {
		return 0x10000 + (c-0xD800)<<10 + low - 0xDC00, 2 * len(`\u0000`), ""
	}
	return 0, 0, "has half a surrogate pair in a string: write both halves, or the character itself"
}

// codeUnit decodes \uXXXX at the start of s.
func codeUnit(s []byte) (c rune, ok bool) {
	if len(s) < len(`\u0000`) || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, h := range s[2:6] {
		if hexValue[h] > 15 {
			return 0, false
		}
		c = c<<4 | rune(hexValue[h])
	}
	return c, true
}

// readNumber reads the number at r.pos and returns the text that PHP prints.
func (r *jsonReader) readNumber() (span, error) {
	from := r.pos
	if r.doc[r.pos] == '-' {
		r.pos++
	}
	zero := r.pos < len(r.doc) && r.doc[r.pos] == '0'
	if n := r.skipDigits(); n == 0 || zero && n > 1 {
		return span{}, r.malformed("want a number without leading zeros")
	}
	if r.pos < len(r.doc) && r.doc[r.pos] == '.' {
		r.pos++
		if r.skipDigits() == 0 {
			return span{}, r.malformed("want a digit behind a decimal point")
		}
	}
	if r.pos < len(r.doc) && r.doc[r.pos]|0x20 == 'e' {
		r.pos++
		if r.pos < len(r.doc) && (r.doc[r.pos] == '+' || r.doc[r.pos] == '-') {
			r.pos++
		}
		if r.skipDigits() == 0 {
			return span{}, r.malformed("want a digit in an exponent")
		}
	}
	number := r.doc[from:r.pos]
	to := len(r.a.text)
	if !r.strict {
		r.a.text = appendNumber(r.a.text, number)
	} else if reason := checkNumber(number); reason != "" {
		return span{}, r.refuse("%s", reason)
	} else {
		r.a.text = append(r.a.text, number...)
	}
	return span{to, len(r.a.text), r.strict}, nil
}

// skipDigits returns how many there are.
func (r *jsonReader) skipDigits() int {
	from := r.pos
	for r.pos < len(r.doc) && '0' <= r.doc[r.pos] && r.doc[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - from
}

// precision is php.ini's default: how many digits of a fraction are printed.
const precision = 14

// maxInteger is the largest integer up to which all of them are floats, which
// JavaScript and others read.
const maxInteger = 1 << 53

// checkNumber says what is wrong with a JSON number that PHP does not print back
// byte for byte, or that others round.
func checkNumber(number []byte) (reason string) {
	if i, ok := integer(number); ok && -maxInteger <= i && i <= maxInteger {
		return ""
	}
	whole, fraction, isFraction := bytes.Cut(bytes.TrimPrefix(number, []byte("-")), []byte("."))
	switch {
	case bytes.ContainsAny(number, "eE"), isFraction && fraction[len(fraction)-1] == '0':
		return "is a number that PHP prints in another way: write 8.1, not 8.10 or 81e-1, and 8, not 8.0, or send it as a string"
	case !isFraction && string(whole) == "0":
		return "is a negative zero, which PHP prints without its sign: write 0"
	case !isFraction:
		return "is an integer beyond 9007199254740992, which not every parser reads exactly: send it as a string"
	}
	digits := len(whole) + len(fraction)
	if string(whole) == "0" {
		significant := len(bytes.TrimLeft(fraction, "0"))
		if len(fraction)-significant > 3 {
			return "is a fraction below 0.0001, which PHP prints with an exponent: send it as a string"
		}
		digits = significant
	}
	if digits > precision {
		return fmt.Sprintf("is a fraction of more than %d digits, which PHP rounds: send it as a string", precision)
	}
	return ""
}

// appendNumber appends what http_build_query prints of a JSON number. PHP has a
// float for a fraction, an exponent, or more than 64 bits.
func appendNumber(dst, number []byte) []byte {
	if _, ok := integer(number); ok {
		return append(dst, number...)
	}
	if string(number) == "-0" {
		return append(dst, '0')
	}
	f, _ := strconv.ParseFloat(string(number), 64) // what is out of range is infinite
	if math.IsInf(f, 0) {
		if f < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "INF"...)
	}
	if abs := math.Abs(f); 1e14 <= abs && abs < 1e15 && math.Mod(abs, 100) == 5 {
		// The 15th digit is rounded down from the middle. PHP's zend_dtoa has a
		// path for that, and there it does not strip zeros.
		return strconv.AppendFloat(dst, f, 'E', precision-1, 64)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, 'G', precision, 64)
	mantissa, exponent, ok := strings.Cut(string(dst[from:]), "E")
	if !ok {
		return dst
	}
	// PHP writes 1.0E-5 where Go and C write 1E-05.
	dst = dst[:from+len(mantissa)]
	if !strings.Contains(mantissa, ".") {
		dst = append(dst, ".0"...)
	}
	dst = append(dst, 'E', exponent[0])
	return append(dst, strings.TrimLeft(exponent[1:], "0")...)
}

// checkMember checks r.key, the name of one of parent's members.
func (r *jsonReader) checkMember(parent int32) error {
	key := r.a.bytes(r.key)
	for _, c := range key {
		if c == '[' || c == ']' {
			return r.refuse("has a bracket in a member's name, which reads as nesting: nest an object or an array instead")
		}
	}
	if err := r.checkOrder(parent, key); err != nil {
		return err
	}
	check := checkSub
	switch {
	case parent == 0:
		check = checkKey
	case len(key) == 0:
		return r.refuse("has a member without a name, which a form takes for an automatic index: name it")
	}
	if check(nil, key) != nil {
		return check(r.name(), key) // once more with the full name, which costs
	}
	return nil
}

// checkOrder checks r.key among parent's members, unless it is there already.
func (r *jsonReader) checkOrder(parent int32, key []byte) error {
	if len(key) == 0 || key[0] > '9' || r.a.find(parent, key) != 0 {
		return nil
	}
	if r.a.checkOrder(parent, r.key, nil) != nil {
		return r.a.checkOrder(parent, r.key, r.name())
	}
	return nil
}

// name writes out the name of the current element: basket[0][vatRate].
func (r *jsonReader) name() []byte {
	var name []byte
	for i, n := range r.open[:min(r.depth, len(r.open))] {
		name = appendName(name, r.a.bytes(r.a.nodes[n].key), i > 0)
	}
	return appendName(name, r.a.bytes(r.key), r.depth > 0)
}

func appendName(dst, key []byte, nested bool) []byte {
	if !nested {
		return append(dst, key...)
	}
	dst = append(dst, '[')
	dst = append(dst, key...)
	return append(dst, ']')
}

func (r *jsonReader) refuse(format string, args ...any) error {
	return Refuse(r.name(), format, args...)
}

func (r *jsonReader) malformed(reason string) error {
	return &SyntaxError{Offset: r.pos, Reason: reason}
}

// escapedLen is the length of what appendEscaped appends.
func (a *Array) escapedLen(s span) int {
	n := s.to - s.from
	if s.plain {
		return n
	}
	for _, c := range a.bytes(s) {
		if !unreserved(c) && c != ' ' {
			n += 2
		}
	}
	return n
}
