package ipn_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/phptest"
	"github.com/countersign/countersign/webhook/ipn"
)

// TestNotificationsThatPHPMade verifies random notifications that PHP built and
// hashed, has PHP check the replies, and refuses each with one byte changed. Half of
// them PHP hashes in the order of its own $_POST.
func TestNotificationsThatPHPMade(t *testing.T) {
	const batch = 1000
	cases := phptest.Cases(20_000)
	mismatches, accepted := 0, 0
	for range cases / batch {
		seed := strconv.Itoa(rand.IntN(1 << 31))
		var replies bytes.Buffer
		lines := bytes.Split(bytes.TrimSpace(phptest.Run(t, "notifications.php", nil, "make", seed, strconv.Itoa(batch))), []byte("\n"))
		require.Len(t, lines, batch)
		for _, line := range lines {
			var made struct {
				Key, Body, Changed, Source []byte
				Kind                       string
			}
			require.NoError(t, json.Unmarshal(line, &made))
			key := auth.NewSecret(string(made.Key))
			n, err := ipn.Verify(t.Context(), made.Body, key)
			if err != nil || n.Kind().String() != made.Kind || string(made.Source) != sourceOf(n) {
				mismatches++
				t.Errorf("%v: seed %s, key %q, body %q", err, seed, made.Key, made.Body)
				replies.WriteString("none\n")
				continue
			}
			fmt.Fprintln(&replies, n.Reply(time.Now()))
			if _, err := ipn.Verify(t.Context(), made.Changed, key); err == nil {
				accepted++
				t.Errorf("seed %s, key %q: changed to %q, and accepted", seed, made.Key, made.Changed)
			}
		}
		file := filepath.Join(t.TempDir(), "replies")
		require.NoError(t, os.WriteFile(file, replies.Bytes(), 0o600))
		if wrong := string(phptest.Run(t, "notifications.php", nil, "check", seed, file)); wrong != "" {
			mismatches += strings.Count(wrong, "\n")
			t.Errorf("seed %s: replies that PHP refuses:\n%s", seed, wrong)
		}
	}
	t.Logf("%d notifications made by PHP: %d mismatches with their replies, %d accepted with one byte changed", cases, mismatches, accepted)
}

// sourceOf joins the values that a notification shows, each behind its length.
func sourceOf(n *ipn.Notification) string {
	var source []byte
	for _, value := range n.All() {
		source = append(strconv.AppendInt(source, int64(len(value)), 10), value...)
	}
	return string(source)
}
