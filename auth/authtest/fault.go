package authtest

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// A Fault is what a client meets in production and not in a gateway's documents. It
// answers in a gateway's place: give it to Fail, or serve it as it is. That a session
// is lost, or a clock wrong, is set at an [Avangate].
type Fault int

const (
	// Slow does not answer until the client gives up. It wants a server: without one
	// nobody gives up.
	Slow Fault = iota + 1
	// Reset ends the connection without an answer. Where there is none of its own, it
	// panics with [http.ErrAbortHandler].
	Reset
	// TooManyRequests is 429, to be tried again after a second.
	TooManyRequests
	// ServerError is 500 and JSON.
	ServerError
	// FirewallPage is 403 and a page of HTML, as of a firewall in front of a gateway.
	FirewallPage
)

// String returns what the fault is.
func (f Fault) String() string {
	switch f {
	case Slow:
		return "slow answer"
	case Reset:
		return "reset"
	case TooManyRequests:
		return "too many requests"
	case ServerError:
		return "server error"
	case FirewallPage:
		return "firewall's page"
	}
	return "Fault(" + strconv.Itoa(int(f)) + ")"
}

// ServeHTTP answers as f says.
func (f Fault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch f {
	case Slow:
		if r.Body != nil {
			io.Copy(io.Discard, r.Body) // until then nobody sees that the client gives up
		}
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case Reset:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			reset(conn)
			return
		}
		panic(http.ErrAbortHandler)
	case TooManyRequests:
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusTooManyRequests, map[string]string{"status": "error", "message": "Too many requests"})
	case FirewallPage:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body><h1>Request blocked</h1></body></html>\n")
	default:
		answer(w, http.StatusInternalServerError, map[string]string{"status": "error", "message": "Internal server error"})
	}
}

// reset has the peer see "connection reset by peer", where it speaks TCP.
func reset(conn net.Conn) {
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	if c, ok := conn.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	conn.Close()
}

// faults are what is to answer the next requests, in their order.
type faults struct {
	mu   sync.Mutex
	next []http.Handler
}

func (f *faults) add(handlers []http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = append(f.next, handlers...)
}

func (f *faults) take() http.Handler {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.next) == 0 {
		return nil
	}
	handler := f.next[0]
	f.next = f.next[1:]
	return handler
}

var errFault = errors.New("the request met a fault that the test asked for")

// serve answers a request in the gateway's place, and reports whether it did.
func (f *faults) serve(w *observed, r *http.Request) bool {
	handler := f.take()
	if handler == nil {
		return false
	}
	w.exchange.Err = errFault
	handler.ServeHTTP(w, r)
	return true
}
