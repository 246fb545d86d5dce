package paylinkhmac

import (
	"bytes"
	"errors"
	"mime"
	"net/http"

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

const formType = "application/x-www-form-urlencoded"

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
	switch {
	case contentType == "" && method(req) == http.MethodDelete:
		return a.signQuery(req, secret)
	case contentType == "", contentType == formType:
		return a.signForm(req, secret)
	}
	return refusef(auth.ErrRequest, "a body of the type %q cannot be signed: send a form, %s", contentType, formType)
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
	media, _, err := mime.ParseMediaType(header)
	if err != nil {
		return "", refusef(auth.ErrRequest, "the Content-Type %q is malformed: %w", header, err)
	}
	return media, nil
}

// signQuery signs the query, and puts the signature behind it.
func (a *Authenticator) signQuery(req *http.Request, secret auth.Secret) error {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	if err := readParameters(w, a.instance, req.URL.RawQuery, maxQueryParameters); err != nil {
		return err
	}
	query := append(a.signParameters(w, secret), '&')
	req.URL.RawQuery = string(a.appendInstance(query))
	return nil
}

// signForm signs a form body, or the lack of one, and puts the signature at its
// end.
func (a *Authenticator) signForm(req *http.Request, secret auth.Secret) error {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	if err := readParameters(w, a.instance, req.URL.RawQuery, maxQueryParameters); err != nil {
		return err
	}
	for name := range w.params.All() {
		return refusef(auth.ErrParameter, "parameter %q stands in the query of a %s request, where the gateway does not look: put it into the body", name, method(req))
	}
	if !hasBody(req) {
		deleteHeader(req.Header, "Content-Type")
		req.Header.Set("Content-Type", formType)
	} else if err := checkPlain(req); err != nil {
		return err
	}
	body, err := takeBody(req, a.maxBody)
	if err != nil {
		return err
	}
	if err := readParameters(w, a.instance, body, maxFormParameters); err != nil {
		return err
	}
	signed := a.signParameters(w, secret)
	if int64(len(signed)) > a.maxBody {
		return refusef(auth.ErrBody, "%w, %d bytes, once it is signed", errTooLong, a.maxBody)
	}
	setBody(req, signed)
	req.URL.RawQuery = string(a.appendInstance(nil))
	return nil
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

// readParameters reads into w the parameters that are to be signed. It leaves out
// an earlier signature, and the instance once it is seen to be the right one.
func readParameters[S string | []byte](w *workspace, instance string, form S, most int) error {
	params := &w.params
	if err := php.ReadForm(params, form); err != nil {
		return refuse(auth.ErrParameter, err)
	}
	for _, name := range []string{signatureName, instanceName} {
		if params.HasArray(name) {
			return refusef(auth.ErrParameter, "parameter %q has brackets, but its name is the gateway's own: rename it", name)
		}
	}
	if named, ok := params.Get(instanceName); ok && named != instance {
		return refusef(auth.ErrParameter, "parameter %q is not the configured %q: leave it out, it is added", instanceName, instance)
	}
	params.Remove(signatureName)
	params.Remove(instanceName)
	for _, name := range designFiles {
		if params.Has(name) {
			return refusef(auth.ErrParameter, "parameter %q is an image: send it as a file, in a multipart form", name)
		}
	}
	if params.Len() > most {
		return refusef(auth.ErrParameter, "there are %d parameters, and PHP drops what exceeds %d with those that are added: send fewer", params.Len(), php.MaxInputVars)
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
