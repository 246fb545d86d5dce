package paylink

import (
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// TestReceiveAgainstPHP has requests at random read in every way that there is, and by
// PHP with readers of its own.
func TestReceiveAgainstPHP(t *testing.T) {
	php := phptest.Start(t)
	r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	form := func() string {
		var pairs []string
		for range r.IntN(4) {
			pairs = append(pairs, pick("a", "b", "a[]", "a[x]", "a[x][y]", "a.b", "a[", "+c", "0", "")+"="+pick("1", "b+c", "b%20c", "%2B", ""))
		}
		return strings.Join(pairs, "&")
	}
	body := func() string {
		return pick("", form(), form(), `{"a":1,"b":{"x":"b+c"}}`, `{"a":["x",2],"c":true}`, `[1,"+"]`, "7", `{"a":`, " ")
	}
	cases, mismatches := phptest.Cases(20_000), 0
	for range cases {
		letters := ""
		for _, letter := range "qbmjtf" {
			if r.IntN(2) == 0 {
				letters += string(letter)
			}
		}
		is := func(letter string) bool { return strings.Contains(letters, letter) }
		how := Reading{KeepsQueryPlus: is("q"), DecodesBodyPlus: is("b"), Merges: is("m"), NoJSON: is("j"), TypeMatters: is("t"), Flat: is("f")}
		contentType := pick("", FormType, FormType+"; charset=utf-8", JSONType, "Application/JSON,x", "text/plain")
		query, body := form(), body()
		req := httptest.NewRequest(pick("GET", "POST", "PUT", "DELETE"), "/v1.0/Invoice/?"+query, nil)
		req.Header.Set("Content-Type", contentType)
		received, err := how.Receive(req, []byte(body))
		assert.NoError(t, err)
		want := php.Ask('r', letters+"\n"+contentType+"\n"+query+"\n"+body)
		if !assert.Equal(t, want, []string{string(received.Params.Query())}, "%+v of %s with %q, of the type %q", how, query, body, contentType) {
			mismatches++
		}
	}
	t.Logf("%d requests, %d mismatches", cases, mismatches)
}

func TestReceive(t *testing.T) {
	const array = `{"a":[1]}`
	for name, tc := range map[string]struct {
		how               Reading
		contentType, body string
		kind              Kind
		want              string
	}{
		"JSON of whatever type":          {Reading{}, FormType, array, JSON, "a%5B0%5D=1"},
		"a form of whatever type":        {Reading{}, JSONType, "a[]=b+c", Form, "a%5B0%5D=b%2Bc"},
		"no body":                        {Reading{}, JSONType, "", Query, "q=1"},
		"no JSON":                        {Reading{NoJSON: true}, JSONType, array, Form, "%7B%22a%22%3A%5B1%5D="},
		"JSON by its type":               {Reading{TypeMatters: true}, JSONType, array, JSON, "a%5B0%5D=1"},
		"JSON that is said to be a form": {Reading{TypeMatters: true}, FormType, array, Form, "%7B%22a%22%3A%5B1%5D="},
		"JSON of another type":           {Reading{TypeMatters: true}, "text/plain", array, Query, ""},
		"no JSON and of that type":       {Reading{NoJSON: true, TypeMatters: true}, JSONType, array, Query, ""},
		"a form that is said to be JSON": {Reading{TypeMatters: true}, JSONType, "a=1", JSON, ""},
		"a form whose plus is a space":   {Reading{DecodesBodyPlus: true}, FormType, "a=b+c", Form, "a=b+c"},
		"a body beside the query":        {Reading{Merges: true}, FormType, "a=1", Form, "q=1&a=1"},
		"names that are not nested":      {Reading{Flat: true}, FormType, "a[b]=1", Form, "a%5Bb%5D=1"},
	} {
		req := httptest.NewRequest("POST", "/v1.0/Invoice/?q=1", nil)
		req.Header.Set("Content-Type", tc.contentType)
		received, err := tc.how.Receive(req, []byte(tc.body))
		require.NoError(t, err, name)
		assert.Equal(t, tc.kind, received.Kind, name)
		assert.Equal(t, tc.want, string(received.Params.Query()), name)
	}
}

func TestMayBeSigned(t *testing.T) {
	for body, may := range map[string]bool{
		"":                           true, // the query may hold it
		"a=1":                        false,
		"a=ApiSignature":             false,
		"a=1&ApiSignature=x":         true,
		"%41piSignature[]=":          true,
		`{"a":1}`:                    false,
		`{"a":{"ApiSignature":1}}`:   false,
		`{"a":1,"ApiSignature":"x"}`: true,
	} {
		req := httptest.NewRequest("POST", "/", nil)
		assert.Equal(t, may, MayBeSigned(req, []byte(body)), body)
		for _, types := range [][]string{{MultipartType + "; boundary=B"}, {FormType, FormType}} {
			req.Header["Content-Type"] = types
			assert.True(t, MayBeSigned(req, []byte(body)), "%s of the type %q", body, types)
		}
	}
}

func TestIsOwnPart(t *testing.T) {
	const named = `Content-Disposition: form-data; name="`
	for header, own := range map[string]bool{
		named + `ApiSignature"`:           true,
		named + `instance"`:               true,
		named + `a"`:                      false,
		named + `instance'`:               false,
		named + `instance"; filename="a"`: false,
		named + `instance"` + "\r\nContent-Type: text/plain": false,
		strings.ToLower(named) + `instance"`:                 false,
		named:                                                false,
		`instance"`:                                          false,
		"":                                                   false,
	} {
		assert.Equal(t, own, IsOwnPart(header), header)
	}
}
