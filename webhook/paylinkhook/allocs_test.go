//go:build !race

package paylinkhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
)

// TestWhatAnyoneCanSendCostsTwiceItsLength: 1 MiB of whatever body allocates 2 MiB at
// most before its signature is known to be right. A platform without one is read after
// that, and what is read then is bounded too.
func TestWhatAnyoneCanSendCostsTwiceItsLength(t *testing.T) {
	for name, unit := range map[string]string{
		"names":      "a&",
		"elements":   "transaction%5Bid%5D=1&",
		"JSON":       `{"transaction":`,
		"members":    `{"a":1,"b":[`,
		"text":       "a",
		"white":      " ",
		"identities": `{"transaction":{"id":"`,
	} {
		body := strings.Repeat(unit, 1<<20/len(unit))
		for _, announced := range []bool{true, false} {
			for _, unsigned := range []bool{true, false} {
				s := newShop()
				most := uint64(2 << 20)
				if s.Unsigned = unsigned; unsigned {
					s.SigningKeys, most = nil, 4<<20
				} else {
					s.SigningKeys = append(s.SigningKeys, auth.NewSecret("another-secret-key"))
				}
				r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(strings.NewReader(body)))
				r.Header.Set("X-Webhook-Signature", strings.Repeat("0", 64))
				r.ContentLength = -1
				if announced {
					r.ContentLength = int64(len(body))
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				w := s.serve(r)
				runtime.ReadMemStats(&after)
				assert.True(t, unsigned || w.Code == http.StatusBadRequest, name)
				assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, most, "%s, unsigned: %v", name, unsigned)
			}
		}
	}
}
