package avangate_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
)

var vectorDate = time.Date(2010, 5, 13, 12, 12, 12, 0, time.UTC)

const (
	loginStart11 = `<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns1="urn:gateway"`
	loginStart12 = `<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:ns1="urn:gateway"`
	loginTypes   = ` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`
	loginEnd     = "</ns1:login></SOAP-ENV:Body></SOAP-ENV:Envelope>\n"
)

// loginParameters writes the four with a prefix and a type.
func loginParameters(prefix, xsiType string) string {
	p := strings.NewReplacer("(/", "</"+prefix, "(", "<"+prefix, ")", ">", "]", xsiType+">")
	return p.Replace("(merchantCode]AVANGATE(/merchantCode)(date]2010-05-13 12:12:12(/date)" +
		"(hash]f4e020856f2f9b33c203af12ff471106415db9d8e20eff9b20e00bb0d8051c8e(/hash)(algo]sha256(/algo)")
}

// The envelopes are as PHP's SoapClient, stubs like gowsdl's, zeep and .NET write
// them.
func TestSessionInSOAPEnvelopes(t *testing.T) {
	encoded11 := loginStart11 + loginTypes + `><SOAP-ENV:Body><ns1:login SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">` +
		loginParameters("", ` xsi:type="xsd:string"`) + loginEnd
	encoded12 := loginStart12 + loginTypes + `><SOAP-ENV:Body><ns1:login SOAP-ENV:encodingStyle="http://www.w3.org/2003/05/soap-encoding">` +
		loginParameters("", ` xsi:type="xsd:string"`) + loginEnd
	document11 := loginStart11 + `><SOAP-ENV:Body><ns1:login>` + loginParameters("ns1:", "") + loginEnd
	document12 := loginStart12 + `><SOAP-ENV:Body><ns1:login>` + loginParameters("ns1:", "") + loginEnd
	rpc11 := loginStart11 + `><SOAP-ENV:Body><ns1:login>` + loginParameters("", "") + loginEnd
	type header = map[string]string
	const plain11, plain12 = "text/xml; charset=utf-8", "application/soap+xml; charset=utf-8"
	for _, test := range []struct {
		file   string
		header header // of the call
		login  string
		want   header // of the login
	}{
		{"php-non-wsdl.xml", header{"SOAPAction": `"urn:gateway#getOrder"`}, encoded11,
			header{"Content-Type": plain11, "Accept": "text/xml", "SOAPAction": `"urn:gateway#login"`}},
		{"php-wsdl-soap12.xml", header{"Content-Type": `application/soap+xml; charset=utf-8; action="urn:gateway#getOrder"`}, encoded12,
			header{"Content-Type": `application/soap+xml; action="urn:gateway#login"; charset=utf-8`, "Accept": "application/soap+xml"}},
		{"php-document.xml", header{"SOAPAction": `"urn:gateway/getOrder"`}, document11,
			header{"Content-Type": plain11, "Accept": "text/xml", "SOAPAction": `"urn:gateway/login"`}},
		{"go-stub.xml", header{"SOAPAction": `""`}, document11,
			header{"Content-Type": plain11, "Accept": "text/xml", "SOAPAction": `""`}},
		{"zeep-rpc.xml", header{"SOAPAction": `"urn:always"`}, rpc11,
			header{"Content-Type": plain11, "Accept": "text/xml", "SOAPAction": `"urn:always"`}},
		{"zeep-document.xml", header{"SOAPAction": `getOrder`}, document11,
			header{"Content-Type": plain11, "Accept": "text/xml", "SOAPAction": `login`}},
		{"dotnet-encoded.xml", header{}, encoded11, header{"Content-Type": plain11, "Accept": "text/xml"}},
		{"dotnet-wcf-soap12.xml", header{"Content-Type": "application/soap+xml", "SOAPAction": "x"}, document12,
			header{"Content-Type": plain12, "Accept": "application/soap+xml"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			envelope := soapBody(t, test.file)
			require.Equal(t, 1, strings.Count(envelope, avangate.Session))
			req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(envelope))
			for key, value := range test.header {
				req.Header.Set(key, value)
			}
			var login string
			var got http.Header
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				login, got = body(t, req), req.Header
				return givesID(req)
			})
			require.NoError(t, authenticator(t, vectorConfig(avangate.SHA2_256)).Authenticate(req, base))
			assert.Equal(t, strings.Replace(envelope, avangate.Session, "ID", 1), body(t, req))
			assert.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+test.login, login)
			want := http.Header{}
			for key, value := range test.want {
				want.Set(key, value)
			}
			assert.Equal(t, want, got)
		})
	}
}

func TestSOAPActionOfTheLoginIsTheCalls(t *testing.T) {
	for name, test := range map[string]struct {
		header http.Header
		want   []string
	}{
		"canonical":             {http.Header{"Soapaction": {`"urn:x"`}}, []string{`"urn:x"`}},
		"as in SOAP":            {http.Header{"SOAPAction": {`"urn:x"`}}, []string{`"urn:x"`}},
		"in HTTP/2":             {http.Header{"soapaction": {`"urn:x"`}}, []string{`"urn:x"`}},
		"another header":        {http.Header{"X-Action": {`"urn:y"`}}, nil},
		"no values":             {http.Header{"Soapaction": {}}, nil},
		"no values, and values": {http.Header{"Soapaction": nil, "SOAPAction": {`"urn:x"`}}, []string{`"urn:x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(soapBody(t, "php-document.xml")))
			req.Header = test.header
			require.NoError(t, authenticator(t, config()).Authenticate(req, roundTripper(func(login *http.Request) (*http.Response, error) {
				assert.Equal(t, test.want, login.Header["Soapaction"])
				return givesID(login)
			})))
		})
	}
}

func TestPlaceOfTheSessionInSOAP(t *testing.T) {
	const start, end = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`, `</e:Body></e:Envelope>`
	for in, want := range map[string]string{
		start + `<m><a>@</a></m>` + end:                                  start + `<m><a>ID</a></m>` + end,
		start + `<!-- @ --><m x="@"><!-- @ --><a x="@">@</a>@</m>`:       start + `<!-- @ --><m x="@"><!-- @ --><a x="@">ID</a>@</m>`,
		start + `<m><a>@</a><b>@</b><a>@</a></m><m><a>@</a></m>` + end:   start + `<m><a>ID</a><b>@</b><a>@</a></m><m><a>@</a></m>` + end,
		start + "<m>\r\n\t<a>@</a>\xff</m>":                              start + "<m>\r\n\t<a>ID</a>\xff</m>",
		`<?xml version="1.0"?><?x @?>` + start + `<m><a>@</a></m>` + end: `<?xml version="1.0"?><?x @?>` + start + `<m><a>ID</a></m>` + end,
		`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Header><m><a>@</a></m></e:Header><Body/><e:Body><m><a>@</a>`: `<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Header><m><a>@</a></m></e:Header><Body/><e:Body><m><a>ID</a>`,
	} {
		req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(mark.Replace(in)))
		require.NoError(t, authenticator(t, config()).Authenticate(req, givesID), "%s", in)
		assert.Equal(t, mark.Replace(want), body(t, req))
	}
}

func TestSOAPWithoutAPlaceIsRefused(t *testing.T) {
	const start, end = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`, `</e:Body></e:Envelope>`
	const noCall, noPlace = "the body is not the call of a method in a SOAP envelope", "the call has no place for it"
	for in, says := range map[string]string{
		"":                 noCall,
		`{"params":["@"]}`: noCall,
		`<m><a>@</a></m>`:  noCall,
		start:              noCall,
		start + end:        noCall,
		start + "@" + end:  noCall,
		start + "<m" + end: noCall,
		`<!DOCTYPE e []>` + start + `<m><a>@</a></m>` + end:                             noCall,
		`<?xml version="1.0" encoding="ISO-8859-1"?>` + start + `<m><a>@</a></m>` + end: noCall,
		strings.Replace(start, "schemas", "other", 1) + `<m><a>@</a></m>` + end:         noCall,
		strings.Replace(start, "e:Body", "Body", 1) + `<m><a>@</a></m></Body>`:          noCall,
		"\xff\xfe" + start + `<m><a>@</a></m>` + end:                                    noCall,
		start + `<m/>` + end:                                     noPlace,
		start + `<m>@</m>` + end:                                 noPlace,
		start + `<m><a/>@</m>` + end:                             noPlace,
		start + `<m><a></a><b>@</b></m>` + end:                   noPlace,
		start + `<m><a> @</a></m>` + end:                         noPlace,
		start + `<m><a>@@</a></m>` + end:                         noPlace,
		start + `<m><a>@<b/></a></m>` + end:                      noPlace,
		start + `<m><a>@<!-- --></a></m>` + end:                  noPlace,
		start + `<m><a><b>@</b></a></m>` + end:                   noPlace,
		start + `<m><a><!--@--></a></m>` + end:                   noPlace,
		start + `<m><a><![CDATA[@]]></a></m>` + end:              noPlace,
		start + `<m><a>&#99;ountersign-session-id</a></m>` + end: noPlace,
		start + `<m><a x="@"/></m>` + end:                        noPlace,
		start + `<m><a>@</b></m>` + end:                          noPlace,
		start + `<m><a>@`:                                        noPlace,
		start + `<Login><a>C</a></Login>` + end:                  noPlace,
	} {
		req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(mark.Replace(in)))
		err := authenticator(t, config()).Authenticate(req, nil)
		require.ErrorIs(t, err, auth.ErrRequest, "%s", in)
		assert.ErrorContains(t, err, "the path is that of a SOAP endpoint, which wants a session, and")
		assert.ErrorContains(t, err, says, "%s", in)
		assert.ErrorContains(t, err, `write avangate.Session, "countersign-session-id", as the call's first parameter, the sessionID`)
	}
}

// What the login repeats of the caller's envelope stays what it was.
func TestSOAPLoginEscapes(t *testing.T) {
	c := config()
	c.MerchantCode = "A<&>B"
	envelope := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><n:m xmlns:n="x&quot;&lt;&amp;"><a>` + avangate.Session + `</a></n:m></e:Body></e:Envelope>`
	req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(envelope))
	var login string
	require.NoError(t, authenticator(t, c).Authenticate(req, roundTripper(func(req *http.Request) (*http.Response, error) {
		login = body(t, req)
		return givesID(req)
	})))
	assert.Contains(t, login, ` xmlns:ns1="x&#34;&lt;&amp;"><SOAP-ENV:Body><ns1:login><merchantCode>A&lt;&amp;&gt;B</merchantCode>`)
}

func TestSOAPLoginWithoutANamespace(t *testing.T) {
	envelope := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><m><a>` + avangate.Session + `</a></m></e:Body></e:Envelope>`
	req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(envelope))
	var login string
	require.NoError(t, authenticator(t, vectorConfig(avangate.SHA2_256)).Authenticate(req, roundTripper(func(req *http.Request) (*http.Response, error) {
		login = body(t, req)
		return givesID(req)
	})))
	assert.Contains(t, login, `envelope/"><SOAP-ENV:Body><login>`+loginParameters("", "")+`</login></SOAP-ENV:Body>`)
}

func TestSOAPFaults(t *testing.T) {
	const fault11 = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>`
	const fault12 = `<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault>`
	for answer, gone := range map[string]bool{
		fault11 + `<faultcode>FORBIDDEN</faultcode></e:Fault></e:Body></e:Envelope>`:                                                                               true,
		fault11 + `<faultstring>x</faultstring><faultcode>e:Client.forbidden</faultcode>`:                                                                          true,
		fault11 + `<faultcode>NOT_ALLOWED</faultcode><faultcode>FORBIDDEN</faultcode>`:                                                                             false,
		fault11 + `<faultstring>FORBIDDEN</faultstring></e:Fault>`:                                                                                                 false,
		fault11 + `<detail><faultcode>FORBIDDEN</faultcode></detail></e:Fault>`:                                                                                    false,
		fault12 + `<e:Code><e:Value>FORBIDDEN</e:Value></e:Code>`:                                                                                                  true,
		fault12 + `<e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>FORBIDDEN</e:Value></e:Subcode></e:Code>`:                                                true,
		fault12 + `<e:Code><e:Value>e:Sender</e:Value></e:Code><e:Reason><e:Text>FORBIDDEN</e:Text></e:Reason>`:                                                    false,
		strings.Replace(fault11, "<e:Body>", "<e:Header><h>FORBIDDEN</h></e:Header><e:Body>", 1) + "<faultcode>FORBIDDEN</faultcode>":                              true,
		`<?xml version="1.0" encoding="iso-8859-1"?>` + fault11 + "<faultcode>FORBIDDEN</faultcode><faultstring>verboten f\xfcr alle</faultstring>":                true,
		`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><r><e:Fault><faultcode>FORBIDDEN</faultcode></e:Fault></r></e:Body></e:Envelope>`: false,
	} {
		w := newWorld(t)
		p := sessionProtocols(t)[1]
		req := httptest.NewRequest("POST", vendor+p.path, strings.NewReader(p.body))
		require.NoError(t, w.account.Authenticate(req, w))
		resp := &http.Response{StatusCode: 500, Body: io.NopCloser(strings.NewReader(answer))}
		assert.Equal(t, gone, w.account.Refused(req, resp), "%s", answer)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, answer, string(got))
	}
}
