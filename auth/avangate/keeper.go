package avangate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
)

const (
	// sessionLife is for how long a session is used, from before its login. The vendor
	// ends it ten minutes from that.
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

// A keeper keeps the session of one endpoint. Its fields but session are under the
// lock of all keepers.
type keeper struct {
	endpoint endpoint
	origin   auth.Origin
	session  scheme.Keeper // which never pauses, see refusal
	used     uint64        // the last use
	waiting  int           // how many calls are in session

	secret auth.Secret // of the last session, the zero value if there was none
	pause  pause       // of logins with that secret
}

// A loginResult is what a login came to: a session's id, or err.
type loginResult struct {
	id      auth.Secret
	secret  auth.Secret // that it was tried with
	refused bool        // whether the gateway refused the credentials, just now
	err     error       // a refusal if it did, now or before
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
	return p.secret.Reveal() == secret.Reveal() && within(now.Sub(p.since), p.length)
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

// enter returns the keeper of an endpoint, which stays until the call leaves it.
func (ks *keepers) enter(e endpoint, o auth.Origin, now func() time.Time) (*keeper, error) {
	ks.mu.Lock()
	defer ks.mu.Unlock()
	k := ks.all[e]
	if k == nil {
		if !ks.makeRoom(false) {
			return nil, &auth.Error{Op: "log in", Code: ErrLogin, Err: fmt.Errorf("%d logins at other endpoints are under way: call fewer paths, namespaces and actions at a time", maxKeepers)}
		}
		k = &keeper{endpoint: e, origin: o, session: scheme.Keeper{Now: now}}
		if ks.all == nil {
			ks.all = make(map[endpoint]*keeper)
		}
		ks.all[e] = k
	}
	ks.use(k)
	k.waiting++
	return k, nil
}

// leave lets k go if it keeps nothing, and nobody waits for it to.
func (ks *keepers) leave(k *keeper) {
	ks.mu.Lock()
	defer ks.mu.Unlock()
	k.waiting--
	if k.waiting == 0 && !k.hadSession() && ks.all[k.endpoint] == k {
		delete(ks.all, k.endpoint)
	}
}

func (ks *keepers) use(k *keeper) {
	ks.uses++
	k.used = ks.uses
}

// hadSession reports whether there ever was one, under whatever secret.
func (k *keeper) hadSession() bool { return k.secret.Reveal() != "" }

// makeRoom makes room for one more that had a session, or had none, and reports
// whether there is. Of those that had one it lets the one go that was used least
// recently and for which no call waits. For the others one does.
func (ks *keepers) makeRoom(hadSession bool) bool {
	count := 0
	var oldest *keeper
	for _, k := range ks.all {
		if k.hadSession() != hadSession {
			continue
		}
		count++
		if k.waiting == 0 && (oldest == nil || k.used < oldest.used) {
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

// settle takes note of what a login of k came to, unless everybody has left it, which
// ends ctx. One that succeeds shows that the credentials are right, and ends every
// pause.
func (ks *keepers) settle(ctx context.Context, k *keeper, r loginResult, now time.Time) {
	ks.mu.Lock()
	defer ks.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case r.err == nil:
		if !k.hadSession() && !ks.makeRoom(true) {
			delete(ks.all, k.endpoint)
		}
		k.secret = r.secret
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
		ks.pauses[k.origin].extend(r, now)
		if k.secret.Reveal() == r.secret.Reveal() {
			k.pause.extend(r, now)
		}
	}
}
