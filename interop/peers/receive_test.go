package peers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/internal/phptest"
)

// A receiver answers IPNs with an SDK. One that is trusting replies whatever the hash is.
type receiver struct {
	t        *testing.T
	command  []string
	sdk      string
	trusting bool
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if !assert.NoError(r.t, err) {
		return
	}
	input, err := json.Marshal(map[string]any{"sdk": r.sdk, "key": secretKey, "body": string(body), "trusting": r.trusting})
	if !assert.NoError(r.t, err) {
		return
	}
	cmd := exec.Command(r.command[0], r.command[1:]...)
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var answer struct {
		Status int
		Body   string
	}
	if !assert.NoError(r.t, err, "%s", &stderr) || !assert.NoError(r.t, json.Unmarshal(out, &answer), "%s%s", out, &stderr) {
		return
	}
	if answer.Status == 0 { // it does not answer
		<-req.Context().Done()
		return
	}
	w.WriteHeader(answer.Status)
	io.WriteString(w, answer.Body)
}

// TestSDKsReceiveNotifications: each SDK takes what `countersign send ipn` sends without
// a field of the user's, by each hash, and refuses a wrong hash; its replies are judged
// right. Of values that it reads otherwise than the vendor sends them, its mistake is
// named within the first four lines.
func TestSDKsReceiveNotifications(t *testing.T) {
	folder := peers(t)
	path := build(t)
	send := func(t *testing.T, to string, args ...string) (right bool, lines []string) {
		cmd := exec.Command(path, append([]string{"send", "ipn", "--to", to}, args...)...)
		cmd.Env = append(os.Environ(), "COUNTERSIGN_SECRET_KEY="+secretKey)
		out, err := cmd.Output()
		if e, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || e.ExitCode() != 1) {
			t.Fatalf("%v\n%s", err, out)
		}
		lines = strings.Split(string(out), "\n")
		return err == nil, lines[:min(4, len(lines))]
	}
	type fault struct {
		field, refused, replied string // what names the mistake; "" if the reply is right
	}
	const limit = "500ms" // for the Node SDK, whose example does not answer what it refuses
	for _, c := range []struct {
		name, program, script string
		args                  func(t *testing.T) []string
		faults                []fault
	}{
		{"2checkout-php-sdk", "php", "receive.php", func(t *testing.T) []string { return append([]string{"-n"}, phptest.Extension(t, "curl")...) }, []fault{
			{`IPN_PNAME[]=a\b`, "stripslashes", "stripslashes"},
			{`COMPANY=C:\dir`, "stripslashes", ""},
			{"IPN_CUSTOM[0][NAME]=a", "arrays in arrays", ""},
			{"REFNO=", "without a REFNO", ""},
		}},
		{"2checkout-node-sdk", "node", "receive.js", func(t *testing.T) []string { return nil }, []fault{
			{"IPN_PNAME[]=Größe", "UTF-16", "UTF-16"},
			{"IPN_PNAME[]= a ", "trimmed", "trimmed"},
			{"COMPANY=漢字", "UTF-16", ""},
			{"7=a", "names that are numbers", ""},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &receiver{t: t, command: append(append([]string{phptest.Require(t, c.program)}, c.args(t)...), filepath.Join("testdata", c.script)), sdk: filepath.Join(folder, c.name)}
			if c.program == "node" {
				for _, library := range []string{"qs", "date-format"} {
					if _, err := os.Stat(filepath.Join(r.sdk, "node_modules", library)); err != nil {
						t.Skipf("the SDK lacks a library: %s", library)
					}
				}
			}
			server := httptest.NewServer(r)
			t.Cleanup(server.Close)
			accepted := 0
			for _, algo := range []string{"sha256", "sha3-256", "md5"} {
				for _, args := range [][]string{nil, {"IPN_PID[]=1", "IPN_PNAME[]=A+B 100% \"q\" &amp;"}, {"TEST_ORDER=0", "EMPTY="}} {
					right, lines := send(t, server.URL, append(args, "--algo", algo)...)
					assert.True(t, right, "%s %q: %q", algo, args, lines)
					accepted++
				}
				right, lines := send(t, server.URL, "--tamper", "--algo", algo, "--timeout", limit)
				assert.False(t, right, "neither answers with 400: %q", lines)
				assert.NotContains(t, lines[0], "is acknowledged")
			}
			t.Logf("%d messages accepted, and the replies to them judged right", accepted)

			for _, f := range c.faults {
				r.trusting = false
				right, lines := send(t, server.URL, f.field, "--timeout", limit)
				assert.False(t, right, "%q: %q", f.field, lines)
				assert.Contains(t, strings.Join(lines[1:], "\n"), f.refused, "%q", f.field)
				r.trusting = true
				right, lines = send(t, server.URL, f.field)
				assert.Equal(t, f.replied == "", right, "%q: %q", f.field, lines)
				assert.Contains(t, strings.Join(lines[1:], "\n"), f.replied, "%q", f.field)
			}
		})
	}
}
