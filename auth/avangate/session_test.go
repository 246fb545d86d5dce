package avangate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport"
)

const (
	vendor = "https://api.2checkout.com"
	rpcURL = vendor + "/rpc/6.0/"
)

// A roundTripper is a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// A world is an emulated gateway without a network, and a client of it.
type world struct {
	gateway *authtest.Avangate
	account *avangate.Authenticator
	client  *http.Client

	mu   sync.Mutex
	seen []authtest.Exchange
}

// newWorld has one clock for gateway and client; change may part them.
func newWorld(t *testing.T, change ...func(*avangate.Config, *authtest.Avangate)) *world {
	w := &world{}
	c := avangate.Config{MerchantCode: "AVANGATE", SecretKey: auth.NewSecret(secret)}
	w.gateway = &authtest.Avangate{MerchantCode: "AVANGATE", SecretKey: auth.NewSecret(secret), Now: time.Now, Observe: func(e authtest.Exchange) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, e)
	}}
	for _, f := range change {
		f(&c, w.gateway)
	}
	w.account = authenticator(t, c)
	w.client = w.through(t, w)
	return w
}

func (w *world) through(t *testing.T, base http.RoundTripper) *http.Client {
	signing, err := transport.New(base, w.account)
	require.NoError(t, err)
	return &http.Client{Transport: signing}
}

func (w *world) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	recorder := httptest.NewRecorder()
	w.gateway.ServeHTTP(recorder, req)
	return recorder.Result(), nil
}

// methods returns what was called, in order, and forgets it.
func (w *world) methods() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.seen {
		text := strings.Join(e.Methods, "+")
		if e.Err != nil {
			text += "!"
		}
		all = append(all, text)
	}
	w.seen = nil
	return strings.Join(all, " ")
}

func rpcBody(reference string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"getOrder","params":[%q,%q],"id":2}`, avangate.Session, reference)
}

func soapBody(t testing.TB, name string) string {
	b, err := os.ReadFile("testdata/soap/" + name)
	require.NoError(t, err)
	return string(b)
}

// A protocolCase is how a call goes in one of the protocols.
type protocolCase struct{ name, path, contentType, body, answer string }

func sessionProtocols(t testing.TB) []protocolCase {
	return []protocolCase{
		{"JSON-RPC", "/rpc/6.0/", "application/json", rpcBody("113"), `"result":{"Method":"getOrder","Params":["113"]}`},
		{"SOAP 1.1", "/soap/6.0/", "text/xml; charset=utf-8", soapBody(t, "php-document.xml"), "<Method>getOrder</Method><Params>113</Params>"},
		{"SOAP 1.2", "/order/2.0/soap/", "application/soap+xml", soapBody(t, "php-wsdl-soap12.xml"), "<Method>getOrder</Method><Params>113</Params>"},
	}
}

func (w *world) call(t testing.TB, p protocolCase) (string, error) {
	resp, err := w.client.Post(vendor+p.path, p.contentType, strings.NewReader(p.body))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b), nil
}

func (w *world) succeed(t testing.TB, p protocolCase) {
	t.Helper()
	answer, err := w.call(t, p)
	require.NoError(t, err)
	require.Contains(t, answer, p.answer)
}

func TestSession(t *testing.T) {
	for _, p := range sessionProtocols(t) {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.succeed(t, p)
				assert.Equal(t, "login getOrder", w.methods())
				time.Sleep(9*time.Minute - time.Nanosecond)
				w.succeed(t, p)
				assert.Equal(t, "getOrder", w.methods(), "within nine minutes")
				time.Sleep(time.Nanosecond)
				w.succeed(t, p)
				assert.Equal(t, "login getOrder", w.methods(), "after nine minutes")
				w.gateway.EndSessions()
				w.succeed(t, p)
				assert.Equal(t, "getOrder! login getOrder", w.methods(), "after an early end")
			})
		})
	}
}

func body(t testing.TB, req *http.Request) string {
	b, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	return string(b)
}

func TestRefusedLogin(t *testing.T) {
	for _, p := range sessionProtocols(t) {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key := auth.NewSecret("another secret key")
				w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) {
					c.SecretKey = auth.SecretFunc(func(context.Context) (auth.Secret, error) { return key, nil })
				})
				fail := func(want string) {
					t.Helper()
					_, err := w.call(t, p)
					require.ErrorIs(t, err, avangate.ErrLogin)
					require.ErrorIs(t, err, scheme.ErrRefused)
					assert.ErrorContains(t, err, "log in for https://api.2checkout.com: the gateway refused the login with ")
					assert.ErrorContains(t, err, "check the merchant code, and that the key is this account's Secret Key")
					assert.Equal(t, want, w.methods())
				}
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						_, err := w.call(t, p)
						assert.ErrorIs(t, err, avangate.ErrLogin)
					})
				}
				wg.Wait()
				assert.Equal(t, "login!", w.methods(), "of fifty calls")
				for pause := time.Second; pause < 200*time.Second; pause *= 2 {
					time.Sleep(min(pause, time.Minute) - time.Nanosecond)
					fail("")
					time.Sleep(time.Nanosecond)
					fail("login!")
				}
				key = auth.NewSecret(secret)
				w.succeed(t, p)
				assert.Equal(t, "login getOrder", w.methods(), "another secret ends the pause")

				key = auth.NewSecret("another secret key")
				w.gateway.EndSessions()
				fail("getOrder! login!")
				fail("")
				time.Sleep(time.Second)
				fail("login!")
			})
		})
	}
}

// What cannot be sent was not refused, and is tried again at once.
func TestLoginThatCannotBeSent(t *testing.T) {
	w := newWorld(t)
	cause := errors.New("the network is down")
	tries := 0
	w.client = w.through(t, roundTripper(func(*http.Request) (*http.Response, error) { tries++; return nil, cause }))
	for range 3 {
		_, err := w.call(t, sessionProtocols(t)[0])
		require.ErrorIs(t, err, avangate.ErrLogin)
		require.NotErrorIs(t, err, scheme.ErrRefused)
		require.ErrorIs(t, err, cause)
	}
	assert.Equal(t, 3, tries)
}

func TestSecretOfALoginCannotBeHad(t *testing.T) {
	cause := errors.New("the vault is sealed")
	w := newWorld(t, func(c *avangate.Config, _ *authtest.Avangate) {
		c.SecretKey = auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.Secret{}, cause })
	})
	_, err := w.call(t, sessionProtocols(t)[0])
	require.ErrorIs(t, err, avangate.ErrLogin)
	require.ErrorIs(t, err, auth.ErrSecret)
	require.ErrorIs(t, err, cause)
	assert.ErrorContains(t, err, "countersign: log in for "+vendor+": the source auth.SecretFunc: the vault is sealed")
	assert.Empty(t, w.methods())
	_, err = w.account.Login(t.Context())
	require.ErrorIs(t, err, auth.ErrSecret)
	assert.NotErrorIs(t, err, avangate.ErrLogin, "it logs nobody in")
}

func TestLoginAnswersThatHoldNoSession(t *testing.T) {
	const xmlHead = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`
	soap := soapBody(t, "php-document.xml")
	for name, test := range map[string]struct {
		path, body, answer string
		status             int
		says               string
	}{
		"a redirect":               {"/rpc/6.0", rpcBody(""), "", 301, "redirected with status 301"},
		"299":                      {"/rpc/6.0/", rpcBody(""), "", 299, "the answer to the login, with status 299, holds no session id"},
		"300 with an id":           {"/rpc/6.0/", rpcBody(""), `{"result":"private"}`, 300, "redirected with status 300"},
		"399 with an id":           {"/rpc/6.0/", rpcBody(""), `{"result":"private"}`, 399, "redirected with status 399"},
		"400":                      {"/rpc/6.0/", rpcBody(""), "", 400, "the answer to the login, with status 400, holds no session id"},
		"401":                      {"/rpc/6.0/", rpcBody(""), "", 401, "refused the login with status 401"},
		"403 with an id":           {"/rpc/6.0/", rpcBody(""), `{"result":"id"}`, 403, "answered the login with status 403: a firewall or a proxy may stand before the API"},
		"401 with an id":           {"/rpc/6.0/", rpcBody(""), `{"result":"id"}`, 401, "refused the login with status 401"},
		"401 with a page":          {"/rpc/6.0/", rpcBody(""), "<!doctype html>", 401, "answered the login with status 401 and a page of HTML: a firewall or a proxy may stand before the API: check the URL"},
		"a firewall":               {"/rpc/6.0/", rpcBody(""), "\n<html>", 403, "answered the login with status 403 and a page of HTML: a firewall or a proxy may stand before the API"},
		"a firewall without words": {"/rpc/6.0/", rpcBody(""), "", 403, "answered the login with status 403: a firewall or a proxy may stand before the API"},
		"a firewall in JSON":       {"/rpc/6.0/", rpcBody(""), `{"message":"Forbidden"}`, 403, "answered the login with status 403"},
		"403 in REST's words":      {"/rpc/6.0/", rpcBody(""), `{"error_code":"AUTHENTICATION_ERROR"}`, 403, "refused the login with status 403"},
		"400 in REST's words":      {"/soap/6.0/", soap, `{"error_code":"AUTHENTICATION_ERROR","message":"private"}`, 400, "refused the login with status 400"},
		"400 in deeper words":      {"/rpc/6.0/", rpcBody(""), `{"x":{"error_code":"AUTHENTICATION_ERROR"}}`, 400, "holds no session id"},
		"403 in JSON-RPC":          {"/rpc/6.0/", rpcBody(""), `{"error":{"code":10000}}`, 403, "refused the login with code 10000"},
		"500 in JSON-RPC":          {"/rpc/6.0/", rpcBody(""), `{"error":{"code":10000}}`, 500, "answered the login with code 10000: the API fails"},
		"503 with a fault":         {"/soap/6.0/", soap, xmlHead + `<e:Fault><faultcode>FORBIDDEN</faultcode></e:Fault>`, 503, "answered the login with fault FORBIDDEN"},
		"an outage":                {"/rpc/6.0/", rpcBody(""), "<html>", 503, "answered the login with status 503 and a page of HTML: the API fails, or what stands before it: call again later"},
		"an outage without words":  {"/rpc/6.0/", rpcBody(""), "", 502, "answered the login with status 502"},
		"500 without words":        {"/rpc/6.0/", rpcBody(""), "", 500, "answered the login with status 500: the API fails"},
		"too many":                 {"/rpc/6.0/", rpcBody(""), "", 429, "the answer to the login, with status 429, holds no session id: those were too many requests"},
		"too many, a page":         {"/rpc/6.0/", rpcBody(""), "<html>", 429, "a page of HTML: those were too many requests"},
		"nothing":                  {"/rpc/6.0/", rpcBody(""), "", 200, "holds no session id"},
		"null":                     {"/rpc/6.0/", rpcBody(""), `{"result":null,"response":null,"error":null}`, 200, "holds no session id"},
		"an empty id":              {"/rpc/6.0/", rpcBody(""), `{"result":""}`, 200, "holds no session id"},
		"an object":                {"/rpc/6.0/", rpcBody(""), `{"result":{"id":"private"}}`, 200, "holds no session id"},
		"an error":                 {"/rpc/6.0/", rpcBody(""), `{"error":{"code":10000,"message":"private"}}`, 200, "refused the login with code 10000"},
		"an error in words":        {"/rpc/6.0/", rpcBody(""), `{"error":"private"}`, 200, "holds no session id"},
		"a quote in the id":        {"/rpc/6.0/", rpcBody(""), `{"result":"private\""}`, 200, "[0-9A-Za-z._+/=-]"},
		"a line break":             {"/rpc/6.0/", rpcBody(""), `{"result":"private\n"}`, 200, "[0-9A-Za-z._+/=-]"},
		"a letter that is none":    {"/rpc/6.0/", rpcBody(""), `{"result":"privaté"}`, 200, "[0-9A-Za-z._+/=-]"},
		"an id too long":           {"/rpc/6.0/", rpcBody(""), `{"result":"` + strings.Repeat("x", 4097) + `"}`, 200, "longer than 4096 bytes"},
		"an endless answer":        {"/rpc/6.0/", rpcBody(""), `{"result":"` + strings.Repeat("x", 1<<20) + `"}`, 200, "holds no session id"},
		"HTML":                     {"/soap/6.0/", soap, "<html><p>private</html>", 200, "a page of HTML: check the path"},
		"no text":                  {"/soap/6.0/", soap, xmlHead + `<loginResponse><return/></loginResponse></e:Body></e:Envelope>`, 200, "holds no session id"},
		"a fault":                  {"/soap/6.0/", soap, xmlHead + `<e:Fault><faultcode>e:FORBIDDEN</faultcode><faultstring>private</faultstring></e:Fault></e:Body></e:Envelope>`, 500, "refused the login with fault e:FORBIDDEN"},
		"a fault that may tell":    {"/soap/6.0/", soap, xmlHead + `<e:Fault><faultcode>private ` + strings.Repeat("f", 64) + `</faultcode></e:Fault></e:Body></e:Envelope>`, 500, "answered the login with a fault"},
		"a fault code of 40 bytes": {"/soap/6.0/", soap, xmlHead + `<e:Fault><faultcode>` + strings.Repeat("c", 40) + `</faultcode></e:Fault></e:Body></e:Envelope>`, 500, "answered the login with fault " + strings.Repeat("c", 40) + ":"},
		"a fault code of 41 bytes": {"/soap/6.0/", soap, xmlHead + `<e:Fault><faultcode>` + strings.Repeat("c", 41) + `</faultcode></e:Fault></e:Body></e:Envelope>`, 500, "answered the login with a fault:"},
		"a fault without a code": {"/soap/6.0/", soap, xmlHead + `<e:Fault/></e:Body></e:Envelope>`, 500,
			"answered the login with a fault: check the path"},
		"an id that is cut off":  {"/soap/6.0/", soap, xmlHead + `<loginResponse><return>private`, 200, "holds no session id"},
		"an error of JSON-RPC":   {"/rpc/6.0/", rpcBody(""), `{"error":{"code":-32601}}`, 200, "answered the login with code -32601: check the path"},
		"code 0":                 {"/rpc/6.0/", rpcBody(""), `{"error":{"code":0}}`, 200, "answered the login with code 0: check the path"},
		"a code in quotes":       {"/rpc/6.0/", rpcBody(""), `{"error":{"code":"10000"}}`, 200, "refused the login with code 10000"},
		"an ampersand in the id": {"/soap/6.0/", soap, xmlHead + `<loginResponse><return>private&amp;</return></loginResponse></e:Body></e:Envelope>`, 200, "[0-9A-Za-z._+/=-]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the pause after a refusal is a second
				w := newWorld(t)
				requests := 0
				w.client = w.through(t, roundTripper(func(*http.Request) (*http.Response, error) {
					requests++
					return &http.Response{StatusCode: test.status, Header: http.Header{"Location": {vendor + "/rpc/6.0/"}}, Body: io.NopCloser(strings.NewReader(test.answer))}, nil
				}))
				for range 2 {
					_, err := w.call(t, protocolCase{path: test.path, body: test.body})
					require.ErrorIs(t, err, avangate.ErrLogin)
					assert.ErrorContains(t, err, test.says)
					assert.NotContains(t, err.Error(), "privat")
					assert.NotContains(t, err.Error(), "ffff")
				}
				want := 2
				if strings.HasPrefix(test.says, "refused") {
					want = 1 // the second call fails at once
				}
				assert.Equal(t, want, requests)
			})
		})
	}
}

func (w *world) gatewayAnswer(req *http.Request) (*http.Response, error) {
	return w.RoundTrip(req.WithContext(context.Background()))
}

// Two transports on top of one another authenticate a request twice.
func TestAuthenticatingAgainReplacesTheSession(t *testing.T) {
	for _, p := range sessionProtocols(t) {
		w := newWorld(t)
		req := httptest.NewRequest("POST", vendor+p.path, strings.NewReader(p.body))
		require.NoError(t, w.account.Authenticate(req, w))
		first, err := req.GetBody()
		require.NoError(t, err)
		old, err := io.ReadAll(first)
		require.NoError(t, err)
		w.account.Refused(req, goneAnswer(p))
		require.NoError(t, w.account.Authenticate(req, w))
		again := body(t, req)
		assert.NotEqual(t, string(old), again)
		assert.Len(t, again, len(old))
		assert.Equal(t, "login login", w.methods())
	}
}

func goneAnswer(p protocolCase) *http.Response {
	answer := `{"error":{"code":10001}}`
	if p.name != "JSON-RPC" {
		answer = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>FORBIDDEN</faultcode>`
	}
	return &http.Response{StatusCode: 500, Body: io.NopCloser(strings.NewReader(answer))}
}

func TestBodyOfACallWithASession(t *testing.T) {
	w := newWorld(t)
	source := &closing{Reader: strings.NewReader(rpcBody("1"))}
	req := httptest.NewRequest("POST", rpcURL, nil)
	req.Body, req.ContentLength, req.TransferEncoding = source, -1, []string{"chunked"}
	req.Header["x-avangate-authentication"] = []string{"stale"}
	require.NoError(t, w.account.Authenticate(req, w))
	assert.Equal(t, 1, source.closed)
	assert.Equal(t, http.Header{"Accept": {"application/json"}}, req.Header)
	assert.Empty(t, req.TransferEncoding)
	assert.IsType(t, io.NopCloser(bytes.NewReader(nil)), req.Body)
	copied, err := req.GetBody()
	require.NoError(t, err)
	again, err := io.ReadAll(copied)
	require.NoError(t, err)
	assert.Equal(t, string(again), body(t, req))
	assert.Len(t, again, int(req.ContentLength))
	assert.NotContains(t, string(again), avangate.Session)
}

type closing struct {
	io.Reader
	closed int
}

func (c *closing) Close() error { c.closed++; return nil }

func TestBodyThatCannotBeRead(t *testing.T) {
	cause := errors.New("the disk is gone")
	for name, test := range map[string]struct {
		body   io.Reader
		length int64
		code   error
		says   string
	}{
		"a read error":   {io.MultiReader(strings.NewReader("{"), iotest.ErrReader(cause)), -1, auth.ErrBody, "the disk is gone"},
		"too long":       {strings.NewReader(strings.Repeat(" ", 8<<20) + "1"), -1, auth.ErrBody, "longer than it may be, 8388608 bytes"},
		"too short":      {strings.NewReader("{}"), 3, auth.ErrBody, "2 bytes or more and ContentLength says 3"},
		"none at all":    {nil, 0, auth.ErrRequest, "has no body"},
		"an encoded one": {strings.NewReader("x"), 1, auth.ErrRequest, "Content-Encoding"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			req := httptest.NewRequest("POST", rpcURL, nil)
			if name == "an encoded one" {
				req.Header["content-encoding"] = []string{"gzip"}
			}
			if test.body != nil {
				req.Body, req.ContentLength = io.NopCloser(test.body), test.length
			}
			err := w.account.Authenticate(req, w)
			require.ErrorIs(t, err, test.code)
			assert.ErrorContains(t, err, test.says)
			assert.Empty(t, w.methods(), "a session was asked for")
		})
	}
}

func TestWSDLIsFetchedWithoutCredentials(t *testing.T) {
	for _, method := range []string{"GET", "HEAD"} {
		req := request(t, method, vendor+"/soap/6.0/?wsdl")
		req.Header.Set(header, "stale")
		require.NoError(t, authenticator(t, config()).Authenticate(req, nil))
		assert.Empty(t, req.Header)
		assert.Nil(t, req.Body)
	}
	for _, method := range []string{"GET", "POST"} {
		err := authenticator(t, config()).Authenticate(request(t, method, rpcURL), nil)
		assert.ErrorIs(t, err, auth.ErrRequest)
	}
}

// Whatever the caller can hold of the Authenticator, it shows no session id.
func TestNothingPrintsTheSession(t *testing.T) {
	w := newWorld(t)
	req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1")))
	require.NoError(t, w.account.Authenticate(req, w))
	id := strings.Split(body(t, req), `"`)[11]
	require.Len(t, id, 32)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for what, value := range map[string]any{"the account": w.account, "in a field": struct{ a *avangate.Authenticator }{w.account}, "the context": req.Context()} {
			text := fmt.Sprintf(format, value)
			assert.NotContains(t, text, id, "%s of %s", format, what)
			assert.NotContains(t, text, fmt.Sprintf("%x", id), "%s of %s", format, what)
		}
	}
	spewed := &recorder{}
	assert.Equal(spewed, []any{w.account, req.Context()}, 1)
	assert.NotEmpty(t, spewed.String())
	assert.NotContains(t, spewed.String(), id)
}
