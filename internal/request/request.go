// Package request reads and rewrites requests that are about to be sent, or that
// have arrived. Its errors are plain; the schemes say whose they are.
package request

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// The media types of bodies that more than one package reads or writes.
const (
	FormType      = "application/x-www-form-urlencoded"
	JSONType      = "application/json"
	MultipartType = "multipart/form-data"
)

// Method returns req's method, which may be left empty for GET.
func Method(req *http.Request) string { return cmp.Or(req.Method, http.MethodGet) }

// HasBody reports whether req may have a body.
func HasBody(req *http.Request) bool {
	return req.Body != nil && req.Body != http.NoBody
}

// ErrTooLong says that a body is longer than it may be.
var ErrTooLong = errors.New("the body is longer than it may be")

// TakeBody reads the body, closes it and leaves none. One of more than most bytes
// is an error, and so is one that is not as long as ContentLength says.
func TakeBody(req *http.Request, most int64) ([]byte, error) { return TakeBodyInto(nil, req, most) }

// TakeBodyInto is TakeBody, into the room that buf has if that is enough.
func TakeBodyInto(buf []byte, req *http.Request, most int64) ([]byte, error) {
	if !HasBody(req) {
		if req.ContentLength > 0 {
			return nil, fmt.Errorf("there is no body and ContentLength says %d", req.ContentLength)
		}
		return nil, nil
	}
	body, length := req.Body, req.ContentLength
	SetBody(req, nil)
	b, err := readBody(buf, body, length, most)
	if closeErr := body.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("the body cannot be closed: %w", closeErr)
	}
	return b, err
}

// firstRead is the most room that a body gets before any of it has arrived, in
// bytes: a peer may say any length.
const firstRead = 64 << 10

func readBody(b []byte, body io.Reader, length, most int64) ([]byte, error) {
	size, want := int64(bytes.MinRead), most
	if length > 0 {
		want = min(length, most)
		size = min(want, firstRead-1) + 1 // room to see that nothing follows
	}
	if b = b[:0]; int64(cap(b)) < size {
		b = make([]byte, 0, size)
	}
	for {
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		read := int64(len(b))
		switch {
		case read > most || length > most:
			return nil, fmt.Errorf("%w, %d bytes", ErrTooLong, most)
		case length > 0 && (read > length || err == io.EOF && read < length):
			return nil, fmt.Errorf("the body has %d bytes or more and ContentLength says %d", read, length)
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, fmt.Errorf("the body cannot be read: %w", err)
		}
		if len(b) == cap(b) {
			b = slices.Grow(b, int(min(read, want-read+1)))
		}
	}
}

// SetBody makes b the body, in a form that net/http writes together with the
// header and can send again.
func SetBody(req *http.Request, b []byte) {
	req.TransferEncoding = nil
	req.ContentLength = int64(len(b))
	if len(b) == 0 {
		req.Body, req.GetBody = http.NoBody, nil
		return
	}
	req.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	req.Body, _ = req.GetBody()
}

// A BodyHeader is what a header says of the body, in whatever spelling.
type BodyHeader struct{ types, encodings []string }

// ReadBodyHeader goes through the header once: that costs more than all the rest
// that is done with it.
func ReadBodyHeader(h http.Header) (b BodyHeader) {
	for key, values := range h {
		switch {
		case isHeader(key, "Content-Type"):
			b.types = join(b.types, values)
		case isHeader(key, "Content-Encoding"):
			b.encodings = join(b.encodings, values)
		}
	}
	return b
}

// ContentType returns the only Content-Type, "" if there is none.
func (b BodyHeader) ContentType() (string, error) { return sole(b.types, "Content-Type") }

// CheckPlain refuses what would stand between a body's bytes and its reader, be it
// a body that req has or one that it is to get.
func CheckPlain(req *http.Request) error { return ReadBodyHeader(req.Header).CheckPlain(req) }

// CheckPlain is the function of that name. The header that b was read from is req's.
func (b BodyHeader) CheckPlain(req *http.Request) error {
	encoding, err := sole(b.encodings, "Content-Encoding")
	switch {
	case err != nil:
		return err
	case encoding != "":
		return fmt.Errorf("the body has the Content-Encoding %.40q and cannot be read: send it plain", encoding)
	case len(req.Trailer) > 0:
		return errors.New("the request has a trailer, which does not travel with a body that is rewritten: leave it out")
	}
	return nil
}

// SoleHeader returns the value of a header field, "" if there is none. It is an
// error to have it more than once, in whatever spelling.
func SoleHeader(h http.Header, name string) (string, error) {
	return sole(HeaderValues(h, name), name)
}

func sole(values []string, name string) (string, error) {
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	default:
		return "", fmt.Errorf("the header has %s %d times: give it once", name, len(values))
	}
}

// HeaderValues returns the values of a header field, in whatever spelling. They
// are not to be written to.
func HeaderValues(h http.Header, name string) (all []string) {
	for key, values := range h {
		if isHeader(key, name) {
			all = join(all, values)
		}
	}
	return all
}

// join returns the values of a field that has two spellings. It writes to neither.
func join(all, values []string) []string {
	if all == nil {
		return values
	}
	return slices.Concat(all, values)
}

// DeleteHeader takes out a header field, in whatever spelling.
func DeleteHeader(h http.Header, name string) {
	for key := range h {
		if isHeader(key, name) {
			delete(h, key)
		}
	}
}

// isHeader reports whether a key of a header, in whatever spelling, is the name.
// CGI, and PHP with it, take an underscore for a hyphen (RFC 3875, 4.1.18).
func isHeader(key, name string) bool {
	return len(key) == len(name) && (key == name || strings.EqualFold(strings.ReplaceAll(key, "_", "-"), strings.ReplaceAll(name, "_", "-")))
}
