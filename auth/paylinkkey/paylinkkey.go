// Package paylinkkey authenticates requests to the Payrexx family of payment
// gateways with the header X-API-KEY, which Payrexx recommends over the
// ApiSignature of package paylinkhmac. The key is the same API secret. Which white
// labels accept the header is not published for most of them.
//
// Most programs call [New] and hand the result to
// [github.com/countersign/countersign/transport.Wrap]; their requests then need
// neither header nor instance.
//
// # What is sent
//
// The header holds the secret itself: who sees one request has the account. The
// instance goes into the query.
//
// Queries and forms are written afresh, with the same care as for a signature: a
// space travels as %20, since these gateways take a plus sign for a plus sign, an
// automatic index is written out (pm[] is sent as pm[0]), and what PHP, with plus
// signs decoded or kept, or a reader that does not nest would read in another way
// than it was meant is refused with [auth.ErrParameter]. An ApiSignature is left
// out. JSON, multipart and other bodies pass untouched; a JSON null is no body.
package paylinkkey

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/redact"
	"github.com/countersign/countersign/internal/request"
)

// DefaultMaxBody is how long a form may be unless [Config.MaxBody] says otherwise,
// in bytes: PHP's default post_max_size.
const DefaultMaxBody = 8 << 20

// A Config describes one gateway account.
type Config struct {
	// BaseURL is the platform's API, such as "https://api.payrexx.com". Its scheme,
	// host and port are the only place where the key may go; a path is ignored.
	BaseURL string

	// Instance is the name of the account: "example" if its pages are at
	// example.payrexx.com.
	Instance string

	// Secret is the API secret of the instance. A static one is checked by New,
	// another one at each request.
	Secret auth.SecretSource

	// MaxBody is how long a form may be, before and after it is written afresh, in
	// bytes. Zero means DefaultMaxBody. Other bodies may have any length.
	MaxBody int64

	// AllowInsecureHTTP allows a BaseURL that is not encrypted, for a test
	// network. Loopback hosts need no permission.
	AllowInsecureHTTP bool
}

// An Authenticator authenticates the requests of one gateway account. It is safe
// for concurrent use. Printed, it shows its origin and instance only.
type Authenticator struct {
	account paylink.Account
}

var (
	_ auth.Checker  = (*Authenticator)(nil)
	_ auth.Redactor = (*Authenticator)(nil)
)

// New returns an Authenticator. It fails with [auth.ErrConfig] or
// [auth.ErrSecret], and does no I/O.
func New(c Config) (*Authenticator, error) {
	account, err := paylink.NewAccount("paylinkkey", c.BaseURL, c.Instance, c.Secret, cmp.Or(c.MaxBody, DefaultMaxBody), c.AllowInsecureHTTP)
	if err != nil {
		return nil, err
	}
	return &Authenticator{account}, nil
}

// Origins returns the origin of the base URL.
func (a *Authenticator) Origins() []auth.Origin {
	if a == nil {
		return nil
	}
	return a.account.Origins
}

// Check loads the secret, for [auth.Check]. Its error is [auth.ErrSecret].
func (a *Authenticator) Check(ctx context.Context) error {
	_, err := auth.Load(ctx, a.account.Secret)
	return err
}

// Format prints the origin and the instance, whatever the verb.
func (a *Authenticator) Format(f fmt.State, verb rune) {
	if a == nil {
		io.WriteString(f, "paylinkkey.Authenticator(nil)")
		return
	}
	a.account.Print(f, "paylinkkey")
}

// Authenticate sets the header. Its error is an [*auth.Error] with the code
// [auth.ErrSecret], [auth.ErrRequest], [auth.ErrBody] or [auth.ErrParameter].
func (a *Authenticator) Authenticate(req *http.Request, _ http.RoundTripper) error {
	return paylink.Complete(a.authenticate(req), "authenticate", req, a.account.Origins)
}

func (a *Authenticator) authenticate(req *http.Request) error {
	secret, err := a.account.LoadSecret(req)
	if err == nil {
		err = paylink.CheckMethod(req)
	}
	if err != nil {
		return err
	}
	if err := a.rewrite(req); err != nil {
		return err
	}
	scheme.SetHeader(req, paylink.KeyHeader, secret.Reveal())
	return nil
}

// rewrite writes the query, or the form in the body, as the gateway reads it.
func (a *Authenticator) rewrite(req *http.Request) error {
	var params php.Array
	method := request.Method(req)
	if method == http.MethodGet || method == http.MethodHead {
		if err := a.account.DropEmptyBody(&params, req); err != nil {
			return err
		}
		return a.rewriteQuery(&params, req)
	}
	if err := paylink.DropNull(req); err != nil {
		return err
	}
	if method == http.MethodDelete && !request.HasBody(req) {
		return a.rewriteQuery(&params, req)
	}
	if err := a.account.CheckBodyQuery(&params, req); err != nil {
		return err
	}
	if err := a.rewriteForm(&params, req); err != nil {
		return err
	}
	req.URL.RawQuery = a.account.InstanceQuery
	return nil
}

func (a *Authenticator) rewriteQuery(params *php.Array, req *http.Request) error {
	// ApiSignature does not come behind these parameters, but the limit is the
	// same, so that a request may be sent either way.
	if err := paylink.ReadForm(&a.account, params, req.URL.RawQuery, paylink.MaxQueryParameters); err != nil {
		return err
	}
	req.URL.RawQuery = string(a.account.AppendInstance(wire(params)))
	return nil
}

// rewriteForm does nothing to a body that is no form.
func (a *Authenticator) rewriteForm(params *php.Array, req *http.Request) error {
	if !request.HasBody(req) {
		return nil
	}
	header := request.ReadBodyHeader(req.Header)
	media, err := paylink.MediaType(header)
	if err != nil || media != paylink.FormType {
		return err
	}
	body, err := a.account.TakeBody(nil, req, header)
	if err != nil {
		return err
	}
	if err := paylink.ReadForm(&a.account, params, body, paylink.MaxFormParameters); err != nil {
		return err
	}
	paylink.SetFormType(req.Header)
	return a.account.SetBody(req, wire(params))
}

func wire(params *php.Array) []byte {
	return php.AppendWire(nil, params.AppendQuery(nil))
}

// Redact puts [auth.Redacted] wherever a gateway repeats req's key in location,
// however it is escaped.
func (a *Authenticator) Redact(req *http.Request, location string) string {
	return redact.New(request.HeaderValues(req.Header, paylink.KeyHeader)...).String(location)
}
