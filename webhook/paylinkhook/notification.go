package paylinkhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/php"
)

// A Notification is what a webhook says: hints about which object to fetch. A field
// that the message does not have is empty. Printed, it shows the object's kind only.
type Notification struct {
	// Object is "transaction", "subscription" or "payout"; empty for another kind.
	Object string
	// ID and UUID are the object's.
	ID, UUID string
	// Status is the object's status, such as "confirmed".
	Status string
	// Mode is "LIVE" or "TEST".
	Mode string
	// Reference is the shop's own reference, the referenceId.
	Reference string

	// Signed says that the signature was verified. It is false only if the Handler
	// was told that there is none.
	Signed bool
	// Body is the body that was verified, JSON or a form: the same bytes, not a copy.
	Body []byte
}

// Format prints the kind of the object and whether the message is signed, whatever the
// verb: the rest is a customer's.
func (n Notification) Format(f fmt.State, verb rune) {
	kind, signed := "other", "unsigned"
	if slices.Contains(objects, n.Object) {
		kind = n.Object
	}
	if n.Signed {
		signed = "signed"
	}
	fmt.Fprintf(f, "paylinkhook.Notification(%s, %s)", kind, signed)
}

var objects = []string{"transaction", "subscription", "payout"}

// read reads a body, of JSON or a form, by what it is: the Content-Type is not signed.
func read(body []byte, signed bool) (*Notification, error) {
	n := &Notification{Signed: signed, Body: body}
	var err error
	switch first := bytes.TrimLeft(body, " \t\r\n"); {
	case len(first) == 0:
		err = errors.New("the body is empty")
	case first[0] == '{':
		err = n.readJSON(body)
	case bytes.IndexByte(body, '=') >= 0:
		n.readForm(body)
	default:
		err = errors.New("the body is neither a JSON object nor a form")
	}
	if err != nil {
		return nil, &auth.Error{Op: opVerify, Code: auth.ErrBody, Err: err}
	}
	return n, nil
}

// An object is what is read of one.
type object struct {
	ID          text `json:"id"`
	UUID        text `json:"uuid"`
	Status      text `json:"status"`
	Mode        text `json:"mode"`
	ReferenceID text `json:"referenceId"`
}

// A text is a string, or a number as it is written. Anything else is no text.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	switch c := b[0]; {
	case c == '"':
		return json.Unmarshal(b, (*string)(t))
	case c == '-' || '0' <= c && c <= '9':
		*t = text(b)
	}
	return nil
}

func (n *Notification) readJSON(body []byte) error {
	var message struct {
		Transaction, Subscription, Payout *object
	}
	if json.Unmarshal(body, &message) != nil {
		return errors.New("the body begins as a JSON object and is none that can be read")
	}
	for i, o := range []*object{message.Transaction, message.Subscription, message.Payout} {
		if o != nil {
			n.Object = objects[i]
			n.ID, n.UUID, n.Status, n.Mode, n.Reference = string(o.ID), string(o.UUID), string(o.Status), string(o.Mode), string(o.ReferenceID)
			break
		}
	}
	return nil
}

// readForm reads a form as PHP does: of a field that comes twice the last one counts.
func (n *Notification) readForm(body []byte) {
	var room [128]byte // more than any hint's name takes
	for encoded, value := range php.Pairs(body) {
		begins := encoded[:min(len(encoded), len(room))]
		object, field, ok := strings.Cut(string(php.AppendURLDecoded(room[:0], begins)), "[")
		if !ok || !slices.Contains(objects, object) || n.Object != "" && n.Object != object {
			continue
		}
		n.Object = object
		if hint := n.hint(field); hint != nil {
			*hint = string(php.AppendURLDecoded(nil, value))
		}
	}
}

// hint returns the field of n that an element of the object is for, nil if there is
// none.
func (n *Notification) hint(element string) *string {
	switch element {
	case "id]":
		return &n.ID
	case "uuid]":
		return &n.UUID
	case "status]":
		return &n.Status
	case "mode]":
		return &n.Mode
	case "referenceId]":
		return &n.Reference
	}
	return nil
}
