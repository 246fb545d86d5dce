package transport_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/transport"
)

// A conversation is a request, and what goes before it on its connection.
type conversation struct {
	name    string
	request func(*testing.T) *http.Request
	// before is sent on another connection, if it is not nil.
	before func(*testing.T, *emulation, *transport.Transport)
	// several is true if more than the request goes over the connection, and refused
	// if that begins with an answer that has the request sent again.
	several, refused bool
	// replayable is true if net/http takes the request for one that may be sent
	// twice: GET, HEAD, OPTIONS and TRACE, and what has an Idempotency-Key.
	replayable bool
}

const (
	paylinkURL = "http://paylink.test/v1.0/Page/"
	rpcURL     = "http://tco.test/rpc/6.0/"
	rpcCall    = `{"jsonrpc":"2.0","method":"getOrder","params":["` + avangate.Session + `","11331111"],"id":1}`
)

var conversations = []conversation{
	{name: "query", replayable: true, request: bodyless("GET", paylinkURL+"?a=b+c")},
	{name: "form", request: posting(paylinkURL, "application/x-www-form-urlencoded", form.Encode())},
	{name: "2Checkout JSON-RPC with its login", request: posting(rpcURL, "application/json", rpcCall), several: true},
	{name: "DELETE", request: bodyless("DELETE", paylinkURL+"7/")},
	{name: "form with an Idempotency-Key", replayable: true, request: func(t *testing.T) *http.Request {
		req := postForm(t, paylinkURL)
		req.Header.Set("Idempotency-Key", "7")
		return req
	}},
	{name: "JSON", request: posting(paylinkURL, "application/json", `{"a":"b","c":[1,2.5]}`)},
	{name: "multipart", request: posting(paylinkURL, multipartType, multipartForm)},
	{name: "multipart that cannot be had again", request: func(t *testing.T) *http.Request {
		req := posting(paylinkURL, multipartType, multipartForm)(t)
		req.GetBody = nil
		return req
	}},
	{name: "2Checkout REST", replayable: true, request: bodyless("GET", "http://tco.test/rest/6.0/orders/11331111/")},
	{name: "2Checkout JSON-RPC", request: posting(rpcURL, "application/json", rpcCall), before: callOnce},
	{name: "2Checkout JSON-RPC whose session has ended", request: posting(rpcURL, "application/json", rpcCall), several: true, refused: true,
		before: func(t *testing.T, e *emulation, tr *transport.Transport) {
			callOnce(t, e, tr)
			e.avangate.EndSessions()
		}},
}

func bodyless(method, url string) func(*testing.T) *http.Request {
	return func(t *testing.T) *http.Request { return newRequest(t, method, url, nil) }
}

func posting(url, contentType, body string) func(*testing.T) *http.Request {
	return func(t *testing.T) *http.Request {
		req := newRequest(t, http.MethodPost, url, strings.NewReader(body))
		req.Header.Set("Content-Type", contentType)
		return req
	}
}

// callOnce makes the Authenticator have a session.
func callOnce(t *testing.T, e *emulation, tr *transport.Transport) {
	require.NoError(t, ask(tr, posting(rpcURL, "application/json", rpcCall)(t)))
}

// ask sends a request and reads the answer.
func ask(rt http.RoundTripper, req *http.Request) error {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway answers %d", resp.StatusCode)
	}
	return nil
}

// An emulation is the gateways of authtest behind one listener, and a base that
// reaches them alone. They take note of what they act on.
type emulation struct {
	base   *http.Transport
	server http.Server
	open   sync.WaitGroup // the connections of HTTP/1.1, until their last handler is done
	ours   sync.WaitGroup // our ends of connections, until they are closed
	settle func()         // waits for the gateways to have done what they do

	mu       sync.Mutex
	avangate *authtest.Avangate
	accept   func(net.Conn) net.Conn // wraps the next connection
	acted    int                     // requests that were verified and carried out, but logins
	logins   int
	strange  []error // reasons for which whole requests were refused, but that a session has ended
}

// newEmulation starts the gateways, for HTTP/1.1 if protocols is nil.
func newEmulation(protocols *http.Protocols, n faultyNetwork) *emulation {
	e := new(emulation)
	e.base = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := n.dial(ctx)
			if err != nil {
				return nil, err
			}
			e.open.Add(1)
			e.ours.Add(1)
			return closingConn{conn, sync.OnceFunc(e.ours.Done)}, nil
		},
		Protocols: protocols,
	}
	e.server.Protocols = protocols
	paylink := &authtest.Paylink{Instance: "example", Secret: secrets["example"], Observe: e.observe}
	e.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Host == "tco.test" {
			e.mu.Lock()
			avangate := e.avangate
			e.mu.Unlock()
			avangate.ServeHTTP(w, r)
		} else {
			paylink.ServeHTTP(w, r)
		}
	})
	e.server.ErrorLog = log.New(io.Discard, "", 0)
	e.server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			e.open.Done()
		}
	}
	go e.server.Serve(wrappingListener{n, e})
	return e
}

func (e *emulation) close() {
	e.base.CloseIdleConnections()
	e.server.Close()
}

func (e *emulation) observe(x authtest.Exchange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch isLogin := len(x.Methods) == 1 && x.Methods[0] == "login"; {
	case x.Err == nil && isLogin:
		e.logins++
	case x.Err == nil:
		e.acted++
	case strings.Contains(x.Err.Error(), "session has ended"):
	default:
		e.strange = append(e.strange, x.Err)
	}
}

// forget makes the counts begin anew, and returns them.
func (e *emulation) forget() (acted, logins int, strange []error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	acted, logins, strange = e.acted, e.logins, e.strange
	e.acted, e.logins, e.strange = 0, 0, nil
	return acted, logins, strange
}

// next lets the next connection be wrapped.
func (e *emulation) next(wrap func(net.Conn) net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.accept = wrap
}

// transport returns a Transport that has no session, for gateways that have none.
func (e *emulation) transport(t *testing.T) *transport.Transport {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.avangate = &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: secrets["bakery"], Observe: e.observe}
	tco, err := avangate.New(avangate.Config{BaseURL: "http://tco.test", MerchantCode: "YOURCODE123", SecretKey: secrets["bakery"], AllowInsecureHTTP: true})
	require.NoError(t, err)
	return newTransport(t, e.base, shop(t, "http://paylink.test", "example"), tco)
}

// A closingConn says when it is closed.
type closingConn struct {
	net.Conn
	closed func()
}

func (c closingConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

type wrappingListener struct {
	net.Listener
	e *emulation
}

func (l wrappingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	if wrap := l.e.accept; wrap != nil {
		l.e.accept = nil
		conn = wrap(conn)
	}
	return conn, nil
}

// A pipeListener has connections in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipeListener() *pipeListener {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Net: "pipe"} }

func (l *pipeListener) Close() error {
	l.close()
	return nil
}

// A faultyNetwork is where a test's listener is, and how to reach it.
type faultyNetwork struct {
	net.Listener
	dial func(context.Context) (net.Conn, error)
}

// inBubble runs a test whose connections are in memory, and fails if a goroutine
// outlives it.
func inBubble(t *testing.T, test func(*testing.T, faultyNetwork)) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		defer l.Close()
		test(t, faultyNetwork{l, l.dial})
	})
}

// onLoopback runs a test whose connections are TCP's, and fails if a goroutine or a
// descriptor outlives it.
func onLoopback(t *testing.T, test func(*testing.T, faultyNetwork)) {
	leaveNothing(t, func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		test(t, faultyNetwork{l, func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		}})
	})
}

// inMemory runs a test with gateways in a bubble.
func inMemory(t *testing.T, protocols *http.Protocols, test func(*testing.T, *emulation)) {
	inBubble(t, func(t *testing.T, n faultyNetwork) {
		e := newEmulation(protocols, n)
		e.settle = synctest.Wait
		defer e.close()
		test(t, e)
	})
}

// overTCP runs a test with gateways on loopback.
func overTCP(t *testing.T, test func(*testing.T, *emulation)) {
	onLoopback(t, func(t *testing.T, n faultyNetwork) {
		e := newEmulation(nil, n)
		e.settle = func() { awaitAll(t, &e.open, "the gateways' connections end") }
		defer e.close()
		test(t, e)
	})
}

// patience is how long is waited for what takes a moment. There is no telling how
// long, so that it is more than anything takes that comes at all.
const patience = 20 * time.Second

// await fails if what should happen does not.
func await(t *testing.T, happened <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(patience):
		t.Fatalf("got nothing, want that %s:\n%s", what, stacks())
	}
}

// awaitAll fails if not all of them are done.
func awaitAll(t *testing.T, all *sync.WaitGroup, what string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		all.Wait()
	}()
	await(t, done, what)
}

// stacks returns those of all goroutines.
func stacks() string {
	var text strings.Builder
	pprof.Lookup("goroutine").WriteTo(&text, 1)
	return text.String()
}

// leaveNothing fails if goroutines or descriptors are left when run has returned.
// Those of closed connections take a moment to go.
func leaveNothing(t *testing.T, run func()) {
	t.Helper()
	poller, err := net.Listen("tcp", "127.0.0.1:0") // the runtime's poller keeps descriptors of its own once it is in use
	require.NoError(t, err)
	require.NoError(t, poller.Close())
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors(t)
	run()
	for began := time.Now(); runtime.NumGoroutine() > goroutines || openDescriptors(t) > descriptors; runtime.Gosched() {
		if time.Since(began) > patience {
			t.Fatalf("got %d goroutines and %d descriptors, want %d and %d:\n%s",
				runtime.NumGoroutine(), openDescriptors(t), goroutines, descriptors, stacks())
		}
	}
}

// openDescriptors returns how many descriptors the process has, 0 where there is
// no telling.
func openDescriptors(t *testing.T) int {
	open, err := os.ReadDir("/proc/self/fd")
	if runtime.GOOS == "linux" {
		require.NoError(t, err)
	}
	return len(open)
}
