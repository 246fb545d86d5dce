//go:build !race

// Under the race detector sync.Pool drops things at random.

package bench

import (
	"net/http"
	"runtime"
	"testing"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/webhook/ipn"
)

// TestCoreAllocations guards what the benchmarks report.
func TestCoreAllocations(t *testing.T) {
	c := newCore(t)
	var wire []byte
	for name, run := range map[string]func() error{
		"form": func() (err error) { wire, err = c.appendForm(wire[:0], []byte(form)); return err },
		"json": func() (err error) { wire, err = c.appendJSON(wire[:0], []byte(document)); return err },
	} {
		n := testing.AllocsPerRun(100, func() {
			if err := run(); err != nil {
				t.Fatal(err)
			}
		})
		if n > 0 {
			t.Errorf("%s: got %v allocations, want none", name, n)
		}
	}
}

// TestRoundTripAllocations guards what Countersign allocates for a request beside
// what the stub does.
func TestRoundTripAllocations(t *testing.T) {
	most := map[string]float64{"form": 7, "json": 7, "get": 4, "rest": 4}
	for _, s := range shapes {
		m := s.newMessage(t, gatewayURL)
		count := func(rt http.RoundTripper) float64 {
			return testing.AllocsPerRun(200, func() { m.send(t, rt) })
		}
		unsigned := count(stub{})
		for _, i := range ours(t, s) {
			signed := count(i.rt) - unsigned
			t.Logf("%s, %s: %v allocations", s.name, i.name, signed)
			if signed > most[s.name] {
				t.Errorf("%s, %s: got %v allocations, want at most %v", s.name, i.name, signed, most[s.name])
			}
		}
	}
}

// TestVerifyAllocations guards what verifying allocates, with the two that give the
// request its body again.
func TestVerifyAllocations(t *testing.T) {
	v := &paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}
	for name, most := range map[string]float64{"form": 8, "json": 8, "get": 2} {
		for _, s := range shapes {
			if s.name != name {
				continue
			}
			a := newArrived(t, s)
			if n := testing.AllocsPerRun(200, func() { a.verify(t, v) }); n > most {
				t.Errorf("%s: got %v allocations, want at most %v", name, n, most)
			}
		}
	}
}

// TestIPNAllocations guards what verifying a notification allocates.
func TestIPNAllocations(t *testing.T) {
	body, key := newIPN(t)
	keys := []auth.SecretSource{auth.NewSecret(key)}
	n := testing.AllocsPerRun(200, func() {
		if _, err := ipn.Verify(t.Context(), body, keys...); err != nil {
			t.Fatal(err)
		}
	})
	if n > 8 {
		t.Errorf("got %v allocations, want at most 8", n)
	}
}

// TestUploadMemory holds that what is allocated for an upload does not grow with
// the file.
func TestUploadMemory(t *testing.T) {
	rt := newCountersign(t, stub{}, newPaylink(t, gatewayURL))
	allocated := func(size int64) int64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		upload(t, rt, gatewayURL, size)
		runtime.ReadMemStats(&after)
		return int64(after.TotalAlloc - before.TotalAlloc)
	}
	allocated(1 << 20)
	small, large := allocated(1<<20), allocated(64<<20)
	t.Logf("%d bytes for 1 MiB, %d for 64 MiB", small, large)
	if large > small+64<<10 {
		t.Errorf("got %d bytes allocated for 64 MiB, %d for 1 MiB", large, small)
	}
}
