package authtest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
)

// A Paylink is an emulated gateway of the Payrexx family. To a request that has the
// right ApiSignature or X-API-KEY it answers 200 with {"status":"success","data":...}:
// data is a list of objects, or one where the API has it so, as for a Bill.
//
//   - POST makes an object. The answer has a new id, what was sent, and what the
//     gateway adds, such as hash, link and status. Other methods and actions, such as
//     refund, change it.
//   - GET gives what was made in this run: of each kind the latest, 1000 in all. An
//     object with an id that is none of them is invented.
//   - DELETE takes it away: later requests for it are answered with an error, which has
//     the status 404 since v1.15 and 200 before.
//
// What it answers to others:
//
//   - 403 to one that is not right, always with the same text, as payrexx.com does;
//   - 404 to a path that is not /v1.N/Object/, or has an unknown object or
//     version;
//   - 413 to a body that is too long or cannot be read;
//   - 422 to a missing or wrong instance.
//
// Errors are {"status":"error","message":"An error occurred: ..."}. It is safe
// for concurrent use; its fields must not be changed once it serves, and it must not be
// copied.
type Paylink struct {
	// Instance and Secret are the account that it knows.
	Instance string
	Secret   auth.SecretSource

	// MaxBody is how long a body may be, in bytes; it is held in memory. Zero means
	// paylinkhmac.DefaultMaxBody.
	MaxBody int64

	// Options are how it reads a request. The zero value is as the live gateways do.
	Options Options

	// Observe, if it is not nil, is told of each request before the answer is
	// sent. It may be called concurrently.
	Observe func(Exchange)

	// Answer, if it is not nil, answers each request that is right, whose body is
	// whole, in the place of what the gateway has to say.
	Answer http.Handler

	faults  faults
	objects paylinkObjects
}

var _ http.Handler = (*Paylink)(nil)

// Fail has the next requests answered by faults, in their order, each in the place of
// the gateway and whatever the request is: a [Fault], or any other handler. Their
// Exchanges have an error. It may be called while the gateway serves.
func (p *Paylink) Fail(faults ...http.Handler) { p.faults.add(faults) }

// ServeHTTP verifies and answers a request.
func (p *Paylink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := &Exchange{Method: r.Method, Path: r.URL.Path}
	o := &observed{ResponseWriter: w, exchange: e, observe: p.Observe}
	defer o.tell(0) // if a handler panics
	if p.faults.serve(o, r) {
		o.tell(http.StatusOK)
		return
	}
	path, isPath := paylink.ParsePath(r.URL.Path)
	lacksSlash := isPath && path.Act == "" && !strings.HasSuffix(r.URL.Path, "/")
	status, err := p.Options.before(w, r, lacksSlash)
	if status != 0 {
		e.Err = err
		body := paylinkError("The requested endpoint does not exist")
		if status == http.StatusInternalServerError {
			body = paylinkError(err.Error())
		}
		answer(o, status, body)
		return
	}
	found, notes, err := p.verify(r)
	e.StringToSign, e.Parameters, e.Notes, e.Err = found.stringToSign, found.parameters, notes, err
	status, body := p.judge(path, isPath, found.instance, err)
	switch {
	case status == http.StatusUnprocessableEntity:
		e.Err = p.wrongInstance(r, found.instance, err)
	case status == http.StatusOK && p.Answer != nil:
		p.Answer.ServeHTTP(o, r)
		o.tell(http.StatusOK)
		return
	case status == http.StatusOK:
		secret, _ := auth.Load(r.Context(), p.Secret)
		status, body = p.objects.answer(p.Instance, secret.Reveal(), r.Method, path, p.sent(r))
	}
	if e.Err == nil && body.Message != "" {
		e.Err = errors.New(body.Message)
	}
	answer(o, status, body)
}

// sent returns the parameters of a request that is right: those of JSON as they came,
// others as PHP has them, in texts.
func (p *Paylink) sent(r *http.Request) map[string]any {
	received, body := p.receive(r)
	switch {
	case received.Kind == paylink.JSON && p.Options.Reads.BodyReplacesQuery != saidNo:
		return decode(body)
	case received.Kind == paylink.Multipart:
		received.Params.RemoveEmpty() // which the vendor's SDK makes of nulls
	}
	return received.Params.Tree()
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

type paylinkAnswer struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
	Data    any    `json:"data,omitempty"`
}

func paylinkError(message string) paylinkAnswer {
	return paylinkAnswer{Status: "error", Message: "An error occurred: " + message}
}

// judge decides what the peer is told.
func (p *Paylink) judge(path paylink.Path, isPath bool, instance string, err error) (int, paylinkAnswer) {
	switch {
	case !isPath || !paylink.IsObject(path.Object):
		return http.StatusNotFound, paylinkError("The requested endpoint does not exist")
	case path.Version > paylink.NewestVersion:
		return http.StatusNotFound, paylinkError("Version not found.")
	case errors.Is(err, auth.ErrSecret):
		return http.StatusInternalServerError, paylinkError("The gateway has no secret.")
	case errors.Is(err, auth.ErrBody):
		return http.StatusRequestEntityTooLarge, paylinkError("The request is too large.")
	case instance != p.Instance:
		return http.StatusUnprocessableEntity, paylinkError("The instance is missing or unknown.")
	case err != nil:
		return http.StatusForbidden, paylinkError("The API secret is not correct.")
	}
	return http.StatusOK, paylinkAnswer{}
}
