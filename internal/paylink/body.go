package paylink

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/countersign/countersign/auth"
)

// HasBody reports whether req may have a body.
func HasBody(req *http.Request) bool {
	return req.Body != nil && req.Body != http.NoBody
}

// ErrTooLong says that a body is longer than it may be.
var ErrTooLong = errors.New("the body is longer than it may be")

// TakeBody reads the body, closes it and leaves none. One of more than most bytes
// is an error, and so is one that is not as long as ContentLength says.
func TakeBody(req *http.Request, most int64) ([]byte, error) {
	if req.Body == nil && req.ContentLength > 0 {
		return nil, Refusef(auth.ErrBody, "there is no body and ContentLength says %d", req.ContentLength)
	}
	if !HasBody(req) {
		return nil, nil
	}
	body, length := req.Body, req.ContentLength
	req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, 0
	b, err := readBody(body, length, most)
	if closeErr := body.Close(); err == nil && closeErr != nil {
		err = Refusef(auth.ErrBody, "the body cannot be closed: %w", closeErr)
	}
	return b, err
}

func readBody(body io.Reader, length, most int64) ([]byte, error) {
	size := int64(bytes.MinRead)
	if length > 0 {
		size = min(length, most) + 1 // room to see that nothing follows
	}
	b := make([]byte, 0, size)
	for {
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > most || length > most:
			return nil, Refusef(auth.ErrBody, "%w, %d bytes", ErrTooLong, most)
		case err == io.EOF && length > 0 && int64(len(b)) != length, length > 0 && int64(len(b)) > length:
			return nil, Refusef(auth.ErrBody, "the body has %d bytes or more and ContentLength says %d", len(b), length)
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, Refusef(auth.ErrBody, "the body cannot be read: %w", err)
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

// SetBody makes b the body, in a form that net/http writes together with the
// header and can send again. One that is longer than the account's longest is an
// error.
func (a *Account) SetBody(req *http.Request, b []byte) error {
	if int64(len(b)) > a.MaxBody {
		return Refusef(auth.ErrBody, "%w, %d bytes, as it is to be sent", ErrTooLong, a.MaxBody)
	}
	PutBody(req, b)
	return nil
}

// PutBody makes b the body, whatever its length.
func PutBody(req *http.Request, b []byte) {
	req.ContentLength = int64(len(b))
	req.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	req.Body, _ = req.GetBody()
}

// maxEmptyBody is how much of a GET request's body is read to see that it says
// nothing, in bytes.
const maxEmptyBody = 64

// DropEmptyBody takes off a GET request the body that generated clients send, a
// JSON null or an empty object, since a gateway that sees a body does not look at
// the query. Another body is an error.
func DropEmptyBody(req *http.Request) error {
	if !HasBody(req) {
		return nil
	}
	body, err := TakeBody(req, maxEmptyBody)
	if err != nil && !errors.Is(err, ErrTooLong) {
		return err
	}
	if said := string(bytes.TrimSpace(body)); err != nil || said != "" && said != "null" && said != "{}" {
		return Refusef(auth.ErrRequest, "a %s request has a body, which the gateway reads in place of the query: put the parameters into the query", Method(req))
	}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding"} {
		DeleteHeader(req.Header, name)
	}
	req.TransferEncoding = nil
	return nil
}

// CheckPlain refuses what would stand between a body's bytes and the gateway's
// parser.
func CheckPlain(req *http.Request) error {
	if !HasBody(req) {
		return nil
	}
	encoding, err := SoleHeader(req.Header, "Content-Encoding")
	switch {
	case err != nil:
		return err
	case encoding != "":
		return Refusef(auth.ErrRequest, "the body has the Content-Encoding %q and cannot be read: send it plain", encoding)
	case len(req.Trailer) > 0:
		return Refusef(auth.ErrRequest, "the request has a trailer, which does not travel with a body that is rewritten: leave it out")
	}
	return nil
}

// MediaType returns the media type of req's body, "" if req has no Content-Type.
// It is an error if readers differ on it: PHP takes the bytes up to a semicolon, a
// comma or a space, in any letter case, and ignores the charset (measured with PHP
// 8.2).
func MediaType(req *http.Request) (string, error) {
	header, err := SoleHeader(req.Header, "Content-Type")
	if err != nil || header == "" || header == FormType || header == JSONType {
		return header, err
	}
	written, _, _ := strings.Cut(header, ";")
	written = strings.TrimRight(written, " ")
	media, parameters, err := mime.ParseMediaType(header)
	if err != nil || strings.ContainsFunc(written, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return "", Refusef(auth.ErrRequest, "the Content-Type %q is malformed: write the type in ASCII, without white space", header)
	}
	charset, ok := parameters["charset"]
	if ok && !strings.EqualFold(charset, "utf-8") && (media == FormType || media == JSONType) {
		return "", Refusef(auth.ErrRequest, "the Content-Type names the charset %q: send the body in UTF-8", charset)
	}
	return media, nil
}

// SoleHeader returns the value of a header field, "" if there is none. It is an
// error to have it more than once, in whatever spelling.
func SoleHeader(h http.Header, name string) (string, error) {
	value, count := "", 0
	for key, values := range h {
		if len(key) == len(name) && len(values) > 0 && strings.EqualFold(key, name) {
			value = values[0]
			count += len(values)
		}
	}
	if count > 1 {
		return "", Refusef(auth.ErrRequest, "the header has %s %d times: give it once", name, count)
	}
	return value, nil
}

var formType = []string{FormType} // shared by requests: never written to

// SetFormType makes a form of the body.
func SetFormType(h http.Header) {
	DeleteHeader(h, "Content-Type")
	h["Content-Type"] = formType
}

// DeleteHeader takes out a header field, in whatever spelling.
func DeleteHeader(h http.Header, name string) {
	for key := range h {
		if len(key) == len(name) && strings.EqualFold(key, name) {
			delete(h, key)
		}
	}
}
