package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/auth/paylinkkey"
	"github.com/countersign/countersign/interop"
	"github.com/countersign/countersign/transport"
)

// A gateway is an emulated one and its account. It verifies each request, notes the
// credentials in it, and only then fails if it is told to. With each failure an
// hour passes and the Payrexx family's secret changes, so that an attempt is good
// only if it was signed afresh.
type gateway struct {
	*httptest.Server
	emulated http.Handler
	account  auth.Authenticator

	mu          sync.Mutex
	turn        int
	exchanges   []authtest.Exchange
	credentials map[string]bool    // and whether they were sent
	sessions    []string           // the session ids in the requests
	answers     []http.HandlerFunc // the next ones, in place of the emulated gateway's
}

func newGateway(t *testing.T, start func(*httptest.Server)) *gateway {
	g := &gateway{credentials: make(map[string]bool)}
	g.Server = httptest.NewUnstartedServer(g)
	start(g.Server)
	t.Cleanup(g.Close)
	return g
}

func newPaylink(t *testing.T) *gateway { return startPaylink(t, (*httptest.Server).Start) }

func newPaylinkHTTP2(t *testing.T) *gateway {
	return startPaylink(t, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.StartTLS()
	})
}

func startPaylink(t *testing.T, start func(*httptest.Server)) *gateway {
	g := newGateway(t, start)
	g.emulated = &authtest.Paylink{Instance: "bakery", Secret: g, Observe: g.observe}
	account, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: g.URL, Instance: "bakery", Secret: g})
	require.NoError(t, err)
	g.account = account
	return g
}

func newPaylinkKey(t *testing.T) *gateway {
	g := newGateway(t, (*httptest.Server).Start)
	g.emulated = &authtest.Paylink{Instance: "bakery", Secret: g, Observe: g.observe}
	account, err := paylinkkey.New(paylinkkey.Config{BaseURL: g.URL, Instance: "bakery", Secret: g})
	require.NoError(t, err)
	g.account = account
	return g
}

func newAvangate(t *testing.T) *gateway {
	g := newGateway(t, (*httptest.Server).Start)
	key := "interop-secret-of-2checkout"
	g.credentials[key] = false
	g.emulated = &authtest.Avangate{MerchantCode: "FLORIST", SecretKey: auth.NewSecret(key), Now: g.now, Observe: g.observe}
	account, err := avangate.New(avangate.Config{BaseURL: g.URL, MerchantCode: "FLORIST", SecretKey: auth.NewSecret(key), Now: g.now})
	require.NoError(t, err)
	g.account = account
	return g
}

// signing returns the transport that signs for g and sends through base; through
// g's own if base is nil.
func (g *gateway) signing(t *testing.T, base http.RoundTripper) *transport.Transport {
	if base == nil {
		base = g.Client().Transport
	}
	signing, err := transport.New(base, g.account)
	require.NoError(t, err)
	return signing
}

// Secret returns the present secret: g is a source of secrets.
func (g *gateway) Secret(context.Context) (auth.Secret, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	secret := "interop-secret-of-turn-" + strconv.Itoa(g.turn)
	if !g.credentials[secret] {
		g.credentials[secret] = false
	}
	return auth.NewSecret(secret), nil
}

func (g *gateway) now() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Date(2026, time.November, 20, g.turn, 0, 0, 0, time.UTC)
}

func (g *gateway) observe(e authtest.Exchange) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.exchanges = append(g.exchanges, e)
}

// seen returns what the gateway was sent.
func (g *gateway) seen() []authtest.Exchange {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.exchanges)
}

// answer has the next requests answered by h, after they were verified.
func (g *gateway) answer(h http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers = append(g.answers, h)
}

// later lets an hour pass and changes the secret.
func (g *gateway) later() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turn++
}

// fail has the next n requests answered with 503.
func (g *gateway) fail(n int) {
	for range n {
		g.answer(func(w http.ResponseWriter, _ *http.Request) {
			g.later()
			w.WriteHeader(http.StatusServiceUnavailable)
		})
	}
}

// credential matches an ApiSignature, a hash of 2Checkout's, and a session id of
// the emulated 2Checkout.
var (
	credential = regexp.MustCompile(`[0-9A-Za-z+/]{43}=|\b[0-9a-f]{64}\b|` + session.String())
	session    = regexp.MustCompile(`\b[0-9A-F]{32}\b`)
)

// note takes down the credentials of a request and of its answer.
func (g *gateway) note(r *http.Request, body, answer string) {
	query, _ := url.QueryUnescape(r.URL.RawQuery)
	form, _ := url.QueryUnescape(body)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sessions = append(g.sessions, session.FindAllString(body, -1)...)
	for _, text := range []string{query, body, form, fmt.Sprint(r.Header), answer} {
		for _, found := range credential.FindAllString(text, -1) {
			g.credentials[found] = true
		}
	}
	if key := r.Header.Get("X-API-KEY"); key != "" {
		g.credentials[key] = true
	}
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	verified := httptest.NewRecorder()
	g.emulated.ServeHTTP(verified, r)

	g.note(r, string(body), verified.Body.String())

	g.mu.Lock()
	var answer http.HandlerFunc
	if len(g.answers) > 0 {
		answer, g.answers = g.answers[0], g.answers[1:]
	}
	g.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	for name, values := range verified.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(verified.Code)
	w.Write(verified.Body.Bytes())
}

// leaks returns what stands in output that a gateway should know alone: secrets and
// credentials, plain or as a URL holds them.
func (g *gateway) leaks(output string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var leaks []string
	for c := range g.credentials {
		if strings.Contains(output, c) || strings.Contains(output, url.QueryEscape(c)) {
			leaks = append(leaks, c)
		}
	}
	return leaks
}

func (g *gateway) requireClean(t *testing.T, output string) {
	t.Helper()
	require.NotEmpty(t, output, "there is something to be searched")
	require.Empty(t, g.leaks(output))
	g.mu.Lock()
	defer g.mu.Unlock()
	require.Contains(t, slices.Collect(maps.Values(g.credentials)), true, "there is a credential to search for")
}

// requireVerified requires that the gateway got n requests, and each with
// credentials that are right, of its own turn.
func (g *gateway) requireVerified(t *testing.T, n int) {
	t.Helper()
	require.Len(t, g.seen(), n)
	for i, e := range g.seen() {
		require.NoError(t, e.Err, "attempt %d", i+1)
	}
}

// send sends a request and returns the status and the body of its answer.
func send(t *testing.T, client *http.Client, method, url, contentType, body string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer), nil
}

const form = "application/x-www-form-urlencoded"

// reads are requests that may be repeated, one for each scheme.
var reads = []struct {
	name    string
	gateway func(*testing.T) *gateway
	path    string
}{
	{"ApiSignature", newPaylink, "/v1.0/Transaction/?filterReferenceId=order%2011331111"},
	{"X-API-KEY", newPaylinkKey, "/v1.0/Transaction/?filterReferenceId=order%2011331111"},
	{"2Checkout's header", newAvangate, "/rest/6.0/orders/11331111/"},
}

func TestWholeStack(t *testing.T) {
	for _, tt := range reads {
		t.Run(tt.name, func(t *testing.T) {
			g := tt.gateway(t)
			g.fail(2)
			spans := newSpans(t)
			var logged bytes.Buffer
			retrying := newRetrying(&logged)
			retrying.HTTPClient.Transport = g.signing(t, nil)
			client := &http.Client{Transport: otelhttp.NewTransport(&retryablehttp.RoundTripper{Client: retrying}, spans.provider())}

			code, _, err := send(t, client, http.MethodGet, g.URL+tt.path, "", "")
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, code)
			g.requireVerified(t, 3)
			g.requireClean(t, logged.String())
			g.requireClean(t, spans.dump(t))
		})
	}
}

// newShop returns an emulated gateway, and the Authenticator of an account there.
// The gateway prints what it gets.
func newShop() (*httptest.Server, auth.Authenticator) {
	gateway := httptest.NewServer(&authtest.Paylink{
		Instance: "bakery", Secret: auth.NewSecret("test-secret"),
		Observe: func(e authtest.Exchange) { fmt.Println(e.Method, e.Path, "is signed:", e.Err == nil) },
	})
	shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: gateway.URL, Instance: "bakery", Secret: auth.NewSecret("test-secret")})
	if err != nil {
		log.Fatal(err)
	}
	return gateway, shop
}

// The whole stack in its order: tracing, retries, Countersign, connections.
func Example() {
	gateway, shop := newShop()
	defer gateway.Close()
	signing, err := transport.New(http.DefaultTransport, shop)
	if err != nil {
		log.Fatal(err)
	}
	retrying := retryablehttp.NewClient()
	retrying.Logger = nil
	retrying.CheckRetry = interop.CheckRetry
	retrying.HTTPClient = &http.Client{
		Transport:     signing,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	exporter := tracetest.NewInMemoryExporter()
	tracing := otelhttp.NewTransport(
		&retryablehttp.RoundTripper{Client: retrying},
		otelhttp.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))),
		otelhttp.WithClientTrace(interop.ClientTrace),
	)
	client := &http.Client{Timeout: 30 * time.Second, Transport: tracing}

	resp, err := client.Get(gateway.URL + "/v1.0/Transaction/")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status, resp.Request.URL.Path, resp.Request.URL.Query())
	// Output:
	// GET /v1.0/Transaction/ is signed: true
	// 200 OK /v1.0/Transaction/ map[]
}
