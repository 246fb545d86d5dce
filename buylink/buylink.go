// Package buylink signs 2Checkout's buy links, verifies the return URLs that buyers
// come back with, and makes the token of the signature endpoint. All three take the
// Buy-Link Secret Word, which is another secret than the Secret Key of the API and the
// webhooks: it stands in the Control Panel, Integrations, Webhooks & API.
//
// Most programs need [Signer.Sign], before they send a buyer to the checkout, and
// [Verifier.Verify], when the buyer is back.
//
// # What a signature says
//
// It is an HMAC-SHA256 over the values alone, in the order of their names, each behind
// its length in bytes. It binds neither names nor where a value ends. The buyer holds
// the return URL, and can rename its parameters within the order of the names:
//
//	order-ext-ref=1001&refno=240000001&total=1.00&total-currency=EUR
//	        a=1001&order-ext-ref=240000001&total=1.00&total-currency=EUR
//
// have one signature. The second has no refno, and is refused; other renamings, such
// as those of a parameter that the buyer has put into the link and now calls refno,
// cannot be seen. Your own buy links have signatures of the same kind under the same
// word, and can be renamed into a return URL of an order that there never was. Nor does
// a return URL ever expire. So a [Hint] is no payment: fetch the order by its RefNo, and
// compare what was fetched with the order in the shop, as the example of Verifier does.
//
// # What is not built
//
// Strings only: what PHP's true, false and null are in a link, their writers disagree.
// A name is given once. What is retired or nowhere documented, such as PHASH, BACK_REF
// and the passback's key, is not here; docs/2checkout.md says what to do instead.
package buylink

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// General returns the names that the vendor's documents sign in every link, if they
// are in it: return-url, return-type, expiration, order-ext-ref, customer-ref,
// customer-ext-ref and lock.
func General() []string { return slices.Clone(vendor.GeneralNames) }

// Dynamic returns the 19 names that the vendor's documents sign in a link with dynamic
// products: those of General, and currency, prod, price, qty, tangible, type, opt,
// description, recurrence, duration, renewal-price and item-ext-ref.
func Dynamic() []string { return slices.Clone(vendor.DynamicNames) }

// A Signer signs buy links. It is safe for concurrent use.
type Signer struct {
	// SecretWord is the source of the Buy-Link Secret Word. It is asked for every link.
	SecretWord auth.SecretSource
	// Names are those that are signed if they are in the link. Without any they are the
	// 21 of the vendor's plugins: those of [Dynamic], cust-params and coupon. The
	// vendor's documents have several lists; see docs/links.md before you choose
	// another one.
	Names []string
}

// Sign returns a copy of link with its signature as the last parameter of the query.
// It changes nothing else; a parameter that is empty is signed as such.
//
// Its error is an [*auth.Error]:
//
//   - [auth.ErrParameter]: a parameter of the link is given twice, is called signature
//     in whatever letter case, has a name that PHP spells or sorts otherwise ("a.b",
//     "9") or a malformed escape; there are more than 1000; the query has a character
//     that a URL must escape; or Names has merchant or signature, which are never
//     signed.
//   - [auth.ErrSecret]: the secret word cannot be had.
func (s *Signer) Sign(ctx context.Context, link *url.URL) (*url.URL, error) {
	signed, code, err := s.sign(ctx, link)
	if err != nil {
		return nil, &auth.Error{Op: "sign buy link", Code: code, Err: err}
	}
	return signed, nil
}

func (s *Signer) sign(ctx context.Context, link *url.URL) (signed *url.URL, code, err error) {
	names := s.Names
	if len(names) == 0 {
		names = vendor.PluginNames
	}
	for _, never := range []string{"merchant", vendor.LinkSignature} {
		if slices.Contains(names, never) {
			return nil, auth.ErrParameter, fmt.Errorf("%s is among the names that are to be signed, and it never is: leave it out", never)
		}
	}
	if strings.ContainsFunc(link.RawQuery, mustEscape) {
		return nil, auth.ErrParameter, errors.New("the link's query has a character that a URL must escape: write its bytes as %XX")
	}
	parameters, err := vendor.ReadLink(link.RawQuery)
	if err != nil {
		return nil, auth.ErrParameter, err
	}
	if slices.ContainsFunc(parameters, func(p vendor.LinkParameter) bool { return p.Name == vendor.LinkSignature }) {
		return nil, auth.ErrParameter, errors.New("the link has a signature: take it out, with all that stands behind it")
	}
	word, err := auth.Load(ctx, s.SecretWord)
	if err != nil {
		return nil, auth.ErrSecret, err
	}
	u := *link
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	isSigned := func(name string) bool { return slices.Contains(names, name) }
	u.RawQuery += vendor.LinkSignature + "=" + signature(vendor.LinkSource(parameters, isSigned), word)
	return &u, nil, nil
}

// mustEscape reports whether c cannot stand in a query: what a browser makes of it
// depends on the page where the link is.
func mustEscape(c rune) bool { return c <= ' ' || c > '~' || c == '#' }

// signature returns the signature over a source, in lower-case hexadecimal digits. The
// word must be valid.
func signature(source string, word auth.Secret) string {
	mac := hmac.New(sha256.New, []byte(word.Reveal()))
	mac.Write([]byte(source))
	return hex.EncodeToString(mac.Sum(nil))
}

// Expiration returns the value of the parameter expiration for a link that ends at t:
// seconds since 1970, in UTC. A fraction of a second is cut off.
func Expiration(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// A Verifier verifies the return URLs of ConvertPlus and InLine. It is safe for
// concurrent use.
type Verifier struct {
	// SecretWord is the source of the Buy-Link Secret Word. It is asked for every URL
	// that has a signature.
	SecretWord auth.SecretSource
	// Own are the parameters that the return-url itself had. The vendor is believed not
	// to sign them (2Checkout's documents do not say; a plugin in use leaves its own
	// out), and everybody can change them: a return-url without a query needs none of
	// this.
	Own []string
}

// A Hint is what a return URL says of the order. It is no payment, and its values may
// have stood under other names when they were signed: fetch the order by RefNo.
type Hint struct {
	RefNo     string // the vendor's number of the order: digits, fit for a URL's path
	Total     string // such as 49.90
	Currency  string // such as EUR
	Reference string // order-ext-ref, "" if there is none
}

// Verify checks the signature of a URL that a buyer came back with. The URL of a
// server's request will do: host, path and fragment are not signed and not looked at.
//
// Its error is an [*auth.Error]; there is no Hint then:
//
//   - [auth.ErrParameter]: a parameter is given twice, is the signature in another
//     spelling, or has a name that PHP spells or sorts otherwise ("a.b", "9") or a
//     malformed escape; or there are more than 1000.
//   - [auth.ErrUnsigned]: there is no signature, or an empty one.
//   - [auth.ErrSecret]: the secret word cannot be had.
//   - [auth.ErrSignature]: the signature is wrong.
//   - [auth.ErrAmbiguous]: it is right, and the URL lacks a refno of digits, a total or a
//     total-currency, which the vendor always sends: parameters have been renamed.
//   - [auth.ErrConfig]: Own has a name that the vendor signs.
//
// No error means that these values, in this order, were signed under the secret word: by
// the vendor for some return URL, or by you for a buy link. See the package's
// documentation for what it does not mean.
func (v *Verifier) Verify(ctx context.Context, returned *url.URL) (*Hint, error) {
	hint, code, err := v.verify(ctx, returned.RawQuery)
	if err != nil {
		return nil, &auth.Error{Op: "verify return URL", Code: code, Err: err}
	}
	return hint, nil
}

func (v *Verifier) verify(ctx context.Context, query string) (hint *Hint, code, err error) {
	for _, signed := range []string{vendor.LinkSignature, vendor.RefNo, vendor.Total, vendor.TotalCurrency, vendor.OrderExtRef} {
		if slices.Contains(v.Own, signed) {
			return nil, auth.ErrConfig, fmt.Errorf("%s is among your own parameters, and it is the vendor's: leave it out", signed)
		}
	}
	parameters, err := vendor.ReadLink(query)
	if err != nil {
		return nil, auth.ErrParameter, err
	}
	values := make(map[string]string)
	for _, p := range parameters {
		values[p.Name] = p.Value
	}
	got := values[vendor.LinkSignature]
	if got == "" {
		return nil, auth.ErrUnsigned, errors.New("there is no signature, or an empty one: 2Checkout puts one into every return URL")
	}
	word, err := auth.Load(ctx, v.SecretWord)
	if err != nil {
		return nil, auth.ErrSecret, err
	}
	isSigned := func(name string) bool { return !slices.Contains(v.Own, name) }
	want := signature(vendor.LinkSource(parameters, isSigned), word)
	if subtle.ConstantTimeCompare([]byte(strings.ToLower(got)), []byte(want)) == 0 {
		return nil, auth.ErrSignature, errors.New("the signature is wrong: is the key the Buy-Link Secret Word, and has the return-url parameters of its own?")
	}
	hint = &Hint{RefNo: values[vendor.RefNo], Total: values[vendor.Total], Currency: values[vendor.TotalCurrency], Reference: values[vendor.OrderExtRef]}
	if err := hint.check(); err != nil {
		return nil, auth.ErrAmbiguous, err
	}
	return hint, nil, nil
}

var (
	digits   = regexp.MustCompile(`^[0-9]+$`)
	amount   = regexp.MustCompile(`^[0-9][0-9.,]*$`)
	currency = regexp.MustCompile(`^[A-Za-z]{3}$`)
)

// check returns an error if the vendor would not send the hint.
func (h *Hint) check() error {
	for _, p := range []struct {
		name, value string
		form        *regexp.Regexp
	}{{vendor.RefNo, h.RefNo, digits}, {vendor.Total, h.Total, amount}, {vendor.TotalCurrency, h.Currency, currency}} {
		if !p.form.MatchString(p.value) {
			return fmt.Errorf("the signature is right, and the URL has no %s as 2Checkout sends it: its parameters may have been renamed", p.name)
		}
	}
	return nil
}
