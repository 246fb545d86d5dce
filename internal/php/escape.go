package php

const upperHex = "0123456789ABCDEF"

// unreserved are the bytes that PHP's urlencode keeps.
var unreserved = func() (t [256]bool) {
	for _, c := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_." {
		t[c] = true
	}
	return t
}()

// appendEscaped appends s as PHP's urlencode spells it.
func appendEscaped(dst, s []byte) []byte {
	for len(s) > 0 {
		n := 0
		for n < len(s) && unreserved[s[n]] {
			n++
		}
		dst = append(dst, s[:n]...)
		if n == len(s) {
			break
		}
		if c := s[n]; c == ' ' {
			dst = append(dst, '+')
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
		s = s[n+1:]
	}
	return dst
}

// AppendWire appends the result of http_build_query, or of urlencode, in the
// encoding of RFC 3986: "%20" for a plus sign, "~" for "%7E", else the same.
func AppendWire[S string | []byte](dst []byte, query S) []byte {
	from := 0
	for i := 0; i < len(query); i++ {
		switch {
		case query[i] == '+':
			dst = append(append(dst, query[from:i]...), "%20"...)
			from = i + 1
		case query[i] == '%' && i+2 < len(query) && query[i+1] == '7' && query[i+2] == 'E':
			dst = append(append(dst, query[from:i]...), '~')
			i += 2
			from = i + 1
		}
	}
	return append(dst, query[from:]...)
}

// AppendEscaped appends s as PHP's rawurlencode spells it.
func AppendEscaped[S string | []byte](dst []byte, s S) []byte {
	for i := range len(s) {
		if c := s[i]; unreserved[c] || c == '~' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// unescape decodes s in place and returns its new length. A plus sign becomes a
// space unless keepPlus is set. A malformed escape stays as it is, as PHP has
// it, and makes ok false.
func unescape(s []byte, keepPlus bool) (n int, ok bool) {
	ok = true
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			if !keepPlus {
				c = ' '
			}
		case '%':
			if i+2 < len(s) && hexValue[s[i+1]] < 16 && hexValue[s[i+2]] < 16 {
				c = hexValue[s[i+1]]<<4 | hexValue[s[i+2]]
				i += 2
			} else {
				ok = false
			}
		}
		s[n] = c
		n++
	}
	return n, ok
}

// hexValue holds the value of each hexadecimal digit, 255 for other bytes.
var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range upperHex {
		t[c] = byte(i)
		if c >= 'A' {
			t[c+'a'-'A'] = byte(i)
		}
	}
	return t
}()
