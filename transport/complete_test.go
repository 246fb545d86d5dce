package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// A failing scheme returns one and the same error each time.
type failing struct {
	origin auth.Origin
	err    error
}

func (f *failing) Origins() []auth.Origin { return []auth.Origin{f.origin} }

func (f *failing) Authenticate(*http.Request, http.RoundTripper) error { return f.err }

// What a scheme says stays, what it leaves out is filled in, and its own error, which
// it may share among requests, is not written to.
func TestErrorsOfAnAuthenticatorAreComplete(t *testing.T) {
	const origin = "https://api.shop.test"
	errOwn := errors.New("the token is not there")
	for name, c := range map[string]struct {
		err  error
		want auth.Error // save for Err
		text string
	}{
		"a plain error": {errOwn, auth.Error{Op: "authenticate PUT", Gateway: origin},
			"countersign: authenticate PUT for https://api.shop.test: the token is not there"},
		"a plain error that wraps a sentinel": {fmt.Errorf("%w: %w", auth.ErrRequest, errOwn), auth.Error{Op: "authenticate PUT", Gateway: origin},
			"countersign: authenticate PUT for https://api.shop.test: request refused: the token is not there"},
		"a context's error": {context.DeadlineExceeded, auth.Error{Op: "authenticate PUT", Gateway: origin},
			"countersign: authenticate PUT for https://api.shop.test: context deadline exceeded"},
		"neither operation nor gateway": {&auth.Error{Code: auth.ErrSecret, Err: errOwn}, auth.Error{Op: "authenticate PUT", Gateway: origin, Code: auth.ErrSecret},
			"countersign: authenticate PUT for https://api.shop.test: the token is not there"},
		"no gateway": {&auth.Error{Op: "log in", Code: auth.ErrSecret, Err: errOwn}, auth.Error{Op: "log in", Gateway: origin, Code: auth.ErrSecret},
			"countersign: log in for https://api.shop.test: the token is not there"},
		"no operation": {&auth.Error{Gateway: "YOURCODE123", Code: auth.ErrSecret}, auth.Error{Op: "authenticate PUT", Gateway: "YOURCODE123", Code: auth.ErrSecret},
			"countersign: authenticate PUT for YOURCODE123: secret refused"},
		"complete": {&auth.Error{Op: "sign PUT", Gateway: "YOURCODE123", Code: auth.ErrBody, Err: errOwn}, auth.Error{Op: "sign PUT", Gateway: "YOURCODE123", Code: auth.ErrBody},
			"countersign: sign PUT for YOURCODE123: the token is not there"},
		"wrapped, and complete": {fmt.Errorf("birch: %w", &auth.Error{Op: "sign PUT", Gateway: "YOURCODE123", Code: auth.ErrBody}), auth.Error{Op: "sign PUT", Gateway: "YOURCODE123", Code: auth.ErrBody},
			"birch: countersign: sign PUT for YOURCODE123: body refused"},
		"wrapped, and not complete": {fmt.Errorf("birch: %w", &auth.Error{Code: auth.ErrBody, Err: errOwn}), auth.Error{Op: "authenticate PUT", Gateway: origin, Code: auth.ErrBody},
			"countersign: authenticate PUT for https://api.shop.test: birch: countersign: the token is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			before := fmt.Sprintf("%#v", c.err)
			shared, _ := errors.AsType[*auth.Error](c.err)
			was := auth.Error{}
			if shared != nil {
				was = *shared
			}
			tr := newTransport(t, &stub{}, &failing{originOf(t, origin), c.err})
			for range 2 {
				_, err := tr.RoundTrip(newRequest(t, http.MethodPut, origin+"/", nil))
				e, ok := errors.AsType[*auth.Error](err)
				require.True(t, ok, "got %#v", err)
				assert.Equal(t, c.want, auth.Error{Op: e.Op, Gateway: e.Gateway, Code: e.Code})
				assert.Equal(t, c.text, err.Error())
				assert.ErrorIs(t, err, c.err, "the scheme's own error is found")
				for _, sentinel := range []error{errOwn, auth.ErrRequest, auth.ErrSecret, auth.ErrBody, context.DeadlineExceeded} {
					assert.Equal(t, errors.Is(c.err, sentinel), errors.Is(err, sentinel), "errors.Is %v", sentinel)
				}
				assert.Equal(t, errors.Is(c.err, context.DeadlineExceeded), e.Timeout())
			}
			assert.Equal(t, before, fmt.Sprintf("%#v", c.err))
			if shared != nil {
				assert.Equal(t, was, *shared, "it may be shared")
			}
		})
	}
}

func TestANilErrorOfAnAuthenticatorIsAnError(t *testing.T) {
	const origin = "https://api.shop.test"
	tr := newTransport(t, &stub{}, &failing{originOf(t, origin), (*auth.Error)(nil)})
	_, err := tr.RoundTrip(newRequest(t, http.MethodPut, origin+"/", nil))
	assert.ErrorContains(t, err, "countersign: authenticate PUT for https://api.shop.test: ")
}
