package authtest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

// TestAvangateLoginWithANumber: json_decode of PHP gives a merchant code that is sent as
// a number, and strlen counts its digits.
func TestAvangateLoginWithANumber(t *testing.T) {
	const date = "2026-01-02 03:04:05"
	now, err := time.Parse(time.DateTime, date)
	require.NoError(t, err)
	mac := hmac.New(sha256.New, []byte("test-secret-key"))
	io.WriteString(mac, "6"+"250111"+"19"+date)
	hash := hex.EncodeToString(mac.Sum(nil))

	for code, isRight := range map[string]bool{`250111`: true, `"250111"`: true, `"0250111"`: false, `true`: false, `[250111]`: false} {
		var seen authtest.Exchange
		gateway := &authtest.Avangate{
			MerchantCode: "250111", SecretKey: auth.NewSecret("test-secret-key"),
			Now:     func() time.Time { return now },
			Observe: func(e authtest.Exchange) { seen = e },
		}
		w := httptest.NewRecorder()
		gateway.ServeHTTP(w, httptest.NewRequest("POST", "/rpc/6.0/", strings.NewReader(fmt.Sprintf(
			`{"jsonrpc":"2.0","method":"login","params":[%s,%q,%q,"sha256"],"id":1}`, code, date, hash))))
		assert.Equal(t, http.StatusOK, w.Code, code)
		assert.Equal(t, isRight, rpcID.MatchString(w.Body.String()), "%s: %s", code, w.Body)
		assert.Equal(t, isRight, seen.Err == nil, "%s: %v", code, seen.Err)
	}
}
