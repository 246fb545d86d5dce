package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/redact"
)

// TestInspectKeepsTheTerminal has a pasted request that holds a command to a terminal.
func TestInspectKeepsTheTerminal(t *testing.T) {
	const pasted = "GET /rest/6.0/orders/ HTTP/1.1\nX-Avangate-Authentication: code=\"A\u009b2J\u202e\" date=\"2020-06-18 08:05:46\" hash=\"00\" algo=\"sha256\"\n\n"
	for _, args := range [][]string{{"verify"}, {"verify", "--json"}, {"explain"}, {"explain", "--json"}} {
		stdout, stderr, code := runIn(t, pasted, args...)
		assert.Equal(t, exitWrong, code)
		assert.Contains(t, stdout, `A\u009b2J\u202e`, "%q", args)
		assert.NotRegexp(t, `[^\n[:print:]]`, stdout+stderr, "%q", args)
	}
}

// TestATerminalIsToldWhatIsAwaited has a device of characters for one.
func TestATerminalIsToldWhatIsAwaited(t *testing.T) {
	device, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer device.Close()
	var stdout, stderr strings.Builder
	assert.Equal(t, exitUsage, run([]string{"explain"}, device, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "countersign explain: paste it here, and end it with Ctrl-D")
	_, piped, _ := runIn(t, "", "explain")
	assert.NotContains(t, piped, "Ctrl-D")
}

// TestInspectTellsNoSecret has pasted requests that hold the secret where something
// else belongs, or where nothing can be read.
func TestInspectTellsNoSecret(t *testing.T) {
	const login = "POST /rpc/6.0/ HTTP/1.1\nContent-Type: application/json\n\n" + `{"method":"login","params":["YOURCODE123","` + scriptSecretKey + `","aa","sha256"]}`
	for _, input := range []string{
		login,
		strings.Replace(login, `"aa"`, `""`, 1),
		"GET /v1.0/Invoice/?" + scriptSecret + "=" + scriptSecret + "&ApiSignature=x HTTP/1.1\n\n",
		"POST /v1.0/Invoice/" + scriptSecret + "/ HTTP/1.1\nHost: " + scriptSecret + "\nContent-Type: application/json\n\n{" + scriptSecret,
		"POST /v1.0/Invoice/ HTTP/1.1\nContent-Type: multipart/form-data; boundary=\"" + scriptSecret + "\"\n\n" + scriptSecret,
		"GET /v1.0/Invoice/?a=" + scriptSecretKey + "&ApiSignature=x HTTP/1.1\n\n", // the other gateway's
		strings.Replace(login, scriptSecretKey, scriptSecret, 1),
		"curl --" + scriptSecret + " http://a/",
		"curl -F " + scriptSecret + "=@a,b http://a/",
		"curl -F 'a=b;headers=" + scriptSecret + "' http://" + scriptSecret + "/",
		scriptSecret,
	} {
		for _, args := range [][]string{{"verify"}, {"verify", "--json"}, {"explain"}, {"explain", "--json"}, {"explain", "paylink"}, {"explain", "avangate"}} {
			stdout, stderr, code := runIn(t, input, args...) // looks for the secrets
			assert.NotEqual(t, exitRight, code)
			assert.False(t, redact.New(scriptSecret, scriptSecretKey).In(stdout+stderr), "%s%s", stdout, stderr)
		}
	}
}
