package transport_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

func TestNewAndWrapRefuse(t *testing.T) {
	api := shop(t, "https://api.shop.test", "example")
	origin := api.Origins()[0]
	var failed *paylinkhmac.Authenticator // of a New whose error was ignored
	for name, c := range map[string]struct {
		authenticators []auth.Authenticator
		want           string
	}{
		"no authenticator":            {nil, "no authenticator is given"},
		"a nil authenticator":         {[]auth.Authenticator{api, nil}, "is nil"},
		"a nil pointer":               {[]auth.Authenticator{failed}, "has no origin: was the error of its New ignored?"},
		"no origin":                   {[]auth.Authenticator{auth.NewPerRequest()}, "has no origin"},
		"a nil PerRequest":            {[]auth.Authenticator{(*auth.PerRequest)(nil)}, "has no origin"},
		"the zero origin":             {[]auth.Authenticator{auth.NewPerRequest(origin, auth.Origin{})}, "zero origin"},
		"the same one twice":          {[]auth.Authenticator{api, api}, "https://api.shop.test: two authenticators have this origin"},
		"two with one origin":         {[]auth.Authenticator{api, shop(t, "https://API.shop.test:443/v1.0/", "bakery")}, "two authenticators have this origin: use auth.NewPerRequest"},
		"a static and a per-request":  {[]auth.Authenticator{auth.NewPerRequest(origin), api}, "two authenticators have this origin"},
		"one origin twice in a list":  {[]auth.Authenticator{auth.NewPerRequest(origin, origin)}, "two authenticators have this origin"},
		"a common one of two origins": {[]auth.Authenticator{auth.NewPerRequest(originOf(t, "https://a.test"), origin), auth.NewPerRequest(origin, originOf(t, "https://b.test"))}, "two authenticators have this origin"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := transport.New(nil, c.authenticators...)
			assert.Nil(t, tr)
			assertRefused(t, err, auth.ErrConfig)
			assert.ErrorContains(t, err, c.want)

			client, err := transport.Wrap(&http.Client{}, c.authenticators...)
			assert.Nil(t, client)
			assertRefused(t, err, auth.ErrConfig)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// Above a layer that traces, logs or retries, the signed request would be in its
// spans, logs and repetitions.
func TestWrapRefusesWhatMayBeALayer(t *testing.T) {
	a := shop(t, "https://api.shop.test", "example")
	refused := func(client *http.Client, want string) {
		t.Helper()
		before := http.RoundTripper(nil)
		if client != nil {
			before = client.Transport
		}
		wrapped, err := transport.Wrap(client, a)
		assert.Nil(t, wrapped)
		assertRefused(t, err, auth.ErrConfig)
		assert.EqualError(t, err, "countersign: configure the transport: "+want)
		if client != nil {
			assert.Equal(t, before, client.Transport)
		}
	}
	advice := func(below string) string {
		return ": if it traces, logs or retries, it would see signed requests or repeat them. Build from below: t, err := transport.New(" + below + ", ...), " +
			"then client.Transport = yourLayer(t). If it only connects, or stands in for a gateway in a test, give it to transport.New"
	}
	const twice = " authenticates already: give all authenticators to one call"
	signing := newTransport(t, nil, a)
	refused(&http.Client{Transport: &stub{}}, "the client's Transport is a *transport_test.stub"+advice("nil"))
	refused(&http.Client{Transport: signing}, "the client's Transport"+twice)
	refused(&http.Client{Transport: signing.PassOthers()}, "the client's Transport"+twice)
	wrapped, err := transport.Wrap(nil, a)
	require.NoError(t, err)
	refused(wrapped, "the client's Transport"+twice)

	connections := advice("&http.Transport{Proxy: http.ProxyFromEnvironment}")
	defer func(was http.RoundTripper) { http.DefaultTransport = was }(http.DefaultTransport)
	for base, want := range map[http.RoundTripper]string{&stub{}: " is a *transport_test.stub" + connections, signing: twice, nil: " is a <nil>" + connections} {
		http.DefaultTransport = base
		refused(nil, "http.DefaultTransport, which the client uses,"+want)
		refused(&http.Client{}, "http.DefaultTransport, which the client uses,"+want)
		_, err := transport.Wrap(&http.Client{Transport: &http.Transport{}}, a)
		assert.NoError(t, err, "a client with connections of its own does not use it")
	}
}

func TestWrapReturnsACopy(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	base := &http.Transport{}
	check := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client := &http.Client{Transport: base, Jar: jar, Timeout: time.Minute, CheckRedirect: check}
	wrapped, err := transport.Wrap(client, shop(t, "https://api.shop.test", "example"))
	require.NoError(t, err)

	assert.NotSame(t, client, wrapped)
	assert.Same(t, base, client.Transport, "the caller's client is untouched")
	assert.Same(t, base, wrapped.Transport.(*transport.Transport).Unwrap())
	assert.Same(t, jar, wrapped.Jar)
	assert.Equal(t, time.Minute, wrapped.Timeout)
	assert.NotNil(t, wrapped.CheckRedirect)
	wrapped.Timeout = 0
	assert.Equal(t, time.Minute, client.Timeout)
}

func TestTheDefaultTransportIsUsedWhereNoneIsGiven(t *testing.T) {
	n := newNetwork(t)
	gateway := n.host("http://127.0.0.1:80", nil)
	baseURL := "http://" + n.hosts["127.0.0.1:80"]
	a := shop(t, baseURL, "example")
	for name, client := range map[string]*http.Client{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			wrapped, err := transport.Wrap(client, a)
			require.NoError(t, err)
			assert.Same(t, http.DefaultTransport, wrapped.Transport.(*transport.Transport).Unwrap())
			resp, err := wrapped.PostForm(baseURL+"/v1.0/Invoice/", form)
			require.NoError(t, err)
			finish(t, resp)
			got := gateway.take()
			assert.Len(t, got, 1)
			assertSigned(t, got)
		})
	}
	assert.Same(t, http.DefaultTransport, newTransport(t, nil, a).Unwrap())
}

func TestTheZeroTransportRefusesEverything(t *testing.T) {
	for name, tr := range map[string]*transport.Transport{"as it is": {}, "with PassOthers": new(transport.Transport).PassOthers()} {
		t.Run(name, func(t *testing.T) {
			_, err := tr.RoundTrip(postForm(t, "https://api.shop.test"))
			assertRefused(t, err, auth.ErrOrigin)
			assert.ErrorContains(t, err, "transport.New")
			assert.Nil(t, tr.Unwrap())
			assert.NotPanics(t, tr.CloseIdleConnections)
			assert.Equal(t, "transport.Transport([])", fmt.Sprint(tr))
		})
	}
}

// It would panic in use only.
func TestABaseThatIsATypedNilIsRefused(t *testing.T) {
	a := shop(t, "https://api.shop.test", "example")
	for want, none := range map[string]http.RoundTripper{
		"the base is a nil *http.Transport":                 (*http.Transport)(nil),
		"the base is a nil transport_test.roundTripperFunc": roundTripperFunc(nil),
	} {
		_, err := transport.New(none, a)
		assertRefused(t, err, auth.ErrConfig)
		assert.ErrorContains(t, err, want)
		_, err = transport.Wrap(&http.Client{Transport: none}, a)
		assertRefused(t, err, auth.ErrConfig)
	}
}

func TestATransportPrintsNoSecret(t *testing.T) {
	tco, err := avangate.New(avangate.Config{BaseURL: "https://tco.test", MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("topsecret-of-2checkout")})
	require.NoError(t, err)
	client := &http.Client{Transport: newTransport(t, &stub{}, shop(t, "https://api.shop.test", "example"), tco)}
	for _, url := range []string{"https://api.shop.test", "https://tco.test/rest/6.0/orders/1/"} {
		_, err := client.Get(url) // what was computed once may be kept
		require.NoError(t, err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		assertClean(t, format, fmt.Sprintf(format, client))
		assertClean(t, format, fmt.Sprintf(format, client.Transport))
	}
}

func TestRequestsAreRoutedByOrigin(t *testing.T) {
	n := newNetwork(t)
	hosts := map[string]*host{ // by instance
		"example": n.host("https://api.shop.test", nil),
		"bakery":  n.host("https://api.shop.test:8443", nil),
		"florist": n.host("http://api.shop.test", nil),
	}
	var all []auth.Authenticator
	for instance, h := range hosts {
		all = append(all, shop(t, h.url, instance))
	}
	client := &http.Client{Transport: newTransport(t, n.transport, all...)}
	for instance, h := range hosts {
		resp, err := client.Do(postForm(t, h.url+"/v1.0/Invoice/"))
		require.NoError(t, err)
		finish(t, resp)
		for other, h := range hosts {
			got := h.take()
			if other != instance {
				assert.Empty(t, got, "%s received a request for %s", other, instance)
				continue
			}
			require.Len(t, got, 1)
			assert.Equal(t, instance, got[0].instance)
			assert.Equal(t, signedForm, got[0].signed)
			assertSigned(t, got)
		}
	}
}

// What a URL is spelled like decides where its request goes. These go to
// https://api.shop.test or https://[2001:db8::1], which are signed for.
func TestSpellingsOfASignedOrigin(t *testing.T) {
	base := &stub{}
	tr := newTransport(t, base, shop(t, "https://api.shop.test", "example"), shop(t, "https://[2001:db8::1]", "bakery"))
	for _, u := range []string{
		"https://api.shop.test/v1.0/Invoice/",
		"https://api.shop.test:443/v1.0/Invoice/",
		"https://api.shop.test:/v1.0/Invoice/",
		"https://API.Shop.TEST/v1.0/Invoice/",
		"HTTPS://api.shop.test",
		"https://user:password@api.shop.test/",
		"https://[2001:db8::1]/",
		"https://[2001:DB8::1]:443/",
	} {
		for _, hostHeader := range []string{"", "the URL's"} {
			t.Run(u+" "+hostHeader, func(t *testing.T) {
				for _, tr := range []*transport.Transport{tr, tr.PassOthers()} {
					base.got = nil
					req := postForm(t, u)
					if hostHeader == "" {
						req.Host = ""
					}
					resp, err := tr.RoundTrip(req)
					require.NoError(t, err)
					finish(t, resp)
					require.Len(t, base.got, 1)
					assert.NotEmpty(t, base.got[0].URL.Query().Get("instance"), "it was not signed")
				}
			})
		}
	}
	t.Run("Host may be spelled in another way of the same origin", func(t *testing.T) {
		for _, host := range []string{"API.SHOP.TEST", "api.shop.test:443", "api.shop.test:"} {
			req := postForm(t, "https://api.shop.test/")
			req.Host = host
			_, err := tr.RoundTrip(req)
			assert.NoError(t, err, "Host %q", host)
		}
	})
}

// These go elsewhere. They are refused, or with PassOthers sent as they are.
func TestSpellingsOfOtherOrigins(t *testing.T) {
	base := &stub{}
	tr := newTransport(t, base,
		shop(t, "https://api.shop.test", "example"), shop(t, "https://bücher.test", "bakery"), shop(t, "https://[2001:db8::1]", "florist"))
	for _, u := range []string{
		"http://api.shop.test/",
		"http://api.shop.test:443/",
		"https://api.shop.test:80/",
		"https://api.shop.test:8443/",
		"https://api.shop.test:0443/",
		"https://api.shop.test./",
		"https://shop.test/",
		"https://evil.api.shop.test/",
		"https://api.shop.test.evil.test/",
		"https://api.shop.test@evil.test/",
		"https://api.shop.test:443@evil.test/",
		"https://evil.test/https://api.shop.test/",
		"https://evil.test?api.shop.test",
		"https://evil.test#@api.shop.test",
		"https://a\u03c1i.shop.test/",      // a Greek rho
		"https://api.\u017fhop.test/",      // a long s, which folds to s
		"https://xn--bcher-kva.test/",      // bücher.test is configured
		"https://B\u00dcCHER.test/",        // not an ASCII letter
		"https://[2001:db8:0:0:0:0:0:1]/",  // not the configured spelling
		"https://[2001:db8::1%25eth0]/",    // with a zone
		"https://[::ffff:32.1.13.184]:443", // another address
		"wss://api.shop.test/",
		"ftp://api.shop.test:443/",
	} {
		t.Run(u, func(t *testing.T) {
			base.got = nil
			body := &trackedBody{Reader: strings.NewReader(form.Encode())}
			req := newRequest(t, http.MethodPost, u, body)
			_, err := tr.RoundTrip(req)
			assertRefused(t, err, auth.ErrOrigin)
			assert.ErrorContains(t, err, "no authenticator has this origin")
			assert.Empty(t, base.got, "it was sent")
			body.assertClosedOnce(t)

			body = &trackedBody{Reader: strings.NewReader(form.Encode())}
			req = newRequest(t, http.MethodPost, u, body)
			before := snap(req)
			resp, err := tr.PassOthers().RoundTrip(req)
			require.NoError(t, err)
			require.Len(t, base.got, 1)
			assert.Same(t, req, base.got[0], "it is passed on as it is")
			assert.Same(t, req, resp.Request)
			before.assertUnchanged(t, req)
			body.assertClosedOnce(t)
		})
	}
}

func TestPassOthersReturnsACopy(t *testing.T) {
	base := &stub{}
	tr := newTransport(t, base, shop(t, "https://api.shop.test", "example"))
	passing := tr.PassOthers()
	assert.NotSame(t, tr, passing)
	assert.Same(t, base, passing.Unwrap())

	_, err := tr.RoundTrip(postForm(t, "https://elsewhere.test"))
	assertRefused(t, err, auth.ErrOrigin)
	_, err = passing.RoundTrip(postForm(t, "https://elsewhere.test"))
	assert.NoError(t, err)
	assert.Equal(t, form.Encode(), base.bodies[0])
	_, err = passing.RoundTrip(postForm(t, "https://api.shop.test"))
	assert.NoError(t, err)
	assert.Contains(t, base.bodies[1], "&ApiSignature=", "PassOthers does not pass requests to a signed origin")
}

// A request to a signed origin that would in truth go elsewhere is refused,
// whatever the option says.
func TestRequestsThatGoElsewhereThanTheySeem(t *testing.T) {
	base := &stub{}
	tr := newTransport(t, base, shop(t, "https://api.shop.test", "example"))
	for name, change := range map[string]func(*http.Request){
		"opaque URL":                 func(r *http.Request) { r.URL.Opaque = "//evil.test/v1.0/Invoice/" },
		"opaque URL of its own host": func(r *http.Request) { r.URL.Opaque = "//api.shop.test/v1.0/Invoice/" },
		"Host of another":            func(r *http.Request) { r.Host = "evil.test" },
		"Host with another port":     func(r *http.Request) { r.Host = "api.shop.test:8443" },
		"Host with http's port":      func(r *http.Request) { r.Host = "api.shop.test:80" },
		"Host with trailing dot":     func(r *http.Request) { r.Host = "api.shop.test." },
		"Host with user information": func(r *http.Request) { r.Host = "user@api.shop.test" },
		"Host with path":             func(r *http.Request) { r.Host = "api.shop.test/path" },
		"Host with newline":          func(r *http.Request) { r.Host = "api.shop.test\r\nX: y" },
		"Host with space":            func(r *http.Request) { r.Host = "api.shop.test " },
		"path without slash":         func(r *http.Request) { r.URL.Path = "@evil.test/" },
		"raw path without slash":     func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/x", "%2Fx" },
		"Host in brackets":           func(r *http.Request) { r.Host = "[api.shop.test]" },
		"Host without name":          func(r *http.Request) { r.Host = ":443" },
	} {
		t.Run(name, func(t *testing.T) {
			for _, tr := range []*transport.Transport{tr, tr.PassOthers()} {
				body := &trackedBody{Reader: strings.NewReader(form.Encode())}
				req := newRequest(t, http.MethodPost, "https://api.shop.test/v1.0/Invoice/", body)
				change(req)
				before := snap(req)
				_, err := tr.RoundTrip(req)
				assertRefused(t, err, auth.ErrOrigin)
				before.assertUnchanged(t, req)
				body.assertClosedOnce(t)
				assert.Empty(t, base.got, "it was sent")
			}
		})
	}
}

// net/http writes these fields itself, and would write them twice.
func TestFieldsOfNetHTTPInAnotherSpellingAreRefused(t *testing.T) {
	for _, key := range []string{"host", "HOST", "content-length", "Content-length", "transfer-encoding", "trailer"} {
		base := &stub{}
		req := postForm(t, "https://api.shop.test")
		req.Header[key] = []string{"3"}
		_, err := newTransport(t, base, shop(t, "https://api.shop.test", "example")).RoundTrip(req)
		assertRefused(t, err, auth.ErrRequest)
		assert.ErrorContains(t, err, key)
		assert.Empty(t, base.got, "it was sent")
	}
	req := postForm(t, "https://api.shop.test")
	req.Header.Set("Content-Length", "3") // net/http leaves this one out
	req.Header["host-"], req.Header["x-trail"] = nil, []string{"fine"}
	_, err := newTransport(t, &stub{}, shop(t, "https://api.shop.test", "example")).RoundTrip(req)
	assert.NoError(t, err)
}

func TestErrorsHideThePasswordOfAURL(t *testing.T) {
	client := &http.Client{Transport: newTransport(t, &stub{}, shop(t, "https://api.shop.test", "example"))}
	for _, u := range []string{"https://user:topsecret@evil.test/", "https://user:topsecret@api.shop.test/?a=1&a=2"} {
		_, err := client.Get(u)
		if assert.Error(t, err) {
			assertClean(t, "the error", err.Error())
		}
	}
}

func TestErrorsNameTheOrigin(t *testing.T) {
	tr := newTransport(t, &stub{}, shop(t, "https://api.shop.test", "example"))
	_, err := tr.RoundTrip(postForm(t, "https://EVIL.test:8443/path"))
	assert.EqualError(t, err, "countersign: send POST for https://evil.test:8443: no authenticator has this origin: correct the URL, or call another service with another client; the authenticators are for https://api.shop.test")
	for served, want := range map[int]string{
		4: "https://0.test, https://1.test, https://2.test, https://3.test",
		5: "https://0.test, https://1.test, https://2.test, https://3.test, 1 more",
		6: "https://0.test, https://1.test, https://2.test, https://3.test, 2 more",
	} {
		var many []auth.Authenticator
		for i := range served {
			many = append(many, shop(t, fmt.Sprintf("https://%d.test", i), "example"))
		}
		_, err = newTransport(t, &stub{}, many...).RoundTrip(postForm(t, "https://evil.test/path"))
		require.Error(t, err)
		assert.True(t, strings.HasSuffix(err.Error(), "; the authenticators are for "+want), err.Error())
	}
}

// A URL that names no host has no origin to be named: "://:" helps nobody.
func TestErrorsOfRequestsWithoutHostReadWell(t *testing.T) {
	tr := newTransport(t, &stub{}, shop(t, "https://api.shop.test", "example"))
	for _, u := range []*url.URL{nil, {}, {Scheme: "https", Path: "/v1.0/Invoice/"}, {Scheme: "https", Opaque: "api.shop.test"}} {
		_, err := tr.RoundTrip(&http.Request{URL: u})
		assertRefused(t, err, auth.ErrOrigin)
		assert.NotContains(t, err.Error(), "://:")
	}
}

func TestConcurrentRequestsThroughOneTransport(t *testing.T) {
	const api = "http://api.shop.test"
	n := newNetwork(t)
	n.transport.MaxConnsPerHost = 8
	gateway := n.host(api, nil)
	client, err := transport.Wrap(&http.Client{Transport: n.transport}, shop(t, api, "example"))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			var resp *http.Response
			var err error
			if i%2 == 0 {
				resp, err = client.PostForm(api+"/v1.0/Invoice/", url.Values{"n": {fmt.Sprint(i)}, "text": {strings.Repeat("x", i)}})
			} else {
				resp, err = client.Get(fmt.Sprint(api, "/v1.0/Invoice/?n=", i))
			}
			if assert.NoError(t, err) {
				finish(t, resp)
			}
		})
	}
	wg.Wait()
	got := gateway.take()
	assert.Len(t, got, 100)
	assertSigned(t, got)
}

func originOf(t *testing.T, baseURL string) auth.Origin {
	t.Helper()
	o, err := auth.ParseOrigin(baseURL, true)
	require.NoError(t, err)
	return o
}
