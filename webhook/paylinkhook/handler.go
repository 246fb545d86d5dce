package paylinkhook

import (
	"context"
	"errors"
	"net/http"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/request"
	"github.com/countersign/countersign/internal/webhook"
)

// A Handler receives webhooks and verifies them.
//
// It is a plain struct, and safe for concurrent use as long as its fields are not
// changed: a program with many merchants makes one for each request, and looks orders
// up among this merchant's.
//
// The body may have 1 MiB, and comes within 10 seconds. Its first reader must be the
// Handler: what middleware has read or parsed cannot be verified.
type Handler struct {
	// SigningKeys are the sources of this webhook's signing key: one, or the new and
	// the old one while it is changed. It is not the API secret.
	SigningKeys []auth.SecretSource

	// Unsigned says that the platform has no signing key for this webhook: nothing is
	// verified then, and anybody can send what Notify gets. It is an error to set both.
	Unsigned bool

	// Notify processes a notification: it fetches the object, and acts on what it
	// fetched. After an error or a panic the platform is to send again. What comes
	// twice must have its effect once.
	//
	// Its context is the request's, for 15 seconds: what returns nil after that is
	// answered as a failure too.
	Notify func(context.Context, *Notification) error

	// OnError is told of each request that is refused, with an [*auth.Error] as
	// [Verify] has it, or with that of Notify as its cause. The peer is told no more
	// than a status. Nil means package log.
	OnError func(*http.Request, error)
}

var _ http.Handler = (*Handler)(nil)

// ServeHTTP answers
//
//   - GET and HEAD with 200;
//   - POST with 200, if Notify returned nil in time;
//   - with 413, if the body is too long; with 400, if it cannot be read or is of a type
//     that is neither JSON nor a form, or if the signature is missing or wrong;
//   - with 500, if the key cannot be had, or Notify failed or took too long;
//   - other methods with 405.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	webhook.Receiver{
		Types: []string{request.JSONType, request.FormType},
		Verify: func(ctx context.Context, body []byte) (webhook.Act, error) {
			n, err := h.verify(ctx, r.Header, body)
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context) (string, error) {
				if err := h.Notify(ctx, n); err != nil {
					return "", webhook.NotProcessed(nil, err)
				}
				return "", nil
			}, nil
		},
		OnError: h.OnError,
	}.ServeHTTP(w, r)
}

func (h *Handler) verify(ctx context.Context, received http.Header, body []byte) (*Notification, error) {
	refuse := func(code, err error) (*Notification, error) {
		return nil, &auth.Error{Op: opVerify, Code: code, Err: err}
	}
	switch {
	case h.Notify == nil:
		return refuse(auth.ErrConfig, errors.New("the Handler has no Notify, and would lose it"))
	case h.Unsigned && len(h.SigningKeys) > 0:
		return refuse(auth.ErrConfig, errors.New("the Handler has a signing key and is told that there is none: take out one of both"))
	case h.Unsigned:
		return read(body, false)
	}
	signature, err := request.SoleHeader(received, header)
	if err != nil {
		return refuse(auth.ErrUnsigned, err)
	}
	return Verify(ctx, body, signature, h.SigningKeys...)
}
