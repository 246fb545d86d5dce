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
BenchmarkClient/request=get 	       9	         1.005 control/unsigned	     28000 cpu-ns
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
		28000: r.at("Client/request=get", 1, "cpu-ns"),
		1.005: r.at("Client/request=get", 1, "control/unsigned"),
	} {
		if got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if _, err := readRound(strings.NewReader("BenchmarkUpload 1 many ns/op\n")); err == nil {
		t.Error("a number that is none is accepted")
	}
}

func TestSummaryIsMedianAndItsInterval(t *testing.T) {
	var rounds []round
	for i := range 25 {
		rounds = append(rounds, round{results: map[result]float64{{"X", 1, "ns/op"}: float64((7 * i) % 25)}})
	}
	got := summarize(rounds, "×", value("X", "ns/op", 1))
	if want := "12.00× (7.00 to 17.00)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A control that is off says that the run means nothing.
func TestNoiseIsSaid(t *testing.T) {
	for control, want := range map[float64]bool{1: true, 0.98: true, 0.96: false, 1.04: false} {
		r := round{results: make(map[result]float64)}
		set := func(name, unit string, value float64) { r.results[result{name, 1, unit}] = value }
		for _, q := range requests {
			for _, way := range []string{"control", "least", "oauth2", "signed"} {
				set("Client/request="+q.name, way+"/unsigned", control)
			}
			for _, impl := range []string{q.impl, "stub", "floor"} {
				for _, unit := range []string{"allocs/op", "B/op", "cpu-ns"} {
					set("RoundTrip/request="+q.name+"/impl="+impl, unit, 1)
				}
			}
			set("Verify/request="+q.name+"/impl=countersign", "cpu-ns", 1)
			for _, impl := range []string{"hmac", "countersign"} {
				set("Core/body="+q.name+"/impl="+impl, "cpu-ns", 1)
				set("IPN/impl="+impl, "cpu-ns", 1)
			}
		}
		var out strings.Builder
		if got := printCosts(&out, []round{r}); got != want || strings.Contains(out.String(), "Too noisy") == want {
			t.Errorf("control %v: quiet is %v, want %v, in\n%s", control, got, want, out.String())
		}
	}
}

func TestLeastIsOfEachResult(t *testing.T) {
	a, b := result{"A", 1, "ns/op"}, result{"B", 1, "ns/op"}
	least := leastOf([]round{{results: map[result]float64{a: 6, b: 1}}, {results: map[result]float64{a: 4, b: 2}}})
	if got := ratio("A", "B", "ns/op")(least); got != 4 {
		t.Errorf("got %v, want 4", got)
	}
}
