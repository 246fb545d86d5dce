package explain

import (
	"crypto/fips140"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// An avangateVector is what testdata's scripts print, see avangate.py.
type avangateVector struct {
	Mistakes           []string
	Account, Key, Now  string
	Header, Path, Body string
	Signed, Fix        string
}

// avangateScripts are the scripts in testdata, and how they are run.
var avangateScripts = map[string][]string{
	"avangate_java.json":    {"java", "Avangate.java"},
	"avangate_node.json":    {"node", "avangate.mjs"},
	"avangate_openssl.json": {"sh", "avangate.sh"},
	"avangate_php.json":     {"php", "-n", "avangate.php"},
	"avangate_python.json":  {"python3", "avangate.py"},
}

func readAvangateVectors(t testing.TB, file string) (vectors []avangateVector) {
	b, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &vectors))
	require.NotEmpty(t, vectors)
	return vectors
}

func (v *avangateVector) explain(t testing.TB) *Diagnosis {
	now, err := time.Parse(time.DateTime, v.Now)
	require.NoError(t, err)
	a := &Avangate{MerchantCode: v.Account, SecretKey: auth.NewSecret(v.Key), Now: func() time.Time { return now }}
	var d *Diagnosis
	if v.Path == "" {
		d, err = a.Header(t.Context(), v.Header)
	} else {
		d, err = a.Request(httptest.NewRequest("POST", v.Path, strings.NewReader(v.Body)))
	}
	require.NoError(t, err, "%+v", v)
	return d
}

func TestAvangateVectorsAreWhatTheScriptsPrint(t *testing.T) { checkScripts(t, avangateScripts) }

// TestAvangateVectors: what other languages sign wrongly is named, first and alone.
func TestAvangateVectors(t *testing.T) {
	for file := range avangateScripts {
		t.Run(file, func(t *testing.T) {
			for _, v := range readAvangateVectors(t, file) {
				if fips140.Enforced() && len(v.Key) < minFIPSKey {
					continue // the secret itself is refused
				}
				d := v.explain(t)
				if fips140.Enforced() && !d.Right && len(d.Findings) == 0 {
					assert.NotEmpty(t, d.Skipped, "%+v", v)
					continue // TestAvangateInFIPSMode says which may be skipped
				}
				assert.Equal(t, len(v.Mistakes) == 0, d.Right, "%+v", v)
				if d.Right {
					assert.Equal(t, &Diagnosis{Right: true, StringToSign: v.Signed}, d)
					continue
				}
				if !assert.Len(t, d.Findings, 1, "%+v\n%v", v, d) {
					continue
				}
				f := d.Findings[0]
				assert.Equal(t, v.Mistakes, namesOf(f.Mistakes), "%+v", v)
				assert.Equal(t, v.Signed, f.StringToSign, "%+v", v)
				assert.Contains(t, f.Mistakes[len(f.Mistakes)-1].Fix, v.Fix)
				assert.Equal(t, difference(d.Wanted(f), v.Signed), f.Difference)
				assert.Empty(t, d.Possibilities)
				assert.False(t, d.Incomplete)
				assert.NotContains(t, fmt.Sprintf("%+v", d), v.Key, "the secret")
			}
		})
	}
}

// TestAvangateMistakesHaveVectors: no mistake is in the tables that no other
// language has been seen to make.
func TestAvangateMistakesHaveVectors(t *testing.T) {
	made := make(map[string]bool)
	for file := range avangateScripts {
		for _, v := range readAvangateVectors(t, file) {
			for _, name := range v.Mistakes {
				made[name] = true
			}
		}
	}
	known := []Mistake{unreadableDate, otherForm, namedParameters, shuffledParameters, sessionParameter}
	for _, r := range avangateRows {
		known = append(known, r.Mistake)
	}
	for _, f := range avangateFlaws {
		known = append(known, f.Mistake)
	}
	for _, c := range codings {
		if c != avangateScheme.coding {
			known = append(known, avangateScheme.miscoded(c))
		}
	}
	for _, m := range known {
		assert.True(t, made[m.Name] || m.Name == "the header is sent more than once", m.Name)
		assert.Regexp(t, `^[^A-Z]|^(MD5|SHA|HMAC|Keccak)`, m.Name)
		assert.Regexp(t, `^[A-Z].*\.$`, m.Fix)
	}
}

// explainedAt explains a header at the time that it says, and has no sessions.
func explainedAt(t testing.TB, code, date, key, header string) *Diagnosis {
	return (&avangateVector{Account: code, Now: date, Key: key, Header: header}).explain(t)
}
