package interop_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/interop"
	"github.com/countersign/countersign/transport"
)

// newRetrying returns a retrying client that does not wait, and logs to logged.
func newRetrying(logged io.Writer) *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.RetryMax = 3
	c.RetryWaitMin, c.RetryWaitMax = 0, 0
	c.CheckRetry = interop.CheckRetry
	c.Logger = log.New(logged, "", 0)
	return c
}

func TestRetryableHTTPSignsEachAttempt(t *testing.T) {
	for _, tt := range reads {
		t.Run(tt.name, func(t *testing.T) {
			g := tt.gateway(t)
			g.fail(2)
			var logged bytes.Buffer
			retrying := newRetrying(&logged)
			retrying.HTTPClient.Transport = g.signing(t, nil)

			code, _, err := send(t, retrying.StandardClient(), http.MethodGet, g.URL+tt.path, "", "")
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, code)
			g.requireVerified(t, 3)
			g.requireClean(t, logged.String())
		})
	}
	t.Run("the date moves", func(t *testing.T) {
		g := newAvangate(t)
		g.fail(2)
		retrying := newRetrying(io.Discard)
		retrying.HTTPClient.Transport = g.signing(t, nil)
		_, _, err := send(t, retrying.StandardClient(), http.MethodGet, g.URL+"/rest/6.0/orders/", "", "")
		require.NoError(t, err)
		var signed []string
		for _, e := range g.seen() {
			signed = append(signed, e.StringToSign)
		}
		assert.Equal(t, []string{"7FLORIST192026-11-20 00:00:00", "7FLORIST192026-11-20 01:00:00", "7FLORIST192026-11-20 02:00:00"}, signed)
	})
}

// When all attempts have failed, the error quotes the URL.
func TestRetryableHTTPGivesUpWithACleanError(t *testing.T) {
	g := newPaylink(t)
	g.fail(4)
	var logged bytes.Buffer
	retrying := newRetrying(&logged)
	retrying.HTTPClient.Transport = g.signing(t, nil)

	_, _, err := send(t, retrying.StandardClient(), http.MethodGet, g.URL+"/v1.0/Transaction/", "", "")
	require.ErrorContains(t, err, "giving up after 4 attempt(s)")
	g.requireVerified(t, 4)
	g.requireClean(t, err.Error())
	g.requireClean(t, logged.String())
}

func TestRetryableHTTPRepeatsNoPost(t *testing.T) {
	post := func(t *testing.T, policy retryablehttp.CheckRetry) (*gateway, int) {
		g := newPaylink(t)
		g.fail(1)
		retrying := newRetrying(io.Discard)
		retrying.CheckRetry = policy
		retrying.HTTPClient.Transport = g.signing(t, nil)
		code, _, err := send(t, retrying.StandardClient(), http.MethodPost, g.URL+"/v1.0/Gateway/", form, "amount=200&currency=CHF")
		require.NoError(t, err)
		return g, code
	}
	t.Run("CheckRetry", func(t *testing.T) {
		g, code := post(t, interop.CheckRetry)
		assert.Equal(t, http.StatusServiceUnavailable, code)
		g.requireVerified(t, 1)
	})
	t.Run("wrong: the default policy pays twice", func(t *testing.T) {
		g, code := post(t, retryablehttp.DefaultRetryPolicy)
		assert.Equal(t, http.StatusOK, code)
		g.requireVerified(t, 2)
		assert.Equal(t, g.seen()[0].Parameters, g.seen()[1].Parameters)
	})
}

// A redirect makes a GET of a POST, to a gateway that is nobody's.
func TestRetryableHTTPRepeatsNoRedirectedPost(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		policy       retryablehttp.CheckRetry
		want         int // requests that the redirect answers
	}{
		{"a POST", http.MethodPost, interop.CheckRetry, 1},
		{"a GET", http.MethodGet, interop.CheckRetry, 4},
		{"wrong: the default policy pays four times", http.MethodPost, retryablehttp.DefaultRetryPolicy, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = append(got, r.Method+" "+r.URL.Path)
				switch r.URL.Path {
				case "/pay":
					http.Redirect(w, r, "/wait", http.StatusSeeOther)
				case "/wait":
					http.Redirect(w, r, "/done", http.StatusSeeOther)
				default:
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}))
			defer other.Close()
			retrying := newRetrying(io.Discard)
			retrying.CheckRetry = tt.policy
			retrying.ErrorHandler = retryablehttp.PassthroughErrorHandler
			retrying.HTTPClient.Transport = newPaylink(t).signing(t, nil).PassOthers()

			code, _, err := send(t, retrying.StandardClient(), tt.method, other.URL+"/pay", form, "amount=200")
			require.NoError(t, err)
			assert.Equal(t, http.StatusServiceUnavailable, code)
			assert.Equal(t, slices.Repeat([]string{tt.method + " /pay", "GET /wait", "GET /done"}, tt.want), got)
		})
	}
}

func TestCheckRetryOfAnErrorWithoutARequest(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"of a GET", &url.Error{Op: "Get", Err: io.ErrUnexpectedEOF}, true},
		{"of a POST", &url.Error{Op: "Post", Err: io.ErrUnexpectedEOF}, false},
		{"of neither", io.ErrUnexpectedEOF, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			again, err := interop.CheckRetry(t.Context(), nil, tt.err)
			require.NoError(t, err)
			assert.Equal(t, tt.want, again)
		})
	}
}

// A session that has ended between two attempts is another one in the second. A
// call of JSON-RPC is a POST: that this one only reads, the caller has to know.
func TestRetryableHTTPGetsANewSession(t *testing.T) {
	onlyReads := retryablehttp.DefaultRetryPolicy
	above := func(t *testing.T, g *gateway) *http.Client {
		retrying := newRetrying(io.Discard)
		retrying.CheckRetry = onlyReads
		retrying.HTTPClient.Transport = g.signing(t, nil)
		return retrying.StandardClient()
	}
	below := func(t *testing.T, g *gateway) *http.Client {
		retrying := newRetrying(io.Discard)
		retrying.CheckRetry = onlyReads
		retrying.HTTPClient.Transport = g.Client().Transport
		return &http.Client{Transport: g.signing(t, &retryablehttp.RoundTripper{Client: retrying})}
	}
	inTime := func(g *gateway) { g.fail(1) }
	early := func(g *gateway) {
		g.answer(func(w http.ResponseWriter, _ *http.Request) {
			g.emulated.(*authtest.Avangate).EndSessions()
			w.WriteHeader(http.StatusServiceUnavailable)
		})
	}
	const get, login = "getOrder", "login"
	for _, tt := range []struct {
		name    string
		client  func(*testing.T, *gateway) *http.Client
		fail    func(*gateway)
		want    []string // the requests after the first call
		refused int      // which of them the gateway refuses, if any
	}{
		{"an hour later", above, inTime, []string{get, login, get}, -1},
		{"ended by the gateway", above, early, []string{get, get, login, get}, 1},
		{"wrong: below the signer, an hour later", below, inTime, []string{get, get, login, get}, 1},
		{"wrong: below the signer, ended by the gateway", below, early, []string{get, get, login, get}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newAvangate(t)
			client := tt.client(t, g)
			call := func() string {
				code, answer, err := send(t, client, http.MethodPost, g.URL+"/rpc/6.0/", "application/json", rpcCall)
				require.NoError(t, err)
				assert.Equal(t, http.StatusOK, code)
				return answer
			}
			first := call()
			tt.fail(g)
			require.JSONEq(t, first, call())

			seen := g.seen()[2:]
			require.Len(t, seen, len(tt.want))
			for i, e := range seen {
				assert.Equal(t, tt.want[i:i+1], e.Methods)
				assert.Equal(t, i == tt.refused, e.Err != nil, "request %d: %v", i, e.Err)
			}
			last := len(g.sessions) - 1
			for _, id := range g.sessions[:last] {
				assert.Equal(t, g.sessions[0], id, "the session of before")
			}
			assert.NotEqual(t, g.sessions[0], g.sessions[last])
		})
	}
}

func TestRetryableHTTPRepeatsNoRefusal(t *testing.T) {
	attempts := func(t *testing.T, policy retryablehttp.CheckRetry) (n int) {
		g := newPaylink(t)
		retrying := newRetrying(io.Discard)
		retrying.CheckRetry = policy
		retrying.RequestLogHook = func(retryablehttp.Logger, *http.Request, int) { n++ }
		retrying.HTTPClient.Transport = g.signing(t, nil)
		_, _, err := send(t, retrying.StandardClient(), http.MethodGet, g.URL+"/v1.0/Transaction/?pm=twint&pm=visa", "", "")
		require.ErrorIs(t, err, auth.ErrParameter)
		require.Empty(t, g.seen())
		return n
	}
	assert.Equal(t, 1, attempts(t, interop.CheckRetry))
	assert.Equal(t, 4, attempts(t, retryablehttp.DefaultRetryPolicy), "wrong: the default policy")
}

// Whichever client follows the redirect, the transport sees it.
func TestRetryableHTTPRefusesRedirects(t *testing.T) {
	for _, inner := range []bool{true, false} {
		t.Run(fmt.Sprintf("the inner client follows: %t", inner), func(t *testing.T) {
			g := newPaylink(t)
			g.answer(redirect("/v1.0/Gateway/1/"))
			retrying := newRetrying(io.Discard)
			retrying.HTTPClient.Transport = g.signing(t, nil)
			if !inner {
				retrying.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			}
			client := retrying.StandardClient()
			asked := 0
			client.CheckRedirect = func(*http.Request, []*http.Request) error { asked++; return nil }

			_, _, err := send(t, client, http.MethodPost, g.URL+"/v1.0/Gateway/", form, "amount=200")
			require.ErrorIs(t, err, auth.ErrRedirect)
			g.requireVerified(t, 1)
			assert.Equal(t, !inner, asked == 1, "the outer client's CheckRedirect")
		})
	}
}

func redirect(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, location, http.StatusFound) }
}

// Below the signer, an attempt repeats the first one's credentials, and the log holds
// the signed URL. Its errors hold it, too, until Countersign takes it out.
func TestRetryableHTTPWrongBelowTheSigner(t *testing.T) {
	below := func(t *testing.T, g *gateway, logged io.Writer) *http.Client {
		retrying := newRetrying(logged)
		retrying.HTTPClient.Transport = g.Client().Transport
		return &http.Client{Transport: g.signing(t, &retryablehttp.RoundTripper{Client: retrying})}
	}
	t.Run("an ApiSignature with the secret of before", func(t *testing.T) {
		g := newPaylink(t)
		g.fail(1)
		var logged bytes.Buffer
		code, _, err := send(t, below(t, g, &logged), http.MethodGet, g.URL+"/v1.0/Transaction/", "", "")
		require.NoError(t, err)
		assert.Equal(t, http.StatusForbidden, code)
		require.Len(t, g.seen(), 2)
		require.NoError(t, g.seen()[0].Err)
		require.ErrorIs(t, g.seen()[1].Err, auth.ErrSignature)
		assert.Len(t, g.leaks(logged.String()), 1)
	})
	t.Run("the error", func(t *testing.T) {
		g := newPaylink(t)
		g.fail(4)
		_, _, err := send(t, below(t, g, io.Discard), http.MethodGet, g.URL+"/v1.0/Transaction/", "", "")
		require.ErrorContains(t, err, "giving up after 4 attempt(s)")
		assert.Empty(t, g.leaks(err.Error()))
	})
	// The clock is right, and so Countersign has no reason for a second turn.
	t.Run("a header of an hour ago", func(t *testing.T) {
		g := newAvangate(t)
		g.fail(1)
		code, _, err := send(t, below(t, g, io.Discard), http.MethodGet, g.URL+"/rest/6.0/orders/", "", "")
		require.NoError(t, err)
		assert.Equal(t, http.StatusUnauthorized, code)
		require.Len(t, g.seen(), 2)
		require.ErrorIs(t, g.seen()[1].Err, auth.ErrClock)
		assert.Equal(t, g.seen()[0].StringToSign, g.seen()[1].StringToSign)
	})
}

func ExampleCheckRetry() {
	gateway, shop := newShop()
	defer gateway.Close()
	signing, err := transport.New(http.DefaultTransport, shop)
	if err != nil {
		log.Fatal(err)
	}
	retrying := retryablehttp.NewClient()
	retrying.Logger = nil
	retrying.HTTPClient.Transport = signing
	retrying.CheckRetry = interop.CheckRetry
	client := retrying.StandardClient()

	resp, err := client.Get(gateway.URL + "/v1.0/Transaction/")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.Status)
	// Output:
	// GET /v1.0/Transaction/ is signed: true
	// 200 OK
}
