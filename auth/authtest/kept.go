package authtest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// What a gateway keeps, so that one that runs for long does not grow.
const (
	maxObjects = 1000     // the latest
	maxKept    = 16 << 10 // bytes of JSON that were sent for one; of more it keeps nothing
	maxKeptID  = 64       // bytes of an id, or of the kind of an object, that the peer has chosen
	maxListed  = 100      // objects in one answer
)

// isKept reports whether an object may be kept under such a name.
func isKept(name, secret string) bool {
	return name != "" && len(name) <= maxKeptID && !holds(name, secret)
}

// toKeep returns in JSON what was sent for an object, nil if it is not to be kept:
// what holds the secret would be told to whoever asks next.
func toKeep(fields map[string]any, secret string) []byte {
	text, err := json.Marshal(fields)
	if err != nil || len(text) > maxKept || holds(fields, secret) {
		return nil
	}
	return text
}

// decode reads an object, with its numbers as they are written; what is none has no
// members.
func decode(text []byte) map[string]any {
	fields := make(map[string]any)
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&fields) != nil || fields == nil {
		return make(map[string]any)
	}
	return fields
}

// holds reports whether a secret stands in a name or a text.
func holds(value any, secret string) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, secret)
	case json.Number:
		return strings.Contains(string(v), secret)
	case []any:
		return slices.ContainsFunc(v, func(element any) bool { return holds(element, secret) })
	case map[string]any:
		for name, element := range v {
			if strings.Contains(name, secret) || holds(element, secret) {
				return true
			}
		}
	}
	return false
}
