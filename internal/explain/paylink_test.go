package explain

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"

	testSecret = "a-test-secret-of-32-bytes-length"
)

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
		"no signature":              {&Paylink{Secret: secret}, post("a=b&c=d+e"), auth.ErrUnsigned, "a=b&c=d%2Be"},
		"no signature in a query":   {&Paylink{Secret: secret}, (&paylinkVector{Method: "GET", URL: "/v1.0/Page/?instance=example&c=d+e"}).request(), auth.ErrUnsigned, "c=d+e"},
		"no signature in JSON":      {&Paylink{Secret: secret}, post(`{"c":"d+e"}`), auth.ErrUnsigned, "c=d%2Be"},
		"two instances":             {&Paylink{Secret: secret}, post("a=b&instance=other&ApiSignature=x"), auth.ErrUnsigned, "a=b"},
		"two instances in JSON":     {&Paylink{Secret: secret}, post(`{"a":"b","instance":"other","ApiSignature":"x"}`), auth.ErrUnsigned, ""},
		"JSON that is too large":    {&Paylink{Secret: secret}, post(`{"a":[` + strings.Repeat("1,", 100_000) + `1],"ApiSignature":"x"}`), auth.ErrUnsigned, ""},
		"no parameters":             {&Paylink{Secret: secret}, post(""), auth.ErrUnsigned, ""},
		"JSON that is none":         {&Paylink{Secret: secret}, malformed, auth.ErrUnsigned, "%7B%22a%22="},
		"no secret":                 {&Paylink{}, post("a=b&ApiSignature=x"), auth.ErrSecret, ""},
		"a secret with a newline":   {&Paylink{Secret: auth.NewSecret(testSecret + "\n")}, post("a=b&ApiSignature=x"), auth.ErrSecret, ""},
		"a body that is too long":   {&Paylink{Secret: secret, MaxBody: 3}, post("a=b&ApiSignature=x"), auth.ErrBody, ""},
		"a body that cannot be had": {&Paylink{Secret: secret}, broken, auth.ErrBody, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := tc.paylink.Request(tc.req)
			require.ErrorIs(t, err, tc.code)
			assert.Contains(t, err.Error(), "countersign: explain "+tc.req.Method)
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
	wrongSecret := []Mistake{paylinkSecret, paylinkChanged}
	for name, tc := range map[string]struct {
		contentType, query, body string
		shown, possibilities     []Mistake
	}{
		"another secret":    {formType, "", "a=b&ApiSignature=" + url.QueryEscape(sign(another, "a=b")), nil, wrongSecret},
		"another signature": {formType, "", "a=b&ApiSignature=none", []Mistake{paylinkForm}, wrongSecret},
		"a plus sign":       {formType, "", "a=b+c&ApiSignature=" + url.QueryEscape(sign(another, "a=b+c")), []Mistake{plusForEither}, wrongSecret},
		// Both must be put right, and the plus sign shows.
		"a mistake and a plus sign": {formType, "", "a=b+~&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b+~")), nil, nil},
		"a plus sign alone":         {formType, "", "a=b+c&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b+c")), nil, nil},
		"a mistake alone":           {formType, "", "a=~&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=~")), nil, nil},
		"another secret, in the query": {
			formType, "ApiSignature=" + url.QueryEscape(sign(another, "a=b")), "a=b", []Mistake{{Name: "the signature is sent in the query, beside a body"}}, wrongSecret},
		// JSON has no plus signs to read in two ways, and no form has to be looked for.
		"JSON with a form's type, and another secret":  {formType, "", inJSON("1+2", sign(another, "a=1%2B2")), []Mistake{mistypedJSON}, wrongSecret},
		"a form with another type, and another secret": {"", "", "a=b&ApiSignature=" + url.QueryEscape(sign(another, "a=b")), []Mistake{mistypedForm}, wrongSecret},
		"a form with another type, and a plus sign":    {"", "", "a=b+c&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b+c")), nil, nil},
		"JSON as multipart":                            {"multipart/form-data", "", inJSON("1+2", sign(testSecret, "a=1%2B2")), nil, nil},
		"JSON as multipart, and another secret":        {"multipart/form-data", "", inJSON("1+2", sign(another, "a=1%2B2")), []Mistake{mistypedJSON}, wrongSecret},
		"a form as multipart, and another secret":      {"multipart/form-data", "", "a=b&ApiSignature=" + url.QueryEscape(sign(another, "a=b")), []Mistake{mistypedForm}, wrongSecret},
		"a form as multipart, and a plus sign":         {"multipart/form-data", "", "a=b+c&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b+c")), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			v := paylinkVector{Method: "POST", URL: "/v1.0/Page/?" + tc.query, Type: tc.contentType, Body: tc.body, Secret: testSecret}
			d := v.explain(t)
			assert.Equal(t, namesOf(tc.shown), namesOf(d.Shown))
			assert.Equal(t, tc.possibilities, d.Possibilities)
		})
	}
}

// TestPaylinkSignedAsItIsEscapedTwice: what is escaped twice may have been signed so, too,
// which is right, and then another mistake beside it is named and none that was not made.
func TestPaylinkSignedAsItIsEscapedTwice(t *testing.T) {
	const twice = "amount=1&url=https%253A%252F%252Fe.com"
	for _, c := range []struct{ secret, signed, want string }{
		{testSecret + "\n", twice, "white space around the secret"},
		{testSecret, twice + "&model=Page", "the model is signed, and not sent"},
		{testSecret, twice + "\n", "a newline is signed behind the parameters"},
	} {
		v := paylinkVector{Method: "POST", URL: "/v1.0/Page/?instance=example", Type: formType, Secret: testSecret,
			Body: twice + "&ApiSignature=" + url.QueryEscape(sign(c.secret, c.signed))}
		d := v.explain(t)
		require.Len(t, d.Findings, 1, d)
		assert.Equal(t, []string{sentTwice.Name, c.want}, namesOf(d.Findings[0].Mistakes))
	}
}

// TestPaylinkShowsNoStringsOfAWrongContentType: what a gateway makes of JSON that it
// reads as multipart is of no use to anybody.
func TestPaylinkShowsNoStringsOfAWrongContentType(t *testing.T) {
	v := paylinkVector{Method: "POST", URL: "/v1.0/Page/", Type: "multipart/form-data", Secret: testSecret,
		Body: fmt.Sprintf(`{"purpose":"1+2","ApiSignature":%q}`, sign(testSecret, "purpose=1%2B2"))}
	d := v.explain(t)
	assert.Equal(t, "purpose=1%2B2", d.StringToSign)
	assert.Equal(t, "the signature is wrong\nmistake: "+mistypedJSON.Name+"\nfix:     "+mistypedJSON.Fix, d.String())
}

// TestPaylinkRightAsTheLiveGatewaysRead: what they take is never called wrong.
func TestPaylinkRightAsTheLiveGatewaysRead(t *testing.T) {
	form := "a=b%20c&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b+c"))
	object := fmt.Sprintf(`{"a":"b c","ApiSignature":%q}`, sign(testSecret, "a=b+c"))
	part := func(name, value string) string {
		return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	for _, v := range []paylinkVector{
		{Method: "GET", URL: "/v1.0/Page/?a=b+c&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b+c"))},
		{Method: "POST", Type: formType, Body: "a=b+c&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b%2Bc")), StringToSign: "a=b%2Bc"},
		{Method: "POST", Type: formType, Body: "a=b%20c&a=b%20c&ApiSignature=" + sign(testSecret, "a=b+c")},
		{Method: "GET", URL: "/v1.0/Page/?a=1", Body: form},
		{Method: "POST", Type: "text/plain", Body: form},
		{Method: "POST", Type: jsonType, Body: form},
		{Method: "POST", Body: form},
		{Method: "PUT", Type: "multipart/form-data", Body: form},
		{Method: "POST", Type: formType + "; charset=iso-8859-1", Body: form},
		{Method: "POST", Type: formType, Body: object},
		{Method: "POST", Type: "text/json", Body: object},
		{Method: "POST", Type: jsonType + "; charset=iso-8859-1", Body: object},
		{Method: "POST", Type: "multipart/form-data; boundary=B", Body: part("z", "") + part("a", "b c") + part("ApiSignature", sign(testSecret, "a=b+c")) + "--B--\r\n"},
	} {
		v.URL, v.Secret = cmp.Or(v.URL, "/v1.0/Page/"), testSecret
		d := v.explain(t)
		assert.NotEmpty(t, d.Notes, "%+v", v)
		d.Notes = nil
		assert.Equal(t, &Diagnosis{Right: true, StringToSign: cmp.Or(v.StringToSign, "a=b+c")}, d, "%+v", v)
	}
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
		"JSON numbers":         list(99_000, "1"),
		"JSON fractions":       list(99_000, "8.10"),
		"JSON nulls":           list(99_000, "null"),
		"JSON literals":        list(99_000, "true"),
		"JSON text":            object(`"` + strings.Repeat("/ ", longest/2) + `"`),
		"many ApiSignatures":   {Type: jsonType, Body: "{" + strings.Repeat(`"ApiSignature":"AAAA=",`, longest/23-10) + `"ApiSignature":"` + claim + `"}`},
		"a long name":          object(`{"` + strings.Repeat(`a\/`, longest/3) + `":1}`),
		"deep JSON":            object(nested(500)),
		"much deep JSON":       list(130, nested(400)),
		"long names":           object("{" + names.String() + `"":""}`),
		"JSON as a form":       {Type: formType, Body: list(99_000, "1").Body},
		"JSON as multipart":    {Type: "multipart/form-data", Body: list(99_000, "1").Body},
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

// TestPaylinkShowsWhatWasSent beside what to send, where a mistake shows in it.
func TestPaylinkShowsWhatWasSent(t *testing.T) {
	long := strings.Repeat("x", maxShown)
	for _, c := range []struct{ body, signed, sent, send, repaired string }{
		{"a=1&name=Hans+Peter", "a=1&name=Hans+Peter", "name=Hans+Peter", "name=Hans%20Peter", "a=1&name=Hans+Peter"},
		{"a=1&name=Hans+Peter~", "a=1&name=Hans+Peter~", "name=Hans+Peter~", "name=Hans%20Peter~", "a=1&name=Hans+Peter%7E"},
		{"a=b%20c&tel=+41", "a=b%20c&tel=%2B41", "tel=+41", "tel=%2B41", ""},
		{"name=Hans%2520Peter", "name=Hans+Peter", "name=Hans%2520Peter", "name=Hans%20Peter", "name=Hans+Peter"},
		{"name=Hans+Peter", "something else", "name=Hans+Peter", "name=Hans%20Peter or name=Hans%2BPeter", ""},
		{"tel=+41", "something else", "tel=+41", "tel=%2041 or tel=%2B41", ""},
		{"tel=+41", "", "tel=+41", "tel=%2041 or tel=%2B41", "tel=+41"},
		{"a=b%20c&tel=+41", "something else", "tel=+41", "tel=%2B41", ""},
		{"name=Hans+Peter" + long, "something else", "", "", ""},
		{"name=Hans%20Peter", "name=Hans%20Peter", "", "", ""},
	} {
		v := paylinkVector{Method: "POST", URL: "/v1.0/Page/", Type: formType, Secret: testSecret, Body: c.body + "&ApiSignature=" + url.QueryEscape(sign(testSecret, c.signed))}
		d := v.explain(t)
		assert.Equal(t, []string{c.sent, c.send}, []string{d.Sent, d.Send}, c.body)
		for _, f := range d.Findings[:min(1, len(d.Findings))] {
			assert.Equal(t, c.repaired, f.Repaired, c.body)
		}
		assert.Equal(t, c.sent != "", strings.Contains(d.String(), "\nsent:    "+c.sent+"\nsend:    "+c.send+"\n") || strings.HasSuffix(d.String(), "\nsend:    "+c.send) && c.send != "")
	}
}
