package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/auth/paylinkkey"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/transport"
)

// A call is one request of the demo and what must come of it: a status, or an
// error that stops it before the gateway sees it.
type call struct {
	name              string
	method, path      string
	contentType, body string

	signed     string      // the string to sign, as the gateway must see it
	parameters [][2]string // the parameters, as the gateway must see them
	before     int         // how many requests it must see before this one: a login, a refusal
	status     int
	err        error
}

// paylinkCalls go to each gateway of the Payrexx family.
var paylinkCalls = []call{
	{name: "SignatureCheck", method: "GET", path: "/v1.0/SignatureCheck/", status: 200},
	{
		name: "query", method: "GET", path: "/v1.0/Transaction/?filterDatetimeUtcGreaterThan=2020-01-20+14:55:00&limit=2",
		signed:     "filterDatetimeUtcGreaterThan=2020-01-20+14%3A55%3A00&limit=2",
		parameters: [][2]string{{"filterDatetimeUtcGreaterThan", "2020-01-20 14:55:00"}, {"limit", "2"}},
		status:     200,
	},
	{
		name: "form", method: "POST", path: "/v1.0/Invoice/", contentType: paylink.FormType,
		body:       "title=Monatliches+Abo&purpose=Gr%C3%BC%C3%9Fe+~+a%2Bb&fields[forename][value]=J%C3%BCrg&pm[]=visa&pm[]=twint",
		signed:     "title=Monatliches+Abo&purpose=Gr%C3%BC%C3%9Fe+%7E+a%2Bb&fields%5Bforename%5D%5Bvalue%5D=J%C3%BCrg&pm%5B0%5D=visa&pm%5B1%5D=twint",
		parameters: [][2]string{{"title", "Monatliches Abo"}, {"purpose", "Grüße ~ a+b"}, {"fields[forename][value]", "Jürg"}, {"pm[0]", "visa"}, {"pm[1]", "twint"}},
		status:     200,
	},
	{
		name: "JSON", method: "POST", path: "/v1.0/Gateway/", contentType: paylink.JSONType,
		body:       `{"amount":8925,"basket":[{"name":"Grüße ~","vatRate":7.7}],"preAuthorization":false,"sku":null}`,
		signed:     "amount=8925&basket%5B0%5D%5Bname%5D=Gr%C3%BC%C3%9Fe+%7E&basket%5B0%5D%5BvatRate%5D=7.7&preAuthorization=0",
		parameters: [][2]string{{"amount", "8925"}, {"basket[0][name]", "Grüße ~"}, {"basket[0][vatRate]", "7.7"}, {"preAuthorization", "0"}},
		status:     200,
	},
	{
		name: "multipart", method: "POST", path: "/v1.0/Design/", contentType: paylink.MultipartType + "; boundary=demo",
		body: "--demo\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nGrüße a+b\r\n" +
			"--demo\r\nContent-Disposition: form-data; name=\"headerImage\"; filename=\"image.png\"\r\nContent-Type: image/png\r\n\r\n" +
			strings.Repeat("\r\n--dem", 20_000) + "\r\n--demo--\r\n",
		signed:     "name=Gr%C3%BC%C3%9Fe+a%2Bb",
		parameters: [][2]string{{"name", "Grüße a+b"}},
		status:     200,
	},
}

// keyCalls go to a gateway that takes the API key in the place of a signature.
var keyCalls = []call{{
	name: "form, with X-API-KEY", method: "POST", path: "/v1.0/Invoice/", contentType: paylink.FormType, body: "title=Monatliches+Abo",
	signed: "title=Monatliches+Abo", parameters: [][2]string{{"title", "Monatliches Abo"}}, status: 200,
}}

// avangateCalls go to 2Checkout.
var avangateCalls = []call{
	{name: "REST", method: "GET", path: "/rest/6.0/orders/11331111/", status: 200},
	{
		name: "JSON-RPC", method: "POST", path: "/rpc/6.0/", contentType: paylink.JSONType,
		body:   `{"jsonrpc":"2.0","method":"getOrder","params":["` + avangate.Session + `","11331111"],"id":1}`,
		status: 200, before: 1,
	},
	{
		name: "SOAP", method: "POST", path: "/soap/6.0/", contentType: "text/xml; charset=utf-8",
		body: `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><getOrder xmlns="urn:demo">` +
			`<sessionID xmlns="">` + avangate.Session + `</sessionID><orderReference xmlns="">11331111</orderReference></getOrder></Body></Envelope>`,
		status: 200, before: 1,
	},
}

// skewedCalls go to 2Checkout where its clock is not this machine's.
var skewedCalls = []call{
	{name: "REST, with a clock that is 15 minutes off", method: "GET", path: "/rest/6.0/orders/11331111/", status: 200, before: 1},
}

// otherCalls go to one of the family, and end before they reach it or a foreign host.
var otherCalls = []call{
	{name: "form with a name twice", method: "POST", path: "/v1.0/Invoice/", contentType: paylink.FormType, body: "pm=visa&pm=twint", err: auth.ErrParameter},
	{name: "redirect to a foreign host", method: "POST", path: leavePath, contentType: paylink.FormType, body: "amount=200", err: auth.ErrRedirect},
}

// unsignedCall goes there without Countersign, to show that the gateway minds.
var unsignedCall = call{
	name: "form", method: "POST", path: "/v1.0/Invoice/?instance=example", contentType: paylink.FormType, body: "amount=200",
	signed: "amount=200", parameters: [][2]string{{"amount", "200"}}, status: 403,
}

// leavePath is where the demo's gateways redirect to a foreign host.
const leavePath = "/v1.0/leave/"

const demoUsage = `usage: countersign demo

Starts emulated gateways on the loopback interface, sends them real requests
through one http.Client, and prints one of them in full and what came of each.
Then it plays a gateway that notifies a shop, and a buyer who comes back. It
needs no network, no credentials and no configuration, and exits with 1 if
anything is not as it should be.
`

// demo shows the library at work.
func demo(c *command) int {
	words, code, done := c.parse(new(flag.FlagSet), demoUsage)
	if done {
		return code
	}
	if len(words) > 0 {
		return c.fail(usagef("demo takes no arguments"))
	}
	if err := demonstrate(c.stdout); err != nil {
		return c.fail(err)
	}
	return exitRight
}

// demonstrate runs the demonstration and prints it, in 80 columns. The error says how
// much did not go as it should.
func demonstrate(out io.Writer) error {
	d := new(demonstration)
	defer d.stop()
	if err := d.start(); err != nil {
		return err
	}
	client, err := transport.Wrap(&http.Client{Timeout: 10 * time.Second}, d.authenticators...)
	if err != nil {
		return err
	}
	d.println("One request in full")
	if err := d.showOne(); err != nil {
		return err
	}
	d.println("\nTo each gateway, through one http.Client")
	for _, g := range d.gateways {
		var names, answers []string
		for _, c := range g.calls {
			names = append(names, c.name)
			answers = append(answers, d.call(client, g, c))
		}
		d.row(g.name, strings.Join(names, ", "), tally(answers))
	}
	last := d.gateways[len(platforms)-1]
	d.row("not signed", unsignedCall.name, d.call(&http.Client{}, last, unsignedCall))
	d.println("\nRefused, and nothing sent that a gateway would take")
	for _, c := range otherCalls {
		d.println("  " + c.name)
		d.println(wrap(d.call(client, last, c), "    "))
	}
	if n := d.foreign.Load(); n != 0 {
		d.wrong = append(d.wrong, fmt.Sprintf("the foreign host was sent %d requests", n))
	}
	d.println("\nFrom the gateway, and from the buyer")
	if err := d.receive(); err != nil {
		return err
	}
	if len(d.wrong) > 0 {
		d.println("")
		for _, wrong := range d.wrong {
			d.println(wrap(wrong, ""))
		}
	} else {
		d.println("\nEvery signature was verified, and nothing reached the foreign host.")
	}
	if _, err := d.text.WriteTo(out); err != nil {
		return err
	}
	if n := len(d.wrong); n > 0 {
		return fmt.Errorf("%d of the above is not as it should be", n)
	}
	return nil
}

// A demonstration is the demo's gateways, and what it has found.
type demonstration struct {
	gateways       []*gateway
	authenticators []auth.Authenticator
	foreign        atomic.Int32 // requests to the foreign host
	listeners      []net.Listener

	text  bytes.Buffer
	wrong []string
}

// demoColumns is how wide the demo's lines are at most.
const demoColumns = 80

func (d *demonstration) println(s string) { d.text.WriteString(s + "\n") }

// row prints a line of the table: who was asked for what, and what came of it.
func (d *demonstration) row(name, requests, answer string) {
	d.println(fmt.Sprintf("  %-18s  %-44s  %s", name, requests, answer))
}

// tally returns the answers, equal ones once, with their number.
func tally(answers []string) string {
	var parts []string
	for len(answers) > 0 {
		first, n := answers[0], len(answers)
		answers = slices.DeleteFunc(answers, func(a string) bool { return a == first })
		if n -= len(answers); n > 1 {
			first = fmt.Sprintf("%d x %s", n, first)
		}
		parts = append(parts, first)
	}
	return strings.Join(parts, ", ")
}

// wrap breaks s at spaces into lines of the demo's width, and leaves nothing out.
// Each begins with indent.
func wrap(s, indent string) string {
	var b strings.Builder
	width := 0
	for _, word := range strings.Fields(s) {
		switch n := utf8.RuneCountInString(word); {
		case width == 0:
			b.WriteString(indent + word)
			width = len(indent) + n
		case width+1+n > demoColumns:
			b.WriteString("\n" + indent + word)
			width = len(indent) + n
		default:
			b.WriteString(" " + word)
			width += 1 + n
		}
	}
	return b.String()
}

// A gateway is an emulated one that listens on loopback.
type gateway struct {
	name, url string
	calls     []call

	mu   sync.Mutex
	seen []authtest.Exchange
}

func (g *gateway) observe(e authtest.Exchange) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, e)
}

// take returns what the gateway has seen since it was last asked.
func (g *gateway) take() []authtest.Exchange {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := g.seen
	g.seen = nil
	return seen
}

// platforms are the gateways of the Payrexx family that the demo plays.
var platforms = []string{"Checkout Paylink", "OkePay", "Shop & Pay", "VR pay secure"}

// start starts the gateways, each with credentials of its own.
func (d *demonstration) start() error {
	foreignURL, err := d.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { d.foreign.Add(1) }))
	if err != nil {
		return err
	}
	for _, name := range platforms {
		err := d.startPaylink(name, paylinkCalls, foreignURL, func(url string, secret auth.Secret) (auth.Authenticator, error) {
			return paylinkhmac.New(paylinkhmac.Config{BaseURL: url, Instance: "example", Secret: secret})
		})
		if err != nil {
			return err
		}
	}
	err = d.startPaylink("Payrexx", keyCalls, foreignURL, func(url string, secret auth.Secret) (auth.Authenticator, error) {
		return paylinkkey.New(paylinkkey.Config{BaseURL: url, Instance: "example", Secret: secret})
	})
	if err != nil {
		return err
	}
	if err := d.startAvangate("2Checkout SHA2-256", avangate.SHA2_256, 0, avangateCalls); err != nil {
		return err
	}
	if err := d.startAvangate("2Checkout SHA3-256", avangate.SHA3_256, 0, avangateCalls); err != nil {
		return err
	}
	return d.startAvangate("2Checkout", avangate.SHA2_256, 15*time.Minute, skewedCalls)
}

// startPaylink starts a gateway of the Payrexx family, with the Authenticator that
// scheme gives for its URL and secret.
func (d *demonstration) startPaylink(name string, calls []call, foreignURL string, scheme func(url string, secret auth.Secret) (auth.Authenticator, error)) error {
	g := &gateway{name: name, calls: calls}
	secret := auth.NewSecret(rand.Text())
	mux := http.NewServeMux()
	mux.Handle("/", &authtest.Paylink{Instance: "example", Secret: secret, Observe: g.observe})
	mux.Handle(leavePath, http.RedirectHandler(foreignURL+"/v1.0/Invoice/", http.StatusTemporaryRedirect))
	var err error
	if g.url, err = d.serve(mux); err != nil {
		return err
	}
	a, err := scheme(g.url, secret)
	if err != nil {
		return err
	}
	d.gateways = append(d.gateways, g)
	d.authenticators = append(d.authenticators, a)
	return nil
}

// startAvangate starts a gateway of 2Checkout whose clock is ahead by skew.
func (d *demonstration) startAvangate(name string, algorithm avangate.Algorithm, skew time.Duration, calls []call) error {
	now := time.Now().Truncate(time.Second)
	g := &gateway{name: name, calls: slices.Clone(calls)}
	for i := range g.calls {
		g.calls[i].signed = "11YOURCODE12319" + now.Add(skew).UTC().Format(vendor.DateLayout)
	}
	key := auth.NewSecret(rand.Text())
	var err error
	if g.url, err = d.serve(&authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: key, Now: func() time.Time { return now.Add(skew) }, Observe: g.observe}); err != nil {
		return err
	}
	a, err := avangate.New(avangate.Config{BaseURL: g.url, MerchantCode: "YOURCODE123", SecretKey: key, Algorithm: algorithm, Now: func() time.Time { return now }})
	if err != nil {
		return err
	}
	d.gateways = append(d.gateways, g)
	d.authenticators = append(d.authenticators, a)
	return nil
}

// serve serves h on a port of its own and returns its URL.
func (d *demonstration) serve(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	d.listeners = append(d.listeners, l)
	go http.Serve(l, h)
	return "http://" + l.Addr().String(), nil
}

func (d *demonstration) stop() {
	for _, l := range d.listeners {
		l.Close()
	}
}

// call makes one call, checks what came of it, and says what did: the status, or the
// error in Countersign's own words.
func (d *demonstration) call(client *http.Client, g *gateway, c call) string {
	req, err := http.NewRequest(c.method, g.url+c.path, strings.NewReader(c.body))
	if err != nil {
		return d.judge(g.name, c.name, "not sent", err.Error())
	}
	if c.contentType != "" {
		req.Header.Set("Content-Type", c.contentType)
	}
	resp, err := client.Do(req)
	seen := g.take()
	if err != nil {
		return d.judge(g.name, c.name, causeOf(err), c.checkError(err, seen))
	}
	resp.Body.Close()
	return d.judge(g.name, c.name, strconv.Itoa(resp.StatusCode), c.checkAnswer(resp.StatusCode, seen))
}

// judge returns the answer, and keeps the problem with it if there is one.
func (d *demonstration) judge(who, what, answer, problem string) string {
	if problem == "" {
		return answer
	}
	d.wrong = append(d.wrong, fmt.Sprintf("%s, %s: %s", who, what, problem))
	return answer + " WRONG"
}

// checkError says what is wrong with a call that ended in an error, "" if
// nothing is.
func (c call) checkError(err error, seen []authtest.Exchange) string {
	switch {
	case c.err == nil || !errors.Is(err, c.err):
		return err.Error()
	case len(seen) != 0:
		return fmt.Sprintf("the gateway saw %d requests and should have seen none", len(seen))
	}
	return ""
}

// checkAnswer says what is wrong with a call that was answered, "" if nothing is.
func (c call) checkAnswer(status int, seen []authtest.Exchange) string {
	switch {
	case c.err != nil:
		return "it should have been refused"
	case len(seen) != c.before+1:
		return fmt.Sprintf("the gateway saw %d requests and should have seen %d", len(seen), c.before+1)
	}
	last := seen[len(seen)-1]
	switch {
	case status != c.status, status == http.StatusOK && last.Err != nil:
		return fmt.Sprintf("the status is %d and should be %d: %v", status, c.status, last.Err)
	case stringToSign(seen) != c.signed:
		return fmt.Sprintf("the string to sign is %q and should be %q", stringToSign(seen), c.signed)
	case !slices.Equal(last.Parameters, c.parameters):
		return fmt.Sprintf("the gateway saw %q and should have seen %q", last.Parameters, c.parameters)
	}
	return ""
}

// stringToSign returns the last string to sign. A call in a session has none, but
// the login before it has.
func stringToSign(seen []authtest.Exchange) string {
	for _, e := range slices.Backward(seen) {
		if e.StringToSign != "" {
			return e.StringToSign
		}
	}
	return ""
}

// causeOf returns the text of Countersign's own error, without what net/http puts
// around it.
func causeOf(err error) string {
	if e, ok := errors.AsType[*auth.Error](err); ok {
		return printable.Line(e.Err.Error())
	}
	return err.Error()
}
