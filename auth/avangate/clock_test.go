package avangate_test

import (
	"fmt"
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

// What counts is the time that the refused request claimed, and not the present
// one: two requests that were refused together are both sent again.
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
