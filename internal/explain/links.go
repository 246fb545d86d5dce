package explain

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/buylink"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// A BuyLink explains the signature of 2Checkout's buy links.
//
// Its fields must not be changed while it is used. Then it is safe for concurrent
// use.
type BuyLink struct {
	// SecretWord is the source of the Buy-Link Secret Word.
	SecretWord auth.SecretSource
	// Names are those that are signed if they are in the link. Nil means the 21 names of
	// the vendor's plugins.
	Names []string
	// Others are tried as the secret word, too.
	Others OtherKeys
}

// URL explains the signature in a link. An error is an [*auth.Error], [auth.ErrSecret] if
// the secret word cannot be had. The Diagnosis is never nil. A link without a signature
// is a wrong one.
func (b *BuyLink) URL(ctx context.Context, link *url.URL) (*Diagnosis, error) {
	names := b.Names
	if names == nil {
		names = vendor.PluginNames
	}
	return explainLink(ctx, link, "explain a buy link's signature", b.SecretWord, b.Others, buyLinkRows, false,
		func(name string) bool { return slices.Contains(names, name) }, func(ps []vendor.LinkParameter, d *Diagnosis) {
			for _, p := range ps {
				if p.Name == "expiration" && len(p.Value) > len("9999999999") {
					d.Notes = append(d.Notes, "the expiration is not in seconds, and the link hardly ends: write Unix seconds")
				}
			}
		})
}

// A ReturnURL explains the signature of the URL that a buyer comes back with. One is
// right if a [buylink.Verifier] takes it.
//
// Its fields must not be changed while it is used. Then it is safe for concurrent
// use.
type ReturnURL struct {
	// SecretWord is the source of the Buy-Link Secret Word.
	SecretWord auth.SecretSource
	// Own are the parameters that the return-url had of its own, which are not signed.
	Own []string
	// Others are tried as the secret word, too.
	Others OtherKeys
}

// URL explains the signature in a URL. Its errors are those of [BuyLink.URL].
func (r *ReturnURL) URL(ctx context.Context, returned *url.URL) (*Diagnosis, error) {
	return explainLink(ctx, returned, "explain a return URL's signature", r.SecretWord, r.Others, returnRows, true,
		func(name string) bool { return !slices.Contains(r.Own, name) }, func(_ []vendor.LinkParameter, d *Diagnosis) {
			_, err := (&buylink.Verifier{SecretWord: r.SecretWord, Own: r.Own}).Verify(ctx, returned)
			if e, ok := errors.AsType[*auth.Error](err); ok {
				d.Right = false
				d.Findings = []Finding{{
					Mistakes:     []Mistake{{e.Err.Error(), "Take no such URL: fetch the order by what the shop has stored."}},
					StringToSign: d.StringToSign, Difference: -1,
				}}
			}
		})
}

func explainLink(ctx context.Context, link *url.URL, op string, word auth.SecretSource, others OtherKeys, rows []row[making], anyCase bool,
	isSigned func(name string) bool, judge func(ps []vendor.LinkParameter, d *Diagnosis)) (*Diagnosis, error) {
	d := new(Diagnosis)
	secret, err := auth.Load(ctx, word)
	if err != nil {
		return d, &auth.Error{Op: op, Code: auth.ErrSecret, Err: err}
	}
	defer d.redact(secret)
	ps, err := vendor.ReadLink(link.RawQuery)
	seen := func(mistake Mistake) (*Diagnosis, error) {
		d.Findings = []Finding{{Mistakes: []Mistake{mistake}, StringToSign: d.StringToSign, Difference: -1}}
		return d, nil
	}
	if err != nil {
		return seen(Mistake{err.Error(), "Write each name once, as PHP keeps it, and each value with its escapes."})
	}
	d.StringToSign = vendor.LinkSource(ps, isSigned)
	i := slices.IndexFunc(ps, func(p vendor.LinkParameter) bool { return p.Name == vendor.LinkSignature })
	if i < 0 || ps[i].Value == "" {
		return seen(Mistake{"there is no signature, or an empty one", "Sign the link, as `countersign sign buylink` does; refuse a return URL without one."})
	}
	r := &source{scheme: linkScheme, functions: linkScheme.functions, secret: secret.Reveal()}
	in := &inbound{others: others, listed: make(map[string]string)}
	r.read = in
	r.right = message{query: linkQuery(ps, isSigned, true), layout: lengthBefore}
	in.listed[inOrderOfLink] = linkQuery(ps, isSigned, false)
	all := func(string) bool { return true }
	for name, isListed := range map[string]func(string) bool{
		everyName: all, allButMerchant: func(name string) bool { return name != "merchant" },
		generalNames: listing(vendor.GeneralNames), dynamicNames: listing(vendor.DynamicNames), pluginNames: listing(vendor.PluginNames),
	} {
		in.listed[name] = linkQuery(ps, isListed, true)
	}
	_, in.sent = readPairs([]byte(link.RawQuery), func(name string) bool { return name != vendor.LinkSignature && isSigned(name) })
	in.sent = byName(in.sent)
	signature := ps[i].Value
	if anyCase {
		signature = inAnyCase(signature)
	}
	right := r.makings(signature)
	if mistakes, readable := right[0].seen(); readable && len(mistakes) == 0 && r.work.reproduces(right[0]) {
		d.Right = true
		judge(ps, d)
		return d, nil
	}
	r.explain(d, rows, signature, linkPossibilities)
	return d, nil
}

func listing(names []string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

// linkQuery returns the parameters that are signed in PHP's encoding.
func linkQuery(ps []vendor.LinkParameter, isSigned func(name string) bool, isSorted bool) string {
	var query []parameter
	for _, p := range ps {
		if p.Name != vendor.LinkSignature && isSigned(p.Name) {
			query = append(query, parameter{urlencode(p.Name), urlencode(p.Value)})
		}
	}
	if isSorted {
		query = byName(query)
	}
	return join(query)
}

// The other lists of parameters that may have been signed.
const (
	inOrderOfLink  = "order"
	everyName      = "all"
	allButMerchant = "all but merchant"
	generalNames   = "general"
	dynamicNames   = "dynamic"
	pluginNames    = "plugins"
)

const sortedFix = "Sort the names by their bytes, as ksort does, take the values without their escapes, and write each one's length in bytes in front of it."

var linkScheme = &scheme{
	signature: "signature", coding: lowerHex, codingFix: "Write the HMAC in 64 small hexadecimal digits, and nothing else.",
	key: "secret word", shown: "Buy-Link Secret Word", keyFix: "Take the Buy-Link Secret Word as text, as the Control Panel shows it: it is neither the Secret Key nor the INS secret word.",
	functions: []*hashFunction{sha256Hash}, functionFix: "Make an HMAC-SHA256.",
	layout: lengthBefore, layoutFix: sortedFix,
}

// ofList is the mistake to sign another list of parameters.
func ofList(lists ...string) apply {
	return func(a making) []making {
		var queries []string
		for _, list := range lists {
			queries = append(queries, a.inbound().listed[list])
		}
		return ofFirst(a, queries)
	}
}

func listRow(text, fix string, lists ...string) row[making] {
	return row[making]{Mistake{text, fix}, ofList(lists...), false, parametersStep}
}

const listFix = "Sign the names of the vendor's plugins that are in the link, or those of the list that you mean, and no others."

var buyLinkRows = linkScheme.table(slices.Concat([]row[making]{
	listRow("every parameter is signed, the merchant too", listFix, everyName),
	listRow("parameters are signed that are on no list", listFix, allButMerchant),
	listRow("only the names of the general list are signed", "For a link with products sign prod, qty and the like too, if they are in the link.", generalNames),
	listRow("coupon and cust-params are not signed", "Sign them if they are in the link.", dynamicNames),
	listRow("names of the plugins' list are signed, too", listFix, pluginNames),
}, linkRows())...)

var returnRows = linkScheme.table(slices.Concat([]row[making]{
	listRow("the shop's own parameters are hashed, too", "Leave the parameters out that the return-url had of its own.", everyName),
	listRow("the merchant is not hashed", "Hash all parameters that came, but for the signature and the shop's own.", allButMerchant),
	listRow("only the parameters are hashed that are signed in a buy link", "Hash all parameters that came, but for the signature and the shop's own.", pluginNames, dynamicNames, generalNames),
}, linkRows())...)

// linkRows are the mistakes of both.
func linkRows() []row[making] {
	return slices.Concat([]row[making]{
		listRow("the parameters are not sorted", sortedFix, inOrderOfLink),
		{Mistake{"the names are sorted without regard to case", sortedFix}, func(a making) []making {
			return append(listed(byNameInAnyCase)(a), ofFirst(a, []string{join(byNameInAnyCase(split(a.inbound().listed[inOrderOfLink])))})...)
		}, false, parametersStep},
		{Mistake{"the return-url is signed with its escapes", sortedFix}, listed(
			ofNamed("return-url", urlencode),
			ofNamed("return-url", func(v string) string { return pathEscaper.Replace(urlencode(v)) })), false, parametersStep},
		{Mistake{"the expiration is signed in milliseconds", expirationFix}, listed(
			ofNamed("expiration", func(v string) string { return v + "000" }),
			ofNamed("expiration", func(v string) string { return strings.TrimSuffix(v, "000") })), false, parametersStep},
		{Mistake{"the expiration is signed as a date", expirationFix}, listed(
			ofNamed("expiration", asDate(vendor.StampLayout)), ofNamed("expiration", asDate(time.DateTime)), ofNamed("expiration", asDate(time.DateOnly))), false, parametersStep},
		{Mistake{"the names are signed, too", sortedFix}, func(a making) (as []making) {
			if !a.mayBeOther() {
				return nil
			}
			for _, layout := range []func(name, value string) string{
				func(name, value string) string { return name + prefixed(value) },
				func(name, value string) string { return prefixed(name) + prefixed(value) },
				func(name, value string) string { return name + value },
				func(name, value string) string { return name + "=" + value },
			} {
				var text strings.Builder
				for _, p := range split(a.message.query) {
					text.WriteString(layout(urldecode(p.name), urldecode(p.value)))
				}
				as = append(as, a.changing(func(m *message) { m.query, m.literal, m.layout = text.String(), true, asQuery }))
			}
			return append(as, a.changing(func(m *message) { m.layout = asQuery }))
		}, false, parametersStep},
	}, valueRows(), charsetRows(), linkScheme.otherKeyRows())
}

const expirationFix = "Write the expiration in Unix seconds, in what is sent and in what is signed."

// asDate writes Unix seconds as a date in UTC.
func asDate(layout string) func(seconds string) string {
	return func(seconds string) string {
		n, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return seconds
		}
		return time.Unix(n, 0).UTC().Format(layout)
	}
}

func prefixed(value string) string { return string(vendor.AppendPrefixed(nil, value)) }

// ofNamed changes the value of a parameter, decoded.
func ofNamed(name string, change func(value string) string) func(ps []parameter) []parameter {
	return func(ps []parameter) []parameter {
		for i := range ps {
			if ps[i].name == urlencode(name) {
				ps[i].value = urlencode(change(urldecode(ps[i].value)))
			}
		}
		return ps
	}
}

// linkPossibilities are the mistakes that cannot be tried.
var linkPossibilities = []Mistake{
	{"the key is another account's, or the Secret Key", "Take the Buy-Link Secret Word of Control Panel, Integrations, Webhooks & API."},
	{"another list of names is signed", listFix},
}
