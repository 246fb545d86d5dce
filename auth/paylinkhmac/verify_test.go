package paylinkhmac_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
			if c.body == "" {
				assert.Nil(t, req.Body, "there is none to put back")
			}
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
			requireSigned(t, strict, received(t, c.method, c.query, c.contentType, c.body))
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
		{"a member in front of the same", "POST", "", jsonType, object(`"amount":1,"amount":1`, "amount=1"), right("amount=1"), "given twice"},
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
		{"behind a question mark", "POST", "", formType, "?amount=1&" + signedBy("%3Famount=1"), right("?amount=1"), "such as a semicolon"},
		{"behind a question mark in a query", "GET", "?amount=1&" + signedBy("%3Famount=1"), "", "", right("?amount=1"), "such as a semicolon"},
		{"a space as such", "POST", "", formType, "purpose=a b&" + signedBy("purpose=a+b"), right("purpose=a b"), "such as a semicolon"},
		{"the control character behind the tilde as such", "GET", "purpose=~\x7f&" + signedBy("purpose=%7E%7F"), "", "", right("purpose=~\x7f"), "such as a semicolon"},
		{"white space as such", "POST", "", formType, "amount=1\n&" + signedBy("amount=1%0A"), right("amount=1\n"), "such as a semicolon"},
		{"without a name", "POST", "", formType, form + "&=refund", right("amount=1"), "has no name"},
		{"nested 65 deep", "POST", "", formType, bracketed + "&" + form, right("amount=1"), "levels of brackets"},
		{"nested 65 deep, in parts", "POST", "", partsType, parts(bracketed, "amount=1", "ApiSignature="+signatureOf("amount=1")), right("amount=1"), "levels of brackets"},

		{"null", "POST", "", jsonType, object(`"amount":1,"refund":null`, "amount=1"), right("amount=1"), "signed as 1, 0 and nothing"},
		{"an empty array", "POST", "", jsonType, object(`"amount":1,"to": [ ]`, "amount=1"), right("amount=1"), "signed as 1, 0 and nothing"},
		{"an empty object", "POST", "", jsonType, object(`"amount":1,"to":[{}]`, "amount=1"), right("amount=1"), "signed as 1, 0 and nothing"},
		{"true for 1", "POST", "", jsonType, object(`"amount":true`, "amount=1"), right("amount=1"), "signed as 1, 0 and nothing"},
		{"false for 0", "POST", "", jsonType, object(`"amount":false`, "amount=0"), right("amount=0"), "signed as 1, 0 and nothing"},
		{"a number that PHP prints otherwise", "POST", "", jsonType, object(`"amount":1.0`, "amount=1"), right("amount=1"), "PHP prints without"},

		{"an object of our own, sent as a form", "POST", "", formType,
			object(`"amount":100,"purpose":"&amount=1&purpose="`, "amount=100&purpose=%26amount%3D1%26purpose%3D"), right("amount=100", "purpose=&amount=1&purpose="), "its Content-Type"},
		{"a plus sign in a body", "POST", "", formType, "email=a+b%40x.ch&" + signedBy("email=a%2Bb%40x.ch"), right("email=a+b@x.ch"), "and by others as a space"},
		{"a file that is a field to others", "POST", "", partsType,
			strings.Replace(parts("to=x", "amount=1", "ApiSignature="+signatureOf("amount=1")), `name="to"`, `name="to"; filename="x"; filename*=utf-8''x`, 1), right("amount=1"), "Content-Disposition"},
		{"a part that is hidden beside nothing", "POST", "", partsType, "--B\r\nContent-Type: text/plain\r\n\r\nrefund=1\r\n" + parts("ApiSignature="+signatureOf("")), right(), "begins with the header"},
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
		{"parts with an empty one and a wrong signature", "POST", "", partsType, parts("a=1", "b=", "ApiSignature=x"), wrong, ""},
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
		{"as many parameters as PHP takes in a query", "GET", signedBy(numbered(998)) + "&" + numbered(998) + "&instance=example", "", "", right(strings.Split(numbered(998), "&")...), ""},
		{"one more in a query", "GET", signedBy(numbered(999)) + "&" + numbered(999), "", "", right(strings.Split(numbered(999), "&")...), "more than 1000 parameters"},
		{"as many parameters as PHP takes in a form", "POST", "", formType, signedBy(numbered(999)) + "&" + numbered(999), right(strings.Split(numbered(999), "&")...), ""},
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

func TestVerifierRefuses(t *testing.T) {
	signed := func(method, form string) *http.Request {
		req := newRequest(t, method, path, form)
		if method == "GET" {
			req = newRequest(t, method, path+"?"+form, "")
		}
		require.NoError(t, example(t).Authenticate(req, nil))
		return req
	}
	for _, c := range []struct {
		name     string
		request  func() *http.Request
		code     error
		says     string
		verifier *paylinkhmac.Verifier
	}{
		{name: "no signature", request: func() *http.Request { return newRequest(t, "GET", path+"?a=1", "") }, code: auth.ErrUnsigned, says: "there is no ApiSignature"},
		{name: "another secret", request: func() *http.Request { return signed("GET", "a=1") }, code: auth.ErrSignature, says: "not the one",
			verifier: &paylinkhmac.Verifier{Secret: auth.NewSecret("another-secret")}},
		{name: "a changed parameter", request: func() *http.Request {
			req := signed("GET", "amount=200")
			req.URL.RawQuery = strings.Replace(req.URL.RawQuery, "200", "201", 1)
			return req
		}, code: auth.ErrSignature, says: "not the one"},
		{name: "an added parameter", request: func() *http.Request {
			req := signed("GET", "amount=200")
			req.URL.RawQuery += "&x=1"
			return req
		}, code: auth.ErrSignature, says: "not the one"},
		{name: "plus for a space", request: func() *http.Request {
			req := signed("POST", "a=b+c")
			return newRequest(t, "POST", path, strings.Replace(bodyOf(t, req), "%20", "+", 1))
		}, code: auth.ErrSignature, says: "right only if plus signs are decoded"},
		{name: "plus in front of a name", request: func() *http.Request {
			return newRequest(t, "POST", path, "+a=1&"+signedBy("a=1"))
		}, code: auth.ErrSignature, says: "right only if plus signs are decoded"},
		{name: "a plus sign in JSON that would be a form's", request: func() *http.Request {
			return received(t, "POST", "", jsonType, `{"+":"&`+signedBy("%7B%22_%22%3A%22=&b=%22%2C%22ApiSignature%22%3A%22x%22%7D")+`&b=","ApiSignature":"x"}`)
		}, code: auth.ErrSignature, says: "not the one"},
		{name: "a plus sign in the query beside a form", request: func() *http.Request {
			return received(t, "POST", "a=b+c&"+signedBy("a=b%2Bc"), formType, "a=1&ApiSignature=x")
		}, code: auth.ErrSignature, says: "not the one"},
		{name: "an unescaped signature", request: func() *http.Request {
			req := signed("GET", "model=SignatureCheck")
			req.URL.RawQuery = strings.ReplaceAll(req.URL.RawQuery, "%2B", "+")
			return req
		}, code: auth.ErrSignature, says: "right only if plus signs are kept"},
		{name: "the signature in the query of a request with a body", request: func() *http.Request {
			get := signed("GET", "a=1")
			return newRequest(t, "POST", get.URL.String(), "a=1")
		}, code: auth.ErrUnsigned, says: "there is no ApiSignature"},
		{name: "a Content-Type that is given twice", request: func() *http.Request {
			req := signed("POST", "a=1")
			req.Header["content_type"] = []string{"multipart/form-data; boundary=B"}
			return req
		}, code: auth.ErrUnsigned, says: "Content-Type 2 times"},
		{name: "multipart without a boundary", request: func() *http.Request {
			req := signed("POST", "a=1")
			req.Header.Set("Content-Type", "multipart/form-data")
			return req
		}, code: auth.ErrUnsigned, says: "boundary"},
		{name: "a signature in brackets", request: func() *http.Request { return newRequest(t, "GET", path+"?ApiSignature[a]=1", "") }, code: auth.ErrSignature, says: "not the one"},
		{name: "too long", request: func() *http.Request { return signed("POST", "a=1") }, code: auth.ErrBody, says: "longer",
			verifier: &paylinkhmac.Verifier{Secret: auth.NewSecret(secret), MaxBody: 10}},
		{name: "no secret", request: func() *http.Request { return signed("GET", "a=1") }, code: auth.ErrSecret, says: "no secret",
			verifier: &paylinkhmac.Verifier{MaxBody: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			verifier := cmp.Or(c.verifier, &paylinkhmac.Verifier{Secret: auth.NewSecret(secret)})
			found, err := verifier.Verify(c.request())
			require.ErrorIs(t, err, c.code)
			assert.ErrorContains(t, err, c.says)
			assert.NotNil(t, found)
			if e, ok := errors.AsType[*auth.Error](err); assert.True(t, ok) {
				assert.True(t, strings.HasPrefix(e.Op, "verify "))
			}
		})
	}
}

func TestVerificationTellsTheOperator(t *testing.T) {
	verifier := &paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}
	form := url.Values{"fields[email][value]": {"a%b"}, "z": {""}}
	req := newRequest(t, "POST", path+"?instance=example", form.Encode())
	found, err := verifier.Verify(req)
	require.ErrorIs(t, err, auth.ErrUnsigned)
	assert.Equal(t, "example", found.Instance)
	assert.Empty(t, found.StringToSign, "without a signature nothing is written")
	for range found.Parameters() {
		t.Error("nor listed")
	}

	req = newRequest(t, "POST", path+"?instance=example", form.Encode()+"&ApiSignature=wrong")
	found, err = verifier.Verify(req)
	require.ErrorIs(t, err, auth.ErrSignature)
	assert.Equal(t, "example", found.Instance)
	assert.Equal(t, "fields%5Bemail%5D%5Bvalue%5D=a%25b&z=", found.StringToSign)
	assert.Equal(t, []string{"fields[email][value]=a%b", "z="}, parametersOf(found))
	for name := range found.Parameters() {
		assert.Equal(t, "fields[email][value]", name, "one may stop at the first")
		break
	}
}
