package php

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// IsType reports whether PHP takes a Content-Type for a media type. It looks at what
// stands before a semicolon, a comma or a space, in any letter case (main/SAPI.c;
// measured with PHP 8.2).
func IsType(contentType, media string) bool {
	if i := strings.IndexAny(contentType, ";, "); i >= 0 {
		contentType = contentType[:i]
	}
	return strings.EqualFold(contentType, media)
}

// IsMultipart reports whether PHP takes a Content-Type for multipart/form-data.
func IsMultipart(contentType string) bool { return IsType(contentType, "multipart/form-data") }

// ParseMultipart reads the fields of a multipart/form-data body that has
// arrived as PHP puts them into $_POST (PHP 8.2, main/rfc1867.c). Files are read
// past, and are not held in memory.
//
// Where it cannot be sure what PHP makes of a body, it returns an error: the
// parts must be divided in the way that [NewMultipart] asks for, and the body
// must be whole. Within a part's header it reads what PHP reads.
func ParseMultipart(a *Array, body io.Reader, boundary string) error {
	a.reset()
	p := &parser{a: a}
	s := newScanner(boundary, p)
	buf := make([]byte, multipartBuffer)
	end := 0
	for s.state != finished {
		n, eof, err := fill(body, buf[end:])
		if err != nil {
			return err
		}
		end += n
		if n, err = s.scan(buf[:end], eof); err != nil {
			return err
		}
		end = copy(buf, buf[n:end])
	}
	return nil
}

// A parser takes parts as PHP does.
type parser struct {
	a           *Array
	disposition []byte // the header's value, nil if there is none
	isField     bool   // this part
	name        span
	count       int
}

func (p *parser) header(line []byte) error {
	if len(line) == 0 {
		return p.begin()
	}
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || line[0] == ' ' {
		return errors.New("has a header line that continues the one before: write it as one")
	}
	if !equalFold(key, "content-disposition") {
		return nil
	}
	if p.disposition != nil {
		return errors.New("has a second Content-Disposition: write one")
	}
	p.disposition = append([]byte{}, bytes.TrimLeft(value, " ")...)
	return nil
}

// begin reads the names in the part's Content-Disposition. A part without that
// header is passed over.
func (p *parser) begin() error {
	rest := p.disposition
	p.disposition = nil
	p.isField = false
	if rest == nil {
		return nil
	}
	var name []byte
	hasName, hasFilename := false, false
	for len(rest) > 0 {
		var pair []byte
		pair, rest = word(rest, ';')
		rest = bytes.TrimLeft(rest, " ")
		if !bytes.Contains(pair, []byte("=")) {
			continue
		}
		key, value := word(pair, '=')
		switch {
		case equalFold(key, "name"):
			name, hasName = unquote(value), true
		case equalFold(key, "filename"):
			hasFilename = true
		}
	}
	if !hasName && !hasFilename {
		return errors.New("has no name, and PHP reads no further: name it")
	}
	p.isField = !hasFilename
	from := len(p.a.text)
	if p.isField {
		p.a.text = append(p.a.text, name...)
	}
	p.name = span{from: from, to: len(p.a.text)}
	return nil
}

func (p *parser) content(piece []byte) (int, error) {
	if !p.isField {
		return len(piece), nil
	}
	if len(p.a.text)+len(piece) > MaxFieldBytes {
		return 0, fmt.Errorf("makes the fields longer than %d bytes together", MaxFieldBytes)
	}
	p.a.text = append(p.a.text, piece...)
	return len(piece), nil
}

func (p *parser) end() error {
	if !p.isField {
		return nil
	}
	if p.count++; p.count <= MaxInputVars {
		p.a.register(p.name, span{from: p.name.to, to: len(p.a.text)})
	}
	return nil
}

// word cuts s at the first stop outside quotes, as php_ap_getword does. All of
// several stops in a row are left out.
func word(s []byte, stop byte) (word, rest []byte) {
	i := 0
	for i < len(s) && s[i] != stop {
		quote := s[i]
		i++
		if quote != '"' && quote != '\'' {
			continue
		}
		for i < len(s) && s[i] != quote {
			if s[i] == '\\' && i+1 < len(s) && s[i+1] == quote {
				i++
			}
			i++
		}
		i = min(i+1, len(s))
	}
	end := i
	for i < len(s) && s[i] == stop {
		i++
	}
	return s[:end], s[i:]
}

// unquote reads a parameter's value as php_ap_getword_conf does: up to the
// closing quote or, without quotes, up to white space. A backslash escapes
// itself and the quote.
func unquote(s []byte) []byte {
	s = bytes.TrimLeft(s, " ")
	if len(s) == 0 {
		return nil
	}
	quote := s[0]
	if quote == '"' || quote == '\'' {
		s = s[1:]
	} else {
		quote = 0
		s, _, _ = bytes.Cut(s, []byte(" "))
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s) && (quote == 0 || s[i] != quote); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\\' || quote != 0 && s[i+1] == quote) {
			i++
		}
		out = append(out, s[i])
	}
	return out
}

// equalFold reports whether s is lower, which has no capitals, in ASCII letters
// of either case.
func equalFold(s []byte, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i, c := range s {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
