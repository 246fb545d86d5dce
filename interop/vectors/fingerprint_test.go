package vectors

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

// TestAFingerprintIsWhatItsSchemaSays holds what countersign probe prints of emulated
// gateways, and what its manual shows, against the schema.
func TestAFingerprintIsWhatItsSchemaSays(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(testdata + "/fingerprint.schema.json")
	require.NoError(t, err)
	valid := func(text []byte) error {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		return schema.Validate(document)
	}
	command := filepath.Join(t.TempDir(), "countersign")
	build := exec.Command("go", "build", "-o", command, "./cmd/countersign")
	build.Dir = "../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	secret := auth.NewSecret("test-secret-key")
	for name, handler := range map[string]http.Handler{
		"paylink":  &authtest.Paylink{Instance: "example", Secret: secret},
		"avangate": &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: secret},
	} {
		server := httptest.NewServer(handler)
		defer server.Close()
		probe := func(flags ...string) []byte {
			cmd := exec.Command(command, append([]string{"probe", name, "--base-url", server.URL, "--interval", "0", "--json"}, flags...)...)
			cmd.Env = append(os.Environ(), "COUNTERSIGN_INSTANCE=example", "COUNTERSIGN_SECRET=test-secret-key", "COUNTERSIGN_MERCHANT_CODE=YOURCODE123", "COUNTERSIGN_SECRET_KEY=test-secret-key")
			text, _ := cmd.Output()
			assert.NoError(t, valid(text), "%s %q: %s", name, flags, text)
			return text
		}
		probe()
		probe("--max", "1")
		probe("--max", "4")
		text := probe("--all")
		seen := map[string]bool{}
		for _, l := range leaves(t, text) {
			if !seen[l.path] {
				seen[l.path] = true
				assert.Error(t, valid(l.replaced(text, `{"unknown": 1}`)), "%s may be anything", l.path)
			}
		}
		assert.Greater(t, len(seen), 14)
		assert.Error(t, valid(append([]byte(`{"unknown": 1,`), bytes.TrimLeft(text, "{")...)), "there may be any member")
	}
	manual, err := os.ReadFile("../../docs/probe.md")
	require.NoError(t, err)
	shown := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(manual)
	require.NotNil(t, shown)
	assert.NoError(t, valid(shown[1]))
}
