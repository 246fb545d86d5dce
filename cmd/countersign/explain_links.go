package main

import (
	"flag"
	"fmt"
	"net/url"

	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/explain"
	"github.com/countersign/countersign/internal/redact"
)

const explainLinkUsage = `usage: countersign explain buylink --url URL [flags]
       countersign explain return-url [--url URL] [flags]

Says why the signature in a buy link of 2Checkout is wrong, or in the URL that a buyer
came back with. It tries the mistakes that people make and names those that give this
very signature. Exits with 0 if the signature is right, and with 1 if not.

  --url URL           the link, or the URL; without it the standard input holds it,
                      alone or in a request

of buylink:
  --preset plugins|general|dynamic
                      the names that are to be signed if they are in the link; without
                      it plugins, the 21 names of the vendor's plugins
  --signed A,B        names in place of a preset's

of return-url:
  --own A,B           parameters that return-url had of its own, which are not signed

` + buyLinkSecretUsage + `
example:
  countersign explain buylink --url 'https://secure.2checkout.com/checkout/buy?merchant=YOURCODE123&prod=A&qty=1&signature=...'
`

// buyLinkWord is the word that explain takes first for a buy link.
const buyLinkWord = "buylink"

// explainLink explains a buy link, or a return URL.
func explainLink(c *command, isReturn bool) int {
	var a account
	flags := new(flag.FlagSet)
	a.secretFlag(flags)
	text := flags.String("url", "", "")
	preset := flags.String("preset", "", "")
	names := listFlag(flags, "signed")
	own := listFlag(flags, "own")
	asJSON := flags.Bool("json", false, "")
	words, code, done := c.parse(flags, explainLinkUsage)
	if done {
		return code
	}
	signed := *names
	switch {
	case len(words) > 0:
		return c.fail(usagef("the URL is given with --url, or on the standard input"))
	case isReturn && (*preset != "" || signed != nil):
		return c.fail(usagef("--preset and --signed are for buylink: all parameters of a return URL are signed but its --own"))
	case !isReturn && *own != nil:
		return c.fail(usagef("--own is for return-url"))
	case *preset != "" && signed != nil:
		return c.fail(usagef("give a --preset or the names that are --signed, and not both"))
	case *preset != "" && presets[*preset] == nil:
		return c.fail(usagef("the --preset is plugins, general or dynamic"))
	case *preset != "":
		signed = presets[*preset]
	}
	link, err := c.returnedURL(*text)
	if err != nil {
		return c.fail(err)
	}
	d, err := a.explainLink(c, link, isReturn, signed, *own)
	switch {
	case err != nil:
		return c.failLink(err)
	case *asJSON:
		c.printJSON(d)
	default:
		fmt.Fprintln(c.stdout, d)
		if _, err := vendor.ReadLink(link.RawQuery); err == nil {
			fmt.Fprintln(c.stdout, "string to sign:", printable.Line(d.StringToSign))
		}
	}
	if !d.Right {
		return exitWrong
	}
	return exitRight
}

func (a *account) explainLink(c *command, link *url.URL, isReturn bool, signed, own []string) (d *explain.Diagnosis, err error) {
	secret, err := a.secret(c, buyLinkVariable)
	if err != nil {
		return nil, err
	}
	if isReturn {
		d, err = (&explain.ReturnURL{SecretWord: secret, Own: own, Others: otherKeys(c)}).URL(c.ctx, link)
	} else {
		d, err = (&explain.BuyLink{SecretWord: secret, Names: signed, Others: otherKeys(c)}).URL(c.ctx, link)
	}
	if err != nil {
		return nil, err
	}
	var others []string
	for _, variable := range []string{secretVariable, secretKeyVariable, signingKeyVariable, buyLinkVariable} {
		if value := c.getenv(variable); value != "" {
			others = append(others, value)
		}
	}
	if words := redact.New(others...); words.In(link.String()) {
		d.Redact(words)
	}
	return d, nil
}
