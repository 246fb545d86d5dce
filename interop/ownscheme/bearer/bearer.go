// Package bearer authenticates requests to a gateway that gives a token for a
// client's id and secret (RFC 6749, 4.4) and wants it in each request (RFC 6750).
// The gateway is made up. It checks the token before it does anything else, and
// says so where it refuses one: 401 with error="invalid_token".
package bearer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
)

const (
	maxAnswer = 64 << 10         // of a login, in bytes
	margin    = 10 * time.Second // before a token's end, for a request to arrive
)

// A Config describes one account.
type Config struct {
	BaseURL  string // such as "https://api.birch.example"
	ClientID string
	Secret   auth.SecretSource // of the client; asked at each login
}

// An Authenticator sends the token of one account.
type Authenticator struct {
	origin   auth.Origin
	clientID string
	secret   auth.SecretSource
	tokens   scheme.Keeper
}

var _ auth.Learner = (*Authenticator)(nil)

// New returns an Authenticator. It does no I/O.
func New(c Config) (*Authenticator, error) {
	origin, err := auth.ParseOrigin(c.BaseURL, false)
	if err != nil {
		return nil, &auth.Error{Op: "configure Birch", Code: auth.ErrConfig, Err: err}
	}
	if err := auth.CheckSource(c.Secret); err != nil {
		return nil, &auth.Error{Op: "configure Birch", Gateway: origin.String(), Code: auth.ErrSecret, Err: err}
	}
	return &Authenticator{origin: origin, clientID: c.ClientID, secret: c.Secret}, nil
}

// Origins returns the origin of the base URL.
func (a *Authenticator) Origins() []auth.Origin { return []auth.Origin{a.origin} }

// Authenticate adds the token. Its errors are scheme.ErrLogin.
func (a *Authenticator) Authenticate(req *http.Request, base http.RoundTripper) error {
	token, err := a.tokens.Get(req.Context(), func(ctx context.Context) (auth.Secret, time.Duration, error) { return a.logIn(ctx, base) })
	if err != nil {
		return err
	}
	scheme.SetHeader(req, "Authorization", "Bearer "+token.Reveal())
	return nil
}

// Refused drops the token that req was sent with, if the gateway says that it is
// not valid.
func (a *Authenticator) Refused(req *http.Request, resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(resp.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		return false
	}
	a.tokens.Drop(auth.NewSecret(strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")))
	return true
}

func (a *Authenticator) logIn(ctx context.Context, base http.RoundTripper) (none auth.Secret, _ time.Duration, _ error) {
	secret, err := auth.Load(ctx, a.secret)
	if err != nil {
		return none, 0, err // an auth.ErrSecret
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.origin.String()+"/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return none, 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(a.clientID), url.QueryEscape(secret.Reveal()))
	resp, err := base.RoundTrip(req) // which, unlike an http.Client, follows no redirect
	if err != nil {
		return none, 0, fmt.Errorf("the token could not be asked for: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return none, 0, fmt.Errorf("the answer to the login cannot be read: %w", err)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Seconds int64  `json:"expires_in"`
		Error   string `json:"error"`
	}
	switch err := json.Unmarshal(b, &answer); { // whose error would quote the answer
	case resp.StatusCode == http.StatusUnauthorized && answer.Error == "invalid_client":
		return none, 0, fmt.Errorf("%w: check the client's id and secret", scheme.ErrRefused)
	case err != nil || resp.StatusCode != http.StatusOK || answer.Token == "":
		return none, 0, fmt.Errorf("the answer to the login, with status %d, holds no token: check the base URL", resp.StatusCode)
	}
	return auth.NewSecret(answer.Token), time.Duration(min(answer.Seconds, 24*60*60))*time.Second - margin, nil
}
