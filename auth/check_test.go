package auth_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/auth/paylinkkey"
)

// all makes an Authenticator of each scheme, and counts how often its source is
// asked.
func all(t *testing.T, asked *int, get func() (auth.Secret, error)) map[string]auth.Authenticator {
	t.Helper()
	source := auth.SecretFunc(func(context.Context) (auth.Secret, error) {
		*asked++
		return get()
	})
	hmac, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://hmac.test", Instance: "example", Secret: source})
	require.NoError(t, err)
	key, err := paylinkkey.New(paylinkkey.Config{BaseURL: "https://key.test", Instance: "example", Secret: source})
	require.NoError(t, err)
	tco, err := avangate.New(avangate.Config{BaseURL: "https://tco.test", MerchantCode: "YOURCODE123", SecretKey: source})
	require.NoError(t, err)
	return map[string]auth.Authenticator{"https://hmac.test": hmac, "https://key.test": key, "https://tco.test": tco}
}

func TestCheckLoadsEachSecretOnce(t *testing.T) {
	asked := 0
	for _, a := range all(t, &asked, func() (auth.Secret, error) { return auth.NewSecret(hunter), nil }) {
		asked = 0
		assert.NoError(t, auth.Check(t.Context(), a))
		assert.Equal(t, 1, asked, "%T", a)
	}
}

func TestCheckSaysAllThatIsMissing(t *testing.T) {
	down := errors.New("the vault is down")
	asked := 0
	var list []auth.Authenticator
	for _, a := range all(t, &asked, func() (auth.Secret, error) { return auth.NewSecret(hunter), down }) {
		list = append(list, a)
	}
	err := auth.Check(t.Context(), list...)
	assert.ErrorIs(t, err, auth.ErrSecret)
	assert.ErrorIs(t, err, down)
	assert.Equal(t, len(list), asked)
	for _, a := range list {
		assert.ErrorContains(t, err, fmt.Sprintf("countersign: check for %s: the source auth.SecretFunc: the vault is down", a.Origins()[0]))
	}
	assertRedacted(t, err.Error())
	_, ok := errors.AsType[*auth.Error](err)
	assert.True(t, ok)
}

func TestCheckPassesTheContextOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := &checked{authenticator{origins: []auth.Origin{origin(t, "https://api.test")}}, context.Context.Err}
	assert.NoError(t, auth.Check(t.Context(), a))
	assert.ErrorIs(t, auth.Check(ctx, a), context.Canceled)
}

// A checked Authenticator is one of somebody else's.
type checked struct {
	authenticator
	check func(context.Context) error
}

func (c *checked) Check(ctx context.Context) error { return c.check(ctx) }

// Nothing would have been checked, and nobody would notice.
func TestCheckRefusesWhatItCannotCheck(t *testing.T) {
	api := origin(t, "https://api.test")
	var failed *paylinkhmac.Authenticator
	for name, c := range map[string]struct {
		list []auth.Authenticator
		want string
	}{
		"nothing":              {nil, "no authenticator is given"},
		"nil":                  {[]auth.Authenticator{nil}, "an authenticator is nil"},
		"of a New that failed": {[]auth.Authenticator{failed}, "was the error of its New ignored?"},
		"a PerRequest":         {[]auth.Authenticator{auth.NewPerRequest(api)}, "for https://api.test: an auth.PerRequest holds no secret: check the authenticators of its merchants"},
		"no Checker":           {[]auth.Authenticator{&authenticator{origins: []auth.Origin{api}}}, "a *auth_test.authenticator cannot be checked: give it a method Check"},
	} {
		t.Run(name, func(t *testing.T) {
			err := auth.Check(t.Context(), c.list...)
			assert.ErrorIs(t, err, auth.ErrConfig)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestCheckCompletesASchemesError(t *testing.T) {
	down := errors.New("the drawer is empty")
	own := &auth.Error{Code: auth.ErrSecret, Err: down}
	var null *auth.Error
	for _, c := range []struct {
		err  error
		want string
	}{
		{own, "countersign: check for https://api.test: the drawer is empty"},
		{&auth.Error{Op: "open", Gateway: "g", Err: down}, "countersign: open for g: the drawer is empty"},
		{down, "countersign: check for https://api.test: the drawer is empty"},
		{null, "countersign: check for https://api.test: " + null.Error()},
	} {
		err := auth.Check(t.Context(), &checked{authenticator{origins: []auth.Origin{origin(t, "https://api.test")}}, func(context.Context) error { return c.err }})
		assert.EqualError(t, err, c.want)
		assert.ErrorIs(t, err, c.err)
	}
	assert.Empty(t, own.Op)
}
