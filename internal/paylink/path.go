package paylink

import (
	"regexp"
	"strconv"
)

// NewestVersion is the last minor version that payrexx.com knows
// (neoserviceai/payrexx-python docs/undocumented.md, 2026).
const NewestVersion = 16

// objects are what the API reference and the vendor's SDKs name.
var objects = map[string]bool{
	"AuthToken": true, "Bill": true, "Design": true, "Gateway": true, "Invoice": true, "Page": true, "Paylink": true,
	"PaymentMethod": true, "PaymentProvider": true, "Payout": true, "QrCode": true, "QrCodeScan": true,
	"SignatureCheck": true, "Subscription": true, "Transaction": true, "ecr": true,
}

// IsObject reports whether the API has objects of that name.
func IsObject(name string) bool { return objects[name] }

var (
	pathBegins = regexp.MustCompile(`^/v\d`)
	wholePath  = regexp.MustCompile(`^/v1(?:\.(\d{1,2}))?/(\w+)(?:/([^/]+))?(?:/(\w+))?/?$`)
	pathWithin = regexp.MustCompile(`/v\d+(?:\.\d+)?/([^/]+)(?:/([^/]+))?`)
)

// IsPath reports whether a URL's path begins as those of the API do.
func IsPath(path string) bool { return pathBegins.MatchString(path) }

// A Path is what a URL's path says: /v1.VERSION/OBJECT/ID/act/.
type Path struct {
	Version int    // the minor one, 0 if there is none
	Object  string // of whatever name
	ID      string // "" if there is none
	Act     string // "" if there is none
}

// ParsePath reads a path, unescaped, that is the API's from beginning to end. An id may
// be any text: PaymentMethod/apple-pay, QrCode with a UUID, a session's.
func ParsePath(path string) (p Path, ok bool) {
	m := wholePath.FindStringSubmatch(path)
	if m == nil {
		return Path{}, false
	}
	p = Path{Object: m[2], ID: m[3], Act: m[4]}
	p.Version, _ = strconv.Atoi(m[1])
	return p, true
}

// FindPath returns the object and the id that a path names, each "" if it names
// none. It may be of any version, and stand behind a prefix, such as a proxy's.
func FindPath(path string) (object, id string) {
	m := pathWithin.FindStringSubmatch(path)
	if m == nil {
		return "", ""
	}
	return m[1], m[2]
}
