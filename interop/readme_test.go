package interop_test

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

// goBlocks returns the blocks of Go in README.
func goBlocks(t *testing.T) (blocks []string) {
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	for _, b := range regexp.MustCompile("(?s)```go\n(.*?)```\n").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, b[1])
	}
	require.NotEmpty(t, blocks)
	return blocks
}

// newModule returns the folder of a module that is not ours, with what the go.mod of
// this one requires, so that nothing is downloaded. Each block is a package in it, and
// those that are of package shop are one package besides.
func newModule(t *testing.T, blocks []string) string {
	dir := t.TempDir()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	_, mod, found := bytes.Cut(mod, []byte("module github.com/countersign/countersign/interop\n"))
	require.True(t, found)
	text := "module shop.example\n" + strings.Replace(string(mod), "=> ../", "=> "+strconv.Quote(root), 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o600))
	sum, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o600))
	for i, block := range blocks {
		name := "block" + strconv.Itoa(i)
		folders := []string{name}
		if strings.HasPrefix(block, "package shop\n") {
			folders = append(folders, "shop")
		}
		for _, folder := range folders {
			folder = filepath.Join(dir, folder)
			require.NoError(t, os.MkdirAll(folder, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(folder, name+".go"), []byte(block), 0o600))
		}
	}
	return dir
}

// goCommand runs the go command in dir, offline, and returns what it printed.
func goCommand(dir string, environment []string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOWORK=off", "GOPROXY=off", "GOFLAGS=-mod=readonly"), environment...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Each block of README is a whole file, and can be pasted into a module of the
// reader's.
func TestREADMEBuilds(t *testing.T) {
	blocks := goBlocks(t)
	for _, block := range blocks {
		formatted, err := format.Source([]byte(block))
		require.NoError(t, err, "a whole file: %s", block)
		assert.Equal(t, string(formatted), block, "gofmt")
	}
	out, err := goCommand(newModule(t, blocks), nil, "vet", "./...")
	require.NoError(t, err, out)
}

// The check of the blocks can fail.
func TestABlockThatDoesNotBuildIsSeen(t *testing.T) {
	out, err := goCommand(newModule(t, []string{"package shop\n\nimport \"github.com/countersign/countersign/auth\"\n\nvar _ = auth.NoSuchName\n"}), nil, "vet", "./...")
	require.Error(t, err)
	assert.Contains(t, out, "NoSuchName")
}

// The first block is a program. It runs as it stands, against gateways at other
// addresses than those that countersign serve has, and ends at once where a secret is
// missing.
func TestREADMEsProgramRuns(t *testing.T) {
	key := auth.NewSecret("test-secret-key")
	vrpay := httptest.NewServer(&authtest.Paylink{Instance: "example", Secret: key})
	defer vrpay.Close()
	tco := httptest.NewServer(&authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: key})
	defer tco.Close()
	program := goBlocks(t)[0]
	for was, is := range map[string]string{`"http://127.0.0.1:8080"`: vrpay.URL, `"http://localhost:8080"`: tco.URL} {
		require.Equal(t, 1, strings.Count(program, was))
		program = strings.Replace(program, was, strconv.Quote(is), 1)
	}
	dir := newModule(t, []string{program})
	binary := filepath.Join(dir, "shop.exe")
	out, err := goCommand(dir, nil, "build", "-o", binary, "./block0")
	require.NoError(t, err, out)
	run := func(environment ...string) (string, error) {
		cmd := exec.Command(binary)
		cmd.Env = append(os.Environ(), environment...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, want, found := bytes.Cut(readme, []byte("\n$ go run ./shop\n"))
	require.True(t, found)
	want, _, _ = bytes.Cut(want, []byte("```"))
	out, err = run("COUNTERSIGN_SECRET=test-secret-key", "COUNTERSIGN_SECRET_KEY=test-secret-key")
	require.NoError(t, err, out)
	assert.Equal(t, string(want), out)

	out, err = run("COUNTERSIGN_SECRET=test-secret-key", "COUNTERSIGN_SECRET_KEY=")
	require.Error(t, err)
	assert.Contains(t, out, "the environment variable COUNTERSIGN_SECRET_KEY")
	assert.NotContains(t, out, "invoice:")
}

// The stack that README shows is the one that is tested: each function is that of
// this package, but for comments.
func TestREADMEsStackIsThatOfThePackage(t *testing.T) {
	var shown map[string]string
	for _, block := range goBlocks(t) {
		if strings.Contains(block, "func NewClient(") {
			shown = functions(t, block)
		}
	}
	require.Len(t, shown, 5)
	ours := make(map[string]string)
	for _, name := range []string{"stack.go", "retryablehttp.go", "otelhttp.go"} {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for name, text := range functions(t, string(source)) {
			ours[name] = text
		}
	}
	for name, text := range shown {
		assert.Equal(t, ours[name], text, name)
	}
}

// functions returns the functions of a file by name, without comments.
func functions(t *testing.T, source string) map[string]string {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, parser.SkipObjectResolution)
	require.NoError(t, err)
	found := make(map[string]string)
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			var b strings.Builder
			require.NoError(t, printer.Fprint(&b, set, f))
			found[f.Name.Name] = b.String()
		}
	}
	return found
}
