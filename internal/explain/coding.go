package explain

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// A claim is a signature as it was sent, and the digest that it stands for,
// "" if it stands for none.
type claim struct{ signature, digest string }

// maxClaim is how long a signature is that stands for a digest, in bytes: the
// longest is the base64 of a line with the hexadecimal digits of a SHA-512.
const maxClaim = 256

func newClaim(signature string, coding func(string) string) claim {
	c := claim{signature: signature}
	if len(signature) <= maxClaim {
		c.digest = coding(signature)
	}
	return c
}

// base64As returns a coding in which every digest has one spelling.
func base64As(e *base64.Encoding) func(signature string) string {
	return func(signature string) string {
		digest, err := e.DecodeString(signature)
		if err != nil || e.EncodeToString(digest) != signature {
			return ""
		}
		return string(digest)
	}
}

var standardBase64 = base64As(base64.StdEncoding)

func hexadecimal(signature string) string {
	digest, err := hex.DecodeString(signature)
	if err != nil || signature != strings.ToLower(signature) && signature != strings.ToUpper(signature) {
		return ""
	}
	return string(digest)
}

// base64Text returns the text that is encoded, in one line or several.
func base64Text(signature string) string {
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(signature), ""))
	if err != nil || strings.TrimSpace(signature) != signature {
		return ""
	}
	return string(text)
}

// printed returns the digest in a line that a program prints of a file, in front of
// the file's name or behind it: openssl dgst, with and without -r and -c, or
// sha256sum, with and without --tag.
func printed(line string) string {
	words := strings.Fields(strings.ReplaceAll(line, ":", ""))
	if len(words) < 2 {
		return "" // of digits alone
	}
	return cmp.Or(hexadecimal(words[0]), hexadecimal(words[len(words)-1]))
}

// coded is a mistake in how the digest is written.
func coded(codings ...func(signature string) string) apply {
	return func(a making) (as []making) {
		for _, coding := range codings {
			if changed := newClaim(a.claim.signature, coding); changed.digest != "" && changed != a.claim {
				b := a
				b.claim = changed
				as = append(as, b)
			}
		}
		return as
	}
}
