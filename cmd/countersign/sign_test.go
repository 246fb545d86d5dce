package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/cmd/countersign/internal/curl"
	"github.com/countersign/countersign/internal/phptest"
)

// runIn runs the command with the credentials of the scripts and returns what it
// prints.
func runIn(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Setenv(instanceVariable, "example")
	t.Setenv(secretVariable, scriptSecret)
	t.Setenv(merchantCodeVariable, "YOURCODE123")
	t.Setenv(secretKeyVariable, scriptSecretKey)
	var out, errors bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &errors)
	for _, secret := range []string{scriptSecret, scriptSecretKey} {
		assert.NotContains(t, out.String()+errors.String(), secret)
	}
	return out.String(), errors.String(), code
}

// TestCurlSendsWhatIsSigned runs what sign --curl prints, with the curl that is
// installed, against emulated gateways.
func TestCurlSendsWhatIsSigned(t *testing.T) {
	program := phptest.Client(t, "curl")
	type received struct {
		method, url, contentType, body string
		exchange                       authtest.Exchange
	}
	var mu sync.Mutex
	var last received
	start := func(h http.Handler) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			r.Body = io.NopCloser(bytes.NewReader(body))
			last = received{method: r.Method, url: "http://" + r.Host + r.RequestURI, contentType: r.Header.Get("Content-Type"), body: string(body)}
			h.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	observe := func(e authtest.Exchange) { last.exchange = e }
	paylink := start(&authtest.Paylink{Instance: "example", Secret: auth.NewSecret(scriptSecret), Observe: observe})
	avangate := start(&authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(scriptSecretKey), Observe: observe})

	for name, c := range map[string]struct {
		stdin string
		args  []string
	}{
		"no parameters":       {"", []string{"paylink", "--url", paylink + "/v1.0/SignatureCheck/"}},
		"a query":             {"", []string{"paylink", "--method", "GET", "--url", paylink + "/v1.0/Transaction/", "a[b]=c d", "e={f}", "g=[h]"}},
		"a head":              {"", []string{"paylink", "--method", "HEAD", "--url", paylink + "/v1.0/Transaction/", "a=b"}},
		"a form":              {"", []string{"paylink", "--url", paylink + "/v1.0/Invoice/", "title=it's \"100%\" $HOME `id` \\ ü", "pm[]=@visa"}},
		"a PUT":               {"", []string{"paylink", "--method", "PUT", "--url", paylink + "/v1.0/Invoice/1/", "a=b"}},
		"a DELETE":            {"", []string{"paylink", "--method", "DELETE", "--url", paylink + "/v1.0/Invoice/1/"}},
		"a POST of nothing":   {"", []string{"paylink", "--method", "POST", "--url", paylink + "/v1.0/Invoice/"}},
		"JSON":                {"{\r\n\t\"title\": \"it's $HOME \\u00fc ü '\\\\'' !\",\n \"amount\": 1}\n\n", []string{"paylink", "--body", "-", "--type", "json", "--url", paylink + "/v1.0/Gateway/"}},
		"a header":            {"", []string{"avangate", "--url", avangate + "/rest/6.0/orders/?Limit=1&Page=1"}},
		"a header and a body": {"@{\"name\":\n\"it's\"}", []string{"avangate", "--algo", "sha3-256", "--body", "-", "--url", avangate + "/rest/6.0/orders/"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, stderr, code := runIn(t, c.stdin, slices.Concat([]string{"sign"}, c.args, []string{"--json"})...)
			require.Equal(t, exitRight, code, stderr)
			var want signed
			require.NoError(t, json.Unmarshal([]byte(text), &want))

			line, stderr, code := runIn(t, c.stdin, slices.Concat([]string{"sign"}, c.args, []string{"--curl"})...)
			require.Equal(t, exitRight, code, stderr)
			require.True(t, strings.HasPrefix(line, "curl "), line)
			output, err := exec.Command("sh", "-c", curl.Quote(program, "-q", "--noproxy", "*", "--silent", "--show-error")+line[len("curl"):]).CombinedOutput()
			require.NoError(t, err, "%s", output)
			mu.Lock()
			defer mu.Unlock()
			assert.NoError(t, last.exchange.Err)
			assert.Equal(t, http.StatusOK, last.exchange.Status)
			assert.Equal(t, want.Method, last.method)
			assert.Equal(t, want.URL, last.url)
			assert.Equal(t, want.Header["Content-Type"], last.contentType)
			assert.Equal(t, want.Body, last.body)
		})
	}
}
