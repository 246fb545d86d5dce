package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

func TestContextNamesAnAuthenticator(t *testing.T) {
	assert.Nil(t, auth.FromContext(context.Background()))
	assert.Nil(t, auth.FromContext(auth.WithAuthenticator(context.Background(), nil)))

	a, b := &authenticator{}, &authenticator{}
	outer := auth.WithAuthenticator(context.Background(), a)
	assert.Same(t, a, auth.FromContext(outer))
	inner := auth.WithAuthenticator(outer, b)
	assert.Same(t, b, auth.FromContext(inner), "the inner one counts")
	assert.Same(t, a, auth.FromContext(outer), "the outer context is as it was")
	assert.Nil(t, auth.FromContext(auth.WithAuthenticator(outer, nil)), "the inner one counts, even if it is none")
}

// The transport puts the named Authenticator in its place. PerRequest itself has no
// credentials, and no default, whatever the context says.
func TestPerRequestHoldsNoCredentials(t *testing.T) {
	shared := origin(t, "https://api.example.com")
	p := auth.NewPerRequest(shared)
	assert.Equal(t, []auth.Origin{shared}, p.Origins())
	for name, named := range map[string]auth.Authenticator{
		"nobody":           nil,
		"a merchant":       &authenticator{origins: []auth.Origin{shared}},
		"another's":        &authenticator{},
		"itself":           p,
		"another like it":  auth.NewPerRequest(shared),
		"one of no origin": auth.NewPerRequest(),
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(auth.WithAuthenticator(t.Context(), named), http.MethodPost, "https://api.example.com/v1.0/Invoice/", nil)
			require.NoError(t, err)
			err = p.Authenticate(req, nil)
			assert.ErrorIs(t, err, auth.ErrNoAuthenticator)
			assert.ErrorContains(t, err, "https://api.example.com")
			assert.ErrorContains(t, err, "auth.WithAuthenticator")
			assert.Empty(t, req.Header)
		})
	}
}

// Programs keep Authenticators in maps, and ask whether a context names a certain one.
func TestAPerRequestCanBeComparedAndNeverChanges(t *testing.T) {
	shared := origin(t, "https://api.example.com")
	origins := []auth.Origin{shared}
	var a, b auth.Authenticator = auth.NewPerRequest(origins...), auth.NewPerRequest(origins...)
	assert.NotPanics(t, func() {
		assert.True(t, a == auth.FromContext(auth.WithAuthenticator(t.Context(), a)))
		assert.False(t, a == b)
		assert.Len(t, map[auth.Authenticator]bool{a: true, b: true}, 2)
	})
	origins[0] = origin(t, "https://other.example.com")
	assert.Equal(t, []auth.Origin{shared}, a.Origins())
	assert.Empty(t, (*auth.PerRequest)(nil).Origins())
	assert.Empty(t, new(auth.PerRequest).Origins())
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  auth.Error
		want string
	}{
		{
			auth.Error{Op: "sign POST", Gateway: "https://api.payrexx.com", Code: auth.ErrParameter, Err: errors.New(`parameter "a" is given twice`)},
			`countersign: sign POST for https://api.payrexx.com: parameter "a" is given twice`,
		},
		{
			auth.Error{Op: "verify GET", Code: auth.ErrUnsigned, Err: errors.New("there is no ApiSignature")},
			"countersign: verify GET: there is no ApiSignature",
		},
		{auth.Error{Op: "sign POST"}, "countersign: sign POST"},
		{auth.Error{Gateway: "https://api.payrexx.com", Code: auth.ErrBody}, "countersign for https://api.payrexx.com: body refused"},
		{auth.Error{Code: auth.ErrBody}, "countersign: body refused"},
	} {
		assert.Equal(t, c.want, c.err.Error())
	}
}

// A scheme of the user's own may have nothing to add to the code.
func TestErrorWithoutCauseSaysItsCode(t *testing.T) {
	e := &auth.Error{Op: "sign POST", Code: auth.ErrBody}
	assert.NotPanics(t, func() {
		assert.Equal(t, "countersign: sign POST: body refused", e.Error())
	})
	assert.ErrorIs(t, e, auth.ErrBody)
	assert.Equal(t, []error{auth.ErrBody}, e.Unwrap(), "what walks the chain need not look for nil")
}

func TestErrorIsItsCodeAndItsCause(t *testing.T) {
	sentinels := []error{
		auth.ErrConfig, auth.ErrSecret, auth.ErrOrigin, auth.ErrRedirect, auth.ErrNoAuthenticator, auth.ErrParameter,
		auth.ErrRequest, auth.ErrBody, auth.ErrUnsigned, auth.ErrSignature, auth.ErrClock,
	}
	cause := fmt.Errorf("the body cannot be read: %w", io.ErrUnexpectedEOF)
	for _, code := range sentinels {
		err := fmt.Errorf("post: %w", &auth.Error{Op: "sign POST", Gateway: "g", Code: code, Err: cause})
		for _, sentinel := range sentinels {
			assert.Equal(t, sentinel == code, errors.Is(err, sentinel), "errors.Is(%v, %v)", code, sentinel)
		}
		assert.ErrorIs(t, err, cause)
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
		e, ok := errors.AsType[*auth.Error](err)
		if assert.True(t, ok) {
			assert.Equal(t, auth.Error{Op: "sign POST", Gateway: "g", Code: code, Err: cause}, *e)
			assert.Equal(t, []error{code, cause}, e.Unwrap())
		}
		assert.True(t, strings.HasSuffix(err.Error(), ": unexpected EOF"), "got %q", err)
	}
}

// A scheme may keep an error of its own, which the transport fills in, in a copy.
func TestErrorIsWhatItWasCopiedFrom(t *testing.T) {
	cause := errors.New("the drawer is empty")
	kept := &auth.Error{Code: auth.ErrSecret, Err: cause}
	for name, c := range map[string]struct {
		err  auth.Error
		want bool
	}{
		"itself":             {*kept, true},
		"filled in":          {auth.Error{Op: "authenticate GET", Gateway: "g", Code: auth.ErrSecret, Err: cause}, true},
		"another code":       {auth.Error{Code: auth.ErrBody, Err: cause}, false},
		"no code":            {auth.Error{Err: cause}, false},
		"another cause":      {auth.Error{Code: auth.ErrSecret, Err: errors.New("the drawer is empty")}, false},
		"no cause":           {auth.Error{Code: auth.ErrSecret}, false},
		"a cause of its own": {auth.Error{Code: auth.ErrSecret, Err: uncomparable{}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, errors.Is(fmt.Errorf("post: %w", &c.err), kept))
		})
	}
	of := &auth.Error{Op: "log in", Gateway: "g", Code: auth.ErrSecret}
	assert.ErrorIs(t, &auth.Error{Op: "log in", Gateway: "g", Code: auth.ErrSecret}, of, "neither has a cause")
	assert.ErrorIs(t, &auth.Error{Err: cause}, &auth.Error{Err: cause}, "neither has a code")
	assert.NotErrorIs(t, &auth.Error{Op: "log in", Gateway: "g", Code: auth.ErrSecret, Err: cause}, of, "a cause more")
	assert.NotErrorIs(t, &auth.Error{Op: "log in", Gateway: "g", Code: auth.ErrSecret, Err: uncomparable{}}, of, "a cause more that cannot be compared")
	assert.NotErrorIs(t, &auth.Error{Op: "log in", Gateway: "h", Code: auth.ErrSecret}, of, "another gateway")
	assert.NotErrorIs(t, &auth.Error{Op: "sign GET", Gateway: "g", Code: auth.ErrSecret}, of, "another operation")
	assert.NotErrorIs(t, &auth.Error{Err: uncomparable{}}, &auth.Error{Err: uncomparable{}}, "causes that cannot be compared")
	assert.NotErrorIs(t, &auth.Error{Err: holding{[]int{1}}}, &auth.Error{Err: holding{[]int{1}}}, "causes that hold what cannot be compared")
	assert.NotErrorIs(t, of, (*auth.Error)(nil))
}

// An uncomparable error makes == panic.
type uncomparable []string

func (uncomparable) Error() string { return "many things" }

type holding struct{ any any }

func (holding) Error() string { return "anything" }

func TestErrorIsATimeoutIfItsCauseIs(t *testing.T) {
	for cause, want := range map[error]bool{nil: false, context.Canceled: false, context.DeadlineExceeded: true, os.ErrDeadlineExceeded: true} {
		err := &url.Error{Op: "Get", URL: "https://api.shop.test", Err: &auth.Error{Op: "sign GET", Code: auth.ErrSecret, Err: cause}}
		assert.Equal(t, want, err.Timeout(), "%v", cause)
	}
}

func TestANilErrorSaysSo(t *testing.T) {
	var err error = (*auth.Error)(nil)
	assert.ErrorContains(t, err, "nil *auth.Error")
	assert.NotErrorIs(t, err, auth.ErrSecret)
	assert.False(t, (*auth.Error)(nil).Timeout())
	assert.NotErrorIs(t, err, &auth.Error{})
}
