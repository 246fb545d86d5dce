package main

import (
	"strings"
	"testing"
)

func TestReadRound(t *testing.T) {
	r, err := readRound(strings.NewReader(`goos: linux
cpu: A Processor
BenchmarkCore/body=form/impl=hmac           	  275245	       430.6 ns/op	       0 B/op	       3 allocs/op
BenchmarkCore/body=form/impl=hmac-2         	  275245	       215.3 ns/op	       0 B/op	       0 allocs/op
BenchmarkLoopback/proto=http2/request=get 	       9	      -120 added-ns	         1.005 signed-writes
PASS
`))
	if err != nil {
		t.Fatal(err)
	}
	if r.cpu != "A Processor" {
		t.Errorf("got the processor %q", r.cpu)
	}
	for want, got := range map[float64]float64{
		430.6: r.at("Core/body=form/impl=hmac", 1, "ns/op"),
		215.3: r.at("Core/body=form/impl=hmac", 2, "ns/op"),
		3:     r.at("Core/body=form/impl=hmac", 1, "allocs/op"),
		-120:  r.at("Loopback/proto=http2/request=get", 1, "added-ns"),
		1.005: r.at("Loopback/proto=http2/request=get", 1, "signed-writes"),
	} {
		if got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if _, err := readRound(strings.NewReader("BenchmarkUpload 1 many ns/op\n")); err == nil {
		t.Error("a number that is none is accepted")
	}
}

func TestSummaryIsMedianAndQuartiles(t *testing.T) {
	var rounds []round
	for _, v := range []float64{5, 1, 4, 2, 3} {
		rounds = append(rounds, round{results: map[result]float64{{"X", 1, "ns/op"}: v}})
	}
	got := summarize(rounds, "×", func(r round) float64 { return r.at("X", 1, "ns/op") })
	if want := "3.00× (2.00 to 4.00)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLeastIsOfEachResult(t *testing.T) {
	a, b := result{"A", 1, "ns/op"}, result{"B", 1, "ns/op"}
	least := leastOf([]round{{results: map[result]float64{a: 6, b: 1}}, {results: map[result]float64{a: 4, b: 2}}})
	if got := ratio("A", "B")(least, 1); got != 4 {
		t.Errorf("got %v, want 4", got)
	}
}
