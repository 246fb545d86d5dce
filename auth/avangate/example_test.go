package avangate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/transport"
)

func Example() {
	// In place of https://api.2checkout.com, which is the default.
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header.Get("X-Avangate-Authentication"))
	}))
	defer gateway.Close()

	a, err := avangate.New(avangate.Config{
		BaseURL:      gateway.URL,
		MerchantCode: "YOURCODE123",
		SecretKey:    auth.NewSecret("YOUR_SECRET_KEY"), // better: auth.Env or auth.NewFile
		Now:          func() time.Time { return time.Date(2020, 6, 18, 8, 5, 46, 0, time.UTC) },
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(nil, a)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Get(gateway.URL + "/rest/6.0/orders/")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	// Output:
	// code="YOURCODE123" date="2020-06-18 08:05:46" hash="c8d30e4c86238e1ad1f025b2b117d2fd304a76081b3187135d0fd35498a044f1" algo="sha256"
}

// A JSON-RPC call, and what the gateway sees of two: one login, and an id where
// Session stands.
func ExampleSession() {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(string(body))
		io.WriteString(w, `{"jsonrpc":"2.0","result":"5f8c0e42d1","id":1}`)
	}))
	defer gateway.Close()

	a, err := avangate.New(avangate.Config{
		BaseURL:      gateway.URL,
		MerchantCode: "YOURCODE123",
		SecretKey:    auth.NewSecret("YOUR_SECRET_KEY"),
		Now:          func() time.Time { return time.Date(2020, 6, 18, 8, 5, 46, 0, time.UTC) },
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(nil, a)
	if err != nil {
		log.Fatal(err)
	}
	for _, order := range []string{"11331111", "11331112"} {
		call, err := json.Marshal(map[string]any{
			"jsonrpc": "2.0", "method": "getOrder", "params": []any{avangate.Session, order}, "id": 2,
		})
		if err != nil {
			log.Fatal(err)
		}
		resp, err := client.Post(gateway.URL+"/rpc/6.0/", "application/json", bytes.NewReader(call))
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
	}
	// Output:
	// {"jsonrpc":"2.0","method":"login","params":["YOURCODE123","2020-06-18 08:05:46","c8d30e4c86238e1ad1f025b2b117d2fd304a76081b3187135d0fd35498a044f1","sha256"],"id":1}
	// {"id":2,"jsonrpc":"2.0","method":"getOrder","params":["5f8c0e42d1","11331111"]}
	// {"id":2,"jsonrpc":"2.0","method":"getOrder","params":["5f8c0e42d1","11331112"]}
}

// The values of a login, for a client that logs in itself.
func ExampleAuthenticator_Login() {
	a, err := avangate.New(avangate.Config{
		MerchantCode: "YOURCODE123",
		SecretKey:    auth.NewSecret("YOUR_SECRET_KEY"),
		Now:          func() time.Time { return time.Date(2020, 6, 18, 8, 5, 46, 0, time.UTC) },
	})
	if err != nil {
		log.Fatal(err)
	}
	l, err := a.Login(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l)
	login := func(code, date, hash, algo string) { fmt.Println(code, date, hash, algo) } // the client's
	login(l.MerchantCode, l.Date, l.Hash.Reveal(), l.Algorithm.String())
	// Output:
	// {YOURCODE123 2020-06-18 08:05:46 [redacted] sha256}
	// YOURCODE123 2020-06-18 08:05:46 c8d30e4c86238e1ad1f025b2b117d2fd304a76081b3187135d0fd35498a044f1 sha256
}

func ExampleVerifier() {
	v := avangate.Verifier{
		MerchantCode: "YOURCODE123",
		SecretKey:    auth.NewSecret("YOUR_SECRET_KEY"),
		Now:          func() time.Time { return time.Date(2020, 6, 18, 9, 5, 46, 0, time.UTC) },
	}
	req := httptest.NewRequest("GET", "/rest/6.0/orders/", nil)
	req.Header.Set("X-Avangate-Authentication", `code="YOURCODE123" date="2020-06-18 08:05:46" `+
		`hash="c8d30e4c86238e1ad1f025b2b117d2fd304a76081b3187135d0fd35498a044f1" algo="sha256"`)
	claim, err := v.Verify(req)
	fmt.Println(err)
	fmt.Println(claim.StringToSign, claim.Offset)
	// Output:
	// countersign: verify GET for YOURCODE123: the time is off by -1h0m0s, and 5m0s is allowed: check both clocks, and that the time is in UTC
	// 11YOURCODE123192020-06-18 08:05:46 -1h0m0s
}
