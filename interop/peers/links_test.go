package peers_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// The account of the tests.
const (
	merchantCode = "YOURCODE123"
	secretWord   = "test-secret-word & more"
)

// peers returns the folder of the SDKs. The test is skipped where none is named.
func peers(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("COUNTERSIGN_PEERS")
	if folder == "" {
		t.Skip("COUNTERSIGN_PEERS is not set: it names a folder with the vendors' SDKs, see the package's documentation")
	}
	return folder
}

// build builds the command, and returns its path.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "countersign")
	build := exec.Command("go", "build", "-o", path, "./cmd/countersign")
	build.Dir = "../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// countersign builds the command, and returns what runs it.
func countersign(t *testing.T) func(args ...string) string {
	t.Helper()
	path := build(t)
	return func(args ...string) string {
		t.Helper()
		cmd := exec.Command(path, args...)
		cmd.Env = append(os.Environ(), "COUNTERSIGN_BUY_LINK_SECRET="+secretWord, "COUNTERSIGN_MERCHANT_CODE="+merchantCode)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "%s", &stderr)
		return string(out)
	}
}

// signedNames are those that the vendor's plugins sign, in their order.
var signedNames = []string{
	"coupon", "currency", "cust-params", "customer-ext-ref", "customer-ref", "description", "duration", "expiration", "item-ext-ref", "lock", "opt",
	"order-ext-ref", "price", "prod", "qty", "recurrence", "renewal-price", "return-type", "return-url", "tangible", "type",
}

// endpoint stands in for the vendor's signature endpoint, with an HMAC of the test's
// own: it signs parameters for who has a right token.
func endpoint(t *testing.T, requests *int) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*requests++
		if problem := checkToken(r.Header.Get("merchant-token")); problem != "" {
			t.Errorf("%s: the token: %s", r.UserAgent(), problem)
		}
		decoder := json.NewDecoder(r.Body)
		decoder.UseNumber()
		var parameters map[string]any
		if err := decoder.Decode(&parameters); err != nil {
			t.Errorf("the parameters: %v", err)
		}
		mac := hmac.New(sha256.New, []byte(secretWord))
		for _, name := range signedNames {
			var text string
			switch value := parameters[name].(type) {
			case nil:
				continue
			case string:
				text = value
			case json.Number:
				text = value.String()
			default:
				t.Errorf("%s is a %T", name, value)
			}
			io.WriteString(mac, strconv.Itoa(len(text))+text)
		}
		json.NewEncoder(w).Encode(map[string]string{"signature": hex.EncodeToString(mac.Sum(nil))})
	}))
	t.Cleanup(server.Close)
	return server
}

// checkToken returns what is wrong with a token, if anything.
func checkToken(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "it has not three parts"
	}
	mac := hmac.New(sha512.New, []byte(secretWord))
	io.WriteString(mac, parts[0]+"."+parts[1])
	if parts[2] != base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
		return "its signature is wrong"
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err.Error()
	}
	var claims struct {
		Sub      string
		Iat, Exp int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err.Error()
	}
	switch now := time.Now().Unix(); {
	case claims.Sub != merchantCode:
		return "it is another merchant's"
	case claims.Iat > now || claims.Exp <= now:
		return "it is not yet or no longer right"
	}
	return ""
}

// links are parameters of buy links: those of the vectors, and random ones.
func links(t *testing.T) (links [][][2]any) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/inbound.json")
	require.NoError(t, err)
	var vectors struct {
		BuyLink struct{ Cases []struct{ Pairs [][2]any } } `json:"buy_link"`
	}
	require.NoError(t, json.Unmarshal(text, &vectors))
	require.NotEmpty(t, vectors.BuyLink.Cases)
	for _, c := range vectors.BuyLink.Cases {
		links = append(links, c.Pairs)
	}
	values := []any{"", "0", "Größe “L” 漢字 😀", "a+b&c=d;e%20", "https://shop.example/b?a=b#c", " x ", "<b>\"'\\", 0, 1, 20, 49.95, "1;2"}
	for range 40 {
		names := append([]string{"test", "src", "language", "Prod"}, signedNames...)
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		var pairs [][2]any
		for _, name := range names[:2+rand.IntN(10)] {
			pairs = append(pairs, [2]any{name, values[rand.IntN(len(values))]})
		}
		links = append(links, pairs)
	}
	for i := range links {
		links[i] = slices.DeleteFunc(links[i], func(p [2]any) bool { return p[0] == "merchant" })
		links[i] = append(links[i], [2]any{"merchant", merchantCode})
	}
	return links
}

// TestSDKsHaveLinksSigned: each SDK's token is right, and the link that it makes has
// the signature that `countersign sign buylink` gives it; its own library takes the
// token of `countersign sign merchant-token` and makes the same again.
func TestSDKsHaveLinksSigned(t *testing.T) {
	folder := peers(t)
	run := countersign(t)
	for _, c := range []struct {
		name, program, script string
		args                  func(t *testing.T) []string
	}{
		{"2checkout-php-sdk", "php", "links.php", func(t *testing.T) []string { return append([]string{"-n"}, phptest.Extension(t, "curl")...) }},
		{"2checkout-node-sdk", "node", "links.js", nil},
		{"2checkout-ruby-sdk", "ruby", "links.rb", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			program := phptest.Require(t, c.program)
			var args []string
			if c.args != nil {
				args = c.args(t)
			}
			token := strings.TrimSuffix(run("sign", "merchant-token"), "\n")
			assert.Empty(t, checkToken(token))
			requests := 0
			links := links(t)
			input, err := json.Marshal(map[string]any{
				"sdk": filepath.Join(folder, c.name), "endpoint": endpoint(t, &requests).URL, "merchantCode": merchantCode, "secretWord": secretWord,
				"links": links, "token": token,
			})
			require.NoError(t, err)
			cmd := exec.Command(program, append(args, filepath.Join("testdata", c.script))...)
			cmd.Stdin = bytes.NewReader(input)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			for _, lacking := range []string{"Cannot find module 'jsonwebtoken'", "cannot load such file -- jwt"} {
				if strings.Contains(stderr.String(), lacking) {
					t.Skipf("the SDK lacks a library: %s", lacking)
				}
			}
			require.NoError(t, err, "%s\n%s", &stderr, out)
			var answer struct {
				Queries []string
				Token   string
			}
			require.NoError(t, json.Unmarshal(out, &answer), "%s", out)
			assert.Equal(t, token, answer.Token, "the token that it makes of the same header and claims")
			require.Len(t, answer.Queries, len(links))
			assert.Equal(t, len(links), requests)
			for _, query := range answer.Queries {
				unsigned, signature, found := strings.Cut(query, "&signature=")
				require.True(t, found, query)
				lines := strings.Split(run("sign", "buylink", "--url", "https://secure.2checkout.com/checkout/buy/?"+unsigned), "\n")
				assert.Equal(t, "https://secure.2checkout.com/checkout/buy/?"+unsigned+"&signature="+signature, lines[len(lines)-2])
			}
			t.Logf("%d links and tokens of the SDK's, 0 mismatches", len(links))
		})
	}
}
