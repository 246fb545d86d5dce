package main

import (
	"bytes"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVersionIsTheReleaseOrTheBuildsOrDevel(t *testing.T) {
	built := func(version string) *debug.BuildInfo { return &debug.BuildInfo{Main: debug.Module{Version: version}} }
	for _, c := range []struct {
		release string
		build   *debug.BuildInfo
		want    string
	}{
		{"", nil, "devel"},
		{"", built(""), "devel"},
		{"", built("(devel)"), "devel"},
		{"", built("v0.1.0"), "v0.1.0"},
		{"v0.2.0", built("(devel)"), "v0.2.0"},
		{"v0.2.0", nil, "v0.2.0"},
	} {
		release = c.release
		assert.Equal(t, c.want, versionOf(c.build, c.build != nil), "%+v", c)
	}
	release = ""
}

func TestAnUnknownWordNamesTheNearest(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"sing", `there is no command "sing": did you mean sign?`},
		{"vrify", `there is no command "vrify": did you mean verify?`},
		{"expl", `there is no command "expl": did you mean explain?`},
		{"Check", `there is no command "Check": did you mean check?`},
		{"versoin", `there is no command "versoin": did you mean version?`},
		{"sign paylnik", `name what to sign first, paylink, avangate, buylink or merchant-token, not "paylnik": did you mean paylink?`},
		{"check avan", `name the gateway first, paylink or avangate, not "avan": did you mean avangate?`},
		{"check Payrexx", `not "Payrexx": did you mean paylink?`},
		{"sign 2checkout", `not "2checkout": did you mean avangate?`},
		{"send payrexx", `name what to send first, ipn, lcn or webhook, not "payrexx"` + "\n"},
	} {
		var stderr bytes.Buffer
		assert.Equal(t, exitUsage, run(strings.Fields(c.args), nil, nil, &stderr), "%s", c.args)
		assert.Contains(t, stderr.String(), c.want)
	}
	for _, word := range []string{"", "x", "s", "xx", "nothing", "it", "paylink", strings.Repeat("sign", 1<<20)} {
		var names []string
		for _, s := range subcommands {
			names = append(names, s.name)
		}
		assert.Empty(t, didYouMean(word, names...), "%.20s", word)
	}
}
