package paylink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// TakeBody reads a body that can be read as it is, closes it and leaves none. It
// reads into the room that buf has if that is enough. The header is what req's says.
func (a *Account) TakeBody(buf []byte, req *http.Request, header request.BodyHeader) ([]byte, error) {
	if err := header.CheckPlain(req); err != nil {
		return nil, Refuse(auth.ErrRequest, err)
	}
	body, err := request.TakeBodyInto(buf, req, a.MaxBody)
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

// maxEmptyBody is how much of a body is read to see that it says nothing, in bytes.
const maxEmptyBody = 1 << 10

// DropEmptyBody takes off a GET or HEAD request a body without parameters, since a
// gateway that sees a body does not look at the query: the JSON null or empty object
// of generated clients, and a form that holds nothing but the gateway's own, as in
// the vendor's samples for curl. Another body is an error. It uses params.
func (a *Account) DropEmptyBody(params *php.Array, req *http.Request) error {
	if !request.HasBody(req) {
		return nil
	}
	media, mediaErr := MediaType(request.ReadBodyHeader(req.Header))
	body, err := request.TakeBody(req, maxEmptyBody)
	if err != nil && !errors.Is(err, request.ErrTooLong) {
		return Refuse(auth.ErrBody, err)
	}
	isForm := mediaErr == nil && (media == FormType || media == "")
	switch said := string(bytes.TrimSpace(body)); {
	case err == nil && (said == "" || said == "null" || said == "{}" || isForm && ReadForm(a, params, said, 0) == nil):
		deleteBodyHeaders(req.Header)
		return nil
	case media == JSONType || strings.HasPrefix(said, "{"):
		return Refusef(auth.ErrRequest, "a %s request has a body, which the gateway reads in place of the query: put each member of its JSON into the query, as name=value, and leave the body out", request.Method(req))
	}
	return Refusef(auth.ErrRequest, "a %s request has a body, which the gateway reads in place of the query: put the parameters into the query", request.Method(req))
}

// maxNull is how long a JSON null may be with white space around it, in bytes.
const maxNull = 64

// DropNull takes off any request a JSON null, with which generated clients say that
// there is no body.
func DropNull(req *http.Request) error {
	if !request.HasBody(req) || req.ContentLength > maxNull {
		return nil
	}
	if media, err := MediaType(request.ReadBodyHeader(req.Header)); err != nil || media != JSONType {
		return nil // whose error that is shows when the body is read
	}
	var body []byte
	if req.ContentLength > 0 {
		var err error
		if body, err = request.TakeBody(req, maxNull); err != nil {
			return Refuse(auth.ErrBody, err)
		}
	} else {
		head := make([]byte, maxNull)
		n, err := io.ReadFull(req.Body, head)
		if err != io.EOF && err != io.ErrUnexpectedEOF {
			src := io.Reader(req.Body)
			if err != nil {
				src = failing{err}
			}
			req.Body = &begun{io.MultiReader(bytes.NewReader(head[:n]), src), req.Body}
			return nil
		}
		src := req.Body
		request.SetBody(req, nil)
		if err := src.Close(); err != nil {
			return Refuse(auth.ErrBody, fmt.Errorf("the body cannot be closed: %w", err))
		}
		body = head[:n]
	}
	if string(bytes.TrimSpace(body)) != "null" {
		request.SetBody(req, body)
		return nil
	}
	request.SetBody(req, nil)
	deleteBodyHeaders(req.Header)
	return nil
}

// A begun body has been read from, and gives that again.
type begun struct {
	io.Reader
	io.Closer
}

// A failing reader was at its error when it was read from.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// deleteBodyHeaders takes out what belongs to a body that is taken off.
func deleteBodyHeaders(h http.Header) {
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding"} {
		request.DeleteHeader(h, name)
	}
}

// CheckMethod refuses a method that the gateways do not know.
func CheckMethod(req *http.Request) error {
	switch request.Method(req) {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return nil
	}
	return Refusef(auth.ErrRequest, "the gateways know no method %.40q: use GET, POST, PUT, PATCH or DELETE", request.Method(req))
}

// MediaType returns the media type of a body, "" if the header has no Content-Type.
// It is an error if readers differ on it: PHP takes the bytes up to a semicolon, a
// comma or a space, in any letter case, and ignores the charset (measured with PHP
// 8.2).
func MediaType(h request.BodyHeader) (string, error) {
	header, err := h.ContentType()
	if err != nil {
		return "", Refuse(auth.ErrRequest, err)
	}
	if header == "" || header == FormType || header == JSONType {
		return header, nil
	}
	written, _, _ := strings.Cut(header, ";")
	media, parameters, err := mime.ParseMediaType(header)
	// ParseMediaType reads past white space, and takes letters for ASCII's that are not.
	if err != nil || !strings.EqualFold(strings.TrimRight(written, " "), media) {
		return "", Refusef(auth.ErrRequest, "the Content-Type %.40q is malformed: write the type in ASCII, without white space", header)
	}
	charset, ok := parameters["charset"]
	if ok && !strings.EqualFold(charset, "utf-8") && (media == FormType || media == JSONType) {
		return "", Refusef(auth.ErrRequest, "the Content-Type names the charset %.40q: send the body in UTF-8", charset)
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
	h["Content-Type"] = []string{FormType} // of this request alone, whoever edits it
}
