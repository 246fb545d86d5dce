package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/cmd/countersign/internal/probe"
)

// probed returns what probe prints of a gateway as JSON.
func probed(t *testing.T, args ...string) *probe.Fingerprint {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := &command{ctx: t.Context(), name: "probe", args: append(args, "--json", "--interval", "0", "--all"), stdout: &stdout, stderr: &stderr, getenv: func(name string) string { return bothEnv[name] }}
	require.Equal(t, exitRight, probeGateway(c), "%s", stderr.String())
	var f probe.Fingerprint
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &f))
	return &f
}

// TestServeBehavesAsAFingerprintSays plays gateways that differ from the default, and
// probes them.
func TestServeBehavesAsAFingerprintSays(t *testing.T) {
	s := startServe(t, bothEnv)
	paylink, avangate := probed(t, "paylink", "--base-url", s.url), probed(t, "avangate", "--base-url", s.url)
	paylink.Reads.BodyPlus, paylink.Reads.APIKey, paylink.Slash = "space", "unknown", "redirected"
	avangate.Reads.Digests, avangate.ClockSeconds = []string{"sha256"}, authtest.ClockSeconds{Accepted: 55, Refused: 65}
	args := []string{}
	for i, f := range []*probe.Fingerprint{paylink, avangate} {
		file := filepath.Join(t.TempDir(), "fingerprint.json")
		text, err := json.Marshal(f)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, text, 0o600), i)
		args = append(args, "--as", file)
	}
	s = startServe(t, bothEnv, args...)
	assert.Equal(t, paylink.Options, probed(t, "paylink", "--base-url", s.url).Options)
	assert.Equal(t, avangate.Options, probed(t, "avangate", "--base-url", s.url).Options)

	// A request that is right at the live gateways is wrong at this one, and is not
	// explained as if it were right.
	status, body := s.post(t, "/v1.0/Invoice/?instance=example", "application/x-www-form-urlencoded", "a=b+c&ApiSignature="+plusSignature)
	assert.Equal(t, 403, status)
	assert.NotContains(t, body, `"right":true`)
}

// plusSignature is openssl's over a=b%2Bc, escaped.
const plusSignature = "2EjExMhamEfnjNg04Ba8LlodCrIoaxy3sBssjmhO40c%3D"

func TestServeRefusesWhatIsNoFingerprint(t *testing.T) {
	const head = `{"schema":"countersign-fingerprint/1","gateway":`
	for text, want := range map[string]string{
		"":                     "is no fingerprint",
		"[]":                   "is no fingerprint",
		`{"schema":"other/1"}`: "is no fingerprint",
		head + `"other"}`:      "of no gateway that is known",
		head + `"paylink","reads":{"json":"maybe"}}`: "json cannot be",
	} {
		file := filepath.Join(t.TempDir(), "fingerprint.json")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		var stderr bytes.Buffer
		c := &command{ctx: t.Context(), name: "serve", args: []string{"--as", file}, stdout: newConsole(), stderr: &stderr, getenv: func(name string) string { return bothEnv[name] }}
		assert.Equal(t, exitUsage, serve(c), text)
		assert.Contains(t, stderr.String(), want)
	}
	file := filepath.Join(t.TempDir(), "fingerprint.json")
	require.NoError(t, os.WriteFile(file, []byte(head+`"paylink"}`), 0o600))
	var stderr strings.Builder
	c := &command{ctx: t.Context(), name: "serve", args: []string{"--as", file, "--as", file}, stdout: newConsole(), stderr: &stderr, getenv: func(name string) string { return bothEnv[name] }}
	assert.Equal(t, exitUsage, serve(c))
	assert.Contains(t, stderr.String(), "two fingerprints")
}
