package explain

import (
	"encoding/hex"
	"strings"
)

// A keyVariant returns what is taken for a key where the key should be, in the order
// in which it is tried.
type keyVariant = func(key string) []string

func spaceBehind(key string) []string { return []string{key + "\n", key + "\r\n", key + " "} }

func spaceBefore(key string) []string { return []string{" " + key} }

func noText(string) []string { return []string{""} }

// nullTexts are what languages print for a value that is not there.
func nullTexts(string) []string { return []string{"undefined", "null", "None"} }

func inQuotes(key string) []string { return []string{`"` + key + `"`, "'" + key + "'"} }

func fromHex(key string) []string { return decoded(hex.DecodeString(key)) }

func fromBase64(key string) []string { return decoded(decodeBase64(key)) }

// decoded returns what was decoded, if it was.
func decoded[T string | []byte](b T, err error) []string {
	if err != nil {
		return nil
	}
	return []string{string(b)}
}

func asHTML(key string) []string { return []string{htmlEscaper.Replace(key)} }

// htmlEscaper is PHP's htmlspecialchars since 8.1.
var htmlEscaper = strings.NewReplacer(htmlPairs("&quot;", "&#039;")...)

// variantsOf returns the variants of a key.
func variantsOf(key string, ways []keyVariant) (keys []string) {
	for _, way := range ways {
		keys = append(keys, way(key)...)
	}
	return keys
}
