package authtest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A site is all servers that there are. It keeps what arrives, with what the
// gateway says about it.
type site struct {
	gateway http.Handler

	// answer, if it is not nil, answers the n-th request in the gateway's place, or
	// returns false.
	answer func(w http.ResponseWriter, r *http.Request, n int) bool
	// unread, if it is not nil, answers before the body is read.
	unread http.HandlerFunc

	mu  sync.Mutex
	got []arrival
}

// An arrival is a request as a server reads it.
type arrival struct {
	request *http.Request // its body has been read
	body    []byte
	answer  *http.Response // the gateway's
}

// check returns an error if the gateway did not accept the request, or if it is not
// p as it usually arrives. A RoundTripper that rewrites bodies may do so in another
// way each time: then only the names in a form are compared.
func (a arrival) check(p sample) error {
	if a.answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(a.answer.Body, 200))
		return fmt.Errorf("the gateway answers %s: %s", a.answer.Status, text)
	}
	if len(a.body) == 0 && len(p.body) > 0 {
		return errors.New("the body does not arrive")
	}
	usual := p.usual
	switch {
	case usual.request == nil: // this is the first time
	case !reflect.DeepEqual(shapeOf(a), shapeOf(usual)):
		return errors.New("the request does not arrive as it usually does")
	case bytes.Equal(usual.body, p.body) && !bytes.Equal(a.body, p.body):
		return errors.New("the body does not arrive as it usually does")
	}
	return nil
}

// A shape is how often a request has each name.
type shape struct {
	method, path string
	query, form  map[string]int
}

func shapeOf(a arrival) shape {
	s := shape{method: a.request.Method, path: a.request.URL.Path, query: counts(a.request.URL.Query())}
	if strings.HasPrefix(a.request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, _ := url.ParseQuery(string(a.body))
		s.form = counts(form)
	}
	return s
}

func counts(m map[string][]string) map[string]int {
	c := make(map[string]int)
	for key, values := range m {
		c[key] = len(values)
	}
	return c
}

// ServeHTTP is called by real servers.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.unread != nil && isCase(r) {
		s.unread(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s.serve(w, r, body)
}

func (s *site) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !isCase(r) {
		s.gateway.ServeHTTP(w, r)
		return
	}
	asked := r.Clone(r.Context())
	recorder := httptest.NewRecorder()
	s.gateway.ServeHTTP(recorder, r)
	a := arrival{asked, body, recorder.Result()}
	s.mu.Lock()
	s.got = append(s.got, a)
	n := len(s.got)
	s.mu.Unlock()
	if s.answer != nil && s.answer(w, r, n) {
		return
	}
	maps.Copy(w.Header(), recorder.Header())
	w.WriteHeader(recorder.Code)
	w.Write(recorder.Body.Bytes())
}

// take returns what has arrived since the last take.
func (s *site) take() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// takeOne returns what has arrived since the last take, which must be p, once.
func (s *site) takeOne(p sample) (arrival, error) {
	got := s.take()
	if len(got) != 1 {
		return arrival{}, fmt.Errorf("the request arrives %d times, want once", len(got))
	}
	return got[0], got[0].check(p)
}

func isCase(r *http.Request) bool { return r.Header.Get(caseHeader) != "" }

// A memory is a base without a network: it writes requests as they go over the
// wire, and has the site read them.
type memory struct {
	site

	// before, if it is not nil, is called first. If it fails, so does RoundTrip.
	before func(sent *http.Request) error
	// late makes it answer first, and send when the answer is closed.
	late    bool
	lateErr error // of sending late

	idle int // calls of CloseIdleConnections
}

func (s *suite) memory() *memory { return &memory{site: site{gateway: s.gateway}} }

func (m *memory) CloseIdleConnections() { m.idle++ }

func (m *memory) RoundTrip(sent *http.Request) (*http.Response, error) {
	if !isCase(sent) {
		return m.deliver(sent)
	}
	err := context.Cause(sent.Context())
	if err == nil && m.before != nil {
		err = m.before(sent)
	}
	switch {
	case err != nil:
		if sent.Body != nil {
			sent.Body.Close()
		}
		return nil, err
	case m.late:
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: sent, Body: &lateAnswer{m, sent}}, nil
	}
	return m.deliver(sent)
}

func (m *memory) deliver(sent *http.Request) (*http.Response, error) {
	var wire bytes.Buffer
	written, source := *sent, &source{ReadCloser: sent.Body}
	if sent.Body != nil && sent.Body != http.NoBody {
		written.Body = source
	}
	if err := written.Write(&wire); err != nil {
		return nil, cmp.Or(source.err, err)
	}
	r, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	recorder := httptest.NewRecorder()
	m.serve(recorder, r, body)
	resp := recorder.Result()
	resp.Request = sent
	return resp, nil
}

// A source keeps the error of a body, which Request.Write hides.
type source struct {
	io.ReadCloser
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != io.EOF {
		s.err = err
	}
	return n, err
}

// A lateAnswer is an empty answer, whose Close sends the request.
type lateAnswer struct {
	m    *memory
	sent *http.Request
}

func (*lateAnswer) Read([]byte) (int, error) { return 0, io.EOF }

func (a *lateAnswer) Close() error {
	if a.sent == nil {
		return nil
	}
	_, a.m.lateErr = a.m.deliver(a.sent)
	a.sent = nil
	return nil
}

// A loopback is a base with real connections, to a server that stands for every
// host.
type loopback struct {
	site
	transport *http.Transport
	server    *httptest.Server
	writes    atomic.Int64 // by the client
}

// loopback starts a server, for HTTP/1.1 or for HTTP/2 alone. HTTP/1.1 goes without
// TLS, whatever the URL says.
func (s *suite) loopback(http2 bool) *loopback {
	l := &loopback{site: site{gateway: s.gateway}}
	l.server = httptest.NewUnstartedServer(l)
	l.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	l.transport = &http.Transport{DialContext: l.dial, ExpectContinueTimeout: time.Hour, Protocols: new(http.Protocols)}
	switch {
	case !http2:
		l.transport.DialTLSContext = l.dial
		l.transport.Protocols.SetHTTP1(true)
		l.server.Start()
	case s.samples[0].proto.URL.Scheme == "https":
		l.server.EnableHTTP2 = true
		l.server.StartTLS()
		l.transport.Protocols.SetHTTP2(true)
		l.transport.TLSClientConfig = l.server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		l.transport.TLSClientConfig.ServerName = "example.com" // as the server's certificate says
	default:
		l.server.Config.Protocols = new(http.Protocols)
		l.server.Config.Protocols.SetUnencryptedHTTP2(true)
		l.transport.Protocols.SetUnencryptedHTTP2(true)
		l.server.Start()
	}
	return l
}

func (l *loopback) close() {
	l.transport.CloseIdleConnections()
	l.server.Close()
}

func (l *loopback) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, l.server.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	return countingConn{conn, &l.writes}, nil
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// roundTrip sends a request and reads the answer, which it leaves whole.
func roundTrip(rt http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		if resp != nil {
			return nil, errors.New("RoundTrip returns both an answer and an error")
		}
		return nil, err
	}
	if resp == nil || resp.Body == nil {
		return nil, errors.New("RoundTrip returns no error, and no answer with a body")
	}
	b, err := io.ReadAll(resp.Body)
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp, err
}
