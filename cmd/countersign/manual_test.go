package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/internal/phptest"
	"github.com/countersign/countersign/webhook/ipn"
)

// TestManual runs the examples of docs/command.md and compares what they print.
// Each is a command, with its further lines behind a prompt, and the output.
func TestManual(t *testing.T) {
	bash := phptest.Require(t, "bash")
	gateway := httptest.NewServer(&authtest.Paylink{Instance: "example", Secret: auth.NewSecret(scriptSecret)})
	defer gateway.Close()
	shop := httptest.NewServer(&ipn.Handler{
		SecretKeys: []auth.SecretSource{auth.NewSecret(scriptSecret)},
		Notify:     func(context.Context, *ipn.Notification) error { return nil },
	})
	defer shop.Close()
	inCharacters := httptest.NewServer(http.HandlerFunc(countCharacters))
	defer inCharacters.Close()
	servers := strings.NewReplacer("http://127.0.0.1:8080", gateway.URL, "http://127.0.0.1:8081", shop.URL, "http://127.0.0.1:8082", inCharacters.URL)
	text, err := os.ReadFile("../../docs/command.md")
	require.NoError(t, err)
	examples := regexp.MustCompile("(?s)```console\n\\$ (.*?\n)(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.Len(t, examples, 11)
	for _, example := range examples {
		command, output := example[1], example[2]
		for strings.HasPrefix(output, ">") {
			var line string
			line, output, _ = strings.Cut(output, "\n")
			command += strings.TrimPrefix(strings.TrimPrefix(line, ">"), " ") + "\n"
		}
		cmd := exec.Command(bash, "-c", servers.Replace(command))
		cmd.Env = append(os.Environ(), "GORACE="+noRaceSleep, instanceVariable+"=example", secretVariable+"="+scriptSecret,
			merchantCodeVariable+"=YOURCODE123", secretKeyVariable+"="+scriptSecret, buyLinkVariable+"="+scriptSecret,
			signingKeyVariable+"="+scriptSecret)
		got, err := cmd.CombinedOutput()
		assert.Equal(t, output, string(got), "%s", command)
		assert.Equal(t, strings.HasPrefix(output, "wrong") || strings.Contains(output, "is wrong"), err != nil, "%s", command)
	}
}

// countCharacters replies to an IPN with lengths in characters.
func countCharacters(w http.ResponseWriter, r *http.Request) {
	const date = "20260304050709"
	mac := hmac.New(sha256.New, []byte(scriptSecret))
	for _, value := range []string{r.PostFormValue("IPN_PID[]"), r.PostFormValue("IPN_PNAME[]"), r.PostFormValue("IPN_DATE"), date} {
		fmt.Fprint(mac, utf8.RuneCountInString(value), value)
	}
	fmt.Fprintf(w, `<sig algo="sha256" date="%s">%x</sig>`, date, mac.Sum(nil))
}
