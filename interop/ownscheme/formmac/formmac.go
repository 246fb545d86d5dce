// Package formmac authenticates requests to a gateway that wants a MAC as the last
// of the parameters. The gateway is made up:
//
//	amount=200&currency=CHF&mac=5f8e...
//
// The MAC is an HMAC-SHA256, in hex, over the parameters before it as they are
// sent. They stand in a form, and those of GET, HEAD and DELETE in the query.
package formmac

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
)

const (
	macName  = "mac"
	formType = "application/x-www-form-urlencoded"
	maxBody  = 1 << 20 // how long a form may be, in bytes: it is held in memory
)

// A Config describes one account.
type Config struct {
	BaseURL string            // such as "https://api.cedar.example"
	Secret  auth.SecretSource // asked at each request
}

// An Authenticator signs the requests of one account.
type Authenticator struct {
	origin auth.Origin
	secret auth.SecretSource
}

var (
	_ auth.Authenticator = (*Authenticator)(nil)
	_ auth.Redactor      = (*Authenticator)(nil)
)

// New returns an Authenticator. It does no I/O.
func New(c Config) (*Authenticator, error) {
	origin, err := auth.ParseOrigin(c.BaseURL, false)
	if err != nil {
		return nil, &auth.Error{Op: "configure Cedar", Code: auth.ErrConfig, Err: err}
	}
	if err := auth.CheckSource(c.Secret); err != nil {
		return nil, &auth.Error{Op: "configure Cedar", Gateway: origin.String(), Code: auth.ErrSecret, Err: err}
	}
	return &Authenticator{origin, c.Secret}, nil
}

// Origins returns the origin of the base URL.
func (a *Authenticator) Origins() []auth.Origin { return []auth.Origin{a.origin} }

// Authenticate signs req. Its errors are auth.ErrSecret, auth.ErrBody,
// auth.ErrRequest and auth.ErrParameter.
func (a *Authenticator) Authenticate(req *http.Request, _ http.RoundTripper) error {
	secret, err := auth.Load(req.Context(), a.secret)
	if err != nil {
		return a.refuse(req, auth.ErrSecret, err)
	}
	body, err := scheme.Body(req, maxBody)
	if err != nil {
		return err
	}
	switch method := cmp.Or(req.Method, http.MethodGet); method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		if len(body) > 0 {
			return a.refuse(req, auth.ErrRequest, errors.New("the gateway reads no body with "+method+": put the parameters into the query"))
		}
		query, err := sign(secret, req.URL.RawQuery)
		if err != nil {
			return a.refuse(req, auth.ErrParameter, err)
		}
		req.URL.RawQuery = query
		return nil
	}
	if err := checkForm(req, body); err != nil {
		return a.refuse(req, auth.ErrRequest, err)
	}
	form, err := sign(secret, string(body))
	if err != nil {
		return a.refuse(req, auth.ErrParameter, err)
	}
	scheme.SetHeader(req, "Content-Type", formType)
	scheme.SetBody(req, []byte(form))
	return nil
}

// checkForm refuses what the MAC would not cover, and what is no form.
func checkForm(req *http.Request, body []byte) error {
	if req.URL.RawQuery != "" {
		return errors.New("the gateway reads no query with a form: put the parameters into the body")
	}
	contentType := req.Header.Get("Content-Type")
	if mediaType, _, _ := mime.ParseMediaType(contentType); len(body) > 0 && mediaType != formType {
		return fmt.Errorf("the Content-Type is %q: send the parameters as %s", contentType, formType)
	}
	return nil
}

// sign returns the parameters with their MAC behind them, in the place of earlier
// ones.
func sign(secret auth.Secret, parameters string) (string, error) {
	var kept []string
	for pair := range strings.SplitSeq(parameters, "&") {
		name, value, _ := strings.Cut(pair, "=")
		decoded, err := url.QueryUnescape(name)
		if _, valueErr := url.QueryUnescape(value); err != nil || valueErr != nil {
			return "", errors.New("a parameter holds a % that escapes nothing: write %25")
		}
		if pair != "" && decoded != macName {
			kept = append(kept, pair)
		}
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(strings.Join(kept, "&")))
	return strings.Join(append(kept, macName+"="+hex.EncodeToString(mac.Sum(nil))), "&"), nil
}

// Redact empties the MAC where a gateway repeats it in the address of a redirect.
func (a *Authenticator) Redact(_ *http.Request, location string) string {
	return scheme.RedactParameters(location, macName)
}

func (a *Authenticator) refuse(req *http.Request, code, err error) error {
	return &auth.Error{Op: "sign " + cmp.Or(req.Method, http.MethodGet), Gateway: a.origin.String(), Code: code, Err: err}
}
