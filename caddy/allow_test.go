package countersign

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJudge(t *testing.T) {
	rules := []Rule{newRule("POST", []string{"/v1.0/Gateway/", "/v1.0/Invoice/"}), newRule("GET,HEAD", []string{"/v1.0/*"})}
	for _, c := range []struct {
		rules       []Rule
		scheme      string
		method, uri string
		want        string // of the error, "" if it is allowed
	}{
		{rules, "paylinkhmac", "POST", "/v1.0/Gateway/", ""},
		{rules, "paylinkhmac", "POST", "/v1.0/Gateway/?x=/../", ""},
		{rules, "paylinkhmac", "GET", "/v1.0/Transaction/17/?limit=2", ""},
		{rules, "paylinkhmac", "HEAD", "/v1.0/", ""},
		{rules, "paylinkhmac", "GET", "/v1.0/.well/...", ""},
		{rules, "paylinkhmac", "POST", "/v1.0/Gateway", "does not allow"},
		{rules, "paylinkhmac", "POST", "/v1.0/Gateway/17/", "does not allow"},
		{rules, "paylinkhmac", "POST", "/v1.0/%47ateway/", "does not allow"},
		{rules, "paylinkhmac", "POST", "/v1.0/gateway/", "does not allow"},
		{rules, "paylinkhmac", "post", "/v1.0/Gateway/", "does not allow"},
		{rules, "paylinkhmac", "DELETE", "/v1.0/Gateway/", "does not allow"},
		{rules, "paylinkhmac", "GET", "/v1.1/Transaction/", "does not allow"},
		{rules, "paylinkhmac", "GET", "/v1.0", "does not allow"},
		{rules, "paylinkhmac", "GET", "/?/v1.0/", "does not allow"},
		{rules, "paylinkhmac", "GET", "/v1.0/../admin", "dot segment"},
		{rules, "paylinkhmac", "GET", "/v1.0/..", "dot segment"},
		{rules, "paylinkhmac", "GET", "/v1.0/./x", "dot segment"},
		{rules, "paylinkhmac", "GET", "/v1.0/%2e%2E/admin", "dot segment"},
		{rules, "paylinkhmac", "GET", "/v1.0/.%2e/admin", "dot segment"},
		{rules, "paylinkhmac", "GET", "/v1.0/%252e%252e/admin", "dot segment"},
		{rules, "paylinkhmac", "GET", "/v1.0/..;x=y/admin", "dot segment"},
		{rules, "paylinkhmac", "GET", "/v1.0/%25zz/%252e%252e/%252e%252e/admin", "dot segment"}, // a %-sign that escapes nothing hides no other
		{rules, "paylinkhmac", "GET", "/v1.0/%25/x%252Fy", "escaped slash"},
		{rules, "paylinkhmac", "GET", "/v1.0/100%25/x%25", ""},
		{rules, "paylinkhmac", "GET", "/v1.0/x%2fy", "escaped slash"},
		{rules, "paylinkhmac", "GET", "/v1.0/x%2Fy", "escaped slash"},
		{rules, "paylinkhmac", "GET", "/v1.0/x%252Fy", "escaped slash"},
		{rules, "paylinkhmac", "GET", "/v1.0/x%25252525252Fy", "escaped more than once"},
		{rules, "paylinkhmac", "GET", "/v1.0/x%5C..%5Cy", "backslash"},
		{rules, "paylinkhmac", "GET", "/v1.0/x%00", "control character"},
		{rules, "paylinkhmac", "GET", "/v1.0//x", "two slashes"},
		{rules, "paylinkhmac", "GET", "//v1.0/x", "two slashes"},
		{rules, "paylinkhmac", "GET", "/v1.0/x//", "two slashes"},
		{rules, "paylinkhmac", "OPTIONS", "*", "begin with a slash"},
		{rules, "paylinkhmac", "GET", "", "begin with a slash"},

		{nil, "paylinkhmac", "DELETE", "/v1.11/Invoice/7/", ""},
		{nil, "paylinkkey", "GET", "/v1/Invoice/7/", ""},
		{nil, "paylinkhmac", "GET", "/v10/Invoice/", "does not allow"},
		{nil, "paylinkhmac", "GET", "/V1.0/Invoice/", "does not allow"},
		{nil, "paylinkhmac", "GET", "/v1.0/../Invoice/", "dot segment"},
		{nil, "paylinkhmac", "GET", "/", "does not allow"},
		{nil, "paylinkhmac", "GET", "/rest/6.0/orders/", "does not allow"},
		{nil, "avangate", "POST", "/rpc/6.0/", ""},
		{nil, "avangate", "POST", "/soap/6.0/", ""},
		{nil, "avangate", "GET", "/rest/6.0/orders/", ""},
		{nil, "avangate", "GET", "/restore/", "does not allow"},
		{nil, "avangate", "GET", "/v1.0/Invoice/", "does not allow"},
		{nil, "other", "GET", "/v1.0/Invoice/", "does not allow"},
	} {
		err := judge(c.scheme, c.rules, c.method, c.uri)
		if c.want == "" {
			assert.NoError(t, err, "%s %s", c.method, c.uri)
		} else {
			assert.ErrorContains(t, err, c.want, "%s %s", c.method, c.uri)
		}
	}
}

func TestRulesThatCannotBeMeant(t *testing.T) {
	for _, c := range []struct{ methods, path, want string }{
		{"POST", "v1.0/", "slash"},
		{"POST", "/v1.0/*/x", "not its end"},
		{"POST", "/v1.0/**", "not its end"},
		{"POST", "/v1.0/../x", "dot segment"},
		{"POST", "/v1.0//*", "two slashes"},
		{"POST", "*", "slash"},
		{"post", "/v1.0/", "capitals"},
		{"POST,", "/v1.0/", "capitals"},
		{"*", "/v1.0/", "capitals"},
	} {
		assert.ErrorContains(t, newRule(c.methods, []string{c.path}).check(), c.want, "%s %s", c.methods, c.path)
	}
	require.NoError(t, newRule("GET,POST", []string{"/*", "/v1.0/Gateway/"}).check())
	require.Error(t, Rule{}.check())
}

// FuzzJudge: what is allowed is under an allowed path for a server that unescapes the
// path any number of times and then resolves it.
func FuzzJudge(f *testing.F) {
	for _, seed := range []string{"/v1.0/x", "/v1.0/%2e%2e/x", "/v1.0/%252e%252e%252fx", "/v1.0/..;/x", "//v1.0/", "/v1.0/x?../", "/v1.0/%25", "/v1.0/%zz", "/v1.0/%25zz/%252e%252e/%252e%252e/x"} {
		f.Add("GET", seed)
	}
	rules := []Rule{newRule("GET", []string{"/v1.0/*"}), newRule("POST", []string{"/v1.0/Gateway/"})}
	f.Fuzz(func(t *testing.T, method, uri string) {
		u, err := url.ParseRequestURI(uri)
		if err != nil || judge("paylinkhmac", rules, method, u.RequestURI()) != nil {
			return
		}
		if method != "GET" && method != "POST" {
			t.Fatalf("%q is allowed", method)
		}
		path := u.EscapedPath()
		if method == "POST" && path != "/v1.0/Gateway/" {
			t.Fatalf("POST %q is allowed", path)
		}
		for {
			if clean := resolve(path); !strings.HasPrefix(clean, "/v1.0/") {
				t.Fatalf("%q is allowed, and leads to %q", uri, clean)
			}
			plain := ""
			for rest := path; rest != ""; { // as a lenient server does
				n := 1
				if c, err := url.PathUnescape(rest[:min(3, len(rest))]); err == nil && rest[0] == '%' {
					plain, n = plain+c, 3
				} else {
					plain += rest[:1]
				}
				rest = rest[n:]
			}
			if plain == path {
				return
			}
			path = plain
		}
	})
}

// resolve is what a lenient server makes of a path.
func resolve(path string) string {
	var out []string
	for _, segment := range strings.Split(strings.ReplaceAll(path, `\`, "/"), "/") {
		name, _, _ := strings.Cut(segment, ";")
		switch name {
		case "", ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, segment)
		}
	}
	return "/" + strings.Join(out, "/") + "/"
}
