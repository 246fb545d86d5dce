package avangate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// maxBody bounds the body of a JSON-RPC or SOAP request, in bytes.
const maxBody = 8 << 20

func hasBody(req *http.Request) bool {
	return req.Body != nil && req.Body != http.NoBody
}

// takeBody reads the body, closes it and leaves none.
func takeBody(req *http.Request) ([]byte, error) {
	if !hasBody(req) {
		return nil, nil
	}
	body, length := req.Body, req.ContentLength
	setBody(req, nil)
	b, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the body cannot be read: %w", err)
	case len(b) > maxBody:
		return nil, fmt.Errorf("the body is longer than %d bytes", maxBody)
	case length > 0 && int64(len(b)) != length:
		return nil, fmt.Errorf("the body has %d bytes and ContentLength says %d", len(b), length)
	}
	return b, nil
}

// setBody makes b the body, in a form that net/http writes together with the
// header and can send again.
func setBody(req *http.Request, b []byte) {
	req.TransferEncoding = nil
	req.ContentLength = int64(len(b))
	if len(b) == 0 {
		req.Body, req.GetBody = http.NoBody, nil
		return
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	req.Body = io.NopCloser(bytes.NewReader(b))
}

// checkEncoding returns an error if the body is not what it is to be read as.
func checkEncoding(h http.Header) error {
	for key, values := range h {
		if strings.EqualFold(key, "Content-Encoding") && strings.Join(values, "") != "" {
			return errors.New("the body has a Content-Encoding and cannot be read: send it as it is")
		}
	}
	return nil
}

func deleteHeader(h http.Header, name string) {
	for key := range h {
		if strings.EqualFold(key, name) {
			delete(h, key)
		}
	}
}

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
