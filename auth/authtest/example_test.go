package authtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

// newGateway starts an emulated gateway of the Payrexx family, and makes a client for
// it.
func newGateway(gateway *authtest.Paylink) (server *httptest.Server, client *http.Client) {
	gateway.Instance, gateway.Secret = "example", auth.NewSecret("test-secret-key")
	server = httptest.NewServer(gateway)
	signer, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: server.URL, Instance: "example", Secret: gateway.Secret})
	if err != nil {
		log.Fatal(err)
	}
	client, err = transport.Wrap(&http.Client{}, signer)
	if err != nil {
		log.Fatal(err)
	}
	return server, client
}

// newCheckout does the same for 2Checkout.
func newCheckout(gateway *authtest.Avangate) (server *httptest.Server, client *http.Client, signer *avangate.Authenticator) {
	gateway.MerchantCode, gateway.SecretKey = "YOURCODE123", auth.NewSecret("test-secret-key")
	server = httptest.NewServer(gateway)
	signer, err := avangate.New(avangate.Config{BaseURL: server.URL, MerchantCode: "YOURCODE123", SecretKey: gateway.SecretKey})
	if err != nil {
		log.Fatal(err)
	}
	client, err = transport.Wrap(&http.Client{}, signer)
	if err != nil {
		log.Fatal(err)
	}
	return server, client, signer
}

// A test's own answers stand behind a right signature.
func ExamplePaylink_answer() {
	server, client := newGateway(&authtest.Paylink{
		Answer: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"status":"success","data":[{"id":17,"status":"confirmed"}]}`)
		}),
	})
	defer server.Close()

	resp, err := client.Get(server.URL + "/v1.0/Gateway/17/")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", body)

	resp, err = http.Get(server.URL + "/v1.0/Gateway/17/?instance=example")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println("without a signature:", resp.StatusCode)
	// Output:
	// {"status":"success","data":[{"id":17,"status":"confirmed"}]}
	// without a signature: 403
}

// A Recorder keeps what was asked, whichever goroutine asked it.
func ExampleRecorder() {
	var seen authtest.Recorder
	server, client := newGateway(&authtest.Paylink{Observe: seen.Observe})
	defer server.Close()

	resp, err := client.PostForm(server.URL+"/v1.0/Gateway/", url.Values{"amount": {"590"}, "purpose": {"A & B"}})
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	for _, e := range seen.Exchanges() {
		fmt.Println(e.Method, e.Path, e.Status, e.Parameters)
	}
	// Output:
	// POST /v1.0/Gateway/ 200 [[amount 590] [purpose A & B]]
}

// What was learnt of one's own gateway can be played: this one takes no JSON, and reads
// a plus sign in a form as a space.
func ExampleOptions() {
	var options authtest.Options
	learnt := `{"host": "api.example.com", "reads": {"bodyPlus": "space", "json": "no", "names": "unknown"}, "slash": "redirected"}`
	if err := json.Unmarshal([]byte(learnt), &options); err != nil {
		log.Fatal(err)
	}
	if err := options.Validate(); err != nil {
		log.Fatal(err)
	}
	server, client := newGateway(&authtest.Paylink{Options: options})
	defer server.Close()

	resp, err := client.Post(server.URL+"/v1.0/Invoice/", "application/json", strings.NewReader(`{"title":"A"}`))
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println("JSON:", resp.StatusCode)
	resp, err = client.PostForm(server.URL+"/v1.0/Invoice/", url.Values{"title": {"A B"}})
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println("form:", resp.StatusCode)
	// Output:
	// JSON: 403
	// form: 200
}

// A gateway that does not answer: the client gives up after its own time.
func ExampleSlow() {
	gateway := new(authtest.Paylink)
	server, client := newGateway(gateway)
	defer server.Close()
	client.Timeout = 20 * time.Millisecond

	gateway.Fail(authtest.Slow)
	_, err := client.Get(server.URL + "/v1.0/SignatureCheck/")
	fmt.Println("timeout:", errors.Is(err, context.DeadlineExceeded))
	// Output:
	// timeout: true
}

// A connection that ends: nobody knows whether the payment was made, so that it is not
// made again unasked.
func ExampleReset() {
	var seen authtest.Recorder
	gateway := &authtest.Paylink{Observe: seen.Observe}
	server, client := newGateway(gateway)
	defer server.Close()

	gateway.Fail(authtest.Reset)
	_, err := client.PostForm(server.URL+"/v1.0/Gateway/", url.Values{"amount": {"590"}})
	fmt.Println("failed:", err != nil)
	for _, e := range seen.Exchanges() {
		fmt.Println(e.Method, e.Path, e.Status)
	}
	// Output:
	// failed: true
	// POST /v1.0/Gateway/ 0
}

// A limit of requests: the next one but one is answered again.
func ExampleTooManyRequests() {
	gateway := new(authtest.Paylink)
	server, client := newGateway(gateway)
	defer server.Close()

	gateway.Fail(authtest.TooManyRequests)
	for range 2 {
		resp, err := client.Get(server.URL + "/v1.0/SignatureCheck/")
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		fmt.Printf("%d %q\n", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	// Output:
	// 429 "1"
	// 200 ""
}

// An outage.
func ExampleServerError() {
	gateway := new(authtest.Paylink)
	server, client := newGateway(gateway)
	defer server.Close()

	gateway.Fail(authtest.ServerError, authtest.ServerError)
	for range 3 {
		resp, err := client.Get(server.URL + "/v1.0/SignatureCheck/")
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	// Output:
	// 500
	// 500
	// 200
}

// A firewall's page in the place of a gateway's answer says nothing of credentials, and
// is no JSON.
func ExampleFirewallPage() {
	gateway := new(authtest.Avangate)
	server, client, _ := newCheckout(gateway)
	defer server.Close()

	gateway.Fail(authtest.FirewallPage)
	resp, err := client.Get(server.URL + "/rest/6.0/orders/")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode, resp.Header.Get("Content-Type"))
	fmt.Println(json.NewDecoder(resp.Body).Decode(new(any)))
	// Output:
	// 403 text/html; charset=utf-8
	// invalid character '<' looking for beginning of value
}

// Any handler can stand in for a gateway once: this one repeats an answer of a
// certain day.
func ExampleAvangate_Fail() {
	gateway := new(authtest.Avangate)
	server, client, _ := newCheckout(gateway)
	defer server.Close()

	gateway.Fail(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error_code":"PAYMENT_ERROR","message":"Declined"}`)
	}))
	resp, err := client.Post(server.URL+"/rest/6.0/orders/", "application/json", strings.NewReader("{}"))
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output:
	// 400
}

// A session that is lost: the client logs in again, and the caller sees nothing of it.
func ExampleAvangate_EndSessions() {
	var seen authtest.Recorder
	gateway := &authtest.Avangate{Observe: seen.Observe}
	server, client, _ := newCheckout(gateway)
	defer server.Close()

	getOrder := `{"jsonrpc":"2.0","method":"getOrder","params":["` + avangate.Session + `","11331111"],"id":1}`
	for range 2 {
		resp, err := client.Post(server.URL+"/rpc/6.0/", "application/json", strings.NewReader(getOrder))
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		gateway.EndSessions()
	}
	for _, e := range seen.Exchanges() {
		fmt.Println(e.Methods, e.Err)
	}
	// Output:
	// [login] <nil>
	// [getOrder] <nil>
	// [getOrder] the session has ended: log in again, and send the new id
	// [login] <nil>
	// [getOrder] <nil>
}

// A clock that is wrong: the gateway's is an hour ahead, and the client learns it from
// the first refusal.
func ExampleAvangate_wrongClock() {
	var seen authtest.Recorder
	server, client, signer := newCheckout(&authtest.Avangate{
		Now:     func() time.Time { return time.Now().Add(time.Hour) },
		Observe: seen.Observe,
	})
	defer server.Close()

	resp, err := client.Get(server.URL + "/rest/6.0/orders/")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	for _, e := range seen.Exchanges() {
		fmt.Println(e.Method, e.Path, e.Status)
	}
	fmt.Println("ahead by", signer.Offset().Round(time.Minute))
	// Output:
	// GET /rest/6.0/orders/ 401
	// GET /rest/6.0/orders/ 200
	// ahead by 1h0m0s
}
