package explain_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/explain"
)

// A form that Go's url.Values has encoded and sorted.
func ExamplePaylink_Parameters() {
	paylink := explain.Paylink{Secret: auth.NewSecret("test-secret-key")}
	d, err := paylink.Parameters(context.Background(), "purpose=Order ~17&amount=8925", "3iSVy67uk4hd2ezMIuvdSibXOXDJ6osspL8bu4imwDI=")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d)
	// Output:
	// the signature is wrong
	// mistake: the parameters are sorted to be signed
	// fix:     Sign the parameters in the order in which they are sent.
	// mistake: ~ is not escaped (Go, Python, qs)
	// fix:     Escape names and values as PHP's urlencode does: a space as a plus sign, and all but letters, digits and -_. as %XX in capitals.
	// they differ at byte 0:
	//   to sign: purpose=Order+%7E17&amount=8925
	//   signed:  amount=8925&purpose=Order+~17
	//            ^
}

// A server that says to its developers what is wrong with a request.
func ExamplePaylink_Request() {
	paylink := explain.Paylink{Secret: auth.NewSecret("test-secret-key")}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, err := paylink.Request(r)
		fmt.Println(d.Right, err)
		for _, f := range d.Findings {
			fmt.Println(f.Mistakes[0].Name)
		}
	}))
	defer gateway.Close()
	http.Post(gateway.URL+"/v1.0/Gateway/", "application/x-www-form-urlencoded",
		strings.NewReader("amount=8925&ApiSignature=ab28569afb25ea641a480b3f76e33abddc78abff258da2fb2369c73eaaa2d2d2"))
	// Output:
	// false <nil>
	// the signature is in hexadecimal digits
}
