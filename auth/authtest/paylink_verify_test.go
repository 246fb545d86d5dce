package authtest

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/internal/paylink"
)

// TestVerifyAsIsWhatAVerifierDoes: the two ways to verify agree on whatever the live
// gateways read.
func TestVerifyAsIsWhatAVerifierDoes(t *testing.T) {
	p := &Paylink{Secret: auth.NewSecret("test-secret-key"), MaxBody: 200}
	verifier := &paylinkhmac.Verifier{Secret: p.Secret, MaxBody: p.MaxBody, Reading: paylinkhmac.Live}
	r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	const amount100, other = "bSFa0cpnIuU8q1VYH/JxIYcsEK9yy7RMbpnIba4pQRk=", "x"
	right, wrong, too := 0, 0, 0
	for range 5000 {
		signature := pick(amount100, amount100, other)
		query := pick("", "instance=example&", "instance=a&instance=b&", "a=2&") + pick("", "amount=100&ApiSignature="+url.QueryEscape(signature))
		part := func(name, value string) string {
			return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
		}
		body := pick("", "", "amount=100&ApiSignature="+url.QueryEscape(signature), "amount=100&ApiSignature="+signature, `{"amount":100,"ApiSignature":"`+signature+`"}`, "amount=100", "null", "{",
			part("amount", "100")+pick("", part("b", ""))+part("ApiSignature", signature)+"--B--\r\n", strings.Repeat("x", 201))
		contentType := pick("", paylink.FormType, paylink.JSONType, "multipart/form-data; boundary=B", "multipart/form-data")
		request := func() *http.Request {
			req := httptest.NewRequest(method(r), "/v1.0/Invoice/?"+query, strings.NewReader(body))
			req.Header.Set("Content-Type", contentType)
			return req
		}
		req := request()
		again := req.Clone(t.Context())
		again.Body = request().Body
		found, want := verifier.Verify(req)
		seen, err := p.verifyAs(paylink.Reading{}, again)
		for _, code := range []error{auth.ErrUnsigned, auth.ErrSignature, auth.ErrBody} {
			assert.Equal(t, errors.Is(want, code), errors.Is(err, code), "%s %s %q of %q: %v and %v", req.Method, query, body, contentType, want, err)
		}
		assert.Equal(t, want == nil, err == nil)
		if want == nil || errors.Is(want, auth.ErrSignature) {
			assert.Equal(t, found.StringToSign, seen.stringToSign)
			assert.Equal(t, pairs(found.Parameters()), seen.parameters)
		}
		assert.Equal(t, found.Instance, seen.instance)
		switch {
		case want == nil:
			right++
		case errors.Is(want, auth.ErrBody):
			too++
		default:
			wrong++
		}
	}
	t.Logf("%d accepted, %d refused, %d too long", right, wrong, too)
	assert.Positive(t, min(right, wrong, too))
}

func method(r *rand.Rand) string {
	return []string{"GET", "POST", "PUT", "PATCH", "DELETE"}[r.IntN(5)]
}
