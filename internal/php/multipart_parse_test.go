package php

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// multipartTypes are Content-Types that are multipart/form-data to PHP, and some
// that are not.
var multipartTypes = map[string]bool{
	"multipart/form-data; boundary=B":    true,
	"Multipart/FORM-data;boundary=B":     true,
	"multipart/form-data, x; boundary=B": true,
	"multipart/form-data x; boundary=B":  true,
	"multipart/form-datax; boundary=B":   false,
	"multipart/form-data\t; boundary=B":  false,
	"multipart/mixed; boundary=B":        false,
	"text/plain; multipart/form-data":    false,
	"":                                   false,
}

func TestIsMultipart(t *testing.T) {
	for contentType, want := range multipartTypes {
		assert.Equal(t, want, IsMultipart(contentType), "%q", contentType)
	}
	assert.True(t, IsMultipart("multipart/form-data"))
}

func TestIsMultipartAgainstPHP(t *testing.T) {
	const body = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--\r\n"
	for contentType, want := range multipartTypes {
		assert.Equal(t, want, cgi(t, contentType, len(body), body).String() == "a=1", "%q", contentType)
	}
}

// TestParseMultipart has headers in odd spellings and what PHP 8.2 makes of the
// part; a part z follows. TestParseMultipartAgainstPHP has all others.
func TestParseMultipart(t *testing.T) {
	const disposition = "Content-Disposition: form-data; "
	tests := []struct{ header, query string }{
		{"CONTENT-DISPOSITION: form-data; NAME=a", "a=1&z=1"},
		{"content-dispositioN:form-data;name=a", "a=1&z=1"},
		{"Content-Disposition: name=a", "a=1&z=1"},
		{"X: y\r\n" + disposition + "name=a\r\nContent-Type: text/html", "a=1&z=1"},
		{disposition + "name='a'", "a=1&z=1"},
		{disposition + "name=a b", "a=1&z=1"},
		{disposition + `name=  "a"`, "a=1&z=1"},
		{disposition + `name="a b`, "a_b=1&z=1"},
		{disposition + `name="a;b"; x=";name=c"`, "a%3Bb=1&z=1"},
		{disposition + `name="x=y"; name=a; [=b`, "a=1&z=1"},
		{disposition + `name='a"b'`, "a%22b=1&z=1"},
		{disposition + `name="a\"b"`, "a%22b=1&z=1"},
		{disposition + `name="a\\"`, "a%5C=1&z=1"},
		{disposition + `name="a\'b\c"`, "a%5C%27b%5Cc=1&z=1"},
		{disposition + `name='a\'b'`, "a%27b=1&z=1"},
		{disposition + `name=a\\b\"c`, "a%5Cb%5C%22c=1&z=1"},
		{disposition + `name=a\`, "a%5C=1&z=1"},
		{disposition + `name="a\`, "a%5C=1&z=1"},
		{disposition + "name=", "z=1"},
		{disposition + "name==a", "a=1&z=1"},
		{disposition + `name="a"=b`, "a=1&z=1"},
		{disposition + "name; name=a;; x", "a=1&z=1"},
		{disposition + "xname=b; name=a; names=c", "a=1&z=1"},
		{disposition + "[ame=b; NaMe=c; nam[=d; @ame=e", "c=1&z=1"},
		{disposition + `x="\"; name=b"; name=a`, "a=1&z=1"},
		{disposition + `x="c\"; name=b"; name=a`, "a=1&z=1"},
		{disposition + `x='"'; name=a`, "a=1&z=1"},
		{disposition + `name=a; x="`, "a=1&z=1"},
		{disposition + `name="a.b c"`, "a_b_c=1&z=1"},
		{disposition + `name=" a"`, "a=1&z=1"},
		{disposition + `name="a[]"`, "a%5B0%5D=1&z=1"},
		{disposition + "name=a; filename", "a=1&z=1"},
		{disposition + "name=a; filename=", "z=1"},
		{disposition + "name=a; filename=x", "z=1"},
		{"X: y", "z=1"},
		{"Content-Disposition : form-data; name=a", "z=1"},
		{"\u212Aontent-Disposition: form-data; name=a", "z=1"},

		// PHP reads no further.
		{disposition + "name", ""},
		{disposition + "; name = a ;x", ""},
		{disposition + `x="a\`, ""},
		{"Content-Disposition: form-data name=a", ""},
	}
	body := func(header string) string { return "--B\r\n" + header + "\r\n\r\n1\r\n" + field("z", "1") + end }
	t.Run("PHP", func(t *testing.T) {
		url := phptest.Serve(t, "multipart.php")
		for _, tc := range tests {
			assert.Equal(t, tc.query, string(post(t, url, "B", []byte(body(tc.header))).Query), tc.header)
		}
	})
	var a Array
	for _, tc := range tests {
		err := ParseMultipart(&a, strings.NewReader(body(tc.header)), "B")
		if tc.query == "" {
			assert.ErrorContains(t, err, "multipart part 1: has no name", tc.header)
			continue
		}
		if assert.NoError(t, err, tc.header) {
			assert.Equal(t, tc.query, string(a.AppendQuery(nil)), tc.header)
		}
	}
	for header, want := range map[string]string{ // PHP reads these too, and others otherwise
		disposition + "name=a\r\nContent-Disposition: form-data; name=b": "has a second Content-Disposition",
		disposition + "\r\n name=a":                                      "continues the one before",
		disposition + "name=a\r\n x: y":                                  "continues the one before",
		disposition + "name=a\r\nxy":                                     "continues the one before",
	} {
		assert.ErrorContains(t, ParseMultipart(&a, strings.NewReader(body(header)), "B"), want, header)
	}
}

// TestParseMultipartReadsHostileParts has the bodies that are not sent: what can
// be read of them is what PHP reads.
func TestParseMultipartReadsHostileParts(t *testing.T) {
	read := 0
	for _, tc := range hostileParts {
		var a Array
		if ParseMultipart(&a, strings.NewReader(tc.body), "B") != nil {
			continue
		}
		read++
		signed := a.Has("ApiSignature")
		a.Remove("ApiSignature")
		query, _, _ := strings.Cut(tc.php, " ")
		query, wantSigned := strings.CutSuffix(query, "ApiSignature")
		assert.Equal(t, query, string(a.AppendQuery(nil)), tc.name)
		assert.Equal(t, wantSigned, signed, tc.name)
	}
	assert.Greater(t, read, len(hostileParts)/3)
}

// TestParseMultipartKeepsTheLimits has as many fields and parts as PHP takes, and
// one more, see TestParseMultipartLimitsAgainstPHP.
func TestParseMultipartKeepsTheLimits(t *testing.T) {
	var a Array
	for _, n := range []int{999, 1000, 1001} {
		body := numbered(n, func(i int) string { return field(fmt.Sprintf("a%d", i), "1") }) + end
		require.NoError(t, ParseMultipart(&a, strings.NewReader(body), "B"))
		assert.Equal(t, min(n, 1000), a.Len())
	}
	parts := func(n int) io.Reader {
		return strings.NewReader(numbered(n, func(int) string { return file("f", "x", "") }) + end)
	}
	require.NoError(t, ParseMultipart(&a, parts(1020), "B"))
	require.ErrorContains(t, ParseMultipart(&a, parts(1021), "B"), "multipart part 1021: is beyond the 1020 parts")
}

func TestParseMultipartPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken source")
	for _, text := range []string{"", field("a", "1"), field("a", "1") + "--B--"} {
		var a Array
		assert.Equal(t, broken, ParseMultipart(&a, io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), "B"))
	}
}
