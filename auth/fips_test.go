package auth_test

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
)

// With GODEBUG=fips140=only, crypto/hmac panics at a key of under 112 bits. Such a
// secret must be refused before it gets there.
func TestFIPSModeRefusesShortSecrets(t *testing.T) {
	out := rerun(t, "TestHelperFIPS", "GODEBUG=fips140=only")
	if strings.Contains(out, "--- SKIP") {
		t.Skipf("FIPS 140 mode cannot be had here: %s", out)
	}
	assert.Contains(t, out, "--- PASS: TestHelperFIPS")
	assert.NotContains(t, out, "panic")
}

func TestHelperFIPS(t *testing.T) {
	if !isHelper() {
		return
	}
	if !fips140.Enforced() {
		t.Skip("GODEBUG=fips140=only does not enforce FIPS 140 mode")
	}
	short := auth.NewSecret("13-bytes-long")
	assert.ErrorContains(t, short.Validate(), "FIPS 140")
	assert.Error(t, auth.CheckSource(short))
	_, err := auth.Load(t.Context(), short)
	assert.Error(t, err)

	// The rule is crypto/hmac's own.
	assert.Panics(t, func() { hmac.New(sha256.New, []byte(short.Reveal())) })
	for _, value := range []string{"14-bytes-long!", "14 bytes as é"} {
		assert.Len(t, value, 14)
		assert.NoError(t, auth.NewSecret(value).Validate(), value)
		assert.NotPanics(t, func() { hmac.New(sha256.New, []byte(value)) })
	}
}

func TestShortSecretsAreAcceptedOutsideFIPSMode(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("FIPS 140 mode is enforced")
	}
	for _, value := range []string{"x", "13-bytes-long"} {
		assert.NoError(t, auth.NewSecret(value).Validate(), value)
	}
}
