package ipn

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// A Kind is what a notification is about.
type Kind int

// The kinds. The zero Kind is neither.
const (
	IPN Kind = iota + 1 // Instant Payment Notification: an order
	LCN                 // License Change Notification: a subscription
)

// String returns "IPN" or "LCN".
func (k Kind) String() string {
	switch k {
	case IPN:
		return "IPN"
	case LCN:
		return "LCN"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// A Notification is a message of 2Checkout's whose hash is right. It is immutable and
// safe for concurrent use. Printed, it shows its kind only. The zero value is of no
// kind, has no fields, and its Reply is empty.
//
// It has what was signed and nothing else: the hash fields are no part of it. The hash
// covers the values in their order, not the names and not where one value ends, so
// that who holds one message could rename its fields: see the package's document for
// what to make of that.
type Notification struct {
	kind     Kind
	names    string // one behind the other
	signed   string // what the hash is over: the values, each behind its length
	spans    []span
	key      auth.Secret
	function vendor.Function
}

func newNotification(f *fields) *Notification {
	return &Notification{names: string(f.names), signed: string(f.signed), spans: f.spans}
}

// Kind says what n is about.
func (n *Notification) Kind() Kind { return n.kind }

// All yields the fields that are signed, in the order of the message: full names, such
// as IPN_PID[], and values. Both are bytes as they were sent, in UTF-8 or not.
func (n *Notification) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for i := range n.spans {
			if !yield(n.name(i), n.value(i)) {
				return
			}
		}
	}
}

// name returns the full name of a field.
func (n *Notification) name(i int) string {
	from := 0
	if i > 0 {
		from = n.spans[i-1].name
	}
	return n.names[from:n.spans[i].name]
}

func (n *Notification) value(i int) string { return n.signed[n.spans[i].value:n.spans[i].end] }

// Get returns the value of the field with this full name, "" if there is none or more
// than one.
func (n *Notification) Get(name string) string {
	if value, count := n.find(name); count == 1 {
		return value
	}
	return ""
}

// find returns the last value of a field, and how many there are.
func (n *Notification) find(name string) (last string, count int) {
	for i := range n.spans {
		if n.name(i) == name {
			last = n.value(i)
			count++
		}
	}
	return last, count
}

// List returns the values of an array, such as IPN_PID, in the order of the message:
// those of IPN_PID[] and of IPN_PID[0], IPN_PID[1] and so on. Empty ones count. A
// field without brackets, or with more of them, is no element.
func (n *Notification) List(name string) (values []string) {
	for _, value := range n.elements(name) {
		values = append(values, value)
	}
	return values
}

// elements yields the indexes and values of an array.
func (n *Notification) elements(array string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		next := 0
		for at := range n.spans {
			name := n.name(at)
			if len(name) <= len(array) || name[len(array)] != '[' || name[:len(array)] != array { // as most are
				continue
			}
			sub := name[len(array):]
			sub, ok := strings.CutSuffix(sub[1:], "]")
			i, err := next, error(nil)
			if sub != "" {
				i, err = strconv.Atoi(sub)
			}
			if !ok || err != nil || i < 0 || sub != "" && strconv.Itoa(i) != sub {
				continue
			}
			next = max(next, i+1)
			if !yield(i, n.value(at)) {
				return
			}
		}
	}
}

// first returns the element that PHP has at index 0, and whether there is one, and
// one only.
func (n *Notification) first(array string) (first string, sole bool) {
	count := 0
	for i, value := range n.elements(array) {
		if i == 0 {
			first = value
			count++
		}
	}
	return first, count == 1
}

// ID names the event, for a store that is to carry out each event once: a repetition
// and a message that is sent again have the same. It is made of the kind, of REFNO or
// LICENSE_CODE, and of MESSAGE_ID; where that is missing it is the Digest. Whether the
// vendor keeps the MESSAGE_ID when it sends again is not known.
func (n *Notification) ID() string {
	id := n.Get("MESSAGE_ID")
	if id == "" {
		return n.Digest()
	}
	about := "LICENSE_CODE"
	if n.kind == IPN {
		about = "REFNO"
	}
	return n.kind.String() + ":" + url.QueryEscape(n.Get(about)) + ":" + url.QueryEscape(id)
}

// Digest names the message: the SHA-256, in hexadecimal digits, of what is signed. It
// is the same whatever the fields are called, and whichever hash came. A message that
// the vendor sends again has another one, since IPN_DATE is the time of sending.
func (n *Notification) Digest() string {
	sum := sha256.Sum256([]byte(n.signed))
	return hex.EncodeToString(sum[:])
}

// Test reports whether n is about a test order, which nobody has paid for, and whether
// that is known. It is by TEST_ORDER of an IPN, which is sent only if it is chosen in
// the IPN settings, and by TEST of an LCN, which real ones may lack.
func (n *Notification) Test() (test, known bool) {
	name, missing := "TEST_ORDER", false
	if n.kind == LCN {
		name, missing = "TEST", true
	}
	switch value, count := n.find(name); {
	case count == 1 && value == "1":
		return true, true
	case count == 1 && value == "0":
		return false, true
	default:
		return false, missing && value == "" && count <= 1
	}
}

// Reply returns what the answer must hold, anywhere in it, so that the vendor does not
// send n again. It is signed with the key and the algorithm of the message, and says
// that n has been processed: write it last. now is the time of the reply, which is
// written in UTC.
func (n *Notification) Reply(now time.Time) string {
	if n.kind == 0 {
		return ""
	}
	date := now.UTC().Format(stampLayout)
	values := []string{n.Get("LICENSE_CODE"), n.Get("EXPIRATION_DATE"), date}
	if n.kind == IPN {
		id, _ := n.first("IPN_PID")
		name, _ := n.first("IPN_PNAME")
		values = []string{id, name, n.Get("IPN_DATE"), date}
	}
	mac := hmac.New(n.function.New, []byte(n.key.Reveal()))
	mac.Write(vendor.AppendPrefixed(nil, values...))
	return `<sig algo="` + n.function.Name + `" date="` + date + `">` + hex.EncodeToString(mac.Sum(nil)) + `</sig>`
}

// Format prints the kind, whatever the verb: what else n has is a customer's.
func (n Notification) Format(f fmt.State, verb rune) {
	io.WriteString(f, "ipn.Notification("+n.kind.String()+")")
}

// stampLayout is PHP's YmdHis, as replies and IPN_DATE have it.
const stampLayout = "20060102150405"
