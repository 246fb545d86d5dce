package explain

import (
	"slices"
	"strings"

	"github.com/countersign/countersign/internal/php"
)

const rawFix = "Sign the body byte for byte, before anything parses it, and never what is written anew."

var webhookScheme = &scheme{
	signature: "signature", coding: lowerHex, codingFix: "Write the HMAC in 64 hexadecimal digits, and nothing else.",
	key: "key", shown: "webhook's signing key", keyFix: "Take this webhook's signing key as text, as it stands in the back office: it may look like base64 and is not to be decoded, and it is not the API secret.",
	functions: []*hashFunction{sha256Hash}, functionFix: "Make an HMAC-SHA256.",
	layoutFix: rawFix,
}

// webhookRows are the mistakes that are tried. All change the body, which is signed as it
// is.
var webhookRows = webhookScheme.table(append([]row[making]{
	{Mistake{"a final newline was cut or added", "Keep the body byte for byte: editors and shells write a newline at its end, and trim() and line readers cut one."}, bodies(func(body string) []string {
		return []string{body + "\n", body + "\r\n", strings.TrimSuffix(strings.TrimSuffix(body, "\n"), "\r"), strings.TrimSpace(body)}
	}), false, parametersStep},
	{Mistake{"line ends are changed", rawFix}, bodies(func(body string) []string { return []string{unixLines(body), dosLines(body)} }), false, parametersStep},
	{Mistake{"the JSON is parsed and written anew", rawFix}, func(a making) []making {
		if !strings.HasPrefix(strings.TrimSpace(a.inbound().literal), "{") {
			return nil
		}
		r := new(paylinkRequest)
		return bodies(func(body string) (texts []string) {
			for _, text := range []string{body, rewrittenNumbers(body, ""), rewrittenNumbers(body, ".0")} {
				r.json, r.jsonRest = text, text
				texts = append(append(texts, text), r.restyledJSON()...)
			}
			a.from.work.spent += r.work.spent
			a.from.work.incomplete = a.from.work.incomplete || r.work.incomplete
			return texts
		})(a)
	}, false, parametersStep},
	{Mistake{"the form is parsed and written anew", rawFix}, bodies(restyledForm), false, parametersStep},
	{Mistake{"the body is decoded as a form", rawFix}, bodies(func(body string) []string { return []string{urldecode(body)} }), false, parametersStep},
	{Mistake{"the body is HTML-coded", rawFix}, bodies(func(body string) []string { return []string{htmlEscaper.Replace(body)} }), false, parametersStep},
	{Mistake{"backslashes are added or taken out", rawFix}, bodies(func(body string) []string { return []string{php.StripSlashes(body), addSlashes(body)} }), false, parametersStep},
	{Mistake{"the empty string is signed: the body had been read before", "Read the body first, and give the same bytes to what parses it."}, bodies(func(string) []string { return []string{""} }), false, parametersStep},
}, webhookScheme.otherKeyRows()...)...)

// bodies is the mistake to sign other texts than the body.
func bodies(texts func(body string) []string) apply {
	return func(a making) (as []making) {
		body := a.inbound().literal
		if a.message.query != body || !a.from.work.mayChange(body) {
			return nil
		}
		a.from.work.spent += len(body)
		texts := texts(body)
		for i, text := range texts {
			if text != body && !slices.Contains(texts[:i], text) {
				as = append(as, a.changing(func(m *message) { m.query = text }))
			}
		}
		return as
	}
}

// rewrittenNumbers returns JSON whose fractions are as a program prints them, 0.3 for
// 0.30, and whole ones with an end such as .0 or without.
func rewrittenNumbers(doc, whole string) string {
	out := make([]byte, 0, len(doc))
	for _, token := range jsonTokens(doc) {
		if before, after, ok := strings.Cut(token, "."); ok && token[0] != '"' && !strings.ContainsAny(token, "eE") {
			if after = strings.TrimRight(after, "0"); after == "" {
				token = before + whole
			} else {
				token = before + "." + after
			}
		}
		out = append(out, token...)
	}
	return string(out)
}

// restyledForm returns a form as others would write it.
func restyledForm(body string) (texts []string) {
	if !strings.Contains(body, "=") || strings.HasPrefix(strings.TrimSpace(body), "{") {
		return nil
	}
	query, _ := readPairs([]byte(body), func(string) bool { return true })
	for _, way := range []func(ps []parameter) []parameter{func(ps []parameter) []parameter { return ps }, byName, byTopKey, gathered} {
		text := join(way(split(query)))
		brackets := strings.NewReplacer("%5B", "[", "%5D", "]")
		texts = append(texts, text, pathEscaper.Replace(text), brackets.Replace(text), brackets.Replace(pathEscaper.Replace(text)), strings.ReplaceAll(text, "%7E", "~"))
	}
	return texts
}

// webhookPossibilities are the mistakes that cannot be tried.
var webhookPossibilities = []Mistake{
	{"the key is another webhook's, or an old one", "Compare it with the signing key of this webhook in the back office."},
	{"the body was parsed and written anew, in a way that is not known here", rawFix},
}

func explainWebhook(d *Diagnosis, signature string, body []byte, secret string, others OtherKeys) {
	r := &source{
		scheme: webhookScheme, functions: webhookScheme.functions, secret: secret,
		right: message{query: string(body), literal: true}, read: &inbound{others: others, literal: string(body)},
	}
	r.explain(d, webhookRows, inAnyCase(signature), webhookPossibilities)
}
