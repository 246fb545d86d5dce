package webhooks

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/webhook/ipn"
)

// An Event is a request as AWS Lambda hands it over from a function URL or an API
// Gateway (payload format 2.0): the headers' names are in lower case, and the body may
// be in base64.
type Event struct {
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	RequestContext  struct {
		HTTP struct {
			Method string `json:"method"`
		} `json:"http"`
	} `json:"requestContext"`
}

// A Response is what such a function returns.
type Response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers,omitempty"`
	Body       string            `json:"body"`
}

// A Function takes 2Checkout's notifications where there is no http.Request. It does
// what ipn.Handler does, but for its time limits, which are the platform's.
type Function struct {
	SecretKey auth.SecretSource
	Notify    func(context.Context, *ipn.Notification) error
}

// Handle answers an event.
func (f *Function) Handle(ctx context.Context, e Event) (Response, error) {
	if e.RequestContext.HTTP.Method != http.MethodPost {
		return Response{StatusCode: http.StatusOK}, nil // the set-up asks by GET
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return Response{StatusCode: http.StatusBadRequest}, nil
		}
	}
	n, err := ipn.Verify(ctx, body, f.SecretKey)
	switch {
	case errors.Is(err, auth.ErrSecret):
		return Response{StatusCode: http.StatusInternalServerError}, nil
	case err != nil:
		return Response{StatusCode: http.StatusBadRequest}, nil
	}
	switch test, known := n.Test(); {
	case !known:
		return Response{StatusCode: http.StatusInternalServerError}, nil // choose TEST_ORDER in the IPN settings
	case !test:
		if err := f.Notify(ctx, n); err != nil {
			return Response{StatusCode: http.StatusInternalServerError}, nil
		}
	}
	return Response{StatusCode: http.StatusOK, Headers: map[string]string{"content-type": "text/plain; charset=utf-8"}, Body: n.Reply(time.Now())}, nil
}
