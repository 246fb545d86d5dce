package explain

import (
	"strings"
	"time"

	vendor "github.com/countersign/countersign/internal/avangate"
)

var avangateScheme = &scheme{
	signature: "hash", coding: lowerHex, codingFix: digitsFix,
	key: "key", shown: "Secret Key", keyFix: "Take the Secret Key as text, byte for byte, as the Control Panel shows it.",
	functions: []*hashFunction{sha256Hash, sha3_256}, functionFix: "Make an HMAC-SHA256 and write sha256 as algo, or an HMAC-SHA3-256 and write sha3-256; MD5 came to its end in August 2024.",
	layout: lengthBefore, layoutFix: "Write the merchant code's length in bytes, the code, the date's length and the date, in this order and with nothing between them.",
}

// avangateRows are the mistakes that are tried. The date is last, since its mistakes are
// many.
var avangateRows = avangateScheme.table(append([]row[making]{
	{Mistake{"another merchant code is signed than sent", "Sign the very text that is sent as code."},
		revaluing(vendor.Code, func(c *avangateClaim) []string {
			texts := []string{strings.ToLower(c.code), strings.ToUpper(c.code), strings.TrimSpace(c.code), strings.Trim(c.code, `"'`), `"` + c.code + `"`}
			if c.account != "" {
				texts = append(texts, c.account)
			}
			return texts
		}), false, parametersStep},
	{Mistake{"a newline is signed behind the date", "Sign the text alone: printf %s writes no newline, and echo does."},
		written(func(m *message, end string) { m.after = end }, "\n"), false, aroundStep},
	{Mistake{"the merchant code is taken for the key", "Give the Secret Key, which stands beside the merchant code in the Control Panel, and is neither the INS secret word nor the buy-link secret word."},
		func(a making) []making {
			return keyed(func(string) []string { return []string{a.avangate().code} })(a)
		}, false, keyStep},
	{Mistake{"the date is signed in the right form, and sent in another", "Send the very text that is signed."},
		redating(func(c *avangateClaim) []string {
			return []string{c.time.UTC().Format(time.DateTime), c.time.Format(time.DateTime)}
		}), false, dateStep},
	{Mistake{"the dates signed and sent are a second apart", "Read the clock once, and sign the very text that is sent."},
		redating(func(c *avangateClaim) []string { return c.apartBy([]int{1}) }), false, dateStep},
	{Mistake{"the hash is of another second than the date", "Make the hash and the header anew for each request, from one reading of the clock."},
		func(a making) []making {
			if isElseRight := a.message == a.from.right && a.hash.keying == inHMAC && a.hash.key == a.from.secret; isElseRight {
				return redating(func(c *avangateClaim) []string { return c.inEverySecond })(a)
			}
			return redating(func(c *avangateClaim) []string { return c.inSomeSeconds })(a)
		}, false, dateStep},
	{zoneMistake, inZones, false, dateStep},
}, dateFormRows()...)...)

// revaluing is the mistake to sign another value of a parameter than is sent.
func revaluing(name string, values func(c *avangateClaim) []string) apply {
	id := new(byte)
	return func(a making) []making {
		queries := a.revaluing(revaluedQuery{id, a.message.query}, name, values)
		as := make([]making, 0, len(queries))
		for _, query := range queries {
			if query != a.message.query {
				as = append(as, a.changing(func(m *message) { m.query = query }))
			}
		}
		return as
	}
}

// A revaluedQuery is a mistake of revaluing in a query. Pairs come back to it.
type revaluedQuery struct {
	id    *byte
	query string
}

func (a making) revaluing(r revaluedQuery, name string, values func(c *avangateClaim) []string) (queries []string) {
	w := &a.from.work
	if queries, ok := w.revalued[r]; ok {
		return queries
	}
	for _, value := range values(a.avangate()) {
		if !w.mayGoOn() {
			break
		}
		w.spent += len(r.query)
		queries = append(queries, withValue(r.query, name, value))
	}
	if len(r.query) <= maxKept {
		if w.revalued == nil {
			w.revalued = make(map[revaluedQuery][]string)
		}
		w.revalued[r] = queries
	}
	return queries
}

// withValue returns a query with another value of a parameter that it has.
func withValue(query, name, value string) string {
	from := 0
	if !strings.HasPrefix(query, name+"=") {
		from = strings.Index(query, "&"+name+"=") + len("&")
	}
	from += len(name) + len("=")
	_, after, _ := strings.Cut(query[from:], "&")
	if after != "" {
		after = "&" + after
	}
	return query[:from] + urlencode(value) + after
}

// algoFunctions are what algo names.
var algoFunctions = map[string]*hashFunction{vendor.SHA2_256.Name: sha256Hash, vendor.SHA3_256.Name: sha3_256}

const digitsFix = "Write the hash as 64 lower-case hexadecimal digits, and nothing else."

var noDigest = Mistake{"the hash is not 64 hexadecimal digits", digitsFix}

// avangateFlaws are the mistakes that the header shows by itself, beside those of
// the forms of date and hash.
var avangateFlaws = []struct {
	Mistake
	seen func(c *avangateClaim) bool
}{
	{Mistake{"the header is sent more than once", "Send " + vendor.Header + " once."}, func(c *avangateClaim) bool { return c.headers > 1 }},
	{Mistake{"the attributes are not separated by spaces", "Write " + attributesFix + ", with a space between the attributes."}, odd(oddSeparators)},
	{Mistake{"a value is not in quotes", "Write " + attributesFix + ", with each value in double quotes."}, odd(noQuotes)},
	{Mistake{"the quotes are escaped or typographic", "Write " + attributesFix + ", with plain double quotes and no backslash."}, odd(oddQuotes)},
	{Mistake{"a colon stands behind the name", "Write " + attributesFix + ", with equals signs."}, odd(colons)},
	{Mistake{"an attribute has another name", "Write " + attributesFix + ", with these names in lower case."}, odd(oddNames)},
	{Mistake{"an attribute is there twice", "Write " + attributesFix + ", each attribute once."}, odd(repeated)},
	{Mistake{"there is something else in the header", "Write " + attributesFix + ", and nothing else."}, odd(junk)},

	{Mistake{"the merchant code is missing", "Send as code the merchant code of Control Panel, Integrations, Webhooks & API."}, func(c *avangateClaim) bool { return c.code == "" }},
	{Mistake{"white space around the merchant code", "Cut the white space off the merchant code."}, func(c *avangateClaim) bool { return strings.TrimSpace(c.code) != c.code }},
	{Mistake{"a quote in the merchant code", "Send the merchant code as it is in the Control Panel, without quotes of its own."}, func(c *avangateClaim) bool { return strings.ContainsAny(c.code, `"'`) }},
	{Mistake{"a backslash in the merchant code", "Send the merchant code as it is in the Control Panel, without backslashes of its own."}, func(c *avangateClaim) bool { return strings.Contains(c.code, `\`) }},
	{Mistake{"the merchant code is in another case", "Write upper and lower case in the merchant code as the Control Panel does."}, func(c *avangateClaim) bool {
		return c.code != c.account && strings.EqualFold(c.code, c.account)
	}},
	{Mistake{"the merchant code is another account's", "Send the merchant code that stands beside the Secret Key in the Control Panel: it is neither the INS secret word nor the buy-link secret word."}, func(c *avangateClaim) bool {
		return c.code != "" && c.account != "" && !strings.EqualFold(strings.Trim(strings.ReplaceAll(c.code, `\`, ""), " \t\r\n\"'"), c.account)
	}},

	{Mistake{"algo is missing", "Write " + algoFix + ": a header without it means MD5."}, func(c *avangateClaim) bool {
		return c.algo == "" && len(c.digest) == sha256Hash.size
	}},
	{Mistake{"algo is unknown", "Write " + algoFix + "."}, func(c *avangateClaim) bool {
		return c.algo != "" && algoFunctions[c.algo] == nil && len(c.digest) == sha256Hash.size
	}},
}

const (
	attributesFix = `code="..." date="..." hash="..." algo="..."`
	algoFix       = `algo="sha256" for HMAC-SHA256, algo="sha3-256" for HMAC-SHA3-256`
)

// otherForm is what is wrong with a header that the gateway cannot read for no
// reason above.
var otherForm = Mistake{"the header has another form", "Write " + attributesFix + "."}

func odd(s syntax) func(c *avangateClaim) bool {
	return func(c *avangateClaim) bool { return c.syntax&s != 0 }
}

// avangatePossibilities are the mistakes that cannot be tried.
var avangatePossibilities = []Mistake{
	{"the key is the INS secret word or the buy-link secret word", "Take the Secret Key of Control Panel, Integrations, Webhooks & API, which is another."},
	{"the key is that of another account, or was replaced", "Compare the merchant code and the Secret Key with those in the Control Panel."},
	{"the body, the URL or the method is signed", "Sign the merchant code and the date, each behind its length in bytes, and nothing else."},
}
