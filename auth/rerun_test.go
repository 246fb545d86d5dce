package auth_test

import (
	"os"
	"os/exec"
	"testing"
)

const helperVariable = "COUNTERSIGN_TEST_HELPER"

// rerun runs one test of this binary in a process of its own, and returns what it
// printed, however it ended. Each of environment is NAME=value.
func rerun(t *testing.T, test string, environment ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(append(os.Environ(), helperVariable+"=1"), environment...)
	out, err := cmd.CombinedOutput()
	if len(out) == 0 {
		t.Fatalf("running %s again gives nothing: %v", test, err)
	}
	return string(out)
}

// isHelper reports whether the test is run by rerun; elsewhere it has nothing to
// do.
func isHelper() bool { return os.Getenv(helperVariable) != "" }
