// Package avangate authenticates requests to the APIs of 2Checkout, once Avangate,
// now Verifone: REST by the header X-Avangate-Authentication, JSON-RPC and SOAP by
// a session.
//
// [New] makes the Authenticator of one merchant, to be given to
// [github.com/countersign/countersign/transport.Wrap]. For REST most programs need
// nothing else; for JSON-RPC and SOAP they write [Session] where the session id
// goes. [Verifier] is the other end of the header, for tests and proxies.
//
// # The key
//
// The key is the Secret Key from the Control Panel, Integrations, Webhooks & API.
// It is neither the INS secret word nor the buy-link secret word. The merchant
// code stands on the same page.
//
// # The header
//
// It holds the merchant code, the time in UTC and an HMAC of the two, each
// preceded by its length in bytes:
//
//	X-Avangate-Authentication: code="AVANGATE" date="2010-05-13 12:12:12" hash="29e8…3739" algo="sha256"
//
// MD5 is not offered: the vendor ended its support in August 2024.
//
// # What the header does not cover
//
//   - The method, the path and the query.
//   - The body, and any other header.
//   - How often it is used. There is no nonce; all requests of a second carry the
//     same value.
//
// Who sees one header can therefore send any request as this merchant until its
// time is too old for the vendor, who does not say when that is. TLS alone
// protects it: it belongs in no log and no trace.
//
// # Sessions
//
// JSON-RPC and SOAP want the id of a session as the first parameter of every call.
// Write [Session] in its place; the login is done for you:
//
//	{"jsonrpc":"2.0","method":"getOrder","params":["countersign-session-id","11331111"],"id":2}
//
// In a SOAP call it is the first parameter, the sessionID, for which generated
// clients have a field. It must be that whole string, or the whole text of that
// element, without escapes or CDATA. There, in each call of a JSON-RPC batch, the
// session id takes its place; every other byte of the body stays as it is, Session
// in any other place included. A body whose first parameter is anything else is
// refused and not sent.
//
// A session belongs to one origin and path. Its login is a POST to that URL, less
// the query, with nothing of the caller's header but the User-Agent, through the
// RoundTripper below and so through its proxy and TLS settings. For SOAP it repeats
// the version and the namespace of the caller's envelope, since no copy of the
// vendor's WSDL was to be had. There is one login at a time, however many calls wait
// for it; each waits under its own context, and when all have left the login is broken
// off. At most 32 sessions are kept, and at most 32 first logins are under way beside
// them.
//
// A session is used for nine minutes of the vendor's ten. If the gateway says
// before that it is gone, by a JSON-RPC error 10000, 10001 or 10002 and no result, or
// a SOAP fault FORBIDDEN, the call is sent once more with a new one. It must
// be possible to have its body again, as with those of [net/http.NewRequest], and
// each call of a batch must have been refused. No more of an answer is awaited for
// that than tells, within 64 KiB, and the caller gets it byte for byte. An answer
// that the caller has asked to be compressed is not looked into.
//
// A login that fails does so with [ErrLogin], one that lacks its secret too. If the
// gateway refused the credentials, which is [scheme.ErrRefused], so do at once the
// calls of the next second, of the next two, four and so on up to a minute, if it
// goes on: those at endpoints of the origin that never had a session with that key,
// and at others after a refusal of their own. Another key is used at once, and a
// login that succeeds ends every pause. A page of HTML, such as a firewall's, and a
// 5xx are no refusal.
//
// A call of login by the program itself passes as it is, but the session that it
// gets is of no use here: [Authenticator.Login] gives the values of a login to
// other clients.
//
// # The clock
//
// The vendor refuses a time that is too far from its own. The date is read once
// for each request and each login, so that a retry through the transport is stamped
// afresh.
//
// A machine whose clock is wrong by less than a day still gets through. When the
// gateway refuses a request that claims a time, the difference of the answer's Date
// and the clock says how wrong it is, whatever the answer took. If that is more than
// ten seconds from what the request was signed with, it becomes the
// [Authenticator.Offset] of all later times. The request is sent once more if it is
// a GET or HEAD and the answer 401 or 403, if the answer is 401, if it is 400 or 403
// with the error_code AUTHENTICATION_ERROR, and if it is a login. Any other may have
// been refused for another reason. When the clock is put right, the same takes the
// offset away again. Watch Offset: a clock that is wrong should be put right.
//
// # Paths
//
// The vendor's plugins write a slash at the end of every path. Do so too: where a
// server redirects to one, the transport refuses to turn a POST into a GET.
//
// The three protocols are told apart by the path: JSON-RPC and SOAP are at
// /rpc/6.0/ and /soap/6.0/, and for older APIs at /order/2.0/rpc/ and the like, under
// order, product, channel-manager and subscription. A path that is almost one of
// these is refused; everything else is REST. A body of REST that is seen to hold
// [Session] is refused, too.
package avangate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/redact"
	"github.com/countersign/countersign/internal/request"
)

// A Config says which merchant's requests are authenticated, and where they go.
type Config struct {
	// BaseURL is where the API is served. Empty means the vendor's hosts,
	// https://api.2checkout.com and https://api.avangate.com. A path is ignored.
	BaseURL string
	// MerchantCode is the account's code, byte for byte. It may hold no quote, no
	// backslash and no control character, and neither begin nor end with white
	// space: the header has no way to escape them.
	MerchantCode string
	// SecretKey is the source of the account's Secret Key. It is asked for every
	// REST request and every login.
	SecretKey auth.SecretSource
	// Algorithm is the hash under the HMAC. The zero value is SHA2_256.
	Algorithm Algorithm
	// Now is the clock, safe for concurrent use. A time that is claimed comes from
	// one reading of it. Nil means time.Now.
	Now func() time.Time
	// AllowInsecureHTTP accepts a BaseURL with plain http whose host is not
	// loopback, as in a test network. Who listens there can act as the merchant.
	AllowInsecureHTTP bool
}

// An Authenticator authenticates requests of one merchant. It is safe for
// concurrent use.
//
// However it is printed or logged, it shows the merchant code and the origins
// only.
type Authenticator struct {
	origins      []auth.Origin
	merchantCode string
	secretKey    auth.SecretSource
	algorithm    Algorithm

	clock scheme.Clock

	// Behind atomic pointers, which fmt and spew do not follow.
	last atomic.Pointer[stamp]
	kept atomic.Pointer[keepers]
}

// A stamp is the header of one second under one secret.
type stamp struct {
	second int64
	secret auth.Secret
	value  string
}

var (
	_ auth.Learner   = (*Authenticator)(nil)
	_ auth.Checker   = (*Authenticator)(nil)
	_ auth.Redactor  = (*Authenticator)(nil)
	_ fmt.Formatter  = (*Authenticator)(nil)
	_ fmt.GoStringer = (*Authenticator)(nil)
	_ slog.LogValuer = (*Authenticator)(nil)
)

// New returns the Authenticator that c describes. Its error is an
// [*auth.Error]: [auth.ErrSecret] if SecretKey is nil or a secret that is not valid,
// [auth.ErrConfig] for anything else. It loads nothing and connects to nothing.
func New(c Config) (*Authenticator, error) {
	a := &Authenticator{merchantCode: c.MerchantCode, secretKey: c.SecretKey, algorithm: c.Algorithm, clock: scheme.Clock{Now: c.Now}}
	hosts := []string{vendor.BaseURL, vendor.OlderBaseURL}
	if c.BaseURL != "" {
		hosts = []string{c.BaseURL}
	}
	for _, host := range hosts {
		o, err := auth.ParseOrigin(host, c.AllowInsecureHTTP)
		if err != nil {
			return nil, configError("", auth.ErrConfig, err)
		}
		a.origins = append(a.origins, o)
	}
	gateway := a.origins[0].String()
	if err := checkMerchantCode(c.MerchantCode); err != nil {
		return nil, configError(gateway, auth.ErrConfig, err)
	}
	if !c.Algorithm.valid() {
		return nil, configError(gateway, auth.ErrConfig, fmt.Errorf("there is no %v: use avangate.SHA2_256 or avangate.SHA3_256", c.Algorithm))
	}
	if err := auth.CheckSource(c.SecretKey); err != nil {
		return nil, configError(gateway, auth.ErrSecret, err)
	}
	return a, nil
}

// Origins returns where the API is served. It is nil for a nil Authenticator.
func (a *Authenticator) Origins() []auth.Origin {
	if a == nil {
		return nil
	}
	return a.origins
}

// Check loads the secret, for [auth.Check]. Its error is [auth.ErrSecret].
func (a *Authenticator) Check(ctx context.Context) error {
	_, err := auth.Load(ctx, a.secretKey)
	return err
}

// Authenticate adds what the protocol wants, which the path tells, and Accept, set
// to application/json where a REST or JSON-RPC request has none, since the vendor
// requires it. A header X-Avangate-Authentication in any spelling of its name is
// replaced or removed. TRACE and CONNECT are refused.
//
// A REST request gets the header. In the body of a JSON-RPC or SOAP request
// [Session] is replaced with a session id, for which the gateway is asked through
// base if need be; a login of the caller's own is left as it is, and so is a GET
// or HEAD request to a SOAP endpoint, which asks for the WSDL.
//
// Its error is an [*auth.Error]: [auth.ErrSecret] if the secret cannot be had,
// [auth.ErrRequest] if the method, the path or the body is refused, [auth.ErrBody]
// if it cannot be read or is longer than 8 MiB, [ErrLogin] if no session could be
// had.
func (a *Authenticator) Authenticate(req *http.Request, base http.RoundTripper) error {
	method := request.Method(req)
	if strings.EqualFold(method, http.MethodTrace) || strings.EqualFold(method, http.MethodConnect) {
		return signError(req, auth.ErrRequest, errors.New("TRACE has the credential sent back, and CONNECT goes elsewhere: use another method"))
	}
	p, err := vendor.ProtocolOf(req.URL.EscapedPath())
	switch {
	case err != nil:
		return signError(req, auth.ErrRequest, err)
	case p == vendor.JSONRPC:
		return a.authenticateSession(req, base, p, rpcDialect{})
	case p == vendor.SOAP && (request.HasBody(req) || method != http.MethodGet && method != http.MethodHead):
		return a.authenticateSession(req, base, p, soapDialect{})
	case p == vendor.SOAP:
		request.DeleteHeader(req.Header, vendor.Header)
		return nil
	}
	return a.authenticateREST(req)
}

// Refused reports whether resp says that the gateway refused the credentials of
// req, and another try may succeed: the clock was the matter, and its offset is now
// known, or the session is gone. Of an answer it reads no more than tells, at most
// 64 KiB: of a session's, of one with status 400, and of one with 403 that came while
// the clock was wrong.
func (a *Authenticator) Refused(req *http.Request, resp *http.Response) bool {
	reason, again := "clock", false
	if s, ok := req.Context().Value(sentKey{}).(*sent); ok && s.owner == a && len(request.HeaderValues(req.Header, vendor.Header)) == 0 {
		reason, again = "session", s.refused(resp)
	} else {
		again = a.refusedREST(req, resp)
	}
	if t := auth.ContextTrace(req.Context()); again && t != nil && t.Repeated != nil {
		t.Repeated(req.Context(), auth.RepeatedInfo{Reason: reason})
	}
	return again
}

// refusedREST learns from a refusal whether the clock was wrong. A clock that was
// does not prove that it was the matter: what may have been carried out, or refused
// for another reason, is not sent again.
func (a *Authenticator) refusedREST(req *http.Request, resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest:
	default:
		return false
	}
	if len(request.HeaderValues(req.Header, vendor.Header)) == 0 {
		return false // it claims no time
	}
	switch method := request.Method(req); resp.StatusCode {
	case http.StatusUnauthorized:
		return a.clock.Refused(req, resp)
	case http.StatusForbidden:
		return a.clock.Refused(req, resp) && (method == http.MethodGet || method == http.MethodHead || isAuthenticationError(resp))
	case http.StatusBadRequest:
		return isAuthenticationError(resp) && a.clock.Refused(req, resp)
	}
	return false
}

func isAuthenticationError(resp *http.Response) (is bool) {
	peek(resp, func(h *head) { is = saysAuthenticationError(h) })
	return is
}

// Offset returns what the machine's clock lacks, as far as the gateway has shown:
// the time that requests claim, less the clock. It is zero until the gateway
// refuses a time, and always within a day.
func (a *Authenticator) Offset() time.Duration { return a.clock.Offset() }

// now reads the machine's clock.
func (a *Authenticator) now() time.Time {
	if a.clock.Now == nil {
		return time.Now()
	}
	return a.clock.Now()
}

// Redact puts [auth.Redacted] wherever a gateway repeats in location the hash of req,
// be it in the header or a login, or its session id, however it is escaped.
func (a *Authenticator) Redact(req *http.Request, location string) string {
	_, hash, _ := readHeader(req.Header)
	login, _ := req.Context().Value(loginKey{}).(auth.Secret)
	hash = cmp.Or(hash, login.Reveal())
	credentials := []string{hash, strings.ToUpper(hash)}
	if s, ok := req.Context().Value(sentKey{}).(*sent); ok && s.owner == a {
		credentials = append(credentials, s.id.Reveal())
	}
	return redact.New(credentials...).String(location)
}

const jsonType = request.JSONType

func (a *Authenticator) authenticateREST(req *http.Request) error {
	if err := checkREST(req); err != nil {
		return signError(req, auth.ErrRequest, err)
	}
	secret, err := auth.Load(req.Context(), a.secretKey)
	if err != nil {
		return signError(req, auth.ErrSecret, err)
	}
	request.DeleteHeader(req.Header, vendor.Header)
	header := a.header(req, secret)
	if signed := auth.TraceSigned(req.Context()); signed != nil {
		signed(stringToSign(a.merchantCode, formatDate(time.Unix(header.second, 0))))
	}
	values := &[2]string{header.value, jsonType} // whoever sends them may write to them
	req.Header[vendor.Header] = values[:1:1]
	if !hasAccept(req.Header) {
		req.Header["Accept"] = values[1:]
	}
	return nil
}

func hasAccept(h http.Header) bool {
	if _, ok := h["Accept"]; ok {
		return true
	}
	for key := range h {
		if strings.EqualFold(key, "Accept") {
			return true
		}
	}
	return false
}

// header returns the header for req, in the present second.
func (a *Authenticator) header(req *http.Request, secret auth.Secret) *stamp {
	now := a.clock.Claim(req)
	second := now.Unix()
	if s := a.last.Load(); s != nil && s.second == second && s.secret.Reveal() == secret.Reveal() {
		return s
	}
	date := formatDate(now)
	_, hash := sign(secret, a.algorithm, a.merchantCode, date)
	s := &stamp{second, secret, vendor.FormatHeader(a.merchantCode, date, hash, a.algorithm.String())}
	a.last.Store(s)
	return s
}

// String returns the merchant code and the origins.
func (a *Authenticator) String() string {
	if a == nil {
		return "2Checkout merchant (nil)"
	}
	return fmt.Sprintf("2Checkout merchant %q at %v", a.merchantCode, a.origins)
}

// GoString returns what String does.
func (a *Authenticator) GoString() string { return a.String() }

// Format prints what String returns, for every verb.
func (a *Authenticator) Format(f fmt.State, verb rune) { io.WriteString(f, a.String()) }

// LogValue returns what String does.
func (a *Authenticator) LogValue() slog.Value { return slog.StringValue(a.String()) }

func configError(gateway string, code, err error) error {
	return &auth.Error{Op: "configure 2Checkout", Gateway: gateway, Code: code, Err: err}
}

func signError(req *http.Request, code, err error) error {
	return &auth.Error{Op: "sign " + request.Method(req), Gateway: auth.OriginOf(req.URL).String(), Code: code, Err: err}
}
