package authtest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/webhook/ipn"
)

// The shop's handler is sent an order that is paid, the same with values of the test's
// own and in several pieces, one whose hash is wrong, and a test order.
func ExampleIPN() {
	key := auth.NewSecret("test-secret-key")
	shop := &ipn.Handler{
		SecretKeys: []auth.SecretSource{key},
		Notify: func(_ context.Context, n *ipn.Notification) error {
			fmt.Println("  processed:", n.Get("REFNO"), n.Get("ORDERSTATUS"), n.List("IPN_PNAME"))
			return nil
		},
		OnError: func(_ *http.Request, err error) { fmt.Println("  refused:", errors.Is(err, auth.ErrSignature)) },
	}
	for _, m := range []authtest.Message{
		{Key: key},
		{Key: key, Fields: [][2]string{{"REFNO", "17"}, {"ORDERSTATUS", "REFUND"}, {"IPN_PNAME[]", "Größe “L”"}, {"IPN_PNAME[]", ""}}, Writes: 5},
		{Key: key, WrongHash: true},
		{Key: key, TestOrder: true},
	} {
		reply, err := authtest.IPN(context.Background(), shop, m)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(reply.Status, reply.Err)
	}
	// Output:
	//   processed: 240000001 COMPLETE [Software program Support for a year]
	// 200 <nil>
	//   processed: 17 REFUND [Größe “L” ]
	// 200 <nil>
	//   refused: true
	// 400 <nil>
	// 200 <nil>
}

// A handler that answers before it has the licence is found out.
func ExampleLCN() {
	key := auth.NewSecret("test-secret-key")
	hasty := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "OK") })
	reply, err := authtest.LCN(context.Background(), hasty, authtest.Message{Key: key, Fields: [][2]string{{"STATUS", "EXPIRED"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reply.Status, reply.Err)
	// Output:
	// 200 the answer holds no acknowledgement: no tag. Answer with <sig algo="..." date="...">...</sig>, anywhere in the body, once the message has been processed.
}

// A webhook is acknowledged by its status. This handler is sent one as JSON and one as a
// form.
func ExampleWebhook() {
	key := auth.NewSecret("test-signing-key")
	shop := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte("test-signing-key"))
		mac.Write(body)
		sent, _ := hex.DecodeString(r.Header.Get("X-Webhook-Signature"))
		if !hmac.Equal(mac.Sum(nil), sent) {
			http.Error(w, "Bad Request", http.StatusBadRequest)
			return
		}
		fmt.Println("  taken:", r.Header.Get("Content-Type"))
	})
	for _, m := range []authtest.Message{
		{Key: key},
		{Key: key, Body: []byte(`{"subscription": {"id": 7, "status": "cancelled"}}` + "\n")},
		{Key: key, Fields: [][2]string{{"transaction[status]", "refunded"}}},
		{Key: key, WrongHash: true},
	} {
		reply, err := authtest.Webhook(context.Background(), shop, m)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(reply.Status, reply.Err)
	}
	// Output:
	//   taken: application/json
	// 200 <nil>
	//   taken: application/json
	// 200 <nil>
	//   taken: application/x-www-form-urlencoded
	// 200 <nil>
	// 400 <nil>
}
