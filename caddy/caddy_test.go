package countersign

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	_ "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
	_ "github.com/caddyserver/caddy/v2/modules/metrics"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

// testSecret is long enough for FIPS 140 mode.
const testSecret = "test-secret-key"

// secretFile returns the path of a file that holds a secret.
func secretFile(t testing.TB, secret string) string {
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(secret+"\n"), 0o600))
	return path
}

// adapt returns the JSON of a configuration.
func adapt(t testing.TB, adapter, config string) []byte {
	got, warnings, err := caddyconfig.GetAdapter(adapter).Adapt([]byte(config), map[string]any{"filename": "test"})
	require.NoError(t, err)
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			t.Error(w.Message)
		}
	}
	return got
}

// load runs a configuration in this process, and returns the URL of its server.
func load(t testing.TB, config []byte) string {
	require.NoError(t, caddy.Load(config, true))
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })
	name := "sidecar" // the adapter's
	if !strings.Contains(string(config), `"sidecar"`) {
		name = "srv0" // the Caddyfile's
	}
	return "http://" + addressOf(t, name)
}

// addressOf returns where a server of the running configuration listens.
func addressOf(t testing.TB, server string) string {
	app, err := caddy.ActiveContext().App("http")
	require.NoError(t, err)
	listeners := app.(*caddyhttp.App).Servers[server].Listeners()
	require.NotEmpty(t, listeners)
	return listeners[0].Addr().String()
}

// sidecar is a Caddyfile that serves a gateway at /pay. options are the reverse_proxy's,
// block the transport's own lines.
func sidecar(upstreams, scheme, block, options string) string {
	return fmt.Sprintf(`{
	admin off
	log {
		output discard
	}
}
http://127.0.0.1:0, http://localhost:0, http://shop.example:0 {
	bind 127.0.0.1
	route /pay/* {
		uri strip_prefix /pay
		reverse_proxy %s {
			%s
			transport countersign %s {
				%s
			}
		}
	}
	route {
		error 404
	}
	handle_errors {
		countersign_problem
	}
}
`, upstreams, options, scheme, block)
}

// A seen is what gateways saw, in order.
type seen struct {
	mu  sync.Mutex
	all []authtest.Exchange
}

func (s *seen) observe(e authtest.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, e)
}

// take returns what was seen since it was last called.
func (s *seen) take() []authtest.Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all
	s.all = nil
	return all
}

// paylink starts a gateway of the Payrexx family.
func paylink(t testing.TB) (*httptest.Server, *seen) {
	s := new(seen)
	gateway := httptest.NewServer(&authtest.Paylink{Instance: "example", Secret: auth.NewSecret(testSecret), Observe: s.observe})
	t.Cleanup(gateway.Close)
	return gateway, s
}

// An answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request, and reads the answer.
func ask(t testing.TB, req *http.Request) answer {
	resp, err := noRedirects.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, resp.Header, string(body)}
}

var noRedirects = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// requireProblem checks that an answer is the sidecar's own, and returns its sentence.
func requireProblem(t testing.TB, got answer, status int, sent string) string {
	t.Helper()
	require.Equal(t, status, got.status, got.body)
	require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
	require.Equal(t, []string{sent}, got.header.Values("Countersign-Sent"))
	var p struct {
		Title, Detail, Sent string
		Status              int
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &p))
	require.Equal(t, status, p.Status)
	require.Equal(t, map[string]string{"no": "nothing was sent", "unknown": "unknown"}[sent], p.Sent)
	return p.Detail
}

// form returns a POST request of a form.
func form(t testing.TB, url, body string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

func get(t testing.TB, url string) *http.Request {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	require.NoError(t, err)
	return req
}

// deadAddress is one at which nobody listens.
func deadAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func tryAdapt(config string) ([]byte, error) {
	got, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), map[string]any{"filename": "test"})
	return got, err
}

// offBy is a clock that is so many hours fast.
func offBy(hours int) func() time.Time {
	return func() time.Time { return time.Now().Add(time.Duration(hours) * time.Hour) }
}

// askSocket returns what an HTTP server at a unix socket answers.
func askSocket(t testing.TB, socket, url string) string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	resp, err := client.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}
