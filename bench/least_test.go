package bench

import (
	"bytes"
	"io"
	"net/http"
	"net/url"

	"github.com/countersign/countersign/internal/paylink"
)

// A leastSigner is the least that can sign: it copies the request, and appends an
// HMAC over the body or the query as it stands, to it. Since it parses nothing, no
// gateway would take what it sends but a form that is right already.
type leastSigner struct {
	base      http.RoundTripper
	floor     floor
	signature []byte
}

func newLeastSigner(base http.RoundTripper) http.RoundTripper {
	return &leastSigner{base: base, floor: newFloor()}
}

func (t *leastSigner) RoundTrip(req *http.Request) (*http.Response, error) {
	signed := req.Clone(req.Context())
	if req.Body == nil {
		wire := t.sign([]byte(req.URL.RawQuery))
		signed.URL.RawQuery = string(wire)
		return t.base.RoundTrip(signed)
	}
	const room = 128
	body := make([]byte, req.ContentLength, req.ContentLength+room)
	if _, err := io.ReadFull(req.Body, body); err != nil {
		return nil, err
	}
	req.Body.Close()
	body = t.sign(body)
	signed.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	signed.Body, _ = signed.GetBody()
	signed.ContentLength = int64(len(body))
	return t.base.RoundTrip(signed)
}

// sign appends the signature to a form, a query or an object.
func (t *leastSigner) sign(text []byte) []byte {
	t.signature = t.floor.appendSignature(t.signature[:0], text)
	if object, ok := bytes.CutSuffix(text, []byte("}")); ok {
		object = append(append(object, `,"`+paylink.SignatureName+`":"`...), t.signature...)
		return append(object, `"}`...)
	}
	text = append(text, "&"+paylink.SignatureName+"="...)
	return append(text, url.QueryEscape(string(t.signature))...)
}

// A copier is the floor of a RoundTrip: a copy of the request, and an HMAC over what
// is signed.
type copier struct {
	base         http.RoundTripper
	floor        floor
	stringToSign []byte
	signature    []byte
}

func newCopier(s shape) *copier {
	c := &copier{base: stub{}, floor: newFloor(), stringToSign: []byte(query)}
	if s.body != "" {
		c.stringToSign = []byte(form)
	}
	return c
}

func (t *copier) RoundTrip(req *http.Request) (*http.Response, error) {
	t.signature = t.floor.appendSignature(t.signature[:0], t.stringToSign)
	return t.base.RoundTrip(req.Clone(req.Context()))
}
