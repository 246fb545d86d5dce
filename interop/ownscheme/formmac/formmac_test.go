package formmac_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/interop/ownscheme/formmac"
	"github.com/countersign/countersign/transport"
	"github.com/countersign/countersign/transport/transporttest"
)

const (
	api      = "https://api.cedar.example"
	key      = "test-secret-key"
	formType = "application/x-www-form-urlencoded"
)

// cedar is an emulated gateway. It takes the one MAC, last of the parameters.
func cedar(w http.ResponseWriter, r *http.Request) {
	parameters := r.URL.RawQuery
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodDelete {
		body, _ := io.ReadAll(r.Body)
		if len(r.Header["Content-Type"]) != 1 || r.Header.Get("Content-Type") != formType {
			http.Error(w, "no form", http.StatusUnsupportedMediaType)
			return
		}
		parameters = string(body)
		if r.URL.RawQuery != "" {
			http.Error(w, "the MAC does not cover the query", http.StatusUnauthorized)
			return
		}
	}
	before, signature, found := strings.Cut("&"+parameters, "&mac=")
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(strings.TrimPrefix(before, "&")))
	if !found || !hmac.Equal([]byte(signature), []byte(hex.EncodeToString(mac.Sum(nil)))) {
		http.Error(w, "the MAC is wrong", http.StatusUnauthorized)
		return
	}
	io.WriteString(w, strings.TrimPrefix(before, "&"))
}

func request(t testing.TB, method, url, body string) *http.Request {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", formType)
	}
	return req
}

func example(t testing.TB, baseURL string) *formmac.Authenticator {
	a, err := formmac.New(formmac.Config{BaseURL: baseURL, Secret: auth.NewSecret(key)})
	require.NoError(t, err)
	return a
}

func TestContract(t *testing.T) {
	require.NoError(t, transporttest.TestAuthenticator(example(t, api), http.HandlerFunc(cedar),
		request(t, "POST", api+"/payments", "amount=200&purpose=a+b%2Bc"),
		request(t, "PUT", api+"/payments/7", ""),
		request(t, "GET", api+"/payments?from=2026-01-01&name=a%20b", ""),
		request(t, "DELETE", api+"/payments/7", ""),
	))
}

func TestArrives(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(cedar))
	defer gateway.Close()
	client, err := transport.Wrap(nil, example(t, gateway.URL))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		method, query, body, want string
	}{
		"a form":            {"POST", "", "b=2&a=1&a=%20+", "b=2&a=1&a=%20+"},
		"an earlier MAC":    {"POST", "", "mac=x&a=1&m%61c=y&mac=z", "a=1"},
		"no parameters":     {"POST", "", "", ""},
		"empty ones":        {"POST", "", "&a=1&&", "a=1"},
		"a longer name":     {"POST", "", "macs=1&xmac=2&mac%5B%5D=3", "macs=1&xmac=2&mac%5B%5D=3"},
		"a query":           {"GET", "a=1&b=%7E", "", "a=1&b=%7E"},
		"a query with ours": {"DELETE", "mac=x&a=1", "", "a=1"},
		"no method":         {"", "a=1", "", "a=1"},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, c.method, gateway.URL+"/?"+c.query, c.body)
			req.Header["content-type"] = []string{"text/plain"}
			resp, err := client.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			answer, _ := io.ReadAll(resp.Body)
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, c.want, string(answer))
		})
	}
}

func TestRefuses(t *testing.T) {
	json := request(t, "POST", api, `{"amount":200}`)
	json.Header.Set("Content-Type", "application/json")
	raw := request(t, "POST", api, "a=1")
	raw.Header = http.Header{"content-type": {formType}}
	short := request(t, "POST", api, "a=S3cret")
	short.ContentLength = 9
	for name, c := range map[string]struct {
		req  *http.Request
		code error
		want string
	}{
		"JSON":                          {json, auth.ErrRequest, `the Content-Type is "application/json"`},
		"a type that nobody reads":      {raw, auth.ErrRequest, `the Content-Type is ""`},
		"a query with a form":           {request(t, "POST", api+"?a=S3cret", "b=2"), auth.ErrRequest, "put the parameters into the body"},
		"a body with GET":               {request(t, "GET", api, "a=S3cret"), auth.ErrRequest, "put the parameters into the query"},
		"a malformed name":              {request(t, "POST", api, "%S3cret=1"), auth.ErrParameter, "write %25"},
		"a malformed value":             {request(t, "GET", api+"?a=S3cret%2", ""), auth.ErrParameter, "write %25"},
		"a body shorter than it says":   {short, auth.ErrBody, "ContentLength says 9"},
		"a body longer than a mebibyte": {request(t, "POST", api, strings.Repeat("a=1&", 1<<19)), auth.ErrBody, "longer than it may be"},
	} {
		t.Run(name, func(t *testing.T) {
			err := example(t, api).Authenticate(c.req, nil)
			require.ErrorIs(t, err, c.code)
			assert.ErrorContains(t, err, c.want)
			assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), "S3cret")
		})
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		config formmac.Config
		code   error
	}{
		"not encrypted": {formmac.Config{BaseURL: "http://api.cedar.example", Secret: auth.NewSecret(key)}, auth.ErrConfig},
		"no secret":     {formmac.Config{BaseURL: api}, auth.ErrSecret},
	} {
		_, err := formmac.New(c.config)
		assert.ErrorIs(t, err, c.code, name)
	}
	a, err := formmac.New(formmac.Config{BaseURL: api, Secret: auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.NewSecret(""), nil })})
	require.NoError(t, err)
	assert.ErrorIs(t, a.Authenticate(request(t, "GET", api, ""), nil), auth.ErrSecret)
}

func TestPrintsNoSecret(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		assert.NotContains(t, fmt.Sprintf(verb, example(t, api)), key)
	}
}

// net/http quotes the address of a redirect that is not followed in its error.
func TestErrorsOfRedirectsHoldNoMAC(t *testing.T) {
	var mac string
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mac = r.URL.Query().Get("mac")
		http.Redirect(w, r, "https://elsewhere.example/in?to="+url.QueryEscape(r.URL.String()), http.StatusFound)
	}))
	defer gateway.Close()
	client, err := transport.Wrap(nil, example(t, gateway.URL))
	require.NoError(t, err)
	_, err = client.Get(gateway.URL + "/payments?a=1")
	require.ErrorIs(t, err, auth.ErrRedirect)
	require.Len(t, mac, 64)
	assert.NotContains(t, err.Error(), mac)
	assert.Contains(t, err.Error(), "a%3D1%26mac%3D")
}
