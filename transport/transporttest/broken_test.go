package transporttest_test

import (
	"context"
	"crypto/fips140"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport/transporttest"
)

// ways tell how a RoundTripper may notice that a request takes a path.
var ways = []struct {
	path string
	is   func(*seen) bool
}{
	{"an answer", func(s *seen) bool { return s.status(200) && s.readErr == io.EOF }},
	{"an answer of 401", func(s *seen) bool { return s.status(401) }},
	{"an answer of 403", func(s *seen) bool { return s.status(403) }},
	{"an answer of 401, then another", func(s *seen) bool { return s.first == "401" && s.status(200) }},
	{"the gateway's refusal", func(s *seen) bool { return s.first == "401 text/plain; charset=utf-8" && s.status(401) }},
	{"the gateway's refusal, then another answer", func(s *seen) bool { return s.first == "401 text/plain; charset=utf-8" && s.status(200) }},
	{"a failure of the base", func(s *seen) bool { return s.failed("base") && s.n == 0 }},
	{"a failure of the base while it reads", func(s *seen) bool { return s.failed("base") && s.n == 1 }},
	{"a failure of the base after it has read", func(s *seen) bool { return s.failed("base") && s.readErr == io.EOF }},
	{"a failure of the body at once", func(s *seen) bool { return s.failed("body") && s.n == 0 }},
	{"a failure of the body in the middle", func(s *seen) bool { return s.failed("body") && s.n > 0 && s.n < len(paymentBody) }},
	{"a failure of the body at its end", func(s *seen) bool { return s.failed("body") && s.n == len(paymentBody) }},
	{"a body that cannot be closed", func(s *seen) bool { return s.closeErr != nil }},
	{"a body in small pieces", func(s *seen) bool { return s.reads > len(paymentBody) }},
	{"a body whose end comes with its last bytes", func(s *seen) bool { return s.together }},
	{"a request that goes elsewhere", func(s *seen) bool { return s.elsewhere() && s.req.Host == "" && s.req.Response == nil }},
	{"another Host", func(s *seen) bool { return s.req.Host != "" && s.req.Host != s.req.URL.Host }},
	{"an opaque URL", func(s *seen) bool { return s.req.URL.Opaque != "" }},
	{"a redirect from elsewhere", func(s *seen) bool { return s.req.Response != nil && !isOrigin(s.req.Response.Request.URL) }},
	{"a redirect to elsewhere", func(s *seen) bool { return s.req.Response != nil && s.elsewhere() }},
	{"a redirect with another method", func(s *seen) bool { return s.req.Response != nil && s.req.Response.Request.Method != s.req.Method }},
	{"a context that has ended", func(s *seen) bool { return s.req.Context().Err() != nil }},
}

// A seen is what a RoundTripper has seen of a request when it returns.
type seen struct {
	req   *http.Request
	first string // the answer that had it sent a second time: its status and type
	resp  *http.Response
	err   error

	mu                sync.Mutex
	n, reads          int // bytes of the body, and calls
	together          bool
	readErr, closeErr error
}

func (s *seen) status(code int) bool    { return s.resp != nil && s.resp.StatusCode == code }
func (s *seen) failed(what string) bool { return s.err != nil && strings.Contains(s.err.Error(), what) }
func (s *seen) elsewhere() bool         { return s.req.URL.Host == "elsewhere.test" }

// on takes a second turn after 401, and does f on a path.
func on(is func(*seen) bool, f func(*http.Request)) wrapper {
	return aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		s := &seen{req: req}
		resp, err := withBody(func(b io.ReadCloser) io.ReadCloser {
			return readCloser{reader(func(p []byte) (int, error) {
				n, err := b.Read(p)
				s.mu.Lock()
				defer s.mu.Unlock()
				s.n, s.reads, s.together, s.readErr = s.n+n, s.reads+1, s.together || n > 0 && err == io.EOF, err
				return n, err
			}), closer(func() error {
				err := b.Close()
				s.mu.Lock()
				defer s.mu.Unlock()
				s.closeErr = err
				return err
			})}
		})(req, next)
		if err == nil && resp.StatusCode == 401 && toOrigin(req) && req.GetBody != nil {
			s.first = strings.TrimSpace("401 " + resp.Header.Get("Content-Type"))
			resp.Body.Close()
			second := req.Clone(req.Context())
			second.Body, _ = req.GetBody()
			resp, err = next.RoundTrip(second)
			if resp != nil {
				resp.Request = req
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.resp, s.err = resp, err
		if is(s) {
			f(req)
		}
		return resp, err
	})
}

func TestRoundTrippersThatAreWrongOnOnePathAreRejected(t *testing.T) {
	for rule, f := range map[string]func(*http.Request){
		"close":   closeBody,
		"request": func(r *http.Request) { r.URL.Fragment = "sent" },
	} {
		for _, way := range ways {
			t.Run(rule+"/"+way.path, func(t *testing.T) {
				t.Parallel()
				err := transporttest.TestRoundTripper(on(way.is, f), http.HandlerFunc(signerGateway), payment(t))
				assertBroken(t, rule+",writes", "with a body: on "+way.path+": ", err) // bodies of its own type take two writes
			})
		}
	}
}

func TestBrokenRoundTrippersAreRejected(t *testing.T) {
	for _, c := range faults {
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			sent := payment(t)
			if c.rules == "no body" {
				sent = list(t)
			}
			assertBroken(t, c.rules, c.want, transporttest.TestRoundTripper(c.wrap, http.HandlerFunc(signerGateway), sent))
		})
	}
	for _, c := range waits {
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			skipFIPS(t)
			synctest.Test(t, func(t *testing.T) {
				assertBroken(t, c.rules, c.want, transporttest.TestRoundTripper(c.wrap, http.HandlerFunc(signerGateway), payment(t).WithContext(t.Context())))
			})
		})
	}
}

func skipFIPS(t *testing.T) {
	t.Helper()
	if fips140.Enabled() {
		t.Skip("FIPS 140 mode takes TLS's random numbers from the jitter of the clock, and synctest's has none")
	}
}

func TestEachRuleIsBrokenAlone(t *testing.T) {
	alone := make(map[string]bool)
	for _, c := range slices.Concat(waits, faults) {
		alone[c.rules] = true
	}
	for _, c := range oddFaults {
		alone[c.rules] = true
	}
	for _, rule := range transporttest.Rules() {
		assert.True(t, alone[rule], rule)
	}
}

// assertBroken fails unless an error names these rules and no other, and has the
// text that is wanted.
func assertBroken(t *testing.T, rules, want string, err error) {
	t.Helper()
	require.Error(t, err)
	var got []string
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		rule, _, _ := strings.Cut(err.Error(), ": ")
		got = append(got, rule)
	}
	assert.Equal(t, rules, strings.Join(got, ","), "%v", err)
	assert.ErrorContains(t, err, want)
}

// A keyAuth is an Authenticator with a header field, and something wrong in it.
type keyAuth struct {
	origins      func() []auth.Origin
	authenticate func(req *http.Request) error
	refused      func(resp *http.Response)
}

func (a keyAuth) Origins() []auth.Origin { return a.origins() }

func (a keyAuth) Authenticate(req *http.Request, _ http.RoundTripper) error {
	scheme.SetHeader(req, "Key", "test-key")
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
	for _, c := range []struct {
		rules, name, want string
		a                 keyAuth
	}{
		{"request", "appends to a value of the header", "on an answer: the Header of the caller's request is changed while it is sent", keyAuth{steady, func(r *http.Request) error {
			_ = append(r.Header["Content-Type"], "charset=utf-8")
			return nil
		}, leave}},
		{"stale,repeat", "adds to an earlier one's credentials", `after two RoundTrippers: the query arrives with "key" 2 times, want 1`, keyAuth{steady, func(r *http.Request) error {
			r.URL.RawQuery += "&key=1"
			return nil
		}, leave}},
		{"close", "closes the body when it fails", "on a context that has ended: a body is closed 2 times", keyAuth{steady, func(r *http.Request) error {
			err := r.Context().Err()
			if err != nil {
				closeBody(r)
			}
			return err
		}, leave}},
		{"answer", "reads the answer and does not put it back", "of the 100 bytes of an answer of 401, 0 are returned, or others", keyAuth{steady, fine, func(resp *http.Response) {
			if resp.StatusCode == http.StatusUnauthorized {
				io.Copy(io.Discard, resp.Body)
			}
		}}},
	} {
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			assertBroken(t, c.rules, c.want, transporttest.TestAuthenticator(c.a, http.HandlerFunc(signerGateway), payment(t)))
		})
	}
}

func TestOriginsThatChangeAreRejected(t *testing.T) {
	origin, err := auth.ParseOrigin(api, false)
	require.NoError(t, err)
	one, two, none := []auth.Origin{origin}, []auth.Origin{origin, origin.WithHost("other.test")}, []auth.Origin(nil)
	for name, c := range map[string]struct {
		lists [][]auth.Origin // by turns
		want  string
	}{
		"every other time": {[][]auth.Origin{one, two}, "origins: the list was [" + api + "] and is [" + api + " https://other.test]"},
		"every third time": {[][]auth.Origin{one, one, two}, "origins: the list was [" + api + "] and is [" + api + " https://other.test]"},
		"later to none":    {[][]auth.Origin{one, one, none, none, none}, "origins: the list was [" + api + "] and is []"},
		"none":             {[][]auth.Origin{none}, "origins: countersign: configure the transport: an authenticator has no origin"},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			a := keyAuth{func() []auth.Origin {
				calls++
				return c.lists[(calls-1)%len(c.lists)]
			}, func(*http.Request) error { return nil }, func(*http.Response) {}}
			err := transporttest.TestAuthenticator(a, http.HandlerFunc(signerGateway), payment(t))
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), c.want), "%v", err)
			assert.Equal(t, len(c.lists[0]) == 0, errors.Is(err, auth.ErrConfig))
		})
	}
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
		"a request that the gateway accepts without credentials": {above(nil), []*http.Request{request(t, "GET", api+"/open", "", "")},
			"the gateway accepts GET /open without credentials: give a handler that refuses it"},
		"a request that the gateway refuses": {func(base http.RoundTripper) http.RoundTripper { return base }, []*http.Request{list(t)},
			"arrival: GET /payments: the gateway answers 401 Unauthorized: wrong credentials\n"},
		"a request that does not arrive": {above(func(*http.Request, http.RoundTripper) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}), []*http.Request{list(t)}, "arrival: GET /payments: the request arrives 0 times, want once"},
		"a query of which a name does not arrive": {changing(func(r *http.Request) { r.URL.RawQuery = "" }), []*http.Request{list(t)},
			`arrival: GET /payments: the query arrives with "page" 0 times, want 1`},
		"a form of which a name does not arrive": {aboveWhole(func(*http.Request, []byte) []byte { return []byte("a=1&b=2") }),
			[]*http.Request{request(t, "POST", api+"/payments", formType, "a=1&b=2&b=3")},
			`arrival: POST /payments with a body: the form arrives with "b" 1 times, want 2`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.EqualError(t, transporttest.TestRoundTripper(c.wrap, http.HandlerFunc(signerGateway), c.requests...), c.want)
		})
	}
}

func TestTheSuiteGivesUpARoundTripperThatNeverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrap := above(func(*http.Request, http.RoundTripper) (*http.Response, error) {
			<-t.Context().Done()
			return nil, t.Context().Err()
		})
		assert.EqualError(t, transporttest.TestRoundTripper(wrap, http.HandlerFunc(signerGateway), list(t)),
			"arrival: GET /payments: RoundTrip does not return, or reading its answer does not end")
	})
}

// What hangs wherever it can must not keep the whole test for minutes.
func TestTheSuitesPatienceIsBounded(t *testing.T) {
	skipFIPS(t)
	for name, f := range map[string]func(context.Context){
		"hangs": func(ctx context.Context) { <-ctx.Done() },
		"is slow": func(ctx context.Context) {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int64
				wrap := below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
					if _, real := next.(*http.Transport); !real && n.Add(1) > 2 { // connections stop synctest's clock
						f(t.Context())
					}
					return next.RoundTrip(req)
				})
				start := time.Now()
				require.Error(t, transporttest.TestRoundTripper(wrap, http.HandlerFunc(signerGateway), payment(t), list(t)))
				assert.Less(t, time.Since(start), 20*time.Second)
			})
		})
	}
}
