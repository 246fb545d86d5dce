package php

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// own are the names in the tests' requests, which PHP's side knows too.
var own = Own{Signature: "ApiSignature", SignatureLen: base64.StdEncoding.EncodedLen(sha256.Size), Account: "instance"}

// testSignature stands for the signature of a string to sign.
func testSignature(query []byte) string {
	sum := sha256.Sum256(query)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func signFields(fields *Array) (string, error) {
	return testSignature(fields.AppendQuery(nil)), nil
}

// part writes a part with the header that stands behind "form-data".
func part(parameters, content string) string {
	return "--B\r\nContent-Disposition: form-data" + parameters + "\r\n\r\n" + content + "\r\n"
}

func field(name, value string) string { return part(`; name="`+name+`"`, value) }

func file(name, filename, content string) string {
	return part(`; name="`+name+`"; filename="`+filename+`"`, content)
}

const end = "--B--\r\n"

// signed is what must go out for body, whose fields make the given query.
func signed(body, boundary, query string) string {
	i := strings.LastIndex(body, "--"+boundary+"--")
	return body[:i] + "--" + boundary + "\r\nContent-Disposition: form-data; name=\"ApiSignature\"\r\n\r\n" +
		testSignature([]byte(query)) + "\r\n" + body[i:]
}

// passed sends body through a Multipart.
func passed(body, boundary string) (out string, fields *Array, err error) {
	m := NewMultipart(strings.NewReader(body), boundary, own, signFields)
	b, err := io.ReadAll(m)
	return string(b), &m.fields, err
}

// nearBoundaries is file content that looks like delimiters and is none.
func nearBoundaries(boundary string) []byte {
	cut := boundary[:len(boundary)-1]
	return []byte("\r\n--" + cut + "\r\n\r\n-" + boundary + "\r\n--\r\n\n-\r\n--" + cut + "--\r\n\r\r\n\x00\r\n--" + cut)
}

func TestMultipartAcceptsWriters(t *testing.T) {
	pairs := []string{"amount", "100", "a[x][0]", "Käse ~ +&=\r\n%", "a[x][1]", "", "a[y]", "\r", "note", strings.Repeat("-", 6000)}
	const query = "amount=100&a%5Bx%5D%5B0%5D=K%C3%A4se+%7E+%2B%26%3D%0D%0A%25&a%5Bx%5D%5B1%5D=&a%5By%5D=%0D&note="
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			contentType, body := write(t, pairs, nearBoundaries("abc"))
			boundary, err := Boundary(contentType)
			require.NoError(t, err)
			out, fields, err := passed(string(body), boundary)
			require.NoError(t, err)
			assert.Equal(t, query+strings.Repeat("-", 6000), string(fields.AppendQuery(nil)))
			assert.Equal(t, signed(string(body), boundary, string(fields.AppendQuery(nil))), out)
			assert.Equal(t, int64(len(body))+MultipartOverhead(boundary, own), int64(len(out)))
		})
	}
}

func numbered(n int, write func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(write(i))
	}
	return b.String()
}

func TestMultipartAccepts(t *testing.T) {
	for _, tc := range []struct{ name, body, query string }{
		{"no line break at the end", field("a", "1") + "--B--", "a=1"},
		{"values of any bytes that are UTF-8", field("a", "\x00\r\n\n\r") + field("b", "ü--\r\n--") + end, "a=%00%0D%0A%0A%0D&b=%C3%BC--%0D%0A--"},
		{"files of any bytes, named in any", file("f", "\xfc.png", "\xff\xfe") + end, ""},
		{"the vendor's examples", field("fields[custom_field_1][name][1]", "Kurs") + field("fields[custom_field_1][name][3]", "Cours") + field("basket[0][name]", "x") + end,
			"fields%5Bcustom_field_1%5D%5Bname%5D%5B1%5D=Kurs&fields%5Bcustom_field_1%5D%5Bname%5D%5B3%5D=Cours&basket%5B0%5D%5Bname%5D=x"},
		{"a Content-Type", part("; name=\"a\"\r\nContent-Type: text/plain; charset=UTF-8", "1") + end, "a=1"},
		{"names that only look odd", field("it's;x=1", "1") + field("ü[ b ]", "3") + end, "it%27s%3Bx%3D1=1&%C3%BC%5B+b+%5D=3"},
		{"a file within a group of fields", field("a[b]", "1") + file("f[x][y]", "ü (1).png", "\r\n--\n") + field("a[c]", "2") + end, "a%5Bb%5D=1&a%5Bc%5D=2"},
		{"a file only", file("f", "x", "") + end, ""},
		{"a header line of 1,023 bytes", file("f", strings.Repeat("x", 1023-len(dispositionHeader+`f"`+filenameParameter+`"`)), "") + end, ""},
		{"the deepest names", field("a"+strings.Repeat("[n]", 64), "1") + file("f"+strings.Repeat("[n]", 63), "x", "") + end, "a" + strings.Repeat("%5Bn%5D", 64) + "=1"},
		{"as many parts as PHP takes", numbered(999, func(i int) string { return field(fmt.Sprintf("a%d", i), "1") }) +
			numbered(20, func(i int) string { return file(fmt.Sprintf("f%d", i), "x", "") }) + end,
			numbered(999, func(i int) string { return fmt.Sprintf("&a%d=1", i) })[1:]},
	} {
		out, fields, err := passed(tc.body, "B")
		if assert.NoError(t, err, tc.name) {
			assert.Equal(t, tc.query, string(fields.AppendQuery(nil)), tc.name)
			assert.Equal(t, signed(tc.body, "B", tc.query), out, tc.name)
			assert.Equal(t, int64(len(tc.body))+MultipartOverhead("B", own), int64(len(out)), tc.name)
		}
	}
}

// TestMultipartErrorsShowNamesOnly has parts whose header holds what belongs
// behind it: the empty line was forgotten.
func TestMultipartErrorsShowNamesOnly(t *testing.T) {
	for body, want := range map[string]string{
		part("; name=\"card\"\r\n4111111111111111", "") + end:                 `multipart part 1: parameter "card" has a line that is no header behind its Content-Disposition: write nothing there but a "Content-Type:", spelled like this, and an empty line`,
		part("; name=\"card\"\r\n4111 1111: secret", "") + end:                `multipart part 1: parameter "card" has a line that is no header behind`,
		part("; name=\"card\"\r\nX-Y: 4111 1111", "") + end:                   `multipart part 1: parameter "card" has the header "X-Y" behind`,
		part("; name=\"card\"\r\n4111111111111111: 1", "") + end:              `multipart part 1: parameter "card" has a line that is no header behind`,
		part("; name=\"card\"\r\nsecret", "") + end:                           `multipart part 1: parameter "card" has a line that is no header behind`,
		part("; name=\"card\"\r\n: secret", "") + end:                         `multipart part 1: parameter "card" has a line that is no header behind`,
		part("; name=\"card\"\r\nsecret[0]: 1", "") + end:                     `multipart part 1: parameter "card" has a line that is no header behind`,
		field("4111111111111111", "1") + field("4111111111111111", "2") + end: `multipart part 2: a parameter is given twice`,
		field("a", "1") + "--B\r\n4111111111111111\r\n\r\n\r\n" + end:         `multipart part 2: begins with a line that is no header: write`,
		field("pan 4111 1111", "1") + end:                                     `multipart part 1: a parameter, which begins "pan", has a ' '`,
		field("ü 4111 1111", "1") + end:                                       `multipart part 1: a parameter has a ' '`,
	} {
		_, _, err := passed(body, "B")
		if assert.Error(t, err, body) {
			assert.True(t, strings.HasPrefix(err.Error(), want), "got %s, want %s", err, want)
			assert.NotContains(t, err.Error(), "1111")
			assert.NotContains(t, err.Error(), "secret")
		}
	}
}

func TestMultipartErrorsNamePartAndParameter(t *testing.T) {
	_, _, err := passed(field("a", "1")+field("amount", "2")+field("amount", "secret")+end, "B")
	require.EqualError(t, err, `multipart part 3: parameter "amount" is given twice, and PHP keeps the last only: name a list's elements "amount[0]", "amount[1]"`)
	var refusal *Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, "amount", refusal.Name)
	var at *PartError
	require.ErrorAs(t, err, &at)
	assert.Equal(t, 3, at.Part)
}

// A rhythm is how a body comes in and is asked for.
type rhythm struct {
	name   string
	source func(io.Reader) io.Reader
	room   func() int // for each Read
}

func rhythms(seed uint64) []rhythm {
	r := rand.New(rand.NewPCG(seed, 0))
	whole := func(src io.Reader) io.Reader { return src }
	random := func(src io.Reader) io.Reader {
		return readerFunc(func(p []byte) (int, error) { return src.Read(p[:r.IntN(len(p)+1)]) })
	}
	room := func(n int) func() int { return func() int { return n } }
	return []rhythm{
		{"whole", whole, room(64 << 10)},
		{"tiny room", whole, room(1)},
		{"just enough room to read past the buffer", whole, room(directRead)},
		{"byte by byte", iotest.OneByteReader, room(directRead)},
		{"halves, EOF with the data", func(src io.Reader) io.Reader { return iotest.DataErrReader(iotest.HalfReader(src)) }, room(100)},
		{"random", random, func() int { return 1 + r.IntN(3*directRead) }},
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// readIn passes a body in a rhythm.
func (w rhythm) readIn(body []byte, boundary string) (out []byte, err error) {
	m := NewMultipart(w.source(bytes.NewReader(body)), boundary, own, signFields)
	if n, err := m.Read(nil); n != 0 || err != nil {
		return nil, fmt.Errorf("Read without room returns %d, %w", n, err)
	}
	p := make([]byte, 3*directRead+64<<10)
	for {
		n, err := m.Read(p[:w.room()])
		out = append(out, p[:n]...)
		if err == io.EOF {
			return out, nil
		}
		if n == 0 && err == nil {
			return out, errors.New("Read returns nothing and no error")
		}
		if err != nil {
			if n, again := m.Read(p); n != 0 || again != err {
				return out, fmt.Errorf("after %w, Read returns %d, %w", err, n, again)
			}
			return out, err
		}
	}
}

func TestMultipartReadsInAnyRhythm(t *testing.T) {
	bodies := map[string]string{
		"accepted": field("a", strings.Repeat("x\r\n-", 3000)) + file("f", "x", string(nearBoundaries("B"))+strings.Repeat("\r\n--", 20_000)) + field("b", "\r\n") + end,
		"too much": field("a", strings.Repeat("x", MaxFieldBytes-1)) + field("b", "12") + end,
	}
	for _, tc := range hostileParts {
		bodies[tc.name] = tc.body
		bodies[tc.name+", behind a file"] = file("file", "x", strings.Repeat("\r\n--", 10_000)) + tc.body
	}
	for name, body := range bodies {
		rhythms := rhythms(rand.Uint64())
		want, wantErr := rhythms[0].readIn([]byte(body), "B")
		for _, w := range rhythms[1:] {
			if len(body) > MaxFieldBytes && (w.name == "byte by byte" || w.name == "tiny room") {
				continue
			}
			out, err := w.readIn([]byte(body), "B")
			if !bytes.Equal(want, out) || fmt.Sprint(wantErr) != fmt.Sprint(err) {
				t.Errorf("%s, %s: got %d bytes and %v, want %d and %v", name, w.name, len(out), err, len(want), wantErr)
			}
		}
	}
}

func TestMultipartBoundsFields(t *testing.T) {
	most := strings.Repeat("x", MaxFieldBytes-len("ab")-1)
	_, fields, err := passed(field("a", most)+field("b", "1")+end, "B")
	require.NoError(t, err)
	assert.Equal(t, 2, fields.Len())
	_, _, err = passed(field("a", most+"1")+field("b", "")+end, "B")
	require.NoError(t, err)
	_, _, err = passed(field("a", most)+field("b", "12")+end, "B")
	require.ErrorContains(t, err, `parameter "b" makes the fields longer than`)
	_, _, err = passed(field("a", most+"12")+field("b", "")+end, "B")
	require.ErrorContains(t, err, `parameter "b" makes the fields longer than`)

	var a Array
	require.NoError(t, ParseMultipart(&a, strings.NewReader(field("a", most)+field("b", "1")+end), "B"))
	require.ErrorContains(t, ParseMultipart(&a, strings.NewReader(field("a", most)+field("b", "12")+end), "B"), "longer than")
}

// TestMultipartHoldsBackNoMoreThanADelimiter has what goes out of a body that
// breaks off: all but what may begin a delimiter.
func TestMultipartHoldsBackNoMoreThanADelimiter(t *testing.T) {
	start := strings.TrimSuffix(field("a", ""), "\r\n")
	for text, held := range map[string]int{
		"":               0,
		"--B":            3,
		"--B\r\n":        0,
		start:            0,
		start + "x\ry":   0,
		start + "x-y":    0,
		start + "x\r":    1,
		start + "\r\r":   1,
		start + "x\r\n":  2,
		start + "x\n-":   1,
		start + "---":    2,
		start + "\r\n-":  3,
		start + "\r\nx":  0,
		start + "\r\n--": 4,
	} {
		broken := errors.New("broken source")
		out, err := io.ReadAll(NewMultipart(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), "B", own, signFields))
		assert.Equal(t, broken, err, "%q", text)
		assert.Equal(t, text[:len(text)-held], string(out), "%q", text)
	}
}

func TestMultipartPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken source")
	body := field("a", "1") + file("f", "x", "data")
	for _, text := range []string{"", body[:10], body, body + end} {
		m := NewMultipart(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), "B", own, signFields)
		out, err := io.ReadAll(m)
		assert.Equal(t, broken, err)
		assert.True(t, strings.HasPrefix(text, string(out)))
		assert.NotContains(t, string(out), "--B--")
	}
	noSecret := errors.New("no secret")
	m := NewMultipart(strings.NewReader(body+end), "B", own, func(*Array) (string, error) { return "", noSecret })
	out, err := io.ReadAll(m)
	assert.Equal(t, noSecret, err)
	assert.Equal(t, strings.TrimSuffix(body, "\r\n"), string(out))

	m = NewMultipart(strings.NewReader(body+end), "B", own, func(*Array) (string, error) { return "short", nil })
	_, err = io.ReadAll(m)
	require.ErrorContains(t, err, "5 bytes")

	m = NewMultipart(readerFunc(func([]byte) (int, error) { return 0, nil }), "B", own, signFields)
	_, err = io.ReadAll(m)
	require.ErrorIs(t, err, io.ErrNoProgress)
}

func TestMultipartErrorsPassThroughHTTP(t *testing.T) {
	received := make(chan []byte, 4)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- body
	})
	body := field("a", "1") + file("f", "x", strings.Repeat("x", 1<<20)) + field("a", "2") + end
	for _, http2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(handler)
		srv.EnableHTTP2 = http2
		srv.StartTLS()
		defer srv.Close()
		for _, length := range []int64{-1, int64(len(body)) + MultipartOverhead("B", own)} {
			req, err := http.NewRequest("POST", srv.URL, io.NopCloser(NewMultipart(strings.NewReader(body), "B", own, signFields)))
			require.NoError(t, err)
			req.ContentLength = length
			_, err = srv.Client().Do(req)
			var refusal *Error
			require.ErrorAs(t, err, &refusal)
			assert.Equal(t, "a", refusal.Name)
			got := string(<-received)
			assert.True(t, strings.HasPrefix(body, got))
			assert.NotContains(t, got, "--B--")
		}
	}
}

func TestBoundary(t *testing.T) {
	for contentType, want := range boundaries {
		boundary, err := Boundary(contentType)
		if assert.NoError(t, err, contentType) {
			assert.Equal(t, want, boundary)
		}
		_, params, err := mime.ParseMediaType(contentType)
		if assert.NoError(t, err, contentType) {
			assert.Equal(t, want, params["boundary"])
		}
	}
	for _, contentType := range oddContentTypes {
		_, err := Boundary(contentType)
		assert.Error(t, err, contentType)
	}
	_, err := Boundary("application/json; charset=utf-8")
	assert.EqualError(t, err, `content type "application/json" is not multipart/form-data`)
	for _, empty := range []string{"", `""`} {
		_, err = Boundary("multipart/form-data; boundary=" + empty)
		assert.EqualError(t, err, "boundary has 0 bytes: write 1 to 70")
	}
}

var boundaries = map[string]string{
	"multipart/form-data; boundary=B":                                        "B",
	"multipart/form-data;boundary=B":                                         "B",
	"Multipart/Form-Data; Boundary=B":                                        "B",
	`multipart/form-data; boundary="B"`:                                      "B",
	"multipart/form-data; boundary=0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ":     "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"multipart/form-data; boundary=abcdefghijklmnopqrstuvwxyz":               "abcdefghijklmnopqrstuvwxyz",
	"multipart/form-data; boundary=a'b.c_d-e":                                "a'b.c_d-e",
	`multipart/form-data; boundary="a'b.c_d-e"`:                              "a'b.c_d-e",
	"multipart/form-data; boundary=------------------------0123456789abcdef": "------------------------0123456789abcdef",
	"multipart/form-data; boundary=" + strings.Repeat("x", 70):               strings.Repeat("x", 70),
	"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW":    "----WebKitFormBoundary7MA4YWxkTrZu0gW",
}

// oddContentTypes are not read the same by PHP, by Go and by this package, or
// might not be by others.
var oddContentTypes = []string{
	"",
	"multipart/form-data",
	"multipart/mixed; boundary=B",
	"multipart/form-data ; boundary=B",
	"multipart/form-data, boundary=B",
	"multipart/form-data; boundary",
	"multipart/form-data; boundary=",
	`multipart/form-data; boundary=""`,
	`multipart/form-data; boundary="`,
	`multipart/form-data; boundary="B`,
	`multipart/form-data; boundary=B"`,
	`multipart/form-data; boundary="a b"`,
	`multipart/form-data; boundary="a\"b"`,
	"multipart/form-data; boundary='B' ",
	"multipart/form-data; boundary=B ",
	"multipart/form-data; boundary= B",
	"multipart/form-data; boundary =B",
	"multipart/form-data;  boundary=B",
	"multipart/form-data; boundary=B;",
	"multipart/form-data; boundary=B; charset=utf-8",
	"multipart/form-data; charset=utf-8; boundary=B",
	"multipart/form-data; boundary=B; boundary=C",
	"multipart/form-data; xboundary=C; boundary=B",
	"multipart/form-data; boundary=B,C",
	"multipart/form-data; boundary=a/b",
	"multipart/form-data; boundary=a+b",
	"multipart/form-data; boundary=a:b",
	"multipart/form-data; boundary=a@b",
	"multipart/form-data; boundary=a[b",
	"multipart/form-data; boundary=a`b",
	"multipart/form-data; boundary=a{b",
	"multipart/form-data; boundary=ü",
	"multipart/form-data; boundary*=utf-8''B",
	"multipart/form-data; boundary=" + strings.Repeat("x", 71),
}

// TestScannerIndex compares the scanner's search with bytes.Index.
func TestScannerIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = "--ab\x00\xff"[r.IntN(6)]
		}
		return b
	}
	for range phptest.Cases(100_000) {
		delimiter := append([]byte("--"), text(1+r.IntN(5))...)
		s := newScanner(string(delimiter[2:]), nil)
		w := text(r.IntN(60))
		if r.IntN(2) == 0 {
			w = append(append(w, bytes.Repeat([]byte("."), r.IntN(60))...), delimiter...)
		}
		if got, want := s.index(w), bytes.Index(w, delimiter); got != want {
			t.Fatalf("index of %q in %q: got %d, want %d", delimiter, w, got, want)
		}
	}
}

// TestMultipartHoldsNoFiles counts what is allocated for a file of 64 MiB.
func TestMultipartHoldsNoFiles(t *testing.T) {
	body := bigBody(64 << 20)
	before := allocated()
	m := NewMultipart(body, "B", own, signFields)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{m}, make([]byte, 32<<10))
	require.NoError(t, err)
	assert.Greater(t, n, int64(64<<20))
	assert.Less(t, allocated()-before, uint64(256<<10))

	body = bigBody(64 << 20)
	before = allocated()
	var a Array
	require.NoError(t, ParseMultipart(&a, body, "B"))
	assert.Less(t, allocated()-before, uint64(256<<10))
}

func allocated() uint64 {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.TotalAlloc
}

// bigBody is a body with a field and a file of the given size.
func bigBody(size int64) io.Reader {
	block := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range block {
		block[i] = byte(r.Uint32())
	}
	content := readerFunc(func(p []byte) (int, error) { return copy(p, block), nil })
	start := strings.TrimSuffix(field("a", "1")+file("f", "x", ""), "\r\n")
	return io.MultiReader(strings.NewReader(start), io.LimitReader(content, size), strings.NewReader("\r\n"+end))
}

// BenchmarkMultipart reads a file of 64 MiB with and without a Multipart around
// it.
func BenchmarkMultipart(b *testing.B) {
	const size, boundary = 64 << 20, "------------------------0123456789abcdef" // curl's
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"unsigned": func(src io.Reader) io.Reader { return src },
		"signed": func(src io.Reader) io.Reader {
			return NewMultipart(src, boundary, own, signFields)
		},
	} {
		b.Run(name, func(b *testing.B) {
			text, err := io.ReadAll(bigBody(size))
			if err != nil {
				b.Fatal(err)
			}
			text = bytes.ReplaceAll(text, []byte("--B"), []byte("--"+boundary))
			buf := make([]byte, 32<<10)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				src := wrap(bytes.NewReader(text))
				if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{src}, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
