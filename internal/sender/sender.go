// Package sender is the gateway's side of a notification: it makes messages as the
// gateways send them, and judges what a receiver answers.
//
// It shares nothing with the packages below webhook, which are at the other end: what
// one of them has wrong, the other one is to show.
package sender

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// A Kind is what a message is.
type Kind int

const (
	IPN     Kind = iota // of 2Checkout, about an order
	LCN                 // of 2Checkout, about a subscription
	Webhook             // of the Payrexx family
)

// A Field is one of a form, decoded.
type Field struct{ Name, Value string }

// Defaults are fields that every receiver that is known reads alike, in particular the
// vendor's SDKs: lists and no deeper arrays, printable ASCII, no backslash, no blank at
// an edge, nothing empty. An IPN has two products, so that the reply shows which one was
// taken. The order is a test.
func Defaults(kind Kind, now time.Time) []Field {
	now = now.UTC()
	switch kind {
	case IPN:
		return []Field{
			{"SALEDATE", now.Format(vendor.DateLayout)}, {"REFNO", "240000001"}, {"REFNOEXT", "1001"}, {"ORDERSTATUS", "COMPLETE"},
			{ipnPID + "[]", "4711"}, {ipnPID + "[]", "4712"},
			{ipnPName + "[]", "Software program"}, {ipnPName + "[]", "Support for a year"},
			{"IPN_QTY[]", "1"}, {"IPN_QTY[]", "1"},
			{"IPN_TOTALGENERAL", "49.90"}, {"CURRENCY", "EUR"}, {"MESSAGE_ID", "9000000001"}, {"MESSAGE_TYPE", "COMPLETE"},
			{testOrder, "1"}, {ipnDate, now.Format(vendor.StampLayout)},
		}
	case LCN:
		return []Field{
			{"FIRSTNAME", "John"}, {"LASTNAME", "Doe"}, {"EMAIL", "john@shop.example"},
			{licenseCode, "3C343D0FAF"}, {expirationDate, now.AddDate(1, 0, 0).Format(vendor.DateLayout)}, {"DATE_UPDATED", now.Format(time.DateOnly)},
			{"CHANGED_BY", "SYSTEM"}, {"LICENSE_TYPE", "REGULAR"}, {"DISABLED", "0"}, {"RECURRING", "1"}, {"LICENSE_PRODUCT", "4711"},
			{"STATUS", "ACTIVE"}, {"MESSAGE_ID", "9000000002"}, {test, "1"},
		}
	default:
		return []Field{
			{"transaction[id]", "1001"}, {"transaction[uuid]", "5b1c9d7e"}, {"transaction[status]", "confirmed"}, {"transaction[mode]", "TEST"},
			{"transaction[amount]", "4990"}, {"transaction[currency]", "CHF"}, {"transaction[referenceId]", "1001"},
		}
	}
}

// The fields that are more than values.
const (
	ipnPID         = "IPN_PID"
	ipnPName       = "IPN_PNAME"
	ipnDate        = "IPN_DATE"
	licenseCode    = "LICENSE_CODE"
	expirationDate = "EXPIRATION_DATE"
	testOrder      = "TEST_ORDER" // of an IPN
	test           = "TEST"       // of an LCN
)

// TestField is the name of the field that says whether an order is a test.
func TestField(kind Kind) string {
	switch kind {
	case IPN:
		return testOrder
	case LCN:
		return test
	}
	return "transaction[mode]"
}

// Replace returns fields with others: those of one name, in their order, in the place
// of all fields that had it, and new ones at the end.
func Replace(fields, others []Field) []Field {
	var replaced []Field
	for _, f := range fields {
		named := withName(others, f.Name)
		if len(named) == 0 {
			replaced = append(replaced, f)
		} else if len(withName(replaced, f.Name)) == 0 {
			replaced = append(replaced, named...)
		}
	}
	for _, f := range others {
		if len(withName(fields, f.Name)) == 0 {
			replaced = append(replaced, f)
		}
	}
	return replaced
}

func withName(fields []Field, name string) (named []Field) {
	for _, f := range fields {
		if f.Name == name {
			named = append(named, f)
		}
	}
	return named
}

// DefaultJSON is the body of a webhook that is sent as JSON.
func DefaultJSON() []byte {
	b, _ := json.Marshal(map[string]any{"transaction": struct {
		ID          int    `json:"id"`
		UUID        string `json:"uuid"`
		Status      string `json:"status"`
		Mode        string `json:"mode"`
		Amount      int    `json:"amount"`
		Currency    string `json:"currency"`
		ReferenceID string `json:"referenceId"`
	}{1001, "5b1c9d7e", "confirmed", "TEST", 4990, "CHF", "1001"}})
	return b
}

// A Message is what is sent.
type Message struct {
	Body     []byte
	Type     string // the Content-Type
	kind     Kind
	fields   []Field // as Body has them, less the hash; nil for a body of another's
	field    vendor.HashField
	key      []byte
	hash     string
	tampered bool
}

// NewNotification returns an IPN or an LCN: the fields in their order, and behind them
// the field of the hash, and no other field of a hash. The hash of a message that is
// tampered with is wrong. In FIPS 140 mode, where there is no MD5, it must not be asked
// for one.
func NewNotification(kind Kind, fields []Field, field vendor.HashField, key auth.Secret, tampered bool) *Message {
	m := &Message{Type: request.FormType, kind: kind, fields: fields, field: field, key: []byte(key.Reveal()), tampered: tampered}
	var source []byte
	for _, f := range fields {
		if !vendor.IsHashField(f.Name) {
			source = vendor.AppendPrefixed(source, f.Value)
		}
	}
	mac := hmac.New(field.New, m.key)
	mac.Write(source)
	m.hash = hashText(mac.Sum(nil), tampered)
	m.Body = AppendForm(nil, append(slices.Clip(fields), Field{field.Name, m.hash}))
	return m
}

// NewWebhook returns a webhook of the Payrexx family with a body of this Content-Type.
func NewWebhook(body []byte, contentType string, key auth.Secret, tampered bool) *Message {
	m := &Message{Body: body, Type: contentType, kind: Webhook, key: []byte(key.Reveal()), tampered: tampered}
	mac := hmac.New(sha256.New, m.key)
	mac.Write(body)
	m.hash = hashText(mac.Sum(nil), tampered)
	return m
}

func hashText(sum []byte, tampered bool) string {
	if tampered {
		sum[len(sum)-1] ^= 1 // so that it is seen by who compares all of it
	}
	return hex.EncodeToString(sum)
}

// AppendForm appends fields in PHP's encoding of a form.
func AppendForm(b []byte, fields []Field) []byte {
	for i, f := range fields {
		if i > 0 {
			b = append(b, '&')
		}
		b = php.AppendURLEncoded(b, f.Name)
		b = append(b, '=')
		b = php.AppendURLEncoded(b, f.Value)
	}
	return b
}

// Request returns a request that sends m.
func (m *Message) Request(ctx context.Context, url string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(m.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", m.Type)
	if m.kind == Webhook {
		req.Header.Set(paylink.WebhookHeader, m.hash)
	}
	return req, nil
}

// value returns the value of a field, "" if there is none; PHP keeps the last one.
func (m *Message) value(name string) (value string) {
	for _, f := range m.fields {
		if f.Name == name {
			value = f.Value
		}
	}
	return value
}

// elements returns the elements of a list, in the order of the message, and the one that
// PHP has at index 0, which the reply is made of: "" if there is none.
func (m *Message) elements(list string) (values []string, first string) {
	next := 0
	for _, f := range m.fields {
		sub, ok := strings.CutPrefix(f.Name, list+"[")
		if !ok {
			continue
		}
		i, err := next, error(nil)
		if sub != "]" {
			if i, err = strconv.Atoi(strings.TrimSuffix(sub, "]")); err != nil {
				continue
			}
		}
		next = max(next, i+1)
		values = append(values, f.Value)
		if i == 0 {
			first = f.Value
		}
	}
	return values, first
}

// isTest reports whether m is about an order that nobody paid for.
func (m *Message) isTest() bool { return m.kind != Webhook && m.value(TestField(m.kind)) == "1" }
