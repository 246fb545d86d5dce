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
	"time"
	"unicode/utf8"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
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
	_, claimed := a.clock()
	return a.loginAt(ctx, claimed)
}

func (a *Authenticator) loginAt(ctx context.Context, claimed time.Time) (Login, error) {
	secret, err := auth.Load(ctx, a.secretKey)
	if err != nil {
		return Login{}, &auth.Error{Op: "log in", Gateway: a.merchantCode, Code: auth.ErrSecret, Err: err}
	}
	date := claimed.UTC().Format(vendor.DateLayout)
	_, hash := sign(secret, a.algorithm, a.merchantCode, date)
	return Login{a.merchantCode, date, auth.NewSecret(hash), a.algorithm}, nil
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

// logIn asks for a session, and once more if the clock was the matter. It reports
// whether the gateway answered.
func (a *Authenticator) logIn(ctx context.Context, base http.RoundTripper, l *login) (_ *session, answered bool, _ error) {
	if !utf8.ValidString(a.merchantCode) {
		return nil, false, errors.New("the merchant code is not UTF-8, as JSON and XML must be")
	}
	var err error
	for range 2 {
		own, claimed := a.clock()
		values, loadErr := a.loginAt(ctx, claimed)
		if loadErr != nil {
			return nil, false, loadErr
		}
		resp, answer, askErr := ask(base, l.request(ctx, values))
		if askErr != nil {
			return nil, false, askErr
		}
		id, refused, loginErr := readLogin(l.dialect, resp.StatusCode, answer)
		if loginErr == nil {
			return &session{auth.NewSecret(id), own}, true, nil
		}
		err = loginErr
		if !refused || !a.learn(claimed, resp.Header) {
			break
		}
	}
	return nil, true, err
}

func (l *login) request(ctx context.Context, values Login) *http.Request {
	body, h := l.message.login(values)
	if l.agent != nil {
		h["User-Agent"] = l.agent
	}
	req := &http.Request{Method: http.MethodPost, URL: l.url, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h}
	request.SetBody(req, body)
	return req.WithContext(ctx)
}

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

// readLogin reads the session id, or whether the credentials were refused. Its
// errors quote nothing that a hash or an id could be.
func readLogin(d dialect, status int, answer []byte) (id string, refused bool, _ error) {
	if 300 <= status && status < 400 {
		return "", false, fmt.Errorf("the login was redirected with status %d: call the final URL, often the same with a slash at its end", status)
	}
	id, reason, refused := d.session(bytes.TrimSpace(answer))
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		id, refused = "", true
		reason = cmp.Or(reason, fmt.Sprintf("status %d", status))
	}
	switch {
	case refused:
		return "", true, fmt.Errorf("the gateway refused the login with %s: check the merchant code, and that the key is this account's Secret Key and not a secret word", reason)
	case reason != "":
		return "", false, fmt.Errorf("the gateway answered the login with %s: check the path and the version of the API, and in SOAP the envelope", reason)
	case id == "":
		return "", false, fmt.Errorf("the answer to the login, with status %d, holds no session id: is this the path of an endpoint, and does it work?", status)
	}
	return id, false, checkSessionID(id)
}

// loginError makes an error of what logIn returned. That of a secret which cannot
// be had is one already.
func loginError(req *http.Request, err error) error {
	if e, ok := err.(*auth.Error); ok {
		return e
	}
	return &auth.Error{Op: "log in", Gateway: auth.OriginOf(req.URL).String(), Code: ErrLogin, Err: err}
}
