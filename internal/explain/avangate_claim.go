package explain

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	vendor "github.com/countersign/countersign/internal/avangate"
)

// An avangateClaim is what a header or a login says, read leniently.
type avangateClaim struct {
	code, date, hash, algo string

	headers    int    // how many there are
	syntax     syntax // what is odd about the first
	unreadable bool   // whether the gateway cannot read it
	account    string // the merchant code that is accepted, "" if any is
	loginFlaws []Mistake

	time     time.Time // what the date means
	form     string    // the date's, as package time has it; "" if it cannot be read
	dateFlaw Mistake   // zero if there is none

	digest  string     // that the hash stands for, "" if for none
	zones   []zoneDate // the date in other time zones
	inForms [][]string // the date in each of avangateDateForms
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
	attributes := map[string]*string{vendor.Code: &c.code, vendor.Date: &c.date, vendor.Hash: &c.hash, vendor.Algo: &c.algo}
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
		return vendor.Code
	case "date", "datetime", "time", "timestamp", "requestdate":
		return vendor.Date
	case "hash", "hmac", "digest", "signature", "sign":
		return vendor.Hash
	case "algo", "alg", "algorithm", "hashalgo":
		return vendor.Algo
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

// An avangateLogin is the parameters of a login, in the order that they should have:
// code, date, hash, algo.
type avangateLogin struct {
	parameters []string
	flaws      []Mistake // what they show of how they came
}

// Mistakes in how the parameters of a login are given.
var (
	namedParameters    = Mistake{"the parameters are given by name", loginFix}
	shuffledParameters = Mistake{"the parameters are in another order", loginFix}
	sessionParameter   = Mistake{"a session id stands before the merchant code", "Send a session id with every call but login, which is what gives it. " + loginFix}
)

const loginFix = "Give login a list of the merchant code, the date, the hash and the algorithm, in this order."

var (
	dateLike = regexp.MustCompile(`^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d`)
	hashLike = regexp.MustCompile(`^([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})$`)
	algoLike = regexp.MustCompile(`^(?i)(sha|md5)[0-9-]*$`)
)

// newAvangateLogin tells the parameters apart where they are not in their order: by
// what a date, a hash and an algorithm look like.
func newAvangateLogin(parameters []string) *avangateLogin {
	isDate := func(i int) bool { return i < len(parameters) && dateLike.MatchString(parameters[i]) }
	switch {
	case isDate(1) || len(parameters) < 3:
		return &avangateLogin{parameters: parameters}
	case isDate(2) && len(parameters) > 3 && hashLike.MatchString(parameters[3]) && !hashLike.MatchString(parameters[1]):
		return &avangateLogin{parameters[1:], []Mistake{sessionParameter}}
	}
	ordered := make([]string, 4)
	for _, p := range parameters[:min(len(parameters), len(ordered))] {
		place := 0
		switch {
		case dateLike.MatchString(p):
			place = 1
		case hashLike.MatchString(p):
			place = 2
		case algoLike.MatchString(p):
			place = 3
		}
		if ordered[place] != "" {
			return &avangateLogin{parameters: parameters} // they cannot be told apart
		}
		ordered[place] = p
	}
	if ordered[0] == "" || ordered[1] == "" || ordered[2] == "" {
		return &avangateLogin{parameters: parameters}
	}
	return &avangateLogin{ordered, []Mistake{shuffledParameters}}
}

// readRPCLogin returns the parameters of the first login in a JSON-RPC request or
// batch, nil if there is none.
func readRPCLogin(body []byte) *avangateLogin {
	var batch []json.RawMessage
	if json.Unmarshal(body, &batch) != nil {
		batch = []json.RawMessage{body}
	}
	isObject := func(call json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimLeft(call, " \t\r\n"), []byte("{")) }
	if !utf8.Valid(body) || slices.ContainsFunc(batch, func(call json.RawMessage) bool { return !isObject(call) }) {
		return nil // json_decode takes no other bytes, and a batch is refused as a whole
	}
	for _, call := range batch {
		var login struct {
			Method string
			Params json.RawMessage
		}
		if json.Unmarshal(call, &login) != nil || login.Method != "login" {
			continue
		}
		var named map[string]json.RawMessage
		if json.Unmarshal(login.Params, &named) == nil && len(named) > 0 {
			parameters := make([]string, 4)
			for name, p := range named {
				if i := slices.Index([]string{vendor.Code, vendor.Date, vendor.Hash, vendor.Algo}, avangateAttribute(name)); i >= 0 {
					parameters[i] = vendor.ParameterText(p)
				}
			}
			return &avangateLogin{parameters, []Mistake{namedParameters}}
		}
		var listed []json.RawMessage
		json.Unmarshal(login.Params, &listed)
		parameters := make([]string, len(listed))
		for i, p := range listed {
			parameters[i] = vendor.ParameterText(p)
		}
		return newAvangateLogin(parameters)
	}
	return nil
}

// readSOAPLogin returns the parameters of the login in a SOAP envelope, nil if
// there is none.
func readSOAPLogin(body []byte) *avangateLogin {
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
	return newAvangateLogin(parameters)
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

// flaws returns what is wrong with the form, and is seen without any trying, beside what
// is seen of the hash.
func (c *avangateClaim) flaws(seen []Mistake) []Mistake {
	flaws := slices.Clone(c.loginFlaws)
	for _, f := range avangateFlaws {
		if f.seen(c) {
			flaws = append(flaws, f.Mistake)
		}
	}
	if c.dateFlaw != (Mistake{}) {
		flaws = append(flaws, c.dateFlaw)
	}
	if c.digest == "" {
		flaws = append(flaws, noDigest)
	}
	if len(flaws)+len(seen) == 0 && c.unreadable {
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
	if calendar := c.calendar(now); calendar != "" {
		return []Mistake{{"the date is outside the window", "The date is " + calendar + ": write it as 2006-01-02 15:04:05 of the Gregorian calendar, in UTC and in 24 hours."}}
	}
	fix := fmt.Sprintf("The date is %s the gateway's clock, and %v are allowed: set the clock, and make the hash anew for each request", apart(ahead), window)
	fix += localTime(ahead)
	if (ahead + 12*time.Hour).Abs() <= time.Minute {
		fix += "; if the hour is of a clock that has 12, write it of 24"
	}
	return []Mistake{{"the date is outside the window", fix + "."}}
}

// calendar says what other calendar or clock the date is of, "" if it is none that is
// known.
func (c *avangateClaim) calendar(now time.Time) string {
	near := func(t time.Time) bool { return t.Sub(now).Abs() <= 25*time.Hour }
	year := c.time.Year() - now.Year()
	switch {
	case year >= 542 && year <= 544:
		return "in the Thai calendar, 543 years ahead"
	case year >= -579 && year <= -577:
		return "in the Islamic calendar"
	case year >= -622 && year <= -621:
		return "in the Persian calendar"
	case c.time.Year() == now.Year() && near(c.time.AddDate(0, 1, 0)):
		return "a month behind the gateway's clock, as where the months are counted from 0"
	case year > 200 || year < -200:
		return fmt.Sprintf("of the year %d", c.time.Year())
	}
	return ""
}

// localTime says in which time zones a clock is so far ahead of UTC.
func localTime(ahead time.Duration) (text string) {
	for _, zone := range timeZones {
		if (ahead - zone).Abs() <= time.Minute {
			text += fmt.Sprintf("; if it is local time, of %s, write it in UTC", zoneName(zone))
		}
	}
	return text
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

// source returns what a hash is made from: the code and the date, in their order.
func (c *avangateClaim) source(secret string) *source {
	query := join([]parameter{{vendor.Code, urlencode(c.code)}, {vendor.Date, urlencode(c.date)}})
	r := &source{scheme: avangateScheme, functions: avangateScheme.functions, secret: secret, right: message{query: query, layout: lengthBefore}, read: c}
	if f, ok := algoFunctions[c.algo]; ok {
		r.functions = []*hashFunction{f}
	}
	return r
}

// avangate returns what the header or the login says.
func (a making) avangate() *avangateClaim { return a.from.read.(*avangateClaim) }

// valueOf returns the value of a parameter as it was before urlencode.
func valueOf(query, name string) string {
	for _, p := range split(query) {
		if p.name == name {
			return urldecode(p.value)
		}
	}
	return ""
}
