package transport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// hideCredentials takes out of a redirect's Location the query parameters that
// the Authenticator added to the URL. A gateway that redirects to a path with a
// slash at its end repeats the query, and net/http quotes a redirect's URL in its
// errors. A hop within the origin is signed afresh and gets its own.
func hideCredentials(h http.Header, signed, own *url.URL) {
	location := h.Get("Location")
	if location == "" || signed.RawQuery == own.RawQuery {
		return
	}
	rest, fragment, hasFragment := strings.Cut(location, "#")
	path, query, hasQuery := strings.Cut(rest, "?")
	if !hasQuery {
		return
	}
	ours := parameterNames(signed.RawQuery)
	for name := range parameterNames(own.RawQuery) {
		delete(ours, name)
	}
	pairs := strings.Split(query, "&")
	kept := slices.DeleteFunc(slices.Clone(pairs), func(pair string) bool { return ours[parameterName(pair)] })
	if len(kept) == len(pairs) {
		return
	}
	location = path
	if len(kept) > 0 {
		location += "?" + strings.Join(kept, "&")
	}
	if hasFragment {
		location += "#" + fragment
	}
	h.Set("Location", location)
}

func parameterNames(query string) map[string]bool {
	names := make(map[string]bool)
	for pair := range strings.SplitSeq(query, "&") {
		names[parameterName(pair)] = true
	}
	return names
}

func parameterName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	if s, err := url.QueryUnescape(name); err == nil {
		return s
	}
	return name
}
