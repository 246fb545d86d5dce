package ipn_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/transport"
	"github.com/countersign/countersign/webhook/ipn"
)

// message is what 2Checkout sends of an order, signed with the key test-secret-key.
const message = "REFNO=240000001&REFNOEXT=1001&ORDERSTATUS=COMPLETE&IPN_PID%5B%5D=4711&IPN_PNAME%5B%5D=Software+program" +
	"&IPN_TOTALGENERAL=49.90&CURRENCY=EUR&MESSAGE_ID=9000000001&TEST_ORDER=0&IPN_DATE=20260304050608" +
	"&SIGNATURE_SHA2_256=e79d39fd698d2affc3c4f2567cccdf56b668f4068ea21401400be4a8497b49f0"

func Example() {
	mux := http.NewServeMux()
	mux.Handle("/2checkout/ipn", &ipn.Handler{ // no method in the pattern: the set-up asks by GET
		SecretKeys: []auth.SecretSource{auth.NewSecret("test-secret-key")}, // better: auth.Env or auth.NewFile
		Notify: func(ctx context.Context, n *ipn.Notification) error {
			fmt.Println(n.Kind(), n.ID(), n.Get("ORDERSTATUS"), n.List("IPN_PNAME"))
			return nil // processed: only now it is acknowledged
		},
	})

	shop := httptest.NewServer(mux)
	defer shop.Close()
	resp, err := http.Post(shop.URL+"/2checkout/ipn", "application/x-www-form-urlencoded", strings.NewReader(message))
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	reply, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(reply[:len(`<sig algo="sha256"`)]))
	// Output:
	// IPN IPN:240000001:9000000001 COMPLETE [Software program]
	// 200 OK <sig algo="sha256"
}

// An order is what the shop has stored of one.
type order struct {
	Amount   *big.Rat
	Currency string
	Paid     bool
}

// A tcoShop fetches what it is told of, and trusts only that.
type tcoShop struct {
	api    string
	client *http.Client
	orders map[string]*order // by the shop's own reference
}

func (s *tcoShop) notify(ctx context.Context, n *ipn.Notification) error {
	if n.Kind() != ipn.IPN {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.api+"/rest/6.0/orders/"+url.PathEscape(n.Get("REFNO"))+"/", nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New("the order cannot be fetched: " + resp.Status)
	}
	var fetched struct { // as in 2checkout-java-sdk 0f9b65e, README
		RefNo, ExternalReference, Status, Currency string
		GrossPrice                                 json.Number
		TestOrder                                  *bool
	}
	if err := json.NewDecoder(resp.Body).Decode(&fetched); err != nil {
		return err
	}
	order := s.orders[fetched.ExternalReference]
	price, ok := new(big.Rat).SetString(fetched.GrossPrice.String())
	switch {
	case order == nil, order.Paid:
		return nil // not ours, or known: there is nothing to send again
	case fetched.RefNo != n.Get("REFNO"):
		return errors.New("another order came")
	case n.Get("ORDERSTATUS") == "COMPLETE" && (fetched.Status == "PENDING" || fetched.Status == "AUTHRECEIVED"):
		return errors.New("the order is not yet what it is said to be") // it will be sent again
	case fetched.Status != "COMPLETE":
		return nil // another notification will come
	case fetched.TestOrder == nil || *fetched.TestOrder:
		return errors.New("it is a test order, or does not say")
	case !ok, price.Cmp(order.Amount) != 0, !strings.EqualFold(fetched.Currency, order.Currency):
		return errors.New("what was paid is not the order")
	}
	order.Paid = true // in a transaction of the database
	return nil
}

// A right hash does not say that somebody has paid: the order is fetched through a
// signed client, and compared with what the shop has stored.
func ExampleHandler_fetch() {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verifier := avangate.Verifier{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key")}
		_, err := verifier.Verify(r)
		fmt.Println("GET", r.URL.Path, err)
		fmt.Fprint(w, `{"RefNo":"240000001","ExternalReference":"1001","Status":"COMPLETE","Currency":"eur","GrossPrice":49.9,"TestOrder":false}`)
	}))
	defer gateway.Close()

	account, err := avangate.New(avangate.Config{
		BaseURL:      gateway.URL, // by default https://api.2checkout.com
		MerchantCode: "YOURCODE123",
		SecretKey:    auth.NewSecret("test-secret-key"),
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(nil, account)
	if err != nil {
		log.Fatal(err)
	}
	shop := &tcoShop{gateway.URL, client, map[string]*order{"1001": {Amount: big.NewRat(4990, 100), Currency: "EUR"}}}
	server := httptest.NewServer(&ipn.Handler{SecretKeys: []auth.SecretSource{auth.NewSecret("test-secret-key")}, Notify: shop.notify})
	defer server.Close()

	resp, err := http.Post(server.URL, "application/x-www-form-urlencoded", strings.NewReader(message))
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.Status, shop.orders["1001"].Paid)
	// Output:
	// GET /rest/6.0/orders/240000001/ <nil>
	// 200 OK true
}

// The path names the merchant. The order is looked up among this merchant's.
func ExampleHandler_merchants() {
	keys := map[string]auth.SecretSource{
		"one": auth.NewSecret("test-secret-key"),
		"two": auth.NewSecret("another-secret-key"),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/2checkout/{merchant}", func(w http.ResponseWriter, r *http.Request) {
		merchant := r.PathValue("merchant")
		key, ok := keys[merchant]
		if !ok {
			http.NotFound(w, r)
			return
		}
		handler := ipn.Handler{
			SecretKeys: []auth.SecretSource{key},
			Notify: func(_ context.Context, n *ipn.Notification) error {
				fmt.Println(merchant, n.Get("REFNO"))
				return nil
			},
			OnError: func(_ *http.Request, err error) { fmt.Println(merchant, errors.Is(err, auth.ErrSignature)) },
		}
		handler.ServeHTTP(w, r)
	})

	for _, merchant := range []string{"one", "two"} {
		r := httptest.NewRequest(http.MethodPost, "/2checkout/"+merchant, strings.NewReader(message))
		mux.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// one 240000001
	// two true
}

// A function in a cloud has bytes, and answers with the reply once it has processed
// them. What the Handler does it does itself: a test order is acknowledged and goes no
// further.
func ExampleVerify() {
	n, err := ipn.Verify(context.Background(), []byte(message), auth.NewSecret("test-secret-key"))
	if err != nil {
		log.Fatal(err) // answer 400, or 500 for auth.ErrSecret
	}
	test, known := n.Test()
	if !known {
		log.Fatal("choose TEST_ORDER in the IPN settings") // answer 500
	}
	if !test {
		fmt.Println("processed:", n.Get("REFNO"))
	}
	now := time.Date(2026, 3, 4, 5, 7, 9, 0, time.UTC) // time.Now()
	fmt.Println(n.Reply(now))
	// Output:
	// processed: 240000001
	// <sig algo="sha256" date="20260304050709">0f678bc0d2d6903ff69498c6c6b5c0ea227853440b4b5eb835a539aff1fefb77</sig>
}

// What a notification has: the fields as they came, two names to store it by, and
// whether the order is a test. It does not print its values.
func ExampleNotification() {
	n, err := ipn.Verify(context.Background(), []byte(message), auth.NewSecret("test-secret-key"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n.Kind(), n.Get("REFNO"), n.Get("ORDERSTATUS"), n.List("IPN_PID"))
	test, known := n.Test()
	fmt.Println("a test:", test, known)
	fmt.Println("unique:", n.ID(), n.Digest()[:8])
	for name, value := range n.All() {
		fmt.Println(name, value)
		break
	}
	fmt.Println(n)
	// Output:
	// IPN 240000001 COMPLETE [4711]
	// a test: false true
	// unique: IPN:240000001:9000000001 6f87a776
	// REFNO 240000001
	// ipn.Notification(IPN)
}
