package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/countersign/countersign/internal/explain"
	"github.com/countersign/countersign/internal/redact"
)

// A heldAnswer is an answer that is not sent yet.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *heldAnswer) Header() http.Header         { return a.header }
func (a *heldAnswer) WriteHeader(status int)      { a.status = status }
func (a *heldAnswer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *heldAnswer) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(cmp.Or(a.status, http.StatusOK))
	a.body.WriteTo(w)
}

// redact takes secrets out of the body, which may repeat what the client has sent.
func (a *heldAnswer) redact(secrets *redact.Words) {
	text := secrets.String(a.body.String())
	a.body.Reset()
	a.body.WriteString(text)
}

// encode makes v, in JSON, the body.
func (a *heldAnswer) encode(v any) {
	a.body.Reset()
	e := json.NewEncoder(&a.body)
	e.SetEscapeHTML(false) // a string to sign has ampersands, which people read
	e.Encode(v)
}

// object returns the body, with its numbers as they are written: an id of JSON-RPC is
// the client's. It is nil if the body is no JSON object.
func (a *heldAnswer) object() (object map[string]any) {
	d := json.NewDecoder(bytes.NewReader(a.body.Bytes()))
	d.UseNumber()
	if d.Decode(&object) != nil {
		return nil
	}
	return object
}

// addDiagnosis adds to a JSON object what is known of a request: in an
// error of JSON-RPC to its data, which is the server's to define. A SOAP fault, and
// the answer to a batch, stay as they are.
func (a *heldAnswer) addDiagnosis(e *exchange) {
	object := a.object()
	if object == nil {
		return
	}
	place := object
	if refusal, ok := object["error"].(map[string]any); ok {
		place = refusal["data"].(map[string]any)
	}
	place["diagnosis"] = struct {
		Reason string `json:"reason,omitempty"`
		*explain.Diagnosis
	}{e.Reason(), e.Diagnosis}
	a.encode(object)
}

// addToMessage adds a text to what the answer tells the client's user: the message of
// a JSON object or of a JSON-RPC error, or a SOAP fault's text. The answer to a batch
// stays as it is.
func (a *heldAnswer) addToMessage(text string) {
	text = " [countersign serve: " + failure(text) + "]"
	if strings.Contains(a.header.Get("Content-Type"), "xml") {
		a.addToFault(text)
		return
	}
	object := a.object()
	if object == nil {
		return
	}
	place := object
	if refusal, ok := object["error"].(map[string]any); ok {
		place = refusal
	}
	if message, ok := place["message"].(string); ok {
		place["message"] = message + text
		a.encode(object)
	}
}

// addToFault adds a text to a fault of SOAP 1.1 or 1.2, as authtest writes them.
func (a *heldAnswer) addToFault(text string) {
	var escaped bytes.Buffer
	xml.EscapeText(&escaped, []byte(text))
	for _, end := range []string{"</faultstring>", "</SOAP-ENV:Text>"} {
		if before, after, found := strings.Cut(a.body.String(), end); found {
			a.body.Reset()
			a.body.WriteString(before + escaped.String() + end + after)
			return
		}
	}
}
