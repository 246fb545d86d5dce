package interop_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/interop"
	"github.com/countersign/countersign/transport"
)

// newResty returns a client that does not wait, and logs all that it can to logged.
func newResty(client *http.Client, logged io.Writer) *resty.Client {
	return resty.NewWithClient(client).
		SetLogger(restyLogger{log.New(logged, "", 0)}).SetDebug(true).EnableGenerateCurlOnDebug().
		SetRetryCount(3).SetRetryWaitTime(0).SetRetryMaxWaitTime(0)
}

type restyLogger struct{ *log.Logger }

func (l restyLogger) Errorf(format string, v ...any) { l.Printf(format, v...) }
func (l restyLogger) Warnf(format string, v ...any)  { l.Printf(format, v...) }
func (l restyLogger) Debugf(format string, v ...any) { l.Printf(format, v...) }

func TestRestySignsEachAttempt(t *testing.T) {
	for _, tt := range reads {
		t.Run(tt.name, func(t *testing.T) {
			g := tt.gateway(t)
			g.fail(2)
			var logged bytes.Buffer
			client := newResty(&http.Client{Transport: g.signing(t, nil)}, &logged).AddRetryCondition(interop.RetryCondition)

			resp, err := client.R().SetContext(t.Context()).Get(g.URL + tt.path)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, resp.StatusCode())
			g.requireVerified(t, 3)
			g.requireClean(t, logged.String())
		})
	}
}

// A write is logged with its body, which is the caller's.
func TestRestyLogsTheCallersRequest(t *testing.T) {
	g := newPaylink(t)
	var logged bytes.Buffer
	client := newResty(&http.Client{Transport: g.signing(t, nil)}, &logged)
	resp, err := client.R().SetContext(t.Context()).SetFormData(map[string]string{"title": "Monatliches Abo", "amount": "200"}).Post(g.URL + "/v1.0/Invoice/")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, resp.StatusCode())
	g.requireVerified(t, 1)
	assert.Contains(t, logged.String(), "Monatliches")
	g.requireClean(t, logged.String())
}

func TestRestyRepeatsNoPost(t *testing.T) {
	post := func(t *testing.T, condition resty.RetryConditionFunc) *gateway {
		g := newPaylink(t)
		g.answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		client := newResty(&http.Client{Transport: g.signing(t, nil)}, io.Discard)
		if condition != nil {
			client.AddRetryCondition(condition)
		}
		client.R().SetContext(t.Context()).SetFormData(map[string]string{"amount": "200"}).Post(g.URL + "/v1.0/Gateway/")
		return g
	}
	post(t, interop.RetryCondition).requireVerified(t, 1)
	g := post(t, nil)
	g.requireVerified(t, 2) // wrong: without a condition resty repeats whatever fails, and pays twice
	assert.Equal(t, g.seen()[0].Parameters, g.seen()[1].Parameters)
}

func TestRestyRepeatsNoRefusal(t *testing.T) {
	attempts := func(t *testing.T, condition resty.RetryConditionFunc) int {
		g := newPaylink(t)
		client := newResty(&http.Client{Transport: g.signing(t, nil)}, io.Discard)
		if condition != nil {
			client.AddRetryCondition(condition)
		}
		req := client.R().SetContext(t.Context())
		_, err := req.Get(g.URL + "/v1.0/Transaction/?pm=twint&pm=visa")
		require.ErrorIs(t, err, auth.ErrParameter)
		require.Empty(t, g.seen())
		return req.Attempt
	}
	assert.Equal(t, 1, attempts(t, interop.RetryCondition))
	assert.Equal(t, 4, attempts(t, nil), "wrong: without a condition")
}

func TestRetryCondition(t *testing.T) {
	answered := func(method string, status int) *resty.Response {
		return &resty.Response{Request: &resty.Request{Method: method}, RawResponse: &http.Response{StatusCode: status}}
	}
	for _, status := range []int{429, 500, 503} {
		assert.True(t, interop.RetryCondition(answered("GET", status), nil), "%d", status)
		assert.False(t, interop.RetryCondition(answered("POST", status), nil), "%d", status)
	}
	for _, status := range []int{200, 302, 403, 422} {
		assert.False(t, interop.RetryCondition(answered("GET", status), nil), "%d", status)
	}
	assert.True(t, interop.RetryCondition(&resty.Response{Request: &resty.Request{Method: "HEAD"}}, io.ErrUnexpectedEOF))
	assert.False(t, interop.RetryCondition(nil, io.ErrUnexpectedEOF), "the request could not be made")
}

// What resty sets in an http.Transport does not get past Countersign's: set it
// there before.
func TestRestyCannotSetTheProxy(t *testing.T) {
	g := newPaylink(t)
	var logged bytes.Buffer
	client := newResty(&http.Client{Transport: g.signing(t, nil)}, &logged).SetProxy("http://127.0.0.1:1")
	assert.Contains(t, logged.String(), "not an *http.Transport")
	resp, err := client.R().SetContext(t.Context()).Get(g.URL + "/v1.0/Transaction/")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, resp.StatusCode())
}

// signInHook is the wrong way: to sign in a hook of resty, above http.Client.
func signInHook(g *gateway, logged io.Writer) *resty.Client {
	return newResty(g.Client(), logged).SetPreRequestHook(func(_ *resty.Client, req *http.Request) error {
		return g.account.Authenticate(req, g.Client().Transport)
	})
}

func TestRestyWrongInAHook(t *testing.T) {
	t.Run("the log holds the signed URL", func(t *testing.T) {
		g := newPaylink(t)
		var logged bytes.Buffer
		_, err := signInHook(g, &logged).R().SetContext(t.Context()).Get(g.URL + "/v1.0/Transaction/")
		require.NoError(t, err)
		g.requireVerified(t, 1)
		assert.Len(t, g.leaks(logged.String()), 1)
	})
	t.Run("the error holds the signed URL", func(t *testing.T) {
		g := newPaylink(t)
		g.answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		client := signInHook(g, io.Discard).SetRetryCount(0)
		_, err := client.R().SetContext(t.Context()).Get(g.URL + "/v1.0/Transaction/")
		require.Error(t, err)
		assert.Len(t, g.leaks(err.Error()), 1)
	})
	t.Run("a redirect takes the header to any host", func(t *testing.T) {
		g := newAvangate(t)
		got := stranger(t, g)
		_, err := signInHook(g, io.Discard).R().SetContext(t.Context()).Get(g.URL + "/rest/6.0/orders/")
		require.NoError(t, err)
		g.requireVerified(t, 1)
		assert.Len(t, g.leaks(got.String()), 1)
	})
	t.Run("and the signed URL, as the Referer", func(t *testing.T) {
		g := newPaylink(t)
		got := stranger(t, g)
		_, err := signInHook(g, io.Discard).R().SetContext(t.Context()).Get(g.URL + "/v1.0/Transaction/")
		require.NoError(t, err)
		g.requireVerified(t, 1)
		assert.Len(t, g.leaks(got.String()), 1)
	})
}

func TestRestyKeepsRedirectsAtHome(t *testing.T) {
	for _, tt := range reads {
		t.Run(tt.name, func(t *testing.T) {
			g := tt.gateway(t)
			got := stranger(t, g)
			client := newResty(&http.Client{Transport: g.signing(t, nil)}, io.Discard).AddRetryCondition(interop.RetryCondition)
			_, err := client.R().SetContext(t.Context()).Get(g.URL + tt.path)
			require.ErrorIs(t, err, auth.ErrRedirect)
			g.requireVerified(t, 1)
			assert.Empty(t, got.String())
		})
	}
}

// stranger has the next request to g redirected to another host, and returns what
// that host gets.
func stranger(t *testing.T, g *gateway) *bytes.Buffer {
	got := new(bytes.Buffer)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Write(got) }))
	t.Cleanup(other.Close)
	g.answer(redirect(other.URL))
	return got
}

func ExampleRetryCondition() {
	gateway, shop := newShop()
	defer gateway.Close()
	signing, err := transport.Wrap(&http.Client{}, shop)
	if err != nil {
		log.Fatal(err)
	}
	client := resty.NewWithClient(signing).SetRetryCount(3).AddRetryCondition(interop.RetryCondition)

	resp, err := client.R().SetFormData(map[string]string{"title": "Monatliches Abo", "amount": "200"}).Post(gateway.URL + "/v1.0/Invoice/")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Status())
	// Output:
	// POST /v1.0/Invoice/ is signed: true
	// 200 OK
}
