package redact

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// escapings are ways to write a text in the place of the text itself.
var escapings = []func(string) string{
	url.QueryEscape,
	url.PathEscape,
	html.EscapeString,
	func(s string) string { return strings.TrimSuffix(strconv.Quote(s)[1:], `"`) },
	func(s string) string { return strings.TrimSuffix(strconv.QuoteToASCII(s)[1:], `"`) },
	func(s string) string {
		text, _ := json.Marshal(s)
		return string(text[1 : len(text)-1])
	},
	func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
	func(s string) string { return escapeAll(s, "%%%02x") },
	func(s string) string { return escapeAll(s, "&#x%x;") },
	func(s string) string { return escapeAll(s, "&#%03d;") },
	func(s string) string { return escapeAll(s, `\u%04X`) },
	func(s string) string { return escapeAll(s, `\x%02x`) },
}

// escapeAll writes every byte of a text.
func escapeAll(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

// secrets are as the gateways give them, and as nobody does.
var secrets = []string{
	"test-secret-key", `a!b"c\d%e&f+g h<i>/='`, "100%25%41", `\u0041&amp;%5c`, "%%%%", `\\\\\\\\`, "&&amp;;;", "0QEbWTAnBA3yeozdepWvMCFSOQmJSiFAM8abUI/LmwU=",
}

func TestSecretsAreTakenOutHoweverEscaped(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, secret := range secrets {
		w := New(secret)
		for range 300 {
			text := secret
			for range random.IntN(5) {
				text = escapings[random.IntN(len(escapings))](text)
			}
			require.True(t, w.In("x"+text+"y"), "%s", text)
			require.Equal(t, "=[redacted],[redacted].", w.String("="+text+","+text+"."), "%s", text)
		}
	}
}

func TestSecretsAreTakenOutOfBase64(t *testing.T) {
	const secret = `a!b"c\d%e&f+g h<i>?>`
	w := New(secret)
	for _, before := range []string{"", "C", "CODE:", "CODE12:"} {
		for _, coding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			text := w.String("Basic " + coding.EncodeToString([]byte(before+secret+"ab")))
			require.Contains(t, text, "[redacted]")
			_, rest, _ := strings.Cut(strings.TrimPrefix(text, "Basic "), "[redacted]")
			assert.LessOrEqual(t, len(rest), 6)
		}
	}
}

func TestOtherTextStays(t *testing.T) {
	for _, text := range []string{"", "test-secret-ke", "est-secret-key", "test-secret-%6bex", "%74%65st-secret%2-key", "an instance", "%", `\`, "&", `\u`, `\x4`, "&#x", "&;", "50%"} {
		w := New("", "test-secret-key")
		assert.Equal(t, text, w.String(text))
		assert.False(t, w.In(text))
		assert.Equal(t, text, new(Words).String(text))
	}
	assert.Equal(t, "a[redacted]a", New("longer-secret", "longer").String("alonger-secreta"))
	assert.Equal(t, "abc[redacted]", New("+x ").String("abc%20x+"))
	assert.Equal(t, "[redacted]=1", New("a b.c[d").String("a_b_c_d=1"))
}

// TestLongTexts has secrets at every place that a long text is divided at.
func TestLongTexts(t *testing.T) {
	const secret = "test/secret/key"
	w := New(secret)
	escaped := strings.Repeat("x", 100) + escapeAll(url.QueryEscape(secret), `\u%04x`)
	text := strings.Repeat(escaped, 3000)
	assert.Equal(t, strings.Repeat(strings.Repeat("x", 100)+"[redacted]", 3000), w.String(text))
}
