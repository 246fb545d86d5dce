// Package webhook is what the receivers of notifications share: how long a body may
// be and take, which keys are tried, what a peer and what the operator is told.
//
// It knows no gateway. What is verified, and how, the packages below webhook say.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/request"
)

// MaxBody is how long a notification may be, in bytes.
const MaxBody = 1 << 20

const (
	// receiveTime is how long a body, and the keys after it, may take to come.
	receiveTime = 10 * time.Second
	// processTime is how long a notification may be processed. The Payrexx family
	// gives up after 20 s (docs.payrexx.com, Webhooks).
	processTime = 15 * time.Second
)

// Check returns an error if a body is longer than MaxBody.
func Check(body []byte) error {
	if len(body) > MaxBody {
		return errTooLong
	}
	return nil
}

var errTooLong = fmt.Errorf("%w, %d bytes", request.ErrTooLong, MaxBody)

// Match returns the first of the keys that fits. Where none does, and one or more
// could not be had, the error, an [auth.ErrSecret], says why: one of these may be the
// right one.
func Match(ctx context.Context, keys []auth.SecretSource, fits func(auth.Secret) bool) (key auth.Secret, found bool, err error) {
	if len(keys) == 0 {
		_, err := auth.Load(ctx, nil)
		return auth.Secret{}, false, err
	}
	var errs []error
	for _, source := range keys {
		key, err := auth.Load(ctx, source)
		if err != nil {
			errs = append(errs, err)
		} else if fits(key) {
			return key, true, nil
		}
	}
	return auth.Secret{}, false, errors.Join(errs...)
}

// A Receiver answers the requests of one endpoint. Its zero value does not work.
type Receiver struct {
	// Types are the media types that a body may have. A request that names none may
	// come, too: what is verified are the bytes.
	Types []string
	// Verify verifies a body and returns what is to be done about it. The request has
	// been read, and ctx ends when the time to receive it is over.
	Verify func(ctx context.Context, body []byte) (Act, error)
	// OnError is told of each request that is not answered with 200. Nil means
	// package log.
	OnError func(*http.Request, error)
}

// An Act does what a verified notification is for and returns the answer. Where it
// fails, the peer is to send again.
type Act func(ctx context.Context) (answer string, err error)

// ServeHTTP answers GET and HEAD with 200. It answers POST with 200 and what the Act
// returned, and only once it has; where the peer is at fault with 400, or with 413 to
// a body that is too long, and else with 500; and other methods with 405. The peer is
// not told more. A panic passes.
func (v Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// It stays, whatever comes of the request: net/http waits for the rest of a body
	// before it answers. Once it has the whole it takes it off itself. Not every
	// ResponseWriter can; readBody then looks at the time between reads.
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(receiveTime))
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		v.refuse(w, r, http.StatusMethodNotAllowed, &auth.Error{Op: opReceive, Code: auth.ErrRequest, Err: errors.New("a notification comes by POST")})
		return
	}
	act, err := v.receive(w, r)
	if err != nil {
		v.refuse(w, r, statusOf(err), err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), processTime)
	defer cancel()
	answer, err := act(ctx)
	if err == nil && ctx.Err() != nil {
		err = NotProcessed(nil, fmt.Errorf("its processing ended after its time was over, and it is not acknowledged: answer its repetition at once: %w", ctx.Err()))
	}
	if err != nil {
		v.refuse(w, r, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, answer)
}

const opReceive = "receive a notification"

// NotProcessed is the error of an Act.
func NotProcessed(code, err error) error {
	return &auth.Error{Op: "process a notification", Code: code, Err: err}
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, auth.ErrSecret), errors.Is(err, auth.ErrConfig):
		return http.StatusInternalServerError
	case errors.Is(err, request.ErrTooLong):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

func (v Receiver) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	if v.OnError != nil {
		v.OnError(r, err)
	} else {
		log.Print(err)
	}
	http.Error(w, http.StatusText(status), status)
}

// receive reads the body and verifies it.
func (v Receiver) receive(w http.ResponseWriter, r *http.Request) (Act, error) {
	ctx, cancel := context.WithTimeout(r.Context(), receiveTime)
	defer cancel()
	body, err := v.read(ctx, w, r)
	if err != nil {
		return nil, &auth.Error{Op: opReceive, Code: auth.ErrBody, Err: err}
	}
	return v.Verify(ctx, body)
}

func (v Receiver) read(ctx context.Context, w http.ResponseWriter, r *http.Request) (body []byte, err error) {
	if err := v.checkType(r); err != nil {
		return nil, err
	}
	if err := request.CheckPlain(r); err != nil {
		return nil, err
	}
	if request.HasBody(r) {
		if body, err = readBody(ctx, http.MaxBytesReader(w, r.Body, MaxBody), r.ContentLength); err != nil {
			return nil, err
		}
	}
	if int64(len(body)) < r.ContentLength || len(body) == 0 && r.PostForm != nil {
		return nil, errors.New("the body has been read already, in whole or in part: put this handler in front of what calls ParseForm or reads the body")
	}
	return body, nil
}

func (v Receiver) checkType(r *http.Request) error {
	header, err := request.SoleHeader(r.Header, "Content-Type")
	if err != nil || header == "" {
		return err
	}
	// Of a type with malformed parameters ParseMediaType gives the type all the same.
	if mediaType, _, _ := mime.ParseMediaType(header); !slices.Contains(v.Types, mediaType) {
		return fmt.Errorf("the body is of type %.40q: a notification is of type %s", mediaType, strings.Join(v.Types, " or "))
	}
	return nil
}

// firstRead is the most room that a body gets before any of it has arrived, in
// bytes: a peer may say any length.
const firstRead = 16 << 10

// readBody reads a body of the length that it is said to have, -1 if that is not
// known. All room that it takes on the way is less than 1.5 times MaxBody.
func readBody(ctx context.Context, r io.Reader, length int64) ([]byte, error) {
	if length > MaxBody {
		return nil, errTooLong
	}
	// One byte more, to see that nothing follows. As unsigned, -1 is the greatest length.
	b := make([]byte, 0, min(uint64(length), firstRead-1)+1)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, errTooLong
		}
		if err != nil {
			return nil, fmt.Errorf("the body cannot be read: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("the body did not come in time: %w", err)
		}
		if len(b) == cap(b) {
			size := 4 * cap(b)
			if size >= MaxBody {
				size = MaxBody + 1
			}
			b = append(make([]byte, 0, size), b...)
		}
	}
}
