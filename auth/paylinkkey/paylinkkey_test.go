package paylinkkey_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkkey"
	"github.com/countersign/countersign/transport"
)

func Example() {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.URL, r.Header.Get("X-API-KEY") == "test-secret-key")
		fmt.Println(string(body))
	}))
	defer gateway.Close()

	shop, err := paylinkkey.New(paylinkkey.Config{
		BaseURL:  gateway.URL, // such as "https://api.payrexx.com"
		Instance: "example",
		Secret:   auth.NewSecret("test-secret-key"),
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(&http.Client{}, shop)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.PostForm(gateway.URL+"/v1.0/Invoice/", url.Values{"title": {"Monatliches Abo"}})
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	// Output:
	// /v1.0/Invoice/?instance=example true
	// title=Monatliches%20Abo
}

const (
	secret   = "test-secret-key"
	path     = "https://api.example.com/v1.0/Page/"
	formType = "application/x-www-form-urlencoded"
)

func config() paylinkkey.Config {
	return paylinkkey.Config{BaseURL: "https://api.example.com", Instance: "example", Secret: auth.NewSecret(secret)}
}

func example(t testing.TB) *paylinkkey.Authenticator {
	a, err := paylinkkey.New(config())
	require.NoError(t, err)
	return a
}

func newRequest(t testing.TB, method, query, contentType, body string) *http.Request {
	req, err := http.NewRequest(method, path, strings.NewReader(body))
	require.NoError(t, err)
	req.URL.RawQuery = query
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

func TestShapes(t *testing.T) {
	for _, c := range []struct{ name, method, query, contentType, body, wantQuery, wantBody string }{
		{"GET without parameters", "GET", "", "", "", "instance=example", ""},
		{"GET", "GET", "a=b+c&pm[]=visa", "", "", "a=b%20c&pm%5B0%5D=visa&instance=example", ""},
		{"GET with a JSON null", "GET", "a=1", "application/json", "null", "a=1&instance=example", ""},
		{"GET with a form that holds only a signature", "GET", "a=1", formType, "ApiSignature=x", "a=1&instance=example", ""},
		{"HEAD with a form that holds only a signature", "HEAD", "a=1", formType, "ApiSignature=x&instance=example", "a=1&instance=example", ""},
		{"PUT with a JSON null", "PUT", "", "application/json", "null", "instance=example", ""},
		{"DELETE with a JSON null", "DELETE", "a=1", "application/json", "null\n", "a=1&instance=example", ""},
		{"the vendor's examples", "POST", "", formType, "fields[custom_field_1][name][1]=a&fields[custom_field_1][name][4]=b&basket[0][name]=c", "instance=example",
			"fields%5Bcustom_field_1%5D%5Bname%5D%5B1%5D=a&fields%5Bcustom_field_1%5D%5Bname%5D%5B4%5D=b&basket%5B0%5D%5Bname%5D=c"},
		{"DELETE without a body", "DELETE", "a=b+c", "", "", "a=b%20c&instance=example", ""},
		{"DELETE with a form", "DELETE", "", formType, "a=b+c", "instance=example", "a=b%20c"},
		{"POST without a body", "POST", "instance=example", "", "", "instance=example", ""},
		{"a form", "POST", "", formType, "title=Monatliches+Abo&x=~", "instance=example", "title=Monatliches%20Abo&x=~"},
		{"a signature is left out", "POST", "", formType, "a=1&ApiSignature=x&instance=example", "instance=example", "a=1"},
		{"JSON passes untouched", "PUT", "", "application/json", `{"a" : "b+c"}`, "instance=example", `{"a" : "b+c"}`},
		{"other bodies pass untouched", "PATCH", "", "", "a+b", "instance=example", "a+b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest(t, c.method, c.query, c.contentType, c.body)
			req.Header["x-api-KEY"] = []string{"old"}
			require.NoError(t, example(t).Authenticate(req, nil))
			body, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			assert.Equal(t, c.wantQuery, req.URL.RawQuery)
			assert.Equal(t, c.wantBody, string(body))
			assert.EqualValues(t, len(body), req.ContentLength)
			assert.Equal(t, secret, req.Header.Get("X-API-KEY"))
			assert.NotContains(t, req.Header, "x-api-KEY", "an earlier header, in any spelling")
		})
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, method, query, contentType, body string
		code                                   error
		says                                   string
	}{
		{"a name twice", "GET", "pm=a&pm=b", "", "", auth.ErrParameter, `parameter "pm" is given twice`},
		{"a name twice in a form", "POST", "", formType, "pm=a&pm=b", auth.ErrParameter, `parameter "pm" is given twice`},
		{"another instance", "GET", "instance=elsewhere", "", "", auth.ErrParameter, `parameter "instance" is not the configured "example"`},
		{"query parameters beside a body", "POST", "a=1", "application/json", "{}", auth.ErrParameter, `parameter "a" stands in the query of a POST request`},
		{"GET with a body", "GET", "", formType, "a=1", auth.ErrRequest, "a GET request has a body"},
		{"GET with filters in JSON", "GET", "", "application/json", `{"limit":2}`, auth.ErrRequest, "put each member of its JSON into the query"},
		{"a method that repeats the request", "TRACE", "", "", "", auth.ErrRequest, `no method "TRACE"`},
		{"a method of proxies", "CONNECT", "", "", "", auth.ErrRequest, `no method "CONNECT"`},
		{"another method", "OPTIONS", "", "", "", auth.ErrRequest, `no method "OPTIONS"`},
		{"JSON that is called a form", "POST", "", formType, "\n{\"card\": \"elsewhere\"}", auth.ErrParameter, "they begin as JSON does"},
		{"JSON for a query", "GET", "%7B%22card%22%3A%22elsewhere%22%7D", "", "", auth.ErrParameter, "they begin as JSON does"},
		{"XML that is called a form", "POST", "", formType, "<card>elsewhere</card>", auth.ErrParameter, "they begin as XML does"},
		{"an ampersand within a value", "POST", "", formType, "purpose=Tom & elsewhere", auth.ErrParameter, "parameter 2 begins with a space"},
		{"a plus sign beside an at sign", "GET", "email=a+b@elsewhere.com", "", "", auth.ErrParameter, `parameter "email" has a plus sign beside " ", "%20" or "@"`},
		{"a plus sign beside %20", "POST", "", formType, "a=b+c&d=e%20f", auth.ErrParameter, `parameter "a" has a plus sign`},
		{"automatic indexes of groups", "POST", "", formType, "basket[][name]=a", auth.ErrParameter, `write the index, "basket[0][name]"`},
		{"a closing bracket", "GET", "a]b=1", "", "", auth.ErrParameter, `parameter "a]b" has a closing bracket`},
		{"indexes that are not in order", "GET", "a[1]=1&a[0]=2", "", "", auth.ErrParameter, `parameter "a[0]" has a lower index`},
		{"a value that is not UTF-8", "POST", "", formType, "a=%FC", auth.ErrParameter, `parameter "a" has a value that is not UTF-8`},
		{"too long", "POST", "", formType, "a=" + strings.Repeat("x", 100), auth.ErrBody, "longer than it may be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := config()
			config.MaxBody = 100
			a, err := paylinkkey.New(config)
			require.NoError(t, err)
			req := newRequest(t, c.method, c.query, c.contentType, c.body)
			err = a.Authenticate(req, nil)
			require.ErrorIs(t, err, c.code)
			assert.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, "countersign: authenticate "+c.method+" for https://api.example.com: ")
			assert.NotContains(t, err.Error(), "elsewhere", "no parameter's value")
			assert.Empty(t, req.Header.Get("X-API-KEY"))
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for name, edit := range map[string]func(*paylinkkey.Config){
		"no base URL": func(c *paylinkkey.Config) { c.BaseURL = "" },
		"plain http":  func(c *paylinkkey.Config) { c.BaseURL = "http://api.example.com" },
		"no instance": func(c *paylinkkey.Config) { c.Instance = "" },
		"the key":     func(c *paylinkkey.Config) { c.Instance = secret + "/+=" },
		"the pages":   func(c *paylinkkey.Config) { c.BaseURL = "https://example.payrexx.com" },
		"no secret":   func(c *paylinkkey.Config) { c.Secret = nil },
		"a newline":   func(c *paylinkkey.Config) { c.Secret = auth.NewSecret(secret + "\n") },
	} {
		t.Run(name, func(t *testing.T) {
			config := config()
			edit(&config)
			a, err := paylinkkey.New(config)
			assert.Nil(t, a)
			var e *auth.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "configure paylinkkey", e.Op)
			assert.NotContains(t, err.Error(), secret)
		})
	}
}

func TestNothingPrintsTheSecret(t *testing.T) {
	a := example(t)
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb, a)
		fmt.Fprintf(&out, verb, struct{ a *paylinkkey.Authenticator }{a})
		fmt.Fprintf(&out, verb, *a)
	}
	assert.NotContains(t, out.String(), secret)
	assert.Equal(t, `paylinkkey.Authenticator(https://api.example.com, instance "example")`, fmt.Sprint(a))
	var none *paylinkkey.Authenticator
	assert.Equal(t, "paylinkkey.Authenticator(nil)", fmt.Sprint(none))
	assert.Empty(t, none.Origins())
}

func TestTheZeroAuthenticatorSendsNothing(t *testing.T) {
	a := new(paylinkkey.Authenticator)
	assert.Equal(t, "paylinkkey.Authenticator()", fmt.Sprint(a))
	assert.Empty(t, a.Origins())
	assert.ErrorIs(t, a.Authenticate(newRequest(t, "POST", "", formType, "a=1"), nil), auth.ErrSecret)
}

func TestHeadersAreNotShared(t *testing.T) {
	one, another := newRequest(t, "POST", "", formType+"; charset=utf-8", "a=1"), newRequest(t, "POST", "", formType+"; charset=utf-8", "a=1")
	a := example(t)
	for _, req := range []*http.Request{one, another} {
		require.NoError(t, a.Authenticate(req, nil))
	}
	for _, name := range []string{"Content-Type", "X-Api-Key"} {
		one.Header[name][0] = "***"
		assert.NotEqual(t, "***", another.Header[name][0])
	}
}

// TestTooManyParametersCostLittle has a form of 7 MiB, of which no more is read than
// tells that there are too many.
func TestTooManyParametersCostLittle(t *testing.T) {
	var form strings.Builder
	for i := 0; form.Len() < 7<<20; i++ {
		fmt.Fprintf(&form, "%d&", i)
	}
	a := example(t)
	for _, length := range []int64{int64(form.Len()), -1} {
		req := newRequest(t, "POST", "", formType, form.String())
		req.ContentLength = length
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := a.Authenticate(req, nil)
		runtime.ReadMemStats(&after)
		assert.ErrorIs(t, err, auth.ErrParameter)
		assert.ErrorContains(t, err, "send fewer")
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(48<<20))
	}
}

// TestJSONOfUnknownLengthPasses has JSON that comes in pieces, of which the beginning
// is looked at.
func TestJSONOfUnknownLengthPasses(t *testing.T) {
	broken := errors.New("broken")
	for _, body := range []string{"", "{}", "[null]", `{"a":"` + strings.Repeat("x", 500) + `"}`, strings.Repeat(" ", 64) + "null"} {
		for _, rest := range []error{io.EOF, broken} {
			req := newRequest(t, "POST", "", "application/json", "")
			src := io.MultiReader(iotest.OneByteReader(strings.NewReader(body)), iotest.ErrReader(rest))
			closed := 0
			req.Body, req.ContentLength = closer{src, &closed}, -1
			require.NoError(t, example(t).Authenticate(req, nil))
			sent, err := io.ReadAll(req.Body)
			assert.Equal(t, body, string(sent))
			assert.Equal(t, rest == broken, err == broken)
			require.NoError(t, req.Body.Close())
			assert.Equal(t, 1, closed)
		}
	}
	req := newRequest(t, "PUT", "", "application/json", "")
	closed := 0
	req.Body, req.ContentLength = closer{strings.NewReader("null\n"), &closed}, -1
	require.NoError(t, example(t).Authenticate(req, nil))
	assert.Equal(t, http.NoBody, req.Body)
	assert.Empty(t, req.Header.Get("Content-Type"))
	assert.Equal(t, 1, closed)
}

type closer struct {
	io.Reader
	closed *int
}

func (c closer) Close() error {
	*c.closed++
	return nil
}

// TestTheKeyStaysAtItsOrigin has a gateway that redirects to another host.
func TestTheKeyStaysAtItsOrigin(t *testing.T) {
	reached := false
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer foreign.Close()
	gateway := httptest.NewServer(http.RedirectHandler(foreign.URL, http.StatusTemporaryRedirect))
	defer gateway.Close()
	config := config()
	config.BaseURL = gateway.URL
	a, err := paylinkkey.New(config)
	require.NoError(t, err)
	client, err := transport.Wrap(nil, a)
	require.NoError(t, err)
	_, err = client.PostForm(gateway.URL, url.Values{"amount": {"200"}})
	assert.ErrorIs(t, err, auth.ErrRedirect)
	assert.NotContains(t, err.Error(), secret)
	assert.False(t, reached)
}

// A redirect may repeat the key, and so may an error in place of an answer.
func TestTheKeyIsRedacted(t *testing.T) {
	a := example(t)
	req := newRequest(t, "GET", "", "", "")
	require.NoError(t, a.Authenticate(req, nil))
	for text, want := range map[string]string{
		"/x?key=" + secret + "&y=1":                       "/x?key=[redacted]&y=1",
		"https://x.example/" + secret + "#top":            "https://x.example/[redacted]#top",
		"/x?to=%2Fy%3Fk%3Dtest%252Dsecret%252Dkey&y=1":    "/x?to=%2Fy%3Fk%3D[redacted]&y=1",
		"malformed MIME header line: X-Api-Key " + secret: "malformed MIME header line: X-Api-Key [redacted]",
		"/x?key=another":                                  "/x?key=another",
	} {
		assert.Equal(t, want, a.Redact(req, text))
	}
	another := newRequest(t, "GET", "", "", "")
	assert.Equal(t, "/"+secret, a.Redact(another, "/"+secret), "it is not that of this request")
}
