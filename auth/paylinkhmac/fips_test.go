package paylinkhmac_test

import (
	"context"
	"crypto/fips140"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

// With GODEBUG=fips140=only, crypto/hmac panics at a key of under 14 bytes.
func TestShortSecretsAreErrorsInFIPSMode(t *testing.T) {
	if !fips140.Enforced() {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: "+t.Name())
		return
	}
	short := auth.NewSecret("13-bytes-long")
	_, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: "example", Secret: short})
	assert.ErrorIs(t, err, auth.ErrSecret)

	a := newAuthenticator(t, paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: "example",
		Secret: auth.SecretFunc(func(context.Context) (auth.Secret, error) { return short, nil })})
	assert.ErrorIs(t, a.Authenticate(newRequest(t, "GET", path, ""), nil), auth.ErrSecret)

	req := newRequest(t, "GET", path, "")
	require.NoError(t, example(t).Authenticate(req, nil))
	_, err = (&paylinkhmac.Verifier{Secret: short}).Verify(req)
	assert.ErrorIs(t, err, auth.ErrSecret)
}
