package php

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// How many random multipart bodies are compared with PHP: those that must be
// accepted as they were meant, and those of any spelling, in a whole run.
const (
	multipartBodies = 3000
	mutatedBodies   = 4000
)

// A report is what multipart.php prints: the body as PHP saw it.
type report struct {
	Signed    bool
	Signature []byte
	Query     []byte // without the signature
	Fields    []struct{ Name, Value []byte }
	Files     []uploaded
}

type uploaded struct {
	Name, Filename []byte
	Error, Size    int
	SHA256         string
}

// String is the form of hostileParts.
func (r report) String() string {
	s := string(r.Query)
	if r.Signed {
		s += "ApiSignature"
	}
	for _, f := range r.Files {
		s += fmt.Sprintf(" %s=%s:%d", f.Name, f.Filename, f.Size)
	}
	return s
}

func decodeReport(t testing.TB, page []byte) (r report) {
	t.Helper()
	require.NoError(t, json.Unmarshal(page, &r), "%q", page)
	return r
}

// cgi asks php-cgi about a body of which length bytes were announced.
func cgi(t testing.TB, contentType string, length int, body string, ini ...string) report {
	t.Helper()
	return decodeReport(t, phptest.CGI(t, "multipart.php", contentType, length, []byte(body), ini...))
}

// post asks a server of phptest.
func post(t testing.TB, url, boundary string, body []byte) report {
	t.Helper()
	resp, err := http.Post(url, "multipart/form-data; boundary="+boundary, bytes.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return decodeReport(t, page)
}

// TestHostilePartsAgainstPHP measures why the hostile parts are refused, and
// that what goes out before the refusal is never signed, whether the connection
// breaks or a proxy completes the request.
func TestHostilePartsAgainstPHP(t *testing.T) {
	t.Parallel()
	url := phptest.Serve(t, "multipart.php")
	for _, tc := range hostileParts {
		assert.Equal(t, tc.php, post(t, url, "B", []byte(tc.body)).String(), tc.name)
		out, _, err := passed(tc.body, "B")
		require.Error(t, err)
		assert.False(t, post(t, url, "B", []byte(out)).Signed, tc.name)
		assert.False(t, cgi(t, "multipart/form-data; boundary=B", len(tc.body)+int(MultipartOverhead("B", own)), out).Signed, tc.name)
	}
}

// TestBoundaryInALineAgainstPHP measures why the boundary may stand nowhere in
// a file: while PHP skips one that is too large, the delimiter need not begin a
// line.
func TestBoundaryInALineAgainstPHP(t *testing.T) {
	t.Parallel()
	const begins = 2 * 5119 // after two readings PHP looks for lines, and begins one here
	body := file("f", "x", strings.Repeat("x", begins)+field("ApiSignature", "forged")) + end
	assert.True(t, cgi(t, "multipart/form-data; boundary=B", len(body), body, "upload_max_filesize=10").Signed)
	out, _, err := passed(body, "B")
	require.ErrorContains(t, err, "not behind a CRLF")
	assert.NotContains(t, out, "ApiSignature")
}

func TestBoundaryAgainstPHP(t *testing.T) {
	t.Parallel()
	for contentType, boundary := range boundaries {
		body := strings.ReplaceAll(field("a", "1")+end, "--B", "--"+boundary)
		assert.Equal(t, "a=1", cgi(t, contentType, len(body), body).String(), contentType)
	}
}

// bodiesOfAWriter is how many random bodies each of the writers writes in a whole
// run.
const bodiesOfAWriter = 25

func TestMultipartWritersAgainstPHP(t *testing.T) {
	t.Parallel()
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			r := forms{rand.New(rand.NewPCG(rand.Uint64(), 5))}
			all := phptest.Cases(bodiesOfAWriter)
			for range all {
				var pairs []string
				for i := range 1 + r.IntN(5) {
					name := fmt.Sprintf(r.pick("a%d", "größe%d", "f%d[x y]", "l%d[0][ü]", "~*%d"), i)
					value := strings.ReplaceAll(r.value()+r.pick("", "\r\n--", strings.Repeat("\r\n--", 3000)), "\x00", "0") // no argument holds a NUL
					pairs = append(pairs, name, strings.ToValidUTF8(strings.ReplaceAll(value, "--B", "--C"), "é"))           // B is a boundary of ours
				}
				content := slices.Concat(bytes.Repeat([]byte("x"), r.IntN(6000)), nearBoundaries("abc"), []byte(r.bytes(r.IntN(3000))))
				content = bytes.ReplaceAll(content, []byte("--B"), []byte("--C"))
				contentType, body := write(t, pairs, content)
				boundary, err := Boundary(contentType)
				require.NoError(t, err)
				out, fields, err := passed(string(body), boundary)
				require.NoError(t, err)
				got := cgi(t, contentType, len(out), out)
				checkReport(t, out, got, fields, pairs, []uploaded{{Name: []byte("logo"), Filename: []byte("a.png"), Size: len(content), SHA256: sum(content)}})
			}
			t.Logf("%d accepted bodies, 0 mismatches with PHP", all)
		})
	}
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// checkReport compares what PHP saw with what was signed and with what was
// meant.
func checkReport(t testing.TB, out string, got report, fields *Array, pairs []string, files []uploaded) {
	t.Helper()
	query := string(fields.AppendQuery(nil))
	if string(got.Query) != query {
		t.Fatalf("body %q: PHP builds %q, signed was %q", out, got.Query, query)
	}
	if want := testSignature([]byte(query)); string(got.Signature) != want {
		t.Fatalf("body %q: PHP sees the signature %q, want %q", out, got.Signature, want)
	}
	var saw []string
	for _, f := range got.Fields {
		saw = append(saw, string(f.Name), string(f.Value))
	}
	if !slices.Equal(saw, pairs) {
		t.Fatalf("body %q: PHP sees %q, meant was %q", out, saw, pairs)
	}
	byName := func(a, b uploaded) int { return bytes.Compare(a.Name, b.Name) }
	slices.SortFunc(files, byName)
	slices.SortFunc(got.Files, byName)
	if fmt.Sprint(got.Files) != fmt.Sprint(files) {
		t.Fatalf("body %q: PHP sees the files %v, sent were %v", out, got.Files, files)
	}
}

// A bodies generator makes random multipart bodies.
type bodies struct{ forms }

// content makes what a part holds: text that looks like delimiters and, for
// some, as much as PHP's buffer of 5120 bytes or a little more or less.
func (r bodies) content(boundary string) string {
	var b strings.Builder
	if r.IntN(4) == 0 {
		b.WriteString(strings.Repeat(r.pick("x", "\r\n", "-", "\r", "\r\n--"), (5120*(1+r.IntN(3))-r.IntN(200))/2))
	}
	for range r.IntN(8) {
		b.WriteString(r.pick("\r", "\n", "\r\n", "-", "--", "\r\n--", "\r\n--"+boundary[:r.IntN(len(boundary))], boundary, "\x00", "x", r.bytes(5), r.value()))
	}
	if r.IntN(4) == 0 {
		b.WriteString(strings.Repeat(r.pick("x", "\n", "-"), r.IntN(5200)))
	}
	return b.String()
}

// body writes parts with the names of forms, most of which are in the normal
// form, in the spelling of Go or by hand.
func (r bodies) body() (body []byte, boundary string, pairs []string, files []uploaded) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	boundary = w.Boundary()
	if r.IntN(2) == 0 {
		const chars = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'_.-"
		raw := make([]byte, 2+r.IntN(69))
		for i := range raw {
			raw[i] = chars[r.IntN(len(chars))]
		}
		boundary = string(raw)
		w.SetBoundary(boundary) // which may refuse what this package accepts
		boundary = w.Boundary()
	}
	group := r.word()
	for i := range 1 + r.IntN(6) {
		name := r.name()
		if r.IntN(2) == 0 {
			name = fmt.Sprintf("%s[%d]", group, i)
		}
		content := r.content(boundary)
		if r.IntN(4) > 0 {
			if r.IntN(8) > 0 {
				content = strings.ToValidUTF8(content, "é")
			}
			pairs = append(pairs, name, content)
			w.WriteField(name, content)
			continue
		}
		name = r.pick("f", "f", "tmp_name[", "f[name]") + name
		filename := r.pick("a.png", "ü.pdf", "x y;z='.txt", "a b", "..", r.word())
		files = append(files, uploaded{Name: []byte(name), Filename: []byte(filename), Size: len(content), SHA256: sum([]byte(content))})
		f, _ := w.CreateFormFile(name, filename)
		io.WriteString(f, content)
	}
	w.Close()
	return b.Bytes(), boundary, pairs, files
}

// TestMultipartAgainstPHP is the promise: of every body that is accepted, PHP
// sees the fields that were signed and the fields and files that were sent.
func TestMultipartAgainstPHP(t *testing.T) {
	t.Parallel()
	url := phptest.Serve(t, "multipart.php")
	r := bodies{forms{rand.New(rand.NewPCG(rand.Uint64(), 3))}}
	accepted, refused, sentFiles := 0, 0, 0
	for enough := phptest.Cases(multipartBodies); accepted < enough; {
		body, boundary, pairs, files := r.body()
		out, fields, err := passed(string(body), boundary)
		if err != nil {
			refused++
			continue
		}
		accepted++
		sentFiles += len(files)
		if want := signed(string(body), boundary, string(fields.AppendQuery(nil))); out != want {
			t.Fatalf("body %q: sent is %q, want %q", body, out, want)
		}
		checkReport(t, out, post(t, url, boundary, []byte(out)), fields, pairs, files)
		checkParsed(t, out, boundary, pairs, string(fields.AppendQuery(nil)))
	}
	t.Logf("%d accepted bodies with %d files, 0 mismatches with PHP (%d refused)", accepted, sentFiles, refused)
	require.Greater(t, refused, accepted/10, "the generator does not reach the edge of the normal form")
}

// checkParsed compares the faithful reader and Go's with what was sent.
func checkParsed(t testing.TB, out, boundary string, pairs []string, query string) {
	t.Helper()
	var a Array
	if err := ParseMultipart(&a, strings.NewReader(out), boundary); err != nil {
		t.Fatalf("body %q: the faithful reader refuses it: %v", out, err)
	}
	if got, _ := a.Get(own.Signature); got != testSignature([]byte(query)) {
		t.Fatalf("body %q: the faithful reader sees the signature %q", out, got)
	}
	a.Remove(own.Signature)
	if got := string(a.AppendQuery(nil)); got != query {
		t.Fatalf("body %q: the faithful reader gives %q, signed was %q", out, got, query)
	}
	saw, err := readByGo(out, boundary)
	if want := append(slices.Clone(pairs), own.Signature, testSignature([]byte(query))); err != nil || !slices.Equal(saw, want) {
		t.Fatalf("body %q: Go reads %q (%v), sent was %q", out, saw, err, want)
	}
}

// readByGo returns the fields that mime/multipart reads.
func readByGo(body, boundary string) (pairs []string, err error) {
	r := multipart.NewReader(strings.NewReader(body), boundary)
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return pairs, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(p)
		if err != nil {
			return nil, err
		}
		if p.FileName() == "" {
			pairs = append(pairs, p.FormName(), string(content))
		}
	}
}

// mutate changes a body in some places, most often to another spelling.
func (r bodies) mutate(body, boundary string) string {
	for range 1 + r.IntN(3) {
		i := r.IntN(len(body) + 1)
		for _, near := range []string{"\r\n", "--" + boundary, `"`, "name", "Content-"} { // where it matters
			if j := strings.Index(body[i:], near); j >= 0 && r.IntN(3) == 0 {
				i += j + r.IntN(2)*len(near)
				break
			}
		}
		to := i
		if r.IntN(2) == 0 {
			to = min(i+1+r.IntN(4), len(body))
		}
		what := ""
		if to == i || r.IntN(2) == 0 {
			what = r.pick("\r", "\n", "\r\n", " ", "\t", "\x00", "-", "--", "--"+boundary, "\n--"+boundary, "\r\n--"+boundary+"\r\n", "--"+boundary+"--\r\n", "\r\n\r\n",
				`"`, `\`, `\"`, "'", ";", "=", ":", "[", "]", "[]", "name=a; ", `; name="ApiSignature"`, `; filename="x"`, "; filename=", "; filename*=", "; name*=utf-8''a", "*", `filename=""`,
				"Content-Disposition: form-data; name=\"b\"\r\n", "content-disposition: form-data; name='c'\r\n", "Content-Transfer-Encoding: base64\r\n", "Content-Type: text/plain\r\n", "X-Y: z\r\n",
				field("MAX_FILE_SIZE", "1"), field("b", "2"), file("b", "x", "3"), r.bytes(2), r.word())
			what = strings.ReplaceAll(what, "--B\r\n", "--"+boundary+"\r\n")
		}
		body = body[:i] + what + body[to:]
	}
	return body
}

// TestMutatedMultipartAgainstPHP compares bodies of any spelling: what is
// accepted PHP reads as it was signed, what is refused has not gone out signed,
// and the faithful reader sees what PHP sees or says that it cannot.
func TestMutatedMultipartAgainstPHP(t *testing.T) {
	t.Parallel()
	url := phptest.Serve(t, "multipart.php")
	r := bodies{forms{rand.New(rand.NewPCG(rand.Uint64(), 4))}}
	all, accepted, parsed := phptest.Cases(mutatedBodies), 0, 0
	for range all {
		text, boundary, _, _ := r.body()
		for {
			if _, _, err := passed(string(text), boundary); err == nil {
				break
			}
			text, boundary, _, _ = r.body()
		}
		body := r.mutate(string(text), boundary)
		signed, read := checkBody(t, url, boundary, body, r.IntN(4) == 0)
		if signed {
			accepted++
		}
		if read {
			parsed++
		}
	}
	t.Logf("%d bodies, 0 mismatches with PHP (%d accepted, %d read by the faithful reader)", all, accepted, parsed)
	require.Greater(t, accepted, all/20)
	require.Greater(t, parsed, all/10)
}

// checkBody compares a body of any spelling with PHP. It reports whether it is
// accepted, and whether the faithful reader reads it. What is refused is sent to
// PHP only if sendRefused: that it holds no signature shows without PHP.
func checkBody(t testing.TB, url, boundary, body string, sendRefused bool) (accepted, parsed bool) {
	t.Helper()
	out, fields, err := passed(body, boundary)
	switch {
	case err == nil:
		got := post(t, url, boundary, []byte(out))
		query := fields.AppendQuery(nil)
		if !bytes.Equal(got.Query, query) || string(got.Signature) != testSignature(query) {
			t.Fatalf("body %q: PHP builds %q, signed with %q; signed was %q", out, got.Query, got.Signature, query)
		}
		for _, f := range got.Files {
			if f.Error != 0 {
				t.Fatalf("body %q: PHP does not take the file %q", out, f.Name)
			}
		}
	case sendRefused:
		if got := post(t, url, boundary, []byte(out)); got.Signed {
			t.Fatalf("body %q is refused (%v), but PHP sees the signature %q", body, err, got.Signature)
		}
	}
	var a Array
	if ParseMultipart(&a, strings.NewReader(body), boundary) != nil {
		return err == nil, false
	}
	got := post(t, url, boundary, []byte(body))
	if a.Has(own.Signature) != got.Signed {
		t.Fatalf("body %q: the faithful reader sees a signature: %v", body, !got.Signed)
	}
	a.Remove(own.Signature)
	if query := a.AppendQuery(nil); !bytes.Equal(query, got.Query) {
		t.Fatalf("body %q: the faithful reader gives %q, PHP builds %q", body, query, got.Query)
	}
	return err == nil, true
}

// FuzzMultipartAgainstPHP compares both readers of multipart bodies with PHP.
func FuzzMultipartAgainstPHP(f *testing.F) {
	url := phptest.Serve(f, "multipart.php")
	for _, body := range bodySeeds() {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		checkBody(t, url, "B", body, true)
	})
}

// headers are Content-Dispositions of any spelling.
func (r bodies) header() string {
	h := r.pick("Content-Disposition", "content-disposition", "Content-Disposition ", "X") + r.pick(":", ": ", ":  ") + r.pick("form-data", "form-data;", "attachment", "")
	for range r.IntN(5) {
		h += r.pick(";", "; ", ";; ", " ", "") + r.pick("name", "NAME", "filename", "name*", "name ", "x", "'", "\"") + r.pick("=", "==", "= ", "")
		quote := r.pick(`"`, `"`, "'", "")
		h += quote + r.pick("a", "b c", `a\`, `a\\`, `a\"b`, `a\'b`, "it's", `"`, "a;b", "a=b", "a[]", "a[0]", "a.b", " a", "", r.word()) + quote
	}
	return h
}

// TestParseMultipartAgainstPHP compares headers of any spelling, and names that
// PHP renames, drops and overwrites.
func TestParseMultipartAgainstPHP(t *testing.T) {
	t.Parallel()
	url := phptest.Serve(t, "multipart.php")
	r := bodies{forms{rand.New(rand.NewPCG(rand.Uint64(), 5))}}
	all, parsed := phptest.Cases(mutatedBodies)/2, 0
	for range all {
		body := ""
		for range 1 + r.IntN(6) {
			header := r.header()
			if r.IntN(3) == 0 {
				header = "Content-Disposition: form-data; name=\"" + r.name() + "\"\r\nContent-Transfer-Encoding: base64"
			}
			body += "--B\r\n" + header + "\r\n\r\n" + r.value() + "\r\n"
		}
		body += end
		var a Array
		if err := ParseMultipart(&a, strings.NewReader(body), "B"); err != nil {
			continue
		}
		parsed++
		got := post(t, url, "B", []byte(body))
		if query := a.AppendQuery(nil); !bytes.Equal(query, got.Query) {
			t.Fatalf("body %q: got %q, PHP builds %q", body, query, got.Query)
		}
	}
	t.Logf("%d bodies, 0 mismatches with PHP", parsed)
	require.Greater(t, parsed, all/8)
}

func TestParseMultipartLimitsAgainstPHP(t *testing.T) {
	t.Parallel()
	for _, n := range []int{MaxInputVars, MaxInputVars + 1} {
		body := numbered(n, func(i int) string { return field(fmt.Sprintf("a%d", i), "1") }) + end
		var a Array
		require.NoError(t, ParseMultipart(&a, strings.NewReader(body), "B"))
		assert.Equal(t, MaxInputVars, a.Len())
		got := cgi(t, "multipart/form-data; boundary=B", len(body), body)
		assert.Equal(t, string(got.Query), string(a.AppendQuery(nil)))
	}
	body := numbered(maxParts+1, func(int) string { return file("f", "x", "") }) + end
	var a Array
	require.ErrorContains(t, ParseMultipart(&a, strings.NewReader(body), "B"), "1020 parts")
}
