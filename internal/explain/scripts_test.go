package explain

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// runScript returns what a script in testdata prints. PHP's run wherever PHP is,
// those of other languages with COUNTERSIGN_REQUIRE_PHP=1 only.
func runScript(t *testing.T, command ...string) string {
	t.Helper()
	switch program := command[0]; program {
	case "php":
		phptest.Require(t, program)
		if slices.Contains(command, "extension=curl") {
			phptest.Extension(t, "curl")
		}
	case "sh":
		phptest.Client(t, "openssl")
	default:
		phptest.Client(t, program)
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = "testdata"
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

// checkScripts fails if the committed vectors are not what the scripts print.
func checkScripts(t *testing.T, scripts map[string][]string) {
	for file, command := range scripts {
		t.Run(file, func(t *testing.T) {
			got := runScript(t, command...)
			want, err := os.ReadFile(filepath.Join("testdata", file))
			require.NoError(t, err)
			assert.Equal(t, string(want), got, "in testdata, run %s > %s", strings.Join(command, " "), file)
		})
	}
}
