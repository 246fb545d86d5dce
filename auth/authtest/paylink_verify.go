package authtest

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"iter"
	"math"
	"net/http"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// A sighting is what the gateway sees of a request.
type sighting struct {
	instance     string
	stringToSign string
	parameters   [][2]string
}

func pairs(all iter.Seq2[string, string]) (list [][2]string) {
	for name, value := range all {
		list = append(list, [2]string{name, value})
	}
	return list
}

// verify says whether a request is authenticated, and leaves its body whole, unless
// the error is [auth.ErrBody]. The notes are about a signature, and there are none
// unless the request is read as the live gateways do.
func (p *Paylink) verify(r *http.Request) (seen sighting, notes []string, err error) {
	how := p.Options.Reads.reading()
	if how == (paylink.Reading{}) {
		verifier := paylinkhmac.Verifier{Secret: p.Secret, MaxBody: p.MaxBody, Reading: paylinkhmac.Live}
		var found *paylinkhmac.Verification
		found, err = verifier.Verify(r)
		seen, notes = sighting{found.Instance, found.StringToSign, pairs(found.Parameters())}, found.Notes
	} else {
		seen, err = p.verifyAs(how, r)
		err = paylink.Complete(err, "verify", r, nil)
	}
	if !errors.Is(err, auth.ErrUnsigned) {
		return seen, notes, err
	}
	key, notSole := request.SoleHeader(r.Header, paylink.KeyHeader)
	switch {
	case notSole != nil: // PHP makes one value of several
		err = refuseKey(r, auth.ErrUnsigned, notSole)
	case key != "" && p.Options.Reads.APIKey == isRefused:
		err = refuseKey(r, auth.ErrUnsigned, errors.New("an X-API-KEY came, which this gateway does not take: send an ApiSignature"))
	case key != "":
		err = p.checkKey(r, key)
	}
	return p.unsigned(r), nil, err
}

// verifyAs verifies a signature as a Verifier does that reads in another way.
func (p *Paylink) verifyAs(how paylink.Reading, r *http.Request) (seen sighting, err error) {
	body, err := request.TakeBody(r, cmp.Or(p.MaxBody, paylinkhmac.DefaultMaxBody))
	if err != nil {
		return seen, paylink.Refuse(auth.ErrBody, err)
	}
	request.SetBody(r, body)
	secret, err := auth.Load(r.Context(), p.Secret)
	if err != nil {
		return seen, paylink.Refuse(auth.ErrSecret, err)
	}
	received, err := how.Receive(r, body)
	seen.instance = received.Instance
	if err != nil {
		return seen, err
	}
	if !received.Params.Has(paylink.SignatureName) {
		return seen, paylink.Refusef(auth.ErrUnsigned, "there is no %s among the parameters", paylink.SignatureName)
	}
	claimed, _ := received.Params.Get(paylink.SignatureName)
	paylink.RemoveOwn(received.Params)
	seen.stringToSign, seen.parameters = string(received.Params.Query()), pairs(received.Params.All())
	isRight := func(signed []byte) bool {
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		mac.Write(signed)
		right := base64.StdEncoding.EncodeToString(mac.Sum(nil))
		return subtle.ConstantTimeCompare([]byte(right), []byte(claimed)) == 1
	}
	if isRight(received.Params.Query()) {
		return seen, nil
	}
	if received.Kind == paylink.Multipart { // its empty parts need not be signed
		if received.Params.RemoveEmpty() && isRight(received.Params.Query()) {
			return sighting{seen.instance, string(received.Params.Query()), pairs(received.Params.All())}, nil
		}
	}
	return seen, paylink.Refusef(auth.ErrSignature, "the signature is not the one that the secret gives")
}

func refuseKey(r *http.Request, code, err error) error {
	return &auth.Error{Op: "verify " + r.Method, Code: code, Err: err}
}

func (p *Paylink) checkKey(r *http.Request, key string) error {
	secret, err := auth.Load(r.Context(), p.Secret)
	if err != nil {
		return refuseKey(r, auth.ErrSecret, err)
	}
	if subtle.ConstantTimeCompare([]byte(secret.Reveal()), []byte(key)) == 0 {
		return refuseKey(r, auth.ErrSignature, errors.New("the X-API-KEY is not the secret: send the API secret of this instance, as it is"))
	}
	return nil
}

// unsigned reads a request without a signature, whose body has been put back.
func (p *Paylink) unsigned(r *http.Request) sighting {
	received, _ := p.receive(r)
	return sighting{received.Instance, string(received.Params.Query()), pairs(received.Params.All())}
}

// receive reads a request, whose body is in memory, without what is the gateway's own.
// There are no parameters if they cannot be read.
func (p *Paylink) receive(r *http.Request) (received *paylink.Received, body []byte) {
	body, _ = request.TakeBody(r, math.MaxInt64)
	request.SetBody(r, body)
	received, err := p.Options.Reads.reading().Receive(r, body)
	if err != nil {
		received.Params = new(php.Array)
	}
	paylink.RemoveOwn(received.Params)
	return received, body
}
