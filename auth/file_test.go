package auth_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

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

// A network file system that does not answer holds up nobody for longer than he
// wants to wait, and does not get a goroutine for each that asks.
func TestFileThatHangsIsWaitedForUnderEachContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int64
		answers := make(chan string)
		source := auth.NewFileOf("/mnt/secret", func(string) (string, error) {
			loads.Add(1)
			return <-answers, nil
		})
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 50 {
			if i == 1 {
				synctest.Wait() // for the first one's reading to begin: who asks before that shares it
			}
			wg.Go(func() {
				patience := time.Duration(i+1) * time.Second
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := source.Secret(ctx)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.ErrorContains(t, err, "has not been read yet")
				assert.Equal(t, patience, time.Since(began))
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, loads.Load())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := source.Secret(ctx)
		assert.ErrorIs(t, err, context.Canceled)

		// It answers again.
		answers <- "hunter2"
		answers <- "hunter3" // for those who asked later, and have left
		wg.Go(func() { assertSecret(t, source, "hunter4") })
		synctest.Wait()
		answers <- "hunter4"
		wg.Wait()
		assert.EqualValues(t, 3, loads.Load())
	})
}

// Nobody gets what was read before he asked: who asks while the file is read waits
// for the next time, with all others that do.
func TestFileIsReadOnceForAllWhoAskAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := make(chan string)
		source := auth.NewFileOf("/mnt/secret", func(string) (string, error) { return <-answers, nil })
		var wg sync.WaitGroup
		wg.Go(func() { assertSecret(t, source, "first") })
		synctest.Wait()
		for range 100 {
			wg.Go(func() { assertSecret(t, source, "second") })
		}
		synctest.Wait()
		answers <- "first"
		answers <- "second"
		wg.Wait()
	})
}

// A pipe would wait for its writer, a device may never end.
func TestFileThatIsNotRegularIsRefused(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := exec.Command("mkfifo", pipe).Run(); err != nil {
		t.Skipf("there is no mkfifo: %v", err)
	}
	linked, regular := filepath.Join(dir, "linked"), filepath.Join(dir, "regular")
	require.NoError(t, os.Symlink(pipe, linked))
	for _, path := range []string{pipe, linked, dir, "/dev/zero", "/dev/null"} {
		_, err := auth.NewFile(path).Secret(t.Context())
		if assert.ErrorContains(t, err, "it is no regular file", path) {
			assert.ErrorContains(t, err, path)
		}
	}
	require.NoError(t, os.Symlink(write(t, filepath.Join(dir, "target"), "hunter2\n"), regular))
	assertSecret(t, auth.NewFile(regular), "hunter2")
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
