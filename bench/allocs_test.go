//go:build !race

// Under the race detector sync.Pool drops things at random.

package bench

import (
	"runtime"
	"runtime/debug"
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

// allocated returns how often and how many bytes f allocates. Both are rounded down,
// since now and then something else allocates.
func allocated(f func()) (allocations, bytes uint64) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it empties pools
	const runs = 1000
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / runs, (after.TotalAlloc - before.TotalAlloc) / runs
}

// TestRoundTripAllocations guards what Countersign allocates for a request beside
// what the stub does.
func TestRoundTripAllocations(t *testing.T) {
	most := map[string]struct{ allocations, bytes uint64 }{"form": {7, 1296}, "json": {7, 1264}, "get": {4, 1088}, "rest": {4, 912}}
	for _, s := range shapes {
		m := s.newMessage(t, gatewayURL)
		stubAllocations, stubBytes := allocated(func() { m.send(t, stub{}) })
		most := most[s.name]
		most.allocations += stubAllocations
		most.bytes += stubBytes
		for _, i := range ours(t, s) {
			allocations, bytes := allocated(func() { m.send(t, i.rt) })
			t.Logf("%s, %s: %d allocations, %d bytes", s.name, i.name, allocations, bytes)
			if allocations > most.allocations || bytes > most.bytes {
				t.Errorf("%s, %s: got %d allocations of %d bytes, want at most %d of %d, with the stub's", s.name, i.name, allocations, bytes, most.allocations, most.bytes)
			}
		}
	}
}

// TestVerifyAllocations guards what verifying allocates, with the two that give the
// request its body again.
func TestVerifyAllocations(t *testing.T) {
	v := &paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}
	for name, most := range map[string]float64{"form": 8, "json": 8, "get": 2} {
		a := newArrived(t, shapeOf(t, name))
		if n := testing.AllocsPerRun(200, func() { a.verify(t, v) }); n > most {
			t.Errorf("%s: got %v allocations, want at most %v", name, n, most)
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
	uploaded := func(size int64) int64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		upload(t, rt, gatewayURL, size)
		runtime.ReadMemStats(&after)
		return int64(after.TotalAlloc - before.TotalAlloc)
	}
	uploaded(1 << 20)
	small, large := uploaded(1<<20), uploaded(64<<20)
	t.Logf("%d bytes for 1 MiB, %d for 64 MiB", small, large)
	if large > small+64<<10 {
		t.Errorf("got %d bytes allocated for 64 MiB, %d for 1 MiB", large, small)
	}
}
