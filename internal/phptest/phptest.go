// Package phptest lets tests ask real PHP. Where PHP is not installed they are
// skipped.
//
// COUNTERSIGN_REQUIRE_PHP=1 is the one switch between a quick run and a whole one:
// with it nothing is skipped, what is not installed is a failure, and random runs
// are whole. Without it they take a tenth, and tests that run curl or scripts of
// other languages are skipped. See [Require], [Client], [Full] and [Cases].
//
// [Start] runs a long-lived process that answers questions about PHP's own
// functions, [Serve] a web server whose scripts verify requests as gateways do,
// [CGI] one script for one body, whole or cut off, [Run] one that acts as a
// client or makes messages. The scripts are written with nothing but PHP's built-ins
// and know nothing of this module.
package phptest

import (
	"bufio"
	"bytes"
	"cmp"
	"embed"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

//go:embed *.php
var scripts embed.FS

// Full reports whether random runs are to be whole: COUNTERSIGN_REQUIRE_PHP=1 is
// set. Without it they take a tenth. It is asked while a test runs: of what is read
// before that, go test knows nothing when it takes a result from its cache.
func Full() bool { return os.Getenv("COUNTERSIGN_REQUIRE_PHP") == "1" }

// Cases returns how many of a random run's n cases, which are 10 or more, are to be
// taken: all if [Full], else a tenth.
func Cases(n int) int {
	if Full() {
		return n
	}
	return n / 10
}

// packages are Debian's, where a program's name does not tell.
var packages = map[string]string{
	"php": "Debian's php-cli", "php-cgi": "Debian's php-cgi", "node": "Debian's nodejs", "java": "Debian's default-jdk-headless",
}

// Require returns the path of a program, such as php or php-cgi. Where it is not
// installed, the test is skipped, or fails if [Full].
func Require(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		lacks(t, "there is no "+program, cmp.Or(packages[program], program))
	}
	return path
}

// Client returns the path of curl, or of a program that runs scripts of a language
// in which clients are written. The test is skipped unless [Full].
func Client(t testing.TB, program string) string {
	t.Helper()
	if !Full() {
		t.Skipf("%s is run with COUNTERSIGN_REQUIRE_PHP=1 only", program)
	}
	return Require(t, program)
}

// lacks skips a test, or fails it if Full.
func lacks(t testing.TB, what, install string) {
	t.Helper()
	if Full() {
		t.Fatalf("COUNTERSIGN_REQUIRE_PHP=1, but %s: install %s", what, install)
	}
	t.Skipf("%s here: install %s to run this test", what, install)
}

// Script returns the path of a copy of one of this package's scripts.
func Script(t testing.TB, name string) string {
	t.Helper()
	text, err := scripts.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A Process is a running oracle.php. It is not safe for concurrent use.
type Process struct {
	t   testing.TB
	in  *bufio.Writer
	out *bufio.Reader
}

// Start runs oracle.php until the test ends.
func Start(t testing.TB) *Process {
	t.Helper()
	cmd := exec.Command(Require(t, "php"), "-n", Script(t, "oracle.php"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("oracle.php: %v", err)
		}
	})
	return &Process{t, bufio.NewWriter(in), bufio.NewReader(out)}
}

// For returns the same process with another test to fail, as a fuzz target needs.
func (p *Process) For(t testing.TB) *Process { return &Process{t, p.in, p.out} }

// Ask sends a question, an operation of oracle.php and its argument, and
// returns the answers.
func (p *Process) Ask(op byte, argument string) []string {
	p.t.Helper()
	head := binary.BigEndian.AppendUint32([]byte{op}, uint32(len(argument)))
	p.in.Write(head)
	p.in.WriteString(argument)
	if err := p.in.Flush(); err != nil {
		p.t.Fatal(err)
	}
	answers := make([]string, p.number())
	for i := range answers {
		b := make([]byte, p.number())
		if _, err := io.ReadFull(p.out, b); err != nil {
			p.t.Fatal(err)
		}
		answers[i] = string(b)
	}
	return answers
}

func (p *Process) number() uint32 {
	p.t.Helper()
	var b [4]byte
	if _, err := io.ReadFull(p.out, b[:]); err != nil {
		p.t.Fatal(err)
	}
	return binary.BigEndian.Uint32(b[:])
}

// Serve runs PHP's built-in web server with one of this package's scripts as
// its router until the test ends, and returns its URL. env holds additional
// environment variables, NAME=value.
func Serve(t testing.TB, script string, env ...string) string {
	t.Helper()
	php := Require(t, "php")
	// PHP cannot say which free port it took, so one is found for it.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.Command(php, append(settings(t, script), "-S", addr, Script(t, script))...)
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for range 500 {
		resp, err := http.Get("http://" + addr + "/ready")
		if err == nil {
			resp.Body.Close()
			return "http://" + addr
		}
		time.Sleep(10 * time.Millisecond) // PHP does not say when it listens
	}
	t.Fatalf("php -S %s does not answer", addr)
	return ""
}

// CGI runs one of this package's scripts under php-cgi for a POST with the given
// body, of which length bytes are announced, and returns what it prints behind
// its header. ini holds settings, name=value.
func CGI(t testing.TB, script, contentType string, length int, body []byte, ini ...string) []byte {
	t.Helper()
	args := []string{"-n", "-d", "display_errors=0", "-d", "error_log=/dev/null"}
	for _, setting := range ini {
		args = append(args, "-d", setting)
	}
	cmd := exec.Command(Require(t, "php-cgi"), args...)
	cmd.Env = append(os.Environ(),
		"GATEWAY_INTERFACE=CGI/1.1", "REDIRECT_STATUS=1", "REQUEST_METHOD=POST", "SCRIPT_FILENAME="+Script(t, script),
		"CONTENT_TYPE="+contentType, "CONTENT_LENGTH="+strconv.Itoa(length))
	cmd.Stdin = bytes.NewReader(body)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("php-cgi: %v", err)
	}
	_, page, ok := bytes.Cut(out, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("php-cgi printed %q", out)
	}
	return page
}
