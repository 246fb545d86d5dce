package transport_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport"
)

// A snapshot is what a request looked like.
type snapshot struct {
	request *http.Request
	context context.Context
}

// snap copies a request deeply, save for the fields that are compared by identity:
// the body, functions, channels and what belongs to servers.
func snap(r *http.Request) snapshot {
	c := *r
	if r.URL != nil {
		u := *r.URL
		if u.User != nil {
			user := *u.User
			u.User = &user
		}
		c.URL = &u
	}
	c.Header, c.Trailer = r.Header.Clone(), r.Trailer.Clone()
	c.TransferEncoding = append([]string(nil), r.TransferEncoding...)
	c.Form = url.Values(http.Header(r.Form).Clone())
	c.PostForm = url.Values(http.Header(r.PostForm).Clone())
	return snapshot{&c, r.Context()}
}

func (s snapshot) assertUnchanged(t *testing.T, r *http.Request) {
	t.Helper()
	was, is := reflect.ValueOf(s.request).Elem(), reflect.ValueOf(r).Elem()
	for i := range was.NumField() {
		field := was.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		a, b := was.Field(i), is.Field(i)
		same := false
		switch field.Name {
		case "Body":
			same = a.Interface() == b.Interface()
		case "GetBody", "Cancel", "Response", "TLS", "MultipartForm":
			same = a.Pointer() == b.Pointer()
		default:
			same = reflect.DeepEqual(a.Interface(), b.Interface())
		}
		if !same {
			t.Errorf("the caller's request has changed: got the %s %v, want %v", field.Name, b, a)
		}
	}
	if s.context != r.Context() {
		t.Error("the caller's request has another context")
	}
}

// A trackedBody says how often it was closed, and what was read after that.
type trackedBody struct {
	io.Reader
	closeErr       error
	closes         int
	readAfterClose bool
}

func (b *trackedBody) Read(p []byte) (int, error) {
	b.readAfterClose = b.readAfterClose || b.closes > 0
	return b.Reader.Read(p)
}

func (b *trackedBody) Close() error {
	b.closes++
	return b.closeErr
}

func (b *trackedBody) assertClosedOnce(t *testing.T) {
	t.Helper()
	if b.closes != 1 {
		t.Errorf("the body was closed %d times, want once", b.closes)
	}
	if b.readAfterClose {
		t.Error("the body was read after it was closed")
	}
}

// An authenticator of the tests' own, which sets a header.
type headerAuth struct {
	origin auth.Origin
	err    error
}

func (a headerAuth) Origins() []auth.Origin { return []auth.Origin{a.origin} }

func (a headerAuth) Authenticate(req *http.Request, _ http.RoundTripper) error {
	scheme.SetHeader(req, "X-Key", "topsecret")
	return a.err
}

var (
	errVault = errors.New("the vault is down")
	errRead  = errors.New("the disk is gone")
	errBase  = errors.New("connection refused")
)

// The contract of http.RoundTripper where the suite of package authtest does not
// go: the paths on which this module refuses a request, or writes it anew. The
// caller's request is as it was, its body is closed once, and what is refused is not
// sent.
func TestContract(t *testing.T) {
	const api = "https://api.shop.test/v1.0/Invoice/"
	const formType = "application/x-www-form-urlencoded"
	vault := auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.Secret{}, errVault })
	noSecret, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://vault.test", Instance: "example", Secret: vault})
	require.NoError(t, err)
	small, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://small.test", Instance: "example", Secret: secrets["example"], MaxBody: 10})
	require.NoError(t, err)
	authenticators := []auth.Authenticator{
		shop(t, api, "example"), noSecret, small,
		headerAuth{originOf(t, "https://header.test"), nil},
		headerAuth{originOf(t, "https://failing.test"), &auth.Error{Op: "sign", Code: auth.ErrRequest, Err: errVault}},
		auth.NewPerRequest(originOf(t, "https://shared.test")),
	}
	encoded := form.Encode()

	for _, c := range []struct {
		name        string
		method, url string
		body        io.Reader // nil for none
		change      func(*http.Request)
		respond     func(*http.Request) (*http.Response, error)
		passes      bool // with PassOthers

		want error // nil for success
		sent bool  // true although want is an error
	}{
		{name: "empty method", method: "", url: api + "?a=b"},
		{name: "GET with an empty object", method: "GET", url: api, body: strings.NewReader("{}"), change: contentType("application/json")},
		{name: "DELETE with form", method: "DELETE", url: api + "7/", body: strings.NewReader(encoded)},
		{name: "POST without body", method: "POST", url: api, change: func(r *http.Request) { r.Header = nil }},
		{name: "POST with http.NoBody", method: "POST", url: api, change: func(r *http.Request) { r.Body = http.NoBody }},
		{name: "signed already", method: "POST", url: api, body: strings.NewReader(encoded + "&ApiSignature=stale")},
		{name: "multipart with a boundary that is refused", method: "POST", url: api, body: strings.NewReader(multipartForm), change: contentType("multipart/form-data; boundary=\"a b\""), want: auth.ErrRequest},
		{name: "JSON", method: "POST", url: api, body: strings.NewReader(`{"a":"b"}`), change: contentType("application/json")},
		{name: "refused member", method: "POST", url: api, body: strings.NewReader(`{"a":"` + privateValue + `","a":1}`), change: contentType("application/json"), want: auth.ErrParameter},
		{name: "passed on", method: "POST", url: "https://elsewhere.test", body: strings.NewReader("anything"), passes: true},
		{name: "passed on, on a failure of the base", method: "POST", url: "https://elsewhere.test", body: strings.NewReader("anything"), passes: true, respond: fail, want: errBase, sent: true},

		{name: "refused parameter in a form", method: "POST", url: api, body: strings.NewReader("pm=" + privateValue + "&pm=2"), want: auth.ErrParameter},
		{name: "refused parameter in a query", method: "GET", url: api + "?a.b=" + privateValue, want: auth.ErrParameter},
		{name: "refused escape", method: "POST", url: api, body: strings.NewReader("a=%zz" + privateValue), want: auth.ErrParameter},
		{name: "parameter in the query of a POST", method: "POST", url: api + "?a=" + privateValue, body: strings.NewReader(encoded), want: auth.ErrParameter},
		{name: "another instance", method: "POST", url: api + "?instance=bakery", body: strings.NewReader(encoded), want: auth.ErrParameter},
		{name: "refused content type", method: "POST", url: api, body: strings.NewReader("x"), change: contentType("text/plain"), want: auth.ErrRequest},
		{name: "malformed content type", method: "POST", url: api, body: strings.NewReader("x"), change: contentType("text/"), want: auth.ErrRequest},
		{name: "two content types", method: "POST", url: api, body: strings.NewReader("x"), change: func(r *http.Request) { r.Header["content-type"] = []string{formType} }, want: auth.ErrRequest},
		{name: "no content type", method: "POST", url: api, body: strings.NewReader("x"), change: func(r *http.Request) { r.Header.Del("Content-Type") }, want: auth.ErrRequest},
		{name: "content encoding", method: "POST", url: api, body: strings.NewReader("x"), change: func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, want: auth.ErrRequest},
		{name: "trailer", method: "POST", url: api, body: strings.NewReader(encoded), change: func(r *http.Request) { r.Trailer = http.Header{"X-Sum": nil} }, want: auth.ErrRequest},
		{name: "GET with a body", method: "GET", url: api, body: strings.NewReader("a=" + privateValue), want: auth.ErrRequest},
		{name: "refused method", method: "OPTIONS", url: api, body: strings.NewReader("x"), want: auth.ErrRequest},
		{name: "body too long", method: "POST", url: "https://small.test", body: strings.NewReader(encoded), want: auth.ErrBody},
		{name: "body too long, of unknown length", method: "POST", url: "https://small.test", body: strings.NewReader(encoded), change: func(r *http.Request) { r.ContentLength = -1 }, want: auth.ErrBody},
		{name: "body shorter than it says", method: "POST", url: api, body: strings.NewReader(encoded), change: func(r *http.Request) { r.ContentLength = 999 }, want: auth.ErrBody},
		{name: "body longer than it says", method: "POST", url: api, body: strings.NewReader(encoded), change: func(r *http.Request) { r.ContentLength = 3 }, want: auth.ErrBody},
		{name: "body that fails at once", method: "POST", url: api, body: iotest.ErrReader(errRead), want: errRead},
		{name: "body that fails in the middle", method: "POST", url: api, body: io.MultiReader(strings.NewReader(encoded), iotest.ErrReader(errRead)), want: errRead},
		{name: "body that cannot be closed", method: "POST", url: api, body: strings.NewReader(encoded), change: func(r *http.Request) { r.Body.(*trackedBody).closeErr = errRead }, want: errRead},

		{name: "secret that cannot be had", method: "POST", url: "https://vault.test", body: strings.NewReader(encoded), want: auth.ErrSecret},
		{name: "authenticator that fails", method: "POST", url: "https://failing.test", body: strings.NewReader(encoded), want: auth.ErrRequest},
		{name: "no merchant", method: "POST", url: "https://shared.test", body: strings.NewReader(encoded), want: auth.ErrNoAuthenticator},
		{name: "a merchant where there is but one", method: "POST", url: api, body: strings.NewReader(encoded), change: func(r *http.Request) {
			*r = *r.WithContext(auth.WithAuthenticator(r.Context(), shop(t, api, "bakery")))
		}, want: auth.ErrNoAuthenticator},
		{name: "unknown origin", method: "POST", url: "https://evil.test", body: strings.NewReader(encoded), want: auth.ErrOrigin},
		{name: "opaque URL", method: "POST", url: api, body: strings.NewReader(encoded), change: func(r *http.Request) { r.URL.Opaque = "//evil.test" }, want: auth.ErrOrigin},
		{name: "another Host", method: "POST", url: api, body: strings.NewReader(encoded), change: func(r *http.Request) { r.Host = "evil.test" }, want: auth.ErrOrigin},
		{name: "no URL", method: "POST", url: api, body: strings.NewReader(encoded), change: func(r *http.Request) { r.URL = nil }, want: auth.ErrOrigin},
		{name: "redirect to another origin", method: "POST", url: "https://evil.test", body: strings.NewReader(encoded), passes: true, change: redirectedFrom(t, "POST", api), want: auth.ErrRedirect},
		{name: "redirect to another method", method: "POST", url: api, body: strings.NewReader(encoded), change: redirectedFrom(t, "GET", api), want: auth.ErrRedirect},

		{name: "failure of the base before it reads", method: "POST", url: api, body: strings.NewReader(encoded), respond: fail, want: errBase, sent: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := &stub{respond: c.respond}
			tr := newTransport(t, base, authenticators...)
			if c.passes {
				tr = tr.PassOthers()
			}
			var body *trackedBody
			req := newRequest(t, "GET", c.url, nil)
			req.Method = c.method
			if c.body != nil {
				body = &trackedBody{Reader: c.body}
				req.Body = body
				req.Header.Set("Content-Type", formType)
				if l, ok := c.body.(*strings.Reader); ok {
					req.ContentLength = l.Size()
				}
			}
			if req.Header != nil {
				req.Header["x-list"] = []string{"a", "b"}
			}
			if c.change != nil {
				c.change(req)
			}
			before := snap(req)
			resp, err := tr.RoundTrip(req)

			before.assertUnchanged(t, req)
			if body != nil {
				body.assertClosedOnce(t)
			}
			if sent := len(base.got) > 0; sent != (c.want == nil || c.sent) {
				t.Errorf("got sent: %v, want the contrary", sent)
			}
			if c.want != nil {
				assert.Nil(t, resp)
				if c.sent {
					assert.Equal(t, c.want, err, "the base's error, as it is")
				} else {
					assertRefused(t, err, c.want)
				}
				return
			}
			require.NoError(t, err)
			assert.Same(t, req, resp.Request)
			assertAgreement(t, base.got[0], base.bodies[0])
			if !c.passes {
				assert.NotSame(t, req, base.got[0])
			}
		})
	}
}

const (
	multipartType = "multipart/form-data; boundary=BOUNDARY"
	multipartForm = "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--BOUNDARY--\r\n"
)

// What is wrong with a multipart body shows only when the base reads it.
func TestMultipartBodyIsClosedOnceWhereverItBreaks(t *testing.T) {
	for name, body := range map[string]io.Reader{
		"a name that is refused": strings.NewReader(strings.Replace(multipartForm, `"a"`, `"a.b"`, 1)),
		"an end that is missing": strings.NewReader(strings.TrimSuffix(multipartForm, "--\r\n")),
		"a failure":              io.MultiReader(strings.NewReader(multipartForm[:20]), iotest.ErrReader(errRead)),
	} {
		t.Run(name, func(t *testing.T) {
			base := &stub{}
			tracked := &trackedBody{Reader: body}
			req := newRequest(t, "POST", "https://api.shop.test/v1.0/Design/", nil)
			req.Body = tracked
			req.Header.Set("Content-Type", multipartType)
			before := snap(req)
			_, err := newTransport(t, base, shop(t, "https://api.shop.test", "example")).RoundTrip(req)
			var refusal *auth.Error
			require.ErrorAs(t, err, &refusal)
			assert.Len(t, base.got, 1, "the base was asked")
			before.assertUnchanged(t, req)
			tracked.assertClosedOnce(t)
		})
	}
}

func contentType(s string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Content-Type", s) }
}

func fail(*http.Request) (*http.Response, error) { return nil, errBase }

func status(code int) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) { return response(code, ""), nil }
}

func redirectedFrom(t *testing.T, method, url string) func(*http.Request) {
	return func(r *http.Request) {
		r.Response = &http.Response{StatusCode: 307, Request: newRequest(t, method, url, nil)}
	}
}

// assertAgreement fails if Body, of which read was read, GetBody and ContentLength
// of what the base receives tell different stories.
func assertAgreement(t *testing.T, req *http.Request, read string) {
	t.Helper()
	if length := req.ContentLength; length > 0 && length != int64(len(read)) {
		t.Errorf("got ContentLength %d, want the body's length, %d", length, len(read))
	} else if length == 0 && read != "" && (req.Body == nil || req.Body == http.NoBody) {
		t.Errorf("got ContentLength 0 and a body of %d bytes", len(read))
	}
	if req.GetBody == nil {
		return
	}
	for range 2 {
		again, err := req.GetBody()
		require.NoError(t, err)
		b, err := io.ReadAll(again)
		require.NoError(t, err)
		assert.Equal(t, read, string(b), "GetBody gives another body")
	}
}

func TestASignedFormKnowsItsLengthAndCanBeSentAgain(t *testing.T) {
	base := &stub{}
	tr := newTransport(t, base, shop(t, "https://api.shop.test", "example"))
	for name, req := range map[string]*http.Request{
		"known length":   postForm(t, "https://api.shop.test"),
		"unknown length": newRequest(t, http.MethodPost, "https://api.shop.test", io.NopCloser(strings.NewReader(form.Encode()))),
		"no body":        newRequest(t, http.MethodPost, "https://api.shop.test", nil),
	} {
		t.Run(name, func(t *testing.T) {
			base.got, base.bodies = nil, nil
			_, err := tr.RoundTrip(req)
			require.NoError(t, err)
			assert.EqualValues(t, len(base.bodies[0]), base.got[0].ContentLength)
			assert.NotNil(t, base.got[0].GetBody)
			assertAgreement(t, base.got[0], base.bodies[0])
		})
	}
}

// Signing what is signed already signs it afresh, and once.
func TestSigningTwiceIsSigningOnce(t *testing.T) {
	n := newNetwork(t)
	gateway := n.host("https://api.shop.test", nil)
	a := shop(t, "https://api.shop.test", "example")
	once := newTransport(t, n.transport, a)
	twice := newTransport(t, once, a)
	requests := map[string]func() *http.Request{
		"form":         func() *http.Request { return postForm(t, "https://api.shop.test/v1.0/Invoice/") },
		"query":        func() *http.Request { return newRequest(t, "GET", "https://api.shop.test/v1.0/Invoice/?a=b+c", nil) },
		"empty query":  func() *http.Request { return newRequest(t, "GET", "https://api.shop.test/v1.0/Invoice/", nil) },
		"empty POST":   func() *http.Request { return newRequest(t, "POST", "https://api.shop.test/v1.0/Invoice/", nil) },
		"plain DELETE": func() *http.Request { return newRequest(t, "DELETE", "https://api.shop.test/v1.0/Invoice/7/", nil) },
	}
	send := func(t *testing.T, tr *transport.Transport, req *http.Request) received {
		t.Helper()
		resp, err := tr.RoundTrip(req)
		require.NoError(t, err)
		assert.Same(t, req, resp.Request)
		finish(t, resp)
		got := gateway.take()
		require.Len(t, got, 1)
		assertSigned(t, got)
		return got[0]
	}
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			want := send(t, once, request())
			got := send(t, twice, request())
			assert.Equal(t, want.url, got.url, "a transport around a transport")
			assert.Equal(t, want.body, got.body, "a transport around a transport")

			signed := request()
			signed.Header = signed.Header.Clone()
			require.NoError(t, a.Authenticate(signed, nil))
			got = send(t, once, signed)
			assert.Equal(t, want.url, got.url, "a request that the caller has signed")
			assert.Equal(t, want.body, got.body, "a request that the caller has signed")
		})
	}
}
