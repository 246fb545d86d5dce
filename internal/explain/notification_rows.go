package explain

import (
	"html"
	"slices"
	"strings"

	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/php"
)

const (
	asPostedFix = "Hash the values as they were posted, decoded once, and nothing done to them."
	bodyFix     = "Hash the values of the body in its order, each of them, and nothing else: read the body by hand, or what keeps the order."
)

var notificationScheme = &scheme{
	signature: "hash", coding: lowerHex, codingFix: "Write the HMAC in hexadecimal digits, and nothing else.",
	key: "key", shown: "Secret Key", keyFix: "Take the Secret Key as text, byte for byte, as the Control Panel shows it: it is none of the secret words.",
	functions: []*hashFunction{sha256Hash, sha3_256, md5Hash}, functionFix: "SIGNATURE_SHA3_256 holds an HMAC-SHA3-256, SIGNATURE_SHA2_256 an HMAC-SHA256, HASH an HMAC-MD5.",
	layout: lengthBefore, layoutFix: "Write each value's length in bytes in front of it, and nothing between them; an empty one is 0.",
}

// valueRows are the mistakes in what becomes of values, which notifications and links
// share.
func valueRows() []row[making] {
	return []row[making]{
		{Mistake{"backslashes are taken out before hashing (stripslashes)", asPostedFix}, listed(ofTexts(php.StripSlashes)), false, parametersStep},
		{Mistake{"backslashes are added before hashing (addslashes)", asPostedFix}, listed(ofTexts(addSlashes)), false, parametersStep},
		{Mistake{"the values are trimmed", asPostedFix}, listed(ofTexts(trim), ofTexts(strings.TrimSpace)), false, parametersStep},
		{Mistake{"the values are HTML-coded", asPostedFix}, listed(htmlEscapings...), false, parametersStep},
		{Mistake{"the values are HTML-decoded", asPostedFix}, listed(ofTexts(html.UnescapeString)), false, parametersStep},
		{Mistake{"line ends are changed", asPostedFix}, listed(ofTexts(unixLines), ofTexts(loneReturns), ofTexts(dosLines)), false, parametersStep},
		{Mistake{"the values are hashed with their escapes", asPostedFix}, func(a making) []making {
			if !a.mayBeOther() {
				return nil
			}
			var queries []string
			for _, way := range []func(sent parameter) string{
				func(p parameter) string { return p.value },
				func(p parameter) string { return urlencode(urldecode(p.value)) },
				func(p parameter) string { return pathEscaper.Replace(urlencode(urldecode(p.value))) },
			} {
				var ps []parameter
				for _, p := range a.inbound().sent {
					ps = append(ps, parameter{p.name, urlencode(way(p))})
				}
				queries = append(queries, join(ps))
			}
			return ofFirst(a, queries)
		}, false, parametersStep},
		{Mistake{"plus signs are not decoded", "Decode a form: a plus sign is a space."}, func(a making) []making {
			if !a.mayBeOther() {
				return nil
			}
			var ps []parameter
			for _, p := range a.inbound().sent {
				ps = append(ps, parameter{p.name, urlencode(urldecode(strings.ReplaceAll(p.value, "+", "%2B")))})
			}
			return ofFirst(a, []string{join(ps)})
		}, false, parametersStep},
		{Mistake{"empty values are left out", bodyFix}, withoutValues(""), false, parametersStep},
		{Mistake{"0 is taken for empty", "Test the length of a value, and not with empty() or for truth."}, func(a making) []making {
			return append(revalued(map[string]string{"0": ""})(a), withoutValues("0")(a)...)
		}, false, parametersStep},
		{Mistake{"empty values and 0 are left out", "Test the length of a value, and not with empty() or for truth; an empty one counts."}, withoutValues("", "0"), false, parametersStep},
	}
}

// mayBeOther reports whether other queries may take the place of a's: if nothing is made
// wrong before, and within the bounds.
func (a making) mayBeOther() bool {
	if !a.isFirst || a.message.literal || !a.from.work.mayChange(a.message.query) {
		return false
	}
	a.from.work.spent += len(a.message.query) + parameterCost*len(a.inbound().sent)
	return true
}

// ofFirst returns a with other queries, if they may take the place of its own.
func ofFirst(a making, queries []string) []making {
	if !a.mayBeOther() {
		return nil
	}
	return a.signing(queries...)
}

// charsetRows are the mistakes in the charset.
func charsetRows() []row[making] {
	return []row[making]{
		{Mistake{"the text is hashed in Latin-1", "Hash the bytes as they came."}, inCharset(toLatin1), false, charsetStep},
		{Mistake{"bytes are read as Latin-1, and hashed in UTF-8", "Hash the bytes as they came, also those that are not UTF-8."}, func(a making) []making {
			return append(inCharset(fromLatin1)(a), inCharset(utf8Twice)(a)...)
		}, false, charsetStep},
		{Mistake{"bytes that are not UTF-8 are replaced", "Hash the bytes as they came, also those that are not UTF-8."}, inCharset(replaced), false, charsetStep},
	}
}

// notificationRows are the mistakes that are tried.
var notificationRows = notificationScheme.table(append(append(append([]row[making]{
	{Mistake{"the query of the URL is hashed with the body", "Hash the posted fields only: $_POST, and not $_REQUEST or what merges the two."}, func(a making) []making {
		query := a.inbound().query
		if query == "" {
			return nil
		}
		return a.signing(joinQueries(query, a.message.query), joinQueries(a.message.query, query))
	}, false, parametersStep},
	{Mistake{"fields of a hash are hashed, too", "Leave HASH, SIGNATURE_SHA2_256 and SIGNATURE_SHA3_256 out, the empty ones too."}, func(a making) []making { return ofFirst(a, a.inbound().hashed) }, false, parametersStep},
	{Mistake{"a final newline was cut or added", "Keep the body byte for byte: editors and shells write a newline at its end, and trim() and line readers cut one."}, listed(
		ofLast(func(s string) string { return s + "\n" }), ofLast(func(s string) string { return s + "\r\n" }),
		ofLast(func(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r") })), false, parametersStep},
	{Mistake{"arrays are gathered, or of a name that comes twice the last value is kept", bodyFix}, listed(gathered), false, parametersStep},
	{Mistake{"the order is lost: the fields are sorted", bodyFix}, listed(byTopKey, byName, byEveryKey, byNameInAnyCase), false, parametersStep},
	{Mistake{"the order is lost: names that are numbers come first", bodyFix}, listed(numbersFirst), false, parametersStep},
	{Mistake{"the order is lost: it is that of a Java HashMap", bodyFix}, listed(byHashMap), false, parametersStep},
	{Mistake{"of an array the first element only is hashed", bodyFix}, listed(firstOfEach), false, parametersStep},
	{Mistake{"of an array the last element only is hashed", bodyFix}, listed(lastOfEach), false, parametersStep},
	{Mistake{"elements of arrays that are named as a hash are left out", bodyFix}, listed(dropping(func(p parameter) bool {
		_, last, ok := strings.Cut(strings.TrimSuffix(p.name, "%5D"), "%5B")
		return ok && vendor.IsHashField(last)
	})), false, parametersStep},
	{Mistake{"empty elements of arrays are dropped", bodyFix}, listed(dropping(func(p parameter) bool { return isElement(p) && p.value == "" })), false, parametersStep},
}, valueRows()...), charsetRows()...), notificationScheme.otherKeyRows()...)...)

// notificationPossibilities are the mistakes that cannot be tried.
var notificationPossibilities = []Mistake{
	{"the key is another account's, an old one or a secret word", "Take the Secret Key of Control Panel, Integrations, Webhooks & API."},
	{"a field was lost, changed or added on the way, or in what was copied", "Give the body as it came, byte for byte, and let nothing read it before."},
}

// explainHash fills in d with what gives the first hash that is wrong.
func (n *notification) explainHash(d *Diagnosis, h claimedHash, secret string, others OtherKeys, urlQuery string) {
	query, sent := readPairs(n.body, func(name string) bool { return !vendor.IsHashField(name) })
	in := &inbound{others: others, sent: sent}
	in.query, _ = readPairs([]byte(urlQuery), func(string) bool { return true })
	for _, isSigned := range []func(name string) bool{
		func(name string) bool { return name != h.Name },
		func(name string) bool { return !vendor.IsHashField(name) || n.isEmptyHash(name) },
	} {
		hashed, _ := readPairs(n.body, isSigned)
		in.hashed = append(in.hashed, hashed)
	}
	r := &source{
		scheme: notificationScheme, functions: []*hashFunction{functionOf[h.Function.Name]}, secret: secret,
		right: message{query: query, layout: lengthBefore}, read: in,
	}
	r.explain(d, notificationRows, inAnyCase(h.text), notificationPossibilities)
}

var functionOf = map[string]*hashFunction{"sha256": sha256Hash, "sha3-256": sha3_256, "md5": md5Hash}

// isEmptyHash reports whether a hash field is not filled.
func (n *notification) isEmptyHash(name string) bool {
	return !slices.ContainsFunc(n.hashes, func(h claimedHash) bool { return h.Name == name })
}
