package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
)

// jsonValues holds JSON to read in place of some values. What is empty stays as it
// is.
type jsonValues struct {
	isTrue, isFalse, null string
	emptyArray            string // or object
	numbersAsWritten      bool   // and not as PHP prints them
}

// jsonCost is how many bytes are as much work as a byte of JSON that is read.
const jsonCost = 8

// values returns the apply of a mistake in what JSON values are signed as, in one
// of some ways.
func values(ways ...func(v *jsonValues)) apply {
	return func(a making) (as []making) {
		if a.paylink().json == "" || !a.paylink().mayChangeJSON() {
			return nil
		}
		for _, set := range ways {
			b := a
			b.revalued = true
			set(&b.json)
			as = append(as, b.signing(a.paylink().rereadJSON(b.json))...)
		}
		return as
	}
}

func (r *paylinkRequest) mayChangeJSON() bool {
	return r.work.mayChange(r.decoded.canonical) && len(r.json) <= maxChanged
}

// rereadJSON returns the parameters of the JSON with other values.
func (r *paylinkRequest) rereadJSON(v jsonValues) (query string) {
	if query, ok := r.work.jsons[v]; ok {
		return query
	}
	r.work.spent += jsonCost * len(r.json)
	params := &r.work.params
	if php.ParseJSON(params, v.replaceIn(r.json)) == nil {
		query = newReading(params).canonical
	} else { // the parameters have become too long
		r.work.incomplete = true
		query = r.decoded.canonical
	}
	if r.work.jsons == nil {
		r.work.jsons = make(map[jsonValues]string)
	}
	r.work.jsons[v] = query
	return query
}

func (v jsonValues) replaceIn(doc string) []byte {
	out := make([]byte, 0, len(doc))
	last := ""
	for _, token := range jsonTokens(doc) {
		by := ""
		switch token[0] {
		case 't':
			by = v.isTrue
		case 'f':
			by = v.isFalse
		case 'n':
			by = v.null
		case ']', '}':
			if v.emptyArray != "" && (last == "[" || last == "{") {
				by = v.emptyArray
				out = out[:len(out)-1]
			}
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			if v.numbersAsWritten {
				by = `"` + token + `"`
			}
		}
		out = append(out, cmp.Or(by, token)...)
		last = token
	}
	return out
}

const jsonSpace = " \t\r\n"

// jsonTokens yields the tokens of a well-formed JSON text, and their places.
func jsonTokens(doc string) iter.Seq2[int, string] {
	return func(yield func(at int, token string) bool) {
		for rest := strings.TrimLeft(doc, jsonSpace); rest != ""; {
			n := 1
			switch rest[0] {
			case '{', '}', '[', ']', ':', ',':
			case '"':
				for ; rest[n] != '"'; n++ {
					if rest[n] == '\\' {
						n++
					}
				}
				n++
			default:
				if n = strings.IndexAny(rest, jsonSpace+",]}"); n < 0 {
					n = len(rest)
				}
			}
			if !yield(len(doc)-len(rest), rest[:n]) {
				return
			}
			rest = strings.TrimLeft(rest[n:], jsonSpace)
		}
	}
}

// A jsonMember is a member of an object. Without what stands from and to, the
// object is well formed.
type jsonMember struct {
	name, value string // the first token of each
	from, to    int
}

// jsonMembers yields the members of the outermost object.
func jsonMembers(doc string) iter.Seq[jsonMember] {
	return func(yield func(m jsonMember) bool) {
		depth, isFirst := 0, true
		end := 0 // of the token before
		var m jsonMember
		for at, token := range jsonTokens(doc) {
			switch {
			case depth == 0:
				m.from = skipSpace(doc, at+1)
			case depth > 1:
			case token == "," || token == "}":
				m.to = end // the space before the brace is the object's
				if isFirst && token == "," {
					m.to = skipSpace(doc, at+1)
				}
				if !yield(m) {
					return
				}
				m, isFirst = jsonMember{from: at}, false
			case m.name == "":
				m.name = token
			case m.value == "" && token != ":":
				m.value = token
			}
			end = at + len(token)
			switch token[0] {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
		}
	}
}

// skipSpace returns the place of what follows the space at from.
func skipSpace(doc string, from int) int {
	return len(doc) - len(strings.TrimLeft(doc[from:], jsonSpace))
}

// signatureIn returns the ApiSignature of a JSON object, and the object without it.
func signatureIn(doc string) (signature, rest string) {
	var last jsonMember // which is PHP's
	for m := range jsonMembers(doc) {
		if unquoteJSON(m.name) == paylink.SignatureName {
			last = m
		}
	}
	return unquoteJSON(last.value), doc[:last.from] + doc[last.to:]
}

// unquoteJSON returns the text of a string, "" for another token.
func unquoteJSON(token string) (text string) {
	if !strings.Contains(token, `\`) && strings.HasPrefix(token, `"`) {
		return token[1 : len(token)-1]
	}
	json.Unmarshal([]byte(token), &text) // it is well formed, or no string
	return text
}

// A jsonStyle is how a library writes JSON.
type jsonStyle struct {
	jsonSpacing
	jsonEscapes
}

// A jsonSpacing is what a library writes between the tokens.
type jsonSpacing struct {
	comma, colon string
	indent       string // of each level, on lines of their own, if there is one
}

// jsonEscapes is what a library escapes beside quotes and control characters.
type jsonEscapes struct {
	notASCII bool
	some     string // further characters
	asHex    bool   // and not with a backslash
}

// jsonStyles are those of JSON.stringify, json.dumps, json_encode with its flags,
// encoding/json and Gson, indented and not.
var jsonStyles = func() (styles []jsonStyle) {
	for _, spacing := range []jsonSpacing{
		{",", ":", ""},
		{", ", ": ", ""},
		{",", ": ", "  "},
		{",", ": ", "    "},
	} {
		for _, escapes := range []jsonEscapes{
			{},
			{notASCII: true},
			{some: "/"},
			{some: "/", notASCII: true},
			{some: "<>&", asHex: true},
			{some: "<>&='", asHex: true},
		} {
			styles = append(styles, jsonStyle{spacing, escapes})
		}
	}
	return styles
}()

// maxRestyled is how long JSON is that is written in every style, in bytes.
const maxRestyled = 128 << 10

// restyledJSON returns the JSON without its ApiSignature in every style.
func (r *paylinkRequest) restyledJSON() (texts []string) {
	if len(r.json) > maxRestyled {
		r.work.incomplete = true
		return nil
	}
	for _, style := range jsonStyles {
		r.work.spent += jsonCost * len(r.json)
		texts = append(texts, style.write(r.jsonRest))
	}
	return texts
}

// maxIndented is how deep JSON is indented. What is deeper has no deeper indent, so
// that the text stays within a multiple of what it is made of.
const maxIndented = 16

// write returns a JSON text in another style.
func (s *jsonStyle) write(doc string) string {
	out := make([]byte, 0, len(doc))
	depth, last := 0, ""
	newLine := func() {
		if s.indent != "" {
			out = append(append(out, '\n'), strings.Repeat(s.indent, min(depth, maxIndented))...)
		}
	}
	for _, token := range jsonTokens(doc) {
		isEmpty := last == "{" || last == "["
		switch token {
		case "}", "]":
			depth--
			if !isEmpty {
				newLine()
			}
		default:
			if isEmpty {
				newLine()
			}
		}
		switch token[0] {
		case '{', '[':
			depth++
			out = append(out, token...)
		case ',':
			out = append(out, s.comma...)
			newLine()
		case ':':
			out = append(out, s.colon...)
		case '"':
			out = s.appendString(out, token)
		default:
			out = append(out, token...)
		}
		last = token
	}
	return string(out)
}

func (s *jsonStyle) appendString(dst []byte, token string) []byte {
	dst = append(dst, '"')
	for _, c := range unquoteJSON(token) {
		isSome := c < utf8.RuneSelf && strings.IndexByte(s.some, byte(c)) >= 0
		switch {
		case c == '"' || c == '\\' || isSome && !s.asHex:
			dst = append(dst, '\\', byte(c))
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c >= 0x10000 && s.notASCII:
			high, low := utf16.EncodeRune(c)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		case c < ' ' || isSome || c >= utf8.RuneSelf && s.notASCII:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = utf8.AppendRune(dst, c)
		}
	}
	return append(dst, '"')
}
