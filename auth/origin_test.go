package auth_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

func TestParseOrigin(t *testing.T) {
	for _, c := range []struct{ baseURL, want string }{
		{"https://api.payrexx.com", "https://api.payrexx.com"},
		{"https://api.payrexx.com/", "https://api.payrexx.com"},
		{"https://api.payrexx.com/v1.0/Invoice/", "https://api.payrexx.com"}, // the path is ignored
		{"https://api.payrexx.com/a%2Fb//../c", "https://api.payrexx.com"},
		{"HTTPS://API.Payrexx.COM", "https://api.payrexx.com"},
		{"https://api.payrexx.com:443", "https://api.payrexx.com"}, // the default port is the same origin
		{"https://api.payrexx.com:443/v1.0/", "https://api.payrexx.com"},
		{"https://api.payrexx.com:", "https://api.payrexx.com"},
		{"https://api.payrexx.com:8443", "https://api.payrexx.com:8443"},
		{"https://api.payrexx.com:80", "https://api.payrexx.com:80"},
		{"https://api.payrexx.com.", "https://api.payrexx.com."}, // another spelling is another origin
		{"https://bücher.example", "https://bücher.example"},
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"https://BÜCHER.example", "https://bÜcher.example"}, // ASCII letters only
		{"https://\u212Aelvin.example", "https://\u212Aelvin.example"},
		{"https://192.0.2.1", "https://192.0.2.1"},
		{"https://[2001:db8::1]", "https://[2001:db8::1]"},
		{"https://[2001:DB8::1]:443/", "https://[2001:db8::1]"},
		{"https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"},
		{"https://[FE80::A%25Eth0]:443", "https://[fe80::a%25Eth0]"},
		{"https://[fe80::1%25en%251]:8443", "https://[fe80::1%25en%251]:8443"},

		// Loopback may be plain.
		{"http://127.0.0.1", "http://127.0.0.1"},
		{"http://127.0.0.1:80", "http://127.0.0.1"},
		{"http://127.0.0.1:8080/v1.0/", "http://127.0.0.1:8080"},
		{"http://127.9.9.9:443", "http://127.9.9.9:443"},
		{"http://[::1]:8080", "http://[::1]:8080"},
		{"http://localhost:8080", "http://localhost:8080"},
		{"http://LOCALHOST", "http://localhost"},
	} {
		t.Run(c.baseURL, func(t *testing.T) {
			for _, insecure := range []bool{false, true} {
				got, err := auth.ParseOrigin(c.baseURL, insecure)
				require.NoError(t, err)
				assert.Equal(t, c.want, got.String())

				again, err := auth.ParseOrigin(got.String(), insecure)
				require.NoError(t, err, "its own spelling")
				assert.Equal(t, got, again, "its own spelling")
			}
		})
	}
}

func TestParseOriginRefusesPlainHTTPUnlessItIsAllowed(t *testing.T) {
	for _, baseURL := range []string{
		"http://api.payrexx.com",
		"http://api.payrexx.com:443",
		"HTTP://api.payrexx.com",
		"http://10.0.0.1",
		"http://192.168.1.1:8080",
		"http://0.0.0.0",
		"http://[::]:80",
		"http://[2001:db8::1]",
		"http://localhost.",
		"http://localhost.example",
		"http://127.0.0.1.example",
		"http://127.1", // the resolver's short form is no address here
		"http://2130706433",
		"http://0x7f.0.0.1",
	} {
		t.Run(baseURL, func(t *testing.T) {
			_, err := auth.ParseOrigin(baseURL, false)
			assert.ErrorContains(t, err, "not encrypted")
			_, err = auth.ParseOrigin(baseURL, true)
			assert.NoError(t, err, "with allowInsecureHTTP")
		})
	}
}

func TestParseOriginRefusesWhatIsNotABaseURL(t *testing.T) {
	const noHost, more, scheme, malformed = "names no host", "more than scheme, host and path", "scheme", "malformed"
	for _, c := range []struct{ baseURL, want string }{
		{"", noHost},
		{"https://", noHost},
		{"https:///path", noHost},
		{"https://:443", noHost},
		{"/v1.0/", noHost},
		{"api.payrexx.com", noHost},
		{"//api.payrexx.com", ""},
		{"https:api.payrexx.com", noHost},
		{"mailto:someone@example.com", ""},

		{"https://user@api.payrexx.com", more},
		{"https://user:hunter2@api.payrexx.com", more},
		{"https://:hunter2@api.payrexx.com", more},
		{"https://@api.payrexx.com", more},
		{"https://api.payrexx.com?", more},
		{"https://api.payrexx.com/?secret=hunter2", more},
		{"https://api.payrexx.com/#hunter2", more},
		{"http://user:hunter2@127.0.0.1", more},

		{"ws://api.payrexx.com:80", scheme},
		{"ftp://user:hunter2@api.payrexx.com:21", ""},
		{"file://api.payrexx.com:1/path", scheme},

		{"https://api payrexx.com", malformed},
		{"https://api.payrexx.com:port", malformed},
		{"https://user:hunter2@api.payrexx.com:port", malformed},
		{"https://user:hunter2@[::1", malformed},
		{"https://api.payrexx.com/%zz?hunter2", malformed},
		{"https://%zz", malformed},
		{"https://api.payrexx.com\n", malformed},
		{"https://api.payrexx.com\x00hunter2", malformed},
		{" https://user:hunter2@api.payrexx.com", malformed},
		{"://user:hunter2@api.payrexx.com", malformed},
		{"https://[::1]hunter2", malformed},
	} {
		t.Run(fmt.Sprintf("%q", c.baseURL), func(t *testing.T) {
			for _, insecure := range []bool{false, true} {
				o, err := auth.ParseOrigin(c.baseURL, insecure)
				if !assert.Error(t, err) {
					continue
				}
				assert.Zero(t, o)
				assert.ErrorContains(t, err, c.want)
				assertRedacted(t, err.Error())
			}
		})
	}
}

// Each of these is what a typing error makes of a URL with a password. What net/url
// makes of it is an opaque URL or a path, which its Redacted does not redact.
func TestParseOriginNeverEchoesAPasswordOfAMistypedURL(t *testing.T) {
	for _, baseURL := range []string{
		"https:user:hunter2@api.payrexx.com",
		"https:/user:hunter2@api.payrexx.com",
		"https:///user:hunter2@api.payrexx.com",
		"user:hunter2@api.payrexx.com",
		"//user:hunter2@",
		"https://user:hunter2@",
		"https://user:hunter2@:443",
		"https:///?secret=hunter2",
		"?secret=hunter2",
		"#hunter2",
	} {
		t.Run(baseURL, func(t *testing.T) {
			_, err := auth.ParseOrigin(baseURL, false)
			if assert.Error(t, err) {
				assertRedacted(t, err.Error())
			}
		})
	}
}

// The message must be about the scheme: the host is there.
func TestParseOriginNamesAForeignScheme(t *testing.T) {
	for _, baseURL := range []string{"ftp://api.payrexx.com", "wss://api.payrexx.com/v1.0/", "ftp://api.payrexx.com:21"} {
		_, err := auth.ParseOrigin(baseURL, false)
		assert.ErrorContains(t, err, "scheme", "ParseOrigin(%q)", baseURL)
	}
}

func TestOrigins(t *testing.T) {
	const same, other = true, false
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"https://api.example.com", "https://api.example.com:443", same},
		{"https://api.example.com", "https://api.example.com:", same},
		{"https://api.example.com", "https://API.EXAMPLE.COM", same},
		{"https://api.example.com", "https://api.example.com/v1.0/?a=b#c", same},
		{"https://abcdefghijklmnopqrstuvwxyz.example", "https://ABCDEFGHIJKLMNOPQRSTUVWXYZ.example", same},
		{"https://api.example.com", "https://user:password@api.example.com", same},
		{"http://api.example.com", "http://api.example.com:80", same},
		{"https://[2001:db8::a]", "https://[2001:DB8::A]:443", same},

		{"https://api.example.com", "http://api.example.com", other},
		{"https://api.example.com", "http://api.example.com:443", other},
		{"https://api.example.com", "https://api.example.com:8443", other},
		{"https://api.example.com", "https://api.example.com:0443", other},
		{"https://api.example.com", "https://api.example.com:80", other},
		{"https://api.example.com", "https://example.com", other},
		{"https://api.example.com", "https://www.api.example.com", other},
		{"https://api.example.com", "https://api.example.com.", other},
		{"https://api.example.com", "https://api.example.com.evil.test", other},
		{"https://api.example.com", "https://api.example.com@evil.test", other},
		{"https://api.example.com", "https://apixexample.com", other},
		{"https://bücher.example", "https://xn--bcher-kva.example", other},
		{"https://bücher.example", "https://BÜCHER.example", other},
		{"https://kelvin.example", "https://\u212Aelvin.example", other}, // KELVIN SIGN, which strings.ToLower makes a k
		{"https://kelvin.example", "https://%E2%84%AAelvin.example", other},
		{"https://istanbul.example", "https://\u0130stanbul.example", other}, // capital I with a dot
		{"https://shop.example", "https://\u017Fhop.example", other},         // long s
		{"https://A\xff.example", "https://a\uFFFD.example", other},          // not UTF-8
		{"https://127.0.0.1", "https://localhost", other},
		{"https://[::1]", "https://[0:0:0:0:0:0:0:1]", other},
		{"https://[::1]", "https://[::1%25lo]", other},
		{"https://[fe80::a%25eth0]", "https://[FE80::A%25eth0]:443", same},
		{"https://[fe80::1%25eth0]", "https://[fe80::1%25ETH0]", other}, // two interfaces
		{"https://127.0.0.1", "https://[::ffff:127.0.0.1]", other},
	} {
		t.Run(c.a+" "+c.b, func(t *testing.T) {
			a, b := auth.OriginOf(parse(t, c.a)), auth.OriginOf(parse(t, c.b))
			if (a == b) != c.want {
				t.Errorf("got %v and %v, want them to be the same: %v", a, b, c.want)
			}
		})
	}
}

func TestOriginOfNobody(t *testing.T) {
	for _, u := range []*url.URL{
		{},
		{Scheme: "https"},
		{Scheme: "https", Opaque: "//api.example.com/"},
		{Scheme: "https", Host: ":443"},
		{Scheme: "https", Path: "api.example.com"},
		{Host: "api.example.com"},
		{Scheme: "HTTPS", Host: "api.example.com"}, // url.Parse makes it lower case
		{Scheme: "ftp", Host: "api.example.com"},
		{Scheme: "https", Host: "[]"},
		{Scheme: "https", Host: "[api.example.com]:443"}, // brackets are for IPv6
		{Scheme: "https", Host: "[2001:db8::1"},
		{Scheme: "https", Host: "2001:db8::1"}, // and IPv6 is for brackets
	} {
		assert.Zero(t, auth.OriginOf(u), "OriginOf(%#v)", u)
	}
	zero := auth.OriginOf(&url.URL{})
	assert.Zero(t, zero.WithHost("api.example.com"), "the zero Origin has no scheme to go with a host")
	assert.NotContains(t, zero.String(), ":", "the zero Origin in an error's text")
}

func TestWithHost(t *testing.T) {
	origin := auth.OriginOf(parse(t, "https://api.example.com"))
	for host, want := range map[string]string{
		"api.example.com":      "https://api.example.com",
		"API.example.com":      "https://api.example.com",
		"api.example.com:443":  "https://api.example.com",
		"api.example.com:80":   "https://api.example.com:80",
		"api.example.com:8443": "https://api.example.com:8443",
		"other.example.com":    "https://other.example.com",
		"[::1]":                "https://[::1]",
		"[::1]:8443":           "https://[::1]:8443",
		"[FE80::1%Eth0]:8443":  "https://[fe80::1%25Eth0]:8443",
	} {
		assert.Equal(t, want, origin.WithHost(host).String(), "WithHost(%q)", host)
	}
	assert.Zero(t, origin.WithHost(""))
}

func TestCovers(t *testing.T) {
	one, two := origin(t, "https://one.example"), origin(t, "https://two.example")
	a := &authenticator{origins: []auth.Origin{one}}
	assert.True(t, auth.Covers(a, one))
	assert.False(t, auth.Covers(a, two))
	assert.False(t, auth.Covers(a, auth.Origin{}))
	assert.False(t, auth.Covers(&authenticator{}, one))
}

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}

func origin(t *testing.T, baseURL string) auth.Origin {
	t.Helper()
	o, err := auth.ParseOrigin(baseURL, false)
	require.NoError(t, err)
	return o
}

type authenticator struct{ origins []auth.Origin }

func (a *authenticator) Origins() []auth.Origin { return a.origins }

func (a *authenticator) Authenticate(*http.Request, http.RoundTripper) error { return nil }
