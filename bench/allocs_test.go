//go:build !race

// Under the race detector sync.Pool drops things at random.

package bench

import (
	"net/http"
	"runtime"
	"testing"
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
	most := map[string]float64{"form": 16, "json": 16, "get": 8, "rest": 4}
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
