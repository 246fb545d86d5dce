package paylinkhmac_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

const (
	secret   = "test-secret-key"
	path     = "https://api.example.com/v1.0/Page/"
	formType = "application/x-www-form-urlencoded"
	// emptySignature is the signature over the empty string, escaped; it stands in
	// testdata/paylink.json.
	emptySignature = "0QEbWTAnBA3yeozdepWvMCFSOQmJSiFAM8abUI%2FLmwU%3D"
)

func example(t testing.TB) *paylinkhmac.Authenticator {
	return newAuthenticator(t, paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: "example", Secret: auth.NewSecret(secret)})
}

// TestShapes says, for every shape of a request, what becomes of it. SIG stands
// for a signature, which TestVectors compares.
func TestShapes(t *testing.T) {
	for _, c := range []struct {
		name, method, query, contentType, body string
		wantQuery, wantType, wantBody          string
	}{
		{name: "SignatureCheck signs the empty string", method: "GET",
			wantQuery: "ApiSignature=" + emptySignature + "&instance=example"},
		{name: "a missing method is GET",
			wantQuery: "ApiSignature=" + emptySignature + "&instance=example"},
		{name: "GET signs the query", method: "GET", query: "limit=2&offset=30",
			wantQuery: "limit=2&offset=30&ApiSignature=SIG&instance=example"},
		{name: "HEAD signs the query", method: "HEAD", query: "limit=2",
			wantQuery: "limit=2&ApiSignature=SIG&instance=example"},
		{name: "DELETE without a body signs the query", method: "DELETE", query: "id=17",
			wantQuery: "id=17&ApiSignature=SIG&instance=example"},
		{name: "DELETE with a body signs the body", method: "DELETE", contentType: formType, body: "id=17",
			wantQuery: "instance=example", wantType: formType, wantBody: "id=17&ApiSignature=SIG"},
		{name: "POST without a body gets a form", method: "POST",
			wantQuery: "instance=example", wantType: formType, wantBody: "ApiSignature=" + emptySignature},
		{name: "PUT without a body gets a form, whatever its type was", method: "PUT", contentType: "application/json",
			wantQuery: "instance=example", wantType: formType, wantBody: "ApiSignature=" + emptySignature},
		{name: "PATCH signs the body", method: "PATCH", contentType: formType + "; charset=utf-8", body: "a=1",
			wantQuery: "instance=example", wantType: formType, wantBody: "a=1&ApiSignature=SIG"},

		{name: "a plus sign that is a space travels as %20", method: "POST", contentType: formType, body: "title=Monatliches+Abo",
			wantQuery: "instance=example", wantType: formType, wantBody: "title=Monatliches%20Abo&ApiSignature=SIG"},
		{name: "automatic indexes are written out", method: "POST", contentType: formType, body: "pm[]=visa&pm[]=twint",
			wantQuery: "instance=example", wantType: formType, wantBody: "pm%5B0%5D=visa&pm%5B1%5D=twint&ApiSignature=SIG"},
		{name: "groups are put together", method: "POST", contentType: formType, body: "f[a]=1&x=2&f[b]=3",
			wantQuery: "instance=example", wantType: formType, wantBody: "f%5Ba%5D=1&f%5Bb%5D=3&x=2&ApiSignature=SIG"},
		{name: "empty pairs fall away, empty values stay", method: "POST", contentType: formType, body: "&a=&&b&",
			wantQuery: "instance=example", wantType: formType, wantBody: "a=&b=&ApiSignature=SIG"},

		{name: "an earlier signature is replaced in a query", method: "GET", query: "a=1&ApiSignature=old&instance=example",
			wantQuery: "a=1&ApiSignature=SIG&instance=example"},
		{name: "an earlier signature is replaced in a body", method: "POST", contentType: formType, body: "ApiSignature=old&a=1", query: "instance=example&ApiSignature=old",
			wantQuery: "instance=example", wantType: formType, wantBody: "a=1&ApiSignature=SIG"},
		{name: "the right instance moves from the body to the query", method: "POST", contentType: formType, body: "instance=example&a=1",
			wantQuery: "instance=example", wantType: formType, wantBody: "a=1&ApiSignature=SIG"},
		{name: "a name in another case is a parameter", method: "GET", query: "apisignature=1&Instance=2",
			wantQuery: "apisignature=1&Instance=2&ApiSignature=SIG&instance=example"},

		{name: "a JSON null on GET is dropped", method: "GET", query: "a=1", contentType: "application/json", body: "null\n",
			wantQuery: "a=1&ApiSignature=SIG&instance=example"},
		{name: "a form on GET that holds only a signature is dropped", method: "GET", query: "a=1", contentType: formType, body: "ApiSignature=" + emptySignature,
			wantQuery: "a=1&ApiSignature=SIG&instance=example"},
		{name: "a form on GET that holds only what is the gateway's is dropped", method: "GET", query: "a=1", contentType: formType, body: "ApiSignature=" + emptySignature + "&instance=example",
			wantQuery: "a=1&ApiSignature=SIG&instance=example"},
		{name: "a form on HEAD that holds only a signature is dropped", method: "HEAD", query: "a=1", contentType: formType, body: "ApiSignature=old",
			wantQuery: "a=1&ApiSignature=SIG&instance=example"},
		{name: "a form on DELETE that holds only a signature is signed anew", method: "DELETE", contentType: formType, body: "ApiSignature=old",
			wantQuery: "instance=example", wantType: formType, wantBody: "ApiSignature=" + emptySignature},
		{name: "a JSON null on PUT is no body", method: "PUT", contentType: "application/json", body: "null",
			wantQuery: "instance=example", wantType: formType, wantBody: "ApiSignature=" + emptySignature},
		{name: "a JSON null on PATCH is no body", method: "PATCH", contentType: "application/json; charset=utf-8", body: " null\n",
			wantQuery: "instance=example", wantType: formType, wantBody: "ApiSignature=" + emptySignature},
		{name: "a JSON null on POST is no body", method: "POST", contentType: "application/json", body: "null",
			wantQuery: "instance=example", wantType: formType, wantBody: "ApiSignature=" + emptySignature},
		{name: "a JSON null on DELETE is no body", method: "DELETE", query: "a=1", contentType: "application/json", body: "null",
			wantQuery: "a=1&ApiSignature=SIG&instance=example"},
		{name: "the vendor's examples", method: "POST", contentType: formType,
			body:      "fields[custom_field_1][name][1]=Kurs&fields[custom_field_1][name][2]=Course&fields[custom_field_1][name][4]=Corso&basket[0][name][1]=a&basket[0][amount]=1",
			wantQuery: "instance=example", wantType: formType,
			wantBody: "fields%5Bcustom_field_1%5D%5Bname%5D%5B1%5D=Kurs&fields%5Bcustom_field_1%5D%5Bname%5D%5B2%5D=Course&fields%5Bcustom_field_1%5D%5Bname%5D%5B4%5D=Corso" +
				"&basket%5B0%5D%5Bname%5D%5B1%5D=a&basket%5B0%5D%5Bamount%5D=1&ApiSignature=SIG"},
		{name: "an empty JSON object on GET is dropped", method: "GET", query: "a=1", contentType: "application/json", body: "{}",
			wantQuery: "a=1&ApiSignature=SIG&instance=example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest(t, c.method, path, c.body)
			req.Method = c.method
			req.URL.RawQuery = c.query
			req.Header = make(http.Header)
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			if c.method == "GET" && c.body != "" {
				req.TransferEncoding = []string{"chunked"}
				req.Header["content-encoding"] = []string{"gzip"}
				req.Header.Set("Content-Length", "2")
			}
			require.NoError(t, example(t).Authenticate(req, nil))
			if c.method == "GET" {
				assert.Empty(t, req.Header, "what belongs to the body is gone with it")
				assert.Empty(t, req.TransferEncoding)
			}
			body := bodyOf(t, req)
			assert.Equal(t, c.wantQuery, withoutSignature(c.wantQuery, req.URL.RawQuery))
			assert.Equal(t, c.wantBody, withoutSignature(c.wantBody, body))
			assert.Equal(t, c.wantType, req.Header.Get("Content-Type"))
			assert.EqualValues(t, len(body), req.ContentLength)
			if body != "" {
				again, err := req.GetBody()
				require.NoError(t, err)
				b, _ := io.ReadAll(again)
				assert.Equal(t, body, string(b), "GetBody")
			}
			req.Body = io.NopCloser(strings.NewReader(body))
			_, err := (&paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}).Verify(req)
			assert.NoError(t, err, "verified")
		})
	}
}

// withoutSignature writes SIG for the signature where want does.
func withoutSignature(want, got string) string {
	if !strings.Contains(want, "SIG") {
		return got
	}
	head, tail, _ := strings.Cut(got, "ApiSignature=")
	_, rest, found := strings.Cut(tail, "&")
	if found {
		rest = "&" + rest
	}
	return head + "ApiSignature=SIG" + rest
}

func TestSigningAgainChangesNothing(t *testing.T) {
	a := example(t)
	for _, method := range []string{"GET", "POST", "DELETE"} {
		req := newRequest(t, method, path, "")
		if method != "POST" {
			req.URL.RawQuery = "a=b+c&d[]=e~"
		}
		require.NoError(t, a.Authenticate(req, nil))
		query, body := req.URL.RawQuery, bodyOf(t, req)
		if req.GetBody != nil {
			req.Body, _ = req.GetBody()
		}
		require.NoError(t, a.Authenticate(req, nil))
		assert.Equal(t, query, req.URL.RawQuery)
		assert.Equal(t, body, bodyOf(t, req))
	}
}

// TestRefused has every refusal with the words that help.
func TestRefused(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&p%d=1", i)
		}
		return b.String()[1:]
	}
	form := http.Header{"Content-Type": {formType}}
	for _, c := range []struct {
		name, method, query, body string
		header                    http.Header
		edit                      func(*http.Request)
		code                      error
		says                      string
	}{
		{name: "repeated", method: "POST", header: form, body: "pm=a&pm=b", code: auth.ErrParameter, says: `parameter "pm" is given twice, and PHP keeps the last only: name a list's elements "pm[0]", "pm[1]"`},
		{name: "repeated in a group", method: "GET", query: "f[a]=1&f[a]=2", code: auth.ErrParameter, says: `parameter "f[a]" is given twice`},
		{name: "malformed escape", method: "GET", query: "a=100%", code: auth.ErrParameter, says: `parameter "a" has a malformed %-escape in its value: write a percent sign as %25`},
		{name: "999 in a query", method: "GET", query: many(999), code: auth.ErrParameter, says: "there are more than 998 parameters"},
		{name: "1000 in a form", method: "POST", header: form, body: many(1000), code: auth.ErrParameter, says: "there are more than 999 parameters"},
		{name: "another instance", method: "GET", query: "instance=other", code: auth.ErrParameter, says: `parameter "instance" is not the configured "example"`},
		{name: "another instance in the body", method: "POST", header: form, body: "instance=other", code: auth.ErrParameter, says: `parameter "instance" is not the configured "example"`},
		{name: "instance with brackets", method: "GET", query: "instance[a]=1", code: auth.ErrParameter, says: `parameter "instance" has brackets`},
		{name: "ApiSignature with brackets", method: "GET", query: "ApiSignature[]=1", code: auth.ErrParameter, says: `parameter "ApiSignature" has brackets`},
		{name: "an image as text", method: "POST", header: form, body: "headerImage=x", code: auth.ErrParameter, says: `parameter "headerImage" is an image: send it as a file`},
		{name: "query parameters beside a body", method: "POST", header: form, query: "a=1", body: "b=1", code: auth.ErrParameter, says: `parameter "a" stands in the query of a POST request`},
		{name: "query parameters of a POST without a body", method: "POST", query: "a=1", code: auth.ErrParameter, says: `parameter "a" stands in the query of a POST request`},

		{name: "GET with a form", method: "GET", header: form, body: "a=1", code: auth.ErrRequest, says: "a GET request has a body"},
		{name: "HEAD with a long body", method: "HEAD", header: form, body: strings.Repeat("a", 100), code: auth.ErrRequest, says: "a HEAD request has a body"},
		{name: "text body", method: "POST", header: http.Header{"Content-Type": {"text/plain"}}, body: "a", code: auth.ErrRequest, says: `a body of the type "text/plain" cannot be signed`},
		{name: "no type", method: "POST", header: http.Header{}, body: "a=1", code: auth.ErrRequest, says: "the body has no Content-Type"},
		{name: "malformed type", method: "POST", header: http.Header{"Content-Type": {"a/b/c;"}}, body: "a=1", code: auth.ErrRequest, says: "malformed"},
		{name: "a type that PHP does not know", method: "POST", header: http.Header{"Content-Type": {formType + "\t; charset=utf-8"}}, body: "a=1", code: auth.ErrRequest, says: "malformed"},
		{name: "a type that is no ASCII", method: "POST", header: http.Header{"Content-Type": {"appl\u0130cation/x-www-form-urlencoded"}}, body: "a=1", code: auth.ErrRequest, says: "malformed"},
		{name: "a charset that PHP ignores", method: "POST", header: http.Header{"Content-Type": {formType + "; charset=utf-16"}}, body: "a=1", code: auth.ErrRequest, says: `charset "utf-16"`},
		{name: "JSON that is called a form", method: "POST", header: form, body: `{"card": "other"}`, code: auth.ErrParameter, says: "they begin as JSON does, with a bracket: set the Content-Type application/json"},
		{name: "JSON behind white space that is called a form", method: "POST", header: form, body: "\ufeff \n[\"other\"]", code: auth.ErrParameter, says: "they begin as JSON does"},
		{name: "JSON that is escaped as a form", method: "POST", header: form, body: "%7B%22card%22%3A%22other%22%7D=", code: auth.ErrParameter, says: "they begin as JSON does"},
		{name: "JSON for a query", method: "GET", query: `{"card":"other"}`, code: auth.ErrParameter, says: "they begin as JSON does"},
		{name: "XML that is called a form", method: "POST", header: form, body: "<card>other</card>", code: auth.ErrParameter, says: "they begin as XML does"},
		{name: "a quoted text that is called a form", method: "POST", header: form, body: `"card=other"`, code: auth.ErrParameter, says: "they begin with a quote"},
		{name: "an ampersand within a value", method: "POST", header: form, body: "purpose=Tom & other other", code: auth.ErrParameter, says: "parameter 2 begins with a space, which PHP drops: leave it out, and write an ampersand in a value as %26"},
		{name: "text beside a body", method: "POST", header: form, query: "ü the other", body: "b=1", code: auth.ErrParameter, says: `parameter 1 has a ' '`},
		{name: "odd text beside a body", method: "POST", header: form, query: "a{other}", body: "b=1", code: auth.ErrParameter, says: `a parameter, which begins "a", stands in the query of a POST request`},
		{name: "a plus sign beside an at sign", method: "GET", query: "email=a+other@example.com", code: auth.ErrParameter, says: `parameter "email" has a plus sign beside " ", "%20" or "@", and could mean a space or itself: write every space as %20 and a plus sign as %2B`},
		{name: "a plus sign beside %20", method: "POST", header: form, body: "email=a+b%40example.com&title=an%20other", code: auth.ErrParameter, says: `parameter "email" has a plus sign`},
		{name: "automatic indexes of groups", method: "POST", header: form, body: "basket[][name]=a&basket[][amount]=1", code: auth.ErrParameter, says: `write the index, "basket[0][name]"`},
		{name: "a closing bracket", method: "GET", query: "a]b=1", code: auth.ErrParameter, says: `parameter "a]b" has a closing bracket`},
		{name: "indexes that are not in order", method: "GET", query: "a[1]=1&a[0]=2", code: auth.ErrParameter, says: `parameter "a[0]" has a lower index`},
		{name: "a value that is not UTF-8", method: "GET", query: "a=%FC", code: auth.ErrParameter, says: `parameter "a" has a value that is not UTF-8`},
		{name: "GET with filters in JSON", method: "GET", header: http.Header{"Content-Type": {"application/json"}}, body: `{"limit":2}`, code: auth.ErrRequest, says: "put each member of its JSON into the query, as name=value, and leave the body out"},
		{name: "GET with many filters in JSON", method: "GET", header: http.Header{"Content-Type": {"application/json"}}, body: `{"a":"` + strings.Repeat("x", 2000) + `"}`, code: auth.ErrRequest, says: "put each member of its JSON into the query"},
		{name: "GET with a form of another instance", method: "GET", header: form, body: "instance=other", code: auth.ErrRequest, says: "a GET request has a body"},
		{name: "two signatures", method: "GET", query: "ApiSignature=1&ApiSignature=2", code: auth.ErrParameter, says: `parameter "ApiSignature" is not right as it stands: leave it out`},
		{name: "two types", method: "POST", header: http.Header{"Content-Type": {formType}, "content-type": {"text/plain"}}, body: "a=1", code: auth.ErrRequest, says: "the header has Content-Type 2 times"},
		{name: "compressed", method: "POST", header: http.Header{"Content-Type": {formType}, "Content-Encoding": {"gzip"}}, body: "a=1", code: auth.ErrRequest, says: `Content-Encoding "gzip"`},
		{name: "compressed, without a body", method: "POST", header: http.Header{"Content-Encoding": {"gzip"}}, code: auth.ErrRequest, says: `Content-Encoding "gzip"`},
		{name: "a trailer", method: "POST", header: form, body: "a=1", edit: func(r *http.Request) { r.Trailer = http.Header{"X": nil} }, code: auth.ErrRequest, says: "trailer"},
		{name: "a method that repeats the request", method: "TRACE", code: auth.ErrRequest, says: `no method "TRACE"`},
		{name: "another method", method: "OPTIONS", code: auth.ErrRequest, says: `no method "OPTIONS"`},

		{name: "too long by its header", method: "POST", header: form, body: "a=" + strings.Repeat("x", 2000), code: auth.ErrBody, says: "longer than it may be, 1024 bytes"},
		{name: "too long without a length", method: "POST", header: form, body: "a=" + strings.Repeat("x", 2000), edit: func(r *http.Request) { r.ContentLength = -1 }, code: auth.ErrBody, says: "longer than it may be, 1024 bytes"},
		{name: "too long once it is signed", method: "POST", header: form, body: "a=" + strings.Repeat("+", 500), code: auth.ErrBody, says: "as it is to be sent"},
		{name: "no body and a length", method: "POST", edit: func(r *http.Request) { r.Body, r.ContentLength = nil, 5 }, code: auth.ErrBody, says: "there is no body and ContentLength says 5"},
		{name: "shorter than its length", method: "POST", header: form, body: "a=1", edit: func(r *http.Request) { r.ContentLength = 5 }, code: auth.ErrBody, says: "the body has 3 bytes or more and ContentLength says 5"},
		{name: "longer than its length", method: "POST", header: form, body: "a=100", edit: func(r *http.Request) { r.ContentLength = 3 }, code: auth.ErrBody, says: "ContentLength says 3"},
		{name: "broken in the middle", method: "POST", header: form, body: "a=1", edit: func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("a"), iotest.ErrReader(io.ErrUnexpectedEOF)))
		}, code: io.ErrUnexpectedEOF, says: "the body cannot be read"},
		{name: "broken at once, without a type", method: "POST", header: http.Header{}, body: "a=1", edit: func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)), -1
		}, code: io.ErrUnexpectedEOF, says: "the body cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAuthenticator(t, paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: "example", Secret: auth.NewSecret(secret), MaxBody: 1024})
			if c.name == "1000 in a form" {
				a = example(t)
			}
			req := newRequest(t, c.method, path, c.body)
			req.URL.RawQuery = c.query
			req.Header = c.header.Clone()
			if req.Header == nil {
				req.Header = make(http.Header)
			}
			if c.edit != nil {
				c.edit(req)
			}
			body := &closeCounter{Reader: req.Body}
			if req.Body != nil {
				req.Body = body
			}
			err := a.Authenticate(req, nil)
			require.ErrorIs(t, err, c.code)
			assert.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "other", "no parameter's value")
			if c.body != "" {
				req.Body.Close()
				assert.Equal(t, 1, body.closed, "closed once, by the caller or before")
			}
		})
	}
}

// net/http leaves a body that turns out to be empty as it is, with a length that
// is not known.
func TestEmptyBodyNeedsNoType(t *testing.T) {
	for method, want := range map[string]string{
		"POST":   "instance=example",
		"DELETE": "ApiSignature=" + emptySignature + "&instance=example",
	} {
		req := newRequest(t, method, path, "")
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader("")), -1
		require.NoError(t, example(t).Authenticate(req, nil))
		assert.Equal(t, want, req.URL.RawQuery, method)
	}
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

func TestMostParameters(t *testing.T) {
	var b strings.Builder
	for i := range 999 {
		fmt.Fprintf(&b, "&p%d=1", i)
	}
	assert.NoError(t, example(t).Authenticate(newRequest(t, "POST", path, b.String()[1:]), nil))
	query := strings.TrimSuffix(b.String()[1:], "&p998=1")
	assert.NoError(t, example(t).Authenticate(newRequest(t, "GET", path+"?"+query, ""), nil))
}

func TestNewRefuses(t *testing.T) {
	good := paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: "example", Secret: auth.NewSecret(secret)}
	for _, c := range []struct {
		name string
		edit func(*paylinkhmac.Config)
		code error
		says string
	}{
		{"no base URL", func(c *paylinkhmac.Config) { c.BaseURL = "" }, auth.ErrConfig, "names no host"},
		{"plain http", func(c *paylinkhmac.Config) { c.BaseURL = "http://api.example.com" }, auth.ErrConfig, "not encrypted"},
		{"no instance", func(c *paylinkhmac.Config) { c.Instance = "" }, auth.ErrConfig, "no instance is given"},
		{"a host for an instance", func(c *paylinkhmac.Config) { c.Instance = "example.payrexx.com" }, auth.ErrConfig, `the instance is not a name`},
		{"the secret for an instance", func(c *paylinkhmac.Config) { c.Instance = secret + "+/=" }, auth.ErrConfig, `the instance is not a name`},
		{"the host of the pages", func(c *paylinkhmac.Config) { c.BaseURL = "https://Example.payrexx.com/v1.0/" }, auth.ErrConfig, "https://example.payrexx.com has the pages, and the API is at https://api.payrexx.com: give that as the base URL"},
		{"a URL for an instance", func(c *paylinkhmac.Config) { c.Instance = "https://example" }, auth.ErrConfig, "is not a name"},
		{"a space in an instance", func(c *paylinkhmac.Config) { c.Instance = "example " }, auth.ErrConfig, "is not a name"},
		{"no secret", func(c *paylinkhmac.Config) { c.Secret = nil }, auth.ErrSecret, "no secret is given"},
		{"an empty secret", func(c *paylinkhmac.Config) { c.Secret = auth.NewSecret("") }, auth.ErrSecret, "the secret is empty"},
		{"a secret with a newline", func(c *paylinkhmac.Config) { c.Secret = auth.NewSecret(secret + "\n") }, auth.ErrSecret, "white space"},
		{"a negative size", func(c *paylinkhmac.Config) { c.MaxBody = -1 }, auth.ErrConfig, "negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := good
			c.edit(&config)
			a, err := paylinkhmac.New(config)
			assert.Nil(t, a)
			require.ErrorIs(t, err, c.code)
			assert.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), secret)
		})
	}
	a := newAuthenticator(t, paylinkhmac.Config{BaseURL: "http://api.example.com", AllowInsecureHTTP: true, Instance: "example", Secret: auth.Env("COUNTERSIGN_NOT_SET")})
	assert.ErrorIs(t, a.Authenticate(newRequest(t, "GET", path, ""), nil), auth.ErrSecret, "other sources are asked at each request")
}

func TestRotation(t *testing.T) {
	current := "old-test-secret"
	a := newAuthenticator(t, paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: "example",
		Secret: auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.NewSecret(current), nil })})
	for _, current = range []string{"old-test-secret", "new-test-secret", "new-test-secret", "old-test-secret"} {
		req := newRequest(t, "GET", path+"?a=1", "")
		require.NoError(t, a.Authenticate(req, nil))
		_, err := (&paylinkhmac.Verifier{Secret: auth.NewSecret(current)}).Verify(req)
		assert.NoError(t, err)
	}
	current = "line\n"
	assert.ErrorIs(t, a.Authenticate(newRequest(t, "GET", path, ""), nil), auth.ErrSecret)
}

func TestConcurrentUse(t *testing.T) {
	a := example(t)
	verifier := &paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 20 {
				req := newRequest(t, "POST", path, fmt.Sprintf("a=%d&b=%d", i, j))
				if !assert.NoError(t, a.Authenticate(req, nil)) {
					return
				}
				found, err := verifier.Verify(req)
				assert.NoError(t, err)
				assert.Equal(t, fmt.Sprintf("a=%d&b=%d", i, j), found.StringToSign)
			}
		})
	}
	wg.Wait()
}

func TestNothingPrintsTheSecret(t *testing.T) {
	a := example(t)
	req := newRequest(t, "GET", path, "")
	require.NoError(t, a.Authenticate(req, nil)) // now it holds a keyed state
	v := &paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}
	_, err := v.Verify(req)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "a", a)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "a", a)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&log, verb, a)
		fmt.Fprintf(&log, verb, struct{ a *paylinkhmac.Authenticator }{a})
		fmt.Fprintf(&log, verb, []any{a, &a})
		fmt.Fprintf(&log, verb, v)
	}
	assert.Equal(recorder{&log}, a, v) // testify's messages print with spew, methods disabled
	assert.Contains(t, log.String(), "Not equal")
	//lint:ignore SA9005 that nothing is marshalled is what is tested
	b, err := json.Marshal(a)
	require.NoError(t, err)
	log.Write(b)
	assert.NotContains(t, log.String(), secret)
	assert.NotContains(t, log.String(), fmt.Sprintf("%x", secret))
	assert.Equal(t, `paylinkhmac.Authenticator(https://api.example.com, instance "example")`, fmt.Sprint(a))
}

type recorder struct{ w io.Writer }

func (r recorder) Errorf(format string, args ...any) { fmt.Fprintf(r.w, format, args...) }

// A transport asks an Authenticator for its origins before it finds that there is
// none, and an error may print it.
func TestNilAuthenticatorHasNoOrigins(t *testing.T) {
	var a *paylinkhmac.Authenticator
	assert.Empty(t, a.Origins())
	assert.Equal(t, "paylinkhmac.Authenticator(nil)", fmt.Sprint(a))
}

func TestTheZeroAuthenticatorSignsNothing(t *testing.T) {
	a := new(paylinkhmac.Authenticator)
	assert.Equal(t, "paylinkhmac.Authenticator()", fmt.Sprint(a))
	assert.Empty(t, a.Origins())
	assert.ErrorIs(t, a.Authenticate(newRequest(t, "POST", path, "a=1"), nil), auth.ErrSecret)
	assert.Equal(t, "/a?ApiSignature=", a.Redact(nil, "/a?ApiSignature=x"))
}

// A base that edits the values of a header in place, to log it, edits those of its
// own request only.
func TestHeadersAreNotShared(t *testing.T) {
	for _, contentType := range []string{"", formType, formType + "; charset=utf-8"} {
		one, another := newRequest(t, "POST", path, ""), newRequest(t, "POST", path, "")
		for _, req := range []*http.Request{one, another} {
			if contentType != "" {
				req.Header.Set("Content-Type", contentType)
			}
			require.NoError(t, example(t).Authenticate(req, nil))
		}
		one.Header["Content-Type"][0] = "***"
		assert.Equal(t, formType, another.Header.Get("Content-Type"))
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
	for name, req := range map[string]*http.Request{
		"a form":                   newRequest(t, "POST", path, form.String()),
		"a form of unknown length": newRequest(t, "POST", path, form.String()),
		"a query":                  newRequest(t, "GET", path+"?"+form.String(), ""),
		"a query beside a body":    newRequest(t, "POST", path+"?"+form.String(), "a=1"),
	} {
		if name == "a form of unknown length" {
			req.ContentLength = -1
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := a.Authenticate(req, nil)
		runtime.ReadMemStats(&after)
		assert.ErrorIs(t, err, auth.ErrParameter, name)
		assert.ErrorContains(t, err, "send fewer", name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(48<<20), name)
	}
}

func TestPlatformsAreBaseURLs(t *testing.T) {
	for _, p := range paylinkhmac.Platforms() {
		a := newAuthenticator(t, paylinkhmac.Config{BaseURL: p.BaseURL(), Instance: "example", Secret: auth.NewSecret(secret)})
		assert.Equal(t, "https://api."+p.Domain, a.Origins()[0].String())
		assert.NotEmpty(t, p.Source)
	}
}
