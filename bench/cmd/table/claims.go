package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// maxNoise is how far the control, unsigned requests over unsigned ones, may be from
// 1 in a run whose ratios mean something.
const maxNoise = 0.03

// requests are those that a user sends, and what the client's CPU is held against.
var requests = []struct{ name, impl, beside string }{
	{"form", "countersign", "least"},
	{"json", "countersign", "least"},
	{"get", "countersign", "oauth2"},
	{"rest", "countersign-sha2", "oauth2"},
}

// printCosts prints what a user pays. It reports false if the run is too noisy.
func printCosts(w io.Writer, rounds []round) bool {
	quiet := true
	var controls []string
	fmt.Fprintln(w, "| request | client CPU | least that signs | x/oauth2 | above | target | allocations | bytes |\n|---|---|---|---|---|---|---|---|")
	for _, r := range requests {
		client := "Client/request=" + r.name
		over := func(way string) func(round) float64 { return value(client, way+"/unsigned", 1) }
		above := func(round round) float64 { return over("signed")(round) - over(r.beside)(round) }
		least, names := "-", map[string]string{"least": "the least", "oauth2": "x/oauth2"}
		if r.name != "rest" {
			least = summarize(rounds, "×", over("least"))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | ≤ 0.03 above %s | %s | %s |\n", r.name,
			summarize(rounds, "×", over("signed")), least, summarize(rounds, "×", over("oauth2")),
			summarize(rounds, "×", above), names[r.beside],
			summarize(rounds, "", besideStub(r.name, r.impl, "allocs/op")), summarize(rounds, "", besideStub(r.name, r.impl, "B/op")))
		control := medianOf(rounds, over("control"))
		quiet = quiet && math.Abs(control-1) <= maxNoise
		controls = append(controls, fmt.Sprintf("%s %s", r.name, summarize(rounds, "×", over("control"))))
	}
	fmt.Fprintf(w, "\nControl: %s.\n", strings.Join(controls, ", "))
	if !quiet {
		fmt.Fprintf(w, "Too noisy: a control is more than %v from 1, and the ratios above mean nothing.\n", maxNoise)
	}
	fmt.Fprintln(w, "\n| least CPU | / floor | target |\n|---|---|---|")
	least := leastOf(rounds)
	for _, c := range floors {
		fmt.Fprintf(w, "| %s | %.2f× | ≤ %v× |\n", c.what, c.of(least), c.target)
	}
	return quiet
}

// floors are ratios of the least CPU of all rounds.
var floors = []struct {
	what   string
	target float64
	of     func(round) float64
}{
	{"core, form / HMAC", 3, ratio("Core/body=form/impl=countersign", "Core/body=form/impl=hmac", "cpu-ns")},
	{"core, JSON / HMAC", 4, ratio("Core/body=json/impl=countersign", "Core/body=json/impl=hmac", "cpu-ns")},
	{"RoundTrip, form / copy and HMAC", 2.5, net("form", "countersign", "floor", "cpu-ns")},
	{"RoundTrip, JSON / copy and HMAC", 3, net("json", "countersign", "floor", "cpu-ns")},
	{"RoundTrip, GET / copy and HMAC", 2, net("get", "countersign", "floor", "cpu-ns")},
	{"Verify, form / copy and HMAC", 3, verify("form")},
	{"Verify, JSON / copy and HMAC", 3, verify("json")},
	{"Verify, GET / copy and HMAC", 3, verify("get")},
	{"ipn.Verify, 110 fields / HMAC over the body", 4, ratio("IPN/impl=countersign", "IPN/impl=hmac", "cpu-ns")},
}

// A claim is a line of the long table: a target, and how to compute from a round what
// is held against it.
type claim struct {
	what    string
	atLeast bool // the target is the least, not the most
	target  float64
	of      func(r round) float64
	ofTimes bool // it is a ratio of times, and may be taken of the least ones
}

var claims = slices.Concat(
	roundTrip("form", "countersign", 2.5),
	roundTrip("json", "countersign", 3.5),
	roundTrip("get", "countersign", 2),
	roundTrip("rest", "countersign-sha2", 0.7),
	[]claim{
		{"RoundTrip, rest: SHA3-256 / SHA2-256", false, 1.05, net("rest", "countersign-sha3", "countersign-sha2", "ns/op"), true},
	},
	growth("form", "999", "ordinary", "list", "automatic", "basket", "scattered", "prefix", "deep", "branches", "colliding", "alike"),
	growth("json", "1000", "ordinary"),
	[]claim{
		{"10,000 origins / 1", false, 1.1, ratio("Origins/origins=10000", "Origins/origins=1", "ns/op"), true},
		{"10,000 merchants by context / 1", false, 1.1, ratio("Merchants/merchants=10000", "Merchants/merchants=1", "ns/op"), true},
		{"two goroutines / one, form: throughput", true, 1.8, speedup("request=form/impl=countersign"), false},
		{"two goroutines / one, JSON: throughput", true, 1.8, speedup("request=json/impl=countersign"), false},
		{"two goroutines / one, get: throughput", true, 1.8, speedup("request=get/impl=countersign"), false},
		{"two goroutines / one, rest: throughput", true, 1.8, speedup("request=rest/impl=countersign-sha2"), false},
		{"the same for x/oauth2, form", true, 0, speedup("request=form/impl=oauth2"), false},
		{"the same for HMAC alone", true, 0, speedup("request=none/impl=hmac"), false},
		{"multipart, 256 MiB: signed / unsigned throughput", true, 0.95, value("Upload", "signed/unsigned", 1), false},
	},
)

// roundTrip compares what implementations of a request cost beside the stub.
func roundTrip(request, impl string, target float64) []claim {
	what := "RoundTrip, " + request
	return []claim{
		{what + " / x/oauth2", false, target, net(request, impl, "oauth2", "ns/op"), true},
		{what + " / aws-v4", false, 0.5, net(request, impl, "aws-v4", "ns/op"), true},
	}
}

func growth(body, most string, families ...string) []claim {
	var lines []claim
	for _, family := range families {
		prefix := "Growth/names=" + family + "/body=" + body + "/params="
		lines = append(lines, claim{fmt.Sprintf("a parameter of %s / of 10, %s, %s names", most, body, family), false, 1.5, ratio(prefix+most, prefix+"10", "ns/param"), true})
	}
	return lines
}

func ratio(a, b, unit string) func(round) float64 {
	return func(r round) float64 { return r.at(a, 1, unit) / r.at(b, 1, unit) }
}

// besideStub is what an implementation costs beside the stub.
func besideStub(request, impl, unit string) func(round) float64 {
	prefix := "RoundTrip/request=" + request + "/impl="
	return func(r round) float64 { return r.at(prefix+impl, 1, unit) - r.at(prefix+"stub", 1, unit) }
}

// net is the ratio of what two implementations cost beside the stub.
func net(request, a, b, unit string) func(round) float64 {
	over, under := besideStub(request, a, unit), besideStub(request, b, unit)
	return func(r round) float64 { return over(r) / under(r) }
}

// verify is what it costs to verify a request over the floor of signing it.
func verify(request string) func(round) float64 {
	floor := besideStub(request, "floor", "cpu-ns")
	return func(r round) float64 {
		return r.at("Verify/request="+request+"/impl=countersign", 1, "cpu-ns") / floor(r)
	}
}

func value(name, unit string, scale float64) func(round) float64 {
	return func(r round) float64 { return scale * r.at(name, 1, unit) }
}

func speedup(name string) func(round) float64 {
	return func(r round) float64 {
		return r.at("Parallel/"+name, 1, "ns/op") / r.at("Parallel/"+name, 2, "ns/op")
	}
}

func printClaims(w io.Writer, rounds []round) {
	least := leastOf(rounds)
	fmt.Fprintln(w, "| case | target | median | least times |\n|---|---|---|---|")
	for _, c := range claims {
		target := "-"
		if c.target > 0 {
			sign := "≤"
			if c.atLeast {
				sign = "≥"
			}
			target = fmt.Sprintf("%s %v×", sign, c.target)
		}
		ofLeast := ""
		if c.ofTimes {
			ofLeast = fmt.Sprintf("%.2f×", c.of(least))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", c.what, target, summarize(rounds, "×", c.of), ofLeast)
	}
}

// leastOf returns a round of the least that each result was. What a neighbour on
// the same processor does to a time is not in it.
func leastOf(rounds []round) round {
	least := round{results: maps.Clone(rounds[0].results)}
	for _, r := range rounds {
		for name, value := range r.results {
			least.results[name] = min(least.results[name], value)
		}
	}
	return least
}

// printField prints the times themselves, which mean something beside each other
// only.
func printField(w io.Writer, rounds []round) {
	fmt.Fprintln(w, "| benchmark | ns | least CPU, ns | allocations |\n|---|---|---|---|")
	least := leastOf(rounds)
	var names []string
	for result := range least.results {
		if result.procs == 1 && result.unit == "cpu-ns" && !strings.HasPrefix(result.name, "Client/") && !strings.HasPrefix(result.name, "Growth/") {
			names = append(names, result.name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(w, "| %s | %s | %.0f | %s |\n", name, summarize(rounds, " ns", value(name, "ns/op", 1)),
			least.at(name, 1, "cpu-ns"), summarize(rounds, "", value(name, "allocs/op", 1)))
	}
}

func sorted(rounds []round, of func(round) float64) []float64 {
	var values []float64
	for _, r := range rounds {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values
}

func medianOf(rounds []round, of func(round) float64) float64 {
	values := sorted(rounds, of)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// leastRounds is how many rounds an interval takes: of five values, the median is
// between the least and the most with a probability of 94 percent only.
const leastRounds = 6

// interval returns the index of the lower end, in n sorted values, of the interval in
// which the median is with a probability of at least 95 percent, whatever the
// distribution; the upper end is as far from the last. It is the innermost such pair.
// If n is less than leastRounds there is none, and it returns -1.
func interval(n int) int {
	logFactorial := func(k int) float64 {
		log, _ := math.Lgamma(float64(k + 1))
		return log
	}
	// below is the probability that at most low of n values are below the median.
	low, below := -1, 0.0
	for {
		k := low + 1
		below += math.Exp(logFactorial(n) - logFactorial(k) - logFactorial(n-k) - float64(n)*math.Ln2)
		if below > 0.05/2 {
			return low
		}
		low = k
	}
}

// summarize returns the median over the rounds and, in brackets, its interval. There
// must be leastRounds of them.
func summarize(rounds []round, unit string, of func(round) float64) string {
	values, median := sorted(rounds, of), medianOf(rounds, of)
	low := interval(len(values))
	from, to := values[low], values[len(values)-1-low]
	switch unit {
	case "":
		return fmt.Sprintf("%.0f", median)
	case " ns":
		return fmt.Sprintf("%.0f (%.0f to %.0f)", median, from, to)
	}
	return fmt.Sprintf("%.2f%s (%.2f to %.2f)", median, unit, from, to)
}
