package transport_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

// secrets are the accounts' by instance, as every emulated gateway knows them.
var secrets = map[string]auth.Secret{
	"example": auth.NewSecret("topsecret-of-the-example"),
	"bakery":  auth.NewSecret("topsecret-of-the-bakery"),
	"florist": auth.NewSecret("topsecret-of-the-florist"),
}

func shop(t testing.TB, baseURL, instance string) *paylinkhmac.Authenticator {
	t.Helper()
	a, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: baseURL, Instance: instance, Secret: secrets[instance], AllowInsecureHTTP: true})
	require.NoError(t, err)
	return a
}

func newTransport(t testing.TB, base http.RoundTripper, authenticators ...auth.Authenticator) *transport.Transport {
	t.Helper()
	tr, err := transport.New(base, authenticators...)
	require.NoError(t, err)
	return tr
}

// A network is a small Internet on loopback: hosts of any name, with TLS and
// without, and a RoundTripper that reaches them alone.
type network struct {
	t         *testing.T
	transport *http.Transport

	// wrap is applied to each connection that the client makes, if it is not nil.
	wrap func(net.Conn) net.Conn

	mu     sync.Mutex
	hosts  map[string]string // listening addresses by name and port
	dialed []string
}

func newNetwork(t *testing.T) *network {
	n := &network{t: t, hosts: make(map[string]string)}
	n.transport = &http.Transport{
		DialContext:       n.dial,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // a leak must not fail for its certificate
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(n.transport.CloseIdleConnections)
	return n
}

func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, strings.ToLower(addr))
	real, ok := n.hosts[strings.ToLower(addr)]
	n.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("no such host: %s", addr)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", real)
	if err == nil && n.wrap != nil {
		conn = n.wrap(conn)
	}
	return conn, err
}

// A host is a server that records what it receives, and verifies it as the
// gateways do.
type host struct {
	url string

	mu     sync.Mutex
	got    []received
	answer http.HandlerFunc
}

type received struct {
	method, url, body string
	header            http.Header
	proto             int
	instance          string
	signed            string // the string to sign
	signature         string
	err               error // the verifier's
}

// host adds a host, given as a URL without a path. answer may be nil.
func (n *network) host(baseURL string, answer http.HandlerFunc) *host {
	n.t.Helper()
	u, err := url.Parse(baseURL)
	require.NoError(n.t, err)
	h := &host{url: baseURL, answer: answer}
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	port := u.Port()
	if u.Scheme == "https" {
		server.StartTLS()
		port = cmp.Or(port, "443")
	} else {
		server.Start()
		port = cmp.Or(port, "80")
	}
	n.t.Cleanup(server.Close)
	n.mu.Lock()
	n.hosts[net.JoinHostPort(u.Hostname(), port)] = server.Listener.Addr().String()
	n.mu.Unlock()
	return h
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	got := received{method: r.Method, url: r.URL.RequestURI(), body: string(body), header: r.Header.Clone(), proto: r.ProtoMajor}
	got.instance = r.URL.Query().Get("instance")
	verifier := paylinkhmac.Verifier{Secret: secrets[cmp.Or(got.instance, "example")]}
	found, err := verifier.Verify(r)
	got.err, got.signed = err, found.StringToSign
	parameters := got.body
	if parameters == "" {
		parameters = r.URL.RawQuery
	}
	values, _ := url.ParseQuery(parameters)
	got.signature = values.Get("ApiSignature")

	h.mu.Lock()
	h.got = append(h.got, got)
	answer := h.answer
	h.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

func (h *host) setAnswer(answer http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

// take returns what has been received since the last take.
func (h *host) take() []received {
	h.mu.Lock()
	defer h.mu.Unlock()
	got := h.got
	h.got = nil
	return got
}

// assertSigned fails unless each request is rightly signed.
func assertSigned(t *testing.T, got []received) {
	t.Helper()
	for i, r := range got {
		if r.err != nil {
			t.Errorf("request %d, %s %s %q, is not signed rightly: %v", i, r.method, r.url, r.body, r.err)
		}
		for _, name := range []string{"ApiSignature=", "instance="} {
			if n := strings.Count(r.url+r.body, name); n != 1 {
				t.Errorf("request %d, %s %s %q, has %q %d times, want once", i, r.method, r.url, r.body, name, n)
			}
		}
	}
}

// signatures look like this: 43 digits of base64 and a sign of equality, as they
// are or escaped once or twice.
var signatures = regexp.MustCompile(`ApiSignature|(?:[0-9A-Za-z]|[+/]|%(?:25)?2[BbFf]){43}(?:=|%(?:25)?3[Dd])`)

// assertClean fails if a text holds a secret, a signature or a parameter's value.
func assertClean(t *testing.T, what, text string) {
	t.Helper()
	if found := signatures.FindString(text); found != "" {
		t.Errorf("%s is %q, which holds a signature, %s", what, text, found)
	}
	for _, private := range []string{"topsecret", privateValue} {
		if strings.Contains(text, private) {
			t.Errorf("%s is %q, which holds %q", what, text, private)
		}
	}
}

// privateValue stands in the parameters of most requests here.
const privateValue = "Erika-Mustermann"

// assertRefused fails unless err is an error of this module with the given code,
// and says nothing that it should not.
func assertRefused(t *testing.T, err, code error) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error, want %v", code)
		return
	}
	e, ok := errors.AsType[*auth.Error](err)
	if !ok || !errors.Is(err, code) {
		t.Errorf("got the error %q, want an *auth.Error that is %q", err, code)
	} else if e.Op == "" {
		t.Errorf("the error %q does not say what was being done", err)
	}
	assertClean(t, "the error", fmt.Sprintf("%v %+v %#v", err, err, err))
}

func finish(t *testing.T, resp *http.Response) {
	t.Helper()
	if resp == nil {
		return
	}
	_, err := io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

// form is what most tests post.
var form = url.Values{"purpose": {"a b+c"}, "contact[name]": {privateValue}}

const signedForm = "contact%5Bname%5D=Erika-Mustermann&purpose=a+b%2Bc"

func newRequest(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

func postForm(t *testing.T, url string) *http.Request {
	t.Helper()
	return newRequest(t, http.MethodPost, url, strings.NewReader(form.Encode()))
}

// A stub is a base RoundTripper without a network. It closes the body, as it must.
type stub struct {
	respond func(*http.Request) (*http.Response, error) // nil for 200

	mu     sync.Mutex
	got    []*http.Request
	bodies []string
}

func (s *stub) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, req)
	body := ""
	if req.Body != nil {
		b, err := io.ReadAll(req.Body)
		if closeErr := req.Body.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	s.bodies = append(s.bodies, body)
	if s.respond != nil {
		return s.respond(req)
	}
	return response(200, ""), nil
}

// response returns an answer that does not say to which request.
func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
