package auth

import (
	"context"
	"crypto/fips140"
	"encoding"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"strings"
	"unicode"
)

// Redacted is what a [Secret] prints as, whatever prints it.
const Redacted = "[redacted]"

// A Secret is a key that shows itself only to [Secret.Reveal]. It is immutable
// and safe for concurrent use. The zero value is the empty secret, which every
// scheme refuses.
//
// A Secret cannot be read back from what it is marshalled to. It can be read from a
// configuration that others have written, see [Secret.UnmarshalText].
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

// IsZero reports whether s is the empty secret. It serves the option omitzero of
// encoding/json, too.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Secret implements [SecretSource]: a Secret is the source of itself.
func (s Secret) Secret(context.Context) (Secret, error) { return s, nil }

// minFIPSKey is the length in bytes below which crypto/hmac panics when FIPS 140
// mode is enforced.
const minFIPSKey = 14

// Validate returns an error if the secret cannot be the one that is meant: it is
// empty or [Redacted], begins or ends with white space or a character that does not
// show, or is under 14 bytes long while FIPS 140 mode is enforced.
func (s Secret) Validate() error {
	value := s.Reveal()
	switch {
	case value == "":
		return errors.New("the secret is empty: is its variable or file set?")
	case value == Redacted:
		return errors.New("the secret is " + Redacted + ", which an auth.Secret prints as: it was saved from one, and must be saved from where it came")
	case len(value) >= minFIPSKey && isGraphic(value[0]) && isGraphic(value[len(value)-1]): // as most are
		return nil
	case strings.TrimSpace(value) != value:
		return errors.New("the secret begins or ends with white space, such as a newline from a file: cut it off")
	case strings.TrimFunc(value, isInvisible) != value:
		return errors.New("the secret begins or ends with a character that does not show, such as an editor's byte order mark: cut it off")
	case len(value) < minFIPSKey && fips140.Enforced():
		return fmt.Errorf("the secret is shorter than %d bytes, which FIPS 140 mode does not allow", minFIPSKey)
	}
	return nil
}

// isGraphic reports whether c is ASCII that shows.
func isGraphic(c byte) bool { return '!' <= c && c <= '~' }

// isInvisible reports whether c has no width, as a byte order mark has none, or
// controls how others are shown.
func isInvisible(c rune) bool {
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

var (
	_ SecretSource   = Secret{}
	_ fmt.Formatter  = Secret{}
	_ fmt.GoStringer = Secret{}
	_ slog.LogValuer = Secret{}

	_ encoding.TextUnmarshaler = (*Secret)(nil)
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

// UnmarshalText makes s the secret that text is, byte for byte, so that a
// configuration's field in JSON, YAML or the environment may be a Secret. What
// [Secret.Validate] refuses, such as [Redacted], is an error, which does not show it,
// and leaves s as it was. Package flag would show it: take no secret from a command
// line.
func (s *Secret) UnmarshalText(text []byte) error {
	secret := NewSecret(string(text))
	if err := secret.Validate(); err != nil {
		return &sourceError{err}
	}
	*s = secret
	return nil
}

// A SecretSource is where a secret comes from. It is asked for every request, so
// that a secret can be replaced while the program runs, and is safe for
// concurrent use.
type SecretSource interface {
	Secret(ctx context.Context) (Secret, error)
}

// Load asks a source for its secret and validates it. Its errors are [ErrSecret];
// they name the source, and wrap what that returned. A nil source is an error.
func Load(ctx context.Context, source SecretSource) (Secret, error) {
	if isNil(source) {
		return Secret{}, errNoSource
	}
	s, err := source.Secret(ctx)
	if err == nil {
		err = s.Validate()
	}
	if err == nil {
		return s, nil
	}
	if _, ok := err.(*sourceError); !ok {
		err = &sourceError{fmt.Errorf("%s: %w", nameOf(source), err)}
	}
	return Secret{}, err
}

// CheckSource returns an [ErrSecret] if source is nil, or a [Secret] that is not
// valid. It loads nothing: a scheme's constructor calls it.
func CheckSource(source SecretSource) error {
	if isNil(source) {
		return errNoSource
	}
	if s, ok := source.(Secret); ok {
		if err := s.Validate(); err != nil {
			return &sourceError{err}
		}
	}
	return nil
}

// isNil reports whether there is no source, be it a nil pointer or function of some
// type.
func isNil(source SecretSource) bool {
	v := reflect.ValueOf(source)
	switch v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func, reflect.Map:
		return v.IsNil()
	}
	return false
}

// A sourceError is an [ErrSecret] that names the source.
type sourceError struct{ error }

func (e *sourceError) Unwrap() error { return e.error }

// Is makes an ErrSecret of it, whose text would say the same once more.
func (e *sourceError) Is(target error) bool { return target == ErrSecret }

var errNoSource = &sourceError{errors.New("no secret is given: use auth.NewSecret, auth.Env, auth.NewFile or auth.SecretFunc")}

// nameOf names a source for those who look after it.
func nameOf(source SecretSource) string {
	switch s := source.(type) {
	case Secret:
		return "the static secret"
	case *env:
		return "the environment variable" + s.shown
	case *file:
		return "the file" + s.shown()
	}
	return fmt.Sprintf("the source %T", source)
}

// A SecretFunc is a function that is a [SecretSource], for a secret manager's
// client. It should cache: it is called for every request.
type SecretFunc func(ctx context.Context) (Secret, error)

// Secret calls f.
func (f SecretFunc) Secret(ctx context.Context) (Secret, error) { return f(ctx) }

// Env returns the source that reads an environment variable, each time that it
// is asked. A variable that is not set is an error, which shows the name if it is
// written in capitals: what is not may be the secret itself, in the wrong place.
func Env(name string) SecretSource {
	e := &env{lookup: func() (string, bool) { return os.LookupEnv(name) }}
	if variableName.MatchString(name) {
		e.shown = " " + name
	}
	return e
}

type env struct {
	shown  string                // the name behind a space, or ""
	lookup func() (string, bool) // which keeps the name from package fmt
}

func (e *env) Secret(context.Context) (Secret, error) {
	value, ok := e.lookup()
	switch {
	case ok:
		return NewSecret(value), nil
	case e.shown == "":
		return Secret{}, &sourceError{errors.New("the secret's environment variable is not set (a name that is not in capitals is not shown, since it may be the secret)")}
	}
	return Secret{}, &sourceError{fmt.Errorf("the environment variable%s is not set", e.shown)}
}

var variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)
