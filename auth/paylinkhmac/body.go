package paylinkhmac

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/countersign/countersign/auth"
)

func hasBody(req *http.Request) bool {
	return req.Body != nil && req.Body != http.NoBody
}

var errTooLong = errors.New("the body is longer than it may be")

// takeBody reads the body, closes it and leaves none. One of more than most bytes
// is an error, and so is one that is not as long as ContentLength says.
func takeBody(req *http.Request, most int64) ([]byte, error) {
	if !hasBody(req) {
		return nil, nil
	}
	body, length := req.Body, req.ContentLength
	req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, 0
	b, err := readBody(body, length, most)
	if closeErr := body.Close(); err == nil && closeErr != nil {
		err = refusef(auth.ErrBody, "the body cannot be closed: %w", closeErr)
	}
	return b, err
}

func readBody(body io.Reader, length, most int64) ([]byte, error) {
	if length > most {
		return nil, refusef(auth.ErrBody, "%w, %d bytes", errTooLong, most)
	}
	var b bytes.Buffer
	if length > 0 {
		b.Grow(int(length) + bytes.MinRead) // what ReadFrom wants, lest it grow again
	}
	_, err := b.ReadFrom(io.LimitReader(body, most+1))
	switch {
	case err != nil:
		return nil, refusef(auth.ErrBody, "the body cannot be read: %w", err)
	case int64(b.Len()) > most:
		return nil, refusef(auth.ErrBody, "%w, %d bytes", errTooLong, most)
	case length > 0 && int64(b.Len()) != length:
		return nil, refusef(auth.ErrBody, "the body has %d bytes and ContentLength says %d", b.Len(), length)
	}
	return b.Bytes(), nil
}

// setBody makes b the body, in a form that net/http writes together with the
// header and can send again.
func setBody(req *http.Request, b []byte) {
	req.ContentLength = int64(len(b))
	req.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	req.Body, _ = req.GetBody()
}

// maxEmptyBody is how much of a GET request's body is read to see that it says
// nothing, in bytes.
const maxEmptyBody = 64

// dropEmptyBody takes off a GET request the body that generated clients send, a
// JSON null or an empty object, since a gateway that sees a body does not look at
// the query. Another body is an error.
func dropEmptyBody(req *http.Request) error {
	if !hasBody(req) {
		return nil
	}
	body, err := takeBody(req, maxEmptyBody)
	if err != nil && !errors.Is(err, errTooLong) {
		return err
	}
	if said := string(bytes.TrimSpace(body)); err != nil || said != "" && said != "null" && said != "{}" {
		return refusef(auth.ErrRequest, "a %s request has a body, which the gateway reads in place of the query: put the parameters into the query", method(req))
	}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding"} {
		deleteHeader(req.Header, name)
	}
	req.TransferEncoding = nil
	return nil
}

// soleHeader returns the value of a header field, "" if there is none. It is an
// error to have it more than once, in whatever spelling.
func soleHeader(h http.Header, name string) (string, error) {
	var all []string
	for key, values := range h {
		if strings.EqualFold(key, name) {
			all = append(all, values...)
		}
	}
	switch len(all) {
	case 0:
		return "", nil
	case 1:
		return all[0], nil
	}
	return "", refusef(auth.ErrRequest, "the header has %s %d times: give it once", name, len(all))
}

func deleteHeader(h http.Header, name string) {
	for key := range h {
		if strings.EqualFold(key, name) {
			delete(h, key)
		}
	}
}
