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
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/cmd/countersign/internal/page"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	"github.com/countersign/countersign/cmd/countersign/internal/probe"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/explain"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/redact"
)

const serveUsage = `usage: countersign serve [flags]

Plays the gateways for a client in any language, until it is interrupted: the
Payrexx family at /v1.0/, 2Checkout at /rest/6.0/, /rpc/6.0/ and /soap/6.0/.
It prints where it listens, then a line for each request: time, method, path,
status and verdict, and why a signature is wrong. The answer says so too, if it
is JSON. The page at / lists the latest requests.

The credentials are for one gateway or for both. Real ones are not needed: take
an example and test-secret-key, and give the client the same.

  --listen ADDRESS      where to listen (127.0.0.1:8080); with port 0 any free one
  --tls                 speak TLS, with a certificate that is made and printed
  --tls-cert FILE       speak TLS, and write the certificate there
  --name NAME           a further name in the certificate, such as api.2checkout.com,
                        beside localhost and api.localhost; may be given again
  --soap-method METHOD  a method of SOAP's invented WSDL, /soap/6.0/?wsdl, such as
                        getOrder, or 'placeOrder(Order)' with its parameters behind
                        the session id; may be given again
  --as FILE             read requests as the gateway of a fingerprint does, which
                        countersign probe --json made; may be given again, for the
                        other gateway
  --explain-in-message  say the mistake in the answer's message too, since most
                        clients show nothing else

example:

  $ export COUNTERSIGN_INSTANCE=example COUNTERSIGN_SECRET=test-secret-key
  $ countersign serve &
  listening on http://127.0.0.1:8080
  $ curl 'http://127.0.0.1:8080/v1.0/SignatureCheck/?instance=example'
` + credentialsUsage + `
One file is for the secrets of both gateways. COUNTERSIGN_BUY_LINK_SECRET is the
Buy-Link Secret Word, for the endpoint that signs buy links; it may be left out.
`

const (
	maxServedBody = paylinkhmac.DefaultMaxBody // as both gateways have it
	maxExplained  = 256 << 10                  // bytes of text, files not counted: JSON takes hundreds of times its length
	maxLogged     = 200                        // characters of a path
	stopTime      = 3 * time.Second            // for requests that are under way
)

// serveOptions are what the arguments of serve say.
type serveOptions struct {
	account
	listen           string
	tls              bool
	certificateFile  string   // where the certificate is written; "" prints it
	names            []string // further ones in the certificate
	soapMethods      map[string][]string
	explainInMessage bool
	as               []string // files of fingerprints
}

// isSOAPMethod matches a method as --soap-method has it, and the names of its
// parameters.
var isSOAPMethod = regexp.MustCompile(`^([A-Za-z_]\w*)(?:\(((?:[A-Za-z_]\w*(?:, ?[A-Za-z_]\w*)*)?)\))?$`)

func (o *serveOptions) flags(c *command, flags *flag.FlagSet) {
	o.bothFlags(c, flags)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "")
	flags.BoolVar(&o.tls, "tls", false, "")
	flags.Func("tls-cert", "", func(file string) error {
		o.tls, o.certificateFile = true, file
		return nil
	})
	flags.Func("name", "", func(name string) error {
		if net.ParseIP(name) == nil && !isHostName(name) {
			return errors.New("write a host's name alone, such as api.2checkout.com")
		}
		o.names = append(o.names, name)
		return nil
	})
	o.soapMethods = make(map[string][]string)
	flags.Func("soap-method", "", func(text string) error {
		part := isSOAPMethod.FindStringSubmatch(text)
		if part == nil {
			return errors.New("write the name of a method, such as getOrder, or getOrder(orderReference) with its parameters behind the session id")
		}
		parameters := strings.FieldsFunc(part[2], func(r rune) bool { return r == ',' || r == ' ' })
		if !strings.Contains(text, "(") {
			parameters = []string{"parameter"}
		}
		if sorted := slices.Sorted(slices.Values(append([]string{"sessionID"}, parameters...))); len(slices.Compact(sorted)) <= len(parameters) {
			return errors.New("name each parameter once: sessionID, the first, is there already")
		}
		o.soapMethods[part[1]] = parameters
		return nil
	})
	flags.Func("as", "", func(file string) error {
		o.as = append(o.as, file)
		return nil
	})
	flags.BoolVar(&o.explainInMessage, "explain-in-message", false, "")
}

// host returns the host of the address to listen at.
func (o *serveOptions) host() (string, error) {
	host, _, err := net.SplitHostPort(o.listen)
	switch {
	case err != nil:
		return "", usagef("--listen %q is not an address: write 127.0.0.1:8080", o.listen)
	case len(o.names) > 0 && !o.tls:
		return "", usagef("--name is for a certificate: add --tls")
	}
	return host, nil
}

// serve plays the gateways until c's context ends.
func serve(c *command) int {
	var o serveOptions
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	o.flags(c, flags)
	words, code, done := c.parse(flags, serveUsage)
	if done {
		return code
	}
	if len(words) > 0 {
		return c.fail(usagef("there is one word too many: serve takes flags only"))
	}
	host, err := o.host()
	if err != nil {
		return c.fail(err)
	}
	s, err := newServer(c, &o, host)
	if err != nil {
		return c.fail(err)
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return c.fail(fmt.Errorf("%w: name another address with --listen, such as 127.0.0.1:0", err))
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
	if o.tls {
		certificate, text, err := newCertificate(host, o.names, time.Now())
		if err == nil && o.certificateFile != "" {
			err, text = writeCertificate(o.certificateFile, text), nil
		}
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

	explainInMessage bool

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

// readings returns how the gateways of the fingerprints read, by their names.
func (o *serveOptions) readings(c *command) (map[string]authtest.Options, error) {
	options := make(map[string]authtest.Options)
	for _, file := range o.as {
		text, err := c.read(file)
		if err != nil {
			return nil, err
		}
		var f probe.Fingerprint
		if err := json.Unmarshal(text, &f); err != nil || f.Schema != probe.Schema {
			return nil, usagef("the file of --as is no fingerprint: make one with countersign probe --json")
		}
		if f.Gateway != paylinkGateway && f.Gateway != avangateGateway {
			return nil, usagef("the fingerprint of --as is of no gateway that is known: %s or %s", paylinkGateway, avangateGateway)
		}
		if _, ok := options[f.Gateway]; ok {
			return nil, usagef("there are two fingerprints of %s: give --as once for each gateway", f.Gateway)
		}
		if err := f.Options.Validate(); err != nil {
			return nil, usagef("the fingerprint of --as: %w", err)
		}
		options[f.Gateway] = f.Options
	}
	return options, nil
}

// newServer makes the gateways that there are credentials for. host is where it will
// listen.
func newServer(c *command, o *serveOptions, host string) (*server, error) {
	var file *auth.Secret
	if o.secretFile != "" {
		secret, err := o.secret(c, "")
		if err != nil {
			return nil, err
		}
		file = &secret
	}
	options, err := o.readings(c)
	if err != nil {
		return nil, err
	}
	family := &emulated{Gateway: page.Gateway{Name: "the Payrexx family", Account: o.instance}, paths: paylink.IsPath}
	secret, err := c.served(family, instanceVariable, secretVariable, file)
	if err != nil {
		return nil, err
	}
	family.handler = &authtest.Paylink{Instance: o.instance, Secret: secret, Options: options[paylinkGateway], Observe: family.observe}
	family.explain = (&explain.Paylink{Secret: secret}).Request

	checkout := &emulated{Gateway: page.Gateway{Name: "2Checkout", Account: o.merchantCode}, paths: vendor.HasPath}
	key, err := c.served(checkout, merchantCodeVariable, secretKeyVariable, file)
	if err != nil {
		return nil, err
	}
	word := auth.NewSecret(c.getenv(buyLinkVariable)) // which may be left out
	if err := word.Validate(); err != nil && word.Reveal() != "" {
		return nil, usagef("%s: %w", buyLinkVariable, err)
	}
	checkout.handler = &authtest.Avangate{MerchantCode: o.merchantCode, SecretKey: key, SecretWord: word, SOAPMethods: o.soapMethods, Options: options[avangateGateway], Observe: checkout.observe}
	checkout.explain = (&explain.Avangate{MerchantCode: o.merchantCode, SecretKey: key}).Request

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
	return &server{
		gateways: gateways, secrets: redact.New(secret.Reveal(), key.Reveal(), word.Reveal()), page: page.New(host, shown),
		explainInMessage: o.explainInMessage, out: c.stdout,
	}, nil
}

// served returns the secret of g, whose account is known: that of the file, if there
// is one, or else of the variable. Where there is neither account nor secret, g is
// not played.
func (c *command) served(g *emulated, account, variable string, file *auth.Secret) (auth.Secret, error) {
	secret, source := auth.NewSecret(c.getenv(variable)), variable
	switch {
	case g.Account == "" && secret.Reveal() == "":
		g.Missing = account + " and " + variable
		return secret, nil
	case g.Account == "":
		return secret, usagef("%s is set and %s is not: set both", variable, account)
	case file != nil:
		secret, source = *file, "--secret-file"
	case secret.Reveal() == "":
		return secret, usagef("there is an account of %s, and %s is not set: set it, or name a file with --secret-file", g.Name, variable)
	}
	if err := secret.Validate(); err != nil {
		return secret, usagef("%s: %w", source, err)
	}
	return secret, nil
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

// xmlMarks are what may stand within a text in XML, which an echo then has in one.
var xmlMarks = regexp.MustCompile(`(?s)<!--.*?-->|<\?.*?\?>|<!\[CDATA\[|\]\]>`)

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
	if s.secrets.In(string(body)) || s.secrets.In(xmlMarks.ReplaceAllString(string(body), "")) {
		e.held = s.secrets
	}
	e.Exchange = g.answer(answer, withBody(r, body))
	if e.Err == nil && s.secrets.In(answer.body.String()) { // an earlier request has sent it
		e.held = s.secrets
	}
	if e.Verdict() != "refused" {
		if e.long = !isExplained(r, body, e); !e.long {
			e.Diagnosis = g.diagnose(withBody(r, body), s.secrets)
		}
		if e.Diagnosis != nil && e.Diagnosis.Right && e.Err != nil {
			e.Diagnosis = nil // it knows nothing of a gateway that reads otherwise
		}
	}
	if e.Err == nil && (e.Diagnosis == nil || len(e.Diagnosis.Notes) == 0) {
		e.Diagnosis = nil // there is nothing to say
		return
	}
	answer.addDiagnosis(e)
	if s.explainInMessage && e.Err != nil {
		answer.addToMessage(e.mistake())
	}
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
