package avangate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/transport"
)

// events are what is traced.
type events struct {
	mu  sync.Mutex
	all []string
}

func (e *events) add(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, fmt.Sprintf(format, args...))
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
			e.add("signed %s %s %q %v", i.Method, i.Origin, s, ok)
		},
		Refused: func(_ context.Context, i auth.RefusedInfo) { e.add("refused %s %s %v", i.Method, i.Origin, i.Err) },
		Repeated: func(_ context.Context, i auth.RepeatedInfo) {
			e.add("repeated %s %s %s", i.Method, i.Origin, i.Reason)
		},
		LoggedIn: func(_ context.Context, i auth.LoggedInInfo) {
			e.add("logged in %s %v %v", i.Origin, i.Duration, i.Err)
		},
		Clock: func(_ context.Context, i auth.ClockInfo) { e.add("clock %s %v %v", i.Origin, i.Before, i.After) },
	}
}

// tracing has the client of w report to e.
func (w *world) tracing(e *events) {
	w.client.Transport = w.client.Transport.(*transport.Transport).WithTrace(e.trace())
}

func TestTraceOfTheHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Date(2026, time.November, 28, 10, 0, 0, 0, time.UTC)
		ahead := time.Hour
		w := newWorld(t, func(c *avangate.Config, g *authtest.Avangate) {
			c.Now = func() time.Time { return now.Add(ahead) }
			g.Now = func() time.Time { return now }
		})
		var e events
		w.tracing(&e)
		p := allProtocols(t)[3]
		w.succeed(t, p)
		assert.Equal(t, []string{
			`signed POST https://api.2checkout.com "8AVANGATE192026-11-28 11:00:00" true`,
			`clock https://api.2checkout.com 0s -1h0m0s`,
			`repeated POST https://api.2checkout.com clock`,
			`signed POST https://api.2checkout.com "8AVANGATE192026-11-28 10:00:00" true`,
		}, e.take())
		w.succeed(t, p)
		assert.Equal(t, []string{`signed POST https://api.2checkout.com "8AVANGATE192026-11-28 10:00:00" true`}, e.take(), "of the same second, from memory")
		ahead = 0
		w.succeed(t, p)
		assert.Equal(t, `clock https://api.2checkout.com -1h0m0s 0s`, e.take()[1])
	})
}

// The wrong clock of a login is corrected within the login, which is one.
func TestTraceOfASession(t *testing.T) {
	for _, p := range sessionProtocols(t) {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) {
					c.Now = func() time.Time { return time.Now().Add(time.Hour) }
				})
				slow := roundTripper(func(req *http.Request) (*http.Response, error) {
					time.Sleep(time.Second)
					return w.RoundTrip(req)
				})
				w.client = w.through(t, slow)
				var e events
				w.tracing(&e)
				w.succeed(t, p)
				const signed = `signed POST https://api.2checkout.com "" false`
				assert.Equal(t, []string{
					`clock https://api.2checkout.com 0s -1h0m0s`,
					`logged in https://api.2checkout.com 2s <nil>`,
					signed,
				}, e.take())
				w.gateway.EndSessions()
				w.succeed(t, p)
				assert.Equal(t, []string{signed, `repeated POST https://api.2checkout.com session`, `logged in https://api.2checkout.com 1s <nil>`, signed}, e.take())
			})
		})
	}
}

// A login that is held back is none: nothing was asked.
func TestTraceOfARefusedLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) { c.SecretKey = auth.NewSecret("another secret key") })
		var e events
		w.tracing(&e)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { _, _ = w.call(t, sessionProtocols(t)[0]) })
		}
		all.Wait()
		_, err := w.call(t, sessionProtocols(t)[0])
		require.Error(t, err)
		counts := map[string]int{}
		for _, line := range e.take() {
			kind, rest, _ := strings.Cut(line, " ")
			counts[kind]++
			assert.Contains(t, rest, "the gateway refused the login")
		}
		assert.Equal(t, map[string]int{"logged": 1, "refused": 21}, counts)
	})
}

func TestTraceOfALoginThatPanics(t *testing.T) {
	w := newWorld(t)
	w.client = w.through(t, roundTripper(func(*http.Request) (*http.Response, error) { panic("topsecret") }))
	var e events
	w.tracing(&e)
	_, err := w.call(t, sessionProtocols(t)[0])
	require.ErrorIs(t, err, avangate.ErrLogin)
	got := e.take()
	require.Len(t, got, 2)
	assert.Contains(t, got[0], "the login was broken off")
	assert.NotContains(t, strings.Join(got, "\n"), "topsecret")
}

// The waiting share the login's event, under the context of the first.
func TestASharedLoginIsTracedOnce(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return w.RoundTrip(req)
		}))
		var mu sync.Mutex
		var of []any
		p := sessionProtocols(t)[0]
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				ctx := auth.WithTrace(context.WithValue(t.Context(), key{}, i), &auth.Trace{LoggedIn: func(ctx context.Context, _ auth.LoggedInInfo) {
					mu.Lock()
					defer mu.Unlock()
					of = append(of, ctx.Value(key{}))
				}})
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, vendor+p.path, strings.NewReader(p.body))
				if !assert.NoError(t, err) {
					return
				}
				resp, err := w.client.Do(req)
				if assert.NoError(t, err) {
					resp.Body.Close()
				}
			})
		}
		all.Wait()
		assert.Equal(t, []any{0}, of)
	})
}

// It would wait for itself.
func TestNoTraceIsCalledUnderALock(t *testing.T) {
	w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) {
		c.Now = func() time.Time { return time.Now().Add(time.Hour) }
	})
	plain := w.client
	var kinds []string
	use := func(kind string) {
		if kinds = append(kinds, kind); len(kinds) > 20 {
			return
		}
		w.account.Offset()
		if _, err := w.account.Login(t.Context()); err != nil {
			t.Error(err)
		}
		for path, body := range map[string]string{"/rest/6.0/orders/": "", "/product/2.0/rpc/": rpcBody("1")} {
			resp, err := plain.Post(vendor+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				continue
			}
			resp.Body.Close()
		}
	}
	w.client = &http.Client{Transport: plain.Transport.(*transport.Transport).WithTrace(&auth.Trace{
		Signed:   func(context.Context, auth.SignedInfo) { use("signed") },
		Refused:  func(context.Context, auth.RefusedInfo) { use("refused") },
		Repeated: func(context.Context, auth.RepeatedInfo) { use("repeated") },
		LoggedIn: func(context.Context, auth.LoggedInInfo) { use("logged in") },
		Clock:    func(context.Context, auth.ClockInfo) { use("clock") },
	})}
	w.succeed(t, sessionProtocols(t)[0])
	w.gateway.EndSessions()
	w.succeed(t, sessionProtocols(t)[0])
	_, err := w.client.Get("https://elsewhere.test/")
	assert.ErrorIs(t, err, auth.ErrOrigin)
	assert.Equal(t, []string{"clock", "logged in", "signed", "signed", "repeated", "logged in", "signed", "refused"}, kinds)
}

// Neither the header, nor the hash of a login, nor a session id is in an event,
// however it is printed.
func TestTracesHoldNoCredential(t *testing.T) {
	w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) {
		c.Now = func() time.Time { return time.Now().Add(time.Hour) }
	})
	var credentials []string
	w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		if h := req.Header.Get("X-Avangate-Authentication"); h != "" {
			_, rest, _ := strings.Cut(h, `hash="`)
			credentials = append(credentials, h, rest[:64])
		}
		if req.Body != nil {
			b, _ := io.ReadAll(req.Body)
			req.Body = io.NopCloser(strings.NewReader(string(b)))
			for _, word := range strings.FieldsFunc(string(b), func(c rune) bool { return strings.ContainsRune(`"<>,[]{}: `, c) }) {
				if len(word) >= 32 {
					credentials = append(credentials, word)
				}
			}
		}
		return w.RoundTrip(req)
	}))
	var printed strings.Builder
	printAll := func(i any) { fmt.Fprintf(&printed, "%v %+v %#v\n", i, i, i) }
	w.client.Transport = w.client.Transport.(*transport.Transport).WithTrace(&auth.Trace{
		Signed: func(_ context.Context, i auth.SignedInfo) {
			s, _ := i.StringToSign()
			printed.WriteString(s)
			printAll(i)
		},
		Refused:  func(_ context.Context, i auth.RefusedInfo) { printAll(i); printAll(i.Err) },
		Repeated: func(_ context.Context, i auth.RepeatedInfo) { printAll(i) },
		LoggedIn: func(_ context.Context, i auth.LoggedInInfo) { printAll(i) },
		Clock:    func(_ context.Context, i auth.ClockInfo) { printAll(i) },
	})
	for _, p := range allProtocols(t) {
		w.succeed(t, p)
		w.gateway.EndSessions()
		w.succeed(t, p)
	}
	require.Greater(t, len(credentials), 12)
	for _, c := range append(credentials, secret) {
		assert.NotContains(t, printed.String(), c)
	}
}
