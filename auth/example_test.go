package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport"
)

// The accounts of a program: it builds them, says at its start which secret is missing,
// and gives them to one client.
func Example() {
	shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://api.vr-pay-secure.de", Instance: "example", Secret: auth.NewSecret("test-secret-key")})
	if err != nil {
		log.Fatal(err)
	}
	tco, err := avangate.New(avangate.Config{MerchantCode: "YOURCODE123", SecretKey: auth.NewFile("/run/secrets/none/2checkout")})
	if err != nil {
		log.Fatal(err)
	}
	err = auth.Check(context.Background(), shop, tco)
	fmt.Println("a secret is missing:", errors.Is(err, auth.ErrSecret))

	client, err := transport.Wrap(&http.Client{}, shop, tco)
	fmt.Println(client != nil, err)
	fmt.Println(shop.Origins(), tco.Origins())
	// Output:
	// a secret is missing: true
	// true <nil>
	// [https://api.vr-pay-secure.de] [https://api.2checkout.com https://api.avangate.com]
}

// A tokenAuthenticator is the least that an Authenticator of one's own is: where the
// credential may go, and how it is put into a request. A body, a login or a clock take
// more, which package scheme has.
type tokenAuthenticator struct {
	origin auth.Origin
	token  auth.SecretSource
}

func (a tokenAuthenticator) Origins() []auth.Origin { return []auth.Origin{a.origin} }

func (a tokenAuthenticator) Authenticate(req *http.Request, _ http.RoundTripper) error {
	token, err := auth.Load(req.Context(), a.token)
	if err != nil {
		return err
	}
	scheme.SetHeader(req, "Authorization", "Bearer "+token.Reveal())
	return nil
}

func ExampleAuthenticator() {
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path, r.Header.Get("Authorization"))
	}))
	defer gateway.Close()
	origin, err := auth.ParseOrigin(gateway.URL, false)
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(nil, tokenAuthenticator{origin, auth.NewSecret("test-token-key")})
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Get(gateway.URL + "/payments")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	_, err = client.Get("https://shop.example/")
	fmt.Println("another origin is refused:", errors.Is(err, auth.ErrOrigin))
	// Output:
	// GET /payments Bearer test-token-key
	// another origin is refused: true
}

// An origin that many merchants share has no default. Their secrets are checked at the
// start; a PerRequest has none.
func ExamplePerRequest() {
	origin, err := auth.ParseOrigin("https://api.payrexx.com", false)
	if err != nil {
		log.Fatal(err)
	}
	shared := auth.NewPerRequest(origin)
	bakery, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: origin.String(), Instance: "bakery", Secret: auth.NewSecret("test-secret-key")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(shared.Origins(), auth.Check(context.Background(), bakery))

	_, err = transport.Wrap(nil, shared, bakery)
	fmt.Println("both for one origin are an error:", errors.Is(err, auth.ErrConfig))
	client, err := transport.Wrap(nil, shared)
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Get("https://api.payrexx.com/v1.0/SignatureCheck/")
	fmt.Println("no merchant is named:", errors.Is(err, auth.ErrNoAuthenticator))
	// Output:
	// [https://api.payrexx.com] <nil>
	// both for one origin are an error: true
	// no merchant is named: true
}

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

// A program without a secret fails at its start, and not at its first payment.
func ExampleCheck() {
	shop, err := paylinkhmac.New(paylinkhmac.Config{
		BaseURL:  "https://api.payrexx.com",
		Instance: "example",
		Secret:   auth.Env("EXAMPLE_UNSET_SECRET"),
	})
	if err != nil {
		log.Fatal(err)
	}
	err = auth.Check(context.Background(), shop)
	fmt.Println(errors.Is(err, auth.ErrSecret))
	fmt.Println(err)
	// Output:
	// true
	// countersign: check for https://api.payrexx.com: the environment variable EXAMPLE_UNSET_SECRET is not set
}

// The code of an error tells whose mistake it is, and whether anything was sent.
func ExampleError() {
	shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://api.payrexx.com", Instance: "example", Secret: auth.NewSecret("test-secret-key")})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(&http.Client{}, shop)
	if err != nil {
		log.Fatal(err)
	}
	for _, u := range []string{"https://api.payrexx.com/v1.0/Transaction/?pm=twint&pm=visa", "http://api.payrexx.com/v1.0/Transaction/"} {
		_, err := client.Get(u)
		refused, ok := errors.AsType[*auth.Error](err)
		if !ok {
			fmt.Println("the network's:", err)
			continue
		}
		switch {
		case errors.Is(err, auth.ErrParameter):
			fmt.Println("correct the parameter:", refused.Err)
		default:
			fmt.Println(refused.Op, "at", refused.Gateway, "failed:", refused.Err)
		}
	}
	// Output:
	// correct the parameter: parameter "pm" is given twice, and PHP keeps the last only: name a list's elements "pm[0]", "pm[1]"
	// send GET at http://api.payrexx.com failed: no authenticator has this origin: correct the URL, or call another service with another client; the authenticators are for https://api.payrexx.com
}

// An origin is a scheme, a host and a port, and nothing else is the same one.
func ExampleParseOrigin() {
	origin, err := auth.ParseOrigin("https://API.payrexx.com:443", false)
	fmt.Println(origin, err)
	for _, u := range []string{"https://api.payrexx.com/v1.0/Invoice/", "http://api.payrexx.com/", "https://api.payrexx.com./", "https://api.payrexx.com@example.com/"} {
		parsed, err := url.Parse(u)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(auth.OriginOf(parsed) == origin, u)
	}
	_, err = auth.ParseOrigin("http://api.payrexx.com", false)
	fmt.Println(err)
	// Output:
	// https://api.payrexx.com <nil>
	// true https://api.payrexx.com/v1.0/Invoice/
	// false http://api.payrexx.com/
	// false https://api.payrexx.com./
	// false https://api.payrexx.com@example.com/
	// base URL "http://api.payrexx.com" is not encrypted: write https, or allow plain http for a test network
}

// A secret that is asked of a vault under each request's context, so that a rotation
// needs no restart.
func ExampleSecretFunc() {
	vault := map[string]string{"payrexx": "test-secret-key"}
	source := auth.SecretFunc(func(ctx context.Context) (auth.Secret, error) {
		value, ok := vault["payrexx"]
		if !ok {
			return auth.Secret{}, errors.New("the vault has no payrexx")
		}
		return auth.NewSecret(value), ctx.Err()
	})
	for _, rotated := range []string{"test-secret-key", "next-test-secret-key", " next-test-secret-key"} {
		vault["payrexx"] = rotated
		secret, err := auth.Load(context.Background(), source)
		fmt.Println(len(secret.Reveal()), err)
	}
	// Output:
	// 15 <nil>
	// 20 <nil>
	// 0 the source auth.SecretFunc: the secret begins or ends with white space, such as a newline from a file: cut it off
}

// A secret in a file, as orchestrators mount it: replace it by renaming.
func ExampleNewFile() {
	dir, err := os.MkdirTemp("", "secret")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "payrexx")
	source := auth.NewFile(path)
	for _, value := range []string{"test-secret-key\n", "next-test-secret-key\n"} {
		if err := os.WriteFile(path+".new", []byte(value), 0o600); err != nil {
			log.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			log.Fatal(err)
		}
		secret, err := auth.Load(context.Background(), source)
		fmt.Println(secret, len(secret.Reveal()), err)
	}
	// Output:
	// [redacted] 15 <nil>
	// [redacted] 20 <nil>
}

// What was signed for one request, to compare it with what another program signs. It
// holds the parameters' values: keep it out of logs that others read.
func ExampleWithTrace() {
	gateway := httptest.NewServer(http.NotFoundHandler())
	defer gateway.Close()
	shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: gateway.URL, Instance: "example", Secret: auth.NewSecret("test-secret-key")})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(&http.Client{}, shop)
	if err != nil {
		log.Fatal(err)
	}
	ctx := auth.WithTrace(context.Background(), &auth.Trace{
		Signed: func(_ context.Context, i auth.SignedInfo) {
			signed, _ := i.StringToSign()
			fmt.Println(i.Method, signed)
		},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, gateway.URL+"/v1.0/Transaction/?filterDatetimeUtcLessThan=2026-01-02+15:04:05", nil)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	// Output: GET filterDatetimeUtcLessThan=2026-01-02+15%3A04%3A05
}
