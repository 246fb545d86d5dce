package buylink_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/buylink"
	"github.com/countersign/countersign/transport"
)

// A shop sends a buyer off by a link, and is told by the return URL which order to
// fetch.
func Example() {
	word := auth.NewSecret("test-secret-key") // better: auth.Env or auth.NewFile; it is not the Secret Key
	signer := buylink.Signer{SecretWord: word}
	link, err := url.Parse("https://secure.2checkout.com/checkout/buy?merchant=YOURCODE123&prod=A1;B2&qty=1;2&currency=USD")
	if err != nil {
		log.Fatal(err)
	}
	signed, err := signer.Sign(context.Background(), link)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signed.RawQuery)

	returned, err := url.Parse("https://shop.example/back?order-ext-ref=77&refno=240000001&total=20.00&total-currency=USD" +
		"&signature=cce0c6183018e964b4233e6b63462893e29fbb604bbac53427c9e7a55c766942")
	if err != nil {
		log.Fatal(err)
	}
	verifier := buylink.Verifier{SecretWord: word}
	hint, err := verifier.Verify(context.Background(), returned)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("fetch the order", hint.RefNo, "and compare it with", hint.Reference)
	// Output:
	// merchant=YOURCODE123&prod=A1;B2&qty=1;2&currency=USD&signature=07f27e7b3630c411952f3b73332f3bea4b7a15c3d7382b973740eb2b05b15038
	// fetch the order 240000001 and compare it with 77
}

func ExampleSigner() {
	link, err := url.Parse("https://secure.2checkout.com/checkout/buy?merchant=YOURCODE123&dynamic=1" +
		"&prod=Custom+Design&price=20.00&qty=1&type=PRODUCT&currency=USD" +
		"&return-url=https%3A%2F%2Fshop.example%2Fback&return-type=redirect&order-ext-ref=77")
	if err != nil {
		log.Fatal(err)
	}
	q := link.Query()
	q.Set("expiration", buylink.Expiration(time.Date(2026, 6, 18, 8, 5, 46, 0, time.UTC)))
	link.RawQuery = q.Encode()

	s := buylink.Signer{SecretWord: auth.NewSecret("YOUR_SECRET_WORD")} // better: auth.Env or auth.NewFile
	signed, err := s.Sign(context.Background(), link)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signed)
	// Output:
	// https://secure.2checkout.com/checkout/buy?currency=USD&dynamic=1&expiration=1781769946&merchant=YOURCODE123&order-ext-ref=77&price=20.00&prod=Custom+Design&qty=1&return-type=redirect&return-url=https%3A%2F%2Fshop.example%2Fback&type=PRODUCT&signature=c6615ba591e4eaa76853e78e84ae1c057d7c857ad2284f211ae6841d4904b74c
}

// An order as GET /rest/6.0/orders/REFNO/ of 2Checkout answers it, as far as a shop
// compares it.
type order struct {
	RefNo             string
	ExternalReference string
	Status            string
	Currency          string
	GrossPrice        json.Number
	PaymentDetails    struct{ Type string }
}

// A buyer is back. What the URL says is a hint: the order is fetched by its number,
// and what was fetched is compared with the order that the shop has stored.
func ExampleVerifier() {
	// In place of https://api.2checkout.com, which is the default.
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL)
		io.WriteString(w, `{"RefNo":"240000001","ExternalReference":"77","Status":"COMPLETE",`+
			`"Currency":"usd","GrossPrice":20.00,"PaymentDetails":{"Type":"CC"}}`)
	}))
	defer gateway.Close()
	tco, err := avangate.New(avangate.Config{
		BaseURL:      gateway.URL,
		MerchantCode: "YOURCODE123",
		SecretKey:    auth.NewSecret("YOUR_SECRET_KEY"),
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(nil, tco)
	if err != nil {
		log.Fatal(err)
	}
	verifier := buylink.Verifier{SecretWord: auth.NewSecret("YOUR_SECRET_WORD")} // not the Secret Key

	// paid says whether the buyer of the shop's order 77, who owes 20 dollars, has paid.
	paid := func(returned *url.URL) (bool, error) {
		hint, err := verifier.Verify(context.Background(), returned)
		if err != nil {
			return false, err
		}
		resp, err := client.Get(gateway.URL + "/rest/6.0/orders/" + hint.RefNo + "/") // digits only
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return false, errors.New("the order cannot be had: " + resp.Status)
		}
		var o order
		if err := json.NewDecoder(resp.Body).Decode(&o); err != nil {
			return false, err
		}
		amount, err := o.GrossPrice.Float64()
		if err != nil {
			return false, err
		}
		// None of these is taken from the URL.
		switch {
		case o.RefNo != hint.RefNo || o.ExternalReference != "77":
			return false, errors.New("it is another order")
		case math.Round(100*amount) != 2000 || !strings.EqualFold(o.Currency, "USD"):
			return false, errors.New("it is another amount")
		case o.PaymentDetails.Type == "TEST":
			return false, errors.New("it is a test order, which every buyer can place")
		}
		return o.Status == "COMPLETE", nil
	}

	for _, query := range []string{
		"order-ext-ref=77&refno=240000001&total=20.00&total-currency=USD",
		"a=77&order-ext-ref=240000001&total=20.00&total-currency=USD", // renamed by the buyer
		"order-ext-ref=77&refno=240000002&total=20.00&total-currency=USD",
		"order-ext-ref=77&refno=240000001&refno=240000002&total=20.00&total-currency=USD",
	} {
		returned, err := url.Parse("https://shop.example/back?" + query +
			"&signature=7c29228ef434a0b3bda2e2a61153050aaf7b43207ae0a8a2c9feeb778f126a36")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(paid(returned))
	}
	// Output:
	// GET /rest/6.0/orders/240000001/
	// true <nil>
	// false countersign: verify return URL: the signature is right, and the URL has no refno as 2Checkout sends it: its parameters may have been renamed
	// false countersign: verify return URL: the signature is wrong: is the key the Buy-Link Secret Word, and has the return-url parameters of its own?
	// false countersign: verify return URL: parameter "refno" is given twice, and PHP keeps the last only: give it once
}

func ExampleToken() {
	token, err := buylink.Token(context.Background(), "YOURCODE123", auth.NewSecret("YOUR_SECRET_WORD"),
		time.Date(2026, 6, 18, 8, 5, 46, 0, time.UTC)) // in a program: time.Now()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token)
	req := httptest.NewRequest("POST", "/checkout/api/encrypt/generate/signature", nil)
	req.Header.Set("merchant-token", token.Reveal())
	fmt.Println(req.Header.Get("merchant-token"))
	// Output:
	// [redacted]
	// eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJZT1VSQ09ERTEyMyIsImlhdCI6MTc4MTc2OTkzNiwiZXhwIjoxNzgxNzcwNTQ2fQ.W2oZiQN28dQ3GoAInWpZDYAkk9wdREg8DaIwgbe-DWrVg8A0d227RoinW6Tx3SEnCkwrX6bv-mLOTeRARxzvpg
}
