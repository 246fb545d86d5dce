package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/paylink"
)

// secretFile returns the path of a file that holds the secret of the tests.
func secretFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte("test-secret-key\n"), 0o600))
	return path
}

func TestServeTakesCredentialsAsOtherCommandsDo(t *testing.T) {
	const leftOut = " is left out: "
	other := map[string]string{
		"COUNTERSIGN_INSTANCE": "other", "COUNTERSIGN_SECRET": "other-secret-key",
		"COUNTERSIGN_MERCHANT_CODE": "OTHERCODE", "COUNTERSIGN_SECRET_KEY": "other-secret-key",
	}
	for _, c := range []struct {
		name             string
		env              map[string]string
		args             []string
		family, checkout bool // whether the account of the tests is served
	}{
		{"one gateway", nil, []string{"--instance", "example"}, true, false},
		{"the other", nil, []string{"--merchant-code", "YOURCODE123"}, false, true},
		{"both", nil, []string{"--instance", "example", "--merchant-code", "YOURCODE123"}, true, true},
		{"before the environment", other, []string{"--instance", "example", "--merchant-code", "YOURCODE123"}, true, true},
		{"accounts of the environment", bothEnv, nil, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := startServe(t, c.env, append(c.args, "--secret-file", secretFile(t))...)
			status, _ := r.post(t, "/v1.0/Invoice/?instance=example", paylink.FormType, servedForm+"&ApiSignature="+rightSignature)
			assert.Equal(t, c.family, status == http.StatusOK, "%d", status)
			_, answer := r.post(t, "/rpc/6.0/", "application/json", `{"method":"login","params":["YOURCODE123","2026-01-01 00:00:00","aa","sha256"]}`)
			assert.Equal(t, c.checkout, strings.Contains(answer, "10000"), "%s", answer)
			assert.Equal(t, c.family && c.checkout, !strings.Contains(r.stderr.String(), leftOut))
			assert.NotContains(t, r.stdout.String(), "the merchant code is not this account's")
		})
	}
}

func TestServeSaysHowToListenElsewhere(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, stderr, code := runIn(t, "", "serve", "--listen", taken.Addr().String())
	assert.Equal(t, exitWrong, code)
	assert.Contains(t, stderr, taken.Addr().String()+": ")
	assert.Contains(t, stderr, ": name another address with --listen")
}

func TestServeReadsASecretFromTheStandardInput(t *testing.T) {
	var stderr strings.Builder
	o := &serveOptions{account: account{instance: "example", merchantCode: "YOURCODE123", secretFile: "-"}}
	_, err := newServer(&command{stdin: strings.NewReader("test-secret-key\n"), stderr: &stderr, getenv: func(string) string { return "" }}, o, "")
	assert.NoError(t, err, "one reading is for both gateways")
	_, err = newServer(&command{stdin: strings.NewReader("\n"), stderr: &stderr, getenv: func(string) string { return "" }}, o, "")
	assert.ErrorContains(t, err, "--secret-file: the secret is empty")
}

// TestServeNamesItsCertificate connects under each name that the certificate is to
// have, and trusts the file alone.
func TestServeNamesItsCertificate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serve.pem")
	r := startServe(t, bothEnv, "--tls-cert", file, "--name", "api.2checkout.com", "--name", "api.zahls.ch")
	assert.Regexp(t, `^listening on https://127\.0\.0\.1:\d+\n$`, r.stdout.String(), "the certificate is in the file alone")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	trusted := x509.NewCertPool()
	require.True(t, trusted.AppendCertsFromPEM(text))
	for name, want := range map[string]bool{
		"localhost": true, "api.localhost": true, "api.2checkout.com": true, "api.zahls.ch": true, "127.0.0.1": true,
		"secure.2checkout.com": false,
	} {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{RootCAs: trusted, ServerName: name})
		assert.Equal(t, want, err == nil, "%s: %v", name, err)
		if err == nil {
			conn.Close()
		}
	}
	startServe(t, bothEnv, "--tls-cert", file)
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.NotEqual(t, text, again, "a later run writes its own")
}

// Most clients show nothing of an answer but its message.
func TestServeExplainsInTheMessage(t *testing.T) {
	const (
		login    = `{"jsonrpc":"2.0","method":"login","params":["OTHERCODE","2026-01-01 00:00:00","aa","sha256"],"id":7}`
		envelope = `<e:Envelope xmlns:e="%"><e:Body><getOrder xmlns="urn:x"><a>&lt;/faultstring&gt;</a></getOrder></e:Body></e:Envelope>`
		soap11   = "http://schemas.xmlsoap.org/soap/envelope/"
		soap12   = "http://www.w3.org/2003/05/soap-envelope"
	)
	for _, c := range []struct {
		name, path, contentType, body string
		want                          string // in the answer
	}{
		{"the first mistake", "/v1.0/Invoice/?instance=example", paylink.FormType, servedForm + "&ApiSignature=" + wireSignature,
			`"message":"An error occurred: The API secret is not correct. [countersign serve: a space is signed as %20: Escape names and values as PHP's urlencode does`},
		{"the reason, where there is none", "/v1.0/Invoice/?instance=example", paylink.FormType, servedForm,
			`"message":"An error occurred: The API secret is not correct. [countersign serve: there is no ApiSignature`},
		{"2Checkout", "/rest/6.0/orders/", "application/json", "",
			`"message":"Authentication needed for this resource [countersign serve: there is no header X-Avangate-Authentication`},
		{"JSON-RPC", "/rpc/6.0/", "application/json", login,
			`"message":"Invalid hash provided or session expired [countersign serve: `},
		{"SOAP 1.1", "/soap/6.0/", "text/xml", strings.Replace(envelope, "%", soap11, 1),
			"<faultstring>Invalid session [countersign serve: there is no such session at this path: log in here, and send the id that comes as the first parameter]</faultstring>"},
		{"SOAP 1.2", "/soap/6.0/", "text/xml", strings.Replace(envelope, "%", soap12, 1),
			`Invalid session [countersign serve: there is no such session at this path: log in here, and send the id that comes as the first parameter]</SOAP-ENV:Text>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, answer := startServe(t, bothEnv, "--explain-in-message").post(t, c.path, c.contentType, c.body)
			assert.Contains(t, answer, c.want)
			if strings.HasPrefix(answer, "<") {
				assert.NoError(t, xml.Unmarshal([]byte(answer), new(struct{})))
			}
			_, answer = startServe(t, bothEnv).post(t, c.path, c.contentType, c.body)
			assert.NotContains(t, answer, "countersign serve", "unless it is asked for")
		})
	}
}

// A batch's answer, and one that is right, have no message to add to.
func TestServeLeavesOtherAnswersAlone(t *testing.T) {
	r := startServe(t, bothEnv, "--explain-in-message")
	for body, want := range map[string]string{
		`[{"method":"login","params":[],"id":7}]`: `[{"error":{"code":10000,`,
		`{"method":"login","params":`:             `"message":"Invalid request [countersign serve: the body is not a JSON-RPC request`,
	} {
		_, answer := r.post(t, "/rpc/6.0/", "application/json", body)
		assert.Contains(t, answer, want)
	}
	_, answer := r.post(t, "/v1.0/Invoice/?instance=example", "text/plain", servedForm+"&ApiSignature="+rightSignature)
	assert.NotContains(t, answer, "[countersign serve", "it is right, with a note")
}

// An id of JSON-RPC, and what an answer repeats, are as the client wrote them, where a
// diagnosis stands beside them too.
func TestServeRepeatsNumbers(t *testing.T) {
	for name, args := range map[string][]string{"a diagnosis": nil, "a message too": {"--explain-in-message"}} {
		r := startServe(t, bothEnv, args...)
		for _, id := range []string{"9007199254740993", "1.0", "-0"} {
			_, answer := r.post(t, "/rpc/6.0/", "application/json", `{"method":"getOrder","params":["x"],"id":`+id+`}`)
			assert.Contains(t, answer, `"diagnosis"`, name)
			assert.Contains(t, answer, `"id":`+id+`,`, name)
		}
	}
}

// The methods of the WSDL are those that serve is told, and can be called.
func TestServeSOAPMethods(t *testing.T) {
	r := startServe(t, bothEnv, "--soap-method", "getOrder", "--soap-method", "placeOrder(Order)", "--soap-method", "a(b, c,d)", "--soap-method", "getTime()")
	resp, err := http.Get(r.url + "/soap/6.0/?wsdl")
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	for _, parts := range []string{
		`"getOrderRequest"><part name="sessionID" type="xsd:string"/><part name="parameter" type="xsd:anyType"/></`,
		`"placeOrderRequest"><part name="sessionID" type="xsd:string"/><part name="Order" type="xsd:anyType"/></`,
		`"aRequest"><part name="sessionID" type="xsd:string"/><part name="b" type="xsd:anyType"/><part name="c" type="xsd:anyType"/><part name="d" type="xsd:anyType"/></`,
		`"getTimeRequest"><part name="sessionID" type="xsd:string"/></`,
		`<soap:address location="` + r.url + `/soap/6.0/"/>`,
	} {
		assert.Contains(t, string(text), parts)
	}
	assert.Contains(t, r.stdout.String(), " GET /soap/6.0/ 200 right\n")
	assert.JSONEq(t, `{"Method":"getOrder","Params":"11331111"}`, r.client(t, "soap-wsdl"))
}

// The secret word is wanted by nothing else, and may be left out.
func TestServeSignsBuyLinks(t *testing.T) {
	const path = "/checkout/api/encrypt/generate/signature/"
	env := maps.Clone(bothEnv)
	env["COUNTERSIGN_BUY_LINK_SECRET"] = "test-secret-word"
	r := startServe(t, env)
	status, answer := r.post(t, path, "application/json", `{"qty":1,"description":"test-secret-word"}`)
	assert.Equal(t, http.StatusUnauthorized, status, "%s", answer)
	assert.Contains(t, r.stdout.String(), " POST "+path+" 401 unsigned: there is no header merchant-token")
	assert.NotContains(t, r.page(t)+answer+r.stdout.String(), "test-secret-word")

	status, answer = startServe(t, bothEnv).post(t, path, "application/json", `{}`)
	assert.Equal(t, http.StatusInternalServerError, status)
	assert.Contains(t, answer, "the Buy-Link Secret Word cannot be had")
}
