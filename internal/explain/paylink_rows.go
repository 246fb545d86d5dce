package explain

import (
	"html"
	"net/http"
	"slices"
	"strings"

	"github.com/countersign/countersign/internal/paylink"
)

const (
	plusFix   = "Send a space as %20 and a plus sign as %2B: these gateways differ in how they read a plus sign."
	onceFix   = "Escape once: leave it to the HTTP library, or tell the library that it is done."
	sentFix   = "Sign what is sent, nothing less and nothing more: neither the path nor the instance is signed."
	orderFix  = "Sign the parameters in the order in which they are sent."
	escapeFix = "Escape names and values as PHP's urlencode does: a space as a plus sign, and all but letters, digits and -_. as %XX in capitals."
	valueFix  = "Sign what http_build_query makes of a value: 1 for true, 0 for false, and nothing, not even the name, for null and for empty lists and objects."
	htmlFix   = "Sign and send values as they are: escape them as HTML only in a page that shows them."
	nullFix   = "Leave the parameter out, of what is sent and of what is signed."
	utf8Fix   = "Sign and send the same bytes, those of UTF-8."
	jsonFix   = "Sign the parameters as a query, as http_build_query writes it: amount=8925&fields%5Bemail%5D%5Bvalue%5D=..."
	aroundFix = "Sign the parameters alone, with one ampersand between two of them and nothing around them."
	secretFix = "Take the API secret as text, as it stands on the API page of the instance."
	hashFix   = "Make an HMAC-SHA256, with the API secret as its key."
	codingFix = "Send the 32 bytes of the HMAC-SHA256 in base64, with + and / and its padding: 44 characters."
)

var paylinkScheme = &scheme{
	signature: "signature", coding: stdPadding, codingFix: codingFix,
	key: "secret", shown: "API secret", keyFix: secretFix,
	functions: []*hashFunction{sha256Hash}, functionFix: hashFix,
	layoutFix: jsonFix,
}

// paylinkShown are the mistakes that show in how a request was sent: where its signature
// stands, in which letters, how plus signs travel, and what is escaped twice.
var paylinkShown = [][]row[making]{
	{
		{Mistake: mistypedJSON, apply: mistyped(mistypedJSON)},
		{Mistake: mistypedForm, apply: mistyped(mistypedForm)},
	},
	{
		{Mistake: straySeparator, apply: strayed(straySeparator)},
		{Mistake: strayLetters, apply: strayed(strayLetters)},
		{Mistake: strayNested, apply: strayed(strayNested)},
		{Mistake: strayHeader, apply: strayed(strayHeader)},
		{Mistake: Mistake{"the signature is sent in the query, beside a body", "Send ApiSignature with the parameters, in the body."},
			apply: misplaced(func(r *paylinkRequest) (signature, query string) { return r.query.claim, r.toSign })},
		{Mistake: Mistake{"the parameters are sent in a body, and the empty query is signed", "Put the parameters of the body into the query, and sign them: the gateway reads them there, and signs nothing else."},
			apply: misplaced(func(r *paylinkRequest) (signature, query string) {
				if r.query.canonical != "" || r.decoded.canonical == "" || r.method != http.MethodGet {
					return "", ""
				}
				return r.query.claim, ""
			})},
		{Mistake: Mistake{"the parameters are sent in the query, beside a body", "Leave the body out, even one of null or {}: the gateway reads it in place of the query."},
			apply: misplaced(func(r *paylinkRequest) (signature, query string) { return r.query.claim, r.query.canonical })},
	},
	{
		{Mistake: plusUnescaped, apply: plusKept(true)}, // whoever escapes spaces means a plus sign
		{Mistake: plusForSpace, apply: plusDecoded},
		{Mistake: plusUnescaped, apply: plusKept(false)},
	},
	{
		{Mistake: bothTwice,
			apply: func(a making) []making {
				if signature := unescaped(a.claim.signature); signature != a.claim.signature {
					return signingEach(a.claiming(signature), a.decodedAgain()...)
				}
				return nil
			}},
		{Mistake: Mistake{"the signature is sent escaped twice", onceFix},
			apply: sent(func(signature string, _ func(string) bool) string { return unescaped(signature) })},
		{Mistake: sentTwice,
			apply: func(a making) []making {
				if unescaped(a.claim.signature) != a.claim.signature || !a.isEscapedTwice() {
					return nil
				}
				return append(a.signing(a.decodedAgain()...), a) // which may have been signed so, too
			}},
	},
	{
		{Mistake: Mistake{"white space around the signature", "Cut it off: openssl and base64 print a newline behind what they encode."},
			apply: sent(func(signature string, isReadable func(string) bool) string {
				if isReadable(signature) {
					return signature
				}
				if trimmed := strings.TrimSpace(signature); isReadable(trimmed) {
					return trimmed
				}
				return strings.TrimRight(signature, " \t\r\n") // a space before it may be a plus sign
			})},
	},
	{
		{Mistake: Mistake{"the signature's plus signs are not escaped, and arrive as spaces", "Escape the signature, too: + as %2B, / as %2F and = as %3D."},
			apply: sent(func(signature string, isReadable func(string) bool) string {
				if isReadable(signature) {
					return signature
				}
				return strings.ReplaceAll(signature, " ", "+")
			})},
	},
}

var (
	sentTwice = Mistake{"the parameters are sent escaped twice", onceFix}
	bothTwice = Mistake{"the parameters and the signature are sent escaped twice", onceFix}
)

// paylinkRows are the mistakes that are tried. Of mistakes that come to the same for a
// request the first one is named, so that what is particular stands before what is
// general.
var paylinkRows = paylinkScheme.table([]row[making]{
	{plusUnescaped, func(a making) []making {
		if !a.paylink().inQuery { // where it shows
			return nil
		}
		return a.signing(a.paylink().kept.canonical)
	}, false, parametersStep},
	{queryCredential, withoutCredentials, false, parametersStep},
	{sentTwice, func(a making) []making { return a.signing(a.decodedAgain()...) }, false, parametersStep},
	{Mistake{"null is signed as text or as an empty value", valueFix},
		values(
			func(v *jsonValues) { v.null = `""` },
			func(v *jsonValues) { v.null = `"null"` },
			func(v *jsonValues) { v.null = `"None"` },
			func(v *jsonValues) { v.null = `"undefined"` }), false, parametersStep},
	{Mistake{"true and false are signed as text", valueFix},
		values(
			func(v *jsonValues) { v.isTrue, v.isFalse = `"true"`, `"false"` },
			func(v *jsonValues) { v.isTrue, v.isFalse = `"True"`, `"False"` },
			func(v *jsonValues) { v.isFalse = `""` }), false, parametersStep},
	{Mistake{"null, true and false are signed as text", valueFix},
		values(
			func(v *jsonValues) { v.null, v.isTrue, v.isFalse = `"null"`, `"true"`, `"false"` },
			func(v *jsonValues) { v.null, v.isTrue, v.isFalse = `"None"`, `"True"`, `"False"` }), false, parametersStep},
	{Mistake{"an empty list or object is signed as an empty value", valueFix},
		values(func(v *jsonValues) { v.emptyArray = `""` }), false, parametersStep},
	{Mistake{"a number is signed as the JSON has it, and not as PHP prints it", "Write numbers as PHP prints them, 8.1 and not 8.10, or send them as strings."},
		values(func(v *jsonValues) { v.numbersAsWritten = true }), false, parametersStep},
	{Mistake{"a file is signed", "Leave files out of the string to sign: PHP keeps them apart from the parameters."},
		func(a making) []making { return a.signing(a.paylink().withFiles()...) }, false, parametersStep},

	{Mistake{"the instance is signed", "Leave the instance out of the string to sign."},
		func(a making) []making {
			return append(a.adding(parameter{paylink.InstanceName, a.paylink().instance}), a.withOwn(paylink.InstanceName)...)
		}, false, parametersStep},
	{Mistake{"an ApiSignature is signed, an empty or an earlier one", "Sign before ApiSignature is among the parameters."},
		func(a making) []making {
			return slices.Concat(a.adding(parameter{paylink.SignatureName, ""}), a.withOwn(paylink.SignatureName), a.signedAgain())
		}, false, parametersStep},
	{Mistake{"the query is signed in place of the body", "Sign the parameters of the body: beside one, the query is not signed."},
		instead(func(a making) []string { return a.paylink().ofQuery }), false, parametersStep},
	{Mistake{"an ampersand inside a value is sent unescaped", "Escape the values where the request is built, each by itself: & as %26."},
		unbroken, false, parametersStep},
	{Mistake{"the model is signed, and not sent", sentFix},
		func(a making) []making { return a.adding(a.paylink().model) }, false, parametersStep},
	{Mistake{"the id is signed, and not sent", sentFix},
		func(a making) []making { return a.adding(a.paylink().id) }, false, parametersStep},
	{Mistake{"the model and the id are signed, and not sent", sentFix},
		func(a making) []making {
			as := append(a.adding(a.paylink().model, a.paylink().id), a.adding(a.paylink().id, a.paylink().model)...)
			for _, b := range a.adding(a.paylink().id) {
				as = append(as, b.adding(a.paylink().model)...)
			}
			return as
		}, false, parametersStep},
	{Mistake{"the model is sent, and not signed", sentFix},
		without("model"), false, parametersStep},
	{Mistake{"the id is sent, and not signed", sentFix},
		without("id"), false, parametersStep},
	{Mistake{"the model and the id are sent, and not signed", sentFix},
		without("model", "id"), false, parametersStep},
	{Mistake{"the images of a Design are sent as text, and not signed", "Send them as files, which are not signed."},
		without(paylink.DesignFiles...), false, parametersStep},
	{Mistake{"empty values are sent, and not signed", sentFix},
		withoutValues(""), false, parametersStep},
	{Mistake{"an empty value is signed as the text of null", sentFix},
		revalued(map[string]string{"": "null"}, map[string]string{"": "None"}, map[string]string{"": "undefined"}), false, parametersStep},
	{Mistake{"null is sent as text, and not signed", nullFix},
		withoutValues("null", "None", "undefined"), false, parametersStep},
	{Mistake{"null is sent as text, and signed as an empty value", nullFix},
		revalued(map[string]string{"null": "", "None": "", "undefined": ""}), false, parametersStep},
	{Mistake{"true and false are sent as text, and signed as 1 and 0", sentFix},
		revalued(
			map[string]string{"true": "1", "false": "0", "True": "1", "False": "0"},
			map[string]string{"true": "1", "false": "", "True": "1", "False": ""}), false, parametersStep},
	{Mistake{"true and false are sent as text, and signed in other letters", sentFix},
		revalued(map[string]string{"true": "True", "false": "False"}, map[string]string{"True": "true", "False": "false"}), false, parametersStep},
	{Mistake{"true and false are sent as 1 and 0, and signed as text", sentFix},
		revalued(map[string]string{"1": "true", "0": "false"}, map[string]string{"1": "True", "0": "False"}), false, parametersStep},
	{Mistake{"the values are escaped as HTML to be signed", htmlFix},
		func(a making) []making {
			if !a.escapes(bytesOf("&<>\"'")) {
				return nil
			}
			return a.listing(htmlEscapings...)
		}, false, parametersStep},
	{Mistake{"the values are escaped as HTML to be sent", htmlFix},
		func(a making) []making {
			if !a.escapes(bytesOf("&")) {
				return nil
			}
			return a.listing(ofValues(func(value string) string { return urlencode(html.UnescapeString(urldecode(value))) }))
		}, false, parametersStep},
	{Mistake{"the indexes of a list are not signed", "Write them, in what is sent and in what is signed: pm[0]=visa&pm[1]=twint."},
		renamed(
			func(name string) string { return anyIndex.ReplaceAllString(name, "%5B%5D") },
			func(name string) string { return anyIndex.ReplaceAllString(name, "") }), false, parametersStep},
	{Mistake{"nested names are signed with dots", "Write them with brackets: fields[email][value]."},
		renamed(
			strings.NewReplacer("%5D%5B", ".", "%5B", ".", "%5D", "").Replace,
			func(name string) string { return anyKey.ReplaceAllString(name, ".$1") }), false, parametersStep},
	{Mistake{"names are signed as they are sent, and PHP reads them otherwise", "Give each name once, without dots and spaces, with its indexes, and what is in the same brackets in one place."},
		instead(func(a making) []string { return []string{a.paylink().asSent()} }), false, parametersStep},
	{Mistake{"the parameters are sorted to be signed", orderFix},
		func(a making) []making {
			return a.listing(byTopKey, byName, byEveryKey, byNameInAnyCase)
		}, false, parametersStep},
	{Mistake{"the parameters are signed in the order of a Java HashMap", orderFix},
		func(a making) []making { return a.listing(byHashMap) }, false, parametersStep},
	{Mistake{"the text is signed in Latin-1", utf8Fix},
		inCharset(toLatin1), false, charsetStep},
	{Mistake{"the text is sent in Latin-1", utf8Fix},
		inCharset(fromLatin1), false, charsetStep},
	{Mistake{"the text is put into UTF-8 twice to be signed", utf8Fix},
		inCharset(utf8Twice), false, charsetStep},

	// What the encoders keep was measured with Go 1.26, Python 3.11, Node 20 and Java
	// 17; for .NET, Ruby and axios it is as their sources have it.
	{Mistake{"~ is not escaped (Go, Python, qs)", escapeFix},
		spelled(spelling{keep: bytesOf("~")}), false, spellingStep},
	{Mistake{"* is not escaped (Java, URLSearchParams, Ruby)", escapeFix},
		spelled(spelling{keep: bytesOf("*")}), false, spellingStep},
	{Mistake{"! ' ( ) are not escaped (JavaScript, .NET)", escapeFix},
		spelled(spelling{keep: bytesOf("!'()")}, spelling{keep: bytesOf("!()")}, spelling{keep: bytesOf("()")}), false, spellingStep},
	{Mistake{"/ is not escaped", escapeFix},
		spelled(spelling{keep: bytesOf("/")}), false, spellingStep},
	{Mistake{"brackets are not escaped", escapeFix},
		func(a making) []making {
			if !a.escapes(bytesOf("[]")) {
				return nil
			}
			inNames := a.changing(func(m *message) { m.names.take(spelling{keep: bytesOf("[]")}) })
			return []making{inNames, inNames.changing(func(m *message) { m.values.take(spelling{keep: bytesOf("[]")}) })}
		}, false, spellingStep},
	{Mistake{"a space is signed as %20", escapeFix},
		spelled(spelling{space: as20, keep: bytesOf("~")}, spelling{space: as20}), false, spellingStep},
	{Mistake{"signed as encodeURIComponent of JavaScript escapes", escapeFix},
		spelled(spelling{space: as20, keep: bytesOf("!'()*~")}, spelling{keep: bytesOf("!'()*~")}), false, spellingStep},
	{Mistake{"signed as quote of Python escapes", escapeFix},
		spelled(spelling{space: as20, keep: bytesOf("/~")}), false, spellingStep},
	{Mistake{"signed with small hexadecimal digits", escapeFix},
		spelled(spelling{lower: true}), false, spellingStep},
	{Mistake{"signed as UrlEncode of .NET escapes", escapeFix},
		spelled(spelling{keep: bytesOf("!*()")}, spelling{keep: bytesOf("!*()"), lower: true}), false, spellingStep},
	{Mistake{"signed as axios escapes", escapeFix},
		spelled(spelling{keep: bytesOf(":$,!'()*~")}, spelling{keep: bytesOf(":$,!'()*~[]")}), false, spellingStep},
	{Mistake{"signed as PathEscape of Go escapes", escapeFix},
		spelled(spelling{space: as20, keep: bytesOf("$&+=:@~")}), false, spellingStep},
	{Mistake{"signed as encodeURI of JavaScript escapes", escapeFix},
		spelled(spelling{space: as20, keep: bytesOf(";,/?:@&=+$#!'()*~")}), false, spellingStep},
	{Mistake{"names are not escaped", escapeFix},
		func(a making) []making {
			a = a.changing(func(m *message) { m.names.keep = everyByte })
			// The Java sample of the vendor's reference keeps asterisks, too.
			return append([]making{a}, a.spelling(spelling{keep: bytesOf("*")})...)
		}, false, spellingStep},
	{Mistake{"nothing is escaped", escapeFix},
		spelled(spelling{keep: everyByte}), false, spellingStep},
	{Mistake{"the parameters are escaped twice to be signed", "Escape once: http_build_query, URLSearchParams and the like escape what they are given."},
		func(a making) (as []making) {
			inNames := a.escapes(bytesOf("[]"))
			once := a.spelling(spelling{space: as20, keep: bytesOf("~")}, spelling{space: as20, keep: bytesOf("!'()*~")})
			for _, b := range append(once, a) {
				b = b.changing(func(m *message) { m.values.twice, m.names.twice = true, inNames })
				if inNames {
					as = append(as, b.changing(func(m *message) { m.names = a.message.names }))
				}
				as = append(as, b)
			}
			return as
		}, false, spellingStep},

	{Mistake{"only the URLs are escaped to be signed", escapeFix},
		texts(withEscapedURLs), false, spellingStep},
	{Mistake{"the parameters are signed as serialize of PHP writes them", "Sign what http_build_query writes."},
		texts(serialized), false, spellingStep},
	{Mistake{"the finished string is escaped once more to be signed", "Sign what http_build_query returns, as it is."},
		escapedAgain, false, spellingStep},

	{Mistake{"the JSON text is signed", jsonFix},
		literal(func(a making) []string {
			r := a.paylink()
			if r.json == "" {
				return nil
			}
			return []string{r.jsonRest}
		}), false, spellingStep},
	{Mistake{"the JSON text is signed, and written anew to be sent", jsonFix},
		literal(func(a making) []string {
			r := a.paylink()
			if r.json == "" {
				return nil
			}
			return r.restyledJSON()
		}), false, spellingStep},
	{Mistake{"the text is signed as it is sent", "Sign what PHP makes of it: " + escapeFix + " Brackets are %5B and %5D, and a list has its indexes, in what is sent, too: pm[0], and not pm[]."},
		literal(func(a making) []string {
			r := a.paylink()
			if r.sent == "" || !r.work.mayChange(r.sent) {
				return nil
			}
			return []string{r.unsignedText(paylink.SignatureName), r.unsignedText(paylink.SignatureName, paylink.InstanceName)}
		}), false, spellingStep},
	{Mistake{"the empty string is signed", "Sign the parameters that are sent, in the query or in the body: only where there are none is it the empty string."},
		literal(func(making) []string { return []string{""} }), false, spellingStep},
	{Mistake{"a newline is signed behind the parameters", "Sign the text alone: printf %s writes no newline, and echo does."},
		written(func(m *message, end string) { m.after = end }, "\n", "\r\n"), false, aroundStep},
	{Mistake{"an ampersand is signed behind or before the parameters", aroundFix},
		func(a making) []making {
			return []making{
				a.changing(func(m *message) { m.after = "&" + m.after }),
				a.changing(func(m *message) { m.before = "&" })}
		}, false, aroundStep},
	{Mistake{"&amp; is signed between the parameters", "Give http_build_query its third argument, '&': the php.ini may have another separator."},
		written(func(m *message, between string) { m.between = between }, "&amp;"), false, aroundStep},
	{Mistake{"a question mark is signed before the parameters", aroundFix},
		written(func(m *message, start string) { m.before = start }, "?"), false, aroundStep},
	{Mistake{"the URL is signed", aroundFix},
		func(a making) (as []making) {
			if a.paylink().path == "" {
				return nil
			}
			join := "?"
			if a.message.query == "" {
				join = ""
			}
			for _, origin := range []string{"", "https://" + a.paylink().host} {
				as = append(as, a.changing(func(m *message) { m.before = origin + a.paylink().path + join }))
			}
			return as
		}, false, aroundStep},
}...)

// sent is a mistake in how the signature was sent. repair undoes it.
func sent(repair func(signature string, isReadable func(signature string) bool) string) apply {
	return func(a making) []making {
		isReadable := func(signature string) bool { return a.from.claim(signature).coding != nil }
		signature := repair(a.claim.signature, isReadable)
		if signature == a.claim.signature {
			return nil
		}
		return a.claiming(signature)
	}
}

// misplaced is a mistake in where the signature was sent. The gateway finds none.
func misplaced(find func(r *paylinkRequest) (signature, query string)) apply {
	return func(a making) []making {
		signature, query := find(a.paylink())
		if a.claim.signature != "" || signature == "" {
			return nil
		}
		return signingEach(a.claiming(signature), query)
	}
}

// mistyped is the mistake of a Content-Type, which may hide the signature.
func mistyped(mistake Mistake) apply {
	return func(a making) []making {
		switch r := a.paylink(); {
		case r.mistyped != mistake:
			return nil
		case r.hidden != "":
			return a.claiming(r.hidden)
		}
		return []making{a}
	}
}

// plusDecoded takes the plus signs of a body for spaces, and plusKept for plus signs.
func plusDecoded(a making) []making {
	r := a.paylink()
	if !r.hasPlus() || a.message.query == r.query.canonical {
		return nil
	}
	if a.message.query == r.kept.canonical {
		a.message.query = r.decoded.canonical
	}
	return []making{a}
}

func plusKept(besideSpaces bool) apply {
	return func(a making) []making {
		r := a.paylink()
		if !r.hasPlus() || a.message.query != r.kept.canonical || strings.Contains(r.sent, "%20") != besideSpaces {
			return nil
		}
		return []making{a}
	}
}
