package ipn

import "regexp"

// isOurs reports whether what is signed can be read as what the account itself signs
// with the key: a header's merchant code and date, or what a reply is made of. Digits
// may be taken for lengths and lengths for digits, so that the number of values alone
// does not tell.
func (n *Notification) isOurs() bool {
	signed := n.signed()
	return canBe(signed, code, date) || // the header
		canBe(signed, code, expiration, stamp) || // the reply to an LCN
		canBe(signed, code, anything, stamp, stamp) // the reply to an IPN
}

// The kinds of values in what the account signs. Replies of other programs may have the
// hour without its leading zero, as the vendor's pages had until 2026.
var (
	code       = func(value []byte) bool { return len(value) <= maxCode }
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
	length := 0
	for i, c := range s[:min(len(s), maxDigits)] {
		if c < '0' || c > '9' || i > 0 && s[0] == '0' { // no length but 0 begins so
			return false
		}
		length = 10*length + int(c-'0')
		rest := s[i+1:]
		if length > len(rest) {
			return false
		}
		if kinds[0](rest[:length]) && canBe(rest[length:], kinds[1:]...) {
			return true
		}
	}
	return false
}

// maxCode is how long the codes of a merchant, a licence and a product are at most, in
// bytes. A limit keeps a long message from being taken for one of ours by chance: its
// first values would have to be digits that add up to its length.
const maxCode = 64

// maxDigits is those of a body's length.
const maxDigits = 7
