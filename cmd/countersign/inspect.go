package main

import (
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

  --date 'YYYY-MM-DD HH:MM:SS'  of avangate: when the request was made, in UTC, if
                                that is not now
  --json                        prints JSON

Credentials come from the environment, for paylink from COUNTERSIGN_SECRET, for
avangate from COUNTERSIGN_SECRET_KEY and COUNTERSIGN_MERCHANT_CODE, without which
every code is accepted. Or from

  --merchant-code CODE  the merchant code
  --secret-file FILE    a file that holds the secret; one final newline is not
                        part of it
`

// inspect reads a request and prints what is found about its signature.
func (c *command) inspect(usage string, show func(*explain.Diagnosis) (text string, object any)) int {
	var a account
	flags := new(flag.FlagSet)
	a.avangateFlags(c, flags)
	now := dateFlag(flags)
	asJSON := flags.Bool("json", false, "")
	words, code, done := c.parse(flags, usage)
	if done {
		return code
	}
	d, err := c.diagnose(&a, words, *now)
	unsigned := errors.Is(err, auth.ErrUnsigned)
	if err != nil && !unsigned {
		return c.fail(err)
	}
	text, object := show(d)
	if *asJSON {
		c.printJSON(object)
	} else {
		if !unsigned {
			fmt.Fprintln(c.stdout, text)
		}
		fmt.Fprintln(c.stdout, "string to sign:", printable.Line(d.StringToSign))
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
func (c *command) diagnose(a *account, words []string, now func() time.Time) (*explain.Diagnosis, error) {
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
	var gateway string
	if len(words) == 1 {
		gateway = words[0]
	} else if gateway, err = gatewayOf(req, input); err != nil {
		return nil, err
	}
	d, err := explainAs(c, a, gateway, req, now)
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
	for _, variable := range []string{secretVariable, secretKeyVariable} {
		if secret, err := a.secret(c, variable); err == nil {
			secrets = append(secrets, secret.Reveal())
		}
	}
	if words := redact.New(secrets...); words.In(string(input)) {
		return words
	}
	return nil
}

func explainAs(c *command, a *account, gateway string, req *http.Request, now func() time.Time) (*explain.Diagnosis, error) {
	switch gateway {
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
		return (&explain.Avangate{MerchantCode: a.merchantCode, SecretKey: secret, Now: now, Kept: now == nil}).Request(req)
	}
	return nil, usagef("there is no gateway of that name: paylink or avangate")
}
