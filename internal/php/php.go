// Package php reads and writes request parameters as PHP does.
//
// A gateway that runs PHP sees a request's parameters as one ordered array of
// strings and arrays. An [Array] is that array, and there are two ways to read
// a request into it:
//
//   - The strict readers ([ReadForm], [ReadJSON], [NewMultipart]) accept the
//     normal form only: what is read in the same way by PHP, with plus signs
//     decoded or kept, and by readers that do not nest, and what PHP writes back
//     unchanged. They are for requests that are about to be sent.
//   - The faithful readers ([ParseStr], [ParseJSON], [ParseMultipart]) make of
//     any input what PHP makes of it. They are for requests that have arrived, and
//     [ParseFlat] for what a reader makes of them that is not PHP's.
//
// [Array.AppendQuery] is http_build_query, and [AppendWire] gives its result
// the spelling of RFC 3986, in which a request travels.
//
// It knows no gateway: the names that are one's own are told to it, see [Own].
//
// Facts of PHP without another source were measured with PHP 8.2; the tests
// measure them again wherever PHP is present.
package php

import (
	"bytes"
	"errors"
	"fmt"
)

// Own names the parameters that are a gateway's own, which are not signed.
type Own struct {
	Signature    string // it is sent last
	SignatureLen int    // how many bytes a signature has, in base64
	Account      string // it is sent in the URL's query
}

// Limits of PHP's default configuration, php.ini's max_input_vars and
// max_input_nesting_level: what exceeds them is dropped with no more than a
// warning in the gateway's own log.
const (
	MaxInputVars         = 1000
	MaxInputNestingLevel = 64
)

// An Error says why a parameter is outside the normal form. It shows nothing that
// does not look like a name: what is read as one may be anything, even the whole of
// a body that is no form.
type Error struct {
	Name   string // its beginning, as far as it looks like a name
	Begins bool   // it goes on behind that
	Number int    // which of a form's parameters it is, from 1, or 0
	Reason string // what is wrong and what to write instead
}

func (e *Error) Error() string {
	which := "a parameter"
	if e.Number > 0 {
		which = fmt.Sprintf("parameter %d", e.Number)
	}
	switch {
	case e.Name == "":
		return which + " " + e.Reason
	case e.Begins:
		return fmt.Sprintf("%s, which begins %q, %s", which, e.Name, e.Reason)
	}
	return fmt.Sprintf("parameter %q %s", e.Name, e.Reason)
}

// maxErrorName is how much of a name an Error shows, and maxErrorDigits how many
// digits in a row: the number of a card has 12 or more.
const (
	maxErrorName   = 80
	maxErrorDigits = 8
)

// Refuse makes an Error.
func Refuse[S string | []byte](name S, format string, args ...any) *Error {
	n := looksLikeName(name)
	return &Error{Name: string(name[:n]), Begins: n < len(name), Reason: fmt.Sprintf(format, args...)}
}

// looksLikeName returns how many bytes at the beginning of a name may be shown: none
// of more digits in a row than maxErrorDigits, whatever is written between them that
// is neither a letter nor a bracket. What begins with a digit and does not look like a
// name to its end is none at all.
func looksLikeName[S string | []byte](name S) int {
	end, digits, run := len(name), 0, 0
	for i := 0; i < end; i++ {
		c := name[i]
		isDigit := '0' <= c && c <= '9'
		switch {
		case i == maxErrorName || c != '[' && c != ']' && !unreserved(c):
			end = i
		case isDigit && digits == 0:
			digits, run = 1, i
		case isDigit && digits == maxErrorDigits:
			end = run
		case isDigit:
			digits++
		case c == '[' || c == ']' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z':
			digits = 0
		}
	}
	if end < len(name) && '0' <= name[0] && name[0] <= '9' {
		return 0
	}
	return end
}

// ErrTooMany says that there are more variables than may be read.
var ErrTooMany = errors.New("there are more parameters than PHP takes")

// elements writes the names of the first two elements of a list, for a reason.
func elements(list []byte) string {
	if looksLikeName(list) < len(list) {
		return `with "[0]", "[1]" behind the name`
	}
	return fmt.Sprintf(`"%[1]s[0]", "%[1]s[1]"`, list)
}

// firstIndex writes a name with its first automatic index written out, for a
// reason.
func firstIndex(name []byte) string {
	if looksLikeName(name) < len(name) {
		return `"[0]" for the first`
	}
	return fmt.Sprintf("%q", bytes.Replace(name, []byte("[]"), []byte("[0]"), 1))
}
