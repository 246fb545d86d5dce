package paylinkhmac_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

// A form that is posted through a wrapped client arrives signed.
func Example() {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.URL)
		fmt.Println(string(body))
	}))
	defer gateway.Close()

	shop, err := paylinkhmac.New(paylinkhmac.Config{
		BaseURL:  gateway.URL, // such as "https://api.vr-pay-secure.de"
		Instance: "example",
		Secret:   auth.NewSecret("test-secret-key"),
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(&http.Client{}, shop)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.PostForm(gateway.URL+"/v1.0/Invoice/", url.Values{"purpose": {"This is a+b 100% test"}})
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	// Output:
	// /v1.0/Invoice/?instance=example
	// purpose=This%20is%20a%2Bb%20100%25%20test&ApiSignature=6yVehX4QRGOhtEwlwGczPYXd1C6hhmjAm%2Bd3dYPjW4g%3D
}

// The error names the parameter and says what to write. Nothing is sent.
func Example_refused() {
	shop, err := paylinkhmac.New(paylinkhmac.Config{
		BaseURL:  "https://api.payrexx.com",
		Instance: "example",
		Secret:   auth.NewSecret("test-secret-key"),
	})
	if err != nil {
		log.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, "https://api.payrexx.com/v1.0/Transaction/?pm=twint&pm=visa", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(shop.Authenticate(req, nil))
	// Output:
	// countersign: sign GET for https://api.payrexx.com: parameter "pm" is given twice, and PHP keeps the last only: name a list's elements "pm[0]", "pm[1]"
}
