package transport_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// A nonceScheme has a credential that it knows again from the request alone. It asks
// for something first.
type nonceScheme struct{ base auth.Origin }

func (s nonceScheme) Origins() []auth.Origin { return []auth.Origin{s.base} }

func (s nonceScheme) Authenticate(req *http.Request, base http.RoundTripper) error {
	login, err := http.NewRequestWithContext(req.Context(), "GET", "https://api.shop.test/login", nil)
	if err != nil {
		return err
	}
	login.Header.Set("Nonce", "first-nonce")
	if _, err := base.RoundTrip(login); err != nil {
		return err
	}
	req.Header.Set("Nonce", "second-nonce")
	return nil
}

func (s nonceScheme) Redact(req *http.Request, location string) string {
	return strings.ReplaceAll(location, req.Header.Get("Nonce"), "")
}

// What is redacted is told by the request that was sent, and not by the caller's.
func TestRedactorGetsTheRequestThatWasSent(t *testing.T) {
	origin, err := auth.ParseOrigin("https://api.shop.test", false)
	require.NoError(t, err)
	for _, path := range []string{"/login", "/orders"} {
		tr := newTransport(t, roundTripperFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == path {
				return nil, errors.New("malformed line: " + r.Header.Get("Nonce") + ".")
			}
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}), nonceScheme{origin})
		_, err := tr.RoundTrip(newRequest(t, "GET", "https://api.shop.test/orders", nil))
		require.Error(t, err)
		assert.Contains(t, err.Error(), "malformed line: .", path)
		assert.NotContains(t, everyText(err), "-nonce", path)
	}
	tr := newTransport(t, roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"/?seen=" + r.Header.Get("Nonce")}}, Body: http.NoBody}, nil
	}), nonceScheme{origin})
	resp, err := tr.RoundTrip(newRequest(t, "GET", "https://api.shop.test/orders", nil))
	require.NoError(t, err)
	assert.Equal(t, "/?seen=", resp.Header.Get("Location"))
}
