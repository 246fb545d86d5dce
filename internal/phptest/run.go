package phptest

import (
	"os"
	"os/exec"
	"testing"
)

// extensions are what scripts need beside PHP's core.
var extensions = map[string]string{"avangate.php": "soap", "soapclient.php": "soap"}

// settings returns PHP's command line options for a script.
func settings(t testing.TB, script string) []string {
	t.Helper()
	args := []string{"-n", "-d", "display_errors=0", "-d", "error_log=/dev/null"}
	extension, ok := extensions[script]
	if !ok {
		return args
	}
	args = append(args, "-d", "extension="+extension)
	check := append(args, "-r", "exit(extension_loaded('"+extension+"') ? 0 : 1);")
	if exec.Command(Require(t, "php"), check...).Run() != nil {
		if os.Getenv("COUNTERSIGN_REQUIRE_PHP") == "1" {
			t.Fatalf("COUNTERSIGN_REQUIRE_PHP=1, but PHP has no %[1]s: install Debian's php-%[1]s", extension)
		}
		t.Skipf("PHP has no %[1]s here: install Debian's php-%[1]s to run this test", extension)
	}
	return args
}

// Run runs one of this package's scripts with arguments and additional
// environment variables, NAME=value, and returns what it prints.
func Run(t testing.TB, script string, env []string, args ...string) []byte {
	t.Helper()
	args = append(append(settings(t, script), Script(t, script)), args...)
	cmd := exec.Command(Require(t, "php"), args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
	return out
}
