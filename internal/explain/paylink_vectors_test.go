package explain

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// A paylinkVector is a request, as testdata's scripts print it.
type paylinkVector struct {
	Mistakes                []string // none if it is signed rightly
	Method, URL, Type, Body string
	Secret                  string
	StringToSign            string `json:"string_to_sign"` // the gateway's
	Signed                  string // the client's
}

func (v *paylinkVector) request() *http.Request {
	req := httptest.NewRequest(v.Method, v.URL, strings.NewReader(v.Body))
	req.Host = "api.example.com"
	if v.Type != "" {
		req.Header.Set("Content-Type", v.Type)
	}
	return req
}

func (v *paylinkVector) explain(t testing.TB) *Diagnosis {
	d, err := (&Paylink{Secret: auth.NewSecret(v.Secret)}).Request(v.request())
	require.NoError(t, err, "%+v", v)
	return d
}

// paylinkScripts are the scripts in testdata, and how they are run.
var paylinkScripts = map[string][]string{
	"paylink_java.json":    {"java", "Paylink.java"},
	"paylink_node.json":    {"node", "paylink.mjs"},
	"paylink_openssl.json": {"sh", "paylink.sh"},
	"paylink_php.json":     {"php", "-n", "-d", "extension=curl", "paylink.php"},
	"paylink_python.json":  {"python3", "paylink.py"},
}

func readPaylinkVectors(t testing.TB, file string) (vectors []paylinkVector) {
	b, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &vectors))
	require.NotEmpty(t, vectors)
	return vectors
}

func TestPaylinkVectorsAreWhatTheScriptsPrint(t *testing.T) { checkScripts(t, paylinkScripts) }

// TestPaylinkVectors: what other languages sign wrongly is named, first and alone.
func TestPaylinkVectors(t *testing.T) {
	for file := range paylinkScripts {
		t.Run(file, func(t *testing.T) {
			for _, v := range readPaylinkVectors(t, file) {
				checkPaylinkVector(t, &v)
			}
		})
	}
}

func checkPaylinkVector(t *testing.T, v *paylinkVector) {
	d := v.explain(t)
	assert.False(t, d.Right, "%+v", v)
	assert.Equal(t, v.StringToSign, d.StringToSign, "%+v", v)
	if fips140.Enforced() && len(d.Findings) == 0 {
		assert.NotEmpty(t, d.Skipped, "%+v", v)
		return // TestPaylinkInFIPSMode says which may be skipped
	}
	if !assert.Len(t, d.Findings, 1, "%+v\n%v", v, d) {
		return
	}
	f := d.Findings[0]
	assert.Equal(t, v.Mistakes, namesOf(f.Mistakes), "%+v", v)
	assert.Equal(t, v.Signed, f.StringToSign, "%+v", v)
	assert.Equal(t, difference(d.Wanted(f), v.Signed), f.Difference)
	assert.False(t, d.Incomplete, "%+v", v)
	assert.NotContains(t, fmt.Sprintf("%+v", d), v.Secret, "the secret")
	right := sign(v.Secret, v.StringToSign)
	for _, text := range []string{right, url.QueryEscape(right)} {
		assert.NotContains(t, fmt.Sprintf("%+v", d), text, "the right signature")
	}
}

// TestPaylinkMistakesOfGo: Go's own encoders are at hand.
func TestPaylinkMistakesOfGo(t *testing.T) {
	params := url.Values{"purpose": {"~ * !"}, "amount": {"8925"}, "fields[name]": {"Max & Moritz"}}
	pathEscaped := "purpose=" + url.PathEscape("a b~c/d:e*") + "&amount=8925"
	for name, v := range map[string]paylinkVector{
		"~ is not escaped (Go, Python, qs)": {
			Body: wireOf(params.Encode()), Signed: params.Encode()},
		"signed as PathEscape of Go escapes": {
			Body: "purpose=a%20b~c%2Fd%3Ae%2A&amount=8925", Signed: pathEscaped},
		"the parameters are sorted to be signed": {
			Body: "b=2&a=1", Signed: url.Values{"a": {"1"}, "b": {"2"}}.Encode()},
		"the indexes of a list are not signed": {
			Body: "pm%5B%5D=visa&pm%5B%5D=twint", Signed: url.Values{"pm[]": {"visa", "twint"}}.Encode()},
		"signed with small hexadecimal digits": {
			Body: "q=%7e+%2a", Signed: "q=%7e+%2a"},
		"the values are escaped as HTML to be signed": {
			Body: "q=%3C%22%26%27%3E", Signed: url.Values{"q": {html.EscapeString(`<"&'>`)}}.Encode()},
		"the values are escaped as HTML to be sent": {
			Body: url.Values{"q": {html.EscapeString(`<"&'>`)}}.Encode(), Signed: url.Values{"q": {`<"&'>`}}.Encode()},
	} {
		t.Run(name, func(t *testing.T) {
			v.Mistakes = []string{name}
			if strings.Contains(v.Body, "+") {
				v.Mistakes = []string{plusForSpace.Name, name}
			}
			v.Method, v.URL, v.Type, v.Secret = "POST", "/v1.0/Page/", formType, testSecret
			v.Body += "&ApiSignature=" + url.QueryEscape(sign(testSecret, v.Signed))
			v.StringToSign = v.explain(t).StringToSign // PHP's own are in the other vectors
			checkPaylinkVector(t, &v)
		})
	}
}

// TestPaylinkJSONOfGo: as encoding/json writes it, and Gson.
func TestPaylinkJSONOfGo(t *testing.T) {
	plain, err := json.Marshal(map[string]string{"a": "<b>&c/='"})
	require.NoError(t, err)
	indented, err := json.MarshalIndent(map[string]string{"a": "<b>&c/='"}, "", "  ")
	require.NoError(t, err)
	const gson = `{"a":"\u003cb\u003e\u0026c/\u003d\u0027"}` // by its documents
	for _, signed := range []string{string(plain), string(indented), gson} {
		v := paylinkVector{
			Mistakes: []string{"the JSON text is signed, and written anew to be sent"}, Signed: signed,
			Method: "POST", URL: "/v1.0/Page/", Type: jsonType, Secret: testSecret, StringToSign: "a=%3Cb%3E%26c%2F%3D%27",
			Body: fmt.Sprintf(`{"a": "<b>&c\/='", "ApiSignature": %q}`, sign(testSecret, signed)),
		}
		checkPaylinkVector(t, &v)
	}
}

// sign is the scheme, in Go's own terms.
func sign(secret, stringToSign string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(stringToSign))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// escapeAsPHP is PHP's urlencode, in Go's own terms.
func escapeAsPHP(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "~", "%7E") }

// wireOf returns a query as it travels.
func wireOf(query string) string { return strings.ReplaceAll(query, "+", "%20") }

// TestPaylinkMistakesHaveVectors: no mistake is in the table that no other language
// has been seen to make.
func TestPaylinkMistakesHaveVectors(t *testing.T) {
	made := map[string]bool{
		"signed as PathEscape of Go escapes": true, // see TestPaylinkMistakesOfGo
		"the signature is sent in a header":  true, // see TestPaylinkMisplacedCredentials
	}
	for file := range paylinkScripts {
		for _, v := range readPaylinkVectors(t, file) {
			if len(v.Mistakes) == 1 {
				made[v.Mistakes[0]] = true
			}
		}
	}
	var shared []string // whose vectors are the other scheme's
	for _, r := range slices.Concat(paylinkScheme.functionRows(), paylinkScheme.keyingRows()) {
		if r.step == functionStep || r.forbidden {
			shared = append(shared, r.Name)
		}
	}
	known := []Mistake{paylinkForm, paylinkSecret, paylinkChanged, plusForEither}
	for _, r := range slices.Concat(paylinkShown...) {
		assert.True(t, made[r.Name], r.Name)
		known = append(known, r.Mistake)
	}
	for _, r := range paylinkRows {
		assert.True(t, made[r.Name] || slices.Contains(shared, r.Name), r.Name)
		known = append(known, r.Mistake)
	}
	for _, m := range known {
		assert.Regexp(t, `^[^A-Z]|^(MD5|SHA|Keccak|ApiSignature)`, m.Name)
		assert.Regexp(t, `^[A-Z].*\.$`, m.Fix)
	}
}
