package bench

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/transport"
)

// ours returns the implementations of this module that send s.
func ours(tb testing.TB, s shape) []impl {
	if s.name == "rest" {
		return []impl{
			{"countersign-sha2", newCountersign(tb, stub{}, newAvangate(tb, gatewayURL, avangate.SHA2_256))},
			{"countersign-sha3", newCountersign(tb, stub{}, newAvangate(tb, gatewayURL, avangate.SHA3_256))},
		}
	}
	return []impl{{"countersign", newCountersign(tb, stub{}, newPaylink(tb, gatewayURL))}}
}

// BenchmarkRoundTrip sends the same request over the same stub, which is among
// the implementations: what an implementation costs is the difference.
func BenchmarkRoundTrip(b *testing.B) {
	for _, s := range shapes {
		var benchmarks []benchmark
		for _, i := range append(field(s), ours(b, s)...) {
			benchmarks = append(benchmarks, benchmark{"request=" + s.name + "/impl=" + i.name, func(b *testing.B) {
				m := s.newMessage(b, gatewayURL)
				measure(b, func() { m.send(b, i.rt) })
			}})
		}
		runInAnyOrder(b, benchmarks)
	}
}

// sent is how many requests are sent in turn, to different accounts where there
// are many: enough to be different, and too few to measure the memory.
const sent = 16

// BenchmarkOrigins sends requests through one Transport that serves many origins.
func BenchmarkOrigins(b *testing.B) {
	var benchmarks []benchmark
	for _, n := range []int{1, 100, 10000} {
		benchmarks = append(benchmarks, benchmark{fmt.Sprintf("origins=%d", n), func(b *testing.B) {
			var authenticators []auth.Authenticator
			var messages []*message
			origin := func(i int) string { return fmt.Sprintf("https://api%05d.shop.test", i) }
			for i := range n {
				authenticators = append(authenticators, newAvangate(b, origin(i), avangate.SHA2_256))
			}
			for i := range sent {
				messages = append(messages, shapes[3].newMessage(b, origin(i*n/sent)))
			}
			rt, err := transport.New(stub{}, authenticators...)
			if err != nil {
				b.Fatal(err)
			}
			sendInTurn(b, rt, messages)
		}})
	}
	runInAnyOrder(b, benchmarks)
}

// BenchmarkMerchants sends requests to one origin, each for the merchant that its
// context names.
func BenchmarkMerchants(b *testing.B) {
	var benchmarks []benchmark
	for _, n := range []int{1, 100, 10000} {
		benchmarks = append(benchmarks, benchmark{fmt.Sprintf("merchants=%d", n), func(b *testing.B) {
			var messages []*message
			merchants := make([]auth.Authenticator, n)
			for i := range merchants {
				merchants[i] = newAvangate(b, gatewayURL, avangate.SHA2_256)
			}
			for i := range sent {
				m := shapes[3].newMessage(b, gatewayURL)
				m.Request = m.WithContext(auth.WithAuthenticator(context.Background(), merchants[i*n/sent]))
				messages = append(messages, m)
			}
			sendInTurn(b, newCountersign(b, stub{}, auth.NewPerRequest(merchants[0].Origins()...)), messages)
		}})
	}
	runInAnyOrder(b, benchmarks)
}

func sendInTurn(b *testing.B, rt http.RoundTripper, messages []*message) {
	i := 0
	measure(b, func() {
		messages[i%len(messages)].send(b, rt)
		i++
	})
}

// BenchmarkParallel sends requests from one goroutine a processor, through one
// Transport. What the machine itself gains from a second processor is shown by
// the HMAC, which shares nothing, and by x/oauth2.
func BenchmarkParallel(b *testing.B) {
	b.Run("request=none/impl=hmac", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			f := newFloor()
			var signature []byte
			for pb.Next() {
				signature = f.appendSignature(signature[:0], []byte(form))
			}
		})
	})
	for _, s := range shapes {
		for _, i := range append([]impl{{"oauth2", newOAuth2(stub{})}}, ours(b, s)...) {
			b.Run("request="+s.name+"/impl="+i.name, func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					m := s.newMessage(b, gatewayURL)
					for pb.Next() {
						m.send(b, i.rt)
					}
				})
			})
		}
	}
}
