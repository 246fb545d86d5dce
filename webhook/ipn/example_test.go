package ipn_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/webhook/ipn"
)

// message is what 2Checkout sends of an order, signed with the key test-secret-key.
const message = "REFNO=240000001&REFNOEXT=1001&ORDERSTATUS=COMPLETE&IPN_PID%5B%5D=4711&IPN_PNAME%5B%5D=Software+program" +
	"&IPN_TOTALGENERAL=49.90&CURRENCY=EUR&MESSAGE_ID=9000000001&TEST_ORDER=0&IPN_DATE=20260304050608" +
	"&SIGNATURE_SHA2_256=e79d39fd698d2affc3c4f2567cccdf56b668f4068ea21401400be4a8497b49f0"

func Example() {
	http.Handle("/2checkout/ipn", &ipn.Handler{ // no method in the pattern: the set-up asks by GET
		SecretKeys: []auth.SecretSource{auth.NewSecret("test-secret-key")}, // better: auth.Env or auth.NewFile
		Notify: func(ctx context.Context, n *ipn.Notification) error {
			fmt.Println(n.Kind(), n.ID(), n.Get("ORDERSTATUS"), n.List("IPN_PNAME"))
			return nil // processed: only now it is acknowledged
		},
	})

	shop := httptest.NewServer(nil)
	defer shop.Close()
	resp, err := http.Post(shop.URL+"/2checkout/ipn", "application/x-www-form-urlencoded", strings.NewReader(message))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	reply, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(reply[:len(`<sig algo="sha256"`)]))
	// Output:
	// IPN IPN:240000001:9000000001 COMPLETE [Software program]
	// 200 OK <sig algo="sha256"
}
