package explain

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// TestPaylinkRightSignaturesOfPHP: what PHP signs is never called wrong.
func TestPaylinkRightSignaturesOfPHP(t *testing.T) {
	cases := phptest.Cases(10_000)
	command := append(slices.Clone(paylinkScripts["paylink_php.json"]), strconv.Itoa(cases))
	count := 0
	for line := range strings.Lines(runScript(t, command...)) {
		var v paylinkVector
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		d := v.explain(t)
		d.Notes = nil // texts are random
		require.Equal(t, &Diagnosis{Right: true, StringToSign: v.StringToSign}, d, line)
		count++
	}
	assert.Equal(t, cases, count)
}

// TestPaylinkRightSignatures: nor is what Go signs.
func TestPaylinkRightSignatures(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range phptest.Cases(10_000) {
		v := randomPaylinkVector(r, 6, func(query string) string { return sign(testSecret, query) })
		d := v.explain(t)
		d.Notes = nil
		require.Equal(t, &Diagnosis{Right: true, StringToSign: v.StringToSign}, d, "%+v", v)
	}
}

// TestPaylinkClaimsNothingOfAnotherKey: no mistake is named that was not made. The
// more there is in a request, the more is tried, so that most are short.
func TestPaylinkClaimsNothingOfAnotherKey(t *testing.T) {
	const parts = 4
	for part := range parts {
		t.Run(strconv.Itoa(part), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(3, uint64(part)))
			for i := range randomKeys(10_000) / parts {
				most := 2
				if i%20 == 0 {
					most = 6
				}
				v := randomPaylinkVector(r, most, func(query string) string { return sign(randomText(r, 16+r.IntN(32)), query) })
				d := v.explain(t)
				require.False(t, d.Right)
				require.Empty(t, d.Findings, "%+v", v)
				require.NotEmpty(t, d.Possibilities)
				require.False(t, d.Incomplete)
				require.Equal(t, v.StringToSign, d.StringToSign)
			}
		})
	}
}

// randomPaylinkVector makes a request of less than so many parameters: a query, a
// form or JSON.
func randomPaylinkVector(r *rand.Rand, most int, sign func(query string) string) *paylinkVector {
	var query, members []string
	for i := range r.IntN(most) {
		name, value := fmt.Sprintf("p%d", i), randomText(r, r.IntN(8))
		quoted, _ := json.Marshal(value)
		if r.IntN(4) == 0 {
			query = append(query, escapeAsPHP(name+"[a b]")+"="+escapeAsPHP(value))
			members = append(members, fmt.Sprintf(`%q: {"a b": %s}`, name, quoted))
			continue
		}
		query = append(query, escapeAsPHP(name)+"="+escapeAsPHP(value))
		members = append(members, fmt.Sprintf(`%q: %s`, name, quoted))
	}
	path := "/api?"
	if most > 2 {
		path = "/v1.0/Page/17/?instance=example&"
	}
	v := &paylinkVector{Method: "POST", URL: path, Type: formType, Secret: testSecret, StringToSign: strings.Join(query, "&")}
	signature := sign(v.StringToSign)
	v.Body = wireOf(strings.Join(append(query, "ApiSignature="+escapeAsPHP(signature)), "&"))
	switch r.IntN(4) {
	case 0:
		v.Method, v.URL, v.Type, v.Body = "GET", path+v.Body, "", ""
	case 1:
		v.Type, v.Body = jsonType, "{"+strings.Join(append(members, fmt.Sprintf(`"ApiSignature": %q`, signature)), ", ")+"}"
	}
	return v
}

func randomText(r *rand.Rand, length int) string {
	alphabet := []rune("aB3 +~*'()[]/&=%-_.ü€")
	text := make([]rune, length)
	for i := range text {
		text[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(text)
}
