package php

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadJSON(t *testing.T) {
	deep := strings.Repeat(`[`, MaxInputNestingLevel)
	tests := []struct{ name, doc, signed string }{
		{"no members", `{}`, ""},
		{"white space", " {\t\r\n} \n", ""},
		{"text", `{"title":"A & B~*"}`, "title=A+%26+B%7E%2A"},
		{"empty text", `{"a":""}`, "a="},
		{"UTF-8", `{"ü":"名"}`, "%C3%BC=%E5%90%8D"},
		{"the replacement character", "{\"a\":\"\uFFFD\"}", "a=%EF%BF%BD"},
		{"escapes", `{"a":"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00\u0000"}`, "a=%22%5C%2F%08%0C%0A%0D%09%C3%A9%F0%9F%98%80%00"},
		{"the first and the last surrogate pair", `{"a":"\ud800\udc00\udbff\udfff"}`, "a=%F0%90%80%80%F4%8F%BF%BF"},
		{"an escaped name", `{"\u0061":1}`, "a=1"},
		{"true, false, null", `{"a":true,"b":false,"c":null}`, "a=1&b=0"},
		{"integers", `{"a":0,"b":-7,"c":9007199254740992,"d":-9007199254740992}`, "a=0&b=-7&c=9007199254740992&d=-9007199254740992"},
		{"fractions", `{"a":8.1,"b":-0.5,"c":0.0001,"d":1234567890123.4,"e":0.00012345678901234}`, "a=8.1&b=-0.5&c=0.0001&d=1234567890123.4&e=0.00012345678901234"},
		{"nested", `{"a":{"b":[{"c":1},{"c":2}]},"d":3}`, "a%5Bb%5D%5B0%5D%5Bc%5D=1&a%5Bb%5D%5B1%5D%5Bc%5D=2&d=3"},
		{"nothing in it", `{"a":[],"b":{},"c":[{},[null]],"d":1}`, "d=1"},
		{"a null keeps its index", `{"a":[null,1,null,2]}`, "a%5B1%5D=1&a%5B3%5D=2"},
		{"numbers for names", `{"-1":"a","01":{"2":"b","x":"c","4":"d"},"0":"e"}`, "-1=a&01%5B2%5D=b&01%5Bx%5D=c&01%5B4%5D=d&0=e"},
		{"the vendor's example: languages from 1", `{"fields":{"custom_field_1":{"name":{"1":"Kurs","2":"Course","4":"Corso"}}}}`,
			"fields%5Bcustom_field_1%5D%5Bname%5D%5B1%5D=Kurs&fields%5Bcustom_field_1%5D%5Bname%5D%5B2%5D=Course&fields%5Bcustom_field_1%5D%5Bname%5D%5B4%5D=Corso"},
		{"space in a nested name", `{"a":{"b c.d":1}}`, "a%5Bb+c.d%5D=1"},
		{"as deep as may be", `{"a":` + deep + `1` + strings.Repeat(`]`, len(deep)) + `}`, "a" + strings.Repeat("%5B0%5D", len(deep)) + "=1"},
		{"the same name elsewhere", `{"a":{"a":1},"b":{"a":2}}`, "a%5Ba%5D=1&b%5Ba%5D=2"},
		{"unsigned names within", `{"a":{"instance":1,"ApiSignature":null}}`, "a%5Binstance%5D=1"},
	}
	var a Array
	for _, tt := range tests {
		_, err := ReadJSON(&a, []byte(tt.doc), own)
		if assert.NoError(t, err, tt.name) {
			assert.Equal(t, tt.signed, string(a.AppendQuery(nil)), tt.name)
		}
		require.NoError(t, ParseJSON(&a, []byte(tt.doc)), tt.name)
		assert.Equal(t, tt.signed, string(a.AppendQuery(nil)), "%s, read as PHP does", tt.name)
	}
}

func TestAppendSigned(t *testing.T) {
	tests := []struct {
		name, doc, instance, signed, query string
	}{
		{"no members", `{}`, "", `{"ApiSignature":"s="}`, ""},
		{"only white space", " {\n} ", "", " {\n\"ApiSignature\":\"s=\"} ", ""},
		{"members", `{"a":1,"b":[2]}`, "", `{"a":1,"b":[2],"ApiSignature":"s="}`, "a=1&b%5B0%5D=2"},
		{"only nulls", `{"a":null}`, "", `{"a":null,"ApiSignature":"s="}`, ""},
		{"signed already", `{"a":1,"ApiSignature":"x"}`, "", `{"a":1,"ApiSignature":"s="}`, "a=1"},
		{"signed in front", `{ "ApiSignature" : "x" , "a" : 1 }`, "", `{ "a" : 1 ,"ApiSignature":"s="}`, "a=1"},
		{"signed in front of a group", `{"ApiSignature":"x","a":{"b":1}}`, "", `{"a":{"b":1},"ApiSignature":"s="}`, "a%5Bb%5D=1"},
		{"signed in between", `{"a":1 , "ApiSignature":"x" , "b":2}`, "", `{"a":1  , "b":2,"ApiSignature":"s="}`, "a=1&b=2"},
		{"signed alone", `{ "ApiSignature":"x" }`, "", `{  "ApiSignature":"s="}`, ""},
		{"signed under an escaped name", `{"a":1,"\u0041piSignature":"x"}`, "", `{"a":1,"ApiSignature":"s="}`, "a=1"},
		{"instance", `{"a":1,"instance":"de\u006do"}`, "demo", `{"a":1,"ApiSignature":"s="}`, "a=1"},
		{"both and nothing else", `{"instance":"demo","ApiSignature":"x"}`, "demo", `{"ApiSignature":"s="}`, ""},
		{"both in front", `{"ApiSignature":"x","instance":"demo","a":1}`, "demo", `{"a":1,"ApiSignature":"s="}`, "a=1"},
		{"both behind", `{"a":1,"instance":"demo","ApiSignature":"x"}`, "demo", `{"a":1,"ApiSignature":"s="}`, "a=1"},
		{"one in front, one behind", `{"instance":"demo","a":1,"ApiSignature":"x"}`, "demo", `{"a":1,"ApiSignature":"s="}`, "a=1"},
	}
	var a Array
	for _, tt := range tests {
		o, err := ReadJSON(&a, []byte(tt.doc), own)
		if !assert.NoError(t, err, tt.name) {
			continue
		}
		assert.Equal(t, tt.query, string(a.AppendQuery(nil)), tt.name)
		assert.Equal(t, tt.instance, o.Account, tt.name)
		assert.Equal(t, tt.instance != "", o.HasAccount, tt.name)
		assert.Equal(t, tt.signed, string(o.AppendSigned(nil, []byte(tt.doc), []byte("s="))), tt.name)
	}

	o, err := ReadJSON(&a, []byte(`{"instance":""}`), own)
	require.NoError(t, err)
	assert.True(t, o.HasAccount, "an empty instance")
}

// TestOwnNames tells the readers of another gateway's names: the family's are then
// like any others.
func TestOwnNames(t *testing.T) {
	other := Own{Signature: "mac", SignatureLen: 2, Account: "shop"}
	const doc = `{"mac":"x","ApiSignature":"y","instance":"example","shop":"7"}`
	var a Array
	o, err := ReadJSON(&a, []byte(doc), other)
	require.NoError(t, err)
	assert.Equal(t, "ApiSignature=y&instance=example", string(a.AppendQuery(nil)))
	assert.Equal(t, "7", o.Account)
	assert.Equal(t, `{"ApiSignature":"y","instance":"example","mac":"s="}`, string(o.AppendSigned(nil, []byte(doc), []byte("s="))))

	sign := func(fields *Array) (string, error) { return "s=", nil }
	body := field("ApiSignature", "y") + field("instance", "example") + end
	out, err := io.ReadAll(NewMultipart(strings.NewReader(body), "B", other, sign))
	require.NoError(t, err)
	assert.Equal(t, strings.TrimSuffix(body, end)+field("mac", "s=")+end, string(out))
	assert.Equal(t, int64(len(out)-len(body)), MultipartOverhead("B", other))
	for _, name := range []string{"mac", "shop", "mac[a]", "shop[a]"} {
		_, err := io.ReadAll(NewMultipart(strings.NewReader(field(name, "y")+end), "B", other, sign))
		assert.Error(t, err, name)
	}
}

func TestReadJSONRefuses(t *testing.T) {
	const (
		exponent = "is a number with an exponent, which PHP prints in a way of its own: write all of its digits, or send it as a string"
		point    = "is a whole number with a decimal point, which PHP prints without: leave out the point and the zeros behind it, or send it as a string"
		zeros    = "is a fraction with a zero at its end, which PHP prints without: leave out the zeros at the end, or send it as a string"
		integer  = "is an integer beyond 9007199254740992, which not every parser reads exactly: send it as a string"
		digits   = "is a fraction of more than 14 digits, which PHP rounds: send it as a string"
		small    = "is a fraction below 0.0001, which PHP prints with an exponent: send it as a string"
		zero     = "is a negative zero, which PHP prints without its sign: write 0"
		twice    = "is given twice, and PHP keeps the last only: leave one out"
		bracket  = "has a bracket in a member's name, which reads as nesting: nest an object or an array instead"
		nul      = "has a NUL byte, where PHP ends the name: leave it out"
		notUTF8  = "has a string that is not UTF-8: encode it as UTF-8"
		half     = "has half a surrogate pair in a string: write both halves, or the character itself"
		escape   = `has a malformed escape in a string: write a backslash as \\`
		control  = `has a control character in a string: write it as an escape, a new line as \n`
		cutOff   = "is cut off within a string: close it with a double quote"
		unsigned = "is not a string: leave it out, it is added when the request is signed"
		order    = "has a lower index than what stands before it, which not every parser keeps in that order: sort the indexes"
		levels   = "is nested more than 64 levels deep: nest it less"
	)
	tests := []struct{ doc, name, reason string }{
		{`{"a":1.0}`, "a", point},
		{`{"a":8.10}`, "a", zeros},
		{`{"a":0.50}`, "a", zeros},
		{`{"a":0.0}`, "a", point},
		{`{"a":-10.00}`, "a", point},
		{`{"a":1e3}`, "a", exponent},
		{`{"a":1.5E+3}`, "a", exponent},
		{`{"a":1.0E+25}`, "a", exponent},
		{`{"a":-0.0}`, "a", zero},
		{`{"a":-0}`, "a", zero},
		{`{"a":9007199254740993}`, "a", integer},
		{`{"a":-9007199254740993}`, "a", integer},
		{`{"a":123456789012345678}`, "a", integer},
		{`{"a":9223372036854775807}`, "a", integer},
		{`{"a":9223372036854775808}`, "a", integer},
		{`{"a":-9223372036854775809}`, "a", integer},
		{`{"a":0.00009}`, "a", small},
		{`{"a":1.00000000000001}`, "a", digits},
		{`{"a":123456789012345.5}`, "a", digits},
		{`{"a":0.123456789012345}`, "a", digits},
		{`{"basket":[{"vatRate":7.70}]}`, "basket[0][vatRate]", zeros},
		{`{"basket":[1,{"b":[[true,-0]]}]}`, "basket[1][b][0][1]", zero},

		{`{"":1}`, "", "has no name before its value or bracket, and PHP drops it: name it"},
		{`{"a":{"":1}}`, "a[]", "has a member without a name, which a form takes for an automatic index: name it"},
		{`{"a.b":1}`, "a.b", "has a '.', which PHP turns into an underscore: write an underscore"},
		{`{".a":1}`, ".a", "has a '.', which PHP turns into an underscore: write an underscore"},
		{`{"a b":1}`, "a", "has a ' ', which PHP turns into an underscore: write an underscore"},
		{`{"a\u0000":1}`, "a", nul},
		{`{"a":{"\u0000b":1}}`, "a[", nul},
		{`{"a":{"\t":1}}`, "a[", ""},
		{`{"a":{" ":1}}`, "a[", "has nothing but white space between its brackets, which PHP reads as an automatic index: write the index"},
		{`{"a[b]":1}`, "a[b]", bracket},
		{`{"a]":1}`, "a]", bracket},
		{`{"a":{"b]":1}}`, "a[b]]", bracket},
		{`{"a":{"[":1}}`, "a[[]", bracket},

		{`{"a":{"1":"x","0":"y"}}`, "a[0]", order},
		{`{"a":{"10":"x","9":"y"}}`, "a[9]", order},
		{`{"a":{"2":{"x":1},"b":{},"1":[]}}`, "a[1]", order},
		{`{"a":[{"7":1,"\u0037":2}]}`, "a[0][7]", twice},
		{`{"1":"x","0":"y"}`, "0", order},
		{`{"a":1,"a":2}`, "a", twice},
		{`{"a":null,"a":2}`, "a", twice},
		{`{"a":null,"a":null}`, "a", twice},
		{`{"a":[],"b":{},"a":1}`, "a", twice},
		{`{"a":1,"\u0061":2}`, "a", twice},
		{`{"a":[{"b":1,"c":2,"b":3}]}`, "a[0][b]", twice},
		{`{"instance":"x","instance":"x"}`, "instance", twice},
		{`{"ApiSignature":"x","a":1,"ApiSignature":"y"}`, "ApiSignature", twice},

		{`{"ApiSignature":null}`, "ApiSignature", unsigned},
		{`{"ApiSignature":{"a":1}}`, "ApiSignature", unsigned},
		{`{"instance": 5}`, "instance", unsigned},
		{`{"ApiSignature[a]":"x"}`, "ApiSignature[a]", bracket},

		{`{"a":"` + "\xff" + `"}`, "a", notUTF8},
		{`{"a":"` + "\x80" + `"}`, "a", notUTF8},
		{`{"a":"` + "\xc0\x80" + `"}`, "a", notUTF8},
		{`{"a":"` + "\xed\xa0\x80" + `"}`, "a", notUTF8},
		{`{"a":"` + "\xf4\x90\x80\x80" + `"}`, "a", notUTF8},
		{`{"a":{"b` + "\xc3" + `":1}}`, "a[b]", notUTF8},
		{`{"a":"\ud800"}`, "a", half},
		{`{"a":"\udc00"}`, "a", half},
		{`{"a":"\ud800\u0041"}`, "a", half},
		{`{"a":"\ud800\ud800"}`, "a", half},
		{`{"a":"\ud800\udbff"}`, "a", half},
		{`{"a":"\udbff\ue000"}`, "a", half},
		{`{"a":"\udc00\udc00"}`, "a", half},
		{`{"a":"\udfff"}`, "a", half},
		{`{"a":"\ud83dxude00"}`, "a", half},
		{`{"a":{"b\ud83d":1}}`, "a[b]", half},
		{`{"a":"\x"}`, "a", escape},
		{`{"a":"\x0041"}`, "a", escape},
		{`{"a":"\u00g0"}`, "a", escape},
		{`{"a":"\u00`, "a", escape},
		{`{"a":"\`, "a", escape},
		{"{\"a\":\"\n\"}", "a", control},
		{"{\"a\":\"b\x00\"}", "a", control},
		{`{"a":"b`, "a", cutOff},
		{`{"a":"`, "a", cutOff},
		{`{"a":"\n`, "a", cutOff},
		{`{"a":"\u0041`, "a", cutOff},

		{`{"a":` + strings.Repeat(`[`, 65) + strings.Repeat(`]`, 65) + `}`, "a" + strings.Repeat("[0]", 26) + "[", levels},
		{`{"4111111111111111":-0}`, "", zero},
		{`{"4111-1111-1111":-0}`, "", zero},
		{`{"card":{"4111111111111111":-0}}`, "card[", zero},
		{`{"2026-11-28":{"17":-0}}`, "2026-11-28[17]", zero},
		{`{"` + strings.Repeat("n", 90) + `":-0}`, strings.Repeat("n", 80), zero},
	}
	var a Array
	for _, tt := range tests {
		_, err := ReadJSON(&a, slices.Clip([]byte(tt.doc)), own)
		var e *Error
		if !assert.ErrorAs(t, err, &e, tt.doc) {
			continue
		}
		assert.Equal(t, tt.name, e.Name, tt.doc)
		if tt.reason == "" {
			assert.Contains(t, e.Reason, "white space", tt.doc)
		} else {
			assert.Equal(t, tt.reason, e.Reason, tt.doc)
		}
	}
}

func TestJSONSyntaxErrors(t *testing.T) {
	const (
		value  = "want a value"
		member = "want a member's name in double quotes"
		behind = "want nothing behind the closing bracket"
	)
	tests := []struct {
		doc    string
		offset int
		reason string
	}{
		{``, 0, "want an object"},
		{` null`, 1, "want an object"},
		{`[]`, 0, "want an object"},
		{"\xef\xbb\xbf{}", 0, "want an object"},
		{"\x0c{}", 0, "want an object"},
		{`{`, 1, member},
		{`{a:1}`, 1, member},
		{`{"a":1,}`, 7, member},
		{`{,}`, 1, member},
		{`{"a" 1}`, 5, "want a colon behind a member's name"},
		{`{"a"`, 4, "want a colon behind a member's name"},
		{`{"a":}`, 5, value},
		{`{"a":`, 5, value},
		{`{"a":True}`, 5, value},
		{`{"a":nul}`, 5, value},
		{`{"a":NaN}`, 5, value},
		{`{"a":+1}`, 5, value},
		{`{"a":.5}`, 5, value},
		{`{"a":[1,]}`, 8, value},
		{`{"a":[,1]}`, 6, value},
		{`{"a":01}`, 7, "want a number without leading zeros"},
		{`{"a":-}`, 6, "want a number without leading zeros"},
		{`{"a":-`, 6, "want a number without leading zeros"},
		{`{"a":1.}`, 7, "want a digit behind a decimal point"},
		{`{"a":1e+}`, 8, "want a digit in an exponent"},
		{`{"a":1e`, 7, "want a digit in an exponent"},
		{`{"a":1 "b":2}`, 7, "want a comma or a closing brace"},
		{`{"a":truex}`, 9, "want a comma or a closing brace"},
		{`{"a":[1 2]}`, 8, "want a comma or a closing bracket"},
		{`{"a":[1}`, 7, "want a comma or a closing bracket"},
		{`{"a":0x1}`, 6, "want a comma or a closing brace"},
		{`{"a":1`, 6, "want a comma or a closing brace"},
		{`{} {}`, 3, behind},
		{"{}\x00", 2, behind},
		{"{}\x0b", 2, behind},
		{`{}}`, 2, behind},
	}
	var a Array
	for _, tt := range tests {
		_, err := ReadJSON(&a, []byte(tt.doc), own)
		var e *SyntaxError
		if assert.ErrorAs(t, err, &e, tt.doc) {
			assert.Equal(t, SyntaxError{tt.offset, tt.reason}, *e, tt.doc)
			assert.Equal(t, fmt.Sprintf("malformed JSON at byte %d: %s", tt.offset, tt.reason), err.Error())
		}
		if tt.doc != `[]` && tt.doc != ` null` {
			assert.ErrorAs(t, ParseJSON(&a, []byte(tt.doc)), &e, tt.doc)
		}
	}
}

// hostile holds documents of roughly n bytes that cost a careless reader more
// than their size.
func hostile(n int) map[string]string {
	long := strings.Repeat("n", n/2)
	return map[string]string{
		"a long name and many values":      `{"` + long + `":[` + strings.Repeat("1,", n/4) + `1]}`,
		"long names nested":                strings.Repeat(`{"`+strings.Repeat("n", n/64)+`":`, 60) + "1" + strings.Repeat("}", 60),
		"a long name and many nulls":       `{"` + long + `":[` + strings.Repeat("null,", n/10) + `1]}`,
		"a long name and many empty lists": `{"` + long + `":[` + strings.Repeat("[],", n/6) + `1]}`,
		"many values":                      `{"a":[` + strings.Repeat("1,", n/2) + `1]}`,
		"many nulls":                       `{"a":[` + strings.Repeat("null,", n/5) + `1]}`,
		"many lists":                       `{"a":[` + strings.Repeat("[[[]]],", n/7) + `1]}`,
		"one member over and over":         `{` + strings.Repeat(`"a":[[1]],`, n/10) + `"a":1}`,
		"open lists":                       `{"a":` + strings.Repeat("[", n),
		"open objects":                     strings.Repeat(`{"a":`, n/5),
		"escapes":                          `{"a":"` + strings.Repeat(`\u00e9`, n/6) + `"}`,
	}
}

func TestJSONHostile(t *testing.T) {
	const n = 1 << 18
	for name, doc := range hostile(n) {
		for _, strict := range []bool{true, false} {
			var a Array
			var err error
			if strict {
				_, err = ReadJSON(&a, []byte(doc), own)
			} else {
				err = ParseJSON(&a, []byte(doc))
			}
			// An index has up to six digits here, and takes two bytes to ask for.
			assert.LessOrEqual(t, len(a.text), 4*len(doc), "%s, strict %v: text", name, strict)
			assert.LessOrEqual(t, len(a.nodes), len(doc)/2+2, "%s, strict %v: elements", name, strict)
			assert.LessOrEqual(t, len(a.slots), max(4*len(a.nodes), minSlots), "%s, strict %v: table", name, strict)
			tooLong := strings.HasPrefix(name, "a long name")
			if tooLong {
				var e *Error
				require.ErrorAs(t, err, &e, name)
				assert.Contains(t, e.Reason, "above 16777216 bytes")
				assert.LessOrEqual(t, len(a.nodes), 2*MaxQuery/n+3, "%s, strict %v: read on after the limit", name, strict)
			}
			if err == nil {
				assert.LessOrEqual(t, len(a.AppendQuery(nil)), MaxQuery, "%s, strict %v", name, strict)
				assert.Equal(t, max(a.queryLen(0, 0)-len("&"), 0), len(a.AppendQuery(nil)), "%s, strict %v", name, strict)
			}
		}
	}
}

func TestMaxQuery(t *testing.T) {
	doc := func(values int) []byte {
		return []byte(`{"a":["` + strings.Repeat("x", values) + `","ü"]}`)
	}
	rest := len("a%5B0%5D=&a%5B1%5D=%C3%BC")
	for name, parse := range map[string]func(*Array, []byte) error{
		"strict":   func(a *Array, doc []byte) error { _, err := ReadJSON(a, doc, own); return err },
		"faithful": ParseJSON,
	} {
		var a Array
		require.NoError(t, parse(&a, doc(MaxQuery-rest)), name)
		assert.Len(t, a.AppendQuery(nil), MaxQuery, name)
		var e *Error
		require.ErrorAs(t, parse(&a, doc(MaxQuery-rest+1)), &e, name)
		assert.Equal(t, "a[1]", e.Name)

		flat := `{"a":"` + strings.Repeat("x", MaxQuery-len("a=&b=%C3%BC+x")) + `","b":"ü x"}`
		require.NoError(t, parse(&a, []byte(flat)), name)
		assert.Len(t, a.AppendQuery(nil), MaxQuery, name)
		require.ErrorAs(t, parse(&a, []byte(strings.Replace(flat, "ü x", "ü xx", 1))), &e, name)
		assert.Equal(t, "b", e.Name)
	}
}

// order is a document of the size and shape of an ordinary one.
var order = []byte(`{"amount":12500,"vatRate":7.7,"currency":"CHF","sku":"P01122000","preAuthorization":false,"reservation":null,
"successRedirectUrl":"https://example.com/success?id=1","fields":{"email":{"value":"max@example.com"},"forename":{"value":"Zoë"}},
"basket":[{"name":["Blue","Bl\u00fc"],"quantity":2,"amount":6250}],"pm":["visa","twint"]}`)

func TestJSONAllocations(t *testing.T) {
	var a Array
	buf := make([]byte, 0, 4096)
	sig := []byte("c2lnbmF0dXJl")
	allocs := testing.AllocsPerRun(100, func() {
		o, err := ReadJSON(&a, order, own)
		if err != nil {
			t.Fatal(err)
		}
		buf = a.AppendQuery(buf[:0])
		buf = o.AppendSigned(buf, order, sig)
	})
	assert.Zero(t, allocs, "ReadJSON")
	allocs = testing.AllocsPerRun(100, func() {
		if err := ParseJSON(&a, order); err != nil {
			t.Fatal(err)
		}
	})
	assert.Zero(t, allocs, "ParseJSON")
}

func BenchmarkReadJSON(b *testing.B) {
	var a Array
	b.SetBytes(int64(len(order)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadJSON(&a, order, own); err != nil {
			b.Fatal(err)
		}
	}
}

// documents are the seeds of the fuzz targets.
var documents = []string{
	string(order), `{}`, `{"a":[null,{"b":"\ud83d\ude00"}]}`, `{"instance":"demo","ApiSignature":"x","a":-0.5}`, `{"a":1,"a":2}`, `{"a":1e3}`, `[1]`, `{"a":{"1":1,"b":2,"3":9007199254740993}}`, `{"a":{"1":1,"0":2}}`,
}

// FuzzReadJSON checks that what either reader accepts is JSON, and that the
// faithful one sees in a signed document what the strict one read.
func FuzzReadJSON(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var a, b Array
		parsed := ParseJSON(&b, doc)
		if parsed == nil && !json.Valid(doc) {
			t.Fatalf("document %q is read, and it is not JSON", doc)
		}
		o, err := ReadJSON(&a, doc, own)
		if err != nil {
			var member *Error
			var syntax *SyntaxError
			if !errors.As(err, &member) && !errors.As(err, &syntax) {
				t.Fatalf("document %q: an error of type %T", doc, err)
			}
			return
		}
		if parsed != nil {
			t.Fatalf("document %q is accepted, but %v", doc, parsed)
		}
		signed := string(a.AppendQuery(nil))
		b.Remove(own.Account)
		b.Remove(own.Signature)
		if got := string(b.AppendQuery(nil)); got != signed {
			t.Fatalf("document %q is %q, read as PHP does %q", doc, signed, got)
		}
		wire := o.AppendSigned(nil, doc, []byte("c2ln"))
		if err := ParseJSON(&b, wire); err != nil {
			t.Fatalf("document %q, sent as %q: %v", doc, wire, err)
		}
		want := "ApiSignature=c2ln"
		if signed != "" {
			want = signed + "&" + want
		}
		if got := string(b.AppendQuery(nil)); got != want {
			t.Fatalf("document %q, sent as %q: got %q, want %q", doc, wire, got, want)
		}
	})
}
