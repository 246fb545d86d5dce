package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/buylink"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/webhook/ipn"
)

// receive has a shop receive an IPN and a buyer with a return URL, each right and
// then changed, and sign the link that the buyer came by.
func (d *demonstration) receive() error {
	if err := d.receiveIPN(); err != nil {
		return err
	}
	return d.receiveBuyer()
}

// receiveIPN sends an IPN to a Handler, as 2Checkout does.
func (d *demonstration) receiveIPN() error {
	key := auth.NewSecret(rand.Text())
	const refno, pid, pname, date = "240000001", "4711", "Größe XL", "20260304050608"
	var processed atomic.Int32
	shop, err := d.serve(&ipn.Handler{
		SecretKeys: []auth.SecretSource{key},
		Notify: func(_ context.Context, n *ipn.Notification) error {
			if n.Get("REFNO") != refno || !slices.Equal(n.List("IPN_PNAME"), []string{pname}) {
				return errors.New("it is not what was sent")
			}
			processed.Add(1)
			return nil
		},
		OnError: func(*http.Request, error) {}, // the status says it
	})
	if err != nil {
		return err
	}
	send := func(refno, hash string) (status int, acknowledged bool, err error) {
		resp, err := http.Post(shop, "application/x-www-form-urlencoded", strings.NewReader("REFNO="+refno+
			"&IPN_PID[]="+pid+"&IPN_PNAME[]="+url.QueryEscape(pname)+"&IPN_DATE="+date+"&TEST_ORDER=0&SIGNATURE_SHA2_256="+hash))
		if err != nil {
			return 0, false, err
		}
		defer resp.Body.Close()
		reply, err := io.ReadAll(resp.Body)
		if err != nil {
			return 0, false, err
		}
		// <sig algo="sha256" date="20260304050607">...</sig>, whose hash is over what was
		// sent and its own date.
		_, rest, _ := strings.Cut(string(reply), `<sig algo="sha256" date="`)
		replied, rest, _ := strings.Cut(rest, `">`)
		return resp.StatusCode, strings.TrimSpace(rest) == hashOf(key, pid, pname, date, replied)+"</sig>", nil
	}

	hash := hashOf(key, refno, pid, pname, date, "0")
	status, acknowledged, err := send(refno, hash)
	if err != nil {
		return err
	}
	problem := ""
	if status != http.StatusOK || !acknowledged || processed.Load() != 1 {
		problem = "it should be processed once and acknowledged"
	}
	d.row("2Checkout", "IPN, acknowledged", d.judge("2Checkout", "IPN", strconv.Itoa(status), problem))

	status, acknowledged, err = send("240000002", hash)
	if err != nil {
		return err
	}
	problem = ""
	if status != http.StatusBadRequest || acknowledged || processed.Load() != 1 {
		problem = "it should be answered 400, and not be processed"
	}
	d.row("not 2Checkout", "IPN with another order number", d.judge("not 2Checkout", "IPN", strconv.Itoa(status), problem))
	return nil
}

// receiveBuyer signs a buy link, and verifies the URL that its buyer is sent back to.
func (d *demonstration) receiveBuyer() error {
	word := auth.NewSecret(rand.Text())
	link, err := url.Parse("https://secure.2checkout.com/checkout/buy?merchant=YOURCODE123&prod=4711&qty=1&currency=USD")
	if err != nil {
		return err
	}
	signer := buylink.Signer{SecretWord: word}
	signed, err := signer.Sign(context.Background(), link)
	if err != nil {
		return err
	}
	problem := ""
	if signed.Query().Get(vendor.LinkSignature) != hashOf(word, "USD", "4711", "1") { // sorted by name: currency, prod, qty
		problem = "its signature is not the one of its parameters"
	}
	d.row("to the buyer", "buy link", d.judge("to the buyer", "buy link", "signed", problem))

	verifier := buylink.Verifier{SecretWord: word}
	back := "order-ext-ref=77&refno=240000001&total=20.00&total-currency=USD&signature=" + hashOf(word, "77", "240000001", "20.00", "USD")
	verify := func(name, query string, want error) {
		_, err := verifier.Verify(context.Background(), &url.URL{Scheme: "https", Host: "shop.example", Path: "/back", RawQuery: query})
		answer, problem := "right", ""
		if err != nil {
			answer = "refused"
		}
		if !errors.Is(err, want) {
			problem = "it should not be " + answer
		}
		d.row("from the buyer", name, d.judge("from the buyer", name, answer, problem))
	}
	verify("return URL", back, nil)
	verify("return URL with another total", strings.Replace(back, "20.00", "10.00", 1), auth.ErrSignature)
	return nil
}

// hashOf is what 2Checkout signs values by, made without the packages that the demo
// shows.
func hashOf(key auth.Secret, values ...string) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write(vendor.AppendPrefixed(nil, values...))
	return hex.EncodeToString(mac.Sum(nil))
}
