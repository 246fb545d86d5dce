// Package signedheader authenticates requests to a gateway, which is made up, that
// wants an HMAC-SHA256 over time, method, target and body, with newlines between:
//
//	Alder-Signature: t=1764288000,v1=5f8e...
//
// It checks t before anything else, and answers a wrong one by 401, Alder-Error: time.
package signedheader

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
)

// A Config describes one account.
type Config struct {
	BaseURL string            // such as "https://api.alder.example"
	Secret  auth.SecretSource // asked at each request
	Now     func() time.Time  // nil means time.Now
}

// An Authenticator signs the requests of one account.
type Authenticator struct {
	origin auth.Origin
	secret auth.SecretSource
	clock  scheme.Clock
}

var _ auth.Learner = (*Authenticator)(nil)

// New returns an Authenticator. It does no I/O.
func New(c Config) (*Authenticator, error) {
	origin, err := auth.ParseOrigin(c.BaseURL, false)
	if err != nil {
		return nil, &auth.Error{Op: "configure Alder", Code: auth.ErrConfig, Err: err}
	}
	if err := auth.CheckSource(c.Secret); err != nil {
		return nil, &auth.Error{Op: "configure Alder", Gateway: origin.String(), Code: auth.ErrSecret, Err: err}
	}
	return &Authenticator{origin: origin, secret: c.Secret, clock: scheme.Clock{Now: c.Now}}, nil
}

// Origins returns the origin of the base URL.
func (a *Authenticator) Origins() []auth.Origin { return []auth.Origin{a.origin} }

// Authenticate signs req. Its errors are auth.ErrSecret, ErrBody and ErrRequest.
func (a *Authenticator) Authenticate(req *http.Request, _ http.RoundTripper) error {
	secret, err := auth.Load(req.Context(), a.secret)
	if err != nil {
		return &auth.Error{Op: "sign", Gateway: a.origin.String(), Code: auth.ErrSecret, Err: err}
	}
	body, err := scheme.Body(req, 1<<20) // at most 1 MiB: it is held in memory
	if err != nil {
		return err
	}
	t := a.clock.Claim(req).Unix()
	toSign := fmt.Appendf(nil, "%d\n%s\n%s\n%s", t, cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), body)
	if signed := auth.TraceSigned(req.Context()); signed != nil {
		signed(toSign)
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(toSign)
	scheme.SetHeader(req, "Alder-Signature", fmt.Sprintf("t=%d,v1=%s", t, hex.EncodeToString(mac.Sum(nil))))
	return nil
}

// Refused reports whether the gateway refused the time of req, and the next is right.
func (a *Authenticator) Refused(req *http.Request, resp *http.Response) bool {
	return resp.StatusCode == 401 && resp.Header.Get("Alder-Error") == "time" && a.clock.Refused(req, resp)
}

// Offset returns what the machine's clock lacks, zero if it is right.
func (a *Authenticator) Offset() time.Duration { return a.clock.Offset() }
