package explain

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// A coding is a way to write a digest.
type coding struct {
	name, fix string

	// decode returns "" for what is not written so.
	decode func(text string) string
}

// The codings that are right in a scheme.
var (
	lowerHex   = &coding{"is in hexadecimal digits", "", hexadecimalIn(strings.ToLower)}
	stdPadding = &coding{"is in base64", "", base64As(base64.StdEncoding)}
)

// codings are what people write a digest in. What is read as one of them is not what one
// below would read, so that digits stand before bytes.
var codings = []*coding{
	lowerHex,
	{"is in upper-case hexadecimal digits", "", hexadecimalIn(strings.ToUpper)},
	{"lacks its leading zeros", "Write two digits for each byte: a digest that is printed as one number loses zeros. ", withoutZeros},
	{"is the base64 of hexadecimal digits", "Encode once, and the bytes: hash_hmac of PHP gives them if its last argument is true. ", func(text string) string {
		return hexadecimal(strings.TrimSpace(base64Text(text)))
	}},
	{"is a line that openssl or sha256sum prints", "Cut off what stands around the digest; openssl dgst prints its bytes with -binary, and openssl base64 -A encodes them in one line. ", func(text string) string {
		return cmp.Or(printed(text), printed(base64Text(text)))
	}},
	{"has something between its hexadecimal digits", "", separated},
	stdPadding,
	{"is in base64 without padding", "", base64As(base64.RawStdEncoding)},
	{"is in base64url", "", func(text string) string {
		return cmp.Or(base64As(base64.URLEncoding)(text), base64As(base64.RawURLEncoding)(text))
	}},
}

// miscoded is the mistake to write a digest otherwise than the scheme does.
func (s *scheme) miscoded(c *coding) Mistake {
	return Mistake{"the " + s.signature + " " + c.name, c.fix + s.codingFix}
}

// A claim is a signature as it was sent, and the digest that it stands for, "" if it
// stands for none.
type claim struct {
	signature, digest string
	coding            *coding // nil if there is no digest
}

// maxClaim is how long a signature is that stands for a digest, in bytes: the
// longest is the base64 of a line with the hexadecimal digits of a SHA-512.
const maxClaim = 256

// claim reads a signature, in the scheme's coding if that gives a digest of the right
// size.
func (r *source) claim(signature string) claim {
	if len(signature) > maxClaim {
		return claim{signature: signature}
	}
	read := func(c *coding, functions []*hashFunction) (digest string, ok bool) {
		digest = c.decode(signature)
		return digest, len(ofSize(functions, len(digest))) > 0
	}
	if digest, ok := read(r.scheme.coding, r.functions); ok {
		return claim{signature, digest, r.scheme.coding}
	}
	for _, c := range codings {
		if digest, ok := read(c, hashFunctions); ok {
			return claim{signature, digest, c}
		}
	}
	return claim{signature: signature}
}

// base64As returns a coding in which every digest has one spelling.
func base64As(e *base64.Encoding) func(text string) string {
	return func(text string) string {
		digest, err := e.DecodeString(text)
		if err != nil || e.EncodeToString(digest) != text {
			return ""
		}
		return string(digest)
	}
}

// hexadecimalIn returns the coding of one case.
func hexadecimalIn(letters func(string) string) func(text string) string {
	return func(text string) string {
		digest, err := hex.DecodeString(text)
		if err != nil || text != letters(text) {
			return ""
		}
		return string(digest)
	}
}

func hexadecimal(text string) string {
	return cmp.Or(hexadecimalIn(strings.ToLower)(text), hexadecimalIn(strings.ToUpper)(text))
}

// withoutZeros reads the digits of a digest of 32 bytes. Of 2^16 digests one lacks more
// than four.
func withoutZeros(digits string) string {
	missing := 2*sha256Hash.size - len(digits)
	if missing < 1 || missing > 4 {
		return ""
	}
	return hexadecimal(strings.Repeat("0", missing) + digits)
}

func separated(text string) string {
	return hexadecimal(strings.NewReplacer("-", "", ":", "", " ", "").Replace(text))
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
