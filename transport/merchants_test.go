package transport_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

func TestPerRequestChoice(t *testing.T) {
	const api, static = "https://api.shop.test", "https://static.test"
	n := newNetwork(t)
	shared, fixed, elsewhere := n.host(api, nil), n.host(static, nil), n.host("https://elsewhere.test", nil)
	bakery, florist := shop(t, api, "bakery"), shop(t, api, "florist")
	tr := newTransport(t, n.transport, auth.NewPerRequest(bakery.Origins()...), shop(t, static, "example"))
	for _, c := range []struct {
		name   string
		picked auth.Authenticator
		url    string
		passes bool // with PassOthers
		want   error
		signed string // instance, "" for unsigned
	}{
		{"the picked merchant signs", bakery, api, false, nil, "bakery"},
		{"the other picked merchant signs", florist, api, true, nil, "florist"},
		{"there is no default", nil, api, false, auth.ErrNoAuthenticator, ""},
		{"there is no default, with PassOthers", nil, api, true, auth.ErrNoAuthenticator, ""},
		{"a pick of a PerRequest is none", auth.NewPerRequest(bakery.Origins()...), api, true, auth.ErrNoAuthenticator, ""},
		{"a pick without origin is none", auth.NewPerRequest(), api, false, auth.ErrNoAuthenticator, ""},
		{"a pick that is a nil pointer is none", (*paylinkhmac.Authenticator)(nil), api, false, auth.ErrNoAuthenticator, ""},
		{"a pick for another origin is none", shop(t, "https://elsewhere.test", "example"), api, true, auth.ErrNoAuthenticator, ""},
		{"a pick where the origin is static is refused", shop(t, static, "bakery"), static, false, auth.ErrNoAuthenticator, ""},
		{"a pick of the very static one is refused", shop(t, static, "example"), static, true, auth.ErrNoAuthenticator, ""},
		{"a pick for an origin that is not listed is refused", shop(t, "https://elsewhere.test", "bakery"), "https://elsewhere.test", false, auth.ErrNoAuthenticator, ""},
		{"a pick for an origin that is not listed does not pass unsigned", shop(t, "https://elsewhere.test", "bakery"), "https://elsewhere.test", true, auth.ErrNoAuthenticator, ""},
		{"a pick means nothing at a static origin of others", bakery, static, false, nil, "example"},
		{"a pick means nothing where others pass", bakery, "https://elsewhere.test", true, nil, ""},
		{"a pick means nothing where others are refused", bakery, "https://elsewhere.test", false, auth.ErrOrigin, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := tr
			if c.passes {
				tr = tr.PassOthers()
			}
			ctx := t.Context()
			if c.picked != nil {
				ctx = auth.WithAuthenticator(ctx, c.picked)
			}
			resp, err := (&http.Client{Transport: tr}).Do(postForm(t, c.url).WithContext(ctx))
			finish(t, resp)
			got := append(append(shared.take(), fixed.take()...), elsewhere.take()...)
			if c.want != nil {
				assertRefused(t, err, c.want)
				assert.Empty(t, got, "it was sent")
				return
			}
			require.NoError(t, err)
			require.Len(t, got, 1)
			assert.Equal(t, c.signed, got[0].instance)
			if c.signed != "" {
				assertSigned(t, got)
			} else {
				assert.ErrorIs(t, got[0].err, auth.ErrUnsigned)
				assert.Equal(t, form.Encode(), got[0].body)
			}
		})
	}
}

// The race detector and the gateway's verification see whether merchants mix.
func TestConcurrentRequestsOfTwoMerchantsNeverMix(t *testing.T) {
	const api = "http://api.shop.test"
	n := newNetwork(t)
	n.transport.MaxConnsPerHost = 8
	gateway := n.host(api, nil)
	merchants := map[string]auth.Authenticator{"bakery": shop(t, api, "bakery"), "florist": shop(t, api, "florist")}
	client, err := transport.Wrap(&http.Client{Transport: n.transport}, auth.NewPerRequest(originOf(t, api)))
	require.NoError(t, err)

	var wg sync.WaitGroup
	for i := range 100 {
		for instance, merchant := range merchants {
			wg.Go(func() {
				body := strings.NewReader(url.Values{"merchant": {instance}, "n": {fmt.Sprint(i)}}.Encode())
				req := newRequest(t, http.MethodPost, api+"/v1.0/Invoice/", body)
				resp, err := client.Do(req.WithContext(auth.WithAuthenticator(req.Context(), merchant)))
				if assert.NoError(t, err) {
					finish(t, resp)
				}
			})
		}
	}
	wg.Wait()
	got := gateway.take()
	assert.Len(t, got, 200)
	assertSigned(t, got)
	for _, r := range got {
		assert.True(t, strings.HasPrefix(r.signed, "merchant="+r.instance+"&n="), "the signature of %s is over %q", r.instance, r.signed)
	}
}
