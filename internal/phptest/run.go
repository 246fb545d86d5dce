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
	if extension, ok := extensions[script]; ok {
		args = append(args, Extension(t, extension)...)
	}
	return args
}

// Extension returns the options of PHP's command line, behind -n, that load an
// extension, such as curl or soap. Where it is not installed, the test is skipped,
// or fails if [Full].
func Extension(t testing.TB, name string) []string {
	t.Helper()
	args := []string{"-d", "extension=" + name}
	check := append([]string{"-n"}, append(args, "-r", "exit(extension_loaded('"+name+"') ? 0 : 1);")...)
	if exec.Command(Require(t, "php"), check...).Run() != nil {
		lacks(t, "PHP has no "+name, "Debian's php-"+name)
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
