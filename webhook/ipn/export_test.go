package ipn

import (
	"encoding/hex"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// Signed returns what the hash of a body is over, whatever else the body is.
func Signed(body string) string {
	return string((&message{body: []byte(body)}).keep().signed)
}

// Hash returns the hash of a body by the algorithm of this name.
func Hash(algorithm, key, body string) string {
	for _, f := range vendor.HashFields {
		if f.Function.Name == algorithm && algorithm != vendor.MD5.Name {
			var m message
			m.read([]byte(body))
			hash := m.hash(f.Function, auth.NewSecret(key))
			return hex.EncodeToString(hash[:])
		}
	}
	panic("no algorithm " + algorithm)
}
