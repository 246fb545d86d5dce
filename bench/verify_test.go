package bench

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

// An arrived request is one that a server verifies again and again.
type arrived struct {
	req  *http.Request
	body []byte
}

// newArrived returns s as it arrives, signed.
func newArrived(tb testing.TB, s shape) *arrived {
	a := new(arrived)
	s.newMessage(tb, gatewayURL).send(tb, newCountersign(tb, roundTripper(func(req *http.Request) (*http.Response, error) {
		a.req = &http.Request{Method: req.Method, URL: req.URL, Header: req.Header, ContentLength: req.ContentLength}
		if req.Body != nil {
			var err error
			if a.body, err = io.ReadAll(req.Body); err != nil {
				return nil, err
			}
		}
		return stub{}.RoundTrip(req)
	}), newPaylink(tb, gatewayURL)))
	return a
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func (a *arrived) verify(tb testing.TB, v *paylinkhmac.Verifier) {
	if a.body != nil {
		a.req.Body = io.NopCloser(bytes.NewReader(a.body))
		a.req.ContentLength = int64(len(a.body))
	}
	if _, err := v.Verify(a.req); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkVerify verifies a request, strictly. The standard library, which
// parses the form and verifies nothing, is among the implementations.
func BenchmarkVerify(b *testing.B) {
	v := &paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}
	benchmarks := []benchmark{{"request=form/impl=net-url", func(b *testing.B) {
		measure(b, func() {
			if _, err := url.ParseQuery(form); err != nil {
				b.Fatal(err)
			}
		})
	}}}
	for _, s := range shapes[:3] {
		a := newArrived(b, s)
		benchmarks = append(benchmarks, benchmark{"request=" + s.name + "/impl=countersign", func(b *testing.B) {
			measure(b, func() { a.verify(b, v) })
		}})
	}
	runInAnyOrder(b, benchmarks)
}
