package authtest_test

import (
	"encoding/xml"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/internal/phptest"
)

// soapSpaces are the prefixes that the parameters of the tests are written with.
const soapSpaces = `xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:c="http://schemas.xmlsoap.org/soap/encoding/" xmlns:p="http://xml.apache.org/xml-soap"`

var soapID = regexp.MustCompile(`<loginReturn xsi:type="xsd:string">([0-9A-Z]+)</loginReturn>`)

// TestAvangateEchoesSOAPParameters has each kind of value: what is in it stays, and of
// its attributes the type, if a reader knows it.
func TestAvangateEchoesSOAPParameters(t *testing.T) {
	s := newSessions(t)
	post := func(method string, parameters string) string {
		return s.post("/soap/6.0/", fmt.Sprintf(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" %s><e:Body><n:%s xmlns:n="urn:x">%s</n:%[2]s></e:Body></e:Envelope>`,
			soapSpaces, method, parameters)).Body.String()
	}
	l := s.login("test-secret-key")
	id := soapID.FindStringSubmatch(post("login", fmt.Sprintf("<a>%s</a><b i:type='s:string'>%s</b><c i:type='s:token'>%s</c><d>%s</d>", l.MerchantCode, l.Date, l.Hash.Reveal(), l.Algorithm)))
	require.NotNil(t, id)
	for parameters, want := range map[string]string{
		"<a>1 &amp; 2</a>":                                        "<Params>1 &amp; 2</Params>",
		"<a><![CDATA[<]]><!-- x -->b</a>":                         "<Params>&lt;b</Params>",
		"<a/>":                                                    "<Params></Params>",
		`<a i:type="s:string">1</a>`:                              "<Params>1</Params>",
		`<a i:type="s:int">1</a>`:                                 `<Params xsi:type="xsd:int">1</Params>`,
		`<a i:nil="true"/>`:                                       `<Params xsi:nil="true"></Params>`,
		`<a i:nil="false"/>`:                                      "<Params></Params>",
		"<a><b>1</b><c><d/></c></a>":                              "<Params><b>1</b><c><d></d></c></Params>",
		"<a><b>1</b>&lt;</a><a>2</a>":                             "<Params><b>1</b>&lt;</Params><Params>2</Params>",
		`<a><n:b i:type="s:float">1</n:b></a>`:                    `<Params><b xsi:type="xsd:float">1</b></Params>`,
		`<a i:type="p:Map"><item/></a>`:                           `<Params xsi:type="map:Map"><item></item></Params>`,
		`<a c:arrayType="s:int[2]" i:type="c:Array"><i>1</i></a>`: `<Params enc:arrayType="xsd:int[2]" xsi:type="enc:Array"><i>1</i></Params>`,

		`<a i:type="n:Order"><b/></a>`:                   "<Params><b></b></Params>",
		`<a i:type="Order"><b/></a>`:                     "<Params><b></b></Params>",
		`<a i:type="q:int"><b/></a>`:                     "<Params><b></b></Params>",
		`<a i:type="s:&quot;&gt;"><b/></a>`:              "<Params><b></b></Params>",
		`<a xmlns:s="urn:y" i:type="s:int"/>`:            "<Params></Params>",
		`<a><b xmlns:s="urn:y"/><c i:type="s:int"/></a>`: `<Params><b></b><c xsi:type="xsd:int"></c></Params>`,
		`<a id="1" href="#2" x="y"><b/></a>`:             "<Params><b></b></Params>",
	} {
		answer := post("getOrder", "<s>"+id[1]+"</s>"+parameters)
		assert.Contains(t, answer, "<getOrderReturn><Method>getOrder</Method>"+want+"</getOrderReturn>", "%s", parameters)
		assert.NoError(t, xml.Unmarshal([]byte(answer), new(struct{})))
	}
	assert.Contains(t, post("getOrder", "<s><s>"+id[1]+"</s></s>"), "FORBIDDEN", "a struct is no session id")
}

// A call in no namespace is answered in none: xmlns:ns1="" is no XML that readers take.
func TestAvangateAnswersWithoutANamespace(t *testing.T) {
	s := newSessions(t)
	l := s.login("test-secret-key")
	answer := s.post("/soap/6.0/", fmt.Sprintf(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><login><a>%s</a><a>%s</a><a>%s</a><a>%s</a></login></e:Body></e:Envelope>`,
		l.MerchantCode, l.Date, l.Hash.Reveal(), l.Algorithm)).Body.String()
	assert.Regexp(t, `<SOAP-ENV:Body><loginResponse><loginReturn xsi:type="xsd:string">[0-9A-Z]+</loginReturn></loginResponse></SOAP-ENV:Body>`, answer)
}

// What a client may send in the place of an envelope.
func TestAvangateRefusesWhatIsNoEnvelope(t *testing.T) {
	s := newSessions(t)
	const envelope = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/">`
	for name, body := range map[string]string{
		"nothing":               "",
		"a text":                "x",
		"no body":               envelope + "</Envelope>",
		"an empty body":         envelope + "<Body/></Envelope>",
		"a call elsewhere":      envelope + "<Header><login/></Header></Envelope>",
		"a call that is open":   envelope + "<Body><login>",
		"an envelope as such":   envelope + "<Body><login/></Body>",
		"two roots":             "<a/>" + envelope + "<Body><login/></Body></Envelope>",
		"another encoding":      `<?xml version="1.0" encoding="UTF-7"?>` + envelope + "<Body><login/></Body></Envelope>",
		"a name with no end":    envelope + "<Body><a:></a:></Body></Envelope>",
		"one of a parameter":    envelope + "<Body><x><:a></:a></x></Body></Envelope>",
		"101 parameters":        envelope + "<Body><x>" + strings.Repeat("<a/>", 101) + "</x></Body></Envelope>",
		"longer than it may be": envelope + "<Body><x>" + strings.Repeat(" ", 1<<20) + "</x></Body></Envelope>",
	} {
		t.Run(name, func(t *testing.T) {
			w := s.post("/soap/6.0/", body)
			assert.Equal(t, 500, w.Code)
			assert.Contains(t, w.Body.String(), "<faultcode>Client</faultcode>")
			assert.Error(t, s.seen[len(s.seen)-1].Err)
			assert.Empty(t, s.seen[len(s.seen)-1].Methods)
		})
	}
}

func TestAvangateWSDL(t *testing.T) {
	s := newSessions(t)
	s.gateway.SOAPMethods = map[string][]string{"placeOrder": {"Order"}, "getTime": nil, "login": {"other"}, `a"<`: {`b"<`}}
	for target, address := range map[string]string{
		"http://127.0.0.1:8080/soap/6.0/?wsdl":          "http://127.0.0.1:8080/soap/6.0/",
		"https://api.2checkout.com/order/2.0/soap?WSDL": "https://api.2checkout.com/order/2.0/soap",
		"http://a&b/soap/6.0/?wsdl":                     "http://a&amp;b/soap/6.0/",
	} {
		w := httptest.NewRecorder()
		s.gateway.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		assert.Equal(t, 200, w.Code)
		assert.Equal(t, "text/xml; charset=utf-8", w.Header().Get("Content-Type"))
		text := w.Body.String()
		assert.Contains(t, text, "<documentation>This WSDL is invented.")
		assert.Contains(t, text, `<soap:address location="`+address+`"/>`)
		assert.NoError(t, xml.Unmarshal([]byte(text), new(struct{})))
		assert.Equal(t, 1, strings.Count(text, `<message name="loginRequest"><part name="merchantCode" type="xsd:string"/><part name="date" type="xsd:string"/><part name="hash" type="xsd:string"/><part name="algo" type="xsd:string"/></message>`))
		assert.Equal(t, 1, strings.Count(text, `name="loginRequest"`))
		assert.Contains(t, text, `<message name="placeOrderRequest"><part name="sessionID" type="xsd:string"/><part name="Order" type="xsd:anyType"/></message>`)
		assert.Contains(t, text, `<message name="getTimeRequest"><part name="sessionID" type="xsd:string"/></message>`)
		last := s.seen[len(s.seen)-1]
		assert.Equal(t, 200, last.Status)
		assert.NoError(t, last.Err)
		assert.Empty(t, last.Methods)
	}
	for _, c := range []struct{ method, target string }{
		{"POST", "/soap/6.0/?wsdl"}, {"GET", "/soap/6.0/"}, {"GET", "/soap/6.0/?wsdl=1"},
	} {
		w := httptest.NewRecorder()
		s.gateway.ServeHTTP(w, httptest.NewRequest(c.method, c.target, nil))
		assert.Equal(t, 500, w.Code, "%s %s", c.method, c.target)
	}
}

// soapGateway serves the WSDL of the scripts in testdata, and returns where.
func soapGateway(t *testing.T) string {
	server := httptest.NewServer(&authtest.Avangate{
		MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key"),
		SOAPMethods: map[string][]string{"getOrder": {"orderReference"}, "placeOrder": {"Order"}, "getAllLanguages": nil},
	})
	t.Cleanup(server.Close)
	return server.URL + "/soap/6.0/"
}

// runScript runs a script of testdata, and returns what it prints.
func runScript(t *testing.T, url, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "URL="+url, "no_proxy=*")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, &stderr)
	return string(out)
}

func TestAvangateForPHPsSoapClient(t *testing.T) {
	php := append([]string{"-n", "-d", "display_errors=stderr"}, phptest.Extension(t, "soap")...)
	for _, kind := range []string{"wsdl", "1.1", "1.2"} {
		t.Run(kind, func(t *testing.T) {
			fault := "FORBIDDEN: Invalid session"
			got := runScript(t, soapGateway(t), "php", append(php, filepath.Join("testdata", "soap.php"), kind)...)
			assert.JSONEq(t, `{"session":32,
				"order":{"Method":"getOrder","Params":"11331111"},
				"placed":{"Method":"placeOrder","Params":{"Currency":"CHF","Items":[{"Code":"Grüße & <x>","Quantity":2},{"Price":1.5}],"Test":true,"Comment":null}},
				"two":{"Method":"placeOrder","Params":[{"a":1},[1,"b"]]},
				"fault":"`+fault+`"}`, got)
		})
	}
}

// zeep is Debian's, and so of Debian's Python.
func TestAvangateForZeep(t *testing.T) {
	python := phptest.Client(t, "/usr/bin/python3")
	assert.JSONEq(t, `{"session":32,
		"order":{"Method":"getOrder","Params":["11331111"]},
		"named":{"Method":"getOrder","Params":["Grüße & <x>"]},
		"none":{"Method":"getAllLanguages","Params":[]},
		"fault":"FORBIDDEN: Invalid session"}`, runScript(t, soapGateway(t), python, filepath.Join("testdata", "soap.py")))
}
