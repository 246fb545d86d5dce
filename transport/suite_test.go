package transport_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/transport/transporttest"
)

// The contract of http.RoundTripper, with a scheme that rewrites bodies and with
// one that passes them on, and in each way to use a Transport. Package
// transporttest tests the schemes with it.
func TestContractSuite(t *testing.T) {
	paylink := &authtest.Paylink{Instance: "example", Secret: secrets["example"]}
	header := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key := r.Header["X-Key"]; len(key) != 1 || key[0] != "topsecret" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	for _, c := range []struct {
		name, baseURL string
		scheme        func(t *testing.T, baseURL string) auth.Authenticator
		gateway       http.Handler
		passes        bool // with PassOthers
		perRequest    bool
		traced        bool
	}{
		{"rewritten bodies", "https://api.shop.test", rewriting, paylink, false, false, false},
		{"rewritten bodies, with PassOthers", "https://api.shop.test", rewriting, paylink, true, false, false},
		{"other bodies", "https://api.shop.test", passing, header, false, false, false},
		{"other bodies, with PassOthers", "https://api.shop.test", passing, header, true, false, false},
		{"named by the context, with PassOthers", "https://api.shop.test", rewriting, paylink, true, true, false},
		{"plain http at a port", "http://127.0.0.1:8080", rewriting, paylink, true, false, false},
		{"rewritten bodies, traced", "https://api.shop.test", rewriting, paylink, false, false, true},
		{"other bodies, traced", "https://api.shop.test", passing, header, false, false, true},
		{"IPv6", "https://[2001:db8::1]", rewriting, paylink, true, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := c.scheme(t, c.baseURL)
			served, ctx := a, t.Context()
			if c.perRequest {
				served, ctx = auth.NewPerRequest(a.Origins()...), auth.WithAuthenticator(ctx, a)
			}
			create := newRequest(t, "POST", c.baseURL+"/v1.0/Invoice/", strings.NewReader(form.Encode()))
			list := newRequest(t, "GET", c.baseURL+"/v1.0/Invoice/?a=b+c", nil)
			remove := newRequest(t, "DELETE", c.baseURL+"/v1.0/Invoice/7/", nil)
			upload := newRequest(t, "POST", c.baseURL+"/v1.0/Design/", strings.NewReader(multipartForm))
			upload.Header.Set("Content-Type", multipartType)
			assert.NoError(t, transporttest.TestRoundTripper(func(base http.RoundTripper) http.RoundTripper {
				tr := newTransport(t, base, served)
				if c.passes {
					tr = tr.PassOthers()
				}
				if c.traced {
					tr = tr.WithTrace(new(events).trace())
				}
				return tr
			}, c.gateway, create.WithContext(ctx), list.WithContext(ctx), remove.WithContext(ctx), upload.WithContext(ctx)))
		})
	}
}

func rewriting(t *testing.T, baseURL string) auth.Authenticator { return shop(t, baseURL, "example") }

func passing(t *testing.T, baseURL string) auth.Authenticator {
	return headerAuth{originOf(t, baseURL), nil}
}
