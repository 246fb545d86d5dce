package avangate

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/countersign/countersign/internal/php"
)

// LinkSignature is the name of a link's signature, and of a return URL's.
const LinkSignature = "signature"

// The parameters of a return URL that say which order was placed.
const (
	RefNo         = "refno"
	Total         = "total"
	TotalCurrency = "total-currency"
	OrderExtRef   = "order-ext-ref" // the merchant's own reference, as in the buy link
)

// The names that are signed in a buy link if they are in it.
var (
	// GeneralNames are those of any link (the vendor's page on ConvertPlus's buy-link
	// signatures).
	GeneralNames = []string{"return-url", "return-type", "expiration", OrderExtRef, "customer-ref", "customer-ext-ref", "lock"}
	// DynamicNames are those of a link with dynamic products (the same page).
	DynamicNames = append(slices.Clone(GeneralNames), "currency", "prod", "price", "qty", "tangible", "type", "opt",
		"description", "recurrence", "duration", "renewal-price", "item-ext-ref")
	// PluginNames are those of the vendor's plugins (2Checkout/PrestaShop-2Checkout
	// ee670c2 and magento2-2checkout a508a5b), the only list that agrees with what
	// these send.
	PluginNames = append(slices.Clone(DynamicNames), "cust-params", "coupon")
)

// A LinkParameter is a parameter of a link, decoded.
type LinkParameter struct{ Name, Value string }

// ReadLink reads the query of a buy link or of a return URL, in its order. It knows no
// arrays: an error says which name is given twice, or is none that PHP, which makes
// and reads the signatures, takes as it is and sorts by its bytes. It is an
// [*php.Error], or [php.ErrTooMany].
func ReadLink(query string) ([]LinkParameter, error) {
	var parameters []LinkParameter
	seen := make(map[string]bool)
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		if len(parameters) == php.MaxInputVars {
			return nil, php.ErrTooMany
		}
		before, after, _ := strings.Cut(pair, "=")
		name, rightName := unescape(before)
		value, rightValue := unescape(after)
		err := checkLinkName(name)
		switch {
		case !rightName || !rightValue:
			err = php.Refuse(name, "has a malformed %%-escape: write a percent sign as %%25")
		case err != nil:
		case seen[name]:
			err = php.Refuse(name, "is given twice, and PHP keeps the last only: give it once")
		case strings.EqualFold(name, LinkSignature) && before != LinkSignature:
			err = php.Refuse(name, "is %q in another spelling, which some readers take for it: leave it out", LinkSignature)
		}
		if err != nil {
			err.Number = len(parameters) + 1
			return nil, err
		}
		seen[name] = true
		parameters = append(parameters, LinkParameter{name, value})
	}
	return parameters, nil
}

// numeric matches what PHP 8 sorts by its value: ksort takes two such names for
// numbers.
var numeric = regexp.MustCompile(`^[ \t\n\r\v\f]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n\r\v\f]*$`)

func checkLinkName(name string) *php.Error {
	switch {
	case name == "":
		return php.Refuse(name, "has no name, and PHP drops it: name it")
	case strings.ContainsAny(name, " .["):
		return php.Refuse(name, "has a space, a dot or a bracket in its name, which PHP spells otherwise: leave it out")
	case strings.Contains(name, "\x00"):
		return php.Refuse(name, "has a NUL byte, where PHP ends the name: leave it out")
	case numeric.MatchString(name):
		return php.Refuse(name, "is a number, which PHP sorts by its value: give it a name with a letter in front")
	}
	return nil
}

// unescape decodes a name or a value as a form's, and reports whether all of its
// escapes are well-formed.
func unescape(s string) (decoded string, ok bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	decoded, err := url.QueryUnescape(s)
	return decoded, err == nil
}

// LinkSource returns what the signature is over: the values of the parameters whose
// names are signed, sorted by name, each behind its length. The signature itself
// never is.
func LinkSource(parameters []LinkParameter, signed func(name string) bool) string {
	parameters = slices.DeleteFunc(slices.Clone(parameters), func(p LinkParameter) bool {
		return p.Name == LinkSignature || !signed(p.Name)
	})
	slices.SortFunc(parameters, func(a, b LinkParameter) int { return strings.Compare(a.Name, b.Name) })
	var source []byte
	for _, p := range parameters {
		source = AppendPrefixed(source, p.Value)
	}
	return string(source)
}
