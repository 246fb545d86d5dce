package transport_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/internal/phptest"
	"github.com/countersign/countersign/transport"
)

// endToEnd is how many random requests go over HTTP to PHP in a whole run.
const endToEnd = 2000

// phpGateways starts PHP standing in for both gateways, and returns its URL and a
// client for it.
func phpGateways(t *testing.T, algorithm avangate.Algorithm) (paylinkURL, avangateURL string, client *http.Client) {
	const secret, secretKey = "php-test-secret", "php-test-secret-key"
	env := []string{"SECRET=" + secret, "INSTANCE=example", "SECRET_KEY=" + secretKey, "MERCHANT_CODE=YOURCODE123"}
	paylinkURL = phptest.Serve(t, "gateways.php", env...)
	avangateURL = phptest.Serve(t, "gateways.php", env...)
	shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: paylinkURL, Instance: "example", Secret: auth.NewSecret(secret)})
	require.NoError(t, err)
	tco, err := avangate.New(avangate.Config{BaseURL: avangateURL, MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(secretKey), Algorithm: algorithm})
	require.NoError(t, err)
	client, err = transport.Wrap(&http.Client{}, shop, tco)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return paylinkURL, avangateURL, client
}

// TestPaylinkAgainstPHP sends random parameters in every shape of request to PHP,
// which verifies them and says what it saw.
func TestPaylinkAgainstPHP(t *testing.T) {
	base, _, client := phpGateways(t, avangate.SHA2_256)
	r := rand.New(rand.NewPCG(rand.Uint64(), 3))
	all, sent := phptest.Cases(endToEnd), map[string]int{}
	for range all {
		parameters := randomParameters(r)
		shape := shapes[r.IntN(len(shapes))]
		method := shape.methods[r.IntN(len(shape.methods))]
		req := shape.request(t, method, base+"/v1.0/Page/", parameters)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s %s %.2000q: %.2000s", method, shape.name, parameters, err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s %.2000q: PHP answers %d %s", method, shape.name, parameters, resp.StatusCode, answer)
		}
		if want, got := pairs(parameters), seen(t, answer); !slices.Equal(want, got) {
			t.Fatalf("%s %s: PHP sees %.2000q, sent was %.2000q", method, shape.name, got, want)
		}
		sent[shape.name]++
	}
	t.Logf("%d requests verified by PHP over HTTP, 0 mismatches: %v", all, sent)
}

// shapes are the kinds of request that can be signed.
var shapes = []struct {
	name    string
	methods []string
	request func(t *testing.T, method, url string, parameters url.Values) *http.Request
}{
	{"query", []string{"GET", "DELETE"}, func(t *testing.T, method, url string, parameters url.Values) *http.Request {
		for name, values := range parameters { // php -S takes no URL of any length
			parameters.Set(name, values[0][:min(len(values[0]), 600)])
		}
		return phpRequest(t, method, url+"?"+parameters.Encode(), "", nil)
	}},
	{"form", []string{"POST", "PUT", "PATCH", "DELETE"}, func(t *testing.T, method, url string, parameters url.Values) *http.Request {
		return phpRequest(t, method, url, "application/x-www-form-urlencoded", strings.NewReader(parameters.Encode()))
	}},
	{"JSON", []string{"POST", "PUT", "PATCH", "DELETE"}, func(t *testing.T, method, url string, parameters url.Values) *http.Request {
		body, err := json.Marshal(nested(parameters))
		require.NoError(t, err)
		return phpRequest(t, method, url, "application/json", bytes.NewReader(body))
	}},
	{"multipart", []string{"POST"}, func(t *testing.T, method, url string, parameters url.Values) *http.Request {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			require.NoError(t, w.WriteField(name, parameters.Get(name)))
		}
		file, err := w.CreateFormFile("file", "image.png")
		require.NoError(t, err)
		io.WriteString(file, strings.Repeat("\r\n--"+w.Boundary()[:20], 500))
		require.NoError(t, w.Close())
		return phpRequest(t, method, url, w.FormDataContentType(), &body)
	}},
}

func phpRequest(t *testing.T, method, url, contentType string, body io.Reader) *http.Request {
	req, err := http.NewRequest(method, url, body)
	require.NoError(t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

// nested makes an object of parameters whose names have brackets.
func nested(parameters url.Values) map[string]any {
	out := map[string]any{}
	for name, values := range parameters {
		path := strings.FieldsFunc(strings.ReplaceAll(name, "][", "["), func(r rune) bool { return r == '[' })
		if len(path) > 1 {
			path[len(path)-1] = strings.TrimSuffix(path[len(path)-1], "]")
		}
		at := out
		for _, key := range path[:len(path)-1] {
			if at[key] == nil {
				at[key] = map[string]any{}
			}
			at = at[key].(map[string]any)
		}
		at[path[len(path)-1]] = values[0]
	}
	return out
}

// randomParameters makes parameters that are in the normal form by construction,
// and that JSON can hold: what is refused has its own tests.
func randomParameters(r *rand.Rand) url.Values {
	word := func() string {
		b := make([]byte, r.IntN(12))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return []string{"", "Zürich ~", "a+b c%", "名前", strings.ToValidUTF8(string(b), "?"), strings.Repeat("x ", 3000)}[r.IntN(6)]
	}
	v := url.Values{}
	for i := range r.IntN(8) {
		name := fmt.Sprintf("%s%d", []string{"a", "größe", "x~*'()"}[r.IntN(3)], i)
		switch r.IntN(4) {
		case 0:
			v.Set(name, word())
		case 1:
			for j := range 1 + r.IntN(3) {
				v.Set(fmt.Sprintf("%s[%d]", name, j), word())
			}
		case 2:
			v.Set(name+"[e mail][value.x]", word())
			v.Set(name+"[ü][0]", word())
		case 3:
			v.Set(name+"[01]", word())
		}
	}
	return v
}

func pairs(v url.Values) []string {
	var out []string
	for name, values := range v {
		out = append(out, name+"="+values[0])
	}
	slices.Sort(out)
	return out
}

func seen(t *testing.T, answer []byte) []string {
	var a struct{ Parameters [][2]string }
	require.NoError(t, json.Unmarshal(answer, &a))
	var out []string
	for _, p := range a.Parameters {
		name, err := base64.StdEncoding.DecodeString(p[0])
		require.NoError(t, err)
		value, err := base64.StdEncoding.DecodeString(p[1])
		require.NoError(t, err)
		out = append(out, string(name)+"="+string(value))
	}
	slices.Sort(out)
	return out
}

func TestMostParametersAgainstPHP(t *testing.T) {
	base, _, client := phpGateways(t, avangate.SHA2_256)
	v := url.Values{}
	for i := range 998 {
		v.Set(fmt.Sprint("p", i), "1")
	}
	resp, err := client.Get(base + "/v1.0/Page/?" + v.Encode())
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode, "998 in a query, ApiSignature and instance behind them")
	v.Set("p998", "1")
	resp, err = client.PostForm(base+"/v1.0/Page/", v)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode, "999 in a form, ApiSignature behind them")
}

func TestAvangateAgainstPHP(t *testing.T) {
	for _, algorithm := range []avangate.Algorithm{avangate.SHA2_256, avangate.SHA3_256} {
		t.Run(algorithm.String(), func(t *testing.T) {
			_, base, client := phpGateways(t, algorithm)
			for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
				req, err := http.NewRequest(method, base+"/rest/6.0/orders/", nil)
				require.NoError(t, err)
				resp, err := client.Do(req)
				require.NoError(t, err)
				answer, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				require.NoError(t, err)
				assert.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", method, answer)
				assert.JSONEq(t, fmt.Sprintf(`{"algo":%q,"accept":"application/json"}`, algorithm), string(answer))
			}
		})
	}
}
