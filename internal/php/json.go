package php

import (
	"bytes"
	"fmt"
	"strconv"
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
	a.Remove(own.Signature)
	account, isArray, found := a.Take(own.Account)
	r.object.Account, r.object.HasAccount = string(account), found && !isArray
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
	wasArray, before := false, span{}
	switch {
	case !found:
		if !r.strict && len(a.nodes) > 1+MaxNodes {
			return r.refuse("is beyond the %d values that are read: send fewer", MaxNodes)
		}
	case r.strict:
		return r.refuse("is given twice, and PHP keeps the last only: leave one out")
	default:
		wasArray, before = a.nodes[n].isArray, a.nodes[n].value
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
	if found && (wasArray || a.nodes[n].isArray || !bytes.Equal(a.bytes(before), a.bytes(value))) {
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

// checkMember checks r.key, the name of one of parent's members.
func (r *jsonReader) checkMember(parent int32) error {
	key := r.a.bytes(r.key)
	if r.key.plain && len(key) > 0 && (parent != 0 || bytes.IndexByte(key, '.') < 0) { // as most are
		return r.checkOrder(parent, key)
	}
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
	if !r.a.inOrder(parent, r.key) {
		return refuseOrder(r.name()) // which costs
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
