package avangate

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

// maxBody bounds the body of a JSON-RPC or SOAP request, in bytes.
const maxBody = 8 << 20

// maxHead bounds what is read of an answer to see whether it is a session error,
// in bytes.
const maxHead = 64 << 10

// A head reads the beginning of an answer's body, and no more than it is asked
// for and the source has at hand.
type head struct {
	source io.Reader
	b      []byte // what has been read; its capacity is what is read at once
	at     int    // what of it has been passed on
	err    error  // the source's
}

func newHead(source io.Reader) *head {
	return &head{source: source, b: make([]byte, 0, 4<<10)}
}

// Read ends with io.EOF where the source does, and at maxHead.
func (h *head) Read(p []byte) (int, error) {
	for h.at == len(h.b) {
		if !h.fill() {
			return 0, io.EOF
		}
	}
	n := copy(p, h.b[h.at:])
	h.at += n
	return n, nil
}

func (h *head) fill() bool {
	if h.err != nil || len(h.b) == maxHead {
		return false
	}
	h.b = slices.Grow(h.b, 1)
	n, err := h.source.Read(h.b[len(h.b):min(cap(h.b), maxHead)])
	h.b, h.err = h.b[:len(h.b)+n], err
	return true
}

// byteAt returns the first byte from offset on that is neither JSON's white space
// nor the colon behind a name, 0 if it is out of reach.
func (h *head) byteAt(offset int64) byte {
	for i := int(offset); ; i++ {
		for i >= len(h.b) {
			if !h.fill() {
				return 0
			}
		}
		if c := h.b[i]; strings.IndexByte(" \t\r\n:", c) < 0 {
			return c
		}
	}
}

// whole returns the body as it was, closed by c.
func (h *head) whole(c io.Closer) io.ReadCloser {
	rest := h.source
	if h.err != nil {
		rest = failed{h.err}
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(h.b), rest), c}
}

// failed is the rest of a body whose source has ended or failed.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
