package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

// A marketplace books for many merchants through one client. Each request names
// the merchant in its context, and one that names none is refused.
func ExampleWithAuthenticator() {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("booked for", r.URL.Query().Get("instance"))
	}))
	defer gateway.Close()

	merchants := make(map[string]auth.Authenticator)
	for _, name := range []string{"bakery", "florist"} {
		merchant, err := paylinkhmac.New(paylinkhmac.Config{
			BaseURL:  gateway.URL,
			Instance: name,
			Secret:   auth.NewSecret("secret of the " + name),
		})
		if err != nil {
			log.Fatal(err)
		}
		merchants[name] = merchant
	}
	origin, err := auth.ParseOrigin(gateway.URL, false)
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(nil, auth.NewPerRequest(origin))
	if err != nil {
		log.Fatal(err)
	}

	book := func(ctx context.Context) error {
		form := strings.NewReader(url.Values{"amount": {"200"}}.Encode())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, gateway.URL+"/v1.0/Invoice/", form)
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	for _, name := range []string{"florist", "bakery"} {
		if err := book(auth.WithAuthenticator(context.Background(), merchants[name])); err != nil {
			log.Fatal(err)
		}
	}
	err = book(context.Background())
	fmt.Println("refused:", errors.Is(err, auth.ErrNoAuthenticator))
	// Output:
	// booked for florist
	// booked for bakery
	// refused: true
}

// A secret does not show, whatever prints it.
func ExampleSecret() {
	config := struct {
		Instance string
		Secret   auth.Secret
	}{"example", auth.NewSecret("hunter2")}
	fmt.Printf("%v\n%+v\n%x\n", config, config, config.Secret)
	fmt.Println(config.Secret.Reveal())
	// Output:
	// {example [redacted]}
	// {Instance:example Secret:[redacted]}
	// [redacted]
	// hunter2
}
