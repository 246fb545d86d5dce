package explain

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/internal/phptest"
)

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
		if f.Difference != difference(d.Wanted(f), f.StringToSign) {
			t.Fatalf("the difference of %q and %q is not at %d", d.StringToSign, f.StringToSign, f.Difference)
		}
	}
}

// FuzzPaylinkRequest: whatever the request, Right is what the Verifier says, and
// what was signed is what a Finding says.
func FuzzPaylinkRequest(f *testing.F) {
	for file := range paylinkScripts {
		for i, v := range readPaylinkVectors(f, file) {
			if i%3 > 0 && !phptest.Full() {
				continue // they are alike
			}
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
		verifier := &paylinkhmac.Verifier{Secret: secret, Reading: paylinkhmac.Live}
		found, verifyErr := verifier.Verify(request())
		var signed, signature string
		if lie < noLie {
			// A form of the body, with a signature that is known.
			before, _ := (&Paylink{Secret: secret}).Request(request())
			signed = lies[int(lie)%len(lies)](before.StringToSign)
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
			found, err := (&paylinkhmac.Verifier{Secret: secret, Reading: paylinkhmac.Live}).Verify(req)
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
		if errors.Is(verifyErr, auth.ErrUnsigned) { // two instances
			require.ErrorIs(t, err, auth.ErrUnsigned)
			require.False(t, d.Right)
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
			pairs = append(pairs, name+"="+escapeAsPHP(value))
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
