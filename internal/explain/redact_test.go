package explain

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// TestNoDiagnosisHoldsTheSecret has clients that send the secret where something else
// belongs. Not even a part of it is shown, as where a text is cut.
func TestNoDiagnosisHoldsTheSecret(t *testing.T) {
	const secret = `t3st+s=cr&t/"k\y%41 <ü`
	quoted := func(s string) string {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		return string(text)
	}
	inBase64 := base64.StdEncoding.EncodeToString([]byte("YOURCODE123:" + secret))
	header := func(code, date string) *http.Request {
		req, _ := http.NewRequest("GET", "/rest/6.0/orders/", nil)
		req.Header.Set("X-Avangate-Authentication", "code='"+code+"' date='"+date+"' hash='aa' algo='sha256'")
		return req
	}
	login := func(values ...string) *http.Request {
		for i := range values {
			values[i] = quoted(values[i])
		}
		req, _ := http.NewRequest("POST", "/rpc/6.0/", strings.NewReader(`{"method":"login","params":[`+strings.Join(values, ",")+`]}`))
		return req
	}
	post := func(contentType, body string) *http.Request {
		req, _ := http.NewRequest("POST", "/v1.0/Invoice/?instance=example", strings.NewReader(body))
		req.Header.Set("Content-Type", contentType)
		return req
	}
	const form, signature = "application/x-www-form-urlencoded", "&ApiSignature=0QEbWTAnBA3yeozdepWvMCFSOQmJSiFAM8abUI%2FLmwU%3D"
	escaped := url.QueryEscape(secret)
	avangate, paylink := &Avangate{SecretKey: auth.NewSecret(secret)}, &Paylink{Secret: auth.NewSecret(secret)}
	for name, c := range map[string]struct {
		request func(*http.Request) (*Diagnosis, error)
		req     *http.Request
	}{
		"code":                 {avangate.Request, header(secret, "2020-06-18 08:05:46")},
		"date":                 {avangate.Request, header("YOURCODE123", secret)},
		"base64":               {avangate.Request, header("YOURCODE123", inBase64)},
		"login":                {avangate.Request, login("YOURCODE123", secret, "aa", "sha256")},
		"login, code":          {avangate.Request, login(secret, "2020-06-18 08:05:46", "aa", "sha256")},
		"login without a hash": {avangate.Request, login(secret, secret)},
		"value":                {paylink.Request, post(form, "a=1&secret="+escaped+signature)},
		"name":                 {paylink.Request, post(form, escaped+"=1"+signature)},
		"value, escaped twice": {paylink.Request, post(form, "a="+url.QueryEscape(escaped)+signature)},
		"value and mistake":    {paylink.Request, post(form, "s="+escaped+"&t="+escaped+"&ApiSignature="+url.QueryEscape(sign(secret, "s="+strings.ReplaceAll(escaped, "+", "%20")+"&t="+escaped)))},
		"JSON":                 {paylink.Request, post("application/json", `{"a":{"secret":`+quoted(secret)+`},"ApiSignature":"x"}`)},
		"unsigned":             {paylink.Request, post(form, "a="+escaped)},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := c.request(c.req)
			assert.True(t, err == nil || strings.Contains(name, "un") || strings.Contains(name, "without"), "%v", err)
			text, err := json.Marshal(d)
			require.NoError(t, err)
			assert.Contains(t, string(text), auth.Redacted)
			told := d.String() + string(text)
			for _, spelling := range []string{secret, escaped, strings.Trim(quoted(secret), `"`), url.QueryEscape(escaped), inBase64[16:40]} {
				for i := range len(spelling) - 8 {
					assert.NotContains(t, told, spelling[i:i+8])
				}
			}
		})
	}
}

// TestNoMistakeNamesTheSecret has it where a parameter is named, which a mistake quotes.
func TestNoMistakeNamesTheSecret(t *testing.T) {
	const secret = "test-secret-key"
	link, err := url.Parse("https://shop.example/back?" + secret + "=1&" + secret + "=2&signature=00")
	require.NoError(t, err)
	for name, explain := range map[string]func(context.Context, *url.URL) (*Diagnosis, error){
		"buy link":   (&BuyLink{SecretWord: auth.NewSecret(secret)}).URL,
		"return URL": (&ReturnURL{SecretWord: auth.NewSecret(secret)}).URL,
	} {
		d, err := explain(t.Context(), link)
		require.NoError(t, err, name)
		assert.Contains(t, d.String(), `parameter "`+auth.Redacted+`" is given twice`, name)
		text, err := json.Marshal(d)
		require.NoError(t, err, name)
		assert.NotContains(t, string(text), secret, name)
	}
}
