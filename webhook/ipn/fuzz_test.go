package ipn_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/webhook/ipn"
)

// FuzzForm compares the walk through a form, which decodes in pieces, with the plainest
// one: as it is, and where it is so long that it is not kept before its hash is right.
func FuzzForm(f *testing.F) {
	long := "&LONG=" + strings.Repeat("a", 32<<10)
	f.Fuzz(func(t *testing.T, body string) {
		for _, body := range []string{body, body + long} {
			source := plainlySigned(body)
			assert.Equal(t, source, ipn.Signed(body))
			mac := hmac.New(sha256.New, []byte(key))
			mac.Write([]byte(source))
			assert.Equal(t, hex.EncodeToString(mac.Sum(nil)), ipn.Hash("sha256", key, body))
		}
	})
}

func plainlySigned(body string) string {
	var source strings.Builder
	for pair := range strings.SplitSeq(body, "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch plainlyDecoded(name) {
		case "HASH", "SIGNATURE_SHA2_256", "SIGNATURE_SHA3_256":
			continue
		}
		if pair != "" {
			value = plainlyDecoded(value)
			source.WriteString(strconv.Itoa(len(value)) + value)
		}
	}
	return source.String()
}

func plainlyDecoded(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '+' {
			c = ' '
		} else if c == '%' && i+2 < len(s) {
			if hex, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				c, i = hex[0], i+2
			}
		}
		b = append(b, c)
	}
	return string(b)
}

// FuzzHandler posts any body, as it is and with the right hash: what is acknowledged
// was processed, or is about a test order, and has a reply.
func FuzzHandler(f *testing.F) {
	f.Fuzz(func(t *testing.T, contentType, body string) {
		hash := ""
		if len(body) < 1<<20 {
			hash = "&SIGNATURE_SHA2_256=" + ipn.Hash("sha256", key, body)
		}
		for _, body := range []string{body, body + hash, "HASH=&" + body + hash} {
			s := newShop()
			r := post(body)
			r.Header.Set("Content-Type", contentType)
			w := s.serve(r)
			if w.Code != http.StatusOK {
				assert.Equal(t, http.StatusText(w.Code)+"\n", w.Body.String())
				assert.Len(t, s.errs, 1)
				assert.Empty(t, s.notified)
				continue
			}
			assert.Empty(t, s.errs)
			assert.Regexp(t, `^<sig algo="sha(256|3-256)" date="\d{14}">[0-9a-f]{64}</sig>$`, w.Body.String())
			n, err := ipn.Verify(t.Context(), []byte(body), auth.NewSecret(key))
			assert.NoError(t, err)
			test, known := n.Test()
			assert.True(t, known)
			assert.Equal(t, !test, len(s.notified) == 1)
			assert.NotEmpty(t, n.ID())
			for name := range n.All() {
				n.Get(name)
				n.List(strings.TrimSuffix(name, "[]"))
			}
		}
	})
}
