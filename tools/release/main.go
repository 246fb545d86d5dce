// Release makes a release of the module in the directory above: the command for each
// platform, with its SBOM, the licences and SHA256SUMS, in dist/VERSION there.
//
//	go -C tools run ./release v0.1.0
//
// Before that it checks the tree, the changelog, govulncheck's findings and what
// changed in the exported surface since the last release. At its end it says which
// of these could not be checked, and prints the tags to set. It sets none, and
// publishes nothing. See docs/releasing.md.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const root = ".."

func main() {
	log.SetFlags(0)
	log.SetPrefix("release: ")
	if len(os.Args) != 2 {
		log.Print("usage: go -C tools run ./release VERSION, such as v0.1.0")
		os.Exit(2)
	}
	if err := release(os.Args[1], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// release checks, builds, and prints what is left to do.
func release(version string, w io.Writer) error {
	module, err := modulePath(root)
	if err != nil {
		return err
	}
	last, err := lastTag(root)
	if err != nil {
		return err
	}
	if err := checkVersion(version, last); err != nil {
		return err
	}
	if err := checkTree(root, version); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	tools, err := buildTools(tmp)
	if err != nil {
		return err
	}

	var unchecked, faults []error
	for _, check := range []struct {
		name string
		run  func() (string, error)
	}{
		{"govulncheck", func() (string, error) { return vulnerabilities(tools.govulncheck, root) }},
		{"apidiff", func() (string, error) { return incompatible(tools.apidiff, root, last, version) }},
	} {
		said, err := check.run()
		fmt.Fprintf(w, "== %s\n%s\n", check.name, said)
		if err != nil {
			err = fmt.Errorf("%s: %w", check.name, err)
		}
		if _, ok := errors.AsType[notRun](err); ok {
			unchecked = append(unchecked, err)
		} else if err != nil {
			faults = append(faults, err)
		}
	}

	// Built all the same, for those who compare it with what was published.
	out := filepath.Join(root, "dist", version)
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if _, err := command(root, nil, "go", "mod", "download"); err != nil {
		return err
	}
	for _, p := range platforms {
		fmt.Fprintf(w, "== %s\n", p)
		if err := build(root, out, version, p, ""); err != nil {
			return err
		}
		if err := describe(tools.cyclonedx, out, version, p); err != nil {
			return err
		}
	}
	if err := writeLicenses(root, filepath.Join(out, "LICENSES.txt")); err != nil {
		return err
	}
	if err := writeSums(out); err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(out, sumsName))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "== dist/%s/%s\n%s", version, sumsName, sums)

	for _, what := range unchecked {
		fmt.Fprintf(w, "\nNOT CHECKED: %v\n", what)
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	_, err = os.Stat(filepath.Join(root, "caddy", "go.mod"))
	fmt.Fprintf(w, "\n== what is left to do\n%s", leftToDo(module, version, err == nil))
	return nil
}

// leftToDo has the tags, in their order.
func leftToDo(module, version string, withCaddy bool) string {
	text := fmt.Sprintf("git tag -s -m %s %s\ngit push origin %s\n", version, version, version)
	if withCaddy {
		text += fmt.Sprintf(`and when the tag is there, since the module in caddy/ needs it, and go install refuses one with a replace, which comes back behind the tag:
go -C caddy mod edit -dropreplace=%s -require=%s@%s
go -C caddy mod tidy
git commit -m "caddy: require %s" caddy/go.mod caddy/go.sum
git tag -s -m caddy/%s caddy/%s
git revert --no-edit HEAD
git push origin HEAD caddy/%s
`, module, module, version, version, version, version, version)
	}
	return text
}

// modulePath returns the path of the module in a directory.
func modulePath(dir string) (string, error) {
	path, err := command(dir, []string{"GOWORK=off"}, "go", "list", "-m")
	return strings.TrimSpace(path), err
}

// command runs a program in a directory, and returns what it prints. What it prints
// on the standard error stands in the error.
func command(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", strings.Join(append([]string{filepath.Base(name)}, args...), " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), nil
}
