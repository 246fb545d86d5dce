// Command table runs the benchmarks of this module in rounds and prints the
// tables of docs/performance.md. Run it in the module's directory:
//
//	go run ./cmd/table >tables.md 2>rounds.txt
//
// Standard error gets what the benchmarks print, which benchstat reads. A ratio
// is taken within a round and between neighbours, and the median over the rounds
// is what counts: what else the machine does then weighs on both sides.
package main

import (
	"bufio"
	"bytes"
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
	rounds := flag.Int("rounds", 30, "how often each benchmark runs")
	benchtime := flag.String("benchtime", "20ms", "for how long, each time")
	flag.Parse()
	if flag.NArg() > 0 {
		log.Fatalf("unexpected argument %q", flag.Arg(0))
	}
	if *rounds < 1 {
		log.Fatal("there must be a round")
	}
	if err := run(os.Stdout, *rounds, *benchtime); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer, rounds int, benchtime string) error {
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
	var all []round
	for range rounds {
		var out bytes.Buffer
		bench := exec.Command(program, "-test.run=^$", "-test.bench=.", "-test.benchmem", "-test.cpu=1,2", "-test.benchtime="+benchtime)
		bench.Stdout = io.MultiWriter(&out, os.Stderr)
		bench.Stderr = os.Stderr
		if err := bench.Run(); err != nil {
			return fmt.Errorf("running the benchmarks: %w", err)
		}
		r, err := readRound(&out)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	fmt.Fprintf(w, "%d rounds of %s a benchmark; %s, %d processors, %s/%s, %s.\n\n",
		rounds, benchtime, all[0].cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	printClaims(w, all)
	fmt.Fprintln(w)
	printField(w, all)
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
