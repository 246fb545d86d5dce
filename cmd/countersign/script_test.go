package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"countersign": main})
}

// noRaceSleep keeps a program with the race detector from waiting a second before
// it ends.
const noRaceSleep = "atexit_sleep_ms=0"

// The account of the scripts. No secret may be printed.
const (
	scriptSecret     = "test-secret-key"
	scriptSecretKey  = "other-test-secret-key"
	scriptSecretWord = "third-test-secret-key"
	scriptSigningKey = "fourth-test-secret-key"
)

// TestScripts runs testdata/script. Each script has the credentials in its
// environment, and an emulated gateway of each kind at $PAYLINK and $AVANGATE.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", noRaceSleep)
			e.Setenv(instanceVariable, "example")
			e.Setenv(secretVariable, scriptSecret)
			e.Setenv(merchantCodeVariable, "YOURCODE123")
			e.Setenv(secretKeyVariable, scriptSecretKey)
			e.Setenv(buyLinkVariable, scriptSecretWord)
			e.Setenv(signingKeyVariable, scriptSigningKey)
			serve := func(name string, h http.Handler) {
				server := httptest.NewServer(h)
				e.Defer(server.Close)
				e.Setenv(name, server.URL)
			}
			serve("PAYLINK", &authtest.Paylink{Instance: "example", Secret: auth.NewSecret(scriptSecret)})
			serve("AVANGATE", &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(scriptSecretKey)})
			return nil
		},
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs countersign with arguments and compares the exit code: exits 2 verify.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: exits CODE ARGUMENT ...")
	}
	code := 0
	if err := ts.Exec("countersign", args[1:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = e.ExitCode()
	}
	if code != want {
		ts.Fatalf("the exit code is %d and should be %d", code, want)
	}
	if output := ts.ReadFile("stdout") + ts.ReadFile("stderr"); strings.Contains(output, scriptSecret) {
		ts.Fatalf("a secret is printed")
	}
}
