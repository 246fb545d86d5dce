package transporttest

import (
	"sync"
	"time"
)

// The times that the suite waits for what must happen before it says that it does
// not.
const (
	longestWait = 5 * time.Second        // the first one
	allWaits    = 10 * time.Second       // all of them, more or less
	leastWait   = 100 * time.Millisecond // one when these are over
	noWait      = 200 * time.Millisecond // what any machine may take
)

// A patience bounds how long a suite waits, however much is waited for in vain: what
// hangs on each path must not take minutes. Each wait takes up to a half of what is
// left. Waits at the same time are one.
type patience struct {
	mu    sync.Mutex
	spent time.Duration
	until time.Time // what has been spent
}

// left returns for how long the next one may last.
func (p *patience) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(leastWait, min(longestWait, (allWaits-p.spent)/2))
}

// within reports whether a channel is closed before patience is over.
func (p *patience) within(done <-chan struct{}) bool { return p.wait(p.left(), done) }

// briefly is within for what is waited for while RoundTrip is called, which itself
// is waited for.
func (p *patience) briefly(done <-chan struct{}) bool { return p.wait(p.left()/2, done) }

func (p *patience) wait(limit time.Duration, done <-chan struct{}) bool {
	start := time.Now()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		p.spend(start, false)
		return true
	case <-timer.C:
		p.spend(start, true)
		return false
	}
}

func (p *patience) spend(start time.Time, inVain bool) {
	end := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if start.Before(p.until) {
		start = p.until
	}
	if took := end.Sub(start); inVain || took > noWait {
		p.spent += took
		p.until = end
	}
}
