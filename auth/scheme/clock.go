package scheme

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/countersign/countersign/auth"
)

const (
	// tolerance is how far the offset that a request was signed with may be from the
	// gateway's time before the clock was wrong.
	tolerance = 10 * time.Second
	// maxOffset is the largest offset that is believed.
	maxOffset = 24 * time.Hour
)

// A Clock gives the times that requests claim, to a gateway that refuses those that
// are too far from its own: the machine's, and an offset that refusals have shown. A
// machine whose clock is wrong by less than a day still gets through. The zero value
// is ready. It is safe for concurrent use, and must not be copied after its first
// use.
type Clock struct {
	// Now is the machine's clock, safe for concurrent use. Nil means time.Now.
	Now func() time.Time

	offset atomic.Pointer[time.Duration] // nil means zero
}

// clockKey is the key under which a request's context has the offset that it was
// signed with. Without one that is zero: a clock that is right costs no allocation.
type clockKey struct{ c *Clock }

// Claim reads the machine's clock, once, and returns the time for req to claim. req
// remembers, in its context, which offset is in it, in the place of that of an
// earlier Claim. It costs no allocation while the offset is zero, and one otherwise.
//
// Call it in each Authenticate, when the body has been read and the session had,
// either of which may take its time, and for each request of a login.
func (c *Clock) Claim(req *http.Request) time.Time {
	offset := c.offset.Load()
	if value(offset) != c.signedWith(req) {
		*req = *req.WithContext(context.WithValue(req.Context(), clockKey{c}, offset))
	}
	return c.now().Add(value(offset))
}

// Refused reports whether the time was wrong that req claims, which Claim was given,
// and learns the right one: resp is the gateway's refusal of it, and has just come.
// Ask it for refusals only, of statuses by which the gateway refuses a wrong time,
// and from a Learner's Refused.
//
// What the gateway is ahead of the machine is the Date of resp less the clock, both
// now. The time was wrong if and only if that differs by more than ten seconds from
// the offset that req was signed with; it is the offset from then on, for as long as
// no refusal shows another. So a slow answer is no wrong clock, requests that were
// refused together are each told so, and a clock that is put right loses its offset
// in the same way. Nothing is learned from an answer without a Date, from one with
// an Age, whose Date is of the past, and of an offset of more than a day.
//
// That the time was wrong does not prove that it was the matter. Which requests are
// sent again is the scheme's decision, and it decides for each method and status. A
// GET or HEAD may be sent again whenever Refused says so. For any other the answer
// must prove, by something that nothing else gives, that the gateway checked the
// time before it did anything: a code of its own, or a status that its documents
// keep for that; without it hand the refusal back, and the next request is right. A
// login that was refused may be sent again once.
func (c *Clock) Refused(req *http.Request, resp *http.Response) bool {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if _, cached := resp.Header["Age"]; err != nil || cached {
		return false
	}
	// Date is in whole seconds, and so are most claims.
	skew := date.Truncate(time.Second).Sub(c.now().Truncate(time.Second))
	if skew.Abs() > maxOffset || !apart(skew, c.signedWith(req)) {
		return false
	}
	c.learn(req.Context(), skew)
	return true
}

// Offset returns what the machine's clock lacks, as far as the gateway has shown: the
// time that requests claim, less the clock. It is in whole seconds, zero until a
// refusal has shown another, and always within a day. Let programs watch it: a clock
// that is wrong should be put right.
func (c *Clock) Offset() time.Duration { return value(c.offset.Load()) }

// learn makes skew the offset, unless the present one is as good.
func (c *Clock) learn(ctx context.Context, skew time.Duration) {
	for before := c.offset.Load(); apart(skew, value(before)); before = c.offset.Load() {
		if c.offset.CompareAndSwap(before, &skew) {
			if t := auth.ContextTrace(ctx); t != nil && t.Clock != nil {
				t.Clock(ctx, auth.ClockInfo{Before: value(before), After: skew})
			}
			return
		}
	}
}

// signedWith returns the offset that is in the time that req claims.
func (c *Clock) signedWith(req *http.Request) time.Duration {
	offset, _ := req.Context().Value(clockKey{c}).(*time.Duration)
	return value(offset)
}

func (c *Clock) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// apart reports whether two offsets are too far apart for a gateway.
func apart(a, b time.Duration) bool { return (a - b).Abs() > tolerance }

func value(offset *time.Duration) time.Duration {
	if offset == nil {
		return 0
	}
	return *offset
}
