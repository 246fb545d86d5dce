package avangate

import (
	"slices"
	"strings"
)

// A Protocol is one of the three that the vendor serves on the same hosts. It
// prints as its name.
type Protocol string

// JSON-RPC and SOAP want a session; REST wants the header.
const (
	REST    Protocol = "REST"
	JSONRPC Protocol = "JSON-RPC"
	SOAP    Protocol = "SOAP"
)

// areas are the older APIs with sessions of their own.
var areas = []string{"order", "product", "channel-manager"}

// ProtocolOf tells the protocol by the path. The vendor's endpoints are /rpc/6.0/,
// /soap/6.0/ and, for older APIs, /order/2.0/rpc/ and the like; everything else is
// REST.
func ProtocolOf(path string) Protocol {
	name, after, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	if slices.Contains(areas, name) {
		_, after, _ = strings.Cut(after, "/")
		name, _, _ = strings.Cut(after, "/")
	}
	switch name {
	case "rpc":
		return JSONRPC
	case "soap":
		return SOAP
	}
	return REST
}

// HasPath reports whether a path is one of the vendor's, of any protocol: REST's
// begin with /rest/.
func HasPath(path string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	return name == "rest" || ProtocolOf(path) != REST
}
