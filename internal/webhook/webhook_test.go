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
