package authtest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
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

	// Options are how it reads a request. The zero value is as the live gateways do.
	Options Options

	// Observe, if it is not nil, is told of each request before the answer is
	// sent. It may be called concurrently.
	Observe func(Exchange)
}

var _ http.Handler = (*Paylink)(nil)

// ServeHTTP verifies and answers a request.
func (p *Paylink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := Exchange{Method: r.Method, Path: r.URL.Path}
	path, isPath := paylink.ParsePath(r.URL.Path)
	lacksSlash := isPath && path.Act == "" && !strings.HasSuffix(r.URL.Path, "/")
	var body paylinkAnswer
	if e.Status, e.Err = p.Options.before(w, r, lacksSlash); e.Status != 0 {
		body = paylinkError("The requested endpoint does not exist")
		if e.Status == http.StatusInternalServerError {
			body = paylinkError(e.Err.Error())
		}
	} else {
		var found sighting
		found, e.Notes, e.Err = p.verify(r)
		e.Status, body = p.judge(path, isPath, found.instance, e.Err)
		e.StringToSign = found.stringToSign
		for name, value := range found.parameters {
			e.Parameters = append(e.Parameters, [2]string{name, value})
		}
		switch {
		case e.Status == http.StatusUnprocessableEntity:
			e.Err = p.wrongInstance(r, found.instance, e.Err)
		case e.Err == nil && e.Status != http.StatusOK:
			e.Err = errors.New(body.Message)
		}
	}
	if p.Observe != nil {
		p.Observe(e)
	}
	answer(w, e.Status, body)
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
	Status  string           `json:"status"`
	Message string           `json:"message,omitempty"`
	Data    []map[string]any `json:"data,omitempty"`
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
	id, notNumeric := strconv.Atoi(path.ID)
	if notNumeric != nil {
		id = 1
	}
	return http.StatusOK, paylinkAnswer{Status: "success", Data: []map[string]any{{"id": id}}}
}
