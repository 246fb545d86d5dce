package explain

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/redact"
)

// An avangateClaim is what a header or a login says, read leniently.
type avangateClaim struct {
	code, date, hash, algo string

	headers    int    // how many there are
	syntax     syntax // what is odd about the first
	unreadable bool   // whether the gateway cannot read it
	account    string // the merchant code that is accepted, "" if any is
	isLogin    bool
	loginFlaws []Mistake

	time     time.Time // what the date means
	form     string    // the date's, as package time has it; "" if it cannot be read
	dateFlaw Mistake   // zero if there is none

	digest string     // that the hash stands for, "" if for none
	zones  []zoneDate // the date in other time zones

	// The date so many seconds before and after.
	inEverySecond, inSomeSeconds []string

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
	for range maxAttributes {
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
	c.syntax |= junk
	return c
}

// maxAttributes is how many attributes are read, and how much that is none.
const maxAttributes = 256

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
	case isDate(2) && len(parameters) > 3 && !hashLike.MatchString(parameters[1]) &&
		(hashLike.MatchString(parameters[3]) || len(parameters) > 4 && algoLike.MatchString(parameters[4])):
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

// flaws returns what is wrong with the form, and is seen without any trying, beside what
// is seen of the hash.
func (c *avangateClaim) flaws(seen []Mistake, key *redact.Words) (flaws []Mistake) {
	isKey := key.In(c.hash)
	if isKey || key.In(c.code) || key.In(c.date) || key.In(c.algo) {
		flaws = append(flaws, avangateScheme.inClear())
	}
	flaws = append(flaws, c.loginFlaws...)
	for _, f := range avangateFlaws {
		if f.seen(c) {
			flaws = append(flaws, c.said(f.Mistake))
		}
	}
	if c.dateFlaw != (Mistake{}) {
		flaws = append(flaws, c.dateFlaw)
	}
	if c.digest == "" && !isKey {
		flaws = append(flaws, noDigest)
	}
	if len(flaws)+len(seen) == 0 && c.unreadable {
		flaws = append(flaws, c.said(otherForm))
	}
	return flaws
}

// said returns a mistake in the words of a login, if c is one.
func (c *avangateClaim) said(m Mistake) Mistake {
	if c.isLogin {
		m.Name, m.Fix = inLogin.Replace(m.Name), inLogin.Replace(m.Fix)
	}
	return m
}

// inLogin turns what is said of the header into what is to be said of a login.
var inLogin = strings.NewReplacer(
	"the header has another form", "the parameters have another form",
	"Write "+attributesFix+".", loginFix,
	"Write "+algoFix, `Give "sha256" as the fourth parameter for HMAC-SHA256, "sha3-256" for HMAC-SHA3-256`,
	"a header without it means MD5", "without it, MD5 is meant",
	"write sha256 as algo", `give "sha256" as the fourth parameter`,
	"write sha3-256;", `"sha3-256";`,
	"Send as code", "Give as the first parameter",
	"the very text that is sent as code", "the very text that is given as the first parameter",
)

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
