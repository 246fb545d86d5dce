package authtest

import (
	"bufio"
	"bytes"
	"cmp"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
)

// maxRecorded is how many exchanges a Recorder keeps.
const maxRecorded = 10_000

// A Recorder keeps what an emulated gateway is asked. Its zero value is ready for use,
// its method Observe is for the gateway's field of that name. It is safe for
// concurrent use, and must not be copied.
type Recorder struct {
	mu        sync.Mutex
	exchanges []Exchange
	oldest    int // where it stands, once there are all that are kept
}

// Observe keeps an exchange. Of more than 10,000 the latest are kept.
func (r *Recorder) Observe(e Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.exchanges) < maxRecorded {
		r.exchanges = append(r.exchanges, e)
		return
	}
	r.exchanges[r.oldest] = e
	r.oldest = (r.oldest + 1) % maxRecorded
}

// Exchanges returns what was kept, in the order in which the answers were begun.
func (r *Recorder) Exchanges() []Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.exchanges[r.oldest:], r.exchanges[:r.oldest])
}

// An observed answer tells of the exchange before the first of it is sent.
type observed struct {
	http.ResponseWriter
	exchange *Exchange
	observe  func(Exchange) // may be nil
	told     bool
}

// tell tells of the exchange, once.
func (o *observed) tell(status int) {
	if o.told {
		return
	}
	o.told = true
	o.exchange.Status = status
	if o.observe != nil {
		o.observe(*o.exchange)
	}
}

func (o *observed) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		o.tell(status)
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observed) Write(b []byte) (int, error) {
	o.tell(http.StatusOK)
	return o.ResponseWriter.Write(b)
}

// Hijack and FlushError are for [http.ResponseController].
func (o *observed) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(o.ResponseWriter).Hijack()
	if err == nil {
		o.tell(0)
	}
	return conn, buffered, err
}

func (o *observed) FlushError() error {
	o.tell(http.StatusOK)
	return http.NewResponseController(o.ResponseWriter).Flush()
}

// Unwrap is for [http.ResponseController].
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// A heldAnswer is an answer that may not be sent.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }

func (h *heldAnswer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), h.header)
	w.WriteHeader(cmp.Or(h.status, http.StatusOK))
	h.body.WriteTo(w)
}

// A failing reader has an error and nothing else.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
