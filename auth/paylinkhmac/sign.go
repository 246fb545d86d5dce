package paylinkhmac

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// sign chooses the row of the package doc's table.
func (a *Authenticator) sign(req *http.Request) error {
	secret, err := a.account.LoadSecret(req)
	if err == nil {
		err = paylink.CheckMethod(req)
	}
	if err != nil {
		return err
	}
	w := workspaces.Get().(*workspace)
	defer w.release()
	if method := request.Method(req); method == http.MethodGet || method == http.MethodHead {
		if err := a.account.DropEmptyBody(&w.params, req); err != nil {
			return err
		}
		return a.signQuery(w, req, secret)
	}
	if err := paylink.DropNull(req); err != nil {
		return err
	}
	header := request.ReadBodyHeader(req.Header)
	contentType, err := bodyType(req, header)
	if err != nil {
		return err
	}
	if contentType == "" && req.Method == http.MethodDelete {
		return a.signQuery(w, req, secret)
	}
	if err := a.account.CheckBodyQuery(&w.params, req); err != nil {
		return err
	}
	if err := a.signBody(w, req, header, contentType, secret); err != nil {
		return err
	}
	req.URL.RawQuery = a.account.InstanceQuery
	return nil
}

// bodyType returns the media type of the body, "" if there is no body.
func bodyType(req *http.Request, header request.BodyHeader) (string, error) {
	if !request.HasBody(req) {
		return "", nil
	}
	media, err := paylink.MediaType(header)
	if media == "" && err == nil {
		switch _, err = request.TakeBody(req, 0); {
		case errors.Is(err, request.ErrTooLong):
			err = paylink.Refusef(auth.ErrRequest, "the body has no Content-Type: send a form, %s", paylink.FormType)
		case err != nil:
			err = paylink.Refuse(auth.ErrBody, err)
		}
	}
	return media, err
}

// signQuery signs the query, and puts the signature behind it.
func (a *Authenticator) signQuery(w *workspace, req *http.Request, secret auth.Secret) error {
	if err := readForm(a, w, req.URL.RawQuery, paylink.MaxQueryParameters); err != nil {
		return err
	}
	a.signForm(w, secret)
	w.report(req)
	w.wire = a.account.AppendInstance(w.wire)
	req.URL.RawQuery = string(w.wire)
	return nil
}

// signBody signs a body, or the lack of one, and puts the signature at its end.
func (a *Authenticator) signBody(w *workspace, req *http.Request, header request.BodyHeader, contentType string, secret auth.Secret) error {
	switch contentType {
	case paylink.MultipartType:
		return a.signMultipart(req, secret)
	case "":
		request.DeleteHeader(req.Header, "Content-Type") // nobody has read it: there may be two
	case paylink.FormType, paylink.JSONType:
	default:
		return paylink.Refusef(auth.ErrRequest, "a body of the type %.40q cannot be signed: send a form, %s", contentType, paylink.FormType)
	}
	body, err := a.account.TakeBody(w.body, req, header)
	if err != nil {
		return err
	}
	w.body = body
	if contentType == paylink.JSONType {
		err = a.signJSON(w, body, secret)
	} else if err = readForm(a, w, body, paylink.MaxFormParameters); err == nil {
		paylink.SetFormType(req.Header)
		a.signForm(w, secret)
	}
	if err != nil {
		return err
	}
	w.report(req)
	return a.account.SetBody(req, w.takeWire())
}

// readForm reads into w the parameters that are to be signed.
func readForm[S string | []byte](a *Authenticator, w *workspace, form S, most int) error {
	if err := paylink.ReadForm(&a.account, &w.params, form, most); err != nil {
		return err
	}
	if err := checkImages(&w.params); err != nil {
		return paylink.Refuse(auth.ErrParameter, err)
	}
	return nil
}

// signForm writes into w.wire its parameters as they are sent, with the signature
// behind them.
func (a *Authenticator) signForm(w *workspace, secret auth.Secret) {
	w.sign(a, secret)
	w.wire = php.AppendWire(w.wire[:0], w.signed)
	if len(w.wire) > 0 {
		w.wire = append(w.wire, '&')
	}
	w.wire = append(w.wire, paylink.SignatureName+"="...)
	w.wire = php.AppendEscaped(w.wire, w.signature)
}

// signJSON writes into w.wire an object as it is sent, with the signature as its last
// member.
func (a *Authenticator) signJSON(w *workspace, body []byte, secret auth.Secret) error {
	object, err := php.ReadJSON(&w.params, body, paylink.Own)
	if _, ok := errors.AsType[*php.SyntaxError](err); ok && isForm(body) {
		return paylink.Refusef(auth.ErrBody, "the Content-Type is %s, and the body reads like a form: send it as %s, or write JSON", paylink.JSONType, paylink.FormType)
	} else if ok {
		return paylink.Refuse(auth.ErrBody, err)
	} else if err != nil {
		return paylink.Refuse(auth.ErrParameter, err)
	}
	if object.HasAccount {
		if err := a.account.CheckInstance(object.Account); err != nil {
			return err
		}
	}
	if err := checkImages(&w.params); err != nil {
		return paylink.Refuse(auth.ErrParameter, err)
	}
	w.sign(a, secret)
	w.wire = object.AppendSigned(w.wire[:0], body, w.signature)
	return nil
}

// isForm reports whether what is not JSON reads like a form: a name and an equals sign.
func isForm(body []byte) bool {
	name, _, found := bytes.Cut(body, []byte("="))
	return found && len(name) > 0 && !bytes.ContainsAny(name, " \t\r\n\"{}:,<")
}

// checkImages refuses what the vendor's SDK would not sign.
func checkImages(params *php.Array) error {
	for _, name := range paylink.DesignFiles {
		if params.Has(name) {
			return fmt.Errorf("parameter %q is an image: send it as a file, in a multipart form", name)
		}
	}
	return nil
}
