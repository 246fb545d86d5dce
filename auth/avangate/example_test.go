package avangate_test

import (
	"fmt"
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
