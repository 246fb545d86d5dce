package avangate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/internal/request"
)

// A Login is the four values of the vendor's login method, in their order, for
// those who drive another client. They are valid for as long as their date is: make
// them anew for each login.
type Login struct {
	MerchantCode string
	Date         string      // in UTC, as 2006-01-02 15:04:05
	Hash         auth.Secret // who has it can log in: Reveal it to the client only
	Algorithm    Algorithm   // its String is what the vendor wants
}

// Login returns the values of a login now, by the same clock and [Authenticator.Offset]
// as the Authenticator's own. It sends nothing, and fails with [auth.ErrSecret] if
// the secret cannot be had.
func (a *Authenticator) Login(ctx context.Context) (Login, error) {
	secret, err := auth.Load(ctx, a.secretKey)
	if err != nil {
		return Login{}, &auth.Error{Op: "log in", Gateway: a.merchantCode, Code: auth.ErrSecret, Err: err}
	}
	return a.loginAt(secret, a.clock.Claim(new(http.Request))), nil
}

func (a *Authenticator) loginAt(secret auth.Secret, claimed time.Time) Login {
	date := formatDate(claimed)
	_, hash := sign(secret, a.algorithm, a.merchantCode, date)
	return Login{a.merchantCode, date, auth.NewSecret(hash), a.algorithm}
}

// A login is where and how to log in.
type login struct {
	dialect dialect
	message *message
	url     *url.URL
	agent   []string // User-Agent, nil if there is none
}

// newLogin returns the login for a request: at its URL, without what a caller may
// have added to the endpoint's.
func newLogin(req *http.Request, d dialect, m *message) *login {
	u := req.URL
	return &login{
		dialect: d,
		message: m,
		url:     &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath},
		agent:   slices.Clone(req.Header["User-Agent"]),
	}
}

// logIn asks for a session for k, if nothing holds that back.
func (a *Authenticator) logIn(ctx context.Context, base http.RoundTripper, l *login, k *keeper) loginResult {
	if !utf8.ValidString(a.merchantCode) {
		return loginResult{err: errors.New("the merchant code is not UTF-8, as JSON and XML must be")}
	}
	secret, err := auth.Load(ctx, a.secretKey)
	if err != nil {
		return loginResult{err: err}
	}
	if err := a.keepers().admit(k, secret, a.now()); err != nil {
		return loginResult{err: err}
	}
	return a.askSession(ctx, base, l, secret)
}

var errBroken = errors.New("the login was broken off")

// askSession asks for a session, and once more if the clock was the matter.
func (a *Authenticator) askSession(ctx context.Context, base http.RoundTripper, l *login, secret auth.Secret) (r loginResult) {
	if t := auth.ContextTrace(ctx); t != nil && t.LoggedIn != nil {
		start := a.now()
		r.err = errBroken
		defer func() {
			t.LoggedIn(ctx, auth.LoggedInInfo{Origin: auth.OriginOf(l.url), Duration: a.now().Sub(start), Err: r.err})
		}()
	}
	for again := true; ; again = false {
		req := a.loginRequest(ctx, l, secret)
		resp, answer, err := ask(base, req)
		if err != nil {
			return loginResult{err: err}
		}
		o, err := readLogin(l.dialect, resp, answer)
		if err == nil {
			return loginResult{id: auth.NewSecret(o.id), secret: secret}
		}
		if !again || !o.failed || !a.clock.Refused(req, resp) {
			if o.refused {
				err = refusal{err}
			}
			return loginResult{secret: secret, refused: o.refused, err: err}
		}
	}
}

// loginRequest returns a request for a session, at the present time.
func (a *Authenticator) loginRequest(ctx context.Context, l *login, secret auth.Secret) *http.Request {
	req := (&http.Request{Method: http.MethodPost, URL: l.url, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	values := a.loginAt(secret, a.clock.Claim(req))
	body, h := l.message.login(values)
	if l.agent != nil {
		h["User-Agent"] = l.agent
	}
	req.Header = h
	request.SetBody(req, body)
	return req.WithContext(context.WithValue(req.Context(), loginKey{}, values.Hash))
}

// loginKey is the key under which a login's context has its hash.
type loginKey struct{}

// maxLoginAnswer bounds the answer to a login, in bytes.
const maxLoginAnswer = 64 << 10

// ask sends a login and reads the answer.
func ask(base http.RoundTripper, login *http.Request) (*http.Response, []byte, error) {
	resp, err := base.RoundTrip(login)
	if err != nil {
		return nil, nil, fmt.Errorf("the login could not be sent: %w", err)
	}
	if resp == nil {
		return nil, nil, errors.New("the login could not be sent: the base RoundTripper returned no response")
	}
	if resp.Body == nil {
		return resp, nil, nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxLoginAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("the answer to the login cannot be read: %w", err)
	}
	return resp, answer, nil
}

// readLogin reads the outcome of a login; it is an error if there is no session id.
// Its errors quote nothing that a hash or an id could be.
//
// The credentials were refused if the gateway says so in the words of the protocol,
// or of REST, or answers 401. A firewall says 403, and a page of HTML comes from
// something in front of the API.
func readLogin(d dialect, resp *http.Response, answer []byte) (outcome, error) {
	status := resp.StatusCode
	if 300 <= status && status < 400 {
		return outcome{}, fmt.Errorf("the login was redirected with status %d: call the final URL, often the same with a slash at its end", status)
	}
	answer = bytes.TrimSpace(answer)
	o := d.outcome(answer)
	denied := status == http.StatusUnauthorized || status == http.StatusForbidden
	if denied {
		o.id = ""
	}
	switch {
	case !o.failed && isHTML(answer):
		o = outcome{reason: fmt.Sprintf("status %d and a page of HTML", status)}
	case status >= 500 && !(o.fault && status == http.StatusInternalServerError):
		o = outcome{id: o.id, reason: cmp.Or(o.reason, fmt.Sprintf("status %d", status))}
	case status == http.StatusUnauthorized, (denied || status == http.StatusBadRequest) && saysAuthenticationError(bytes.NewReader(answer)):
		o.failed, o.refused = true, true
	}
	if denied {
		o.reason = cmp.Or(o.reason, fmt.Sprintf("status %d", status))
	}
	switch {
	case o.refused:
		return o, fmt.Errorf("the gateway refused the login with %s: check the merchant code, and that the key is this account's Secret Key and not a secret word", cmp.Or(o.reason, fmt.Sprintf("status %d", status)))
	case o.id == "" && o.reason != "":
		return o, fmt.Errorf("the gateway answered the login with %s: %s", o.reason, loginAdvice(status, !o.failed, "check the path and the version of the API, and in SOAP the envelope"))
	case o.id == "":
		return o, fmt.Errorf("the answer to the login, with status %d, holds no session id: %s", status, loginAdvice(status, false, "is this the path of an endpoint, and does it work?"))
	}
	return o, checkSessionID(o.id)
}

// loginAdvice says what to do about an answer that is neither a session nor a refusal of
// the credentials. isOther says that it is not in the words of the protocol.
func loginAdvice(status int, isOther bool, otherwise string) string {
	switch {
	case status == http.StatusTooManyRequests:
		return "those were too many requests: wait, and call again"
	case isOther && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		return "a firewall or a proxy may stand before the API: check the URL, and call again later or from another network"
	case isOther && status >= 500:
		return "the API fails, or what stands before it: call again later"
	}
	return otherwise
}

// isHTML reports whether an answer is a page, whatever its Content-Type says: PHP
// calls text/html what has no type.
func isHTML(answer []byte) bool {
	return strings.HasPrefix(http.DetectContentType(answer), "text/html")
}

// A refusal is the error of a login whose credentials the gateway refused. It is not
// [scheme.ErrRefused] yet, for which a Keeper would pause by itself: a pause of ours
// belongs to a secret, and to all endpoints of an origin that had no session.
type refusal struct{ error }

// A toldRefusal is a refusal as callers get it.
type toldRefusal struct{ refusal }

func (toldRefusal) Is(target error) bool { return target == scheme.ErrRefused }

// loginError completes an error of session, which is the call's own.
func loginError(o auth.Origin, err error) error {
	if e, ok := errors.AsType[*auth.Error](err); ok {
		e.Gateway = o.String()
		if r, ok := e.Err.(refusal); ok {
			e.Err = toldRefusal{r}
		}
	}
	return err
}
