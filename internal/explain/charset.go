package explain

import (
	"strings"
	"unicode/utf8"

	"github.com/countersign/countersign/internal/php"
)

// inCharset is a mistake in the charset of a text. convert is given the bytes that
// are not ASCII, run by run.
func inCharset(convert func(dst, run []byte) []byte) apply {
	return func(a making) []making {
		if !a.escapes(notASCII) {
			return nil
		}
		query := a.message.query
		if !a.from.work.mayChange(query) {
			return nil
		}
		a.from.work.spent += len(query)
		var out, run, converted []byte
		for len(query) > 0 {
			run = run[:0]
			for len(query) > 2 && query[0] == '%' && query[1] >= '8' {
				run = append(run, unhex(query[1:]))
				query = query[3:]
			}
			converted = convert(converted[:0], run)
			out = php.AppendURLEncoded(out, converted)
			if query != "" {
				n := strings.IndexByte(query[1:], '%') + 1
				if n == 0 {
					n = len(query)
				}
				out = append(out, query[:n]...)
				query = query[n:]
			}
		}
		return a.signing(string(out))
	}
}

var notASCII = byteSet{0, 0, ^uint64(0), ^uint64(0)}

// toLatin1 puts a question mark in the place of what Latin-1 does not have, as Java
// does.
func toLatin1(dst, run []byte) []byte {
	if !utf8.Valid(run) {
		return append(dst, run...)
	}
	for _, c := range string(run) {
		if c > 0xff {
			c = '?'
		}
		dst = append(dst, byte(c))
	}
	return dst
}

func fromLatin1(dst, run []byte) []byte {
	if utf8.Valid(run) {
		return append(dst, run...)
	}
	return latin1ToUTF8(dst, run)
}

func utf8Twice(dst, run []byte) []byte {
	if !utf8.Valid(run) {
		return append(dst, run...)
	}
	return latin1ToUTF8(dst, run)
}

func latin1ToUTF8(dst, run []byte) []byte {
	for _, c := range run {
		dst = utf8.AppendRune(dst, rune(c))
	}
	return dst
}
