package avangate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
)

// A base that breaks its contract costs a call, not the process.
func TestLoginThroughABrokenBase(t *testing.T) {
	for name, test := range map[string]struct {
		base roundTripper
		says string
	}{
		"a panic":   {func(*http.Request) (*http.Response, error) { panic("private") }, "the login panicked with a string"},
		"no answer": {func(*http.Request) (*http.Response, error) { return nil, nil }, "the base RoundTripper returned no response"},
		"no body":   {func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 401}, nil }, "refused the login with status 401"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.client = w.through(t, test.base)
			_, err := w.call(t, protocolCase{path: "/rpc/6.0/", body: rpcBody("")})
			require.ErrorIs(t, err, avangate.ErrLogin)
			assert.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), "private")
		})
	}
}

// A caller whose envelope the gateway does not understand fails alone.
func TestAWrongEnvelopeDoesNotFailOthers(t *testing.T) {
	w := newWorld(t)
	w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		answer := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><r><return>id</return></r></e:Body></e:Envelope>`
		if strings.Contains(body(t, req), "urn:typo") {
			answer = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>e:Client</faultcode></e:Fault></e:Body></e:Envelope>`
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
	}))
	call := func(namespace string) error {
		_, err := w.call(t, protocolCase{path: "/soap/6.0/", body: `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>` +
			`<n:getOrder xmlns:n="` + namespace + `"><s>` + avangate.Session + `</s></n:getOrder></e:Body></e:Envelope>`})
		return err
	}
	require.ErrorIs(t, call("urn:typo"), avangate.ErrLogin)
	require.NoError(t, call("urn:right"))
	require.ErrorIs(t, call("urn:typo"), avangate.ErrLogin)
	require.NoError(t, call("urn:right"))
}

// The clock is learned from refusals only: an outage's page may come from anywhere.
func TestOnlyARefusedLoginSetsTheClock(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		answer string
		learnt bool
	}{
		"an outage":             {503, "", false},
		"an outage in JSON-RPC": {503, `{"error":{"code":1}}`, false},
		"a firewall":            {403, "<html>", false},
		"no session":            {200, `{"result":null,"error":null}`, false},
		"a result and an error": {200, `{"result":{"id":1},"error":{"code":10000}}`, false},
		"an error of code 0":    {200, `{"error":{"code":0}}`, true},
		"an error of JSON-RPC":  {200, `{"error":{"code":-32000}}`, true},
		"an error in words":     {200, `{"error":"Time offset mismatch"}`, true},
		"a refusal in REST":     {400, `{"error_code":"AUTHENTICATION_ERROR"}`, true},
		"a refusal":             {200, `{"error":{"code":1}}`, true},
		"a refusal by a status": {401, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) { c.Now = fixed(moment) })
			requests := 0
			w.client = w.through(t, roundTripper(func(*http.Request) (*http.Response, error) {
				requests++
				h := http.Header{"Date": {moment.Add(time.Hour).Format(http.TimeFormat)}}
				return &http.Response{StatusCode: test.status, Header: h, Body: io.NopCloser(strings.NewReader(test.answer))}, nil
			}))
			_, err := w.call(t, protocolCase{path: "/rpc/6.0/", body: rpcBody("")})
			require.ErrorIs(t, err, avangate.ErrLogin)
			if test.learnt {
				assert.Equal(t, time.Hour, w.account.Offset())
				assert.Equal(t, 2, requests)
			} else {
				assert.Zero(t, w.account.Offset())
				assert.Equal(t, 1, requests)
			}
		})
	}
}

func TestLoginAnswersThatHoldOne(t *testing.T) {
	const xmlHead = `<?xml version="1.0" encoding="ISO-8859-1"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Header><x>y</x></e:Header><e:Body>`
	soap := soapBody(t, "php-document.xml")
	for answer, request := range map[string]string{
		`{"id":1,"jsonrpc":"2.0","result":"ID.+/=_-9"}`:                                                                             rpcBody(""),
		" {\"jsonrpc\":2.0,\"response\":\"ID.+/=_-9\",\"error\":null}\r\n":                                                          rpcBody(""),
		xmlHead + `<r><p:result xmlns:p="http://www.w3.org/2003/05/soap-rpc">return</p:result><return>ID.+<!-- x -->/=_-9</return>`: soap,
		xmlHead + "<r>\n <a/><login_return>ID.+/=_-9</login_return></r>":                                                            soap,
		xmlHead + `<n:loginResponse xmlns:n="x"><n:a> ID.+/=_-9 </n:a><b>c</b>`:                                                     soap,
		xmlHead + `<loginResponse><r><![CDATA[ID.+/=_-9]]></r></loginResponse></e:Bo`:                                               soap,
	} {
		w := newWorld(t)
		var sent []string
		w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			sent = append(sent, body(t, req))
			return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.OneByteReader(strings.NewReader(answer)))}, nil
		}))
		path := "/rpc/6.0/"
		if request == soap {
			path = "/soap/6.0/"
		}
		_, err := w.call(t, protocolCase{path: path, body: request})
		require.NoError(t, err, "%s", answer)
		require.Len(t, sent, 2)
		assert.Equal(t, strings.Replace(request, avangate.Session, "ID.+/=_-9", 1), sent[1])
	}
}

func TestLongestSessionID(t *testing.T) {
	id := strings.Repeat("x", 4096) // longer than the body, too
	req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1")))
	require.NoError(t, authenticator(t, config()).Authenticate(req, roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"result":"` + id + `"}`))}, nil
	})))
	assert.Equal(t, strings.Replace(rpcBody("1"), avangate.Session, id, 1), body(t, req))
}

// The login shows nothing of the caller's but its User-Agent.
func TestLoginsHeader(t *testing.T) {
	for _, agent := range [][]string{nil, {"shop/1.0"}, {""}} {
		w := newWorld(t)
		var login *http.Request
		w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			if login == nil {
				login = req
			}
			return w.RoundTrip(req)
		}))
		req, err := http.NewRequest("POST", "https://user:password@api.2checkout.com/rpc/6.0/?private=1", strings.NewReader(rpcBody("1")))
		require.NoError(t, err)
		req.Header = http.Header{"Cookie": {"private"}, "Authorization": {"private"}, "Content-Type": {"text/plain"}, "X-Other": {"private"}}
		want := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
		if agent != nil {
			req.Header["User-Agent"], want["User-Agent"] = agent, agent
		}
		resp, err := w.client.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, want, login.Header)
		assert.Equal(t, "POST "+rpcURL, login.Method+" "+login.URL.String())
		assert.Empty(t, login.Host)
	}
}

func TestLoginHelper(t *testing.T) {
	a := authenticator(t, config())
	l, err := a.Login(t.Context())
	require.NoError(t, err)
	hash := l.Hash.Reveal()
	v := &avangate.Verifier{MerchantCode: "AVANGATE", SecretKey: auth.NewSecret(secret), Now: fixed(moment)}
	req := request(t, "GET", vendor)
	req.Header.Set(header, fmt.Sprintf(`code="%s" date="%s" hash="%s" algo="%s"`, l.MerchantCode, l.Date, hash, l.Algorithm))
	_, err = v.Verify(req)
	require.NoError(t, err)
	assert.Equal(t, "{AVANGATE 2026-01-02 03:04:05 [redacted] sha256}", fmt.Sprint(l))
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		assert.NotContains(t, fmt.Sprintf(format, l), hash)
	}

	c := config()
	c.SecretKey = auth.SecretFunc(func(ctx context.Context) (auth.Secret, error) { return auth.NewSecret(secret), ctx.Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = authenticator(t, c).Login(ctx)
	assert.ErrorIs(t, err, auth.ErrSecret)
	assert.ErrorIs(t, err, context.Canceled)
}
