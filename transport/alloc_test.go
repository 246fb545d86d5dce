//go:build !race

package transport_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// Where nobody traces, tracing costs a look into the context.
func TestTracingThatNobodyWantsAllocatesNothing(t *testing.T) {
	answer := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
	base := roundTripperFunc(func(*http.Request) (*http.Response, error) { return answer, nil })
	origin := originOf(t, "https://api.shop.test")
	req := newRequest(t, "GET", "https://api.shop.test/", nil)
	count := func(a auth.Authenticator) float64 {
		tr := newTransport(t, base, a)
		return testing.AllocsPerRun(200, func() {
			_, err := tr.RoundTrip(req)
			require.NoError(t, err)
		})
	}
	const most = 4.0 // as without tracing: the turn, the header and what this scheme puts into it
	silent, reporting := count(headerAuth{origin, nil}), count(reporter{headerAuth{origin, nil}})
	if silent > most || reporting > silent {
		t.Errorf("got %v allocations, and %v with a string to sign, want at most %v", silent, reporting, most)
	}
}

// A form POST costs few allocations beside those of the request itself. The race
// detector empties sync.Pools at random, so it is not for it.
func TestAllocationsOfAFormPost(t *testing.T) {
	answer := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
	base := roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		return answer, err
	})
	tr := newTransport(t, base, shop(t, "https://api.shop.test", "example"))
	post := func(rt http.RoundTripper) float64 {
		content := form.Encode()
		body := strings.NewReader(content)
		req := newRequest(t, "POST", "https://api.shop.test/v1.0/Invoice/", body)
		return testing.AllocsPerRun(200, func() {
			body.Reset(content)
			_, err := rt.RoundTrip(req)
			require.NoError(t, err)
		})
	}
	const most = 10
	unsigned, signed := post(base), post(tr)
	t.Logf("%v allocations unsigned, %v signed", unsigned, signed)
	if signed-unsigned > most {
		t.Errorf("got %v allocations for a signed form, %v for an unsigned one, want at most %d more", signed, unsigned, most)
	}
}
