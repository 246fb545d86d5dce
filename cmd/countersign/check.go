package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/redact"
	"github.com/countersign/countersign/transport"
)

const checkUsage = `usage: countersign check paylink --base-url URL [flags]
       countersign check avangate [--base-url URL] [flags]

Asks the gateway whether the credentials are right, by a request that changes
nothing, and says what its answer means: SignatureCheck of paylink, and of
avangate a page of one order. Exits with 0 if they are right.

  --base-url URL   the API, such as https://api.payrexx.com; with a version behind
                   it, such as https://api.payrexx.com/v1.16/, that is asked;
                   avangate's is ` + vendor.BaseURL + ` without it
  --timeout TIME   how long the gateway may take, such as 5s; 20s without it
  --allow-insecure-http  allows http to a host that is not loopback

of avangate:
  --algo sha256|sha3-256  the hash function; sha256 without it
` + credentialsUsage + `
example:
  countersign check paylink --base-url https://api.payrexx.com --instance example
`

func check(c *command) int {
	return c.perGateway(checkUsage, checkPaylink, checkAvangate)
}

// A probe is a request that asks whether credentials are right.
type probe struct {
	account
	baseURL  string
	timeout  time.Duration
	insecure bool
}

func (p *probe) flags(baseURL string) *flag.FlagSet {
	flags := new(flag.FlagSet)
	flags.StringVar(&p.baseURL, "base-url", baseURL, "")
	flags.DurationVar(&p.timeout, "timeout", 20*time.Second, "")
	flags.BoolVar(&p.insecure, "allow-insecure-http", false, "")
	return flags
}

func checkPaylink(c *command) int {
	var p probe
	flags := p.flags("")
	p.paylinkFlags(c, flags)
	if code, done := p.parse(c, flags); done {
		return code
	}
	secret, err := p.secret(c, secretVariable)
	if err != nil {
		return c.fail(err)
	}
	a, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: p.baseURL, Instance: p.instance, Secret: secret, AllowInsecureHTTP: p.insecure})
	if err != nil {
		return c.fail(err)
	}
	return p.run(c, a, secret, "v1.0", "SignatureCheck/", "", paylinkMeaning)
}

func checkAvangate(c *command) int {
	var p probe
	flags := p.flags(vendor.BaseURL)
	p.avangateFlags(c, flags)
	algorithm := algorithmFlag(flags)
	if code, done := p.parse(c, flags); done {
		return code
	}
	secret, err := p.secret(c, secretKeyVariable)
	if err != nil {
		return c.fail(err)
	}
	a, err := avangate.New(avangate.Config{
		BaseURL: p.baseURL, MerchantCode: p.merchantCode, SecretKey: secret, Algorithm: *algorithm, AllowInsecureHTTP: p.insecure,
	})
	if err != nil {
		return c.fail(err)
	}
	return p.run(c, a, secret, "rest/6.0", "orders/", "Limit=1&Page=1", avangateMeaning)
}

func (p *probe) parse(c *command, flags *flag.FlagSet) (code int, done bool) {
	words, code, done := c.parse(flags, checkUsage)
	switch {
	case done:
		return code, true
	case len(words) > 0:
		return c.fail(usagef("there is an argument that is no flag")), true
	case p.timeout <= 0:
		return c.fail(usagef("--timeout is not positive: write a duration such as 20s")), true
	case p.baseURL == "":
		return c.fail(usagef("--base-url is missing: it is your platform's API, such as https://api.payrexx.com")), true
	}
	return 0, false
}

// run asks for the path, below the base URL's own or else the version's, and prints
// what the answer means.
func (p *probe) run(c *command, a auth.Authenticator, secret auth.Secret, version, path, query string, meaning func(*answer) (verdict, string)) int {
	u, err := url.Parse(p.baseURL)
	if err != nil {
		return c.fail(usagef("the --base-url is malformed"))
	}
	if strings.Trim(u.Path, "/") == "" {
		u = u.JoinPath(version)
	}
	u = u.JoinPath(path)
	u.RawQuery = query
	w := &witness{base: http.DefaultTransport, credentials: []string{secret.Reveal()}}
	said := func(s string) string {
		s = redact.New(w.credentials...).String(s)
		if r, ok := a.(auth.Redactor); ok && w.sent != nil {
			s = r.Redact(w.sent, s)
		}
		return printable.Shorten(s, maxMessage)
	}
	got, err := p.ask(c.ctx, w, a, u.String())
	if err != nil {
		return c.fail(errors.New(p.explain(err, said)))
	}
	got.location = said(got.location)
	v, words := meaning(got)
	fmt.Fprintf(c.stdout, "%s: %s\n", v, words)
	if got.message != "" {
		fmt.Fprintf(c.stdout, "the gateway says: \"%s\"\n", printable.Line(said(got.message)))
	}
	if got.clockIsOff() {
		fmt.Fprintf(c.stdout, "this machine's clock is %s the gateway's\n", got.offsetInWords())
	}
	if v != right {
		return exitWrong
	}
	return exitRight
}

// An answer is what a gateway gave to a probe.
type answer struct {
	status   int
	object   map[string]any // its body, nil if that is no JSON object
	pause    time.Duration  // for how long it asks to be left alone, zero if it does not say
	message  string         // what the object says
	location string         // the origin that it redirects to, "" if it does not
	offset   time.Duration  // its clock less this machine's, zero if it has no Date
}

const (
	maxAnswer  = 1 << 20 // of which so many bytes are read: an order takes a few KiB
	maxMessage = 300     // of what a gateway says, so many characters are shown

	century = 100 * 365 * 24 * time.Hour
)

// A witness notes what is sent through it, and its credentials: what comes back may
// repeat them.
type witness struct {
	base        http.RoundTripper
	credentials []string
	sent        *http.Request // the last one, nil if there was none
}

var hashAttribute = regexp.MustCompile(vendor.Hash + `="([^"]+)"`)

func (w *witness) RoundTrip(req *http.Request) (*http.Response, error) {
	w.sent = req
	w.credentials = append(w.credentials, signatureIn(req, nil))
	if hash := hashAttribute.FindStringSubmatch(req.Header.Get(vendor.Header)); hash != nil {
		w.credentials = append(w.credentials, hash[1], strings.ToUpper(hash[1]))
	}
	return w.base.RoundTrip(req)
}

func (p *probe) ask(ctx context.Context, base http.RoundTripper, a auth.Authenticator, url string) (*answer, error) {
	t, err := transport.New(base, a)
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Transport:     t,
		Timeout:       p.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got := &answer{status: resp.StatusCode}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	json.Unmarshal(body, &got.object)
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
		got.pause = time.Duration(seconds) * time.Second
	}
	got.message, _ = got.object["message"].(string)
	if to, err := resp.Location(); err == nil {
		got.location = auth.OriginOf(to).String()
	}
	// An answer with an Age comes from a cache, and its Date is of the past. One of
	// another century is no clock's.
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil && resp.Header.Get("Age") == "" {
		if offset := time.Until(date); offset.Abs() < century {
			got.offset = offset.Round(time.Second)
		}
	}
	return got, nil
}

// clockIsOff reports whether the clocks differ by more than a request may take.
func (a *answer) clockIsOff() bool { return a.offset.Abs() > 10*time.Second }

func (a *answer) offsetInWords() string {
	if a.offset > 0 {
		return a.offset.String() + " behind"
	}
	return (-a.offset).String() + " ahead of"
}

// A verdict says what an answer shows of the credentials.
type verdict string

const (
	right   verdict = "right"
	wrong   verdict = "wrong"
	unknown verdict = "unknown" // the answer does not show it
)

const paylinkWrong = "the secret is not this instance's: it may be that of another instance, another platform, or an old one"

// refusesSecret matches what the family's gateways say of a wrong secret, at whatever
// status.
var refusesSecret = regexp.MustCompile(`(?i)API (secret is not correct|signature is wrong)`)

// paylinkMeaning says what an answer to SignatureCheck means. The sources stand in
// docs/command.md.
func paylinkMeaning(a *answer) (verdict, string) {
	status, isGateway := a.object["status"].(string)
	switch a.status {
	case http.StatusOK:
		switch {
		case !isGateway:
			return unknown, "the answer is none of these gateways': is the base URL that of the API, such as https://api.payrexx.com?"
		case status != "success" && refusesSecret.MatchString(a.message):
			return wrong, paylinkWrong
		case status != "success":
			return unknown, "the gateway answers with 200 and reports an error, which tells nothing of the credentials"
		}
		return right, "the gateway accepts the instance and the secret"
	case http.StatusForbidden:
		switch {
		case !isGateway:
			return unknown, "a firewall or a proxy refuses the request, and not the gateway, as after more than 600 requests in five minutes: wait five minutes and ask again"
		case strings.Contains(strings.ToLower(a.message), "license"):
			return unknown, "the account's license does not include the API"
		}
		return wrong, paylinkWrong
	case http.StatusMethodNotAllowed:
		return unknown, "a firewall takes no more requests for now, as after more than 600 in five minutes: wait five minutes and ask again"
	case http.StatusUnprocessableEntity:
		if !isGateway {
			break
		}
		return wrong, "the instance is unknown here: it is the first label of your page's host, example for example.payrexx.com"
	case http.StatusNotFound:
		return unknown, "there is no SignatureCheck at this base URL: try it with another version, such as https://api.payrexx.com/v1.0/"
	}
	return unknown, a.otherMeaning()
}

// avangateMeaning says what an answer to a page of orders means. The sources stand
// in docs/2checkout.md.
func avangateMeaning(a *answer) (verdict, string) {
	code, _ := a.object["error_code"].(string)
	unauthorized := code == "AUTHENTICATION_ERROR" || a.status == http.StatusUnauthorized && a.object != nil
	mismatch := strings.Contains(a.message, "Time offset") // which status the messages come with is not known
	switch {
	case (unauthorized || mismatch) && a.clockIsOff():
		return unknown, "the clocks are too far apart for any signature: set this machine's clock"
	case mismatch:
		return unknown, "the gateway refuses the time, and its answer shows no other: check this machine's clock"
	case strings.Contains(a.message, "Hash signature"):
		return wrong, "the merchant code and the Secret Key do not belong together: both stand in the Control Panel, Integrations, Webhooks & API, and the key is neither the INS secret word nor the buy-link secret word"
	case unauthorized:
		return wrong, "the merchant code or the Secret Key is wrong: both stand in the Control Panel, Integrations, Webhooks & API"
	case a.status == http.StatusOK && a.object == nil:
		return unknown, "the answer is not 2Checkout's: is the base URL that of the API, " + vendor.BaseURL + "?"
	case a.status == http.StatusOK && a.reportsError():
		return unknown, "the gateway answers with 200 and reports an error, which tells nothing of the credentials"
	case a.status == http.StatusOK:
		return right, "the gateway accepts the merchant code and the Secret Key"
	case a.status == http.StatusNotFound:
		return unknown, "there are no orders at this base URL: try it with another version, such as " + vendor.BaseURL + "/rest/6.0/"
	}
	return unknown, a.otherMeaning()
}

// reportsError reports whether an object of 2Checkout's is one of its errors, whose
// forms stand in docs/2checkout.md.
func (a *answer) reportsError() bool {
	for _, name := range []string{"error_code", "Error", "Errors"} {
		switch value := a.object[name].(type) {
		case nil:
		case string:
			if value != "" {
				return true
			}
		case []any:
			if len(value) > 0 {
				return true
			}
		default:
			return true
		}
	}
	return a.object["status"] == "error"
}

// otherMeaning says what a status means at any gateway, which is nothing of the
// credentials.
func (a *answer) otherMeaning() string {
	switch {
	case a.status == http.StatusTooManyRequests && a.pause > 0:
		return fmt.Sprintf("the gateway answers with 429, too many requests: wait %v, as it asks for, and ask again", a.pause)
	case a.status == http.StatusTooManyRequests:
		return "the gateway answers with 429, too many requests: wait five minutes and ask again"
	case (a.status == http.StatusUnauthorized || a.status == http.StatusForbidden) && a.object == nil:
		return fmt.Sprintf("the answer, with %d, is no JSON, so a firewall or a proxy refuses the request, and not the gateway: check the base URL, and ask from another network or later", a.status)
	case a.location != "":
		return fmt.Sprintf("the gateway redirects to %q, and the request does not follow it: is the base URL right?", printable.Shorten(a.location, 100))
	case a.status >= 500:
		return fmt.Sprintf("the gateway, or a proxy, fails with %d: ask again later", a.status)
	}
	return fmt.Sprintf("the gateway answers with %d, and no document says what that means", a.status)
}

// explain says in words why there is no answer. What others say passes said.
func (p *probe) explain(err error, said func(string) string) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	var (
		own         *auth.Error
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		timeout     interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &own):
		return strings.TrimPrefix(own.Error(), "countersign: ")
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("there is no answer within %v: check the base URL, the network and its proxy", p.timeout)
	case errors.As(err, &dns):
		return fmt.Sprintf("there is no host %q: check the base URL", dns.Name)
	case errors.As(err, &certificate):
		return "the gateway's certificate is not to be trusted: " + said(certificate.Err.Error())
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the gateway speaks http there, and not https: check the base URL"
	}
	return "the gateway cannot be reached: " + said(err.Error())
}
