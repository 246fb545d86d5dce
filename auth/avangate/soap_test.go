package avangate_test

import (
	"fmt"
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
			header{"Content-Type": plain11, "Accept": "text/xml", "SOAPAction": `""`}},
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
		"canonical":             {http.Header{"Soapaction": {`"urn:x#getOrder"`}}, []string{`"urn:x#login"`}},
		"as in SOAP":            {http.Header{"SOAPAction": {`"urn:x/getOrder"`}}, []string{`"urn:x/login"`}},
		"in HTTP/2":             {http.Header{"soapaction": {`"urn:x:getOrder"`}}, []string{`"urn:x:login"`}},
		"the method alone":      {http.Header{"Soapaction": {`getOrder`}}, []string{`login`}},
		"another header":        {http.Header{"X-Action": {`"urn:y"`}}, nil},
		"no values":             {http.Header{"Soapaction": {}}, nil},
		"no values, and values": {http.Header{"Soapaction": nil, "SOAPAction": {`"urn:x#getOrder"`}}, []string{`"urn:x#login"`}},
		"empty":                 {http.Header{"Soapaction": {`""`}}, []string{`""`}},
		"another version":       {http.Header{"Soapaction": {`"urn:x#getOrder_v2"`}}, []string{`""`}},
		"a longer name":         {http.Header{"Soapaction": {`"urn:x#forgetOrder"`}}, []string{`""`}},
		"a longer name, _":      {http.Header{"Soapaction": {`"urn:x#my_getOrder"`}}, []string{`""`}},
		"no method's":           {http.Header{"Soapaction": {`"urn:always"`}}, []string{`""`}},
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
		start + `<m><a>@</a></m>` + end: start + `<m><a>ID</a></m>` + end,
		start + `<!-- @ --><m xmlns:x="@"><!-- @ --><a xmlns="@">@</a>@<b x="@"/></m>`:                                                 start + `<!-- @ --><m xmlns:x="@"><!-- @ --><a xmlns="@">ID</a>@<b x="@"/></m>`,
		start + `<m><a>@</a><b>@</b><a>@</a></m><m><a>@</a></m>` + end:                                                                 start + `<m><a>ID</a><b>@</b><a>@</a></m><m><a>@</a></m>` + end,
		start + "<m>\r\n\t<a>@</a>\x00</m>":                                                                                            start + "<m>\r\n\t<a>ID</a>\x00</m>",
		`<?xml version="1.0"?><?x @?>` + start + `<m><a>@</a></m>` + end:                                                               `<?xml version="1.0"?><?x @?>` + start + `<m><a>ID</a></m>` + end,
		`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Header><m><a>@</a></m></e:Header><Body/><e:Body><m><a>@</a>`: `<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Header><m><a>@</a></m></e:Header><Body/><e:Body><m><a>ID</a>`,
	} {
		req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(mark.Replace(in)))
		require.NoError(t, authenticator(t, config()).Authenticate(req, givesID), "%s", in)
		assert.Equal(t, mark.Replace(want), body(t, req))
	}
}

func TestSOAPWithoutAPlaceIsRefused(t *testing.T) {
	const start, end = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`, `</e:Body></e:Envelope>`
	const escaped = `in the call of "m" avangate.Session is written with an escape: write`
	const none = `in the call of "m" there is no avangate.Session: write`
	const noCall, elsewhere = "the body is not the call of a method in a SOAP envelope", `in the call of "m" avangate.Session stands in another place, or not alone: write`
	for in, says := range map[string]string{
		`{"params":["@"]}`: noCall,
		`<m><a>@</a></m>`:  noCall,
		start:              noCall,
		start + end:        noCall,
		start + "@" + end:  noCall,
		start + "<m" + end: noCall,
		`<!DOCTYPE e []>` + start + `<m><a>@</a></m>` + end:                     noCall,
		strings.Replace(start, "schemas", "other", 1) + `<m><a>@</a></m>` + end: noCall,
		strings.Replace(start, "e:Body", "Body", 1) + `<m><a>@</a></m></Body>`:  noCall,
		start + `<m/>` + end:                                     none,
		start + `<m>@</m>` + end:                                 elsewhere,
		start + `<m><a/>@</m>` + end:                             elsewhere,
		start + `<m><a></a><b>@</b></m>` + end:                   elsewhere,
		start + `<m><a> @</a></m>` + end:                         `in the call of "m" there is white space around avangate.Session: write`,
		start + `<m><a>@@</a></m>` + end:                         elsewhere,
		start + `<m><a>@<b/></a></m>` + end:                      elsewhere,
		start + `<m><a>@<!-- --></a></m>` + end:                  elsewhere,
		start + `<m><a><b>@</b></a></m>` + end:                   elsewhere,
		start + `<m><a><!--@--></a></m>` + end:                   elsewhere,
		start + `<m><a><![CDATA[@]]></a></m>` + end:              escaped,
		start + `<m><a>&#99;ountersign-session-id</a></m>` + end: escaped,
		start + `<m><a x="@"/></m>` + end:                        elsewhere,
		start + `<m><a>@</b></m>` + end:                          elsewhere,
		start + `<m><a>@`:                                        elsewhere,
		start + `<Login><a>C</a></Login>` + end:                  `in the call of "Login" there is no avangate.Session: write`,
	} {
		req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(mark.Replace(in)))
		err := authenticator(t, config()).Authenticate(req, nil)
		require.ErrorIs(t, err, auth.ErrRequest, "%s", in)
		assert.ErrorContains(t, err, "the path is that of a SOAP endpoint, which wants a session, and")
		assert.ErrorContains(t, err, says, "%s", in)
		assert.ErrorContains(t, err, `write avangate.Session, "countersign-session-id", as the call's first parameter, the sessionID`)
	}
}

// Parsers differ on an encoding that is declared oddly: PHP's SoapServer reads the
// first of those refused in UTF-7, behind a byte order mark, too (measured with PHP
// 8.2).
func TestSOAPIsUTF8ForEveryParser(t *testing.T) {
	const envelope = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><m><a>` + avangate.Session + `</a><b>x</b></m></e:Body></e:Envelope>`
	authenticate := func(body, contentType string) error {
		req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(body))
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		return authenticator(t, config()).Authenticate(req, givesID)
	}
	for _, declaration := range []string{
		"",
		`<?xml version="1.0"?>`,
		`<?xml version="1.0" encoding="UTF-8"?>`,
		`<?xml version='1.0' encoding='utf-8'?>` + "\n",
		"<?xml\tversion = \"1.0\"\r\nencoding\n= 'Utf-8' standalone = 'yes' ?>\n",
		`<?xml version="1.0" standalone="no"?>`,
	} {
		assert.NoError(t, authenticate(declaration+envelope, "text/xml; charset=utf-8"), "%s", declaration)
	}
	for _, declaration := range []string{
		`<?xml version="1.0" encoding = "UTF-7"?>`,
		`<?xml version="1.0" encoding = "ISO-8859-1"?>`,
		`<?xml version="1.0" encoding="ISO-8859-1"?>`,
		`<?xml version="1.0"encoding="UTF-8"?>`,
		`<?xml version="1.0" encoding="UTF-8" encoding = "UTF-7"?>`,
		`<?xml version="1.0" standalone="no" encoding="UTF-7"?>`,
		`<?xml version="1.0" encoding="UTF-8'?>`,
		`<?xml version="1.0" Encoding="UTF-7"?>`,
		`<?xml version="1.1"?>`,
		`<?xml version="1.0" encoding=""?>`,
		"<?xml version=\"1.0\" encoding\f=\"UTF-7\"?>",
		` <?xml version="1.0"?>`,
		`<?xml?>`,
	} {
		err := authenticate(declaration+envelope, "")
		require.ErrorIs(t, err, auth.ErrRequest, "%s", declaration)
		assert.ErrorContains(t, err, "the XML declaration is not of XML 1.0 in UTF-8")
	}
	for _, start := range []string{"\ufeff", "\ufeff" + `<?xml version="1.0" encoding = "UTF-7"?>`} {
		err := authenticate(start+envelope, "")
		require.ErrorIs(t, err, auth.ErrRequest)
		assert.ErrorContains(t, err, "byte order mark")
	}
	for _, text := range []string{"\xff", "J\xfcrg", "\xc0\xae", "\xed\xa0\x80"} {
		err := authenticate(strings.Replace(envelope, "<b>x", "<b>"+text, 1), "")
		require.ErrorIs(t, err, auth.ErrRequest)
		assert.ErrorContains(t, err, "not in UTF-8")
	}
}

// Whatever Content-Type a session's body has, its readers take it for the same text.
func TestContentTypeOfACallWithASession(t *testing.T) {
	for contentType, says := range map[string]string{
		"":                                  "",
		"text/plain":                        "",
		"application/json":                  "",
		"application/json; charset=UTF-8":   "",
		`text/xml;charset="utf-8"`:          "",
		"application/soap+xml; action=x":    "",
		"application/json; charset=utf-16":  "the charset \"utf-16\"",
		"text/xml; charset=utf-7":           "the charset \"utf-7\"",
		"text/xml; charset=iso-8859-1":      "the charset",
		"text/xml; charset=utf-8; charset=": "malformed",
		"text/xml; charset":                 "malformed",
		"application/x-www-form-urlencoded": "as which PHP reads something else",
		"Multipart/Form-Data; boundary=b":   "as which PHP reads something else",
	} {
		for _, p := range sessionProtocols(t)[:2] {
			req := httptest.NewRequest("POST", vendor+p.path, strings.NewReader(p.body))
			if contentType != "" {
				req.Header["content-type"] = []string{contentType}
			}
			err := authenticator(t, config()).Authenticate(req, givesID)
			if says == "" {
				assert.NoError(t, err, contentType)
				continue
			}
			require.ErrorIs(t, err, auth.ErrRequest, contentType)
			assert.ErrorContains(t, err, says)
		}
	}
	req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1")))
	req.Header = http.Header{"Content-Type": {"application/json"}, "content-type": {"application/json"}}
	assert.ErrorContains(t, authenticator(t, config()).Authenticate(req, givesID), "Content-Type 2 times")
	req = httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(soapBody(t, "php-document.xml")))
	req.Header = http.Header{"Soapaction": {"a", "b"}}
	assert.ErrorContains(t, authenticator(t, config()).Authenticate(req, givesID), "SOAPAction 2 times")
}

// By an attribute an element can be referred to, or be another's value: PHP's
// SoapServer reads id, href, ref and xsi:nil so (measured with PHP 8.2).
func TestNoAttributeMovesTheSession(t *testing.T) {
	const namespaces = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"`
	authenticate := func(space string, place int, attribute string) error {
		attributes := make([]any, 4)
		for i := range attributes {
			attributes[i] = ""
		}
		attributes[place] = " " + attribute
		req := httptest.NewRequest("POST", vendor+"/soap/6.0/", strings.NewReader(fmt.Sprintf(`<e:Envelope xmlns:e="`+space+`"`+namespaces+
			`%s><e:Body%s><m%s><a%s>`+avangate.Session+`</a><b id="c" href="#s">x</b></m></e:Body></e:Envelope>`, attributes...)))
		return authenticator(t, config()).Authenticate(req, givesID)
	}
	for _, space := range []string{"http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"} {
		for place, element := range []string{"Envelope", "Body", "m", "a"} {
			for _, attribute := range []string{`xmlns="urn:x"`, `xmlns:y="urn:y"`, `xsi:type="xsd:string"`, `e:encodingStyle="urn:x"`} {
				if place == 0 && strings.HasPrefix(attribute, "xmlns=") {
					continue // and then the call is qualified: no matter
				}
				assert.NoError(t, authenticate(space, place, attribute), "%s %s", element, attribute)
			}
			for name, attribute := range map[string]string{
				"id": `id="s"`, "href": `href="#c"`, "ref": `ref="c"`, "nil": `xsi:nil="true"`, "Id": `wsu:Id="s"`, "root": `e:root="1"`,
				"type": `type="x"`, "encodingStyle": `encodingStyle="x"`, "arrayType": `e:arrayType="x"`, "lang": `xml:lang="en"`, "mustUnderstand": `e:mustUnderstand="1"`,
			} {
				err := authenticate(space, place, attribute)
				require.ErrorIs(t, err, auth.ErrRequest, "%s %s", element, attribute)
				assert.ErrorContains(t, err, fmt.Sprintf("the element %q has the attribute %q", element, name))
			}
		}
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
		fault11 + `<faultcode>ORDER_FORBIDDEN_FOR_COUNTRY</faultcode>`:                                                                                             false,
		fault11 + `<faultcode>e:FORBIDDEN.country</faultcode>`:                                                                                                     false,
		fault11 + `<faultcode>FORBıDDEN</faultcode>`:                                                                                                               false,
		fault11 + `<faultcode>e:FOR<!-- -->BIDDEN</faultcode>`:                                                                                                     true,
		fault12 + `<e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>NOT_FORBIDDEN</e:Value></e:Subcode></e:Code>`:                                            false,
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
