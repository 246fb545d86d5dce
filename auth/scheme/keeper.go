package scheme

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/countersign/countersign/auth"
)

// ErrLogin is the code of an error that no session could be had: the gateway
// refused the login, or could not be asked, or there is no secret to ask it with. The
// login may have been sent; the request was not.
var ErrLogin = errors.New("login failed")

// ErrRefused says, in the error of a login, that the gateway refused the
// credentials, so that asking again at once is of no use. A login whose answer
// proves that returns an error that wraps it; a timeout, a page of HTML and a status
// of 5xx prove nothing.
var ErrRefused = errors.New("the gateway refused the credentials")

// For how long calls fail at once after a login that was refused, and how long that
// may become after one upon another.
const (
	minPause = time.Second
	maxPause = time.Minute
)

// A Keeper keeps what a login gave, a session's id or a token, for all requests of
// an account. The zero value is ready. It is safe for concurrent use, and must not
// be copied after its first use.
//
// Whatever prints it, and whatever it is a field of, it shows nothing that it keeps.
type Keeper struct {
	// Now is the clock, safe for concurrent use. Nil means time.Now.
	Now func() time.Time

	// An atomic pointer, which fmt and spew do not follow, from within whatever.
	kept atomic.Pointer[kept]
}

type kept struct {
	mu sync.Mutex

	current auth.Secret
	since   time.Time // before its login
	life    time.Duration

	login *attempt // the one under way, nil if there is none

	// The last login was refused; calls fail at once while pause lasts.
	refusal error
	refused time.Time
	pause   time.Duration
}

// An attempt is a login that is under way or over.
type attempt struct {
	waiting int // under the lock
	cancel  context.CancelFunc

	done chan struct{}
	s    auth.Secret // once it is done, as are life and err
	life time.Duration
	err  error

	refused bool // whether err is ErrRefused
}

// loginKey marks the context of a login.
type loginKey struct{ k *kept }

var (
	errNested = errors.New("the login goes through a RoundTripper that waits for this very login: let the base that it is sent through not authenticate it")
	errBroken = errors.New("the login was broken off")
	errEmpty  = errors.New("the login gave nothing: return an error where the answer holds no session")
)

// Get returns what is kept, and lets logIn fetch it if there is nothing that may
// still be used. logIn returns it, and for how long it may be used, by Now and
// counted from before logIn was called: leave a margin. All that wait get what it
// gave, even if that is not to be kept.
//
// One login is under way at a time, however many calls there are; each waits for it
// under its own ctx. logIn is called in a goroutine of its own and may outlive the
// call that brought it. Its context has the values of that call's ctx, but ends only
// when all that waited have left. A call of Get with such a context, as where the
// login is sent through two transports with the same Authenticator, fails at once:
// it would wait for itself. A logIn that panics or ends its goroutine is an error
// to all that wait, without the panic's value, and the next call tries anew.
//
// After a login whose error is [ErrRefused], calls fail at once with the same error
// for a second, by Now; after the next one for two seconds, and so on up to a
// minute, until one succeeds. After any other error the next call tries anew.
//
// Each login that is over is reported to the [auth.Trace] of its context, as LoggedIn.
//
// What Get returns is an [*auth.Error] with the code [ErrLogin], without a gateway,
// that wraps what logIn returned, [ErrRefused] if it said so, or, where ctx ended
// first, its cause. The text of logIn's error is in it: no credential may be.
func (k *Keeper) Get(ctx context.Context, logIn func(context.Context) (auth.Secret, time.Duration, error)) (auth.Secret, error) {
	s, err := k.state().get(ctx, k.now, logIn)
	if err != nil {
		return auth.Secret{}, &auth.Error{Op: "log in", Code: ErrLogin, Err: err}
	}
	return s, nil
}

// Drop forgets s, so that the next Get logs in. It does nothing if another one is
// kept by now: a late refusal of an old session does not cost the new one.
func (k *Keeper) Drop(s auth.Secret) { k.state().drop(s) }

func (k *Keeper) now() time.Time {
	if k.Now == nil {
		return time.Now()
	}
	return k.Now()
}

func (k *Keeper) state() *kept {
	if p := k.kept.Load(); p != nil {
		return p
	}
	k.kept.CompareAndSwap(nil, &kept{})
	return k.kept.Load()
}

func (k *kept) get(ctx context.Context, now func() time.Time, logIn func(context.Context) (auth.Secret, time.Duration, error)) (auth.Secret, error) {
	if ctx.Value(loginKey{k}) != nil {
		return auth.Secret{}, errNested
	}
	l, s, err := k.join(ctx, now, logIn)
	if l == nil {
		return s, err
	}
	select {
	case <-l.done:
		return l.s, l.err
	case <-ctx.Done():
		k.leave(l)
		return auth.Secret{}, context.Cause(ctx)
	}
}

// join returns what is kept, or why nothing is, or the login to wait for.
func (k *kept) join(ctx context.Context, now func() time.Time, logIn func(context.Context) (auth.Secret, time.Duration, error)) (*attempt, auth.Secret, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	start := now()
	switch {
	case within(start.Sub(k.since), k.life):
		return nil, k.current, nil
	case within(start.Sub(k.refused), k.pause):
		return nil, auth.Secret{}, k.refusal
	case ctx.Err() != nil:
		return nil, auth.Secret{}, context.Cause(ctx)
	}
	if k.login == nil {
		loginCtx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), loginKey{k}, true))
		k.login = &attempt{cancel: cancel, done: make(chan struct{}), err: errBroken}
		go k.run(loginCtx, k.login, start, now, logIn)
	}
	k.login.waiting++
	return k.login, auth.Secret{}, nil
}

// within reports whether an age is one, and under limit. A clock that was set back
// ends what it measured.
func within(age, limit time.Duration) bool { return 0 <= age && age < limit }

func (k *kept) run(ctx context.Context, l *attempt, start time.Time, now func() time.Time, logIn func(context.Context) (auth.Secret, time.Duration, error)) {
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.login == l {
			k.login = nil
			k.settle(l, start, now)
		}
		l.cancel()
		close(l.done)
	}()
	defer func() {
		if v := recover(); v != nil {
			l.err = fmt.Errorf("the login panicked with a %T", v) // whose value may hold anything
		}
		if t := auth.ContextTrace(ctx); t != nil && t.LoggedIn != nil {
			t.LoggedIn(ctx, auth.LoggedInInfo{Duration: now().Sub(start), Err: l.err})
		}
	}()
	s, life, err := logIn(ctx)
	if err == nil && s.IsZero() {
		err = errEmpty
	}
	if err == nil {
		l.s, l.life = s, life
	}
	l.refused = errors.Is(err, ErrRefused) // here, since it calls what err is
	l.err = err
}

// settle keeps what a login came to.
func (k *kept) settle(l *attempt, start time.Time, now func() time.Time) {
	switch {
	case l.err == nil:
		k.current, k.since, k.life = l.s, start, l.life
		k.refusal, k.pause = nil, 0
	case l.refused:
		k.refusal, k.refused = l.err, now()
		k.pause = min(max(2*k.pause, minPause), maxPause)
	}
}

// leave cancels the login if nobody waits for it any more.
func (k *kept) leave(l *attempt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l.waiting--
	if l.waiting > 0 {
		return
	}
	l.cancel()
	if k.login == l {
		k.login = nil
	}
}

func (k *kept) drop(s auth.Secret) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current.Reveal() == s.Reveal() {
		k.current, k.life = auth.Secret{}, 0
	}
}
