package webhooks

import (
	"context"
	"encoding/base64"
	"errors"
	"log"
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
// what ipn.Handler does, but that it logs what it refuses and does not look at the body's
// type; the limits of time are the platform's.
type Function struct {
	SecretKey auth.SecretSource
	Notify    func(context.Context, *ipn.Notification) error
}

// Handle answers an event.
func (f *Function) Handle(ctx context.Context, e Event) (Response, error) {
	switch e.RequestContext.HTTP.Method {
	case http.MethodGet, http.MethodHead: // the set-up asks by GET
		return Response{StatusCode: http.StatusOK}, nil
	case http.MethodPost:
	default: // an event of another format has none
		return refuse(http.StatusMethodNotAllowed, errors.New("the event is no POST, or not of payload format 2.0"))
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return refuse(http.StatusBadRequest, errors.New("the body is not base64"))
		}
	}
	n, err := ipn.Verify(ctx, body, f.SecretKey)
	switch {
	case errors.Is(err, auth.ErrSecret):
		return refuse(http.StatusInternalServerError, err)
	case err != nil:
		return refuse(http.StatusBadRequest, err)
	}
	switch test, known := n.Test(); {
	case !known:
		return refuse(http.StatusInternalServerError, errors.New("whether the order is a test is not said: choose TEST_ORDER in the IPN settings"))
	case !test:
		if err := f.Notify(ctx, n); err != nil {
			return refuse(http.StatusInternalServerError, err)
		}
	}
	return Response{StatusCode: http.StatusOK, Headers: map[string]string{"content-type": "text/plain; charset=utf-8"}, Body: n.Reply(time.Now())}, nil
}

// refuse tells the operator why and the peer no more than a status.
func refuse(status int, err error) (Response, error) {
	log.Print(err)
	return Response{StatusCode: status}, nil
}
