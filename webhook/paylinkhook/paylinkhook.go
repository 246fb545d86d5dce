// Package paylinkhook receives the webhooks of the Payrexx family of payment gateways:
// Payrexx and its white labels.
//
// Most programs need a [Handler] with the webhook's signing key and a function that
// processes a [Notification]. A program that has bytes and no [net/http.Request], such
// as a function in a cloud, calls [Verify].
//
// # A webhook is a hint
//
// Signed or not, it says that something has changed, and nothing that follows from it
// may rest on what it says: no vendor documents the signature, some platforms may send
// none, and a signed message can be sent again by who has seen it, since nothing ends
// its validity. So:
//
//  1. When the payment is begun, store the id of the gateway, or of whatever object was
//     made, with the order.
//  2. On a webhook, find the order by the Reference.
//  3. Fetch the object by the stored id, and not by one that was sent, through a client
//     that is signed by package [github.com/countersign/countersign/auth/paylinkhmac]
//     or paylinkkey.
//  4. Compare reference, amount, currency and status of what was fetched, and that it is
//     no test, with what is stored. A status alone does not do: the buyer may have paid
//     another order.
//
// The example does it whole.
//
// # The signature
//
// The header X-Webhook-Signature holds the HMAC-SHA256 over the body, byte for byte,
// in hexadecimal digits. The key is the signing key of this webhook in the back office,
// as it stands there: it may look like base64 and is not to be decoded, and it is not
// the API secret. That is how five programs of others verify, such as
// zweiundeins/payrexx-go-sdk 064bc03 (payrexx/webhook.go) and neoserviceai/payrexx-python
// 42065c4 (src/payrexx/webhook.py). With a key set a missing header is refused.
//
// # Statuses
//
// Those of a transaction (payrexx-php 1.8.11, Transaction.php); the list may grow:
//
//	confirmed                          paid: deliver
//	waiting, initiated                 not paid yet: wait
//	authorized, reserved, uncaptured   promised, to be captured: wait
//	refunded, partially-refunded,      the money went back, or is to: take back
//	refund_pending, disputed           what was delivered, or look into it
//	cancelled, declined, error,        not paid: nothing
//	expired, insecure
//
// A payment of the Mode TEST moves no money.
//
// # Repetitions
//
// Where the platform is told to try again, a webhook that is not answered with 200
// within 20 seconds comes again ten times in five days (docs.payrexx.com, Webhooks).
// One payment causes several, such as waiting and confirmed. There is no id of the
// event: UUID, or ID, with the Status serves as one. Compute the effect from what was
// fetched, and return nil for what is known and for orders that the shop does not know.
//
// # What is not known
//
// Whether webhooks that are sent as forms, and those of white labels, are signed; since
// when; how payouts are wrapped; which statuses of an answer count. Nothing here was
// tried with a live account.
package paylinkhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/webhook"
)

const (
	header   = paylink.WebhookHeader
	opVerify = "verify a webhook"
)

// Verify verifies the body of a webhook, byte for byte as it came, by the value of the
// header X-Webhook-Signature. Several keys are tried in turn: the new one and the old
// one while they are changed. Its error is an [*auth.Error]:
//
//   - [auth.ErrBody]: the body has more than 1 MiB; or the signature is right, and the
//     body is neither a JSON object nor a form.
//   - [auth.ErrUnsigned]: the signature is empty or not 64 hexadecimal digits, whose
//     letters may be of either case.
//   - [auth.ErrSecret]: no key is given; or none that could be had fits, and one could
//     not be had.
//   - [auth.ErrSignature]: the signature is wrong.
//
// The error is for the operator; it holds nothing of the body.
func Verify(ctx context.Context, body []byte, signature string, keys ...auth.SecretSource) (*Notification, error) {
	if code, err := verify(ctx, body, signature, keys); err != nil {
		return nil, &auth.Error{Op: opVerify, Code: code, Err: err}
	}
	return read(body, true)
}

func verify(ctx context.Context, body []byte, signature string, keys []auth.SecretSource) (code, err error) {
	if err := webhook.Check(body); err != nil {
		return auth.ErrBody, err
	}
	if signature == "" {
		return auth.ErrUnsigned, errors.New("there is no " + header + ": does the webhook have a signing key? For a platform without one set Handler.Unsigned")
	}
	var sent [sha256.Size]byte
	signature = strings.Trim(signature, " \t")
	if len(signature) != hex.EncodedLen(len(sent)) {
		return auth.ErrUnsigned, fmt.Errorf("the %s is not %d hexadecimal digits", header, hex.EncodedLen(len(sent)))
	}
	if _, err := hex.Decode(sent[:], []byte(signature)); err != nil {
		return auth.ErrUnsigned, fmt.Errorf("the %s holds something else than hexadecimal digits", header)
	}
	_, found, err := webhook.Match(ctx, keys, func(key auth.Secret) bool {
		mac := hmac.New(sha256.New, []byte(key.Reveal()))
		mac.Write(body)
		return hmac.Equal(mac.Sum(nil), sent[:])
	})
	if err != nil {
		return auth.ErrSecret, err
	}
	if !found {
		return auth.ErrSignature, errors.New("the signature is wrong: is the key this webhook's signing key, as it stands there, and not the API secret, and is the body as it came?")
	}
	return nil, nil
}
