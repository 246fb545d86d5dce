package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// source has each kind of what a package can export. A line of the surface stands
// in a comment behind what exports it.
const source = `package p

import "io"

const A = 1         // const A untyped int = 1
const B Number = 2  // const B Number = 2
const C = "a\n"     // const C untyped string = "a\n"
const hidden = 1
var V io.Reader     // var V io.Reader

func F(w io.Writer, more ...int) (n int, err error) { return 0, nil } // func F(w io.Writer, more ...int) (n int, err error)
func G[T any](t T) T { return t }                                    // func G[T any](t T) T
func f() {}

type Number int                   // type Number int
func (Number) String() string     { return "" } // method (Number) String() string
func (*Number) Set(string)        {}            // method (*Number) Set(string)
func (Number) hidden()            {}

type Alias = Number               // type Alias = Number
type Func func(int) error         // type Func func(int) error

type Struct struct {              // type Struct struct
	Field []Number               // type Struct struct, Field []Number
	hidden int
	io.Reader                    // type Struct struct, Reader io.Reader (embedded)
	inner
	*pointed
}                                // method (Struct) Read(p []byte) (n int, err error)

type inner struct { Promoted int } // type Struct struct, Promoted int
func (inner) Method() {}           // method (Struct) Method()
type pointed struct { Also int }   // type Struct struct, Also int

type Generic[T any] struct { Of T } // type Generic[T any] struct
                                    // type Generic[T any] struct, Of T
func (*Generic[T]) Get() (t T) { return t } // method (*Generic[T any]) Get() (t T)

type Interface interface {        // type Interface interface
	io.Closer                    // type Interface interface, Close() error
	Do(Number) error             // type Interface interface, Do(Number) error
}
type Sealed interface {           // type Sealed interface
	sealed()                     // type Sealed interface, unexported methods
}
type Constraint interface { ~int | ~string } // type Constraint interface{~int | ~string}
`

func TestSurface(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	_, _, exports, err := list("../..")
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := (&types.Config{Importer: importerOf(exports)}).Check("example.test/p", set, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, group := range file.Comments {
		for _, comment := range group.List {
			want = append(want, strings.TrimPrefix(comment.Text, "// "))
		}
	}
	slices.Sort(want)
	got := surface(pkg)
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("missing: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("not expected: %s", line)
		}
	}
}

// TestList lists the module above.
func TestList(t *testing.T) {
	module, packages, exports, err := list("../..")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"/auth": true, "/transport/transporttest": true, "/internal/php": false, "/cmd/countersign": false} {
		if got := slices.Contains(packages, module+path); got != want {
			t.Errorf("%s is listed: %v, want %v", path, got, want)
		}
	}
	if exports["net/http"] == "" {
		t.Error("no types of net/http, which the packages import")
	}
}
