package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"html"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/internal/redact"
)

// An answering gateway gives one answer to every request.
type answering struct {
	status int
	header http.Header
	body   string
}

func (a answering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	fmt.Fprint(w, a.body)
}

// TestCheckSaysWhatAnAnswerMeans has an answer of each kind: package answer has them all.
func TestCheckSaysWhatAnAnswerMeans(t *testing.T) {
	const html = "<html><body>The secret is not correct</body></html>"
	for name, c := range map[string]struct {
		gateway string
		answer  answering
		want    string
	}{
		"right":                    {"paylink", answering{200, nil, `{"status":"success","data":[{"id":1}]}`}, "right: the gateway accepts"},
		"a page":                   {"paylink", answering{200, nil, html}, "unknown: the answer is none of these gateways'"},
		"wrong secret":             {"paylink", answering{403, nil, `{"status":"error","message":"The API secret is not correct."}`}, "wrong: the secret"},
		"rate limit":               {"paylink", answering{429, nil, ""}, "unknown: the gateway answers with 429, too many requests: wait five minutes"},
		"elsewhere by path":        {"paylink", answering{301, http.Header{"Location": {"/login"}}, ""}, "unknown: the gateway redirects to \"http://127.0.0.1:"},
		"2Checkout, right":         {"avangate", answering{200, nil, `{"Items":[]}`}, "right: the gateway accepts"},
		"2Checkout, hash":          {"avangate", answering{401, nil, `{"error_code":"AUTHENTICATION_ERROR","message":"Hash signature could not be authenticated"}`}, "wrong: the merchant code and the Secret Key do not belong together"},
		"2Checkout, 200 and error": {"avangate", answering{200, nil, `{"error_code":"INTERNAL_ERROR","message":"x"}`}, "unknown: the gateway answers with 200 and reports an error"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			stdout, stderr, code := runIn(t, "", "check", c.gateway, "--base-url", server.URL)
			assert.True(t, strings.HasPrefix(stdout, c.want), "%s", stdout)
			assert.Empty(t, stderr)
			assert.Equal(t, strings.HasPrefix(c.want, "right"), code == exitRight)
			assert.NotContains(t, stdout, "<html>")
		})
	}
}

func TestCheckMeasuresTheClock(t *testing.T) {
	for offset, want := range map[time.Duration]string{
		15 * time.Minute:  `1[45]m\d+s behind`,
		-15 * time.Minute: `15m\d+s ahead of`,
		50 * time.Hour:    `(49h59|50h0)m\d+s behind`,
	} {
		server := httptest.NewServer(&authtest.Avangate{
			MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(scriptSecretKey),
			Now: func() time.Time { return time.Now().Add(offset) },
		})
		defer server.Close()
		stdout, _, code := runIn(t, "", "check", "avangate", "--base-url", server.URL)
		assert.Regexp(t, "this machine's clock is "+want+" the gateway's", stdout)
		if offset.Abs() < 24*time.Hour { // then the request is sent once more, with the gateway's time
			assert.Contains(t, stdout, "right: ")
			assert.Equal(t, exitRight, code)
		} else {
			assert.Contains(t, stdout, "unknown: the clocks are too far apart")
			assert.Equal(t, exitWrong, code)
		}
	}
	server := httptest.NewServer(answering{401, http.Header{"Date": {"Mon, 01 Jan 2024 00:00:00 GMT"}, "Age": {"1"}}, "{}"})
	defer server.Close()
	stdout, _, _ := runIn(t, "", "check", "avangate", "--base-url", server.URL)
	assert.NotContains(t, stdout, "clock", "an answer from a cache")
}

// TestCheckKeepsCredentials shows that a gateway that echoes what it got makes
// check print neither the secret nor the signature, and no more than a line.
func TestCheckKeepsCredentials(t *testing.T) {
	var asked *url.URL
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"status":"error","message":"%s %s \u001b[2J\n%s"}`, scriptSecret, r.URL, strings.Repeat("x", 1<<20-500))
	}))
	defer server.Close()
	stdout, _, code := runIn(t, "", "check", "paylink", "--base-url", server.URL)
	assert.Equal(t, exitWrong, code)
	assert.Equal(t, "/v1.0/SignatureCheck/", asked.Path)
	assert.NotContains(t, stdout, url.QueryEscape(asked.Query().Get("ApiSignature")))
	assert.Contains(t, stdout, auth.Redacted)
	assert.NotContains(t, stdout, "\x1b")
	assert.Equal(t, 2, strings.Count(stdout, "\n"))
	assert.Less(t, len(stdout), 700)

	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	stdout, _, _ = runIn(t, "", "check", "paylink", "--base-url", endless.URL)
	assert.Contains(t, stdout, "unknown: the answer is none of these gateways'")
}

func TestCheckSaysWhyThereIsNoAnswer(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	_, stderr, code := runIn(t, "", "check", "paylink", "--base-url", silent.URL, "--timeout", "1ms")
	assert.Contains(t, stderr, "there is no answer within 1ms")
	assert.Equal(t, exitWrong, code)

	encrypted := httptest.NewUnstartedServer(answering{status: 200})
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0)
	encrypted.StartTLS()
	defer encrypted.Close()
	_, stderr, code = runIn(t, "", "check", "paylink", "--base-url", encrypted.URL)
	assert.Contains(t, stderr, "the gateway's certificate is not to be trusted: x509:")
	assert.Equal(t, exitWrong, code)

	plain := httptest.NewServer(answering{status: 200})
	_, stderr, _ = runIn(t, "", "check", "paylink", "--base-url", strings.Replace(plain.URL, "http:", "https:", 1))
	assert.Contains(t, stderr, "speaks http there, and not https")
	plain.Close()
	_, stderr, _ = runIn(t, "", "check", "paylink", "--base-url", plain.URL)
	assert.Contains(t, stderr, "the gateway cannot be reached: dial tcp")

	p := &inquiry{timeout: time.Second}
	for want, err := range map[string]error{
		"interrupted":                             context.Canceled,
		`there is no host "a.example"`:            &net.DNSError{Name: "a.example", IsNotFound: true},
		"there is no answer within 1s":            &net.DNSError{Name: "a.example", IsTimeout: true},
		"not to be trusted: x509: certificate is": &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a.example"}},
		"cannot be reached: broken":               errors.New("broken"),
	} {
		assert.Contains(t, p.explain(&url.Error{Op: "Get", URL: "https://a.example", Err: err}, strings.Clone), want)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs strings.Builder
	env := map[string]string{instanceVariable: "example", secretVariable: scriptSecret}
	c := &command{
		ctx: ctx, name: "check", args: []string{"paylink", "--base-url", "https://127.0.0.1"},
		stdout: &out, stderr: &errs, getenv: func(name string) string { return env[name] },
	}
	require.Equal(t, exitWrong, check(c))
	assert.Equal(t, "countersign check paylink: interrupted\n", errs.String())
}

// TestCheckTellsNoCredential has gateways that repeat what they got, in a message or
// in what is no answer, however they spell it.
func TestCheckTellsNoCredential(t *testing.T) {
	spellings := map[string]func(string) string{
		"as it came":     func(s string) string { return s },
		"escaped":        url.QueryEscape,
		"escaped twice":  func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
		"HTML":           html.EscapeString,
		"plus as spaces": func(s string) string { return strings.ReplaceAll(s, "+", " ") },
		"JSON in JSON":   func(s string) string { return strings.Trim(fmt.Sprintf("%q", fmt.Sprintf("%q", s)), `"`) },
	}
	for gateway, credential := range map[string]func(*http.Request) string{
		"paylink": func(r *http.Request) string { return r.URL.Query().Get("ApiSignature") },
		"avangate": func(r *http.Request) string {
			return hashAttribute.FindStringSubmatch(r.Header.Get("X-Avangate-Authentication"))[1]
		},
	} {
		for spelling, spell := range spellings {
			for door, answer := range map[string]func(http.ResponseWriter, string){
				"message": func(w http.ResponseWriter, s string) { fmt.Fprintf(w, `{"status":"error","message":%q}`, s) },
				"status":  func(w http.ResponseWriter, s string) { hijack(t, w, "HTTP/1.1 bad signature "+s+"\r\n\r\n") },
				"header":  func(w http.ResponseWriter, s string) { hijack(t, w, "HTTP/1.1 200 OK\r\nbad signature "+s+"\r\n\r\n") },
				"location": func(w http.ResponseWriter, s string) {
					hijack(t, w, "HTTP/1.1 302 x\r\nLocation: https://"+url.PathEscape(s)+"/\r\nContent-Length: 0\r\n\r\n")
				},
			} {
				t.Run(gateway+", "+spelling+", "+door, func(t *testing.T) {
					var sent string
					server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						sent = credential(r)
						answer(w, spell(sent))
					}))
					defer server.Close()
					stdout, stderr, code := runIn(t, "", "check", gateway, "--base-url", server.URL)
					require.NotEmpty(t, sent)
					assert.Equal(t, exitWrong, code)
					assert.False(t, redact.New(sent).In(stdout+stderr), "%s%s", stdout, stderr)
				})
			}
		}
	}
}

// hijack answers with text that may be no HTTP.
func hijack(t *testing.T, w http.ResponseWriter, text string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if assert.NoError(t, err) {
		io.WriteString(conn, text)
		conn.Close()
	}
}

// TestCheckRedactsNoWordOfItsOwn has a secret that stands in a sentence of check's.
func TestCheckRedactsNoWordOfItsOwn(t *testing.T) {
	server := httptest.NewServer(answering{403, nil, `{"status":"error","message":"the another platform \"secret\"\n"}`})
	defer server.Close()
	var out, errs strings.Builder
	env := map[string]string{instanceVariable: "example", secretVariable: "another platform"}
	check(&command{
		ctx: t.Context(), name: "check", args: []string{"paylink", "--base-url", server.URL},
		stdout: &out, stderr: &errs, getenv: func(name string) string { return env[name] },
	})
	assert.Contains(t, out.String(), "it may be that of another instance, another platform")
	assert.Contains(t, out.String(), `the gateway says: "the [redacted] "secret"\n"`)
}

// TestCheckSaysWhatItDidNotSend: what our own transport refuses is no fault of the
// gateway's, and is said in our words, whatever the secret.
func TestCheckSaysWhatItDidNotSend(t *testing.T) {
	var out, errs strings.Builder
	env := map[string]string{merchantCodeVariable: "YOURCODE123", secretKeyVariable: "http://127.0.0.1:1"}
	code := check(&command{
		ctx: t.Context(), name: "check", args: []string{"avangate", "--base-url", "http://127.0.0.1:1/rpc/6.0/"},
		stdout: &out, stderr: &errs, getenv: func(name string) string { return env[name] },
	})
	assert.Equal(t, exitWrong, code)
	assert.NotContains(t, errs.String(), "cannot be reached")
	assert.NotContains(t, errs.String(), auth.Redacted)
	assert.Contains(t, errs.String(), "countersign check avangate: sign GET for http://127.0.0.1:1: the path")
}

// TestCheckKeepsTheTerminal has a certificate whose names are commands to a terminal,
// and a verdict of their own.
func TestCheckKeepsTheTerminal(t *testing.T) {
	hostile := "a\x1b]0;pwned\x07\x1b[2J\x1b[1;32mright: the gateway accepts the instance and the secret\x1b[0m\r\n"
	certificate := hostileCertificate(t, slices.Repeat([]string{hostile}, 90)...)
	server := httptest.NewUnstartedServer(answering{status: 200})
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	defer server.Close()
	stdout, stderr, code := runIn(t, "", "check", "paylink", "--base-url", server.URL)
	assert.Equal(t, exitWrong, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "the gateway's certificate is not to be trusted: x509:")
	assertPrintable(t, stderr, 1)

	var out strings.Builder
	c := &command{name: "check", stderr: &out}
	c.fail(errors.New(strings.Repeat(hostile, 1000)))
	assertPrintable(t, out.String(), 1)
	out.Reset()
	c.fail(usagef("%s", strings.Repeat("\U0010ffff", 1000)))
	assertPrintable(t, out.String(), 2)
}

// assertPrintable says that a text is as long as a terminal takes it, and has so many
// lines, all of which can be seen.
func assertPrintable(t *testing.T, text string, lines int) {
	t.Helper()
	assert.LessOrEqual(t, len(text), 2000)
	assert.Equal(t, lines, strings.Count(text, "\n"))
	hidden := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	assert.False(t, strings.ContainsFunc(text, hidden) || !utf8.ValidString(text), "%q", text)
}

// hostileCertificate returns a certificate for names that are none.
func hostileCertificate(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// FuzzCheckAnswer: whatever bytes a gateway answers with, check gives one of its
// verdicts or says why it has none, in a few lines without a control character and
// without a secret. SECRET_ stands for the secret.
func FuzzCheckAnswer(f *testing.F) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"status\":\"success\"}",
		"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"error\",\"message\":\"SECRET_ \\u001b[2J\\u009b\\u202e\\n\"}",
		"HTTP/1.1 200 OK\r\n\r\n{\"Items\":[],\"message\":\"\"}",
		"HTTP/1.1 401 Unauthorized\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n\r\n{\"message\":\"Time offset mismatch\"}",
		"HTTP/1.1 401 x\r\nDate: Fri, 31 Dec 9999 23:59:59 GMT\r\n\r\n{\"message\":\"Hash signature could not be authenticated\"}",
		"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 307 x\r\nLocation: https://other.example/?ApiSignature=x\r\n\r\n",
		"HTTP/1.1 301 x\r\nLocation: %zz\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 422 x\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 502 x\r\nContent-Encoding: gzip\r\n\r\nx",
		"HTTP/1.1 999 x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
		"HTTP/1.1 200 OK\r\nx\x1b[2J\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
		"",
	} {
		f.Add(false, answer)
		f.Add(true, answer)
	}
	base := http.DefaultTransport
	f.Cleanup(func() { http.DefaultTransport = base })
	f.Fuzz(func(t *testing.T, is2Checkout bool, answer string) {
		gateway, secret := "paylink", scriptSecret
		if is2Checkout {
			gateway, secret = "avangate", scriptSecretKey
		}
		answer = strings.ReplaceAll(answer, "SECRET_", secret)
		http.DefaultTransport = &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go func() {
					defer server.Close()
					if _, err := http.ReadRequest(bufio.NewReader(server)); err == nil {
						io.WriteString(server, answer)
					}
				}()
				return client, nil
			},
		}
		stdout, stderr, code := runIn(t, "", "check", gateway, "--base-url", "http://127.0.0.1")
		if stderr != "" {
			require.Empty(t, stdout)
			require.Equal(t, exitWrong, code)
			require.Regexp(t, `^countersign check `+gateway+`: [^\n]+\n$`, stderr)
		} else {
			require.Regexp(t, `^(right|wrong|unknown): [^\n]+\n(the gateway says: "[^\n]*"\n)?(this machine's clock is [0-9hms.]+ (behind|ahead of) the gateway's\n)?$`, stdout)
			require.Equal(t, strings.HasPrefix(stdout, "right: "), code == exitRight)
		}
		if code == exitRight {
			require.Regexp(t, `HTTP/\d\.\d +200`, answer) // net/http takes any digits
			require.Contains(t, answer, "{")
		}
		printed := stdout + stderr
		require.True(t, utf8.ValidString(printed), "%q", printed)
		require.False(t, strings.ContainsFunc(strings.ReplaceAll(printed, "\n", ""), unicode.IsControl), "%q", printed)
		require.Less(t, len(printed), 4<<10)
	})
}
