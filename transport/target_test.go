package transport_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkkey"
)

// schemes are an Authenticator of each scheme, by the path of a request to it.
func schemes(t *testing.T, baseURL string) map[string]auth.Authenticator {
	t.Helper()
	key, err := paylinkkey.New(paylinkkey.Config{BaseURL: baseURL, Instance: "example", Secret: secrets["example"], AllowInsecureHTTP: true})
	require.NoError(t, err)
	tco, err := avangate.New(avangate.Config{BaseURL: baseURL, MerchantCode: "YOURCODE123", SecretKey: secrets["example"], AllowInsecureHTTP: true})
	require.NoError(t, err)
	return map[string]auth.Authenticator{
		"ApiSignature":        shop(t, baseURL, "example"),
		"X-API-KEY":           key,
		"2Checkout's header":  tco,
		"2Checkout's session": tco,
	}
}

// A forward proxy reads the host of a request to plain http from the request line.
// It is the reader for whom a path without a slash is a part of that host.
func TestAForwardProxyIsSentToTheOriginAlone(t *testing.T) {
	var mu sync.Mutex
	var hosts []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		hosts = append(hosts, r.URL.Host)
	}))
	defer proxy.Close()
	proxyURL, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	base := &http.Transport{Proxy: http.ProxyURL(proxyURL)}
	defer base.CloseIdleConnections()

	for name, a := range schemes(t, "http://gateway.test") {
		tr := newTransport(t, base, a)
		front := httptest.NewServer(&httputil.ReverseProxy{
			Transport: tr,
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				assertRefused(t, err, auth.ErrOrigin)
				w.WriteHeader(http.StatusBadGateway)
			},
			Rewrite: func(pr *httputil.ProxyRequest) {
				pr.Out.URL.Scheme, pr.Out.URL.Host, pr.Out.Host = "http", "gateway.test", ""
				pr.Out.URL.Path = strings.TrimPrefix(pr.In.URL.Path, "/api")
			},
		})
		for _, path := range []string{"/api@evil.test/v1.0/", "/api@evil.test/v1.0%2F", "/api.evil.test/v1.0%2F", "/api:80@evil.test/v1.0/%2f"} {
			t.Run(name+path, func(t *testing.T) {
				resp, err := http.Get(front.URL + path)
				require.NoError(t, err)
				finish(t, resp)
				assert.Equal(t, http.StatusBadGateway, resp.StatusCode)
			})
		}
		front.Close()
	}
	resp, err := newTransport(t, base, shop(t, "http://gateway.test", "example")).RoundTrip(newRequest(t, "GET", "http://gateway.test/v1.0%2F/", nil))
	require.NoError(t, err, "an escaped slash is fine")
	finish(t, resp)
	assert.Equal(t, []string{"gateway.test"}, hosts)
}

// Each path is given the RawPath of every other. What a proxy reads of the request
// line is the origin, and what a layer below reads is what net/http sends.
func TestARawPathThatIsNotThePathsDecidesNothing(t *testing.T) {
	paths := []string{
		"", "/", "/v1.0/Invoice/", "/v1.0/Invoice/7%2F/", "/a%2fb", "/%40evil.test/", "//evil.test/", "/a b/", "/\u00fc/", "/%zz", "/a?b", "/a\x00",
		"@evil.test/", "%40evil.test/", ".evil.test/", ":80@evil.test/", "evil.test", "%2Fevil.test/", "*", "http://evil.test/", "?", "#", " /",
	}
	for _, path := range paths {
		unescaped, err := url.PathUnescape(path)
		if err != nil {
			unescaped = path
		}
		for _, raw := range paths {
			req := newRequest(t, "GET", "http://api.shop.test", nil)
			req.URL.Path, req.URL.RawPath = unescaped, raw
			goes := strings.HasPrefix(req.URL.RequestURI(), "/")
			for name, a := range schemes(t, "http://api.shop.test") {
				base := &stub{}
				before := snap(req)
				_, err := newTransport(t, base, a).RoundTrip(req)
				before.assertUnchanged(t, req)
				what := fmt.Sprintf("%s: Path %q, RawPath %q", name, unescaped, raw)
				if !goes {
					assertRefused(t, err, auth.ErrOrigin)
					assert.Empty(t, base.got, "%s: it was sent", what)
					continue
				}
				require.NoError(t, err, what)
				sent := base.got[0]
				assert.Contains(t, []string{"", sent.URL.EscapedPath()}, sent.URL.RawPath, "%s: the RawPath below", what)
				var wire bytes.Buffer
				require.NoError(t, sent.WriteProxy(&wire), what)
				read, err := http.ReadRequest(bufio.NewReader(&wire))
				require.NoError(t, err, what)
				assert.Equal(t, "api.shop.test", read.URL.Host, what)
			}
		}
	}
}

// The login goes to a copy of the call's URL: what is wrong with that shows before.
func TestNoLoginGoesToAPathWithoutASlash(t *testing.T) {
	base := &stub{}
	tr := newTransport(t, base, schemes(t, "https://api.shop.test")["2Checkout's session"])
	for _, raw := range []string{"", "/rpc/6.0/"} {
		req := posting("https://api.shop.test", "application/json", rpcCall)(t)
		req.URL.Path, req.URL.RawPath = "rpc/6.0/", raw
		_, err := tr.RoundTrip(req)
		assertRefused(t, err, auth.ErrOrigin)
		assert.Empty(t, base.got, "it was sent")
	}
}

// net/http writes the query into the request line as it is. A scheme that writes it
// anew may take any.
func TestTheRequestLineHoldsVisibleASCIIAlone(t *testing.T) {
	all := schemes(t, "https://api.shop.test")
	base := &stub{}
	tr := newTransport(t, base, all["2Checkout's header"])
	for c := range 256 {
		base.got = nil
		body := &trackedBody{Reader: strings.NewReader("{}")}
		req := newRequest(t, "POST", "https://api.shop.test/rest/6.0/orders/", body)
		req.URL.RawQuery = "a=" + string([]byte{byte(c)})
		_, err := tr.RoundTrip(req)
		body.assertClosedOnce(t)
		if c > ' ' && c < 0x7f {
			assert.NoError(t, err, "%q", req.URL.RawQuery)
			continue
		}
		assertRefused(t, err, auth.ErrRequest)
		assert.Empty(t, base.got, "%q was sent", req.URL.RawQuery)
	}
	_, err := tr.RoundTrip(newRequest(t, "GET", "https://api.shop.test/rest/6.0/orders/?a b HTTP/1.0", nil))
	assert.EqualError(t, err, "countersign: send GET for https://api.shop.test: the URL's query holds a space, a control character or a byte that is not ASCII: escape it, a space as %20")

	for _, name := range []string{"ApiSignature", "X-API-KEY"} {
		base.got = nil
		_, err := newTransport(t, base, all[name]).RoundTrip(newRequest(t, "GET", "https://api.shop.test/v1.0/Invoice/?purpose=a \u00fc", nil))
		require.NoError(t, err, name)
		assert.True(t, strings.HasPrefix(base.got[0].URL.RawQuery, "purpose=a%20%C3%BC&"), "%s: got %q", name, base.got[0].URL.RawQuery)
	}
}

func TestMethodsThatAreNoneOfAGatewaysAreRefused(t *testing.T) {
	for name, a := range schemes(t, "https://api.shop.test") {
		for _, method := range []string{"TRACE", "trace", "CONNECT", "Connect"} {
			for _, path := range []string{"", "/v1.0/", "/rpc/6.0/"} {
				base := &stub{}
				tr := newTransport(t, base, a).PassOthers()
				body := &trackedBody{Reader: strings.NewReader("{}")}
				req := newRequest(t, "POST", "https://api.shop.test"+path, body)
				req.Method = method
				_, err := tr.RoundTrip(req)
				assertRefused(t, err, auth.ErrRequest)
				assert.ErrorContains(t, err, method+" ", name)
				assert.Empty(t, base.got, "%s: %s was sent", name, method)
				body.assertClosedOnce(t)

				_, err = tr.RoundTrip(newRequest(t, method, "https://elsewhere.test"+path, nil))
				assert.NoError(t, err, "what is not authenticated passes")
			}
		}
	}
}

// A gateway that reads no end of a body takes it for the next request.
func TestABodyHasAnEnd(t *testing.T) {
	var got []string
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, string(body))
	}))
	defer gateway.Close()
	const parts = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B"
	for name, a := range schemes(t, gateway.URL) {
		if name == "2Checkout's session" {
			continue // whose body is held in memory
		}
		client := &http.Client{Transport: newTransport(t, nil, a)}
		for _, te := range [][]string{nil, {"chunked"}, {"identity"}, {"gzip"}, {"gzip", "chunked"}, {"Chunked"}, {""}} {
			got = nil
			req := newRequest(t, "POST", gateway.URL+"/v1.0/Design/", io.NopCloser(strings.NewReader(parts+"--")))
			req.Header.Set("Content-Type", "multipart/form-data; boundary=B")
			req.ContentLength, req.TransferEncoding = -1, te
			resp, err := client.Do(req)
			finish(t, resp)
			what := fmt.Sprintf("%s: %q", name, te)
			if len(te) > 0 && te[0] != "chunked" {
				assertRefused(t, err, auth.ErrRequest)
				assert.Empty(t, got, "%s: it was sent", what)
				continue
			}
			require.NoError(t, err, what)
			require.Len(t, got, 1, what)
			assert.Contains(t, got[0], parts, what)
		}
	}
}
