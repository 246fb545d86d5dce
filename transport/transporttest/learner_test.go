package transporttest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport/transporttest"
)

// A tokens is a gateway that gives tokens for a password.
type tokens struct {
	mu    sync.Mutex
	n     int
	valid map[string]bool
}

func (g *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("Content-Type", jsonType)
	if r.URL.Path == "/login" {
		if _, password, _ := r.BasicAuth(); password != "test-password" {
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"error":"invalid_client"}`)
			return
		}
		g.n++
		token := "test-token-" + strconv.Itoa(g.n)
		if g.valid == nil {
			g.valid = make(map[string]bool)
		}
		g.valid[token] = true
		io.WriteString(w, "token="+token)
		return
	}
	if token := r.Header["Token"]; len(token) != 1 || !g.valid[token[0]] {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":"invalid_token"}`)
	}
}

func (g *tokens) expire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.valid)
}

// A tokenLearner is a Learner for tokens, with something wrong in it. Without, all
// are nil.
type tokenLearner struct {
	keeper  scheme.Keeper
	callers atomic.Int64

	get      func(l *tokenLearner, ctx context.Context, logIn func(context.Context) (auth.Secret, time.Duration, error)) (auth.Secret, error)
	send     func(base http.RoundTripper, req *http.Request) (*http.Response, error) // a login
	read     func(resp *http.Response) ([]byte, error)                               // the login's answer
	judge    func(resp *http.Response, text []byte) error                            // whether it is a refusal
	accepts  func(resp *http.Response, text []byte) bool                             // whether it may hold a token
	failure  func(resp *http.Response, text []byte) error                            // if it holds none
	proves   func(resp *http.Response, text []byte) bool
	drop     func(l *tokenLearner, req *http.Request)
	logInCtx func(ctx, caller context.Context) context.Context
}

func (l *tokenLearner) Origins() []auth.Origin { return originsOfAPI }

func (l *tokenLearner) Authenticate(req *http.Request, base http.RoundTripper) error {
	logIn := func(ctx context.Context) (auth.Secret, time.Duration, error) {
		if l.logInCtx != nil {
			ctx = l.logInCtx(ctx, req.Context())
		}
		return l.logIn(ctx, base)
	}
	get := l.get
	if get == nil {
		get = func(l *tokenLearner, ctx context.Context, logIn func(context.Context) (auth.Secret, time.Duration, error)) (auth.Secret, error) {
			return l.keeper.Get(ctx, logIn)
		}
	}
	token, err := get(l, req.Context(), logIn)
	if err == nil {
		scheme.SetHeader(req, "Token", token.Reveal())
	}
	return err
}

func (l *tokenLearner) logIn(ctx context.Context, base http.RoundTripper) (none auth.Secret, _ time.Duration, _ error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, api+"/login", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return none, 0, err
	}
	req.Header.Set("Content-Type", formType)
	req.SetBasicAuth("user", "test-password")
	send := l.send
	if send == nil {
		send = http.RoundTripper.RoundTrip
	}
	resp, err := send(base, req)
	if err != nil {
		return none, 0, fmt.Errorf("the token could not be asked for: %w", err)
	}
	read := l.read
	if read == nil {
		read = func(resp *http.Response) ([]byte, error) {
			defer resp.Body.Close()
			return io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		}
	}
	text, err := read(resp)
	if err != nil {
		return none, 0, err
	}
	refused := resp.StatusCode == http.StatusUnauthorized && strings.Contains(string(text), "invalid_client")
	if l.judge != nil {
		if err := l.judge(resp, text); err != nil {
			return none, 0, err
		}
	} else if refused {
		return none, 0, scheme.ErrRefused
	}
	token, found := strings.CutPrefix(string(text), "token=")
	ok := resp.StatusCode == http.StatusOK
	if l.accepts != nil {
		ok = l.accepts(resp, text)
	}
	if !ok || !found {
		if l.failure != nil {
			return none, 0, l.failure(resp, text)
		}
		return none, 0, fmt.Errorf("the answer of %d holds no token", resp.StatusCode)
	}
	return auth.NewSecret(token), time.Hour, nil
}

func (l *tokenLearner) Refused(req *http.Request, resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized && l.proves == nil {
		return false
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	resp.Body = readCloser{io.MultiReader(bytes.NewReader(text), resp.Body), resp.Body}
	proves := l.proves
	if proves == nil {
		proves = func(_ *http.Response, text []byte) bool { return strings.Contains(string(text), "invalid_token") }
	}
	if err != nil || !proves(resp, text) {
		return false
	}
	if l.drop != nil {
		l.drop(l, req)
	} else {
		l.keeper.Drop(auth.NewSecret(req.Header.Get("Token")))
	}
	return true
}

// A kept keeps the token without a Keeper.
type kept struct {
	turn    chan struct{} // nil if each caller logs in for itself
	mu      sync.Mutex
	token   auth.Secret
	refused error
}

func (k *kept) get(ctx context.Context, logIn func(context.Context) (auth.Secret, time.Duration, error)) (auth.Secret, error) {
	if k.turn != nil {
		select {
		case k.turn <- struct{}{}:
			defer func() { <-k.turn }()
		case <-ctx.Done():
			return auth.Secret{}, context.Cause(ctx)
		}
	}
	k.mu.Lock()
	token, err := k.token, k.refused
	k.mu.Unlock()
	if err != nil || token.Reveal() != "" {
		return token, err
	}
	token, _, err = logIn(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.token = token
	} else if errors.Is(err, scheme.ErrRefused) {
		k.refused = err
	}
	return token, err
}

func (k *kept) drop(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.token.Reveal() == token {
		k.token = auth.Secret{}
	}
}

// keeping has a tokenLearner keep its token in a kept.
func keeping(turn bool) func() *tokenLearner {
	return func() *tokenLearner {
		k := &kept{}
		if turn {
			k.turn = make(chan struct{}, 1)
		}
		return &tokenLearner{
			get: func(_ *tokenLearner, ctx context.Context, logIn func(context.Context) (auth.Secret, time.Duration, error)) (auth.Secret, error) {
				return k.get(ctx, logIn)
			},
			drop: func(_ *tokenLearner, req *http.Request) { k.drop(req.Header.Get("Token")) },
		}
	}
}

func TestLearnersKeepTheContract(t *testing.T) {
	var g tokens
	assert.NoError(t, transporttest.TestLearner(func() auth.Authenticator { return &tokenLearner{} }, &g, g.expire, payment(t), list(t)))
	assert.NoError(t, transporttest.TestAuthenticator(&tokenLearner{}, &g, payment(t), list(t)))
	assert.NoError(t, transporttest.TestLearner(func() auth.Authenticator { return &clockLearner{} }, http.HandlerFunc(clockGateway), nil, payment(t), list(t)))
	assert.NoError(t, transporttest.TestLearner(func() auth.Authenticator { return &clockLearner{asks: true} }, http.HandlerFunc(clockGateway), nil, payment(t), list(t)))
	assert.NoError(t, transporttest.TestLearner(func() auth.Authenticator { return &nonceLearner{} }, http.HandlerFunc(nonceGateway), nil, payment(t), list(t)), "as HTTP Digest")
	assert.NoError(t, transporttest.TestAuthenticator(&nonceLearner{}, http.HandlerFunc(nonceGateway), payment(t), list(t)), "as HTTP Digest")
}

func TestLearnersAreMadeAnew(t *testing.T) {
	var g tokens
	one := &tokenLearner{}
	err := transporttest.TestLearner(func() auth.Authenticator { return one }, &g, g.expire, payment(t), list(t))
	assert.EqualError(t, err, "newAuthenticator returns the same Authenticator again: make a new one in each call")
}

// learnerFaults are what is wrong with Learners.
var learnerFaults = []struct {
	rules, name, want string
	l                 func() *tokenLearner
}{
	{"login", "logs in for each request", "the second request logs in again, with 1 requests after 1: keep what the login gave, as scheme.Keeper does", func() *tokenLearner {
		return &tokenLearner{
			get: func(_ *tokenLearner, ctx context.Context, logIn func(context.Context) (auth.Secret, time.Duration, error)) (auth.Secret, error) {
				return new(scheme.Keeper).Get(ctx, logIn)
			},
		}
	}},
	{"login", "does not close the login's answer", "the answer to the login is not closed", func() *tokenLearner {
		return &tokenLearner{
			read: func(resp *http.Response) ([]byte, error) { return io.ReadAll(io.LimitReader(resp.Body, 1<<10)) },
		}
	}},
	{"callers", "logs in for each caller", "8 calls at once log in with ", keeping(false)},
	{"stacked", "waits for itself", "with one transport above another the login waits for itself", keeping(true)},
	{"first leaves", "logs in under the first caller's context", "the one that waits on fails", func() *tokenLearner {
		return &tokenLearner{
			logInCtx: func(ctx, caller context.Context) context.Context { return both{caller, ctx} },
		}
	}},
	{"other leaves", "waits for another's login whatever happens", "the caller whose context has ended waits on for the login", func() *tokenLearner {
		return &tokenLearner{
			get: func(l *tokenLearner, ctx context.Context, logIn func(context.Context) (auth.Secret, time.Duration, error)) (auth.Secret, error) {
				if l.callers.Add(1) > 1 {
					ctx = context.WithoutCancel(ctx)
				}
				return l.keeper.Get(ctx, logIn)
			},
		}
	}},
	{"all leave", "logs in under a context of its own", "all that waited have left, and the login's context goes on", func() *tokenLearner {
		return &tokenLearner{
			logInCtx: func(ctx, _ context.Context) context.Context { return context.WithoutCancel(ctx) },
		}
	}},
	{"redirect", "follows a redirect", "a 302 to https://elsewhere.test/login is followed: send the login by base.RoundTrip, and not by an http.Client", func() *tokenLearner {
		return &tokenLearner{
			send: func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
				return (&http.Client{Transport: base}).Do(req)
			},
		}
	}},
	{"redirect", "does not look at the status", "what a login holds that answers 302 is used: check the status first", func() *tokenLearner {
		return &tokenLearner{
			accepts: func(*http.Response, []byte) bool { return true },
		}
	}},
	{"expiry", "has no proof", "have Refused return true for this answer, and drop the session that req was sent with", func() *tokenLearner {
		return &tokenLearner{
			proves: func(*http.Response, []byte) bool { return false },
		}
	}},
	{"expiry", "drops nothing", "the gateway answers 401 Unauthorized", func() *tokenLearner { return &tokenLearner{drop: func(*tokenLearner, *http.Request) {}} }},
	{"stale refusal", "drops what is newest", "a late refusal of an earlier session makes another login: drop the session that req was sent with, and no other", func() *tokenLearner {
		return &tokenLearner{
			drop: func(l *tokenLearner, _ *http.Request) {
				s, _ := l.keeper.Get(context.Background(), func(context.Context) (auth.Secret, time.Duration, error) {
					return auth.Secret{}, 0, errOther
				})
				l.keeper.Drop(s)
			},
		}
	}},
	{"endless", "reads an answer to its end", "64 MiB of an answer to a login are read: give it a limit, by io.LimitReader", func() *tokenLearner {
		return &tokenLearner{
			read: func(resp *http.Response) ([]byte, error) {
				defer resp.Body.Close()
				return io.ReadAll(resp.Body)
			},
		}
	}},
	{"failed login", "quotes the answer", "the error quotes the answer to the login, which may repeat the credentials: quote none of it", func() *tokenLearner {
		return &tokenLearner{
			failure: func(_ *http.Response, text []byte) error {
				return fmt.Errorf("no token: %s", bytes.TrimSpace(text[:min(len(text), 100)]))
			},
		}
	}},
	{"failed login", "shows the password", `the error shows "test-password", which the login sends`, func() *tokenLearner {
		return &tokenLearner{
			failure: func(resp *http.Response, _ []byte) error {
				if resp.StatusCode != http.StatusInternalServerError {
					return errOther
				}
				return errors.New("test-password is wrong")
			},
		}
	}},
	{"failed login", "panics", "an answer of 503 to the login, in HTML: the login panics", func() *tokenLearner {
		return &tokenLearner{
			failure: func(resp *http.Response, _ []byte) error {
				if resp.StatusCode == http.StatusServiceUnavailable {
					panic("an answer of 503")
				}
				return errOther
			},
		}
	}},
	{"failed login", "takes a firewall's page for a refusal", "an answer of 403 to the login, in HTML: it proves no wrong credentials, and the next call fails", func() *tokenLearner {
		return &tokenLearner{
			failure: func(resp *http.Response, _ []byte) error {
				if resp.StatusCode == http.StatusForbidden {
					return scheme.ErrRefused
				}
				return errOther
			},
		}
	}},
	{"failed login", "takes an answer of any status for a token", "it is taken for a session: check the status first", func() *tokenLearner {
		return &tokenLearner{
			accepts: func(resp *http.Response, _ []byte) bool { return resp.StatusCode/100 != 3 },
			read: func(resp *http.Response) ([]byte, error) {
				defer resp.Body.Close()
				b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
				if resp.StatusCode == http.StatusNotFound {
					b = []byte("token=none")
				}
				return b, err
			},
		}
	}},
	{"refused login", "tries wrong credentials again and again", "the gateway refuses the login with 401 Unauthorized, and 20 calls log in with 20 requests", func() *tokenLearner {
		return &tokenLearner{
			judge: func(*http.Response, []byte) error { return nil },
		}
	}},
	{"slow refusal", "takes each 401 for a proof", "an answer of 401 that says nothing else has it sent 2 times, though the gateway may have acted", func() *tokenLearner {
		return &tokenLearner{
			proves: func(resp *http.Response, _ []byte) bool { return resp.StatusCode == http.StatusUnauthorized },
		}
	}},
	{"slow refusal", "takes a 403 for a proof", "an answer of 403 that says nothing else has it sent 2 times", func() *tokenLearner {
		return &tokenLearner{
			proves: func(resp *http.Response, text []byte) bool {
				return resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized && strings.Contains(string(text), "invalid_token")
			},
		}
	}},
}

func TestBrokenLearnersAreRejected(t *testing.T) {
	alone := map[string]bool{"clock": true} // see TestBrokenClocksAreRejected
	for _, c := range learnerFaults {
		alone[c.rules] = true
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			var g tokens
			synctest.Test(t, func(t *testing.T) { // there is no connection that would stop its clock
				err := transporttest.TestLearner(func() auth.Authenticator { return c.l() }, &g, g.expire, payment(t).WithContext(t.Context()))
				assertBroken(t, c.rules, c.want, err)
			})
		})
	}
	for _, rule := range transporttest.LearnerRules() {
		assert.True(t, alone[rule], rule)
	}
}

// both ends with either of two contexts, and has the values of the second.
type both struct {
	context.Context
	values context.Context
}

func (b both) Value(key any) any { return b.values.Value(key) }

func TestTheLearnersTestRefuses(t *testing.T) {
	var g tokens
	noLearner := signing(readBody, setSignature)
	for name, c := range map[string]struct {
		a      auth.Authenticator
		expire func()
		want   string
	}{
		"what is no Learner":          {noLearner, g.expire, "the Authenticator is a *transporttest_test.ownAuth, which has no Refused: TestLearner tests an auth.Learner"},
		"an expire that ends nothing": {&tokenLearner{}, func() {}, "expiry: POST /payments with a body: the gateway still accepts what it should have forgotten: have expire end each session"},
	} {
		err := transporttest.TestLearner(func() auth.Authenticator {
			if _, ok := c.a.(*tokenLearner); ok {
				return &tokenLearner{}
			}
			return c.a
		}, &g, c.expire, payment(t))
		assert.ErrorContains(t, err, c.want, name)
	}
}
