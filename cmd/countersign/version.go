package main

import (
	"cmp"
	"crypto/fips140"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

const versionUsage = `usage: countersign version

Prints the version, the Go that built it and for what, and whether FIPS 140 mode
is off, on or only (GODEBUG=fips140).

example:
  countersign version
`

// release is the version of a build that tools/release makes, which sets it.
var release string

// version says what program this is.
func version(c *command) int {
	words, code, done := c.parse(&flag.FlagSet{}, versionUsage)
	if done {
		return code
	}
	if len(words) > 0 {
		return c.fail(usagef("version takes no arguments"))
	}
	fmt.Fprintf(c.stdout, "countersign %s %s %s/%s fips140=%s\n", versionOf(debug.ReadBuildInfo()), runtime.Version(), runtime.GOOS, runtime.GOARCH, fipsMode())
	return exitRight
}

// versionOf returns the release, or the version that go install or a checkout gave
// the build, or devel.
func versionOf(build *debug.BuildInfo, ok bool) string {
	var built string
	if ok && build.Main.Version != "(devel)" {
		built = build.Main.Version
	}
	return cmp.Or(release, built, "devel")
}

func fipsMode() string {
	switch {
	case fips140.Enforced():
		return "only"
	case fips140.Enabled():
		return "on"
	}
	return "off"
}
