package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"sync"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/transport"
)

// TestLearner tests what an [auth.Learner] learns: sessions and tokens that it logs
// in for, and clocks. It returns nil, or one error for each rule below that is
// broken, joined, with the rule's name at its beginning. TestAuthenticator tests the
// rest. In a test function:
//
//	if err := transporttest.TestLearner(newAuthenticator, gateway, gateway.expire, create, list); err != nil {
//		t.Fatal(err)
//	}
//
// newAuthenticator returns another Authenticator each time, of the same account,
// that has learned nothing. It is called once for each step.
//
// gateway and requests are as for [TestRoundTripper]. gateway answers the logins,
// too: they are the requests that arrive without the field Transporttest-Case. It
// may give the same token to each login or another one. It sees logins that are not
// right, and must refuse these as the real one does.
//
// expire has the gateway forget each session and token that it has given. What was
// sent with one is then refused, as the real gateway refuses it. It is nil for a
// scheme without any, such as one that learns the gateway's clock; then the steps
// that need it are left out.
//
// Nothing that is right depends on time, nor on a clock of the Authenticator's. Some
// steps wait for less than a second, to see what must not happen. A slow refusal
// that only a wrong idea of the clock takes for a wrong clock is not seen.
//
// The rules are:
//
//   - login: what a login gave serves more than one request. The login's answer is
//     closed.
//   - callers: calls at the same time share one login.
//   - first leaves: if the first caller's context ends, it returns at once, and the
//     login goes on for the others.
//   - other leaves: if the context of one that waits ends, it returns at once.
//   - all leave: when all that waited have left, the login's context ends. The next
//     call logs in.
//   - redirect: a login that is redirected is not followed, neither to another host
//     nor within the gateway's, and what its answer holds is not used.
//   - stacked: with one transport above another, the call ends, with an answer or an
//     error, although the login goes through a transport that would log in.
//   - expiry: when the gateway has forgotten the session, a request whose body can be
//     had again is accepted, after one more login and with no third try. One whose
//     body cannot is refused, and the next one is accepted.
//   - stale refusal: a late refusal of an earlier session costs no newer one.
//   - endless: an answer to a login that never ends is not read to its end. 64 MiB
//     are too much.
//   - failed login: an answer that holds no session is an error, and the request is
//     not sent. The error shows nothing of the answer, which may repeat what it was
//     sent, nor of the login. After a page of HTML or a status of 5xx, the next call
//     tries anew.
//   - refused login: where the gateway refuses the credentials, not each call asks it
//     again.
//   - slow refusal: a status of 401 or 403 alone does not have a request sent again
//     whose method may change something: a gateway may answer so when it has acted. It
//     is not tested where the gateway's own refusal has nothing else.
//   - clock: a scheme that has no login sends one of the requests again when the
//     gateway refuses it with a Date that is an hour ahead, and otherwise than before.
//     The refusal is the gateway's own, of a time that is an hour off where the header
//     has one in seconds, else of a request without credentials.
func TestLearner(newAuthenticator func() auth.Authenticator, gateway http.Handler, expire func(), requests ...*http.Request) error {
	a := newAuthenticator()
	if _, ok := a.(auth.Learner); !ok {
		return fmt.Errorf("the Authenticator is a %T, which has no Refused: TestLearner tests an auth.Learner", a)
	}
	if v := reflect.ValueOf(a); v.Kind() == reflect.Pointer && v.Type().Elem().Size() > 0 && newAuthenticator() == a {
		return errors.New("newAuthenticator returns the same Authenticator again: make a new one in each call")
	}
	if _, err := transport.New(nil, a); err != nil {
		return fmt.Errorf("origins: %w", err)
	}
	s, err := newSuite(nil, gateway, requests)
	if err != nil {
		return err
	}
	c := &course{suite: s, newAuthenticator: newAuthenticator, expire: expire}
	var broken []error
	for i, step := range steps {
		if err := step.test(c); err != nil {
			broken = append(broken, fmt.Errorf("%s: %w", step.name, err))
			if i == 0 {
				break
			}
		}
	}
	return errors.Join(broken...)
}

// steps are in the order in which they need each other, not in that of the list
// above.
var steps = []struct {
	name string
	test func(*course) error
}{
	{"login", (*course).testLogin},
	{"callers", (*course).testCallers},
	{"first leaves", (*course).testFirstLeaves},
	{"other leaves", (*course).testOtherLeaves},
	{"all leave", (*course).testAllLeave},
	{"redirect", (*course).testRedirect},
	{"stacked", (*course).testStacked},
	{"expiry", (*course).testExpiry},
	{"stale refusal", (*course).testStaleRefusal},
	{"endless", (*course).testEndless},
	{"refused login", (*course).testRefusedLogin},
	{"failed login", (*course).testFailedLogin},
	{"slow refusal", (*course).testSlowRefusal},
	{"clock", (*course).testClock},
}

// A course is what a Learner goes through.
type course struct {
	*suite
	newAuthenticator func() auth.Authenticator
	expire           func()

	logins map[string]int // of a first request, by the sample's name
	plain  bool           // the gateway refuses a login with nothing but a status
}

// eachLogin calls test for each sample that takes a login.
func (c *course) eachLogin(test func(p sample) error) error {
	return c.each(func(p sample) error {
		if c.logins[p.String()] == 0 {
			return nil
		}
		return test(p)
	})
}

// A lesson is a new Authenticator, above a base that sees its logins.
type lesson struct {
	*course
	p  sample
	m  *memory
	a  auth.Authenticator
	rt http.RoundTripper

	// hold, if it is not nil, is called with each login before it is sent.
	hold func(n int, sent *http.Request)
	// answer, if it is not nil, changes what the gateway answers to a login.
	answer func(n int, sent *http.Request, body []byte, resp *http.Response)
	// garble, if it is not nil, changes a login.
	garble func(sent *http.Request, body []byte) []byte

	mu      sync.Mutex
	logins  []*http.Request
	bodies  [][]byte // theirs
	answers []*body
}

func (c *course) lesson(p sample) (*lesson, error) {
	l := &lesson{course: c, p: p, m: c.memory(), a: c.newAuthenticator()}
	l.m.login = l.login
	rt, err := transport.New(l.m, l.a)
	l.rt = rt
	return l, err
}

func (l *lesson) login(sent *http.Request) (*http.Response, error) {
	var b []byte
	if sent.Body != nil {
		var err error
		b, err = io.ReadAll(sent.Body)
		sent.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	l.logins, l.bodies = append(l.logins, sent), append(l.bodies, b)
	n := len(l.logins)
	l.mu.Unlock()
	if l.hold != nil {
		l.hold(n, sent)
	}
	if err := context.Cause(sent.Context()); err != nil {
		return nil, err
	}
	out := sent.Clone(sent.Context())
	if l.garble != nil {
		b = l.garble(out, b)
	}
	setPlain(out, b)
	resp, err := l.m.deliver(out)
	if err != nil {
		return nil, err
	}
	resp.Request = sent
	if l.answer != nil {
		l.answer(n, sent, b, resp)
	}
	closing := &body{Reader: resp.Body, closed: make(chan struct{})}
	resp.Body = closing
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, closing)
	return resp, nil
}

// count returns how many logins there were.
func (l *lesson) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.logins)
}

// closed returns an error if the answer to a login is not closed.
func (l *lesson) closed() error {
	l.mu.Lock()
	answers := slices.Clone(l.answers)
	l.mu.Unlock()
	for _, answer := range answers {
		if !l.patience.within(answer.closed) {
			return errors.New("the answer to the login is not closed")
		}
	}
	return nil
}

// send sends the sample, which must be accepted.
func (l *lesson) send(ctx context.Context) error { return l.sendAs(ctx, "1") }

func (l *lesson) sendAs(ctx context.Context, id string) error {
	req := l.p.request().WithContext(ctx)
	req.Header.Set(caseHeader, id)
	resp, err := l.roundTrip(l.rt, req)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
		return fmt.Errorf("the gateway answers %s: %s", resp.Status, bytes.TrimSpace(text))
	}
	return nil
}

// going sends the sample in a goroutine.
func (l *lesson) going(ctx context.Context) <-chan error {
	done := make(chan error, 1)
	go func() { done <- l.send(ctx) }()
	return done
}

// receive waits for what going comes to.
func (l *lesson) receive(from <-chan error) error {
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = <-from
	}()
	if !l.patience.within(done) {
		return errHangs
	}
	return err
}

// holding has the first login wait until it is released, or its context ends, and
// returns when it has come.
func (l *lesson) holding() (came <-chan struct{}, release func()) {
	arrived, released := make(chan struct{}), make(chan struct{})
	l.hold = func(n int, sent *http.Request) {
		if n > 1 {
			return
		}
		close(arrived)
		select {
		case <-released:
		case <-sent.Context().Done():
		}
	}
	return arrived, sync.OnceFunc(func() { close(released) })
}
