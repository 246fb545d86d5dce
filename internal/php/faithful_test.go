package php

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// TestMerge has what php-cgi 8.2 prints of $_REQUEST.
func TestMerge(t *testing.T) {
	for _, c := range []struct{ query, form, want string }{
		{"", "", ""},
		{"", "a=1", "a=1"},
		{"a=1", "", "a=1"},
		{"a=1&b=2", "a=3&c=4", "a=3&b=2&c=4"},
		{"a[x]=1&b=2&a[y]=2", "a[y]=3&a[z]=4", "a%5Bx%5D=1&a%5By%5D=3&a%5Bz%5D=4&b=2"},
		{"a[]=1&a[]=2", "a[]=3", "a%5B0%5D=3&a%5B1%5D=2"},
		{"a=1&b=2", "a[x]=3", "a%5Bx%5D=3&b=2"},
		{"a[x]=1&b=2", "a=3", "a=3&b=2"},
		{"0=a&1=b", "1=c&0=d&2=e", "0=d&1=c&2=e"},
	} {
		var query, form Array
		ParseStr(&query, c.query, PlusDecoded)
		ParseStr(&form, c.form, PlusDecoded)
		query.Merge(&form)
		assert.Equal(t, c.want, string(query.Query()), "%s and %s", c.query, c.form)
		assert.Equal(t, strings.Count(c.want, "="), query.Len(), "%s and %s", c.query, c.form)
	}
	var zero, form Array
	ParseStr(&form, "a=1", PlusDecoded)
	zero.Merge(&form)
	zero.Merge(new(Array))
	assert.Equal(t, "a=1", string(zero.Query()))
}

func TestParseFlat(t *testing.T) {
	for form, want := range map[string]string{
		"":                     "",
		"a[]=1&a[]=2":          "a%5B%5D=2",
		"a[b][c]=1&&d":         "a%5Bb%5D%5Bc%5D=1&d=",
		"a.b=1&+c=2&a=3&a.b=4": "a.b=4&+c=2&a=3",
		"=1&[x=2":              "=1&%5Bx=2",
		"a%00b=1":              "a%00b=1",
		strings.Repeat("a&", MaxInputVars-1) + "b": "a=&b=",
	} {
		var a Array
		ParseFlat(&a, form, PlusDecoded)
		assert.Equal(t, want, string(a.Query()), form)
	}
	var a Array
	ParseFlat(&a, strings.Repeat("a&", MaxInputVars)+"b", PlusKept)
	assert.False(t, a.Has("b"), "no more pairs than ParseStr")
	ParseFlat(&a, "a+b=c+d", PlusKept)
	assert.Equal(t, "a%2Bb=c%2Bd", string(a.Query()))
}

func TestTree(t *testing.T) {
	for doc, want := range map[string]string{
		`{}`:                                     `{}`,
		`[]`:                                     `{}`,
		`["a","b"]`:                              `{"0":"a","1":"b"}`,
		`{"a":1.5,"b":true,"c":null,"d":[]}`:     `{"a":"1.5","b":"1"}`,
		`{"a":["x",["y",{"z":{}}]],"b":{"c":2}}`: `{"a":["x",["y"]],"b":{"c":"2"}}`,
		`{"a":[null,"x"],"b":{"1":"y","0":"z"}}`: `{"a":{"1":"x"},"b":{"1":"y","0":"z"}}`,
	} {
		var a Array
		require.NoError(t, ParseJSON(&a, []byte(doc)))
		text, err := json.Marshal(a.Tree())
		require.NoError(t, err)
		assert.JSONEq(t, want, string(text), doc)
	}
	assert.Equal(t, map[string]any{}, new(Array).Tree())
}

func TestMergeAndParseFlatAgainstPHP(t *testing.T) {
	php := phptest.Start(t)
	r := rand.New(rand.NewPCG(1, 2))
	random := func() string {
		names := []string{"a", "b", "a[]", "a[x]", "a[0]", "a[x][y]", "b[1]", "0", "1", "a.b", "c[", "c]", "", "+d", "a[x"}
		var pairs []string
		for range r.IntN(6) {
			pairs = append(pairs, names[r.IntN(len(names))]+"="+string(rune('0'+r.IntN(10))))
		}
		return strings.Join(pairs, "&")
	}
	cases, mismatches := phptest.Cases(20000), 0
	for range cases {
		query, form := random(), random()
		want := php.Ask('m', query+"\n"+form)
		var a, b, flat Array
		ParseStr(&a, query, PlusDecoded)
		ParseStr(&b, form, PlusDecoded)
		a.Merge(&b)
		ParseFlat(&flat, query, PlusDecoded)
		if got := []string{string(a.Query()), string(flat.Query())}; !assert.Equal(t, want, got, "%s and %s", query, form) {
			mismatches++
		}
	}
	t.Logf("%d queries and forms, %d mismatches", cases, mismatches)
}
