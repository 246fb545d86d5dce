package interop_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"testing"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
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

// Below the signer, an attempt repeats the first one's credentials, and the log and
// the errors hold the signed URL.
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
		assert.Len(t, g.leaks(err.Error()), 1)
	})
	// Countersign's own second turn mends it here: a third request that was not needed.
	t.Run("a header of an hour ago", func(t *testing.T) {
		g := newAvangate(t)
		g.fail(1)
		code, _, err := send(t, below(t, g, io.Discard), http.MethodGet, g.URL+"/rest/6.0/orders/", "", "")
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, code)
		require.Len(t, g.seen(), 3)
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
