package interop_test

import (
	"bytes"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/interop"
	"github.com/countersign/countersign/transport"
)

// start starts a proxy, and returns its URL and its log.
func start(t *testing.T, proxy *httputil.ReverseProxy) (string, *bytes.Buffer) {
	logged := new(bytes.Buffer)
	proxy.ErrorLog = log.New(logged, "", 0)
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL, logged
}

func target(t *testing.T, g *gateway) *url.URL {
	u, err := url.Parse(g.URL)
	require.NoError(t, err)
	return u
}

// direct follows no redirects, so that the proxy's own answer is seen.
var direct = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func TestReverseProxySigns(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, contentType, body string
		gateway                               func(*testing.T) *gateway
	}{
		{"a query", "GET", "/v1.0/Transaction/?limit=20", "", "", newPaylink},
		{"a query with X-API-KEY", "GET", "/v1.0/Transaction/?limit=20", "", "", newPaylinkKey},
		{"a form", "POST", "/v1.0/Invoice/", form, "title=Monatliches+Abo&amount=200", newPaylink},
		{"JSON", "POST", "/v1.0/Invoice/", "application/json", `{"amount":200}`, newPaylink},
		{"2Checkout's REST", "PUT", "/rest/6.0/orders/11331111/", "application/json", `{"Comment":"paid"}`, newAvangate},
		{"the client's own signature is replaced", "GET", "/v1.0/Transaction/?ApiSignature=forged&limit=20", "", "", newPaylink},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := tt.gateway(t)
			proxy, logged := start(t, &httputil.ReverseProxy{Rewrite: interop.Rewrite(target(t, g)), Transport: g.signing(t, nil)})
			code, _, err := send(t, direct, tt.method, proxy+tt.path, tt.contentType, tt.body)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, code)
			g.requireVerified(t, 1)
			assert.Empty(t, logged.String())
		})
	}
}

func TestReverseProxyPassesNoCredentials(t *testing.T) {
	for _, tt := range reads {
		t.Run(tt.name, func(t *testing.T) {
			g := tt.gateway(t)
			var got http.Header
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				got = req.Header.Clone()
				return g.Client().Transport.RoundTrip(req)
			})
			proxy, _ := start(t, &httputil.ReverseProxy{Rewrite: interop.Rewrite(target(t, g)), Transport: g.signing(t, base)})

			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, proxy+tt.path, nil)
			require.NoError(t, err)
			req.Header = http.Header{
				"Accept":                    {"application/json"},
				"Accept-Language":           {"de"},
				"Soapaction":                {`"urn:orders#getOrder"`},
				"User-Agent":                {"shop/1.0"},
				"Authorization":             {"Bearer of-the-client"},
				"Proxy-Authorization":       {"Basic of-the-client"},
				"Cookie":                    {"session=of-the-client"},
				"X-Api-Key":                 {"of-the-client"},
				"X_api_key":                 {"of-the-client"},
				"X-Avangate-Authentication": {`code="of-the-client"`},
				// Fields of one connection only: were they taken away behind the signer, the
				// request would go out unsigned.
				"Connection": {"X-Api-Key, X-Avangate-Authentication, Keep-Alive"},
				"Keep-Alive": {"of-the-client"},
			}
			resp, err := direct.Do(req)
			require.NoError(t, err)
			resp.Body.Close()
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			g.requireVerified(t, 1)
			for _, name := range []string{"Accept", "Accept-Language", "Soapaction", "User-Agent"} {
				assert.Equal(t, req.Header[name], got[name])
			}
			assert.NotContains(t, got, "Connection")
			for name, values := range got {
				assert.NotContains(t, strings.Join(values, ", "), "of-the-client", "%s", name)
			}
		})
	}
}

func TestReverseProxyAnswersAreClean(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/v1.0/Transaction/1/?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	}
	location := func(t *testing.T, proxy func(*gateway) *httputil.ReverseProxy) (*gateway, string) {
		g := newPaylink(t)
		g.answer(echo)
		base, _ := start(t, proxy(g))
		resp, err := direct.Get(base + "/v1.0/Transaction/")
		require.NoError(t, err)
		resp.Body.Close()
		g.requireVerified(t, 1)
		return g, resp.Header.Get("Location")
	}
	g, got := location(t, func(g *gateway) *httputil.ReverseProxy {
		return &httputil.ReverseProxy{Rewrite: interop.Rewrite(target(t, g)), Transport: g.signing(t, nil)}
	})
	g.requireClean(t, got)

	g, got = location(t, func(g *gateway) *httputil.ReverseProxy {
		rewrite := interop.Rewrite(target(t, g))
		return &httputil.ReverseProxy{Transport: g.Client().Transport, Rewrite: func(r *httputil.ProxyRequest) {
			rewrite(r)
			assert.NoError(t, g.account.Authenticate(r.Out, nil))
		}}
	})
	assert.Len(t, g.leaks(got), 1, "wrong: signed in Rewrite, the client gets the signature")
}

func TestReverseProxyLogsCleanErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		path   string
		answer http.HandlerFunc
	}{
		"the gateway does not answer": {"/v1.0/Transaction/", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		"Countersign refuses":         {"/v1.0/Transaction/?pm=twint&pm=visa", nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := newPaylink(t)
			if tt.answer != nil {
				g.answer(tt.answer)
			}
			proxy, logged := start(t, &httputil.ReverseProxy{Rewrite: interop.Rewrite(target(t, g)), Transport: g.signing(t, nil)})
			code, _, err := send(t, direct, http.MethodGet, proxy+tt.path, "", "")
			require.NoError(t, err)
			assert.Equal(t, http.StatusBadGateway, code)
			assert.NotEmpty(t, logged.String())
			assert.Empty(t, g.leaks(logged.String()))
		})
	}
}

// What says that a body is compressed must not get lost: the body would be signed
// as if it were a form.
func TestReverseProxyPassesContentEncoding(t *testing.T) {
	g := newPaylink(t)
	proxy, logged := start(t, &httputil.ReverseProxy{Rewrite: interop.Rewrite(target(t, g)), Transport: g.signing(t, nil)})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, proxy+"/v1.0/Invoice/", strings.NewReader("amount=200"))
	require.NoError(t, err)
	req.Header = http.Header{"Content-Type": {form}, "Content-Encoding": {"gzip"}}
	resp, err := direct.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusBadGateway, resp.StatusCode)
	assert.Contains(t, logged.String(), "Content-Encoding")
	assert.Empty(t, g.seen())
}

// A proxy's request cannot be had again: the client sees the session's end, and its
// next call gets a new one.
func TestReverseProxyGivesNoSecondTurn(t *testing.T) {
	g := newAvangate(t)
	proxy, _ := start(t, &httputil.ReverseProxy{Rewrite: interop.Rewrite(target(t, g)), Transport: g.signing(t, nil)})
	call := func() string {
		_, answer, err := send(t, direct, http.MethodPost, proxy+"/rpc/6.0/", "application/json", rpcCall)
		require.NoError(t, err)
		return answer
	}
	assert.Contains(t, call(), "11331111")
	g.emulated.(*authtest.Avangate).EndSessions()
	assert.Contains(t, call(), "SESSION_EXPIRED")
	assert.Contains(t, call(), "11331111")
}

// NewSingleHostReverseProxy leaves the client's Host in place, which is not the
// gateway's.
func TestReverseProxyWrongHost(t *testing.T) {
	g := newPaylink(t)
	single := httputil.NewSingleHostReverseProxy(target(t, g))
	single.Transport = g.signing(t, nil)
	proxy, logged := start(t, single)
	code, _, err := send(t, direct, http.MethodGet, proxy+"/v1.0/Transaction/", "", "")
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadGateway, code)
	assert.Contains(t, logged.String(), "the request's Host is")
	assert.Empty(t, g.seen())
}

// A Director runs before the fields of one connection are taken away, so that a
// client can name the signature as one of them.
func TestReverseProxyWrongInADirector(t *testing.T) {
	g := newAvangate(t)
	proxy, _ := start(t, &httputil.ReverseProxy{
		Transport: g.Client().Transport,
		//lint:ignore SA1019 this shows what is wrong with it
		Director: func(r *http.Request) {
			r.URL.Scheme, r.URL.Host = "http", target(t, g).Host
			assert.NoError(t, g.account.Authenticate(r, nil))
		},
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, proxy+"/rest/6.0/orders/", nil)
	require.NoError(t, err)
	req.Header.Set("Connection", "X-Avangate-Authentication")
	resp, err := direct.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	require.Len(t, g.seen(), 1)
	assert.ErrorIs(t, g.seen()[0].Err, auth.ErrUnsigned)
}

func ExampleRewrite() {
	gateway, shop := newShop()
	defer gateway.Close()
	target, err := url.Parse(gateway.URL)
	if err != nil {
		log.Fatal(err)
	}
	signing, err := transport.New(http.DefaultTransport, shop)
	if err != nil {
		log.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: interop.Rewrite(target), Transport: signing})
	defer proxy.Close()

	resp, err := http.PostForm(proxy.URL+"/v1.0/Invoice/", url.Values{"title": {"Monatliches Abo"}, "amount": {"200"}})
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.Status)
	// Output:
	// POST /v1.0/Invoice/ is signed: true
	// 200 OK
}
