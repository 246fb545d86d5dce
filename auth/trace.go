package auth

import (
	"context"
	"time"
)

// A Trace is a set of functions that are called as requests are authenticated, in
// the manner of [net/http/httptrace]: to log, to count, to make spans. Any of them
// may be nil. [WithTrace] puts one into a context, and the method WithTrace of
// [github.com/countersign/countersign/transport.Transport] has one called for all
// requests; both are called then.
//
// Each function is given the context of the request, or one with its values, and is
// called while no lock is held. It must be safe for concurrent use, return soon,
// since the request waits, and not panic.
//
// An event holds no secret, signature, hash, session id or header value, not the
// URL that is sent, and no body. Its errors say what [Error] says. The string to
// sign is to be had by a method only, see [SignedInfo.StringToSign].
//
// The events of a request come from the goroutine that calls RoundTrip: Signed or
// Refused, and if there is a second turn, Repeated and again one of the two. There
// are two exceptions.
//
//   - A multipart body is signed as it is sent, if it gets to its end. Its Signed
//     comes from the goroutine that reads the body, perhaps after RoundTrip has
//     returned, and once more if net/http sends the request again. A fault that cuts
//     it off is the error of the call, and has no event.
//   - A login that requests share is reported once, under the context of the one
//     that brought it about, from a goroutine of its own.
//
// Requests that pass unsigned have no event.
type Trace struct {
	// Signed is called in each turn, when the request has its credentials and is about
	// to be sent.
	Signed func(context.Context, SignedInfo)
	// Refused is called in the turn in which a request is refused here, or cannot get
	// its credentials. It is not sent in that turn.
	Refused func(context.Context, RefusedInfo)
	// Repeated is called before a request is authenticated and sent a second time,
	// since the gateway refused its credentials.
	Repeated func(context.Context, RepeatedInfo)
	// LoggedIn is called when a login is over, before the requests go on that wait for
	// it. One that is held back after a refusal is none.
	LoggedIn func(context.Context, LoggedInInfo)
	// Clock is called when a gateway's refusal has changed the offset that is added to
	// the machine's clock.
	Clock func(context.Context, ClockInfo)
}

// A SignedInfo says which request was authenticated.
type SignedInfo struct {
	Method string
	Origin Origin

	stringToSign func() string // which, as in a Secret, no printing follows
}

// StringToSign returns what was signed, and whether the scheme signs a string and
// says which: a header that is a key or a token is no signature. The string holds the
// values of the request's parameters, or its body: it is for the search for a wrong
// signature, and for no log that others read.
func (i SignedInfo) StringToSign() (s string, ok bool) {
	if i.stringToSign == nil {
		return "", false
	}
	return i.stringToSign(), true
}

// A RefusedInfo says why a request was not sent. Method and Origin may be anything:
// whoever supplies the URL to a program chooses them.
type RefusedInfo struct {
	Method string
	Origin Origin // where it was to go, the zero Origin if it has no URL
	Err    error  // an [*Error], or what wraps one
}

// A RepeatedInfo says why a request is sent a second time.
type RepeatedInfo struct {
	Method string
	Origin Origin
	Reason string // "session" or "clock", as the scheme says; "" if it says nothing
}

// A LoggedInInfo says what a login came to.
type LoggedInInfo struct {
	Origin   Origin        // of the request that brought it about
	Duration time.Duration // by the clock that the scheme was given
	Err      error         // nil if there is a session
}

// A ClockInfo says how a clock was corrected: by what was added to the machine's,
// and by what is now.
type ClockInfo struct {
	Origin        Origin
	Before, After time.Duration
}

type traceKey struct{}

// WithTrace returns a context whose requests are reported to t, and after it to the
// traces that ctx has already. If t is nil, the context has none.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	earlier := ContextTrace(ctx)
	switch {
	case t == nil && earlier == nil:
		return ctx
	case t != nil && earlier != nil:
		t = &Trace{
			Signed:   both(t.Signed, earlier.Signed),
			Refused:  both(t.Refused, earlier.Refused),
			Repeated: both(t.Repeated, earlier.Repeated),
			LoggedIn: both(t.LoggedIn, earlier.LoggedIn),
			Clock:    both(t.Clock, earlier.Clock),
		}
	}
	return context.WithValue(ctx, traceKey{}, t)
}

func both[Info any](first, second func(context.Context, Info)) func(context.Context, Info) {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return func(ctx context.Context, i Info) {
		first(ctx, i)
		second(ctx, i)
	}
}

// ContextTrace returns the Trace to which what happens under ctx is reported, all
// that were given to it in one; nil if nobody traces. It is for schemes.
//
// Under the context of the request that Authenticate or Refused is given, a scheme
// reports LoggedIn and Clock, and, as Repeated with the Reason alone, why it lets a
// request have another try. The transport adds where the request goes, and reports
// Refused, Repeated and Signed by itself; see [TraceSigned] for the string to sign.
// Package [github.com/countersign/countersign/auth/scheme] reports its logins.
func ContextTrace(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// TraceSigned is for a scheme that signs a string. It returns a function that reports
// the string, which is copied; nil if nobody wants it, so that it need not be made:
//
//	if signed := auth.TraceSigned(req.Context()); signed != nil {
//		signed(stringToSign)
//	}
//
// Authenticate calls TraceSigned. The function may be called later, if a body is
// signed as it is sent. If Authenticate does not call TraceSigned, the transport
// reports Signed without a string. Where there is no transport, to say which request
// it is, a trace is called for each of the two.
func TraceSigned(ctx context.Context) func(stringToSign []byte) {
	t := ContextTrace(ctx)
	if t == nil || t.Signed == nil {
		return nil
	}
	t.Signed(ctx, SignedInfo{}) // says to the transport that there will be one
	return func(stringToSign []byte) {
		s := string(stringToSign)
		t.Signed(ctx, SignedInfo{stringToSign: func() string { return s }})
	}
}
