package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"
)

// A notRun is the reason why a check could not be made, such as a database that
// cannot be reached.
type notRun struct{ error }

// lastTag returns the last release before HEAD, or "".
func lastTag(dir string) (string, error) {
	tags, err := command(dir, nil, "git", "tag", "--list", "--merged", "HEAD", "--no-contains", "HEAD", "v*")
	if err != nil {
		return "", err
	}
	last := ""
	for _, tag := range strings.Fields(tags) {
		if semver.IsValid(tag) && (last == "" || semver.Compare(tag, last) > 0) {
			last = tag
		}
	}
	return last, nil
}

// checkVersion says what is wrong with a version that follows another one, "" for
// none.
func checkVersion(version, last string) error {
	switch {
	case !semver.IsValid(version) || semver.Canonical(version) != version:
		return fmt.Errorf("%q is no version: write v0.1.0", version)
	case semver.Compare(semver.Major(version), "v1") > 0:
		return fmt.Errorf("%s would need a module path that ends in /%s", version, semver.Major(version))
	case last != "" && semver.Compare(version, last) <= 0:
		return fmt.Errorf("%s is not after %s, the last one", version, last)
	}
	return nil
}

// checkTree says what keeps the tree in a directory from being released.
func checkTree(dir, version string) error {
	changed, err := command(dir, nil, "git", "status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" {
		return fmt.Errorf("what is not committed would not be in the tag:\n%s", changed)
	}
	changelog, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	if heading := "## [" + strings.TrimPrefix(version, "v") + "]"; !strings.Contains("\n"+string(changelog), "\n"+heading) {
		return fmt.Errorf("CHANGELOG.md has no heading %q: put what is unreleased under it", heading)
	}
	return nil
}

// vulnerabilities returns what govulncheck says of a module, which is an error if
// the module calls what is vulnerable.
func vulnerabilities(govulncheck, dir string) (string, error) {
	said, err := command(dir, nil, govulncheck, "./...")
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if exit.ExitCode() == 3 { // govulncheck -help: vulnerabilities are found
			return said, fmt.Errorf("vulnerabilities:\n%s", said)
		}
		return said, notRun{err}
	}
	return said, err
}

// incompatible returns what apidiff finds that breaks those who use a release. It is
// an error in a version that may not: only what follows a release candidate, and a new
// minor version of v0, may.
func incompatible(apidiff, dir, last, version string) (string, error) {
	if last == "" {
		return "", notRun{errors.New("there is no release before this one")}
	}
	tmp, err := os.MkdirTemp("", "apidiff")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	before, after, tree := filepath.Join(tmp, "before"), filepath.Join(tmp, "after"), filepath.Join(tmp, "tree")
	if _, err := command(dir, nil, "git", "-c", "advice.detachedHead=false", "clone", "-q", "--shared", "--branch", last, ".", tree); err != nil {
		return "", notRun{err}
	}
	for export, in := range map[string]string{before: tree, after: dir} {
		module, err := modulePath(in)
		if err != nil {
			return "", err
		}
		if _, err := command(in, nil, apidiff, "-m", "-w", export, module); err != nil {
			return "", notRun{err}
		}
	}
	changes, err := command(dir, nil, apidiff, "-m", "-incompatible", before, after)
	switch {
	case err != nil:
		return "", notRun{err}
	case changes == "":
		return "nothing that breaks users of " + last, nil
	case semver.Prerelease(last) != "", semver.Major(last) == "v0" && semver.MajorMinor(version) != semver.MajorMinor(last):
		return changes, nil
	}
	return changes, fmt.Errorf("%s may not break users of %s:\n%s", version, last, changes)
}
