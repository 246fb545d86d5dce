package transport_test

import (
	"errors"
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

// One client for two gateways: each request is signed for the one that it goes to.
// What goes elsewhere is refused.
func ExampleWrap() {
	gateway := func(name string) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Println(name, "got", r.Method, r.URL.Path, "for", r.URL.Query().Get("instance"))
		}))
	}
	first, second := gateway("VR pay secure"), gateway("OkePay")
	defer first.Close()
	defer second.Close()

	vrpay, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: first.URL, Instance: "bakery", Secret: auth.NewSecret("first-test-secret")})
	if err != nil {
		log.Fatal(err)
	}
	okepay, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: second.URL, Instance: "florist", Secret: auth.NewSecret("second-test-secret")})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(&http.Client{}, vrpay, okepay)
	if err != nil {
		log.Fatal(err)
	}
	for _, server := range []*httptest.Server{first, second} {
		resp, err := client.PostForm(server.URL+"/v1.0/Invoice/", url.Values{"amount": {"200"}})
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
	}
	_, err = client.Get("https://example.com")
	fmt.Println("refused:", errors.Is(err, auth.ErrOrigin))
	// Output:
	// VR pay secure got POST /v1.0/Invoice/ for bakery
	// OkePay got POST /v1.0/Invoice/ for florist
	// refused: true
}

// A client that talks to other services too.
func ExampleTransport_PassOthers() {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("%s %q\n", r.URL, body)
	}))
	defer other.Close()

	shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://api.payrexx.com", Instance: "example", Secret: auth.NewSecret("test-secret-key")})
	if err != nil {
		log.Fatal(err)
	}
	t, err := transport.New(nil, shop)
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: t.PassOthers()}
	resp, err := client.PostForm(other.URL+"/orders", url.Values{"note": {"not signed"}})
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	// Output: /orders "note=not+signed"
}
