package paylinkhmac

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// A Reading is how a [Verifier] reads the parameters of a request.
type Reading int

const (
	// Strict takes what is seen as it was signed by PHP, with plus signs decoded or
	// kept, and by readers that do not nest: what an [Authenticator] sends, read by its
	// Content-Type. It is the zero value, for tests of one's own signer and for programs
	// that act on what they verified. What other readers make of a request is not known,
	// see docs/paylink.md: act on [Verification.Parameters] alone.
	//
	// Of what an Authenticator sends it refuses one thing, JSON with true, false,
	// null, or an empty array or object. Signed, they are the same as 1, 0 and
	// nothing, so that anybody may put one in the place of the other. And, as Live
	// does, what is beyond a Verifier's limits: a body of more than MaxBody, which an
	// upload may have, and JSON of more than 100,000 values.
	Strict Reading = iota

	// Live takes what the live gateways take, as far as that is known (docs/paylink.md
	// has the evidence): a body that is not empty replaces the query, whatever the
	// method; it is JSON if it can be, else a form, whatever the Content-Type, but
	// multipart in a POST request; a plus sign is a space in a query and a plus sign in
	// a body. It is for emulated gateways and for those who look into what a client
	// sends: other readers may see another request, and [Verification.Notes] says why.
	Live
)

// A Verifier verifies requests as a gateway does, for emulated gateways, users'
// own tests, and proxies. It is safe for concurrent use; it must not be copied, and
// its fields must not be changed, once it is in use.
//
// A program that acts on a request, or passes it on, takes the parameters from
// [Verification.Parameters] and never from the request's bytes. Path, method,
// instance and files are not signed: it must check them itself.
type Verifier struct {
	// Secret is the API secret.
	Secret auth.SecretSource

	// MaxBody is how long a body may be, in bytes. Zero means DefaultMaxBody.
	MaxBody int64

	// Reading is how requests are read. The zero value is Strict.
	Reading Reading

	signer signer
}

// A Verification is what a [Verifier] found. It is for the operator: its content
// is the peer's, and secret from everybody else.
type Verification struct {
	// Instance is the account that the request names, "" if it names none: in the
	// query, or else in the body, since the vendor's SDK has written it into both
	// (payrexx-php 1.8.11). It is not signed, and for the caller to check.
	Instance string

	// StringToSign is what the gateway computes the signature over, "" if there is no
	// signature.
	StringToSign string

	// Notes say of a right signature what Strict refuses the request for: what other
	// readers would see otherwise, what is not signed, and what is right by luck, each
	// in a sentence that says what to do. They hold no parameter's value.
	Notes []string
}

// Parameters yields the parameters that were signed, and nothing else, in order, as
// PHP sees them: nested ones with their full name, key[sub]. ApiSignature and
// instance are not among them. If Verify has returned an error they are those that
// were found, and nobody vouches for them; there are none without a signature.
func (v *Verification) Parameters() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for name, value := range pairs(v.StringToSign) {
			name, _ = url.QueryUnescape(name) // http_build_query has escaped both
			value, _ = url.QueryUnescape(value)
			if !yield(name, value) {
				return
			}
		}
	}
}

// Verify verifies a request that a server received. It reads the body and puts it
// back, unless it fails with [auth.ErrBody].
//
// The error is an [*auth.Error]: [auth.ErrUnsigned] if there is no signature to be
// found, if the body has more than 100,000 JSON values or cannot be read for
// another reason, or if the request names two instances; [auth.ErrSignature] if the
// signature is wrong, [auth.ErrAmbiguous] if it is right and the request is not for
// Strict, [auth.ErrSecret] if there is nothing to compare it with, [auth.ErrBody] if
// the body cannot be had. It is for the operator; tell the peer no more than
// 403. The Verification is never nil, and holds what was found before the error.
func (v *Verifier) Verify(req *http.Request) (*Verification, error) {
	found := new(Verification)
	err := v.verify(req, found)
	return found, paylink.Complete(err, "verify", req, nil)
}

func (v *Verifier) verify(req *http.Request, found *Verification) error {
	body, err := v.takeBody(req)
	if err != nil {
		return paylink.Refuse(auth.ErrBody, err)
	}
	secret, err := auth.Load(req.Context(), v.Secret)
	if err != nil {
		return paylink.Refuse(auth.ErrSecret, err)
	}
	if v.isAsSent(req, body, secret, found) {
		return nil
	}
	return v.judge(req, body, secret, found)
}

// judge verifies any request, and says what is wrong with it.
func (v *Verifier) judge(req *http.Request, body []byte, secret auth.Secret, found *Verification) error {
	if !paylink.MayBeSigned(req, body) {
		body = nil // what it holds is of no interest
	}
	received, err := paylink.Receive(req, body)
	found.Instance = received.Instance
	if err != nil {
		return err
	}
	if body == nil && request.HasBody(req) || !received.Params.Has(paylink.SignatureName) {
		return paylink.Refusef(auth.ErrUnsigned, "there is no %s among the parameters", paylink.SignatureName)
	}
	claimed, _ := received.Params.Get(paylink.SignatureName)
	paylink.RemoveOwn(received.Params)
	c := comparison{signer: &v.signer, secret: secret, claimed: []byte(claimed)}
	signed := received.Params.Query()
	isRight := c.isOf(signed)
	if !isRight && received.Kind == paylink.Multipart {
		if rest := withoutEmpty(signed); len(rest) < len(signed) && c.isOf(rest) {
			isRight, signed = true, rest
			received.Params.RemoveEmpty()
			found.Notes = append(found.Notes, "there are parts with an empty value, which are not signed: leave them out")
		}
	}
	found.StringToSign = string(signed)
	if !isRight {
		return c.refuse(req, body, received.Kind)
	}
	found.Notes = append(found.Notes, ambiguities(req, body, received, found.StringToSign, signed)...)
	if v.Reading != Live && len(found.Notes) > 0 {
		return paylink.Refuse(auth.ErrAmbiguous, errors.New(found.Notes[0]))
	}
	return nil
}

// takeBody reads the body and puts it back.
func (v *Verifier) takeBody(req *http.Request) ([]byte, error) {
	most := v.MaxBody
	if most == 0 {
		most = DefaultMaxBody
	}
	body, err := request.TakeBody(req, most)
	if err == nil && len(body) > 0 {
		request.SetBody(req, body)
	}
	return body, err
}

// A comparison compares the signature that a request claims to have.
type comparison struct {
	signer  *signer
	secret  auth.Secret
	claimed []byte
}

func (c *comparison) isOf(stringToSign []byte) bool {
	return subtle.ConstantTimeCompare(c.signer.appendSignature(nil, c.secret, stringToSign), c.claimed) == 1
}

// refuse says that the signature is wrong, and whether it is so for its plus signs
// alone.
func (c *comparison) refuse(req *http.Request, body []byte, kind paylink.Kind) error {
	var other php.Array
	says := ""
	switch {
	case kind == paylink.Form && bytes.IndexByte(body, '+') >= 0:
		php.ParseStr(&other, body, php.PlusDecoded)
		says = "the signature is right only if plus signs are decoded: " + plusAdvice
	case kind == paylink.Query && strings.Contains(req.URL.RawQuery, "+"):
		php.ParseStr(&other, req.URL.RawQuery, php.PlusKept)
		says = "the signature is right only if plus signs are kept: " + plusAdvice
	}
	if says != "" {
		claimed, _ := other.Get(paylink.SignatureName)
		c.claimed = []byte(claimed)
		paylink.RemoveOwn(&other)
		if c.isOf(other.Query()) {
			return paylink.Refuse(auth.ErrSignature, errors.New(says))
		}
	}
	return paylink.Refusef(auth.ErrSignature, "the signature is not the one that the secret gives")
}

// withoutEmpty returns a query without the pairs that have no value.
func withoutEmpty(query []byte) []byte {
	if !bytes.Contains(query, []byte("=&")) && !bytes.HasSuffix(query, []byte("=")) {
		return query
	}
	rest := make([]byte, 0, len(query))
	for pair := range bytes.SplitSeq(query, []byte("&")) {
		if !bytes.HasSuffix(pair, []byte("=")) {
			rest = append(append(rest, pair...), '&')
		}
	}
	return bytes.TrimSuffix(rest, []byte("&"))
}
