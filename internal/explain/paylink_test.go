package explain

import (
	"bytes"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/internal/phptest"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"

	testSecret = "a-test-secret-of-32-bytes-length"
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

// runPaylinkScript returns what a script in testdata prints. Where it cannot be
// run, the test is skipped.
func runPaylinkScript(t *testing.T, command ...string) string {
	switch command[0] {
	case "php":
		php := phptest.Require(t, "php")
		if exec.CommandContext(t.Context(), php, "-n", "-d", "extension=curl", "-r", `exit(class_exists("CURLFile") ? 0 : 1);`).Run() != nil {
			t.Skip("PHP has no curl here: install Debian's php-curl to run this test")
		}
	case "sh":
		requireProgram(t, "openssl")
		requireProgram(t, "sh")
	default:
		requireProgram(t, command[0])
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = "testdata"
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

func requireProgram(t *testing.T, name string) {
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("no %s here: install it to run this test", name)
	}
}

// TestPaylinkVectorsAreWhatTheScriptsPrint fails if the committed vectors are not
// those of the languages that are installed.
func TestPaylinkVectorsAreWhatTheScriptsPrint(t *testing.T) {
	for file, command := range paylinkScripts {
		t.Run(file, func(t *testing.T) {
			got := runPaylinkScript(t, command...)
			want, err := os.ReadFile(filepath.Join("testdata", file))
			require.NoError(t, err)
			assert.Equal(t, string(want), got, "in testdata, run %s > %s", strings.Join(command, " "), file)
		})
	}
}

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
	assert.Equal(t, difference(v.StringToSign, v.Signed), f.Difference)
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

// wireOf returns a query as it travels.
func wireOf(query string) string { return strings.ReplaceAll(query, "+", "%20") }

// TestPaylinkMistakesHaveVectors: no mistake is in the table that no other language
// has been seen to make.
func TestPaylinkMistakesHaveVectors(t *testing.T) {
	made := map[string]bool{"signed as PathEscape of Go escapes": true} // see TestPaylinkMistakesOfGo
	for file := range paylinkScripts {
		for _, v := range readPaylinkVectors(t, file) {
			if len(v.Mistakes) == 1 {
				made[v.Mistakes[0]] = true
			}
		}
	}
	known := []Mistake{paylinkForm, paylinkSecret, paylinkChanged}
	for _, r := range paylinkRows {
		assert.True(t, made[r.Name], r.Name)
		known = append(known, r.Mistake)
	}
	for _, m := range known {
		assert.Regexp(t, `^[^A-Z]|^(MD5|SHA)`, m.Name)
		assert.Regexp(t, `^[A-Z].*\.$`, m.Fix)
	}
}

const paylinkCount = 10_000

// TestPaylinkRightSignaturesOfPHP: what PHP signs is never called wrong.
func TestPaylinkRightSignaturesOfPHP(t *testing.T) {
	command := append(slices.Clone(paylinkScripts["paylink_php.json"]), strconv.Itoa(paylinkCount))
	count := 0
	for line := range strings.Lines(runPaylinkScript(t, command...)) {
		var v paylinkVector
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		require.Equal(t, &Diagnosis{Right: true, StringToSign: v.StringToSign}, v.explain(t), line)
		count++
	}
	assert.Equal(t, paylinkCount, count)
}

// TestPaylinkRightSignatures: nor is what Go signs.
func TestPaylinkRightSignatures(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range paylinkCount {
		v := randomPaylinkVector(r, 6, func(query string) string { return sign(testSecret, query) })
		require.Equal(t, &Diagnosis{Right: true, StringToSign: v.StringToSign}, v.explain(t), "%+v", v)
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
			for i := range randomKeys() / parts {
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
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "~", "%7E") }
	var query, members []string
	for i := range r.IntN(most) {
		name, value := fmt.Sprintf("p%d", i), randomText(r, r.IntN(8))
		quoted, _ := json.Marshal(value)
		if r.IntN(4) == 0 {
			query = append(query, escape(name+"[a b]")+"="+escape(value))
			members = append(members, fmt.Sprintf(`%q: {"a b": %s}`, name, quoted))
			continue
		}
		query = append(query, escape(name)+"="+escape(value))
		members = append(members, fmt.Sprintf(`%q: %s`, name, quoted))
	}
	path := "/api?"
	if most > 2 {
		path = "/v1.0/Page/17/?instance=example&"
	}
	v := &paylinkVector{Method: "POST", URL: path, Type: formType, Secret: testSecret, StringToSign: strings.Join(query, "&")}
	signature := sign(v.StringToSign)
	v.Body = wireOf(strings.Join(append(query, "ApiSignature="+escape(signature)), "&"))
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

func TestPaylinkRequestPutsTheBodyBack(t *testing.T) {
	for _, body := range []string{"a=b&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b")), "a=b&ApiSignature=x", "a=b"} {
		v := paylinkVector{Method: "POST", URL: "/v1.0/Page/", Type: formType, Body: body}
		req := v.request()
		(&Paylink{Secret: auth.NewSecret(testSecret)}).Request(req)
		got, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		assert.Equal(t, body, string(got))
	}
}

func TestPaylinkErrors(t *testing.T) {
	secret := auth.NewSecret(testSecret)
	post := func(body string) *http.Request {
		return (&paylinkVector{Method: "POST", URL: "/v1.0/Page/?instance=example", Type: formType, Body: body}).request()
	}
	broken := post("")
	broken.Body, broken.ContentLength = io.NopCloser(iotest.ErrReader(errors.New("broken pipe"))), -1
	malformed := post(`{"a"`)
	malformed.Header.Set("Content-Type", jsonType)
	for name, tc := range map[string]struct {
		paylink      *Paylink
		req          *http.Request
		code         error
		stringToSign string
	}{
		"no signature":              {&Paylink{Secret: secret}, post("a=b&c=d+e"), auth.ErrUnsigned, "a=b&c=d+e"},
		"no parameters":             {&Paylink{Secret: secret}, post(""), auth.ErrUnsigned, ""},
		"parameters that are not":   {&Paylink{Secret: secret}, malformed, auth.ErrUnsigned, ""},
		"no secret":                 {&Paylink{}, post("a=b&ApiSignature=x"), auth.ErrSecret, ""},
		"a secret with a newline":   {&Paylink{Secret: auth.NewSecret(testSecret + "\n")}, post("a=b&ApiSignature=x"), auth.ErrSecret, ""},
		"a body that is too long":   {&Paylink{Secret: secret, MaxBody: 3}, post("a=b&ApiSignature=x"), auth.ErrBody, ""},
		"a body that cannot be had": {&Paylink{Secret: secret}, broken, auth.ErrBody, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := tc.paylink.Request(tc.req)
			require.ErrorIs(t, err, tc.code)
			assert.Contains(t, err.Error(), "countersign: explain POST")
			assert.Equal(t, &Diagnosis{StringToSign: tc.stringToSign}, d)
		})
	}
}

func TestPaylinkParameters(t *testing.T) {
	p := &Paylink{Secret: auth.NewSecret(testSecret)}
	const query = "purpose=Order+17&email%5B0%5D=a%40b.c&~=1"
	const stringToSign = "purpose=Order+17&email%5B0%5D=a%40b.c&%7E=1"
	for name, tc := range map[string]struct {
		parameters, signature string
		mistakes              []string
	}{
		"right":                         {query, sign(testSecret, stringToSign), nil},
		"right, with %20":               {wireOf(query), sign(testSecret, stringToSign), nil},
		"right, with an instance":       {"instance=example&" + query, sign(testSecret, stringToSign), nil},
		"right, with a wrong signature": {query + "&ApiSignature=wrong", sign(testSecret, stringToSign), nil},
		"~":                             {query, sign(testSecret, query), []string{"~ is not escaped (Go, Python, qs)"}},
		"the instance":                  {"instance=example&" + query, sign(testSecret, "instance=example&"+stringToSign), []string{"the instance is signed"}},
		"a signature that is escaped":   {query, url.QueryEscape(sign(testSecret, stringToSign)), []string{"the signature is sent escaped twice"}},
		"a signature with a newline":    {query, sign(testSecret, stringToSign) + "\n", []string{"white space around the signature"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := p.Parameters(t.Context(), tc.parameters, tc.signature)
			require.NoError(t, err)
			assert.Equal(t, stringToSign, d.StringToSign)
			assert.Equal(t, tc.mistakes == nil, d.Right)
			if tc.mistakes != nil {
				require.NotEmpty(t, d.Findings)
				assert.Equal(t, tc.mistakes, namesOf(d.Findings[0].Mistakes))
			}
		})
	}
	d, err := p.Parameters(t.Context(), query, "")
	require.ErrorIs(t, err, auth.ErrUnsigned)
	assert.Equal(t, new(Diagnosis), d)
	_, err = (&Paylink{}).Parameters(t.Context(), query, "x")
	require.ErrorIs(t, err, auth.ErrSecret)
	assert.Contains(t, err.Error(), "explain parameters")
}

func TestPaylinkPossibilities(t *testing.T) {
	const another = "another-secret-of-the-same-place"
	inJSON := func(value, signature string) string {
		return fmt.Sprintf(`{"a":%q,"ApiSignature":%q}`, value, signature)
	}
	for name, tc := range map[string]struct {
		contentType, query, body string
		possibilities            []Mistake
	}{
		"another secret":    {formType, "", "a=b&ApiSignature=" + url.QueryEscape(sign(another, "a=b")), []Mistake{paylinkSecret, paylinkChanged}},
		"another signature": {formType, "", "a=b&ApiSignature=none", []Mistake{paylinkForm, paylinkSecret, paylinkChanged}},
		"a plus sign":       {formType, "", "a=b+c&ApiSignature=" + url.QueryEscape(sign(another, "a=b+c")), []Mistake{plusForSpace, paylinkSecret, paylinkChanged}},
		// Both must be put right, and only one is reproduced.
		"a mistake and a plus sign": {formType, "", "a=b+~&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b+~")), []Mistake{plusForSpace}},
		"a plus sign alone":         {formType, "", "a=b+c&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b+c")), nil},
		"a mistake alone":           {formType, "", "a=~&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=~")), nil},
		"another secret, in the query": {
			formType, "ApiSignature=" + url.QueryEscape(sign(another, "a=b")), "a=b", []Mistake{paylinkSecret, paylinkChanged}},
		// JSON has no plus signs to read in two ways, and no form has to be looked for.
		"JSON with a form's type":                      {formType, "", inJSON("1+2", sign(testSecret, "a=1%2B2")), nil},
		"JSON with a form's type, and another secret":  {formType, "", inJSON("1+2", sign(another, "a=1%2B2")), []Mistake{mistypedJSON, paylinkSecret, paylinkChanged}},
		"a form with another type, and another secret": {"", "", "a=b&ApiSignature=" + url.QueryEscape(sign(another, "a=b")), []Mistake{mistypedForm, paylinkSecret, paylinkChanged}},
		"a form with another type, and a plus sign":    {"", "", "a=b+c&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b+c")), []Mistake{plusForSpace}},
	} {
		t.Run(name, func(t *testing.T) {
			v := paylinkVector{Method: "POST", URL: "/v1.0/Page/?" + tc.query, Type: tc.contentType, Body: tc.body, Secret: testSecret}
			assert.Equal(t, tc.possibilities, v.explain(t).Possibilities)
		})
	}
}

// TestPaylinkShowsNoStringsOfAWrongContentType: what a gateway makes of JSON that it
// reads as a form is of no use to anybody.
func TestPaylinkShowsNoStringsOfAWrongContentType(t *testing.T) {
	v := paylinkVector{Method: "POST", URL: "/v1.0/Page/", Type: formType, Secret: testSecret,
		Body: fmt.Sprintf(`{"purpose":"1+2","ApiSignature":%q}`, sign(testSecret, "purpose=1%2B2"))}
	d := v.explain(t)
	assert.Equal(t, "purpose=1%2B2", d.StringToSign)
	assert.Equal(t, "the signature is wrong\nmistake: "+mistypedJSON.Name+"\nfix:     "+mistypedJSON.Fix, d.String())
}

// largePaylinkVectors are what takes long to explain: much of everything, and a
// signature that nothing gives. A scale of 1 is the largest that there is.
func largePaylinkVectors(scale int) map[string]*paylinkVector {
	const claim = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
	form := func(count int, value string) *paylinkVector {
		var b strings.Builder
		for i := range count {
			fmt.Fprintf(&b, "p%d%%5Bk%d%%5D=%s&", i%37, i, value)
		}
		return &paylinkVector{Type: formType, Body: b.String() + "ApiSignature=" + url.QueryEscape(claim)}
	}
	object := func(value string) *paylinkVector {
		return &paylinkVector{Type: jsonType, Body: `{"a":` + value + `,"ApiSignature":"` + claim + `"}`}
	}
	list := func(count int, element string) *paylinkVector {
		return object("[" + strings.Repeat(element+",", count) + element + "]")
	}
	nested := func(depth int) string { return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) }
	var names, parts strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&names, `"%d%s":"b ~",`, i, strings.Repeat("[~ü]", 400/scale))
	}
	for i := range 998 {
		fmt.Fprintf(&parts, "--B\r\nContent-Disposition: form-data; name=\"p%d\"\r\n\r\n%s\r\n", i, strings.Repeat("b ~", 2500/scale))
	}
	fmt.Fprintf(&parts, "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n\r\n--B\r\n"+
		"Content-Disposition: form-data; name=\"ApiSignature\"\r\n\r\n%s\r\n--B--\r\n", claim)
	longest := paylinkhmac.DefaultMaxBody/scale - 100
	vectors := map[string]*paylinkVector{
		"1000 parameters":      form(998, "a%20b~"),
		"1000 long parameters": form(998, strings.Repeat("%7E", 2700/scale)),
		"a long value":         form(1, strings.Repeat("a", longest)),
		"spaces":               form(1, strings.Repeat("+", longest)),
		"escapes":              form(1, strings.Repeat("%C3%BC%20%25", longest/12)),
		"HTML":                 form(1, strings.Repeat("%26amp;%22", (1<<20)/16/scale)),
		"bytes":                form(1, strings.Repeat("\xfc", longest)),
		"ampersands":           form(1, strings.Repeat("&", longest)),
		"JSON numbers":         list(900_000/scale, "1"),
		"JSON fractions":       list(700_000/scale, "8.10"),
		"JSON nulls":           list(900_000/scale, "null"),
		"JSON literals":        list(900_000/scale, "true"),
		"JSON text":            object(`"` + strings.Repeat("/ ", longest/2) + `"`),
		"many ApiSignatures":   {Type: jsonType, Body: "{" + strings.Repeat(`"ApiSignature":"AAAA=",`, longest/23-10) + `"ApiSignature":"` + claim + `"}`},
		"a long name":          object(`{"` + strings.Repeat(`a\/`, longest/3) + `":1}`),
		"deep JSON":            object(nested(500)),
		"much deep JSON":       list(130, nested(400)),
		"long names":           object("{" + names.String() + `"":""}`),
		"JSON as a form":       {Type: formType, Body: list(900_000/scale, "1").Body},
		"1000 parts":           {Type: "multipart/form-data; boundary=B", Body: parts.String()},
	}
	for _, v := range vectors {
		v.Method, v.URL, v.Secret = "POST", "/v1.0/Gateway/17/?instance=example", testSecret
	}
	return vectors
}

// TestPaylinkWorkIsBounded: what is too large is not tried, and that is said.
func TestPaylinkWorkIsBounded(t *testing.T) {
	for name, v := range largePaylinkVectors(8) {
		t.Run(name, func(t *testing.T) {
			d := v.explain(t)
			assert.False(t, d.Right)
			assert.Empty(t, d.Findings)
			assert.Equal(t, name != "deep JSON", d.Incomplete)
		})
	}
}

// TestPaylinkFindsMistakesInLargeRequests: every single one is tried, though not all
// pairs are.
func TestPaylinkFindsMistakesInLargeRequests(t *testing.T) {
	long := strings.Repeat("a", 256<<10)
	for name, signature := range map[string]string{
		"the instance is signed":                    sign(testSecret, "a=b+c%7E&d="+long+"&instance=example"),
		"~ is not escaped (Go, Python, qs)":         sign(testSecret, "a=b+c~&d="+long),
		"nothing is escaped":                        sign(testSecret, "a=b c~&d="+long),
		"a newline is signed behind the parameters": sign(testSecret, "a=b+c%7E&d="+long+"\n"),
		"white space around the secret":             sign(testSecret+"\n", "a=b+c%7E&d="+long),
		"a plain hash is made, and no HMAC":         plainHash("a=b+c%7E&d=" + long),
	} {
		t.Run(name, func(t *testing.T) {
			v := paylinkVector{Method: "POST", URL: "/v1.0/Page/?instance=example", Type: formType, Secret: testSecret,
				Body: "a=b%20c~&d=" + long + "&ApiSignature=" + url.QueryEscape(signature)}
			d := v.explain(t)
			require.NotEmpty(t, d.Findings)
			assert.Equal(t, []string{name}, namesOf(d.Findings[0].Mistakes))
		})
	}
}

func plainHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

const paylinkHelper = "COUNTERSIGN_TEST_HELPER"

// With GODEBUG=fips140=only, crypto/hmac panics at short keys and at functions that
// are not approved, and so do MD5 and SHA-1.
func TestPaylinkInFIPSMode(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperPaylinkFIPS$", "-test.v")
	cmd.Env = append(os.Environ(), paylinkHelper+"=1", "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("FIPS 140 mode cannot be had here: %s", out)
	}
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "--- PASS: TestHelperPaylinkFIPS")
}

func TestHelperPaylinkFIPS(t *testing.T) {
	if os.Getenv(paylinkHelper) == "" {
		return
	}
	if !fips140.Enforced() {
		t.Skip("GODEBUG=fips140=only does not enforce FIPS 140 mode")
	}
	// What is skipped, by the mistake that is not found then.
	const shortKey = "mistakes that make an HMAC key of under 14 bytes"
	forbidden := map[string]string{"MD5 is used": "MD5 is used", "SHA-1 is used": "SHA-1 is used", "the secret is empty, undefined or null": shortKey}
	skipped := make(map[string]bool)
	for file := range paylinkScripts {
		for _, v := range readPaylinkVectors(t, file) {
			i := slices.IndexFunc(v.Mistakes, func(name string) bool { return forbidden[name] != "" })
			if i < 0 {
				checkPaylinkVector(t, &v)
				continue
			}
			d := v.explain(t)
			assert.False(t, d.Right)
			assert.Empty(t, d.Findings)
			assert.Contains(t, d.Skipped, forbidden[v.Mistakes[i]])
			assert.Contains(t, d.String(), forbidden[v.Mistakes[i]])
			skipped[v.Mistakes[i]] = true
		}
	}
	assert.Len(t, skipped, len(forbidden))

	// Swapped, a short string to sign is a short key.
	for _, signature := range []string{sign(testSecret, "a=b"), sign("another-test-secret", "a=b"), strings.Repeat("00", 16), strings.Repeat("0", 40), "none"} {
		v := paylinkVector{Method: "POST", URL: "/v1.0/Page/", Type: formType, Secret: testSecret, Body: "a=b&ApiSignature=" + url.QueryEscape(signature)}
		d := v.explain(t)
		assert.Equal(t, signature == sign(testSecret, "a=b"), d.Right)
		assert.Empty(t, d.Findings)
	}
}

// lies are what may be signed in the place of the string to sign.
var lies = []func(s string) string{
	func(s string) string { return s },
	func(s string) string { return s + "\n" },
	func(s string) string { return "?" + s },
	func(s string) string { return strings.ReplaceAll(s, "+", "%20") },
	func(s string) string { return strings.ReplaceAll(s, "%7E", "~") },
	func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "%5B", "["), "%5D", "]") },
	func(s string) string { return regexp.MustCompile(`%..`).ReplaceAllStringFunc(s, strings.ToLower) },
	func(string) string { return "" },
}

// noLie is for inputs whose signature is the one that they hold.
const noLie = 128

// maxFuzzed bounds an input, in bytes: larger ones are but slower.
const maxFuzzed = 4 << 10

// checkDiagnosis requires what holds of all.
func checkDiagnosis(t *testing.T, d *Diagnosis) {
	if d.Right && len(d.Findings)+len(d.Possibilities) > 0 {
		t.Fatalf("right, and %v", d)
	}
	for _, f := range d.Findings {
		if f.Difference != difference(d.StringToSign, f.StringToSign) {
			t.Fatalf("the difference of %q and %q is not at %d", d.StringToSign, f.StringToSign, f.Difference)
		}
	}
}

// FuzzPaylinkRequest: whatever the request, Right is what the Verifier says, and
// what was signed is what a Finding says.
func FuzzPaylinkRequest(f *testing.F) {
	for file := range paylinkScripts {
		for i, v := range readPaylinkVectors(f, file) {
			f.Add(v.Method == "GET", v.URL, v.Type, []byte(v.Body), uint8(i%len(lies)))
			if i%len(lies) == 0 {
				f.Add(v.Method == "GET", v.URL, v.Type, []byte(v.Body), uint8(noLie))
			}
		}
	}
	f.Fuzz(func(t *testing.T, get bool, target, contentType string, body []byte, lie uint8) {
		u, err := url.Parse(target)
		if err != nil || len(target)+len(contentType)+len(body) > maxFuzzed {
			return
		}
		method := http.MethodPost
		if get {
			method = http.MethodGet
		}
		request := func() *http.Request {
			req := httptest.NewRequest(method, "/", bytes.NewReader(body))
			req.URL = u
			req.Header.Set("Content-Type", contentType)
			return req
		}
		secret := auth.NewSecret(testSecret)
		verifier := &paylinkhmac.Verifier{Secret: secret}
		found, verifyErr := verifier.Verify(request())
		var signed, signature string
		if lie < noLie {
			// A form of the body, with a signature that is known.
			signed = lies[int(lie)%len(lies)](found.StringToSign)
			signature = sign(testSecret, signed)
			body = append(body[:len(body):len(body)], "&ApiSignature="+url.QueryEscape(signature)...)
			contentType = formType
			found, verifyErr = verifier.Verify(request())
		}
		d, err := (&Paylink{Secret: secret}).Request(request())
		if d.Right != (verifyErr == nil) || d.Right && d.StringToSign != found.StringToSign {
			t.Fatalf("%v, %v and %v", d, err, verifyErr)
		}
		if err != nil && !errors.Is(err, auth.ErrUnsigned) {
			t.Fatal(err)
		}
		checkDiagnosis(t, d)
		if lie >= noLie || err != nil {
			return // PHP does not read as far as to the signature
		}
		for _, f := range d.Findings {
			if got := sign(testSecret, f.StringToSign); got == signature && f.StringToSign != signed {
				t.Fatalf("signed was %q and not %q", signed, f.StringToSign)
			} else if got != signature && usesKeyAndHash(f) && bytes.Count(body, []byte("ApiSignature")) == 1 {
				t.Fatalf("%v does not give the signature", f)
			}
		}
	})
}

// FuzzPaylinkParameters: Right is what the Verifier says of the same form, with the
// given signature behind all others, and, of parameters that PHP changes in nothing
// but their escapes, what an HMAC of them says. What is signed otherwise is found.
func FuzzPaylinkParameters(f *testing.F) {
	for i, parameters := range []string{
		"purpose=Order+17&email%5B0%5D=a%40b.c&~=1",
		"instance=example&a=b%20c%7E&ApiSignature=wrong",
		"a=b&a=c&b.c=d&e[]=1&e[]=2&e[x][y]=%C3%BC",
		"amount=8925&currency=CHF&purpose=a~b%2Bc&empty=&none",
		"", "&&=x&%00=1&a%00b=2&%zz=%", "Api%53ignature=x&instance[a]=b",
	} {
		for lie := range lies {
			f.Add(parameters, "", uint8(lie))
		}
		f.Add(parameters, []string{"", "x", strings.Repeat("A", 43) + "="}[i%3], uint8(noLie))
	}
	f.Fuzz(func(t *testing.T, parameters, signature string, lie uint8) {
		// PHP's parse_str reads 1000 parameters, and nothing behind a NUL.
		if len(parameters)+len(signature) > maxFuzzed || strings.Count(parameters, "&") > 900 || strings.Contains(parameters, "\x00") {
			return
		}
		secret := auth.NewSecret(testSecret)
		verify := func() (string, error) {
			form := strings.ReplaceAll(parameters, "+", "%20") + "&ApiSignature=" + url.QueryEscape(signature)
			req := httptest.NewRequest("POST", "/", strings.NewReader(form))
			req.Header.Set("Content-Type", formType)
			found, err := (&paylinkhmac.Verifier{Secret: secret}).Verify(req)
			return found.StringToSign, err
		}
		stringToSign, _ := verify()
		var signed string
		if lie < noLie {
			signed = lies[int(lie)%len(lies)](stringToSign)
			signature = sign(testSecret, signed)
		}
		_, verifyErr := verify()
		d, err := (&Paylink{Secret: secret}).Parameters(t.Context(), parameters, signature)
		if signature == "" {
			require.ErrorIs(t, err, auth.ErrUnsigned)
			require.Equal(t, new(Diagnosis), d)
			return
		}
		require.NoError(t, err)
		require.Equal(t, verifyErr == nil, d.Right)
		require.Equal(t, stringToSign, d.StringToSign)
		checkDiagnosis(t, d)
		if plain, ok := plainQuery(parameters); ok {
			require.Equal(t, plain, d.StringToSign)
			require.Equal(t, sign(testSecret, plain) == signature, d.Right)
		}
		if lie < noLie && signed != stringToSign && !d.Incomplete {
			require.True(t, slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.StringToSign == signed }), "signed was %q, and not\n%v", signed, d)
		}
	})
}

var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// plainQuery returns a form as PHP's urlencode writes it, if each name is plain and
// stands there once.
func plainQuery(form string) (query string, ok bool) {
	var pairs, names []string
	for pair := range strings.SplitSeq(form, "&") {
		name, value, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(value)
		if err != nil || !plainName.MatchString(name) || slices.Contains(names, name) {
			return "", false
		}
		names = append(names, name)
		if name != "instance" && name != "ApiSignature" {
			pairs = append(pairs, name+"="+strings.ReplaceAll(url.QueryEscape(value), "~", "%7E"))
		}
	}
	return strings.Join(pairs, "&"), true
}

// usesKeyAndHash reports whether what was signed was signed as it should be.
func usesKeyAndHash(f Finding) bool {
	for _, m := range f.Mistakes {
		switch m.Fix {
		case secretFix, hashFix, codingFix:
			return false
		}
		if strings.Contains(m.Name, "secret") || strings.Contains(m.Name, "swapped") {
			return false
		}
	}
	return true
}

func BenchmarkExplainPaylink(b *testing.B) {
	vectors := largePaylinkVectors(1)
	vectors["a typical request"] = &paylinkVector{Method: "POST", URL: "/v1.0/Gateway/17/?instance=example", Type: formType, Secret: testSecret,
		Body: "purpose=Order%2017&amount=8925&fields%5Bemail%5D%5Bvalue%5D=max%40example.com&url=https%3A%2F%2Fexample.com%2Fok~1" +
			"&ApiSignature=q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA%3D"}
	for name, v := range vectors {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := v.explain(b); d.Right || len(d.Findings) > 0 {
					b.Fatal(d)
				}
			}
		})
	}
}
