package countersign

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
)

// sentHeader says whether the gateway may have acted on the request: no or unknown.
// Only the sidecar's own answers have it.
const sentHeader = "Countersign-Sent"

// statuses are those of the reasons for which a request is refused, in this order: a
// login may fail for want of a secret.
var statuses = []struct {
	code   error
	status int
}{
	{auth.ErrSecret, http.StatusServiceUnavailable},
	{scheme.ErrLogin, http.StatusBadGateway},
	{auth.ErrRedirect, http.StatusBadGateway},
	{auth.ErrOrigin, http.StatusForbidden},
	{auth.ErrNoAuthenticator, http.StatusForbidden},
	{auth.ErrParameter, http.StatusUnprocessableEntity},
	{auth.ErrRequest, http.StatusUnprocessableEntity},
	{auth.ErrBody, http.StatusUnprocessableEntity},
	{auth.ErrUnsigned, http.StatusUnprocessableEntity},
	{auth.ErrSignature, http.StatusUnprocessableEntity},
	{auth.ErrAmbiguous, http.StatusUnprocessableEntity},
	{auth.ErrClock, http.StatusUnprocessableEntity},
	{auth.ErrConfig, http.StatusInternalServerError},
}

// statusOf returns the status of a refusal, 500 for what nobody has thought of.
func statusOf(err error) int {
	for _, s := range statuses {
		if errors.Is(err, s.code) {
			return s.status
		}
	}
	return http.StatusInternalServerError
}

// A refusal is an answer of the sidecar's own.
type refusal struct {
	status int
	err    error
}

func forbidden(status int, reason error) *refusal {
	return &refusal{status, &auth.Error{Op: "serve the caller", Err: reason}}
}

// response returns the refusal as the answer to req. Its attempts say whether the
// gateway may have acted, perhaps on an earlier one.
func (r *refusal) response(req *http.Request, a *attempts) *http.Response {
	header, body := problem(r.status, r.err.Error(), a.reached)
	return &http.Response{
		Status:     strconv.Itoa(r.status) + " " + http.StatusText(r.status),
		StatusCode: r.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}
}

// problem returns an answer as RFC 9457 has it.
func problem(status int, detail string, reached bool) (http.Header, []byte) {
	sent, words := "no", "nothing was sent"
	if reached {
		sent, words = "unknown", "unknown"
	}
	body, err := json.Marshal(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
		Sent   string `json:"sent"`
	}{http.StatusText(status), status, detail, words})
	if err != nil {
		panic(err) // strings and a number
	}
	body = append(body, '\n')
	return http.Header{
		"Content-Type":   {"application/problem+json"},
		"Content-Length": {strconv.Itoa(len(body))},
		"Cache-Control":  {"no-store"},
		sentHeader:       {sent},
	}, body
}

// Problem answers an error of Caddy's as [Transport] answers what it refuses: with
// application/problem+json, and in the header Countersign-Sent whether the gateway
// may have acted on the request, no or unknown. It belongs into handle_errors; without
// it a gateway that cannot be reached is a bare 502.
type Problem struct{}

var (
	_ caddy.Module                = (*Problem)(nil)
	_ caddyhttp.MiddlewareHandler = (*Problem)(nil)
)

// CaddyModule says how the module is called.
func (Problem) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.countersign_problem", New: func() caddy.Module { return new(Problem) }}
}

// ServeHTTP answers the error that brought the request here.
func (Problem) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	status := http.StatusInternalServerError
	cause, _ := r.Context().Value(caddyhttp.ErrorCtxKey).(error)
	if e, ok := errors.AsType[caddyhttp.HandlerError](cause); ok && e.StatusCode != 0 {
		status = e.StatusCode
	}
	detail, reached := explain(status), false
	if a, ok := caddyhttp.GetVar(r.Context(), attemptsKey).(*attempts); ok {
		reached = a.reached
		if a.failure != nil {
			detail = "the gateway could not be reached, or did not answer: " + a.failure.Error()
		}
	}
	header, body := problem(status, detail, reached)
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// explain says of a status what a caller can do about it.
func explain(status int) string {
	switch status {
	case http.StatusNotFound:
		return "the configuration has no gateway at this path"
	case http.StatusMisdirectedRequest:
		return errHost.Error()
	case http.StatusServiceUnavailable:
		return "no upstream is taken for healthy"
	}
	return ""
}

func parseProblem(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // the directive's name
	if h.NextArg() {
		return nil, h.ArgErr()
	}
	return new(Problem), nil
}
