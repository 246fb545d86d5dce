package avangate

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/countersign/countersign/auth"
)

const (
	// clockTolerance is how far the gateway's time may be from the one that a
	// request was signed by before a refusal is put down to it.
	clockTolerance = 10 * time.Second
	// maxOffset is the largest offset that is believed.
	maxOffset = 24 * time.Hour
	// maxFlight is for how long a request may be under way and its offset still be
	// known.
	maxFlight = 5 * time.Minute
	// maxClaims is how many offsets are remembered.
	maxClaims = 4
)

// A clock claims times: the machine's, and an offset that refusals have shown. The
// zero value's offset is zero.
//
// It remembers which times were claimed with which offset, so that a request needs
// to carry nothing but the time that it claims.
type clock struct {
	machine func() time.Time // nil means time.Now

	current atomic.Pointer[claims] // nil means initial
	initial claims                 // those without an offset

	mu      sync.Mutex
	earlier []*claims // the last few before the current ones, the latest first
}

// claims are what was claimed with one offset: the machine's times from first to
// last, in Unix seconds, which are at most maxFlight apart.
type claims struct {
	offset      time.Duration // in whole seconds
	first, last atomic.Int64  // written under the clock's lock
	any         bool          // under the clock's lock
}

func (c *clock) now() time.Time {
	if c.machine == nil {
		return time.Now()
	}
	return c.machine()
}

func (c *clock) claims() *claims {
	if current := c.current.Load(); current != nil {
		return current
	}
	return &c.initial
}

// claim reads the clock once, and returns the time to be claimed, and with which
// offset.
func (c *clock) claim() (own, claimed time.Time, offset time.Duration) {
	own = c.now()
	current := c.claims()
	if s := own.Unix(); s < current.first.Load() || current.last.Load() < s {
		c.mu.Lock()
		current.note(s)
		c.mu.Unlock()
	}
	return own, own.Add(current.offset), current.offset
}

// note takes the machine's time of a claim. It forgets what is too far from it:
// requests of long ago, or a clock that was set.
func (c *claims) note(own int64) {
	const flight = int64(maxFlight / time.Second)
	first, last := c.first.Load(), c.last.Load()
	switch {
	case !c.any, own < last-flight, last+flight < own:
		first, last = own, own
	default:
		last = max(last, own)
		first = min(max(first, last-flight), own)
	}
	c.first.Store(first)
	c.last.Store(last)
	c.any = true
}

// offsetOf returns the offset that a time was claimed with. It is not known if no
// offset gives such a time, or two do.
func (c *clock) offsetOf(claimed time.Time) (offset time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, made := range append([]*claims{c.claims()}, c.earlier...) {
		own := claimed.Add(-made.offset).Unix()
		if !made.any || own < made.first.Load() || made.last.Load() < own {
			continue
		}
		if known && made.offset != offset {
			return 0, false
		}
		offset, known = made.offset, true
	}
	return offset, known
}

// skew returns by how much the gateway is ahead of the machine, as a refusal says
// that has just come. An answer with an Age comes from a cache, and its Date is of
// the past.
func (c *clock) skew(refusal http.Header) (skew time.Duration, ok bool) {
	date, err := http.ParseTime(refusal.Get("Date"))
	if _, cached := refusal["Age"]; err != nil || cached {
		return 0, false
	}
	// Claims are in whole seconds, and so is Date.
	skew = date.Truncate(time.Second).Sub(c.now().Truncate(time.Second))
	return skew, skew.Abs() <= maxOffset
}

// apart reports whether two offsets are too far apart for a gateway. What a
// request took is not in it: a slow answer is no wrong clock.
func apart(skew, offset time.Duration) bool { return (skew - offset).Abs() > clockTolerance }

// set makes skew the offset, unless the present one is as good.
func (c *clock) set(ctx context.Context, skew time.Duration) {
	before, changed := c.replace(skew)
	if t := auth.ContextTrace(ctx); changed && t != nil && t.Clock != nil {
		t.Clock(ctx, auth.ClockInfo{Before: before, After: skew})
	}
}

func (c *clock) replace(skew time.Duration) (before time.Duration, changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	current := c.claims()
	if !apart(skew, current.offset) {
		return 0, false
	}
	c.earlier = append([]*claims{current}, c.earlier[:min(len(c.earlier), maxClaims-2)]...)
	c.current.Store(&claims{offset: skew})
	return current.offset, true
}

// Offset returns what the machine's clock lacks, as far as the gateway has shown:
// the time that requests claim, less the clock. It is zero until the gateway
// refuses a time, and always within a day.
func (a *Authenticator) Offset() time.Duration { return a.clock.claims().offset }
