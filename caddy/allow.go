package countersign

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Rule allows some methods at some paths. No scheme signs the method or the path,
// so whoever reaches the sidecar could otherwise have anything of the account.
type Rule struct {
	// Methods, such as POST, in capitals.
	Methods []string `json:"methods"`

	// Paths are exact, or, with a * at the end, prefixes. They are compared with what
	// is sent to the gateway, byte for byte and with case.
	Paths []string `json:"paths"`
}

// ownAPI is what may be called without a rule: the gateway's own API.
var ownAPI = map[string][]string{
	"paylinkhmac": {"/v1/*", "/v1.*"},
	"paylinkkey":  {"/v1/*", "/v1.*"},
	"avangate":    {"/rest/*", "/rpc/*", "/soap/*"},
}

// checkRules refuses rules that cannot be meant.
func checkRules(rules []Rule) error {
	if rules != nil && len(rules) == 0 {
		return errors.New("allow is empty, which could be meant as nothing and as everything: write a rule, or leave it out for the gateway's whole API")
	}
	for _, r := range rules {
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

// check refuses a rule that cannot be meant.
func (r Rule) check() error {
	if len(r.Methods) == 0 || len(r.Paths) == 0 {
		return errors.New("allow has no method or no path: write allow METHOD[,METHOD] and one PATH or more")
	}
	for _, method := range r.Methods {
		if method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return errors.New("allow has a method that is not in capitals: write allow METHOD[,METHOD] and one PATH or more")
		}
	}
	for _, path := range r.Paths {
		if !strings.HasPrefix(path, "/") {
			return errors.New("allow has a path that does not begin with a slash")
		}
		if strings.Contains(strings.TrimSuffix(path, "*"), "*") {
			return errors.New("allow has a path with a * that is not its end")
		}
		if err := checkPath(strings.TrimSuffix(path, "*")); err != nil {
			return errors.New("allow has a path that no request may have: " + err.Error())
		}
	}
	return nil
}

var errNotAllowed = errors.New("the configuration does not allow this method at this path")

// judge says whether a method may be sent to a request URI, as the gateway will see
// both. Without a rule the scheme's own API may be called by every method.
func judge(scheme string, rules []Rule, method, requestURI string) error {
	path, _, _ := strings.Cut(requestURI, "?")
	if err := checkPath(path); err != nil {
		return err
	}
	if len(rules) == 0 && matches(ownAPI[scheme], path) {
		return nil
	}
	for _, r := range rules {
		if slices.Contains(r.Methods, method) && matches(r.Paths, path) {
			return nil
		}
	}
	return errNotAllowed
}

func matches(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, isPrefix := strings.CutSuffix(pattern, "*")
		return isPrefix && strings.HasPrefix(path, prefix) || path == pattern
	})
}

// maxEscapings is how often a path is unescaped to see what it hides.
const maxEscapings = 4

// checkPath refuses an escaped path that the gateway may take for another one, and
// one that is escaped more often than anybody means.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return errors.New("the path does not begin with a slash")
	}
	for range maxEscapings {
		if err := checkPlain(path); err != nil {
			return err
		}
		plain := unescape(path)
		if plain == path {
			return nil
		}
		if strings.Count(plain, "/") != strings.Count(path, "/") {
			return errors.New("the path has an escaped slash: the gateway may take it for a plain one")
		}
		path = plain
	}
	return errors.New("the path is escaped more than once: write it plain")
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// unescape unescapes a path once. As with PHP, a %-sign that escapes nothing stays, and
// is no reason to leave the others.
func unescape(path string) string {
	return escape.ReplaceAllStringFunc(path, func(e string) string {
		c, _ := strconv.ParseUint(e[1:], 16, 8)
		return string([]byte{byte(c)})
	})
}

// checkPlain refuses what servers resolve or skip in a path.
func checkPlain(path string) error {
	if strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) {
		return errors.New("the path has a backslash or a control character")
	}
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		name, _, _ := strings.Cut(segment, ";") // what some servers take for a parameter
		switch {
		case segment == "" && i < len(segments)-1:
			return errors.New("the path has two slashes on end: write one")
		case name == "." || name == "..":
			return errors.New("the path has a dot segment: write the path that it leads to")
		}
	}
	return nil
}
