package main

import (
	"slices"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		edge
		want bool
	}{
		{edge{"auth/paylinkhmac", "auth", false}, true},
		{edge{"auth/paylinkhmac", "internal/php", false}, true},
		{edge{"auth/avangate", "auth/scheme", false}, true},
		{edge{"internal/paylink", "internal/request", false}, true},
		{edge{"internal/redact", "auth", false}, true},
		{edge{"transport/transporttest", "transport", false}, true},
		{edge{"cmd/countersign", "internal/explain", false}, true},
		{edge{"cmd/countersign/internal/page", "auth/authtest", false}, true},

		{edge{"auth", "internal/request", false}, false},
		{edge{"internal/php", "internal/request", false}, false},
		{edge{"internal/request", "auth", false}, false},
		{edge{"internal/avangate", "internal/request", false}, false},
		{edge{"internal/paylink", "auth/paylinkhmac", false}, false},
		{edge{"internal/redact", "internal/php", false}, false},
		{edge{"auth/scheme", "auth/avangate", false}, false},
		{edge{"auth/avangate", "internal/paylink", false}, false},
		{edge{"auth/avangate", "auth/authtest", false}, false},
		{edge{"auth/paylinkhmac", "internal/explain", false}, false},
		{edge{"auth/paylinkhmac", "internal/phptest", false}, false},
		{edge{"internal/explain", "auth/authtest", false}, false},
		{edge{"transport", "auth/avangate", false}, false},
		{edge{"transport", "transport/transporttest", false}, false},

		{edge{"internal/php", "internal/phptest", true}, true},
		{edge{"internal/explain", "auth/authtest", true}, true},
		{edge{"internal/paylink", "internal/php", true}, true},
		{edge{"internal/php", "auth/authtest", true}, false},
		{edge{"internal/request", "auth", true}, false},
	} {
		faults := check([]string{c.from}, []edge{c.edge})
		if got := len(faults) == 0; got != c.want {
			t.Errorf("%v: allowed is %v, want %v: %q", c.edge, got, c.want, faults)
		}
	}
	if len(check([]string{"webhook/none"}, nil)) != 1 {
		t.Error("a package without a row is allowed")
	}
}

// TestList reads the module itself, whose packages all have a row.
func TestList(t *testing.T) {
	packages, edges, err := list("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []edge{{"auth/paylinkhmac", "auth", false}, {"internal/php", "internal/phptest", true}} {
		if !slices.Contains(edges, want) {
			t.Errorf("%v is not found", want)
		}
	}
	for p := range allowed {
		if p != "cmd/countersign/internal" && !slices.Contains(packages, p) {
			t.Errorf("there is a row of %s, and no such package", p)
		}
	}
	if faults := check(packages, edges); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
}
