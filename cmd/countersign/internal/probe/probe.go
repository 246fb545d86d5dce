// Package probe asks a gateway what it takes: where the signature may stand, how a
// plus sign is read, whether the Content-Type matters, and the like. What it finds is
// a [Fingerprint], whose part Options an emulated gateway takes to behave so.
//
// Its requests are a table: [Probe.Plan] gives them, and [Probe.Run] sends them, each
// once, in that order, and judges each answer by itself. They ask for what changes
// nothing: SignatureCheck of the Payrexx family, or an object that the user names, and
// of 2Checkout a page of one order, and a login. They are written by hand and not by
// the schemes' Authenticators, since what those refuse to send is a part of the
// question.
//
// A group of requests, of one place and one kind of body, has a control: its first
// request once more, with one byte of the signature changed. Unless that is refused,
// nothing is known of the others.
package probe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/cmd/countersign/internal/answer"
	"github.com/countersign/countersign/internal/request"
)

// A Probe is what is asked of one gateway. Gateway, BaseURL and Account must be set, and
// for Run the others too.
type Probe struct {
	Gateway string   // "paylink" or "avangate"
	BaseURL *url.URL // of the API, with a version or without one
	Account string   // the instance, or the merchant code
	Secret  auth.Secret
	Ask     Questions

	Base       http.RoundTripper // sends each request once, and follows no redirect
	Interval   time.Duration     // between two requests
	Max        int               // so many requests are sent at most
	MaxRefused int               // at so many refusals it stops

	// Sending, if it is not nil, is told of each request before it is sent: how many
	// went before it, of how many at most, and its ID.
	Sending func(sent, of int, id string)

	// Made, if it is not nil, is told of each signature, hash and key before it is sent:
	// what comes back may repeat it.
	Made func(credential string)
}

// Questions are what is asked beside what always is.
type Questions struct {
	Methods  bool   // of paylink: PUT, PATCH, DELETE and HEAD
	APIKey   bool   // of paylink: the secret itself, as X-API-KEY
	Versions bool   // of paylink: the newest version
	Object   string // of paylink: an object to read, such as Gateway/17
	Logins   bool   // of avangate: of JSON-RPC and SOAP
	Clock    bool   // of avangate: how far the time may be off
}

// A Request is one that is sent. Target and Body have SIGNATURE in the place of the
// signature, and DATE in that of the time.
type Request struct {
	ID     string      `json:"id"`
	Method string      `json:"method"`
	Target string      `json:"target"`
	Header http.Header `json:"header,omitempty"`
	Body   string      `json:"body,omitempty"`

	// UpTo is at most how many requests are made of this one, of which each depends on
	// the answers to those before, if it is not 0: Target has VERSION in the place of the
	// version, or DATE stands for times that are off.
	UpTo int `json:"upTo,omitempty"`
}

// Timeout is how long an answer may take.
const Timeout = 20 * time.Second

// Refusal is the error of Run when the gateway does not accept the first request.
type Refusal struct{ Answer *answer.Answer }

func (r *Refusal) Error() string { return "the gateway refuses the first request" }

// A dialect is how one gateway is asked.
type dialect interface {
	// messages are what is asked always, in their order; with a key alone, if keyOnly.
	messages(ask Questions, keyOnly bool) []message
	// build writes a message, at a time.
	build(p *Probe, m message, now time.Time) (*http.Request, error)
	// judge returns the verdict of an answer, and whether it is one that a firewall may
	// count: a redirect is none.
	judge(m message, a *answer.Answer) (verdict string, refused bool)
	// speaks reports whether an answer is in the words of the gateway.
	speaks(m message, a *answer.Answer) bool
	// bisections are what is asked last.
	bisections(ask Questions) []bisection
	// conclude fills in what the rows say.
	conclude(f *Fingerprint, verdict func(id string) string)
}

// A bisection looks for the greatest number that the gateway takes, of those in a
// ladder, by at most UpTo requests.
type bisection struct {
	id      string
	group   string // whose control is that of its rows
	ladder  []int
	first   int  // the index of the rung to begin with
	isGuess bool // the first is likely the greatest: the next rung is tried after it
	upTo    int
	message func(rung int) message
	found   func(r *run, accepted, refused int) // -1 for none
}

// A message is a row to be.
type message struct {
	id, group string
	control   bool // the group's: it is no row

	method, path string // "" is GET, and the path of the plain request
	query, body  string
	contentType  string
	signed       string // the string to sign

	version   string        // of the API, "" for that of the base URL
	key       bool          // it bears the secret, and no signature
	algorithm string        // of 2Checkout's
	quote     string        // around the header's attributes
	off       time.Duration // of its time
}

func (p *Probe) dialect() dialect {
	if p.Gateway == "avangate" {
		return checkout{}
	}
	return family{}
}

// Plan returns what Run sends if nothing stops it and the first request is accepted.
func (p *Probe) Plan() ([]Request, error) {
	d := p.dialect()
	var plan []Request
	add := func(m message, upTo int) error {
		r, err := p.describe(d, m)
		r.UpTo = upTo
		plan = append(plan, r)
		return err
	}
	for _, m := range d.messages(p.Ask, false) {
		if err := add(m, 0); err != nil {
			return nil, err
		}
	}
	for _, b := range d.bisections(p.Ask) {
		m := b.message(b.ladder[b.first])
		m.id = b.id
		if m.version != "" {
			m.version = "VERSION"
		}
		if err := add(m, b.upTo); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// describe returns the request of a message, without credentials.
func (p *Probe) describe(d dialect, m message) (Request, error) {
	public := *p
	public.Secret = auth.Secret{}
	req, err := d.build(&public, m, time.Time{})
	if err != nil {
		return Request{}, err
	}
	r := Request{ID: m.id, Method: req.Method, Target: req.URL.RequestURI(), Header: req.Header}
	if req.Body != nil {
		body, _ := io.ReadAll(req.Body) // it is in memory
		r.Body = string(body)
	}
	return r, nil
}

// Run sends the requests, and returns what it found, in any case. The error says why
// it stopped: nil if it asked all. It is a *[Refusal] if the first request is refused,
// a [Stop] at an answer that is none of a gateway's, and else that of the
// RoundTripper or of ctx.
func (p *Probe) Run(ctx context.Context) (*Fingerprint, error) {
	r := &run{Probe: p, ctx: ctx, d: p.dialect(), controls: map[string]string{}, allowed: map[string]bool{}, groups: map[string][]int{}}
	r.f = &Fingerprint{Schema: Schema, Taken: time.Now().UTC().Format(time.DateOnly), Gateway: p.Gateway, Host: p.BaseURL.Host}
	err := r.all()
	r.finish()
	r.f.Complete = err == nil
	return r.f, err
}

// A Stop is why a Run ended before its end.
type Stop string

func (s Stop) Error() string { return string(s) }

const (
	tooMany      Stop = "the gateway answers with 429, too many requests: wait five minutes, and ask again with a longer --interval"
	firewall     Stop = "the answer is none of the gateway's: a firewall or a proxy may stand before it, and more requests could make it close; ask again later, or from another network"
	failing      Stop = "the gateway, or a proxy, failed twice running: ask again later"
	maxReached   Stop = "as many requests as --max allows are sent"
	refusedLimit Stop = "the gateway has refused as many requests as --max-refused allows: more could make a firewall close"
)

// A run is one Run under way.
type run struct {
	*Probe
	ctx context.Context
	d   dialect
	f   *Fingerprint

	keyOnly  bool              // no signature is accepted
	controls map[string]string // verdicts of the groups' controls
	groups   map[string][]int  // the rows of each
	allowed  map[string]bool   // the methods of what was accepted
	failed   bool              // the last answer was 5xx, and told nothing
	clock    time.Duration     // the gateway's clock less ours
	of       int               // so many requests there are at most
}

func (r *run) all() error {
	messages := r.d.messages(r.Ask, false)
	bisections := r.d.bisections(r.Ask)
	r.count(messages, bisections)
	first, err := r.ask(messages[0])
	if err != nil {
		return err
	}
	if verdict, _ := r.d.judge(messages[0], first); verdict == Accepted {
		messages = messages[1:]
		r.clock = first.Offset
	} else if messages, err = r.byKey(first); err != nil {
		return err
	}
	for _, m := range messages {
		if _, err := r.ask(m); err != nil {
			return err
		}
	}
	for _, b := range bisections {
		if err := r.bisect(b); err != nil {
			return err
		}
	}
	return nil
}

// byKey goes on where the first request was refused, in the gateway's words: if the
// secret alone is accepted, with what that can tell.
func (r *run) byKey(first *answer.Answer) ([]message, error) {
	messages := r.d.messages(r.Ask, true)
	verdict, _ := r.d.judge(message{}, first)
	if len(messages) == 0 || verdict != Refused || !r.d.speaks(message{}, first) {
		return nil, &Refusal{first}
	}
	got, err := r.ask(messages[0])
	if err != nil {
		return nil, err
	}
	if verdict, _ := r.d.judge(messages[0], got); verdict != Accepted {
		return nil, &Refusal{first}
	}
	r.keyOnly = true
	r.count(messages[1:], r.d.bisections(r.Ask))
	return messages[1:], nil
}

// count counts the requests that were sent, and those that are to come.
func (r *run) count(messages []message, bisections []bisection) {
	r.of = r.f.Requests + len(messages)
	for _, b := range bisections {
		r.of += b.upTo
	}
	r.of = min(r.of, r.Max)
}

// ask sends a message, and notes its row.
func (r *run) ask(m message) (*answer.Answer, error) {
	switch {
	case r.f.Requests >= r.Max:
		return nil, maxReached
	case r.f.Refused >= r.MaxRefused:
		return nil, refusedLimit
	}
	if err := r.wait(); err != nil {
		return nil, err
	}
	if r.Sending != nil {
		r.Sending(r.f.Requests, r.of, m.id)
	}
	now := time.Now() // with which the first request was accepted
	if m.off != 0 {
		now = now.Add(r.clock + m.off)
	}
	req, err := r.d.build(r.Probe, m, now)
	if err != nil {
		return nil, err
	}
	row := -1
	if !m.control {
		row = len(r.f.Rows)
		r.f.Rows = append(r.f.Rows, Row{ID: m.id, Verdict: NotTried, Control: None})
		r.groups[m.group] = append(r.groups[m.group], row)
	}
	r.f.Requests++
	got, err := r.send(req)
	if err != nil {
		return nil, err
	}
	verdict, refused := r.d.judge(m, got)
	if refused {
		r.f.Refused++
	}
	if m.control {
		r.controls[m.group] = verdict
	} else {
		r.f.Rows[row].Verdict, r.f.Rows[row].Status = verdict, got.Status
	}
	if verdict == Accepted {
		r.allowed[req.Method] = true
	}
	return got, r.mayGoOn(m, req.Method, got, verdict)
}

// wait keeps the interval before every request but the first.
func (r *run) wait() error {
	if r.f.Requests == 0 || r.Interval == 0 {
		return r.ctx.Err()
	}
	t := time.NewTimer(r.Interval)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

func (r *run) send(req *http.Request) (*answer.Answer, error) {
	ctx, cancel := context.WithTimeout(r.ctx, Timeout)
	defer cancel()
	resp, err := r.Base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return answer.Read(resp)
}

// mayGoOn returns a Stop at an answer after which nothing more is to be sent.
func (r *run) mayGoOn(m message, method string, a *answer.Answer, verdict string) error {
	again := r.failed
	r.failed = a.Status >= 500 && verdict == NotToldApart // and no fault of SOAP's
	redirects := a.Status >= 300 && a.Status < 400
	switch {
	case a.Status == http.StatusTooManyRequests:
		return tooMany
	case r.failed && again:
		return failing
	case a.Status == http.StatusMethodNotAllowed && !r.allowed[method], redirects, r.failed && !a.IsPage(), method == http.MethodHead:
		return nil
	case a.IsPage():
		return firewall
	}
	switch a.Status {
	case http.StatusOK, http.StatusUnauthorized, http.StatusForbidden:
		if !r.d.speaks(m, a) {
			return firewall
		}
	}
	return nil
}

// bisect asks until it knows, or has asked as often as it may. A number above the
// greatest that was accepted is refused, or was not asked for. It does not ask where
// the control was not refused, and ends without a finding at an answer that tells
// nothing.
func (r *run) bisect(b bisection) error {
	if r.keyOnly {
		b.group = groupKey
	}
	if r.controls[b.group] != Refused {
		return nil
	}
	low, high := -1, len(b.ladder) // accepted and refused
	for i, next := 0, b.first; i < b.upTo && high-low > 1; i++ {
		m := b.message(b.ladder[next])
		m.key, m.group = r.keyOnly, b.group
		got, err := r.ask(m)
		if err != nil {
			return err
		}
		switch verdict, _ := r.d.judge(m, got); verdict {
		case Accepted:
			low = next
		case Refused:
			high = next
		default:
			return nil
		}
		next = low + (high-low)/2
		if i == 0 && b.isGuess && low == b.first {
			next = low + 1
		}
	}
	rung := func(i int) int {
		if i < 0 || i == len(b.ladder) {
			return -1
		}
		return b.ladder[i]
	}
	b.found(r, rung(low), rung(high))
	return nil
}

// finish gives each row its group's control, takes back what that does not tell apart,
// and concludes. What was not asked is a row too.
func (r *run) finish() {
	asked := map[string]bool{}
	for _, row := range r.f.Rows {
		asked[row.ID] = true
	}
	for _, m := range r.d.messages(r.Ask, false) {
		if !m.control && !asked[m.id] {
			r.f.Rows = append(r.f.Rows, Row{ID: m.id, Verdict: NotTried, Control: None})
		}
	}
	for group, rows := range r.groups {
		for _, i := range rows {
			row := &r.f.Rows[i]
			switch control := r.controls[group]; control {
			case Accepted, Refused:
				row.Control = control
			}
			if row.Verdict == Accepted && row.Control != Refused || row.Verdict == Refused && row.Control == Accepted {
				row.Verdict = NotToldApart
			}
		}
	}
	r.d.conclude(r.f, func(id string) string {
		for _, row := range r.f.Rows {
			if row.ID == id {
				return row.Verdict
			}
		}
		return NotTried
	})
}

// made returns a credential that is about to be sent, with another first byte for a
// control.
func (p *Probe) made(credential string, m message) string {
	if m.control {
		credential = changed(credential)
	}
	if p.Made != nil {
		p.Made(credential)
	}
	return credential
}

// newRequest returns a request with a body, if it is not "".
func newRequest(method, url string, header http.Header, body string) (*http.Request, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, errors.New("the base URL makes no URL of a request: write it as https://api.example.com")
	}
	if body != "" {
		request.SetBody(req, []byte(body))
	}
	req.Header = header
	return req, nil
}

// changed returns a credential with another first byte.
func changed(credential string) string {
	if strings.HasPrefix(credential, "0") {
		return "1" + credential[1:]
	}
	return "0" + credential[1:]
}
