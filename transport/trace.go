package transport

import (
	"context"
	"net/http"
	"sync"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/request"
)

// WithTrace returns a copy of t that reports all requests to trace, in the place of
// an earlier one of t's, and to the traces of their contexts, see [auth.Trace].
func (t *Transport) WithTrace(trace *auth.Trace) *Transport {
	traced := *t
	traced.trace = trace
	return &traced
}

// A watch reports one turn of a request to the traces. A nil watch, where there is
// none, does nothing.
//
// What the scheme reports comes through it: the scheme need not know where the
// request goes, and a signature that is not sent is nobody's. Events that have an
// origin are those of a Transport below, and pass.
type watch struct {
	ctx    context.Context // the caller's
	trace  *auth.Trace
	method string
	origin auth.Origin

	mu     sync.Mutex
	sent   bool            // whether the turn is about to be sent, or was
	signed auth.SignedInfo // by then
	claims bool            // whether the scheme reports a string, then or later
	reason string
}

// watch returns the watch of a turn of req, nil if nobody traces.
func (t *Transport) watch(req *http.Request) *watch {
	ctx := req.Context()
	if t.trace != nil {
		ctx = auth.WithTrace(ctx, t.trace)
	}
	trace := auth.ContextTrace(ctx)
	if trace == nil {
		return nil
	}
	w := &watch{ctx: req.Context(), trace: trace, method: request.Method(req)}
	if req.URL != nil {
		w.origin = auth.OriginOf(req.URL)
	}
	return w
}

// attach has the scheme, and what is below, report to w.
func (w *watch) attach(req *http.Request) {
	if w == nil {
		return
	}
	own := &auth.Trace{Refused: w.trace.Refused}
	if w.trace.Signed != nil {
		own.Signed = w.hearSigned
	}
	if w.trace.Repeated != nil {
		own.Repeated = w.hearRepeated
	}
	if w.trace.LoggedIn != nil {
		own.LoggedIn = func(ctx context.Context, i auth.LoggedInInfo) {
			i.Origin = w.orOwn(i.Origin)
			w.trace.LoggedIn(ctx, i)
		}
	}
	if w.trace.Clock != nil {
		own.Clock = func(ctx context.Context, i auth.ClockInfo) {
			i.Origin = w.orOwn(i.Origin)
			w.trace.Clock(ctx, i)
		}
	}
	*req = *req.WithContext(auth.WithTrace(auth.WithTrace(w.ctx, nil), own))
}

func (w *watch) orOwn(o auth.Origin) auth.Origin {
	if o == (auth.Origin{}) {
		return w.origin
	}
	return o
}

func (w *watch) hearSigned(ctx context.Context, i auth.SignedInfo) {
	if i.Origin != (auth.Origin{}) {
		w.trace.Signed(ctx, i)
		return
	}
	w.mu.Lock()
	late := w.sent
	if !late {
		w.signed, w.claims = i, true
	}
	w.mu.Unlock()
	if _, ok := i.StringToSign(); ok && late {
		w.reportSigned(i)
	}
}

func (w *watch) reportSigned(i auth.SignedInfo) {
	i.Method, i.Origin = w.method, w.origin
	w.trace.Signed(w.ctx, i)
}

func (w *watch) hearRepeated(ctx context.Context, i auth.RepeatedInfo) {
	if i.Origin != (auth.Origin{}) {
		w.trace.Repeated(ctx, i)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reason = i.Reason
}

// sending reports that the turn is signed and about to be sent, unless the scheme
// will.
func (w *watch) sending() {
	if w == nil || w.trace.Signed == nil {
		return
	}
	w.mu.Lock()
	w.sent = true
	i, claims := w.signed, w.claims
	w.mu.Unlock()
	if _, ok := i.StringToSign(); ok || !claims {
		w.reportSigned(i)
	}
}

// refused reports err, and returns it.
func (w *watch) refused(err error) error {
	if w != nil && w.trace.Refused != nil {
		w.trace.Refused(w.ctx, auth.RefusedInfo{Method: w.method, Origin: w.origin, Err: err})
	}
	return err
}

// repeated reports that there is a second turn.
func (w *watch) repeated() {
	if w == nil || w.trace.Repeated == nil {
		return
	}
	w.mu.Lock()
	reason := w.reason
	w.mu.Unlock()
	w.trace.Repeated(w.ctx, auth.RepeatedInfo{Method: w.method, Origin: w.origin, Reason: reason})
}
