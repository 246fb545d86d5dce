package explain

import (
	"crypto/fips140"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const fipsHelper = "COUNTERSIGN_TEST_HELPER"

// inFIPSMode runs a test in a process of its own with GODEBUG=fips140=only, in which
// crypto/hmac panics at short keys and at functions that are not approved, and so do
// MD5 and SHA-1.
func inFIPSMode(t *testing.T, name string) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$", "-test.v")
	cmd.Env = append(os.Environ(), fipsHelper+"=1", "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("FIPS 140 mode cannot be had here: %s", out)
	}
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "--- PASS: "+name)
}

func TestPaylinkInFIPSMode(t *testing.T) { inFIPSMode(t, "TestHelperPaylinkFIPS") }

func TestHelperPaylinkFIPS(t *testing.T) {
	if os.Getenv(fipsHelper) == "" {
		return
	}
	if !fips140.Enforced() {
		t.Skip("GODEBUG=fips140=only does not enforce FIPS 140 mode")
	}
	// What is skipped, by the mistake that is not found then.
	const shortKey = "mistakes that make an HMAC key of under 14 bytes"
	forbidden := map[string]string{"MD5 is used": "MD5 is used", "SHA-1 is used": "SHA-1 is used", "the secret is empty, undefined or null": shortKey}
	skipped := make(map[string]bool)
	for file := range paylinkScripts {
		for _, v := range readPaylinkVectors(t, file) {
			i := slices.IndexFunc(v.Mistakes, func(name string) bool { return forbidden[name] != "" })
			if i < 0 {
				checkPaylinkVector(t, &v)
				continue
			}
			d := v.explain(t)
			assert.False(t, d.Right)
			assert.Empty(t, d.Findings)
			assert.Contains(t, d.Skipped, forbidden[v.Mistakes[i]])
			assert.Contains(t, d.String(), forbidden[v.Mistakes[i]])
			skipped[v.Mistakes[i]] = true
		}
	}
	assert.Len(t, skipped, len(forbidden))

	// Swapped, a short string to sign is a short key.
	for _, signature := range []string{sign(testSecret, "a=b"), sign("another-test-secret", "a=b"), strings.Repeat("00", 16), strings.Repeat("0", 40), "none"} {
		v := paylinkVector{Method: "POST", URL: "/v1.0/Page/", Type: formType, Secret: testSecret, Body: "a=b&ApiSignature=" + url.QueryEscape(signature)}
		d := v.explain(t)
		assert.Equal(t, signature == sign(testSecret, "a=b"), d.Right)
		assert.Empty(t, d.Findings)
	}
}

func TestAvangateInFIPSMode(t *testing.T) { inFIPSMode(t, "TestHelperAvangateFIPS") }

func TestHelperAvangateFIPS(t *testing.T) {
	if os.Getenv(fipsHelper) == "" {
		return
	}
	if !fips140.Enforced() {
		t.Skip("GODEBUG=fips140=only does not enforce FIPS 140 mode")
	}
	// What is skipped, by the mistake that is not found then.
	const shortKey = "mistakes that make an HMAC key of under 14 bytes"
	forbidden := map[string]string{
		"MD5 is used":                            "MD5 is used",
		"SHA-1 is used":                          "SHA-1 is used",
		"Keccak-256 is used":                     "Keccak-256 is used",
		"Keccak-512 is used":                     "Keccak-512 is used",
		"the HMAC has a block of 64 bytes":       "the HMAC has a block of 64 bytes",
		"the key is empty, undefined or null":    shortKey,
		"the merchant code is taken for the key": shortKey,
	}
	skipped := make(map[string]bool)
	for file := range avangateScripts {
		for _, v := range readAvangateVectors(t, file) {
			if len(v.Key) < minFIPSKey {
				continue // the secret itself is refused
			}
			d := v.explain(t)
			if len(v.Mistakes) == 0 || len(d.Findings) > 0 {
				assert.Equal(t, len(v.Mistakes) == 0, d.Right)
				if !d.Right {
					assert.Equal(t, v.Mistakes, namesOf(d.Findings[0].Mistakes))
				}
				continue
			}
			i := slices.IndexFunc(v.Mistakes, func(name string) bool { return forbidden[name] != "" })
			if assert.GreaterOrEqual(t, i, 0, "%+v", v) {
				assert.Contains(t, d.Skipped, forbidden[v.Mistakes[i]])
				skipped[v.Mistakes[i]] = true
			}
		}
	}
	assert.Len(t, skipped, len(forbidden))

	// Swapped, a short string to sign is a short key.
	d, err := exampleAvangate().Header(t.Context(), `code="" date="" hash="`+strings.Repeat("0", 64)+`" algo="sha256"`)
	require.NoError(t, err)
	assert.Contains(t, d.Skipped, shortKey)
}
