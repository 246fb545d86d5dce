package avangate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/request"
)

// Session stands for the session id in the body of a request: write it where the
// vendor's documents put the id, as the first of a JSON-RPC request's params, or as
// the whole text of a SOAP call's first parameter, the sessionID. There, and
// nowhere else, the id takes its place. It needs no escaping in JSON or XML.
const Session = "countersign-session-id"

// ErrLogin is the code of an error that no session could be had: the gateway
// refused the login, or could not be asked. The login may have been sent; the
// request was not, or was refused before.
var ErrLogin = errors.New("login failed")

const (
	// sessionLife is for how long a session is used, from before its login was
	// sent. The vendor ends it ten minutes from the login.
	sessionLife = 9 * time.Minute

	// For how long calls fail at once after a login that the gateway refused, and
	// how long that may become after one upon another.
	minPause = time.Second
	maxPause = time.Minute
)

// A dialect is a protocol that wants a session.
type dialect interface {
	// read finds the places in a request's body where mark stands for the session
	// id.
	read(body []byte, h http.Header, mark string) (*message, error)

	// session returns the session id in the answer to a login, "" if there is none.
	// What the gateway says in its place is the reason, if it is fit to be told;
	// refused means that it is about the credentials.
	session(answer []byte) (id, reason string, refused bool)

	// gone reports whether an answer to so many calls says that there is no such
	// session, and whether it says so to each of them, so that none was carried out.
	gone(answer *head, calls int) (gone, all bool)
}

// A message is what the body of a request holds.
type message struct {
	places []int // where the mark stands
	calls  int   // how many there are: JSON-RPC has batches

	// login writes the request for a session that goes with it. It may be called at
	// any later time.
	login func(l Login) (body []byte, h http.Header)
}

// kind returns what tells m's logins from those of others.
func (m *message) kind() string {
	body, h := m.login(Login{})
	return string(body) + h.Get("SOAPAction") + h.Get("Content-Type")
}

// An endpoint is where a session is valid, and the kind of login that its callers
// give rise to: a caller whose SOAP envelope is wrong must not fail others' logins.
type endpoint struct {
	origin auth.Origin
	path   string
	login  string
}

// A session is what a login gave. It is never changed.
type session struct {
	id    auth.Secret
	since time.Time
}

// sent says which session a request carries. It is kept in the request's context.
type sent struct {
	owner   *Authenticator
	dialect dialect
	keeper  *keeper
	session *session
	calls   int
}

type sentKey struct{}

// authenticateSession replaces Session in the body with a session id, or the one
// that it had put there itself.
func (a *Authenticator) authenticateSession(req *http.Request, base http.RoundTripper, p vendor.Protocol, d dialect) error {
	request.DeleteHeader(req.Header, vendor.Header)
	if err := request.CheckPlain(req); err != nil {
		return signError(req, auth.ErrRequest, err)
	}
	body, err := request.TakeBody(req, maxBody)
	if err != nil {
		return signError(req, auth.ErrBody, err)
	}
	mark := Session
	if earlier, ok := req.Context().Value(sentKey{}).(*sent); ok && earlier.owner == a {
		mark = earlier.session.id.Reveal()
	}
	m, err := d.read(body, req.Header, mark)
	if err != nil {
		return signError(req, auth.ErrRequest, fmt.Errorf("the path is that of a %s endpoint, which wants a session, and %w", p, err))
	}
	if len(m.places) > 0 {
		where := endpoint{auth.OriginOf(req.URL), req.URL.EscapedPath(), m.kind()}
		kept, _ := a.keepers.LoadOrStore(where, &keeper{})
		k := kept.(*keeper)
		l := newLogin(req, d, m) // now: it may outlive req
		s, err := k.get(req.Context(), a.now, func(ctx context.Context) (*session, bool, error) {
			return a.logIn(ctx, base, l)
		})
		if err != nil {
			return loginError(req, err)
		}
		body = splice(body, m.places, len(mark), s.id.Reveal())
		*req = *req.WithContext(context.WithValue(req.Context(), sentKey{}, &sent{a, d, k, s, m.calls}))
	}
	if p == vendor.JSONRPC {
		setAccept(req.Header)
	}
	request.SetBody(req, body)
	return nil
}

// splice returns body with id at each of the places, instead of so many bytes.
func splice(body []byte, places []int, length int, id string) []byte {
	var b bytes.Buffer
	b.Grow(len(body) + len(places)*len(id))
	end := 0
	for _, place := range places {
		b.Write(body[end:place])
		b.WriteString(id)
		end = place + length
	}
	b.Write(body[end:])
	return b.Bytes()
}

// refused reads the beginning of the answer, drops the session if it is gone, and
// reports whether no call was carried out.
func (s *sent) refused(resp *http.Response) bool {
	if resp.Body == nil || resp.Body == http.NoBody {
		return false
	}
	h := newHead(resp.Body)
	gone, all := s.dialect.gone(h, s.calls)
	resp.Body = h.whole(resp.Body)
	if gone {
		s.keeper.drop(s.session)
	}
	return all
}

// A keeper keeps the session of one endpoint. At most one login is under way at
// a time, save for one that everybody has left.
type keeper struct {
	mu      sync.Mutex
	current *session // nil if there is none
	login   *attempt // the one under way, nil if there is none

	// The last login was refused; calls fail at once while pause lasts.
	refusal error
	since   time.Time
	pause   time.Duration
}

// An attempt is a login that is under way or over.
type attempt struct {
	waiting int // under the keeper's lock
	cancel  context.CancelFunc

	done    chan struct{}
	session *session // once it is done, as is err
	err     error
}

// get returns the session, and lets logIn fetch one if there is none that is
// fresh. The context that logIn is given has the values of ctx, and ends when
// nobody waits any more. logIn says whether the gateway answered it.
func (k *keeper) get(ctx context.Context, now func() time.Time, logIn func(context.Context) (*session, bool, error)) (*session, error) {
	l, s, err := k.join(ctx, now, logIn)
	if l == nil {
		return s, err
	}
	select {
	case <-l.done:
		return l.session, l.err
	case <-ctx.Done():
		k.leave(l)
		return nil, context.Cause(ctx)
	}
}

// join returns the session, or why there is none, or the login to wait for.
func (k *keeper) join(ctx context.Context, now func() time.Time, logIn func(context.Context) (*session, bool, error)) (*attempt, *session, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil && within(now().Sub(k.current.since), sessionLife) {
		return nil, k.current, nil
	}
	if k.pause > 0 && within(now().Sub(k.since), k.pause) {
		return nil, nil, k.refusal
	}
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if k.login == nil {
		loginCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		k.login = &attempt{cancel: cancel, done: make(chan struct{}), err: errors.New("the login was broken off")}
		go k.run(k.login, now, func() (*session, bool, error) { return logIn(loginCtx) })
	}
	k.login.waiting++
	return k.login, nil, nil
}

// within reports whether an age is one, and under limit. A clock that was set
// back ends what it measured.
func within(age, limit time.Duration) bool { return 0 <= age && age < limit }

func (k *keeper) run(l *attempt, now func() time.Time, logIn func() (*session, bool, error)) {
	answered := false
	defer func() {
		if v := recover(); v != nil {
			l.err = fmt.Errorf("the login panicked with a %T", v) // whose value may hold anything
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.login == l {
			k.login = nil
			k.settle(l, answered, now)
		}
		l.cancel()
		close(l.done)
	}()
	l.session, answered, l.err = logIn()
}

// settle keeps what a login came to.
func (k *keeper) settle(l *attempt, answered bool, now func() time.Time) {
	switch {
	case l.err == nil:
		k.current, k.refusal, k.pause = l.session, nil, 0
	case answered:
		k.refusal, k.since = l.err, now()
		k.pause = min(max(2*k.pause, minPause), maxPause)
	}
}

// leave cancels the login if nobody waits for it any more.
func (k *keeper) leave(l *attempt) {
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

// drop forgets s, if it is still the current one.
func (k *keeper) drop(s *session) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current == s {
		k.current = nil
	}
}

// checkSessionID returns an error if an id could need escaping in JSON or XML. It
// does not quote the id.
func checkSessionID(id string) error {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if len(id) > maxSessionID || strings.Trim(id, letters+"0123456789._+/=-") != "" {
		return fmt.Errorf("the session id in the answer is longer than %d bytes, or holds one that is not of [0-9A-Za-z._+/=-]", maxSessionID)
	}
	return nil
}

// maxSessionID bounds a session id, in bytes.
const maxSessionID = 4 << 10
