// Api prints the exported surface of the module in the directory above: each name of
// the packages that users import, with its type, on a line of its own. api.txt there
// holds what is agreed upon.
package main

import (
	"bytes"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"log"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const head = `# The exported surface of this module, a name a line. A new line has its reason in
# CHANGELOG.md. Written by: go -C tools run ./api > api.txt

`

func main() {
	log.SetFlags(0)
	log.SetPrefix("api: ")
	module, packages, exports, err := list("..")
	if err != nil {
		log.Fatal(err)
	}
	compiled := importerOf(exports)
	fmt.Print(head)
	for _, path := range packages {
		pkg, err := compiled.Import(path)
		if err != nil {
			log.Fatal(err)
		}
		for _, line := range surface(pkg) {
			fmt.Printf("%s: %s\n", strings.TrimPrefix(path, module+"/"), line)
		}
	}
}

// list returns the module in a directory, its packages that others can import, and
// the files that hold the compiled types of these and of all that they import.
func list(dir string) (module string, packages []string, exports map[string]string, err error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}\t{{.Name}}\t{{if not .DepOnly}}{{.Module.Path}}{{end}}", "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", nil, nil, fmt.Errorf("go list: %v\n%s", err, &stderr)
	}
	exports = make(map[string]string)
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		path, name, of := fields[0], fields[2], fields[3]
		exports[path] = fields[1]
		if of == "" {
			continue
		}
		module = of
		if name != "main" && !slices.Contains(strings.Split(path, "/"), "internal") {
			packages = append(packages, path)
		}
	}
	slices.Sort(packages)
	return module, packages, exports, nil
}

// importerOf returns an importer of the packages that list has found.
func importerOf(exports map[string]string) types.Importer {
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
}

// surface lists what a package exports.
func surface(pkg *types.Package) (lines []string) {
	of := func(t types.Type) string {
		return types.TypeString(t, func(other *types.Package) string {
			if other == pkg {
				return ""
			}
			return other.Name()
		})
	}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	signature := func(f types.Object) string { return f.Name() + strings.TrimPrefix(of(f.Type()), "func") }

	scope := pkg.Scope()
	for _, name := range scope.Names() {
		if !token.IsExported(name) {
			continue
		}
		switch o := scope.Lookup(name).(type) {
		case *types.Const:
			add("const %s %s = %s", name, of(o.Type()), o.Val().ExactString())
		case *types.Var:
			add("var %s %s", name, of(o.Type()))
		case *types.Func:
			add("func %s", signature(o))
		case *types.TypeName:
			if alias, ok := o.Type().(*types.Alias); ok {
				add("type %s = %s", of(alias), of(alias.Rhs()))
				continue
			}
			whole := "type " + of(o.Type())
			switch t := o.Type().Underlying().(type) {
			case *types.Struct:
				whole += " struct"
				add("%s", whole)
				for _, field := range fields(t) {
					embedded := ""
					if field.Embedded() {
						embedded = " (embedded)"
					}
					add("%s, %s %s%s", whole, field.Name(), of(field.Type()), embedded)
				}
			case *types.Interface:
				if !t.IsMethodSet() {
					add("%s %s", whole, of(t))
					continue
				}
				whole += " interface"
				add("%s", whole)
				for m := range t.Methods() {
					if m.Exported() {
						add("%s, %s", whole, signature(m))
					}
				}
				if slices.ContainsFunc(slices.Collect(t.Methods()), func(m *types.Func) bool { return !m.Exported() }) {
					add("%s, unexported methods", whole)
				}
				continue
			default:
				add("%s %s", whole, of(t))
			}
			byValue := types.NewMethodSet(o.Type())
			for m := range types.NewMethodSet(types.NewPointer(o.Type())).Methods() {
				if !m.Obj().Exported() {
					continue
				}
				star := "*"
				if byValue.Lookup(pkg, m.Obj().Name()) != nil {
					star = ""
				}
				add("method (%s%s) %s", star, of(o.Type()), signature(m.Obj()))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// fields returns those fields of a struct that other packages can name.
func fields(t *types.Struct) (exported []*types.Var) {
	for field := range t.Fields() {
		switch {
		case field.Exported():
			exported = append(exported, field)
		case field.Embedded():
			of := field.Type()
			if pointer, ok := of.Underlying().(*types.Pointer); ok {
				of = pointer.Elem()
			}
			if promoted, ok := of.Underlying().(*types.Struct); ok {
				exported = append(exported, fields(promoted)...)
			}
		}
	}
	return exported
}
