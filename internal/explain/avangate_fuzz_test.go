package explain

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// FuzzAvangateHeader: whatever the header, Right is what the Verifier says, and what
// was signed is what a Finding says. In the header SHA256 and the like stand for the
// HMAC of the string to sign.
func FuzzAvangateHeader(f *testing.F) {
	functions := map[string]func() hash.Hash{
		"MD5": md5.New, "SHA1": sha1.New, "SHA256": sha256.New, "SHA512": sha512.New,
		"SHA3": func() hash.Hash { return sha3.New256() },
	}
	if fips140.Enforced() { // in which crypto/hmac panics at them
		delete(functions, "MD5")
		delete(functions, "SHA1")
	}
	f.Fuzz(func(t *testing.T, header string) {
		a := exampleAvangate()
		d, _ := a.Header(t.Context(), header)
		var sums []string
		for name, function := range functions {
			mac := hmac.New(function, []byte(avangateKey))
			io.WriteString(mac, d.StringToSign)
			sums = append(sums, hex.EncodeToString(mac.Sum(nil)))
			header = strings.ReplaceAll(header, name+"_", sums[len(sums)-1])
		}
		stringToSign := d.StringToSign
		d, err := a.Header(t.Context(), header)
		if err != nil {
			require.ErrorIs(t, err, auth.ErrUnsigned)
			require.False(t, d.Right)
			return
		}
		req := httptest.NewRequest("GET", "/", nil)
		req.Header["X-Avangate-Authentication"] = []string{header}
		claim, err := (&avangate.Verifier{MerchantCode: a.MerchantCode, SecretKey: a.SecretKey, Now: a.Now}).Verify(req)
		require.Equal(t, err == nil, d.Right)
		if claim.StringToSign != "" {
			require.Equal(t, claim.StringToSign, d.StringToSign)
		}
		if errors.Is(err, auth.ErrClock) {
			require.Len(t, d.Findings, 1)
			require.Len(t, d.Findings[0].Mistakes, 1)
		}
		require.False(t, d.Right && len(d.Findings) > 0)
		for _, finding := range d.Findings {
			require.NotEmpty(t, finding.Mistakes)
			require.Equal(t, difference(d.Wanted(finding), finding.StringToSign), finding.Difference)
			if finding.StringToSign == stringToSign && finding.Difference == -1 {
				digits := strings.ToLower(strings.NewReplacer("-", "", ":", "", " ", "").Replace(header))
				require.True(t, slices.ContainsFunc(sums, func(sum string) bool {
					return strings.Contains(digits, strings.TrimLeft(sum, "0"))
				}), "%+v", finding)
			}
		}
	})
}

// FuzzAvangateRequest: whatever the request, Right is what an emulated gateway with
// the same clock says, and a login that is right is one that it gives a session for.
// In the header and in the body SHA256_ and SHA3_ stand for the HMAC of the string
// to sign.
func FuzzAvangateRequest(f *testing.F) {
	const (
		login    = `{"jsonrpc":"2.0","id":1,"method":"login","params":["YOURCODE123","2026-01-02 03:04:05","SHA256_","sha256"]}`
		getOrder = `{"jsonrpc":"2.0","id":2,"method":"getOrder","params":["none","11331111"]}`
		envelope = `<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns1="urn:x"><SOAP-ENV:Body>%s</SOAP-ENV:Body></SOAP-ENV:Envelope>`
		soapLogin = `<ns1:login><a>YOURCODE123</a><b>2026-01-02 03:04:05</b><c>SHA256_</c><d>sha256</d></ns1:login>`
	)
	for _, c := range []struct{ path, body string }{
		{"/rpc/6.0/", login},
		{"/rpc/6.0", strings.NewReplacer("SHA256_", "SHA3_", "sha256", "sha3-256").Replace(login)},
		{"//order/2.0/rpc/", "[" + getOrder + "," + login + "]"},
		{"/rpc/6.0/", "[" + login + "," + login + "]"},
		{"/rpc/6.0/", `[{},` + login + `]`},
		{"/rpc/6.0/", getOrder},
		{"/rpc/6.0/", strings.Replace(login, "2026-01-02 03", "2026-01-02 04", 1)},
		{"/rpc/6.0/", strings.Replace(login, "YOURCODE123", `YOUR\u0043ODE124`, 1)},
		{"/rpc/6.0/", strings.NewReplacer("method", "METHOD", `,"sha256"`, `,null`).Replace(login)},
		{"/rpc/6.0/", strings.Replace(login, `["YOUR`, `[["YOUR`, 1)},
		{"/soap/6.0/", fmt.Sprintf(envelope, soapLogin)},
		{"/product/1.0/soap/", fmt.Sprintf(envelope, strings.Replace(soapLogin, "YOURCODE123", "<![CDATA[YOUR]]><!-- x -->CODE&#49;23", 1))},
		{"/soap/6.0/", fmt.Sprintf(strings.Replace(envelope, "xmlsoap.org/soap/envelope/", "w3.org/2003/05/soap-envelope", 1), soapLogin+"<getOrder><a>1</a></getOrder>")},
		{"/soap/6.0/", fmt.Sprintf(envelope, "<logout/>"+soapLogin)},
		{"/soap/6.0/", fmt.Sprintf(envelope, soapLogin) + "</x>"},
		{"/soap/6.0/", "<Envelope/>"},
	} {
		f.Add("POST", c.path, "", c.body)
	}
	for _, path := range []string{"/rest/6.0/orders/", "/rest/6.0/orders/17/", "/", "/order/rpc/", "/rpcs/6.0/"} {
		f.Add("GET", path, `code="YOURCODE123" date="2026-01-02 03:04:05" hash="SHA256_" algo="sha256"`, "")
		f.Add("PUT", path, `code='YOURCODE123' date='2026-01-02 03:04:05' hash='SHA3_'algo='sha3-256'`, login)
	}
	functions := map[string]func() hash.Hash{"SHA256": sha256.New, "SHA3": func() hash.Hash { return sha3.New256() }}
	session := regexp.MustCompile(`("result":"|<loginReturn xsi:type="xsd:string">)[0-9A-F]{32}[<"]`)
	f.Fuzz(func(t *testing.T, method, path, header, body string) {
		if len(path)+len(header)+len(body) > 4<<10 {
			return // it is but slow
		}
		request := func() *http.Request {
			req := httptest.NewRequest("POST", "/", strings.NewReader(body))
			req.Method, req.URL.Path = method, path
			req.Header["X-Avangate-Authentication"] = []string{header}
			return req
		}
		a := exampleAvangate()
		sumsOf := func(d *Diagnosis) (sums []string) {
			for name, function := range functions {
				mac := hmac.New(function, []byte(avangateKey))
				io.WriteString(mac, d.StringToSign)
				sums = append(sums, name+"_", hex.EncodeToString(mac.Sum(nil)))
			}
			return sums
		}
		d, _ := a.Request(request())
		signed := strings.NewReplacer(sumsOf(d)...)
		header, body = signed.Replace(header), signed.Replace(body)

		req := request()
		d, err := a.Request(req)
		if err != nil {
			require.ErrorIs(t, err, auth.ErrUnsigned)
		}
		left, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Equal(t, body, string(left))
		if d.Right {
			sums := sumsOf(d)
			require.True(t, strings.Contains(header+body, sums[1]) || strings.Contains(header+body, sums[3]), "%q", d.StringToSign)
			require.Empty(t, d.Findings)
		}

		var seen authtest.Exchange
		gateway := &authtest.Avangate{MerchantCode: a.MerchantCode, SecretKey: a.SecretKey, Now: a.Now, Observe: func(e authtest.Exchange) { seen = e }}
		answer := httptest.NewRecorder()
		gateway.ServeHTTP(answer, request())
		protocol, err := vendor.ProtocolOf(req.URL.EscapedPath())
		if err != nil {
			require.False(t, d.Right)
			return
		}
		if protocol == vendor.REST {
			require.Equal(t, seen.Err == nil || seen.Status == http.StatusNotFound, d.Right, "%v", seen.Err)
			return
		}
		logins := 0
		for _, called := range seen.Methods {
			if called == "login" {
				logins++
			}
		}
		require.Equal(t, logins > 0, d.StringToSign != "", "%q", seen.Methods)
		isAccepted := session.MatchString(answer.Body.String())
		if logins > 1 { // of which the first is explained
			require.True(t, isAccepted || !d.Right)
			return
		}
		require.Equal(t, isAccepted, d.Right, "%v", seen.Err)
		if len(seen.Methods) == 1 && seen.Err == nil {
			require.True(t, d.Right)
		}
		if seen.StringToSign != "" {
			require.Equal(t, seen.StringToSign, d.StringToSign)
		}
	})
}
