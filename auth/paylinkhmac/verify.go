package paylinkhmac

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"iter"
	"net/http"
	"slices"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// A Verifier verifies requests as a gateway does, for emulated gateways, users'
// own tests, and proxies. It is safe for concurrent use; its fields must not be
// changed once it is in use.
type Verifier struct {
	// Secret is the API secret.
	Secret auth.SecretSource

	// MaxBody is how long a body may be, in bytes. Zero means DefaultMaxBody.
	MaxBody int64
}

// A Verification is what a [Verifier] found. It is for the operator: its content
// is the peer's, and secret from everybody else.
type Verification struct {
	// Instance is the account that the request names, "" if it names none: in the
	// query, or else in the body, since the vendor's SDK has written it into both
	// (payrexx-php 1.8.11). It is not signed, and for the caller to check.
	Instance string

	// StringToSign is what the gateway computes the signature over.
	StringToSign string

	parameters [][2]string
}

// Parameters yields the parameters in order, as PHP sees them: nested ones with
// their full name, key[sub]. ApiSignature and instance are not among them.
func (v *Verification) Parameters() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, p := range v.parameters {
			if !yield(p[0], p[1]) {
				return
			}
		}
	}
}

// Verify verifies a request that a server received. It reads the body and puts it
// back, unless it fails with [auth.ErrBody]. A body, where there is one, is what
// holds the parameters, else the query, as these gateways have it.
//
// The request is read as PHP reads it; a query and a form once with plus signs
// decoded and once with plus signs kept, since it is not known which the gateways
// do: a signature must be right both times.
//
// The errors are [*auth.Error]s: [auth.ErrUnsigned] if there is no signature to
// be found, [auth.ErrSignature] if it is wrong, [auth.ErrSecret] if there is
// nothing to compare it with, [auth.ErrBody] if the body cannot be read. They are
// for the operator; tell the peer no more than 403. The Verification is never
// nil, and holds what was found before the error.
func (v *Verifier) Verify(req *http.Request) (*Verification, error) {
	found := new(Verification)
	err := v.verify(req, found)
	return found, paylink.Complete(err, "verify", req, nil)
}

func (v *Verifier) verify(req *http.Request, found *Verification) error {
	var query php.Array
	php.ParseStr(&query, req.URL.RawQuery, php.PlusDecoded)
	instance, inQuery := paylink.Received(&query)
	found.Instance = instance
	readings, err := v.read(req)
	if err != nil {
		return err
	}
	if !inQuery {
		found.Instance, _ = paylink.Received(readings[0])
	}
	secret, err := auth.Load(req.Context(), v.Secret)
	if err != nil {
		return paylink.Refuse(auth.ErrSecret, err)
	}
	hasSignature := readings[0].Has(paylink.SignatureName)
	var right []bool
	for _, params := range readings {
		right = append(right, isSigned(params, secret))
	}
	for name, value := range readings[0].All() {
		found.parameters = append(found.parameters, [2]string{name, value})
	}
	found.StringToSign = string(readings[0].AppendQuery(nil))
	switch {
	case !hasSignature:
		return paylink.Refusef(auth.ErrUnsigned, "there is no %s among the parameters", paylink.SignatureName)
	case !slices.Contains(right, false):
		return nil
	case right[0]:
		return paylink.Refusef(auth.ErrSignature, "the signature is right only if plus signs are decoded: write a space as %%20 and a plus sign as %%2B")
	case right[len(right)-1]:
		return paylink.Refusef(auth.ErrSignature, "the signature is right only if plus signs are kept: write a space as %%20 and a plus sign as %%2B")
	}
	return paylink.Refusef(auth.ErrSignature, "the signature is not the one that the secret gives")
}

// isSigned takes the signature and the instance out of the parameters and reports
// whether the signature is that of the rest.
func isSigned(params *php.Array, secret auth.Secret) bool {
	claimed, _ := params.Get(paylink.SignatureName)
	paylink.RemoveOwn(params)
	signature := new(signer).appendSignature(nil, secret, params.AppendQuery(nil))
	return subtle.ConstantTimeCompare(signature, []byte(claimed)) == 1
}

// read returns the request's parameters in each of the ways that they can be
// read. An urlencoded string has two, with plus signs decoded and with them kept.
func (v *Verifier) read(req *http.Request) ([]*php.Array, error) {
	most := v.MaxBody
	if most == 0 {
		most = DefaultMaxBody
	}
	body, err := request.TakeBody(req, most)
	if err != nil {
		return nil, paylink.Refuse(auth.ErrBody, err)
	}
	var first, second php.Array
	if len(body) == 0 {
		php.ParseStr(&first, req.URL.RawQuery, php.PlusDecoded)
		php.ParseStr(&second, req.URL.RawQuery, php.PlusKept)
		return []*php.Array{&first, &second}, nil
	}
	request.SetBody(req, body)
	media, err := paylink.MediaType(req)
	if err != nil {
		return nil, paylink.Refuse(auth.ErrUnsigned, err)
	}
	switch media {
	case paylink.FormType:
		php.ParseStr(&first, body, php.PlusDecoded)
		php.ParseStr(&second, body, php.PlusKept)
		return []*php.Array{&first, &second}, nil
	case paylink.JSONType:
		err = php.ParseJSON(&first, body)
	case paylink.MultipartType:
		var boundary string
		if boundary, err = boundaryOf(req); err == nil {
			err = php.ParseMultipart(&first, bytes.NewReader(body), boundary)
		}
	default:
		err = fmt.Errorf("a body of the type %q holds no parameters that can be verified", media)
	}
	if err != nil {
		return nil, paylink.Refuse(auth.ErrUnsigned, err)
	}
	return []*php.Array{&first}, nil
}
