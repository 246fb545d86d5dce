package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/webhook/ipn"
)

// newIPN returns the body of the request of 110 fields that the vendor has published,
// signed with SHA2-256, and its key.
func newIPN(tb testing.TB) (body []byte, key string) {
	text, err := os.ReadFile("../testdata/inbound.json")
	if err != nil {
		tb.Fatal(err)
	}
	var vectors struct {
		Requests struct {
			Cases []struct {
				Name, Key, Body string
				MAC             map[string]string
			}
		} `json:"ipn_request"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		tb.Fatal(err)
	}
	for _, c := range vectors.Requests.Cases {
		if strings.Contains(c.Name, "110 fields") {
			return []byte(c.Body + "&SIGNATURE_SHA2_256=" + c.MAC["sha256"]), c.Key
		}
	}
	tb.Fatal("there is no vector of 110 fields")
	return nil, ""
}

// BenchmarkIPN verifies a notification; beside it, an HMAC over its body.
func BenchmarkIPN(b *testing.B) {
	body, key := newIPN(b)
	runInAnyOrder(b, []benchmark{
		{"impl=countersign", func(b *testing.B) {
			secret := auth.NewSecret(key)
			measure(b, func() {
				if _, err := ipn.Verify(b.Context(), body, secret); err != nil {
					b.Fatal(err)
				}
			})
		}},
		{"impl=hmac", func(b *testing.B) {
			mac := hmac.New(sha256.New, []byte(key))
			var sum []byte
			measure(b, func() {
				mac.Reset()
				mac.Write(body)
				sum = mac.Sum(sum[:0])
			})
		}},
	})
}
