package avangate_test

import (
	"bytes"
	"context"
	"crypto/fips140"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
)

const (
	header = "X-Avangate-Authentication"
	secret = "a secret key of some length"
)

var moment = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func fixed(t time.Time) func() time.Time { return func() time.Time { return t } }

func config() avangate.Config {
	return avangate.Config{MerchantCode: "AVANGATE", SecretKey: auth.NewSecret(secret), Now: fixed(moment)}
}

func authenticator(t testing.TB, c avangate.Config) *avangate.Authenticator {
	t.Helper()
	a, err := avangate.New(c)
	require.NoError(t, err)
	return a
}

func request(t testing.TB, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	return req
}

func signed(t testing.TB, a *avangate.Authenticator) *http.Request {
	t.Helper()
	req := request(t, "GET", "https://api.2checkout.com/rest/6.0/orders/")
	require.NoError(t, a.Authenticate(req, nil))
	return req
}

func TestNewRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*avangate.Config)
		code   error
		says   string
	}{
		"no merchant code":              {func(c *avangate.Config) { c.MerchantCode = "" }, auth.ErrConfig, "is empty"},
		"white space before the code":   {func(c *avangate.Config) { c.MerchantCode = " A" }, auth.ErrConfig, "white space"},
		"white space after the code":    {func(c *avangate.Config) { c.MerchantCode = "A\u00a0" }, auth.ErrConfig, "white space"},
		"a newline after the code":      {func(c *avangate.Config) { c.MerchantCode = "A\n" }, auth.ErrConfig, "white space"},
		"a double quote in the code":    {func(c *avangate.Config) { c.MerchantCode = `A"B` }, auth.ErrConfig, "quote"},
		"a single quote in the code":    {func(c *avangate.Config) { c.MerchantCode = `A'B` }, auth.ErrConfig, "quote"},
		"a backslash in the code":       {func(c *avangate.Config) { c.MerchantCode = `AB\` }, auth.ErrConfig, "backslash"},
		"NUL in the code":               {func(c *avangate.Config) { c.MerchantCode = "A\x00B" }, auth.ErrConfig, "control"},
		"a line break in the code":      {func(c *avangate.Config) { c.MerchantCode = "A\r\nB" }, auth.ErrConfig, "control"},
		"a tab in the code":             {func(c *avangate.Config) { c.MerchantCode = "A\tB" }, auth.ErrConfig, "control"},
		"DEL in the code":               {func(c *avangate.Config) { c.MerchantCode = "A\x7fB" }, auth.ErrConfig, "control"},
		"a C1 control in the code":      {func(c *avangate.Config) { c.MerchantCode = "A\u0085B" }, auth.ErrConfig, "control"},
		"an algorithm that is not":      {func(c *avangate.Config) { c.Algorithm = 2 }, auth.ErrConfig, "Algorithm(2)"},
		"a negative algorithm":          {func(c *avangate.Config) { c.Algorithm = -1 }, auth.ErrConfig, "Algorithm(-1)"},
		"plain http":                    {func(c *avangate.Config) { c.BaseURL = "http://api.2checkout.com" }, auth.ErrConfig, "https"},
		"a base URL without host":       {func(c *avangate.Config) { c.BaseURL = "api.2checkout.com" }, auth.ErrConfig, "no host"},
		"no secret":                     {func(c *avangate.Config) { c.SecretKey = nil }, auth.ErrSecret, "no secret"},
		"the zero secret":               {func(c *avangate.Config) { c.SecretKey = auth.Secret{} }, auth.ErrSecret, "empty"},
		"a secret with a newline":       {func(c *avangate.Config) { c.SecretKey = auth.NewSecret(secret + "\n") }, auth.ErrSecret, "white space"},
		"a secret as the merchant code": {func(c *avangate.Config) { c.MerchantCode = secret + "\n" }, auth.ErrConfig, "white space"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config()
			test.change(&c)
			a, err := avangate.New(c)
			assert.Nil(t, a)
			var e *auth.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.code, e.Code)
			assert.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), secret)
		})
	}
}

func TestNewLoadsNothing(t *testing.T) {
	c := config()
	c.SecretKey = auth.SecretFunc(func(context.Context) (auth.Secret, error) {
		t.Error("New asked for the secret")
		return auth.Secret{}, nil
	})
	authenticator(t, c)
}

func TestOrigins(t *testing.T) {
	for name, test := range map[string]struct {
		baseURL  string
		insecure bool
		want     string
	}{
		"the vendor's":      {"", false, "[https://api.2checkout.com https://api.avangate.com]"},
		"one that is given": {"https://Gateway.example:8443/prefix/", false, "[https://gateway.example:8443]"},
		"loopback, http":    {"http://127.0.0.1:8080", false, "[http://127.0.0.1:8080]"},
		"a test network's":  {"http://gateway.test", true, "[http://gateway.test]"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config()
			c.BaseURL, c.AllowInsecureHTTP = test.baseURL, test.insecure
			assert.Equal(t, test.want, fmt.Sprint(authenticator(t, c).Origins()))
		})
	}
	assert.Nil(t, (*avangate.Authenticator)(nil).Origins(), "a nil Authenticator has no origin")
}

func TestPathTellsTheProtocol(t *testing.T) {
	for path, protocol := range map[string]string{
		"":                                "",
		"/":                               "",
		"/rest/6.0/orders/":               "",
		"/rest/6.0/products/rpc/":         "",
		"/rest/soap/rpc/":                 "",
		"/3.0/orders/":                    "",
		"/rpcs/6.0/":                      "",
		"/order":                          "",
		"/order/2.0":                      "",
		"/order/2.0/rest/rpc":             "",
		"/orders/2.0/rpc/":                "",
		"/x/rpc/6.0/":                     "",
		"/rpc/6.0":                        "JSON-RPC",
		"/rpc/6.0/":                       "JSON-RPC",
		"/soap/6.0/?wsdl":                 "SOAP",
		"/soap/3.0":                       "SOAP",
		"/order/2.0/rpc/":                 "JSON-RPC",
		"/order/2.0/soap":                 "SOAP",
		"/product/2.0/soap/":              "SOAP",
		"/channel-manager/2.1/rpc/":       "JSON-RPC",
		"/subscription/2.0/soap/":         "SOAP",
		"/subscription/2.0/rpc/":          "JSON-RPC",
		"/rpc":                            "almost",
		"//rpc/6.0/":                      "almost", // a base URL with a slash at its end, joined to a path
		"/%72pc/6.0/":                     "almost",
		"/order/rpc":                      "almost",
		"/channel-manager/2.1/soap/a/b/c": "almost",
	} {
		t.Run(path, func(t *testing.T) {
			req := request(t, "POST", "https://api.2checkout.com"+path)
			err := authenticator(t, config()).Authenticate(req, nil)
			if protocol == "" {
				require.NoError(t, err)
				assert.Contains(t, req.Header, header)
				return
			}
			require.ErrorIs(t, err, auth.ErrRequest)
			says := "that of a " + protocol + " endpoint"
			if protocol == "almost" {
				says = "almost that of a JSON-RPC or SOAP endpoint"
			}
			assert.ErrorContains(t, err, "sign POST for https://api.2checkout.com: the path is "+says)
			assert.Empty(t, req.Header, "a refused request got credentials")
		})
	}
}

// TRACE has the header sent back, and CONNECT is to somewhere else.
func TestMethodsThatAreRefused(t *testing.T) {
	for _, path := range []string{"/rest/6.0/orders/", "/soap/6.0/", "/rpc/6.0/", ""} {
		for _, method := range []string{"TRACE", "CONNECT", "trace"} {
			req := request(t, method, vendor+path)
			err := authenticator(t, config()).Authenticate(req, nil)
			require.ErrorIs(t, err, auth.ErrRequest, "%s %s", method, path)
			assert.Empty(t, req.Header)
		}
	}
}

func TestZeroAuthenticator(t *testing.T) {
	for _, a := range []*avangate.Authenticator{nil, new(avangate.Authenticator)} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			text := fmt.Sprintf(format, a)
			assert.Contains(t, text, "2Checkout merchant")
			assert.NotContains(t, text, "PANIC")
		}
	}
	a := new(avangate.Authenticator)
	_, err := a.Login(t.Context())
	assert.ErrorIs(t, err, auth.ErrSecret)
	assert.ErrorIs(t, a.Authenticate(request(t, "GET", vendor+"/rest/6.0/"), nil), auth.ErrSecret)
	assert.ErrorIs(t, rpcAt(a, nil, "/rpc/6.0/"), auth.ErrSecret)
	assert.Zero(t, a.Offset())
	assert.Empty(t, a.Origins())
}

func TestNothingPrintsSecretOrHash(t *testing.T) {
	c := config()
	a := authenticator(t, c)
	value := signed(t, a).Header.Get(header)
	_, rest, found := strings.Cut(value, `hash="`)
	require.True(t, found)
	hash := rest[:64]

	const want = `2Checkout merchant "AVANGATE" at [https://api.2checkout.com https://api.avangate.com]`
	prints := map[string]string{}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%20.3v"} {
		if format != "%p" { // which fmt itself prints
			assert.Equal(t, want, fmt.Sprintf(format, a), format)
		}
		prints[format] = fmt.Sprintf(format, a)
		prints[format+" of the value"] = fmt.Sprintf(format, reflect.ValueOf(a).Elem())
		prints[format+" in a field"] = fmt.Sprintf(format, struct{ a *avangate.Authenticator }{a})
		prints[format+" of Config"] = fmt.Sprintf(format, c)
		prints[format+" of Verifier"] = fmt.Sprintf(format, &avangate.Verifier{SecretKey: c.SecretKey})
	}
	assert.Equal(t, want, a.String())
	assert.Equal(t, want, a.GoString())

	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "a", a)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "a", a)
	assert.Equal(t, 2, strings.Count(log.String(), "2Checkout merchant"))
	prints["slog"] = log.String()

	//lint:ignore SA9005 that nothing is marshalled is what is tested
	j, err := json.Marshal(a)
	require.NoError(t, err)
	prints["json"] = string(j)

	// testify's messages print with spew, methods disabled.
	spewed := &recorder{}
	assert.Equal(spewed, a, authenticator(t, config()))
	assert.NotEmpty(t, spewed.String())
	prints["spew"] = spewed.String()

	for how, text := range prints {
		for what, private := range map[string]string{"secret": secret, "hash": hash} {
			for _, spelling := range []string{private, fmt.Sprintf("%x", private), fmt.Sprintf("%X", private), fmt.Sprintf("%d", []byte(private))} {
				assert.NotContains(t, text, spelling, "%s shows the %s", how, what)
			}
		}
	}
}

type recorder struct{ bytes.Buffer }

func (r *recorder) Errorf(format string, args ...any) { fmt.Fprintf(r, format, args...) }

func TestConcurrentUse(t *testing.T) {
	var ticks atomic.Int64
	keys := []auth.Secret{auth.NewSecret(secret), auth.NewSecret("another " + secret)}
	c := config()
	c.Now = func() time.Time { return moment.Add(time.Duration(ticks.Add(1)) * 100 * time.Millisecond) }
	c.SecretKey = auth.SecretFunc(func(ctx context.Context) (auth.Secret, error) {
		return ctx.Value(keyName{}).(auth.Secret), nil
	})
	a := authenticator(t, c)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := keys[i%2]
			v := avangate.Verifier{MerchantCode: c.MerchantCode, SecretKey: key, Window: time.Hour, Now: fixed(moment)}
			for range 200 {
				req, _ := http.NewRequestWithContext(context.WithValue(t.Context(), keyName{}, key), "GET", "https://api.2checkout.com/rest/6.0/", nil)
				if !assert.NoError(t, a.Authenticate(req, nil)) {
					return
				}
				if _, err := v.Verify(req); !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	wg.Wait()
}

type keyName struct{}

// Under FIPS 140 mode crypto/hmac panics at keys under 14 bytes.
func TestFIPS140ShortKeysAreErrors(t *testing.T) {
	if !fips140.Enforced() {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: "+t.Name())
		return
	}
	for _, algorithm := range []avangate.Algorithm{avangate.SHA2_256, avangate.SHA3_256} {
		c := config()
		c.Algorithm = algorithm
		c.SecretKey = auth.NewSecret("13 bytes long")
		_, err := avangate.New(c)
		require.ErrorIs(t, err, auth.ErrSecret)

		c.SecretKey = auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.NewSecret("13 bytes long"), nil })
		req := request(t, "GET", "https://api.2checkout.com/rest/6.0/")
		require.ErrorIs(t, authenticator(t, c).Authenticate(req, nil), auth.ErrSecret)

		c.SecretKey = auth.NewSecret("14 bytes long!")
		req = signed(t, authenticator(t, c))
		_, err = (&avangate.Verifier{SecretKey: c.SecretKey, Now: c.Now}).Verify(req)
		require.NoError(t, err)
		_, err = (&avangate.Verifier{SecretKey: auth.NewSecret("short")}).Verify(req)
		require.ErrorIs(t, err, auth.ErrSecret)
	}
}
