package paylinkhmac_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRedact: a signature that is the value of a parameter goes, whichever it is
// and whatever stands around it, and the rest stays. Of its characters that no
// encoder needs to escape none is escaped; of the others the mask tells in which
// way. The parameter stands in a URL that is itself escaped so many times.
func FuzzRedact(f *testing.F) {
	a := example(f)
	f.Add("/a?x=1", "y=2", "one", uint64(0), uint8(0), true)
	f.Add("https://shop.test/in?to=%2Fa%3Fx%3D1", "#g", "two", uint64(0x5555), uint8(1), true)
	f.Add("", "", "three", ^uint64(0), uint8(2), false)
	f.Add("/a?x=%", "%26=+/\xff", "four", uint64(0xaaaa), uint8(3), true)
	f.Fuzz(func(t *testing.T, before, after, signed string, mask uint64, nested uint8, first bool) {
		if strings.Contains(strings.ToLower(before+after), "apisignature") {
			return // the rest is not what stays
		}
		sum := sha256.Sum256([]byte(signed))
		signature := base64.StdEncoding.EncodeToString(sum[:])
		name, end := "&ApiSignature=", "&"
		if first {
			name = "?ApiSignature="
		}
		value := escaped(signature, mask)
		for range nested % 4 {
			name, value, end = url.QueryEscape(name), url.QueryEscape(value), url.QueryEscape(end)
		}
		require.Equal(t, before+name+end+after, a.Redact(nil, before+name+value+end+after))
		require.Equal(t, before+name, a.Redact(nil, before+name+value))
	})
}

// escaped escapes those characters of a signature that encoders do: each in one of
// four ways, one of which is to leave it.
func escaped(signature string, mask uint64) string {
	var text strings.Builder
	for _, c := range []byte(signature) {
		if !strings.ContainsRune("+/=", rune(c)) {
			text.WriteByte(c)
			continue
		}
		switch mask % 4 {
		case 0:
			text.WriteByte(c)
		case 1:
			fmt.Fprintf(&text, "%%%02X", c)
		case 2:
			fmt.Fprintf(&text, "%%%02x", c)
		case 3:
			text.WriteString(url.QueryEscape(fmt.Sprintf("%%%02x", c)))
		}
		mask /= 4
	}
	return text.String()
}
