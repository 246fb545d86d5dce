package avangate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/countersign/countersign/auth"
)

const (
	// sessionLife is for how long a session is used, from before its login was
	// sent. The vendor ends it ten minutes from the login.
	sessionLife = 9 * time.Minute

	// For how long calls fail at once after a login that the gateway refused, and
	// how long that may become after one upon another.
	minPause = time.Second
	maxPause = time.Minute

	// maxKeepers bounds the endpoints that had a session, and beside them those at
	// which a first login is under way.
	maxKeepers = 32
)

// keepers keep the sessions of all endpoints. Others may choose the endpoints, as
// through a proxy: so their number is bounded, and what they can bring about at one
// disturbs none that had a session. The zero value is empty.
type keepers struct {
	mu     sync.Mutex
	all    map[endpoint]*keeper
	uses   uint64                 // counts them
	pauses map[auth.Origin]*pause // of endpoints that had no session under the secret
}

func (a *Authenticator) keepers() *keepers {
	if a.kept.Load() == nil {
		a.kept.CompareAndSwap(nil, new(keepers))
	}
	return a.kept.Load()
}

// An endpoint is a hash of where a session is valid, and of the login that its
// callers give rise to: a caller whose SOAP envelope is wrong must not fail
// others' logins.
type endpoint [32]byte

// A keeper keeps the session of one endpoint. At most one login is under way at
// a time, save for one that everybody has left. Its fields are under the lock of
// all keepers.
type keeper struct {
	endpoint endpoint
	origin   auth.Origin
	used     uint64   // the last use
	current  *session // nil if there is none
	login    *attempt // the one under way, nil if there is none

	secret auth.Secret // of the last session, the zero value if there was none
	pause  pause       // of logins with that secret
}

// A session is what a login gave. It is never changed.
type session struct {
	id    auth.Secret
	since time.Time
}

// An attempt is a login that is under way or over.
type attempt struct {
	waiting int // under the lock
	cancel  context.CancelFunc

	done chan struct{}
	loginResult
}

// A loginResult is what a login came to: a session, or err.
type loginResult struct {
	session *session
	secret  auth.Secret // that it was tried with
	refused bool        // whether the gateway refused the credentials
	err     error
}

// A pause holds logins back, under one secret, after the gateway refused its
// credentials. The zero value holds back none.
type pause struct {
	refusal error
	secret  auth.Secret
	since   time.Time
	length  time.Duration
}

func (p *pause) holds(secret auth.Secret, now time.Time) bool {
	return p.length > 0 && p.secret.Reveal() == secret.Reveal() && within(now.Sub(p.since), p.length)
}

// extend begins a pause, a longer one if there was one under the secret. Refusals of
// logins that were sent before it began are one with the first.
func (p *pause) extend(r loginResult, now time.Time) {
	if p.holds(r.secret, now) {
		return
	}
	length := minPause
	if p.secret.Reveal() == r.secret.Reveal() {
		length = min(max(2*p.length, minPause), maxPause)
	}
	*p = pause{r.err, r.secret, now, length}
}

// within reports whether an age is one, and under limit. A clock that was set
// back ends what it measured.
func within(age, limit time.Duration) bool { return 0 <= age && age < limit }

var errBroken = errors.New("the login was broken off")

// A logIn fetches a session for a keeper. It asks admit before it sends anything.
type logIn func(ctx context.Context, k *keeper) loginResult

// get returns the session of an endpoint, and its keeper, and lets logIn fetch one
// if there is none that is fresh. The context that logIn is given has the values of
// ctx, and ends when nobody waits any more; cancel, which may be nil, ends the
// waiting as ctx does.
func (ks *keepers) get(ctx context.Context, cancel <-chan struct{}, e endpoint, o auth.Origin, now func() time.Time, logIn logIn) (*keeper, *session, error) {
	k, l, s, err := ks.join(ctx, e, o, now, logIn)
	if l == nil {
		return k, s, err
	}
	select {
	case <-l.done:
		return k, l.session, l.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-cancel:
		err = context.Canceled
	}
	ks.leave(k, l)
	return nil, nil, err
}

// join returns the session, or why there is none, or the login to wait for.
func (ks *keepers) join(ctx context.Context, e endpoint, o auth.Origin, now func() time.Time, logIn logIn) (*keeper, *attempt, *session, error) {
	ks.mu.Lock()
	defer ks.mu.Unlock()
	k := ks.all[e]
	if k != nil && k.current != nil && within(now().Sub(k.current.since), sessionLife) {
		ks.use(k)
		return k, nil, k.current, nil
	}
	if ctx.Err() != nil {
		return nil, nil, nil, context.Cause(ctx)
	}
	if k == nil {
		if !ks.makeRoom(false) {
			return nil, nil, nil, fmt.Errorf("%d logins at other endpoints are under way: call fewer paths, namespaces and actions at a time", maxKeepers)
		}
		k = &keeper{endpoint: e, origin: o}
		if ks.all == nil {
			ks.all = make(map[endpoint]*keeper)
		}
		ks.all[e] = k
	}
	ks.use(k)
	if k.login == nil {
		loginCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		l := &attempt{cancel: cancel, done: make(chan struct{})}
		l.err = errBroken
		k.login = l
		go ks.run(k, l, now, func() loginResult { return logIn(loginCtx, k) })
	}
	k.login.waiting++
	return k, k.login, nil, nil
}

func (ks *keepers) use(k *keeper) {
	ks.uses++
	k.used = ks.uses
}

// hadSession reports whether there ever was one, under whatever secret.
func (k *keeper) hadSession() bool { return !k.secret.IsZero() }

// makeRoom makes room for one more that had a session, or had none, and reports
// whether there is. Of those that had one it lets the one go that was used least
// recently and has no login under way. The others have.
func (ks *keepers) makeRoom(hadSession bool) bool {
	count := 0
	var oldest *keeper
	for _, k := range ks.all {
		if k.hadSession() != hadSession {
			continue
		}
		count++
		if k.login == nil && (oldest == nil || k.used < oldest.used) {
			oldest = k
		}
	}
	if count < maxKeepers {
		return true
	}
	if oldest == nil {
		return false
	}
	delete(ks.all, oldest.endpoint)
	return true
}

// admit returns the error of a refusal if it holds back a login of k with a
// secret. At an endpoint that had a session with it that is a refusal of its own.
func (ks *keepers) admit(k *keeper, secret auth.Secret, now time.Time) error {
	ks.mu.Lock()
	defer ks.mu.Unlock()
	p := ks.pauses[k.origin]
	if k.secret.Reveal() == secret.Reveal() {
		p = &k.pause
	}
	if p != nil && p.holds(secret, now) {
		return p.refusal
	}
	return nil
}

func (ks *keepers) run(k *keeper, l *attempt, now func() time.Time, logIn func() loginResult) {
	defer func() {
		if v := recover(); v != nil {
			l.err = fmt.Errorf("the login panicked with a %T", v) // whose value may hold anything
		}
		ks.mu.Lock()
		defer ks.mu.Unlock()
		if k.login == l {
			k.login = nil
			ks.settle(k, l.loginResult, now)
		}
		l.cancel()
		close(l.done)
	}()
	l.loginResult = logIn()
}

// settle keeps what a login came to. One that succeeds shows that the credentials
// are right, and ends every pause.
func (ks *keepers) settle(k *keeper, r loginResult, now func() time.Time) {
	switch {
	case r.err == nil:
		if !k.hadSession() && !ks.makeRoom(true) {
			delete(ks.all, k.endpoint)
		}
		k.current, k.secret = r.session, r.secret
		ks.pauses = nil
		for _, other := range ks.all {
			other.pause = pause{}
		}
	case r.refused:
		if ks.pauses == nil {
			ks.pauses = make(map[auth.Origin]*pause)
		}
		if ks.pauses[k.origin] == nil {
			ks.pauses[k.origin] = new(pause)
		}
		ks.pauses[k.origin].extend(r, now())
		if k.secret.Reveal() == r.secret.Reveal() {
			k.pause.extend(r, now())
		}
	}
	ks.forget(k)
}

// forget lets k go if it keeps nothing.
func (ks *keepers) forget(k *keeper) {
	if !k.hadSession() && ks.all[k.endpoint] == k {
		delete(ks.all, k.endpoint)
	}
}

// leave cancels the login if nobody waits for it any more.
func (ks *keepers) leave(k *keeper, l *attempt) {
	ks.mu.Lock()
	defer ks.mu.Unlock()
	l.waiting--
	if l.waiting > 0 {
		return
	}
	l.cancel()
	if k.login == l {
		k.login = nil
		ks.forget(k)
	}
}

// drop forgets s, if it is still k's current one.
func (ks *keepers) drop(k *keeper, s *session) {
	ks.mu.Lock()
	defer ks.mu.Unlock()
	if k.current == s {
		k.current = nil
	}
}
