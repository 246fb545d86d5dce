package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/buylink"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/webhook/ipn"
)

// inbound shows what a shop gets and gives without a request of its own: a notification,
// and a buy link.
func (d *demonstration) inbound() {
	d.row("IPN, sent to the shop", d.notify)
	d.row("buy link", d.link)
}

// row adds a row of 2Checkout's. do returns the string to sign and the answer.
func (d *demonstration) row(name string, do func() (signed, answer string, err error)) {
	start := time.Now()
	signed, answer, err := do()
	elapsed := time.Since(start)
	if err != nil {
		answer += " WRONG"
		d.wrong = append(d.wrong, fmt.Sprintf("2Checkout, %s: %v", name, err))
	}
	fmt.Fprintf(d.table, "2Checkout\t%s\t%s\t%s\t%s\n", name, printable.Shorten(signed, 44), answer, elapsed.Round(10*time.Microsecond))
}

// notify has the shop receive an IPN, and then one whose hash is wrong.
func (d *demonstration) notify() (signed, answer string, err error) {
	key := auth.NewSecret(rand.Text())
	processed := 0
	shop := &ipn.Handler{
		SecretKeys: []auth.SecretSource{key},
		Notify: func(_ context.Context, n *ipn.Notification) error {
			processed++
			for _, value := range n.All() {
				signed = string(vendor.AppendPrefixed([]byte(signed), value))
			}
			return nil
		},
		OnError: func(*http.Request, error) {},
	}
	for _, wrong := range []bool{false, true} {
		reply, err := authtest.IPN(context.Background(), shop, authtest.Message{Key: key, WrongHash: wrong})
		if err == nil {
			err = reply.Err
		}
		if err != nil {
			return signed, answer, err
		}
		if !wrong {
			answer = fmt.Sprintf("%d %s, acknowledged", reply.Status, http.StatusText(reply.Status))
		}
	}
	if processed != 1 {
		return signed, answer, fmt.Errorf("the shop processed %d notifications and should have processed the right one", processed)
	}
	return signed, answer, nil
}

// link signs a buy link, and has the gateway sign the same.
func (d *demonstration) link() (signed, answer string, err error) {
	const merchantCode = "YOURCODE123"
	word := auth.NewSecret(rand.Text())
	var seen authtest.Exchange
	at, err := d.serve(&authtest.Avangate{MerchantCode: merchantCode, SecretKey: word, SecretWord: word, Observe: func(e authtest.Exchange) { seen = e }})
	if err != nil {
		return "", "", err
	}
	ctx := context.Background()
	parameters := map[string]string{"prod": "A1;B2", "qty": "1;2", "return-url": "https://shop.example/bäck?a=b", "merchant": merchantCode}
	query := make(url.Values)
	for name, value := range parameters {
		query.Set(name, value)
	}
	link, err := (&buylink.Signer{SecretWord: word}).Sign(ctx, &url.URL{Scheme: "https", Host: "secure.2checkout.com", Path: "/checkout/buy", RawQuery: query.Encode()})
	if err != nil {
		return "", "", err
	}
	token, err := buylink.Token(ctx, merchantCode, word, time.Now())
	if err != nil {
		return "", "", err
	}
	body, err := json.Marshal(parameters)
	if err != nil {
		return "", "", err
	}
	req, err := http.NewRequest(http.MethodPost, at+"/checkout/api/encrypt/generate/signature", bytes.NewReader(body))
	if err != nil {
		return "", "", err
	}
	req.Header.Set("merchant-token", token.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	var gateway struct{ Signature string }
	if err := json.NewDecoder(resp.Body).Decode(&gateway); err != nil {
		return "", resp.Status, err
	}
	if gateway.Signature == "" || gateway.Signature != link.Query().Get(vendor.LinkSignature) {
		return seen.StringToSign, resp.Status, errors.New("the gateway signs the link otherwise")
	}
	return seen.StringToSign, resp.Status + ", signed alike", nil
}
