package avangate

import (
	"net"
	"strings"
)

// Where the vendor serves the API: by its current name, and by the one that older
// documents give.
const (
	BaseURL      = "https://api." + domain
	OlderBaseURL = "https://api." + olderDomain

	domain      = "2checkout.com"
	olderDomain = "avangate.com"
)

// IsHost reports whether a host, with a port or without one, is the vendor's.
func IsHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = "." + strings.ToLower(host)
	return strings.HasSuffix(host, "."+domain) || strings.HasSuffix(host, "."+olderDomain)
}
