package avangate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
)

// allProtocols has REST, too, whose calls have no body.
func allProtocols(t testing.TB) []protocolCase {
	return append(sessionProtocols(t), protocolCase{name: "REST", path: "/rest/6.0/orders/113/", answer: `"RefNo":"113"`})
}

func TestClockThatIsWrong(t *testing.T) {
	for _, p := range allProtocols(t) {
		for _, off := range []time.Duration{-15 * time.Minute, 15 * time.Minute, -24 * time.Hour, 24 * time.Hour} {
			t.Run(fmt.Sprint(p.name, off), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					wrong := off
					w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) {
						c.Now = func() time.Time { return time.Now().Add(wrong) }
					})
					assert.Zero(t, w.account.Offset())
					w.succeed(t, p)
					assert.Equal(t, -off, w.account.Offset())
					first := w.methods()
					w.succeed(t, p)
					assert.NotContains(t, w.methods(), "!", "the offset is kept")

					wrong = 0 // it heals
					w.gateway.EndSessions()
					w.succeed(t, p)
					assert.Zero(t, w.account.Offset())
					healed := w.methods()
					w.succeed(t, p)
					assert.NotContains(t, w.methods(), "!")

					if p.name == "REST" {
						assert.Equal(t, "! ", first)
						assert.Equal(t, "! ", healed)
					} else {
						assert.Equal(t, "login! login getOrder", first)
						assert.Contains(t, healed, "login! login getOrder")
					}
				})
			})
		}
	}
}

// A clock that is wrong by more than a day, or less than a request may take, is
// not the matter.
func TestClockThatIsNotTheMatter(t *testing.T) {
	for name, test := range map[string]struct {
		off    time.Duration // of the gateway's clock
		key    string
		header http.Header // of its answers
		tries  int
	}{
		"the key, at the same time":       {0, "another secret key", nil, 1},
		"the key, ten seconds apart":      {10 * time.Second, "another secret key", nil, 1},
		"the key, eleven seconds apart":   {-11 * time.Second, "another secret key", nil, 2},
		"a day and a second":              {24*time.Hour + time.Second, secret, nil, 1},
		"a day and a second back":         {-24*time.Hour - time.Second, secret, nil, 1},
		"years":                           {-300_000 * time.Hour, secret, nil, 1},
		"an answer from a cache":          {time.Hour, secret, http.Header{"Age": {"0"}}, 1},
		"an answer without a Date":        {time.Hour, secret, http.Header{"Date": nil}, 1},
		"an answer with no Date to speak": {time.Hour, secret, http.Header{"Date": {"yesterday"}}, 1},
	} {
		for _, p := range allProtocols(t) {
			t.Run(name+", "+p.name, func(t *testing.T) {
				w := newWorld(t, func(c *avangate.Config, g *authtest.Avangate) {
					c.SecretKey, c.Now = auth.NewSecret(test.key), fixed(moment)
					g.Now = fixed(moment.Add(test.off))
				})
				tries := 0
				w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
					tries++
					resp, err := w.RoundTrip(req)
					for key, values := range test.header {
						resp.Header[key] = values
					}
					return resp, err
				}))
				_, err := w.call(t, p)
				if p.name != "REST" {
					assert.ErrorIs(t, err, avangate.ErrLogin)
				}
				assert.Equal(t, test.tries, tries)
				if test.tries == 1 {
					assert.Zero(t, w.account.Offset())
				}
			})
		}
	}
}

func TestOnlyARefusalSetsTheClock(t *testing.T) {
	date := moment.Add(time.Hour).Format(http.TimeFormat)
	for status, want := range map[int]bool{200: false, 302: false, 400: false, 401: true, 403: true, 404: false, 407: false, 500: false} {
		a := authenticator(t, config())
		req := signed(t, a)
		resp := &http.Response{StatusCode: status, Header: http.Header{"Date": {date}}} // and no body to read
		assert.Equal(t, want, a.Refused(req, resp), "%d", status)
		assert.Equal(t, want, a.Offset() == time.Hour, "%d", status)
	}
	a := authenticator(t, config())
	resp := &http.Response{StatusCode: 401, Header: http.Header{"Date": {date}}}
	assert.False(t, a.Refused(httptest.NewRequest("GET", vendor, nil), resp), "a request that claims no time")
	assert.Zero(t, a.Offset())
}

// A gateway whose clock is right gets one request, however late it answers and
// whatever it says.
func TestSlowAnswerIsNoWrongClock(t *testing.T) {
	for _, delay := range []time.Duration{0, 11 * time.Second, time.Hour} {
		for _, status := range []int{400, 401, 403} {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) { c.Now = nil })
					tries := 0
					w.client = w.through(t, roundTripper(func(*http.Request) (*http.Response, error) {
						tries++
						time.Sleep(delay)
						h := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
						return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(`{"error_code":"AUTHENTICATION_ERROR"}`))}, nil
					}))
					req, err := http.NewRequest(method, vendor+"/rest/6.0/orders/", strings.NewReader("{}"))
					require.NoError(t, err)
					resp, err := w.client.Do(req)
					require.NoError(t, err)
					resp.Body.Close()
					assert.Equal(t, 1, tries, "%v %d %s", delay, status, method)
					assert.Zero(t, w.account.Offset())
				})
			}
		}
	}
	for _, p := range sessionProtocols(t) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) { c.SecretKey = auth.NewSecret("another secret key") })
			w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				time.Sleep(time.Minute)
				return w.RoundTrip(req)
			}))
			_, err := w.call(t, p)
			require.ErrorIs(t, err, avangate.ErrLogin)
			assert.Equal(t, "login!", w.methods(), p.name)
			assert.Zero(t, w.account.Offset())
		})
	}
}

// A clock that is wrong does not prove that it was the matter. The next request has
// the right time in any case.
func TestOnlyWhatTheClockMayHaveCausedIsSentAgain(t *testing.T) {
	const authentication, business = `{"message":"Time offset mismatch","error_code":"AUTHENTICATION_ERROR"}`, `{"error_code":"FORBIDDEN","message":"AUTHENTICATION_ERROR"}`
	for _, test := range []struct {
		method string
		status int
		answer string
		tries  int
		learnt bool
	}{
		{"GET", 401, "", 2, true},
		{"GET", 403, business, 2, true},
		{"HEAD", 403, "", 2, true},
		{"GET", 400, authentication, 2, true},
		{"GET", 400, business, 1, false},
		{"GET", 200, authentication, 1, false},
		{"GET", 404, authentication, 1, false},
		{"GET", 500, authentication, 1, false},
		{"POST", 401, business, 2, true},
		{"POST", 403, authentication, 2, true},
		{"POST", 400, authentication, 2, true},
		{"DELETE", 403, authentication, 2, true},
		{"POST", 403, business, 1, true},
		{"POST", 403, "", 1, true},
		{"POST", 403, "<html>", 1, true},
		{"PUT", 403, `{"order":{"error_code":"AUTHENTICATION_ERROR"}}`, 1, true},
		{"POST", 403, `[{"error_code":"AUTHENTICATION_ERROR"}]`, 1, true},
		{"POST", 403, `["error_code","AUTHENTICATION_ERROR"]`, 1, true},
		{"POST", 403, `{"error_code":"authentication_error"}`, 1, true},
		{"POST", 403, `{"error_code":["AUTHENTICATION_ERROR"]}`, 1, true},
		{"POST", 403, `{"error_code":"AUTHENTICATION_ERROR","error_code":"FORBIDDEN"}`, 1, true},
		{"POST", 403, `{"error_code":"AUTHENTICATION_ERROR"`, 1, true},
		{"POST", 403, `{"x":"` + strings.Repeat("x", 64<<10) + `","error_code":"AUTHENTICATION_ERROR"}`, 1, true},
		{"PATCH", 400, business, 1, false},
		{"POST", 200, authentication, 1, false},
		{"POST", 500, authentication, 1, false},
	} {
		w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) { c.Now = fixed(moment.Add(-30 * time.Second)) })
		tries := 0
		w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			tries++
			h := http.Header{"Date": {moment.Format(http.TimeFormat)}}
			return &http.Response{StatusCode: test.status, Header: h, Body: io.NopCloser(strings.NewReader(test.answer)), Request: req}, nil
		}))
		req, err := http.NewRequest(test.method, vendor+"/rest/6.0/orders/", strings.NewReader("{}"))
		require.NoError(t, err)
		resp, err := w.client.Do(req)
		require.NoError(t, err)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, test.answer, string(got), "the answer stays whole")
		assert.Equal(t, test.tries, tries, "%s %d %.80s", test.method, test.status, test.answer)
		want := time.Duration(0)
		if test.learnt {
			want = 30 * time.Second
		}
		assert.Equal(t, want, w.account.Offset(), "%s %d %.80s", test.method, test.status, test.answer)
	}
}

// How far the clock is off does not count what the answer took.
func TestWrongClockIsHealedHoweverLateTheAnswer(t *testing.T) {
	for _, off := range []time.Duration{-900 * time.Second, -25 * time.Second, 25 * time.Second, 900 * time.Second} {
		for _, delay := range []time.Duration{0, 20 * time.Second, 4 * time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) {
					c.Now = func() time.Time { return time.Now().Add(off) }
				})
				tries := 0
				w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
					tries++
					claim, err := (&avangate.Verifier{SecretKey: auth.NewSecret(secret), Window: time.Nanosecond}).Verify(req)
					status := 200
					if err != nil {
						assert.ErrorIs(t, err, auth.ErrClock)
						assert.Equal(t, off, claim.Offset)
						status = 401
						time.Sleep(delay)
					}
					h := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
					return &http.Response{StatusCode: status, Header: h, Body: http.NoBody}, nil
				}))
				for want := 2; want > 0; want-- {
					tries = 0
					resp, err := w.client.Post(vendor+"/rest/6.0/orders/", "application/json", strings.NewReader("{}"))
					require.NoError(t, err)
					assert.Equal(t, 200, resp.StatusCode)
					assert.Equal(t, want, tries, "off by %v, after %v", off, delay)
				}
				assert.Equal(t, -off, w.account.Offset())
			})
		}
	}
}

// A request remembers the offset that it was signed with, however long ago that was
// and whatever there was since.
func TestOffsetIsTheRequestsOwn(t *testing.T) {
	at := func(t time.Time) *http.Response {
		return &http.Response{StatusCode: 401, Header: http.Header{"Date": {t.Format(http.TimeFormat)}}}
	}
	t.Run("an hour later", func(t *testing.T) {
		now := moment
		c := config()
		c.Now = func() time.Time { return now }
		a := authenticator(t, c)
		req := signed(t, a)
		now = now.Add(time.Hour)
		signed(t, a)
		assert.True(t, a.Refused(req, at(now.Add(time.Hour))))
		assert.Equal(t, time.Hour, a.Offset())
	})
	t.Run("beside one that claims the same time by another", func(t *testing.T) {
		now := moment
		c := config()
		c.Now = func() time.Time { return now }
		a := authenticator(t, c)
		first := signed(t, a)
		assert.True(t, a.Refused(first, at(now.Add(time.Minute))))
		now = now.Add(-time.Minute)
		second := signed(t, a)
		assert.Equal(t, first.Header.Get(header), second.Header.Get(header))
		assert.False(t, a.Refused(second, at(now.Add(time.Minute))))
		assert.True(t, a.Refused(first, at(now.Add(time.Minute))))
	})
	t.Run("after many others", func(t *testing.T) {
		a := authenticator(t, config())
		first := signed(t, a)
		for i := range 20 {
			assert.True(t, a.Refused(signed(t, a), at(moment.Add(time.Duration(i+1)*time.Minute))))
		}
		assert.True(t, a.Refused(first, at(moment.Add(20*time.Minute))))
		assert.False(t, a.Refused(first, at(moment)), "it was signed without one")
	})
}

// What counts is the offset of the refused request, and not the present one: two
// requests that were refused together are both sent again.
func TestRefusalsAtOnceAreOneOffset(t *testing.T) {
	a := authenticator(t, config())
	first, second := signed(t, a), signed(t, a)
	resp := &http.Response{StatusCode: 401, Header: http.Header{"Date": {moment.Add(-time.Hour).Format(http.TimeFormat)}}}
	for _, req := range []*http.Request{first, second} {
		assert.True(t, a.Refused(req, resp))
		assert.Equal(t, -time.Hour, a.Offset())
	}
	third := signed(t, a)
	assert.Contains(t, third.Header.Get(header), `date="2026-01-02 02:04:05"`)
	assert.False(t, a.Refused(third, resp))
	l, err := a.Login(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "2026-01-02 02:04:05", l.Date)
}

func TestManyRequestsUnderAWrongClock(t *testing.T) {
	for _, p := range allProtocols(t) {
		w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) {
			c.Now = func() time.Time { return time.Now().Add(-15 * time.Minute) }
		})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				answer, err := w.call(t, p)
				assert.NoError(t, err)
				assert.Contains(t, answer, p.answer)
			})
		}
		wg.Wait()
		assert.InDelta(t, 15*time.Minute, w.account.Offset(), float64(2*time.Second))
		if p.name != "REST" {
			assert.Equal(t, 2, strings.Count(w.methods(), "login"))
		}
	}
}
