package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/redact"
	"github.com/countersign/countersign/internal/request"
)

// soapLogin logs in by SOAP, and returns the answer.
func (r *running) soapLogin(t *testing.T, l avangate.Login) string {
	t.Helper()
	_, answer := r.post(t, "/soap/6.0/", "text/xml", fmt.Sprintf(`<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><login xmlns="urn:x"><a>%s</a><a>%s</a><a>%s</a><a>%s</a></login></Body></Envelope>`,
		l.MerchantCode, l.Date, l.Hash.Reveal(), l.Algorithm))
	return answer
}

// TestServeTellsNoSecret has clients that send the secret wherever something can be
// sent. The log, the answer and the page have its place, and not it.
func TestServeTellsNoSecret(t *testing.T) {
	const secret = `t3st.s=cr&t/"k\y%41`
	env := map[string]string{
		"COUNTERSIGN_INSTANCE": "example", "COUNTERSIGN_SECRET": secret,
		"COUNTERSIGN_MERCHANT_CODE": "YOURCODE123", "COUNTERSIGN_SECRET_KEY": secret,
	}
	r := startServe(t, env)
	quoted := func(s string) string {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		return string(text)
	}
	a, err := avangate.New(avangate.Config{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(secret)})
	require.NoError(t, err)
	right, err := a.Login(t.Context())
	require.NoError(t, err)
	_, answer := r.post(t, "/rpc/6.0/", "application/json", `{"method":"login","params":["YOURCODE123","`+right.Date+`","`+right.Hash.Reveal()+`","sha256"]}`)
	session := regexp.MustCompile(`"result":"([0-9A-Z]+)"`).FindStringSubmatch(answer)
	require.NotNil(t, session)
	soap := func(parameter string) string {
		return `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><login xmlns="urn:x">` + strings.Repeat("<a>"+parameter+"</a>", 4) + `</login></Body></Envelope>`
	}
	inSOAP := regexp.MustCompile(`<loginReturn[^>]*>([0-9A-Z]+)<`).FindStringSubmatch(r.soapLogin(t, right))
	require.NotNil(t, inSOAP)
	echoed := func(parameters string) string {
		return `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><x xmlns="urn:x"><a>` + inSOAP[1] + "</a>" + parameters + `</x></Body></Envelope>`
	}

	const json, xml = "application/json", "text/xml"
	escaped, inPath := url.QueryEscape(secret), url.PathEscape(secret)
	for name, c := range map[string]struct{ path, contentType, body, header string }{
		"path":              {"/v1.0/Invoice/" + inPath + "/?instance=example", paylink.FormType, "", ""},
		"path of nobody":    {"/" + inPath, paylink.FormType, "", ""},
		"instance":          {"/v1.0/Invoice/?instance=" + escaped, paylink.FormType, "a=1&ApiSignature=x", ""},
		"query":             {"/v1.0/Invoice/?instance=example&" + escaped + "=" + escaped, paylink.FormType, "a=1&ApiSignature=x", ""},
		"form":              {"/v1.0/Invoice/?instance=example", paylink.FormType, escaped + "=" + escaped + "&ApiSignature=x", ""},
		"signature":         {"/v1.0/Invoice/?instance=example", paylink.FormType, "a=1&ApiSignature=" + escaped, ""},
		"JSON":              {"/v1.0/Invoice/?instance=example", json, `{"a":[` + quoted(secret) + `],"ApiSignature":"x"}`, ""},
		"unsigned":          {"/v1.0/Invoice/?instance=example", paylink.FormType, escaped, ""},
		"X-API-KEY":         {"/v1.0/Invoice/?instance=example", paylink.FormType, "a=" + escaped, "X-Api-Key"},
		"REST":              {"/rest/6.0/" + inPath + "/", json, "", "X-Avangate-Authentication"},
		"login, date":       {"/rpc/6.0/", json, `{"method":"login","params":["YOURCODE123",` + quoted(secret) + `,"aa","sha256"],"id":1}`, ""},
		"login, code":       {"/rpc/6.0/", json, `{"method":"login","params":[` + quoted(secret) + `,"2020-06-18 08:05:46",` + quoted(secret) + `,"sha256"],"id":1}`, ""},
		"JSON-RPC's id":     {"/rpc/6.0/", json, `{"method":"x","params":[],"id":` + quoted(secret) + `}`, ""},
		"JSON-RPC's method": {"/rpc/6.0/", json, `{"method":` + quoted(secret) + `,"params":[` + quoted(session[1]) + `,"x"],"id":1}`, ""},
		"an echo":           {"/rpc/6.0/", json, `{"method":"x","params":[` + quoted(session[1]) + `,` + quoted(secret) + `],"id":1}`, ""},
		"a batch":           {"/rpc/6.0/", json, `[{"method":"x","params":[` + quoted(session[1]) + `,` + quoted(secret) + `],"id":1}]`, ""},
		"SOAP":              {"/soap/6.0/", xml, soap(html.EscapeString(secret)), ""},
		"a SOAP echo":       {"/soap/6.0/", xml, echoed("<a>" + html.EscapeString(secret) + "</a>"), ""},
		"one of a struct":   {"/soap/6.0/", xml, echoed("<a><b>" + html.EscapeString(secret) + "</b></a>"), ""},
		"one in two":        {"/soap/6.0/", xml, echoed("<a><b><![CDATA[" + secret[:5] + "]]><!-- x -->" + html.EscapeString(secret[5:]) + "</b></a>"), ""},
		"SOAP, in two":      {"/soap/6.0/", xml, soap("<![CDATA[" + secret[:5] + "]]>" + html.EscapeString(secret[5:])), ""},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest("POST", r.url+c.path, strings.NewReader(c.body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", c.contentType)
			switch c.header {
			case "X-Api-Key":
				req.Header.Set(c.header, secret)
			case "X-Avangate-Authentication":
				req.Header.Set(c.header, `code="`+strings.ReplaceAll(secret, `"`, "")+`" date='`+secret+`' hash="aa" algo="sha256"`)
			}
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			answer, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			told := map[string]string{"answer": string(answer), "log": r.stdout.String() + r.stderr.String(), "page": r.page(t)}
			for door, text := range told {
				assert.False(t, redact.New(secret).In(text), "%s: %s", door, text)
			}
		})
	}
	assert.Contains(t, r.page(t), auth.Redacted)
	assert.Contains(t, r.stdout.String(), auth.Redacted)
}

// A client may take one gateway's secret for something of the other's. The mistake is
// to sign what is sent, so that the strings to sign are shown.
func TestServeTellsNoSecretOfTheOtherGateway(t *testing.T) {
	const other = "secret-of-the-other"
	r := startServe(t, map[string]string{
		"COUNTERSIGN_INSTANCE": "example", "COUNTERSIGN_SECRET": "test-secret-key",
		"COUNTERSIGN_MERCHANT_CODE": "YOURCODE123", "COUNTERSIGN_SECRET_KEY": other,
	})
	form := "purpose=a%20" + other
	mac := hmac.New(sha256.New, []byte("test-secret-key"))
	mac.Write([]byte(form))
	signature := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	_, answer := r.post(t, "/v1.0/Invoice/?instance=example", request.FormType, form+"&ApiSignature="+signature)
	for _, text := range []string{answer, r.stdout.String(), r.page(t)} {
		assert.Contains(t, text, "a space is signed as %20")
		assert.NotContains(t, text, other)
	}
}

// What an earlier request has sent is kept, and told to who asks for it.
func TestServeTellsNoSecretLater(t *testing.T) {
	const other = "secret-of-the-other"
	r := startServe(t, map[string]string{
		"COUNTERSIGN_INSTANCE": "example", "COUNTERSIGN_SECRET": "test-secret-key",
		"COUNTERSIGN_MERCHANT_CODE": "YOURCODE123", "COUNTERSIGN_SECRET_KEY": other, "COUNTERSIGN_BUY_LINK_SECRET": "test-secret-word",
	})
	signed := func(parameters string) string {
		mac := hmac.New(sha256.New, []byte("test-secret-key"))
		mac.Write([]byte(parameters))
		return strings.TrimPrefix(parameters+"&ApiSignature="+url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))), "&")
	}
	_, made := r.post(t, "/v1.0/Invoice/?instance=example", request.FormType, signed("purpose="+other+"&sku=test%252Dsecret%252Dkey&title=test-secret-word"))
	require.Contains(t, made, `"id":100001`)
	resp, err := http.Get(r.url + "/v1.0/Invoice/?instance=example&" + signed(""))
	require.NoError(t, err)
	defer resp.Body.Close()
	list, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(list), `"id":100001`)
	for _, answer := range []string{made, string(list)} {
		assert.False(t, redact.New("test-secret-key", other, "test-secret-word").In(answer), answer)
	}
	assert.Equal(t, 3, strings.Count(string(list), auth.Redacted), "%s", list)
}

// The reason of a refusal may repeat what was sent, too.
func TestServeTellsNoSecretInAReason(t *testing.T) {
	r := startServe(t, paylinkEnv)
	req, err := http.NewRequest("GET", r.url, nil)
	require.NoError(t, err)
	req.Host = "test-secret-key"
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	e := &exchange{Exchange: authtest.Exchange{Err: errors.New("there is no test-secret-key")}, held: redact.New("test-secret-key")}
	for _, text := range []string{string(answer), r.stdout.String(), r.page(t), e.Reason()} {
		assert.NotContains(t, text, "test-secret-key")
		assert.Contains(t, text, auth.Redacted)
	}
}

// TestServeRedactsAWholeExchange fills in all that an Exchange has: the log and the
// page get it from there.
func TestServeRedactsAWholeExchange(t *testing.T) {
	const told = "parameter \"test-secret-key\" is given twice"
	e := new(exchange)
	fields := reflect.ValueOf(&e.Exchange).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i).Addr().Interface().(type) {
		case *string:
			*f = told
		case *[]string:
			*f = []string{"x", told}
		case *[][2]string:
			*f = [][2]string{{told, told}}
		case *error, *int: // see Reason
		default:
			t.Errorf("a field of the type %T", f)
		}
	}
	e.redact(redact.New("test-secret-key"))
	assert.NotContains(t, fmt.Sprint(e.Exchange), "test-secret-key")
	assert.Equal(t, []string{"x", `parameter "[redacted]" is given twice`}, e.Notes)
}

// TestServeKeepsTheGatewaysWords has a secret that the gateways themselves use as a
// word.
func TestServeKeepsTheGatewaysWords(t *testing.T) {
	r := startServe(t, map[string]string{"COUNTERSIGN_INSTANCE": "example", "COUNTERSIGN_SECRET": "An error occurred"})
	_, answer := r.post(t, "/v1.0/Invoice/?instance=example", paylink.FormType, "a=1&ApiSignature=x")
	assert.Contains(t, answer, "An error occurred: The API secret is not correct.")
	assert.Contains(t, r.stdout.String(), "not the one that the secret gives")
}
