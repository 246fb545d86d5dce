package paylink

import (
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

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
