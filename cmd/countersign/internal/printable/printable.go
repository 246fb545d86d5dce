// Package printable makes what a peer has said fit for a terminal, a log and a
// page: it has one line, all of it can be seen, and it is no longer than a reader
// wants.
package printable

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s if all of it can be seen, and otherwise with escapes, as a string
// of Go has them.
func Line(s string) string {
	hidden := func(c rune) bool { return !unicode.IsPrint(c) }
	if utf8.ValidString(s) && !strings.ContainsFunc(s, hidden) {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

// Shorten cuts s to n characters.
func Shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
