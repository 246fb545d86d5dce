package interop_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/countersign/countersign/interop"
)

// Nothing stands in a span but what the caller wrote, and a redirect comes to the
// client at the top.
func TestNewClient(t *testing.T) {
	for _, tt := range reads {
		t.Run(tt.name, func(t *testing.T) {
			s := newSpans(t)
			defer func(was trace.TracerProvider) { otel.SetTracerProvider(was) }(otel.GetTracerProvider())
			otel.SetTracerProvider(s.traces)
			g := tt.gateway(t)
			g.answer(http.RedirectHandler(tt.path, http.StatusTemporaryRedirect).ServeHTTP)
			code, _, err := send(t, interop.NewClient(g.signing(t, nil)), http.MethodGet, g.URL+tt.path, "", "")
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, code)
			g.requireVerified(t, 2)
			assert.Equal(t, []string{g.URL + tt.path, g.URL + tt.path}, s.values("url.full"), "a span for each hop")
			g.requireClean(t, s.dump(t))
		})
	}
}

// What docs/layers.md shows compiles: it is the body of NewClient.
func TestTheManualShowsTheStackThatIsTested(t *testing.T) {
	source, err := os.ReadFile("stack.go")
	require.NoError(t, err)
	_, body, found := strings.Cut(string(source), "*http.Client {\n")
	require.True(t, found)
	body, _, found = strings.Cut(body, "\treturn client\n")
	require.True(t, found)
	body = strings.TrimPrefix(strings.ReplaceAll(body, "\n\t", "\n"), "\t")
	text, err := os.ReadFile("../docs/layers.md")
	require.NoError(t, err)
	assert.Contains(t, string(text), "signing, err := transport.New(nil, vrpay, tco)\n// ...\n"+body+"```\n")
}
