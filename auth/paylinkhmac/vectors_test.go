package paylinkhmac_test

import (
	"crypto/fips140"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/internal/phptest"
)

const vectorsFile = "../../testdata/paylink.json"

type vectors struct {
	Secret   string
	Instance string
	Cases    []struct {
		Name         string
		Stable       bool
		StringToSign string `json:"string_to_sign"`
		Signature    string
		Requests     []struct {
			Method, URL, Body string
			SignedURL         string `json:"signed_url"`
			SignedBody        string `json:"signed_body"`
		}
	}
}

func readVectors(t *testing.T) vectors {
	b, err := os.ReadFile(vectorsFile)
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(b, &v))
	require.NotEmpty(t, v.Cases)
	return v
}

// TestVectorsAreWhatPHPGives fails if the committed values are not the script's.
func TestVectorsAreWhatPHPGives(t *testing.T) {
	got, err := exec.Command(phptest.Require(t, "php"), "-n", "../../testdata/paylink.php").Output()
	require.NoError(t, err)
	want, err := os.ReadFile(vectorsFile)
	require.NoError(t, err)
	assert.Equal(t, string(got), string(want), "run php -n testdata/paylink.php > testdata/paylink.json")
}

func TestVectors(t *testing.T) {
	v := readVectors(t)
	a := newAuthenticator(t, paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: v.Instance, Secret: auth.NewSecret(v.Secret)})
	verifier := paylinkhmac.Verifier{Secret: auth.NewSecret(v.Secret)}
	for _, c := range v.Cases {
		for _, r := range c.Requests {
			t.Run(c.Name+"/"+r.Method, func(t *testing.T) {
				req := newRequest(t, r.Method, r.URL, r.Body)
				err := a.Authenticate(req, nil)
				if !c.Stable {
					require.ErrorIs(t, err, auth.ErrParameter)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, r.SignedURL, req.URL.String())
				assert.Equal(t, r.SignedBody, bodyOf(t, req))

				received := newRequest(t, r.Method, r.SignedURL, r.SignedBody)
				found, err := verifier.Verify(received)
				require.NoError(t, err)
				assert.Equal(t, c.StringToSign, found.StringToSign)
				assert.Equal(t, v.Instance, found.Instance)
				assert.Equal(t, r.SignedBody, bodyOf(t, received), "the body is put back")
			})
		}
	}
}

// newRequest makes a request as net/http does, with a form body if it has one.
func newRequest(t testing.TB, method, url, body string) *http.Request {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, r)
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

func newAuthenticator(t testing.TB, c paylinkhmac.Config) *paylinkhmac.Authenticator {
	a, err := paylinkhmac.New(c)
	require.NoError(t, err)
	return a
}

func bodyOf(t testing.TB, req *http.Request) string {
	if req.Body == nil {
		return ""
	}
	b, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	return string(b)
}

// Values that another project has published, made with PHP 8.4
// (zweiundeins/payrexx-go-sdk 064bc03, payrexx/auth_test.go).
func TestPublishedValues(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("their secret is shorter than FIPS 140 mode allows")
	}
	for query, signature := range map[string]string{
		"":                 "pBvG2B1kE1dq4JlJleCtiaQW7Jc4lRXDYE9HciEi7us=",
		"model=Page&id=17": "zp8vWZDr2rL9gGz3TxuYoxR6/rZFt2mJrqkLj5cwgXI=",
	} {
		a, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: "example", Secret: auth.NewSecret("test-secret")})
		require.NoError(t, err)
		req, err := http.NewRequest("GET", "https://api.example.com/v1.0/Page/17/?"+query, nil)
		require.NoError(t, err)
		require.NoError(t, a.Authenticate(req, nil))
		assert.Equal(t, signature, req.URL.Query().Get("ApiSignature"), query)
	}
}
