package avangate

import (
	"errors"
	"net/url"
	"path"
	"regexp"
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
var areas = []string{"order", "product", "channel-manager", "subscription"}

// version is how all paths write it.
const version = `/\d+\.\d+`

// sessionPath is rpc or soap and a version, or one of the areas, a version, and rpc
// or soap. The vendor writes a slash at the end; its page of JSON-RPC 6.0 does not.
var sessionPath = regexp.MustCompile(`^/(?:(rpc|soap)` + version + `|(?:` + strings.Join(areas, "|") + `)` + version + `/(rpc|soap))/?$`)

// restPath is rest, a version, a resource, and what may stand behind it. The vendor's
// client of 2016 leaves rest out (avangate/PHP-REST-API-Client 5fb448a, README).
var restPath = regexp.MustCompile(`^(?:/rest)?` + version + `/(\w+)(?:/([^/]+))?(?:/(.*?))?/?$`)

// olderREST is how a path of that client begins.
var olderREST = regexp.MustCompile(`^` + version + `/`)

// ErrNearSession says that a path is almost one of JSON-RPC or SOAP. What a gateway
// makes of it is not known: it may want a session, or the header.
var ErrNearSession = errors.New("the path is almost that of a JSON-RPC or SOAP endpoint: write it as /rpc/6.0/ or /soap/6.0/, or for an older API as /order/2.0/rpc/, with one slash between the parts and without escapes")

// ProtocolOf tells the protocol by an escaped path, as it is sent. The vendor's
// endpoints are /rpc/6.0/, /soap/6.0/ and, for older APIs, /order/2.0/rpc/ and the
// like. A path that is none of them and that a gateway might take for one, in
// another case, with an escape, or without a version, is [ErrNearSession];
// everything else is REST.
func ProtocolOf(escapedPath string) (Protocol, error) {
	if strings.HasPrefix(escapedPath, "/rest/") && !strings.Contains(escapedPath, "/.") && !strings.Contains(escapedPath, "%") {
		return REST, nil // as most are, and at no allocation
	}
	if part := sessionPath.FindStringSubmatch(escapedPath); part != nil {
		if part[1] == "rpc" || part[2] == "rpc" {
			return JSONRPC, nil
		}
		return SOAP, nil
	}
	plain, err := url.PathUnescape(escapedPath)
	if err != nil {
		plain = escapedPath
	}
	plain = strings.ToLower(plain)
	if isNear(plain) || isNear(path.Clean("/"+plain)) {
		return "", ErrNearSession
	}
	return REST, nil
}

// isNear reports whether rpc or soap stands first, or second or third under an area.
func isNear(path string) bool {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if len(parts) == 0 {
		return false
	}
	isSession := func(part string) bool { return part == "rpc" || part == "soap" }
	return isSession(parts[0]) || slices.Contains(areas, parts[0]) && slices.ContainsFunc(parts[:min(3, len(parts))], isSession)
}

// A Resource is what the path of REST names: /rest/6.0/orders/ or, with an id,
// /rest/6.0/orders/11331111/. It may go on behind the id.
type Resource struct {
	Name string // orders
	ID   string // "" if there is none
	Rest string // refund, "" if there is nothing
}

// ParseREST reads the path, unescaped, of a resource of REST.
func ParseREST(path string) (r Resource, ok bool) {
	part := restPath.FindStringSubmatch(path)
	if part == nil {
		return Resource{}, false
	}
	return Resource{part[1], part[2], part[3]}, true
}

// signaturePath is where secure.2checkout.com signs buy links.
const signaturePath = "/checkout/api/encrypt/generate/signature"

// IsSignaturePath reports whether an escaped path is that at which the vendor signs
// the parameters of a buy link. Its SDKs write it with a slash at the end and without.
func IsSignaturePath(escapedPath string) bool {
	return strings.TrimSuffix(escapedPath, "/") == signaturePath
}

// HasPath reports whether an escaped path is one of the vendor's, of any protocol,
// or almost one: REST's begin with /rest/, or with a version.
func HasPath(escapedPath string) bool {
	if IsSignaturePath(escapedPath) {
		return true
	}
	p, _ := ProtocolOf(escapedPath)
	name, _, _ := strings.Cut(strings.TrimLeft(escapedPath, "/"), "/")
	return name == "rest" || p != REST || olderREST.MatchString(escapedPath)
}
