package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/cmd/countersign/internal/curl"
	"github.com/countersign/countersign/cmd/countersign/internal/pasted"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/request"
	"github.com/countersign/countersign/transport"
)

const signUsage = `usage: countersign sign paylink [flags] [NAME=VALUE ...]
       countersign sign avangate [flags]
       countersign sign buylink --url URL [flags]
       countersign sign merchant-token [flags]

The last two, of 2Checkout, have a --help of their own. The first two sign a request
and print the string to sign, the signature, and the request as it would be sent.
Nothing is sent.

  --url URL      where the request would go
  --method NAME  its method; without it POST if there are parameters or a body,
                 else GET
  --body FILE    its body, - for the standard input, less one final newline
  --json         prints JSON
  --curl         prints a curl command, which sends the request
  --allow-insecure-http  allows http to a host that is not loopback

of paylink, whose parameters are given as NAME=VALUE or in the body:
  --type form|json   what the body is; form without it

of avangate, whose body is JSON and not signed:
  --algo sha256|sha3-256        the hash function; sha256 without it
  --date 'YYYY-MM-DD HH:MM:SS'  the time in UTC; now without it
` + credentialsUsage + `
example:
  countersign sign paylink --url https://api.payrexx.com/v1.0/Gateway/ amount=200 'purpose=Monatliches Abo'
`

func sign(c *command) int {
	return c.perKind(signUsage, "what to sign",
		kind{paylinkGateway, signPaylink}, kind{avangateGateway, signAvangate},
		kind{"buylink", signBuyLink}, kind{"merchant-token", signMerchantToken})
}

// A draft is a request that is to be signed, as the flags say.
type draft struct {
	account
	url, method, body    string
	json, curl, insecure bool
}

func (d *draft) flags() *flag.FlagSet {
	flags := new(flag.FlagSet)
	flags.StringVar(&d.url, "url", "", "")
	flags.StringVar(&d.method, "method", "", "")
	flags.StringVar(&d.body, "body", "", "")
	flags.BoolVar(&d.json, "json", false, "")
	flags.BoolVar(&d.curl, "curl", false, "")
	flags.BoolVar(&d.insecure, "allow-insecure-http", false, "")
	return flags
}

// nowhere is where a request without a URL goes: no host has that name.
const nowhere = "https://gateway.invalid/"

// baseURL returns what a scheme is configured with for the --url.
func (d *draft) baseURL() string {
	base, _, _ := strings.Cut(cmp.Or(d.url, nowhere), "?")
	return base
}

func (d *draft) check() error {
	if d.curl && (d.json || d.url == "") {
		return usagef("--curl wants a --url, and does not go with --json")
	}
	return nil
}

// request returns the request before it is signed. Its parameters, if there are
// any, go where such a request has them.
func (d *draft) request(c *command, parameters, contentType string) (*http.Request, error) {
	body := []byte(nil)
	if d.body != "" {
		var err error
		if body, err = c.read(d.body); err != nil {
			return nil, err
		}
		body = pasted.CutNewline(body)
	}
	method := d.method
	if method == "" {
		method = http.MethodGet
		if d.body != "" || parameters != "" {
			method = http.MethodPost
		}
	}
	req, err := http.NewRequestWithContext(c.ctx, method, cmp.Or(d.url, nowhere), nil)
	if err != nil {
		return nil, usagef("the --url or the --method is malformed")
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		req.URL.RawQuery = strings.Trim(req.URL.RawQuery+"&"+parameters, "&")
	default:
		if parameters != "" {
			body = []byte(parameters)
		}
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", contentType)
	}
	request.SetBody(req, body)
	return req, nil
}

var bodyTypes = map[string]string{"form": paylink.FormType, "json": paylink.JSONType}

func signPaylink(c *command) int {
	var d draft
	flags := d.flags()
	d.paylinkFlags(c, flags)
	bodyType := flags.String("type", "", "")
	words, code, done := c.parse(flags, signUsage)
	if done {
		return code
	}
	contentType, known := bodyTypes[cmp.Or(*bodyType, "form")]
	parameters, err := parametersOf(words)
	switch {
	case err != nil:
	case !known:
		err = usagef("the --type is form or json, and not %q", *bodyType)
	case *bodyType != "" && d.body == "":
		err = usagef("--type says what the --body is, and there is none")
	case d.body != "" && len(words) > 0:
		err = usagef("give the parameters as NAME=VALUE or in the --body, and not as both")
	default:
		err = d.check()
	}
	if err != nil {
		return c.fail(err)
	}
	s, err := d.signPaylink(c, parameters, contentType)
	if err != nil {
		return c.fail(err)
	}
	return d.print(c, s)
}

// parametersOf returns arguments of the form NAME=VALUE as a form.
func parametersOf(words []string) (string, error) {
	var form []string
	for i, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found {
			return "", usagef("parameter %d has no equals sign: write NAME=VALUE", i+1)
		}
		form = append(form, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	return strings.Join(form, "&"), nil
}

func (d *draft) signPaylink(c *command, parameters, contentType string) (*signed, error) {
	secret, err := d.secret(c, secretVariable)
	if err != nil {
		return nil, err
	}
	a, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: d.baseURL(), Instance: d.instance, Secret: secret, AllowInsecureHTTP: d.insecure})
	if err != nil {
		return nil, err
	}
	req, err := d.request(c, parameters, contentType)
	if err != nil {
		return nil, err
	}
	sent, body, err := authenticate(req, a)
	if err != nil {
		return nil, err
	}
	found, err := (&paylinkhmac.Verifier{Secret: secret, MaxBody: maxInput, Reading: paylinkhmac.Live}).Verify(sent)
	if err != nil {
		return nil, err
	}
	s := newSigned(sent, body)
	s.StringToSign = found.StringToSign
	s.Signature = signatureIn(sent, body)
	return s, nil
}

// signatureIn returns the ApiSignature of a signed request.
func signatureIn(sent *http.Request, body []byte) string {
	if sent.Header.Get("Content-Type") == bodyTypes["json"] {
		var object map[string]any
		json.Unmarshal(body, &object)
		signature, _ := object[paylink.SignatureName].(string)
		return signature
	}
	form := string(body)
	if form == "" {
		form = sent.URL.RawQuery
	}
	values, _ := url.ParseQuery(form)
	return values.Get(paylink.SignatureName)
}

func signAvangate(c *command) int {
	var d draft
	flags := d.flags()
	d.avangateFlags(c, flags)
	algorithm := algorithmFlag(flags)
	now := dateFlag(flags)
	words, code, done := c.parse(flags, signUsage)
	if done {
		return code
	}
	err := d.check()
	if len(words) > 0 {
		err = usagef("2Checkout's parameters are not signed: give them in the --url or the --body")
	}
	if err != nil {
		return c.fail(err)
	}
	s, err := d.signAvangate(c, *algorithm, *now)
	if err != nil {
		return c.fail(err)
	}
	return d.print(c, s)
}

func (d *draft) signAvangate(c *command, algorithm avangate.Algorithm, now func() time.Time) (*signed, error) {
	secret, err := d.secret(c, secretKeyVariable)
	if err != nil {
		return nil, err
	}
	a, err := avangate.New(avangate.Config{
		BaseURL: d.baseURL(), MerchantCode: d.merchantCode, SecretKey: secret, Algorithm: algorithm, Now: now, AllowInsecureHTTP: d.insecure,
	})
	if err != nil {
		return nil, err
	}
	req, err := d.request(c, "", bodyTypes["json"])
	if err != nil {
		return nil, err
	}
	sent, body, err := authenticate(req, a)
	if errors.Is(err, auth.ErrRequest) || sent != nil && sent.Header.Get(vendor.Header) == "" {
		return nil, usagef("JSON-RPC and SOAP take no header, but a session: leave the --url out, and give code, date, hash and algo of the header to the method login")
	} else if err != nil {
		return nil, err
	}
	claim, err := (&avangate.Verifier{SecretKey: secret, Now: now}).Verify(sent)
	if err != nil {
		return nil, err
	}
	s := newSigned(sent, body)
	s.StringToSign = claim.StringToSign
	return s, nil
}

// authenticate returns what a Transport would send of req, and its body.
func authenticate(req *http.Request, a auth.Authenticator) (*http.Request, []byte, error) {
	var s recorder
	t, err := transport.New(&s, a)
	if err != nil {
		return nil, nil, err
	}
	_, err = t.RoundTrip(req)
	return s.req, s.body, err
}

// A recorder keeps the last request that it is given, and sends nothing.
type recorder struct {
	req  *http.Request
	body []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.req = req.Clone(req.Context())
	if request.HasBody(req) {
		var err error
		if r.body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	request.SetBody(r.req, r.body)
	return &http.Response{StatusCode: http.StatusOK, Header: make(http.Header), Body: http.NoBody}, nil
}

// A signed request is what sign prints.
type signed struct {
	StringToSign string            `json:"stringToSign"`
	Signature    string            `json:"signature,omitempty"`
	Method       string            `json:"method"`
	URL          string            `json:"url"` // less what no --url has said
	Header       map[string]string `json:"header,omitempty"`
	Body         string            `json:"body,omitempty"`
}

func newSigned(sent *http.Request, body []byte) *signed {
	s := &signed{Method: sent.Method, URL: strings.TrimPrefix(sent.URL.String(), nowhere), Header: make(map[string]string), Body: string(body)}
	for name := range sent.Header {
		s.Header[name] = sent.Header.Get(name)
	}
	return s
}

func (d *draft) print(c *command, s *signed) int {
	switch {
	case d.json:
		c.printJSON(s)
		return exitRight
	case d.curl:
		return s.printCurl(c)
	}
	fmt.Fprintf(c.stdout, "string to sign: %s\n", s.StringToSign)
	if s.Signature != "" {
		fmt.Fprintf(c.stdout, "signature:      %s\n", s.Signature)
	}
	fmt.Fprintln(c.stdout)
	if s.URL != "" {
		fmt.Fprintln(c.stdout, s.Method, s.URL)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		fmt.Fprintf(c.stdout, "%s: %s\n", name, s.Header[name])
	}
	if s.Body != "" {
		fmt.Fprintf(c.stdout, "\n%s\n", s.Body)
	}
	return exitRight
}

// printCurl prints a command that sends the very bytes.
func (s *signed) printCurl(c *command) int {
	if strings.Contains(s.Body, "\x00") || s.Method == http.MethodHead && s.Body != "" {
		return c.fail(usagef("--curl takes no NUL byte in a body, and no body with HEAD"))
	}
	method := []string{"--request", s.Method}
	if s.Method == http.MethodHead {
		method = []string{"--head"}
	}
	lines := []string{curl.Quote(slices.Concat([]string{"curl", "--globoff", "--path-as-is"}, method, []string{s.URL})...)}
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		lines = append(lines, curl.Quote("--header", name+": "+s.Header[name]))
	}
	if s.Body != "" {
		lines = append(lines, curl.Quote("--data-raw", s.Body))
	}
	fmt.Fprintln(c.stdout, strings.Join(lines, " \\\n  "))
	return exitRight
}
