package ipn

import (
	"bytes"
	"regexp"
	"strconv"
)

// isOurs reports whether what is signed can be read as what the account itself signs
// with the key: a header's merchant code and date, or what a reply is made of. Digits
// may be taken for lengths and lengths for digits, so that the number of values alone
// does not tell.
func (n *Notification) isOurs() bool {
	signed := n.signed()
	return canBe(signed, anything, date) || // the header
		canBe(signed, anything, expiration, stamp) || // the reply to an LCN
		canBe(signed, anything, anything, stamp, stamp) // the reply to an IPN
}

// The kinds of values in what the account signs. Replies of other programs may have the
// hour without its leading zero, as the vendor's pages had until 2026.
var (
	anything   = func([]byte) bool { return true }
	date       = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`).Match
	expiration = regexp.MustCompile(`^(?:\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?)?$`).Match
	stamp      = regexp.MustCompile(`^\d{13,14}$`).Match
)

// canBe reports whether s can be read as length-prefixed values of these kinds.
func canBe(s []byte, kinds ...func(value []byte) bool) bool {
	if len(kinds) == 0 {
		return len(s) == 0
	}
	for digits := 1; digits <= min(len(s), maxDigits); digits++ {
		length, err := strconv.ParseUint(string(s[:digits]), 10, 32)
		rest := s[digits:]
		if err != nil || length > uint64(len(rest)) {
			return false
		}
		if kinds[0](rest[:length]) && canBe(rest[length:], kinds[1:]...) {
			return true
		}
		if bytes.HasPrefix(s, []byte("0")) {
			return false // no length but 0 begins so
		}
	}
	return false
}

// maxDigits is those of a body's length.
const maxDigits = 7
