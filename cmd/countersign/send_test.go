package main

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/webhook/ipn"
)

// sending runs countersign send with the account of the scripts, and returns the exit
// code and what is printed, in which no secret may be.
func sending(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv(secretKeyVariable, scriptSecretKey)
	t.Setenv(signingKeyVariable, scriptSigningKey)
	var out, errs bytes.Buffer
	code = run(append([]string{"send"}, args...), strings.NewReader(stdin), &out, &errs)
	assert.NotContains(t, out.String()+errs.String(), scriptSecretKey)
	assert.NotContains(t, out.String()+errs.String(), scriptSigningKey)
	return code, out.String(), errs.String()
}

// receiver serves h, and keeps the last body.
func receiver(t *testing.T, h http.HandlerFunc) (server *httptest.Server, last *string) {
	last = new(string)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*last = string(body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		h(w, r)
	}))
	t.Cleanup(server.Close)
	return server, last
}

func shopHandler(t *testing.T, notify func(*ipn.Notification)) http.HandlerFunc {
	return (&ipn.Handler{
		SecretKeys: []auth.SecretSource{auth.NewSecret(scriptSecretKey)},
		Notify:     func(_ context.Context, n *ipn.Notification) error { notify(n); return nil },
		OnError:    func(*http.Request, error) {},
	}).ServeHTTP
}

// TestSend: this module's Handler acknowledges what is sent, by either hash.
func TestSend(t *testing.T) {
	var got []*ipn.Notification
	server, last := receiver(t, shopHandler(t, func(n *ipn.Notification) { got = append(got, n) }))
	const right = "right: the reply acknowledges it\nstatus: 200\n"
	for _, kind := range []string{"ipn", "lcn"} {
		for _, algo := range []string{"sha256", "sha3-256"} {
			code, stdout, stderr := sending(t, "", kind, "--to", server.URL+"/ipn?wc-api=1", "--algo", algo)
			assert.Equal(t, exitRight, code, "%s%s", stdout, stderr)
			assert.True(t, strings.HasPrefix(stdout, right+"note: a handler that leaves test orders out acknowledges this and does nothing"), stdout)
			assert.Empty(t, stderr)
			assert.Empty(t, got, "a test order")
		}
		test := map[string]string{"ipn": "TEST_ORDER=0", "lcn": "TEST=0"}[kind]
		code, stdout, _ := sending(t, "", kind, "--to", server.URL, test, "IPN_PNAME[]=Größe = “L”", "NEW=", "IPN_PNAME[]=", "NEW=2")
		assert.Equal(t, exitRight, code, stdout)
		assert.Equal(t, right, stdout)
		require.Len(t, got, 1)
		assert.Equal(t, []string{"Größe = “L”", ""}, got[0].List("IPN_PNAME"))
		assert.True(t, strings.Contains(*last, "&NEW=&"), "%s", *last)
		assert.Regexp(t, `&NEW=2&SIGNATURE_SHA2_256=[0-9a-f]{64}$`, *last)
		got = nil

		code, stdout, _ = sending(t, "", kind, "--to", server.URL, "--tamper")
		assert.Equal(t, exitRight, code)
		assert.Equal(t, "right: a message with a wrong hash is refused\nstatus: 400\n", stdout)
		code, stdout, _ = sending(t, "", kind, "--to", server.URL, "--json")
		assert.Equal(t, exitRight, code)
		var result struct {
			Verdict, Reason string
			Status          int
			Notes           []string
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &result))
		assert.Equal(t, "right", result.Verdict)
		assert.Equal(t, 200, result.Status)
		assert.Len(t, result.Notes, 1)
	}
}

// TestSendDefaults: one hash field, the one of the algorithm; small digits; unnamed
// fields of the same name are all replaced.
func TestSendDefaults(t *testing.T) {
	server, last := receiver(t, func(http.ResponseWriter, *http.Request) {})
	fields := map[string]string{"sha256": "SIGNATURE_SHA2_256", "sha3-256": "SIGNATURE_SHA3_256", "md5": "HASH"}
	for algo, field := range fields {
		if algo == "md5" && fips140.Enforced() {
			continue
		}
		sending(t, "", "ipn", "--to", server.URL, "--algo", algo, "IPN_PID[]=7")
		for _, other := range fields {
			assert.Equal(t, other == field, strings.Contains(*last, other+"="), "%s: %s", algo, *last)
		}
		assert.Regexp(t, field+"=[0-9a-f]+$", *last)
		assert.Equal(t, 1, strings.Count(*last, "IPN_PID%5B%5D="))
		for _, name := range []string{"REFNO=", "IPN_PNAME%5B%5D=", "IPN_DATE=", "TEST_ORDER=1&"} {
			assert.Contains(t, *last, name)
		}
	}
}

// TestSendNamesMistakes: within the first four lines.
func TestSendNamesMistakes(t *testing.T) {
	const tag = `<sig algo="sha256" date="20260304050709">`
	for name, c := range map[string]struct {
		answer    func(w http.ResponseWriter, r *http.Request)
		want      string // the begin of what is printed
		tampering bool
	}{
		"refused": {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) },
			want: "wrong: the message is not acknowledged\nstatus: 400\nmistake: the message is refused, as with another key (possible"},
		"no tag": {answer: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "thanks") },
			want: "wrong: the answer holds no acknowledgement\nstatus: 200\nmistake: no tag\nfix:     "},
		"an error's text": {answer: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Error: Bad Hash") },
			want: "wrong: the answer holds no acknowledgement\nstatus: 200\nmistake: a 200 with an error's text\nfix:     "},
		"another key": {answer: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, tag+strings.Repeat("ab", 32)+"</sig>") },
			want: "wrong: the reply's hash is wrong\nstatus: 200\nmistake: another key (possible, and not reproduced)\nfix:     "},
		"redirect": {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
			want: "wrong: the message is not acknowledged\nstatus: 302\nmistake: the receiver redirects\nfix:     "},
		"the hash is echoed": {answer: func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, tag+r.PostFormValue("SIGNATURE_SHA2_256")+"</sig>")
		}, want: "wrong: the reply's hash is wrong\nstatus: 200\nmistake: another key"},
		"not checked": {answer: func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, tag) }, tampering: true,
			want: "wrong: a message with a wrong hash is acknowledged\nstatus: 200\nmistake: the hash is not checked\nfix:     "},
		"broken off": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "a")
		}, want: "unknown: the answer breaks off\nstatus: 200\n"},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			server, last := receiver(t, func(w http.ResponseWriter, r *http.Request) { requests++; c.answer(w, r) })
			args := []string{"ipn", "--to", server.URL}
			if c.tampering {
				args = append(args, "--tamper")
			}
			code, stdout, stderr := sending(t, "", args...)
			assert.Equal(t, exitWrong, code)
			assert.True(t, strings.HasPrefix(stdout, c.want), "%s", stdout)
			assert.Empty(t, stderr)
			assert.Equal(t, 1, requests)
			values, err := url.ParseQuery(*last)
			require.NoError(t, err)
			assert.NotContains(t, stdout, values.Get("SIGNATURE_SHA2_256"))
			assert.NotContains(t, stdout, strings.Repeat("ab", 32))
		})
	}
}

func TestSendWithoutAnAnswer(t *testing.T) {
	done := make(chan struct{})
	server, _ := receiver(t, func(http.ResponseWriter, *http.Request) { <-done })
	code, stdout, _ := sending(t, "", "ipn", "--to", server.URL, "--timeout", "50ms")
	close(done)
	assert.Equal(t, exitWrong, code)
	assert.True(t, strings.HasPrefix(stdout, "unknown: there is no answer within 50ms\nmistake: no answer in time\nfix:     "), stdout)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	code, stdout, _ = sending(t, "", "webhook", "--to", nobody)
	assert.Equal(t, exitWrong, code)
	assert.Regexp(t, "^unknown: there is no answer: .*refused\n$", stdout)
}

// TestSendWebhook: the body is sent byte for byte, and its signature is right.
func TestSendWebhook(t *testing.T) {
	var contentType string
	status := http.StatusNoContent
	server, last := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		contentType = r.Header.Get("Content-Type")
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(scriptSigningKey))
		mac.Write(body)
		if r.Header.Get("X-Webhook-Signature") != hex.EncodeToString(mac.Sum(nil)) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(status)
	})
	const form, isJSON = "application/x-www-form-urlencoded", "application/json"
	file := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(file, []byte("{\"transaction\": 1}\r\n\n"), 0o600))
	for _, c := range []struct {
		args              []string
		stdin             string
		contentType, body string // a part of it
	}{
		{nil, "", isJSON, `{"transaction":{"id":1001,`},
		{[]string{"--type", "form"}, "", form, "transaction%5Bstatus%5D=confirmed"},
		{[]string{"transaction[status]=refunded", "a="}, "", form, "transaction%5Bstatus%5D=refunded"},
		{[]string{"--body", file}, "", isJSON, "{\"transaction\": 1}\r\n\n"},
		{[]string{"--body", "-", "--type", "form"}, "a=b\n", form, "a=b\n"},
	} {
		code, stdout, stderr := sending(t, c.stdin, append([]string{"webhook", "--to", server.URL}, c.args...)...)
		assert.Equal(t, exitRight, code, "%s%s", stdout, stderr)
		assert.True(t, strings.HasPrefix(stdout, "right: the webhook is taken\nstatus: 204\nnote: "), stdout)
		assert.Equal(t, c.contentType, contentType)
		assert.Contains(t, *last, c.body)
	}
	code, stdout, _ := sending(t, "", "webhook", "--to", server.URL, "--tamper")
	assert.Equal(t, exitRight, code)
	assert.Equal(t, "right: a message with a wrong signature is refused\nstatus: 400\n", stdout)
	status = http.StatusInternalServerError
	code, stdout, _ = sending(t, "", "webhook", "--to", server.URL)
	assert.Equal(t, exitWrong, code)
	assert.True(t, strings.HasPrefix(stdout, "wrong: the webhook is not taken\nstatus: 500\nmistake: the receiver failed\nfix:     "), stdout)
}

// TestSendMistakesOfArguments: nothing is sent.
func TestSendMistakesOfArguments(t *testing.T) {
	server, _ := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("something is sent") })
	to := []string{"--to", server.URL}
	for _, args := range [][]string{
		{}, {"ipm"}, {"ipn"}, {"order", "--to", server.URL},
		append([]string{"ipn", "REFNO"}, to...), append([]string{"ipn", "=1"}, to...),
		append([]string{"ipn", "--algo", "sha1"}, to...), append([]string{"ipn", "--algo", "SHA256"}, to...),
		append([]string{"ipn", "SIGNATURE_SHA2_256=00"}, to...),
		append([]string{"ipn", "--body", "x"}, to...), append([]string{"lcn", "--type", "json"}, to...),
		append([]string{"ipn", "--timeout", "0s"}, to...), append([]string{"ipn", "--timeout", "-1s"}, to...),
		append([]string{"webhook", "--algo", "sha256"}, to...), append([]string{"webhook", "--type", "xml"}, to...),
		append([]string{"webhook", "--type", "json", "a=b"}, to...), append([]string{"webhook", "--body", "-", "a=b"}, to...),
		append([]string{"webhook", "--body", "/nothing/there"}, to...),
		append([]string{"ipn", "--secret-file", "/nothing/there"}, to...), append([]string{"ipn", "--secret", "x"}, to...),
		{"ipn", "--to", "http://192.0.2.1/ipn"}, {"ipn", "--to", "ftp://127.0.0.1/"}, {"ipn", "--to", "/ipn"}, {"ipn", "--to", "http://u:p@127.0.0.1/"},
	} {
		code, stdout, stderr := sending(t, "", args...)
		assert.Equal(t, exitUsage, code, "%q", args)
		assert.Empty(t, stdout, "%q", args)
		assert.NotEmpty(t, stderr, "%q", args)
	}
	t.Setenv(secretKeyVariable, "")
	require.NoError(t, os.Unsetenv(secretKeyVariable))
	var errs strings.Builder
	assert.Equal(t, exitUsage, run(append([]string{"send", "ipn"}, to...), nil, io.Discard, &errs))
	assert.Contains(t, errs.String(), secretKeyVariable)
	t.Setenv(signingKeyVariable, "")
	assert.Equal(t, exitUsage, run(append([]string{"send", "webhook"}, to...), nil, io.Discard, io.Discard))
	if fips140.Enforced() {
		code, _, stderr := sending(t, "", append([]string{"ipn", "--algo", "md5"}, to...)...)
		assert.Equal(t, exitUsage, code)
		assert.Contains(t, stderr, "FIPS")
	}
}
