package paylink

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/request"
)

// TakeBody reads a body that can be read as it is, closes it and leaves none.
func (a *Account) TakeBody(req *http.Request) ([]byte, error) {
	if err := request.CheckPlain(req); err != nil {
		return nil, Refuse(auth.ErrRequest, err)
	}
	body, err := request.TakeBody(req, a.MaxBody)
	if err != nil {
		return nil, Refuse(auth.ErrBody, err)
	}
	return body, nil
}

// SetBody makes b the body. One that is longer than the account's longest is an
// error.
func (a *Account) SetBody(req *http.Request, b []byte) error {
	if int64(len(b)) > a.MaxBody {
		return Refuse(auth.ErrBody, fmt.Errorf("%w, %d bytes, as it is to be sent", request.ErrTooLong, a.MaxBody))
	}
	request.SetBody(req, b)
	return nil
}

// maxEmptyBody is how much of a GET request's body is read to see that it says
// nothing, in bytes.
const maxEmptyBody = 64

// DropEmptyBody takes off a GET request the body that generated clients send, a
// JSON null or an empty object, since a gateway that sees a body does not look at
// the query. Another body is an error.
func DropEmptyBody(req *http.Request) error {
	if !request.HasBody(req) {
		return nil
	}
	body, err := request.TakeBody(req, maxEmptyBody)
	if err != nil && !errors.Is(err, request.ErrTooLong) {
		return Refuse(auth.ErrBody, err)
	}
	if said := string(bytes.TrimSpace(body)); err != nil || said != "" && said != "null" && said != "{}" {
		return Refusef(auth.ErrRequest, "a %s request has a body, which the gateway reads in place of the query: put the parameters into the query", request.Method(req))
	}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding"} {
		request.DeleteHeader(req.Header, name)
	}
	return nil
}

// MediaType returns the media type of req's body, "" if req has no Content-Type.
// It is an error if readers differ on it: PHP takes the bytes up to a semicolon, a
// comma or a space, in any letter case, and ignores the charset (measured with PHP
// 8.2).
func MediaType(req *http.Request) (string, error) {
	header, err := request.SoleHeader(req.Header, "Content-Type")
	if err != nil {
		return "", Refuse(auth.ErrRequest, err)
	}
	if header == "" || header == FormType || header == JSONType {
		return header, nil
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

// SetFormType makes a form of the body. The header has one Content-Type at most,
// see MediaType.
func SetFormType(h http.Header) {
	if sole := h["Content-Type"]; len(sole) == 1 && sole[0] == FormType {
		return
	}
	request.DeleteHeader(h, "Content-Type")
	h["Content-Type"] = []string{FormType}
}
