package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// FileGrace is for how long the source of [NewFile] keeps a secret after the file
// has gone missing or empty.
const FileGrace = time.Minute

// maxSecretFile bounds what is read of a secret's file, in bytes.
const maxSecretFile = 64 << 10

// NewFile returns the source that reads a file, each time that it is asked, less
// one final newline. While the file is missing or empty, as in the middle of a
// rotation, the last secret that was read stays in use for [FileGrace] from when
// that is first seen; after that, and for any other failure to read it, there is
// an error. Replace the file by renaming another over it: one that is written in
// place may be read half.
//
// It must be a regular file, or a symbolic link to one. Where the file system does
// not answer, each caller waits under its own context. Errors show the path if it
// has a separator: what has none may be the secret itself, in the wrong place.
func NewFile(path string) SecretSource {
	return &file{path: path, load: load}
}

type file struct {
	path string
	load func(path string) (string, error)

	mu   sync.Mutex
	next *reading // the one that has not begun, nil if nobody waits for it
	busy bool     // a goroutine reads

	// These are the reading goroutine's.
	last Secret
	gone time.Time // since when the file has been found gone, zero if it is there
}

// A reading is one look at the file. All who asked after the one before had begun
// share it, so that nobody gets what was replaced before he asked.
type reading struct {
	done   chan struct{} // closed when the rest is set
	secret Secret
	err    error
}

func (f *file) Secret(ctx context.Context) (Secret, error) {
	if err := ctx.Err(); err != nil {
		return Secret{}, err
	}
	r := f.ask()
	select {
	case <-r.done:
		return r.secret, r.err
	case <-ctx.Done():
		return Secret{}, fmt.Errorf("the secret's file has not been read yet: %w", ctx.Err())
	}
}

// ask returns a reading that has not begun yet.
func (f *file) ask() *reading {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = &reading{done: make(chan struct{})}
	}
	if !f.busy {
		f.busy = true
		go f.readAll()
	}
	return f.next
}

// readAll reads for as long as somebody has asked. It alone may hang.
func (f *file) readAll() {
	for r := f.take(); r != nil; r = f.take() {
		r.secret, r.err = f.read()
		close(r.done)
	}
}

func (f *file) take() *reading {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.next
	f.next, f.busy = nil, r != nil
	return r
}

func (f *file) read() (Secret, error) {
	value, err := f.load(f.path)
	if err == nil {
		f.last, f.gone = NewSecret(value), time.Time{}
		return f.last, nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errEmptyFile) {
		if f.gone.IsZero() {
			f.gone = time.Now()
		}
		if f.last.reveal != nil && time.Since(f.gone) < FileGrace {
			return f.last, nil
		}
	}
	return Secret{}, f.explain(err)
}

// explain says why the file could not be read, without a path that may be the
// secret.
func (f *file) explain(err error) error {
	e, isPath := errors.AsType[*fs.PathError](err)
	switch {
	case f.shown() != "":
		if !isPath {
			err = fmt.Errorf("%q: %w", f.path, err)
		}
		return &sourceError{fmt.Errorf("the secret's file cannot be read: %w", err)}
	case isPath:
		err = e.Err
	}
	return &sourceError{fmt.Errorf("the secret's file cannot be read: %w (a path without a separator is not shown, since it may be the secret)", err)}
}

// shown returns the path behind a space, or "".
func (f *file) shown() string {
	if !strings.ContainsAny(f.path, "/"+string(filepath.Separator)) {
		return ""
	}
	return fmt.Sprintf(" %q", f.path)
}

var errEmptyFile = errors.New("it is empty")

func load(path string) (string, error) {
	info, err := os.Stat(path) // before it is opened: a pipe would wait for its writer
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is no regular file: a pipe, a device or a directory has no secret that can be read again")
	}
	r, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxSecretFile+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxSecretFile {
		return "", fmt.Errorf("it is larger than %d bytes: is it the right file?", maxSecretFile)
	}
	s, found := strings.CutSuffix(string(b), "\n")
	if found {
		s = strings.TrimSuffix(s, "\r")
	}
	if s == "" {
		return "", errEmptyFile
	}
	return s, nil
}
