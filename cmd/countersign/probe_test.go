package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/cmd/countersign/internal/probe"
	"github.com/countersign/countersign/internal/redact"
)

// TestProbeSpeaksHTTP1 has a gateway that offers HTTP/2, as most do.
func TestProbeSpeaksHTTP1(t *testing.T) {
	requests, connections := 0, map[string]bool{}
	gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret(scriptSecret)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		connections[r.RemoteAddr] = true
		assert.Equal(t, "HTTP/1.1", r.Proto)
		gateway.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	was := http.DefaultTransport
	defer func() { http.DefaultTransport = was }()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	http.DefaultTransport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	_, stderr, code := runIn(t, "", "probe", "paylink", "--base-url", server.URL, "--interval", "0")
	assert.Equal(t, exitRight, code, stderr)
	assert.Len(t, connections, requests, "each on a connection of its own")
}

// TestProbeTellsNoCredential has gateways that repeat what they got in what is no
// answer, one at each request. A control's key is the secret but for a byte.
func TestProbeTellsNoCredential(t *testing.T) {
	handlers := map[string]http.Handler{
		"paylink":  &authtest.Paylink{Instance: "example", Secret: auth.NewSecret(scriptSecret)},
		"avangate": &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(scriptSecretKey)},
	}
	credential := regexp.MustCompile(`[A-Za-z0-9+/]{43}=|[0-9a-f]{64}|[0-9a-f]{32}|[a-z0-9]*-?est-secret-key`)
	for name, handler := range handlers {
		told := 0
		for last := 1; ; last++ {
			requests := 0
			var sent []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if requests++; requests != last {
					handler.ServeHTTP(w, r)
					return
				}
				body, _ := io.ReadAll(r.Body)
				target, _ := url.QueryUnescape(r.RequestURI)
				form, _ := url.QueryUnescape(string(body))
				sent = credential.FindAllString(fmt.Sprint(target, r.Header, string(body), form), -1)
				hijack(t, w, "HTTP/1.1 200 OK\r\nwrong "+strings.Join(slices.Compact(sent), " ")+"\r\n\r\n")
			}))
			stdout, stderr, code := runIn(t, "", "probe", name, "--base-url", server.URL, "--interval", "0", "--all", "--api-key", "--json")
			server.Close()
			if requests < last {
				break
			}
			require.Equal(t, exitWrong, code, stdout)
			require.NotEmpty(t, sent)
			require.False(t, redact.New(sent...).In(stdout+stderr), "%d: %s", last, stderr)
			require.Contains(t, stderr, auth.Redacted)
			told++
		}
		assert.Greater(t, told, 15)
	}
}

// TestNoSecretIsToldInAnotherCase has a gateway that knows the secret, and redirects
// to a host of its name.
func TestNoSecretIsToldInAnotherCase(t *testing.T) {
	const secret = "Test-Secret-Key-Q"
	server := httptest.NewServer(http.RedirectHandler("https://"+secret+"/", http.StatusFound))
	defer server.Close()
	env := map[string]string{instanceVariable: "example", secretVariable: secret, merchantCodeVariable: "YOURCODE123", secretKeyVariable: secret}
	for name, run := range map[string]func(*command) int{"check": check, "probe": probeGateway} {
		for _, gateway := range []string{"paylink", "avangate"} {
			var out strings.Builder
			c := &command{
				ctx: t.Context(), name: name, args: []string{gateway, "--base-url", server.URL},
				stdout: &out, stderr: &out, getenv: func(name string) string { return env[name] },
			}
			assert.Equal(t, exitWrong, run(c))
			assert.Contains(t, out.String(), `the gateway redirects to "https://[redacted]"`)
			assert.NotContains(t, strings.ToLower(out.String()), strings.ToLower(secret))
		}
	}
}

// masks are what a list of requests has in the place of what differs.
var masks = []struct {
	of *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`[0-9A-Za-z+/%]{43,}(=|%3D)|[0-9a-f]{64}|[0-9a-f]{32}`), "SIGNATURE"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "DATE"},
	{regexp.MustCompile(`\b.est-secret-key`), "SECRET"},
	{regexp.MustCompile(`/v1\.[1-9]\d?/`), "/v1.VERSION/"},
}

// TestProbeListsWhatArrives compares --dry-run with what a server gets, but for what
// net/http adds.
func TestProbeListsWhatArrives(t *testing.T) {
	handlers := map[string]http.Handler{
		"paylink":  &authtest.Paylink{Instance: "example", Secret: auth.NewSecret(scriptSecret)},
		"avangate": &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(scriptSecretKey)},
	}
	for name, handler := range handlers {
		var got []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			header := r.Header.Clone()
			for _, added := range []string{"User-Agent", "Content-Length", "Connection"} {
				header.Del(added)
			}
			text := fmt.Sprint(r.Method, " ", r.RequestURI, " ", header, " ", string(body))
			for _, mask := range masks {
				text = mask.of.ReplaceAllString(text, mask.by)
			}
			got = append(got, text)
			handler.ServeHTTP(w, r)
		}))
		defer server.Close()
		flags := []string{"probe", name, "--base-url", server.URL, "--interval", "0", "--all", "--api-key", "--object", "Gateway/17", "--json"}
		stdout, _, code := runIn(t, "", append(flags, "--dry-run")...)
		require.Equal(t, exitRight, code)
		require.Empty(t, got, "a dry run sends nothing")
		var plan []probe.Request
		require.NoError(t, json.Unmarshal([]byte(stdout), &plan))
		_, stderr, code := runIn(t, "", flags...)
		require.Equal(t, exitRight, code, stderr)
		for _, r := range plan {
			if r.Header == nil {
				r.Header = http.Header{}
			}
			want := fmt.Sprint(r.Method, " ", r.Target, " ", r.Header, " ", r.Body)
			for n := 0; n < max(r.UpTo, 1) && (n == 0 || len(got) > 0); n++ {
				require.NotEmpty(t, got, "%s did not arrive", want)
				require.Equal(t, want, got[0], r.ID)
				got = got[1:]
			}
		}
		assert.Empty(t, got, "more arrived")
	}
}
