// Command table runs the benchmarks of this module in rounds and prints what a
// signed request costs: the short table of docs/performance.md, and with -all the
// long ones behind it. Run it in the module's directory, on a machine that does
// nothing else:
//
//	go run ./cmd/table -all >tables.md 2>rounds.txt
//
// Standard error gets what the benchmarks print, which benchstat reads. A ratio
// is taken within a round, and the median over the rounds is what counts: what else
// the machine does then weighs on both sides, if not the same on both. It fails if the
// control shows that the method favours one of two things that are the same.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("table: ")
	rounds := flag.Int("rounds", 25, "how often each benchmark runs")
	benchtime := flag.String("benchtime", "2ms", "for how long, each time")
	all := flag.Bool("all", false, "run all benchmarks, and print the long tables too")
	flag.Parse()
	if flag.NArg() > 0 {
		usageError("unexpected argument %q", flag.Arg(0))
	}
	if *rounds < leastRounds {
		usageError("-rounds %d: fewer than %d give no interval of 95 percent", *rounds, leastRounds)
	}
	if err := run(os.Stdout, *rounds, *benchtime, *all); err != nil {
		log.Fatal(err)
	}
}

func usageError(format string, args ...any) {
	log.Printf(format, args...)
	flag.Usage()
	os.Exit(2)
}

func run(w io.Writer, rounds int, benchtime string, all bool) error {
	dir, err := os.MkdirTemp("", "table")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "bench.test")
	build := exec.Command("go", "test", "-c", "-o", program, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the benchmarks: %w", err)
	}
	which := "^Benchmark(Client|Core|RoundTrip|Verify|IPN)$"
	if all {
		which = "."
	}
	var measured []round
	for range rounds {
		var out bytes.Buffer
		if err := runBenchmarks(&out, program, which, 1, benchtime); err != nil {
			return err
		}
		if all {
			if err := runBenchmarks(&out, program, "^BenchmarkParallel$", 2, benchtime); err != nil {
				return err
			}
		}
		r, err := readRound(&out)
		if err != nil {
			return err
		}
		measured = append(measured, r)
	}
	fmt.Fprintf(w, "%d rounds of %s a benchmark; %s, %d processors, %s/%s, %s.\n\n",
		rounds, benchtime, measured[0].cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	quiet := printCosts(w, measured)
	if all {
		fmt.Fprintln(w)
		printClaims(w, measured)
		fmt.Fprintln(w)
		printField(w, measured)
	}
	if !quiet {
		return errors.New("too noisy: run it again on a machine that does nothing else")
	}
	return nil
}

// runBenchmarks runs some of the benchmarks with a GOMAXPROCS.
func runBenchmarks(out io.Writer, program, which string, procs int, benchtime string) error {
	bench := exec.Command(program, "-test.run=^$", "-test.bench="+which, "-test.benchmem", "-test.cpu="+strconv.Itoa(procs), "-test.benchtime="+benchtime)
	bench.Stdout = io.MultiWriter(out, os.Stderr)
	bench.Stderr = os.Stderr
	if err := bench.Run(); err != nil {
		return fmt.Errorf("running the benchmarks: %w", err)
	}
	return nil
}

// A round is what one run of all benchmarks measured.
type round struct {
	cpu     string
	results map[result]float64
}

// A result is named by the benchmark, without "Benchmark" and GOMAXPROCS, and the
// unit of one of its numbers.
type result struct {
	name  string
	procs int
	unit  string
}

// readRound reads what package testing prints.
func readRound(r io.Reader) (round, error) {
	read := round{results: make(map[result]float64)}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if cpu, ok := strings.CutPrefix(lines.Text(), "cpu: "); ok {
			read.cpu = cpu
		}
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name, procs := strings.TrimPrefix(fields[0], "Benchmark"), 1
		if before, ok := strings.CutSuffix(name, "-2"); ok {
			name, procs = before, 2
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return round{}, fmt.Errorf("malformed result %q", lines.Text())
			}
			read.results[result{name, procs, fields[i+1]}] = value
		}
	}
	return read, lines.Err()
}

// at returns a number that must be there.
func (r round) at(name string, procs int, unit string) float64 {
	value, ok := r.results[result{name, procs, unit}]
	if !ok {
		log.Fatalf("%s with GOMAXPROCS %d reports no %s", name, procs, unit)
	}
	return value
}
