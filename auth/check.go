package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// A Checker is an Authenticator that can tell before the first request whether it
// has what it needs of its own, such as a secret. All schemes of this module are.
type Checker interface {
	Authenticator
	// Check loads what Authenticate will load, as [Load] does, and sends nothing. It
	// is nil if that can be had.
	Check(ctx context.Context) error
}

// Check has each authenticator load its secret, once, so that a program without one
// fails at its start and not at the first payment. It asks no gateway whether the
// secrets are right.
//
// It returns nil, or all errors joined, each an [*Error] that names the gateway:
// [ErrSecret] if a secret cannot be had; [ErrConfig] if none is given, one is nil or
// has no origin, or one is no [Checker], since nothing would have been checked. Such
// a one is a [PerRequest], which holds no secret: give the Authenticators of its
// merchants.
func Check(ctx context.Context, authenticators ...Authenticator) error {
	if len(authenticators) == 0 {
		return checkError("", errors.New("no authenticator is given"))
	}
	var errs []error
	for _, a := range authenticators {
		errs = append(errs, check(ctx, a))
	}
	return errors.Join(errs...)
}

func check(ctx context.Context, a Authenticator) error {
	if a == nil {
		return checkError("", errors.New("an authenticator is nil"))
	}
	origins := a.Origins()
	if len(origins) == 0 {
		return checkError("", errors.New("an authenticator has no origin: was the error of its New ignored?"))
	}
	gateway := origins[0].String()
	switch c := a.(type) {
	case Checker:
		err := c.Check(ctx)
		if e, ok := err.(*Error); ok && e != nil {
			return &Error{Op: cmp.Or(e.Op, opCheck), Gateway: cmp.Or(e.Gateway, gateway), Code: e.Code, Err: e.Err}
		}
		if err != nil {
			return &Error{Op: opCheck, Gateway: gateway, Err: err}
		}
		return nil
	case *PerRequest:
		return checkError(gateway, errors.New("an auth.PerRequest holds no secret: check the authenticators of its merchants"))
	}
	return checkError(gateway, fmt.Errorf("a %T cannot be checked: give it a method Check, see auth.Checker", a))
}

const opCheck = "check"

func checkError(gateway string, err error) error {
	return &Error{Op: opCheck, Gateway: gateway, Code: ErrConfig, Err: err}
}
