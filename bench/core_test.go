package bench

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"io"
	"net/http"
	"testing"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
)

// A core signs parameters without a request: it does what package paylinkhmac
// does between reading the body and writing it, with the same parts in the same
// order, into a buffer of the caller's. It has no pool, no trace, no lookup of
// the key and no copy of what leaves. TestCore keeps the two alike.
type core struct {
	account   paylink.Account
	params    php.Array
	signed    []byte
	signature []byte
	floor     floor
}

func newCore(tb testing.TB) *core {
	account, err := paylink.NewAccount("bench", gatewayURL, instance, auth.NewSecret(secret), 8<<20, false)
	if err != nil {
		tb.Fatal(err)
	}
	return &core{account: account, floor: newFloor()}
}

func (c *core) appendForm(dst, form []byte) ([]byte, error) {
	if err := paylink.ReadForm(&c.account, &c.params, form, paylink.MaxFormParameters); err != nil {
		return nil, err
	}
	c.sign()
	dst = php.AppendWire(dst, c.signed)
	if len(dst) > 0 {
		dst = append(dst, '&')
	}
	dst = append(dst, paylink.SignatureName+"="...)
	return php.AppendEscaped(dst, c.signature), nil
}

func (c *core) appendJSON(dst, doc []byte) ([]byte, error) {
	object, err := php.ReadJSON(&c.params, doc, paylink.Own)
	if err != nil {
		return nil, err
	}
	c.sign()
	return object.AppendSigned(dst, doc, c.signature), nil
}

func (c *core) sign() {
	for _, name := range paylink.DesignFiles {
		if c.params.Has(name) {
			panic(name)
		}
	}
	c.signed = c.params.AppendQuery(c.signed[:0])
	c.signature = c.floor.appendSignature(c.signature[:0], c.signed)
}

// A floor is what no implementation can do without: an HMAC, keyed before and
// used again, and base64.
type floor struct {
	mac hash.Hash
	sum []byte
}

func newFloor() floor {
	return floor{mac: hmac.New(sha256.New, []byte(secret))}
}

func (f *floor) appendSignature(dst, stringToSign []byte) []byte {
	f.mac.Reset()
	f.mac.Write(stringToSign)
	f.sum = f.mac.Sum(f.sum[:0])
	return base64.StdEncoding.AppendEncode(dst, f.sum)
}

// capture keeps the body that is sent.
type capture struct{ body []byte }

func (c *capture) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	c.body = body
	return &http.Response{StatusCode: 200, Body: http.NoBody}, err
}

// TestCore holds that what is measured as the core is what is sent.
func TestCore(t *testing.T) {
	var sent capture
	rt := newCountersign(t, &sent, newPaylink(t, gatewayURL))
	c := newCore(t)
	for name, got := range map[string]func(dst, body []byte) ([]byte, error){"form": c.appendForm, "json": c.appendJSON} {
		s := shapeOf(t, name)
		s.newMessage(t, gatewayURL).send(t, rt)
		wire, err := got(nil, []byte(s.body))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(wire, sent.body) {
			t.Errorf("%s: the core makes %q, and %q is sent", name, wire, sent.body)
		}
		if string(c.signed) != form {
			t.Errorf("%s: the string to sign is %q, want %q", name, c.signed, form)
		}
	}
}

// BenchmarkCore signs parameters into a buffer of the caller's. The floor
// is an HMAC over the string to sign.
func BenchmarkCore(b *testing.B) {
	payload := []byte(form)
	runInAnyOrder(b, []benchmark{
		{"body=form/impl=hmac", func(b *testing.B) { benchmarkFloor(b, payload) }},
		{"body=form/impl=countersign", func(b *testing.B) { benchmarkCore(b, payload, newCore(b).appendForm) }},
	})
	runInAnyOrder(b, []benchmark{
		{"body=json/impl=hmac", func(b *testing.B) { benchmarkFloor(b, payload) }},
		{"body=json/impl=countersign", func(b *testing.B) { benchmarkCore(b, []byte(document), newCore(b).appendJSON) }},
	})
}

func benchmarkFloor(b *testing.B, stringToSign []byte) {
	f := newFloor()
	var signature []byte
	measure(b, func() { signature = f.appendSignature(signature[:0], stringToSign) })
}

func benchmarkCore(b *testing.B, body []byte, sign func(dst, body []byte) ([]byte, error)) {
	var wire []byte
	measure(b, func() {
		var err error
		if wire, err = sign(wire[:0], body); err != nil {
			b.Fatal(err)
		}
	})
}
