package php

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPairs(t *testing.T) {
	for s, want := range map[string][][2]string{
		"":                    nil,
		"&&":                  nil,
		"a=1&&b=2&":           {{"a", "1"}, {"b", "2"}},
		"b=2&a=1&b=3":         {{"b", "2"}, {"a", "1"}, {"b", "3"}},
		"a&b=":                {{"a", ""}, {"b", ""}},
		"a=b=c":               {{"a", "b=c"}},
		"=v":                  {{"", "v"}},
		"a=1;b=2":             {{"a", "1;b=2"}},
		"a%5B%5D=%2&a[]=+%41": {{"a%5B%5D", "%2"}, {"a[]", "+%41"}},
	} {
		var got [][2]string
		for name, value := range Pairs([]byte(s)) {
			got = append(got, [2]string{string(name), string(value)})
		}
		assert.Equal(t, want, got, s)
	}
}

func TestPairsEndsWhenItsReaderDoes(t *testing.T) {
	count := 0
	for range Pairs([]byte("a=1&b=2")) {
		count++
		break
	}
	assert.Equal(t, 1, count)
}

// The values are those of urldecode of PHP 8.2.
func TestAppendURLDecoded(t *testing.T) {
	for s, want := range map[string]string{
		"":             "",
		"plain":        "plain",
		"a+b%20c":      "a b c",
		"++a+":         "  a ",
		"%41%c3%BC%00": "Aü\x00",
		"%":            "%",
		"%4":           "%4",
		"100%":         "100%",
		"%zz%4":        "%zz%4",
		"%%41":         "%A",
		"%4%41":        "%4A",
		"%25%34%31":    "%41",
		"%u00e4":       "%u00e4",
		"\xff\x00=;":   "\xff\x00=;",
		"%26":          "&",
	} {
		assert.Equal(t, want, string(AppendURLDecoded(nil, []byte(s))), s)
		assert.Equal(t, "+%41"+want, string(AppendURLDecoded([]byte("+%41"), []byte(s))), s)
		assert.Equal(t, len(want), URLDecodedLen([]byte(s)), s)
	}
}
