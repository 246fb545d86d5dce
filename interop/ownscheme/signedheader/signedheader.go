// Package signedheader authenticates requests to a gateway that wants an HMAC over
// time, method, target and body in a header field. The gateway is made up:
//
//	Alder-Signature: t=1764288000,v1=5f8e...
//
// The HMAC is one with SHA-256, in hex, over t, the method, the target as it is
// sent, and the body, each but the last with a newline behind it.
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

// maxBody is how long a body may be, in bytes: it is held in memory.
const maxBody = 1 << 20

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
	now    func() time.Time
}

var _ auth.Authenticator = (*Authenticator)(nil)

// New returns an Authenticator. It does no I/O.
func New(c Config) (*Authenticator, error) {
	origin, err := auth.ParseOrigin(c.BaseURL, false)
	if err != nil {
		return nil, &auth.Error{Op: "configure Alder", Code: auth.ErrConfig, Err: err}
	}
	if err := auth.CheckSource(c.Secret); err != nil {
		return nil, &auth.Error{Op: "configure Alder", Gateway: origin.String(), Code: auth.ErrSecret, Err: err}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Authenticator{origin, c.Secret, c.Now}, nil
}

// Origins returns the origin of the base URL.
func (a *Authenticator) Origins() []auth.Origin { return []auth.Origin{a.origin} }

// Authenticate signs req. Its errors are auth.ErrSecret, auth.ErrBody and
// auth.ErrRequest.
func (a *Authenticator) Authenticate(req *http.Request, _ http.RoundTripper) error {
	secret, err := auth.Load(req.Context(), a.secret)
	if err != nil {
		return &auth.Error{Op: "sign", Gateway: a.origin.String(), Code: auth.ErrSecret, Err: err}
	}
	body, err := scheme.Body(req, maxBody)
	if err != nil {
		return err
	}
	t := a.now().Unix() // after the body, which may take its time
	toSign := fmt.Appendf(nil, "%d\n%s\n%s\n%s", t, cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), body)
	if signed := auth.TraceSigned(req.Context()); signed != nil {
		signed(toSign)
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(toSign)
	scheme.SetHeader(req, "Alder-Signature", fmt.Sprintf("t=%d,v1=%s", t, hex.EncodeToString(mac.Sum(nil))))
	return nil
}
