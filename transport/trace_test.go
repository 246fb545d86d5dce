package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/transport"
)

// events are what is traced: in words, and all that can be printed.
type events struct {
	mu      sync.Mutex
	all     []string
	printed strings.Builder
	strings []string // to sign
}

func (e *events) add(i any, format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, fmt.Sprintf(format, args...))
	b, _ := json.Marshal(i)
	fmt.Fprintf(&e.printed, "%v %+v %#v %q %s\n", i, i, i, i, b)
}

func (e *events) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

func (e *events) trace() *auth.Trace {
	return &auth.Trace{
		Signed: func(_ context.Context, i auth.SignedInfo) {
			s, ok := i.StringToSign()
			e.add(i, "signed %s %s %d bytes %v", i.Method, i.Origin, len(s), ok)
			e.mu.Lock()
			defer e.mu.Unlock()
			e.strings = append(e.strings, s)
		},
		Refused: func(_ context.Context, i auth.RefusedInfo) {
			e.add(i, "refused %s %s %v", i.Method, i.Origin, i.Err)
		},
		Repeated: func(_ context.Context, i auth.RepeatedInfo) {
			e.add(i, "repeated %s %s %q", i.Method, i.Origin, i.Reason)
		},
		LoggedIn: func(_ context.Context, i auth.LoggedInInfo) {
			e.add(i, "logged in %s %v %v", i.Origin, i.Duration, i.Err)
		},
		Clock: func(_ context.Context, i auth.ClockInfo) {
			e.add(i, "clock %s %v %v", i.Origin, i.Before, i.After)
		},
	}
}

// A reporter is a scheme of somebody else's, which says what it signs.
type reporter struct{ headerAuth }

func (r reporter) Authenticate(req *http.Request, base http.RoundTripper) error {
	if signed := auth.TraceSigned(req.Context()); signed != nil {
		signed([]byte("the string"))
	}
	return r.headerAuth.Authenticate(req, base)
}

// What was signed is what the gateway verifies, and no event shows it or the
// signature.
func TestTraceOfEachKindOfBody(t *testing.T) {
	n := newNetwork(t)
	gateway := n.host("https://api.shop.test", nil)
	private := url.Values{"name": {privateValue}}
	for name, req := range map[string]*http.Request{
		"a query":   newRequest(t, "GET", gateway.url+"/v1.0/Invoice/?"+private.Encode(), nil),
		"nothing":   newRequest(t, "POST", gateway.url+"/v1.0/Invoice/", nil),
		"a form":    postForm(t, gateway.url),
		"JSON":      newRequest(t, "PUT", gateway.url+"/v1.0/Invoice/", strings.NewReader(`{"name":"`+privateValue+`"}`)),
		"multipart": newRequest(t, "POST", gateway.url+"/v1.0/Design/", strings.NewReader(strings.Replace(multipartForm, "\r\nb\r\n", "\r\n"+privateValue+"\r\n", 1))),
	} {
		t.Run(name, func(t *testing.T) {
			switch name {
			case "JSON":
				req.Header.Set("Content-Type", "application/json")
			case "multipart":
				req.Header.Set("Content-Type", multipartType)
			}
			var e events
			resp, err := newTransport(t, n.transport, shop(t, gateway.url, "example")).WithTrace(e.trace()).RoundTrip(req)
			require.NoError(t, err)
			finish(t, resp)
			got := gateway.take()
			require.Len(t, got, 1)
			require.NoError(t, got[0].err)
			require.Equal(t, []string{got[0].signed}, e.strings)
			assert.Equal(t, []string{fmt.Sprintf("signed %s https://api.shop.test %d bytes true", req.Method, len(got[0].signed))}, e.take())
			assertClean(t, "what is printed", e.printed.String())
			assert.NotContains(t, e.printed.String(), "/v1.0/")
		})
	}
}

// A body that is cut off has no signature. Which string it would have been, nobody
// is told.
func TestABodyThatIsCutOffIsNotSigned(t *testing.T) {
	var e events
	req := newRequest(t, "POST", "https://api.shop.test/v1.0/Design/", strings.NewReader(strings.TrimSuffix(multipartForm, "--\r\n")))
	req.Header.Set("Content-Type", multipartType)
	_, err := newTransport(t, &stub{}, shop(t, "https://api.shop.test", "example")).WithTrace(e.trace()).RoundTrip(req)
	assertRefused(t, err, auth.ErrParameter)
	assert.Empty(t, e.take())
}

// A body that is asked for again is signed again.
func TestABodyThatIsSentAgainIsSignedAgain(t *testing.T) {
	var e events
	base := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		for range 2 { // as net/http does when a connection breaks
			_, err := io.Copy(io.Discard, req.Body)
			require.NoError(t, err)
			require.NoError(t, req.Body.Close())
			req.Body, err = req.GetBody()
			require.NoError(t, err)
		}
		return response(200, ""), req.Body.Close()
	})
	req := newRequest(t, "POST", "https://api.shop.test/v1.0/Design/", strings.NewReader(multipartForm))
	req.Header.Set("Content-Type", multipartType)
	_, err := newTransport(t, base, shop(t, "https://api.shop.test", "example")).WithTrace(e.trace()).RoundTrip(req)
	require.NoError(t, err)
	const signed = "signed POST https://api.shop.test 3 bytes true"
	assert.Equal(t, []string{signed, signed}, e.take())
}

func TestTraceOfARefusal(t *testing.T) {
	const api = "https://api.shop.test"
	redirect := newRequest(t, "GET", "https://elsewhere.test/", nil)
	redirect.Response = &http.Response{Request: newRequest(t, "GET", api, nil)}
	body := newRequest(t, "POST", api+"/v1.0/Invoice/", strings.NewReader("a=1&a=2"))
	body.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	noURL := newRequest(t, "GET", api, nil)
	noURL.URL = nil
	for name, c := range map[string]struct {
		req  *http.Request
		want string
		code error
	}{
		"an origin":   {newRequest(t, "", "https://elsewhere.test/?"+privateValue, nil), "GET https://elsewhere.test", auth.ErrOrigin},
		"a redirect":  {redirect, "GET https://elsewhere.test", auth.ErrRedirect},
		"a method":    {newRequest(t, "TRACE", api, nil), "TRACE https://api.shop.test", auth.ErrRequest},
		"a parameter": {body, "POST https://api.shop.test", auth.ErrParameter},
		"no URL":      {noURL, "GET ", auth.ErrOrigin},
	} {
		t.Run(name, func(t *testing.T) {
			var e events
			base := &stub{}
			tr := newTransport(t, base, shop(t, api, "example")).WithTrace(e.trace())
			_, err := tr.RoundTrip(c.req)
			assertRefused(t, err, c.code)
			assert.Equal(t, []string{"refused " + c.want + " " + err.Error()}, e.take())
			assertClean(t, "what is printed", e.printed.String())
			assert.Empty(t, base.got)
		})
	}
	t.Run("what passes unsigned has no event", func(t *testing.T) {
		var e events
		_, err := newTransport(t, &stub{}, shop(t, api, "example")).WithTrace(e.trace()).PassOthers().RoundTrip(newRequest(t, "GET", "https://elsewhere.test/", nil))
		require.NoError(t, err)
		assert.Empty(t, e.take())
	})
}

// A plain error of a scheme is an *auth.Error in the event, too. What a scheme has
// signed before it failed is nobody's.
func TestTraceOfASchemeThatFails(t *testing.T) {
	var e events
	tr := newTransport(t, &stub{}, reporter{headerAuth{originOf(t, "https://api.shop.test"), errVault}})
	trace := e.trace()
	refused := trace.Refused
	trace.Refused = func(ctx context.Context, i auth.RefusedInfo) {
		_, ok := i.Err.(*auth.Error)
		assert.True(t, ok, "got a %T", i.Err)
		refused(ctx, i)
	}
	_, err := tr.WithTrace(trace).RoundTrip(newRequest(t, "GET", "https://api.shop.test/", nil))
	require.ErrorIs(t, err, errVault)
	assert.Equal(t, []string{"refused GET https://api.shop.test countersign: authenticate GET for https://api.shop.test: the vault is down"}, e.take())
}

func TestSchemesOfOthersAreTraced(t *testing.T) {
	origin := originOf(t, "https://api.shop.test")
	for _, c := range []struct {
		scheme auth.Authenticator
		want   []string
	}{
		{headerAuth{origin, nil}, []string{"signed GET https://api.shop.test 0 bytes false"}},
		{reporter{headerAuth{origin, nil}}, []string{"signed GET https://api.shop.test 10 bytes true"}},
		{&learner{t: t, origin: origin}, []string{
			"signed GET https://api.shop.test 0 bytes false",
			`repeated GET https://api.shop.test ""`,
			"signed GET https://api.shop.test 0 bytes false",
		}},
		{&explaining{learner{t: t, origin: origin}}, []string{
			"signed GET https://api.shop.test 0 bytes false",
			"clock https://api.shop.test 0s 0s",
			`repeated GET https://api.shop.test "session"`,
			"signed GET https://api.shop.test 0 bytes false",
		}},
	} {
		t.Run(fmt.Sprintf("%T", c.scheme), func(t *testing.T) {
			var e events
			answers := 0
			base := &stub{respond: func(*http.Request) (*http.Response, error) {
				if answers++; answers == 1 {
					return response(401, ""), nil
				}
				return response(200, ""), nil
			}}
			_, err := newTransport(t, base, c.scheme).WithTrace(e.trace()).RoundTrip(newRequest(t, "GET", "https://api.shop.test/", nil))
			require.NoError(t, err)
			assert.Equal(t, c.want, e.take())
		})
	}
}

// An explaining learner says why the request has another try, and more.
type explaining struct{ learner }

func (l *explaining) Refused(req *http.Request, resp *http.Response) bool {
	t := auth.ContextTrace(req.Context())
	if !l.learner.Refused(req, resp) {
		return false
	}
	t.Clock(req.Context(), auth.ClockInfo{})
	t.Repeated(req.Context(), auth.RepeatedInfo{Reason: "session"})
	return true
}

// A request that cannot be had again is not repeated, whatever the scheme says.
func TestWhatIsNotRepeatedIsNotTracedSo(t *testing.T) {
	var e events
	base := &stub{respond: func(*http.Request) (*http.Response, error) { return response(401, ""), nil }}
	l := &explaining{learner{t: t, origin: originOf(t, "https://api.shop.test")}}
	req := newRequest(t, "POST", "https://api.shop.test/", io.NopCloser(strings.NewReader("x")))
	_, err := newTransport(t, base, l).WithTrace(e.trace()).RoundTrip(req)
	require.NoError(t, err)
	assert.Equal(t, []string{"signed POST https://api.shop.test 0 bytes false", "clock https://api.shop.test 0s 0s"}, e.take())
}

// The context's trace and the Transport's are both called, with the caller's context.
func TestTracesOfContextAndTransport(t *testing.T) {
	type key struct{}
	var called []string
	say := func(who string) *auth.Trace {
		return &auth.Trace{
			Signed: func(ctx context.Context, _ auth.SignedInfo) {
				called = append(called, fmt.Sprint(who, " ", ctx.Value(key{})))
			},
			Refused: func(ctx context.Context, _ auth.RefusedInfo) {
				called = append(called, fmt.Sprint(who, " refused ", ctx.Value(key{})))
			},
		}
	}
	plain := newTransport(t, &stub{}, headerAuth{originOf(t, "https://api.shop.test"), nil})
	traced := plain.WithTrace(say("transport"))
	send := func(tr *transport.Transport, url string) []string {
		t.Helper()
		called = nil
		ctx := auth.WithTrace(context.WithValue(t.Context(), key{}, "value"), say("context"))
		_, err := tr.RoundTrip(newRequest(t, "GET", url, nil).WithContext(ctx))
		if err != nil {
			assert.ErrorIs(t, err, auth.ErrOrigin)
		}
		return called
	}
	const api = "https://api.shop.test/"
	assert.Equal(t, []string{"transport value", "context value"}, send(traced, api))
	assert.Equal(t, []string{"transport refused value", "context refused value"}, send(traced, "https://elsewhere.test/"))
	assert.Equal(t, []string{"context value"}, send(plain, api), "WithTrace returns a copy")
	assert.Equal(t, []string{"context value"}, send(traced.WithTrace(nil), api), "nil is none")
	assert.Equal(t, []string{"another value", "context value"}, send(traced.WithTrace(say("another")), api), "it takes the place of the earlier one")
	assert.Equal(t, []string{"transport value", "context value"}, send(traced.PassOthers(), api))

	below := newTransport(t, plain.WithTrace(say("below")), headerAuth{originOf(t, "https://api.shop.test"), nil}).WithTrace(say("above"))
	assert.Equal(t, []string{"above value", "context value", "below value", "above value", "context value"}, send(below, api), "each of two stacked ones signs")
}

// A function of a Trace that sends requests of its own under the context is not told of
// them by the Transport of the first.
func TestATraceGetsTheContextAsItWas(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "value")
	calls := 0
	check := func(got context.Context) {
		calls++
		assert.Equal(t, ctx, got)
	}
	base := &stub{respond: func(*http.Request) (*http.Response, error) { return response(401, ""), nil }}
	tr := newTransport(t, base, &learner{t: t, origin: originOf(t, "https://api.shop.test"), failAt: 2}).WithTrace(&auth.Trace{
		Signed:   func(ctx context.Context, _ auth.SignedInfo) { check(ctx) },
		Refused:  func(ctx context.Context, _ auth.RefusedInfo) { check(ctx) },
		Repeated: func(ctx context.Context, _ auth.RepeatedInfo) { check(ctx) },
	})
	_, err := tr.RoundTrip(newRequest(t, "GET", "https://api.shop.test/", nil).WithContext(ctx))
	require.ErrorIs(t, err, errTurn)
	assert.Equal(t, 3, calls)
}

func TestATraceIsCalledByManyAtOnce(t *testing.T) {
	n := newNetwork(t)
	gateway := n.host("https://api.shop.test", nil)
	var e events
	client := &http.Client{Transport: newTransport(t, n.transport, shop(t, gateway.url, "example")).WithTrace(e.trace())}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			body, contentType := "n="+fmt.Sprint(i), "application/x-www-form-urlencoded"
			if i%2 == 0 {
				body, contentType = multipartForm, multipartType
			}
			resp, err := client.Post(gateway.url+"/v1.0/Design/", contentType, strings.NewReader(body))
			if assert.NoError(t, err) {
				finish(t, resp)
			}
		})
	}
	all.Wait()
	var want []string
	for _, r := range gateway.take() {
		assert.NoError(t, r.err)
		want = append(want, r.signed)
	}
	assert.ElementsMatch(t, want, e.strings)
}

// A panic is the program's own, and nothing is left open or locked.
func TestATraceThatPanics(t *testing.T) {
	base := &stub{}
	tr := newTransport(t, base, headerAuth{originOf(t, "https://api.shop.test"), nil})
	broken := tr.WithTrace(&auth.Trace{Signed: func(context.Context, auth.SignedInfo) { panic(errors.New("the log is full")) }})
	assert.Panics(t, func() { broken.RoundTrip(newRequest(t, "GET", "https://api.shop.test/", nil)) })
	_, err := tr.RoundTrip(newRequest(t, "GET", "https://api.shop.test/", nil))
	assert.NoError(t, err)
}
