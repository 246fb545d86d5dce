package transporttest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport"
	"github.com/countersign/countersign/transport/transporttest"
)

// A RoundTripper that keeps all rules: Countersign's own, with the family's signature.
// The gateway is yours to say, and here a verifier.
func Example() {
	shop, err := paylinkhmac.New(paylinkhmac.Config{
		BaseURL: "https://api.example.com", Instance: "example", Secret: auth.NewSecret("test-secret-key"),
	})
	if err != nil {
		log.Fatal(err)
	}
	gateway := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verifier := paylinkhmac.Verifier{Secret: auth.NewSecret("test-secret-key")}
		if _, err := verifier.Verify(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
		}
	})
	wrap := func(base http.RoundTripper) http.RoundTripper {
		t, err := transport.New(base, shop)
		if err != nil {
			log.Fatal(err)
		}
		return t
	}
	create, list := payments()
	fmt.Println(transporttest.TestRoundTripper(wrap, gateway, create, list))
	// Output: <nil>
}

// A tokenAuth is a scheme of one's own: the gateway wants a token in the header.
type tokenAuth struct {
	origin auth.Origin
	token  auth.Secret
}

func (a tokenAuth) Origins() []auth.Origin { return []auth.Origin{a.origin} }

func (a tokenAuth) Authenticate(req *http.Request, _ http.RoundTripper) error {
	scheme.SetHeader(req, "Authorization", "Bearer "+a.token.Reveal())
	return nil
}

// tokenGateway verifies what a tokenAuth sends.
func tokenGateway(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer test-token" {
		http.Error(w, "wrong token", http.StatusUnauthorized)
	}
}

// payments returns a request with a body and one without.
func payments() (create, list *http.Request) {
	create, err := http.NewRequest("POST", "https://api.example.com/payments", strings.NewReader(`{"amount":200}`))
	if err != nil {
		log.Fatal(err)
	}
	create.Header.Set("Content-Type", "application/json")
	list, err = http.NewRequest("GET", "https://api.example.com/payments?page=2", nil)
	if err != nil {
		log.Fatal(err)
	}
	return create, list
}

// The test of a scheme of one's own.
func ExampleTestAuthenticator() {
	origin, err := auth.ParseOrigin("https://api.example.com", false)
	if err != nil {
		log.Fatal(err)
	}
	create, list := payments()
	err = transporttest.TestAuthenticator(tokenAuth{origin, auth.NewSecret("test-token")}, http.HandlerFunc(tokenGateway), create, list)
	fmt.Println(err)
	// Output: <nil>
}

// A roundTripperFunc is the RoundTripper that everybody writes first.
type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// What is wrong with a RoundTripper of six lines.
func ExampleTestRoundTripper() {
	wrap := func(base http.RoundTripper) http.RoundTripper {
		return roundTripperFunc(func(req *http.Request) (*http.Response, error) {
			req.Header.Set("Authorization", "Bearer test-token")
			return base.RoundTrip(req)
		})
	}
	create, list := payments()
	err := transporttest.TestRoundTripper(wrap, http.HandlerFunc(tokenGateway), create, list)
	fmt.Println(err)
	// Output:
	// request: POST /payments with a body: on an answer: the Header of the caller's request is changed while it is sent
	// stale: POST /payments with a body: the caller has set the field "authorization": Authorization arrives 2 times, want 1: take out every spelling of the name, as scheme.SetHeader does
	// errors: POST /payments with a body: the base's error quotes the request, and "test-token", which the RoundTripper has added, is shown: cut the text at its first quote
	// CloseIdleConnections: a Client's call does not reach the base
	// request line: POST /payments with a body: a path without a slash: a request with credentials has the target "@elsewhere.test/payments", which does not begin with a slash, in its first line
	// origins: POST /payments with a body: another host, https://elsewhere.test: it is sent, and not as it is
	// redirects: POST /payments with a body: a 301 to the same origin, https://api.example.com: the request is sent again, as GET
}

// A loginAuth is a scheme of one's own: it logs in, and sends the token that it got.
type loginAuth struct {
	origin auth.Origin
	secret auth.Secret
	tokens scheme.Keeper
}

func (a *loginAuth) Origins() []auth.Origin { return []auth.Origin{a.origin} }

func (a *loginAuth) Authenticate(req *http.Request, base http.RoundTripper) error {
	token, err := a.tokens.Get(req.Context(), func(ctx context.Context) (auth.Secret, time.Duration, error) {
		login, err := http.NewRequestWithContext(ctx, http.MethodPost, a.origin.String()+"/login", strings.NewReader(a.secret.Reveal()))
		if err != nil {
			return auth.Secret{}, 0, err
		}
		resp, err := base.RoundTrip(login)
		if err != nil {
			return auth.Secret{}, 0, err
		}
		defer resp.Body.Close()
		token, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		switch {
		case resp.StatusCode == http.StatusForbidden:
			return auth.Secret{}, 0, scheme.ErrRefused
		case err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(token), "token-"):
			return auth.Secret{}, 0, errors.New("the answer to the login holds no token")
		}
		return auth.NewSecret(string(token)), 9 * time.Minute, nil
	})
	if err != nil {
		return err
	}
	scheme.SetHeader(req, "X-Token", token.Reveal())
	return nil
}

// Refused says that the token was at fault: the gateway has a code for that.
func (a *loginAuth) Refused(req *http.Request, resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("X-Error") != "token" {
		return false
	}
	a.tokens.Drop(auth.NewSecret(req.Header.Get("X-Token")))
	return true
}

// A loginGateway gives tokens, and forgets them.
type loginGateway struct {
	mu     sync.Mutex
	logins int
	valid  string
}

func (g *loginGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.URL.Path == "/login" {
		if secret, _ := io.ReadAll(r.Body); string(secret) != "test-secret-key" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		g.logins++
		g.valid = fmt.Sprint("token-", g.logins)
		io.WriteString(w, g.valid)
		return
	}
	if g.valid == "" || r.Header.Get("X-Token") != g.valid {
		w.Header().Set("X-Error", "token")
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func (g *loginGateway) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.valid = ""
}

// The test of a scheme that logs in. Each step has an Authenticator of its own.
func ExampleTestLearner() {
	origin, err := auth.ParseOrigin("https://api.example.com", false)
	if err != nil {
		log.Fatal(err)
	}
	newAuthenticator := func() auth.Authenticator {
		return &loginAuth{origin: origin, secret: auth.NewSecret("test-secret-key")}
	}
	gateway := &loginGateway{}
	create, list := payments()
	fmt.Println(transporttest.TestLearner(newAuthenticator, gateway, gateway.forget, create, list))
	// Output: <nil>
}
