package countersign_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	countersign "github.com/countersign/countersign/caddy"
)

// A program that has neither the scheme nor the secret sends a plain form to a socket
// of its own machine. The gateway is an emulated one.
func Example() {
	gateway := httptest.NewServer(&authtest.Paylink{
		Instance: "example",
		Secret:   auth.NewSecret("test-secret-key"),
		Observe: func(e authtest.Exchange) {
			fmt.Println("the gateway got", e.Method, e.Path)
			fmt.Println("and verified", e.StringToSign)
		},
	})
	defer gateway.Close()
	dir, err := os.MkdirTemp("", "countersign")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	secret, socket := filepath.Join(dir, "secret"), filepath.Join(dir, "sock")
	if err := os.WriteFile(secret, []byte("test-secret-key"), 0o600); err != nil {
		log.Fatal(err)
	}

	config, _, err := countersign.Adapter{}.Adapt(fmt.Appendf(nil, `{
		"listen": "unix/%s",
		"log_level": "ERROR",
		"gateways": [{
			"path": "/pay",
			"url": %q,
			"scheme": "paylinkhmac",
			"instance": "example",
			"secret_file": %q,
			"allow": ["POST /v1.0/Gateway/"]
		}]
	}`, socket, gateway.URL, secret), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		log.Fatal(err)
	}
	defer caddy.Stop()

	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	for _, path := range []string{"/pay/v1.0/Gateway/", "/pay/v1.0/Payout/"} {
		resp, err := client.PostForm("http://localhost"+path, url.Values{"amount": {"8925"}, "currency": {"CHF"}})
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		fmt.Println(path, "is answered", resp.StatusCode)
	}

	// Output:
	// the gateway got POST /v1.0/Gateway/
	// and verified amount=8925&currency=CHF
	// /pay/v1.0/Gateway/ is answered 200
	// /pay/v1.0/Payout/ is answered 403
}
