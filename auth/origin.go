package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// An Origin is an exact scheme, host and port. Origins are comparable. The zero
// Origin is nobody's: no request goes to it.
//
// Hosts are compared byte for byte after ASCII lower-casing, with the default
// port written out. The zone of an IPv6 address keeps its case: it names an
// interface. A host in another spelling (punycode, a trailing dot, an
// address written differently) is another origin.
type Origin struct {
	scheme, host, port string
}

// ParseOrigin returns the origin of a gateway's base URL. The scheme must be
// https; http is accepted for a loopback host, and for any host if
// allowInsecureHTTP is set, as in a test network. A path is ignored. User
// information, a query and a fragment are errors.
func ParseOrigin(baseURL string, allowInsecureHTTP bool) (Origin, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return Origin{}, errors.New("the base URL is malformed: write it as https://api.example.com")
	}
	o := OriginOf(u)
	switch {
	case u.Hostname() == "":
		return Origin{}, errors.New("the base URL names no host: write it as https://api.example.com")
	case u.Scheme != "https" && u.Scheme != "http":
		return Origin{}, errors.New("the base URL has another scheme than https: write it as https://api.example.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return Origin{}, fmt.Errorf("base URL %q has more than scheme, host and path: leave out user information, query and fragment", o)
	case u.Scheme == "http" && !allowInsecureHTTP && !isLoopback(o.host):
		return Origin{}, fmt.Errorf("base URL %q is not encrypted: write https, or allow plain http for a test network", o)
	}
	return o, nil
}

// OriginOf returns where a request to u goes. It is the zero Origin if u names no
// host, has brackets around a host that is no IPv6 address, or has a scheme other
// than http and https and no port.
func OriginOf(u *url.URL) Origin {
	return originOf(u.Scheme, u.Host)
}

// WithHost returns o with another host, given as in a Host header.
func (o Origin) WithHost(host string) Origin {
	return originOf(o.scheme, host)
}

func originOf(scheme, hostport string) Origin {
	o := Origin{scheme: scheme, host: lowerHost(hostport)}
	if strings.Contains(hostport, ":") {
		u := url.URL{Host: o.host}
		o.host, o.port = u.Hostname(), u.Port()
		if isIPv6 := strings.Contains(o.host, ":"); isIPv6 != strings.HasPrefix(hostport, "[") {
			return Origin{}
		}
	}
	if o.port == "" {
		switch scheme {
		case "https":
			o.port = "443"
		case "http":
			o.port = "80"
		}
	}
	if o.host == "" || o.port == "" || strings.HasPrefix(o.host, "[") {
		return Origin{}
	}
	return o
}

// String returns the origin as a URL, such as "https://api.payrexx.com", without
// the port if it is the default one. The zero Origin is "".
func (o Origin) String() string {
	if o == (Origin{}) {
		return ""
	}
	host := o.host
	if strings.Contains(host, ":") {
		host = "[" + strings.ReplaceAll(host, "%", "%25") + "]" // RFC 6874
	}
	if o.scheme == "https" && o.port == "443" || o.scheme == "http" && o.port == "80" {
		return o.scheme + "://" + host
	}
	return o.scheme + "://" + host + ":" + o.port
}

// Covers reports whether o is one of a's origins.
func Covers(a Authenticator, o Origin) bool {
	return slices.Contains(a.Origins(), o)
}

// lowerHost lower-cases a host, with a port or without, up to the zone of an IPv6
// address.
func lowerHost(hostport string) string {
	if strings.HasPrefix(hostport, "[") {
		address, zone, found := strings.Cut(hostport, "%")
		if found {
			return lower(address) + "%" + zone
		}
	}
	return lower(hostport)
}

// lower maps ASCII letters, byte by byte: strings.ToLower makes an ASCII k of
// U+212A, and one character of all malformed UTF-8.
func lower(s string) string {
	for i := range len(s) {
		if isUpper(s[i]) {
			b := []byte(s)
			for i, c := range b {
				if isUpper(c) {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
