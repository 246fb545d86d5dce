package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/internal/explain"
	"github.com/countersign/countersign/internal/paylink"
)

// The credentials of the tests.
var (
	paylinkEnv  = map[string]string{"COUNTERSIGN_INSTANCE": "example", "COUNTERSIGN_SECRET": "test-secret-key"}
	avangateEnv = map[string]string{"COUNTERSIGN_MERCHANT_CODE": "YOURCODE123", "COUNTERSIGN_SECRET_KEY": "test-secret-key"}
	bothEnv     = map[string]string{
		"COUNTERSIGN_INSTANCE": "example", "COUNTERSIGN_SECRET": "test-secret-key",
		"COUNTERSIGN_MERCHANT_CODE": "YOURCODE123", "COUNTERSIGN_SECRET_KEY": "test-secret-key",
	}
)

// A form, and signatures that openssl gives, see docs/paylink.md, escaped: that of
// the empty request, that of the form, and what those get who sign it as it is.
const (
	emptySignature = "0QEbWTAnBA3yeozdepWvMCFSOQmJSiFAM8abUI%2FLmwU%3D"
	servedForm     = "purpose=This%20is%20a%2Bb%20100%25%20test"
	rightSignature = "6yVehX4QRGOhtEwlwGczPYXd1C6hhmjAm%2Bd3dYPjW4g%3D"
	wireSignature  = "413bbLTNxX62UdgSXH1J8hp7nSm6mqtf%2BSKnjFyovGo%3D"
)

// A console is what a command prints.
type console struct {
	mu    sync.Mutex
	text  strings.Builder
	first chan struct{} // closed when there is something
}

func newConsole() *console { return &console{first: make(chan struct{})} }

func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.text.Len() == 0 && len(b) > 0 {
		close(c.first)
	}
	return c.text.Write(b)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// A running is a serve that runs.
type running struct {
	url            string
	stdout, stderr *console
	stop           func() int // interrupts it
}

// startServe runs serve on a free port until the test ends.
func startServe(t testing.TB, env map[string]string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{stdout: newConsole(), stderr: newConsole()}
	c := &command{
		ctx: ctx, name: "serve", args: append([]string{"--listen", "127.0.0.1:0"}, args...),
		stdout: r.stdout, stderr: r.stderr, getenv: func(name string) string { return env[name] },
	}
	ended := make(chan int, 1)
	go func() { ended <- serve(c) }()
	r.stop = sync.OnceValue(func() int {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { r.stop() })
	select {
	case <-r.stdout.first:
	case code := <-ended:
		ended <- code
		t.Fatalf("serve ended with %d: %s", code, r.stderr)
	}
	first, _, _ := strings.Cut(r.stdout.String(), "\n")
	r.url = strings.TrimPrefix(first, "listening on ")
	return r
}

// post sends a form and returns the answer's status and body.
func (r *running) post(t testing.TB, path, contentType, body string) (int, string) {
	t.Helper()
	resp, err := http.Post(r.url+path, contentType, strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}

func TestServePrintsItsAddressFirst(t *testing.T) {
	r := startServe(t, bothEnv)
	assert.Regexp(t, `^listening on http://127\.0\.0\.1:\d+\n$`, r.stdout.String())
	assert.Empty(t, r.stderr.String())
	assert.Zero(t, r.stop())
	_, err := http.Get(r.url)
	assert.Error(t, err, "it still listens")
}

func TestServeHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Zero(t, run([]string{"serve", "--help"}, nil, &stdout, &stderr))
	assert.Regexp(t, `(?s)^usage: countersign serve .*\nexample:\n.*\n  \$ countersign serve`, stdout.String())
	assert.Empty(t, stderr.String())
}

func TestServeRefusesToStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		code int
		want []string // on stderr
	}{
		{"no credentials", nil, nil, 2, []string{"COUNTERSIGN_INSTANCE", "COUNTERSIGN_SECRET", "COUNTERSIGN_MERCHANT_CODE", "COUNTERSIGN_SECRET_KEY"}},
		{"no secret", map[string]string{"COUNTERSIGN_INSTANCE": "example"}, nil, 2, []string{"there is an account of the Payrexx family, and COUNTERSIGN_SECRET is not set: set it, or name a file with --secret-file"}},
		{"no merchant code", map[string]string{"COUNTERSIGN_SECRET_KEY": "test-secret-key"}, nil, 2, []string{"COUNTERSIGN_SECRET_KEY is set and COUNTERSIGN_MERCHANT_CODE is not"}},
		{"a newline in the secret", map[string]string{"COUNTERSIGN_INSTANCE": "example", "COUNTERSIGN_SECRET": "test-secret-key\n"}, nil, 2, []string{"COUNTERSIGN_SECRET: the secret begins or ends with white space"}},
		{"no secret behind a flag", nil, []string{"--merchant-code", "YOURCODE123"}, 2, []string{"there is an account of 2Checkout, and COUNTERSIGN_SECRET_KEY is not set"}},
		{"a file and no account", nil, []string{"--secret-file", "testdata/client.php"}, 2, []string{"there are no credentials: set COUNTERSIGN_INSTANCE"}},
		{"no such file", bothEnv, []string{"--secret-file", "testdata/test-secret-key"}, 2, []string{"the file of --secret-file cannot be read"}},
		{"a secret as an argument", bothEnv, []string{"--secret", "test-secret-key"}, 2, []string{"use the environment, or --secret-file"}},
		{"a name without TLS", bothEnv, []string{"--name", "api.2checkout.com"}, 2, []string{"--name is for a certificate: add --tls"}},
		{"a URL as a name", bothEnv, []string{"--tls", "--name", "https://api.2checkout.com"}, 2, []string{"write a host's name alone, such as api.2checkout.com"}},
		{"a name with a port", bothEnv, []string{"--tls", "--name", "api.2checkout.com:443"}, 2, []string{"write a host's name alone"}},
		{"a method with a colon", bothEnv, []string{"--soap-method", "a:b"}, 2, []string{"write the name of a method, such as getOrder"}},
		{"a parameter of no name", bothEnv, []string{"--soap-method", "a(b,)"}, 2, []string{"write the name of a method, such as getOrder"}},
		{"a parameter twice", bothEnv, []string{"--soap-method", "a(b,b)"}, 2, []string{"name each parameter once"}},
		{"the session as a parameter", bothEnv, []string{"--soap-method", "a(sessionID)"}, 2, []string{"name each parameter once"}},
		{"a certificate over another file", bothEnv, []string{"--tls-cert", "testdata/client.php"}, 2, []string{"testdata/client.php is there, and is no certificate of countersign serve"}},
		{"a newline in the secret word", map[string]string{"COUNTERSIGN_MERCHANT_CODE": "YOURCODE123", "COUNTERSIGN_SECRET_KEY": "test-secret-key", "COUNTERSIGN_BUY_LINK_SECRET": "test-secret-key\n"}, nil, 2, []string{"COUNTERSIGN_BUY_LINK_SECRET: the secret begins or ends with white space"}},
		{"unknown flag", bothEnv, []string{"--port", "80"}, 2, []string{"-port"}},
		{"a word", bothEnv, []string{"paylink"}, 2, []string{"one word too many"}},
		{"no port", bothEnv, []string{"--listen", "localhost"}, 2, []string{`--listen "localhost"`, "127.0.0.1:8080"}},
		{"port in use", bothEnv, []string{"--listen", taken.Addr().String()}, 1, []string{"in use"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := serve(&command{
				ctx: t.Context(), name: "serve", args: c.args,
				stdout: &stdout, stderr: &stderr, getenv: func(name string) string { return c.env[name] },
			})
			assert.Equal(t, c.code, code)
			for _, want := range c.want {
				assert.Contains(t, stderr.String(), want)
			}
			assert.NotContains(t, stderr.String(), "test-secret-key")
			assert.Empty(t, stdout.String())
		})
	}
}

func TestServeWarnsOfAnAddressThatOthersReach(t *testing.T) {
	r := startServe(t, bothEnv, "--listen", "0.0.0.0:0")
	assert.Contains(t, r.stderr.String(), "is not a loopback address")
	assert.Regexp(t, `^listening on http://(0\.0\.0\.0|\[::\]):\d+\n$`, r.stdout.String())
	assert.Empty(t, startServe(t, bothEnv, "--listen", "localhost:0").stderr.String())
}

func TestServeWithoutCredentialsForOneGateway(t *testing.T) {
	r := startServe(t, paylinkEnv)
	assert.Equal(t, "countersign serve: 2Checkout is left out: it needs COUNTERSIGN_MERCHANT_CODE and COUNTERSIGN_SECRET_KEY\n", r.stderr.String())
	status, answer := r.post(t, "/rpc/6.0/", "application/json", "{}")
	assert.Equal(t, http.StatusNotImplemented, status)
	assert.Contains(t, answer, "set COUNTERSIGN_MERCHANT_CODE and COUNTERSIGN_SECRET_KEY")
	assert.Contains(t, r.stdout.String(), " POST /rpc/6.0/ 501 refused: there are no credentials for 2Checkout")

	r = startServe(t, avangateEnv)
	assert.Contains(t, r.stderr.String(), "the Payrexx family is left out: it needs COUNTERSIGN_INSTANCE and COUNTERSIGN_SECRET\n")
	status, _ = r.post(t, "/v1.0/Invoice/", paylink.FormType, servedForm)
	assert.Equal(t, http.StatusNotImplemented, status)
}

// A servedReply is what the tests read of a JSON answer.
type servedReply struct {
	Status, Message string
	Diagnosis       *struct {
		Reason string
		explain.Diagnosis
	}
}

func TestServeAnswersAndLogs(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		log                      string // behind the time
		reason                   string // in the answer; "" if it is right
	}{
		{"right", "GET", "/v1.0/SignatureCheck/?instance=example&ApiSignature=" + emptySignature, "", 200, "GET /v1.0/SignatureCheck/ 200 right\n", ""},
		{"right form", "POST", "/v1.0/Invoice/?instance=example", servedForm + "&ApiSignature=" + rightSignature, 200, "POST /v1.0/Invoice/ 200 right\n", ""},
		{"wrong", "POST", "/v1.0/Invoice/?instance=example", servedForm + "&ApiSignature=" + wireSignature, 403, "POST /v1.0/Invoice/ 403 wrong: the signature is not the one that the secret gives\n", "not the one that the secret gives"},
		{"unsigned", "POST", "/v1.0/Invoice/?instance=example", servedForm, 403, "POST /v1.0/Invoice/ 403 unsigned: there is no ApiSignature", "there is no ApiSignature"},
		{"wrong instance", "GET", "/v1.0/SignatureCheck/?instance=other&ApiSignature=" + emptySignature, "", 422, "GET /v1.0/SignatureCheck/ 422 refused: ", `the instance "other" came: send "example"`},
		{"unknown object", "GET", "/v1.0/Nothing/", "", 404, "GET /v1.0/Nothing/ 404 unsigned: ", "there is no ApiSignature"},
		{"2Checkout without a header", "GET", "/rest/6.0/orders/", "", 401, "GET /rest/6.0/orders/ 401 unsigned: ", "X-Avangate-Authentication"},
		{"no gateway", "POST", "/", servedForm, 404, "POST / 404 refused: no gateway has this path", ""},
		{"a line break in the path", "GET", "/x%0Ay%1B", "", 404, "GET /x%0Ay%1B 404 refused: ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := startServe(t, bothEnv)
			req, err := http.NewRequest(c.method, r.url+c.path, strings.NewReader(c.body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", paylink.FormType)
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			assert.Equal(t, c.status, resp.StatusCode)
			assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
			var got servedReply
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
			if c.reason == "" {
				assert.Nil(t, got.Diagnosis)
			} else if assert.NotNil(t, got.Diagnosis) {
				assert.Contains(t, got.Diagnosis.Reason, c.reason)
			}
			_, logged, _ := strings.Cut(r.stdout.String(), "\n")
			at, line, _ := strings.Cut(logged, " ")
			_, err = time.Parse(time.RFC3339, at)
			assert.NoError(t, err)
			assert.True(t, strings.HasPrefix(line, c.log), "%q", line)
			for line := range strings.Lines(logged[len(at):]) {
				assert.True(t, strings.HasPrefix(line, " "), "%q is no line of a diagnosis", line)
			}
		})
	}
}

func TestServeExplainsAWrongSignature(t *testing.T) {
	r := startServe(t, paylinkEnv)
	_, answer := r.post(t, "/v1.0/Invoice/?instance=example", paylink.FormType, servedForm+"&ApiSignature="+wireSignature)
	var got servedReply
	require.NoError(t, json.Unmarshal([]byte(answer), &got))
	assert.Equal(t, "An error occurred: The API secret is not correct.", got.Message)
	require.NotNil(t, got.Diagnosis)
	assert.Equal(t, "purpose=This+is+a%2Bb+100%25+test", got.Diagnosis.StringToSign)
	require.NotEmpty(t, got.Diagnosis.Findings)
	found := got.Diagnosis.Findings[0]
	assert.Equal(t, servedForm, found.StringToSign)
	assert.Equal(t, len("purpose=This"), found.Difference)
	_, logged, _ := strings.Cut(r.stdout.String(), "\n")
	for line := range strings.SplitSeq(got.Diagnosis.Diagnosis.String(), "\n") {
		assert.Contains(t, logged, "\n    "+line+"\n")
	}
	assert.Contains(t, logged, found.Mistakes[0].Name)

	page := strings.ReplaceAll(r.page(t), "&#43;", "+")
	assert.Contains(t, page, `<code>purpose=This<mark>+</mark>is<mark>+</mark>a%2Bb<mark>+</mark>100%25<mark>+</mark>test</code>`)
	assert.Contains(t, page, `<code>purpose=This<mark>%20</mark>is<mark>%20</mark>a%2Bb<mark>%20</mark>100%25<mark>%20</mark>test</code>`)

	right, err := url.QueryUnescape(rightSignature)
	require.NoError(t, err)
	for _, told := range []string{answer, logged, page, r.stderr.String()} {
		for _, secret := range []string{"test-secret-key", right, rightSignature} {
			assert.NotContains(t, told, secret)
		}
	}
}

// TestServeTellsNotes: what is fragile about a right request stands in the log, the
// answer and the page.
func TestServeTellsNotes(t *testing.T) {
	r := startServe(t, paylinkEnv)
	status, answer := r.post(t, "/v1.0/Invoice/?instance=example", "text/plain", servedForm+"&ApiSignature="+rightSignature)
	assert.Equal(t, 200, status)
	var got servedReply
	require.NoError(t, json.Unmarshal([]byte(answer), &got))
	require.NotNil(t, got.Diagnosis)
	assert.True(t, got.Diagnosis.Right)
	assert.NotContains(t, answer, `"reason"`)
	const note = "send application/x-www-form-urlencoded"
	require.Len(t, got.Diagnosis.Notes, 1)
	assert.Contains(t, got.Diagnosis.Notes[0], note)
	assert.Contains(t, r.stdout.String(), " 200 right\n    the signature is right\n    note: "+got.Diagnosis.Notes[0]+"\n")
	assert.Contains(t, r.page(t), note)
}

// A refusal of JSON-RPC is told in its data, which is the server's to define; the
// answers to a batch and to SOAP calls stay as 2Checkout writes them.
func TestServeExplainsALogin(t *testing.T) {
	r := startServe(t, avangateEnv)
	const login = `{"jsonrpc":"2.0","method":"login","params":["YOURCODE123","2026-01-01 00:00:00","` +
		`0000000000000000000000000000000000000000000000000000000000000000","sha256"],"id":7}`
	_, answer := r.post(t, "/rpc/6.0/", "application/json", login)
	var got struct {
		ID    int
		Error struct {
			Code int
			Data map[string]json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &got))
	assert.Equal(t, 7, got.ID)
	assert.Equal(t, 10000, got.Error.Code)
	assert.JSONEq(t, `"FORBIDDEN"`, string(got.Error.Data["error_code"]))
	assert.Contains(t, string(got.Error.Data["diagnosis"]), `"stringToSign":"11YOURCODE123192026-01-01 00:00:00"`)

	_, answer = r.post(t, "/rpc/6.0/", "application/json", "["+login+"]")
	assert.Contains(t, answer, `"code":10000`)
	assert.NotContains(t, answer, "diagnosis")

	status, answer := r.post(t, "/soap/6.0/", "text/xml", `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><login xmlns="urn:x"><a>YOURCODE123</a></login></Body></Envelope>`)
	assert.Equal(t, 500, status)
	assert.Contains(t, answer, "<faultcode>AUTHENTICATION_FAILED</faultcode>")
	assert.NotContains(t, answer, "diagnosis")
	assert.Equal(t, 2, strings.Count(r.stdout.String(), " POST /rpc/6.0/ (login) 200 wrong: the hash is wrong"))
	assert.Contains(t, r.stdout.String(), " POST /soap/6.0/ (login) 500 unsigned: the login wants four parameters, and 1 came: send the merchant code, the date, the hash and the algorithm, in this order")
	r.post(t, "/rpc/6.0/", "application/json", `[{"method":"getOrder","params":["x"]},{"method":"a\u001bb","params":["x"]}]`)
	assert.Contains(t, r.stdout.String(), ` POST /rpc/6.0/ (getOrder, a\x1bb) 200 refused: there is no such session at this path`)
	r.post(t, "/rpc/6.0/", "application/json", strings.Replace(login, "YOURCODE123", "OTHERCODE", 1))
	assert.Contains(t, r.stdout.String(), " POST /rpc/6.0/ (login) 200 wrong: the merchant code is not this account's: correct it")
	assert.NotContains(t, r.stdout.String(), "the header")
}

// TestServeKeepsRequestsApart has many ask at once: each must be told of its own.
func TestServeKeepsRequestsApart(t *testing.T) {
	r := startServe(t, bothEnv)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			_, answer := r.post(t, "/v1.0/Invoice/?instance=example", paylink.FormType, fmt.Sprintf("n=%d&ApiSignature=%s", i, emptySignature))
			assert.Contains(t, answer, fmt.Sprintf(`"stringToSign":"n=%d"`, i))
		})
	}
	wg.Wait()
	assert.Equal(t, 32, strings.Count(r.stdout.String(), " POST /v1.0/Invoice/ 403 wrong: "))
}

func TestServeBoundsBodies(t *testing.T) {
	r := startServe(t, paylinkEnv)
	long := "a=" + strings.Repeat("x", maxServedBody-1)
	const want = `{"message":"countersign serve: the body is longer than 8388608 bytes","status":"error"}` + "\n"
	for name, body := range map[string]io.Reader{
		"known length":   strings.NewReader(long),
		"unknown length": io.MultiReader(strings.NewReader(long)),
	} {
		req, err := http.NewRequest("POST", r.url+"/v1.0/Invoice/", body)
		require.NoError(t, err)
		req.Header.Set("Content-Type", paylink.FormType)
		req.Header.Set("Expect", "100-continue") // so that the answer is read before all is written
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err, name)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err, name)
		resp.Body.Close()
		assert.Equal(t, 413, resp.StatusCode, name)
		assert.Equal(t, want, string(answer), name)
	}
	assert.Equal(t, 2, strings.Count(r.stdout.String(), " POST /v1.0/Invoice/ 413 refused: the body is longer"))

	req, err := http.NewRequest("POST", r.url+"/v1.0/Invoice/?instance=example", strings.NewReader(long[:maxServedBody]))
	require.NoError(t, err)
	req.Header.Set("Content-Type", paylink.FormType)
	req.Header.Set("X-API-KEY", "test-secret-key")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, 200, resp.StatusCode, "the longest body")
}

func TestServeLogsABodyThatBreaksOff(t *testing.T) {
	r := startServe(t, paylinkEnv)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1.0/Invoice/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\na=1")
	conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "HTTP/1.1 400 ")
	assert.Contains(t, r.stdout.String(), " POST /v1.0/Invoice/ 400 refused: the body cannot be read: unexpected EOF\n")
}

// TestLogCannotBeForged gives a log entry what a hostile peer would.
func TestLogCannotBeForged(t *testing.T) {
	const hostile = "x\n2026-01-01T00:00:00Z GET / 200 right\r\x1b[2J\u202e"
	e := &exchange{
		Exchange: authtest.Exchange{Method: "GET", Path: "/", Status: 403, Err: &auth.Error{Code: auth.ErrSignature, Err: errors.New(hostile)}},
		Diagnosis: &explain.Diagnosis{
			StringToSign: "a",
			Findings:     []explain.Finding{{Mistakes: []explain.Mistake{{Name: hostile, Fix: hostile}}, StringToSign: hostile}},
		},
	}
	text := e.String()
	assert.Regexp(t, `^0001-01-01T00:00:00Z GET / 403 wrong: x\\n2026-01-01T00:00:00Z GET / 200 right\\r\\x1b\[2J\\u202e\n`, text)
	assert.NotRegexp(t, `[^\n[:print:]]`, text)
	assert.Len(t, regexp.MustCompile(`(?m)^\d`).FindAllString(text, -1), 1)

	e = &exchange{Exchange: authtest.Exchange{Method: "GET", Path: "/" + strings.Repeat("x", 1<<20)}}
	assert.Less(t, len(e.String()), 300)
}

// TestServeKeepsTheTerminal has a peer that offers a protocol which is a command to a
// terminal, and a line of the log.
func TestServeKeepsTheTerminal(t *testing.T) {
	r := startServe(t, bothEnv, "--tls")
	_, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{
		InsecureSkipVerify: true, NextProtos: []string{"\x1b[2J\n2026-01-01T00:00:00Z GET / 200 right"},
	})
	require.Error(t, err)
	<-r.stderr.first
	assert.Contains(t, r.stderr.String(), "TLS handshake error")
	assert.Contains(t, r.stderr.String(), `\n2026`)
	assertPrintable(t, r.stderr.String(), 1)
}

func TestServeSpeaksTLS(t *testing.T) {
	r := startServe(t, bothEnv, "--tls")
	assert.Regexp(t, `^https://127\.0\.0\.1:\d+$`, r.url)
	_, rest, _ := strings.Cut(r.stdout.String(), "\n")
	block, after := pem.Decode([]byte(rest))
	require.NotNil(t, block, "%q", rest)
	assert.Empty(t, after)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	assert.False(t, certificate.IsCA, "who trusts it would trust what it signs")
	assert.Less(t, time.Until(certificate.NotAfter), 8*24*time.Hour)

	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		resp, err := client.Get(strings.Replace(r.url, "127.0.0.1", host, 1) + "/v1.0/SignatureCheck/?instance=example&ApiSignature=" + emptySignature)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, 200, resp.StatusCode)
		assert.Equal(t, "HTTP/2.0", resp.Proto)
	}
	_, err = http.Get(r.url)
	assert.Error(t, err, "a client that does not know the certificate")
}
