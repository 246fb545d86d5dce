package countersign

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKeptBodyIsWholeOrAnError: whatever of it earlier readers have read.
func TestKeptBodyIsWholeOrAnError(t *testing.T) {
	for _, c := range []struct {
		length, claimed, read int
		gone                  bool
	}{
		{10, 10, 0, false},
		{10, 10, 4, false},
		{10, -1, 10, false},
		{maxKept, maxKept, maxKept, false},
		{maxKept, -1, maxKept - 1, false},
		{maxKept + 1, -1, 0, false},
		{maxKept + 1, -1, maxKept, false}, // what was read is kept
		{maxKept + 1, -1, maxKept + 1, true},
		{maxKept + 1, maxKept + 1, 0, false},
		{maxKept + 1, maxKept + 1, 1, true},
		{3 * maxKept, -1, 2 * maxKept, true},
	} {
		want := strings.Repeat("x", c.length-1) + "y"
		k := keep(strings.NewReader(want), int64(c.claimed))
		first := k.reader()
		_, err := io.ReadFull(first, make([]byte, c.read))
		require.NoError(t, err)
		assert.Equal(t, c.gone, k.isGone(), "%+v", c)
		got, err := io.ReadAll(k.reader())
		if c.gone {
			assert.ErrorIs(t, err, errGone, "%+v", c)
			assert.Empty(t, got)
			rest, err := io.ReadAll(first)
			assert.NoError(t, err)
			assert.Equal(t, want[c.read:], string(rest), "the one at the end goes on")
			continue
		}
		require.NoError(t, err)
		assert.True(t, want == string(got), "%+v", c)
		if c.length > maxKept { // the second has gone beyond what is kept
			_, err = io.ReadAll(first)
			assert.ErrorIs(t, err, errGone, "%+v", c)
		}
	}
}

func TestKeptBodyRepeatsTheFault(t *testing.T) {
	broken := errors.New("broken")
	k := keep(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), -1)
	for range 2 {
		got, err := io.ReadAll(k.reader())
		assert.ErrorIs(t, err, broken)
		assert.Equal(t, "abc", string(got))
	}
	r := k.reader()
	require.NoError(t, r.Close())
	_, err := r.Read(make([]byte, 1))
	assert.ErrorIs(t, err, errClosed)
}
