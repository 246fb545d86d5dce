package bench

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
)

// isGateway is set for a process that is a gateway and runs no test.
const isGateway = "COUNTERSIGN_BENCH_GATEWAY"

func TestMain(m *testing.M) {
	if os.Getenv(isGateway) != "" {
		serve()
		return
	}
	os.Exit(m.Run())
}

// serve prints its URL and serves on loopback until standard input is closed, as it
// is when the client ends, however it does.
func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, http.HandlerFunc(answer))
	fmt.Printf("http://%s\n", listener.Addr())
	io.Copy(io.Discard, os.Stdin)
}

// startGateway starts a gateway in a process of its own, so that what this process
// spends is the client's.
func startGateway(tb testing.TB) (origin string) {
	gateway := exec.Command(os.Args[0])
	gateway.Env = append(os.Environ(), isGateway+"=1")
	gateway.Stderr = os.Stderr
	stdin, err := gateway.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := gateway.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := gateway.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		stdin.Close()
		gateway.Wait()
	})
	origin, err = bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(origin)
}

// cpuTime is what this process has spent, in user mode and in the kernel.
func cpuTime(tb testing.TB) time.Duration {
	var spent syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &spent); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(spent.Utime.Nano() + spent.Stime.Nano())
}

// warmUp is how often something is done before it is measured, unless maxWarmUp has
// passed: buffers grow, pools fill, and the processor has met the code.
const (
	warmUp    = 200
	maxWarmUp = 5 * time.Millisecond
)

// A short window is to hold neither a collection nor the kernel's first giving of a
// page: which of those that are compared they meet would be chance.
const (
	touched   = 8 << 20 // bytes, more than is allocated in some milliseconds
	gcPercent = 1600    // a collection after 64 MB, in place of 4
)

// measure reports what f costs, its CPU too. Neither the warm-up nor what b's timer
// spends on statistics of the memory is in it, which b.Loop would not keep apart.
func measure(b *testing.B, f func()) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	memory := make([]byte, touched)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	memory = nil
	runtime.GC()
	start := time.Now()
	for i := 0; i == 0 || i < warmUp && time.Since(start) < maxWarmUp; i++ {
		f()
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime(b)
	for range b.N {
		f()
	}
	spent := cpuTime(b) - before
	b.StopTimer()
	b.ReportMetric(float64(spent)/float64(b.N), "cpu-ns")
}

// A benchmark is one of several that are compared.
type benchmark struct {
	name string
	run  func(b *testing.B)
}

// runInAnyOrder runs benchmarks in an order that is drawn, so that in many processes
// none gains from what ran before it.
func runInAnyOrder(b *testing.B, benchmarks []benchmark) {
	for _, i := range rand.Perm(len(benchmarks)) {
		b.Run(benchmarks[i].name, benchmarks[i].run)
	}
}

// BenchmarkClient sends each request to a gateway in another process, unsigned and
// in every other way, each on a connection of its own. What it reports of a way is
// the client's CPU over that of the unsigned requests. The ways take many short turns
// in an order that is drawn, every other time in reverse, so that what changes
// meanwhile weighs on all. The control is unsigned too.
func BenchmarkClient(b *testing.B) {
	const turn, turns = 50, 20 // requests, turns of each way in an iteration
	origin := startGateway(b)
	for _, s := range shapes {
		b.Run("request="+s.name, func(b *testing.B) {
			var a auth.Authenticator = newPaylink(b, origin)
			if s.name == "rest" {
				a = newAvangate(b, origin, avangate.SHA2_256)
			}
			ways := []struct {
				name string
				wrap func(http.RoundTripper) http.RoundTripper
			}{
				{"unsigned", func(base http.RoundTripper) http.RoundTripper { return base }},
				{"control", func(base http.RoundTripper) http.RoundTripper { return base }},
				{"oauth2", newOAuth2},
				{"least", newLeastSigner},
				{"signed", func(base http.RoundTripper) http.RoundTripper { return newCountersign(b, base, a) }},
			}
			m := s.newMessage(b, origin)
			sides := make([]*side, len(ways))
			for i, way := range ways {
				base := http.DefaultTransport.(*http.Transport).Clone()
				b.Cleanup(base.CloseIdleConnections)
				sides[i] = &side{rt: way.wrap(base)}
				for range 5 * turn {
					sides[i].roundTrip(b, m)
				}
			}
			spent := make([]time.Duration, len(ways))
			order := rand.Perm(len(ways))
			requests := 0
			for b.Loop() {
				for range turns {
					for _, way := range order {
						before := cpuTime(b)
						for range turn {
							sides[way].roundTrip(b, m)
						}
						spent[way] += cpuTime(b) - before
					}
					slices.Reverse(order)
					requests += turn
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(spent[0].Nanoseconds())/float64(requests), "cpu-ns")
			for i, way := range ways[1:] {
				b.ReportMetric(float64(spent[1+i])/float64(spent[0]), way.name+"/unsigned")
			}
		})
	}
}
