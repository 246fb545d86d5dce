package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/buylink"
	"github.com/countersign/countersign/cmd/countersign/internal/pasted"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/redact"
)

const buyLinkSecretUsage = `  --secret-file FILE  a file that holds the secret word, - for the standard input; one
                      final newline is not part of it
  --json              prints JSON

The Buy-Link Secret Word, which is not the Secret Key, comes from the environment, from
COUNTERSIGN_BUY_LINK_SECRET, or from the --secret-file.
`

const signBuyLinkUsage = `usage: countersign sign buylink --url URL [flags]

Signs a buy link of 2Checkout and prints the string to sign, the signature and, in the
last line, the link with it. It sends nothing.

  --url URL           the link; its parameters keep their order and spelling
  --preset plugins|general|dynamic
                      the names that are signed if they are in the link; without it
                      plugins, the 21 names of the vendor's plugins
  --signed A,B        names in place of a preset's
` + buyLinkSecretUsage + `
example:
  countersign sign buylink --url 'https://secure.2checkout.com/checkout/buy?merchant=YOURCODE123&prod=A&qty=1'
`

const signTokenUsage = `usage: countersign sign merchant-token [flags]

Prints the merchant-token with which 2Checkout's signature endpoint signs carts. Who has
it can have carts signed for ten minutes.

  --merchant-code C   the merchant code, in place of COUNTERSIGN_MERCHANT_CODE
` + buyLinkSecretUsage + `
example:
  countersign sign merchant-token --merchant-code YOURCODE123
`

const verifyReturnUsage = `usage: countersign verify return-url [flags]

Says whether the signature of a URL is right that a buyer came back with from
2Checkout's checkout, and prints the string to sign. Exits with 0 if it is, and with 1
if not. It is no proof of payment: values may have other names than when they were
signed.

  --url URL           the URL; without it the standard input holds it, alone or in a
                      request
  --own A,B           parameters that return-url had of its own, which are not signed
` + buyLinkSecretUsage + `
example:
  countersign verify return-url --url 'https://shop.example/back?refno=1&total=49.90&total-currency=EUR&signature=...'
`

// failLink prints an error of package buylink, less what was being done: the command's
// name says it.
func (c *command) failLink(err error) int {
	if e, ok := errors.AsType[*auth.Error](err); ok {
		e.Op = ""
	}
	return c.fail(err)
}

// presets are the names that a buy link signs.
var presets = map[string][]string{"plugins": vendor.PluginNames, "general": vendor.GeneralNames, "dynamic": vendor.DynamicNames}

const defaultPreset = "plugins"

// listFlag adds a flag of names with commas between.
func listFlag(flags *flag.FlagSet, name string) *[]string {
	var list []string
	flags.Func(name, "", func(text string) error {
		list = strings.Split(text, ",")
		if slices.Contains(list, "") || strings.Contains(text, " ") {
			return errors.New("write names with a comma between them, and no spaces")
		}
		return nil
	})
	return &list
}

func signBuyLink(c *command) int {
	var a account
	flags := new(flag.FlagSet)
	a.secretFlag(flags)
	text := flags.String("url", "", "")
	preset := flags.String("preset", "", "")
	names := listFlag(flags, "signed")
	asJSON := flags.Bool("json", false, "")
	words, code, done := c.parse(flags, signBuyLinkUsage)
	if done {
		return code
	}
	link, err := url.Parse(*text)
	signed := presets[cmp.Or(*preset, defaultPreset)]
	switch {
	case len(words) > 0:
		err = usagef("the link's parameters are given in the --url")
	case *text == "":
		err = usagef("no link is given: --url")
	case err != nil:
		err = usagef("the --url is malformed")
	case signed == nil:
		err = usagef("the --preset is plugins, general or dynamic")
	case *preset != "" && *names != nil:
		err = usagef("give a --preset or the names that are --signed, and not both")
	case *names != nil:
		signed = *names
	}
	if err != nil {
		return c.fail(err)
	}
	s, err := a.signBuyLink(c, link, signed)
	switch {
	case err != nil:
		return c.failLink(err)
	case *asJSON:
		c.printJSON(s)
	default:
		fmt.Fprintf(c.stdout, "string to sign: %s\nsignature:      %s\n\n%s\n", printable.Line(s.StringToSign), s.Signature, s.URL)
	}
	return exitRight
}

// A signedLink is what sign buylink prints.
type signedLink struct {
	StringToSign string `json:"stringToSign"`
	Signature    string `json:"signature"`
	URL          string `json:"url"`
}

func (a *account) signBuyLink(c *command, link *url.URL, names []string) (*signedLink, error) {
	secret, err := a.secret(c, buyLinkVariable)
	if err != nil {
		return nil, err
	}
	if redact.New(secret.Reveal()).In(link.String()) {
		return nil, errors.New("the link holds the secret word, and everybody can read a link: take it out")
	}
	signed, err := (&buylink.Signer{SecretWord: secret, Names: names}).Sign(c.ctx, link)
	if err != nil {
		return nil, err
	}
	parameters, err := vendor.ReadLink(signed.RawQuery)
	if err != nil {
		return nil, err
	}
	s := &signedLink{URL: signed.String()}
	s.StringToSign = vendor.LinkSource(parameters, func(name string) bool { return slices.Contains(names, name) })
	for _, p := range parameters {
		if p.Name == vendor.LinkSignature {
			s.Signature = p.Value
		}
	}
	return s, nil
}

func signMerchantToken(c *command) int {
	var a account
	flags := new(flag.FlagSet)
	a.avangateFlags(c, flags)
	asJSON := flags.Bool("json", false, "")
	words, code, done := c.parse(flags, signTokenUsage)
	if done {
		return code
	}
	if len(words) > 0 {
		return c.fail(usagef("a merchant token takes no arguments: it holds the merchant code and the time"))
	}
	secret, err := a.secret(c, buyLinkVariable)
	if err != nil {
		return c.fail(err)
	}
	token, err := buylink.Token(c.ctx, a.merchantCode, secret, time.Now())
	switch {
	case err != nil:
		return c.failLink(err)
	case *asJSON:
		c.printJSON(struct {
			Token string `json:"token"`
		}{token.Reveal()})
	default:
		fmt.Fprintln(c.stdout, token.Reveal())
	}
	return exitRight
}

// returnURL is the word that verify takes first for a return URL.
const returnURL = "return-url"

// returnNotes is what a right return URL does not say.
var returnNotes = []string{
	"this is no proof of payment: fetch the order by refno",
	"names are not signed: values may have stood under other names, and not every such change can be seen",
}

func verifyReturnURL(c *command) int {
	var a account
	flags := new(flag.FlagSet)
	a.secretFlag(flags)
	text := flags.String("url", "", "")
	own := listFlag(flags, "own")
	asJSON := flags.Bool("json", false, "")
	words, code, done := c.parse(flags, verifyReturnUsage)
	if done {
		return code
	}
	if len(words) > 0 {
		return c.fail(usagef("the URL is given with --url, or on the standard input"))
	}
	returned, err := c.returnedURL(*text)
	if err != nil {
		return c.fail(err)
	}
	secret, err := a.buyLinkSecret(c)
	if err != nil {
		return c.fail(err)
	}
	if held := redact.New(secret.Reveal()); held.In(returned.String()) {
		c.held = held
	}
	_, err = (&buylink.Verifier{SecretWord: secret, Own: *own}).Verify(c.ctx, returned)
	if errors.Is(err, auth.ErrConfig) || errors.Is(err, auth.ErrSecret) && !secret.IsZero() {
		return c.failLink(err)
	}
	c.printReturn(returned, *own, err == nil, *asJSON)
	if err != nil {
		c.failLink(err)
		return exitWrong // for an empty key, too
	}
	return exitRight
}

// printReturn prints what was found about a return URL. Where names can be read in two
// ways, there is no string to sign.
func (c *command) printReturn(returned *url.URL, own []string, right, asJSON bool) {
	parameters, err := vendor.ReadLink(returned.RawQuery)
	source := vendor.LinkSource(parameters, func(name string) bool { return !slices.Contains(own, name) })
	if c.held != nil {
		source = c.held.String(source)
	}
	text, notes := "wrong", []string(nil)
	if right {
		notes = returnNotes
		text = "right\nnote: " + strings.Join(notes, "\nnote: ")
	}
	if err == nil {
		text += "\nstring to sign: " + printable.Line(source)
	}
	if !asJSON {
		fmt.Fprintln(c.stdout, text)
		return
	}
	c.printJSON(struct {
		Right        bool     `json:"right"`
		Notes        []string `json:"notes,omitempty"`
		StringToSign string   `json:"stringToSign"`
	}{right, notes, source})
}

// returnedURL returns the URL of the flag, or else that on the standard input.
func (c *command) returnedURL(text string) (*url.URL, error) {
	if text != "" {
		u, err := url.Parse(text)
		if err != nil {
			return nil, usagef("the --url is malformed")
		}
		return u, nil
	}
	input, err := c.read("-")
	if err != nil {
		return nil, err
	}
	req, err := pasted.Request(input)
	if err != nil {
		return nil, usageError{err}
	}
	return req.URL, nil
}

// buyLinkSecret is secret, but that a variable that is set and empty is an empty key,
// with which no URL is right.
func (a *account) buyLinkSecret(c *command) (auth.Secret, error) {
	if value, set := os.LookupEnv(buyLinkVariable); set && value == "" && a.secretFile == "" {
		return auth.Secret{}, nil
	}
	return a.secret(c, buyLinkVariable)
}
