package paylink

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// A Kind is what holds the parameters of a request that has arrived.
type Kind uint8

const (
	Query Kind = iota
	Form
	JSON
	Multipart
)

// A Reading is how a gateway reads the parameters of a request. The zero value is that
// of the live gateways, as far as that is known (docs/paylink.md has the evidence): a
// body that is not empty replaces the query, whatever the method. It is JSON if
// json_decode takes it, else a form, whatever the Content-Type; but multipart in a POST
// request is what PHP makes of it. A plus sign is a space in a query, and a plus sign
// in a body.
type Reading struct {
	KeepsQueryPlus  bool // a plus sign in a query is one
	DecodesBodyPlus bool // a plus sign in a form is a space
	Merges          bool // a body is read beside the query, as PHP's $_REQUEST has it
	NoJSON          bool // a body is never JSON
	TypeMatters     bool // a body is JSON, or a form, only if its Content-Type says so
	Flat            bool // the names in a query or a form are not nested
}

// parse reads a query or a form.
func parse[S string | []byte](how Reading, a *php.Array, s S, plus php.Plus) {
	if how.Flat {
		php.ParseFlat(a, s, plus)
	} else {
		php.ParseStr(a, s, plus)
	}
}

// A Received is a request that has arrived, as a [Reading] has it.
type Received struct {
	Kind     Kind
	Params   *php.Array // the gateway's own among them
	Boundary string     // of a multipart body

	// Instance is the account that the request names, "" if there is none: in the
	// query, or else among the parameters, since the vendor's SDK has written it into
	// both (payrexx-php 1.8.11).
	Instance string
}

// Receive reads a request with that body as the live gateways do. The error has
// [auth.ErrUnsigned]: the parameters cannot be read, or name two instances. A Received
// is returned in any case, with the instance that the query names.
func Receive(req *http.Request, body []byte) (*Received, error) {
	return Reading{}.Receive(req, body)
}

// Receive reads a request with that body, see the function.
func (how Reading) Receive(req *http.Request, body []byte) (*Received, error) {
	r := &Received{Params: new(php.Array)}
	var query php.Array
	parse(how, &query, req.URL.RawQuery, php.Plus(how.KeepsQueryPlus))
	if len(body) == 0 {
		r.Params = &query
		return r, r.readInstance(&query)
	}
	if err := r.readBody(how, req, body); err != nil {
		if instanceErr := r.readInstance(&query); instanceErr != nil {
			err = instanceErr
		}
		return r, err
	}
	err := r.readInstance(&query, r.Params)
	if how.Merges {
		query.Merge(r.Params)
		r.Params = &query
	}
	return r, err
}

// MayBeSigned reports whether there may be an ApiSignature in a request with that
// body: a cheap look at a body that a peer without the secret may have sent.
func MayBeSigned(req *http.Request, body []byte) bool {
	if multipart, err := isMultipart(req); len(body) == 0 || multipart || err != nil || php.HasMember(body, SignatureName) {
		return true
	}
	var form php.Array
	php.ParseStr(&form, body, php.PlusKept)
	return form.Has(SignatureName)
}

func isMultipart(req *http.Request) (bool, error) {
	contentType, err := request.SoleHeader(req.Header, "Content-Type")
	if err != nil {
		return false, Refuse(auth.ErrUnsigned, err)
	}
	return request.Method(req) == http.MethodPost && php.IsMultipart(contentType), nil
}

func (r *Received) readBody(how Reading, req *http.Request, body []byte) error {
	multipart, err := isMultipart(req)
	if err != nil {
		return err
	}
	if multipart {
		r.Kind = Multipart
		contentType, _ := request.SoleHeader(req.Header, "Content-Type")
		if r.Boundary, err = php.Boundary(contentType); err == nil {
			err = php.ParseMultipart(r.Params, bytes.NewReader(body), r.Boundary)
		}
		return refuseUnread(err)
	}
	if !how.NoJSON && how.mayBe(JSONType, req) {
		r.Kind = JSON
		switch err = php.ParseJSON(r.Params, body); {
		case err == nil, errors.Is(err, php.ErrScalar):
			return nil
		case errors.Is(err, php.ErrLimit):
			return refuseUnread(err)
		}
	}
	if how.mayBe(FormType, req) {
		r.Kind = Form
		parse(how, r.Params, body, php.Plus(!how.DecodesBodyPlus))
	} else {
		r.Params = new(php.Array) // without what was read of JSON that proved to be none
	}
	return nil
}

// mayBe reports whether a body may be of a media type, as far as its Content-Type
// matters.
func (how Reading) mayBe(media string, req *http.Request) bool {
	if !how.TypeMatters {
		return true
	}
	contentType, _ := request.SoleHeader(req.Header, "Content-Type")
	return php.IsType(contentType, media)
}

// refuseUnread says that there is no telling what a gateway would read.
func refuseUnread(err error) error {
	if err == nil {
		return nil
	}
	return Refusef(auth.ErrUnsigned, "the body cannot be verified: %w", err)
}

// readInstance reads the instance. It is not signed: one that readers could choose
// among would let a request that is signed for one account be booked on another.
func (r *Received) readInstance(places ...*php.Array) error {
	found := false
	for _, params := range places {
		named, ok := params.Get(InstanceName)
		if params.HasElements(InstanceName) || params.Changed(InstanceName) || ok && found && named != r.Instance {
			r.Instance = ""
			return Refusef(auth.ErrUnsigned, "the request names more than one %s, or one with brackets: name it once, in the query", InstanceName)
		}
		if ok && !found {
			r.Instance, found = named, true
		}
	}
	return nil
}

// RemoveOwn takes out of received parameters those that are the gateway's own.
func RemoveOwn(params *php.Array) {
	params.Remove(SignatureName)
	params.Remove(InstanceName)
}

// RemoveInstance takes the instance out of received parameters.
func RemoveInstance(params *php.Array) { params.Remove(InstanceName) }

// IsOwn reports whether the name of a parameter is the gateway's own.
func IsOwn(name string) bool { return name == SignatureName || name == InstanceName }

// IsOwnPart reports whether the header of a part in a multipart body names a
// parameter that is the gateway's own, in the spelling that is signed.
func IsOwnPart(header string) bool {
	name, ok := strings.CutPrefix(header, `Content-Disposition: form-data; name="`)
	return ok && strings.HasSuffix(name, `"`) && IsOwn(name[:len(name)-1])
}
