package php

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode/utf8"
)

const (
	dispositionHeader = `Content-Disposition: form-data; name="`
	filenameParameter = `; filename="`
	contentTypeHeader = "Content-Type: "

	multipartBuffer = 32 << 10
	// directRead is the room that a caller must offer for content to be read
	// straight into it.
	directRead = 4 << 10
)

// A Multipart passes a multipart/form-data body on, byte for byte, with its
// signature added as the last part. It reads the body once, and holds a buffer
// of fixed size and the fields, which are the parts that are no files.
//
// It accepts one spelling, the one that the writers of Go, browsers and curl give
// and that PHP reads as the same parts with the same names, and the names that
// [ReadForm] accepts; but automatic indexes, and groups that other fields
// interrupt, are refused, since parts cannot be changed on their way. When it
// refuses the body, the closing delimiter and the signature have not gone out and
// never will.
type Multipart struct {
	src  io.Reader
	own  Own
	sign func(fields *Array) (string, error)
	scan scanner

	buf   []byte // [from:ready] is checked, [ready:to] is not
	from  int
	ready int
	to    int
	err   error // what Read returns behind the checked bytes

	fields    Array
	files     Array // their names only
	fileCount int
	lines     int  // of this part's header
	isFile    bool // this part
	name      []byte
}

var _ io.Reader = &Multipart{}

// NewMultipart returns the body to send for the body src. When src has come to
// its end and all of it is in order, sign is given the fields in the order of
// their parts, and returns the signature in base64. Its error, like one of src,
// is returned by Read as it is; the others are a *[PartError].
func NewMultipart(src io.Reader, boundary string, own Own, sign func(fields *Array) (string, error)) *Multipart {
	m := &Multipart{src: src, own: own, sign: sign, buf: make([]byte, multipartBuffer)}
	m.scan = newScanner(boundary, m)
	m.fields.reset()
	m.files.reset()
	return m
}

// MultipartOverhead is by how many bytes a Multipart is longer than its source.
func MultipartOverhead(boundary string, own Own) int64 {
	return int64(len(appendField(nil, boundary, own.Signature, "")) + own.SignatureLen)
}

// appendField appends a part that is a field, from the delimiter's CRLF to the
// end of the value.
func appendField(dst []byte, boundary, name, value string) []byte {
	dst = append(append(dst, "\r\n--"...), boundary...)
	dst = append(append(dst, "\r\n"+dispositionHeader...), name...)
	return append(append(dst, "\"\r\n\r\n"...), value...)
}

// Read implements [io.Reader].
func (m *Multipart) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if m.from < m.ready {
			n := copy(p, m.buf[m.from:m.ready])
			m.from += n
			return n, nil
		}
		if m.err != nil {
			return 0, m.err
		}
		switch {
		case m.scan.state == finished:
			m.finish()
		case m.scan.state == inContent && len(p) >= directRead:
			if n := m.readDirect(p); n > 0 {
				return n, nil
			}
		default:
			m.readBuffered()
		}
	}
}

// readBuffered reads into the buffer, where nothing but bytes that are not yet
// checked is left.
func (m *Multipart) readBuffered() {
	m.keep(m.buf[m.ready:m.to])
	n, eof, err := fill(m.src, m.buf[m.to:])
	m.to += n
	n, scanErr := m.scan.scan(m.buf[:m.to], eof)
	m.ready = n
	m.err = cmp.Or(scanErr, err)
}

// readDirect reads content into p, past the buffer, and returns how much of p
// is checked.
func (m *Multipart) readDirect(p []byte) int {
	p = p[:min(len(p), len(m.buf))]
	kept := copy(p, m.buf[m.ready:m.to])
	n, eof, err := fill(m.src, p[kept:])
	p = p[:kept+n]
	n, scanErr := m.scan.scan(p, eof)
	m.keep(p[n:])
	m.err = cmp.Or(scanErr, err)
	return n
}

// keep makes w, which is not yet checked, all that the buffer holds.
func (m *Multipart) keep(w []byte) {
	m.from, m.ready = 0, 0
	m.to = copy(m.buf, w)
}

// finish puts the signature before the closing delimiter, which is all that the
// buffer holds.
func (m *Multipart) finish() {
	signature, err := m.sign(&m.fields)
	if err == nil && len(signature) != m.own.SignatureLen {
		err = fmt.Errorf("signature has %d bytes, not %d", len(signature), m.own.SignatureLen)
	}
	if err != nil {
		m.err = err
		return
	}
	boundary := string(m.scan.delimiter[len("--"):])
	tail := append(appendField(nil, boundary, m.own.Signature, signature), m.buf[m.ready:m.to]...)
	m.keep(tail)
	m.ready = m.to
	m.err = io.EOF
}

// header checks a line of a part's header: Content-Disposition, then perhaps
// Content-Type, then the empty line.
func (m *Multipart) header(line []byte) error {
	m.lines++
	switch {
	case m.lines == 1:
		return m.disposition(line)
	case len(line) == 0:
		m.lines = 0
		return nil
	case m.lines == 2 && bytes.HasPrefix(line, []byte(contentTypeHeader)):
		return m.contentType(string(line[len(contentTypeHeader):]))
	}
	return Refuse(m.name, "has %s behind its Content-Disposition: write nothing there but a %q, spelled like this, and an empty line", headerIn(line), strings.TrimSpace(contentTypeHeader))
}

// disposition checks the line that names a part, and adds the part to the
// fields or to the files.
func (m *Multipart) disposition(line []byte) error {
	name, filename, isFile, ok := cutDisposition(line)
	if !ok {
		return dispositionError(line)
	}
	m.isFile = isFile
	m.name = append(m.name[:0], name...)
	if err := checkQuoted(name, name, "name"); err != nil {
		return err
	}
	if !utf8.Valid(name) {
		return Refuse(name, "has a name that is not UTF-8: encode it as UTF-8")
	}
	to, other := &m.fields, &m.files
	if isFile {
		to, other = other, to
		if err := m.checkFile(name, filename); err != nil {
			return err
		}
	}
	key, _, _ := strings.Cut(string(name), "[")
	switch {
	case key == m.own.Signature:
		return Refuse(name, "is the signature's name: it is added last, and a part cannot be taken out of a body that is on its way with its length: leave it out")
	case key == m.own.Account:
		return Refuse(name, "belongs in the URL's query: leave it out")
	case strings.EqualFold(string(name), "MAX_FILE_SIZE"):
		return Refuse(name, "makes PHP drop files that are larger: leave it out")
	case bytes.Contains(name, []byte("[]")):
		return Refuse(name, "has an automatic index, which not every parser reads: write %s", firstIndex(name))
	case other.top(key) != 0:
		return Refuse(name, "is a file here and a field elsewhere, which not every parser keeps apart: rename one")
	}
	from := len(to.text)
	to.text = append(to.text, name...)
	end := len(to.text)
	if err := to.set(span{from: from, to: end}, span{from: end, to: end}); err != nil {
		return err
	}
	if isFile {
		return nil
	}
	return m.checkField(name)
}

// cutDisposition takes a Content-Disposition apart.
func cutDisposition(line []byte) (name, filename []byte, isFile, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(dispositionHeader))
	if !ok {
		return nil, nil, false, false
	}
	name, rest, ok = bytes.Cut(rest, []byte(`"`))
	if !ok || len(rest) == 0 {
		return name, nil, false, ok
	}
	rest, ok = bytes.CutPrefix(rest, []byte(filenameParameter))
	if !ok {
		return nil, nil, false, false
	}
	filename, rest, ok = bytes.Cut(rest, []byte(`"`))
	return name, filename, true, ok && len(rest) == 0
}

// dispositionError says what is wrong with a line that is not exactly a
// Content-Disposition. Readers disagree on all of it: of filename*= PHP reads
// nothing, of a name given twice it takes the second, a part with no name ends
// the body, and name='a' is a.
func dispositionError(line []byte) error {
	const want = `write Content-Disposition: form-data; name="...", for a file with ; filename="..." behind, first in the part`
	key, value, _ := bytes.Cut(line, []byte(":"))
	names := bytes.ReplaceAll(bytes.ToLower(value), []byte("filename="), nil)
	switch {
	case len(line) == 0:
		return errors.New("has no name: " + want)
	case string(key) != "Content-Disposition":
		return fmt.Errorf("begins with %s: %s", headerIn(line), want)
	case bytes.IndexByte(value, '\\') >= 0:
		return errors.New("has a backslash in a name, which not every parser reads as an escape: leave quotes and backslashes out of names")
	case bytes.Contains(value, []byte("name*=")):
		return errors.New("has a name in the encoding of RFC 5987, which PHP does not read: " + want)
	case !bytes.Contains(names, []byte("name=")):
		return errors.New("has no name: " + want)
	}
	return errors.New("has a Content-Disposition in another spelling, which not every parser reads the same: " + want)
}

// headerIn says which header a line is. One that is none may be a part's content,
// and is not shown.
func headerIn(line []byte) string {
	key, _, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(key) == 0 || bytes.ContainsAny(key, "[]") || looksLikeName(key) < len(key) {
		return "a line that is no header"
	}
	return fmt.Sprintf("the header %q", key)
}

// checkQuoted checks what stands between quotes. Backslashes are escapes to PHP
// and part of the name to browsers, which escape with percent signs what PHP
// does not unescape.
func checkQuoted(name, s []byte, what string) error {
	if len(s) == 0 {
		return Refuse(name, "has an empty %s, which PHP drops: write one, or leave the part out", what)
	}
	if bytes.IndexByte(s, '\\') >= 0 {
		return Refuse(name, "has a backslash in its %s, which not every parser reads as an escape: leave quotes and backslashes out", what)
	}
	for _, escape := range []string{"%22", "%0D", "%0A", "%0d", "%0a"} {
		if bytes.Contains(s, []byte(escape)) {
			return Refuse(name, "has a %s in its %s, which not every parser reads as an escape: leave quotes and line breaks out", escape, what)
		}
	}
	return nil
}

func (m *Multipart) checkFile(name, filename []byte) error {
	if err := checkQuoted(name, filename, "file name"); err != nil {
		return err
	}
	switch m.fileCount++; {
	case m.fileCount > MaxFiles:
		return Refuse(name, "is beyond the %d files that PHP takes: send fewer", MaxFiles)
	case bytes.IndexByte(filename, '/') >= 0:
		return Refuse(name, "has a slash in its file name, and PHP drops what stands before it: write the last element of the path")
	case bytes.Contains(name, []byte("[ ")):
		return Refuse(name, "has a space behind a bracket, and PHP drops it from a file's name: leave it out")
	case bytes.Count(name, []byte("[")) >= MaxInputNestingLevel:
		return Refuse(name, "has more than %d levels of brackets, and PHP drops the file: nest it less", MaxInputNestingLevel-1)
	}
	return nil
}

// checkField checks the field that was added last.
func (m *Multipart) checkField(name []byte) error {
	if m.fields.Len() >= MaxInputVars {
		return Refuse(name, "is beyond the %d fields that PHP takes with a signature: send fewer", MaxInputVars-1)
	}
	last := int32(0)
	for m.fields.nodes[last].isArray {
		last = m.fields.nodes[last].last
	}
	if last != m.lastField() {
		return Refuse(name, "is apart from the other fields of its group, and PHP puts them together: send them in a row")
	}
	if len(m.fields.text) > MaxFieldBytes {
		return m.refuseSize()
	}
	return nil
}

func (m *Multipart) lastField() int32 { return int32(len(m.fields.nodes) - 1) }

func (m *Multipart) refuseSize() error {
	return Refuse(m.name, "makes the fields longer than %d bytes together: send it as a file", MaxFieldBytes)
}

// contentType checks a part's Content-Type, of which PHP reads nothing for a
// field and hands a file's to the program.
func (m *Multipart) contentType(value string) error {
	mediaType, params, err := mime.ParseMediaType(value)
	if err != nil {
		return Refuse(m.name, "has a malformed Content-Type: write a media type, or leave the header out")
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		return Refuse(m.name, "has parts of its own, which PHP does not read: send them as parts of the body")
	}
	if m.isFile {
		return nil
	}
	if mediaType != "text/plain" {
		return Refuse(m.name, "has a Content-Type of its own, and some parsers take it for a file: leave the header out")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return Refuse(m.name, "is in another charset than UTF-8, which PHP does not convert: write UTF-8")
	}
	return nil
}

func (m *Multipart) content(piece []byte) (int, error) {
	if m.isFile {
		return len(piece), nil
	}
	n := min(len(piece), MaxFieldBytes-len(m.fields.text))
	m.fields.text = append(m.fields.text, piece[:n]...)
	if n < len(piece) {
		return n, m.refuseSize()
	}
	return n, nil
}

func (m *Multipart) end() error {
	if m.isFile {
		return nil
	}
	value := &m.fields.nodes[m.lastField()].value
	value.to = len(m.fields.text)
	if !utf8.Valid(m.fields.bytes(*value)) {
		return Refuse(m.name, "has a value that is not UTF-8: encode it as UTF-8, or send it as a file")
	}
	return nil
}
