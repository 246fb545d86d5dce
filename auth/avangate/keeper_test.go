package avangate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/scheme"
)

// An answering is a network on which each login is answered alike, and counted.
// Calls do not come so far.
type answering struct {
	mu     sync.Mutex
	logins int
	answer func(login *http.Request) (status int, body string)
}

func (n *answering) RoundTrip(req *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.logins++
	status, body := n.answer(req)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// count returns how many logins there were, and forgets them.
func (n *answering) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	logins := n.logins
	n.logins = 0
	return logins
}

func isRPC(login *http.Request) bool { return login.Header.Get("Content-Type") == "application/json" }

func accepted(login *http.Request) (int, string) {
	if isRPC(login) {
		return 200, `{"result":"ID"}`
	}
	return 200, `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><r><return>ID</return></r></e:Body></e:Envelope>`
}

func refused(login *http.Request) (int, string) {
	if isRPC(login) {
		return 200, `{"error":{"code":10000}}`
	}
	return 500, `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>AUTHENTICATION_FAILED</faultcode></e:Fault></e:Body></e:Envelope>`
}

// rpcAt and soapAt make a call that comes as far as its session.
func rpcAt(a *avangate.Authenticator, base http.RoundTripper, path string) error {
	return a.Authenticate(httptest.NewRequest("POST", vendor+path, strings.NewReader(rpcBody("1"))), base)
}

func soapAt(a *avangate.Authenticator, base http.RoundTripper, namespace, action string) error {
	req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`+
		`<n:getOrder xmlns:n="`+namespace+`"><s>`+avangate.Session+`</s></n:getOrder></e:Body></e:Envelope>`))
	if action != "" {
		req.Header.Set("SOAPAction", action)
	}
	return a.Authenticate(req, base)
}

// spellings calls endpoints that differ in path, namespace or action.
func spellings(a *avangate.Authenticator, base http.RoundTripper, n int, done func(error)) {
	for i := range n {
		switch i % 4 {
		case 0:
			done(rpcAt(a, base, fmt.Sprintf("/rpc/6.%d/", i)))
		case 1:
			done(rpcAt(a, base, fmt.Sprintf("/subscription/%d.0/rpc", i)))
		case 2:
			done(soapAt(a, base, fmt.Sprintf("urn:x%d", i), ""))
		case 3:
			done(soapAt(a, base, "urn:x", fmt.Sprintf("urn:x%d#getOrder", i)))
		}
	}
}

// Whoever chooses paths, namespaces and actions, as through a proxy, brings about
// neither a login each nor an entry for the life of the process.
func TestEndlessSpellings(t *testing.T) {
	t.Run("under a key that is refused", func(t *testing.T) {
		network := &answering{answer: refused}
		a := authenticator(t, config()) // whose clock stands still
		spellings(a, network, 10_000, func(err error) { require.ErrorIs(t, err, avangate.ErrLogin) })
		assert.Equal(t, 1, network.count(), "logins")
		assert.Zero(t, a.Keepers())
	})
	t.Run("under a key that is refused, as time goes by", func(t *testing.T) {
		now := moment
		c := config()
		c.Now = func() time.Time { return now }
		network := &answering{answer: refused}
		a := authenticator(t, c)
		spellings(a, network, 10_000, func(err error) {
			require.ErrorIs(t, err, avangate.ErrLogin)
			now = now.Add(100 * time.Millisecond)
		})
		assert.Equal(t, 22, network.count(), "logins in a thousand seconds: after pauses of 1, 2, 4 and so on to 60 s")
		assert.Zero(t, a.Keepers())
	})
	t.Run("under a key that is right", func(t *testing.T) {
		network := &answering{answer: accepted}
		a := authenticator(t, config())
		spellings(a, network, 1000, func(err error) { require.NoError(t, err) })
		assert.Equal(t, 1000, network.count(), "logins")
		assert.Equal(t, 32, a.Keepers())
	})
	t.Run("of endpoints that are not there", func(t *testing.T) {
		network := &answering{answer: func(*http.Request) (int, string) { return 404, "" }}
		a := authenticator(t, config())
		spellings(a, network, 100, func(err error) { require.ErrorIs(t, err, avangate.ErrLogin) })
		assert.Zero(t, a.Keepers())
	})
	t.Run("in an action that names another method", func(t *testing.T) {
		network := &answering{answer: accepted}
		a := authenticator(t, config())
		for i := range 300 {
			require.NoError(t, soapAt(a, network, "urn:x", fmt.Sprintf(`"urn:x#op%d"`, i)))
		}
		assert.Equal(t, 1, network.count(), "logins")
	})
}

func TestManyFirstLoginsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &answering{answer: accepted}
		open := make(chan struct{})
		var underWay atomic.Int32
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			underWay.Add(1)
			<-open
			return network.RoundTrip(req)
		})
		c := config()
		c.Now = nil
		a := authenticator(t, c)
		var wg sync.WaitGroup
		var failed atomic.Int32
		for i := range 100 {
			wg.Go(func() {
				if err := rpcAt(a, base, fmt.Sprintf("/rpc/6.%d/", i)); err != nil {
					assert.ErrorIs(t, err, avangate.ErrLogin)
					assert.ErrorContains(t, err, "32 logins at other endpoints are under way")
					failed.Add(1)
				}
			})
		}
		synctest.Wait()
		assert.EqualValues(t, 32, underWay.Load())
		assert.EqualValues(t, 68, failed.Load(), "at once")
		assert.Equal(t, 32, a.Keepers())
		close(open)
		wg.Wait()
		assert.NoError(t, rpcAt(a, base, "/rpc/7.0/"), "there is room again")
	})
}

// Logins that were under way together and are refused make one pause, the shortest.
func TestRefusalsAtOnceAreOnePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &answering{answer: refused}
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Millisecond)
			return network.RoundTrip(req)
		})
		c := config()
		c.Now = nil
		a := authenticator(t, c)
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() { assert.ErrorIs(t, rpcAt(a, base, fmt.Sprintf("/rpc/6.%d/", i)), avangate.ErrLogin) })
		}
		wg.Wait()
		assert.Equal(t, 32, network.count(), "logins")
		time.Sleep(time.Second)
		require.ErrorIs(t, rpcAt(a, base, "/rpc/6.0/"), avangate.ErrLogin)
		assert.Equal(t, 1, network.count(), "after a second")
	})
}

// What others bring about at other endpoints does not disturb one that had a
// session.
func TestOthersDoNotDisturbAnEndpointThatHadASession(t *testing.T) {
	now := moment
	c := config()
	c.Now = func() time.Time { return now }
	a := authenticator(t, c)
	network := &answering{answer: func(login *http.Request) (int, string) {
		if login.URL.Path == "/rpc/6.0/" {
			return accepted(login)
		}
		return refused(login)
	}}
	require.NoError(t, rpcAt(a, network, "/rpc/6.0/"))
	network.count()
	spellings(a, network, 400, func(error) { now = now.Add(time.Millisecond) })
	network.count()
	require.NoError(t, rpcAt(a, network, "/rpc/6.0/"))
	assert.Zero(t, network.count(), "the session is kept")
	now = now.Add(9 * time.Minute)
	require.ErrorIs(t, rpcAt(a, network, "/rpc/5.0/"), avangate.ErrLogin)
	require.ErrorIs(t, rpcAt(a, network, "/rpc/4.0/"), avangate.ErrLogin)
	assert.Equal(t, 1, network.count(), "the pause is that of all that had none")
	require.NoError(t, rpcAt(a, network, "/rpc/6.0/"))
	assert.Equal(t, 1, network.count(), "and of no other")
	require.ErrorIs(t, rpcAt(a, network, "/rpc/4.0/"), avangate.ErrLogin)
	assert.Equal(t, 1, network.count(), "a login that succeeds ends it")
}

// A key may be withdrawn while the program runs.
func TestAnEndpointThatHadASessionPausesAfterARefusalOfItsOwn(t *testing.T) {
	now := moment
	c := config()
	c.Now = func() time.Time { return now }
	a := authenticator(t, c)
	network := &answering{answer: accepted}
	require.NoError(t, rpcAt(a, network, "/rpc/6.0/"))
	require.NoError(t, rpcAt(a, network, "/rpc/5.0/"))
	network.count()
	network.answer = refused
	now = now.Add(9 * time.Minute)
	for _, step := range []struct {
		path  string
		after time.Duration
		want  int // logins
	}{
		{"/rpc/6.0/", 0, 1},
		{"/rpc/6.0/", 0, 0},
		{"/rpc/5.0/", 0, 1},
		{"/rpc/5.0/", 0, 0},
		{"/rpc/6.0/", time.Second, 1},
		{"/rpc/6.0/", time.Second, 0},
		{"/rpc/5.0/", 0, 1},
		{"/rpc/6.0/", time.Second, 1},
	} {
		now = now.Add(step.after)
		require.ErrorIs(t, rpcAt(a, network, step.path), scheme.ErrRefused)
		assert.Equal(t, step.want, network.count(), "%s at %v", step.path, now)
	}
}

func TestPauseBelongsToOriginAndSecret(t *testing.T) {
	key := auth.NewSecret(secret)
	c := config()
	c.SecretKey = auth.SecretFunc(func(context.Context) (auth.Secret, error) { return key, nil })
	a := authenticator(t, c)
	network := &answering{answer: refused}
	fail := func(path string, want int) {
		t.Helper()
		require.ErrorIs(t, rpcAt(a, network, path), avangate.ErrLogin)
		assert.Equal(t, want, network.count(), "logins")
	}
	fail("/rpc/6.0/", 1)
	fail("/rpc/5.0/", 0)
	req := httptest.NewRequest("POST", "https://api.avangate.com/rpc/6.0/", strings.NewReader(rpcBody("1")))
	require.ErrorIs(t, a.Authenticate(req, network), avangate.ErrLogin)
	assert.Equal(t, 1, network.count(), "another origin")
	key = auth.NewSecret("another " + secret)
	fail("/rpc/5.0/", 1)
	fail("/rpc/6.0/", 0)

	network.answer = accepted
	key = auth.NewSecret("a third " + secret)
	require.NoError(t, rpcAt(a, network, "/rpc/6.0/"))
	network.answer = refused
	key = auth.NewSecret("a fourth " + secret)
	network.count()
	fail("/rpc/5.0/", 1)
	req = httptest.NewRequest("POST", vendor+"/rpc/6.0/", strings.NewReader(rpcBody("1")))
	require.NoError(t, a.Authenticate(req, network))
	a.Refused(req, goneAnswer(protocolCase{name: "JSON-RPC"}))
	fail("/rpc/6.0/", 0) // a session under another secret is none
}

func TestLeastRecentlyUsedSessionGoes(t *testing.T) {
	network := &answering{answer: accepted}
	a := authenticator(t, config())
	call := func(i int) int {
		require.NoError(t, rpcAt(a, network, fmt.Sprintf("/rpc/6.%d/", i)))
		return network.count()
	}
	for i := range 32 {
		assert.Equal(t, 1, call(i))
	}
	assert.Zero(t, call(0))
	assert.Equal(t, 1, call(32), "takes the place of 1")
	assert.Zero(t, call(0))
	assert.Equal(t, 1, call(1), "takes the place of 2")
	for i := 3; i < 33; i++ {
		assert.Zero(t, call(i))
	}
	assert.Equal(t, 32, a.Keepers())
}

func TestPartsOfALoginAreBounded(t *testing.T) {
	network := &answering{answer: accepted}
	a := authenticator(t, config())
	long := strings.Repeat("x", 1<<10)
	require.NoError(t, soapAt(a, network, long, ""))
	require.NoError(t, soapAt(a, network, "urn:x", long))
	network.count()
	for name, err := range map[string]error{
		"the namespace": soapAt(a, network, long+"x", ""),
		"the action":    soapAt(a, network, "urn:x", long+"x"),
	} {
		require.ErrorIs(t, err, auth.ErrRequest, name)
		assert.ErrorContains(t, err, "longer than 1024 bytes")
	}
	assert.Zero(t, network.count())
}

// net/http still honours a request's Cancel.
func TestRequestsCancelEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancel := make(chan struct{})
		req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1")))
		//lint:ignore SA1019 that it is honoured is what is tested
		req.Cancel = cancel
		var ended error
		result := make(chan error, 1)
		a := authenticator(t, config())
		go func() {
			result <- a.Authenticate(req, roundTripper(func(login *http.Request) (*http.Response, error) {
				<-login.Context().Done()
				ended = login.Context().Err()
				return nil, ended
			}))
		}()
		synctest.Wait()
		close(cancel)
		err := <-result
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, avangate.ErrLogin)
		synctest.Wait()
		assert.ErrorIs(t, ended, context.Canceled)
		assert.Zero(t, a.Keepers())
	})
}

// What a login that all have left comes to counts for nothing.
func TestLoginThatAllHaveLeftIsForgotten(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (int, string){"refused": refused, "accepted": accepted} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &answering{answer: answer}
				a := authenticator(t, config()) // whose clock stands still
				ctx, cancel := context.WithCancel(t.Context())
				left := make(chan error, 1)
				go func() {
					req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1"))).WithContext(ctx)
					left <- a.Authenticate(req, roundTripper(func(login *http.Request) (*http.Response, error) {
						time.Sleep(time.Minute)
						return network.RoundTrip(login)
					}))
				}()
				synctest.Wait()
				cancel()
				require.ErrorIs(t, <-left, context.Canceled)
				time.Sleep(time.Hour)
				assert.Equal(t, 1, network.count(), "the login was answered")
				assert.Zero(t, a.Keepers())
				rpcAt(a, network, "/rpc/6.0/")
				assert.Equal(t, 1, network.count(), "no pause, no session")
			})
		})
	}
}
