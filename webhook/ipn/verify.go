package ipn

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"strings"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/webhook"
)

// Verify verifies the body of a notification, byte for byte as it came, with the
// account's Secret Key. Several keys are tried in turn: the new one and the old one
// while they are changed. It serves programs that have no [net/http.Request]; others
// have a [Handler].
//
// The strongest hash that is filled is compared, and no other: SHA3-256, then SHA-256.
// Its letters may be of either case. Its error is an [*auth.Error]:
//
//   - [auth.ErrBody]: the body has more than 1 MiB.
//   - [auth.ErrUnsigned]: there is no hash, MD5 only, one field of a hash twice, or one
//     that cannot be read.
//   - [auth.ErrSecret]: no key is given; or none that could be had fits, and one could
//     not be had.
//   - [auth.ErrSignature]: the hash is wrong.
//   - [auth.ErrRequest]: the hash is right, and the message is neither an IPN nor an
//     LCN, or one that lacks what the reply is made of. The same key signs more, such
//     as the header of requests and the replies.
//
// The error is for the operator; it holds no value of a field. It is not said whether
// the order is a test: ask [Notification.Test], as the Handler does.
func Verify(ctx context.Context, body []byte, keys ...auth.SecretSource) (*Notification, error) {
	n, code, err := verify(ctx, body, keys)
	if err != nil {
		return nil, &auth.Error{Op: "verify a notification", Code: code, Err: err}
	}
	return n, nil
}

func verify(ctx context.Context, body []byte, keys []auth.SecretSource) (n *Notification, code, err error) {
	if err := webhook.Check(body); err != nil {
		return nil, auth.ErrBody, err
	}
	function, sent, err := findHash(body)
	if err != nil {
		return nil, auth.ErrUnsigned, err
	}
	var m message
	m.read(body)
	key, found, err := webhook.Match(ctx, keys, func(key auth.Secret) bool {
		right := m.hash(function, key)
		return hmac.Equal(sent[:], right[:])
	})
	if err != nil {
		return nil, auth.ErrSecret, err
	}
	if !found {
		return nil, auth.ErrSignature, errors.New("the hash is wrong: is the key this account's Secret Key, and not a secret word, and is the body as it came?")
	}
	n = newNotification(m.keep())
	n.key, n.function = key, function
	if n.kind, err = n.recognize(); err != nil {
		return nil, auth.ErrRequest, err
	}
	return n, nil, nil
}

// recognize says what n is. Both kinds have what their reply is made of and more than
// the other things have that the same key signs: a header two values, the reply to an
// LCN three, the reply to an IPN four.
func (n *Notification) recognize() (Kind, error) {
	if vendor.IsOwn(n.signed) {
		return 0, errors.New("this is no notification, but what this account signs itself, a header or a reply, with borders and names put into it: who has it has read your logs or your traffic")
	}
	var lacks []string
	for _, name := range []string{"REFNO", "IPN_DATE"} {
		if n.Get(name) == "" {
			lacks = append(lacks, name)
		}
	}
	for _, name := range []string{"IPN_PID", "IPN_PNAME"} {
		if _, sole := n.first(name); !sole {
			lacks = append(lacks, name+"[]")
		}
	}
	if len(lacks) == 0 && len(n.spans) >= 5 {
		return IPN, nil
	}
	_, expirations := n.find("EXPIRATION_DATE")
	if n.Get("LICENSE_CODE") != "" && expirations == 1 && len(n.spans) >= 4 {
		return LCN, nil
	}
	if len(lacks) == 0 {
		return 0, errors.New("the hash is right, but of an IPN there is only what its reply is made of: choose more fields in the IPN settings")
	}
	return 0, fmt.Errorf("the hash is right, but this is neither an LCN nor an IPN, which lacks %s, or has it more than once: choose these fields in the IPN settings", strings.Join(lacks, ", "))
}
