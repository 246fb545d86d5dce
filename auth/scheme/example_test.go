package scheme_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport"
)

// A signer sends an HMAC over method, target and body in a header field. Its
// gateway is made up.
type signer struct {
	origin auth.Origin
	secret auth.SecretSource
}

func (s *signer) Origins() []auth.Origin { return []auth.Origin{s.origin} }

func (s *signer) Authenticate(req *http.Request, _ http.RoundTripper) error {
	secret, err := auth.Load(req.Context(), s.secret)
	if err != nil {
		return &auth.Error{Op: "sign", Gateway: s.origin.String(), Code: auth.ErrSecret, Err: err}
	}
	body, err := scheme.Body(req, 1<<20)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	fmt.Fprintf(mac, "%s\n%s\n%s", cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), body)
	scheme.SetHeader(req, "X-Signature", hex.EncodeToString(mac.Sum(nil)))
	return nil
}

// A whole Authenticator, and a request through it.
func Example() {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Method, r.RequestURI, string(body))
		fmt.Println(r.Header.Get("X-Signature"))
	}))
	defer gateway.Close()

	origin, err := auth.ParseOrigin(gateway.URL, false) // such as "https://api.example.com"
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(&http.Client{}, &signer{origin, auth.NewSecret("test-secret-key")})
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Post(gateway.URL+"/payments?dry=1", "application/json", strings.NewReader(`{"amount":200}`))
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	// Output:
	// POST /payments?dry=1 {"amount":200}
	// 3ac883b37a72a5bdea3e25143d437450b0535d22d037a8e90924779d3b8e9d5e
}
