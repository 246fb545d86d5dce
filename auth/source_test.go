package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

func TestSecretIsASourceOfItself(t *testing.T) {
	got, err := auth.Load(t.Context(), auth.NewSecret(hunter))
	require.NoError(t, err)
	assert.Equal(t, hunter, got.Reveal())
}

func TestEnvIsReadEachTime(t *testing.T) {
	const name = "COUNTERSIGN_TEST_SECRET"
	source := auth.Env(name)

	t.Setenv(name, "first")
	assertSecret(t, source, "first")
	t.Setenv(name, "second")
	assertSecret(t, source, "second")

	t.Setenv(name, "")
	_, err := auth.Load(t.Context(), source)
	assert.ErrorContains(t, err, "empty", "a variable that is set to nothing")

	require.NoError(t, os.Unsetenv(name))
	_, err = auth.Load(t.Context(), source)
	assert.ErrorContains(t, err, name+" is not set")

	t.Setenv(name, " "+hunter)
	_, err = auth.Load(t.Context(), source)
	if assert.Error(t, err) {
		assertRedacted(t, err.Error())
	}
}

func TestSecretFuncGetsTheContextAndIsCalledEachTime(t *testing.T) {
	type key struct{}
	calls := 0
	source := auth.SecretFunc(func(ctx context.Context) (auth.Secret, error) {
		calls++
		return auth.NewSecret(fmt.Sprint(ctx.Value(key{}), calls)), nil
	})
	ctx := context.WithValue(t.Context(), key{}, "merchants-secret-")
	for _, want := range []string{"merchants-secret-1", "merchants-secret-2"} {
		got, err := auth.Load(ctx, source)
		require.NoError(t, err)
		assert.Equal(t, want, got.Reveal())
	}

	down := errors.New("the vault is down")
	_, err := auth.Load(ctx, auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.Secret{}, down }))
	assert.ErrorIs(t, err, down)
}

func TestLoadAndCheckSource(t *testing.T) {
	unused := auth.SecretFunc(func(context.Context) (auth.Secret, error) {
		t.Error("CheckSource has loaded the secret")
		return auth.Secret{}, nil
	})
	for name, c := range map[string]struct {
		source auth.SecretSource
		want   string // of CheckSource, "" for none
	}{
		"nil":                 {nil, "no secret is given"},
		"zero secret":         {auth.Secret{}, "empty"},
		"secret with newline": {auth.NewSecret("x\n"), "white space"},
		"secret":              {auth.NewSecret(hunter), ""},
		"func":                {unused, ""},
		"env that is not set": {auth.Env("COUNTERSIGN_TEST_UNSET"), ""},
		"file that is absent": {auth.NewFile(filepath.Join(t.TempDir(), "absent")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := auth.CheckSource(c.source)
			if c.want == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, c.want)
				_, err := auth.Load(t.Context(), c.source)
				assert.ErrorContains(t, err, c.want, "Load")
			}
		})
	}
	assert.ErrorContains(t, auth.CheckSource(auth.SecretFunc(nil)), "no secret is given")
	t.Run("Load validates what it is given", func(t *testing.T) {
		_, err := auth.Load(t.Context(), auth.SecretFunc(func(context.Context) (auth.Secret, error) {
			return auth.NewSecret(hunter + "\n"), nil
		}))
		if assert.ErrorContains(t, err, "white space") {
			assertRedacted(t, err.Error())
		}
	})
}

// An operator has many sources, and sees one error.
func TestLoadSaysWhichSourceFails(t *testing.T) {
	const name = "COUNTERSIGN_TEST_SECRET"
	t.Setenv(name, hunter+"\n")
	t.Setenv("lower_case", "")
	dir := t.TempDir()
	t.Chdir(dir)
	bad := write(t, filepath.Join(dir, "bad"), hunter+" \n")
	down := errors.New("the vault is down")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for what, c := range map[string]struct {
		source auth.SecretSource
		want   string
		not    string
	}{
		"none":                            {nil, "no secret is given", ""},
		"a static one":                    {auth.NewSecret(hunter + " "), "the static secret: the secret begins or ends", ""},
		"a variable that is wrong":        {auth.Env(name), "the environment variable COUNTERSIGN_TEST_SECRET: the secret begins or ends", ""},
		"a variable that is not set":      {auth.Env(name + "_2"), "the environment variable COUNTERSIGN_TEST_SECRET_2 is not set", ""},
		"what may be the secret":          {auth.Env("lower_case"), "the environment variable: the secret is empty", "lower_case"},
		"a file that is wrong":            {auth.NewFile(bad), fmt.Sprintf("the file %q: the secret begins or ends", bad), ""},
		"a file that is absent":           {auth.NewFile(bad + "2"), bad + "2: no such file", ""},
		"a file whose path may be secret": {auth.NewFile("bad"), "the file: the secret begins or ends", `"bad"`},
		"a function that fails":           {auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.NewSecret(hunter), down }), "the source auth.SecretFunc: the vault is down", ""},
		"a function that is wrong":        {auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.Secret{}, nil }), "the source auth.SecretFunc: the secret is empty", ""},
		"another's":                       {&vault{}, "the source *auth_test.vault: the vault is sealed", ""},
	} {
		t.Run(what, func(t *testing.T) {
			s, err := auth.Load(t.Context(), c.source)
			require.ErrorContains(t, err, c.want)
			assert.ErrorIs(t, err, auth.ErrSecret)
			assert.NotErrorIs(t, err, auth.ErrConfig)
			assert.True(t, s.IsZero())
			assertRedacted(t, fmt.Sprintf("%v %+v %#v", err, err, err))
			if c.not != "" {
				assert.NotContains(t, err.Error(), c.not)
			}
		})
	}
	_, err := auth.Load(ended, auth.NewFile(bad))
	assert.ErrorIs(t, err, auth.ErrSecret)
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, bad)
	assert.ErrorIs(t, auth.CheckSource(nil), auth.ErrSecret)
	assert.ErrorIs(t, auth.CheckSource(auth.Secret{}), auth.ErrSecret)
}

type vault struct{}

func (*vault) Secret(context.Context) (auth.Secret, error) {
	return auth.NewSecret(hunter), errors.New("the vault is sealed")
}

// The name may be the secret, in the wrong place.
func TestASourceDoesNotPrintAName(t *testing.T) {
	assertRedacted(t, fmt.Sprintf("%v %+v %#v", auth.Env(hunter), auth.Env(hunter), auth.Env(hunter)))
}

// rotations are the states of a file in the middle of a rotation.
var rotations = map[string]func(t *testing.T, path string){
	"missing":         func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	"directory gone":  func(t *testing.T, path string) { require.NoError(t, os.RemoveAll(filepath.Dir(path))) },
	"empty":           func(t *testing.T, path string) { write(t, path, "") },
	"a newline alone": func(t *testing.T, path string) { write(t, path, "\n") },
}

// People give a secret where its place's name belongs.
func TestASecretInTheWrongPlaceIsNotShown(t *testing.T) {
	for _, secret := range []string{hunter, "Hunter2_" + hunter, strings.ToUpper(hunter), "1" + strings.ToUpper(strings.ReplaceAll(hunter, "-", "_")), hunter + "="} {
		for name, source := range map[string]auth.SecretSource{"Env": auth.Env(secret), "NewFile": auth.NewFile(secret)} {
			_, err := source.Secret(t.Context())
			if assert.ErrorContains(t, err, "not shown", name) {
				assertRedacted(t, fmt.Sprintf("%v %+v %#v %q", err, err, err, chain(err)))
			}
			assert.Equal(t, name == "NewFile", errors.Is(err, fs.ErrNotExist))
		}
	}
	t.Chdir(t.TempDir())
	write(t, "hunter2", "")
	_, err := auth.NewFile("hunter2").Secret(t.Context())
	if assert.ErrorContains(t, err, "it is empty") {
		assertRedacted(t, err.Error())
	}
	for _, name := range []string{"COUNTERSIGN_TEST_UNSET", "_9"} {
		_, err := auth.Env(name).Secret(t.Context())
		assert.EqualError(t, err, "the environment variable "+name+" is not set")
	}
	_, err = auth.NewFile("./absent").Secret(t.Context())
	assert.ErrorContains(t, err, "./absent")
}

// chain returns the texts of err and of all that it wraps.
func chain(err error) (texts []string) {
	for ; err != nil; err = errors.Unwrap(err) {
		texts = append(texts, err.Error())
	}
	return texts
}

func assertSecret(t *testing.T, source auth.SecretSource, want string) {
	t.Helper()
	got, err := source.Secret(t.Context())
	if assert.NoError(t, err) && got.Reveal() != want {
		t.Errorf("got the secret %q, want %q", got.Reveal(), want)
	}
}

func assertNoSecret(t *testing.T, source auth.SecretSource, why string) {
	t.Helper()
	if got, err := source.Secret(t.Context()); err == nil {
		t.Errorf("got the secret %q, want an error: %s", got.Reveal(), why)
	}
}
