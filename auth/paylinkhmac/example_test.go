package paylinkhmac_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

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

// What becomes of a request: JSON keeps all its bytes, and gets the signature as its
// last member. A program leaves the call to package transport, which also sees to
// origins and redirects.
func ExampleAuthenticator() {
	shop, err := paylinkhmac.New(paylinkhmac.Config{
		BaseURL:  "https://api.payrexx.com",
		Instance: "example",
		Secret:   auth.NewSecret("test-secret-key"),
	})
	if err != nil {
		log.Fatal(err)
	}
	body := `{"amount":200,"title":"Monatliches Abo ~","vatRate":7.7,"preAuthorization":false,"reservation":null,"pm":["visa","twint"]}`
	req, err := http.NewRequest(http.MethodPost, "https://api.payrexx.com/v1.0/Gateway/", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if err := shop.Authenticate(req, http.DefaultTransport); err != nil {
		log.Fatal(err)
	}
	sent, err := io.ReadAll(req.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(req.URL)
	fmt.Printf("%s\n", sent)
	// Output:
	// https://api.payrexx.com/v1.0/Gateway/?instance=example
	// {"amount":200,"title":"Monatliches Abo ~","vatRate":7.7,"preAuthorization":false,"reservation":null,"pm":["visa","twint"],"ApiSignature":"0fr4FIoaGg+KtTseYX1FFho2PWs03GhsCGqU06KPN3k="}
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

// A proxy lets signed requests through to a server of its own. It passes on what was
// signed, and never the bytes that it got: a query that the gateways do not read, or
// a name that stands there twice, would reach a server that reads otherwise. What is
// not signed, it checks: method, path and instance.
func ExampleVerifier() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("the server gets", r.URL, r.FormValue("amount"), r.FormValue("fields[email]"))
	}))
	defer server.Close()

	verifier := &paylinkhmac.Verifier{Secret: auth.NewSecret("test-secret-key")} // Strict
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, err := verifier.Verify(r)
		if err != nil || found.Instance != "example" || r.Method != http.MethodPost || r.URL.Path != "/v1.0/Invoice/" {
			fmt.Println("refused, and ambiguous:", errors.Is(err, auth.ErrAmbiguous)) // a log has err
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		form := make(url.Values)
		for name, value := range found.Parameters() {
			form.Add(name, value)
		}
		resp, err := http.PostForm(server.URL+"/invoices", form)
		if err != nil {
			http.Error(w, "bad gateway", http.StatusBadGateway)
			return
		}
		resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
	}))
	defer proxy.Close()

	shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: proxy.URL, Instance: "example", Secret: auth.NewSecret("test-secret-key")})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(&http.Client{}, shop)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.PostForm(proxy.URL+"/v1.0/Invoice/", url.Values{"amount": {"200"}, "fields[email]": {"max+shop@example.com"}})
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.Status)

	// Who has seen a signed request has no secret, and sends it again with more.
	const signed = "amount=200&ApiSignature=UvxG8qPkyOrRgIEKSTMxrJtvDoLhQo8sEUwk0mJQRpU%3D"
	for _, more := range []string{"/v1.0/Invoice/?instance=example&amount=1 ", "/v1.0/Invoice/?instance=example amount=1&"} {
		target, before, _ := strings.Cut(more, " ")
		resp, err := http.Post(proxy.URL+target, "application/x-www-form-urlencoded", strings.NewReader(before+signed))
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	// Output:
	// the server gets /invoices 200 max+shop@example.com
	// 200 OK
	// refused, and ambiguous: true
	// 403 Forbidden
	// refused, and ambiguous: true
	// 403 Forbidden
}

// A plus sign for a space: the live gateways take it for a plus sign, other readers do
// not.
func ExampleReading() {
	for _, reading := range []paylinkhmac.Reading{paylinkhmac.Strict, paylinkhmac.Live} {
		body := "purpose=a+b&ApiSignature=IjvYPz9Cuw2wSHu8QdD%2BFBbc%2B904OKy9VvYbw%2Bow03U%3D"
		req, err := http.NewRequest(http.MethodPost, "https://api.payrexx.com/v1.0/Invoice/?instance=example", strings.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		verifier := &paylinkhmac.Verifier{Secret: auth.NewSecret("test-secret-key"), Reading: reading}
		found, err := verifier.Verify(req)
		fmt.Println(found.StringToSign, err)
		if err == nil {
			fmt.Println(found.Notes)
		}
	}
	// Output:
	// purpose=a%2Bb countersign: verify POST: a plus sign in the body is read as a plus sign, and by others as a space: write a space as %20 and a plus sign as %2B
	// purpose=a%2Bb <nil>
	// [a plus sign in the body is read as a plus sign, and by others as a space: write a space as %20 and a plus sign as %2B]
}

// The names of the family's platforms that public documents have.
func ExamplePlatforms() {
	for _, platform := range paylinkhmac.Platforms() {
		if platform.Name == "VR pay secure" {
			fmt.Println(platform.BaseURL())
		}
	}
	// Output: https://api.vr-pay-secure.de
}
