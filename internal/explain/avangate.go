package explain

import (
	"bytes"
	"cmp"
	"context"
	"crypto/fips140"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/internal/request"
)

// An Avangate explains the hashes of 2Checkout: those of the REST API's header
// X-Avangate-Authentication, and those of the login of JSON-RPC and SOAP. A hash is
// right if an [avangate.Verifier] with the same fields accepts it.
//
// What is wrong with the form of a header, and is seen without any trying, stands
// in each Finding beside what was tried, and among the Possibilities if there are
// no Findings. So does a date outside the window.
//
// The two mistakes of a pair are made at different steps, such as the date, the
// layout of the string to sign, and the key. Two at one step are not tried: a date
// that is signed in another form and in another time zone is not found.
//
// Its fields must not be changed while it is used. Then it is safe for concurrent
// use.
type Avangate struct {
	// MerchantCode is the only code that is accepted. Empty accepts any.
	MerchantCode string
	// SecretKey is the source of the Secret Key. It is asked for each hash.
	SecretKey auth.SecretSource
	// Window is how far a date may be from Now, to either side. Zero means
	// [avangate.DefaultWindow].
	Window time.Duration
	// Now is the clock, read once for each hash. Nil means time.Now. For a request
	// that is not new, give the time at which it was made.
	Now func() time.Time
}

const (
	avangateHeader = "X-Avangate-Authentication"
	// maxAvangateBody bounds the body in which a login is looked for, in bytes.
	maxAvangateBody = 8 << 20
)

// avangateSession tells the endpoints of JSON-RPC and SOAP by their path, as
// package avangate does.
var avangateSession = regexp.MustCompile(`^/+(?:(?:order|product|channel-manager)/[^/]*/)?(rpc|soap)(?:/|$)`)

// Request explains the header of a request that a server received, or, at a path of
// JSON-RPC or SOAP, the first login in its body, which is read and put back.
//
// Its errors are [*auth.Error]s: [auth.ErrUnsigned] if there is no hash to explain,
// [auth.ErrSecret] if the secret cannot be had, [auth.ErrBody] if the body cannot be
// read or is longer than 8 MiB; it is lost then. The Diagnosis is never nil, and
// holds the StringToSign if that is known.
func (a *Avangate) Request(req *http.Request) (*Diagnosis, error) {
	part := avangateSession.FindStringSubmatch(req.URL.Path)
	if part == nil {
		var values []string
		for key, v := range req.Header {
			if strings.EqualFold(key, avangateHeader) {
				values = append(values, v...)
			}
		}
		return a.explainHeader(req.Context(), values)
	}
	body, err := request.TakeBody(req, maxAvangateBody)
	if err != nil {
		return new(Diagnosis), a.error(auth.ErrBody, err)
	}
	request.SetBody(req, body)
	read := readRPCLogin
	if part[1] == "soap" {
		read = readSOAPLogin
	}
	login := read(body)
	if login == nil {
		return new(Diagnosis), a.error(auth.ErrUnsigned, errors.New("the path is that of a session, in which only the call of login carries a hash, and the body holds none: explain the login"))
	}
	return a.explainLogin(req.Context(), login)
}

// Header explains the value of a header X-Avangate-Authentication. Its errors are
// those of [Avangate.Request].
func (a *Avangate) Header(ctx context.Context, value string) (*Diagnosis, error) {
	return a.explainHeader(ctx, []string{value})
}

func (a *Avangate) error(code, err error) error {
	return &auth.Error{Op: "explain 2Checkout's hash", Gateway: a.MerchantCode, Code: code, Err: err}
}

func (a *Avangate) explainHeader(ctx context.Context, values []string) (*Diagnosis, error) {
	if len(values) == 0 {
		return new(Diagnosis), a.error(auth.ErrUnsigned, errors.New("there is no header "+avangateHeader))
	}
	c := readAvangateHeader(values[0])
	c.headers = len(values)
	return a.explain(ctx, values, c)
}

// explainLogin explains the parameters of a login, as the header of the same
// values, which is what they mean.
func (a *Avangate) explainLogin(ctx context.Context, login []string) (*Diagnosis, error) {
	var v [4]string
	copy(v[:], login)
	c := &avangateClaim{code: v[0], date: v[1], hash: v[2], algo: v[3], headers: 1}
	return a.explain(ctx, []string{fmt.Sprintf(`code="%s" date="%s" hash="%s" algo="%s"`, v[0], v[1], v[2], v[3])}, c)
}

// explain explains what c says, which was read from the values of the header.
func (a *Avangate) explain(ctx context.Context, values []string, c *avangateClaim) (*Diagnosis, error) {
	d := &Diagnosis{StringToSign: string(layOut(nil, documented, c.code, c.date))}
	if c.hash == "" {
		return d, a.error(auth.ErrUnsigned, errors.New(`there is no hash: write code="..." date="..." hash="..." algo="..."`))
	}
	secret, err := auth.Load(ctx, a.SecretKey)
	if err != nil {
		return d, a.error(auth.ErrSecret, err)
	}
	now := time.Now()
	if a.Now != nil {
		now = a.Now()
	}
	verifier := avangate.Verifier{MerchantCode: a.MerchantCode, SecretKey: secret, Window: a.Window, Now: func() time.Time { return now }}
	req := (&http.Request{Header: http.Header{avangateHeader: values}}).WithContext(ctx)
	if _, err = verifier.Verify(req); err == nil {
		d.Right = true
		return d, nil
	}
	c.account = a.MerchantCode
	c.unreadable = errors.Is(err, auth.ErrUnsigned)
	c.readDate()
	c.readHash()
	flaws := c.flaws()
	clock := c.clock(now, cmp.Or(a.Window, avangate.DefaultWindow))

	right := &avangateAttempt{claim: c, code: c.code, date: c.date, layout: documented, key: secret.Reveal()}
	for _, f := range c.functions {
		if f.forbidden && fips140.Enforced() {
			d.Skipped = append(d.Skipped, f.name)
			continue
		}
		right.functions = append(right.functions, f)
	}
	t := &avangateTrial{digest: c.digest}
	if _, reproduced, _ := t.try(right); reproduced {
		d.Findings = []Finding{{StringToSign: d.StringToSign, Difference: -1}}
	} else {
		s := search[*avangateAttempt]{rows: avangateRows, try: t.try}
		s.explain(d, right)
	}
	if t.hasher.shortKey {
		d.Skipped = append(d.Skipped, shortKeys)
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		if ahead := t.found[i].ahead; ahead != 0 {
			zone := &f.Mistakes[len(f.Mistakes)-1] // whose stage is the last
			zone.Fix = fmt.Sprintf(zone.Fix, apart(ahead), zonesApart(ahead))
		}
		if code := t.found[i].code; c.account != "" && c.account == code && code != c.code {
			f.Mistakes = f.Mistakes[1:] // whose stage is the first: the flaws say what is wrong with the code
		}
		f.Mistakes = slices.Concat(flaws, f.Mistakes, clock)
	}
	if len(d.Findings) == 0 {
		d.Possibilities = slices.Concat(flaws, clock, avangatePossibilities)
	}
	return d, nil
}

// An avangateClaim is what a header or a login says, read leniently.
type avangateClaim struct {
	code, date, hash, algo string

	headers    int    // how many there are
	syntax     syntax // what is odd about the first
	unreadable bool   // whether the gateway cannot read it
	account    string // the merchant code that is accepted, "" if any is

	time     time.Time // what the date means
	form     string    // the date's, as package time has it; "" if it cannot be read
	dateFlaw Mistake   // zero if there is none

	zones   []zoneDate // the date in other time zones
	inForms [][]string // the date in each of avangateDateForms

	digest    []byte
	hashFlaw  Mistake         // zero if there is none
	functions []*hashFunction // that may have made the digest, by its length and algo
}

// A syntax is what the reader of a header put up with.
type syntax uint8

const (
	oddSeparators syntax = 1 << iota
	noQuotes
	oddQuotes
	colons
	oddNames
	repeated
	junk
)

var (
	attributeName = regexp.MustCompile(`^\\?["']?([A-Za-z][A-Za-z_-]*)\\?["']?(\s*[=:]\s*)`)
	nextAttribute = regexp.MustCompile(`[\s,;&}]+\\?["']?[A-Za-z][A-Za-z_-]*\\?["']?\s*[=:]`)
)

// separators are what people put between attributes, and around them all.
const separators = " \t\r\n,;&{}"

// readAvangateHeader reads whatever is meant for attributes. What the gateway
// accepts it reads as the gateway does.
func readAvangateHeader(value string) *avangateClaim {
	c := &avangateClaim{}
	attributes := map[string]*string{"code": &c.code, "date": &c.date, "hash": &c.hash, "algo": &c.algo}
	seen := make(map[string]bool)
	for {
		left := strings.TrimLeft(value, separators)
		if strings.ContainsAny(value[:len(value)-len(left)], ",;&") {
			c.syntax |= oddSeparators
		}
		if value = left; value == "" {
			return c
		}
		part := attributeName.FindStringSubmatch(value)
		if part == nil {
			c.syntax |= junk
			value = value[cmp.Or(strings.IndexAny(value, separators)+1, len(value)):]
			continue
		}
		value = value[len(part[0]):]
		if strings.Contains(part[2], ":") {
			c.syntax |= colons
		}
		name := avangateAttribute(part[1])
		var text string
		switch {
		case name == "":
			c.syntax |= junk
			continue
		case name != part[1]:
			c.syntax |= oddNames
		}
		text, value = c.readValue(value)
		if seen[name] {
			c.syntax |= repeated
			continue
		}
		seen[name] = true
		*attributes[name] = text
	}
}

// avangateAttribute returns which attribute a name is meant for, "" if none.
func avangateAttribute(name string) string {
	switch strings.Map(letter, name) {
	case "code", "merchantcode", "merchant", "merchantid", "sellerid", "vendorcode", "vendorid":
		return "code"
	case "date", "datetime", "time", "timestamp", "requestdate":
		return "date"
	case "hash", "hmac", "digest", "signature", "sign":
		return "hash"
	case "algo", "alg", "algorithm", "hashalgo":
		return "algo"
	}
	return ""
}

// letter folds case and leaves out what is no letter.
func letter(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z':
		return r
	case 'A' <= r && r <= 'Z':
		return r - 'A' + 'a'
	}
	return -1
}

// readValue returns the value at the beginning of text, and what comes after it.
func (c *avangateClaim) readValue(text string) (value, after string) {
	for _, quote := range [...]struct {
		open, end string
		odd       syntax
	}{
		{`"`, `"`, 0},
		{`'`, `'`, 0},
		{`\"`, `\"`, oddQuotes},
		{`\'`, `\'`, oddQuotes},
		{"“", "”", oddQuotes},
		{"„", "“", oddQuotes},
		{"‘", "’", oddQuotes},
		{"&quot;", "&quot;", oddQuotes},
	} {
		if quoted, ok := strings.CutPrefix(text, quote.open); ok {
			c.syntax |= quote.odd
			value, after, _ = strings.Cut(quoted, quote.end)
			return value, after
		}
	}
	c.syntax |= noQuotes
	length := len(text)
	if next := nextAttribute.FindStringIndex(text); next != nil {
		length = next[0]
	}
	return strings.TrimRight(text[:length], separators), text[length:]
}

// readRPCLogin returns the parameters of the first login in a JSON-RPC request or
// batch, nil if there is none.
func readRPCLogin(body []byte) []string {
	var batch []json.RawMessage
	if json.Unmarshal(body, &batch) != nil {
		batch = []json.RawMessage{body}
	}
	for _, call := range batch {
		var login struct {
			Method string
			Params []any
		}
		if json.Unmarshal(call, &login) != nil || login.Method != "login" {
			continue
		}
		parameters := make([]string, len(login.Params))
		for i, p := range login.Params {
			parameters[i], _ = p.(string)
		}
		return parameters
	}
	return nil
}

// readSOAPLogin returns the parameters of the login in a SOAP envelope, nil if
// there is none.
func readSOAPLogin(body []byte) []string {
	var envelope struct {
		Body struct {
			Call struct {
				XMLName    xml.Name
				Parameters []struct {
					Text string `xml:",chardata"`
				} `xml:",any"`
			} `xml:",any"`
		}
	}
	call := &envelope.Body.Call
	if xml.Unmarshal(body, &envelope) != nil || call.XMLName.Local != "login" {
		return nil
	}
	parameters := make([]string, len(call.Parameters))
	for i, p := range call.Parameters {
		parameters[i] = p.Text
	}
	return parameters
}

// A zoneDate is the claim's date in a time zone that is so far ahead of it.
type zoneDate struct {
	date  string
	ahead time.Duration
}

// readDate reads the date, and writes it in other time zones and forms.
func (c *avangateClaim) readDate() {
	c.findDate()
	if c.form == "" {
		return
	}
	for _, zone := range timeZones {
		c.zones = append(c.zones, zoneDate{formatDate(c.form, c.time.Add(zone)), zone})
		if !slices.Contains(timeZones, -zone) {
			c.zones = append(c.zones, zoneDate{formatDate(c.form, c.time.Add(-zone)), -zone})
		}
	}
	for _, f := range avangateDateForms {
		var texts []string
		for _, form := range f.forms {
			if form != time.DateTime {
				texts = append(texts, formatDate(form, c.time.UTC()))
			}
		}
		c.inForms = append(c.inForms, texts)
	}
}

// findDate reads the date in the form that it should have, or else in one that
// people give it.
func (c *avangateClaim) findDate() {
	if t, err := time.Parse(time.DateTime, c.date); err == nil && t.Format(time.DateTime) == c.date {
		c.time, c.form = t, time.DateTime
		return
	}
	for _, f := range avangateDateForms {
		for _, form := range f.forms {
			if t, err := parseDate(form, c.date); err == nil {
				c.time, c.form, c.dateFlaw = t, form, f.Mistake
				return
			}
		}
	}
	c.dateFlaw = unreadableDate
}

// unixTime is a form of dates that package time has not.
const unixTime = "Unix"

func parseDate(form, date string) (time.Time, error) {
	if form != unixTime {
		return time.Parse(form, date)
	}
	seconds, err := strconv.ParseUint(date, 10, 32)
	if len(date) != len("1577934245") {
		err = strconv.ErrSyntax
	}
	return time.Unix(int64(seconds), 0).UTC(), err
}

func formatDate(form string, t time.Time) string {
	if form != unixTime {
		return t.Format(form)
	}
	return strconv.FormatInt(t.Unix(), 10)
}

// readHash finds the digest in the hash's text, and what may have made it.
func (c *avangateClaim) readHash() {
	c.hashFlaw = noDigest
	for _, e := range avangateEncodings {
		digest, err := e.decode(c.hash)
		if functions, ok := digestFunctions[len(digest)]; ok && err == nil {
			c.digest, c.hashFlaw, c.functions = digest, e.Mistake, functions
			break
		}
	}
	if f, ok := algoFunctions[c.algo]; ok && slices.Contains(c.functions, f) {
		c.functions = []*hashFunction{f}
	}
}

// flaws returns what is wrong with the form, and is seen without any trying.
func (c *avangateClaim) flaws() (flaws []Mistake) {
	for _, f := range avangateFlaws {
		if f.seen(c) {
			flaws = append(flaws, f.Mistake)
		}
	}
	for _, m := range []Mistake{c.dateFlaw, c.hashFlaw} {
		if m != (Mistake{}) {
			flaws = append(flaws, m)
		}
	}
	if len(flaws) == 0 && c.unreadable {
		flaws = append(flaws, otherForm)
	}
	return flaws
}

// clock returns the mistake of a date outside the window.
func (c *avangateClaim) clock(now time.Time, window time.Duration) []Mistake {
	ahead := c.time.Sub(now)
	if c.form == "" || ahead.Abs() <= window {
		return nil
	}
	fix := fmt.Sprintf("The date is %s the gateway's clock, and %v are allowed: set the clock, and make the hash anew for each request", apart(ahead), window)
	for _, zone := range timeZones {
		if (ahead - zone).Abs() <= time.Minute {
			fix += fmt.Sprintf("; if it is local time, of %s, write it in UTC", zoneName(zone))
		}
	}
	return []Mistake{{"the date is outside the window", fix + "."}}
}

// apart says how far a time is ahead of another.
func apart(d time.Duration) string {
	if d < 0 {
		return d.Abs().Round(time.Second).String() + " behind"
	}
	return d.Round(time.Second).String() + " ahead of"
}

// zonesApart names the zones of two dates of which one is in UTC, and the first so
// far ahead of the second.
func zonesApart(ahead time.Duration) string {
	var names []string
	if slices.Contains(timeZones, ahead) {
		names = append(names, zoneName(ahead)+" is of UTC")
	}
	if slices.Contains(timeZones, -ahead) {
		names = append(names, "UTC is of "+zoneName(-ahead))
	}
	return strings.Join(names, " and ")
}

// zoneName returns the name of the zone that is so far ahead of UTC.
func zoneName(ahead time.Duration) string {
	return time.Unix(0, 0).In(time.FixedZone("", int(ahead.Seconds()))).Format("UTC-07:00")
}

// An avangateAttempt is how a hash is made.
type avangateAttempt struct {
	claim     *avangateClaim
	stage     avangateStage // the last at which there is a mistake
	code      string
	date      string
	ahead     time.Duration // the time zone of date, of the one that was sent
	layout    string        // see layOut
	tail      string        // behind the layout
	key       string
	functions []*hashFunction // any of these
	keying    keying
}

// An avangateTrial compares attempts with the digest that was sent.
type avangateTrial struct {
	digest  []byte
	message []byte // the string to sign of the attempt
	hasher  hasher

	// found are the attempts that gave the digest, in the order of the Findings.
	found []*avangateAttempt
}

func (t *avangateTrial) try(a *avangateAttempt) (stringToSign string, reproduced bool, cost int) {
	t.message = append(layOut(t.message[:0], a.layout, a.code, a.date), a.tail...)
	cost = len(t.message)
	for _, f := range a.functions {
		cost += len(t.message) + len(a.key)
		if bytes.Equal(t.hasher.sum(keyedHash{f, a.keying, a.key}, t.message), t.digest) {
			t.found = append(t.found, a)
			return string(t.message), true, cost
		}
	}
	return "", false, cost
}

// documented is the layout of the string to sign: each value behind its length.
const documented = "CcDd"

// layOut appends code and date where the layout has c and d, their lengths in bytes
// where it has C and D, and the code's length in code points, or in the units of
// UTF-16, where it has P or U.
func layOut(b []byte, layout, code, date string) []byte {
	for _, part := range layout {
		switch part {
		case 'c':
			b = append(b, code...)
		case 'd':
			b = append(b, date...)
		case 'C':
			b = strconv.AppendInt(b, int64(len(code)), 10)
		case 'D':
			b = strconv.AppendInt(b, int64(len(date)), 10)
		case 'P':
			b = strconv.AppendInt(b, int64(utf8.RuneCountInString(code)), 10)
		case 'U':
			units := 0
			for _, r := range code {
				units += utf16.RuneLen(r)
			}
			b = strconv.AppendInt(b, int64(units), 10)
		}
	}
	return b
}
