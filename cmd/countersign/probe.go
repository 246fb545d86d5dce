package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/cmd/countersign/internal/answer"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	"github.com/countersign/countersign/cmd/countersign/internal/probe"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/redact"
)

const probeUsage = `usage: countersign probe paylink --base-url URL [flags]
       countersign probe avangate [--base-url URL] [flags]

Asks your own gateway what it takes, by requests that change nothing, which
docs/probe.md lists: SignatureCheck of paylink, and of avangate a page of one order.
It prints a row for each, and what they say together. As JSON that is a fingerprint,
which has no credential and no account in it and can be shared; serve --as plays a
gateway that behaves so. Exits with 0 if all was asked, and with 1 if it had to stop.

  --base-url URL   the API, as of check
  --all            asks all that follows but --api-key and --object
  --methods        of paylink: PUT, PATCH, DELETE and HEAD
  --versions       of paylink: the newest version
  --logins         of avangate: logins of JSON-RPC and SOAP
  --clock          of avangate: how far the time may be off
  --api-key        of paylink: the header X-API-KEY. It sends the secret itself, to a
                   host that may not know the header
  --object PATH    of paylink: an object to read, such as Gateway/17
  --dry-run        lists the requests, and sends none
  --json           prints JSON
  --interval TIME  between two requests; 1s without it, and 0 for loopback only
  --max N          sends so many requests at most; 60 without it
  --max-refused N  stops when so many are refused; 20 without it
  --allow-insecure-http  allows http to a host that is not loopback
` + credentialsUsage + `
example:
  countersign probe paylink --base-url https://api.payrexx.com --instance example --all
`

func probeGateway(c *command) int {
	return c.perKind(probeUsage, "the gateway", kind{paylinkGateway, probePaylink}, kind{avangateGateway, probeAvangate})
}

// A probing is what flags say of a probe.
type probing struct {
	account
	probe.Probe
	baseURL                           string
	all, dryRun, asJSON, insecureHTTP bool
}

func (p *probing) flags(c *command) *flag.FlagSet {
	flags := new(flag.FlagSet)
	flags.StringVar(&p.baseURL, "base-url", p.baseURL, "")
	flags.BoolVar(&p.all, "all", false, "")
	flags.BoolVar(&p.Ask.Methods, "methods", false, "")
	flags.BoolVar(&p.Ask.Versions, "versions", false, "")
	flags.BoolVar(&p.Ask.Logins, "logins", false, "")
	flags.BoolVar(&p.Ask.Clock, "clock", false, "")
	flags.BoolVar(&p.Ask.APIKey, "api-key", false, "")
	flags.StringVar(&p.Ask.Object, "object", "", "")
	flags.BoolVar(&p.dryRun, "dry-run", false, "")
	flags.BoolVar(&p.asJSON, "json", false, "")
	flags.DurationVar(&p.Interval, "interval", time.Second, "")
	flags.IntVar(&p.Max, "max", 60, "")
	flags.IntVar(&p.MaxRefused, "max-refused", 20, "")
	flags.BoolVar(&p.insecureHTTP, "allow-insecure-http", false, "")
	p.bothFlags(c, flags)
	return flags
}

func probePaylink(c *command) int {
	p := &probing{Probe: probe.Probe{Gateway: paylinkGateway}}
	if code, done := p.parse(c); done {
		return code
	}
	secret, err := p.source(c, secretVariable)
	if err != nil {
		return c.fail(err)
	}
	_, err = paylinkhmac.New(paylinkhmac.Config{BaseURL: p.baseURL, Instance: p.instance, Secret: secret, AllowInsecureHTTP: p.insecureHTTP})
	if err != nil {
		return c.fail(err)
	}
	p.Account = p.instance
	return p.run(c, (*answer.Answer).Paylink)
}

func probeAvangate(c *command) int {
	p := &probing{Probe: probe.Probe{Gateway: avangateGateway}, baseURL: vendor.BaseURL}
	if code, done := p.parse(c); done {
		return code
	}
	secret, err := p.source(c, secretKeyVariable)
	if err != nil {
		return c.fail(err)
	}
	_, err = avangate.New(avangate.Config{BaseURL: p.baseURL, MerchantCode: p.merchantCode, SecretKey: secret, AllowInsecureHTTP: p.insecureHTTP})
	if err != nil {
		return c.fail(err)
	}
	p.Account = p.merchantCode
	return p.run(c, (*answer.Answer).Avangate)
}

// source returns the secret, which a dry run does not load.
func (p *probing) source(c *command, variable string) (auth.SecretSource, error) {
	if p.dryRun {
		return auth.Env(variable), nil
	}
	secret, err := p.secret(c, variable)
	p.Secret = secret
	return secret, err
}

// objectPath matches what --object takes.
var objectPath = regexp.MustCompile(`^\w+(/[\w-]+)*$`)

func (p *probing) parse(c *command) (code int, done bool) {
	words, code, done := c.parse(p.flags(c), probeUsage)
	if done {
		return code, true
	}
	p.Ask.Object = strings.Trim(p.Ask.Object, "/")
	u, err := url.Parse(p.baseURL)
	switch {
	case len(words) > 0:
		return c.fail(usagef("there is an argument that is no flag")), true
	case p.baseURL == "":
		return c.fail(usagef("--base-url is missing: it is your platform's API, such as https://api.payrexx.com")), true
	case err != nil:
		return c.fail(usagef("the --base-url is malformed")), true
	case p.Max <= 0 || p.MaxRefused <= 0:
		return c.fail(usagef("--max and --max-refused are at least 1")), true
	case p.Interval < 0, p.Interval == 0 && !isLoopback(u.Host):
		return c.fail(usagef("--interval must be positive: at 0 a firewall may take the requests for an attack, so that is for loopback only")), true
	case p.Ask.Object != "" && !objectPath.MatchString(p.Ask.Object):
		return c.fail(usagef("--object is the path of an object behind the version, such as Gateway/17")), true
	}
	p.BaseURL = u
	q := &p.Ask
	for _, of := range []struct {
		flag, gateway string
		isSet         bool
	}{
		{"--methods", paylinkGateway, q.Methods},
		{"--versions", paylinkGateway, q.Versions},
		{"--api-key", paylinkGateway, q.APIKey},
		{"--object", paylinkGateway, q.Object != ""},
		{"--logins", avangateGateway, q.Logins},
		{"--clock", avangateGateway, q.Clock},
	} {
		if of.isSet && of.gateway != p.Gateway {
			fmt.Fprintf(c.stderr, "countersign %s: %s asks nothing of this gateway, and is left out\n", c.name, of.flag)
		}
	}
	if p.all {
		q.Methods, q.Versions, q.Logins, q.Clock = true, true, true, true
	}
	return 0, false
}

// isLoopback reports whether a host is this machine: plain http is taken there.
func isLoopback(host string) bool {
	_, err := auth.ParseOrigin("http://"+host, false)
	return err == nil
}

func (p *probing) run(c *command, meaning func(*answer.Answer) (answer.Verdict, string)) int {
	plan, err := p.Plan()
	switch {
	case err != nil:
		return c.fail(usageError{err})
	case p.dryRun:
		return p.list(c, plan)
	}
	p.Base = newBase()
	credentials := spellings(p.Secret.Reveal())
	p.Made = func(credential string) { credentials = append(credentials, spellings(credential)...) }
	if terminal, ok := c.stderr.(*os.File); ok && isTerminal(terminal) {
		p.Sending = func(sent, of int, id string) { fmt.Fprintf(terminal, "\r\x1b[K%d/%d %s", sent+1, of, id) }
	}
	f, err := p.Run(c.ctx)
	if p.Sending != nil {
		io.WriteString(c.stderr, "\r\x1b[K")
	}
	f.Tool = versionOf(debug.ReadBuildInfo())
	if p.asJSON {
		c.printJSON(f)
	} else {
		printFingerprint(c.stdout, f)
	}
	if err != nil {
		said := func(s string) string {
			return printable.Shorten(redact.New(credentials...).String(s), maxMessage)
		}
		return c.fail(errors.New(reason(err, meaning, said)))
	}
	return exitRight
}

// newBase returns what sends each request as it is, and once.
func newBase() http.RoundTripper {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DisableKeepAlives = true // net/http would send a request again where a connection drops that it had used
	base.DisableCompression = true
	base.Protocols = new(http.Protocols)
	base.Protocols.SetHTTP1(true)
	if base.TLSClientConfig != nil {
		base.TLSClientConfig.NextProtos = nil // Clone has it offer HTTP/2, whatever Protocols says
	}
	return base
}

// reason says in words why a probe stopped. What others say passes said.
func reason(err error, meaning func(*answer.Answer) (answer.Verdict, string), said func(string) string) string {
	if refusal, ok := errors.AsType[*probe.Refusal](err); ok {
		refusal.Answer.Location = said(refusal.Answer.Location)
		_, words := meaning(refusal.Answer)
		return words
	}
	if stop, ok := errors.AsType[probe.Stop](err); ok {
		return "it stopped: " + stop.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	return "it stopped: " + (&inquiry{timeout: probe.Timeout}).explain(err, said)
}

// list prints what would be sent.
func (p *probing) list(c *command, plan []probe.Request) int {
	if p.asJSON {
		c.printJSON(plan)
		return exitRight
	}
	for _, r := range plan {
		fmt.Fprintf(c.stdout, "%s: %s %s", r.ID, r.Method, r.Target)
		if r.UpTo > 0 {
			fmt.Fprintf(c.stdout, " (up to %d times)", r.UpTo)
		}
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			fmt.Fprintf(c.stdout, "\n    %s: %s", name, r.Header.Get(name))
		}
		if r.Body != "" {
			fmt.Fprintf(c.stdout, "\n    %s", printable.Line(r.Body))
		}
		fmt.Fprintln(c.stdout)
	}
	return exitRight
}

// printFingerprint prints a fingerprint for people.
func printFingerprint(w io.Writer, f *probe.Fingerprint) {
	fmt.Fprintf(w, "%s: %d requests, %d of them refused\n\n", f.Host, f.Requests, f.Refused)
	for _, row := range f.Rows {
		status := ""
		if row.Status != 0 {
			status = fmt.Sprint(row.Status)
		}
		fmt.Fprintf(w, "%-15s%-5s%s\n", row.Verdict, status, row.ID)
	}
	fmt.Fprintln(w)
	say := func(what, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-24s%s\n", what+":", value)
		}
	}
	r := &f.Reads
	say("a plus sign in a query", r.QueryPlus)
	say("a plus sign in a body", r.BodyPlus)
	say("a body hides the query", r.BodyReplacesQuery)
	say("JSON is read", r.JSON)
	say("Content-Type matters", r.TypeMatters)
	say("names with brackets", r.Names)
	say("X-API-KEY", r.APIKey)
	say("hash functions", strings.Join(r.Digests, ", "))
	say("single quotes", r.SingleQuotes)
	say("a path without slash", f.Slash)
	if f.Versions != nil {
		say("newest version", f.Versions.Newest)
	}
	switch clock := f.ClockSeconds; {
	case clock.Refused > 0:
		say("a clock may be off", fmt.Sprintf("%v, and not %v", time.Duration(clock.Accepted)*time.Second, time.Duration(clock.Refused)*time.Second))
	case clock.Accepted > 0:
		say("a clock may be off", fmt.Sprint(time.Duration(clock.Accepted)*time.Second))
	}
	if !f.Complete {
		fmt.Fprintln(w, "\nnot complete: it had to stop")
	}
}
