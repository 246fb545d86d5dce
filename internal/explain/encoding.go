package explain

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/countersign/countersign/internal/php"
)

// urlencode is PHP's. How it is got wrong is a spelling.
func urlencode(s string) string { return string(php.AppendURLEncoded(nil, s)) }

// urldecode returns s itself if it is malformed.
func urldecode(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// decodeBase64 reads both alphabets, padded or not.
func decodeBase64(text string) (string, error) {
	b, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "=")))
	return string(b), err
}

// htmlPairs are what is escaped in HTML, each before what is written for it; quotes
// are not written alike everywhere.
func htmlPairs(quote, apostrophe string) []string {
	return []string{"&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, quote, "'", apostrophe}
}
