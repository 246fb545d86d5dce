package php

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

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
			} else {
				i += n
			}
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
		if hexValue[h] == noHex {
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
	kept := bytes.TrimRight(fraction, "0")
	switch {
	case bytes.ContainsAny(number, "eE"):
		return "is a number with an exponent, which PHP prints in a way of its own: write all of its digits, or send it as a string"
	case number[0] == '-' && string(whole) == "0" && len(kept) == 0:
		return "is a negative zero, which PHP prints without its sign: write 0"
	case isFraction && len(kept) == 0:
		return "is a whole number with a decimal point, which PHP prints without: leave out the point and the zeros behind it, or send it as a string"
	case len(kept) < len(fraction):
		return "is a fraction with a zero at its end, which PHP prints without: leave out the zeros at the end, or send it as a string"
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
		if math.IsInf(f, -1) {
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
