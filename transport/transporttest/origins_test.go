package transporttest_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/transport/transporttest"
)

// goesTo tells what goes to an origin from what does not.
func goesTo(t *testing.T, origin string) func(*http.Request) bool {
	t.Helper()
	o, err := auth.ParseOrigin(origin, true)
	require.NoError(t, err)
	return func(r *http.Request) bool {
		return auth.OriginOf(r.URL) == o && r.URL.Opaque == "" && (r.Host == "" || o.WithHost(r.Host) == o)
	}
}

// testGet tests a RoundTripper with a GET to an origin.
func testGet(t *testing.T, origin string, wrap wrapper) error {
	t.Helper()
	return transporttest.TestRoundTripper(wrap, http.HandlerFunc(signerGateway), request(t, "GET", origin+"/payments?page=2", "", ""))
}

func TestSignersOfAnyOriginKeepTheContract(t *testing.T) {
	for _, origin := range []string{
		api, api + ":443", api + ":8443", "https://API.shop.test", "https://api.shop.test.", "https://gw:65535",
		"http://api.shop.test", "http://api.shop.test:8080", "http://localhost:80",
		"https://192.0.2.7", "https://192.0.2.7:8443", "https://[2001:db8::a]", "http://[2001:db8::a]:8080",
		"https://xn--bcher-kva.example",
	} {
		t.Run(origin, func(t *testing.T) {
			t.Parallel()
			assert.NoError(t, testGet(t, origin, ours(goesTo(t, origin))))
		})
	}
}

func TestAnAuthenticatorMayHaveManyOrigins(t *testing.T) {
	origins := func() (list []auth.Origin) {
		for _, origin := range []string{
			api, "https://api.shop.test:444", "http://api.shop.test", "http://api.shop.test:443", "https://shop.test", "https://sub.api.shop.test",
			"https://api.shop.test.", "https://not-api.shop.test", "https://xn--api.shop.test", "https://elsewhere.test", "https://[2001:db8::ffff:7]",
		} {
			o, err := auth.ParseOrigin(origin, true)
			require.NoError(t, err)
			list = append(list, o)
		}
		return list
	}
	a := keyAuth{origins, func(*http.Request) error { return nil }, func(*http.Response) {}}
	assert.NoError(t, transporttest.TestAuthenticator(a, http.HandlerFunc(signerGateway), list(t)))
}

func TestSignersOfWhatGoesElsewhereAreRejected(t *testing.T) {
	const host = "api.shop.test"
	toHost := func(host string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.URL.Host == host && r.URL.User == nil }
	}
	toName := func(f func(host string) bool) func(*http.Request) bool {
		return func(r *http.Request) bool {
			return r.URL.Scheme == "https" && r.URL.Port() == "" && f(r.URL.Hostname())
		}
	}
	as := func(change func(*http.Request)) func(*http.Request) bool {
		return func(r *http.Request) bool {
			r = r.Clone(r.Context())
			change(r)
			return toOrigin(r)
		}
	}
	for _, c := range []struct {
		origin, place string
		also          func(*http.Request) bool // what is signed beside what goes to the origin
	}{
		{api, "another host, https://elsewhere.test:", func(*http.Request) bool { return true }},
		{api, "the origin in the path", func(r *http.Request) bool { return strings.Contains(r.URL.String(), api) }},
		{api, "the host as user information", func(r *http.Request) bool { return r.URL.User.Username() == host }},
		{api, "the host and port as user information", func(r *http.Request) bool { return r.URL.User.String() == host+":443" }},
		{api, "a longer name", func(r *http.Request) bool { return strings.HasPrefix(r.URL.Host, host) }},
		{api, "another port", as(func(r *http.Request) { r.URL.Host = r.URL.Hostname() })},
		{api + ":8443", "the scheme's own port written out", func(r *http.Request) bool { return r.URL.Scheme == "https" && r.URL.Port() == "443" }},
		{api + ":8443", "no port", func(r *http.Request) bool { return r.URL.Hostname() == host && r.URL.Port() == "" }},
		{api + ":8443", "an empty port", toHost(host + ":")},
		{api, "another scheme, http:", toHost(host)},
		{"http://api.shop.test:8080", "another scheme, https:", toHost(host + ":8080")},
		{api, "another scheme at the same port, http:", toHost(host + ":443")},
		{"http://api.shop.test", "another scheme at the same port, https:", toHost(host + ":80")},
		{api, "an IPv6 address", toName(func(h string) bool { return strings.Contains(h, ":") })},
		{"https://192.0.2.7", "an IPv6 address that maps the IPv4 one", toName(func(h string) bool {
			ip, _ := netip.ParseAddr(h)
			return ip.Unmap() == netip.MustParseAddr("192.0.2.7")
		})},
		{api, "a name with the same end", toName(func(h string) bool { return strings.HasSuffix(h, host) })},
		{api, "a subdomain", toName(func(h string) bool { return strings.HasSuffix(h, "."+host) })},
		{api, "a trailing dot", toHost(host + ".")},
		{api, "a look-alike", as(func(r *http.Request) {
			r.URL.Host = strings.NewReplacer("\u0430", "a", "\u0440", "p", "\u043e", "o", "\u0435", "e").Replace(r.URL.Host)
		})},
		{api, "punycode", as(func(r *http.Request) { r.URL.Host = strings.TrimPrefix(r.URL.Host, "xn--") })},
		{api, "the parent domain", toName(func(h string) bool { return strings.HasSuffix(host, "."+h) })},

		{api, "another Host", as(func(r *http.Request) { r.Host = "" })},
		{api, "a Host with another port", as(func(r *http.Request) { r.Host, _, _ = strings.Cut(r.Host, ":") })},
		{api, "a Host with a trailing dot", as(func(r *http.Request) { r.Host = strings.TrimSuffix(r.Host, ".") })},
		{api, "another host, with the origin's Host", func(r *http.Request) bool { return r.Host == host }},
		{api, "an opaque URL with another host", as(func(r *http.Request) { r.URL.Opaque = "" })},
		{api, "an opaque URL that is a path", as(func(r *http.Request) {
			if !strings.HasPrefix(r.URL.Opaque, "//") {
				r.URL.Opaque = ""
			}
		})},
	} {
		t.Run(c.place, func(t *testing.T) {
			t.Parallel()
			right := goesTo(t, c.origin)
			err := testGet(t, c.origin, ours(func(r *http.Request) bool { return right(r) || c.also(r) }))
			assertBroken(t, "origins,redirects", "origins: GET /payments: "+c.place, err)
		})
	}
}

func TestSignersThatDoNotKnowTheOriginAreRejected(t *testing.T) {
	for _, c := range []struct {
		origin, place string
		not           func(*url.URL) bool // what is sent as it is
	}{
		{api, "user information", func(u *url.URL) bool { return u.User != nil }},
		{api, "an upper-case host", func(u *url.URL) bool { return u.Host != strings.ToLower(u.Host) }},
		{api, "the scheme's own port written out", func(u *url.URL) bool { return u.Port() != "" }},
		{api + ":443", "no port", func(u *url.URL) bool { return u.Port() == "" }},
		{api, "an empty port", func(u *url.URL) bool { return strings.HasSuffix(u.Host, ":") }},
	} {
		t.Run(c.place, func(t *testing.T) {
			t.Parallel()
			right := goesTo(t, c.origin)
			err := testGet(t, c.origin, ours(func(r *http.Request) bool { return right(r) && !c.not(r.URL) }))
			assertBroken(t, "origins", "origins: GET /payments: "+c.place, err)
		})
	}
}

func TestFollowersOfRedirectsAreRejected(t *testing.T) {
	type broken struct {
		name, want string
		wrap       wrapper
	}
	location := func(req *http.Request) string { return req.Response.Header.Get("Location") }
	list := []broken{
		{"ignores Host", "a 301 to another Host", ours(func(r *http.Request) bool {
			return toOrigin(r) || r.Response != nil && isOrigin(r.URL)
		})},
		{"ignores an opaque URL", "a 301 to an opaque URL with another host", ours(func(r *http.Request) bool {
			return toOrigin(r) || r.Response != nil && r.URL.Host == "api.shop.test" && strings.HasPrefix(r.URL.Opaque, "//")
		})},
		{"follows from another Host", "a 302 from another Host", follows(func(s *signer, req, earlier *http.Request) bool {
			return withinOrigin(s, req, earlier) || s.ours(req) && isOrigin(earlier.URL)
		})},
		{"follows from an opaque URL", "a 302 from an opaque URL with another host", follows(func(s *signer, req, earlier *http.Request) bool {
			return withinOrigin(s, req, earlier) || s.ours(req) && earlier.URL.Opaque != ""
		})},
		{"follows what begins with a slash", "a 301 to another host without a scheme", follows(func(s *signer, req, earlier *http.Request) bool {
			return withinOrigin(s, req, earlier) || strings.HasPrefix(location(req), "/")
		})},
		{"follows nothing without a host", "a 301 to a path", follows(func(s *signer, req, earlier *http.Request) bool {
			return withinOrigin(s, req, earlier) && strings.Contains(location(req), "//")
		})},
		{"takes what has no host for a path", "a 301 to an opaque URL, https:elsewhere.test", func(base http.RoundTripper) http.RoundTripper {
			return layer{newSigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
				if req.URL.Host != "" {
					return next.RoundTrip(req)
				}
				c := req.Clone(req.Context())
				c.URL = &url.URL{Scheme: "https", Host: "api.shop.test", Path: "/" + req.URL.Opaque}
				return next.RoundTrip(c)
			}}
		}},
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		code := strconv.Itoa(status)
		list = append(list, broken{"leaves the origin after " + code, "a " + code + " to another host", follows(func(s *signer, req, earlier *http.Request) bool {
			return withinOrigin(s, req, earlier) || req.Response.StatusCode == status && s.ours(earlier)
		})})
	}
	for _, status := range []int{302, 307} {
		code := strconv.Itoa(status)
		list = append(list, broken{"enters the origin after " + code, "a " + code + " from another host", follows(func(s *signer, req, earlier *http.Request) bool {
			return withinOrigin(s, req, earlier) || req.Response.StatusCode == status && s.ours(req)
		})})
	}
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assertBroken(t, "redirects", "redirects: GET /payments: "+c.want, testGet(t, api, c.wrap))
		})
	}
}

// withoutHead is a gateway that has no HEAD.
func withoutHead(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	signerGateway(w, r)
}

func TestAHeadIsTriedForEachGet(t *testing.T) {
	isHead := func(r *http.Request) bool { return r.Method == http.MethodHead }
	for _, c := range []struct {
		rules, name, want string
		wrap              wrapper
	}{
		{"origins,redirects", "does not sign it", "HEAD /payments: it is sent without credentials", ours(func(r *http.Request) bool {
			return toOrigin(r) && !isHead(r)
		})},
		{"origins,redirects", "signs it anywhere", "HEAD /payments: another host", ours(func(r *http.Request) bool {
			return toOrigin(r) || isHead(r)
		})},
		{"redirects", "follows it anywhere", "HEAD /payments: a 301 to another host", follows(func(s *signer, req, earlier *http.Request) bool {
			return withinOrigin(s, req, earlier) || isHead(req)
		})},
	} {
		for name, gateway := range map[string]http.HandlerFunc{"": signerGateway, ", without a HEAD": withoutHead} {
			t.Run(c.name+name, func(t *testing.T) {
				t.Parallel()
				assertBroken(t, c.rules, c.want, transporttest.TestRoundTripper(c.wrap, gateway, list(t)))
			})
		}
	}
	wrong := below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if isHead(req) && req.Response != nil {
			req.Header.Set("Signature", "0")
		}
		return next.RoundTrip(req)
	})
	assertBroken(t, "redirects", "HEAD /payments: a 301 to the same origin", testGet(t, api, wrong))
	assert.NoError(t, transporttest.TestRoundTripper(ours(toOrigin), http.HandlerFunc(withoutHead), list(t)), "a gateway without a HEAD")
	refuses := above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if isHead(req) {
			return nil, errOther
		}
		return next.RoundTrip(req)
	})
	assert.NoError(t, transporttest.TestRoundTripper(refuses, http.HandlerFunc(signerGateway), list(t)), "a RoundTripper without a HEAD")
}
