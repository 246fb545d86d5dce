package php

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// hostileParts are bodies that readers disagree on. php is what PHP 8.2 makes
// of them: the query that $_POST builds, then the files as name=filename:size.
var hostileParts = []struct{ name, body, want, php string }{
	{"filename* alone", part(`; name="a"; filename*=UTF-8''x`, "1") + end, "RFC 5987", "a=1"},
	{"filename and filename*", part(`; name="a"; filename="x"; filename*=UTF-8''y`, "1") + end, "RFC 5987", " a=x:1"},
	{"empty filename", file("a", "", "1") + end, "empty file name", " a=:0"},
	{"name in single quotes", part(`; name='a'`, "1") + end, "another spelling", "a=1"},
	{"name without quotes", part(`; name=a`, "1") + end, "another spelling", "a=1"},
	{"filename without quotes", part(`; name="a"; filename=x`, "1") + end, "another spelling", " a=x:1"},
	{"name given twice", part(`; name="a"; name="b"`, "1") + end, "another spelling", "b=1"},
	{"filename first", part(`; filename="x"; name="a"`, "1") + end, "another spelling", " a=x:1"},
	{"another parameter", part(`; name="a"; x="y"`, "1") + end, "another spelling", "a=1"},
	{"no white space", part(`;name="a"`, "1") + end, "another spelling", "a=1"},
	{"capitals", part(`; NAME="a"`, "1") + end, "another spelling", "a=1"},
	{"no name", part(``, "1") + field("z", "1") + end, "no name", ""},
	{"name* alone", part(`; name*=UTF-8''a`, "1") + field("z", "1") + end, "RFC 5987", ""},
	{"filename alone", part(`; filename="x"`, "1") + field("z", "1") + end, "no name", "z=1 0=x:1"},
	{"empty name", field("", "1") + field("z", "1") + end, "empty name", "z=1"},
	{"escaped quote", field(`a\"b`, "1") + end, "backslash", "a%22b=1"},
	{"escaped backslash", field(`a\\`, "1") + end, "backslash", "a%5C=1"},
	{"escape that hides a file", part(`; name="a\\"; filename="x"`, "1") + end, "backslash", "a%5C=1"},
	{"backslash in a filename", file("a", `x\\y`, "1") + end, "backslash", " a=y:1"},
	{"backslash in front of a name", field(`\a`, "1") + end, "backslash", "%5Ca=1"},
	{"backslash in front of the disposition", strings.Replace(field("a", "1"), ": form", `:\form`, 1) + end, "backslash", "a=1"},
	{"percent escape in a name", field("a%22", "1") + end, "%22", "a%2522=1"},
	{"percent escape in a filename", file("a", "x%0Dy", "1") + end, "%0D", " a=x%0Dy:1"},
	{"slash in a filename", file("a", "x/y", "1") + end, "slash", " a=y:1"},
	{"slash in front of a filename", file("a", "/x", "1") + end, "slash", " a=x:1"},
	{"control character in a name", field("a\tb", "1") + end, "control character", "a%09b=1"},
	{"NUL in a name", field("a\x00b", "1") + end, "control character", "a=1"},
	{"control character in a filename", file("a", "x\x7f", "1") + end, "control character", " a=x\x7f:1"},
	{"folded header", part(";\r\n name=\"a\"", "1") + end, "no name", "a=1"},
	{"bare LF behind a header", "--B\r\nContent-Disposition: form-data; name=\"a\"\n\n1\r\n" + end, "bare LF", "a=1"},
	{"bare LF in front of a header", strings.Replace(field("a", "1"), "\r\n", "\r\n\n", 1) + end, "bare LF", ""},
	{"header name in lower case", "--B\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n" + end, `begins with the header "content-disposition"`, "a=1"},
	{"Content-Type first", "--B\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" + end, `begins with the header "Content-Type"`, "a=1"},
	{"second Content-Disposition", part("; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"", "1") + end, `has the header "Content-Disposition"`, "a=1"},
	{"Content-Transfer-Encoding", part("; name=\"a\"\r\nContent-Transfer-Encoding: base64", "MQ==") + end, `has the header "Content-Transfer-Encoding"`, "a=MQ%3D%3D"},
	{"Content-Length", part("; name=\"a\"\r\nContent-Type: text/plain\r\nContent-Length: 1", "12") + end, `has the header "Content-Length"`, "a=12"},
	{"parts within a part", part("; name=\"a\"\r\nContent-Type: multipart/mixed; boundary=C", "--C") + end, "parts of its own", "a=--C"},
	{"another charset", part("; name=\"a\"\r\nContent-Type: text/plain; charset=utf-16", "1") + end, "charset", "a=1"},
	{"malformed Content-Type", part("; name=\"a\"\r\nContent-Type: ;", "1") + end, "malformed Content-Type", "a=1"},
	{"no header", "--B\r\n\r\n1\r\n" + field("z", "1") + end, "no name", "z=1"},

	{"boundary after a bare LF in a file", file("f", "x", "1\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1") + end, "not behind a CRLF", "a=1 f=x:1"},
	{"boundary with more behind it in a value", field("a", "1\r\n--Bxyz\r\n2") + field("z", "1") + end, "followed by other bytes", "a=1&z=1"},
	{"boundary within a line", field("a", "1--B2") + end, "not behind a CRLF", "a=1--B2"},
	{"boundary in a header", part("; name=\"--B\"", "1") + end, "boundary in its header", "--B=1"},
	{"content that begins with the boundary", "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + field("z", "1") + end, "not behind a CRLF", "a=--B%0D%0AContent-Disposition%3A+form-data%3B+name%3D%22z%22%0D%0A%0D%0A1"},
	{"space behind a boundary", field("a", "1") + strings.Replace(field("b", "1"), "--B", "--B ", 1) + field("z", "1") + end, "followed by other bytes", "a=1&z=1"},
	{"bare LF behind a boundary", field("a", "1") + strings.Replace(field("b", "1"), "\r\n", "\n", 1) + end, "followed by other bytes", "a=1&b=1"},
	{"parts behind the closing delimiter", field("a", "1") + end + field("z", "1") + end, "behind the closing delimiter", "a=1&z=1"},
	{"text behind the closing delimiter", field("a", "1") + end + "x", "behind the closing delimiter", "a=1"},
	{"CR behind the closing delimiter", field("a", "1") + "--B--\r", "behind the closing delimiter", "a=1"},
	{"two line breaks behind the closing delimiter", field("a", "1") + end + "\r\n", "behind the closing delimiter", "a=1"},
	{"line break before the first delimiter", "\r\n" + field("a", "1") + end, "does not begin", "a=1"},
	{"preamble", "x\r\n" + field("a", "1") + end, "does not begin", "a=1"},
	{"preamble as long as the delimiter", "pre\r\n" + field("a", "1") + end, "does not begin", "a=1"},
	{"LF behind the first delimiter, and no CR", strings.Replace(field("a", "1"), "\r", "x", 1) + end, "does not begin", ""},
	{"CR behind the first delimiter, and no LF", strings.Replace(field("a", "1"), "\n", "x", 1) + end, "does not begin", ""},
	{"bare LF behind the first delimiter", strings.Replace(field("a", "1"), "\r\n", "\n", 1) + end, "does not begin", "a=1"},
	{"no parts", end, "does not begin", ""},
	{"nothing", "", "ends before", ""},
	{"no closing delimiter", field("a", "1"), "ends before", "a=1"},
	{"cut off in a header", field("a", "1") + "--B\r\nContent-Disposition: form-data; name=\"b\"", "ends before", "a=1"},
	{"cut off in a header line of 1,024 bytes", "--B\r\n" + strings.Repeat("x", 1025), "1023 bytes", ""},
	{"cut off in a value", field("a", "1") + "--B\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n1", "ends before", "a=1&b=1"},
	{"cut off in the closing delimiter", field("a", "1") + "--B-", "ends before", "a=1"},

	{"MAX_FILE_SIZE", field("max_file_size", "1") + file("f", "x", "12") + end, "drop files that are larger", "max_file_size=1 f=x:0"},
	{"ApiSignature", field("ApiSignature", "1") + end, "signature's name", "ApiSignature"},
	{"ApiSignature as a group", field("ApiSignature[x]", "1") + end, "signature's name", "ApiSignature"},
	{"ApiSignature as a file", file("ApiSignature", "x", "1") + end, "signature's name", " ApiSignature=x:1"},
	{"instance", field("instance", "1") + end, "URL", "instance=1"},
	{"dot in a name", field("a.b", "1") + end, "underscore", "a_b=1"},
	{"bracket in a name", field("a[b", "1") + end, "close it", "a_b=1"},
	{"automatic index", field("pm[]", "1") + end, `write "pm[0]"`, "pm%5B0%5D=1"},
	{"automatic index of a file", file("pm[]", "x", "1") + end, `write "pm[0]"`, " pm[0]=x:1"},
	{"field given twice", field("a", "1") + field("a", "2") + end, "given twice", "a=2"},
	{"file given twice", file("a", "x", "1") + file("a", "y", "12") + end, "given twice", " a=y:2"},
	{"value and group", field("a", "1") + field("a[b]", "2") + end, "rename one", "a%5Bb%5D=2"},
	{"group in two places", field("a[b]", "1") + field("c", "2") + field("a[d]", "3") + end, "in a row", "a%5Bb%5D=1&a%5Bd%5D=3&c=2"},
	{"inner group in two places", field("a[b][0]", "1") + field("a[c]", "2") + field("a[b][1]", "3") + end, "in a row", "a%5Bb%5D%5B0%5D=1&a%5Bb%5D%5B1%5D=3&a%5Bc%5D=2"},
	{"file named like a field", field("a", "1") + file("a", "x", "2") + end, "file here and a field", "a=1 a=x:1"},
	{"field named like a file", file("a", "x", "2") + field("a", "1") + end, "file here and a field", "a=1 a=x:1"},
	{"file in a group of fields", field("a[b]", "1") + file("a[c]", "x", "2") + end, "file here and a field", "a%5Bb%5D=1 a[c]=x:1"},
	{"file name that PHP drops", file("a]", "x", "1") + end, "closing bracket in front", ""},
	{"file name that is a bracket", file("]", "x", "1") + end, "closing bracket in front", ""},
	{"closing bracket in front", field("a]b", "1") + end, "closing bracket in front", "a%5Db=1"},
	{"indexes that are not in order", field("a[1]", "x") + field("a[0]", "y") + end, "sort the indexes", "a%5B1%5D=x&a%5B0%5D=y"},
	{"files that are not in order", file("f[1]", "x", "1") + file("f[0]", "y", "1") + end, "sort the indexes", " f[1]=x:1 f[0]=y:1"},
	{"name that is not UTF-8", field("a\xff", "1") + end, "name that is not UTF-8", "a%FF=1"},
	{"file whose name is not UTF-8", file("f\xff", "x", "1") + end, "name that is not UTF-8", " f\xff=x:1"},
	{"value that is not UTF-8", field("a", "\xff\xfe") + end, "value that is not UTF-8", "a=%FF%FE"},
	{"value whose last character is cut off", field("a", "Z\xc3") + field("z", "1") + end, "value that is not UTF-8", "a=Z%C3&z=1"},
	{"field with the type of a file", part("; name=\"a\"\r\nContent-Type: application/octet-stream", "1") + end, "take it for a file", "a=1"},
	{"field with the type of JSON", part("; name=\"a\"\r\nContent-Type: application/json", "1") + end, "take it for a file", "a=1"},
	{"automatic index in front of a bracket", field("basket[][name]", "1") + end, `write "basket[0][name]"`, "basket%5B0%5D%5Bname%5D=1"},
	{"space in a file's brackets", file("f[ a]", "x", "1") + end, "space behind a bracket", " f[a]=x:1"},
	{"file 64 levels deep", file("a"+strings.Repeat("[n]", 64), "x", "1") + end, "63 levels", ""},
	{"field 65 levels deep", field("a"+strings.Repeat("[n]", 65), "1") + end, "64 levels", ""},
	{"header line of 5,119 bytes", longHeader(5119) + end, "1023 bytes", "a=%0D%0A1"},
	{"header line of 5,120 bytes", longHeader(5120) + end, "1023 bytes", "a=%0D%0A1"},
	{"header line of 1,024 bytes", longHeader(1024) + end, "1023 bytes", "a=1"},
	{"21st file", numbered(MaxFiles+1, func(i int) string { return file(fmt.Sprintf("f%d", i), "x", "1") }) + end, "beyond the 20 files",
		numbered(MaxFiles, func(i int) string { return fmt.Sprintf(" f%d=x:1", i) })},
	{"1,000th variable", numbered(MaxInputVars, func(i int) string { return field(fmt.Sprintf("a%d", i), "1") }) + end, "beyond the 999 fields",
		numbered(MaxInputVars, func(i int) string { return fmt.Sprintf("&a%d=1", i) })[1:]},
}

// longHeader is a part whose first header line has n bytes.
func longHeader(n int) string {
	const start = `; name="a"; x="`
	return part(start+strings.Repeat("y", n-len("Content-Disposition: form-data"+start+`"`))+`"`, "1")
}

func TestMultipartRefusesHostileParts(t *testing.T) {
	for _, tc := range hostileParts {
		out, _, err := passed(tc.body, "B")
		assert.ErrorContains(t, err, tc.want, tc.name)
		var refusal *PartError
		assert.ErrorAs(t, err, &refusal, tc.name)
		assert.Less(t, len(out), len(tc.body)+1, tc.name)
		assert.Equal(t, tc.body[:len(out)], out, tc.name)
		assert.NotContains(t, out, "--B--", tc.name)
	}
}
