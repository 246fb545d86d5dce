package php

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// A class says what a byte is, in names and to urlencode. Of several bytes it is
// all that they are.
type class uint8

const (
	reserved  class = 1 << iota // urlencode changes it
	endsKey                     // in the normal form it cannot stand in a name before the first bracket
	endsSub                     // nor between two brackets
	high                        // it is not ASCII
	respelled                   // urlencode spells it otherwise than it was spelled
	rawPlus                     // it was a plus sign, which stands for a space or for itself
	plusless                    // it was "%20", " " or "@", which nobody writes who writes a plus sign for a space
)

var classes = func() (t [256]class) {
	for i := range t {
		if strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.", byte(i)) < 0 {
			t[i] |= reserved
		}
		if strings.IndexByte("\x00 .[]", byte(i)) >= 0 {
			t[i] |= endsKey
		}
		if strings.IndexByte("\x00[]", byte(i)) >= 0 {
			t[i] |= endsSub
		}
		if i >= utf8.RuneSelf {
			t[i] |= high
		}
	}
	return t
}()

// unreserved reports whether urlencode keeps c.
func unreserved(c byte) bool { return classes[c]&reserved == 0 }

// appendEscaped appends s as PHP's urlencode spells it.
func appendEscaped(dst, s []byte) []byte {
	for {
		n := 0
		for n < len(s) && unreserved(s[n]) {
			n++
		}
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return dst
		}
		if c := s[n]; c == ' ' {
			dst = append(dst, '+')
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
		s = s[n+1:]
	}
}

// AppendWire appends the result of http_build_query, or of urlencode, in the
// encoding of RFC 3986: "%20" for a plus sign, "~" for "%7E", else the same.
func AppendWire(dst, query []byte) []byte {
	from := len(dst)
	for {
		i := bytes.IndexByte(query, '+')
		if i < 0 {
			break
		}
		dst = append(append(dst, query[:i]...), "%20"...)
		query = query[i+1:]
	}
	dst = append(dst, query...)
	return dst[:from+unescapeTildes(dst[from:])]
}

// unescapeTildes writes "~" for "%7E" in s, in place, and returns its new length.
// It looks for the last two bytes, since every bracket begins with the first.
func unescapeTildes(s []byte) int {
	n, from := 0, 0
	for at := 0; ; {
		i := bytes.Index(s[at:], []byte("7E"))
		if i < 0 {
			break
		}
		at += i
		if at > from && s[at-1] == '%' {
			n += copy(s[n:], s[from:at-1])
			s[n] = '~'
			n++
			from = at + 2
		}
		at += 2
	}
	if from == 0 {
		return len(s)
	}
	return n + copy(s[n:], s[from:])
}

// AppendURLEncoded appends s as PHP's urlencode spells it: a space as a plus sign,
// and all but letters, digits and "-_." as "%XX" in capitals.
func AppendURLEncoded[S string | []byte](dst []byte, s S) []byte {
	return appendEscaped(dst, []byte(s))
}

// AppendEscaped appends s as PHP's rawurlencode spells it.
func AppendEscaped[S string | []byte](dst []byte, s S) []byte {
	from := 0
	for i := range len(s) {
		if c := s[i]; !unreserved(c) && c != '~' {
			dst = append(append(dst, s[from:i]...), '%', upperHex[c>>4], upperHex[c&15])
			from = i + 1
		}
	}
	return append(dst, s[from:]...)
}

// AppendURLDecoded appends what PHP's urldecode makes of s, which holds no
// ampersand: a plus sign is a space, and a malformed escape stays as it is.
func AppendURLDecoded(dst, s []byte) []byte {
	n := 0
	for n < len(s) && s[n] != '%' && s[n] != '+' {
		n++
	}
	from := len(dst) + n
	dst = append(dst, s...)
	if n == len(s) {
		return dst // as most are
	}
	n, _, _, _ = unescape(dst[from:], '&', false)
	return dst[:from+n]
}

// URLDecodedLen is how many bytes AppendURLDecoded appends.
func URLDecodedLen(s []byte) int {
	n := len(s)
	for {
		i := bytes.IndexByte(s, '%')
		if i < 0 {
			return n
		}
		if s = s[i+1:]; len(s) >= 2 && hexValue[s[0]]|hexValue[s[1]] != noHex {
			n -= 2
			s = s[2:]
		}
	}
}

// unescape decodes s in place, up to an ampersand or the stop byte, into its
// first n bytes; it has read so many. A plus sign becomes a space unless keepPlus
// is set. Of each decoded byte seen has the class. A malformed escape stays as it
// is, as PHP has it, and makes ok false.
func unescape(s []byte, stop byte, keepPlus bool) (n, read int, seen class, ok bool) {
	ok = true
	for n < len(s) && unreserved(s[n]) {
		seen |= classes[s[n]]
		n++
	}
	for i := n; i < len(s); i++ {
		c := s[i]
		is := classes[c]
		if is&reserved != 0 {
			switch {
			case c == '%' && i+2 < len(s) && hexValue[s[i+1]]|hexValue[s[i+2]] != noHex:
				c = hexValue[s[i+1]]<<4 | hexValue[s[i+2]]
				is = classes[c]
				if s[i+1] > 'F' || s[i+2] > 'F' || is&reserved == 0 {
					seen |= respelled
				} else if c == ' ' {
					seen |= respelled | plusless
				}
				i += 2
			case c == '%':
				ok = false
			case c == stop || c == '&':
				return n, i, seen, ok
			case c == '+' && !keepPlus:
				seen |= rawPlus
				c = ' '
				is = classes[c]
			case c == '@' || c == ' ':
				seen |= respelled | plusless
			default:
				seen |= respelled
			}
		}
		seen |= is
		s[n] = c
		n++
	}
	return n, len(s), seen, ok
}

// noHex marks in hexValue the bytes that are no digit: with all bits, whatever they
// are combined with.
const noHex = 0xFF

// hexValue holds the value of each hexadecimal digit.
var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = noHex
	}
	for i, c := range upperHex {
		t[c] = byte(i)
		if c >= 'A' {
			t[c+'a'-'A'] = byte(i)
		}
	}
	return t
}()
