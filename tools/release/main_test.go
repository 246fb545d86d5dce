package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// full reports whether all platforms are built twice, each time from nothing.
func full() bool { return os.Getenv("COUNTERSIGN_REQUIRE_PHP") == "1" }

// TestTwoBuildsInDifferentFoldersAreEqual builds from two copies of the sources, and
// in different circumstances. The quick run has one platform, whose packages may come
// from the cache; the full one has all, compiles each twice, and writes SBOMs.
func TestTwoBuildsInDifferentFoldersAreEqual(t *testing.T) {
	of := []platform{{runtime.GOOS, runtime.GOARCH}}
	if full() {
		of = platforms
	}
	var first, second string
	for i, out := range []*string{&first, &second} {
		source := filepath.Join(t.TempDir(), strings.Repeat("deeper/", i), "countersign")
		copySources(t, source)
		*out = t.TempDir()
		cache := ""
		if i == 1 {
			t.Setenv("GOFLAGS", "-buildvcs=true -tags=other")
			t.Setenv("GOAMD64", "v3")
			t.Setenv("CGO_ENABLED", "1")
			t.Setenv("TZ", "Asia/Tokyo")
			if full() {
				cache = t.TempDir()
			}
		}
		for _, p := range of {
			if err := build(source, *out, "v0.1.0", p, cache); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("GOFLAGS", "")
		t.Setenv("CGO_ENABLED", "0")
		if full() {
			programs, err := buildTools(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range of {
				if err := describe(programs.cyclonedx, *out, "v0.1.0", p); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := writeLicenses(source, filepath.Join(*out, "LICENSES.txt")); err != nil {
			t.Fatal(err)
		}
		if err := writeSums(*out); err != nil {
			t.Fatal(err)
		}
	}

	names := filesOf(t, first)
	if got := filesOf(t, second); !slices.Equal(got, names) {
		t.Fatalf("the second build has %q, the first one %q", got, names)
	}
	want := len(of) + 2
	if full() {
		want += len(of)
	}
	if len(names) != want {
		t.Errorf("%q are %d files, want %d", names, len(names), want)
	}
	mismatches := 0
	for _, name := range names {
		a, b := read(t, first, name), read(t, second, name)
		if !bytes.Equal(a, b) {
			mismatches++
			t.Errorf("%s is not the same in both builds", name)
		}
		for _, dir := range []string{first, second} {
			if bytes.Contains(a, []byte(dir)) {
				t.Errorf("%s holds the path of a folder", name)
			}
		}
	}
	said, err := command(first, nil, "./"+platform{runtime.GOOS, runtime.GOARCH}.binary("v0.1.0"), "version")
	if err != nil || !strings.HasPrefix(said, "countersign v0.1.0 "+runtime.Version()+" ") {
		t.Errorf("the release says %q, %v", said, err)
	}
	for _, license := range []string{"== Go\n", "== golang.org/x/crypto\n", "== github.com/countersign/countersign\n", "Apache License"} {
		if !strings.Contains(string(read(t, first, "LICENSES.txt")), license) {
			t.Errorf("LICENSES.txt does not have %q", license)
		}
	}
	t.Logf("%d files compared, %d mismatches", len(names), mismatches)
}

// copySources copies the main module without its repository.
func copySources(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel("../..", path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			if inside != "." && (err == nil || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "dist" || entry.Name() == "testdata") {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, inside), 0o755)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, inside), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func filesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestCheckVersion(t *testing.T) {
	for _, c := range []struct {
		version, last string
		want          bool
	}{
		{"v0.1.0", "", true},
		{"v0.1.1", "v0.1.0", true},
		{"v0.2.0-rc.1", "v0.1.9", true},
		{"v0.2.0", "v0.2.0-rc.1", true},
		{"v1.0.0", "v0.9.0", true},
		{"0.1.0", "", false},
		{"v0.1", "", false},
		{"v0.1.0+other", "", false},
		{"v0.1.0", "v0.1.0", false},
		{"v0.1.9", "v0.1.10", false},
		{"v2.0.0", "v1.0.0", false},
	} {
		if err := checkVersion(c.version, c.last); (err == nil) != c.want {
			t.Errorf("%s after %q: %v", c.version, c.last, err)
		}
	}
}

// A repository is a module with a release.
func repository(t *testing.T) (dir string, commit func(name, content string)) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "test")
		t.Setenv("GIT_"+who+"_EMAIL", "test@example.com")
	}
	git := func(args ...string) {
		t.Helper()
		if _, err := command(dir, nil, "git", args...); err != nil {
			t.Fatal(err)
		}
	}
	commit = func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		git("add", ".")
		git("commit", "-q", "-m", name)
	}
	git("init", "-q")
	commit("go.mod", "module example.com/released\n\ngo 1.26\n")
	commit("CHANGELOG.md", "# Changelog\n\n## [0.1.0] - 2026-01-02\n")
	commit("released.go", "package released\n\nfunc Kept() {}\n\nfunc Dropped() {}\n")
	git("tag", "v0.1.0")
	git("tag", "caddy/v0.9.0")
	git("tag", "v0.1.0-rc.1")
	return dir, commit
}

func TestWhatIsNotCommittedOrNotInTheChangelogIsNotReleased(t *testing.T) {
	dir, commit := repository(t)
	if last, err := lastTag(dir); last != "" || err != nil {
		t.Errorf("before the release that HEAD is there was %q, %v", last, err)
	}
	if err := checkTree(dir, "v0.1.0"); err != nil {
		t.Error(err)
	}
	for _, version := range []string{"v0.1.1", "v0.1.0-rc.1", "v0.1"} {
		if err := checkTree(dir, version); err == nil || !strings.Contains(err.Error(), "CHANGELOG.md") {
			t.Errorf("%s, which the changelog does not have: %v", version, err)
		}
	}
	commit("other.go", "package released\n")
	if last, err := lastTag(dir); last != "v0.1.0" || err != nil {
		t.Errorf("the last release is %q, %v", last, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "new.go"), []byte("package released\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkTree(dir, "v0.1.0"); err == nil || !strings.Contains(err.Error(), "new.go") {
		t.Errorf("a file that is not committed: %v", err)
	}
}

func TestAPatchMayNotBreakUsersAndAMinorVersionBeforeV1May(t *testing.T) {
	dir, commit := repository(t)
	apidiff := filepath.Join(t.TempDir(), "apidiff")
	if _, err := command(".", nil, "go", "build", "-o", apidiff, "golang.org/x/exp/cmd/apidiff"); err != nil {
		t.Fatal(err)
	}
	if _, err := incompatible(apidiff, dir, "", "v0.1.0"); !isNotRun(err) {
		t.Errorf("without a release before it: %v", err)
	}
	if _, err := incompatible(apidiff, dir, "v0.0.9", "v0.1.0"); !isNotRun(err) {
		t.Errorf("with a tag that there is not: %v", err)
	}
	commit("more.go", "package released\n\nfunc More() {}\n")
	if said, err := incompatible(apidiff, dir, "v0.1.0", "v0.1.1"); err != nil || !strings.Contains(said, "nothing that breaks users") {
		t.Errorf("a new function: %q, %v", said, err)
	}
	commit("released.go", "package released\n\nfunc Kept() {}\n")
	for version, allowed := range map[string]bool{"v0.1.1": false, "v0.2.0": true, "v1.0.0": true} {
		said, err := incompatible(apidiff, dir, "v0.1.0", version)
		if !strings.Contains(said, "Dropped: removed") || (err == nil) != allowed || isNotRun(err) {
			t.Errorf("a function less in %s: %q, %v", version, said, err)
		}
	}
	if said, err := incompatible(apidiff, dir, "v0.1.0-rc.1", "v0.1.0"); err != nil || !strings.Contains(said, "Dropped: removed") {
		t.Errorf("a function less after a release candidate: %q, %v", said, err)
	}
	if _, err := command(dir, nil, "git", "tag", "v1.0.0", "v0.1.0"); err != nil {
		t.Fatal(err)
	}
	if _, err := incompatible(apidiff, dir, "v1.0.0", "v1.1.0"); err == nil || isNotRun(err) {
		t.Errorf("a function less after v1: %v", err)
	}
}

// TestVulnerabilitiesStopARelease has programs that end as govulncheck does.
func TestVulnerabilitiesStopARelease(t *testing.T) {
	for status, want := range map[string]string{"0": "", "1": "not run", "3": "an error"} {
		program := filepath.Join(t.TempDir(), "govulncheck")
		if err := os.WriteFile(program, []byte("#!/bin/sh\necho what it says\nexit "+status+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		said, err := vulnerabilities(program, ".")
		got := ""
		if isNotRun(err) {
			got = "not run"
		} else if err != nil {
			got = "an error"
		}
		if got != want || said != "what it says\n" {
			t.Errorf("exit status %s: %q, %q, %v", status, got, said, err)
		}
	}
}

func isNotRun(err error) bool {
	_, ok := errors.AsType[notRun](err)
	return ok
}

func TestTheTagOfTheModuleBelowComesSecond(t *testing.T) {
	alone := leftToDo("example.com/m", "v0.1.0", false)
	if !strings.Contains(alone, "git push origin v0.1.0\n") || strings.Contains(alone, "caddy") {
		t.Error(alone)
	}
	both := leftToDo("example.com/m", "v0.1.0", true)
	at := 0
	for _, line := range []string{"git push origin v0.1.0\n", "-dropreplace=example.com/m -require=example.com/m@v0.1.0\n", "git commit", "git tag -s -m caddy/v0.1.0", "git revert", "git push origin HEAD caddy/v0.1.0\n"} {
		i := strings.Index(both[at:], line)
		if i < 0 {
			t.Fatalf("%q is not there, or not in its place:\n%s", line, both)
		}
		at += i
	}
}
