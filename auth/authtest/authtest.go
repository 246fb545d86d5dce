// Package authtest helps to test programs that use Countersign.
//
// [Paylink] and [Avangate] are emulated gateways. Each implements [net/http.Handler]:
// it verifies what it receives as far as is known of the real ones, and answers as
// their documents say. They read requests as the live ones do, as far as that is
// known, with this module's verifiers. Start them with
// [net/http/httptest.NewServer], and give the server's URL to the scheme's
// configuration as its base URL.
//
// What is created with one request is found by the next: they remember the latest
// objects and sessions of this run, and no more. A program's own answers take the
// place of theirs with the field Answer, and a [Fault] does with the method Fail. A
// [Recorder] keeps what they were asked.
//
// [IPN], [LCN] and [Webhook] are the gateways in the other direction: each sends one
// notification to the program's own handler, and judges the reply.
//
// Package [github.com/countersign/countersign/transport/transporttest] tests schemes
// and RoundTrippers of your own.
package authtest

import (
	"encoding/json"
	"net/http"

	"github.com/countersign/countersign/internal/request"
)

// An Exchange is one request that an emulated gateway answered.
type Exchange struct {
	Method string
	Path   string

	// Parameters are what the gateway sees, in order, as pairs of full name and
	// value. Only a Paylink fills it in.
	Parameters [][2]string

	// Methods are what is called through JSON-RPC or SOAP, such as login, in order.
	// Only an Avangate fills it in.
	Methods []string

	// StringToSign is what the gateway computes the signature over, or would if there
	// were one; "" if it did not come to that.
	StringToSign string

	// Notes say of a right signature what is fragile about the request, or lost of it
	// (see [github.com/countersign/countersign/auth/paylinkhmac.Verification]). Only a
	// Paylink fills it in.
	Notes []string

	// Status is the answer's; 0 if there was none.
	Status int

	// Err says why the request was refused; nil if it was not. The peer is not
	// told.
	Err error
}

// answer writes a JSON answer.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", request.JSONType)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
