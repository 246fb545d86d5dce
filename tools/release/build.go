package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A platform is what a binary is for.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// binary returns the name of a platform's file.
func (p platform) binary(version string) string {
	name := "countersign_" + version + "_" + p.os + "_" + p.arch
	if p.os == "windows" {
		name += ".exe"
	}
	return name
}

// build builds the command of the module in a directory. What it writes follows
// from the sources, the version, the platform and the release of Go, and from
// nothing else: neither from where the sources are nor from the user's settings.
// cache is a GOCACHE, or "" for the user's. The modules have been downloaded.
func build(source, out, version string, p platform, cache string) error {
	path, err := filepath.Abs(filepath.Join(out, p.binary(version)))
	if err != nil {
		return err
	}
	env := []string{
		"GOENV=off", "GOPROXY=off", "GOWORK=off", "GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off", "CGO_ENABLED=0",
		"GOOS=" + p.os, "GOARCH=" + p.arch, "GOAMD64=v1", "GOARM64=v8.0",
	}
	if cache != "" {
		env = append(env, "GOCACHE="+cache)
	}
	// Symbols stay, for govulncheck -mode=binary.
	_, err = command(source, env, "go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-X main.release="+version, "-o", path, "./cmd/countersign")
	return err
}

// tools are the paths of other people's programs.
type tools struct{ cyclonedx, govulncheck, apidiff string }

// buildTools builds the tools that go.mod pins.
func buildTools(dir string) (tools, error) {
	paths := map[string]string{}
	for _, of := range []string{"github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod", "golang.org/x/vuln/cmd/govulncheck", "golang.org/x/exp/cmd/apidiff"} {
		name := filepath.Base(of)
		paths[name] = filepath.Join(dir, name)
		if _, err := command(".", nil, "go", "build", "-o", paths[name], of); err != nil {
			return tools{}, err
		}
	}
	return tools{paths["cyclonedx-gomod"], paths["govulncheck"], paths["apidiff"]}, nil
}

// describe writes the SBOM of a binary beside it, in CycloneDX's JSON. It has neither
// a serial number nor a time, nor the hash of the program that wrote it, which is
// another one on each platform.
func describe(cyclonedx, out, version string, p platform) error {
	text, err := command(out, nil, cyclonedx, "bin", "-json", "-std", "-noserial", "-notimestamp", "-version", version, p.binary(version))
	if err != nil {
		return err
	}
	var bom map[string]any
	if err := json.Unmarshal([]byte(text), &bom); err != nil {
		return err
	}
	metadata, _ := bom["metadata"].(map[string]any)
	by, _ := metadata["tools"].([]any)
	if len(by) != 1 {
		return fmt.Errorf("the SBOM of %s does not say what wrote it", p)
	}
	delete(by[0].(map[string]any), "hashes")
	var indented bytes.Buffer
	e := json.NewEncoder(&indented)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(bom); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, p.binary(version)+".cdx.json"), indented.Bytes(), 0o644)
}

// writeLicenses writes the licences of all that is in a binary, which those who pass
// it on must pass on too.
func writeLicenses(source, path string) error {
	var text bytes.Buffer
	add := func(what, dir string) error {
		license, err := os.ReadFile(filepath.Join(dir, "LICENSE"))
		fmt.Fprintf(&text, "== %s\n\n%s\n", what, license)
		return err
	}
	goroot, err := command(source, nil, "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	listed := map[string]string{}
	for _, p := range platforms {
		modules, err := command(source, []string{"GOOS=" + p.os, "GOARCH=" + p.arch, "CGO_ENABLED=0"},
			"go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}\t{{.Dir}}{{end}}", "./cmd/countersign")
		if err != nil {
			return err
		}
		for line := range strings.Lines(modules) {
			if module, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				listed[module] = dir
			}
		}
	}
	if err := add("Go", strings.TrimSpace(goroot)); err != nil {
		return err
	}
	for _, module := range slices.Sorted(maps.Keys(listed)) {
		if err := add(module, listed[module]); err != nil {
			return err
		}
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

const sumsName = "SHA256SUMS"

// writeSums writes SHA256SUMS, which sha256sum -c reads, of all files in a directory.
func writeSums(dir string) error {
	files, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), file.Name())
	}
	return os.WriteFile(filepath.Join(dir, sumsName), sums.Bytes(), 0o644)
}
