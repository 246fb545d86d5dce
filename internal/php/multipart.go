package php

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of a multipart body. PHP drops files beyond max_file_uploads, and
// stops reading at max_multipart_body_parts, by default the sum of
// max_input_vars and max_file_uploads.
const (
	MaxFiles      = 20
	MaxFieldBytes = 8 << 20 // all fields' names and values together

	maxParts      = MaxInputVars + MaxFiles
	maxHeaderLine = 1<<10 - 1
	maxBoundary   = 70
)

// A PartError says which part of a multipart body cannot be read, and why.
type PartError struct {
	Part int   // the first is 1
	Err  error // an *Error once the part's name is known
}

func (e *PartError) Error() string { return fmt.Sprintf("multipart part %d: %v", e.Part, e.Err) }

func (e *PartError) Unwrap() error { return e.Err }

// Boundary returns the boundary that a Content-Type header names. It accepts
// multipart/form-data with no other parameter and with a boundary of 1 to 70
// bytes of [0-9A-Za-z'_.-], in quotes or not.
//
// PHP takes what follows the first "boundary" and "=" anywhere in the header up
// to a comma, a semicolon or the end, white space and all, which is another
// boundary than others read from most other spellings (main/rfc1867.c; measured
// with PHP 8.2).
func Boundary(contentType string) (string, error) {
	const name = "boundary="
	mediaType, parameter, _ := strings.Cut(contentType, ";")
	if !strings.EqualFold(mediaType, "multipart/form-data") {
		return "", fmt.Errorf("content type %.40q is not multipart/form-data", mediaType)
	}
	parameter = strings.TrimPrefix(parameter, " ")
	if len(parameter) < len(name) || !strings.EqualFold(parameter[:len(name)], name) {
		return "", errors.New(`content type is not spelled "multipart/form-data; boundary=...": write that, with no other parameter`)
	}
	boundary := parameter[len(name):]
	if n := len(boundary); n >= 2 && boundary[0] == '"' && boundary[n-1] == '"' {
		boundary = boundary[1 : n-1]
	}
	if len(boundary) == 0 || len(boundary) > maxBoundary {
		return "", fmt.Errorf("boundary has %d bytes: write 1 to %d", len(boundary), maxBoundary)
	}
	for _, c := range []byte(boundary) {
		if !isBoundaryByte(c) {
			return "", fmt.Errorf("boundary has a %q: write letters, digits and any of ' _ . - only, with no other parameter behind", string([]byte{c}))
		}
	}
	return boundary, nil
}

func isBoundaryByte(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' ||
		c == '\'' || c == '_' || c == '.' || c == '-'
}

// A partReader is told what a scanner finds. What it is given is valid during
// the call only.
type partReader interface {
	// header is given each line of a part's header; the empty line ends it.
	header(line []byte) error
	// content is given the part's content piece by piece. It returns how much of
	// the piece it takes, all of it if there is no error.
	content(piece []byte) (int, error)
	end() error
}

// A scanner divides a multipart body into parts. It accepts one spelling, the
// one that the writers of Go, browsers and curl give: the body begins with a
// delimiter, every delimiter is CRLF "--boundary" CRLF, nothing but a CRLF
// follows the closing one, and "--boundary" occurs nowhere else.
//
// The last rule is wider than RFC 2046 since PHP's is: it also ends a part at a
// delimiter after a bare LF and at one that goes on with other bytes. While it
// skips a file, one that is larger than upload_max_filesize or the 21st, it
// even sees one in the middle of a line, wherever its buffer of 5120 bytes
// begins anew (main/rfc1867.c, next_line; measured with PHP 8.2).
type scanner struct {
	line      []byte     // CRLF "--boundary"
	delimiter []byte     // "--boundary"
	skip      [256]uint8 // of each byte: how far it is from the delimiter's end
	state     scanState
	part      int
	to        partReader
}

const foreign = 0x80 // marks in scanner.skip the bytes that the delimiter has not

type scanState uint8

const (
	atStart scanState = iota
	inHeader
	inContent
	atEnd    // before the CRLF of the closing delimiter
	finished // the closing delimiter is all that is left
)

func newScanner(boundary string, to partReader) scanner {
	line := []byte("\r\n--" + boundary)
	s := scanner{line: line, delimiter: line[len("\r\n"):], to: to}
	last := len(s.delimiter) - 1
	for c := range s.skip {
		s.skip[c] = uint8(len(s.delimiter)) | foreign
	}
	for i, c := range s.delimiter[:last] {
		s.skip[c] = uint8(last - i)
	}
	s.skip[s.delimiter[last]] &^= foreign
	return s
}

// index is bytes.Index for the delimiter, by Horspool's algorithm: it looks at
// one byte in as many as the delimiter has, and at four of those at once while
// none of them is in the delimiter. The contents of files need no more.
func (s *scanner) index(w []byte) int {
	n := len(s.delimiter)
	for i := n - 1; i < len(w); {
		if i+3*n < len(w) && s.skip[w[i]]&s.skip[w[i+n]]&s.skip[w[i+2*n]]&s.skip[w[i+3*n]]&foreign != 0 {
			i += 4 * n
			continue
		}
		if w[i] == s.delimiter[n-1] && bytes.Equal(w[i-n+1:i+1], s.delimiter) {
			return i - n + 1
		}
		i += int(s.skip[w[i]] &^ foreign)
	}
	return -1
}

// begun returns how many bytes at the end of w may begin a delimiter.
func (s *scanner) begun(w []byte) int {
	w = w[max(len(w)-len(s.line), 0):]
	for i, c := range w {
		if c == '\r' && bytes.HasPrefix(s.line, w[i:]) || c == '-' && bytes.HasPrefix(s.delimiter, w[i:]) {
			return len(w) - i
		}
	}
	return 0
}

// scan checks the body from where it stopped the last time. It returns how many
// bytes of w are checked; the others, and more if there is more, it wants to see
// again. At the end of the body either the state is finished, and the closing
// delimiter is left in w, or there is an error. How the body is cut into
// windows makes no difference to what is checked and what is refused.
func (s *scanner) scan(w []byte, eof bool) (n int, err error) {
	for s.state != finished {
		state := s.state
		c, err := s.step(w[n:], eof)
		n += c
		if err != nil {
			return n, &PartError{max(s.part, 1), err}
		}
		if c == 0 && s.state == state {
			if eof {
				return n, &PartError{max(s.part, 1), fmt.Errorf("ends before its closing delimiter: %w", io.ErrUnexpectedEOF)}
			}
			break
		}
	}
	return n, nil
}

// step checks up to the next thing of interest. It returns 0 in the same state
// when it needs more than w.
func (s *scanner) step(w []byte, eof bool) (int, error) {
	switch s.state {
	case atStart:
		n := len(s.delimiter) + len("\r\n")
		if len(w) < n {
			return 0, nil
		}
		if !bytes.HasPrefix(w, s.delimiter) || w[n-2] != '\r' || w[n-1] != '\n' {
			return 0, errors.New("does not begin with the boundary's delimiter and CRLF at the first byte of the body: write neither a preamble nor a body without parts")
		}
		return n, s.begin()
	case inHeader:
		return s.header(w)
	case inContent:
		return s.content(w)
	default:
		return 0, s.close(w, eof)
	}
}

func (s *scanner) begin() error {
	s.state = inHeader
	s.part++
	if s.part > maxParts {
		return fmt.Errorf("is beyond the %d parts that PHP reads: send fewer", maxParts)
	}
	return nil
}

func (s *scanner) header(w []byte) (int, error) {
	const longest = maxHeaderLine + len("\r\n")
	i := bytes.IndexByte(w[:min(len(w), longest)], '\n')
	if i < 0 {
		if len(w) < longest {
			return 0, nil
		}
		return 0, fmt.Errorf("has a header line of more than %d bytes, which PHP may read as several: write shorter names", maxHeaderLine)
	}
	if i == 0 || w[i-1] != '\r' {
		return 0, errors.New("has a header line that ends with a bare LF: write CRLF")
	}
	line := w[:i-1]
	for _, c := range line {
		if c < ' ' || c == 0x7f {
			return 0, fmt.Errorf("has the control character %q in its header: leave it out", c)
		}
	}
	if bytes.Contains(line, s.delimiter) {
		return 0, errors.New("has the boundary in its header: choose another boundary")
	}
	if err := s.to.header(line); err != nil {
		return 0, err
	}
	if len(line) == 0 {
		s.state = inContent
	}
	return i + 1, nil
}

func (s *scanner) content(w []byte) (int, error) {
	i := s.index(w)
	if i < 0 {
		return s.to.content(w[:len(w)-s.begun(w)])
	}
	end, ok := bytes.CutSuffix(w[:i], []byte("\r\n"))
	n, err := s.to.content(end)
	if err != nil {
		return n, err
	}
	if !ok {
		return n, errors.New("has the boundary in its content and not behind a CRLF, where PHP may end the part: choose another boundary")
	}
	behind := i + len(s.delimiter)
	if len(w) < behind+2 {
		return n, nil
	}
	switch string(w[behind : behind+2]) {
	case "\r\n":
		if err := s.to.end(); err != nil {
			return n, err
		}
		if err := s.begin(); err != nil {
			return n, err
		}
		return behind + 2, nil
	case "--":
		if err := s.to.end(); err != nil {
			return n, err
		}
		s.state = atEnd
		return n, nil
	}
	return n, errors.New("has the boundary followed by other bytes, where PHP ends the part: choose another boundary, and write nothing but CRLF behind a delimiter")
}

// close checks the closing delimiter, which stands at the beginning of w.
func (s *scanner) close(w []byte, eof bool) error {
	rest := string(w[len(s.line)+len("--"):])
	if !strings.HasPrefix("\r\n", rest) || eof && len(rest) == 1 {
		return errors.New("has more than a CRLF behind the closing delimiter, where PHP reads on: end the body there")
	}
	if eof {
		s.state = finished
	}
	return nil
}

// fill reads something into p, unless the source is at its end.
func fill(src io.Reader, p []byte) (n int, eof bool, err error) {
	for range 100 {
		n, err := src.Read(p)
		if err == io.EOF {
			return n, true, nil
		}
		if n > 0 || err != nil {
			return n, false, err
		}
	}
	return 0, false, io.ErrNoProgress
}
