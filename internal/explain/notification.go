package explain

import (
	"context"
	"crypto/fips140"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
	"github.com/countersign/countersign/webhook/ipn"
)

// A Notification explains the hash of 2Checkout's IPN and LCN. One is right if all
// hashes that are filled are, one of them is not MD5, and what is hashed cannot be what
// the account itself signs with the key, a header or a reply.
//
// Its fields must not be changed while it is used. Then it is safe for concurrent
// use.
type Notification struct {
	// SecretKey is the source of the Secret Key. It is asked for each hash.
	SecretKey auth.SecretSource
	// AllowMD5 takes a message that has no hash but MD5, with a note.
	AllowMD5 bool
	// Others are tried as the key, too.
	Others OtherKeys
}

// maxNotification bounds the body, in bytes, as receivers do.
const maxNotification = 1 << 20

// Request explains the body of a request that a server received, which is read and put
// back; the URL's query is no part of it.
//
// An error is an [*auth.Error]: [auth.ErrSecret] if the secret cannot be had,
// [auth.ErrBody] if the body cannot be read or is longer than 1 MiB. The Diagnosis is
// never nil. A message without a hash is a wrong one.
func (n *Notification) Request(req *http.Request) (*Diagnosis, error) {
	const op = "explain a notification's hash"
	body, err := request.TakeBody(req, maxNotification)
	if err != nil {
		return new(Diagnosis), &auth.Error{Op: op, Code: auth.ErrBody, Err: err}
	}
	request.SetBody(req, body)
	m := readNotification(body)
	d := &Diagnosis{StringToSign: m.source()}
	secret, err := auth.Load(req.Context(), n.SecretKey)
	if err != nil {
		return d, &auth.Error{Op: op, Code: auth.ErrSecret, Err: err}
	}
	defer d.redact(secret)
	switch flaw, wrong := m.judge(secret, n.AllowMD5); {
	case wrong != nil:
		m.explainHash(d, *wrong, secret.Reveal(), n.Others, req.URL.RawQuery)
		return d, nil
	case flaw != nil:
		d.Findings = []Finding{{Mistakes: []Mistake{*flaw}, StringToSign: d.StringToSign, Difference: -1}}
		return d, nil
	}
	d.Right, d.Notes = true, m.notes(req.Context(), secret)
	return d, nil
}

// A notification is what is read of a body.
type notification struct {
	body   []byte
	fields [][2]string // decoded, in the order of the body, less those of hashes
	hashes []claimedHash
	twice  string // the name of a hash field that comes twice
}

// A claimedHash is a hash field that is filled.
type claimedHash struct {
	vendor.HashField
	text string
}

func readNotification(body []byte) *notification {
	n := &notification{body: body}
	var seen []string
	for encodedName, encodedValue := range php.Pairs(body) {
		name, value := string(php.AppendURLDecoded(nil, encodedName)), string(php.AppendURLDecoded(nil, encodedValue))
		i := slices.IndexFunc(vendor.HashFields[:], func(f vendor.HashField) bool { return f.Name == name })
		if i < 0 {
			n.fields = append(n.fields, [2]string{name, value})
			continue
		}
		if slices.Contains(seen, name) {
			n.twice = name
		}
		seen = append(seen, name)
		if value != "" {
			n.hashes = append(n.hashes, claimedHash{vendor.HashFields[i], value})
		}
	}
	slices.SortStableFunc(n.hashes, func(a, b claimedHash) int { return strength(b) - strength(a) })
	return n
}

// strength orders hash fields.
func strength(h claimedHash) int {
	return -slices.IndexFunc(vendor.HashFields[:], func(f vendor.HashField) bool { return f.Name == h.Name })
}

// source is what the hash is over.
func (n *notification) source() string {
	var b []byte
	for _, f := range n.fields {
		b = vendor.AppendPrefixed(b, f[1])
	}
	return string(b)
}

func (n *notification) isRight(h claimedHash, key auth.Secret) bool {
	sent, err := hex.DecodeString(h.text)
	mac := hmac.New(h.New, []byte(key.Reveal()))
	mac.Write([]byte(n.source()))
	return err == nil && hmac.Equal(mac.Sum(nil), sent)
}

// isForbidden reports whether a hash cannot be computed in this mode.
func (h claimedHash) isForbidden() bool {
	return h.Function.Name == vendor.MD5.Name && fips140.Enforced()
}

var (
	noHashField    = Mistake{"there is no hash: SIGNATURE_SHA3_256, SIGNATURE_SHA2_256 and HASH are missing or empty", "Refuse such a message. If the vendor sends it, set SHA2 or SHA3 for this URL in the Control Panel."}
	onlyMD5        = Mistake{"there is no hash but MD5", "Set SHA2 or SHA3 for this URL in the Control Panel: support for MD5 ended in August 2024."}
	ownHash        = Mistake{"this is no notification, but what this account signs itself, a header or a reply, with borders and names put into it", "Refuse such a message, as package ipn does. Who has it has read your logs or your traffic: keep headers and replies out of logs, and change the Secret Key."}
	hashesDisagree = Mistake{"a right hash stands beside a wrong one", "Refuse such a message: compare the strongest hash, and trust none of a message in which another differs."}
)

// judge returns what is wrong, nil if nothing is; or the hash that is wrong.
func (n *notification) judge(key auth.Secret, allowMD5 bool) (flaw *Mistake, wrong *claimedHash) {
	if n.twice != "" {
		return &Mistake{"the field " + n.twice + " comes twice", "Refuse such a message: readers take the one or the other."}, nil
	}
	if len(n.hashes) == 0 {
		return &noHashField, nil
	}
	right := 0
	for i, h := range n.hashes {
		switch {
		case h.isForbidden():
		case n.isRight(h, key):
			right++
		case right > 0:
			return &hashesDisagree, nil
		default:
			return nil, &n.hashes[i]
		}
	}
	if n.hashes[0].Function.Name == vendor.MD5.Name && (!allowMD5 || right == 0) {
		return &onlyMD5, nil
	}
	if vendor.IsOwn(n.source()) {
		return &ownHash, nil
	}
	return nil, nil
}

// notes says what is odd about a right message.
func (n *notification) notes(ctx context.Context, key auth.Secret) (notes []string) {
	if n.hashes[0].Function.Name == vendor.MD5.Name {
		notes = append(notes, "the only hash is MD5, which is retired: set SHA2 or SHA3 for this URL in the Control Panel")
		return append(notes, n.testNotes()...)
	}
	if h := n.hashes[len(n.hashes)-1]; h.isForbidden() {
		notes = append(notes, "the hash in "+h.Name+" is not compared, since FIPS 140 mode forbids MD5")
	}
	_, err := ipn.Verify(ctx, n.body, key)
	if e, ok := errors.AsType[*auth.Error](err); ok {
		notes = append(notes, "package ipn refuses it all the same: "+e.Err.Error())
	}
	return append(notes, n.testNotes()...)
}

// testNotes says whether the order is a test, where that is not known to be none.
func (n *notification) testNotes() []string {
	name, isIPN := "TEST_ORDER", true
	if len(n.values("LICENSE_CODE")) > 0 && len(n.values("IPN_DATE")) == 0 {
		name, isIPN = "TEST", false
	}
	switch values := n.values(name); {
	case slices.Contains(values, "1"):
		return []string{"the order is a test, which nobody has paid for: " + name + " is 1"}
	case len(values) == 0 && isIPN:
		return []string{"TEST_ORDER is not among the fields, and anybody can make a test order, whose status is COMPLETE too: choose it in the IPN settings"}
	case len(values) == 0, len(values) == 1 && (values[0] == "0" || values[0] == "" && !isIPN):
		return nil
	}
	return []string{"whether the order is a test is not known: " + name + " is neither 0 nor 1, or comes more than once"}
}

// values returns those of the fields of a name.
func (n *notification) values(name string) (values []string) {
	for _, f := range n.fields {
		if f[0] == name {
			values = append(values, f[1])
		}
	}
	return values
}

// A Webhook explains the signature of the Payrexx family's webhooks.
//
// Its fields must not be changed while it is used. Then it is safe for concurrent
// use.
type Webhook struct {
	// SigningKey is the source of this webhook's signing key.
	SigningKey auth.SecretSource
	// Others are tried as the key, too.
	Others OtherKeys
}

// Request explains the header of a request that a server received, over the body, which
// is read and put back. Its errors are those of [Notification.Request].
func (w *Webhook) Request(req *http.Request) (*Diagnosis, error) {
	const op = "explain a webhook's signature"
	body, err := request.TakeBody(req, maxNotification)
	if err != nil {
		return new(Diagnosis), &auth.Error{Op: op, Code: auth.ErrBody, Err: err}
	}
	request.SetBody(req, body)
	d := &Diagnosis{StringToSign: string(body)}
	secret, err := auth.Load(req.Context(), w.SigningKey)
	if err != nil {
		return d, &auth.Error{Op: op, Code: auth.ErrSecret, Err: err}
	}
	defer d.redact(secret)
	values := request.HeaderValues(req.Header, paylink.WebhookHeader)
	flaw, right := judgeWebhook(values, body, secret)
	switch d.Right = right; {
	case flaw != nil:
		d.Findings = []Finding{{Mistakes: []Mistake{*flaw}, StringToSign: d.StringToSign, Difference: -1}}
	case !right:
		explainWebhook(d, strings.Trim(values[0], " \t"), body, secret.Reveal(), w.Others)
	}
	return d, nil
}

// judgeWebhook returns what is wrong but the signature itself, or whether that is right.
func judgeWebhook(values []string, body []byte, key auth.Secret) (flaw *Mistake, right bool) {
	switch {
	case len(values) > 1:
		return &Mistake{fmt.Sprintf("the header %s comes %d times", paylink.WebhookHeader, len(values)), "Refuse such a message: readers take the one or the other."}, false
	case len(values) == 0 || strings.Trim(values[0], " \t") == "":
		return &Mistake{"there is no signature: the header " + paylink.WebhookHeader + " is missing or empty", "Refuse such a message where the webhook has a signing key."}, false
	}
	sent, err := hex.DecodeString(strings.Trim(values[0], " \t"))
	mac := hmac.New(vendor.SHA2_256.New, []byte(key.Reveal()))
	mac.Write(body)
	return nil, err == nil && hmac.Equal(mac.Sum(nil), sent)
}
