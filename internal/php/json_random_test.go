package php

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// A jsons generator makes random documents in random spellings, most of them at
// the edge of the normal form.
type jsons struct {
	forms
	scalars []string // the name and the text of each that is to be seen by PHP, in turn
}

func (r *jsons) space() string {
	return r.pick("", "", "", "", "", " ", "\n", "\t", "\r\n  ")
}

// quote writes a string in one of the many ways that decode to it.
func (r *jsons) quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	escaped := r.IntN(3) == 0
	for len(s) > 0 {
		c, n := utf8.DecodeRuneInString(s)
		short := strings.IndexRune("\"\\/\b\f\n\r\t", c)
		switch {
		case c == utf8.RuneError && n == 1:
			b.WriteByte(s[0])
		case short >= 0 && r.IntN(2) == 0:
			b.WriteByte('\\')
			b.WriteByte(`"\/bfnrt`[short])
		case c < ' ' && r.IntN(100) == 0:
			b.WriteRune(c)
		case c < ' ' || c == '"' || c == '\\' || escaped && r.IntN(3) == 0:
			if c > 0xFFFF {
				fmt.Fprintf(&b, r.pick(`\u%04x\u%04X`), 0xD800+(c-0x10000)>>10, 0xDC00+(c-0x10000)&0x3FF)
			} else {
				fmt.Fprintf(&b, r.pick(`\u%04x`, `\u%04X`), c)
			}
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	if r.IntN(2000) == 0 {
		b.WriteString(r.pick(`\ud800`, `\udc00`, `\uD800\u0041`, `\x`, `\u12`, "\n", "\x00"))
	}
	b.WriteByte('"')
	return b.String()
}

func (r *jsons) runes() string {
	b := make([]rune, r.IntN(8))
	for i := range b {
		b[i] = []rune{rune(r.IntN(0x80)), rune(r.IntN(0x800)), rune(r.IntN(0xD800)), rune(0xE000 + r.IntN(0x102000))}[r.IntN(4)]
	}
	return string(b)
}

func (r *jsons) digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0' + byte(r.IntN(10))
	}
	if r.IntN(3) == 0 { // zeros and nines are where rounding shows
		for i := r.IntN(n + 1); i < n; i++ {
			b[i] = r.pick("0", "9")[0]
		}
	}
	return string(b)
}

func (r *jsons) number() string {
	sign := r.pick("", "", "-")
	whole := strings.TrimLeft(r.digits(r.IntN(5)), "0")
	switch r.IntN(10) {
	case 0:
		whole = strings.TrimLeft(r.digits(r.IntN(22)), "0")
	case 1:
		whole = r.pick("9007199254740992", "9007199254740993", "9223372036854775807", "9223372036854775808", "9223372036854775809", "99999999999999", "100000000000000", "999999999999999")
	case 2: // half way between two numbers of 14 digits
		whole = "1" + r.digits(11) + r.pick("005", "015", "995", "004")
	}
	if whole == "" {
		whole = "0"
	}
	switch r.IntN(8) {
	case 0, 1, 2:
		return sign + whole
	case 3:
		return sign + whole + r.pick(".", "."+r.digits(r.IntN(4))) + r.digits(1) + r.pick("e", "E") + r.pick("", "+", "-") + r.digits(1+r.IntN(3))
	case 4: // at the limit of the digits
		return sign + whole + "." + r.digits(max(1, precision-len(whole)+r.IntN(3)-1)) + r.pick("", "1", "5")
	case 5: // at the limit of the size
		return sign + "0." + strings.Repeat("0", r.IntN(6)) + r.digits(1+r.IntN(15))
	default:
		return sign + whole + "." + r.digits(r.IntN(4)) + r.pick("0", "1", "5", "9")
	}
}

// value writes a value for the given name and takes note of the scalars in it.
func (r *jsons) value(name string, depth int) string {
	n := r.IntN(12)
	if depth > 3 {
		n = r.IntN(8)
	}
	switch n {
	case 0:
		return "null"
	case 1:
		r.scalars = append(r.scalars, name, "1")
		return "true"
	case 2:
		r.scalars = append(r.scalars, name, "0")
		return "false"
	case 3:
		number := r.number()
		r.scalars = append(r.scalars, name, number)
		return number
	case 4, 5:
		number := r.pick("0", "8.1", "-0.5", "100", "0.0001", "9007199254740992", "12345678901.234")
		r.scalars = append(r.scalars, name, number)
		return number
	case 6:
		text := r.runes()
		r.scalars = append(r.scalars, name, text)
		return r.quote(text)
	case 7:
		text := strings.ToValidUTF8(r.forms.value(), "é")
		if r.IntN(300) == 0 {
			text = r.bytes(3)
		}
		r.scalars = append(r.scalars, name, text)
		return r.quote(text)
	case 8, 9:
		return r.list(name, depth+1)
	default:
		return r.object(name, depth+1)
	}
}

func (r *jsons) list(name string, depth int) string {
	var b strings.Builder
	b.WriteString("[" + r.space())
	for i := range r.IntN(4) {
		if i > 0 {
			b.WriteString(r.space() + "," + r.space())
		}
		b.WriteString(r.value(fmt.Sprintf("%s[%d]", name, i), depth))
	}
	return b.String() + r.space() + "]"
}

func (r *jsons) object(name string, depth int) string {
	if depth > 0 && r.IntN(500) == 0 {
		n := 60 + r.IntN(8)
		r.scalars = append(r.scalars, name+strings.Repeat("[n]", n), "1")
		return strings.Repeat(`{"n":`, n) + "1" + strings.Repeat("}", n)
	}
	var b strings.Builder
	b.WriteString("{" + r.space())
	for i := range r.IntN(5) {
		if i > 0 {
			b.WriteString(r.space() + "," + r.space())
		}
		member := strings.ToValidUTF8(r.memberName(i), "ü")
		b.WriteString(r.quote(member) + r.space() + ":" + r.space())
		full := member
		if depth > 0 {
			full = name + "[" + member + "]"
		}
		b.WriteString(r.value(full, depth))
	}
	return b.String() + r.space() + "}"
}

func (r *jsons) memberName(i int) string {
	switch r.IntN(40) {
	case 0:
		return r.forms.word()
	case 1:
		return r.runes()
	case 2:
		return r.pick("", " ", "a]", "[", "\x00", "\x00a", "\t", "a.b", "a b")
	case 3:
		return r.pick("a", "b", "c")
	case 4:
		return r.pick("0", "1", "01", "-1", "-0", "9223372036854775807", "9223372036854775808", "_empty_", "GLOBALS", "__proto__")
	default:
		return r.pick("amount", "title", "fields", "basket", "ü", "pm") + fmt.Sprint(i)
	}
}

// document writes an object, sometimes with members that are not signed.
func (r *jsons) document() string {
	r.scalars = r.scalars[:0]
	doc := r.object("", 0)
	inside := strings.TrimSpace(doc[1 : len(doc)-1])
	switch r.IntN(8) {
	case 0:
		doc = "{" + r.quote("ApiSignature") + r.space() + ":" + r.quote(r.runes()) + r.space()
		if inside != "" {
			doc += "," + inside
		}
		doc += "}"
	case 1:
		doc = "{" + inside
		if inside != "" {
			doc += r.space() + "," + r.space()
		}
		doc += `"instance":"demo",` + r.space() + `"ApiSignature":"x"` + r.space() + "}"
	}
	return r.space() + doc + r.space()
}

// TestStrictJSONAgainstPHP is the promise for JSON: PHP reads from the signed
// document, as arrays and as objects, what was signed, the signature is its last
// member, and nothing is lost or changed on the way.
func TestStrictJSONAgainstPHP(t *testing.T) {
	t.Parallel()
	oracle := phptest.Start(t)
	r := jsons{forms: forms{rand.New(rand.NewPCG(rand.Uint64(), 3))}}
	var a Array
	accepted, refused := 0, 0
	for enough := phptest.Cases(acceptedSets); accepted < enough; {
		doc := r.document()
		o, err := ReadJSON(&a, []byte(doc), own)
		if err != nil {
			refused++
			continue
		}
		accepted++
		if want, got := seen(r.scalars), checkJSON(t, oracle, &a, o, doc); !slices.Equal(want, got) {
			t.Fatalf("document %q: PHP sees %q, meant was %q", doc, got, want)
		}
	}
	t.Logf("%d accepted documents, 0 mismatches with PHP (%d refused)", accepted, refused)
	require.Greater(t, refused, accepted/10, "the generator does not reach the edge of the normal form")
}

// checkJSON compares what PHP reads from the signed document with what was signed
// of an accepted one, a and o. It returns the names and values that PHP sees.
func checkJSON(t testing.TB, oracle *phptest.Process, a *Array, o Object, doc string) []string {
	t.Helper()
	const signature = "c2ln/+=="
	signed := string(a.AppendQuery(nil))
	wire := o.AppendSigned(nil, []byte(doc), []byte(signature))
	answers := oracle.Ask('J', string(wire))
	if len(answers) < 4 || answers[0] != own.Signature || answers[1] != signature {
		t.Fatalf("document %q, sent as %q: no signature at its end: %q", doc, wire, answers)
	}
	for i, got := range answers[2:4] {
		if got != signed {
			t.Fatalf("document %q, sent as %q: json_decode %d gives %q, signed was %q", doc, wire, i, got, signed)
		}
	}
	again, err := ReadJSON(a, wire, own)
	if err != nil || string(a.AppendQuery(nil)) != signed || string(again.AppendSigned(nil, wire, []byte(signature))) != string(wire) {
		t.Fatalf("document %q, sent as %q: signing it again gives something else (%v)", doc, wire, err)
	}
	return seen(answers[4:])
}

// TestFaithfulJSONAgainstPHP compares the faithful reader with json_decode on
// anything at all.
func TestFaithfulJSONAgainstPHP(t *testing.T) {
	t.Parallel()
	oracle := phptest.Start(t)
	r := jsons{forms: forms{rand.New(rand.NewPCG(rand.Uint64(), 4))}}
	all, malformed := phptest.Cases(acceptedSets), 0
	for range all {
		doc := r.document()
		switch r.IntN(6) {
		case 0:
			doc = r.list("", 0)
		case 1: // collisions and bad grammar
			doc = r.pick("{", "[", "")
			for range r.IntN(20) {
				doc += r.pick(`"a":`, `"a":1,`, `"a":null,`, `"a":{`, `},`, `}`, `[`, `]`, `,`, `:`, `"b":"\u00`, `"`, "1", "-", "0", ".", "e", "true", "False", "null", " ", "\\", "\x00", "\x7f")
			}
			doc += r.pick("}", "]", "")
		case 2: // one byte changed
			if i := r.IntN(len(doc)); i >= 0 {
				doc = doc[:i] + r.pick("", r.bytes(1), `"`, ",", "}", "1") + doc[i+1:]
			}
		case 3: // members that replace each other
			doc = "{"
			for range 1 + r.IntN(8) {
				doc += `"` + r.pick("a", "b", "c") + `":` + r.pick("1", "null", `{"a":1,"b":{"a":2,"a":[3]},"a":4}`, "[]", "[1,[2]]", `"x"`) + ","
			}
			doc += `"d":1}`
		}
		if !checkParseJSON(t, oracle, doc) {
			malformed++
		}
	}
	t.Logf("%d documents, %d of them malformed, 0 mismatches with PHP", all, malformed)
}

// checkParseJSON compares the faithful reader with json_decode. It reports whether
// PHP accepts the document.
func checkParseJSON(t testing.TB, oracle *phptest.Process, doc string) bool {
	t.Helper()
	var a Array
	answers := oracle.Ask('j', doc)
	err := ParseJSON(&a, []byte(doc))
	if (err == nil) != (len(answers) > 0) {
		t.Fatalf("document %q: %v, PHP gives %q", doc, err, answers)
	}
	if err != nil {
		return false
	}
	if query := string(a.AppendQuery(nil)); query != answers[0] {
		t.Fatalf("document %q: got %q, PHP gives %q", doc, query, answers[0])
	}
	n := 0
	for range a.All() {
		n++
	}
	if n != a.Len() {
		t.Fatalf("document %q: Len is %d, there are %d values", doc, a.Len(), n)
	}
	return true
}

// FuzzJSONAgainstPHP compares both readers of JSON with PHP.
func FuzzJSONAgainstPHP(f *testing.F) {
	oracle := phptest.Start(f)
	for _, doc := range documents {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		oracle := oracle.For(t)
		checkParseJSON(t, oracle, doc)
		var a Array
		if o, err := ReadJSON(&a, []byte(doc), own); err == nil {
			checkJSON(t, oracle, &a, o, doc)
		}
	})
}

// TestNumbersAgainstPHP compares the text of numbers with PHP's, and shows that
// the strict reader accepts a number if and only if PHP prints it back, exponents
// and integers beyond 2^53 aside.
func TestNumbersAgainstPHP(t *testing.T) {
	t.Parallel()
	oracle := phptest.Start(t)
	r := jsons{forms: forms{rand.New(rand.NewPCG(rand.Uint64(), 5))}}
	accepted, refused := 0, 0
	for enough := phptest.Cases(3 * acceptedSets); accepted < enough; {
		numbers := make([]string, 500)
		for i := range numbers {
			numbers[i] = r.number()
			for !json.Valid([]byte(numbers[i])) {
				numbers[i] = r.number()
			}
		}
		pairs := strings.Split(oracle.Ask('j', "["+strings.Join(numbers, ",")+"]")[0], "&")
		for i, number := range numbers {
			_, printed, _ := strings.Cut(pairs[i], "=")
			printed, err := url.QueryUnescape(printed)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(appendNumber(nil, []byte(number))); got != printed {
				t.Fatalf("number %s: got %s, PHP prints %s", number, got, printed)
			}
			reason := checkNumber([]byte(number))
			i, err := strconv.ParseInt(number, 10, 64)
			rounded := err == nil && (i < -1<<53 || 1<<53 < i)
			if want := number == printed && !rounded && !strings.Contains(number, "E"); want != (reason == "") {
				t.Fatalf("number %s: PHP prints %s, refused with %q", number, printed, reason)
			}
			if reason == "" {
				accepted++
			} else {
				refused++
			}
		}
	}
	t.Logf("%d accepted numbers, %d refused, 0 mismatches with PHP", accepted, refused)
}

func TestJSONDepthAgainstPHP(t *testing.T) {
	t.Parallel()
	oracle := phptest.Start(t)
	var a Array
	for _, n := range []int{maxJSONDepth, maxJSONDepth + 1} {
		for _, doc := range []string{
			strings.Repeat("[", n) + "1" + strings.Repeat("]", n),
			strings.Repeat("[", n) + strings.Repeat("]", n),
			strings.Repeat(`{"a":`, n) + "null" + strings.Repeat("}", n),
		} {
			answers := oracle.Ask('j', doc)
			err := ParseJSON(&a, []byte(doc))
			require.Equal(t, len(answers) > 0, err == nil, "%d levels: %v", n, err)
			if err == nil {
				assert.Equal(t, answers[0], string(a.AppendQuery(nil)))
			}
		}
	}
}
