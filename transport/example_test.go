package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

// A program's client, and what it does with an answer. The gateway is emulated: it
// accepts what is rightly signed.
func Example() {
	gateway := httptest.NewServer(&authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key")})
	defer gateway.Close()

	shop, err := paylinkhmac.New(paylinkhmac.Config{
		BaseURL:  gateway.URL, // such as "https://api.vr-pay-secure.de"
		Instance: "example",
		Secret:   auth.NewSecret("test-secret-key"), // or auth.Env, auth.NewFile
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(&http.Client{Timeout: 20 * time.Second}, shop)
	if err != nil {
		log.Fatal(err)
	}
	for _, invoice := range []url.Values{
		{"amount": {"200"}, "purpose": {"This is a+b 100% test"}},
		{"amount": {"200"}, "a b": {"PHP reads this name as a_b"}},
	} {
		resp, err := client.PostForm(gateway.URL+"/v1.0/Invoice/", invoice)
		if errors.Is(err, auth.ErrParameter) {
			fmt.Println("nothing was sent")
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	// Output:
	// 200 OK
	// nothing was sent
}

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

// A layer that tries again stands above: each attempt is signed afresh.
func ExampleNew() {
	attempts := 0
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		attempts++
		fmt.Println("attempt", attempts, "is signed:", r.URL.Query().Has("ApiSignature"))
		if attempts == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer gateway.Close()

	shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: gateway.URL, Instance: "example", Secret: auth.NewSecret("test-secret-key")})
	if err != nil {
		log.Fatal(err)
	}
	signing, err := transport.New(http.DefaultTransport, shop)
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: onceMore{signing}}
	resp, err := client.Get(gateway.URL + "/v1.0/Transaction/?limit=2")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.StatusCode, resp.Request.URL.RawQuery) // the caller's, without credentials
	// Output:
	// attempt 1 is signed: true
	// attempt 2 is signed: true
	// 200 limit=2
}

// A onceMore sends a GET again after a 503.
type onceMore struct{ base http.RoundTripper }

func (o onceMore) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.base.RoundTrip(req)
	if err != nil || req.Method != http.MethodGet || resp.StatusCode != http.StatusServiceUnavailable {
		return resp, err
	}
	resp.Body.Close()
	return o.base.RoundTrip(req)
}

// Every event in a log: what is signed, what is refused, what is sent again and why,
// the logins, and a clock that is wrong. None of it holds a credential.
func ExampleTransport_WithTrace() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // for this example's output
			}
			return a
		},
	}))
	trace := &auth.Trace{
		Signed: func(ctx context.Context, i auth.SignedInfo) {
			logger.InfoContext(ctx, "signed", "method", i.Method, "origin", i.Origin.String())
		},
		Refused: func(ctx context.Context, i auth.RefusedInfo) {
			logger.ErrorContext(ctx, "refused", "error", i.Err)
		},
		Repeated: func(ctx context.Context, i auth.RepeatedInfo) {
			logger.WarnContext(ctx, "repeated", "method", i.Method, "origin", i.Origin.String(), "reason", i.Reason)
		},
		LoggedIn: func(ctx context.Context, i auth.LoggedInInfo) {
			logger.InfoContext(ctx, "logged in", "origin", i.Origin.String(), "took", i.Duration, "error", i.Err)
		},
		Clock: func(ctx context.Context, i auth.ClockInfo) {
			logger.WarnContext(ctx, "the clock is wrong", "origin", i.Origin.String(), "before", i.Before, "after", i.After)
		},
	}

	now := time.Date(2026, time.November, 28, 10, 0, 0, 0, time.UTC)
	gateway := &authtest.Avangate{
		MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key"),
		Now: func() time.Time { return now },
	}
	tco, err := avangate.New(avangate.Config{
		MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key"),
		Now: func() time.Time { return now.Add(-time.Hour) }, // this machine's clock is slow
	})
	if err != nil {
		log.Fatal(err)
	}
	t, err := transport.New(standIn{gateway}, tco)
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: t.WithTrace(trace)}

	getOrder := `{"jsonrpc":"2.0","method":"getOrder","params":["` + avangate.Session + `","11331111"],"id":2}`
	for range 2 {
		resp, err := client.Post("https://api.2checkout.com/rpc/6.0/", "application/json", strings.NewReader(getOrder))
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		gateway.EndSessions()
	}
	client.Get("https://example.com/")
	// Output:
	// level=WARN msg="the clock is wrong" origin=https://api.2checkout.com before=0s after=1h0m0s
	// level=INFO msg="logged in" origin=https://api.2checkout.com took=0s error=<nil>
	// level=INFO msg=signed method=POST origin=https://api.2checkout.com
	// level=INFO msg=signed method=POST origin=https://api.2checkout.com
	// level=WARN msg=repeated method=POST origin=https://api.2checkout.com reason=session
	// level=INFO msg="logged in" origin=https://api.2checkout.com took=0s error=<nil>
	// level=INFO msg=signed method=POST origin=https://api.2checkout.com
	// level=ERROR msg=refused error="countersign: send GET for https://example.com: no authenticator has this origin: correct the URL, or call another service with another client; the authenticators are for https://api.2checkout.com, https://api.avangate.com"
}

// A standIn is a gateway without a network.
type standIn struct{ http.Handler }

func (s standIn) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	return w.Result(), nil
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
