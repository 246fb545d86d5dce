package avangate

import "slices"

// IsOwn reports whether a source can be read as one that the account itself signs with
// the key: a header's merchant code and date, or what a reply is made of. So a right
// hash over it makes no notification: names were put to what anybody may have seen.
// Digits may be taken for lengths and lengths for digits, so that the number of values
// alone does not tell.
func IsOwn(source string) bool {
	return canBe(source, code, date) || // the header
		canBe(source, code, expiration, stamp) || // the reply to an LCN
		canBe(source, code, anything, stamp, stamp) // the reply to an IPN
}

// The kinds of values in what the account signs. Replies of other programs may have the
// hour without its leading zero, as the vendor's pages had until 2026.
var (
	code       = func(value string) bool { return len(value) <= maxCode }
	anything   = func(string) bool { return true }
	date       = oneOf("0000-00-00 00:00:00")
	expiration = oneOf("", "0000-00-00", "0000-00-00 00:00:00")
	stamp      = oneOf("0000000000000", "00000000000000")
)

// oneOf matches values of these forms, in which 0 is any digit.
func oneOf(forms ...string) func(value string) bool {
	return func(value string) bool {
		return slices.ContainsFunc(forms, func(form string) bool {
			if len(form) != len(value) {
				return false
			}
			for i := range len(form) {
				if isDigit := '0' <= value[i] && value[i] <= '9'; form[i] == '0' && !isDigit || form[i] != '0' && value[i] != form[i] {
					return false
				}
			}
			return true
		})
	}
}

// canBe reports whether s can be read as length-prefixed values of these kinds.
func canBe(s string, kinds ...func(value string) bool) bool {
	if len(kinds) == 0 {
		return len(s) == 0
	}
	length := 0
	for i := range min(len(s), maxDigits) {
		c := s[i]
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
