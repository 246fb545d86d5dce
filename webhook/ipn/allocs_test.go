//go:build !race

package ipn_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/webhook/ipn"
)

// TestWhatAnyoneCanSendCostsTwiceItsLength: 1 MiB of whatever body allocates 2 MiB at
// most before its hash is known to be right. Under the race detector sync.Pool drops
// things at random.
func TestWhatAnyoneCanSendCostsTwiceItsLength(t *testing.T) {
	hash := "&SIGNATURE_SHA3_256=" + strings.Repeat("0", 64)
	for name, unit := range map[string]string{
		"names":             "a&",
		"empty pairs":       "=&",
		"separators":        "&",
		"one value":         "a",
		"one escaped value": "%41",
		"percent signs":     "%",
		"elements":          "IPN_PID%5B%5D=1&",
		"hashes' names":     "%48ASH[]=&",
	} {
		whole := strings.Repeat(unit, 1<<20/len(unit))
		for _, body := range []string{whole, "a=" + whole[:1<<20-100] + hash, whole + "&" + hash} {
			for _, announced := range []bool{true, false} {
				s := newShop()
				s.SecretKeys = append(s.SecretKeys, auth.NewSecret("another-secret-key"))
				r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(strings.NewReader(body)))
				r.ContentLength = -1
				if announced {
					r.ContentLength = int64(len(body))
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				w := s.serve(r)
				runtime.ReadMemStats(&after)
				assert.GreaterOrEqual(t, w.Code, 400, name)
				assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20), "%s, announced: %v", name, announced)
			}
		}
	}
}

// TestALongMessageCostsNoMoreForWhatIsInIt: what is not kept is walked through one
// buffer, that has room for whatever comes.
func TestALongMessageCostsNoMoreForWhatIsInIt(t *testing.T) {
	source := auth.NewSecret(key)
	allocs := map[string]float64{}
	for name, fields := range map[string]string{
		"names":         strings.Repeat("a&", 500_000),
		"small values":  strings.Repeat("A=%41b&", 100_000),
		"a large value": "A=" + strings.Repeat("a", 1018) + "&B=" + strings.Repeat("b", 1_000_000) + "&", // behind as much as is not written yet
	} {
		body := []byte(fields + "SIGNATURE_SHA3_256=" + strings.Repeat("0", 64))
		allocs[name] = testing.AllocsPerRun(5, func() {
			if _, err := ipn.Verify(t.Context(), body, source); !errors.Is(err, auth.ErrSignature) {
				t.Fatal(err)
			}
		})
	}
	assert.Equal(t, allocs["names"], allocs["small values"])
	assert.Equal(t, allocs["names"], allocs["a large value"])
}

// A notification of the usual size is walked once.
func TestVerifyAllocates(t *testing.T) {
	c := readVectors(t).IPN.Cases[0]
	source := auth.NewSecret(c.Key)
	for algorithm, field := range algorithms {
		body := []byte(c.Body + "&" + field + "=" + c.MAC[algorithm])
		assert.LessOrEqual(t, testing.AllocsPerRun(200, func() {
			if _, err := ipn.Verify(t.Context(), body, source); err != nil {
				t.Fatal(err)
			}
		}), 6.0, algorithm)
	}
}
