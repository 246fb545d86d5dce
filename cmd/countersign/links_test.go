package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMerchantTokensClaims: a string and two integers, and no other claim.
func TestMerchantTokensClaims(t *testing.T) {
	t.Setenv(buyLinkVariable, scriptSecretWord)
	var out strings.Builder
	before := time.Now().Unix()
	require.Equal(t, exitRight, run([]string{"sign", "merchant-token", "--merchant-code", "YOURCODE123"}, nil, &out, io.Discard))
	after := time.Now().Unix()
	parts := strings.Split(strings.TrimSuffix(out.String(), "\n"), ".")
	require.Len(t, parts, 3)
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(payload, &claims))
	require.Len(t, claims, 3)
	assert.Equal(t, `"YOURCODE123"`, string(claims["sub"]))
	var issued, expires int64
	require.NoError(t, json.Unmarshal(claims["iat"], &issued))
	require.NoError(t, json.Unmarshal(claims["exp"], &expires))
	assert.GreaterOrEqual(t, issued, before-10)
	assert.LessOrEqual(t, issued, after-10)
	assert.EqualValues(t, 610, expires-issued)
}

// TestASecretWordThatIsNotGiven: where there is no variable, nothing can be told; where
// it is empty, the key is, and no URL is right.
func TestASecretWordThatIsNotGiven(t *testing.T) {
	verify := []string{"verify", "return-url", "--url", "?refno=1&total=1&total-currency=EUR&signature=00"}
	t.Setenv(buyLinkVariable, "")
	assert.Equal(t, exitWrong, run(verify, nil, io.Discard, io.Discard))
	require.NoError(t, os.Unsetenv(buyLinkVariable))
	assert.Equal(t, exitUsage, run(verify, nil, io.Discard, io.Discard))
}
