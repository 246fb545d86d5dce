package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	"github.com/countersign/countersign/internal/explain"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/redact"
)

// An exchange is one request and what came of it.
type exchange struct {
	authtest.Exchange
	At        time.Time
	Diagnosis *explain.Diagnosis // nil if there is no signature to explain

	held *redact.Words // secrets that the request holds, nil if none
	long bool          // it is too long to be explained
}

// Verdict says in a word what came of it.
func (e *exchange) Verdict() string {
	switch {
	case e.Err == nil:
		return "right"
	case e.Diagnosis != nil, errors.Is(e.Err, auth.ErrSignature), errors.Is(e.Err, auth.ErrClock):
		return "wrong"
	case errors.Is(e.Err, auth.ErrUnsigned):
		return "unsigned"
	}
	return "refused"
}

// Reason says why the request was refused, "" if it was not.
func (e *exchange) Reason() string {
	if e.Err == nil {
		return ""
	}
	err := e.Err
	if cause, ok := errors.AsType[*auth.Error](err); ok {
		err = cause.Err
	}
	reason := err.Error()
	if e.held != nil {
		reason = e.held.String(reason)
	}
	if e.long {
		reason += fmt.Sprintf("; more than %d bytes are not explained: try a smaller request", maxExplained)
	}
	return reason
}

// mistake says in a sentence or two what to mend of a request that was refused: the
// first explanation, and where there is none the reason.
func (e *exchange) mistake() string {
	if e.Diagnosis == nil || len(e.Diagnosis.Findings) == 0 {
		return e.Reason()
	}
	var all []string
	for _, m := range e.Diagnosis.Findings[0].Mistakes {
		all = append(all, m.Name+": "+m.Fix)
	}
	return strings.Join(all, " ")
}

// redact takes secrets out of all that is told of the request, however the client has
// come to send one.
func (e *exchange) redact(secrets *redact.Words) {
	for _, s := range []*string{&e.Method, &e.Path, &e.StringToSign} {
		*s = secrets.String(*s)
	}
	for i := range e.Methods {
		e.Methods[i] = secrets.String(e.Methods[i])
	}
	for i := range e.Notes {
		e.Notes[i] = secrets.String(e.Notes[i])
	}
	for i := range e.Parameters {
		e.Parameters[i] = [2]string{secrets.String(e.Parameters[i][0]), secrets.String(e.Parameters[i][1])}
	}
}

// asked returns what was asked for, and of JSON-RPC and SOAP, which have one path for
// all, what was called.
func (e *exchange) asked() string {
	asked := e.Method + " " + e.Path
	if len(e.Methods) > 0 {
		asked += " (" + printable.Line(strings.Join(e.Methods, ", ")) + ")"
	}
	return asked
}

// String returns the line of the log, and those of the diagnosis. Nothing that the
// peer has sent can begin a line.
func (e *exchange) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %d %s", e.At.Format(time.RFC3339), printable.Shorten(e.asked(), maxLogged), e.Status, e.Verdict())
	if e.Err != nil {
		b.WriteString(": " + failure(e.Reason()))
	}
	b.WriteByte('\n')
	if e.Diagnosis != nil {
		for line := range strings.SplitSeq(e.Diagnosis.String(), "\n") {
			b.WriteString("    " + printable.Line(line) + "\n")
		}
	}
	return b.String()
}

// refuse refuses a request that reaches no gateway, in the Payrexx family's form.
func (e *exchange) refuse(answer *heldAnswer, status int, format string, args ...any) {
	e.Status, e.Err = status, fmt.Errorf(format, args...)
	answer.header.Set("Content-Type", paylink.JSONType)
	answer.WriteHeader(status)
	answer.encode(map[string]string{"status": "error", "message": "countersign serve: " + e.Err.Error()})
}
