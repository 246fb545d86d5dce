// Package php reads and writes request parameters as PHP does.
//
// A gateway that runs PHP sees a request's parameters as one ordered array of
// strings and arrays. An [Array] is that array, and there are two ways to read
// a request into it:
//
//   - The strict readers ([ReadForm], [ReadJSON], [NewMultipart]) accept the
//     normal form only: what every parser reads in the same way and PHP writes
//     back unchanged. They are for requests that are about to be sent.
//   - The faithful readers ([ParseStr], [ParseJSON], [ParseMultipart]) make of
//     any input what PHP makes of it. They are for requests that have arrived.
//
// [Array.AppendQuery] is http_build_query, and [AppendWire] gives its result
// the spelling of RFC 3986, in which a request travels.
//
// It knows no gateway: the names that are one's own are told to it, see [Own].
//
// Facts of PHP without another source were measured with PHP 8.2; the tests
// measure them again wherever PHP is present.
package php

import "fmt"

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

// An Error says why a parameter is outside the normal form.
type Error struct {
	Name   string // as it was written, shortened when it is long
	Reason string // what is wrong and what to write instead
}

func (e *Error) Error() string {
	return fmt.Sprintf("parameter %q %s", e.Name, e.Reason)
}

// maxErrorName is how much of a name an Error shows.
const maxErrorName = 80

func refuse(name []byte, format string, args ...any) *Error {
	s := string(name[:min(len(name), maxErrorName)])
	if len(s) < len(name) {
		s += "..."
	}
	return &Error{Name: s, Reason: fmt.Sprintf(format, args...)}
}
