package auth

import (
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// Redacted is what a [Secret] prints as, whatever prints it.
const Redacted = "[redacted]"

// A Secret is a key that shows itself only to [Secret.Reveal]. It is immutable
// and safe for concurrent use. The zero value is the empty secret, which every
// scheme refuses.
//
// A Secret cannot be read back from what it is marshalled to.
type Secret struct {
	// A function and not a string: fmt and spew follow strings and pointers into
	// fields that are not exported, past every method below.
	reveal func() string
}

// NewSecret returns a Secret that holds value, byte for byte.
func NewSecret(value string) Secret {
	return Secret{func() string { return value }}
}

// Reveal returns the secret itself.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Secret implements [SecretSource]: a Secret is the source of itself.
func (s Secret) Secret(context.Context) (Secret, error) { return s, nil }

// minFIPSKey is the length in bytes below which crypto/hmac panics when FIPS 140
// mode is enforced.
const minFIPSKey = 14

// Validate returns an error if the secret cannot be the one that is meant: it is
// empty, begins or ends with white space, or is under 14 bytes long while FIPS
// 140 mode is enforced.
func (s Secret) Validate() error {
	value := s.Reveal()
	switch {
	case value == "":
		return errors.New("the secret is empty: is its variable or file set?")
	case strings.TrimSpace(value) != value:
		return errors.New("the secret begins or ends with white space, such as a newline from a file: cut it off")
	case len(value) < minFIPSKey && fips140.Enforced():
		return fmt.Errorf("the secret is shorter than %d bytes, which FIPS 140 mode does not allow", minFIPSKey)
	}
	return nil
}

var (
	_ SecretSource   = Secret{}
	_ fmt.Formatter  = Secret{}
	_ fmt.GoStringer = Secret{}
	_ slog.LogValuer = Secret{}
)

// String returns [Redacted].
func (Secret) String() string { return Redacted }

// GoString returns [Redacted].
func (Secret) GoString() string { return Redacted }

// Format prints [Redacted] for every verb.
func (Secret) Format(f fmt.State, verb rune) { io.WriteString(f, Redacted) }

// LogValue returns [Redacted].
func (Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText returns [Redacted]. It serves encoding/json and encoding/xml too.
func (Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// A SecretSource is where a secret comes from. It is asked for every request, so
// that a secret can be replaced while the program runs, and is safe for
// concurrent use.
type SecretSource interface {
	Secret(ctx context.Context) (Secret, error)
}

// Load asks a source for its secret and validates it. A nil source is an error.
func Load(ctx context.Context, source SecretSource) (Secret, error) {
	if source == nil {
		return Secret{}, errNoSource
	}
	s, err := source.Secret(ctx)
	if err != nil {
		return Secret{}, err
	}
	return s, s.Validate()
}

// CheckSource returns an error if source is nil, or a [Secret] that is not valid.
// It loads nothing: a scheme's constructor calls it.
func CheckSource(source SecretSource) error {
	switch s := source.(type) {
	case nil:
		return errNoSource
	case SecretFunc:
		if s == nil {
			return errNoSource
		}
	case Secret:
		return s.Validate()
	}
	return nil
}

var errNoSource = errors.New("no secret is given: use auth.NewSecret, auth.Env, auth.NewFile or auth.SecretFunc")

// A SecretFunc is a function that is a [SecretSource], for a secret manager's
// client. It should cache: it is called for every request.
type SecretFunc func(ctx context.Context) (Secret, error)

// Secret calls f.
func (f SecretFunc) Secret(ctx context.Context) (Secret, error) { return f(ctx) }

// Env returns the source that reads an environment variable, each time that it
// is asked. A variable that is not set is an error.
func Env(name string) SecretSource {
	return SecretFunc(func(context.Context) (Secret, error) {
		value, ok := os.LookupEnv(name)
		if !ok {
			return Secret{}, fmt.Errorf("the environment variable %s is not set", name)
		}
		return NewSecret(value), nil
	})
}

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
func NewFile(path string) SecretSource {
	return &file{path: path}
}

type file struct {
	path string

	mu   sync.Mutex
	last Secret
	gone time.Time // since when the file has been found gone, zero if it is there
}

func (f *file) Secret(ctx context.Context) (Secret, error) {
	if err := ctx.Err(); err != nil {
		return Secret{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	value, err := f.load() // under the lock: a read that is late must not bring back what was replaced
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
	return Secret{}, fmt.Errorf("the secret's file cannot be read: %w", err)
}

var errEmptyFile = errors.New("it is empty")

func (f *file) load() (string, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxSecretFile+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxSecretFile {
		return "", fmt.Errorf("%q is larger than %d bytes: is it the right file?", f.path, maxSecretFile)
	}
	s, found := strings.CutSuffix(string(b), "\n")
	if found {
		s = strings.TrimSuffix(s, "\r")
	}
	if s == "" {
		return "", fmt.Errorf("%q: %w", f.path, errEmptyFile)
	}
	return s, nil
}
