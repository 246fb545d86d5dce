package paylinkkey_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkkey"
	"github.com/countersign/countersign/internal/phptest"
	"github.com/countersign/countersign/transport"
)

// endToEnd is how many random requests go over HTTP to PHP in a whole run.
const endToEnd = 500

// A phpGateway is gateways.php, and a client of it.
type phpGateway struct {
	t      *testing.T
	url    string
	client *http.Client
}

func startPHP(t *testing.T, key string) *phpGateway {
	base := phptest.Serve(t, "gateways.php", "SECRET="+secret, "INSTANCE=example")
	c := config()
	c.BaseURL, c.Secret = base, auth.NewSecret(key)
	a, err := paylinkkey.New(c)
	require.NoError(t, err)
	client, err := transport.Wrap(&http.Client{Transport: &http.Transport{}}, a)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return &phpGateway{t, base + "/v1.0/Page/", client}
}

func (g *phpGateway) do(method, query, contentType string, body []byte, header http.Header) (status int, answer []byte) {
	g.t.Helper()
	req, err := http.NewRequest(method, g.url, bytes.NewReader(body))
	require.NoError(g.t, err)
	req.URL.RawQuery = query
	for key, values := range header {
		req.Header[key] = values // as it is spelled
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := g.client.Do(req)
	require.NoError(g.t, err, "%s ?%s %q", method, query, body)
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	require.NoError(g.t, err)
	return resp.StatusCode, answer
}

// A phpRequest is what gateways.php saw.
type phpRequest struct {
	Readings [][][2][]byte // names and values, in each way of reading them
	Body     []byte        // empty if it was multipart
	Files    map[string]string
}

// accepted sends a request that PHP must accept.
func (g *phpGateway) accepted(method, query, contentType string, body []byte) (saw phpRequest) {
	g.t.Helper()
	status, answer := g.do(method, query, contentType, body, nil)
	require.Equal(g.t, http.StatusOK, status, "%s ?%s %q: PHP answers %s", method, query, body, answer)
	require.NoError(g.t, json.Unmarshal(answer, &saw))
	return saw
}

// A parameter is the name that is written, the one that is meant, and the value.
type parameter struct{ written, meant, value string }

// randomParameters makes one parameter or more, in PHP's order.
func randomParameters(r *rand.Rand) (parameters []parameter) {
	for i := range 1 + r.IntN(6) {
		name := fmt.Sprint(pick(r, "a", "größe", "x~*'()", "A-b"), i)
		add := func(written, meant string) {
			parameters = append(parameters, parameter{name + written, name + meant, randomValue(r)})
		}
		switch r.IntN(5) {
		case 0:
			add("", "")
		case 1:
			for j := range 1 + r.IntN(3) {
				add("[]", fmt.Sprintf("[%d]", j))
			}
		case 2:
			add("[e mail][value.x]", "[e mail][value.x]")
			add("[ü+][]", "[ü+][0]")
			add("[ü+][]", "[ü+][1]")
		case 3:
			add("[5]", "[5]")
			add("[6]", "[6]")
		case 4:
			add("[01]", "[01]")
		}
	}
	return parameters
}

func randomValue(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(pick(r, " ", "+", "%", "%2B", "&", "=", "ü", "ß", "名", "~", "[]", `"`, "\r\n", "a", "Z", "0"))
	}
	return b.String()
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// encode writes a query or form, every space as a plus sign or as %20, and brackets
// as they are or escaped.
func encode(r *rand.Rand, parameters []parameter) string {
	brackets := strings.NewReplacer("%5B", "[", "%5D", "]")
	plus := r.IntN(2) == 0
	var pairs []string
	for _, p := range parameters {
		name, value := url.QueryEscape(p.written), url.QueryEscape(p.value)
		if !plus {
			name, value = strings.ReplaceAll(name, "+", "%20"), strings.ReplaceAll(value, "+", "%20")
		}
		if r.IntN(2) == 0 {
			name = brackets.Replace(name)
		}
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "&")
}

// assertMeant compares every reading of PHP's with what was meant.
func assertMeant(t *testing.T, meant []parameter, saw phpRequest, atLeast int) {
	t.Helper()
	var want [][2][]byte
	for _, p := range meant {
		want = append(want, [2][]byte{[]byte(p.meant), []byte(p.value)})
	}
	require.GreaterOrEqual(t, len(saw.Readings), atLeast)
	for i, reading := range saw.Readings {
		require.Equal(t, fmt.Sprintf("%q", want), fmt.Sprintf("%q", reading), "reading %d", i)
	}
}

// shapes are the kinds of request that PHP is sent.
var shapes = []struct {
	name string
	send func(g *phpGateway, r *rand.Rand, parameters []parameter)
}{
	{"query", func(g *phpGateway, r *rand.Rand, parameters []parameter) {
		saw := g.accepted(pick(r, "GET", "DELETE"), encode(r, parameters), "", nil)
		meant := append(parameters, parameter{meant: "instance", value: "example"})
		assertMeant(g.t, meant, saw, 3)
	}},
	{"form", func(g *phpGateway, r *rand.Rand, parameters []parameter) {
		saw := g.accepted(pick(r, "POST", "PUT", "PATCH", "DELETE"), "", formType, []byte(encode(r, parameters)))
		assertMeant(g.t, parameters, saw, 2)
		assert.NotContains(g.t, string(saw.Body), "+", "it could be a space")
	}},
	{"JSON", func(g *phpGateway, r *rand.Rand, parameters []parameter) {
		members := map[string]any{"ApiSignature": "stays", "number": 1.50, "null": nil}
		for _, p := range parameters {
			members[p.written] = []any{p.value, true}
		}
		body, err := json.MarshalIndent(members, " ", "\t")
		require.NoError(g.t, err)
		saw := g.accepted(pick(r, "POST", "PUT", "PATCH", "DELETE"), "", "application/json", body)
		require.Equal(g.t, string(body), string(saw.Body))
	}},
	{"multipart", func(g *phpGateway, r *rand.Rand, parameters []parameter) {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for _, p := range parameters {
			require.NoError(g.t, w.WriteField(p.written, p.value))
		}
		content := []byte(strings.Repeat("\r\n--"+w.Boundary()[:20], r.IntN(5000)))
		file, err := w.CreateFormFile("file", "image.png")
		require.NoError(g.t, err)
		file.Write(content)
		require.NoError(g.t, w.Close())
		saw := g.accepted("POST", "", w.FormDataContentType(), body.Bytes())
		assertMeant(g.t, parameters, saw, 1)
		sum := sha256.Sum256(content)
		require.Equal(g.t, map[string]string{"file": hex.EncodeToString(sum[:])}, saw.Files)
	}},
}

// TestAgainstPHP sends random parameters in every shape of request to PHP, which
// checks the key and the instance and says what it saw.
func TestAgainstPHP(t *testing.T) {
	g := startPHP(t, secret)
	seed := rand.Uint64()
	defer func() {
		if t.Failed() {
			t.Logf("the seed is %d", seed)
		}
	}()
	r := rand.New(rand.NewPCG(seed, 4))
	all, sent := phptest.Cases(endToEnd), map[string]int{}
	for range all {
		shape := shapes[r.IntN(len(shapes))]
		shape.send(g, r, randomParameters(r))
		sent[shape.name]++
	}
	t.Logf("%d requests accepted by PHP, 0 mismatches: %v", all, sent)
}

func TestWrongKeyAgainstPHP(t *testing.T) {
	g := startPHP(t, "another secret")
	status, answer := g.do("GET", "a=1", "", nil, nil)
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.JSONEq(t, `{"error":"key"}`, string(answer))
}

// TestStaleHeaderAgainstPHP has callers set the header themselves. PHP, as CGI
// says, knows no letter case of a header's name, and no dash from an underscore.
func TestStaleHeaderAgainstPHP(t *testing.T) {
	g := startPHP(t, secret)
	for _, spelling := range []string{"X-Api-Key", "X-API-KEY", "x-api-key", "X_API_KEY", "x_api_key", "X-Api_Key"} {
		t.Run(spelling, func(t *testing.T) {
			status, answer := g.do("GET", "a=1", "", nil, http.Header{spelling: {"stale"}})
			assert.Equal(t, http.StatusOK, status, "PHP answers %s", answer)
		})
	}
}
