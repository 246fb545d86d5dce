package transporttest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

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
func TestLearner(newAuthenticator func() auth.Authenticator, gateway http.Handler, expire func(), requests ...*http.Request) error {
	a := newAuthenticator()
	if _, ok := a.(auth.Learner); !ok {
		return fmt.Errorf("the Authenticator is a %T, which has no Refused: TestLearner tests an auth.Learner", a)
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

// settle is for how long a step gives others the time to join a login. What is right
// does not depend on it.
const settle = 50 * time.Millisecond

func (c *course) testLogin() error {
	c.logins = make(map[string]int)
	return c.each(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		if err := l.send(p.proto.Context()); err != nil {
			return err
		}
		n := l.count()
		c.logins[p.String()] = n
		if err := l.send(p.proto.Context()); err != nil {
			return err
		}
		if again := l.count(); n > 0 && again > n {
			return fmt.Errorf("the second request logs in again, with %d requests after %d: keep what the login gave, as scheme.Keeper does", again-n, n)
		}
		return l.closed()
	})
}

func (c *course) testCallers() error {
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		const callers = 8
		another := make(chan struct{})
		l.hold = func(n int, sent *http.Request) {
			switch n {
			case 1:
				l.patience.wait(2*settle, another)
			case 2:
				close(another)
			}
		}
		var all []<-chan error
		for range callers {
			all = append(all, l.going(p.proto.Context()))
		}
		for _, one := range all {
			if err := l.receive(one); err != nil {
				return err
			}
		}
		if n, want := l.count(), c.logins[p.String()]; n > want {
			return fmt.Errorf("%d calls at once log in with %d requests, and one with %d: share one login, as scheme.Keeper does", callers, n, want)
		}
		return nil
	})
}

// leaves tests what becomes of two callers, the first of which logs in, if one of
// them leaves.
func (c *course) leaves(p sample, first bool) error {
	l, err := c.lesson(p)
	if err != nil {
		return err
	}
	came, release := l.holding()
	defer release()
	ctx, cancel := context.WithCancel(p.proto.Context())
	defer cancel()
	contexts := []context.Context{ctx, p.proto.Context()}
	if !first {
		slices.Reverse(contexts)
	}
	one := l.going(contexts[0])
	if !l.patience.within(came) {
		return errors.New("no login comes")
	}
	other := l.going(contexts[1])
	time.Sleep(settle)
	cancel()
	leaver, stayer := one, other
	if !first {
		leaver, stayer = other, one
	}
	if err := l.receive(leaver); err == errHangs {
		return errors.New("the caller whose context has ended waits on for the login: wait under the request's context, as scheme.Keeper does")
	} else if err != nil && !errors.Is(err, context.Canceled) { // who logs in for itself may be done by then
		return fmt.Errorf("the error of the caller whose context has ended is %v, not context.Canceled", err)
	}
	release()
	if err := l.receive(stayer); err != nil {
		return fmt.Errorf("the one that waits on fails: %w: let a login that others wait for outlive its first caller, as scheme.Keeper does", err)
	}
	return nil
}

func (c *course) testFirstLeaves() error {
	return c.eachLogin(func(p sample) error { return c.leaves(p, true) })
}

func (c *course) testOtherLeaves() error {
	return c.eachLogin(func(p sample) error { return c.leaves(p, false) })
}

func (c *course) testAllLeave() error {
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		came, release := l.holding()
		defer release()
		ctx, cancel := context.WithCancel(p.proto.Context())
		defer cancel()
		one := l.going(ctx)
		if !l.patience.within(came) {
			return errors.New("no login comes")
		}
		l.mu.Lock()
		login := l.logins[0]
		l.mu.Unlock()
		cancel()
		l.receive(one)
		if !l.patience.within(login.Context().Done()) {
			return errors.New("all that waited have left, and the login's context goes on: send it under the one that logIn is given, or the request's")
		}
		release()
		if err := l.send(p.proto.Context()); err != nil {
			return fmt.Errorf("the next call: %w", err)
		}
		return nil
	})
}

func (c *course) testRedirect() error {
	return c.eachLogin(func(p sample) error {
		for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
			for _, to := range []string{"https://" + elsewhere + "/login", p.proto.URL.Scheme + "://" + p.proto.URL.Host + "/transporttest"} {
				l, err := c.lesson(p)
				if err != nil {
					return err
				}
				l.answer = func(n int, _ *http.Request, _ []byte, resp *http.Response) {
					if n == 1 {
						resp.StatusCode, resp.Status = status, fmt.Sprintf("%d %s", status, http.StatusText(status))
						resp.Header.Set("Location", to)
					}
				}
				err = l.send(p.proto.Context())
				switch {
				case err == errHangs:
					return err
				case l.count() > 1:
					return fmt.Errorf("a %d to %s is followed: send the login by base.RoundTrip, and not by an http.Client", status, to)
				case err == nil || len(l.m.takeAll()) > 0:
					return fmt.Errorf("what a login holds that answers %d is used: check the status first", status)
				}
				if err := l.shown(err); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (c *course) testStacked() error {
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		above, err := transport.New(l.rt, l.a)
		if err != nil {
			return err
		}
		l.rt = above
		if err := l.send(p.proto.Context()); err == errHangs {
			return errors.New("with one transport above another the login waits for itself: know its own context again, as scheme.Keeper does")
		}
		return nil
	})
}

func (c *course) testExpiry() error {
	if c.expire == nil {
		return nil
	}
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		if err := l.send(p.proto.Context()); err != nil {
			return err
		}
		c.expire()
		l.m.takeAll()
		before := l.count()
		if err := l.send(p.proto.Context()); err != nil {
			return fmt.Errorf("%w: have Refused return true for this answer, and drop the session that req was sent with", err)
		}
		got := l.m.takeAll()
		switch {
		case l.count() == before:
			return errors.New("the gateway still accepts what it should have forgotten: have expire end each session")
		case len(got) > 2:
			return fmt.Errorf("the request arrives %d times, want twice", len(got))
		case l.count() > before+c.logins[p.String()]:
			return fmt.Errorf("one request logs in with %d requests, want %d", l.count()-before, c.logins[p.String()])
		}
		if p.body == nil {
			return nil
		}
		c.expire()
		once := p
		once.chunked = true
		if _, err := c.roundTrip(l.rt, once.request()); err == errHangs {
			return err
		}
		if got := l.m.takeAll(); len(got) > 1 {
			return fmt.Errorf("a request whose body cannot be had again arrives %d times", len(got))
		}
		if err := l.send(p.proto.Context()); err != nil {
			return fmt.Errorf("after a refusal of a request whose body cannot be had again: %w", err)
		}
		return nil
	})
}

func (c *course) testStaleRefusal() error {
	if c.expire == nil {
		return nil
	}
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		sent, release := make(chan struct{}), make(chan struct{})
		first := sync.OnceFunc(func() {
			close(sent)
			<-release
		})
		l.m.before = func(r *http.Request) error {
			if r.Header.Get(caseHeader) == "late" {
				first()
			}
			return nil
		}
		late := make(chan error, 1)
		go func() { late <- l.sendAs(p.proto.Context(), "late") }()
		arrived := l.patience.within(sent)
		if arrived {
			c.expire()
			err = l.send(p.proto.Context())
		}
		before := l.count()
		close(release)
		l.receive(late)
		if !arrived || err != nil {
			return nil // another rule is about that
		}
		if err := l.send(p.proto.Context()); err != nil {
			return err
		}
		if l.count() > before {
			return errors.New("a late refusal of an earlier session makes another login: drop the session that req was sent with, and no other")
		}
		return nil
	})
}

func (c *course) testEndless() error {
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		e := &endless{begin: strings.NewReader(""), limit: maxRead}
		l.answer = func(n int, _ *http.Request, _ []byte, resp *http.Response) {
			if n == 1 {
				resp.Body, resp.ContentLength = io.NopCloser(e), -1
			}
		}
		switch err := l.send(p.proto.Context()); {
		case e.read >= maxRead:
			return fmt.Errorf("%d MiB of an answer to a login are read: give it a limit, by io.LimitReader", maxRead>>20)
		case err == errHangs:
			return err
		case err == nil:
			return errors.New("an answer of white space is taken for a session")
		}
		return l.closed()
	})
}

// testRefusedLogin has the gateway refuse credentials that are a little wrong.
func (c *course) testRefusedLogin() error {
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		var refusal *http.Response
		var text []byte
		l.garble = garble
		l.answer = func(_ int, _ *http.Request, _ []byte, resp *http.Response) {
			text, _ = io.ReadAll(resp.Body)
			resp.Body = io.NopCloser(bytes.NewReader(text))
			refusal = resp
		}
		const calls = 20
		for range calls {
			err := l.send(p.proto.Context())
			if err == errHangs {
				return err
			}
			if err == nil {
				return nil // it did not change what tells
			}
			if err := l.shown(err); err != nil {
				return err
			}
		}
		if refusal == nil || refusal.StatusCode/100 == 5 {
			return nil
		}
		c.plain = bare(refusal.Header, text)
		if n := l.count(); n >= calls {
			return fmt.Errorf("the gateway refuses the login with %s, and %d calls log in with %d requests: have calls fail at once for a while, as scheme.Keeper does after scheme.ErrRefused", refusal.Status, calls, n)
		}
		return nil
	})
}

// garble makes the credentials of a login wrong: its password or, where there is
// none, its longest value.
func garble(sent *http.Request, body []byte) []byte {
	if user, password, ok := sent.BasicAuth(); ok {
		sent.SetBasicAuth(user, "x"+password)
		return body
	}
	if text := sent.Header.Get("Authorization"); text != "" {
		sent.Header.Set("Authorization", text+"x")
		return body
	}
	longest := ""
	for _, word := range regexp.MustCompile(`[0-9A-Za-z_-]+`).FindAllString(string(body), -1) {
		if len(word) > len(longest) && word != "client_credentials" {
			longest = word
		}
	}
	if longest == "" {
		return body
	}
	other := "0"
	if longest[0] == '0' {
		other = "1"
	}
	return bytes.Replace(body, []byte(longest), []byte(other+longest[1:]), 1)
}

// bare reports whether an answer says nothing but its status.
func bare(header http.Header, text []byte) bool {
	for name := range header {
		switch name {
		case "Content-Type", "Content-Length", "Date", "X-Content-Type-Options":
		default:
			return false
		}
	}
	text = bytes.TrimSpace(text)
	return !bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(text, []byte("[")) && !bytes.HasPrefix(text, []byte("<?xml"))
}

func (c *course) testFailedLogin() error {
	return c.eachLogin(func(p sample) error {
		for _, status := range []int{200, 400, 401, 403, 404, 429, 500, 503} {
			for _, html := range []bool{true, false} {
				if err := c.failLogin(p, status, html); err != nil {
					what := "JSON"
					if html {
						what = "HTML"
					}
					return fmt.Errorf("an answer of %d to the login, in %s: %w", status, what, err)
				}
			}
		}
		return nil
	})
}

// failLogin answers a login with a page that repeats it.
func (c *course) failLogin(p sample, status int, html bool) error {
	l, err := c.lesson(p)
	if err != nil {
		return err
	}
	l.answer = func(n int, sent *http.Request, body []byte, resp *http.Response) {
		if n > 1 {
			return
		}
		w := httptest.NewRecorder()
		echo := fmt.Sprintf("%s %v %s %s", marker, sent.Header, body, strings.Join(loginSecrets(sent, body), " "))
		if html {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			fmt.Fprintf(w, "<html><title>%s</title></html>", echo)
		} else {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(map[string]string{"error": marker, "error_description": echo, "message": echo})
		}
		*resp = *w.Result()
		resp.Request = sent
	}
	err = l.send(p.proto.Context())
	switch {
	case err == errHangs:
		return err
	case len(l.m.takeAll()) > 0 || err == nil:
		if status == http.StatusOK {
			return nil // the gateway's answers may have any shape
		}
		return errors.New("it is taken for a session: check the status first")
	case strings.Contains(err.Error(), "the login panicked"):
		return fmt.Errorf("the login panics: %w", err)
	}
	if err := l.shown(err); err != nil {
		return err
	}
	if html && status != http.StatusOK && !(c.plain && status/100 == 4) || status/100 == 5 {
		if err := l.send(p.proto.Context()); err != nil {
			return fmt.Errorf("it proves no wrong credentials, and the next call fails: %w", err)
		}
	}
	return l.closed()
}

// shown returns an error if err, which is a login's, shows what was sent or answered.
func (l *lesson) shown(err error) error {
	text := texts(err) + fmt.Sprintf("%+v %#v", err, err)
	if strings.Contains(text, marker) {
		return errors.New("the error quotes the answer to the login, which may repeat the credentials: quote none of it")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, sent := range l.logins {
		for _, secret := range loginSecrets(sent, l.bodies[i]) {
			if strings.Contains(text, secret) {
				return fmt.Errorf("the error shows %q, which the login sends: %v", secret, err)
			}
		}
	}
	return nil
}

// public are names of a login's values that are no secrets.
var public = []string{"grant_type", "scope", "client_id", "username", "audience", "resource", "jsonrpc", "method"}

// loginSecrets returns what of a login an error must not show.
func loginSecrets(sent *http.Request, body []byte) (list []string) {
	add := func(text string) {
		if len(text) >= 12 {
			list = append(list, text)
		}
	}
	if _, password, ok := sent.BasicAuth(); ok {
		add(password)
		if decoded, err := url.QueryUnescape(password); err == nil {
			add(decoded)
		}
		add(base64.StdEncoding.EncodeToString([]byte(password)))
	}
	if _, text, ok := strings.Cut(sent.Header.Get("Authorization"), " "); ok {
		add(text)
	}
	form, _ := url.ParseQuery(string(body))
	var object any
	if json.Unmarshal(body, &object) == nil {
		form = nil
		collect("", object, func(name, text string) {
			if !slices.Contains(public, name) {
				add(text)
			}
		})
	}
	for name, values := range form {
		if !slices.Contains(public, name) {
			for _, text := range values {
				add(text)
			}
		}
	}
	return list
}

// collect calls f with each string in a JSON value, and its member's name.
func collect(name string, value any, f func(name, text string)) {
	switch v := value.(type) {
	case string:
		f(name, v)
	case []any:
		for _, x := range v {
			collect(name, x, f)
		}
	case map[string]any:
		for key, x := range v {
			collect(key, x, f)
		}
	}
}

// ownRefusal returns how the gateway refuses p, of a session that it has forgotten
// if there are any.
func (c *course) ownRefusal(p sample) (*http.Response, error) {
	if c.expire == nil || c.logins[p.String()] == 0 {
		w := httptest.NewRecorder()
		p.refuse(w)
		return w.Result(), nil
	}
	l, err := c.lesson(p)
	if err != nil {
		return nil, err
	}
	l.send(p.proto.Context())
	c.expire()
	l.m.takeAll()
	l.send(p.proto.Context())
	for _, a := range l.m.takeAll() {
		if a.answer.StatusCode/100 != 2 {
			return a.answer, nil
		}
	}
	return &http.Response{}, nil
}

func (c *course) testSlowRefusal() error {
	return c.each(func(p sample) error {
		if p.proto.Method == "" || p.proto.Method == http.MethodGet || p.proto.Method == http.MethodHead {
			return nil
		}
		own, err := c.ownRefusal(p)
		if err != nil {
			return err
		}
		var text []byte
		if own.Body != nil {
			text, _ = io.ReadAll(own.Body)
		}
		for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
			if own.StatusCode == status && bare(own.Header, text) {
				continue
			}
			l, err := c.lesson(p)
			if err != nil {
				return err
			}
			l.m.answer = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(status)
				return true
			}
			if err := l.send(p.proto.Context()); err == errHangs {
				return err
			}
			if n := len(l.m.takeAll()); n != 1 {
				return fmt.Errorf("an answer of %d that says nothing else has it sent %d times, though the gateway may have acted: have Refused ask for what only the gateway's refusal of the credentials says", status, n)
			}
		}
		return nil
	})
}

func (c *course) testClock() error {
	again := false
	if err := c.each(func(p sample) error {
		if c.logins[p.String()] > 0 {
			again = true // it learns something else
			return nil
		}
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		l.m.answer = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
			p.refuse(w)
			return true
		}
		if err := l.send(p.proto.Context()); err == errHangs {
			return err
		}
		got := l.m.takeAll()
		switch {
		case len(got) > 2:
			return fmt.Errorf("a refusal whose Date is an hour ahead has it sent %d times, want once or twice", len(got))
		case len(got) == 2 && got[0].request.RequestURI == got[1].request.RequestURI && reflect.DeepEqual(got[0].request.Header, got[1].request.Header) && bytes.Equal(got[0].body, got[1].body):
			return errors.New("a refusal whose Date is an hour ahead has it sent again as it was: authenticate it by the gateway's clock")
		case len(got) == 2:
			again = true
		}
		return nil
	}); err != nil {
		return err
	}
	if !again {
		return errors.New("no request is sent again when the gateway refuses it with a Date that is an hour ahead: have Refused tell a wrong clock, as scheme.Clock does")
	}
	return nil
}
