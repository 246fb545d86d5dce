package avangate_test

import (
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

	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
)

// Use does not prolong a session: the ten minutes count from its login.
func TestSessionIsRenewedHoweverBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := sessionProtocols(t)[0]
		for range 60 {
			w.succeed(t, p)
			time.Sleep(30 * time.Second)
		}
		seen := w.methods()
		assert.Equal(t, 4, strings.Count(seen, "login"), "in half an hour")
		assert.NotContains(t, seen, "!")
	})
}

func TestClockSetBackRenewsTheSession(t *testing.T) {
	now := moment
	w := newWorld(t, func(c *avangate.Config, g *authtest.Avangate) {
		c.Now = func() time.Time { return now }
		g.Now = c.Now
	})
	p := sessionProtocols(t)[0]
	w.succeed(t, p)
	now = now.Add(-time.Second)
	w.succeed(t, p)
	assert.Equal(t, "login getOrder login getOrder", w.methods())
}

func TestSessionBelongsToOriginAndPath(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		for _, url := range []string{rpcURL, vendor + "/rpc/5.0/", vendor + "/order/2.0/rpc/", "https://api.avangate.com/rpc/6.0/", "https://API.avangate.com:443/rpc/6.0/?x=1"} {
			resp, err := w.client.Post(url, "application/json", strings.NewReader(rpcBody("1")))
			require.NoError(t, err)
			resp.Body.Close()
		}
	}
	assert.Equal(t, 4, strings.Count(w.methods(), "login"))
}

func TestFiftyCallsMakeOneLogin(t *testing.T) {
	for _, p := range sessionProtocols(t) {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
					time.Sleep(time.Second)
					return w.RoundTrip(req)
				}))
				fifty := func() {
					var wg sync.WaitGroup
					for range 50 {
						wg.Go(func() {
							answer, err := w.call(t, p)
							assert.NoError(t, err)
							assert.Contains(t, answer, p.answer)
						})
					}
					wg.Wait()
				}
				fifty()
				seen := w.methods()
				assert.Equal(t, 1, strings.Count(seen, "login"))
				assert.Equal(t, 50, strings.Count(seen, "getOrder"))
				w.gateway.EndSessions()
				fifty()
				seen = w.methods()
				assert.Equal(t, 1, strings.Count(seen, "login"), "after an early end")
				assert.Equal(t, 50, strings.Count(seen, "getOrder!"))
				assert.Equal(t, 50, strings.Count(seen+" ", "getOrder "))
			})
		})
	}
}

// A late refusal of an old session leaves the new one alone.
func TestOldSessionsRefusalDropsNothing(t *testing.T) {
	w := newWorld(t)
	authenticate := func() *http.Request {
		req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1")))
		require.NoError(t, w.account.Authenticate(req, w))
		return req
	}
	gone := func() *http.Response {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"error":{"code":10000}}`))}
	}
	first, second := authenticate(), authenticate()
	assert.True(t, w.account.Refused(first, gone()))
	third := authenticate()
	assert.Equal(t, "login login", w.methods())
	assert.True(t, w.account.Refused(second, gone()), "another try will have the new session")
	assert.Equal(t, body(t, third), body(t, authenticate()))
	assert.Empty(t, w.methods())
}

func TestCallWhoseBodyCannotBeHadAgainIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	p := sessionProtocols(t)[0]
	w.succeed(t, p)
	w.gateway.EndSessions()
	req := request(t, "POST", rpcURL)
	req.Body = io.NopCloser(strings.NewReader(p.body))
	resp, err := w.client.Do(req)
	require.NoError(t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "10002")
	w.succeed(t, p)
	assert.Equal(t, "login getOrder getOrder! login getOrder", w.methods())
}

// A gateway that knows no session that it gave is asked twice a call.
func TestEndlessRefusalsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		w.gateway.EndSessions()
		return w.RoundTrip(req)
	}))
	answer, err := w.call(t, sessionProtocols(t)[0])
	require.NoError(t, err)
	assert.Contains(t, answer, "10002")
	assert.Equal(t, "login getOrder! login getOrder!", w.methods())
}
