package paylinkhmac

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
)

// signMultipart lets the body be signed as it is sent: files are not held in
// memory, and what is wrong with the body shows only then.
func (a *Authenticator) signMultipart(req *http.Request, secret auth.Secret) error {
	if paylink.Method(req) != http.MethodPost {
		return paylink.Refusef(auth.ErrRequest, "PHP reads %s in a POST request only", multipartType)
	}
	header, err := paylink.SoleHeader(req.Header, "Content-Type")
	if err != nil {
		return err
	}
	boundary, err := php.Boundary(header)
	if err != nil {
		return paylink.Refuse(auth.ErrRequest, err)
	}
	if getBody := req.GetBody; getBody != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := getBody()
			if err != nil {
				return nil, err
			}
			return a.newMultipartBody(body, boundary, secret), nil
		}
	}
	req.Body = a.newMultipartBody(req.Body, boundary, secret)
	if req.ContentLength > 0 {
		req.ContentLength += php.MultipartOverhead(boundary)
	}
	return nil
}

// A multipartBody is a body on its way. Its errors are what Authenticate's are.
type multipartBody struct {
	signed  *php.Multipart
	gateway string
	io.Closer
}

func (a *Authenticator) newMultipartBody(body io.ReadCloser, boundary string, secret auth.Secret) io.ReadCloser {
	sign := func(fields *php.Array) (string, error) {
		if err := checkImages(fields); err != nil {
			return "", err
		}
		return string(a.signer.appendSignature(nil, secret, fields.AppendQuery(nil))), nil
	}
	return &multipartBody{php.NewMultipart(body, boundary, sign), a.account.Origins[0].String(), body}
}

func (b *multipartBody) Read(p []byte) (int, error) {
	n, err := b.signed.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	refusal, ok := errors.AsType[*auth.Error](err)
	if _, isPart := errors.AsType[*php.PartError](err); isPart {
		refusal = &auth.Error{Code: auth.ErrParameter, Err: err}
	} else if !ok {
		refusal = &auth.Error{Code: auth.ErrBody, Err: fmt.Errorf("the body cannot be read: %w", err)}
	}
	refusal.Op, refusal.Gateway = "sign POST", b.gateway
	return n, refusal
}
