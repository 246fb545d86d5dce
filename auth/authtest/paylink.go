package authtest

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// A Paylink is an emulated gateway of the Payrexx family. It answers
//
//   - 200 with {"status":"success","data":[{"id":N}]} to a request that has the
//     right ApiSignature or X-API-KEY, N being the path's id, or 1;
//   - 403 to any other, always with the same text, as payrexx.com does;
//   - 404 to a path that is not /v1.N/Object/, or has an unknown object or
//     version;
//   - 413 to a body that is too long or cannot be read;
//   - 422 to a missing or wrong instance.
//
// Errors are {"status":"error","message":"An error occurred: ..."}. It is safe
// for concurrent use; its fields must not be changed once it serves.
type Paylink struct {
	// Instance and Secret are the account that it knows.
	Instance string
	Secret   auth.SecretSource

	// MaxBody is how long a body may be, in bytes; it is held in memory. Zero means
	// paylinkhmac.DefaultMaxBody.
	MaxBody int64

	// Observe, if it is not nil, is told of each request before the answer is
	// sent. It may be called concurrently.
	Observe func(Exchange)
}

var _ http.Handler = (*Paylink)(nil)

// ServeHTTP verifies and answers a request.
func (p *Paylink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	verifier := paylinkhmac.Verifier{Secret: p.Secret, MaxBody: p.MaxBody, Reading: paylinkhmac.Live}
	found, err := verifier.Verify(r)
	seen := sighting{found.Instance, found.StringToSign, found.Parameters()}
	if errors.Is(err, auth.ErrUnsigned) {
		seen = unsigned(r)
		switch key, notSole := request.SoleHeader(r.Header, paylink.KeyHeader); {
		case notSole != nil: // PHP makes one value of several
			err = &auth.Error{Op: "verify " + r.Method, Code: auth.ErrUnsigned, Err: notSole}
		case key != "":
			err = p.checkKey(r, key)
		}
	}
	status, body := p.judge(r.URL.Path, seen.instance, err)
	if p.Observe != nil {
		e := Exchange{Method: r.Method, Path: r.URL.Path, StringToSign: seen.stringToSign, Notes: found.Notes, Status: status, Err: err}
		for name, value := range seen.parameters {
			e.Parameters = append(e.Parameters, [2]string{name, value})
		}
		switch {
		case status == http.StatusUnprocessableEntity:
			e.Err = p.wrongInstance(r, seen.instance, err)
		case err == nil && status != http.StatusOK:
			e.Err = errors.New(body.Message)
		}
		p.Observe(e)
	}
	answer(w, status, body)
}

// wrongInstance says which instance came, beside what else is wrong. It does not quote
// the secret, where a client has taken one for the other.
func (p *Paylink) wrongInstance(r *http.Request, came string, err error) error {
	secret, _ := auth.Load(r.Context(), p.Secret)
	reason := fmt.Errorf("the instance %q came: send %q", came, p.Instance)
	switch {
	case came == "" && strings.Contains(r.URL.RawQuery, paylink.InstanceName):
		reason = fmt.Errorf("an instance came empty, in brackets, or beside another: send instance=%s once, in the query", url.QueryEscape(p.Instance))
	case came == "":
		reason = fmt.Errorf("no instance came: add instance=%s to the query", url.QueryEscape(p.Instance))
	case len(came) > maxQuoted || strings.Contains(came, secret.Reveal()):
		reason = fmt.Errorf("another instance came: send %q", p.Instance)
	}
	if e, ok := errors.AsType[*auth.Error](err); ok {
		both := *e
		both.Err = fmt.Errorf("%w; and %w", reason, e.Err)
		return &both
	}
	return reason
}

// maxQuoted is how much of an instance is quoted, in bytes: it is a label of a host.
const maxQuoted = 63

func (p *Paylink) checkKey(r *http.Request, key string) error {
	secret, err := auth.Load(r.Context(), p.Secret)
	if err != nil {
		return &auth.Error{Op: "verify " + r.Method, Code: auth.ErrSecret, Err: err}
	}
	if subtle.ConstantTimeCompare([]byte(secret.Reveal()), []byte(key)) == 0 {
		return &auth.Error{Op: "verify " + r.Method, Code: auth.ErrSignature, Err: errors.New("the X-API-KEY is not the secret: send the API secret of this instance, as it is")}
	}
	return nil
}

// A sighting is what the gateway sees of a request.
type sighting struct {
	instance     string
	stringToSign string
	parameters   iter.Seq2[string, string]
}

// unsigned reads a request without a signature, whose body has been put back.
func unsigned(r *http.Request) sighting {
	body, _ := request.TakeBody(r, math.MaxInt64) // it is in memory
	request.SetBody(r, body)
	received, err := paylink.Receive(r, body)
	if err != nil {
		received.Params = new(php.Array) // it cannot be read
	}
	paylink.RemoveOwn(received.Params)
	return sighting{received.Instance, string(received.Params.Query()), received.Params.All()}
}

type paylinkAnswer struct {
	Status  string           `json:"status"`
	Message string           `json:"message,omitempty"`
	Data    []map[string]any `json:"data,omitempty"`
}

// judge decides what the peer is told.
func (p *Paylink) judge(urlPath, instance string, err error) (int, paylinkAnswer) {
	fail := func(status int, message string) (int, paylinkAnswer) {
		return status, paylinkAnswer{Status: "error", Message: "An error occurred: " + message}
	}
	path, ok := paylink.ParsePath(urlPath)
	if !ok || !paylink.IsObject(path.Object) {
		return fail(http.StatusNotFound, "The requested endpoint does not exist")
	}
	if path.Version > paylink.NewestVersion {
		return fail(http.StatusNotFound, "Version not found.")
	}
	switch {
	case errors.Is(err, auth.ErrSecret):
		return fail(http.StatusInternalServerError, "The gateway has no secret.")
	case errors.Is(err, auth.ErrBody):
		return fail(http.StatusRequestEntityTooLarge, "The request is too large.")
	case instance != p.Instance:
		return fail(http.StatusUnprocessableEntity, "The instance is missing or unknown.")
	case err != nil:
		return fail(http.StatusForbidden, "The API secret is not correct.")
	}
	id, notNumeric := strconv.Atoi(path.ID)
	if notNumeric != nil {
		id = 1
	}
	return http.StatusOK, paylinkAnswer{Status: "success", Data: []map[string]any{{"id": id}}}
}
