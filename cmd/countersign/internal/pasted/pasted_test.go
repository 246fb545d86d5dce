package pasted

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRawRequest(t *testing.T) {
	const form = "POST /v1.0/Invoice/?instance=example HTTP/1.1\nHost: api.payrexx.com\nContent-Type: application/x-www-form-urlencoded\n"
	const multipart = "POST /v1.0/Design/ HTTP/1.1\nContent-Type: multipart/form-data; boundary=B\n"
	const parts = "--B\nContent-Disposition: form-data; name=\"a\"\n\nb\nc\n--B--\n"
	crlf := strings.NewReplacer("\n", "\r\n").Replace
	for name, c := range map[string]struct{ input, body string }{
		"CRLF":                               {crlf(form) + "Content-Length: 3\r\n\r\na=1", "a=1"},
		"LF":                                 {form + "Content-Length: 3\n\na=1", "a=1"},
		"no length":                          {crlf(form) + "\r\na=1", "a=1"},
		"no length, an editor's newline":     {form + "\na=1\n", "a=1"},
		"no length, two newlines":            {form + "\na=1\n\n", "a=1\n"},
		"an editor's newline behind it":      {form + "Content-Length: 3\n\na=1\n", "a=1"},
		"a newline that is the body's":       {form + "Content-Length: 4\n\na=1\n", "a=1\n"},
		"no body":                            {"GET / HTTP/1.1\nHost: a\n\n", ""},
		"no empty line":                      {"GET / HTTP/1.1\nHost: a", ""},
		"no header":                          {"GET / HTTP/1.1", ""},
		"no header, and a body":              {"POST / HTTP/1.1\r\n\r\na=1", "a=1"},
		"HTTP/2":                             {"POST / HTTP/2\nHost: a\n\na=1", "a=1"},
		"white space in front":               {"\r\n  POST / HTTP/1.0\nHost: a\n\na=1", "a=1"},
		"an empty line in the body":          {form + "\na=1\n\nb=2\n", "a=1\n\nb=2"},
		"chunked":                            {form + "Transfer-Encoding: chunked\n\n2\r\na=\r\n1\r\n1\r\n0\r\n\r\n", "a=1"},
		"multipart":                          {crlf(multipart + "\n" + parts), crlf(strings.TrimSuffix(parts, "\n"))},
		"multipart, LF":                      {multipart + "\n" + parts, crlf(strings.TrimSuffix(parts, "\n"))},
		"multipart, LF, and the true length": {multipart + "Content-Length: 62\n\n" + parts, crlf(parts)},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := Request([]byte(c.input))
			require.NoError(t, err)
			body, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			assert.Equal(t, c.body, string(body))
			assert.EqualValues(t, len(c.body), req.ContentLength)
		})
	}
}

func TestRequestRefuses(t *testing.T) {
	for input, reason := range map[string]string{
		"":                                   "the standard input is empty",
		" \n":                                "the standard input is empty",
		"amount=200":                         "the input is none of what can be read",
		"GET /":                              "the input is none of what can be read",
		"curly / HTTP/1.1 x":                 "the input is none of what can be read",
		"GET /a b HTTP/1.1\n\n":              "the input is none of what can be read",
		"GET / HTTP/1.1\nno colon\n\n":       "a header is malformed",
		"GET / HTTP/1.1\nA: b\n folded: c\n": "",
		"GET /%zz HTTP/1.1\n\n":              "the request line or a header is malformed",
		"POST / HTTP/1.1\nContent-Length: 4\n\na=1":             "has 3 bytes, and its Content-Length says 4",
		"POST / HTTP/1.1\nContent-Length: 2\n\na=1":             "has 3 bytes, and its Content-Length says 2",
		"POST / HTTP/1.1\nContent-Length: x\n\na=1":             "a header is malformed",
		"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\na=1":    "the body is not chunked",
		"POST / HTTP/1.1\nTransfer-Encoding: gzip\n\na=1":       "a header is malformed",
		"POST / HTTP/1.1\nContent-Length: 9999999999999\n\na=1": "Content-Length says 9999999999999",
	} {
		t.Run(input, func(t *testing.T) {
			_, err := Request([]byte(input))
			if reason == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, reason)
			assert.NotContains(t, err.Error(), "a=1")
		})
	}
}

// FuzzRequest shows that no input brings the reader down, and that what it
// accepts has a body of the length that it says.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"POST /v1.0/Invoice/?instance=example HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=1",
		"POST / HTTP/2\nTransfer-Encoding: chunked\n\n2\na=\n0\n\n",
		"POST / HTTP/1.1\nContent-Type: multipart/form-data; boundary=B\n\n--B\n\n\n--B--\n",
		"$ curl -d a=b http://example.com",
	} {
		f.Add([]byte(seed))
	}
	for _, c := range inHand {
		f.Add([]byte(c.input[:min(len(c.input), 4<<10)]))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		req, err := Request(input)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		assert.EqualValues(t, len(body), req.ContentLength)
	})
}
