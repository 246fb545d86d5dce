package authtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/request"
	"github.com/countersign/countersign/internal/sender"
)

// A Message is a notification that [IPN], [LCN] or [Webhook] sends to a handler. With
// its Key alone it is one of an order that is paid, or of a subscription that is
// active.
type Message struct {
	// Key is the source of the account's Secret Key, or of a webhook's signing key.
	Key auth.SecretSource

	// Algorithm is that of the hash, for which there is one field. Zero is SHA2-256.
	// A webhook has no other.
	Algorithm avangate.Algorithm

	// Fields are names, as on the wire, such as IPN_PID[], and values. They take the
	// place of all default fields of their name; several of one name are the elements,
	// in order; and new ones go to the end, in front of the hash. A webhook that has
	// some is sent as a form, such as transaction[status].
	Fields [][2]string

	// TestOrder makes it one of a test order. A webhook has transaction[mode] for that.
	TestOrder bool

	// Body is that of a webhook, in place of a body of JSON, and ContentType its type;
	// empty means JSON.
	Body        []byte
	ContentType string

	// URL is where the handler is asked, such as /merchants/7/ipn?lang=en, for one that
	// tells by the path. Empty means /.
	URL string

	// WrongHash gives it a wrong hash, or signature: right is then to refuse it.
	WrongHash bool

	// Writes is how many pieces the body comes in; 0 and 1 mean one.
	Writes int
}

// A Reply is what a handler answered, and what the gateway makes of it.
type Reply struct {
	Status int
	Header http.Header
	Body   string

	// Err says what is wrong, the mistake if it can be told, and what to do; nil if the
	// message is acknowledged, or refused if it has a wrong hash. It quotes nothing of
	// the reply.
	Err error

	// Notes say of a right reply what is fragile about it, or not shown by it.
	Notes []string
}

// IPN sends an Instant Payment Notification of 2Checkout to a handler, and judges the
// reply. The error is an [*auth.Error]: [auth.ErrSecret] if the key cannot be had,
// [auth.ErrConfig] if the message cannot be made. Of the handler's part Reply.Err tells.
//
// The handler is called once, with POST and the context ctx, and a panic of its passes.
// The date of a reply is compared with no clock.
func IPN(ctx context.Context, h http.Handler, m Message) (*Reply, error) {
	return m.send(ctx, h, "send an IPN", sender.IPN)
}

// LCN is IPN for a License Change Notification.
func LCN(ctx context.Context, h http.Handler, m Message) (*Reply, error) {
	return m.send(ctx, h, "send an LCN", sender.LCN)
}

// Webhook is IPN for a webhook of the Payrexx family, with the header
// X-Webhook-Signature. It is acknowledged by any status from 200 to 299.
func Webhook(ctx context.Context, h http.Handler, m Message) (*Reply, error) {
	return m.send(ctx, h, "send a webhook", sender.Webhook)
}

func (m *Message) send(ctx context.Context, h http.Handler, op string, kind sender.Kind) (*Reply, error) {
	key, err := auth.Load(ctx, m.Key)
	if err != nil {
		return nil, &auth.Error{Op: op, Code: auth.ErrSecret, Err: err}
	}
	message, err := m.message(kind, key)
	if err != nil {
		return nil, &auth.Error{Op: op, Code: auth.ErrConfig, Err: err}
	}
	target := cmp.Or(m.URL, "/")
	u, err := url.ParseRequestURI(target)
	if err != nil || u.Host != "" {
		return nil, &auth.Error{Op: op, Code: auth.ErrConfig, Err: errors.New("the URL is not a path, with or without a query: write it as /2checkout/ipn")}
	}
	req, err := message.Request(ctx, "http://127.0.0.1/")
	if err != nil {
		return nil, &auth.Error{Op: op, Code: auth.ErrConfig, Err: err}
	}
	req.URL, req.RequestURI, req.RemoteAddr, req.GetBody = u, target, "127.0.0.1:1024", nil // as a server has them
	if m.Writes > 1 {
		req.Body = io.NopCloser(&pieces{message.Body, (len(message.Body) + m.Writes - 1) / m.Writes})
	}
	w := recorder{header: make(http.Header)}
	h.ServeHTTP(&w, req)
	w.WriteHeader(http.StatusOK)
	r := &Reply{Status: w.status, Header: w.sent, Body: w.body.String()}
	j := message.Judge(&sender.Answer{Status: w.status, Body: w.body.Bytes()})
	r.Notes = j.Notes
	if j.Verdict != sender.Right {
		r.Err = judged(j)
	}
	return r, nil
}

// judged returns what is wrong as an error.
func judged(j *sender.Judgement) error {
	if len(j.Mistakes) == 0 {
		return errors.New(j.Text)
	}
	first := j.Mistakes[0]
	return fmt.Errorf("%s: %s. %s", j.Text, first.Name, first.Fix)
}

// message makes what is sent.
func (m *Message) message(kind sender.Kind, key auth.Secret) (*sender.Message, error) {
	var fields []sender.Field
	for _, f := range m.Fields {
		if vendor.IsHashField(f[0]) && kind != sender.Webhook {
			return nil, fmt.Errorf("the field %s is made of the others: leave it out, and for a wrong one set WrongHash", f[0])
		}
		fields = append(fields, sender.Field{Name: f[0], Value: f[1]})
	}
	if kind == sender.Webhook {
		return m.webhook(fields, key)
	}
	if m.Body != nil || m.ContentType != "" {
		return nil, errors.New("a Body is that of a webhook: give the Fields")
	}
	i := slices.IndexFunc(vendor.HashFields[:], func(f vendor.HashField) bool { return f.Function.Name == m.Algorithm.String() })
	if i < 0 {
		return nil, fmt.Errorf("there is no %v: use avangate.SHA2_256 or avangate.SHA3_256", m.Algorithm)
	}
	test := sender.Field{Name: sender.TestField(kind), Value: "0"}
	if m.TestOrder {
		test.Value = "1"
	}
	all := sender.Replace(sender.Replace(sender.Defaults(kind, time.Now()), []sender.Field{test}), fields)
	return sender.NewNotification(kind, all, vendor.HashFields[i], key, m.WrongHash), nil
}

func (m *Message) webhook(fields []sender.Field, key auth.Secret) (*sender.Message, error) {
	switch {
	case m.TestOrder:
		return nil, errors.New("a webhook has no TestOrder: give the field transaction[mode], or a Body")
	case m.Algorithm != avangate.SHA2_256:
		return nil, errors.New("a webhook has no other Algorithm than SHA2-256")
	case len(fields) > 0 && m.Body != nil:
		return nil, errors.New("give Fields or a Body, and not both")
	case len(fields) > 0:
		body := sender.AppendForm(nil, sender.Replace(sender.Defaults(sender.Webhook, time.Now()), fields))
		return sender.NewWebhook(body, request.FormType, key, m.WrongHash), nil
	}
	body, contentType := m.Body, m.ContentType
	if body == nil {
		body = sender.DefaultJSON()
	}
	return sender.NewWebhook(body, cmp.Or(contentType, request.JSONType), key, m.WrongHash), nil
}

// pieces is a body of which each Read gives a piece at most.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

// A recorder keeps an answer.
type recorder struct {
	header, sent http.Header
	status       int // 0 if the header has not been written
	body         bytes.Buffer
}

var _ http.Flusher = (*recorder)(nil)

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status, r.sent = status, r.header.Clone()
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

func (r *recorder) Flush() { r.WriteHeader(http.StatusOK) }
