package ipn_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/webhook/ipn"
)

// TestTheWorkedExample verifies what docs/webhooks.md works by hand, whose values are
// openssl's.
func TestTheWorkedExample(t *testing.T) {
	manual, err := os.ReadFile("../../docs/webhooks.md")
	require.NoError(t, err)
	body := regexp.MustCompile(`(?m)^REFNO=\S+$`).FindString(string(manual))
	n, err := ipn.Verify(t.Context(), []byte(body), auth.NewSecret("test-secret-key"))
	require.NoError(t, err)
	tag := regexp.MustCompile(`(?m)^<sig algo="sha256" date="20260612200305">\S+$`).FindString(string(manual))
	require.NotEmpty(t, tag)
	assert.Equal(t, tag, n.Reply(time.Date(2026, 6, 12, 20, 3, 5, 0, time.UTC)))
	digests := regexp.MustCompile(`(?m)^[0-9a-f]{64} \*stdin$`).FindAllString(string(manual), 2)
	require.Len(t, digests, 2)
	signed, _, _ := strings.Cut(body, "SIGNATURE")
	sha3 := signed + "SIGNATURE_SHA3_256=" + strings.TrimSuffix(digests[1], " *stdin")
	_, err = ipn.Verify(t.Context(), []byte(sha3), auth.NewSecret("test-secret-key"))
	assert.NoError(t, err)
}
