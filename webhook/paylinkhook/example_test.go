package paylinkhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
	"github.com/countersign/countersign/webhook/paylinkhook"
)

// An order is what the shop has stored of one.
type order struct {
	Gateway  int // the id of the gateway that was made for it
	Amount   int // in cents
	Currency string
	Paid     bool
}

// A payrexxShop fetches what it is told of, and trusts only that.
type payrexxShop struct {
	api    string
	client *http.Client
	orders map[string]*order // by reference
}

// A fetched is what is read of a gateway or a transaction (payrexx-php 2.0.9).
type fetched struct {
	Status, ReferenceID, Currency, Mode string
	Amount, TransactionID               int
}

// fetch fetches an object by its id.
func (s *payrexxShop) fetch(ctx context.Context, object string, id int) (fetched, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1.0/%s/%d/", s.api, object, id), nil)
	if err != nil {
		return fetched{}, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fetched{}, err
	}
	defer resp.Body.Close()
	var answer struct{ Data []fetched }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fetched{}, err
	}
	if resp.StatusCode != http.StatusOK || len(answer.Data) != 1 {
		return fetched{}, fmt.Errorf("the %s cannot be fetched: %s", object, resp.Status)
	}
	return answer.Data[0], nil
}

// notify starts from the gateway that the shop has stored: nothing that was sent
// selects what is fetched, but for the order that it may be about.
func (s *payrexxShop) notify(ctx context.Context, n *paylinkhook.Notification) error {
	order := s.orders[n.Reference]
	if order == nil || order.Paid {
		return nil // not ours, or known: there is nothing to send again
	}
	gateway, err := s.fetch(ctx, "Gateway", order.Gateway)
	if err != nil || gateway.TransactionID == 0 {
		return err // nobody has paid yet: another webhook will come
	}
	paid, err := s.fetch(ctx, "Transaction", gateway.TransactionID)
	switch {
	case err != nil:
		return err
	case paid.Status != "confirmed":
		return nil
	case paid.ReferenceID != n.Reference, paid.Amount != order.Amount, paid.Currency != order.Currency:
		return errors.New("what was paid is not the order")
	case paid.Mode != "LIVE":
		return errors.New("it is a test payment")
	}
	order.Paid = true // in a transaction of the database
	return nil
}

// A webhook is a hint: the gateway that the shop has stored is fetched through a signed
// client, and compared with the order.
func Example() {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verifier := paylinkhmac.Verifier{Secret: auth.NewSecret("test-secret-key")}
		_, err := verifier.Verify(r)
		fmt.Println("GET", r.URL.Path, err)
		if strings.Contains(r.URL.Path, "Gateway") {
			fmt.Fprint(w, `{"status":"success","data":[{"id":23,"status":"confirmed","transactionId":17}]}`)
			return
		}
		fmt.Fprint(w, `{"status":"success","data":[{"id":17,"status":"confirmed","mode":"LIVE","referenceId":"1001","amount":8925,"currency":"CHF"}]}`)
	}))
	defer gateway.Close()

	account, err := paylinkhmac.New(paylinkhmac.Config{
		BaseURL:  gateway.URL, // such as "https://api.payrexx.com"
		Instance: "example",
		Secret:   auth.NewSecret("test-secret-key"), // better: auth.Env or auth.NewFile
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(nil, account)
	if err != nil {
		log.Fatal(err)
	}
	shop := &payrexxShop{gateway.URL, client, map[string]*order{"1001": {Gateway: 23, Amount: 8925, Currency: "CHF"}}}
	server := httptest.NewServer(&paylinkhook.Handler{
		SigningKeys: []auth.SecretSource{auth.NewSecret("test-signing-key")}, // of the webhook, and not the API secret
		Notify:      shop.notify,
	})
	defer server.Close()

	req, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(`{"transaction":{"id":17,"status":"confirmed","referenceId":"1001"}}`))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Webhook-Signature", "55d6457943f0c7002565f8a66e78c74caa7026df9839237884d6b08aa2f79cc4")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.Status, shop.orders["1001"].Paid)
	// Output:
	// GET /v1.0/Gateway/23/ <nil>
	// GET /v1.0/Transaction/17/ <nil>
	// 200 OK true
}

// A function in a cloud has the header and the bytes.
func ExampleVerify() {
	body := []byte(`{"transaction":{"id":17,"status":"confirmed","referenceId":"1001"}}`)
	n, err := paylinkhook.Verify(context.Background(), body, "55d6457943f0c7002565f8a66e78c74caa7026df9839237884d6b08aa2f79cc4", auth.NewSecret("test-signing-key"))
	if err != nil {
		log.Fatal(err) // answer 400, or 500 for auth.ErrSecret
	}
	fmt.Println(n.Object, n.ID, n.Reference)
	// Output:
	// transaction 17 1001
}

// A platform that has no signing key: anybody can send what Notify gets, so that it is
// a reason to look, and no more.
func ExampleHandler() {
	server := httptest.NewServer(&paylinkhook.Handler{
		Unsigned: true,
		Notify: func(_ context.Context, n *paylinkhook.Notification) error {
			fmt.Println("fetch what the shop has stored for", n.Reference, n.Signed)
			return nil // an error has the platform send it again
		},
	})
	defer server.Close()
	resp, err := http.Post(server.URL, "application/json", strings.NewReader(`{"transaction":{"id":17,"status":"confirmed","referenceId":"1001"}}`))
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.Status)
	// Output:
	// fetch what the shop has stored for 1001 false
	// 200 OK
}

// What is read of a body are hints, of JSON and of a form alike.
func ExampleNotification() {
	body := []byte("transaction[id]=17&transaction[status]=confirmed&transaction[referenceId]=1001")
	n, err := paylinkhook.Verify(context.Background(), body, "704c9cb162363154016348a5eb1202c5dadc902b57d430b9630a04c962e56ed8", auth.NewSecret("test-signing-key"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n.Object, n.ID, n.Status, n.Reference, n.Signed)
	// Output:
	// transaction 17 confirmed 1001 true
}
