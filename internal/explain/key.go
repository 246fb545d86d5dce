package explain

import (
	"encoding/hex"
	"net/url"
	"regexp"
	"strings"
)

// A keyVariant returns what is taken for a key where the key should be, in the order
// in which it is tried.
type keyVariant = func(key string) []string

func spaceBehind(key string) []string { return []string{key + "\n", key + "\r\n", key + " "} }

func spaceBefore(key string) []string { return []string{" " + key} }

func noText(string) []string { return []string{""} }

// nullTexts are what languages print for a value that is not there.
func nullTexts(string) []string { return []string{"undefined", "null", "None"} }

func inQuotes(key string) []string { return []string{`"` + key + `"`, "'" + key + "'"} }

func fromHex(key string) []string { return decoded(hex.DecodeString(key)) }

func fromBase64(key string) []string { return decoded(decodeBase64(key)) }

// decoded returns what was decoded, if it was.
func decoded[T string | []byte](b T, err error) []string {
	if err != nil {
		return nil
	}
	return []string{string(b)}
}

func asHTML(key string) []string { return []string{htmlEscaper.Replace(key)} }

// htmlEscaper is PHP's htmlspecialchars since 8.1.
var htmlEscaper = strings.NewReplacer(htmlPairs("&quot;", "&#039;")...)

// cutShort is what is left of a key where a shell takes # for a comment, a form & for
// the next parameter, a URL either.
func cutShort(key string) (keys []string) {
	for _, end := range []string{"#", "&", ";", " #"} {
		if before, _, ok := strings.Cut(key, end); ok {
			keys = append(keys, before)
		}
	}
	return keys
}

func plusAsSpace(key string) []string { return []string{strings.ReplaceAll(key, "+", " ")} }

func percentEncoded(key string) []string {
	return []string{urlencode(key), strings.ReplaceAll(strings.ReplaceAll(urlencode(key), "+", "%20"), "%7E", "~")}
}

func percentDecoded(key string) []string {
	plain, err := url.PathUnescape(key)
	return append(decoded(plain, err), urldecode(key))
}

// variable is what shells, PHP and .env files take for a variable.
var variable = regexp.MustCompile(`\$\{?[A-Za-z_]\w*\}?`)

func withoutVariables(key string) []string { return []string{variable.ReplaceAllString(key, "")} }

func backslashes(key string) []string {
	return []string{strings.ReplaceAll(key, `\`, `\\`), strings.ReplaceAll(key, `\`, "")}
}

func afterMark(key string) []string { return []string{"\ufeff" + key} }

// variantsOf returns the variants of a key.
func variantsOf(key string, ways []keyVariant) (keys []string) {
	for _, way := range ways {
		keys = append(keys, way(key)...)
	}
	return keys
}

// keyRows are the mistakes in a key, whatever is signed with it.
func (s *scheme) keyRows() []row[making] {
	word, shown, fix := s.key, s.shown, s.keyFix
	in := func(name, fix string, ways ...keyVariant) row[making] {
		return row[making]{Mistake: Mistake{name, fix}, apply: keyed(ways...), step: keyStep}
	}
	return []row[making]{
		in("white space around the "+word, "Cut the white space off the "+shown+", such as the newline at the end of a file.", spaceBehind, spaceBefore),
		in("the "+word+" is empty, undefined or null", "Give the "+shown+": its variable or setting is missing where the signature is made.", noText, nullTexts),
		in("quotes around the "+word, "Take the quotes off the "+shown+": Docker's --env-file, for one, leaves them on.", inQuotes),
		in("the "+word+" is decoded from base64", fix, fromBase64),
		in("the "+word+" is decoded from hexadecimal digits", fix, fromHex),
		in("the "+word+" is escaped as HTML", fix, asHTML),
		in("the "+word+" is cut at a # or an &", "Put the "+shown+" in quotes where it is set: a # begins a comment there, an & another parameter.", cutShort),
		in("plus signs of the "+word+" are taken for spaces", fix, plusAsSpace),
		in("the "+word+" is percent-encoded", fix, percentEncoded),
		in("the "+word+" is percent-decoded", fix, percentDecoded),
		in("a variable is replaced in the "+word, "Put the "+shown+" in single quotes where it is set: a $ begins a variable there.", withoutVariables),
		in("backslashes of the "+word+" are doubled or lost", fix, backslashes),
		in("a byte order mark before the "+word, "Save the file that holds the "+shown+" without a byte order mark.", afterMark),
	}
}

// keyed is a mistake in the key. There is but one in a pair.
func keyed(ways ...keyVariant) apply {
	return func(a making) []making {
		if a.hash.key != a.from.secret {
			return nil
		}
		keys := variantsOf(a.from.secret, ways)
		as := make([]making, 0, len(keys))
		for _, key := range keys {
			if key != a.from.secret {
				b := a
				b.hash.key = key
				as = append(as, b)
			}
		}
		return as
	}
}
