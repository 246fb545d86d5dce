package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/internal/explain"
)

// get asks a page that is not served.
func (p *Page) get(header http.Header) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	req := httptest.NewRequest("GET", "/", nil)
	req.Header = header
	p.ServeHTTP(w, req)
	return w
}

func TestPageIsBounded(t *testing.T) {
	p := New("", nil)
	large := strings.Repeat("<", 8<<10)
	e := Entry{
		Exchange: authtest.Exchange{Path: large, Methods: []string{large}, StringToSign: large + "a"},
		Verdict:  "wrong", Reason: large,
	}
	e.Diagnosis = &explain.Diagnosis{StringToSign: large + "a" + large}
	for range 2 {
		e.Diagnosis.Findings = append(e.Diagnosis.Findings, explain.Finding{StringToSign: large + "b" + large, Difference: len(large)})
	}
	for range 10_000 {
		e.Parameters = append(e.Parameters, [2]string{large, large})
	}
	p.Add(e)
	one := p.get(nil).Body.Len()
	assert.Less(t, one, 2<<20)
	assert.Contains(t, p.get(nil).Body.String(), "and 9900 more")
	require.Greater(t, 7*one, maxPage)
	for range 6 {
		p.Add(e)
	}
	assert.Less(t, p.get(nil).Body.Len(), maxPage+maxPage/8)
}

func TestPageSaysThatTheEmptyStringWasSigned(t *testing.T) {
	for signed, want := range map[string]string{"": "The empty string was signed, as it should be", "a=1": "The same string was signed."} {
		p := New("", nil)
		p.Add(Entry{Verdict: "wrong", Diagnosis: &explain.Diagnosis{StringToSign: signed, Findings: []explain.Finding{{StringToSign: signed, Difference: -1}}}})
		assert.Contains(t, p.get(nil).Body.String(), want)
	}
}

func TestPageEscapesEveryValue(t *testing.T) {
	const hostile = `"'><script>x</script><img src=x onerror=x>{{.}}` + "\x00\u202e"
	p := New("", []Gateway{{Account: hostile}})
	p.Add(Entry{
		Exchange: authtest.Exchange{
			Method: hostile, Path: hostile, Methods: []string{hostile}, StringToSign: hostile,
			Parameters: [][2]string{{hostile, hostile}},
		},
		Verdict: "wrong", Reason: hostile,
		Diagnosis: &explain.Diagnosis{
			StringToSign:  hostile + "a" + hostile,
			Findings:      []explain.Finding{{Mistakes: []explain.Mistake{{Name: hostile, Fix: hostile}}, StringToSign: hostile + hostile, Difference: len(hostile)}},
			Shown:         []explain.Mistake{{Name: hostile, Fix: hostile}},
			Possibilities: []explain.Mistake{{Name: hostile, Fix: hostile}},
			Skipped:       []string{hostile},
		},
	})
	page := p.get(nil).Body.String()
	assert.Equal(t, 1, strings.Count(page, "<script>"), "its own")
	assert.NotContains(t, page, "<img")
	assert.NotContains(t, page, "\u202e")
	assert.Greater(t, strings.Count(page, "&lt;script&gt;"), 10)
}

// TestPageRunsItsOwnScriptOnly computes the policy's hashes from what is sent.
func TestPageRunsItsOwnScriptOnly(t *testing.T) {
	w := New("", nil).get(nil)
	page, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
	for name, directive := range map[string]string{"script": "script-src", "style": "style-src"} {
		text := regexp.MustCompile(`(?s)<` + name + `>(.*)</` + name + `>`).FindStringSubmatch(page)
		require.NotNil(t, text, name)
		assert.Contains(t, policy, fmt.Sprintf("; %s '%s';", directive, sourceHash(text[1])))
	}
	assert.True(t, strings.HasPrefix(policy, "default-src 'none'; "))
	assert.NotContains(t, policy, "unsafe")
	assert.NotRegexp(t, `(?i)(src|href)="?(https?:)?//`, page, "it loads from elsewhere")
}

func TestPageIsNotSentTwice(t *testing.T) {
	p := New("", nil)
	tag := p.get(nil).Header().Get("ETag")
	require.NotEmpty(t, tag)
	seen := http.Header{"If-None-Match": {tag}}
	assert.Equal(t, http.StatusNotModified, p.get(seen).Code)
	p.Add(Entry{})
	assert.Equal(t, http.StatusOK, p.get(seen).Code)
	assert.NotEqual(t, tag, New("", nil).get(nil).Header().Get("ETag"), "another process has the same tag")
}

// A web site whose name is made to lead here must not read the page.
func TestPageIsShownUnderItsOwnHost(t *testing.T) {
	p := New("gateway.test", nil)
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:8080": true, "[::1]:8080": true, "[::1]": true, "192.0.2.1:80": true,
		"localhost": true, "LOCALHOST:8080": true, "gateway.test": true, "Gateway.test:8080": true,
		"": false, "evil.example": false, "evil.example:8080": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false,
		"localhost:80:80": false,
	} {
		assert.Equal(t, want, p.IsFor(host), "%q", host)
	}
	assert.False(t, New("", nil).IsFor(""))
}

func TestDifferencesAreMarked(t *testing.T) {
	for _, c := range []struct{ want, got, markedWant, markedGot string }{
		{"a=b+c+d", "a=b%20c%20d", "a=b<+>c<+>d", "a=b<%20>c<%20>d"},
		{"a%5B0%5D=1", "a[0]=1", "a<%5B>0<%5D>=1", "a<[>0<]>=1"},
		{"a=1&b=2", "a=1&model=X&b=2", "a=1&<>b=2", "a=1&<model=X&>b=2"},
		{"a=1", "a=1\n", "a=1<>", `a=1<\n>`},
		{"a=1", "", "<a=1>", "<>"},
		{"a=1&b=22", "b=22&a=1", "<a>=<1&b=22>", "<b>=<22&a=1>"},
	} {
		at := 0
		for at < min(len(c.want), len(c.got)) && c.want[at] == c.got[at] {
			at++
		}
		got := compare(c.want, explain.Finding{StringToSign: c.got, Difference: at})
		text := func(segments []segment) string {
			var b strings.Builder
			for _, s := range segments {
				if s.Marked {
					s.Text = "<" + s.Text + ">"
				}
				b.WriteString(s.Text)
			}
			return b.String()
		}
		assert.Equal(t, c.markedWant, text(got.Want))
		assert.Equal(t, c.markedGot, text(got.Got))
	}
	assert.Empty(t, compare("a", explain.Finding{StringToSign: "a", Difference: -1}).Want)
}
