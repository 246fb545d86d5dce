// Package auth is the vocabulary of Countersign: what an authentication scheme
// is, where its credentials may go, and where they come from.
//
// Most programs need four things of it. [NewSecret], [Env], [NewFile] or
// [SecretFunc] say where a scheme's secret comes from. [Check] has a program fail at
// its start if one is missing. [WithAuthenticator] picks the merchant of one request
// where several share a host. And errors.Is with a sentinel such as [ErrParameter]
// tells why a request was refused.
//
// The schemes themselves are packages below this one, such as
// [github.com/countersign/countersign/auth/paylinkhmac]. Package
// [github.com/countersign/countersign/transport] plugs them into any
// client of package net/http.
//
// # A scheme of your own
//
// Implement [Authenticator]. Its origins are part of the interface, so that no
// credential can go to a host that nobody thought of. Package
// [github.com/countersign/countersign/auth/scheme] has what most schemes need.
// docs/own-scheme.md says what is demanded of one and why, and has three to copy;
// package [github.com/countersign/countersign/transport/transporttest] tests yours.
//
// # Traces
//
// A [Trace] is told what happens to requests, for logs, metrics and spans. This module
// has no logger of its own.
//
// # Secrets
//
// A [Secret] shows itself to nobody but the caller of [Secret.Reveal]: every
// verb of package fmt, log/slog, encoding/json and the text encodings print
// [Redacted]. Errors of this module hold no secret, no signature and no
// parameter's value; a parameter's name may stand in one.
package auth

import (
	"context"
	"net/http"
	"slices"
)

// An Authenticator authenticates requests to one gateway account. It is safe for
// concurrent use, and of a type whose values can be compared, such as a pointer.
type Authenticator interface {
	// Origins lists where the credentials may be sent. The list never changes.
	Origins() []Origin

	// Authenticate adds the credentials to req, in place; an earlier one's
	// credentials are replaced. What must be asked of the gateway first, a
	// session, is asked through base under req's context.
	//
	// It may replace req.Body; it then closes the old one, or passes Close on to
	// it. When it fails, the caller closes req.Body and sends nothing.
	//
	// req is the implementation's own to change, save for the values of its
	// header: they are the caller's, to be replaced but not written to.
	Authenticate(req *http.Request, base http.RoundTripper) error
}

// A Learner is an Authenticator that can learn from a refusal.
type Learner interface {
	Authenticator

	// Refused reports whether resp, the answer to req as Authenticate left it,
	// proves that the gateway refused the credentials and did nothing else, and
	// that another try may succeed. It leaves resp.Body whole.
	Refused(req *http.Request, resp *http.Response) bool
}

// A Redactor is an Authenticator whose credentials, those of the URL or the body, a
// gateway may repeat in the address of a redirect, which net/http quotes in errors.
// Those of the header the transport takes out by itself.
type Redactor interface {
	Authenticator

	// Redact returns location, the value of a Location header or the text of an
	// error that came in place of an answer, without the credentials that stand in
	// it as URLs hold them, and URLs within URLs. req is the request that it came
	// upon: as Authenticate left it, or one that Authenticate sent itself. It is not
	// to be changed, and its body has been read.
	Redact(req *http.Request, location string) string
}

type contextKey struct{}

// WithAuthenticator returns a context whose requests are authenticated by a, at
// those of a's origins that the transport serves by [PerRequest]. At other origins
// of a the request is refused; elsewhere it means nothing.
func WithAuthenticator(ctx context.Context, a Authenticator) context.Context {
	return context.WithValue(ctx, contextKey{}, a)
}

// FromContext returns the Authenticator that [WithAuthenticator] put into ctx, or
// nil.
func FromContext(ctx context.Context) Authenticator {
	a, _ := ctx.Value(contextKey{}).(Authenticator)
	return a
}

// A PerRequest stands, among a transport's Authenticators, for those of origins
// that many merchants share. The transport puts the Authenticator in its place
// that the request's context names, see [WithAuthenticator]; a request that names
// none fails with [ErrNoAuthenticator]. There is no default, since a default would
// charge the wrong merchant the first time that the name is forgotten. The zero
// value has no origin, and no transport takes it.
type PerRequest struct{ origins []Origin }

var _ Authenticator = (*PerRequest)(nil)

// NewPerRequest returns the PerRequest of these origins, such as one merchant's
// Origins.
func NewPerRequest(origins ...Origin) *PerRequest {
	return &PerRequest{slices.Clone(origins)}
}

// Origins returns what p was made of.
func (p *PerRequest) Origins() []Origin {
	if p == nil {
		return nil
	}
	return p.origins
}

// Authenticate fails with [ErrNoAuthenticator]: p holds no credentials.
func (p *PerRequest) Authenticate(req *http.Request, _ http.RoundTripper) error {
	return &Error{Op: "choose a merchant", Gateway: OriginOf(req.URL).String(), Code: ErrNoAuthenticator, Err: errNoMerchant}
}
