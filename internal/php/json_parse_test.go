package php

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// scalars are JSON that is neither an object nor an array, and what is like it.
var scalars = map[string]bool{
	"null": true, " true\n": true, "false": true, "1": true, "-0.5e3 ": true, `"a=1&b={[,"`: true, `"\ud83d\ude00"`: true, `""`: true,
	"": false, " ": false, "a=1": false, "1,2": false, "1 2": false, "01": false, `"a`: false, `"\ud83d"`: false, "\"\xff\"": false, "nul": false, "{": false, "\xef\xbb\xbf1": false,
}

func TestParseJSONOfScalars(t *testing.T) {
	for doc, isJSON := range scalars {
		var a Array
		err := ParseJSON(&a, []byte(doc))
		require.Error(t, err, doc)
		assert.Equal(t, isJSON, err == ErrScalar, "%q: %v", doc, err)
		assert.NotErrorIs(t, err, ErrLimit)
		if isJSON {
			assert.Zero(t, a.Len(), "%q has no parameters", doc)
			assert.Empty(t, a.AppendQuery(nil))
		}
	}
}

func TestScalarsAgainstPHP(t *testing.T) {
	oracle := phptest.Start(t)
	for doc, isJSON := range scalars {
		assert.Empty(t, oracle.Ask('j', doc), "%q is no array to PHP", doc)
		assert.Equal(t, isJSON, len(oracle.Ask('j', `{"a":`+doc+`}`)) > 0, "%q is a value, if it is JSON", doc)
	}
}

// TestParseJSONLimit: what is too large is told apart from what is no JSON, and
// nothing is read behind the limit.
func TestParseJSONLimit(t *testing.T) {
	list := func(n int) string { return "[" + strings.Repeat("0,", n-1) + "0]" }
	for name, c := range map[string]struct {
		doc string
		ok  bool
	}{
		"a list":                     {list(MaxNodes), true},
		"a longer list":              {list(MaxNodes + 1), false},
		"arrays are counted":         {"[" + strings.Repeat("[],", MaxNodes) + "[]]", false},
		"nested arrays":              {"[" + strings.Repeat("[[1]],", MaxNodes/3) + "1]", true},
		"more of them":               {"[" + strings.Repeat("[[1]],", MaxNodes/3) + "1,2]", false},
		"objects":                    {"[" + strings.Repeat(`{"a":1},`, MaxNodes/2) + "1]", false},
		"a member again and again":   {"{" + strings.Repeat(`"a":1,`, 3*MaxNodes) + `"a":2}`, true},
		"arrays that are replaced":   {"{" + strings.Repeat(`"a":[1,2,3],`, MaxNodes/3-1) + `"a":2}`, true},
		"more arrays, replaced":      {"{" + strings.Repeat(`"a":[1,2,3],`, MaxNodes/3) + `"a":2}`, true},
		"still more, replaced":       {"{" + strings.Repeat(`"a":[1,2,3],`, MaxNodes/3+1) + `"a":2}`, false},
		"malformed behind the limit": {list(2*MaxNodes) + "x", false},
		"a query that is too long":   {`{"` + strings.Repeat("[", 1<<20) + `":[1,2,3,4,5,6]}`, false},
	} {
		var a Array
		err := ParseJSON(&a, []byte(c.doc))
		if c.ok {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorIs(t, err, ErrLimit, name)
		}
		assert.LessOrEqual(t, len(a.nodes), 2+MaxNodes, name)
		assert.LessOrEqual(t, cap(a.nodes), MaxNodes+MaxNodes/50, "%s: room", name)
	}
	var a Array
	assert.NotErrorIs(t, ParseJSON(&a, []byte(list(MaxNodes)+"x")), ErrLimit)
}

func TestHasMember(t *testing.T) {
	for _, c := range []struct {
		doc  string
		want bool
	}{
		{`{"ApiSignature":"x"}`, true},
		{` { "a" : [ {} ] , "ApiSignature" :1}`, true},
		{`{"\u0041pi\u0053ignature":"x"}`, true},
		{`{"a":"\\","ApiSignature":null}`, true},
		{`{"a":"}\"","ApiSignature":{}}`, true},
		{`{}`, false},
		{`{"a":"ApiSignature"}`, false},
		{`{"a":{"ApiSignature":"x"}}`, false},
		{`[{"ApiSignature":"x"}]`, false},
		{`["ApiSignature"]`, false},
		{`{"ApiSignatures":1,"piSignature":1,"ApiSignatur":1,"apiSignature":1}`, false},
		{`{"ApiSignature\u0000":1,"\ud83dApiSignature":1,"ApiSignature\"":1}`, false},
		{`"ApiSignature"`, false},
		{``, false}, {`{"`, false}, {`{"\`, false}, {`{"ApiSignature`, false}, {`{"ApiSignature"`, false}, {`{"ApiSignature\`, false},
	} {
		assert.Equal(t, c.want, HasMember([]byte(c.doc), "ApiSignature"), c.doc)
	}
	long := []byte(`{"` + strings.Repeat(`\u0041`, 1<<16) + `":1,"ApiSignature":1}`)
	assert.Zero(t, testing.AllocsPerRun(10, func() { HasMember(long, "ApiSignature") }))
}

// FuzzHasMember compares HasMember with what encoding/json and ParseJSON see.
func FuzzHasMember(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc))
	}
	f.Add([]byte(`{"a":"\"ApiSignature\":","Api\u0053ignature":{"b":[1]}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		has := HasMember(doc, "ApiSignature")
		var a Array
		if ParseJSON(&a, doc) != nil {
			return
		}
		var members map[string]json.RawMessage
		isObject := json.Unmarshal(doc, &members) == nil
		if _, want := members["ApiSignature"]; isObject && has != want {
			t.Fatalf("document %q: got %v", doc, has)
		}
		if a.Has("ApiSignature") != has {
			t.Fatalf("document %q: got %v", doc, has)
		}
	})
}

func TestChanged(t *testing.T) {
	form := func(s string) *Array {
		var a Array
		ParseStr(&a, s, PlusKept)
		return &a
	}
	object := func(s string) *Array {
		var a Array
		require.NoError(t, ParseJSON(&a, []byte(s)))
		return &a
	}
	assert.False(t, new(Array).Changed("i"))
	for name, c := range map[string]struct {
		a    *Array
		want bool
	}{
		"given once":                        {form("i=A&b=1"), false},
		"given twice, the same":             {form("i=A&b=1&%69=A"), false},
		"another value":                     {form("i=A&i=B"), true},
		"there and back":                    {form("i=A&i=B&i=A"), true},
		"an empty one":                      {form("i=A&i="), true},
		"with brackets behind":              {form("i=A&i[x]=A"), true},
		"with brackets before":              {form("i[]=A&i=A"), true},
		"another name":                      {form("b=1&b=2&i=A"), false},
		"once, in JSON":                     {object(`{"i":"A","b":1,"b":2}`), false},
		"twice the same, in JSON":           {object(`{"i":"1","\u0069":1}`), false},
		"another value, in JSON":            {object(`{"i":"A","i":"B"}`), true},
		"there and back, in JSON":           {object(`{"i":"A","i":"B","i":"A"}`), true},
		"null behind, in JSON":              {object(`{"i":"A","i":null}`), true},
		"an empty one behind null, in JSON": {object(`{"i":null,"i":""}`), true},
		"null behind an empty one, in JSON": {object(`{"i":"","i":null}`), true},
		"an object before, in JSON":         {object(`{"i":{"a":1},"i":"A"}`), true},
	} {
		assert.Equal(t, c.want, c.a.Changed("i"), name)
	}
	assert.True(t, form("i[a]=1").HasElements("i"))
	assert.False(t, form("i=1").HasElements("i"))
	assert.False(t, form("a=1").HasElements("i"))
	assert.False(t, object(`{"i":null}`).HasElements("i"))
}

func TestRemoveEmpty(t *testing.T) {
	var long strings.Builder
	for i := range 3 * few {
		fmt.Fprintf(&long, "p%d=%s&", i, strings.Repeat("x", i%2))
	}
	for form, want := range map[string]string{
		"":                      "",
		"a=1":                   "a=1",
		"a=&b=1&c=&d=2&e=":      "b=1&d=2",
		"a=&b=":                 "",
		"a[x]=&a[y]=1&b[z]=":    "a%5By%5D=1",
		"a=0&b=%20":             "a=0&b=+",
		long.String() + "last=": "p1=x&p3=x&p5=x&p7=x&p9=x&p11=x&p13=x&p15=x&p17=x&p19=x&p21=x&p23=x",
	} {
		var a Array
		ParseStr(&a, form, PlusDecoded)
		before := a.Len()
		assert.Equal(t, strings.Contains(form+"&", "=&"), a.RemoveEmpty(), form)
		assert.Equal(t, want, string(a.AppendQuery(nil)), form)
		assert.False(t, a.RemoveEmpty(), "%s: all are gone", form)
		n := 0
		for range a.All() {
			n++
		}
		assert.Equal(t, n, a.Len(), form)
		assert.LessOrEqual(t, n, before)
		assert.False(t, a.Has("last"))
	}
	assert.False(t, new(Array).RemoveEmpty())
}

func TestParseJSON(t *testing.T) {
	tests := []struct{ name, doc, query string }{
		{"a list", `["a",[null,"b"]]`, "0=a&1%5B1%5D=b"},
		{"the last one counts, in place of the first", `{"a":1,"b":2,"a":3}`, "a=3&b=2"},
		{"null last", `{"a":1,"b":2,"a":null}`, "b=2"},
		{"null first", `{"a":null,"b":2,"a":3}`, "a=3&b=2"},
		{"objects are not merged", `{"a":{"b":1,"c":2},"a":{"c":3}}`, "a%5Bc%5D=3"},
		{"an object for a value and back", `{"a":1,"a":{"b":2},"a":[3],"a":"4"}`, "a=4"},
		{"names that no form has", `{"":1,"a.b c":{"":2,"[":3,"\u0000":4}}`, "=1&a.b+c%5B%5D=2&a.b+c%5B%5B%5D=3&a.b+c%5B%00%5D=4"},
		{"floats", `[1.0,8.10,1e3,-0,-0.0,1e14,99999999999999.4,0.1234567890123456,0.0001,1e-5,-1.25e-7,1e100]`,
			"0=1&1=8.1&2=1000&3=0&4=-0&5=1.0E%2B14&6=99999999999999&7=0.12345678901235&8=0.0001&9=1.0E-5&10=-1.25E-7&11=1.0E%2B100"},
		{"floats that look like those and are smaller", `[5.0,105.0,-12345678901205.0]`, "0=5&1=105&2=-12345678901205"},
		{"floats half way", `[123456789012305.0,123456789012315.0,123456789012395.0,-123456789010005.0,123456789012304.0]`,
			"0=1.2345678901230E%2B14&1=1.2345678901232E%2B14&2=1.234567890124E%2B14&3=-1.2345678901000E%2B14&4=1.234567890123E%2B14"},
		{"beyond 64 bits", `[9223372036854775808,-9223372036854775809,1e400,-1e400,1e-400]`,
			"0=9.2233720368548E%2B18&1=-9.2233720368548E%2B18&2=INF&3=-INF&4=0"},
	}
	t.Run("PHP", func(t *testing.T) {
		oracle := phptest.Start(t)
		for _, tt := range tests {
			assert.Equal(t, tt.query, oracle.Ask('j', tt.doc)[0], tt.name)
		}
	})
	var a Array
	for _, tt := range tests {
		require.NoError(t, ParseJSON(&a, []byte(tt.doc)), tt.name)
		assert.Equal(t, tt.query, string(a.AppendQuery(nil)), tt.name)
		n := 0
		for range a.All() {
			n++
		}
		assert.Equal(t, n, a.Len(), tt.name)
	}
}

// TestParseJSONDepth has documents as deep as json_decode takes them, and deeper,
// see TestJSONDepthAgainstPHP.
func TestParseJSONDepth(t *testing.T) {
	var a Array
	for _, doc := range []func(n int) string{
		func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) },
		func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) },
	} {
		assert.NoError(t, ParseJSON(&a, []byte(doc(511))))
		var e *Error
		assert.ErrorAs(t, ParseJSON(&a, []byte(doc(512))), &e)
		assert.Contains(t, e.Reason, "is nested more than")
	}
	var e *Error // a name may be as long as what an Error shows, and have the shortest elements
	require.ErrorAs(t, ParseJSON(&a, []byte(strings.Repeat(`{"":`, 60)+`"\x"`)), &e)
	assert.Equal(t, strings.Repeat("[]", 40), e.Name)
}
