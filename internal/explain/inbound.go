package explain

import (
	"slices"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/php"
)

// OtherKeys are further secrets of the user's, each of which may have been taken for the
// right one. Those that are zero are not tried.
type OtherKeys struct {
	SecretKey  auth.Secret // 2Checkout's
	SecretWord auth.Secret // 2Checkout's Buy-Link Secret Word
	SigningKey auth.Secret // a webhook's, of the Payrexx family
	APISecret  auth.Secret // of the Payrexx family
}

// inbound is what the readers of what gateways send, and of links, make of it for the
// rows.
type inbound struct {
	others  OtherKeys
	sent    []parameter       // with values as they stand, still encoded
	query   string            // the parameters of the URL beside a body
	hashed  []string          // the query with fields that are not signed, too
	literal string            // the body itself
	listed  map[string]string // of a link, other lists of parameters
}

func (a making) inbound() *inbound { return a.from.read.(*inbound) }

// explain fills in d with what gives a signature, by the rows.
func (r *source) explain(d *Diagnosis, rows []row[making], signature string, possible []Mistake) {
	rights := r.makings(signature)
	s := search[making]{rows: rows, try: r.work.try, spent: r.work.takeSpent, seen: making.seen}
	s.explain(d, rights...)
	if r.work.hasher.shortKey {
		d.Skipped = append(d.Skipped, shortKeys)
	}
	d.Incomplete = d.Incomplete || r.work.incomplete
	if len(d.Findings) > 0 {
		return
	}
	if rights[0].claim.coding == nil {
		d.Shown = append(d.Shown, Mistake{"the " + r.scheme.signature + " is no digest in any spelling that is known here", r.scheme.codingFix})
	}
	d.Possibilities = possible
}

// inAnyCase returns hexadecimal digits in small letters, for a receiver that takes those
// of either case, and anything else as it is.
func inAnyCase(signature string) string {
	if lower := strings.ToLower(signature); lowerHex.decode(lower) != "" {
		return lower
	}
	return signature
}

// otherKeyRows are the mistake to take another secret for the key.
func (s *scheme) otherKeyRows() (rows []row[making]) {
	for _, other := range []struct {
		name string
		key  func(*OtherKeys) auth.Secret
	}{
		{"Secret Key", func(o *OtherKeys) auth.Secret { return o.SecretKey }},
		{"Buy-Link Secret Word", func(o *OtherKeys) auth.Secret { return o.SecretWord }},
		{"webhook's signing key", func(o *OtherKeys) auth.Secret { return o.SigningKey }},
		{"API secret", func(o *OtherKeys) auth.Secret { return o.APISecret }},
	} {
		if other.name != s.shown {
			rows = append(rows, row[making]{Mistake{"the " + other.name + " is taken for the " + s.key, s.keyFix}, func(a making) []making {
				key := other.key(&a.inbound().others)
				if key.IsZero() {
					return nil
				}
				return keyed(func(string) []string { return []string{key.Reveal()} })(a)
			}, false, keyStep})
		}
	}
	return rows
}

// readPairs reads an urlencoded text: its parameters in PHP's encoding and, with values
// as they stand, as they were sent.
func readPairs(text []byte, isSigned func(name string) bool) (query string, sent []parameter) {
	var ps []parameter
	for encodedName, encodedValue := range php.Pairs(text) {
		name := string(php.AppendURLDecoded(nil, encodedName))
		if isSigned(name) {
			p := parameter{urlencode(name), urlencode(string(php.AppendURLDecoded(nil, encodedValue)))}
			ps = append(ps, p)
			sent = append(sent, parameter{p.name, string(encodedValue)})
		}
	}
	return join(ps), sent
}

// ofTexts changes every value, decoded.
func ofTexts(change func(text string) string) func(ps []parameter) []parameter {
	return ofValues(func(value string) string { return urlencode(change(urldecode(value))) })
}

// listed is a mistake in the list of parameters, in each of the ways.
func listed(ways ...func(ps []parameter) []parameter) apply {
	return func(a making) []making {
		if a.message.literal {
			return nil
		}
		return a.listing(ways...)
	}
}

// without returns ps less those that drop says.
func dropping(drop func(p parameter) bool) func(ps []parameter) []parameter {
	return func(ps []parameter) []parameter { return slices.DeleteFunc(ps, drop) }
}

func isElement(p parameter) bool { return strings.Contains(p.name, "%5B") }

// gathered returns ps as PHP has them: an array's elements together, where its first one
// stands, and of a name that comes twice the last value.
func gathered(ps []parameter) []parameter {
	var order []string
	arrays := make(map[string][]parameter)
	for _, p := range ps {
		key, _, _ := strings.Cut(p.name, "%5B")
		same := slices.IndexFunc(arrays[key], func(q parameter) bool { return q.name == p.name && !strings.HasSuffix(p.name, "%5B%5D") })
		switch {
		case arrays[key] == nil:
			order = append(order, key)
			fallthrough
		case same < 0:
			arrays[key] = append(arrays[key], p)
		default:
			arrays[key][same] = p
		}
	}
	var all []parameter
	for _, key := range order {
		all = append(all, arrays[key]...)
	}
	return all
}

// firstOfEach and lastOfEach keep one element of each array.
func firstOfEach(ps []parameter) []parameter {
	seen := make(map[string]bool)
	return slices.DeleteFunc(ps, func(p parameter) bool {
		key, _, nested := strings.Cut(p.name, "%5B")
		was := seen[key]
		seen[key] = true
		return nested && was
	})
}

func lastOfEach(ps []parameter) []parameter {
	slices.Reverse(ps)
	ps = firstOfEach(ps)
	slices.Reverse(ps)
	return ps
}

// numbersFirst is the order in which JavaScript has the keys of an object.
func numbersFirst(ps []parameter) []parameter {
	isNumber := func(p parameter) bool { return p.name != "" && strings.Trim(p.name, "0123456789") == "" }
	numbers := slices.DeleteFunc(slices.Clone(ps), func(p parameter) bool { return !isNumber(p) })
	rest := slices.DeleteFunc(slices.Clone(ps), isNumber)
	return append(sorted(numbers, func(name string) string { return strings.Repeat("0", max(0, 20-len(name))) + name }, strings.Compare), rest...)
}

// ofLast changes the last value, as an editor or a shell does to the end of a text.
func ofLast(change func(text string) string) func(ps []parameter) []parameter {
	return func(ps []parameter) []parameter {
		if len(ps) > 0 {
			last := &ps[len(ps)-1]
			last.value = urlencode(change(urldecode(last.value)))
		}
		return ps
	}
}

var addSlashes = strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`, "\x00", `\0`).Replace

// trim is PHP's; strings.TrimSpace takes more.
func trim(s string) string { return strings.Trim(s, " \t\n\r\v\x00") }

// The ends of lines.
func unixLines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func loneReturns(s string) string { return strings.ReplaceAll(unixLines(s), "\r", "\n") }

func dosLines(s string) string { return strings.ReplaceAll(unixLines(s), "\n", "\r\n") }

// replaced puts U+FFFD in the place of each byte that is not UTF-8.
func replaced(dst, run []byte) []byte {
	for _, c := range string(run) {
		dst = append(dst, string(c)...)
	}
	return dst
}
