package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/request"
)

func TestReadBody(t *testing.T) {
	for _, length := range []int{0, 1, firstRead - 2, firstRead - 1, firstRead, firstRead + 1, 4 * firstRead, MaxBody - 1, MaxBody} {
		body := bytes.Repeat([]byte("a=%41&"), length/6+1)[:length]
		for _, announced := range []int64{-1, int64(length)} {
			for name, r := range map[string]io.Reader{
				"whole":        bytes.NewReader(body),
				"in halves":    iotest.HalfReader(bytes.NewReader(body)),
				"with the end": iotest.DataErrReader(bytes.NewReader(body)),
			} {
				got, err := readBody(t.Context(), r, announced)
				require.NoError(t, err, "%d bytes, %s", length, name)
				require.True(t, bytes.Equal(body, got), "%d bytes, %s", length, name)
			}
		}
	}
	_, err := readBody(t.Context(), bytes.NewReader(nil), MaxBody+1)
	assert.ErrorIs(t, err, request.ErrTooLong, "announced")
	_, err = readBody(t.Context(), iotest.ErrReader(errors.New("gone")), -1)
	assert.ErrorContains(t, err, "gone")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = readBody(ctx, iotest.OneByteReader(bytes.NewReader(make([]byte, 10))), -1)
	assert.ErrorIs(t, err, context.Canceled)
}

// A body gets little room before any of it has come, whatever length is announced, and
// more only as it comes.
func TestReadBodyTakesRoomAsTheBodyComes(t *testing.T) {
	for _, c := range []struct{ length, announced, first int }{
		{0, 0, 1},
		{5, 5, 6},
		{firstRead - 1, firstRead - 1, firstRead},
		{firstRead, firstRead, firstRead},
		{5, MaxBody, firstRead},
		{MaxBody, MaxBody, firstRead},
		{MaxBody, -1, firstRead},
	} {
		came := 0
		body := readerFunc(func(p []byte) (int, error) {
			assert.LessOrEqual(t, came+len(p), max(c.first, 4*came+1), "when %d came of %d bytes, announced as %d", came, c.length, c.announced)
			n := min(len(p), c.length-came)
			if came += n; n == 0 {
				return 0, io.EOF
			}
			return n, nil
		})
		_, err := readBody(t.Context(), body, int64(c.announced))
		require.NoError(t, err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestMatchTriesNoKeyAfterTheOneThatFits(t *testing.T) {
	var tried []string
	keys := []auth.SecretSource{auth.NewSecret("the first secret"), auth.NewSecret("the second secret"), auth.NewSecret("the third secret")}
	key, found, err := Match(t.Context(), keys, func(key auth.Secret) bool {
		tried = append(tried, key.Reveal())
		return key.Reveal() == "the second secret"
	})
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, "the second secret", key.Reveal())
	assert.Equal(t, []string{"the first secret", "the second secret"}, tried)
}
