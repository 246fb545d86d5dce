package main

import (
	"cmp"
	"context"
	"crypto/fips140"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/request"
	"github.com/countersign/countersign/internal/sender"
)

const sendUsage = `usage: countersign send ipn|lcn|webhook --to URL [flags] [NAME=VALUE ...]

Sends one message to a receiver as the gateway would, 2Checkout's IPN or LCN or the
Payrexx family's webhook, and says what the gateway makes of the answer, and which
mistake the receiver has made if that can be told. Exits with 0 if the answer
acknowledges the message, and with 1 if not. No redirect is followed.

A NAME is as on the wire, such as 'IPN_PID[]'. It takes the place of all default
fields of that name; repeated ones are the elements, in order; new ones go to the end,
in front of the hash. Without any, all receivers that are known read the message
alike; it is about a test order.

  --to URL               where the receiver is
  --tamper               sends a wrong hash; exits with 0 only if that is refused
  --timeout TIME         how long the receiver may take, such as 5s; 20s without it
  --allow-insecure-http  allows http to a host that is not loopback
  --json                 prints JSON

of ipn and lcn:
  --algo sha256|sha3-256|md5  the hash function; sha256 without it

of webhook, which is JSON unless it has a NAME:
  --type form|json       what it is
  --body FILE            its body, byte for byte; - for the standard input

The key of ipn and lcn is the Secret Key, from COUNTERSIGN_SECRET_KEY, and that of
webhook the signing key, from COUNTERSIGN_SIGNING_KEY. Or it comes from

  --secret-file FILE     a file that holds it, - for the standard input; one final
                         newline is not part of it

example:
  countersign send ipn --to http://127.0.0.1:8080/2checkout/ipn ORDERSTATUS=REFUND TEST_ORDER=0
`

func send(c *command) int {
	of := func(kind sender.Kind) func(*command) int {
		return func(c *command) int { return sendMessage(c, kind) }
	}
	return c.perKind(sendUsage, "what to send", kind{ipnMessage, of(sender.IPN)}, kind{lcnMessage, of(sender.LCN)}, kind{webhookMessage, of(sender.Webhook)})
}

// A dispatch is one message to be sent.
type dispatch struct {
	account
	kind            sender.Kind
	to, algo        string
	body, mediaType string
	timeout         time.Duration
	tamper          bool
	insecure        bool
}

func sendMessage(c *command, kind sender.Kind) int {
	d := dispatch{kind: kind}
	flags := new(flag.FlagSet)
	d.secretFlag(flags)
	flags.StringVar(&d.to, "to", "", "")
	flags.StringVar(&d.algo, "algo", "", "")
	flags.StringVar(&d.body, "body", "", "")
	flags.StringVar(&d.mediaType, "type", "", "")
	flags.DurationVar(&d.timeout, "timeout", 20*time.Second, "")
	flags.BoolVar(&d.tamper, "tamper", false, "")
	flags.BoolVar(&d.insecure, "allow-insecure-http", false, "")
	asJSON := flags.Bool("json", false, "")
	words, code, done := c.parse(flags, sendUsage)
	if done {
		return code
	}
	err := d.check()
	if err != nil {
		return c.fail(usageError{err})
	}
	m, err := d.message(c, words)
	if err != nil {
		return c.fail(err)
	}
	j, status := d.send(c.ctx, m)
	printJudgement(c, j, status, *asJSON)
	if j.Verdict != sender.Right {
		return exitWrong
	}
	return exitRight
}

// check returns what is wrong with the flags.
func (d *dispatch) check() error {
	switch {
	case d.to == "":
		return errors.New("no receiver is given: --to")
	case d.timeout <= 0:
		return errors.New("--timeout is not positive: write a duration such as 20s")
	case d.kind == sender.Webhook && d.algo != "":
		return errors.New("--algo is for ipn and lcn: a webhook has no other than sha256")
	case d.kind != sender.Webhook && (d.body != "" || d.mediaType != ""):
		return errors.New("--body and --type are for webhook: give the fields as NAME=VALUE")
	case d.mediaType != "" && d.mediaType != "form" && d.mediaType != "json":
		return errors.New("--type is form or json")
	}
	u, err := url.Parse(d.to)
	if err != nil {
		return errors.New("the --to is malformed: write it as https://shop.example/ipn")
	}
	if u.User != nil {
		return errors.New("the --to holds user information: leave it out")
	}
	if _, err := auth.ParseOrigin(u.Scheme+"://"+u.Host, true); err != nil {
		return errors.New("the --to is no URL of http or https with a host: write it as https://shop.example/ipn")
	}
	if _, err := auth.ParseOrigin(u.Scheme+"://"+u.Host, d.insecure); err != nil {
		return errors.New("the --to is not encrypted: write https, or --allow-insecure-http for a test network")
	}
	return nil
}

// message makes what is sent.
func (d *dispatch) message(c *command, words []string) (*sender.Message, error) {
	var fields []sender.Field
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return nil, usagef("a field is given as NAME=VALUE")
		}
		fields = append(fields, sender.Field{Name: name, Value: value})
	}
	if d.kind == sender.Webhook {
		return d.webhook(c, fields)
	}
	algo := cmp.Or(d.algo, vendor.SHA2_256.Name)
	i := slices.IndexFunc(vendor.HashFields[:], func(f vendor.HashField) bool { return f.Function.Name == algo })
	switch {
	case i < 0:
		return nil, usagef("--algo is sha256, sha3-256 or md5")
	case algo == vendor.MD5.Name && fips140.Enforced():
		return nil, usagef("FIPS 140 mode forbids MD5: choose another --algo")
	case slices.ContainsFunc(fields, func(f sender.Field) bool { return f.Name == vendor.HashFields[i].Name }):
		return nil, usagef("the field %s is made of the others: leave it out, and for a wrong one give --tamper", vendor.HashFields[i].Name)
	}
	key, err := d.key(c, secretKeyVariable)
	if err != nil {
		return nil, err
	}
	return sender.NewNotification(d.kind, sender.Replace(sender.Defaults(d.kind, time.Now()), fields), vendor.HashFields[i], key, d.tamper), nil
}

func (d *dispatch) webhook(c *command, fields []sender.Field) (*sender.Message, error) {
	isForm := d.mediaType == "form" || d.mediaType == "" && len(fields) > 0
	switch {
	case len(fields) > 0 && d.body != "":
		return nil, usagef("give a --body or fields, and not both")
	case len(fields) > 0 && !isForm:
		return nil, usagef("fields are those of a form: leave --type json out, or give a --body")
	}
	key, err := d.key(c, signingKeyVariable)
	if err != nil {
		return nil, err
	}
	body, mediaType := sender.DefaultJSON(), request.JSONType
	if isForm {
		body, mediaType = sender.AppendForm(nil, sender.Replace(sender.Defaults(d.kind, time.Now()), fields)), request.FormType
	}
	if d.body != "" {
		if body, err = c.read(d.body); err != nil {
			return nil, err
		}
	}
	return sender.NewWebhook(body, mediaType, key, d.tamper), nil
}

// key returns the key, if it is one that somebody means.
func (d *dispatch) key(c *command, variable string) (auth.Secret, error) {
	key, err := d.secret(c, variable)
	if err != nil {
		return key, err
	}
	return auth.Load(c.ctx, key)
}

// send sends m and judges the answer. The status is 0 if there is none.
func (d *dispatch) send(ctx context.Context, m *sender.Message) (j *sender.Judgement, status int) {
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	unknown := func(err error) *sender.Judgement {
		switch {
		case ctx.Err() != nil:
			return &sender.Judgement{Text: "interrupted"}
		case limited.Err() != nil:
			return m.NoAnswer(d.timeout)
		}
		return &sender.Judgement{Text: unreachable(err)}
	}
	req, err := m.Request(limited, d.to)
	if err != nil {
		return unknown(err), 0
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return unknown(err), 0
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, sender.MaxAnswer))
	if err != nil {
		if limited.Err() == nil {
			return &sender.Judgement{Text: "the answer breaks off"}, resp.StatusCode
		}
		return unknown(err), resp.StatusCode
	}
	return m.Judge(&sender.Answer{Status: resp.StatusCode, Body: body}), resp.StatusCode
}

// unreachable says why there is no answer. It holds no part of the URL but the host.
func unreachable(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("there is no host %q: check the --to", dns.Name)
	case errors.As(err, &certificate):
		return "the receiver's certificate is not to be trusted: " + certificate.Err.Error()
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the receiver speaks http there, and not https: check the --to"
	}
	text, _, _ := strings.Cut(err.Error(), `"`) // behind which the receiver is quoted
	return "there is no answer: " + text
}

func printJudgement(c *command, j *sender.Judgement, status int, asJSON bool) {
	text := printable.Cut(printable.Line(j.Text), maxFailure) // it may hold a certificate's words
	if asJSON {
		c.printJSON(struct {
			Verdict  string           `json:"verdict"`
			Reason   string           `json:"reason"`
			Status   int              `json:"status,omitempty"`
			Mistakes []sender.Mistake `json:"mistakes,omitempty"`
			Notes    []string         `json:"notes,omitempty"`
		}{j.Verdict.String(), text, status, j.Mistakes, j.Notes})
		return
	}
	fmt.Fprintf(c.stdout, "%s: %s\n", j.Verdict, text)
	if status != 0 {
		fmt.Fprintf(c.stdout, "status: %d\n", status)
	}
	for _, m := range j.Mistakes {
		fmt.Fprintf(c.stdout, "mistake: %s\nfix:     %s\n", m.Name, m.Fix)
	}
	for _, note := range j.Notes {
		fmt.Fprintf(c.stdout, "note: %s\n", note)
	}
}
