package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/cmd/countersign/internal/pasted"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	"github.com/countersign/countersign/internal/explain"
	"github.com/countersign/countersign/internal/redact"
)

const inspectUsage = `
The request comes from the standard input: a raw HTTP request, a curl command line,
which is not run, what curl -v prints, a line of an access log, or a URL; alone, in a
fenced block or quoted. Of a file that curl would send, the text itself must be given;
variables are not filled in. The gateway is told from the request unless it is named.

ipn, lcn and webhook are what the gateways send to a shop: 2Checkout's notifications
and the Payrexx family's webhooks. Their URL's query does not count. Unnamed, the header
X-Webhook-Signature means webhook, and a field of a hash means lcn or ipn.

  --date 'YYYY-MM-DD HH:MM:SS'  of avangate: when the request was made, in UTC, if
                                that is not now
  --allow-md5                   of ipn and lcn: takes a message that has no hash but MD5
  --json                        prints JSON

Credentials come from the environment, for paylink from COUNTERSIGN_SECRET, for
avangate from COUNTERSIGN_SECRET_KEY and COUNTERSIGN_MERCHANT_CODE, without which
every code is accepted, for ipn and lcn from COUNTERSIGN_SECRET_KEY, and for webhook
from COUNTERSIGN_SIGNING_KEY. Or from

  --merchant-code CODE  the merchant code
  --secret-file FILE    a file that holds the secret; one final newline is not
                        part of it
`

// A subject is what a command is to look at.
type subject struct {
	gateway  string // or what it sends
	now      func() time.Time
	allowMD5 bool
}

// isInbound reports whether it is something that a gateway sends.
func (s *subject) isInbound() bool {
	return s.gateway == ipnMessage || s.gateway == lcnMessage || s.gateway == webhookMessage
}

// signed returns the string to sign, "" of a webhook, whose body is signed as it is.
func (s *subject) signed(d *explain.Diagnosis) string {
	if s.gateway == webhookMessage {
		return ""
	}
	return d.StringToSign
}

// inspect reads a request and prints what is found about its signature.
func (c *command) inspect(usage string, show func(*subject, *explain.Diagnosis) (text string, object any)) int {
	var a account
	var s subject
	flags := new(flag.FlagSet)
	a.avangateFlags(c, flags)
	now := dateFlag(flags)
	flags.BoolVar(&s.allowMD5, "allow-md5", false, "")
	asJSON := flags.Bool("json", false, "")
	words, code, done := c.parse(flags, usage)
	if done {
		return code
	}
	s.now = *now
	d, err := c.diagnose(&a, words, &s)
	unsigned := errors.Is(err, auth.ErrUnsigned)
	if err != nil && !unsigned {
		return c.fail(err)
	}
	text, object := show(&s, d)
	if *asJSON {
		c.printJSON(object)
	} else {
		if !unsigned {
			fmt.Fprintln(c.stdout, text)
		}
		if s.gateway != webhookMessage {
			fmt.Fprintln(c.stdout, "string to sign:", cmp.Or(printable.Line(s.signed(d)), "(the empty string)"))
		}
	}
	switch {
	case unsigned:
		return c.fail(err)
	case !d.Right:
		return exitWrong
	}
	return exitRight
}

// diagnose reads a request from the standard input and explains it.
func (c *command) diagnose(a *account, words []string, s *subject) (*explain.Diagnosis, error) {
	if len(words) > 1 {
		return nil, usagef("there is more than one argument: name the gateway, and give the request on the standard input")
	}
	input, err := c.read("-")
	if err != nil {
		return nil, err
	}
	c.held = a.heldBy(c, input)
	req, err := pasted.Request(input)
	if err != nil {
		return nil, usageError{err}
	}
	req = req.WithContext(c.ctx)
	if len(words) == 1 {
		s.gateway = words[0]
	} else if s.gateway, err = gatewayOf(req, input); err != nil {
		return nil, err
	}
	if s.allowMD5 && (!s.isInbound() || s.gateway == webhookMessage) {
		return nil, usagef("--allow-md5 is for ipn and lcn")
	}
	d, err := explainAs(c, a, s, req)
	if d != nil && c.held != nil {
		d.Redact(c.held)
	}
	if e, ok := errors.AsType[*auth.Error](err); ok {
		e.Op = strings.TrimPrefix(e.Op, "explain ") // the command's name says it
	}
	if errors.Is(err, auth.ErrBody) {
		err = usageError{err}
	}
	return d, err
}

// heldBy returns the secrets of the account that input holds, nil if it holds none.
func (a *account) heldBy(c *command, input []byte) *redact.Words {
	var secrets []string
	for _, variable := range []string{secretVariable, secretKeyVariable, signingKeyVariable, buyLinkVariable} {
		if secret, err := a.secret(c, variable); err == nil {
			secrets = append(secrets, secret.Reveal())
		}
	}
	if words := redact.New(secrets...); words.In(string(input)) {
		return words
	}
	return nil
}

func explainAs(c *command, a *account, s *subject, req *http.Request) (*explain.Diagnosis, error) {
	switch s.gateway {
	case paylinkGateway:
		secret, err := a.secret(c, secretVariable)
		if err != nil {
			return nil, err
		}
		return (&explain.Paylink{Secret: secret, MaxBody: maxInput}).Request(req)
	case avangateGateway:
		secret, err := a.secret(c, secretKeyVariable)
		if err != nil {
			return nil, err
		}
		return (&explain.Avangate{MerchantCode: a.merchantCode, SecretKey: secret, Now: s.now, Kept: s.now == nil}).Request(req)
	case ipnMessage, lcnMessage:
		secret, err := a.secret(c, secretKeyVariable)
		if err != nil {
			return nil, err
		}
		return (&explain.Notification{SecretKey: secret, AllowMD5: s.allowMD5, Others: otherKeys(c)}).Request(req)
	case webhookMessage:
		secret, err := a.secret(c, signingKeyVariable)
		if err != nil {
			return nil, err
		}
		return (&explain.Webhook{SigningKey: secret, Others: otherKeys(c)}).Request(req)
	}
	return nil, usagef("there is nothing of that name to look at%s: paylink, avangate, ipn, lcn or webhook", didYouMean(s.gateway, paylinkGateway, avangateGateway, ipnMessage, lcnMessage, webhookMessage))
}

// otherKeys are the secrets of the environment, which may have been mixed up.
func otherKeys(c *command) explain.OtherKeys {
	return explain.OtherKeys{
		SecretKey:  auth.NewSecret(c.getenv(secretKeyVariable)),
		SecretWord: auth.NewSecret(c.getenv(buyLinkVariable)),
		SigningKey: auth.NewSecret(c.getenv(signingKeyVariable)),
		APISecret:  auth.NewSecret(c.getenv(secretVariable)),
	}
}
