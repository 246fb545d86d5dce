package bench

import (
	"fmt"
	"math/bits"
	"net/url"
	"strings"
	"testing"
)

// names are families of parameter names. Within one, all names are of the same
// length, so that the cost of a parameter can be compared.
var names = []struct {
	name string
	of   func(i int) string
}{
	{"ordinary", func(i int) string { return fmt.Sprintf("field%04d", i) }},
	{"list", func(i int) string { return fmt.Sprintf("list[%04d]", i) }},
	{"automatic", func(int) string { return "list[]" }},
	{"basket", func(i int) string {
		return fmt.Sprintf("basket[%03d][%s]", i/2, []string{"quantity", "articleN"}[i%2])
	}},
	{"scattered", func(i int) string { return fmt.Sprintf("group%d[%04d]", i%5, i) }},
	{"prefix", func(i int) string { return strings.Repeat("a", 60) + fmt.Sprintf("%04d", i) }},
	{"deep", func(i int) string { return "deep" + strings.Repeat("[a]", 20) + fmt.Sprintf("[%04d]", i) }},
	{"branches", func(i int) string { return fmt.Sprintf("deep[%04d]", i) + strings.Repeat("[a]", 20) }},
	// Equal under hashes that multiply and add, such as Java's and PHP's.
	{"colliding", func(i int) string {
		name := make([]byte, 0, 20)
		for bit := range 10 {
			name = append(name, []string{"Aa", "BB"}[i>>bit&1]...)
		}
		return string(name)
	}},
	// They differ in one byte out of four positions.
	{"alike", func(i int) string {
		return strings.NewReplacer("0", "a", "1", "b").Replace(fmt.Sprintf("%010b", bits.Reverse16(uint16(i))>>6)) // no integers, which are sorted
	}},
}

// BenchmarkGrowth signs forms, and a JSON object, of more and more parameters.
// PHP takes no more than 1,000 of a form, the signature among them.
func BenchmarkGrowth(b *testing.B) {
	for _, family := range names {
		var benchmarks []benchmark
		for _, n := range []int{10, 100, 999} {
			benchmarks = append(benchmarks, benchmark{fmt.Sprintf("names=%s/body=form/params=%d", family.name, n), func(b *testing.B) {
				var pairs []string
				for i := range n {
					pairs = append(pairs, url.QueryEscape(family.of(i))+"=value")
				}
				benchmarkCore(b, []byte(strings.Join(pairs, "&")), newCore(b).appendForm)
				reportPerParameter(b, n)
			}})
		}
		runInAnyOrder(b, benchmarks)
	}
	var benchmarks []benchmark
	for _, n := range []int{10, 100, 1000} {
		benchmarks = append(benchmarks, benchmark{fmt.Sprintf("names=ordinary/body=json/params=%d", n), func(b *testing.B) {
			var members []string
			for i := range n {
				members = append(members, fmt.Sprintf(`"field%04d":"value"`, i))
			}
			benchmarkCore(b, []byte("{"+strings.Join(members, ",")+"}"), newCore(b).appendJSON)
			reportPerParameter(b, n)
		}})
	}
	runInAnyOrder(b, benchmarks)
}

func reportPerParameter(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/param")
}
