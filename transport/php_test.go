package transport_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
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

// endToEnd is how many random requests go over HTTP to PHP.
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
	sent := 0
	for range endToEnd {
		method := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "DELETE"}[r.IntN(6)]
		parameters := randomParameters(r)
		form := parameters.Encode()
		target := base + "/v1.0/Page/"
		var body io.Reader
		if method == "GET" || method == "DELETE" && r.IntN(2) == 0 {
			target += "?" + form
		} else {
			body = strings.NewReader(form)
		}
		req, err := http.NewRequest(method, target, body)
		require.NoError(t, err)
		if body != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := client.Do(req)
		require.NoError(t, err)
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %q: PHP answers %d %s", method, form, resp.StatusCode, answer)
		}
		if want, got := pairs(parameters), seen(t, answer); !slices.Equal(want, got) {
			t.Fatalf("%s %q: PHP sees %q, sent was %q", method, form, got, want)
		}
		sent++
	}
	t.Logf("%d requests verified by PHP over HTTP, 0 mismatches", sent)
}

// randomParameters makes parameters that are in the normal form by construction:
// what is refused has its own tests.
func randomParameters(r *rand.Rand) url.Values {
	word := func() string {
		b := make([]byte, r.IntN(12))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return []string{"", "Zürich ~", "a+b c%", "名前", string(b), strings.Repeat("x ", 3000)}[r.IntN(6)]
	}
	v := url.Values{}
	for i := range r.IntN(8) {
		name := fmt.Sprintf("%s%d", []string{"a", "größe", "x~*'()", "]"}[r.IntN(4)], i)
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
