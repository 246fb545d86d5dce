package transport_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

// TestErrorsAreThoseOfTheManual tries each phrase of the table in docs/errors.md: it
// gives the error of its row, in the table's words, and nothing is sent but what the
// page says. No row is without a phrase.
func TestErrorsAreThoseOfTheManual(t *testing.T) {
	const (
		api, tco   = "https://api.vr-pay-secure.de", "https://api.2checkout.com"
		form, json = "application/x-www-form-urlencoded", "application/json"
	)
	base := &stub{respond: func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusUnauthorized, Header: make(http.Header), Body: http.NoBody, Request: req}, nil
	}}
	key := auth.NewSecret("test-secret-key")
	merchant := func(secret auth.SecretSource) *paylinkhmac.Authenticator {
		a, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: api, Instance: "example", Secret: secret, MaxBody: 100})
		require.NoError(t, err)
		return a
	}
	shop := merchant(key)
	checkout, err := avangate.New(avangate.Config{MerchantCode: "YOURCODE123", SecretKey: key})
	require.NoError(t, err)
	alone, shared := newTransport(t, base, shop, checkout), newTransport(t, base, auth.NewPerRequest(shop.Origins()...))

	send := func(tr *transport.Transport, method, url, contentType, body string, changes ...func(*http.Request)) error {
		req := newRequest(t, method, url, nil)
		if body != "" {
			req = newRequest(t, method, url, strings.NewReader(body))
			req.Header.Set("Content-Type", contentType)
		}
		for _, change := range changes {
			change(req)
		}
		_, err := (&http.Client{Transport: tr}).Do(req)
		return err
	}
	build := func(authenticators ...auth.Authenticator) error {
		_, err := transport.New(base, authenticators...)
		return err
	}
	keyed := func(secret auth.Secret, err error) error {
		source := auth.SecretFunc(func(context.Context) (auth.Secret, error) { return secret, err })
		return send(newTransport(t, base, merchant(source)), "GET", api, "", "")
	}
	follow := func(method, from, to string) error {
		return send(alone, "POST", to, form, "amount=200", func(r *http.Request) {
			r.Response = &http.Response{StatusCode: 307, Request: newRequest(t, method, from, nil)}
		})
	}
	broken := func(r *http.Request) {
		r.ContentLength, r.GetBody = 10, nil
		r.Body = io.NopCloser(iotest.ErrReader(errors.New("the disk is gone")))
	}

	text, err := os.ReadFile("../docs/errors.md")
	require.NoError(t, err)
	rows := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:auth|avangate)\\.Err\\w+)` \\| (.*) \\|$").FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = row[2]
	}
	tried := make(map[string]bool)
	for _, c := range []struct {
		sentinel error
		name     string
		phrase   string
		err      func() error
		sent     int
	}{
		{auth.ErrConfig, "auth.ErrConfig", "a transport cannot be built", func() error { return build() }, 0},
		{auth.ErrConfig, "auth.ErrConfig", "an Authenticator", func() error { _, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: api, Secret: key}); return err }, 0},
		{auth.ErrSecret, "auth.ErrSecret", "cannot be had", func() error { return keyed(auth.Secret{}, errors.New("the vault is sealed")) }, 0},
		{auth.ErrSecret, "auth.ErrSecret", "is empty", func() error { return keyed(auth.NewSecret(""), nil) }, 0},
		{auth.ErrSecret, "auth.ErrSecret", "`[redacted]`", func() error { return keyed(auth.NewSecret(auth.Redacted), nil) }, 0},
		{auth.ErrSecret, "auth.ErrSecret", "white space", func() error { return keyed(auth.NewSecret("test-secret-key\n"), nil) }, 0},
		{auth.ErrSecret, "auth.ErrSecret", "a character that does not show", func() error { return keyed(auth.NewSecret("\ufefftest-secret-key"), nil) }, 0},
		{auth.ErrOrigin, "auth.ErrOrigin", "without an Authenticator", func() error { return send(alone, "GET", "https://api.vr-pay-secure.example", "", "") }, 0},
		{auth.ErrOrigin, "auth.ErrOrigin", "its `Host` names another", func() error {
			return send(alone, "GET", api, "", "", func(r *http.Request) { r.Host = "other.example" })
		}, 0},
		{auth.ErrOrigin, "auth.ErrOrigin", "its URL is opaque", func() error {
			return send(alone, "GET", api, "", "", func(r *http.Request) { r.URL.Opaque = "//other.example/" })
		}, 0},
		{auth.ErrRedirect, "auth.ErrRedirect", "redirected a signed request to another origin", func() error { return follow("POST", api, "https://other.example") }, 0},
		{auth.ErrRedirect, "auth.ErrRedirect", "another service redirected to a gateway", func() error { return follow("POST", "https://other.example", api) }, 0},
		{auth.ErrRedirect, "auth.ErrRedirect", "its method would change", func() error { return follow("GET", api, api) }, 0},
		{auth.ErrNoAuthenticator, "auth.ErrNoAuthenticator", "this one does not", func() error { return send(shared, "GET", api, "", "") }, 0},
		{auth.ErrNoAuthenticator, "auth.ErrNoAuthenticator", "it does so at an origin that is not", func() error {
			return send(alone, "GET", api, "", "", func(r *http.Request) { *r = *r.WithContext(auth.WithAuthenticator(r.Context(), shop)) })
		}, 0},
		{auth.ErrParameter, "auth.ErrParameter", "its name is one that PHP rewrites", func() error { return send(alone, "POST", api, form, "a.b=1") }, 0},
		{auth.ErrParameter, "auth.ErrParameter", "its text is not UTF-8", func() error { return send(alone, "POST", api, form, "a=%FC") }, 0},
		{auth.ErrParameter, "auth.ErrParameter", "it is there twice", func() error { return send(alone, "POST", api, form, "pm=visa&pm=twint") }, 0},
		{auth.ErrRequest, "auth.ErrRequest", "`TRACE`", func() error { return send(alone, "TRACE", api, "", "") }, 0},
		{auth.ErrRequest, "auth.ErrRequest", "`CONNECT`", func() error { return send(alone, "CONNECT", api, "", "") }, 0},
		{auth.ErrRequest, "auth.ErrRequest", "a request of this shape", func() error { return send(alone, "POST", api, "text/csv", "a,b") }, 0},
		{auth.ErrRequest, "auth.ErrRequest", "a GET with parameters in its body", func() error { return send(alone, "GET", api, json, `{"limit":1}`) }, 0},
		{auth.ErrRequest, "auth.ErrRequest", "a query with a raw space", func() error {
			return send(alone, "GET", tco+"/rest/6.0/orders/", "", "", func(r *http.Request) { r.URL.RawQuery = "a=b c" })
		}, 0},
		{auth.ErrBody, "auth.ErrBody", "cannot be read", func() error { return send(alone, "POST", api, form, "a=1", broken) }, 0},
		{auth.ErrBody, "auth.ErrBody", "is too long", func() error { return send(alone, "POST", api, form, "a="+strings.Repeat("x", 100)) }, 0},
		{auth.ErrBody, "auth.ErrBody", "is not as long as it says", func() error {
			return send(alone, "POST", api, form, "a=1", func(r *http.Request) { r.ContentLength = 2 })
		}, 0},
		{auth.ErrBody, "auth.ErrBody", "is not the JSON that it says", func() error { return send(alone, "POST", api, json, "amount=200") }, 0},
		{avangate.ErrLogin, "avangate.ErrLogin", "the gateway refused the login", func() error {
			return send(alone, "POST", tco+"/rpc/6.0/", json, `{"method":"getOrder","params":["`+avangate.Session+`"],"id":1}`)
		}, 1},
	} {
		t.Run(c.name+", "+c.phrase, func(t *testing.T) {
			base.got = nil
			err := c.err()
			assertRefused(t, err, c.sentinel)
			assert.Contains(t, rows[c.name], c.phrase)
			assert.Len(t, base.got, c.sent, "sent")
			if c.phrase == "it is there twice" { // the example
				e, _ := errors.AsType[*auth.Error](err)
				assert.Contains(t, string(text), "\n```\n"+e.Error()+"\n```\n")
			}
			tried[c.name] = true
		})
	}
	assert.Len(t, rows, len(tried), "a row is not tried: %v", rows)
}
