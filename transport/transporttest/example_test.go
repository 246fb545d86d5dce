package transporttest_test

import (
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport/transporttest"
)

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
