package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

func TestFileContent(t *testing.T) {
	dir := t.TempDir() // its path would hold the content if it were a subtest's
	for i, c := range []struct{ content, want, err string }{
		{"hunter2", "hunter2", ""},
		{"hunter2\n", "hunter2", ""},
		{"hunter2\r\n", "hunter2", ""},
		{"two\nlines\n", "two\nlines", ""},
		{"\xff\x00\xfe", "\xff\x00\xfe", ""},
		{strings.Repeat("x", 64<<10), strings.Repeat("x", 64<<10), ""},

		{"hunter2\n\n", "", "white space"}, // one newline is cut off, and one only
		{"hunter2\r\n\r\n", "", "white space"},
		{"hunter2\n\r", "", "white space"},
		{"hunter2\r", "", "white space"},
		{"hunter2 \n", "", "white space"},
		{" hunter2\n", "", "white space"},
		{"", "", "is empty"},
		{"\n", "", "is empty"},
		{"\r\n", "", "is empty"},
		{" \n", "", "white space"},
		{"x" + strings.Repeat("hunter2-", 8<<10), "", "larger than 65536 bytes"},
	} {
		t.Run(fmt.Sprintf("%.14q", c.content), func(t *testing.T) {
			source := auth.NewFile(write(t, filepath.Join(dir, fmt.Sprint(i)), c.content))
			if c.err == "" {
				assertSecret(t, source, c.want)
				return
			}
			_, err := auth.Load(t.Context(), source)
			if assert.ErrorContains(t, err, c.err) {
				assertRedacted(t, err.Error())
			}
		})
	}
}

func TestFileThatWasNeverThereIsAnErrorUntilItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	source := auth.NewFile(path)
	_, err := source.Secret(t.Context())
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, path)

	write(t, path, "")
	_, err = source.Secret(t.Context())
	assert.ErrorContains(t, err, "is empty")

	write(t, path, "hunter2\n")
	assertSecret(t, source, "hunter2")
}

func TestFileThatIsReplacedCountsAtOnce(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "secret"), "first\n")
	source := auth.NewFile(path)
	assertSecret(t, source, "first")

	write(t, path, "second\n")
	assertSecret(t, source, "second")

	next := write(t, path+".next", "third\n")
	require.NoError(t, os.Rename(next, path)) // the atomic way
	assertSecret(t, source, "third")

	require.NoError(t, os.Remove(path))
	write(t, path, "fourth\n")
	assertSecret(t, source, "fourth")
}

// rotations are the states of a file in the middle of a rotation.
var rotations = map[string]func(t *testing.T, path string){
	"missing":         func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	"directory gone":  func(t *testing.T, path string) { require.NoError(t, os.RemoveAll(filepath.Dir(path))) },
	"empty":           func(t *testing.T, path string) { write(t, path, "") },
	"a newline alone": func(t *testing.T, path string) { write(t, path, "\n") },
}

func TestFileKeepsItsSecretForTheGraceWhileItIsGone(t *testing.T) {
	for name, rotate := range rotations {
		t.Run(name, func(t *testing.T) {
			path := write(t, filepath.Join(t.TempDir(), "d", "secret"), "good\n")
			synctest.Test(t, func(t *testing.T) {
				source := auth.NewFile(path)
				assertSecret(t, source, "good")
				rotate(t, path)
				assertSecret(t, source, "good")
				time.Sleep(auth.FileGrace - time.Nanosecond)
				assertSecret(t, source, "good")
				time.Sleep(time.Nanosecond)
				assertNoSecret(t, source, "the grace is over")

				write(t, path, "new\n")
				assertSecret(t, source, "new")
				rotate(t, path)
				assertSecret(t, source, "new") // a grace of its own
			})
		})
	}
}

// A program that calls its gateway every few minutes must not fail because a
// rotation is under way when it does: the grace runs while the file is gone, not
// since the last call.
func TestFileGraceBeginsWhenTheFileIsFoundGone(t *testing.T) {
	for name, rotate := range rotations {
		t.Run(name, func(t *testing.T) {
			path := write(t, filepath.Join(t.TempDir(), "d", "secret"), "good\n")
			synctest.Test(t, func(t *testing.T) {
				source := auth.NewFile(path)
				assertSecret(t, source, "good")
				time.Sleep(10 * auth.FileGrace) // the file is there all the while
				rotate(t, path)
				assertSecret(t, source, "good")
			})
		})
	}
}

func TestFileThatCannotBeReadIsAnErrorEvenWithinTheGrace(t *testing.T) {
	t.Run("directory", func(t *testing.T) {
		path := write(t, filepath.Join(t.TempDir(), "secret"), "good\n")
		source := auth.NewFile(path)
		assertSecret(t, source, "good")
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Mkdir(path, 0o700))
		assertNoSecret(t, source, "it is a directory")
	})
	t.Run("too large", func(t *testing.T) {
		path := write(t, filepath.Join(t.TempDir(), "secret"), "good\n")
		source := auth.NewFile(path)
		assertSecret(t, source, "good")
		write(t, path, strings.Repeat("x", 64<<10+1))
		assertNoSecret(t, source, "it is too large")
	})
}

func TestFileHeedsACancelledContext(t *testing.T) {
	source := auth.NewFile(write(t, filepath.Join(t.TempDir(), "secret"), "good\n"))
	assertSecret(t, source, "good")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := source.Secret(ctx)
	assert.ErrorIs(t, err, context.Canceled)
}

// The garbage collector closes a file that is forgotten, some time: here it does not.
func TestFileIsClosedWhateverItHolds(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	dir := t.TempDir()
	for name, content := range map[string]string{"good": "hunter2\n", "empty": "", "too large": strings.Repeat("x", 64<<10+1)} {
		source := auth.NewFile(write(t, filepath.Join(dir, name), content))
		before := openDescriptors(t)
		for range 100 {
			_, err := source.Secret(t.Context())
			assert.Equal(t, name == "good", err == nil, name)
		}
		assert.Equal(t, before, openDescriptors(t), "%s: descriptors", name)
	}
}

// openDescriptors returns how many descriptors the process has, 0 where there is
// no telling.
func openDescriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if runtime.GOOS == "linux" {
		require.NoError(t, err)
	}
	return len(open)
}

func TestFileIsSafeForConcurrentUse(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "secret"), "first\n")
	source := auth.NewFile(path)
	assertSecret(t, source, "first")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				s, err := source.Secret(t.Context())
				if got := s.Reveal(); err != nil || got != "first" && got != "second" {
					t.Errorf("got %q, %v, want first or second", got, err)
				}
			}
		})
	}
	wg.Go(func() {
		next := write(t, path+".next", "second\n")
		assert.NoError(t, os.Rename(next, path))
		assert.NoError(t, os.Remove(path)) // within the grace
	})
	wg.Wait()
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
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
