package paylinkhmac

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// signMultipart lets the body be signed as it is sent: files are not held in
// memory, and what is wrong with the body shows only then.
func (a *Authenticator) signMultipart(req *http.Request, secret auth.Secret) error {
	boundary, err := boundaryOf(req)
	if err == nil {
		err = request.CheckPlain(req)
	}
	if err != nil {
		return paylink.Refuse(auth.ErrRequest, err)
	}
	length, traced := req.ContentLength, auth.TraceSigned(req.Context())
	if getBody := req.GetBody; getBody != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := getBody()
			if err != nil {
				return nil, err
			}
			return a.newMultipartBody(body, length, boundary, secret, traced), nil
		}
	}
	req.Body = a.newMultipartBody(req.Body, length, boundary, secret, traced)
	if length > 0 {
		req.ContentLength += php.MultipartOverhead(boundary, paylink.Own)
	}
	return nil
}

// boundaryOf returns the boundary of a multipart body.
func boundaryOf(req *http.Request) (string, error) {
	if request.Method(req) != http.MethodPost {
		return "", fmt.Errorf("PHP reads %s in a POST request only", paylink.MultipartType)
	}
	contentType, err := request.SoleHeader(req.Header, "Content-Type")
	if err != nil {
		return "", err
	}
	return php.Boundary(contentType)
}

// A multipartBody is a body on its way. Its errors are what Authenticate's are.
type multipartBody struct {
	signed  *php.Multipart
	gateway string
	io.Closer
}

// newMultipartBody signs a body of the given length, which is not known if it is
// not positive. traced is told the string to sign, and may be nil.
func (a *Authenticator) newMultipartBody(body io.ReadCloser, length int64, boundary string, secret auth.Secret, traced func(stringToSign []byte)) io.ReadCloser {
	sign := func(fields *php.Array) (string, error) {
		if err := checkImages(fields); err != nil {
			return "", fieldError{err}
		}
		stringToSign := fields.AppendQuery(nil)
		if traced != nil {
			traced(stringToSign)
		}
		return string(a.signer.appendSignature(nil, secret, stringToSign)), nil
	}
	var src io.Reader = body
	if length > 0 {
		src = &measured{body, length}
	}
	return &multipartBody{php.NewMultipart(src, boundary, paylink.Own, sign), a.account.Origins[0].String(), body}
}

func (b *multipartBody) Read(p []byte) (int, error) {
	n, err := b.signed.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	code := auth.ErrParameter
	_, isPart := errors.AsType[*php.PartError](err)
	_, isField := errors.AsType[fieldError](err)
	if !isPart && !isField {
		code, err = auth.ErrBody, fmt.Errorf("the body cannot be read: %w", err)
	}
	return n, &auth.Error{Op: "sign POST", Gateway: b.gateway, Code: code, Err: err}
}

// A fieldError is what is wrong with the fields as a whole.
type fieldError struct{ error }

var errLength = errors.New("it is not as long as ContentLength says")

// A measured reader fails unless it has exactly left bytes. net/http would notice
// only when the signature has gone out.
type measured struct {
	src  io.Reader
	left int64
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.src.Read(p)
	m.left -= int64(n)
	if m.left < 0 || err == io.EOF && m.left > 0 {
		return 0, errLength
	}
	return n, err
}
