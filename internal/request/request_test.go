package request

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What a peer says of its body costs nothing until the body arrives.
func TestTakeBodyHasRoomForWhatArrives(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		sent   int
		length int64
		most   uint64
	}{
		"a length that is only claimed": {0, 8 * mib, 128 << 10},
		"a tenth of what is claimed":    {mib, 10 * mib, 6 * mib},
		"a length that is true":         {2 * mib, 2 * mib, 6 * mib},
		"no length":                     {2 * mib, -1, 12 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			body := strings.Repeat("x", c.sent)
			broken := errors.New("broken")
			req := &http.Request{ContentLength: c.length, Body: io.NopCloser(strings.NewReader(body))}
			if c.length > int64(c.sent) {
				req.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), iotest.ErrReader(broken)))
			}
			var got []byte
			var err error
			assert.LessOrEqual(t, allocated(func() { got, err = TakeBody(req, 16*mib) }), c.most)
			if c.length > int64(c.sent) {
				require.ErrorIs(t, err, broken)
				return
			}
			require.NoError(t, err)
			assert.True(t, bytes.Equal([]byte(body), got))
		})
	}
}

// TestTakeBodyAtTheBounds has lengths around those at which the buffer grows, and
// the longest body that may be allowed.
func TestTakeBodyAtTheBounds(t *testing.T) {
	for _, n := range []int{1, 511, 512, 513, firstRead - 2, firstRead - 1, firstRead, firstRead + 1, 3*firstRead + 1} {
		body := strings.Repeat("x", n)
		for _, length := range []int64{-1, int64(n)} {
			for _, most := range []int64{int64(n), math.MaxInt64} {
				got, err := TakeBody(&http.Request{ContentLength: length, Body: io.NopCloser(iotest.DataErrReader(strings.NewReader(body)))}, most)
				require.NoError(t, err)
				require.Len(t, got, n)
			}
			_, err := TakeBody(&http.Request{ContentLength: length, Body: io.NopCloser(strings.NewReader(body))}, int64(n)-1)
			require.ErrorIs(t, err, ErrTooLong)
		}
		for _, length := range []int64{int64(n) - 1, int64(n) + 1} {
			_, err := TakeBody(&http.Request{ContentLength: length, Body: io.NopCloser(strings.NewReader(body))}, math.MaxInt64)
			if length > 0 {
				require.ErrorContains(t, err, "ContentLength says")
			}
		}
	}
}
