// Imports checks that each package of the module in the directory above imports those
// of its packages only that the table below allows. It prints each import that the
// table does not have, and then fails.
//
// What is below knows nothing of what stands on it: the vocabulary (auth) imports
// nothing of ours, and what is under internal no scheme, except for internal/explain,
// which judges what the schemes verify.
//
// Tests in a package may import what the package may, and what inTests lists. External
// tests are not read: one of a lower package may show it in use, through transport.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// allowed has a row for each package: what it may import.
var allowed = map[string][]string{
	"auth":             {},
	"internal/php":     {},
	"internal/phptest": {},
	"internal/request": {},

	"internal/avangate": {"internal/php"},
	"internal/paylink":  {"auth", "internal/php", "internal/request"},
	"internal/redact":   {"auth"},
	"internal/sender":   {"auth", "internal/avangate", "internal/paylink", "internal/php", "internal/request"},
	"internal/webhook":  {"auth", "internal/request"},

	"auth/scheme":      {"auth", "internal/request"},
	"auth/avangate":    {"auth", "auth/scheme", "internal/avangate", "internal/redact", "internal/request"},
	"auth/paylinkhmac": {"auth", "auth/scheme", "internal/paylink", "internal/php", "internal/request"},
	"auth/paylinkkey":  {"auth", "auth/scheme", "internal/paylink", "internal/php", "internal/redact", "internal/request"},
	"auth/authtest":    {"auth", "auth/avangate", "auth/paylinkhmac", "auth/paylinkkey", "internal/avangate", "internal/paylink", "internal/php", "internal/request", "internal/sender"},

	"buylink": {"auth", "internal/avangate"},

	"transport":                {"auth", "internal/redact", "internal/request"},
	"transport/transporttest":  {"auth", "auth/avangate", "auth/paylinkhmac", "auth/paylinkkey", "auth/scheme", "internal/request", "transport"},
	"webhook/ipn":              {"auth", "internal/avangate", "internal/php", "internal/request", "internal/webhook"},
	"webhook/paylinkhook":      {"auth", "internal/paylink", "internal/php", "internal/request", "internal/webhook"},
	"internal/explain":         {"auth", "auth/avangate", "auth/paylinkhmac", "buylink", "internal/avangate", "internal/paylink", "internal/php", "internal/redact", "internal/request", "webhook/ipn"},
	"cmd/countersign":          {everything},
	"cmd/countersign/internal": {everything}, // and all below
}

const everything = "everything"

// inTests is what the tests in a package may import beside.
var inTests = map[string][]string{
	"":                 {"internal/phptest"}, // of any package
	"internal/explain": {"auth/authtest"},
}

// An edge is an import of one of the module's packages by another one, without the
// module's own path.
type edge struct {
	from, to string
	isTest   bool
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("imports: ")
	packages, edges, err := list("..")
	if err != nil {
		log.Fatal(err)
	}
	faults := check(packages, edges)
	for _, fault := range faults {
		log.Print(fault)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
}

// list returns the packages of the module in a directory, and what they import.
func list(dir string) (packages []string, edges []edge, err error) {
	cmd := exec.Command("go", "list", "-f", `{{$p := .ImportPath}}{{$m := .Module.Path}}{{$m}} {{$p}}
{{range .Imports}}{{$m}} {{$p}} {{.}}
{{end}}{{range .TestImports}}{{$m}} {{$p}} {{.}} test
{{end}}`, "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("go list: %v\n%s", err, &stderr)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		ours := func(path string) (string, bool) { return strings.CutPrefix(path, fields[0]+"/") }
		from, ok := ours(fields[1])
		if !ok {
			return nil, nil, fmt.Errorf("there is a package %s at the module's root", fields[1])
		}
		if len(fields) == 2 {
			packages = append(packages, from)
		} else if to, ok := ours(fields[2]); ok {
			edges = append(edges, edge{from, to, len(fields) > 3})
		}
	}
	return packages, edges, nil
}

// check returns what the table does not allow.
func check(packages []string, edges []edge) (faults []string) {
	for _, p := range packages {
		if _, ok := rowOf(p); !ok {
			faults = append(faults, p+" has no row: say in tools/imports what it may import")
		}
	}
	for _, e := range edges {
		row, ok := rowOf(e.from)
		kind := "imports"
		if e.isTest {
			kind = "imports in its tests"
			row = slices.Concat(row, inTests[""], inTests[e.from])
		}
		if ok && !slices.Contains(row, everything) && !slices.Contains(row, e.to) {
			faults = append(faults, fmt.Sprintf("%s %s %s, which tools/imports does not allow", e.from, kind, e.to))
		}
	}
	return faults
}

// rowOf returns a package's row.
func rowOf(p string) ([]string, bool) {
	if strings.HasPrefix(p, "cmd/countersign/internal/") {
		p = "cmd/countersign/internal"
	}
	row, ok := allowed[p]
	return row, ok
}
