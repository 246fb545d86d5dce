package transporttest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A site is all servers that there are. It keeps what arrives, with what the
// gateway says about it.
type site struct {
	suite *suite

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
	when    time.Time      // it arrived
}

// refused reports whether the gateway may be asked again.
func (a arrival) refused() bool {
	return a.answer.StatusCode == http.StatusUnauthorized || a.answer.StatusCode == http.StatusForbidden
}

// check returns an error if the gateway did not accept the request, if it lacks
// what p has, or if it is not p as it usually arrives. A RoundTripper that rewrites
// bodies may do so in another way each time: then only the names in it are compared.
func (a arrival) check(p sample) error {
	if a.answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(a.answer.Body, 200))
		return fmt.Errorf("the gateway answers %s: %s", a.answer.Status, text)
	}
	r, usual := a.request, p.usual
	line, wantLine := r.Method+" "+r.URL.Path, cmp.Or(p.proto.Method, http.MethodGet)+" "+cmp.Or(p.proto.URL.Path, "/")
	got, want := shapeOf(r.URL, r.Header, a.body), shapeOf(p.proto.URL, p.proto.Header, p.body)
	contentType := p.proto.Header.Get("Content-Type")
	switch values := r.Header[valuesHeader]; {
	case line != wantLine:
		return fmt.Errorf("it arrives as %s, want %s", line, wantLine)
	case len(a.body) == 0 && len(p.body) > 0:
		return errors.New("the body does not arrive")
	case !slices.Equal(values, []string{"a", "b"}):
		return fmt.Errorf("the field %s arrives with the values %q, want a and b", valuesHeader, values)
	case len(p.body) > 0 && bytes.Equal(a.body, p.body) && contentType != "" && r.Header.Get("Content-Type") != contentType:
		return fmt.Errorf("the Content-Type arrives as %q, want %q", r.Header.Get("Content-Type"), contentType)
	case p.trailer && (p.chunked || r.ProtoMajor == 2) && r.Trailer.Get(trailerHeader) != "a":
		return fmt.Errorf("the trailer %s arrives as %q, want a", trailerHeader, r.Trailer.Get(trailerHeader))
	case usual.request != nil && bytes.Equal(usual.body, p.body) && !bytes.Equal(a.body, p.body):
		return fmt.Errorf("a body of %d bytes arrives, not the caller's of %d", len(a.body), len(p.body))
	}
	if err := got.compare(want, true); err != nil || usual.request == nil {
		return err
	}
	return got.compare(shapeOf(usual.request.URL, usual.request.Header, usual.body), false)
}

// A shape is how often each part of a request has each name.
type shape map[string]map[string]int

func shapeOf(u *url.URL, header http.Header, body []byte) shape {
	s := shape{"query": tops(u.Query())}
	switch mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type")); mediaType {
	case formType:
		form, _ := url.ParseQuery(string(body))
		s["form"] = tops(form)
	case "application/json":
		var object map[string]json.RawMessage
		json.Unmarshal(body, &object) // what is no object has no names
		s["JSON object"] = make(map[string]int)
		for name := range object {
			s["JSON object"][name] = 1
		}
	}
	return s
}

// tops counts names up to their first bracket, in which PHP writes an index.
func tops(m map[string][]string) map[string]int {
	c := make(map[string]int)
	for key, values := range m {
		top, _, _ := strings.Cut(key, "[")
		c[top] += len(values)
	}
	return c
}

const formType = "application/x-www-form-urlencoded"

func counts(m map[string][]string) map[string]int {
	c := make(map[string]int)
	for key, values := range m {
		c[key] = len(values)
	}
	return c
}

// compare returns an error if a name is not there as often as it is in want, or
// more often where that is allowed.
func (s shape) compare(want shape, more bool) error {
	for _, part := range slices.Sorted(maps.Keys(want)) {
		all := maps.Clone(want[part])
		maps.Copy(all, s[part])
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if got, want := s[part][name], want[part][name]; got < want || got > want && !more {
				return fmt.Errorf("the %s arrives with %q %d times, want %d", part, name, got, want)
			}
		}
	}
	return nil
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
		s.suite.gateway.ServeHTTP(w, r)
		return
	}
	asked := r.Clone(r.Context())
	recorder := httptest.NewRecorder()
	s.suite.gateway.ServeHTTP(recorder, r)
	a := arrival{asked, body, recorder.Result(), time.Now()}
	n := s.add(a)
	if s.answer != nil && !s.challenges(a) && s.answer(w, r, n) {
		return
	}
	maps.Copy(w.Header(), recorder.Header())
	w.WriteHeader(recorder.Code)
	w.Write(recorder.Body.Bytes())
}

// add keeps an arrival, and returns the number of those that are no challenges.
func (s *site) add(a arrival) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, a)
	n := 0
	for _, a := range s.got {
		if !s.challenges(a) {
			n++
		}
	}
	return n
}

// challenges reports whether a is the first of two turns, and its answer asks for
// the second.
func (s *site) challenges(a arrival) bool {
	to := url.URL{Host: a.request.Host}
	return s.suite.challenged && a.refused() && strings.EqualFold(to.Hostname(), s.suite.samples[0].proto.URL.Hostname())
}

// twoTurns reports whether one request has arrived again after it was refused.
func (s *site) twoTurns() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got) == 2 && s.got[0].refused()
}

// none reports whether nothing has arrived since the last take.
func (s *site) none() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got) == 0
}

// takeAll returns what has arrived since the last take.
func (s *site) takeAll() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// take returns the same without the challenges that another turn followed.
func (s *site) take() []arrival {
	var kept []arrival
	got := s.takeAll()
	for i, a := range got {
		id := a.request.Header.Get(caseHeader)
		follows := func(b arrival) bool { return b.request.Header.Get(caseHeader) == id }
		if !s.challenges(a) || !slices.ContainsFunc(got[i+1:], follows) {
			kept = append(kept, a)
		}
	}
	return kept
}

// takeOne returns what has arrived since the last take, which must be p, once.
func (s *site) takeOne(p sample) (arrival, error) {
	got := s.take()
	if len(got) != 1 {
		return arrival{}, fmt.Errorf("the request arrives %d times, want once", len(got))
	}
	return got[0], got[0].check(p)
}

// takeEarly is takeOne for a request that was answered before it was read, which
// is too early to ask for credentials.
func (s *site) takeEarly(p sample) error {
	a, err := s.takeOne(p)
	if a.request != nil && s.challenges(a) {
		return nil
	}
	return err
}

func isCase(r *http.Request) bool { return r.Header.Get(caseHeader) != "" }

// A memory is a base without a network: it writes requests as they go over the
// wire, and has the site read them.
type memory struct {
	site

	// before, if it is not nil, is called first. If it fails, so does RoundTrip.
	before func(sent *http.Request) error
	// after, if it is not nil, is called with each answer.
	after func(*http.Response)
	// edit, if it is not nil, is called with each request once it has been sent, a
	// login too.
	edit func(sent *http.Request)
	// login, if it is not nil, is called with each request that is not the suite's, in
	// place of deliver.
	login func(sent *http.Request) (*http.Response, error)
	// late makes it answer first, and send when the answer is closed.
	late    bool
	lateErr error // of sending late

	idle int // calls of CloseIdleConnections
}

func (s *suite) memory() *memory { return &memory{site: site{suite: s}} }

func (m *memory) CloseIdleConnections() { m.idle++ }

func (m *memory) RoundTrip(sent *http.Request) (*http.Response, error) {
	if m.edit != nil {
		defer m.edit(sent)
	}
	switch {
	case isCase(sent):
	case m.login != nil:
		return m.login(sent)
	default:
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
	resp, err := m.deliver(sent)
	if err == nil && m.after != nil {
		m.after(resp)
	}
	return resp, err
}

func (m *memory) deliver(sent *http.Request) (*http.Response, error) {
	var wire bytes.Buffer
	written, source := *sent, &source{ReadCloser: sent.Body, ctx: sent.Context()}
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

// A source is a body that fails when a context has ended. It keeps its error, which
// Request.Write hides.
type source struct {
	io.ReadCloser
	ctx context.Context
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if ended := context.Cause(s.ctx); ended != nil {
		err = ended
	}
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
	l := &loopback{site: site{suite: s}}
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
		l.server.TLS = &tls.Config{}
		l.server.TLS.SetSessionTicketKeys([][32]byte{{}}) // each server's the same: full handshakes take much of the time
		l.server.StartTLS()
		l.transport.Protocols.SetHTTP2(true)
		l.transport.TLSClientConfig = l.server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		l.transport.TLSClientConfig.ClientSessionCache = s.sessions
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
	l.server.CloseClientConnections() // Close would wait for what hangs
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

var errHangs = errors.New("RoundTrip does not return, or reading its answer does not end")

// patiently calls f. It returns errHangs if that takes longer than there is patience
// for.
func (s *suite) patiently(f func() error) error {
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		err = f()
	}()
	if !s.patience.within(done) {
		return errHangs
	}
	return err
}

// begin sends a request.
func (s *suite) begin(rt http.RoundTripper, req *http.Request) (*http.Response, error) {
	var resp *http.Response
	err := s.patiently(func() (err error) {
		resp, err = rt.RoundTrip(req)
		return err
	})
	switch {
	case err == errHangs:
		return nil, err
	case err != nil && resp != nil:
		return nil, errors.New("RoundTrip returns both an answer and an error")
	case err == nil && (resp == nil || resp.Body == nil):
		return nil, errors.New("RoundTrip returns no error, and no answer with a body")
	}
	return resp, err
}

// finish reads and closes an answer, which it leaves whole.
func (s *suite) finish(resp *http.Response) error {
	from := resp.Body
	var b []byte
	if err := s.patiently(func() (err error) {
		b, err = io.ReadAll(from)
		if closeErr := from.Close(); err == nil {
			err = closeErr
		}
		return err
	}); err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return nil
}

// roundTrip sends a request and reads the answer, which it leaves whole.
func (s *suite) roundTrip(rt http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := s.begin(rt, req)
	if err != nil {
		return nil, err
	}
	return resp, s.finish(resp)
}
