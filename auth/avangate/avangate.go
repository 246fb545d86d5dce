// Package avangate authenticates requests to the REST API of 2Checkout, once
// Avangate, now Verifone: the header X-Avangate-Authentication.
//
// [New] makes the Authenticator of one merchant, to be given to
// [github.com/countersign/countersign/transport.Wrap]; most programs need nothing
// else. [Verifier] is the other end, for tests and proxies.
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
// # The clock
//
// The vendor refuses a time that is too far from its own. The date is read once
// for each request, so that a retry through the transport is stamped afresh; the
// machine's clock must be right.
//
// # Paths
//
// The vendor's plugins write a slash at the end of every path. Do so too: where a
// server redirects to one, the transport refuses to turn a POST into a GET.
//
// The endpoints of JSON-RPC and SOAP want a session instead of the header. They
// are known by their path (the first segment rpc or soap, or the third under
// order, product and channel-manager), and a request to one is refused.
package avangate

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/countersign/countersign/auth"
)

// vendorHosts are where the vendor serves the API: by its current name, and by
// the one that older documents give.
var vendorHosts = []string{"https://api.2checkout.com", "https://api.avangate.com"}

// A Config says which merchant's requests are authenticated, and where they go.
type Config struct {
	// BaseURL is where the API is served. Empty means the vendor's hosts,
	// https://api.2checkout.com and https://api.avangate.com. A path is ignored.
	BaseURL string
	// MerchantCode is the account's code, byte for byte. It may hold no quote and
	// no control character, and neither begin nor end with white space: the header
	// has no way to escape them.
	MerchantCode string
	// SecretKey is the source of the account's Secret Key. It is asked for every
	// request.
	SecretKey auth.SecretSource
	// Algorithm is the hash under the HMAC. The zero value is SHA2_256.
	Algorithm Algorithm
	// Now is the clock, read once for each request and safe for concurrent use.
	// Nil means time.Now.
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
	now          func() time.Time

	last atomic.Pointer[stamp]
}

// A stamp is the header of one second under one secret. It is reached by an
// atomic pointer only, which fmt and spew do not follow.
type stamp struct {
	second int64
	secret auth.Secret
	values []string // shared by requests: never written to
}

var (
	_ auth.Authenticator = (*Authenticator)(nil)
	_ fmt.Formatter      = (*Authenticator)(nil)
	_ fmt.GoStringer     = (*Authenticator)(nil)
	_ slog.LogValuer     = (*Authenticator)(nil)
)

// New returns the Authenticator that c describes. Its errors are
// [*auth.Error]s: [auth.ErrSecret] if SecretKey is nil or a secret that is not
// valid, [auth.ErrConfig] for anything else. It loads nothing and connects to
// nothing.
func New(c Config) (*Authenticator, error) {
	a := &Authenticator{merchantCode: c.MerchantCode, secretKey: c.SecretKey, algorithm: c.Algorithm, now: c.Now}
	if a.now == nil {
		a.now = time.Now
	}
	hosts := vendorHosts
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

// Authenticate sets the header, in place of one that is there in any spelling of
// its name, and Accept, which the vendor requires, to application/json where req
// has none. It does not use base.
//
// It fails with [auth.ErrRequest] if the path is that of a JSON-RPC or SOAP
// endpoint, and with [auth.ErrSecret] if the secret cannot be had.
func (a *Authenticator) Authenticate(req *http.Request, base http.RoundTripper) error {
	if p := protocolOf(req.URL.Path); p != rest {
		return signError(req, auth.ErrRequest, fmt.Errorf("the path is that of a %s endpoint, which wants a session: use a REST path such as /rest/6.0/orders/", p))
	}
	return a.authenticateREST(req)
}

// acceptJSON is shared by requests: never written to.
var acceptJSON = []string{"application/json"}

func (a *Authenticator) authenticateREST(req *http.Request) error {
	secret, err := auth.Load(req.Context(), a.secretKey)
	if err != nil {
		return signError(req, auth.ErrSecret, err)
	}
	accept := false
	for key := range req.Header {
		switch {
		case strings.EqualFold(key, headerName):
			delete(req.Header, key)
		case strings.EqualFold(key, "Accept"):
			accept = true
		}
	}
	req.Header[headerName] = a.headerValues(secret)
	if !accept {
		req.Header["Accept"] = acceptJSON
	}
	return nil
}

// headerValues returns the header for the present second.
func (a *Authenticator) headerValues(secret auth.Secret) []string {
	now := a.now()
	second := now.Unix()
	if s := a.last.Load(); s != nil && s.second == second && s.secret.Reveal() == secret.Reveal() {
		return s.values
	}
	date := now.UTC().Format(dateLayout)
	_, hash := sign(secret, a.algorithm, a.merchantCode, date)
	s := &stamp{second, secret, []string{formatHeader(a.merchantCode, date, hash, a.algorithm)}}
	a.last.Store(s)
	return s.values
}

// String returns the merchant code and the origins.
func (a *Authenticator) String() string {
	return fmt.Sprintf("2Checkout merchant %q at %v", a.merchantCode, a.origins)
}

// GoString returns what String does.
func (a *Authenticator) GoString() string { return a.String() }

// Format prints what String returns, for every verb.
func (a *Authenticator) Format(f fmt.State, verb rune) { io.WriteString(f, a.String()) }

// LogValue returns what String does.
func (a *Authenticator) LogValue() slog.Value { return slog.StringValue(a.String()) }

// A protocol is one of the three that the vendor serves on the same hosts.
type protocol string

const (
	rest    protocol = "REST"
	jsonRPC protocol = "JSON-RPC"
	soap    protocol = "SOAP"
)

// protocolOf tells the protocol by the path. The vendor's endpoints are
// /rpc/6.0/, /soap/6.0/ and, for older APIs, /order/2.0/rpc/ and the like.
func protocolOf(path string) protocol {
	name, after, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	switch name {
	case "order", "product", "channel-manager":
		_, after, _ = strings.Cut(after, "/")
		name, _, _ = strings.Cut(after, "/")
	}
	switch name {
	case "rpc":
		return jsonRPC
	case "soap":
		return soap
	}
	return rest
}

func configError(gateway string, code, err error) error {
	return &auth.Error{Op: "configure 2Checkout", Gateway: gateway, Code: code, Err: err}
}

func signError(req *http.Request, code, err error) error {
	return &auth.Error{Op: "sign " + method(req), Gateway: auth.OriginOf(req.URL).String(), Code: code, Err: err}
}

func method(req *http.Request) string { return cmp.Or(req.Method, http.MethodGet) }
