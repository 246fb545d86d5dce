package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// certificateFile returns the path of a file that holds the certificate that was
// printed.
func (r *running) certificateFile(t *testing.T) string {
	t.Helper()
	_, text, _ := strings.Cut(r.stdout.String(), "\n")
	path := filepath.Join(t.TempDir(), "certificate.pem")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// runCurl runs curl and returns what it prints.
func runCurl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(phptest.Client(t, "curl"), append([]string{"-q", "-sS", "--noproxy", "*"}, args...)...).CombinedOutput()
	return string(out), err
}

func TestServeForCurl(t *testing.T) {
	r := startServe(t, bothEnv)
	out, err := runCurl(t, r.url+"/v1.0/SignatureCheck/?instance=example&ApiSignature="+emptySignature)
	require.NoError(t, err, out)
	assert.JSONEq(t, `{"status":"success","data":[{"id":1}]}`, out)

	invoice := []string{r.url + "/v1.0/Invoice/?instance=example", "-d", servedForm, "-d"}
	out, err = runCurl(t, append(invoice, "ApiSignature="+rightSignature)...)
	require.NoError(t, err, out)
	assert.Contains(t, out, `"purpose":"This is a+b 100% test"`)
	assert.Contains(t, out, `"status":"success"`)

	out, err = runCurl(t, append(invoice, "ApiSignature="+wireSignature)...)
	require.NoError(t, err, out)
	assert.Contains(t, out, `"stringToSign":"purpose=This+is+a%2Bb+100%25+test","findings":[{"mistakes":[{"name":"`)
	assert.Contains(t, out, `"stringToSign":"purpose=This%20is%20a%2Bb%20100%25%20test"`)

	assert.Equal(t, 2, strings.Count(r.stdout.String(), " 200 right\n"))
	assert.Contains(t, r.stdout.String(), " POST /v1.0/Invoice/ 403 wrong: ")
}

func TestServeForCurlWithTLS(t *testing.T) {
	r := startServe(t, paylinkEnv, "--tls")
	check := r.url + "/v1.0/SignatureCheck/?instance=example&ApiSignature=" + emptySignature
	out, err := runCurl(t, "--cacert", r.certificateFile(t), "-w", "%{http_version}", check)
	require.NoError(t, err, out)
	assert.Equal(t, `{"status":"success","data":[{"id":1}]}`+"\n2", out)
	out, err = runCurl(t, check)
	assert.Error(t, err, "without the certificate: %s", out)
}

// client runs testdata/client.php.
func (r *running) client(t *testing.T, operation string, env ...string) string {
	t.Helper()
	php := phptest.Require(t, "php")
	args := []string{"-n", "-d", "display_errors=stderr"}
	if strings.HasPrefix(operation, "soap") {
		args = append(args, phptest.Extension(t, "soap")...)
	}
	cmd := exec.Command(php, append(args, filepath.Join("testdata", "client.php"), operation)...)
	cmd.Env = append(append(os.Environ(), "URL="+r.url), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	return string(out)
}

func TestServeForPHP(t *testing.T) {
	for _, c := range []struct {
		operation, want string
		requests        int
	}{
		{"form", `"purpose":"Grüße a+b 100% ~"`, 1},
		{"rest", `"RefNo":"11331111"`, 1},
		{"rest-sha3", `"RefNo":"11331111"`, 1},
		{"rpc", `{"Method":"getOrder","Params":["11331111"]}`, 2},
		{"soap", `{"Method":"getOrder","Params":"11331111"}`, 2},
	} {
		t.Run(c.operation, func(t *testing.T) {
			r := startServe(t, bothEnv)
			assert.Contains(t, r.client(t, c.operation), c.want)
			assert.Equal(t, c.requests, strings.Count(r.stdout.String(), " 200 right\n"), "%s", r.stdout)
		})
	}
}

func TestServeExplainsToPHP(t *testing.T) {
	answer := startServe(t, bothEnv).client(t, "form-wire")
	assert.Contains(t, answer, `"findings":[{"mistakes":[{"name":"`)
	assert.Contains(t, answer, `"stringToSign":"purpose=Gr%C3%BC%C3%9Fe%20a%2Bb%20100%25%20~&fields%5Bemail%5D%5Bvalue%5D=max%40example.com&pm%5B0%5D=visa&pm%5B1%5D=twint"`)
}

func TestServeForPHPWithTLS(t *testing.T) {
	r := startServe(t, bothEnv, "--tls")
	assert.Contains(t, r.client(t, "rest", "CAFILE="+r.certificateFile(t)), `"RefNo":"11331111"`)
}
