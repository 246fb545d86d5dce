package explain

import (
	"crypto/fips140"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var pairScripts = map[string][]string{"pairs.json": {"php", "-n", "pairs.php"}}

func TestPairsAreWhatTheScriptPrints(t *testing.T) { checkScripts(t, pairScripts) }

// TestPairs: of the mistakes of published programs, each pair that can be made together
// is named, first.
func TestPairs(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("FIPS 140 mode forbids short keys")
	}
	var pairs []struct {
		Scheme       string
		Mistakes     []string
		Secret       string
		Type, Body   string
		StringToSign string
	}
	text, err := os.ReadFile("testdata/pairs.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &pairs))
	count := make(map[string]int)
	for _, p := range pairs {
		count[p.Scheme]++
		t.Run(p.Scheme+" "+strings.Join(p.Mistakes, ", "), func(t *testing.T) {
			var d *Diagnosis
			if p.Scheme == "paylink" {
				d = (&paylinkVector{Method: "POST", URL: "/v1.0/Gateway/?instance=example", Type: p.Type, Body: p.Body, Secret: p.Secret}).explain(t)
			} else {
				d = (&avangateVector{Account: "YOURCODE123", Key: p.Secret, Now: "2026-01-02 03:04:05", Path: "/rpc/6.0/", Body: p.Body}).explain(t)
			}
			require.NotEmpty(t, d.Findings, d)
			assert.Equal(t, p.Mistakes, namesOf(d.Findings[0].Mistakes))
			assert.NotContains(t, d.String(), p.Secret)
		})
	}
	assert.Equal(t, map[string]int{"paylink": 101, "avangate": 56}, count)
}
