//go:build !race

package paylinkhmac_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestAllocations guards the cost of signing. Under the race detector sync.Pool
// drops things at random.
func TestAllocations(t *testing.T) {
	a := example(t)
	req := newRequest(t, "GET", path, "")
	assert.LessOrEqual(t, testing.AllocsPerRun(200, func() {
		req.URL.RawQuery = "limit=2&offset=30"
		if err := a.Authenticate(req, nil); err != nil {
			t.Fatal(err)
		}
	}), 2.0, "the query is built and made a string")
}
