//go:build !race

package paylinkhmac_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

// allocations counts those of signing a request with the query.
func allocations(t *testing.T, instance, query string) float64 {
	a := newAuthenticator(t, paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: instance, Secret: auth.NewSecret(secret)})
	req := newRequest(t, http.MethodGet, path, "")
	return testing.AllocsPerRun(200, func() {
		req.URL.RawQuery = query
		if err := a.Authenticate(req, nil); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAllocations guards the cost of signing. Under the race detector sync.Pool
// drops things at random.
func TestAllocations(t *testing.T) {
	for name, c := range map[string]struct{ instance, query string }{
		"a usual query":   {"example", "limit=2&offset=30"},
		"a long instance": {strings.Repeat("i", 300), "limit=2&offset=30"},
		"many spaces":     {"example", "title=" + strings.Repeat("+", 1000)},
	} {
		assert.LessOrEqual(t, allocations(t, c.instance, c.query), 1.0, "%s: the query, a string", name)
	}
}

// A form that is as long as most are is written into room that is used again: what is
// allocated is its copy, and what a request with a body is made of.
func TestAllocationsOfForms(t *testing.T) {
	a, req := example(t), newRequest(t, http.MethodPost, path, "")
	const form = "title=Abo&amount=200&currency=EUR&fields[forename][value]=J%C3%BCrg"
	allocs := testing.AllocsPerRun(200, func() {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
		req.Header["Content-Type"] = []string{formType}
		req.URL.RawQuery = ""
		if err := a.Authenticate(req, nil); err != nil {
			t.Fatal(err)
		}
	})
	assert.LessOrEqual(t, allocs, 7.0)
}

// What one long request has needed is not kept until the garbage collector comes.
func TestLongRequestsLeaveNoBuffersBehind(t *testing.T) {
	for name, query := range map[string]string{
		"long when read":   "title=" + strings.Repeat("a", 100_000),
		"long when signed": "title=" + strings.Repeat("ü", 12_000), // 24,000 bytes, and 72,000 to sign
	} {
		assert.Greater(t, allocations(t, "example", query), 2.0, name)
	}
}
