package explain

import (
	"crypto/fips140"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

var pairScripts = map[string][]string{"pairs.json": {"php", "-n", "pairs.php"}}

func TestPairsAreWhatTheScriptPrints(t *testing.T) { checkScripts(t, pairScripts) }

// A combination is two or three mistakes that were made together.
type combination struct {
	Scheme         string
	Made, Mistakes []string
	Fix, Secret    string

	Method, URL, Type, Body string
	Header                  json.RawMessage // an object, of PHP's

	Now, Head string
}

func (c *combination) explain(t *testing.T) *Diagnosis {
	if c.Scheme == "avangate" {
		path := "/rpc/6.0/"
		if c.Body == "" {
			path = ""
		}
		return (&avangateVector{Account: avangateCode, Key: c.Secret, Now: c.Now, Header: c.Head, Path: path, Body: c.Body}).explain(t)
	}
	req := httptest.NewRequest(c.Method, "/", strings.NewReader(c.Body))
	req.Host = "api.example.com"
	var err error
	req.URL, err = req.URL.Parse(c.URL)
	require.NoError(t, err)
	req.Header.Set("Content-Type", c.Type)
	var header map[string]string
	json.Unmarshal(c.Header, &header) // none is an empty list
	for name, value := range header {
		req.Header.Set(name, value)
	}
	d, err := (&Paylink{Secret: auth.NewSecret(c.Secret)}).Request(req)
	require.NoError(t, err)
	return d
}

func readCombinations(t *testing.T) (all []combination) {
	text, err := os.ReadFile("testdata/pairs.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &all))
	return all
}

// TestPairs: of the mistakes of published programs, each pair that can be made together
// is named, and so are triples of which one shows in how the request was sent.
func TestPairs(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("FIPS 140 mode forbids short keys")
	}
	for _, c := range readCombinations(t) {
		t.Run(strings.Join(c.Made, ", "), func(t *testing.T) {
			d := c.explain(t)
			mistakes := d.Shown // the key that is sent in clear makes nothing
			if c.Made[0] != avangateScheme.inClear().Name {
				require.NotEmpty(t, d.Findings, d)
				mistakes = d.Findings[0].Mistakes
			}
			assert.Equal(t, c.Mistakes, namesOf(mistakes))
			assert.Contains(t, fmt.Sprint(mistakes), c.Fix)
			assert.NotContains(t, d.String(), c.Secret)
		})
	}
}

// programMistakes are those of published programs, in groups of which but one is made.
var programMistakes = map[string][][]string{
	"paylink": {
		{"the form is sent with the wrong Content-Type", "the JSON is sent with the wrong Content-Type"},
		{"ApiSignature is sent in other letters", "ApiSignature is sent inside another parameter", "the signature is sent in a header", "a question mark is sent in the place of an ampersand", "the signature is sent in the query, beside a body", "the parameters are sent in a body, and the empty query is signed"},
		{"white space around the signature"},
		{"the signature's plus signs are not escaped, and arrive as spaces"},
		{"a space is sent as a plus sign"},
		{"the parameters and the signature are sent escaped twice", "the signature is sent escaped twice", "the parameters are sent escaped twice"},
		{"an ampersand inside a value is sent unescaped"},
		{"the indexes of a list are not signed"},
		{"only the URLs are escaped to be signed"},
		{"the parameters are signed as serialize of PHP writes them"},
		{"the finished string is escaped once more to be signed"},
		{"the text is signed as it is sent"},
		spoiledKeys("secret"),
		{"a credential is sent in the header Authorization: Bearer"},
	},
	"avangate": {
		append(spoiledKeys("key"), "the merchant code is taken for the key", "the Secret Key itself is sent"),
		{"the parameters are in another order", "a session id stands before the merchant code", "the parameters are given by name", "an attribute has another name"},
		{"the hash is of another second than the date"},
		{"the Thai calendar", "the Islamic calendar", "the Persian calendar", "a clock of 12 hours", "months from 0"},
	},
}

func spoiledKeys(word string) []string {
	return []string{
		"white space around the " + word, "quotes around the " + word, "the " + word + " is cut at a # or an &", "plus signs of the " + word + " are taken for spaces",
		"the " + word + " is percent-encoded", "the " + word + " is percent-decoded", "a variable is replaced in the " + word, "backslashes of the " + word + " are doubled or lost",
		"a byte order mark before the " + word, "the " + word + " is empty, undefined or null",
	}
}

// impossible are the pairs that cannot be made, or come to another mistake, by why: one
// of the first with one of the second.
var impossible = []struct {
	why    string
	these  []string
	those  []string
	butFor string // in the place of those: all but that
}{
	{"without parameters in the query there is nothing to be signed otherwise", []string{"the parameters are sent in a body, and the empty query is signed"},
		[]string{"an ampersand inside a value is sent unescaped", "the indexes of a list are not signed", "only the URLs are escaped to be signed", "the parameters are signed as serialize of PHP writes them", "the finished string is escaped once more to be signed", "the text is signed as it is sent",
			"the form is sent with the wrong Content-Type", "the signature's plus signs are not escaped, and arrive as spaces", "a space is sent as a plus sign", "the parameters and the signature are sent escaped twice", "the parameters are sent escaped twice"}, ""},
	{"all else is a form", []string{"the JSON is sent with the wrong Content-Type"}, nil, "the parameters are sent in a body, and the empty query is signed"},
	{"a query has no Content-Type, and its plus signs are right", []string{"a question mark is sent in the place of an ampersand", "the signature's plus signs are not escaped, and arrive as spaces"},
		[]string{"the form is sent with the wrong Content-Type", "a space is sent as a plus sign"}, ""},
	{"HTTP takes the space away, and decodes nothing", []string{"the signature is sent in a header"},
		[]string{"white space around the signature", "the signature's plus signs are not escaped, and arrive as spaces"}, ""},
	{"what is escaped has no plus sign", []string{"the parameters and the signature are sent escaped twice", "the signature is sent escaped twice"}, []string{"the signature's plus signs are not escaped, and arrive as spaces"}, ""},
	{"what is escaped twice has no plus sign", []string{"the parameters and the signature are sent escaped twice", "the parameters are sent escaped twice"}, []string{"a space is sent as a plus sign"}, ""},
	{"a plus sign is signed rightly", []string{"a space is sent as a plus sign"}, []string{"the text is signed as it is sent"}, ""},
	{"PHP reads no list then, and serialize writes indexes", []string{"the indexes of a list are not signed"},
		[]string{"the parameters and the signature are sent escaped twice", "the parameters are sent escaped twice", "the parameters are signed as serialize of PHP writes them"}, ""},
	{"nothing else is signed otherwise", []string{"the text is signed as it is sent"},
		[]string{"the parameters and the signature are sent escaped twice", "the parameters are sent escaped twice", "an ampersand inside a value is sent unescaped", "the indexes of a list are not signed", "only the URLs are escaped to be signed", "the parameters are signed as serialize of PHP writes them", "the finished string is escaped once more to be signed"}, ""},
	{"they are two texts", []string{"only the URLs are escaped to be signed"}, []string{"the parameters are signed as serialize of PHP writes them"}, ""},
	{"a key is not told from a code, and is of no second", []string{"the Secret Key itself is sent"}, []string{"the parameters are in another order", "the hash is of another second than the date"}, ""},
}

func isImpossible(a, b string) bool {
	for _, i := range impossible {
		for _, p := range [][2]string{{a, b}, {b, a}} {
			isNot := slices.Contains(i.those, p[1])
			if i.butFor != "" {
				isNot = p[1] != i.butFor
			}
			if slices.Contains(i.these, p[0]) && isNot {
				return true
			}
		}
	}
	return false
}

// TestPairsAreAll: no pair is left out that can be made.
func TestPairsAreAll(t *testing.T) {
	made := make(map[string][]string)
	triples := make(map[string]int)
	for _, c := range readCombinations(t) {
		if len(c.Made) == 3 {
			triples[c.Scheme]++
			continue
		}
		made[c.Scheme] = append(made[c.Scheme], pairOf(c.Made[0], c.Made[1]))
	}
	for scheme, groups := range programMistakes {
		var possible []string
		for i, group := range groups {
			for _, other := range slices.Concat(groups[i+1:]...) {
				for _, one := range group {
					if !isImpossible(one, other) {
						possible = append(possible, pairOf(one, other))
					}
				}
			}
		}
		assert.ElementsMatch(t, possible, made[scheme], scheme)
	}
	assert.Len(t, made["paylink"], 340)
	assert.Len(t, made["avangate"], 147)
	assert.Equal(t, map[string]int{"paylink": 72, "avangate": 8}, triples)
}

func pairOf(a, b string) string { return min(a, b) + ", " + max(a, b) }
