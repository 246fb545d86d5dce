package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/countersign/countersign/auth"
)

// A guarded base is the base of one request, for the Transport and for the
// Authenticator. Its errors show nothing that a peer said: a server that is no
// gateway may repeat the request, and net/http quotes what it cannot read.
type guarded struct {
	base     http.RoundTripper
	redactor auth.Redactor // nil if there is none
}

func (g *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.base.RoundTrip(req)
	if err != nil {
		err = hiding{req, g.redactor}.hide(err, context.Cause(req.Context()))
	}
	return resp, err
}

// A hiding is what hides in errors what a peer may have repeated of a request.
type hiding struct {
	req      *http.Request
	redactor auth.Redactor // nil if there is none
}

// hide returns err if it quotes nobody, and else an error that is without what
// follows the first quote. cause is why the caller gave up, nil for not.
func (h hiding) hide(err, cause error) error {
	if h.quotesNobody(err, cause) {
		return err
	}
	return &baseError{
		text:  h.text(err),
		parts: h.parts(nil, err, cause),
		is:    func(target error) bool { return errors.Is(err, target) },
		timeout: func() bool {
			t, ok := errors.AsType[interface {
				error
				Timeout() bool
			}](err)
			return ok && t.Timeout()
		}(),
	}
}

// quotesNobody reports whether the texts of err and of all that it wraps can be
// shown.
func (h hiding) quotesNobody(err, cause error) bool {
	switch err.(type) {
	case *auth.Error: // what Countersign says of a body as it is sent
		return true
	case *tls.CertificateVerificationError: // nothing has been sent yet
		return true
	}
	switch {
	case cause != nil && errors.Is(cause, err): // the caller's own
		return true
	case h.text(err) != err.Error():
		return false
	}
	for _, wrapped := range unwrap(err) {
		if !h.quotesNobody(wrapped, cause) {
			return false
		}
	}
	return true
}

// parts appends to list what err wraps, as far as it quotes nobody.
func (h hiding) parts(list []error, err, cause error) []error {
	for _, wrapped := range unwrap(err) {
		if h.quotesNobody(wrapped, cause) {
			list = append(list, wrapped)
		} else {
			list = h.parts(list, wrapped, cause)
		}
	}
	return list
}

func unwrap(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if wrapped := e.Unwrap(); wrapped != nil {
			return []error{wrapped}
		}
	case interface{ Unwrap() []error }:
		return slices.DeleteFunc(slices.Clone(e.Unwrap()), func(e error) bool { return e == nil })
	}
	return nil
}

// text returns err's text as it may be shown.
func (h hiding) text(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*auth.Error](err); ok {
		if before, after, found := strings.Cut(text, e.Error()); found {
			before = h.hideText(before)
			if strings.HasSuffix(before, notShown) {
				before += ": "
			}
			return before + e.Error() + h.hideText(after)
		}
	}
	return h.hideText(text)
}

const notShown = "[not shown: it may repeat the request]"

// quote matches where a text begins to quote: an apostrophe follows a letter.
var quote = regexp.MustCompile("[\"`]|(?:^|[^0-9A-Za-z])'")

// hideText cuts a text at its first quote. Some repeat a URL without one.
func (h hiding) hideText(text string) string {
	if at := quote.FindStringIndex(text); at != nil {
		text = text[:at[1]-1] + notShown
	}
	if h.redactor != nil {
		text = h.redactor.Redact(h.req, text)
	}
	return text
}

// A baseError is an error of the base without what it quotes.
type baseError struct {
	text    string
	parts   []error          // what it wraps, as far as that quotes nobody
	is      func(error) bool // a function, so that no way of printing shows the error
	timeout bool
}

func (e *baseError) Error() string { return e.text }

func (e *baseError) Unwrap() []error { return e.parts }

// Is reports whether target is what the base's error is, or what that wraps.
func (e *baseError) Is(target error) bool { return e.is(target) }

// Timeout reports what the base's error does, as [net.Error] has it.
func (e *baseError) Timeout() bool { return e.timeout }

// Temporary makes a [net.Error] of it. It means nothing.
func (e *baseError) Temporary() bool { return e.timeout }
