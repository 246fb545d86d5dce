package php

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxNodes is how many values and arrays [ParseJSON] reads, those included that a
// later member of the same name replaces.
const MaxNodes = 100_000

var (
	// ErrLimit says that PHP may read what [ParseJSON] does not.
	ErrLimit = errors.New("the JSON is too large to be read")
	// ErrScalar says that a document is JSON, and neither an object nor an array.
	ErrScalar = errors.New("the JSON is neither an object nor an array")
)

// ParseJSON reads any JSON object or array as json_decode($doc, true) does. Of
// members with the same name the last one counts, in the place of the first.
// A value is the text that http_build_query prints of it, with PHP's default
// precision of 14 digits. Null is in a as an empty array, which stands in no
// query.
//
// The error wraps [ErrLimit] where the document has more than [MaxNodes] nodes, or
// its query would exceed [MaxQuery]; it is [ErrScalar] for any other JSON; any other
// error says that json_decode does not accept the document.
func ParseJSON(a *Array, doc []byte) error {
	a.reset()
	a.reserve(doc)
	r := jsonReader{a: a, doc: doc, levels: maxJSONDepth - 1}
	var err error
	scalar := false
	switch r.next() {
	case '{':
		err = r.readObject(0, 0)
	case '[':
		err = r.readList(0, 0)
	default:
		scalar = true
		err = r.readElement(0, 0)
	}
	if err == nil {
		err = r.readEnd()
	}
	switch {
	case r.size > MaxQuery+1 || len(a.nodes) > 1+MaxNodes:
		return fmt.Errorf("%w: %w", ErrLimit, err)
	case scalar && err == nil:
		a.reset()
		return ErrScalar
	}
	return err
}

// reserve makes room for what doc holds, so that none is made again and again as
// it is read. Each value but the outermost has a comma or a bracket before it.
func (a *Array) reserve(doc []byte) {
	most := 1 + bytes.Count(doc, []byte(",")) + bytes.Count(doc, []byte("[")) + bytes.Count(doc, []byte("{"))
	a.text = slices.Grow(a.text, len(doc))
	a.nodes = slices.Grow(a.nodes, min(most, 1+MaxNodes))
}

// HasMember reports whether a JSON object has a member of the name, which is in
// ASCII. It holds nothing of the document. What it says of a malformed one, or of
// one that is no object, means nothing.
func HasMember(doc []byte, name string) bool {
	depth := 0
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			text := untilQuote(doc[i+1:])
			i += len(text) + 1
			if depth == 1 && i < len(doc) && isText(text, name) {
				if rest := bytes.TrimLeft(doc[i+1:], " \t\r\n"); len(rest) > 0 && rest[0] == ':' {
					return true
				}
			}
		}
	}
	return false
}

// untilQuote returns what stands before the quote that ends a string.
func untilQuote(s []byte) []byte {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return s[:i]
		case '\\':
			i++
		}
	}
	return s
}

// isText reports whether a string, as it stands in JSON, is the text, in ASCII.
func isText(s []byte, text string) bool {
	for len(s) > 0 {
		c, n := rune(s[0]), 1
		if c == '\\' {
			var reason string
			if c, n, reason = unescapeJSON(s); reason != "" {
				return false
			}
		}
		if !strings.HasPrefix(text, string(c)) {
			return false
		}
		s, text = s[n:], text[1:]
	}
	return text == ""
}
