package scheme_test

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

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

// What cannot be signed as it arrives is refused, and says what to do.
func ExampleBody() {
	req, err := http.NewRequest(http.MethodPost, "https://api.example.com/payments", strings.NewReader(`{"amount":200}`))
	if err != nil {
		log.Fatal(err)
	}
	body, err := scheme.Body(req, 1<<20)
	fmt.Println(string(body), err)
	again, _ := io.ReadAll(req.Body) // it is there still, for whoever sends it
	fmt.Println(string(again))

	req, err = http.NewRequest(http.MethodPost, "https://api.example.com/payments", strings.NewReader("\x1f\x8b"))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Encoding", "gzip")
	_, err = scheme.Body(req, 1<<20)
	fmt.Println(err)
	// Output:
	// {"amount":200} <nil>
	// {"amount":200}
	// countersign: sign POST for https://api.example.com: the body has the Content-Encoding "gzip" and cannot be read: send it plain
}

// The signature goes in as a member of the body: read, changed, and put back.
func ExampleSetBody() {
	req, err := http.NewRequest(http.MethodPost, "https://api.example.com/payments", strings.NewReader("amount=200"))
	if err != nil {
		log.Fatal(err)
	}
	body, err := scheme.Body(req, 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	scheme.SetBody(req, append(body, "&mac=51b9"...))
	sent, _ := io.ReadAll(req.Body)
	fmt.Println(req.ContentLength, string(sent))
	// Output: 19 amount=200&mac=51b9
}

// Every spelling of the field goes: a server may read any of them.
func ExampleSetHeader() {
	req, err := http.NewRequest(http.MethodGet, "https://api.example.com/payments", nil)
	if err != nil {
		log.Fatal(err)
	}
	req.Header["x-signature"] = []string{"what the caller had set"}
	scheme.SetHeader(req, "X-Signature", "51b9")
	fmt.Println(req.Header)
	// Output: map[X-Signature:[51b9]]
}

// A gateway repeats the signed URL in a redirect.
func ExampleRedactParameters() {
	fmt.Println(scheme.RedactParameters("/login?mac=51b9&next=https%3A%2F%2Fapi.example.com%2Fpayments%3Famount%3D200%26mac%3D51b9", "mac"))
	// Output: /login?mac=&next=https%3A%2F%2Fapi.example.com%2Fpayments%3Famount%3D200%26mac%3D
}

// A machine whose clock is an hour slow: the first refusal shows it, and what is
// claimed from then on is right.
func ExampleClock() {
	now := time.Date(2026, time.November, 28, 10, 0, 0, 0, time.UTC)
	clock := scheme.Clock{Now: func() time.Time { return now.Add(-time.Hour) }}
	req, err := http.NewRequest(http.MethodGet, "https://api.example.com/payments", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(clock.Claim(req).Format(time.TimeOnly))
	refusal := &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Date": {now.Format(http.TimeFormat)}}}
	fmt.Println(clock.Refused(req, refusal), clock.Offset())
	fmt.Println(clock.Claim(req).Format(time.TimeOnly))
	fmt.Println(clock.Refused(req, refusal)) // the time was right: something else is wrong
	// Output:
	// 09:00:00
	// true 1h0m0s
	// 10:00:00
	// false
}

// One login serves all that ask, until the gateway has forgotten it.
func ExampleKeeper() {
	logins := 0
	logIn := func(context.Context) (auth.Secret, time.Duration, error) {
		logins++ // such as a POST of the credentials, through base
		return auth.NewSecret(fmt.Sprint("token ", logins)), 9 * time.Minute, nil
	}
	var keeper scheme.Keeper
	for range 3 {
		token, err := keeper.Get(context.Background(), logIn)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(token, token.Reveal())
	}
	old, err := keeper.Get(context.Background(), logIn)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 { // two requests were refused that had the old one
		keeper.Drop(old)
		token, err := keeper.Get(context.Background(), logIn)
		fmt.Println(token.Reveal(), err)
	}

	// Where the credentials are wrong, not each request asks the gateway.
	var wrong scheme.Keeper
	asked := 0
	for range 3 {
		_, err = wrong.Get(context.Background(), func(context.Context) (auth.Secret, time.Duration, error) {
			asked++
			return auth.Secret{}, 0, scheme.ErrRefused
		})
	}
	fmt.Println(asked, errors.Is(err, scheme.ErrLogin), err)
	// Output:
	// [redacted] token 1
	// [redacted] token 1
	// [redacted] token 1
	// token 2 <nil>
	// token 2 <nil>
	// 1 true countersign: log in: the gateway refused the credentials
}
