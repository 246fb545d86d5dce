package explain_test

import (
	"context"
	"fmt"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/explain"
)

// The header of a program that signs what echo prints, and sends local time.
func ExampleAvangate_Header() {
	gateway := explain.Avangate{
		MerchantCode: "AVANGATE",
		SecretKey:    auth.NewSecret("YOUR_SECRET_KEY"),
		Now:          func() time.Time { return time.Date(2010, 5, 13, 10, 12, 14, 0, time.UTC) },
	}
	d, err := gateway.Header(context.Background(), `code="AVANGATE" date="2010-05-13 12:12:12" `+
		`hash="67bd71f33ab8a6d028280ec2433d04ab54b929309ce9d7563dd7fa41d1e98d00" algo="sha256"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d)
	// Output:
	// the signature is wrong
	// mistake: a newline is signed behind the date
	// fix:     Sign the text alone: printf %s writes no newline, and echo does.
	// mistake: the date is outside the window
	// fix:     The date is 1 hour 59 minutes 58 seconds ahead of the gateway's clock, and 5 minutes are allowed: set the clock, and make the hash anew for each request; if it is local time, of UTC+02:00, write it in UTC.
	// they differ at byte 30:
	//   to sign: ...ATE192010-05-13 12:12:12
	//   signed:  ...ATE192010-05-13 12:12:12\n
	//                                       ^
}
