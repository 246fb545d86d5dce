package peers_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/phptest"
	"github.com/countersign/countersign/webhook/ipn"
)

const secretKey = "test-secret-key"

// algorithms are those that an SDK and package ipn have both, the stronger one last,
// and the field of each.
var algorithms = []struct {
	name, field string
	new         func() hash.Hash
}{
	{"sha256", "SIGNATURE_SHA2_256", sha256.New},
	{"sha3-256", "SIGNATURE_SHA3_256", func() hash.Hash { return sha3.New256() }},
}

// A class is what a message may have for an SDK to get it right.
type class struct {
	alphabet []string // of values
	// edges says that values may begin and end with white space, small that names may
	// have small letters, indexed that elements may have their index in the name.
	edges, small, indexed bool
	// empty says that the field of a stronger hash may be there, and empty.
	empty bool
	// plain says that the reply is right over ASCII only.
	plain bool
}

// characters returns those from one to another, each as one byte, but for some.
func characters(from, to byte, but string) (all []string) {
	for c := int(from); c <= int(to); c++ {
		if !strings.Contains(but, string([]byte{byte(c)})) {
			all = append(all, string([]byte{byte(c)}))
		}
	}
	return all
}

// An SDK as a receiver of notifications, and what it gets right.
var receivers = []struct {
	sdk     string
	class   class
	command func(t *testing.T, sdk string) *exec.Cmd
}{
	{
		"2checkout-php-sdk", // it strips slashes, and takes nested arrays for an error
		class{alphabet: characters(0, 0xff, `\`), edges: true, small: true, indexed: true, empty: true},
		func(t *testing.T, sdk string) *exec.Cmd {
			return exec.Command(phptest.Require(t, "php"), "-n", "testdata/notifications.php", sdk)
		},
	},
	{
		"2checkout-node-sdk", // it trims, and counts UTF-16's units
		class{alphabet: characters(0, 0x7f, ""), small: true, indexed: true, empty: true},
		func(t *testing.T, sdk string) *exec.Cmd {
			node := phptest.Require(t, "node")
			copied := filepath.Join(t.TempDir(), "sdk")
			require.NoError(t, os.CopyFS(copied, os.DirFS(sdk)))
			npm := exec.Command(phptest.Require(t, "npm"), "install", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts", "qs@6")
			npm.Dir = copied
			out, err := npm.CombinedOutput()
			require.NoError(t, err, "%s", out)
			return exec.Command(node, "testdata/notifications.js", copied)
		},
	},
	{
		"2checkout-ruby-sdk", // it counts characters, and leaves out names with small letters
		class{alphabet: characters(0, 0x7f, ""), edges: true},
		func(t *testing.T, sdk string) *exec.Cmd {
			return exec.Command(phptest.Require(t, "ruby"), "testdata/notifications.rb", sdk)
		},
	},
	{
		"2checkout-java-sdk", // it decodes, and counts characters in the reply
		class{alphabet: append(characters(0, 0x7f, ""), "ä", "ß", "é", "漢", "字", "😀"), edges: true, small: true, plain: true},
		func(t *testing.T, sdk string) *exec.Cmd {
			const lombok = "/usr/share/java/lombok.jar" // Debian's
			source, classes := filepath.Join(sdk, "src/main/java/com/twocheckout"), t.TempDir()
			out, err := exec.Command(phptest.Require(t, "javac"), "-encoding", "UTF-8", "-d", classes, "-cp", lombok, "testdata/Notifications.java",
				filepath.Join(source, "model/Ipn.java"), filepath.Join(source, "model/TwocheckoutConfig.java"), filepath.Join(source, "exception/TwocheckoutException.java"),
			).CombinedOutput()
			require.NoError(t, err, "%s", out)
			return exec.Command(phptest.Require(t, "java"), "-Dfile.encoding=UTF-8", "-cp", classes, "Notifications")
		},
	},
}

// A field is one of a message; a group are fields that stand together.
type (
	field struct{ name, value string }
	group []field
)

// value returns a random value of the class.
func (c class) value() string {
	var b strings.Builder
	for range rand.IntN(20) * rand.IntN(8) {
		b.WriteString(c.alphabet[rand.IntN(len(c.alphabet))])
	}
	if c.edges {
		return b.String()
	}
	return strings.TrimSpace(b.String())
}

// array returns elements of an array.
func (c class) array(name string, values ...string) (g group) {
	indexed := c.indexed && rand.IntN(2) == 0
	for i, value := range values {
		if indexed {
			g = append(g, field{fmt.Sprintf("%s[%d]", name, i), value})
		} else {
			g = append(g, field{name + "[]", value})
		}
	}
	return g
}

// message returns a random one without its hash.
func (c class) message() (groups []group) {
	product := c.value
	if c.plain {
		product = class{alphabet: characters(0, 0x7f, ""), edges: true}.value
	}
	var ids, names []string
	for range 1 + rand.IntN(3) {
		ids, names = append(ids, product()), append(names, product())
	}
	groups = []group{
		{{"REFNO", fmt.Sprint(1 + rand.IntN(1<<30))}}, {{"IPN_DATE", fmt.Sprint(20260101000000 + rand.IntN(1<<30))}}, {{"TEST_ORDER", "0"}},
		c.array("IPN_PID", ids...), c.array("IPN_PNAME", names...),
	}
	for i := range rand.IntN(12) {
		name := fmt.Sprintf("FIELD_%d", i)
		if c.small && rand.IntN(4) == 0 {
			name = strings.ToLower(name)
		}
		if rand.IntN(4) == 0 {
			groups = append(groups, c.array(name, c.value(), c.value(), c.value()))
		} else {
			groups = append(groups, group{{name, c.value()}})
		}
	}
	rand.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	return groups
}

// sign adds the hash by an algorithm, and with luck fields of others, somewhere.
func (c class) sign(groups []group, algorithm int) []group {
	mac := hmac.New(algorithms[algorithm].new, []byte(secretKey))
	for _, g := range groups {
		for _, f := range g {
			fmt.Fprintf(mac, "%d%s", len(f.value), f.value)
		}
	}
	add := func(name, value string) {
		at := rand.IntN(len(groups) + 1)
		groups = append(groups[:at:at], append([]group{{{name, value}}}, groups[at:]...)...)
	}
	add(algorithms[algorithm].field, hex.EncodeToString(mac.Sum(nil)))
	for _, weaker := range append([]string{"HASH"}, algorithms[0].field)[:1+algorithm] {
		if n := rand.IntN(3); n > 0 {
			add(weaker, strings.Repeat("0", 32*(n-1)))
		}
	}
	if c.empty && algorithm == 0 && rand.IntN(2) == 0 {
		add(algorithms[1].field, "")
	}
	return groups
}

// encode spells a message in one of many ways.
func encode(groups []group) string {
	var b strings.Builder
	for _, g := range groups {
		for _, f := range g {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(escape(f.name) + "=" + escape(f.value))
		}
	}
	return b.String()
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' && rand.IntN(2) == 0:
			b.WriteByte('+')
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte("_-.~*[]", c) >= 0 && rand.IntN(2) == 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, []string{"%%%02X", "%%%02x"}[rand.IntN(2)], c)
		}
	}
	return b.String()
}

// TestSDKsAndTheHandlerAgree: what an SDK finds right among messages that it reads as
// they are meant the Handler acknowledges, by the very reply that the SDK makes at that
// time; both refuse them with one value changed.
func TestSDKsAndTheHandlerAgree(t *testing.T) {
	const each = 300
	folder := peers(t)
	for _, receiver := range receivers {
		t.Run(receiver.sdk, func(t *testing.T) {
			type message struct {
				at            time.Time
				body, changed string
			}
			var messages []message
			var input strings.Builder
			at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when a bubble begins
			for i := range each * len(algorithms) {
				at = at.Add(time.Duration(rand.IntN(72*60*60)) * time.Second)
				groups := receiver.class.message()
				signed := receiver.class.sign(groups, i%len(algorithms))
				m := message{at: at, body: encode(signed)}
				g := groups[rand.IntN(len(groups))]
				g[rand.IntN(len(g))].value += "x"
				m.changed = encode(signed)
				messages = append(messages, m)
				fmt.Fprintf(&input, "%d %s\n%d %s\n", at.Unix(), m.body, at.Unix(), m.changed)
			}
			cmd := receiver.command(t, filepath.Join(folder, receiver.sdk))
			cmd.Env = append(os.Environ(), "SECRET_KEY="+secretKey, "TZ=UTC")
			cmd.Stdin = strings.NewReader(input.String())
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			require.NoError(t, err, "%s", &stderr)
			lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			require.Len(t, lines, 2*len(messages), "%s", &stderr)

			synctest.Test(t, func(t *testing.T) {
				handler := &ipn.Handler{
					SecretKeys: []auth.SecretSource{auth.NewSecret(secretKey)},
					Notify:     func(context.Context, *ipn.Notification) error { return nil },
					OnError:    func(*http.Request, error) {},
				}
				serve := func(body string) *httptest.ResponseRecorder {
					r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					w := httptest.NewRecorder()
					handler.ServeHTTP(w, r)
					return w
				}
				mismatches, accepted := 0, 0
				for i, m := range messages {
					time.Sleep(time.Until(m.at))
					right, reply, _ := strings.Cut(lines[2*i], " ")
					w := serve(m.body)
					if right != "right" || w.Code != http.StatusOK || w.Body.String() != reply {
						mismatches++
						t.Errorf("%s\nthe SDK:     %s\nthe Handler: %d %s", m.body, lines[2*i], w.Code, w.Body)
					}
					if w := serve(m.changed); lines[2*i+1] != "wrong" || w.Code != http.StatusBadRequest {
						accepted++
						t.Errorf("%s\nthe SDK:     %s\nthe Handler: %d %s", m.changed, lines[2*i+1], w.Code, w.Body)
					}
				}
				assert.Zero(t, mismatches+accepted)
				t.Logf("%d messages that the SDK finds right, and its replies to them: %d mismatches; with one value changed %d accepted", len(messages), mismatches, accepted)
			})
		})
	}
}
