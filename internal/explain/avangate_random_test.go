package explain

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha3"
	"fmt"
	"hash"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

func TestAvangateRightHeadersOfPHP(t *testing.T) {
	cases := phptest.Cases(10_000)
	command := append(slices.Clone(avangateScripts["avangate_php.json"]), strconv.Itoa(cases))
	lines := strings.Split(strings.TrimSuffix(runScript(t, command...), "\n"), "\n")
	require.Len(t, lines, cases)
	for _, line := range lines {
		part := strings.Split(line, "\t")
		require.True(t, explainedAt(t, part[0], part[1], part[2], part[3]).Right, line)
	}
}

// A headerMaker makes right headers with nothing of this module.
type headerMaker struct{ *rand.Rand }

func (m headerMaker) text(letters string, length int) string {
	var b strings.Builder
	for range length {
		b.WriteRune([]rune(letters)[m.IntN(len([]rune(letters)))])
	}
	return b.String()
}

func (m headerMaker) header(key string) (code, date, header string) {
	code = m.text("ABCabc0189-_.,:=&%$!/漢😀", 1+m.IntN(20))
	date = time.Unix(m.Int64N(4102444800), 0).UTC().Format("2006-01-02 15:04:05")
	algo, function := "sha256", sha256.New
	if m.IntN(2) == 0 {
		algo, function = "sha3-256", func() hash.Hash { return sha3.New256() }
	}
	mac := hmac.New(function, []byte(key))
	fmt.Fprintf(mac, "%d%s%d%s", len(code), code, len(date), date)
	return code, date, fmt.Sprintf(`code="%s" date="%s" hash="%x" algo="%s"`, code, date, mac.Sum(nil), algo)
}

// repeat calls f so often, on all processors.
func repeat(times int, f func(m headerMaker)) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		wg.Go(func() {
			m := headerMaker{rand.New(rand.NewPCG(1, uint64(worker)))}
			for i := worker; i < times; i += workers {
				f(m)
			}
		})
	}
	wg.Wait()
}

func TestAvangateRightHeaders(t *testing.T) {
	repeat(phptest.Cases(10_000), func(m headerMaker) {
		key := m.text("abcXYZ123!#'&<", 14+m.IntN(30))
		code, date, header := m.header(key)
		assert.True(t, explainedAt(t, code, date, key, header).Right, header)
	})
}

// TestAvangateClaimsNothingOfAnotherKey tries every mistake, and every pair, in vain.
func TestAvangateClaimsNothingOfAnotherKey(t *testing.T) {
	repeat(randomKeys(10_000), func(m headerMaker) {
		code, date, header := m.header(m.text("abcXYZ123!#'&<", 14+m.IntN(30)))
		d := explainedAt(t, code, date, m.text("abcXYZ123!#'&<", 14+m.IntN(30)), header)
		assert.False(t, d.Right, header)
		assert.Empty(t, d.Findings, header)
		assert.False(t, d.Incomplete, header)
		assert.Equal(t, avangatePossibilities, d.Possibilities)
	})
}
