package main

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/internal/phptest"
)

// TestManual runs the examples of docs/command.md and compares what they print.
// Each is a command, with its further lines behind a prompt, and the output.
func TestManual(t *testing.T) {
	bash := phptest.Require(t, "bash")
	gateway := httptest.NewServer(&authtest.Paylink{Instance: "example", Secret: auth.NewSecret(scriptSecret)})
	defer gateway.Close()
	text, err := os.ReadFile("../../docs/command.md")
	require.NoError(t, err)
	examples := regexp.MustCompile("(?s)```console\n\\$ (.*?\n)(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.Len(t, examples, 9)
	for _, example := range examples {
		command, output := example[1], example[2]
		for strings.HasPrefix(output, ">") {
			var line string
			line, output, _ = strings.Cut(output, "\n")
			command += strings.TrimPrefix(strings.TrimPrefix(line, ">"), " ") + "\n"
		}
		cmd := exec.Command(bash, "-c", strings.Replace(command, "http://127.0.0.1:8080", gateway.URL, 1))
		cmd.Env = append(os.Environ(), "GORACE="+noRaceSleep, instanceVariable+"=example", secretVariable+"="+scriptSecret,
			merchantCodeVariable+"=YOURCODE123", secretKeyVariable+"="+scriptSecret, buyLinkVariable+"="+scriptSecret,
			signingKeyVariable+"="+scriptSecret)
		got, err := cmd.CombinedOutput()
		assert.Equal(t, output, string(got), "%s", command)
		assert.Equal(t, strings.HasPrefix(output, "wrong") || strings.Contains(output, "is wrong"), err != nil, "%s", command)
	}
}
