package transporttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/countersign/countersign/transport"
)

// settle is for how long a step gives others the time to join a login. What is right
// does not depend on it.
const settle = 50 * time.Millisecond

func (c *course) testLogin() error {
	c.logins = make(map[string]int)
	return c.each(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		if err := l.send(p.proto.Context()); err != nil {
			return err
		}
		n := l.count()
		c.logins[p.String()] = n
		if err := l.send(p.proto.Context()); err != nil {
			return err
		}
		if again := l.count(); n > 0 && again > n {
			return fmt.Errorf("the second request logs in again, with %d requests after %d: keep what the login gave, as scheme.Keeper does", again-n, n)
		}
		return l.closed()
	})
}

func (c *course) testCallers() error {
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		const callers = 8
		another := make(chan struct{})
		l.hold = func(n int, sent *http.Request) {
			switch n {
			case 1:
				l.patience.wait(2*settle, another)
			case 2:
				close(another)
			}
		}
		var all []<-chan error
		for range callers {
			all = append(all, l.going(p.proto.Context()))
		}
		for _, one := range all {
			if err := l.receive(one); err != nil {
				return err
			}
		}
		if n, want := l.count(), c.logins[p.String()]; n > want {
			return fmt.Errorf("%d calls at once log in with %d requests, and one with %d: share one login, as scheme.Keeper does", callers, n, want)
		}
		return nil
	})
}

// leaves tests what becomes of two callers, the first of which logs in, if one of
// them leaves.
func (c *course) leaves(p sample, first bool) error {
	l, err := c.lesson(p)
	if err != nil {
		return err
	}
	came, release := l.holding()
	defer release()
	ctx, cancel := context.WithCancel(p.proto.Context())
	defer cancel()
	contexts := []context.Context{ctx, p.proto.Context()}
	if !first {
		slices.Reverse(contexts)
	}
	one := l.going(contexts[0])
	if !l.patience.within(came) {
		return errors.New("no login comes")
	}
	other := l.going(contexts[1])
	time.Sleep(settle)
	cancel()
	leaver, stayer := one, other
	if !first {
		leaver, stayer = other, one
	}
	if err := l.receive(leaver); err == errHangs {
		return errors.New("the caller whose context has ended waits on for the login: wait under the request's context, as scheme.Keeper does")
	} else if err != nil && !errors.Is(err, context.Canceled) { // who logs in for itself may be done by then
		return fmt.Errorf("the error of the caller whose context has ended is %v, not context.Canceled", err)
	}
	release()
	if err := l.receive(stayer); err != nil {
		return fmt.Errorf("the one that waits on fails: %w: let a login that others wait for outlive its first caller, as scheme.Keeper does", err)
	}
	return nil
}

func (c *course) testFirstLeaves() error {
	return c.eachLogin(func(p sample) error { return c.leaves(p, true) })
}

func (c *course) testOtherLeaves() error {
	return c.eachLogin(func(p sample) error { return c.leaves(p, false) })
}

func (c *course) testAllLeave() error {
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		came, release := l.holding()
		defer release()
		ctx, cancel := context.WithCancel(p.proto.Context())
		defer cancel()
		one := l.going(ctx)
		if !l.patience.within(came) {
			return errors.New("no login comes")
		}
		l.mu.Lock()
		login := l.logins[0]
		l.mu.Unlock()
		cancel()
		l.receive(one)
		if !l.patience.within(login.Context().Done()) {
			return errors.New("all that waited have left, and the login's context goes on: send it under the one that logIn is given, or the request's")
		}
		release()
		if err := l.send(p.proto.Context()); err != nil {
			return fmt.Errorf("the next call: %w", err)
		}
		return nil
	})
}

func (c *course) testRedirect() error {
	return c.eachLogin(func(p sample) error {
		for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
			for _, to := range []string{"https://" + elsewhere + "/login", p.proto.URL.Scheme + "://" + p.proto.URL.Host + "/transporttest"} {
				l, err := c.lesson(p)
				if err != nil {
					return err
				}
				l.answer = func(n int, _ *http.Request, _ []byte, resp *http.Response) {
					if n == 1 {
						resp.StatusCode, resp.Status = status, fmt.Sprintf("%d %s", status, http.StatusText(status))
						resp.Header.Set("Location", to)
					}
				}
				err = l.send(p.proto.Context())
				switch {
				case err == errHangs:
					return err
				case l.count() > 1:
					return fmt.Errorf("a %d to %s is followed: send the login by base.RoundTrip, and not by an http.Client", status, to)
				case err == nil || len(l.m.takeAll()) > 0:
					return fmt.Errorf("what a login holds that answers %d is used: check the status first", status)
				}
				if err := l.shown(err); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (c *course) testStacked() error {
	return c.eachLogin(func(p sample) error {
		l, err := c.lesson(p)
		if err != nil {
			return err
		}
		above, err := transport.New(l.rt, l.a)
		if err != nil {
			return err
		}
		l.rt = above
		if err := l.send(p.proto.Context()); err == errHangs {
			return errors.New("with one transport above another the login waits for itself: know its own context again, as scheme.Keeper does")
		}
		return nil
	})
}
