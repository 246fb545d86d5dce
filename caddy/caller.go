package countersign

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A RequiredHeader is a header field that callers must send, to tell a service from
// a page in somebody's browser, which can send none without being asked about it.
type RequiredHeader struct {
	Name string `json:"name"`

	// Value is what it must be; empty means anything.
	Value string `json:"value,omitempty"`
}

// newRequiredHeader makes one of a name and, perhaps, a value. A value that is empty,
// such as a variable that is not set, would let anything pass.
func newRequiredHeader(words []string) (RequiredHeader, error) {
	h := RequiredHeader{Name: words[0]}
	if len(words) > 1 {
		h.Value = strings.TrimSpace(words[1])
		if h.Value == "" {
			return h, errors.New("require_header has an empty value: give one, or the name alone for any")
		}
	}
	return h, nil
}

func (h RequiredHeader) isIn(header http.Header) bool {
	values := header.Values(h.Name)
	return len(values) > 0 && (h.Value == "" || slices.ContainsFunc(values, func(v string) bool {
		return subtle.ConstantTimeCompare([]byte(v), []byte(h.Value)) == 1
	}))
}

var (
	errHost    = errors.New("the Host is none that callers may use: name it with hosts in the configuration, if it is meant")
	errBrowser = errors.New("the request has an Origin or a Sec-Fetch-Site, as those of a browser's pages: only programs are served")
)

// checkCaller judges who asks, by what a page in a browser cannot choose: the Host,
// against a name that was rebound to this machine, and the header.
func (t *Transport) checkCaller(req *http.Request) *refusal {
	if ok, _ := (HostMatcher{t.Hosts}).MatchWithError(req); !ok {
		return forbidden(http.StatusMisdirectedRequest, errHost)
	}
	if has(req.Header, "Origin") || has(req.Header, "Sec-Fetch-Site") {
		return forbidden(http.StatusForbidden, errBrowser)
	}
	for _, h := range t.RequireHeaders {
		if !h.isIn(req.Header) {
			return forbidden(http.StatusForbidden, errors.New("the request lacks the header "+h.Name+", or has another value in it: send what the configuration wants"))
		}
	}
	return nil
}

func has(header http.Header, name string) bool {
	_, ok := header[http.CanonicalHeaderKey(name)]
	return ok
}

// isHost reports whether callers may use this Host, which has no port: one of hosts,
// or, if there is none, one of the machine itself.
func isHost(host string, hosts []string) bool {
	host = strings.ToLower(host)
	if len(hosts) > 0 {
		return slices.ContainsFunc(hosts, func(name string) bool { return strings.ToLower(name) == host })
	}
	return isLoopback(host)
}

// isLoopback reports whether a Host without a port is one of the machine itself that
// no name server can point elsewhere.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && address.Zone() == "" && (address == netip.IPv6Loopback() || address.Is4() && address.IsLoopback())
}

// A HostMatcher is the matcher http.matchers.countersign_host: it matches requests with
// a Host that callers may use, as [Transport] judges it.
type HostMatcher struct {
	// Hosts are those of [Transport].
	Hosts []string `json:"hosts,omitempty"`
}

var (
	_ caddy.Module                      = (*HostMatcher)(nil)
	_ caddyhttp.RequestMatcherWithError = (*HostMatcher)(nil)
)

// CaddyModule says how the module is called.
func (HostMatcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.matchers.countersign_host", New: func() caddy.Module { return new(HostMatcher) }}
}

// MatchWithError reports whether callers may use the Host. It returns no error.
func (m HostMatcher) MatchWithError(r *http.Request) (bool, error) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return false, nil
	}
	host, _ := repl.GetString("http.request.host")
	return isHost(host, m.Hosts), nil
}
