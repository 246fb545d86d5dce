package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

func TestDemo(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Zero(t, run([]string{"demo"}, nil, &stdout, &stderr), "%s", &stderr)
	for _, want := range []string{
		"Checkout Paylink", "OkePay", "Shop & Pay", "VR pay secure", "2Checkout",
		"SignatureCheck", "(empty)", "200 OK", "403 Forbidden", "sha256", "sha3-256", "JSON-RPC", "SOAP", "X-API-KEY", "15 min off", "multipart",
		"IPN, sent to the shop", "200 OK, acknowledged", "buy link", "200 OK, signed alike", "5A1;B231;2",
		`refused: parameter "pm" is given twice`, "refused: the redirect leads to http://",
	} {
		assert.Contains(t, stdout.String(), want)
	}
	assert.NotContains(t, stdout.String(), "WRONG")
}

// TestDemoNotices shows that each check of the demo can fail.
func TestDemoNotices(t *testing.T) {
	c := call{signed: "a=1", parameters: [][2]string{{"a", "1"}}, status: 200}
	right := authtest.Exchange{StringToSign: "a=1", Parameters: [][2]string{{"a", "1"}}, Status: 200}
	assert.Empty(t, c.checkAnswer(200, []authtest.Exchange{right}))
	assert.Contains(t, c.checkAnswer(403, []authtest.Exchange{right}), "the status is 403")
	assert.Contains(t, c.checkAnswer(200, nil), "saw 0 requests and should have seen 1")
	other := right
	other.StringToSign = "a=2"
	assert.Contains(t, c.checkAnswer(200, []authtest.Exchange{other}), "the string to sign")
	other = right
	other.Parameters = nil
	assert.Contains(t, c.checkAnswer(200, []authtest.Exchange{other}), "should have seen")
	assert.NotEmpty(t, c.checkError(auth.ErrParameter, nil), "an error that is not expected")

	c = call{err: auth.ErrRedirect}
	assert.Empty(t, c.checkError(auth.ErrRedirect, nil))
	assert.NotEmpty(t, c.checkError(errors.New("another"), nil))
	assert.NotEmpty(t, c.checkError(auth.ErrRedirect, []authtest.Exchange{right}))
	assert.NotEmpty(t, c.checkAnswer(200, nil))
}
