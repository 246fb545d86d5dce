package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/explain"
	"github.com/countersign/countersign/internal/paylink"
)

// A batch that is none is refused before anything of it is answered, whoever sends
// it: a browser sends text/plain for any page that it has open.
func TestServeRefusesBatches(t *testing.T) {
	r := startServe(t, avangateEnv)
	for reason, body := range map[string]string{
		"the batch is empty":                   "[]",
		"the body is not a JSON-RPC request":   "null",
		"something that is not a JSON-RPC":     "[" + strings.Repeat("0,", 1<<20) + "0]",
		"the batch has more than 256 requests": "[" + strings.Repeat(`{"method":"x"},`, 1<<17) + "{}]",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, answer := r.post(t, "/rpc/6.0/", "text/plain", body)
		runtime.ReadMemStats(&after)
		assert.Less(t, int(after.TotalAlloc-before.TotalAlloc)>>20, 64, "MiB")
		assert.Less(t, len(answer), 1000)
		assert.Contains(t, answer, `"code":-32600`)
		assert.Contains(t, answer, reason)
		assert.Regexp(t, "POST /rpc/6.0/ 200 refused: .*"+reason, r.stdout.String())
	}
	assert.NotContains(t, r.stdout.String(), "right")
}

// A peer that does not send the rest of its batch holds up nobody.
func TestServeAnswersOthersMeanwhile(t *testing.T) {
	r := startServe(t, avangateEnv)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /rpc/6.0/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\nExpect: 100-continue\r\n\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n') // it is reading the body
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	fmt.Fprint(conn, "[{},")
	_, answer := r.post(t, "/rpc/6.0/", "application/json", "[]")
	assert.Contains(t, answer, "the batch is empty")
}

// TestServeBoundsExplanations counts what is explained: text up to a length, and
// uploads that are longer by their files.
func TestServeBoundsExplanations(t *testing.T) {
	var out, errs strings.Builder
	s, err := newServer(&command{stdout: &out, stderr: &errs, getenv: func(name string) string { return bothEnv[name] }}, &serveOptions{account: account{instance: "example", merchantCode: "YOURCODE123"}}, "")
	require.NoError(t, err)
	explained := 0
	for _, g := range s.gateways {
		diagnose := g.explain
		g.explain = func(r *http.Request) (*explain.Diagnosis, error) {
			explained++
			return diagnose(r)
		}
	}
	const multipartType = "multipart/form-data; boundary=B"
	part := func(disposition, content string) string {
		return "--B\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n"
	}
	signature, end := part(`name="ApiSignature"`, "x"), "--B--\r\n"
	long := strings.Repeat("x", maxExplained)
	numbers := `{"ApiSignature":"x","a":[` + strings.Repeat("0,", maxExplained/2) + `0]}`
	for name, c := range map[string]struct {
		path, contentType, body string
		explained               int
	}{
		"a form":               {"/v1.0/Page/?instance=example", paylink.FormType, "a=" + long[:maxExplained-20] + "&ApiSignature=x", 1},
		"a long form":          {"/v1.0/Page/?instance=example", paylink.FormType, "a=" + long + "&ApiSignature=x", 0},
		"a long upload":        {"/v1.0/Page/?instance=example", multipartType, signature + part(`name="f"; filename="x"`, long) + end, 1},
		"a long field":         {"/v1.0/Page/?instance=example", multipartType, signature + part(`name="f"`, long) + end, 0},
		"long JSON":            {"/v1.0/Page/?instance=example", "application/json", numbers, 0},
		"long JSON, as a form": {"/v1.0/Page/?instance=example", paylink.FormType, numbers, 0},
		"long JSON, a file":    {"/v1.0/Page/?instance=example", multipartType, numbers, 0},
		"a long login":         {"/rpc/6.0/", "application/json", `{"method":"login","params":["YOURCODE123","` + long + `","x"]}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			explained = 0
			out.Reset()
			req := httptest.NewRequest("POST", c.path, strings.NewReader(c.body))
			req.Header.Set("Content-Type", c.contentType)
			s.ServeHTTP(httptest.NewRecorder(), req)
			assert.Equal(t, c.explained, explained)
			assert.Equal(t, c.explained == 0, strings.Contains(out.String(), "more than 262144 bytes are not explained"), "%s", &out)
			assert.Less(t, out.Len(), 8<<10)
		})
	}
}
