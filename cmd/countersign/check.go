package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/cmd/countersign/internal/answer"
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
	return c.perKind(checkUsage, "the gateway", kind{paylinkGateway, checkPaylink}, kind{avangateGateway, checkAvangate})
}

// An inquiry is a request that asks whether credentials are right.
type inquiry struct {
	account
	baseURL  string
	timeout  time.Duration
	insecure bool
}

func (p *inquiry) flags(baseURL string) *flag.FlagSet {
	flags := new(flag.FlagSet)
	flags.StringVar(&p.baseURL, "base-url", baseURL, "")
	flags.DurationVar(&p.timeout, "timeout", 20*time.Second, "")
	flags.BoolVar(&p.insecure, "allow-insecure-http", false, "")
	return flags
}

func checkPaylink(c *command) int {
	var p inquiry
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
	return p.run(c, a, secret, "v1.0", "SignatureCheck/", "", (*answer.Answer).Paylink)
}

func checkAvangate(c *command) int {
	var p inquiry
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
	return p.run(c, a, secret, "rest/6.0", "orders/", "Limit=1&Page=1", (*answer.Answer).Avangate)
}

func (p *inquiry) parse(c *command, flags *flag.FlagSet) (code int, done bool) {
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
func (p *inquiry) run(c *command, a auth.Authenticator, secret auth.Secret, version, path, query string, meaning func(*answer.Answer) (answer.Verdict, string)) int {
	u, err := url.Parse(p.baseURL)
	if err != nil {
		return c.fail(usagef("the --base-url is malformed"))
	}
	if strings.Trim(u.Path, "/") == "" {
		u = u.JoinPath(version)
	}
	u = u.JoinPath(path)
	u.RawQuery = query
	w := &witness{base: http.DefaultTransport, credentials: spellings(secret.Reveal())}
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
	got.Location = said(got.Location)
	v, words := meaning(got)
	fmt.Fprintf(c.stdout, "%s: %s\n", v, words)
	if got.Message != "" {
		fmt.Fprintf(c.stdout, "the gateway says: \"%s\"\n", printable.Line(said(got.Message)))
	}
	if got.ClockIsOff() {
		fmt.Fprintf(c.stdout, "this machine's clock is %s the gateway's\n", got.OffsetInWords())
	}
	if v != answer.Right {
		return exitWrong
	}
	return exitRight
}

const maxMessage = 300 // of what a gateway says, so many characters are shown

// A witness notes what is sent through it, and its credentials: what comes back may
// repeat them.
type witness struct {
	base        http.RoundTripper
	credentials []string
	sent        *http.Request // the last one, nil if there was none
}

// spellings returns a credential as it is, and as it may come back: a host is in lower
// case.
func spellings(credential string) []string {
	return []string{credential, strings.ToLower(credential), strings.ToUpper(credential)}
}

var hashAttribute = regexp.MustCompile(vendor.Hash + `="([^"]+)"`)

func (w *witness) RoundTrip(req *http.Request) (*http.Response, error) {
	w.sent = req
	w.credentials = append(w.credentials, spellings(signatureIn(req, nil))...)
	if hash := hashAttribute.FindStringSubmatch(req.Header.Get(vendor.Header)); hash != nil {
		w.credentials = append(w.credentials, spellings(hash[1])...)
	}
	return w.base.RoundTrip(req)
}

func (p *inquiry) ask(ctx context.Context, base http.RoundTripper, a auth.Authenticator, url string) (*answer.Answer, error) {
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
	return answer.Read(resp)
}

// explain says in words why there is no answer. What others say passes said.
func (p *inquiry) explain(err error, said func(string) string) string {
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
