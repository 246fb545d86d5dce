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

// notRun are README's commands that TestREADME leaves out, and why.
var notRun = map[string]string{
	"go run ./cmd/countersign demo":             "TestDemo has it",
	"go test ./...":                             "this is it",
	"go install ./cmd/countersign":              "it writes outside of the clone",
	"countersign serve":                         "it listens at a port of its own until it is ended; TestServe has it",
	"go run ./shop":                             "the program is that of another block; TestREADMEsProgramRuns in interop runs both",
	"go get github.com/countersign/countersign": "it downloads",
	"go get github.com/hashicorp/go-retryablehttp go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace": "it downloads; interop requires the same",
}

// TestREADME runs the commands in README, one behind the other as a reader would, and
// compares what they print where README says it. The live gateway is an emulated one.
func TestREADME(t *testing.T) {
	bash := phptest.Require(t, "bash")
	var seen authtest.Recorder
	gateway := httptest.NewServer(&authtest.Paylink{Instance: "example", Secret: auth.NewSecret(scriptSecret), Observe: seen.Observe})
	defer gateway.Close()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)

	exports, left := "", make(map[string]bool)
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, session := range regexp.MustCompile(`(?m)^\$ `).Split(block[1], -1)[1:] {
			command, output, _ := strings.Cut(session, "\n")
			for strings.HasPrefix(output, ">") {
				var line string
				line, output, _ = strings.Cut(output, "\n")
				command += "\n" + strings.TrimPrefix(strings.TrimPrefix(line, ">"), " ")
			}
			if notRun[command] != "" {
				left[command] = true
				continue
			}
			if strings.HasPrefix(command, "export ") {
				exports += command + "\n"
				continue
			}
			if !strings.HasPrefix(command, "countersign explain") { // which takes the request for another gateway's by its host
				command = strings.ReplaceAll(command, "https://api.vr-pay-secure.de", gateway.URL)
			}
			if strings.HasPrefix(command, "countersign probe") {
				command += " --interval 0" // as it is for loopback alone
			}
			if strings.HasSuffix(command, "| sh") { // the last of them
				phptest.Require(t, "curl")
			}
			cmd := exec.Command(bash, "-c", "set -o pipefail\n"+exports+command)
			cmd.Env = append(os.Environ(), "GORACE="+noRaceSleep, secretVariable+"="+scriptSecret)
			got, err := cmd.CombinedOutput()
			if output != "" {
				assert.Equal(t, output, string(got), command)
			}
			assert.Equal(t, strings.Contains(output, "is wrong"), err != nil, "%s\n%s", command, got)
		}
	}
	for command := range notRun {
		assert.True(t, left[command], "README has no %s", command)
	}
	// The last request is the invoice, and its command is one of those that were run.
	exchanges := seen.Exchanges()
	require.NotEmpty(t, exchanges)
	invoice := exchanges[len(exchanges)-1]
	assert.Equal(t, "/v1.0/Invoice/", invoice.Path)
	assert.NoError(t, invoice.Err)
	assert.Contains(t, invoice.Parameters, [2]string{"description", "a+b, 100%"})
	assert.Contains(t, invoice.Parameters, [2]string{"amount", "1"})
}
