package auth

import (
	"errors"
	"reflect"
	"slices"
)

// The reasons for which a request is refused, for errors.Is. Unless one says
// otherwise, nothing was sent.
var (
	// ErrConfig: a scheme or a transport cannot be built from what it was given.
	ErrConfig = errors.New("configuration refused")
	// ErrSecret: the secret cannot be had, or is one that nobody means.
	ErrSecret = errors.New("secret refused")
	// ErrOrigin: the request does not go to an origin of the credentials.
	ErrOrigin = errors.New("origin refused")
	// ErrRedirect: a redirect leaves the origin of the credentials, enters it, or
	// changes the method. What was redirected has been sent; the redirect is not
	// followed.
	ErrRedirect = errors.New("redirect refused")
	// ErrNoAuthenticator: the request names no merchant at an origin that many
	// share.
	ErrNoAuthenticator = errors.New("no authenticator")
	// ErrParameter: a parameter would not reach the gateway as it was signed. What
	// was sent of a multipart body is cut off and not authenticated.
	ErrParameter = errors.New("parameter refused")
	// ErrRequest: the scheme has no way to sign a request of this shape, or the
	// transport none to send it.
	ErrRequest = errors.New("request refused")
	// ErrBody: the request's body cannot be read, or is not as long as it says.
	// What was sent of a multipart body is cut off and not authenticated.
	ErrBody = errors.New("body refused")
	// ErrUnsigned: a request that was to be verified carries no signature, or one
	// that cannot be read.
	ErrUnsigned = errors.New("not authenticated")
	// ErrSignature: a request that was to be verified carries a wrong signature.
	ErrSignature = errors.New("wrong signature")
	// ErrAmbiguous: a request that was to be verified carries the right signature,
	// and is none that the signer would send, so that a reader may see in it what was
	// not signed.
	ErrAmbiguous = errors.New("ambiguous request")
	// ErrClock: a request that was to be verified claims a time outside the
	// window.
	ErrClock = errors.New("time outside the window")
)

// An Error says what could not be done, at which gateway, and why. Its text
// never holds a secret, a signature or a parameter's value.
//
// The transport returns one for whatever an [Authenticator] fails with: it fills in
// an Op and a Gateway that are empty, in a copy, and wraps what is none. Such a one
// has no Code, since nobody said one.
type Error struct {
	Op      string // what was being done, such as "sign POST"
	Gateway string // the origin or the merchant code, "" if it is not known
	Code    error  // one of this package's sentinels, or a scheme's own; nil if none fits
	Err     error  // the cause; nil if the code says it all
}

// Error says what was being done, for which gateway, and why it failed. A nil *Error
// in an error is a mistake of whoever returned it: its methods say so, and do not
// panic.
func (e *Error) Error() string {
	if e == nil {
		return "countersign: an error that is a nil *auth.Error: return a plain nil, or say what failed"
	}
	s := "countersign"
	if e.Op != "" {
		s += ": " + e.Op
	}
	if e.Gateway != "" {
		s += " for " + e.Gateway
	}
	cause := e.Err
	if cause == nil {
		cause = e.Code
	}
	if cause == nil {
		return s
	}
	return s + ": " + cause.Error()
}

// Unwrap returns the code and the cause, as far as there are any.
func (e *Error) Unwrap() []error {
	if e == nil {
		return nil
	}
	return slices.DeleteFunc([]error{e.Code, e.Err}, func(err error) bool { return err == nil })
}

// Is reports whether target is an [*Error] with the same code and cause as e, and the
// same Op and Gateway where it has them: errors.Is finds a scheme's own error in the
// copy that the transport has filled in.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t != nil && e != nil && same(t.Code, e.Code) && same(t.Err, e.Err) &&
		(t.Op == "" || t.Op == e.Op) && (t.Gateway == "" || t.Gateway == e.Gateway)
}

func same(a, b error) bool {
	return a == nil && b == nil || reflect.ValueOf(a).Comparable() && a == b
}

var errNoMerchant = errors.New("many merchants share this origin and the request names none for it: use auth.WithAuthenticator")

// Timeout reports whether the cause is that time ran out, as [net.Error] has it.
func (e *Error) Timeout() bool {
	if e == nil {
		return false
	}
	cause, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](e.Err)
	return ok && cause.Timeout()
}
