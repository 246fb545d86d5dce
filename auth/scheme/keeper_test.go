package scheme_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
)

// logins counts logins, each of which takes a second and gives the next token.
type logins struct {
	mu   sync.Mutex
	n    int
	life time.Duration
	err  error
}

func (l *logins) login(ctx context.Context) (auth.Secret, time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	select {
	case <-time.After(time.Second):
		return auth.NewSecret(fmt.Sprint("token-", l.n)), l.life, l.err
	case <-ctx.Done():
		return auth.Secret{}, 0, ctx.Err()
	}
}

func requireToken(t *testing.T, want string, s auth.Secret, err error) {
	t.Helper()
	require.NoError(t, err)
	require.Equal(t, want, s.Reveal())
}

func TestKeeperLogsInOnceHoweverManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k scheme.Keeper
		l := &logins{life: time.Hour}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				s, err := k.Get(t.Context(), l.login)
				requireToken(t, "token-1", s, err)
			})
		}
		all.Wait()
		s, err := k.Get(t.Context(), l.login)
		requireToken(t, "token-1", s, err)
		assert.Equal(t, 1, l.n)
	})
}

// What a login gave is used for as long as it said, counted from before it was sent
// and by Now; a clock that is set back ends that.
func TestKeeperCountsFromBeforeTheLogin(t *testing.T) {
	for name, c := range map[string]struct {
		life, took, after time.Duration
		logins            int
	}{
		"just before its end":            {time.Minute, 10 * time.Second, 50*time.Second - 1, 1},
		"at its end":                     {time.Minute, 10 * time.Second, 50 * time.Second, 2},
		"a clock that was set back":      {time.Minute, 0, -time.Nanosecond, 2},
		"a login that outlasts its gift": {time.Second, 10 * time.Second, 0, 2},
		"not to be kept":                 {0, 0, 0, 2},
		"a negative time":                {-time.Minute, 0, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			k := scheme.Keeper{Now: func() time.Time { return now }}
			n := 0
			logIn := func(context.Context) (auth.Secret, time.Duration, error) {
				n++
				now = now.Add(c.took)
				return auth.NewSecret(fmt.Sprint("token-", n)), c.life, nil
			}
			s, err := k.Get(t.Context(), logIn)
			requireToken(t, "token-1", s, err)
			now = now.Add(c.after)
			s, err = k.Get(t.Context(), logIn)
			requireToken(t, fmt.Sprint("token-", c.logins), s, err)
			assert.Equal(t, c.logins, n)
		})
	}
}

type valueKey struct{}

func TestKeeperLoginHasTheFirstCallsValuesAndOutlivesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k scheme.Keeper
		l := &logins{life: time.Hour}
		var value any
		logIn := func(ctx context.Context) (auth.Secret, time.Duration, error) {
			value = ctx.Value(valueKey{})
			return l.login(ctx)
		}
		first, cancel := context.WithTimeoutCause(context.WithValue(t.Context(), valueKey{}, "first"), time.Millisecond, errors.New("the caller has gone"))
		defer cancel()
		left := make(chan error)
		go func() {
			_, err := k.Get(first, logIn)
			left <- err
		}()
		synctest.Wait()
		second := make(chan error)
		go func() {
			s, err := k.Get(context.WithValue(t.Context(), valueKey{}, "second"), logIn)
			assert.Equal(t, "token-1", s.Reveal())
			second <- err
		}()
		err := <-left
		require.ErrorIs(t, err, scheme.ErrLogin)
		require.ErrorContains(t, err, "the caller has gone")
		require.NoError(t, <-second)
		assert.Equal(t, "first", value)
		assert.Equal(t, 1, l.n)
	})
}

func TestKeeperBreaksOffALoginThatAllHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k scheme.Keeper
		ended := make(chan struct{})
		hanging := func(ctx context.Context) (auth.Secret, time.Duration, error) {
			<-ctx.Done()
			close(ended)
			time.Sleep(time.Second) // and it gives something, too late
			return auth.NewSecret("abandoned"), time.Hour, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				_, err := k.Get(ctx, hanging)
				assert.ErrorIs(t, err, context.Canceled)
				assert.ErrorIs(t, err, scheme.ErrLogin)
			})
		}
		synctest.Wait()
		cancel()
		all.Wait()
		<-ended
		l := &logins{life: time.Hour}
		s, err := k.Get(t.Context(), l.login)
		requireToken(t, "token-1", s, err)
		time.Sleep(time.Minute)
		s, err = k.Get(t.Context(), l.login)
		requireToken(t, "token-1", s, err)
	})
}

func TestKeeperAsksNobodyUnderAContextThatHasEnded(t *testing.T) {
	var k scheme.Keeper
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := k.Get(ctx, func(context.Context) (auth.Secret, time.Duration, error) {
		t.Error("a login is sent for nobody")
		return auth.Secret{}, 0, nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, scheme.ErrLogin)
}

// A login through a transport that waits for it would hang until its callers leave.
func TestKeeperRefusesALoginThatWaitsForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k, other scheme.Keeper
		start := time.Now()
		_, err := k.Get(t.Context(), func(ctx context.Context) (auth.Secret, time.Duration, error) {
			return auth.Secret{}, 0, func() error {
				_, err := k.Get(context.WithValue(ctx, valueKey{}, 1), (&logins{}).login)
				return fmt.Errorf("the token could not be asked for: %w", err)
			}()
		})
		require.ErrorIs(t, err, scheme.ErrLogin)
		require.ErrorContains(t, err, "the login goes through a RoundTripper that waits for this very login")
		assert.Zero(t, time.Since(start))

		// Another account's is another login.
		l := &logins{life: time.Hour}
		s, err := k.Get(t.Context(), func(ctx context.Context) (auth.Secret, time.Duration, error) {
			s, err := other.Get(ctx, l.login)
			return s, time.Hour, err
		})
		requireToken(t, "token-1", s, err)
	})
}

func TestKeeperSurvivesALoginThatNeverReturns(t *testing.T) {
	const secret = "S3cret"
	for name, c := range map[string]struct {
		end  func()
		want string
	}{
		"panic":             {func() { panic("with " + secret) }, "the login panicked with a string"},
		"panic of an error": {func() { panic(errors.New(secret)) }, "the login panicked with a *errors.errorString"},
		"panic of nil":      {func() { panic(nil) }, "the login panicked with a *runtime.PanicNilError"},
		"Goexit":            {runtime.Goexit, "the login was broken off"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var k scheme.Keeper
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() {
						_, err := k.Get(t.Context(), func(context.Context) (auth.Secret, time.Duration, error) {
							time.Sleep(time.Second)
							c.end()
							return auth.NewSecret("none"), time.Hour, nil
						})
						assert.ErrorIs(t, err, scheme.ErrLogin)
						assert.NotErrorIs(t, err, scheme.ErrRefused)
						assert.EqualError(t, err, "countersign: log in: "+c.want)
						assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), secret)
					})
				}
				all.Wait()
				l := &logins{life: time.Hour}
				s, err := k.Get(t.Context(), l.login)
				requireToken(t, "token-1", s, err)
			})
		})
	}
}

// Who asks again and again with a wrong key locks the account, or floods the
// gateway. Other failures pass.
func TestKeeperPausesAfterRefusals(t *testing.T) {
	now := time.Now()
	k := scheme.Keeper{Now: func() time.Time { return now }}
	n := 0
	answer := error(nil)
	get := func() error {
		s, err := k.Get(t.Context(), func(context.Context) (auth.Secret, time.Duration, error) {
			n++
			return auth.NewSecret("token"), time.Second, answer
		})
		if err != nil {
			require.Empty(t, s.Reveal(), "what comes beside an error is none")
		}
		return err
	}
	asks := func(want int) {
		t.Helper()
		require.Equal(t, want, n)
	}

	answer = fmt.Errorf("%w with status 401", scheme.ErrRefused)
	for i, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		for range 3 {
			err := get()
			require.ErrorIs(t, err, scheme.ErrRefused)
			require.ErrorIs(t, err, scheme.ErrLogin)
			require.EqualError(t, err, "countersign: log in: the gateway refused the credentials with status 401")
		}
		asks(i + 1)
		now = now.Add(pause*time.Second - 1)
		require.ErrorIs(t, get(), scheme.ErrRefused)
		asks(i + 1)
		now = now.Add(1)
	}
	n = 0
	answer = nil
	require.NoError(t, get())
	asks(1)
	now = now.Add(time.Second)
	answer = scheme.ErrRefused
	require.ErrorIs(t, get(), scheme.ErrRefused)
	asks(2)
	now = now.Add(time.Second)
	require.ErrorIs(t, get(), scheme.ErrRefused)
	asks(3) // it began with a second again
	now = now.Add(-time.Hour)
	require.ErrorIs(t, get(), scheme.ErrRefused)
	asks(4) // a clock that is set back does not prolong it
	now = now.Add(time.Hour)

	n = 0
	answer = errors.New("status 503")
	for i := range 3 {
		err := get()
		require.ErrorIs(t, err, answer)
		require.ErrorIs(t, err, scheme.ErrLogin)
		require.NotErrorIs(t, err, scheme.ErrRefused)
		asks(i + 1)
	}
}

// The error of a pause is shared by calls; what each gets is its own to complete.
func TestKeeperErrorsAreNotShared(t *testing.T) {
	var k scheme.Keeper
	refused := func(context.Context) (auth.Secret, time.Duration, error) { return auth.Secret{}, 0, scheme.ErrRefused }
	_, err := k.Get(t.Context(), refused)
	_, again := k.Get(t.Context(), refused)
	require.IsType(t, &auth.Error{}, err)
	require.IsType(t, &auth.Error{}, again)
	assert.NotSame(t, err, again)
	assert.Equal(t, scheme.ErrLogin, err.(*auth.Error).Code)
}

func TestKeeperTakesNoEmptySession(t *testing.T) {
	var k scheme.Keeper
	_, err := k.Get(t.Context(), func(context.Context) (auth.Secret, time.Duration, error) { return auth.NewSecret(""), time.Hour, nil })
	require.ErrorIs(t, err, scheme.ErrLogin)
	require.ErrorContains(t, err, "the login gave nothing")
}

func TestKeeperDropsNothingNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k scheme.Keeper
		k.Drop(auth.NewSecret("none yet"))
		k.Drop(auth.Secret{})
		l := &logins{life: time.Hour}
		first, err := k.Get(t.Context(), l.login)
		requireToken(t, "token-1", first, err)
		k.Drop(auth.NewSecret("another"))
		k.Drop(first)
		second, err := k.Get(t.Context(), l.login)
		requireToken(t, "token-2", second, err)
		k.Drop(first)
		second, err = k.Get(t.Context(), l.login)
		requireToken(t, "token-2", second, err)
		assert.Equal(t, 2, l.n)
	})
}

// Nothing that is kept may show, from within whatever a program prints.
func TestKeeperShowsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		hidden string
		logIn  func(context.Context) (auth.Secret, time.Duration, error)
	}{
		"a session": {"T0ken", func(context.Context) (auth.Secret, time.Duration, error) {
			return auth.NewSecret("T0ken"), time.Hour, nil
		}},
		"a refusal": {"R3ason", func(context.Context) (auth.Secret, time.Duration, error) {
			return auth.Secret{}, 0, fmt.Errorf("%w: R3ason", scheme.ErrRefused)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			type holder struct {
				Exported   *scheme.Keeper
				unexported *scheme.Keeper
				inside     struct{ keeper scheme.Keeper }
			}
			var client holder
			client.Exported, client.unexported = &scheme.Keeper{}, &scheme.Keeper{}
			for _, k := range []*scheme.Keeper{client.Exported, client.unexported, &client.inside.keeper} {
				k.Get(t.Context(), c.logIn)
			}
			var out bytes.Buffer
			for _, v := range []any{client.Exported, &client, []any{client.Exported, &client}} {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T"} {
					fmt.Fprintf(&out, verb+"\n", v)
				}
				b, err := json.Marshal(v)
				fmt.Fprintf(&out, "%s %v\n", b, err)
				for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
					slog.New(h).Info("printed", "value", v)
				}
			}
			assert.Equal(&failure{&out}, &holder{}, &client) // prints both with spew
			require.Contains(t, out.String(), "Diff:")
			for _, hidden := range []string{c.hidden, fmt.Sprintf("%x", c.hidden), fmt.Sprintf("%X", c.hidden)} {
				assert.NotContains(t, out.String(), hidden)
			}
		})
	}
}

type failure struct{ io.Writer }

func (f *failure) Errorf(format string, args ...any) { fmt.Fprintf(f, format, args...) }

// Each login is traced once, with what it came to, under the context of the call
// that brought it, and under no lock.
func TestKeeperTracesLogins(t *testing.T) {
	type key struct{}
	down := errors.New("the gateway is down")
	for name, c := range map[string]struct {
		login func(context.Context) (auth.Secret, time.Duration, error)
		want  string
	}{
		"a token":  {(&logins{life: time.Hour}).login, "first 1s <nil>"},
		"an error": {(&logins{err: down}).login, "first 1s the gateway is down"},
		"no token": {func(context.Context) (auth.Secret, time.Duration, error) { return auth.Secret{}, 0, nil }, "first 0s the login gave nothing"},
		"a panic":  {func(context.Context) (auth.Secret, time.Duration, error) { panic("token") }, "first 0s the login panicked with a string"},
		"an end": {func(context.Context) (auth.Secret, time.Duration, error) {
			runtime.Goexit()
			return auth.Secret{}, 0, nil
		}, "first 0s the login was broken off"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var k scheme.Keeper
				var mu sync.Mutex
				var got []string
				traced := func(name string) context.Context {
					return auth.WithTrace(context.WithValue(t.Context(), key{}, name), &auth.Trace{LoggedIn: func(ctx context.Context, i auth.LoggedInInfo) {
						k.Drop(auth.NewSecret("another"))
						if _, err := k.Get(ctx, c.login); err == nil {
							t.Error("it would wait for itself")
						}
						mu.Lock()
						defer mu.Unlock()
						got = append(got, fmt.Sprint(ctx.Value(key{}), " ", i.Duration, " ", i.Err))
						assert.Zero(t, i.Origin, "the transport knows it")
					}})
				}
				var all sync.WaitGroup
				for _, name := range []string{"first", "second"} {
					all.Go(func() { k.Get(traced(name), c.login) })
					if name == "first" {
						synctest.Wait()
					}
				}
				all.Wait()
				require.NotEmpty(t, got)
				assert.Contains(t, got[0], c.want)
				if c.want == "first 1s <nil>" {
					_, err := k.Get(traced("third"), c.login)
					require.NoError(t, err)
					assert.Len(t, got, 1, "no login, no event")
				}
			})
		})
	}
}

// A panic of the program's own function is no panic of the login, and those who wait
// for it go on. Goexit is the like of one that a test survives.
func TestKeeperReleasesAllWhateverATraceDoes(t *testing.T) {
	var k scheme.Keeper
	ctx := auth.WithTrace(t.Context(), &auth.Trace{LoggedIn: func(context.Context, auth.LoggedInInfo) { runtime.Goexit() }})
	s, err := k.Get(ctx, func(context.Context) (auth.Secret, time.Duration, error) {
		return auth.NewSecret("token"), time.Hour, nil
	})
	requireToken(t, "token", s, err)
}

// An errPanics is an error whose methods panic, as those of a nil pointer may.
type errPanics struct{}

func (errPanics) Error() string { return "odd" }
func (errPanics) Is(error) bool { panic("in Is") }

func TestKeeperSurvivesErrorsThatPanic(t *testing.T) {
	for name, err := range map[string]error{"a panic in Is": errPanics{}, "a nil *auth.Error": (*auth.Error)(nil)} {
		t.Run(name, func(t *testing.T) {
			var k scheme.Keeper
			_, got := k.Get(t.Context(), func(context.Context) (auth.Secret, time.Duration, error) {
				return auth.NewSecret("token"), time.Hour, err
			})
			require.ErrorContains(t, got, "countersign: log in")
			s, got := k.Get(t.Context(), func(context.Context) (auth.Secret, time.Duration, error) {
				return auth.NewSecret("token-2"), time.Hour, nil
			})
			requireToken(t, "token-2", s, got)
		})
	}
}
