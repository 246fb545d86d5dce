package avangate_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
)

// held is a network that answers nothing before it is let.
type held struct {
	base  http.RoundTripper
	open  chan struct{}
	ended error // of the login's context
}

func (h *held) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case <-h.open:
		return h.base.RoundTrip(req)
	case <-req.Context().Done():
		h.ended = context.Cause(req.Context())
		return nil, h.ended
	}
}

type contextName struct{}

func TestCancellation(t *testing.T) {
	p := protocolCase{path: "/rpc/6.0/", body: rpcBody("1"), answer: "getOrder"}
	// start makes a call whose error comes over the channel.
	start := func(t *testing.T, w *world, ctx context.Context) chan error {
		result := make(chan error, 1)
		req, err := http.NewRequestWithContext(ctx, "POST", vendor+p.path, strings.NewReader(p.body))
		require.NoError(t, err)
		go func() {
			resp, err := w.client.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			result <- err
		}()
		synctest.Wait()
		return result
	}
	prepare := func(t *testing.T) (*world, *held) {
		w := newWorld(t)
		network := &held{base: w, open: make(chan struct{})}
		w.client = w.through(t, network)
		return w, network
	}
	t.Run("a waiter that leaves leaves the others the login", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, network := prepare(t)
			first, leaveFirst := context.WithCancel(t.Context())
			one, two := start(t, w, first), start(t, w, t.Context())
			leaveFirst()
			assert.ErrorIs(t, <-one, context.Canceled)
			synctest.Wait()
			assert.NoError(t, network.ended, "somebody still waits")
			close(network.open)
			assert.NoError(t, <-two)
			assert.Equal(t, "login getOrder", w.methods())
		})
	})
	t.Run("the last waiter that leaves ends the login", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, network := prepare(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			one, two := start(t, w, ctx), start(t, w, ctx)
			for _, result := range []chan error{one, two} {
				err := <-result
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.ErrorIs(t, err, avangate.ErrLogin)
			}
			synctest.Wait()
			assert.ErrorIs(t, network.ended, context.Canceled)
			close(network.open)
			assert.NoError(t, <-start(t, w, t.Context()), "the next one logs in")
			assert.Equal(t, "login getOrder", w.methods())
		})
	})
	t.Run("a client's Timeout counts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, _ := prepare(t)
			w.client.Timeout = time.Minute
			began := time.Now()
			err := <-start(t, w, t.Context())
			assert.Equal(t, time.Minute, time.Since(began))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
	t.Run("who has left already starts nothing", func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		req := httptest.NewRequestWithContext(ctx, "POST", rpcURL, strings.NewReader(rpcBody("1")))
		assert.ErrorIs(t, w.account.Authenticate(req, w), context.Canceled)
		assert.Empty(t, w.methods())
	})
	t.Run("a network that hears of nothing holds nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			deaf := make(chan struct{})
			var sent []string
			w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				copied, err := req.GetBody()
				require.NoError(t, err)
				text, err := io.ReadAll(copied)
				require.NoError(t, err)
				if sent = append(sent, string(text)); len(sent) == 1 {
					<-deaf
				}
				return w.gatewayAnswer(req)
			}))
			ctx, cancel := context.WithCancel(t.Context())
			one := start(t, w, ctx)
			cancel()
			assert.ErrorIs(t, <-one, context.Canceled)
			two := start(t, w, t.Context())
			assert.Equal(t, "login getOrder", w.methods(), "at once")
			close(deaf)
			assert.NoError(t, <-two)
			synctest.Wait()
			assert.Equal(t, "login", w.methods(), "late")
			assert.NoError(t, <-start(t, w, t.Context()))
			assert.Equal(t, "getOrder", w.methods())
			assert.Equal(t, sent[len(sent)-2], sent[len(sent)-1], "the session is not that of the login that was left")
		})
	})
	t.Run("an answer that does not come to its end holds nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			stuck := true
			w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				if resp, err := w.RoundTrip(req); !stuck {
					return resp, err
				}
				return &http.Response{StatusCode: 200, Body: io.NopCloser(untilDone{req.Context()})}, nil
			}))
			ctx, cancel := context.WithCancel(t.Context())
			one := start(t, w, ctx)
			cancel()
			assert.ErrorIs(t, <-one, context.Canceled)
			synctest.Wait()
			stuck = false
			assert.NoError(t, <-start(t, w, t.Context()), "a login that was broken off was not refused")

			stuck = true // now it is a call's answer
			ctx, cancel = context.WithCancel(t.Context())
			one = start(t, w, ctx)
			cancel()
			<-one
		})
	})
	t.Run("the second login is left, too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, network := prepare(t)
			close(network.open)
			assert.NoError(t, <-start(t, w, t.Context()))
			w.gateway.EndSessions()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			calls := 0
			w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				if calls++; calls == 2 {
					<-req.Context().Done()
					return nil, context.Cause(req.Context())
				}
				return w.RoundTrip(req)
			}))
			one := start(t, w, ctx)
			cancel()
			assert.ErrorIs(t, <-one, context.Canceled)
			synctest.Wait()
			assert.Equal(t, 2, calls, "the call that was refused, and the login")
		})
	})
	t.Run("the login has the values of a caller's context", func(t *testing.T) {
		var got []any
		w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) {
			c.SecretKey = auth.SecretFunc(func(ctx context.Context) (auth.Secret, error) {
				got = append(got, ctx.Value(contextName{}))
				return auth.NewSecret(secret), nil
			})
		})
		req := httptest.NewRequestWithContext(context.WithValue(t.Context(), contextName{}, "v"), "POST", rpcURL, strings.NewReader(rpcBody("1")))
		require.NoError(t, w.account.Authenticate(req, w))
		assert.Equal(t, []any{"v"}, got)
	})
}

// untilDone is a body that brings nothing but the end of its context.
type untilDone struct{ ctx context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, context.Cause(u.ctx)
}
