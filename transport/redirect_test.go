package transport_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkkey"
	"github.com/countersign/countersign/transport"
)

var redirects = []int{301, 302, 303, 307, 308}

func redirectTo(status int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}
}

// clients are the ways to use the package, with and without the option.
func clients(t *testing.T, base http.RoundTripper, authenticators ...auth.Authenticator) map[string]*http.Client {
	t.Helper()
	tr := newTransport(t, base, authenticators...)
	all := map[string]*http.Client{
		"RoundTripper":                 {Transport: tr},
		"RoundTripper with PassOthers": {Transport: tr.PassOthers()},
	}
	if _, ok := base.(*http.Transport); !ok {
		return all
	}
	for _, passes := range []bool{false, true} {
		wrapped, err := transport.Wrap(&http.Client{Transport: base}, authenticators...)
		require.NoError(t, err)
		name := "wrapped client"
		if passes {
			wrapped.Transport = wrapped.Transport.(*transport.Transport).PassOthers()
			name += " with PassOthers"
		}
		all[name] = wrapped
	}
	return all
}

var redirected = map[string]func(t *testing.T, url string) *http.Request{
	"GET": func(t *testing.T, url string) *http.Request {
		return newRequest(t, "GET", url+"?name="+privateValue, nil)
	},
	"POST":   postForm,
	"DELETE": func(t *testing.T, url string) *http.Request { return newRequest(t, "DELETE", url, nil) },
}

// However many hops there are, and wherever they began.
func TestChainsOfRedirects(t *testing.T) {
	n := newNetwork(t)
	gateway := n.host("https://api.shop.test", nil)
	second := n.host("https://api.second.test", nil)
	one, two := n.host("https://one.test", nil), n.host("https://two.test", nil)
	tr := newTransport(t, n.transport, shop(t, gateway.url, "example"), shop(t, second.url, "bakery"))
	client := &http.Client{Transport: tr.PassOthers()}
	for _, c := range []struct {
		name  string
		chain []string
		got   [4]int // requests at gateway, second, one, two
		want  error
	}{
		{"foreign to foreign is nobody's business", []string{one.url, two.url}, [4]int{0, 0, 1, 1}, nil},
		{"foreign to signed", []string{one.url, gateway.url}, [4]int{0, 0, 1, 0}, auth.ErrRedirect},
		{"foreign to foreign to signed", []string{one.url, two.url, gateway.url}, [4]int{0, 0, 1, 1}, auth.ErrRedirect},
		{"signed to itself", []string{gateway.url, gateway.url}, [4]int{2, 0, 0, 0}, nil},
		{"signed to itself to foreign", []string{gateway.url, gateway.url, one.url}, [4]int{2, 0, 0, 0}, auth.ErrRedirect},
		{"signed to another signed one", []string{gateway.url, second.url}, [4]int{1, 0, 0, 0}, auth.ErrRedirect},
		{"signed to foreign and back", []string{gateway.url, one.url, gateway.url}, [4]int{1, 0, 0, 0}, auth.ErrRedirect},
	} {
		for _, status := range redirects {
			for _, method := range []string{"GET", "POST"} {
				if method == "POST" && status < 307 {
					continue // the method changes
				}
				t.Run(fmt.Sprintf("%s/%d/%s", c.name, status, method), func(t *testing.T) {
					hop := func(w http.ResponseWriter, r *http.Request) {
						var i int
						fmt.Sscanf(r.URL.Path, "/%d/", &i)
						if i+1 < len(c.chain) {
							redirectTo(status, fmt.Sprintf("%s/%d/", c.chain[i+1], i+1))(w, r)
						}
					}
					hosts := []*host{gateway, second, one, two}
					for _, h := range hosts {
						h.setAnswer(hop)
					}
					var body io.Reader
					if method == "POST" {
						body = strings.NewReader(form.Encode())
					}
					resp, err := client.Do(newRequest(t, method, c.chain[0]+"/0/", body))
					finish(t, resp)
					if c.want == nil {
						assert.NoError(t, err)
					} else {
						assertRefused(t, err, c.want)
					}
					for i, h := range hosts {
						got := h.take()
						assert.Len(t, got, c.got[i], "requests at %s", h.url)
						if i < 2 {
							assertSigned(t, got)
							continue
						}
						for _, r := range got {
							assertClean(t, "what a foreign host gets", fmt.Sprint(r.url, r.header))
							assert.ErrorIs(t, r.err, auth.ErrUnsigned)
						}
					}
				})
			}
		}
	}
}

// The rule stands in RoundTrip: there is no http.Client here.
func TestRedirectsWithoutAClient(t *testing.T) {
	const api, foreign, third = "https://api.shop.test", "https://evil.test", "https://third.test"
	base := &stub{}
	tr := newTransport(t, base, shop(t, api, "example"), headerAuth{originOf(t, "https://header.test"), nil})
	for _, c := range []struct {
		name   string
		method string
		from   string // "" for a response without request
		was    string // the earlier method
		to     string
		passes bool
		want   error
	}{
		{"same origin, same method", "GET", api, "GET", api, false, nil},
		{"the empty method is GET", "GET", api, "", api, false, nil},
		{"the empty method is GET, either way", "", api, "GET", api, false, nil},
		{"same origin in another spelling", "GET", "https://API.shop.test:443/x", "GET", api, false, nil},
		{"other method", "GET", api, "POST", api, false, auth.ErrRedirect},
		{"other case of the method", "get", api, "GET", api, false, auth.ErrRedirect},
		{"leaves", "GET", api, "GET", foreign, false, auth.ErrRedirect},
		{"leaves, with PassOthers", "GET", api, "GET", foreign, true, auth.ErrRedirect},
		{"enters", "GET", foreign, "GET", api, false, auth.ErrRedirect},
		{"enters, with PassOthers", "GET", foreign, "GET", api, true, auth.ErrRedirect},
		{"goes from scheme to scheme of credentials", "GET", "https://header.test", "GET", api, true, auth.ErrRedirect},
		{"nobody's business", "GET", foreign, "POST", third, true, nil},
		{"nobody's business, without PassOthers", "GET", foreign, "POST", third, false, auth.ErrOrigin},
		{"response without request", "GET", "", "", api, false, auth.ErrRedirect},
		{"response without request, with PassOthers", "GET", "", "", foreign, true, auth.ErrRedirect},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := tr
			if c.passes {
				tr = tr.PassOthers()
			}
			base.got = nil
			req := newRequest(t, "GET", c.to, nil)
			req.Method = c.method
			req.Response = &http.Response{StatusCode: 302}
			if c.from != "" {
				req.Response.Request = newRequest(t, "GET", c.from, nil)
				req.Response.Request.Method = c.was
			}
			before := snap(req)
			_, err := tr.RoundTrip(req)
			before.assertUnchanged(t, req)
			if c.want == nil {
				assert.NoError(t, err)
				assert.Len(t, base.got, 1)
				return
			}
			assertRefused(t, err, c.want)
			if c.from == c.to {
				assert.ErrorContains(t, err, "turn "+c.was+" into "+c.method)
			}
			assert.Empty(t, base.got, "it was sent")
		})
	}
}

// TestErrorsOfRedirectsSayWhatWasSent: the request that was answered, and nothing to
// where the answer leads.
func TestErrorsOfRedirectsSayWhatWasSent(t *testing.T) {
	const api = "https://api.shop.test"
	tr := newTransport(t, &stub{}, shop(t, api, "example"))
	follow := func(from, to string) error {
		req := newRequest(t, "GET", to, nil)
		req.Response = &http.Response{StatusCode: 302, Request: postForm(t, from)}
		_, err := tr.RoundTrip(req)
		return err
	}
	assert.EqualError(t, follow(api, "https://evil.test/pay"), "countersign: follow the redirect of POST for https://api.shop.test: "+
		"the redirect leads to https://evil.test, and nothing was sent there: call the final URL, if that is where the request belongs")
	assert.EqualError(t, follow("https://other.test", api), "countersign: follow the redirect of POST for https://other.test: "+
		"the redirect leads to https://api.shop.test, and nothing was sent there: call the final URL, if that is where the request belongs")
	assert.EqualError(t, follow(api, api), "countersign: follow the redirect of POST for https://api.shop.test: "+
		"the redirect would turn POST into GET, and is not followed: call the final URL, often the same with a slash at its end")
}

// CheckRedirect stays the user's: to see a redirect is not to follow it.
func TestErrUseLastResponseGivesTheRedirect(t *testing.T) {
	n := newNetwork(t)
	gateway, foreign := n.host("https://api.shop.test", nil), n.host("https://evil.test", nil)
	for kind, client := range clients(t, n.transport, shop(t, gateway.url, "example")) {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		for _, status := range redirects {
			for method, request := range redirected {
				t.Run(fmt.Sprintf("%s/%d/%s", kind, status, method), func(t *testing.T) {
					gateway.setAnswer(redirectTo(status, foreign.url+"/pay?id=7#top"))
					resp, err := client.Do(request(t, gateway.url))
					require.NoError(t, err)
					finish(t, resp)
					assert.Equal(t, status, resp.StatusCode)
					assert.Equal(t, foreign.url+"/pay?id=7#top", resp.Header.Get("Location"), "it is left as it is")
					assertSigned(t, gateway.take())
					assert.Empty(t, foreign.take())
				})
			}
		}
	}
}

// A 307 whose body cannot be had again is the caller's to handle, as in net/http.
func TestARedirectThatCannotResendTheBodyIsGivenToTheCaller(t *testing.T) {
	n := newNetwork(t)
	gateway := n.host("https://api.shop.test", redirectTo(307, "/to/"))
	client := &http.Client{Transport: newTransport(t, n.transport, shop(t, gateway.url, "example"))}
	resp, err := client.Do(newRequest(t, "POST", gateway.url, io.NopCloser(strings.NewReader(form.Encode()))))
	require.NoError(t, err)
	finish(t, resp)
	assert.Equal(t, 307, resp.StatusCode)
	assert.Len(t, gateway.take(), 1)
}

// reflections are ways in which a gateway may quote the request in a Location. The
// query is the one that it received, signature and all.
var reflections = map[string]func(r *http.Request) string{
	"a slash more":       func(r *http.Request) string { return r.URL.Path + "/?" + r.URL.RawQuery },
	"absolute":           func(r *http.Request) string { return "https://api.shop.test/x/?" + r.URL.RawQuery },
	"to another host":    func(r *http.Request) string { return "https://evil.test/?" + r.URL.RawQuery },
	"without a path":     func(r *http.Request) string { return "?" + r.URL.RawQuery },
	"before a fragment":  func(r *http.Request) string { return "/x/?" + r.URL.RawQuery + "#top" },
	"in another order":   func(r *http.Request) string { return "/x/?" + r.URL.Query().Encode() },
	"twice":              func(r *http.Request) string { return "/x/?" + r.URL.RawQuery + "&" + r.URL.RawQuery },
	"in a malformed URL": func(r *http.Request) string { return "/%zz?" + r.URL.RawQuery },
	"in the fragment":    func(r *http.Request) string { return "/x/#" + r.URL.RawQuery },
	"in a parameter":     func(r *http.Request) string { return "/login?next=" + url.QueryEscape(r.URL.RequestURI()) },
	"in a parameter, as it is": func(r *http.Request) string {
		return "/login?next=/?ApiSignature=" + url.QueryEscape(r.URL.Query().Get("ApiSignature"))
	},
}

// checks are what a client may do with a redirect. Each ends in a text that people
// log.
var checks = map[string]func(*http.Request, []*http.Request) error{
	"followed":        nil,
	"last response":   func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	"refused by user": func(*http.Request, []*http.Request) error { return errors.New("no redirects, please") },
}

// However a gateway quotes the signature in its Location, neither that nor an error
// nor a Referer shows it.
func TestAReflectedSignatureIsNotShown(t *testing.T) {
	for name, reflection := range reflections {
		for check, checkRedirect := range checks {
			for sender, u := range map[string]string{
				"":               "https://api.shop.test/v1.0/Invoice?page=1",
				"no parameters/": "https://api.shop.test/v1.0/Invoice",
				// The caller's own is stale, and ours takes its place.
				"signed by the caller/": "https://api.shop.test/v1.0/Invoice?page=1&ApiSignature=stale",
			} {
				t.Run(sender+name+"/"+check, func(t *testing.T) {
					n := newNetwork(t)
					gateway := n.host("https://api.shop.test", func(w http.ResponseWriter, r *http.Request) {
						redirectTo(302, reflection(r))(w, r)
					})
					foreign := n.host("https://evil.test", nil)
					client, err := transport.Wrap(&http.Client{Transport: n.transport, CheckRedirect: checkRedirect}, shop(t, gateway.url, "example"))
					require.NoError(t, err)
					resp, err := client.Get(u)
					finish(t, resp)
					text := fmt.Sprint(err)
					if resp != nil {
						text += fmt.Sprint(" ", resp.Header)
					}
					got := gateway.take()
					for _, r := range got {
						text += " " + r.header.Get("Referer")
					}
					assertHides(t, text, got)
					assertSigned(t, got)
					assert.Empty(t, foreign.take())
				})
			}
		}
	}
}

// A gateway that quotes the form in its Location: a 302 to a POST is refused, with
// the URL in the error's text.
func TestAReflectedFormIsNotShown(t *testing.T) {
	for check, checkRedirect := range checks {
		for _, target := range []string{"/x/?", "https://evil.test/?"} {
			t.Run(check+"/"+target, func(t *testing.T) {
				n := newNetwork(t)
				gateway := n.host("https://api.shop.test", func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					redirectTo(302, target+string(body))(w, r)
				})
				client, err := transport.Wrap(&http.Client{Transport: n.transport, CheckRedirect: checkRedirect}, shop(t, gateway.url, "example"))
				require.NoError(t, err)
				resp, err := client.PostForm(gateway.url, form)
				finish(t, resp)
				text := fmt.Sprint(err)
				if resp != nil {
					text += fmt.Sprint(" ", resp.Header)
				}
				assertHides(t, text, gateway.take())
			})
		}
	}
}

func TestEveryLocationHeaderIsCleaned(t *testing.T) {
	n := newNetwork(t)
	gateway := n.host("https://api.shop.test", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Location"] = []string{"/plain/", "/x/?" + r.URL.RawQuery}
		w.WriteHeader(302)
	})
	client := &http.Client{Transport: newTransport(t, n.transport, shop(t, gateway.url, "example")), CheckRedirect: checks["last response"]}
	resp, err := client.Get(gateway.url)
	require.NoError(t, err)
	finish(t, resp)
	assertHides(t, fmt.Sprint(resp.Header), gateway.take())
}

// What is taken out of a Location is the signature alone: the rest keeps its
// spelling.
func TestALocationKeepsWhatIsNotTheSignature(t *testing.T) {
	base := &stub{}
	tr := newTransport(t, base, shop(t, "https://api.shop.test", "example"))
	const cleaned = "b=%7e&a=+1&ApiSignature=&instance=example"
	for location, want := range map[string]string{
		"/x/?Q":                     "/x/?" + cleaned,
		"/x/?Q#f?g":                 "/x/?" + cleaned + "#f?g",
		"/x/?c=%C3%a4&Q&d":          "/x/?c=%C3%a4&" + cleaned + "&d",
		"/x/?apisignature=z&c":      "/x/?apisignature=&c",
		"/x/?myApiSignature=z":      "/x/?myApiSignature=z",
		"/x/?ApiSignatures=z":       "/x/?ApiSignatures=z",
		"/instance/ApiSignature":    "/instance/ApiSignature",
		"/x/?next=ApiSignature":     "/x/?next=ApiSignature",
		"/x/?a=b;c&&d=&":            "/x/?a=b;c&&d=&",
		"https://u:p@h.test:8/?a=%": "https://u:p@h.test:8/?a=%",
		"":                          "",
		"/x/?":                      "/x/?",
		"/x/":                       "/x/",
	} {
		base.respond = func(r *http.Request) (*http.Response, error) {
			resp := response(302, "")
			sent := strings.Replace(cleaned, "&instance", url.QueryEscape(r.URL.Query().Get("ApiSignature"))+"&instance", 1)
			resp.Header.Set("Location", strings.ReplaceAll(location, "Q", sent))
			return resp, nil
		}
		resp, err := tr.RoundTrip(newRequest(t, "GET", "https://api.shop.test/?b=%7e&a=+1", nil))
		require.NoError(t, err)
		assert.Equal(t, want, resp.Header.Get("Location"), "of %q", location)
	}
}

// assertHides fails if a text holds one of the signatures that were received, as it
// is or escaped.
func assertHides(t *testing.T, text string, got []received) {
	t.Helper()
	unescape := strings.NewReplacer("%25", "%", "%2B", "+", "%2F", "/", "%3D", "=", "%2b", "+", "%2f", "/", "%3d", "=")
	plain := text
	for range 3 {
		plain += "\n" + unescape.Replace(plain)
	}
	require.NotEmpty(t, got)
	for _, r := range got {
		require.NotEmpty(t, r.signature)
		if strings.Contains(plain, r.signature) {
			t.Errorf("got %q, which shows the signature %s", text, r.signature)
			return
		}
	}
}

// headerReflections are ways in which a gateway may quote a header in a Location.
var headerReflections = map[string]func(value string) string{
	"escaped":             func(v string) string { return "/x/?k=" + url.QueryEscape(v) },
	"escaped twice":       func(v string) string { return "/login?next=" + url.QueryEscape("/x/?k="+url.QueryEscape(v)) },
	"in the path":         func(v string) string { return "/x/" + url.PathEscape(v) },
	"to another host":     func(v string) string { return "https://evil.test/?k=" + url.QueryEscape(v) },
	"in a malformed URL":  func(v string) string { return "https://[evil.test/" + v },
	"in base64":           func(v string) string { return "/x/?k=" + base64.URLEncoding.EncodeToString([]byte("k:"+v)) },
	"the longest word":    func(v string) string { return "/x/?k=" + longestWord(v) },
	"in a malformed port": func(v string) string { return "https://api.shop.test:" + longestWord(v) + "/" },
}

func longestWord(text string) (longest string) {
	for _, word := range strings.Split(text, `"`) {
		if len(word) > len(longest) {
			longest = word
		}
	}
	return longest
}

// However a gateway quotes a credential of the header in its Location, nothing that
// people log shows it, and what else stands there is left.
func TestAReflectedHeaderIsNotShown(t *testing.T) {
	key, err := paylinkkey.New(paylinkkey.Config{BaseURL: "https://api.shop.test", Instance: "example", Secret: secrets["example"]})
	require.NoError(t, err)
	tco, err := avangate.New(avangate.Config{BaseURL: "https://api.shop.test", MerchantCode: "YOURCODE123", SecretKey: secrets["example"]})
	require.NoError(t, err)
	for header, a := range map[string]auth.Authenticator{"X-Api-Key": key, "X-Avangate-Authentication": tco} {
		for name, reflection := range headerReflections {
			for check, checkRedirect := range checks {
				t.Run(header+"/"+name+"/"+check, func(t *testing.T) {
					n := newNetwork(t)
					credential := ""
					gateway := n.host("https://api.shop.test", func(w http.ResponseWriter, r *http.Request) {
						if got := r.Header.Get(header); credential == "" {
							credential = got
						}
						redirectTo(302, reflection(r.Header.Get(header)))(w, r)
					})
					client, err := transport.Wrap(&http.Client{Transport: n.transport, CheckRedirect: checkRedirect}, a)
					require.NoError(t, err)
					resp, err := client.Get(gateway.url + "/rest/6.0/orders/")
					finish(t, resp)
					text := fmt.Sprint(err)
					if resp != nil {
						text += fmt.Sprint(" ", resp.Header)
					}
					require.NotEmpty(t, credential)
					word := longestWord(credential)
					assert.NotContains(t, text, word)
					encoded := base64.RawURLEncoding.EncodeToString([]byte("k:" + credential))
					assert.NotContains(t, text, encoded[len(encoded)/2:])
				})
			}
		}
	}
}

func TestALocationKeepsWhatIsNoCredentialOfTheHeader(t *testing.T) {
	key, err := paylinkkey.New(paylinkkey.Config{BaseURL: "https://api.shop.test", Instance: "example", Secret: secrets["example"]})
	require.NoError(t, err)
	base := &stub{}
	tr := newTransport(t, base, key)
	for _, location := range []string{"/x/?a=%7e&b=+#c", "/x/?accept=application/json&agent=a-caller-of-some-length", "/%zz", ""} {
		base.respond = func(*http.Request) (*http.Response, error) {
			resp := response(302, "")
			resp.Header.Set("Location", location)
			return resp, nil
		}
		req := newRequest(t, "GET", "https://api.shop.test/", nil)
		req.Header.Set("User-Agent", "a-caller-of-some-length")
		req.Header.Set("Accept", "application/json")
		resp, err := tr.RoundTrip(req)
		require.NoError(t, err)
		assert.Equal(t, location, resp.Header.Get("Location"))
	}
}

// What an Authenticator that redacts nothing itself has put into the header is sought
// in a Location as far as it is long enough to be no other word. The order in which a
// header is read is another each time.
func TestWhatOfAHeaderIsSoughtInALocation(t *testing.T) {
	const signed = "id=seven77, mac=12345678abcdefgh"
	a := &headerSetter{originOf(t, "https://api.shop.test"), http.Header{
		"Mac":          {signed, "8letters"},
		"Short":        {"7letter"},
		"Accept":       {"application/json"},
		"Content-Type": {"text/plain"},
		"User-Agent":   {"a-caller-of-some-length", "and-its-second-value"},
	}}
	for i := range 5 {
		a.header[fmt.Sprintf("Other-%d", i)] = []string{fmt.Sprintf("another-credential-%d", i)}
	}
	const gone = auth.Redacted
	for location, want := range map[string]string{
		"/?q=8letters":                "/?q=" + gone,
		"/?q=7letter":                 "/?q=7letter",
		"/?q=12345678abcdefgh":        "/?q=" + gone,
		"/?q=12345678abcdefg":         "/?q=12345678abcdefg",
		"/?q=seven77":                 "/?q=seven77",
		"/?q=application/json":        "/?q=application/json",
		"/?q=text/plain":              "/?q=text/plain",
		"/?q=a-caller-of-some-length": "/?q=a-caller-of-some-length",
		"/?q=and-its-second-value":    "/?q=" + gone,
		"/?q=another-credential-0/another-credential-4": "/?q=" + gone + "/" + gone,
	} {
		for range 20 {
			base := &stub{respond: func(*http.Request) (*http.Response, error) {
				resp := response(302, "")
				resp.Header.Set("Location", location)
				return resp, nil
			}}
			req := newRequest(t, "GET", "https://api.shop.test/", nil)
			req.Header.Set("User-Agent", "a-caller-of-some-length")
			resp, err := newTransport(t, base, a).RoundTrip(req)
			require.NoError(t, err)
			require.Equal(t, want, resp.Header.Get("Location"))
		}
	}
}

// A headerSetter sets fields of a header.
type headerSetter struct {
	origin auth.Origin
	header http.Header
}

func (h *headerSetter) Origins() []auth.Origin { return []auth.Origin{h.origin} }

func (h *headerSetter) Authenticate(req *http.Request, _ http.RoundTripper) error {
	maps.Copy(req.Header, h.header)
	return nil
}
