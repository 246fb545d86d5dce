//go:build browser

// The page in a browser, headless Chromium: COUNTERSIGN_CHROMIUM is its program,
// and if COUNTERSIGN_SCREENSHOT is set a picture of the page is written there.
//
//	go test -tags browser -run Browser ./cmd/countersign

package main

import (
	"bytes"
	"cmp"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/paylink"
)

// chromium runs Chromium and returns what it prints.
func chromium(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-proxy-server",
		"--user-data-dir=" + t.TempDir(), "--virtual-time-budget=5000",
	}, args...)
	cmd := exec.CommandContext(t.Context(), cmp.Or(os.Getenv("COUNTERSIGN_CHROMIUM"), "chromium"), args...)
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

// dom returns the page of url as the browser has it in the end.
func dom(t *testing.T, url string) string {
	t.Helper()
	return strings.ReplaceAll(html.UnescapeString(chromium(t, "--dump-dom", url)), "\n", "")
}

// change serves what r serves, changed.
func (r *running) change(t *testing.T, change func(*http.Response) error) string {
	t.Helper()
	target, err := url.Parse(r.url)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = change
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	return front.URL
}

// ask makes requests that are right, wrong, unsigned and refused.
func (r *running) ask(t *testing.T) {
	t.Helper()
	r.post(t, "/v1.0/Page/", paylink.FormType, "")
	r.post(t, "/v1.0/Transaction/?instance=example", paylink.FormType, "amount=8925")
	r.client(t, "rest")
	r.client(t, "form")
	r.post(t, "/v1.0/Invoice/?instance=example", paylink.FormType, servedForm+"&ApiSignature="+rightSignature)
	r.post(t, "/v1.0/Invoice/?instance=example", paylink.FormType, servedForm+"&ApiSignature="+wireSignature)
}

func TestBrowserShowsTheList(t *testing.T) {
	r := startServe(t, bothEnv)
	r.ask(t)
	sandboxed := r.change(t, func(resp *http.Response) error {
		resp.Header.Add("Content-Security-Policy", "sandbox") // without JavaScript
		return nil
	})
	for name, c := range map[string]struct{ url, want, not string }{
		"with JavaScript":    {r.url, `<span id="live">live</span>`, `>not reachable<`},
		"without JavaScript": {sandboxed, `<noscript>Reload the page to see more.</noscript>`, `>live<`},
	} {
		t.Run(name, func(t *testing.T) {
			page := dom(t, c.url)
			assert.Contains(t, page, c.want)
			assert.NotContains(t, page, c.not)
			assert.Contains(t, page, `<code>purpose=This<mark>+</mark>is<mark>+</mark>a%2Bb<mark>+</mark>100%25<mark>+</mark>test</code>`)
			assert.Contains(t, page, `<code>This is a+b 100% test</code>`)
			assert.Equal(t, 6, strings.Count(page, "<summary>"))
		})
	}
}

// TestBrowserIsLive makes a request when the browser asks again.
func TestBrowserIsLive(t *testing.T) {
	r := startServe(t, paylinkEnv)
	loads := 0
	url := r.change(t, func(resp *http.Response) error {
		if loads++; loads == 2 {
			r.post(t, "/v1.0/Invoice/?instance=example", paylink.FormType, "title=late")
		}
		return nil
	})
	page := dom(t, url)
	assert.Greater(t, loads, 2)
	assert.Contains(t, page, "title=late")
	assert.Contains(t, page, "1 request<")
	assert.NotContains(t, page, "Nothing yet")
}

const attack = `"'></code></script><script>document.title="owned"</script><img src=x onerror='document.title="owned"'><svg onload='document.title="owned"'>`

func TestBrowserRunsNothingThatARequestHolds(t *testing.T) {
	r := startServe(t, bothEnv)
	value := url.QueryEscape(attack)
	r.post(t, "/v1.0/Invoice/"+url.PathEscape(attack)+"?instance="+value, paylink.FormType, value+"="+value+"&"+value+"["+value+"]="+value+"&ApiSignature="+value)
	r.post(t, "/rpc/6.0/", "application/json", `{"jsonrpc":"2.0","method":`+strconv.Quote(attack)+`,"params":[`+strconv.Quote(attack)+`]}`)
	page := chromium(t, "--dump-dom", r.url)
	assert.Contains(t, page, "<title>countersign serve</title>")
	assert.Contains(t, page, "&lt;img src=x")
	for _, element := range []string{"<img", "<svg"} {
		assert.NotContains(t, page, element)
	}
	assert.Equal(t, 1, strings.Count(page, "<script"))
}

// TestBrowserRunsNothingThatIsNotEscaped puts a script where a value would be.
func TestBrowserRunsNothingThatIsNotEscaped(t *testing.T) {
	r := startServe(t, paylinkEnv)
	for name, c := range map[string]struct{ policy, title string }{
		"with the policy":                      {"", "countersign serve"},
		"with none, so that the attack is one": {"none", "owned"},
	} {
		t.Run(name, func(t *testing.T) {
			url := r.change(t, func(resp *http.Response) error {
				body, err := io.ReadAll(resp.Body)
				body = bytes.Replace(body, []byte("<main>"), []byte("<main>"+attack), 1)
				resp.Body = io.NopCloser(bytes.NewReader(body))
				resp.Header.Del("Content-Length")
				if c.policy == "none" {
					resp.Header.Del("Content-Security-Policy")
				}
				return err
			})
			assert.Contains(t, chromium(t, "--dump-dom", url), "<title>"+c.title+"</title>")
		})
	}
}

func TestBrowserScreenshot(t *testing.T) {
	path := cmp.Or(os.Getenv("COUNTERSIGN_SCREENSHOT"), filepath.Join(t.TempDir(), "serve.png"))
	r := startServe(t, bothEnv)
	r.ask(t)
	chromium(t, "--window-size=1000,900", "--screenshot="+path, r.url)
	picture, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, bytes.HasPrefix(picture, []byte("\x89PNG\r\n")))
}
