package countersign

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"
)

// TestDocumentedConfigurations: those of docs/sidecar.md and of the package's doc can
// be loaded as they stand, but for the path of the secret.
func TestDocumentedConfigurations(t *testing.T) {
	manual, err := os.ReadFile("../docs/sidecar.md")
	require.NoError(t, err)
	source, err := os.ReadFile("countersign.go")
	require.NoError(t, err)
	block := func(kind, contains string) string {
		for _, m := range regexp.MustCompile("(?s)```"+kind+"\n(.*?)```").FindAllStringSubmatch(string(manual), -1) {
			if strings.Contains(m[1], contains) {
				return m[1]
			}
		}
		t.Fatalf("docs/sidecar.md has no %s with %q", kind, contains)
		return ""
	}
	_, inDoc, _ := strings.Cut(string(source), "// In a Caddyfile:\n//\n")
	inDoc, _, _ = strings.Cut(inDoc, "//\n// Without bind")
	secret := secretFile(t, testSecret)
	for _, c := range []struct{ adapter, config string }{
		{"countersign", block("json", "listen")},
		{"caddyfile", block("caddyfile", "reverse_proxy")},
		{"caddyfile", regexp.MustCompile(`(?m)^//\t?`).ReplaceAllString(inDoc, "")},
	} {
		config := regexp.MustCompile(`/run/secrets/\w+`).ReplaceAllString(c.config, secret)
		require.Contains(t, config, secret)
		var parsed caddy.Config
		require.NoError(t, caddy.StrictUnmarshalJSON(adapt(t, c.adapter, config), &parsed))
		require.NoError(t, caddy.Validate(&parsed))
	}
}
