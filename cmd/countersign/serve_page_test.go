package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/paylink"
)

// page returns the page's HTML.
func (r *running) page(t testing.TB) string {
	t.Helper()
	resp, err := http.Get(r.url)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	return string(text)
}

func TestPageShowsTheLatest(t *testing.T) {
	r := startServe(t, paylinkEnv)
	page := r.page(t)
	assert.Contains(t, page, "Nothing yet")
	assert.Contains(t, page, "the Payrexx family: <code>example</code>")
	assert.Contains(t, page, "2Checkout: not played, for want of COUNTERSIGN_MERCHANT_CODE and COUNTERSIGN_SECRET_KEY")
	for i := range 60 {
		r.post(t, fmt.Sprintf("/v1.0/Invoice/%d/?instance=example", i), paylink.FormType, "title=Gr%C3%BC%C3%9Fe%20x")
	}
	page = strings.ReplaceAll(r.page(t), "&#43;", "+")
	assert.NotContains(t, page, "Nothing yet")
	assert.Contains(t, page, "60 requests, the latest 50 are shown")
	shown := regexp.MustCompile(`POST</b> /v1.0/Invoice/(\d+)/`).FindAllStringSubmatch(page, -1)
	require.Len(t, shown, 50)
	for i, match := range shown {
		assert.Equal(t, fmt.Sprint(59-i), match[1])
	}
	assert.Contains(t, page, `<th scope="row"><code>title</code><td><code>Grüße x</code>`)
	assert.Contains(t, page, `<code>title=Gr%C3%BC%C3%9Fe+x</code>`)
	assert.NotContains(t, r.stdout.String(), " GET / ", "the page's own requests are in the log")
}

// A web site whose name is made to lead here must not read the page.
func TestServeShowsThePageUnderItsOwnHost(t *testing.T) {
	r := startServe(t, paylinkEnv)
	req, err := http.NewRequest("GET", r.url, nil)
	require.NoError(t, err)
	req.Host = "evil.example"
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusMisdirectedRequest, resp.StatusCode)
	assert.NotContains(t, string(answer), "<html")
	assert.Contains(t, r.stdout.String(), ` GET / 421 refused: the page is not shown under the host "evil.example"`)
}
