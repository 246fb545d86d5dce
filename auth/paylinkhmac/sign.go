package paylinkhmac

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/php"
)

// The most parameters that a request may have. ApiSignature, and in a query
// instance too, come behind them, and PHP drops what exceeds its limit.
const (
	maxFormParameters  = php.MaxInputVars - 1
	maxQueryParameters = php.MaxInputVars - 2
)

// designFiles are the fields that the vendor's SDK leaves out of the signature
// (payrexx-php 1.8.11, lib/Payrexx/Communicator.php).
var designFiles = []string{"headerImage", "backgroundImage", "headerBackgroundImage", "emailHeaderImage", "VPOSBackgroundImage"}

// The types of body that can be signed.
const (
	formType      = "application/x-www-form-urlencoded"
	jsonType      = "application/json"
	multipartType = "multipart/form-data"
)

// sign chooses the row of the package doc's table.
func (a *Authenticator) sign(req *http.Request, secret auth.Secret) error {
	switch method(req) {
	case http.MethodGet, http.MethodHead:
		if err := dropEmptyBody(req); err != nil {
			return err
		}
		return a.signQuery(req, secret)
	case http.MethodDelete, http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return refusef(auth.ErrRequest, "the gateways know no method %q: use GET, POST, PUT, PATCH or DELETE", method(req))
	}
	contentType, err := bodyType(req)
	if err != nil {
		return err
	}
	if contentType == "" && method(req) == http.MethodDelete {
		return a.signQuery(req, secret)
	}
	if err := a.signBody(req, contentType, secret); err != nil {
		return err
	}
	req.URL.RawQuery = string(a.appendInstance(nil))
	return nil
}

// bodyType returns the media type of the body, "" if there is no body.
func bodyType(req *http.Request) (string, error) {
	if !hasBody(req) {
		return "", nil
	}
	header, err := soleHeader(req.Header, "Content-Type")
	if err != nil {
		return "", err
	}
	if header == "" {
		_, err := takeBody(req, 0)
		if errors.Is(err, errTooLong) {
			err = refusef(auth.ErrRequest, "the body has no Content-Type: send a form, %s", formType)
		}
		return "", err
	}
	media, parameters, err := mime.ParseMediaType(header)
	switch charset := parameters["charset"]; {
	case err != nil:
		return "", refusef(auth.ErrRequest, "the Content-Type %q is malformed: %w", header, err)
	case media == jsonType && charset != "" && !strings.EqualFold(charset, "utf-8"):
		return "", refusef(auth.ErrRequest, "the body is JSON in the charset %q: send it in UTF-8", charset)
	}
	return media, nil
}

// signQuery signs the query, and puts the signature behind it.
func (a *Authenticator) signQuery(req *http.Request, secret auth.Secret) error {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	if err := readForm(a, w, req.URL.RawQuery, maxQueryParameters); err != nil {
		return err
	}
	query := append(a.signParameters(w, secret), '&')
	req.URL.RawQuery = string(a.appendInstance(query))
	return nil
}

// signBody signs a body, or the lack of one, and puts the signature at its end.
func (a *Authenticator) signBody(req *http.Request, contentType string, secret auth.Secret) error {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	if err := readForm(a, w, req.URL.RawQuery, maxQueryParameters); err != nil {
		return err
	}
	for name := range w.params.All() {
		return refusef(auth.ErrParameter, "parameter %q stands in the query of a %s request, where the gateway does not look: put it into the body", name, method(req))
	}
	if err := checkPlain(req); err != nil {
		return err
	}
	switch contentType {
	case "":
		deleteHeader(req.Header, "Content-Type")
		req.Header.Set("Content-Type", formType)
		return a.signForm(w, req, secret)
	case formType:
		return a.signForm(w, req, secret)
	case jsonType:
		return a.signJSON(w, req, secret)
	case multipartType:
		return a.signMultipart(req, secret)
	}
	return refusef(auth.ErrRequest, "a body of the type %q cannot be signed: send a form, %s", contentType, formType)
}

// checkPlain refuses what would stand between a form's bytes and the gateway's
// parser.
func checkPlain(req *http.Request) error {
	encoding, err := soleHeader(req.Header, "Content-Encoding")
	switch {
	case err != nil:
		return err
	case encoding != "":
		return refusef(auth.ErrRequest, "the body has the Content-Encoding %q and cannot be read for signing: send it plain", encoding)
	case len(req.Trailer) > 0:
		return refusef(auth.ErrRequest, "the request has a trailer, which does not travel with a signed form: leave it out")
	}
	return nil
}

func (a *Authenticator) signForm(w *workspace, req *http.Request, secret auth.Secret) error {
	body, err := takeBody(req, a.maxBody)
	if err != nil {
		return err
	}
	if err := readForm(a, w, body, maxFormParameters); err != nil {
		return err
	}
	return a.setSigned(req, a.signParameters(w, secret))
}

func (a *Authenticator) signJSON(w *workspace, req *http.Request, secret auth.Secret) error {
	body, err := takeBody(req, a.maxBody)
	if err != nil {
		return err
	}
	object, err := php.ReadJSON(&w.params, body)
	if _, ok := errors.AsType[*php.SyntaxError](err); ok {
		return refuse(auth.ErrBody, err)
	} else if err != nil {
		return refuse(auth.ErrParameter, err)
	}
	if object.HasInstance && object.Instance != a.instance {
		return a.refuseInstance()
	}
	if err := checkImages(&w.params); err != nil {
		return err
	}
	w.signed = w.params.AppendQuery(w.signed[:0])
	w.signature = a.signer.appendSignature(w.signature[:0], secret, w.signed)
	return a.setSigned(req, object.AppendSigned(make([]byte, 0, len(body)+len(`,"ApiSignature":""`)+signatureLen), body, w.signature))
}

// setSigned makes b, which is signed, the body.
func (a *Authenticator) setSigned(req *http.Request, b []byte) error {
	if int64(len(b)) > a.maxBody {
		return refusef(auth.ErrBody, "%w, %d bytes, once it is signed", errTooLong, a.maxBody)
	}
	setBody(req, b)
	return nil
}

// readForm reads into w the parameters that are to be signed. It leaves out an
// earlier signature, and the instance once it is seen to be the right one.
func readForm[S string | []byte](a *Authenticator, w *workspace, form S, most int) error {
	params := &w.params
	if err := php.ReadForm(params, form); err != nil {
		return refuse(auth.ErrParameter, err)
	}
	for _, name := range []string{signatureName, instanceName} {
		if params.HasArray(name) {
			return refusef(auth.ErrParameter, "parameter %q has brackets, but its name is the gateway's own: rename it", name)
		}
	}
	if named, ok := params.Get(instanceName); ok && named != a.instance {
		return a.refuseInstance()
	}
	params.Remove(signatureName)
	params.Remove(instanceName)
	if params.Len() > most {
		return refusef(auth.ErrParameter, "there are %d parameters, and PHP drops what exceeds %d with those that are added: send fewer", params.Len(), php.MaxInputVars)
	}
	return checkImages(params)
}

func (a *Authenticator) refuseInstance() error {
	return refusef(auth.ErrParameter, "parameter %q is not the configured %q: leave it out, it is added", instanceName, a.instance)
}

// checkImages refuses what the vendor's SDK would not sign.
func checkImages(params *php.Array) error {
	for _, name := range designFiles {
		if params.Has(name) {
			return refusef(auth.ErrParameter, "parameter %q is an image: send it as a file, in a multipart form", name)
		}
	}
	return nil
}

// signParameters returns w's parameters as they are sent, with the signature
// behind them.
func (a *Authenticator) signParameters(w *workspace, secret auth.Secret) []byte {
	w.signed = w.params.AppendQuery(w.signed[:0])
	w.signature = a.signer.appendSignature(w.signature[:0], secret, w.signed)
	size := len(w.signed) + 2*bytes.Count(w.signed, []byte("+")) +
		len("&"+signatureName+"=") + 3*signatureLen +
		len("&"+instanceName+"=") + 3*len(a.instance)
	wire := php.AppendWire(make([]byte, 0, size), w.signed)
	if len(wire) > 0 {
		wire = append(wire, '&')
	}
	wire = append(wire, signatureName+"="...)
	return php.AppendEscaped(wire, w.signature)
}

func (a *Authenticator) appendInstance(query []byte) []byte {
	query = append(query, instanceName+"="...)
	return php.AppendEscaped(query, a.instance)
}
