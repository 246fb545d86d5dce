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

// newRound returns a round in which all controls are 1.
func newRound() round {
	r := round{results: make(map[result]float64)}
	set := func(name, unit string, value float64) { r.results[result{name, 1, unit}] = value }
	for i, q := range requests {
		n := float64(i)
		client := "Client/request=" + q.name
		set(client, "control/unsigned", 1)
		set(client, "least/unsigned", 1.1+n/100)
		set(client, "oauth2/unsigned", 1.05)
		set(client, "signed/unsigned", 1.3-n/100)
		for impl, cost := range map[string]float64{"stub": 0, "floor": 600, q.impl: 1200 + 300*n} {
			set("RoundTrip/request="+q.name+"/impl="+impl, "cpu-ns", 100+cost)
		}
		for unit, added := range map[string]float64{"allocs/op": 7 - n, "B/op": 1200 - n} {
			set("RoundTrip/request="+q.name+"/impl=stub", unit, 5)
			set("RoundTrip/request="+q.name+"/impl="+q.impl, unit, 5+added)
		}
		set("Verify/request="+q.name+"/impl=countersign", "cpu-ns", 660+60*n)
		set("Core/body="+q.name+"/impl=hmac", "cpu-ns", 300)
		set("Core/body="+q.name+"/impl=countersign", "cpu-ns", 990+300*n)
	}
	set("IPN/impl=hmac", "cpu-ns", 2000)
	set("IPN/impl=countersign", "cpu-ns", 15000)
	return r
}

func TestCosts(t *testing.T) {
	var out strings.Builder
	if !printCosts(&out, slices.Repeat([]round{newRound()}, leastRounds)) {
		t.Error("a quiet run is said to be noisy")
	}
	const want = `| request | client CPU | least that signs | x/oauth2 | above | target | allocations | bytes |
|---|---|---|---|---|---|---|---|
| form | 1.30× (1.30 to 1.30) | 1.10× (1.10 to 1.10) | 1.05× (1.05 to 1.05) | 0.20× (0.20 to 0.20) | ≤ 0.03 above the least | 7 | 1200 |
| json | 1.29× (1.29 to 1.29) | 1.11× (1.11 to 1.11) | 1.05× (1.05 to 1.05) | 0.18× (0.18 to 0.18) | ≤ 0.03 above the least | 6 | 1199 |
| get | 1.28× (1.28 to 1.28) | 1.12× (1.12 to 1.12) | 1.05× (1.05 to 1.05) | 0.23× (0.23 to 0.23) | ≤ 0.03 above x/oauth2 | 5 | 1198 |
| rest | 1.27× (1.27 to 1.27) | - | 1.05× (1.05 to 1.05) | 0.22× (0.22 to 0.22) | ≤ 0.03 above x/oauth2 | 4 | 1197 |

Control: form 1.00× (1.00 to 1.00), json 1.00× (1.00 to 1.00), get 1.00× (1.00 to 1.00), rest 1.00× (1.00 to 1.00).

| least CPU | / floor | target |
|---|---|---|
| core, form / HMAC | 3.30× | ≤ 3× |
| core, JSON / HMAC | 4.30× | ≤ 4× |
| RoundTrip, form / copy and HMAC | 2.00× | ≤ 2.5× |
| RoundTrip, JSON / copy and HMAC | 2.50× | ≤ 3× |
| RoundTrip, GET / copy and HMAC | 3.00× | ≤ 2× |
| Verify, form / copy and HMAC | 1.10× | ≤ 3× |
| Verify, JSON / copy and HMAC | 1.20× | ≤ 3× |
| Verify, GET / copy and HMAC | 1.30× | ≤ 3× |
| ipn.Verify, 110 fields / HMAC over the body | 7.50× | ≤ 4× |
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// One control that is off says that the run means nothing.
func TestNoiseIsSaid(t *testing.T) {
	for _, q := range requests {
		for control, want := range map[float64]bool{1.02: true, 0.98: true, 0.96: false, 1.04: false} {
			r := newRound()
			r.results[result{"Client/request=" + q.name, 1, "control/unsigned"}] = control
			var out strings.Builder
			if got := printCosts(&out, slices.Repeat([]round{r}, leastRounds)); got != want || strings.Contains(out.String(), "Too noisy") == want {
				t.Errorf("control of %s %v: quiet is %v, want %v, in\n%s", q.name, control, got, want, out.String())
			}
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
