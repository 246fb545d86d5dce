package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/cmd/countersign/internal/page"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/explain"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/redact"
)

const serveUsage = `usage: countersign serve [--listen ADDRESS] [--tls]

Plays the gateways for a client in any language, until it is interrupted: the
Payrexx family at /v1.0/, 2Checkout at /rest/6.0/, /rpc/6.0/ and /soap/6.0/.
It prints where it listens, then a line for each request: time, method, path,
status and verdict, and why a signature is wrong. The answer says so too, if it
is JSON. The page at / lists the latest requests.

The credentials are those of the environment, for one gateway or for both:
COUNTERSIGN_INSTANCE and COUNTERSIGN_SECRET for the Payrexx family,
COUNTERSIGN_MERCHANT_CODE and COUNTERSIGN_SECRET_KEY for 2Checkout. Real ones
are not needed: take an example and test-secret-key, and give the client the same.

  --listen ADDRESS  where to listen (127.0.0.1:8080); with port 0 any free one
  --tls             speak TLS, with a certificate that is made and printed

example:

  $ export COUNTERSIGN_INSTANCE=example COUNTERSIGN_SECRET=test-secret-key
  $ countersign serve &
  listening on http://127.0.0.1:8080
  $ curl 'http://127.0.0.1:8080/v1.0/SignatureCheck/?instance=example'
`

const (
	maxServedBody = paylinkhmac.DefaultMaxBody // as both gateways have it
	maxExplained  = 256 << 10                  // bytes of text, files not counted: JSON takes hundreds of times its length
	maxLogged     = 200                        // characters of a path
	stopTime      = 3 * time.Second            // for requests that are under way
)

// serve plays the gateways until c's context ends.
func serve(c *command) int {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	address := flags.String("listen", "127.0.0.1:8080", "")
	withTLS := flags.Bool("tls", false, "")
	words, code, done := c.parse(flags, serveUsage)
	if done {
		return code
	}
	if len(words) > 0 {
		return c.fail(usagef("there is one word too many: serve takes flags only"))
	}
	host, _, err := net.SplitHostPort(*address)
	if err != nil {
		return c.fail(usagef("--listen %q is not an address: write 127.0.0.1:8080", *address))
	}
	s, err := newServer(c, host)
	if err != nil {
		return c.fail(err)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return c.fail(err)
	}
	if a, ok := listener.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		fmt.Fprintf(c.stderr, "countersign serve: warning: %s is not a loopback address: who can reach it can read the latest requests\n", listener.Addr())
	}
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(errorLog{c.stderr}, "", 0),
	}
	start := h.Serve
	if *withTLS {
		certificate, text, err := newCertificate(host, time.Now())
		if err != nil {
			return c.fail(err)
		}
		h.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
		start = func(l net.Listener) error { return h.ServeTLS(l, "", "") }
		fmt.Fprintf(c.stdout, "listening on https://%s\n%s", listener.Addr(), text)
	} else {
		fmt.Fprintf(c.stdout, "listening on http://%s\n", listener.Addr())
	}
	ended := make(chan error, 1)
	go func() { ended <- start(listener) }()
	select {
	case err := <-ended:
		return c.fail(err)
	case <-c.ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if h.Shutdown(ctx) != nil {
		h.Close()
	}
	return exitRight
}

// An errorLog writes what net/http says of a connection in one line. It repeats what
// the peer sent, such as the protocols that it offers.
type errorLog struct{ stderr io.Writer }

func (l errorLog) Write(text []byte) (int, error) {
	_, err := fmt.Fprintf(l.stderr, "countersign serve: %s\n", failure(strings.TrimSuffix(string(text), "\n")))
	return len(text), err
}

// A server plays gateways, and tells the operator what they were asked.
type server struct {
	gateways []*emulated
	secrets  *redact.Words
	page     *page.Page

	mu  sync.Mutex
	out io.Writer
}

// An emulated is one of the gateways that a server plays.
type emulated struct {
	page.Gateway
	paths   func(path string) bool // those that are its own
	handler http.Handler
	explain func(*http.Request) (*explain.Diagnosis, error)

	mu   sync.Mutex // the handler is asked one request at a time
	seen authtest.Exchange

	explaining sync.Mutex // one request at a time, since it may take much memory
}

// answer has the gateway answer r.
func (g *emulated) answer(w http.ResponseWriter, r *http.Request) authtest.Exchange {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handler.ServeHTTP(w, r)
	return g.seen
}

// diagnose says why g refused r, or what is to be noted of it, without any of the
// secrets. It is nil if r has no signature to explain.
func (g *emulated) diagnose(r *http.Request, secrets *redact.Words) *explain.Diagnosis {
	g.explaining.Lock()
	defer g.explaining.Unlock()
	d, err := g.explain(r)
	if err != nil {
		return nil
	}
	d.Redact(secrets)
	return d
}

func (g *emulated) observe(e authtest.Exchange) { g.seen = e }

// newServer makes the gateways that the environment has credentials for. host is
// where it will listen.
func newServer(c *command, host string) (*server, error) {
	family := &emulated{Gateway: page.Gateway{Name: "the Payrexx family"}, paths: paylink.IsPath}
	instance, secret, err := c.served(family, instanceVariable, secretVariable)
	if err != nil {
		return nil, err
	}
	family.handler = &authtest.Paylink{Instance: instance, Secret: secret, Observe: family.observe}
	family.explain = (&explain.Paylink{Secret: secret}).Request

	checkout := &emulated{Gateway: page.Gateway{Name: "2Checkout"}, paths: vendor.HasPath}
	code, key, err := c.served(checkout, merchantCodeVariable, secretKeyVariable)
	if err != nil {
		return nil, err
	}
	checkout.handler = &authtest.Avangate{MerchantCode: code, SecretKey: key, Observe: checkout.observe}
	checkout.explain = (&explain.Avangate{MerchantCode: code, SecretKey: key}).Request

	gateways := []*emulated{family, checkout}
	if family.Missing != "" && checkout.Missing != "" {
		return nil, usagef("there are no credentials: set %s, or %s", family.Missing, checkout.Missing)
	}
	var shown []page.Gateway
	for _, g := range gateways {
		shown = append(shown, g.Gateway)
		if g.Missing != "" {
			fmt.Fprintf(c.stderr, "countersign serve: %s is left out: it needs %s\n", g.Name, g.Missing)
		}
	}
	return &server{gateways: gateways, secrets: redact.New(secret.Reveal(), key.Reveal()), page: page.New(host, shown), out: c.stdout}, nil
}

// served reads the credentials of g from two environment variables. Where neither
// is set, g is not played.
func (c *command) served(g *emulated, account, secret string) (string, auth.Secret, error) {
	name, key := c.getenv(account), auth.NewSecret(c.getenv(secret))
	switch {
	case name == "" && key.Reveal() == "":
		g.Missing = account + " and " + secret
		return "", key, nil
	case name == "":
		return "", key, usagef("%s is set and %s is not: set both", secret, account)
	case key.Reveal() == "":
		return "", key, usagef("%s is set and %s is not: set both", account, secret)
	}
	if err := key.Validate(); err != nil {
		return "", key, usagef("%s: %w", secret, err)
	}
	g.Account = name
	return name, key, nil
}

// An exchange is one request and what came of it.
type exchange struct {
	authtest.Exchange
	At        time.Time
	Diagnosis *explain.Diagnosis // nil if there is no signature to explain

	held *redact.Words // secrets that the request holds, nil if none
	long bool          // it is too long to be explained
}

// Verdict says in a word what came of it.
func (e *exchange) Verdict() string {
	switch {
	case e.Err == nil:
		return "right"
	case e.Diagnosis != nil, errors.Is(e.Err, auth.ErrSignature), errors.Is(e.Err, auth.ErrClock):
		return "wrong"
	case errors.Is(e.Err, auth.ErrUnsigned):
		return "unsigned"
	}
	return "refused"
}

// Reason says why the request was refused, "" if it was not.
func (e *exchange) Reason() string {
	if e.Err == nil {
		return ""
	}
	err := e.Err
	if cause, ok := errors.AsType[*auth.Error](err); ok {
		err = cause.Err
	}
	reason := err.Error()
	if e.held != nil {
		reason = e.held.String(reason)
	}
	if e.long {
		reason += fmt.Sprintf("; more than %d bytes are not explained: try a smaller request", maxExplained)
	}
	return reason
}

// redact takes secrets out of all that is told of the request, however the client has
// come to send one.
func (e *exchange) redact(secrets *redact.Words) {
	for _, s := range []*string{&e.Method, &e.Path, &e.StringToSign} {
		*s = secrets.String(*s)
	}
	for i := range e.Methods {
		e.Methods[i] = secrets.String(e.Methods[i])
	}
	for i := range e.Notes {
		e.Notes[i] = secrets.String(e.Notes[i])
	}
	for i := range e.Parameters {
		e.Parameters[i] = [2]string{secrets.String(e.Parameters[i][0]), secrets.String(e.Parameters[i][1])}
	}
}

// asked returns what was asked for, and of JSON-RPC and SOAP, which have one path for
// all, what was called.
func (e *exchange) asked() string {
	asked := e.Method + " " + e.Path
	if len(e.Methods) > 0 {
		asked += " (" + printable.Line(strings.Join(e.Methods, ", ")) + ")"
	}
	return asked
}

// String returns the line of the log, and those of the diagnosis. Nothing that the
// peer has sent can begin a line.
func (e *exchange) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %d %s", e.At.Format(time.RFC3339), printable.Shorten(e.asked(), maxLogged), e.Status, e.Verdict())
	if e.Err != nil {
		b.WriteString(": " + failure(e.Reason()))
	}
	b.WriteByte('\n')
	if e.Diagnosis != nil {
		for line := range strings.SplitSeq(e.Diagnosis.String(), "\n") {
			b.WriteString("    " + printable.Line(line) + "\n")
		}
	}
	return b.String()
}

// ServeHTTP shows the page, or has a gateway answer. The request is logged before
// the answer is sent.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isPage := r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
	if isPage && s.page.IsFor(r.Host) {
		s.page.ServeHTTP(w, r)
		return
	}
	e := &exchange{At: time.Now()}
	if s.inHead(r) {
		e.held = s.secrets
	}
	answer := &heldAnswer{header: make(http.Header)}
	if isPage {
		e.refuse(answer, http.StatusMisdirectedRequest, "the page is not shown under the host %q: open it by its IP address", printable.Shorten(s.secrets.String(r.Host), maxLogged))
	} else {
		s.exchange(answer, w, r, e)
	}
	e.Method, e.Path = r.Method, r.URL.EscapedPath()
	e.redact(s.secrets)
	if e.held != nil {
		answer.redact(e.held)
	}
	s.page.Add(page.Entry{Exchange: e.Exchange, At: e.At, Verdict: e.Verdict(), Reason: e.Reason(), Diagnosis: e.Diagnosis})
	text := e.String()
	s.mu.Lock()
	io.WriteString(s.out, text)
	s.mu.Unlock()
	answer.send(w)
}

// inHead reports whether the head of r holds a secret.
func (s *server) inHead(r *http.Request) bool {
	for name, values := range r.Header {
		if s.secrets.In(name) || slices.ContainsFunc(values, s.secrets.In) {
			return true
		}
	}
	return s.secrets.In(r.Method) || s.secrets.In(r.RequestURI) || s.secrets.In(r.Host)
}

// exchange has a gateway answer r, and fills in e.
func (s *server) exchange(answer *heldAnswer, w http.ResponseWriter, r *http.Request, e *exchange) {
	g := s.gateway(r.URL.EscapedPath())
	if g == nil {
		e.refuse(answer, http.StatusNotFound, "no gateway has this path: the Payrexx family's begin with /v1.0/, 2Checkout's with /rest/6.0/, /rpc/6.0/ or /soap/6.0/")
		return
	}
	if g.Missing != "" {
		e.refuse(answer, http.StatusNotImplemented, "there are no credentials for %s: set %s, and start countersign serve again", g.Name, g.Missing)
		return
	}
	body, err := readBody(w, r)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		e.refuse(answer, http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", maxServedBody)
		return
	} else if err != nil {
		e.refuse(answer, http.StatusBadRequest, "the body cannot be read: %w", err)
		return
	}
	if s.secrets.In(string(body)) {
		e.held = s.secrets
	}
	e.Exchange = g.answer(answer, withBody(r, body))
	if e.Verdict() != "refused" {
		if e.long = !isExplained(r, body, e); !e.long {
			e.Diagnosis = g.diagnose(withBody(r, body), s.secrets)
		}
	}
	if e.Err == nil && (e.Diagnosis == nil || len(e.Diagnosis.Notes) == 0) {
		e.Diagnosis = nil // there is nothing to say
		return
	}
	answer.addDiagnosis(e)
}

// isExplained reports whether a request that the gateway did not call right is small
// enough. An upload may be large by its files, if it was read as one.
func isExplained(r *http.Request, body []byte, e *exchange) bool {
	if len(body) <= maxExplained {
		return true
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isUpload := media == paylink.MultipartType && bytes.HasPrefix(body, []byte("--")) && errors.Is(e.Err, auth.ErrSignature)
	return isUpload && len(e.StringToSign) <= maxExplained
}

// gateway returns the one that has the path, or nil.
func (s *server) gateway(path string) *emulated {
	for _, g := range s.gateways {
		if g.paths(path) {
			return g
		}
	}
	return nil
}

// readBody reads the body of a request, and no more than the gateways do.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxServedBody {
		return nil, &http.MaxBytesError{Limit: maxServedBody}
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxServedBody))
}

// withBody returns a copy of r with a body that has been read.
func withBody(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	return r
}

// refuse refuses a request that reaches no gateway, in the Payrexx family's form.
func (e *exchange) refuse(answer *heldAnswer, status int, format string, args ...any) {
	e.Status, e.Err = status, fmt.Errorf(format, args...)
	answer.header.Set("Content-Type", paylink.JSONType)
	answer.WriteHeader(status)
	answer.encode(map[string]string{"status": "error", "message": "countersign serve: " + e.Err.Error()})
}

// A heldAnswer is an answer that is not sent yet.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *heldAnswer) Header() http.Header         { return a.header }
func (a *heldAnswer) WriteHeader(status int)      { a.status = status }
func (a *heldAnswer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *heldAnswer) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	a.body.WriteTo(w)
}

// redact takes secrets out of the body, which may repeat what the client has sent.
func (a *heldAnswer) redact(secrets *redact.Words) {
	text := secrets.String(a.body.String())
	a.body.Reset()
	a.body.WriteString(text)
}

// encode makes v, in JSON, the body.
func (a *heldAnswer) encode(v any) {
	a.body.Reset()
	e := json.NewEncoder(&a.body)
	e.SetEscapeHTML(false) // a string to sign has ampersands, which people read
	e.Encode(v)
}

// addDiagnosis adds to a JSON object what is known of a request: in an
// error of JSON-RPC to its data, which is the server's to define. A SOAP fault, and
// the answer to a batch, stay as they are.
func (a *heldAnswer) addDiagnosis(e *exchange) {
	var object map[string]any
	if json.Unmarshal(a.body.Bytes(), &object) != nil {
		return
	}
	place := object
	if refusal, ok := object["error"].(map[string]any); ok {
		place = refusal["data"].(map[string]any)
	}
	place["diagnosis"] = struct {
		Reason string `json:"reason,omitempty"`
		*explain.Diagnosis
	}{e.Reason(), e.Diagnosis}
	a.encode(object)
}
