package ipn

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/request"
	"github.com/countersign/countersign/internal/webhook"
)

// A Handler receives notifications, verifies and acknowledges them. Register it
// without a method in the pattern: the vendor asks for the URL by GET before it takes
// it, and is answered 200.
//
// It is a plain struct, and safe for concurrent use as long as its fields are not
// changed: a program with many merchants makes one for each request.
//
// The body may have 1 MiB, and comes within 10 seconds. Its first reader must be the
// Handler: middleware that calls ParseForm leaves nothing of it. The URL's query is no
// part of a notification.
type Handler struct {
	// SecretKeys are the sources of the account's Secret Key: one, or the new and the
	// old one while it is changed.
	SecretKeys []auth.SecretSource

	// Notify processes a notification. Once it returns nil, and not before, the
	// notification is acknowledged; after an error or a panic it is not, and the
	// vendor sends it again, for two days. What comes twice must have its effect
	// once: see [Notification.ID].
	//
	// Its context is the request's, for 15 seconds: what returns nil after that is not
	// acknowledged either.
	Notify func(context.Context, *Notification) error

	// OnError is told of each request that is refused, with an [*auth.Error] as
	// [Verify] has it, or with that of Notify as its cause. The peer is told no more
	// than a status. Nil means package log.
	OnError func(*http.Request, error)

	// AcceptTestOrders gives test orders to Notify too, and those that are not known
	// to be none: then ask [Notification.Test]. Otherwise a test order is
	// acknowledged and goes no further, and an IPN that does not say is an error.
	AcceptTestOrders bool
}

var _ http.Handler = (*Handler)(nil)

// ServeHTTP answers
//
//   - GET and HEAD with 200;
//   - POST with 200 and the reply, if the notification was processed, or is about a
//     test order;
//   - with 413, if the body is too long; with 400, if it cannot be read, is of a type
//     that is no form, has no hash or a wrong one, or is neither an IPN nor an LCN;
//   - with 500, if the key cannot be had, Notify failed or took too long, or an IPN
//     does not say whether the order is a test;
//   - other methods with 405.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	webhook.Receiver{Types: []string{request.FormType}, Verify: h.verify, OnError: h.OnError}.ServeHTTP(w, r)
}

func (h *Handler) verify(ctx context.Context, body []byte) (webhook.Act, error) {
	if h.Notify == nil {
		return nil, &auth.Error{Op: "verify a notification", Code: auth.ErrConfig, Err: errors.New("the Handler has no Notify, and would lose it")}
	}
	n, err := Verify(ctx, body, h.SecretKeys...)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (string, error) {
		test, known := n.Test()
		switch {
		case h.AcceptTestOrders:
		case test:
			return n.Reply(time.Now()), nil
		case !known:
			return "", webhook.NotProcessed(auth.ErrRequest, n.untold())
		}
		if err := h.Notify(ctx, n); err != nil {
			return "", webhook.NotProcessed(nil, err)
		}
		return n.Reply(time.Now()), nil
	}, nil
}

// untold says why it is not known whether the order is a test.
func (n *Notification) untold() error {
	if n.kind == LCN {
		return errors.New("the field TEST is neither 0 nor 1, or comes twice")
	}
	if _, count := n.find("TEST_ORDER"); count == 0 {
		return errors.New("there is no TEST_ORDER, and anybody can make a test order, whose status is COMPLETE too: choose this field in the IPN settings")
	}
	return errors.New("the field TEST_ORDER is neither 0 nor 1, or comes twice")
}
