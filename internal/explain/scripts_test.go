package explain

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// runPaylinkScript returns what a script in testdata prints. Where it cannot be
// run, the test is skipped.
func runPaylinkScript(t *testing.T, command ...string) string {
	switch command[0] {
	case "php":
		php := phptest.Require(t, "php")
		if exec.CommandContext(t.Context(), php, "-n", "-d", "extension=curl", "-r", `exit(class_exists("CURLFile") ? 0 : 1);`).Run() != nil {
			t.Skip("PHP has no curl here: install Debian's php-curl to run this test")
		}
	case "sh":
		requireProgram(t, "openssl")
		requireProgram(t, "sh")
	default:
		requireProgram(t, command[0])
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = "testdata"
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

func requireProgram(t *testing.T, name string) {
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("no %s here: install it to run this test", name)
	}
}
