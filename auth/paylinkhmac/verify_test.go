package paylinkhmac_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

const (
	jsonType  = "application/json"
	partsType = "multipart/form-data; boundary=B"
)

// signatureOf is the scheme, in Go's own terms.
func signatureOf(stringToSign string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(stringToSign))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// signedBy is the signature as a parameter of a query or a form.
func signedBy(stringToSign string) string {
	return "ApiSignature=" + url.QueryEscape(signatureOf(stringToSign))
}

// parts is a multipart body of name=value pairs.
func parts(pairs ...string) string {
	var b strings.Builder
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		fmt.Fprintf(&b, "--B\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", name, value)
	}
	return b.String() + "--B--\r\n"
}

// received makes a request as it arrives at a server.
func received(t testing.TB, method, query, contentType, body string) *http.Request {
	req := newRequest(t, method, path, body)
	req.URL.RawQuery = query
	req.Header.Del("Content-Type")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

func parametersOf(found *paylinkhmac.Verification) (parameters []string) {
	for name, value := range found.Parameters() {
		parameters = append(parameters, name+"="+value)
	}
	return parameters
}

// A reading is what one of the readings makes of a request.
type reading struct {
	code       error // nil if it is right
	parameters []string
}

func right(parameters ...string) reading { return reading{nil, parameters} }

var (
	wrong    = reading{code: auth.ErrSignature}
	unsigned = reading{code: auth.ErrUnsigned}
)

type readingCase struct {
	name, method, query, contentType, body string
	live                                   reading // if it is right with notes, Strict calls it ambiguous
	note                                   string  // a part of one, "" if there is none
}

func (c *readingCase) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		verify := func(reading paylinkhmac.Reading) (*paylinkhmac.Verification, error) {
			req := received(t, c.method, c.query, c.contentType, c.body)
			found, err := (&paylinkhmac.Verifier{Secret: auth.NewSecret(secret), Reading: reading}).Verify(req)
			assert.Equal(t, c.body, bodyOf(t, req), "the body is put back")
			if err != nil {
				assert.NotContains(t, err.Error(), ": :", "an error without an operation")
				assert.True(t, strings.HasPrefix(err.Error(), "countersign: verify "+c.method+": "), "%v", err)
				assert.Equal(t, 1, strings.Count(err.Error(), "countersign: "), "%v", err)
			}
			return found, err
		}
		found, err := verify(paylinkhmac.Live)
		strict, strictErr := verify(paylinkhmac.Strict)
		if c.live.code != nil {
			require.ErrorIs(t, err, c.live.code)
			require.ErrorIs(t, strictErr, c.live.code, "strict")
			assert.Empty(t, found.Notes)
			return
		}
		require.NoError(t, err)
		assert.Equal(t, c.live.parameters, parametersOf(found))
		assert.Equal(t, found.Notes, strict.Notes)
		if c.note == "" {
			require.NoError(t, strictErr, "strict")
			assert.Empty(t, found.Notes)
			assert.Equal(t, c.live.parameters, parametersOf(strict), "strict")
			return
		}
		assert.Contains(t, strings.Join(found.Notes, "\n"), c.note)
		require.ErrorIs(t, strictErr, auth.ErrAmbiguous, "strict")
		assert.NotErrorIs(t, strictErr, auth.ErrSignature)
		assert.ErrorContains(t, strictErr, found.Notes[0])
	})
}

// TestNothingIsSmuggledPastAVerifier: what can be added to a signed request by those
// who have no secret is in no Parameters, and Strict refuses the request.
func TestNothingIsSmuggledPastAVerifier(t *testing.T) {
	bracketed := "refund" + strings.Repeat("[a]", 65) + "=1"
	form := "amount=1&" + signedBy("amount=1")
	object := func(members string, stringToSign string) string {
		return fmt.Sprintf(`{%s,"ApiSignature":%q}`, members, signatureOf(stringToSign))
	}
	for _, c := range []readingCase{
		{"a query beside a form of nothing, POST", "POST", "instance=example&amount=1000", formType, signedBy(""), right(), "in the query, where the gateway does not look"},
		{"a query beside a form of nothing, GET", "GET", "amount=1000", formType, signedBy(""), right(), "in the query, where the gateway does not look"},
		{"a query beside an object of nothing", "POST", "amount=1000", jsonType, object(`"a":"1"`, "a=1"), right("a=1"), "in the query, where the gateway does not look"},
		{"a query beside parts", "POST", "amount=1000", partsType, parts("a=1", "ApiSignature="+signatureOf("a=1")), right("a=1"), "in the query, where the gateway does not look"},
		{"a signature beside a body", "POST", signedBy("amount=1000") + "&amount=1000", formType, form, right("amount=1"), "in the query, where the gateway does not look"},

		{"a name in front of a form's own", "POST", "", formType, "amount=1000&" + form, right("amount=1"), "given twice"},
		{"a name in front of a query's own", "GET", "amount=1000&" + form, "", "", right("amount=1"), "given twice"},
		{"a name in front of a part's own", "POST", "", partsType, parts("amount=1000", "amount=1", "ApiSignature="+signatureOf("amount=1")), right("amount=1"), "given twice"},
		{"a member in front of an object's own", "POST", "", jsonType, object(`"amount":1000,"amount":1`, "amount=1"), right("amount=1"), "given twice"},
		{"a group in front of a value", "POST", "", formType, "amount[a]=1000&" + form, right("amount=1"), `"amount"`},
		{"a signature in front of the own one", "POST", "", formType, "ApiSignature=x&" + form, right("amount=1"), "given twice"},
		{"another signature's part", "POST", "", partsType, parts("ApiSignature=x", "amount=1", "ApiSignature="+signatureOf("amount=1")), right("amount=1"), "ApiSignature"},

		{"behind a NUL byte", "POST", "", formType, form + "\x00&refund=1", right("amount=1"), "NUL byte"},
		{"behind a NUL byte in a query", "GET", form + "\x00&refund=1", "", "", right("amount=1"), "NUL byte"},
		{"a NUL byte in a name", "POST", "", formType, "amount%00refund=1&" + signedBy("amount=1"), right("amount=1"), "NUL byte"},
		{"behind a thousand names", "POST", "", formType, form + strings.Repeat("&=", 1000) + "&refund=1", right("amount=1"), "more than 1000 parameters"},
		{"behind a thousand names in a query", "GET", form + strings.Repeat("&=", 1000) + "&refund=1", "", "", right("amount=1"), "more than 1000 parameters"},
		{"behind a semicolon", "POST", "", formType, "purpose=x;amount=1000&" + signedBy("purpose=x%3Bamount%3D1000"), right("purpose=x;amount=1000"), "such as a semicolon"},
		{"behind a semicolon in a query", "GET", "purpose=x;y&" + signedBy("purpose=x%3By"), "", "", right("purpose=x;y"), "such as a semicolon"},
		{"behind a second equals sign", "POST", "", formType, "amount=1=000&" + signedBy("amount=1%3D000"), right("amount=1=000"), "such as a semicolon"},
		{"white space as such", "POST", "", formType, "amount=1\n&" + signedBy("amount=1%0A"), right("amount=1\n"), "such as a semicolon"},
		{"without a name", "POST", "", formType, form + "&=refund", right("amount=1"), "has no name"},
		{"nested 65 deep", "POST", "", formType, bracketed + "&" + form, right("amount=1"), "levels of brackets"},
		{"nested 65 deep, in parts", "POST", "", partsType, parts(bracketed, "amount=1", "ApiSignature="+signatureOf("amount=1")), right("amount=1"), "levels of brackets"},

		{"null", "POST", "", jsonType, object(`"amount":1,"refund":null`, "amount=1"), right("amount=1"), "signed as 1, 0 and nothing"},
		{"an empty array", "POST", "", jsonType, object(`"amount":1,"to": [ ]`, "amount=1"), right("amount=1"), "signed as 1, 0 and nothing"},
		{"an empty object", "POST", "", jsonType, object(`"amount":1,"to":[{}]`, "amount=1"), right("amount=1"), "signed as 1, 0 and nothing"},
		{"true for 1", "POST", "", jsonType, object(`"amount":true`, "amount=1"), right("amount=1"), "signed as 1, 0 and nothing"},
		{"false for 0", "POST", "", jsonType, object(`"amount":false`, "amount=0"), right("amount=0"), "signed as 1, 0 and nothing"},
		{"a number that PHP prints otherwise", "POST", "", jsonType, object(`"amount":1.0`, "amount=1"), right("amount=1"), "PHP prints in another way"},

		{"an object of our own, sent as a form", "POST", "", formType,
			object(`"amount":100,"purpose":"&amount=1&purpose="`, "amount=100&purpose=%26amount%3D1%26purpose%3D"), right("amount=100", "purpose=&amount=1&purpose="), "its Content-Type"},
		{"a plus sign in a body", "POST", "", formType, "email=a+b%40x.ch&" + signedBy("email=a%2Bb%40x.ch"), right("email=a+b@x.ch"), "and by others as a space"},
		{"a file that is a field to others", "POST", "", partsType,
			strings.Replace(parts("to=x", "amount=1", "ApiSignature="+signatureOf("amount=1")), `name="to"`, `name="to"; filename="x"; filename*=utf-8''x`, 1), right("amount=1"), "Content-Disposition"},
		{"a part that is hidden", "POST", "", partsType, "--B\r\nContent-Type: text/plain\r\n\r\nrefund=1\r\n" + parts("amount=1", "ApiSignature="+signatureOf("amount=1")), right("amount=1"), "begins with the header"},
	} {
		c.run(t)
	}
}

// TestEncodedBodiesAreAmbiguous: what decodes the body before it is read would read
// another one.
func TestEncodedBodiesAreAmbiguous(t *testing.T) {
	for _, edit := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") },
		func(r *http.Request) { r.Trailer = http.Header{"X-Sum": nil} },
	} {
		req := received(t, "POST", "", formType, "a=1&"+signedBy("a=1"))
		edit(req)
		found, err := (&paylinkhmac.Verifier{Secret: auth.NewSecret(secret), Reading: paylinkhmac.Live}).Verify(req)
		require.NoError(t, err)
		assert.Len(t, found.Notes, 1)
		_, err = (&paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}).Verify(req)
		assert.ErrorIs(t, err, auth.ErrAmbiguous)
	}
}

// TestReadings says what is read, and how.
func TestReadings(t *testing.T) {
	form := "a=b%20c&" + signedBy("a=b+c")
	object := fmt.Sprintf(`{"a":"b c","ApiSignature":%q}`, signatureOf("a=b+c"))
	multipart := parts("a=b c", "ApiSignature="+signatureOf("a=b+c"))
	const otherType = "its Content-Type says"
	for _, c := range []readingCase{
		{"a query", "GET", form + "&instance=example", "", "", right("a=b c"), ""},
		{"a query, HEAD", "HEAD", form, "", "", right("a=b c"), ""},
		{"a query, DELETE", "DELETE", form, "", "", right("a=b c"), ""},
		{"a query, POST", "POST", form, "", "", right("a=b c"), "of a POST request stand in the query"},
		{"a query, OPTIONS", "OPTIONS", form, "", "", right("a=b c"), "know no such method"},
		{"a plus sign in a query", "GET", "a=b+c&" + signedBy("a=b+c"), "", "", right("a=b c"), "read as a space"},
		{"a plus sign in a query that is meant", "GET", "a=b+c&" + signedBy("a=b%2Bc"), "", "", wrong, ""},

		{"a form", "POST", "instance=example", formType, form, right("a=b c"), ""},
		{"a form with its charset", "PUT", "", formType + "; charset=UTF-8", form, right("a=b c"), ""},
		{"a form, DELETE", "DELETE", "", formType, form, right("a=b c"), ""},
		{"a form, GET", "GET", "", formType, form, right("a=b c"), "of a GET request stand in the body"},
		{"a form in another charset", "POST", "", formType + "; charset=iso-8859-1", form, right("a=b c"), "charset"},
		{"a form as text", "POST", "", "text/plain", form, right("a=b c"), otherType},
		{"a form as JSON", "PATCH", "", jsonType, form, right("a=b c"), otherType},
		{"a form without a type", "POST", "", "", form, right("a=b c"), "no Content-Type"},
		{"a form with a malformed type", "POST", "", formType + "; charset", form, right("a=b c"), "malformed"},
		{"a form as multipart, PUT", "PUT", "", partsType, form, right("a=b c"), otherType},
		{"a form as multipart, POST", "POST", "", partsType, form, unsigned, ""},
		{"a plus sign for a space in a body", "POST", "", formType, "a=b+c&" + signedBy("a=b+c"), wrong, ""},
		{"a signature first, an instance last", "POST", "", formType, signedBy("a=1") + "&a=1&instance=example", right("a=1"), ""},
		{"nothing but a signature", "POST", "instance=example", formType, signedBy(""), right(), ""},
		{"the body counts", "POST", form, formType, "a=b", unsigned, ""},
		{"even of white space", "GET", form, "", " ", unsigned, ""},
		{"even null", "GET", form, jsonType, "null", unsigned, ""},

		{"an object", "POST", "", jsonType, object, right("a=b c"), ""},
		{"an object, DELETE", "DELETE", "instance=example", jsonType + "; charset=utf-8", object, right("a=b c"), ""},
		{"an object as a form", "POST", "", formType, object, right("a=b c"), otherType},
		{"an object as text", "POST", "", "text/plain", object, right("a=b c"), otherType},
		{"an object, GET", "GET", "", jsonType, object, right("a=b c"), "of a GET request"},
		{"an object's signature that is escaped", "POST", "", jsonType, strings.Replace(object, `"Api`, `"\u0041pi`, 1), right("a=b c"), ""},
		{"a list", "POST", "", jsonType, `["a=1&` + signedBy(`%5B%22a=1`) + `"]`, unsigned, ""},
		{"a text that could be a form", "POST", "", formType, `"&` + signedBy("%22=&x=%22") + `&x="`, unsigned, ""},
		{"an object that could be a form", "POST", "", formType, `{"a":"&` + signedBy("%7B%22a%22%3A%22=&x=%22%7D") + `&x="}`, unsigned, ""},
		{"an object that is none, and a form", "POST", "", formType, `{"a":"&` + signedBy("%7B%22a%22%3A%22=&x=1") + `&x=1`, right(`{"a":"=`, "x=1"), "such as a semicolon"},
		{"an object of Latin-1, which is no JSON", "POST", "", jsonType, strings.Replace(object, "b c", "\xfc", 1), unsigned, ""},
		{"a signature within", "POST", "", jsonType, `{"a":` + object + `}`, unsigned, ""},
		{"a signature that is no text", "POST", "", jsonType, `{"a":1,"ApiSignature":[]}`, wrong, ""},

		{"parts", "POST", "instance=example", partsType, multipart, right("a=b c"), ""},
		{"parts, as their type is written", "POST", "", "Multipart/Form-Data; boundary=B", multipart, right("a=b c"), ""},
		{"parts with an empty one that is signed", "POST", "", partsType, parts("a=1", "b=", "ApiSignature="+signatureOf("a=1&b=")), right("a=1", "b="), ""},
		{"parts with empty ones that are not", "POST", "", partsType, parts("b=", "a=1", "c[d]=", "ApiSignature="+signatureOf("a=1")), right("a=1"), "parts with an empty value"},
		{"what is empty once it is merged", "POST", "", partsType, parts("a=1", "b=2", "b=", "ApiSignature="+signatureOf("a=1")), right("a=1"), "parts with an empty value"},
		{"a form's empty value", "POST", "", formType, "a=1&b=&" + signedBy("a=1"), wrong, ""},
		{"parts of nothing", "POST", "", partsType, parts("ApiSignature=" + signatureOf("")), right(), ""},
		{"parts with an instance", "POST", "", partsType, parts("a=1", "ApiSignature="+signatureOf("a=1"), "instance=example"), right("a=1"), ""},
		{"parts, PUT", "PUT", "", partsType, multipart, unsigned, ""},

		{"an automatic index", "POST", "", formType, "pm%5B%5D=a&" + signedBy("pm%5B0%5D=a"), right("pm[0]=a"), "an index is left out"},
		{"a group that is apart", "POST", "", formType, "a[x]=1&b=2&a[y]=3&" + signedBy("a%5Bx%5D=1&a%5By%5D=3&b=2"), right("a[x]=1", "a[y]=3", "b=2"), "elements of a group are apart"},
		{"a repeated name", "GET", "pm=a&pm=b&" + signedBy("pm=b"), "", "", right("pm=b"), "given twice"},
		{"a dot in a name", "POST", "", formType, "a.b=1&" + signedBy("a_b=1"), right("a_b=1"), "underscore"},
		{"what some clients do not escape", "POST", "", formType, "a=b@c.d:e/f?g,h!*'()$~&" + signedBy("a=b%40c.d%3Ae%2Ff%3Fg%2Ch%21%2A%27%28%29%24%7E"), right("a=b@c.d:e/f?g,h!*'()$~"), ""},
		{"a group", "POST", "", formType, "a[x]=1&a[y]=3&" + signedBy("a%5Bx%5D=1&a%5By%5D=3"), right("a[x]=1", "a[y]=3"), ""},
		{"an image as text", "POST", "", formType, "headerImage=1&" + signedBy("headerImage=1"), right("headerImage=1"), "image"},
		{"ampersands more than are needed", "POST", "", formType, "&a=1&&" + signedBy("a=1") + "&", right("a=1"), ""},
	} {
		c.run(t)
	}
}

// TestUnescapedSignatures: one without a plus sign is right by luck in a query.
func TestUnescapedSignatures(t *testing.T) {
	withPlus, without := "", ""
	for i := 0; withPlus == "" || without == ""; i++ {
		if s := fmt.Sprintf("n=%d", i); strings.Contains(signatureOf(s), "+") {
			withPlus = s
		} else {
			without = s
		}
	}
	unescaped := func(s string) string { return s + "&ApiSignature=" + signatureOf(s) }
	for _, c := range []readingCase{
		{"in a query", "GET", unescaped(without), "", "", right(without), "is not escaped"},
		{"in a query, with a plus sign", "GET", unescaped(withPlus), "", "", wrong, ""},
		{"in a form", "POST", "", formType, unescaped(without), right(without), "is not escaped"},
		{"in a form, with a plus sign", "POST", "", formType, unescaped(withPlus), right(withPlus), "is not escaped"},
		{"with slashes, as some escape", "GET", strings.ReplaceAll(without+"&"+signedBy(without), "%2F", "/"), "", "", right(without), ""},
	} {
		c.run(t)
	}
}

// TestInstances: it is not signed, so that nobody may choose among two.
func TestInstances(t *testing.T) {
	form, object := "a=1&"+signedBy("a=1"), func(members string) string {
		return fmt.Sprintf(`{"a":"1",%s,"ApiSignature":%q}`, members, signatureOf("a=1"))
	}
	for _, c := range []struct {
		name, query, contentType, body, want string // "" if it is wrong
	}{
		{"in the query", "instance=A", formType, form, "A"},
		{"in the body", "", formType, form + "&instance=A", "A"},
		{"in both", "instance=A", formType, form + "&instance=A", "A"},
		{"in both, as each is read", "instance=A+B", formType, form + "&instance=A%20B", "A B"},
		{"two in a body and a query", "instance=A", formType, form + "&instance=B", ""},
		{"two in a query", "instance=A&instance=B", formType, form, ""},
		{"two in a query, there and back", "instance=A&instance=B&instance=A", formType, form, ""},
		{"two in a query without a body", "instance=A&instance=B&" + form, "", "", ""},
		{"the same twice", "instance=A&%69nstance=A", formType, form, "A"},
		{"brackets behind", "instance=A&instance[x]=B", formType, form, ""},
		{"brackets before", "instance[x]=B&instance=A", formType, form, ""},
		{"brackets alone", "instance[]=A", formType, form, ""},
		{"brackets in the body", "instance=A", formType, form + "&instance[x]=A", ""},
		{"in an object", "instance=A", jsonType, object(`"instance":"A"`), "A"},
		{"another in an object", "instance=A", jsonType, object(`"instance":"B"`), ""},
		{"two in an object", "", jsonType, object(`"instance":"A","instance":"B"`), ""},
		{"an object in an object", "", jsonType, object(`"instance":{"x":"A"}`), ""},
		{"null in an object", "instance=A", jsonType, object(`"instance":null`), "A"},
		{"in a part", "instance=A", partsType, parts("a=1", "instance=A", "ApiSignature="+signatureOf("a=1")), "A"},
		{"two in parts", "", partsType, parts("a=1", "instance=A", "instance=B", "ApiSignature="+signatureOf("a=1")), ""},
		{"another in a part", "instance=A", partsType, parts("a=1", "instance=B", "ApiSignature="+signatureOf("a=1")), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, reading := range []paylinkhmac.Reading{paylinkhmac.Strict, paylinkhmac.Live} {
				method := "POST"
				if c.body == "" {
					method = "GET"
				}
				found, err := (&paylinkhmac.Verifier{Secret: auth.NewSecret(secret), Reading: reading}).Verify(received(t, method, c.query, c.contentType, c.body))
				assert.Equal(t, c.want, found.Instance)
				switch {
				case c.want == "":
					require.ErrorIs(t, err, auth.ErrUnsigned)
					assert.ErrorContains(t, err, "more than one instance, or one with brackets")
				case reading == paylinkhmac.Live || !errors.Is(err, auth.ErrAmbiguous):
					require.NoError(t, err)
				}
			}
		})
	}
}

// TestNotesHoldNoValues: they are told to operators, as errors are.
func TestNotesHoldNoValues(t *testing.T) {
	const private = "private"
	for name, req := range map[string]*http.Request{
		"a repeated value": received(t, "POST", "b="+private, "text/plain", "a="+private+"&a="+private+"+&"+signedBy("a="+private+"%2B")),
		"JSON":             received(t, "POST", "", "", fmt.Sprintf(`{"a":%q,"a":%[1]q,"b":null,"ApiSignature":%q}`, private, signatureOf("a="+private))),
		"parts":            received(t, "POST", "", partsType, parts("a="+private, "a="+private, "ApiSignature="+signatureOf("a="+private))),
	} {
		found, err := (&paylinkhmac.Verifier{Secret: auth.NewSecret(secret), Reading: paylinkhmac.Live}).Verify(req)
		require.NoError(t, err, name)
		require.NotEmpty(t, found.Notes, name)
		for _, note := range found.Notes {
			assert.NotContains(t, note, private, name)
			assert.NotContains(t, note, secret, name)
			assert.Regexp(t, "^[^A-Z]|^PHP", note)
			assert.NotContains(t, note, "countersign: ")
		}
	}
}

// TestVerifyingIsBounded: 2 MiB of anything, signed or not, are verified in at most
// 64 MiB.
func TestVerifyingIsBounded(t *testing.T) {
	const size, most = 2 << 20, 64 << 20
	fill := func(head, piece, tail string) string {
		return head + strings.Repeat(piece, (size-len(head)-len(tail))/len(piece)) + tail
	}
	const behind = `"ApiSignature":"x"}`
	long := strings.Repeat("[", size/4)
	numbered := func(head, format, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < size-len(tail)-40; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String() + tail
	}
	bodies := map[string][2]string{
		"a list of numbers":               {jsonType, fill("[0", ",0", "]")},
		"an object with a list":           {jsonType, fill(`{"a":[0`, ",0", "],"+behind)},
		"lists that are replaced":         {jsonType, fill("{", `"a":[1,2,3,4,5,6,7,8,9,10,11,12],`, behind)},
		"lists that are replaced, unsaid": {jsonType, fill("{", `"":[[],[]],`, behind)},
		"deep lists":                      {jsonType, fill("[", strings.Repeat("[", 500)+strings.Repeat("]", 500)+",", "1]")},
		"deep objects":                    {jsonType, fill("{", `"a":`+strings.Repeat(`{"a":`, 500)+"1"+strings.Repeat("}", 500)+",", behind)},
		"open lists":                      {jsonType, fill(`{`+behind[:len(behind)-1]+`,"a":`, "[", "")},
		"members":                         {jsonType, numbered("{", `"m%d":1,`, behind)},
		"members again and again":         {jsonType, fill("{", `"m":1,`, behind)},
		"nulls":                           {jsonType, fill(`{"a":[null`, ",null", "],"+behind)},
		"escapes":                         {jsonType, fill(`{"a":"`, `\u00fc`, `",`+behind)},
		"a long value":                    {jsonType, fill(`{"a":"`, "[", `",`+behind)},
		"a long name of many values":      {jsonType, fill(`{"`+long+`":[1,2,3,4,5,6,7,8,9,10],"c":"`, "x", `",`+behind)},
		"a name of 50 bytes, many values": {jsonType, fill(`{"`+strings.Repeat("[", 50)+`":[`, `"",`, `1],`+behind)},
		"as many values as can be":        {jsonType, `{"` + strings.Repeat("[", 30) + `":[` + strings.Repeat("1,", 99_000) + `1],"c":"` + strings.Repeat("x", size-300_000) + `",` + behind},
		"signatures":                      {jsonType, fill("{", `"ApiSignature":"x",`, behind)},
		"a name in escapes":               {jsonType, fill(`{"`, `\u0041`, `":1,`+behind)},
		"no end":                          {jsonType, fill(`{`+behind[:len(behind)-1]+`,"a":[0`, ",0", "")},
		"spaces":                          {jsonType, fill("", " ", "{"+behind)},
		"an object without a signature":   {jsonType, fill(`{"a":[0`, ",0", "]}")},
		"a list that is a form, too":      {jsonType, fill("[0", ",0", `,"&ApiSignature=x&"]`)},
		"parameters":                      {formType, fill("ApiSignature=x", "&0", "")},
		"other parameters":                {formType, numbered("ApiSignature=x", "&%d", "")},
		"nameless parameters":             {formType, fill("ApiSignature=x", "&=", "")},
		"ampersands":                      {formType, fill("ApiSignature=x", "&", "")},
		"plus signs":                      {formType, fill("ApiSignature=x&a=", "+", "")},
		"brackets":                        {formType, fill("ApiSignature=x&a", "[a]", "=1")},
		"long values":                     {formType, fill("ApiSignature=x", "&a[]="+strings.Repeat("~", 2100), "")},
		"long names":                      {formType, fill("ApiSignature=x", "&a["+strings.Repeat("~", 2100)+"][]", "")},
		"a form without a signature":      {formType, fill("a=", "~", "")},
		"parts":                           {partsType, fill("", "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", parts("ApiSignature=x"))},
		"a long part":                     {partsType, fill("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", "~", "\r\n"+parts("ApiSignature=x"))},
		"empty parts":                     {partsType, fill("", "--B\r\nContent-Disposition: form-data; name=\"a[]\"\r\n\r\n\r\n", parts("ApiSignature=x"))},
		"long parts":                      {partsType, fill("", "--B\r\nContent-Disposition: form-data; name=\"a[]\"\r\n\r\n"+strings.Repeat("~", 2100)+"\r\n", parts("ApiSignature=x"))},
	}
	// The same and others, rightly signed.
	value := strings.Repeat("~", size-1000)
	bodies["a signed form"] = [2]string{formType, "a=" + value + "&" + signedBy("a="+strings.ReplaceAll(value, "~", "%7E"))}
	bodies["a signed form, with much behind"] = [2]string{formType, numbered(signedBy("a=1")+"&a=1", "&=%d", "")}
	bodies["a signed part"] = [2]string{partsType, parts("a="+value, "ApiSignature="+signatureOf("a="+strings.ReplaceAll(value, "~", "%7E")))}
	bodies["a signed object"] = [2]string{jsonType, fmt.Sprintf(`{"a":%q,"ApiSignature":%q}`, value, signatureOf("a="+strings.ReplaceAll(value, "~", "%7E")))}
	name, query := strings.Repeat("[", 50), strings.Builder{}
	for i := range 90_000 {
		fmt.Fprintf(&query, "%s%%5B%d%%5D=1&", strings.Repeat("%5B", 50), i)
	}
	bodies["as many signed values as can be"] = [2]string{jsonType, fmt.Sprintf(`{%q:[%s1],"ApiSignature":%q,"b":[]%s}`, name, strings.Repeat("1,", 89_999),
		signatureOf(strings.TrimSuffix(query.String(), "&")), strings.Repeat(" ", size-300_000))}

	for name, body := range bodies {
		require.LessOrEqual(t, len(body[1]), size, name)
		for _, reading := range []paylinkhmac.Reading{paylinkhmac.Live, paylinkhmac.Strict} {
			if reading == paylinkhmac.Strict && !strings.Contains(name, "signed") {
				continue // it reads no further than Live does
			}
			req := received(t, "POST", "instance=example", body[0], body[1])
			verifier := &paylinkhmac.Verifier{Secret: auth.NewSecret(secret), Reading: reading}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			found, err := verifier.Verify(req)
			runtime.ReadMemStats(&after)
			assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(most), "%s, %v", name, reading)
			if testing.Verbose() && reading == paylinkhmac.Live {
				t.Logf("%s: %d KiB, %v, %d bytes to sign", name, (after.TotalAlloc-before.TotalAlloc)>>10, err, len(found.StringToSign))
			}
			if strings.Contains(name, "signed") && reading == paylinkhmac.Live {
				assert.NoError(t, err, name)
			}
		}
	}
}
