package main

import (
	"slices"
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

func TestIntervalHoldsTheMedian(t *testing.T) {
	for _, c := range []struct{ rounds, low int }{
		{leastRounds - 1, -1},
		{leastRounds, 0},
		{25, 7},  // 95.7 percent; 89.2 with the next pair
		{50, 17}, // 96.7 percent; 93.5
		{75, 28}, // 96.3 percent; 93.6
		{2000, 955},
	} {
		if got := interval(c.rounds); got != c.low {
			t.Errorf("%d rounds: got %d, want %d", c.rounds, got, c.low)
		}
	}
}

func TestSummaryIsMedianAndItsInterval(t *testing.T) {
	for rounds, want := range map[int]string{
		25: "12.00× (7.00 to 17.00)",
		50: "24.50× (17.00 to 32.00)",
		75: "37.00× (28.00 to 46.00)",
	} {
		var measured []round
		for i := range rounds {
			measured = append(measured, round{results: map[result]float64{{"X", 1, "ns/op"}: float64((7 * i) % rounds)}})
		}
		if got := summarize(measured, "×", value("X", "ns/op", 1)); got != want {
			t.Errorf("%d rounds: got %q, want %q", rounds, got, want)
		}
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
		if got := printCosts(&out, slices.Repeat([]round{r}, leastRounds)); got != want || strings.Contains(out.String(), "Too noisy") == want {
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
