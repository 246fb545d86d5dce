// Package printable makes what a peer has said fit for a terminal, a log and a
// page: it has one line, all of it can be seen, and it is no longer than a reader
// wants.
package printable

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line returns s with an escape, as a string of Go has them, in the place of each
// character that cannot be seen. Quotes and backslashes stay as they are.
func Line(s string) string {
	hidden := func(c rune) bool { return !unicode.IsPrint(c) }
	if utf8.ValidString(s) && !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		c, n := utf8.DecodeRuneInString(s)
		switch {
		case c == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case hidden(c):
			escape := strconv.QuoteRune(c)
			b.WriteString(escape[1 : len(escape)-1])
		default:
			b.WriteRune(c)
		}
		s = s[n:]
	}
	return b.String()
}

// JSON returns text, which is JSON, with escapes for what cannot be seen. Its meaning
// is the same.
func JSON(text []byte) []byte {
	shown := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case unicode.IsPrint(r) || r == '\n':
			shown = utf8.AppendRune(shown, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			shown = fmt.Appendf(shown, `\u%04x\u%04x`, high, low)
		default:
			shown = fmt.Appendf(shown, `\u%04x`, r)
		}
	}
	return shown
}

// Cut cuts s to n bytes, and not within a character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len("…")], "") + "…"
}

// Shorten cuts s to n characters.
func Shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
