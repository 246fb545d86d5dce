package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// A claim is a line of the table: a target, and how to compute from a round what
// is held against it.
type claim struct {
	what    string
	atLeast bool // the target is the least, not the most
	target  float64
	unit    string
	of      func(r round, procs int) float64
	ofTimes bool // it is a ratio of times, and may be taken of the least ones
}

var claims = slices.Concat(
	[]claim{
		{"core, form / HMAC floor", false, 4, "×", ratio("Core/body=form/impl=countersign", "Core/body=form/impl=hmac"), true},
		{"core, JSON / HMAC floor", false, 7, "×", ratio("Core/body=json/impl=countersign", "Core/body=json/impl=hmac"), true},
		{"core, form: allocations", false, 0, "", allocations("Core/body=form/impl=countersign"), false},
		{"core, JSON: allocations", false, 0, "", allocations("Core/body=json/impl=countersign"), false},
	},
	roundTrip("form", "countersign", 2.5, 10),
	roundTrip("json", "countersign", 3.5, 13),
	roundTrip("get", "countersign", 2, 8),
	roundTrip("rest", "countersign-sha2", 0.7, 4),
	roundTrip("rest", "countersign-sha3", 0.7, 4),
	[]claim{
		{"RoundTrip, rest: SHA3-256 / SHA2-256", false, 1.05, "×", net("rest", "countersign-sha3", "countersign-sha2"), true},
	},
	growth("form", "999", "ordinary", "list", "automatic", "basket", "scattered", "prefix", "deep", "branches", "colliding", "alike"),
	growth("json", "1000", "ordinary"),
	[]claim{
		{"10,000 origins / 1", false, 1.1, "×", ratio("Origins/origins=10000", "Origins/origins=1"), true},
		{"10,000 merchants by context / 1", false, 1.1, "×", ratio("Merchants/merchants=10000", "Merchants/merchants=1"), true},
		{"two goroutines / one, form: throughput", true, 1.8, "×", speedup("request=form/impl=countersign"), false},
		{"two goroutines / one, JSON: throughput", true, 1.8, "×", speedup("request=json/impl=countersign"), false},
		{"two goroutines / one, get: throughput", true, 1.8, "×", speedup("request=get/impl=countersign"), false},
		{"two goroutines / one, rest: throughput", true, 1.8, "×", speedup("request=rest/impl=countersign-sha2"), false},
		{"the same for x/oauth2, form", true, 0, "×", speedup("request=form/impl=oauth2"), false},
		{"the same for HMAC alone", true, 0, "×", speedup("request=none/impl=hmac"), false},
		{"multipart, 256 MiB: signed / unsigned throughput", true, 0.95, "×", value("Upload", "signed/unsigned", 1), false},
	},
	loopback("http1.1"),
	loopback("http2"),
)

// roundTrip compares what implementations of a request cost beside the stub.
func roundTrip(request, impl string, target, allocs float64) []claim {
	what := "RoundTrip, " + request
	if scheme, ok := strings.CutPrefix(impl, "countersign-"); ok {
		what += ", " + scheme
	}
	prefix := "RoundTrip/request=" + request + "/impl="
	lines := []claim{
		{what + " / x/oauth2", false, target, "×", net(request, impl, "oauth2"), true},
		{what + ": allocations", false, allocs, "", func(r round, procs int) float64 {
			return r.at(prefix+impl, procs, "allocs/op") - r.at(prefix+"stub", procs, "allocs/op")
		}, false},
	}
	for _, other := range []string{"aws-v4", "smithy-sigv4", "prometheus-sigv4"} {
		lines = append(lines, claim{what + " / " + other, false, 0.5, "×", net(request, impl, other), true})
	}
	return lines
}

func growth(body, most string, families ...string) []claim {
	var lines []claim
	for _, family := range families {
		prefix := "Growth/names=" + family + "/body=" + body + "/params="
		of := func(r round, procs int) float64 {
			return r.at(prefix+most, procs, "ns/param") / r.at(prefix+"10", procs, "ns/param")
		}
		lines = append(lines, claim{fmt.Sprintf("a parameter of %s / of 10, %s, %s names", most, body, family), false, 1.5, "×", of, true})
	}
	return lines
}

func loopback(proto string) []claim {
	var lines []claim
	for _, request := range []string{"form", "json", "get", "rest"} {
		name := "Loopback/proto=" + proto + "/request=" + request
		lines = append(lines,
			claim{"loopback, " + proto + ", " + request + ": added by signing", false, 5, " µs", value(name, "added-ns", 1e-3), false},
			claim{"the same for x/oauth2", false, 0, " µs", value(name, "oauth2-added-ns", 1e-3), false},
			claim{"loopback, " + proto + ", " + request + ": socket writes / unsigned", false, 1, "×", func(r round, procs int) float64 {
				return r.at(name, procs, "signed-writes") / r.at(name, procs, "unsigned-writes")
			}, false})
	}
	return lines
}

func ratio(a, b string) func(round, int) float64 {
	return func(r round, procs int) float64 { return r.at(a, procs, "ns/op") / r.at(b, procs, "ns/op") }
}

// net is the ratio of what two implementations cost beside the stub.
func net(request, a, b string) func(round, int) float64 {
	prefix := "RoundTrip/request=" + request + "/impl="
	return func(r round, procs int) float64 {
		stub := r.at(prefix+"stub", procs, "ns/op")
		return (r.at(prefix+a, procs, "ns/op") - stub) / (r.at(prefix+b, procs, "ns/op") - stub)
	}
}

func allocations(name string) func(round, int) float64 { return value(name, "allocs/op", 1) }

func value(name, unit string, scale float64) func(round, int) float64 {
	return func(r round, procs int) float64 { return scale * r.at(name, procs, unit) }
}

// speedup is the same with either GOMAXPROCS: it compares the two.
func speedup(name string) func(round, int) float64 {
	return func(r round, _ int) float64 {
		return r.at("Parallel/"+name, 1, "ns/op") / r.at("Parallel/"+name, 2, "ns/op")
	}
}

func printClaims(w io.Writer, rounds []round) {
	least := leastOf(rounds)
	fmt.Fprintln(w, "| case | target | GOMAXPROCS 1 | GOMAXPROCS 2 | least times |\n|---|---|---|---|---|")
	for _, c := range claims {
		target := "-"
		if c.target > 0 || c.unit == "" {
			sign := "≤"
			if c.atLeast {
				sign = "≥"
			}
			target = fmt.Sprintf("%s %v%s", sign, c.target, c.unit)
		}
		fmt.Fprintf(w, "| %s | %s |", c.what, target)
		for procs := 1; procs <= 2; procs++ {
			fmt.Fprintf(w, " %s |", summarize(rounds, c.unit, func(r round) float64 { return c.of(r, procs) }))
		}
		if c.ofTimes {
			fmt.Fprintf(w, " %.2f%s |\n", c.of(least, 1), c.unit)
		} else {
			fmt.Fprintln(w, " |")
		}
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
	fmt.Fprintln(w, "| benchmark, GOMAXPROCS 1 | ns | allocations |\n|---|---|---|")
	var names []string
	for result := range rounds[0].results {
		if result.procs == 1 && result.unit == "ns/op" && (strings.HasPrefix(result.name, "Core/") || strings.HasPrefix(result.name, "RoundTrip/")) {
			names = append(names, result.name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		at := func(unit string) func(round) float64 {
			return func(r round) float64 { return r.at(name, 1, unit) }
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", name, summarize(rounds, " ns", at("ns/op")), summarize(rounds, "", at("allocs/op")))
	}
}

// summarize returns the median over the rounds and, in brackets, the quartiles.
func summarize(rounds []round, unit string, of func(round) float64) string {
	var values []float64
	for _, r := range rounds {
		values = append(values, of(r))
	}
	slices.Sort(values)
	at := func(part float64) float64 { return values[int(part*float64(len(values)-1)+0.5)] }
	switch unit {
	case "":
		return fmt.Sprintf("%.0f", at(0.5))
	case " ns":
		return fmt.Sprintf("%.0f (%.0f to %.0f)", at(0.5), at(0.25), at(0.75))
	}
	return fmt.Sprintf("%.2f%s (%.2f to %.2f)", at(0.5), unit, at(0.25), at(0.75))
}
