package authtest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

// A fault is a RoundTripper that breaks the rules that are named, and no other.
type fault struct {
	rules, name string
	wrap        wrapper
}

var faults = []fault{
	{"request", "sets a field of the header for a while", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if toOrigin(req) {
			req.Header.Set("X-Trace", "1")
			defer req.Header.Del("X-Trace")
		}
		return next.RoundTrip(req)
	})},
	{"request", "writes into a value of the header", after(func(r *http.Request) {
		if v := r.Header["Authtest-Values"]; v != nil {
			v[1] = "c"
		}
	})},
	{"request", "appends behind the values of the header", after(func(r *http.Request) { _ = append(r.Header["Content-Type"], "text/plain") })},
	{"request", "changes the URL", after(func(r *http.Request) { r.URL.Fragment = "signed" })},
	{"request", "replaces the body", after(func(r *http.Request) { r.Body = http.NoBody })},
	{"request", "replaces GetBody", after(func(r *http.Request) {
		if get := r.GetBody; get != nil {
			r.GetBody = func() (io.ReadCloser, error) { return get() }
		}
	})},
	{"request", "takes the length off", after(func(r *http.Request) { r.ContentLength = 0 })},
	{"request", "sets Host", after(func(r *http.Request) { r.Host = r.URL.Host })},
	{"request", "takes the form off", after(func(r *http.Request) { r.Form = nil })},
	{"request", "changes the multipart form", after(func(r *http.Request) {
		if r.MultipartForm != nil {
			clear(r.MultipartForm.Value)
		}
	})},
	{"request", "changes the trailer", after(func(r *http.Request) { clear(r.Trailer) })},
	{"request", "takes the transfer encoding off", after(func(r *http.Request) { r.TransferEncoding = nil })},
	{"request", "replaces the context", after(func(r *http.Request) { *r = *r.WithContext(context.WithoutCancel(r.Context())) })},
	{"close", "closes the body twice", after(closeBody)},
	{"close", "reads the body after it is closed", after(func(r *http.Request) {
		if r.Body != nil {
			r.Body.Read(make([]byte, 1))
		}
	})},
	{"body,replay", "has the body of the caller's GetBody", signed(func(r *http.Request) {
		if r.GetBody != nil {
			r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("{}")), nil }
		}
	})},
	{"body", "has a GetBody that is good for once", signed(func(r *http.Request) {
		if r.GetBody == nil {
			return
		}
		b, _ := io.ReadAll(r.Body)
		once := bytes.NewReader(b)
		r.Body = io.NopCloser(bytes.NewReader(b))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(once), nil }
	})},
	{"body,writes,protocols", "no longer knows the length", signed(func(r *http.Request) {
		if r.GetBody != nil {
			r.ContentLength = -1
		}
	})},
	{"body,failing body,context", "reads once", above(withBody(func(b io.ReadCloser) io.ReadCloser {
		buffer := make([]byte, 512)
		n, err := b.Read(buffer)
		if err == nil {
			err = io.EOF
		}
		return readCloser{io.MultiReader(bytes.NewReader(buffer[:n]), iotest.ErrReader(err)), b}
	}))},
	{"body,failing body,early answer,protocols,expect", "drops a body of unknown length", aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.ContentLength >= 0 {
			return next.RoundTrip(req)
		}
		return withBody(func(b io.ReadCloser) io.ReadCloser { return readCloser{strings.NewReader(""), b} })(req, next)
	})},
	{"no body", "takes http.NoBody for a body", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Body != http.NoBody {
			return next.RoundTrip(req)
		}
		c := *req
		c.Body = io.NopCloser(strings.NewReader(""))
		resp, err := next.RoundTrip(&c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	})},
	{"failing body", "sends what could be read", above(withBody(func(b io.ReadCloser) io.ReadCloser {
		return mapped{b, func(error) error { return io.EOF }}
	}))},
	{"failing body", "hides the body's error", above(withBody(func(b io.ReadCloser) io.ReadCloser {
		return mapped{b, func(error) error { return errOther }}
	}))},
	{"close,early answer", "closes the body when the answer is there", aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		closeBody(req)
		return resp, err
	})},
	{"answer", "returns the signed request", answered(func(req *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil {
			resp.Request = req.Clone(req.Context())
		}
		return resp, err
	})},
	{"answer", "makes an error of a status", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == 404 {
			return nil, errOther
		}
		return resp, err
	})},
	{"answer", "returns an error beside an answer", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == 500 {
			return resp, errOther
		}
		return resp, err
	})},
	{"answer", "returns neither an error nor an answer", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == 500 {
			return nil, nil
		}
		return resp, err
	})},
	{"answer", "changes the status", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == 429 {
			resp.StatusCode = 503
		}
		return resp, err
	})},
	{"answer", "takes from the header", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && len(resp.Header["Authtest-Values"]) > 0 {
			resp.Header.Set("Authtest-Values", "a")
		}
		return resp, err
	})},
	{"answer", "cuts long answers off", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil {
			resp.Body = readCloser{io.LimitReader(resp.Body, 64<<10), resp.Body}
		}
		return resp, err
	})},
	{"answer", "sends again after 503", again(func(resp *http.Response, _ error) bool { return resp != nil && resp.StatusCode == 503 })},
	{"answer", "sends again after an error", again(func(_ *http.Response, err error) bool { return err != nil && strings.Contains(err.Error(), "base") })},
	{"answer", "hides the base's error", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if err != nil && strings.Contains(err.Error(), "base") {
			err = errOther
		}
		return resp, err
	})},
	{"repeat", "adds a field each time", func(base http.RoundTripper) http.RoundTripper {
		var n atomic.Int64
		return signed(func(r *http.Request) {
			for range n.Add(1) {
				r.Header.Add("X-Attempt", "1")
			}
		})(base)
	}},
	{"repeat", "adds to what the layer above has added", signed(func(r *http.Request) { r.Header.Add("X-Key", "key") })},
	{"repeat", "signs a second time what is signed", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Header.Get("Signature") == "" {
			return next.RoundTrip(req)
		}
		c := req.Clone(req.Context())
		c.Header.Add("Signature", "again")
		return next.(*signer).base.RoundTrip(c)
	})},
	{"repeat", "signs but once", func(base http.RoundTripper) http.RoundTripper {
		var seen sync.Map
		return layer{newSigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if _, again := seen.LoadOrStore(req, true); again {
				return base.RoundTrip(req)
			}
			return next.RoundTrip(req)
		}}
	}},
	{"replay", "has no GetBody", signed(func(r *http.Request) { r.GetBody = nil })},
	{"context", "has a context of its own", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(context.Background()))
	})},
	{"context", "goes on when the caller has gone", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
	})},
	{"context", "loses the values", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(noValues{req.Context()}))
	})},
	{"context", "ends the context with RoundTrip", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if _, real := next.(*http.Transport); real { // what comes of it depends on time
			return next.RoundTrip(req)
		}
		ctx, cancel := context.WithTimeout(req.Context(), time.Hour)
		defer cancel()
		return next.RoundTrip(req.WithContext(ctx))
	})},
	{"context", "hides that the caller has gone", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if errors.Is(err, context.Canceled) {
			err = errOther
		}
		return resp, err
	})},
	{"concurrency", "keeps the request in a field", func(base http.RoundTripper) http.RoundTripper {
		var last atomic.Pointer[http.Request]
		return layer{newSigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			last.Store(req)
			resp, err := next.RoundTrip(req)
			if resp != nil {
				resp.Request = last.Load()
			}
			return resp, err
		}}
	}},
	{"CloseIdleConnections", "has no such method", func(base http.RoundTripper) http.RoundTripper { return bare{newSigner(base)} }},
	{"CloseIdleConnections", "takes the method for granted", func(base http.RoundTripper) http.RoundTripper { return demanding{newSigner(base)} }},
	{"Unwrap", "leads elsewhere", func(base http.RoundTripper) http.RoundTripper { return lost{newSigner(base)} }},
	{"writes", "has a body of its own type", signed(func(r *http.Request) {
		if r.GetBody != nil {
			r.Body = struct{ io.ReadCloser }{r.Body}
		}
	})},
	{"protocols,redirects", "sets a field that HTTP/2 forbids", signed(func(r *http.Request) { r.Header.Set("Upgrade", "websocket") })},
	{"expect", "drops the field", signed(func(r *http.Request) { r.Header.Del("Expect") })},
	{"expect", "makes an error of 417", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == http.StatusExpectationFailed {
			return nil, errOther
		}
		return resp, err
	})},
	{"origins,redirects", "signs what goes anywhere", ours(func(*http.Request) bool { return true })},
	{"origins,redirects", "looks at the end of the host", reading(func(u *url.URL) {
		if strings.HasSuffix(u.Host, "shop.test") {
			u.Host = "api.shop.test"
		}
	})},
	{"origins,redirects", "looks at the beginning of the host", reading(func(u *url.URL) {
		if strings.HasPrefix(u.Host, "api.shop.test") {
			u.Host = "api.shop.test"
		}
	})},
	{"origins,redirects", "looks for the origin in the URL", ours(func(r *http.Request) bool {
		return isOrigin(r.URL) || strings.Contains(r.URL.String(), api)
	})},
	{"origins,redirects", "looks for the host in the user information", reading(func(u *url.URL) {
		if u.User.Username() == "api.shop.test" {
			u.Host = u.User.Username()
		}
	})},
	{"origins,redirects", "ignores the port", reading(func(u *url.URL) { u.Host = u.Hostname() })},
	{"origins,redirects", "ignores the scheme", reading(func(u *url.URL) { u.Scheme = "https" })},
	{"origins,redirects", "ignores a trailing dot", reading(func(u *url.URL) { u.Host = strings.TrimSuffix(u.Host, ".") })},
	{"origins,redirects", "takes the parent domain for the origin", reading(func(u *url.URL) {
		if u.Host == "shop.test" {
			u.Host = "api.shop.test"
		}
	})},
	{"origins,redirects", "takes Cyrillic letters for Latin ones", reading(func(u *url.URL) {
		u.Host = strings.NewReplacer("\u0430", "a", "\u0440", "p", "\u043e", "o", "\u0435", "e").Replace(u.Host)
	})},
	{"origins,redirects", "takes punycode for the origin", reading(func(u *url.URL) { u.Host = strings.TrimPrefix(u.Host, "xn--") })},
	{"origins,redirects", "takes an IPv6 address for the origin", reading(func(u *url.URL) {
		if strings.HasPrefix(u.Host, "[") {
			u.Host = "api.shop.test"
		}
	})},
	{"origins", "ignores Host", ours(func(r *http.Request) bool { return isOrigin(r.URL) })},
	{"origins", "ignores an opaque URL", reading(func(u *url.URL) { u.Opaque = "" })},
	{"origins", "does not sign for an upper-case host", ours(func(r *http.Request) bool {
		return toOrigin(r) && r.URL.Hostname() == "api.shop.test"
	})},
	{"origins", "adds a field to what goes elsewhere", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if toOrigin(req) {
			return next.RoundTrip(req)
		}
		c := req.Clone(req.Context())
		c.Header.Set("X-Trace", "1")
		return next.RoundTrip(c)
	})},
	{"redirects", "follows everything", follows(func(*signer, *http.Request, *http.Request) bool { return true })},
	{"redirects", "follows nothing", follows(func(*signer, *http.Request, *http.Request) bool { return false })},
	{"redirects", "follows away from the origin", follows(func(s *signer, req, earlier *http.Request) bool {
		return !s.ours(req) || withinOrigin(s, req, earlier)
	})},
	{"redirects", "follows to the origin", follows(func(s *signer, req, earlier *http.Request) bool {
		return !s.ours(earlier) || withinOrigin(s, req, earlier)
	})},
	{"redirects", "follows with another method", follows(func(s *signer, req, earlier *http.Request) bool {
		return s.ours(req) == s.ours(earlier)
	})},
	{"redirects", "does not sign what is redirected", func(base http.RoundTripper) http.RoundTripper {
		return layer{newSigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if req.Response != nil && withinOrigin(next.(*signer), req, req.Response.Request) {
				return base.RoundTrip(req)
			}
			return next.RoundTrip(req)
		}}
	}},
}

// waits are faults that the suite waits in vain for.
var waits = []fault{
	{"close", "never closes the body", above(withBody(unclosed))},
	{"close", "does not close the body that it refuses", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if !toOrigin(req) {
			return nil, errOther
		}
		return next.RoundTrip(req)
	})},
	{"close", "does not close the body of a redirect that it refuses", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Response != nil && !withinOrigin(next.(*signer), req, req.Response.Request) {
			return nil, errOther
		}
		return next.RoundTrip(req)
	})},
	{"close", "does not close the body when the base fails", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := withBody(unclosed)(req, next)
		if err == nil || !strings.Contains(err.Error(), "base") {
			closeBody(req)
		}
		return resp, err
	})},
	{"close", "forgets a body that GetBody gave", after(func(r *http.Request) {
		if r.GetBody != nil {
			r.GetBody()
		}
	})},
	{"context", "goes on once the answer has begun", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		ctx, cancel := context.WithCancelCause(context.WithoutCancel(req.Context()))
		if err := req.Context().Err(); err != nil {
			cancel(err)
		}
		stop := context.AfterFunc(req.Context(), func() { cancel(context.Cause(req.Context())) })
		defer stop()
		return next.RoundTrip(req.WithContext(ctx))
	})},
	{"concurrency", "sends one request at a time", func(base http.RoundTripper) http.RoundTripper {
		var mu sync.Mutex
		return layer{newSigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			return next.RoundTrip(req)
		}}
	}},
}

func TestBrokenRoundTrippersAreRejected(t *testing.T) {
	for i, c := range slices.Concat(waits, faults) {
		sent := payment(t)
		if c.rules == "no body" {
			sent = list(t)
		}
		result := sync.OnceValue(func() error { return authtest.TestRoundTripper(c.wrap, http.HandlerFunc(signerGateway), sent) })
		if i < len(waits) {
			go result()
		}
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			assertBroken(t, c.rules, result())
		})
	}
}

// assertBroken fails unless an error names these rules and no other.
func assertBroken(t *testing.T, rules string, err error) {
	t.Helper()
	require.Error(t, err)
	var got []string
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		rule, _, _ := strings.Cut(err.Error(), ": ")
		got = append(got, rule)
	}
	assert.Equal(t, rules, strings.Join(got, ","), "%v", err)
}

// A keyAuth is an Authenticator with a header field, and something wrong in it.
type keyAuth struct {
	origins      func() []auth.Origin
	authenticate func(req *http.Request) error
	refused      func(resp *http.Response)
}

func (a keyAuth) Origins() []auth.Origin { return a.origins() }

func (a keyAuth) Authenticate(req *http.Request, _ http.RoundTripper) error {
	req.Header["Key"] = []string{"test-key"}
	return a.authenticate(req)
}

func (a keyAuth) Refused(_ *http.Request, resp *http.Response) bool {
	a.refused(resp)
	return false
}

func TestBrokenAuthenticatorsAreRejected(t *testing.T) {
	origin, err := auth.ParseOrigin(api, false)
	require.NoError(t, err)
	steady := func() []auth.Origin { return []auth.Origin{origin} }
	fine := func(*http.Request) error { return nil }
	leave := func(*http.Response) {}
	calls := 0
	for _, c := range []struct {
		rules, name string
		a           keyAuth
	}{
		{"origins", "changes its origins", keyAuth{func() []auth.Origin {
			calls++
			if calls%2 == 0 {
				return append(steady(), origin.WithHost("other.test"))
			}
			return steady()
		}, fine, leave}},
		{"request", "appends to a value of the header", keyAuth{steady, func(r *http.Request) error {
			_ = append(r.Header["Content-Type"], "charset=utf-8")
			return nil
		}, leave}},
		{"repeat", "adds to an earlier one's credentials", keyAuth{steady, func(r *http.Request) error {
			r.URL.RawQuery += "&key=1"
			return nil
		}, leave}},
		{"close", "closes the body when it fails", keyAuth{steady, func(r *http.Request) error {
			err := r.Context().Err()
			if err != nil {
				closeBody(r)
			}
			return err
		}, leave}},
		{"answer", "reads the answer and does not put it back", keyAuth{steady, fine, func(resp *http.Response) {
			if resp.StatusCode == http.StatusUnauthorized {
				io.Copy(io.Discard, resp.Body)
			}
		}}},
	} {
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			assertBroken(t, c.rules, authtest.TestAuthenticator(c.a, http.HandlerFunc(signerGateway), payment(t)))
		})
	}
	none := keyAuth{func() []auth.Origin { return nil }, fine, leave}
	err = authtest.TestAuthenticator(none, http.HandlerFunc(signerGateway), payment(t))
	assert.ErrorIs(t, err, auth.ErrConfig)
	assert.ErrorContains(t, err, "origins: ")
}

func TestTheSuiteRefuses(t *testing.T) {
	noHost := list(t)
	noHost.URL.Host = ""
	unreadable := request(t, "POST", api, "", "")
	unreadable.Body = io.NopCloser(iotest.ErrReader(errOther))
	for name, c := range map[string]struct {
		wrap     wrapper
		requests []*http.Request
		want     string
	}{
		"no request":                 {above(nil), nil, "no request is given: give one with a body and one without"},
		"a request without a host":   {above(nil), []*http.Request{noHost}, "a request has no URL with a scheme and a host"},
		"a body that cannot be read": {above(nil), []*http.Request{unreadable}, "the body of a request cannot be read: something else"},
		"requests of two origins": {above(nil), []*http.Request{list(t), request(t, "GET", "https://other.test", "", "")},
			"a request goes to https://api.shop.test and another to https://other.test: give requests of one origin"},
		"a request that the gateway refuses": {func(base http.RoundTripper) http.RoundTripper { return base }, []*http.Request{list(t)},
			"GET /payments, as it is given: the gateway answers 401 Unauthorized: wrong credentials\n"},
		"a body that does not arrive": {aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			req = req.Clone(req.Context())
			req.Body, req.ContentLength = nil, 0
			return next.RoundTrip(req)
		}), []*http.Request{payment(t)}, "POST /payments with a body, as it is given: the body does not arrive"},
		"a request that does not arrive": {above(func(*http.Request, http.RoundTripper) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}), []*http.Request{list(t)}, "GET /payments, as it is given: the request arrives 0 times, want once"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.EqualError(t, authtest.TestRoundTripper(c.wrap, http.HandlerFunc(signerGateway), c.requests...), c.want)
		})
	}
}

// A layer is a RoundTripper on top of another, which does something wrong.
type layer struct {
	next http.RoundTripper
	f    wrong
}

type wrong = func(req *http.Request, next http.RoundTripper) (*http.Response, error)

func (l layer) RoundTrip(req *http.Request) (*http.Response, error) { return l.f(req, l.next) }

func (l layer) Unwrap() http.RoundTripper { return l.next }

func (l layer) CloseIdleConnections() {
	if c, ok := l.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type wrapper = func(base http.RoundTripper) http.RoundTripper

// above does f with the caller's request.
func above(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper { return layer{newSigner(base), f} }
}

// aboveKey is above for a signer that reads no body.
func aboveKey(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper {
		return layer{&signer{base, true, toOrigin, withinOrigin}, f}
	}
}

// below does f with the signer's request.
func below(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper { return newSigner(layer{base, f}) }
}

// after changes the caller's request when it has been sent.
func after(f func(*http.Request)) wrapper {
	return above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		f(req)
		return resp, err
	})
}

// signed changes what is signed before it is sent.
func signed(f func(*http.Request)) wrapper {
	return below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Header.Get("Signature") != "" {
			f(req)
		}
		return next.RoundTrip(req)
	})
}

// answered changes what is returned.
func answered(f func(*http.Request, *http.Response, error) (*http.Response, error)) wrapper {
	return above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		return f(req, resp, err)
	})
}

// again sends once more if need be.
func again(need func(*http.Response, error) bool) wrapper {
	return below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if need(resp, err) && (req.Body == nil || req.GetBody != nil) {
			if req.GetBody != nil {
				req.Body, _ = req.GetBody()
			}
			return next.RoundTrip(req)
		}
		return resp, err
	})
}

type readCloser struct {
	io.Reader
	io.Closer
}

// withBody sends a copy of the request that has another body, if it has one.
func withBody(change func(io.ReadCloser) io.ReadCloser) wrong {
	return func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Body == nil || req.Body == http.NoBody {
			return next.RoundTrip(req)
		}
		c := *req
		c.Body = change(req.Body)
		resp, err := next.RoundTrip(&c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
}

func unclosed(b io.ReadCloser) io.ReadCloser { return io.NopCloser(b) }

// mapped is a body whose errors become others, save for a cancellation.
type mapped struct {
	io.ReadCloser
	f func(error) error
}

func (m mapped) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, context.Canceled) {
		err = m.f(err)
	}
	return n, err
}

var errOther = errors.New("something else")

// ours makes a signer with another idea of its origin.
func ours(f func(*http.Request) bool) wrapper {
	return func(base http.RoundTripper) http.RoundTripper { return &signer{base, false, f, withinOrigin} }
}

// reading makes one that reads a URL in another way.
func reading(f func(*url.URL)) wrapper {
	return ours(func(req *http.Request) bool {
		c := *req
		u := *req.URL
		f(&u)
		c.URL = &u
		return toOrigin(&c)
	})
}

// follows makes a signer with another idea of redirects.
func follows(f func(s *signer, req, earlier *http.Request) bool) wrapper {
	return func(base http.RoundTripper) http.RoundTripper { return &signer{base, false, toOrigin, f} }
}

type bare struct{ http.RoundTripper }

type demanding struct{ *signer }

func (d demanding) CloseIdleConnections() {
	d.base.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}

type lost struct{ *signer }

func (lost) Unwrap() http.RoundTripper { return http.DefaultTransport }

// noValues is a context without its values.
type noValues struct{ context.Context }

func (noValues) Value(any) any { return nil }
