package explain

import (
	"cmp"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
)

// A parameter is a name and a value, as urlencode writes them.
type parameter struct{ name, value string }

func split(query string) []parameter {
	if query == "" {
		return nil
	}
	ps := make([]parameter, 0, strings.Count(query, "&")+1)
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		ps = append(ps, parameter{name, value})
	}
	return ps
}

func join(ps []parameter) string {
	size := 0
	for _, p := range ps {
		size += len("=&") + len(p.name) + len(p.value)
	}
	b := make([]byte, 0, size)
	for i, p := range ps {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p.name...), '='), p.value...)
	}
	return string(b)
}

// joinQueries puts queries one behind the other.
func joinQueries(queries ...string) string {
	return strings.Join(slices.DeleteFunc(queries, func(q string) bool { return q == "" }), "&")
}

// adding returns a with further parameters, behind and before its own, unless it
// has one of them or one of them has no name.
func (a making) adding(ps ...parameter) []making {
	query := a.message.query
	for _, p := range ps {
		if p.name == "" || strings.HasPrefix(query, p.name+"=") || strings.Contains(query, "&"+p.name+"=") {
			return nil
		}
	}
	added := join(ps)
	return a.signing(joinQueries(query, added), joinQueries(added, query))
}

// Parameters are left out, renamed, put into another order, and read in another way
// only within these bounds: how long they are together, in bytes, and how many.
// Changing one is as much work as so many bytes.
const (
	maxChanged    = 1 << 20
	maxParameters = 2 * php.MaxInputVars
	parameterCost = 128
)

// mayChange reports whether a text is within the bounds.
func (w *work) mayChange(text string) bool {
	if len(text) > maxChanged || strings.Count(text, "&") >= maxParameters {
		w.incomplete = true
		return false
	}
	return true
}

// listing returns a with other lists of parameters.
func (a making) listing(change ...func(ps []parameter) []parameter) []making {
	w := &a.from.work
	if !w.mayChange(a.message.query) {
		return nil
	}
	ps := split(a.message.query)
	var queries []string
	for _, change := range change {
		if !w.mayGoOn() {
			break
		}
		w.spent += len(a.message.query) + parameterCost*len(ps)
		queries = append(queries, join(change(slices.Clone(ps))))
	}
	return a.signing(queries...)
}

// without is the mistake not to sign parameters that are sent, and what is nested
// in them.
func without(names ...string) apply {
	return func(a making) []making {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(a.message.query, name) }) {
			return nil
		}
		return a.listing(func(ps []parameter) []parameter { return withoutNames(ps, names...) })
	}
}

func withoutNames(ps []parameter, names ...string) []parameter {
	return slices.DeleteFunc(ps, func(p parameter) bool {
		key, _, _ := strings.Cut(p.name, "%5B")
		return slices.Contains(names, key)
	})
}

// withoutValues is the mistake not to sign parameters with one of the values.
func withoutValues(values ...string) apply {
	return func(a making) []making {
		if !slices.ContainsFunc(values, a.hasValue) {
			return nil
		}
		return a.listing(func(ps []parameter) []parameter {
			return slices.DeleteFunc(ps, func(p parameter) bool { return slices.Contains(values, p.value) })
		})
	}
}

// hasValue reports whether the query has a parameter with the value.
func (a making) hasValue(value string) bool {
	return strings.HasSuffix(a.message.query, "="+value) || strings.Contains(a.message.query, "="+value+"&")
}

// revalued is the mistake to sign other values in the place of some. There is but
// one in a pair: two would contradict each other.
func revalued(ways ...map[string]string) apply {
	return func(a making) (as []making) {
		if a.revalued {
			return nil
		}
		a.revalued = true
		for _, values := range ways {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(values)), a.hasValue) {
				continue
			}
			as = append(as, a.listing(ofValues(func(value string) string {
				if other, ok := values[value]; ok {
					return other
				}
				return value
			}))...)
		}
		return as
	}
}

// ofValues changes every value.
func ofValues(change func(value string) string) func(ps []parameter) []parameter {
	return func(ps []parameter) []parameter {
		for i := range ps {
			ps[i].value = change(ps[i].value)
		}
		return ps
	}
}

// htmlEscapings are how values are escaped as HTML. Where the quotes are not
// escaped either, or in another way, that is by PHP's flags, its version, or in
// another language.
var htmlEscapings = func() (escapings []func(ps []parameter) []parameter) {
	for _, quotes := range [][2]string{
		{"&quot;", "&#039;"}, // PHP since 8.1
		{"&quot;", "'"},      // PHP before
		{"&quot;", "&apos;"}, // XML, ENT_HTML5 of PHP
		{"&quot;", "&#x27;"}, // Python
		{"&quot;", "&#39;"},  // lodash
		{"&#34;", "&#39;"},   // Go, Jinja
		{`"`, "'"},           // ENT_NOQUOTES of PHP
	} {
		pairs := htmlPairs(quotes[0], quotes[1])
		for i := range pairs {
			pairs[i] = urlencode(pairs[i])
		}
		escapings = append(escapings, ofValues(strings.NewReplacer(pairs...).Replace))
	}
	return escapings
}()

// renamed is the mistake to sign other names of nested parameters.
func renamed(ways ...func(name string) string) apply {
	return func(a making) (as []making) {
		if !strings.Contains(a.message.query, "%5B") {
			return nil
		}
		for _, rename := range ways {
			as = append(as, a.listing(func(ps []parameter) []parameter {
				for i := range ps {
					ps[i].name = rename(ps[i].name)
				}
				return ps
			})...)
		}
		return as
	}
}

var (
	anyIndex = regexp.MustCompile(`%5B\d+%5D`)
	anyKey   = regexp.MustCompile(`%5B(\D[^%]*)%5D`)
)

// The orders in which names are sorted: those of PHP's ksort, of whole names, of
// ksort in every array, and of names regardless of case.
func byTopKey(ps []parameter) []parameter { return sorted(ps, topKey, strings.Compare) }

func byName(ps []parameter) []parameter {
	return sorted(ps, func(name string) string { return name }, strings.Compare)
}

func byEveryKey(ps []parameter) []parameter { return sorted(ps, everyKey, compareKeys) }

func byNameInAnyCase(ps []parameter) []parameter { return sorted(ps, strings.ToLower, strings.Compare) }

// byHashMap returns ps in the order of the buckets of a java.util.HashMap that has
// grown to hold them (OpenJDK 17, HashMap.hash and HashMap.resize).
func byHashMap(ps []parameter) []parameter {
	buckets := 16
	for len(ps) > buckets*3/4 {
		buckets *= 2
	}
	return sorted(ps, func(name string) uint32 {
		hash := uint32(0)
		for _, unit := range utf16.Encode([]rune(name)) {
			hash = 31*hash + uint32(unit)
		}
		return (hash ^ hash>>16) % uint32(buckets)
	}, cmp.Compare)
}

// sorted returns ps in the order of what key makes of the names.
func sorted[K any](ps []parameter, key func(name string) K, compare func(a, b K) int) []parameter {
	type keyed struct {
		parameter
		key K
	}
	all := make([]keyed, len(ps))
	for i, p := range ps {
		all[i] = keyed{p, key(urldecode(p.name))}
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return compare(a.key, b.key) })
	for i := range all {
		ps[i] = all[i].parameter
	}
	return ps
}

// topKey returns the a of a[b][c].
func topKey(name string) string {
	key, _, _ := strings.Cut(name, "[")
	return key
}

// everyKey returns the a, b and c of a[b][c].
func everyKey(name string) []string {
	return strings.Split(strings.ReplaceAll(name, "]", ""), "[")
}

// compareKeys compares key by key, and integers as such.
func compareKeys(a, b []string) int {
	return slices.CompareFunc(a, b, func(a, b string) int {
		i, errA := strconv.Atoi(a)
		j, errB := strconv.Atoi(b)
		if errA == nil && errB == nil {
			return cmp.Compare(i, j)
		}
		return strings.Compare(a, b)
	})
}

// withFiles returns the parameters of a multipart body with its files as some
// libraries would sign them.
func (r *paylinkRequest) withFiles() (queries []string) {
	if !slices.ContainsFunc(r.parts, func(p part) bool { return p.isFile }) || !r.work.mayChange(r.decoded.canonical) {
		return nil
	}
	for _, signed := range []func(file part) []parameter{
		func(file part) []parameter { return []parameter{{"", file.fileName}} },
		func(file part) []parameter { return []parameter{{"", ""}} },
		func(file part) []parameter { return []parameter{{"", file.value}} },
		// The properties of PHP's CURLFile, of which two may be left out.
		func(file part) []parameter {
			return []parameter{{"[name]", file.fileName}, {"[mime]", ""}, {"[postname]", ""}}
		},
		func(file part) []parameter {
			return []parameter{{"[name]", file.fileName}, {"[mime]", file.contentType}, {"[postname]", ""}}
		},
		func(file part) []parameter {
			return []parameter{{"[name]", file.fileName}, {"[mime]", file.contentType}, {"[postname]", file.fileName}}
		},
	} {
		var ps []parameter
		for _, part := range r.parts {
			if !part.isFile {
				ps = append(ps, parameter{urlencode(part.name), urlencode(part.value)})
				continue
			}
			for _, p := range signed(part) {
				ps = append(ps, parameter{urlencode(part.name + p.name), urlencode(p.value)})
			}
		}
		form := join(ps)
		r.work.spent += len(form)
		queries = append(queries, readForm(form, php.PlusDecoded).canonical)
	}
	return queries
}

// decodedAgain returns the parameters of a request that escapes them twice.
func (a making) decodedAgain() (queries []string) {
	query := a.message.query
	if !strings.Contains(query, "%25") || !a.from.work.mayChange(query) {
		return nil
	}
	for _, decode := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
		once := func(s string) string {
			if twice, err := decode(urldecode(s)); err == nil {
				return urlencode(twice)
			}
			return s
		}
		ps := split(query)
		for i, p := range ps {
			ps[i] = parameter{once(p.name), once(p.value)}
		}
		a.from.work.spent += len(query)
		queries = append(queries, join(ps))
	}
	return queries
}

// isEscapedTwice reports whether it shows that the parameters are sent so: every value
// that has been decoded once is escaped still, and no other text.
func (a making) isEscapedTwice() bool {
	if !strings.Contains(a.message.query, "%25") || !a.from.work.mayChange(a.message.query) {
		return false
	}
	a.from.work.spent += len(a.message.query)
	isEscaped := false
	for _, p := range split(a.message.query) {
		for _, text := range []string{urldecode(p.name), urldecode(p.value)} {
			if strings.Trim(escape.ReplaceAllString(text, ""), plainBytes) != "" {
				return false
			}
			isEscaped = isEscaped || escape.MatchString(text)
		}
	}
	return isEscaped
}

// plainBytes are what no encoder escapes, and the plus sign.
const plainBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~!*'()+"

// asSent returns the parameters of a query or a form, one for each pair.
func (r *paylinkRequest) asSent() string {
	if r.sent == "" || !r.work.mayChange(r.sent) {
		return r.decoded.canonical
	}
	ps := split(r.unsignedText(paylink.SignatureName, paylink.InstanceName))
	for i, p := range ps {
		ps[i] = parameter{urlencode(urldecode(p.name)), urlencode(urldecode(p.value))}
	}
	r.work.spent += len(r.sent)
	return join(ps)
}

// withoutPairs returns what was sent without the pairs that PHP reads as one of the
// names, however they are spelled.
func withoutPairs(sent string, names ...string) string {
	var kept []string
	var read php.Array
	for pair := range strings.SplitSeq(sent, "&") {
		if php.ParseStr(&read, pair, php.PlusDecoded); !slices.ContainsFunc(names, read.Has) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// unsignedText returns what was sent without these parameters, and the one that the
// signature strayed to.
func (r *paylinkRequest) unsignedText(names ...string) string {
	return withoutPairs(r.sent, append(names, r.stray.names...)...)
}

// unescaped returns a signature that was escaped as it was before.
func unescaped(signature string) string {
	if decoded, err := url.PathUnescape(signature); err == nil {
		return decoded
	}
	return signature
}

// instead is the mistake to sign other queries, whatever else is signed otherwise.
func instead(queries func(a making) []string) apply {
	return func(a making) []making {
		if !a.isFirst {
			return nil // it has been tried without that
		}
		return a.signing(queries(a)...)
	}
}

// maxUnbroken is how many parameters may be parts of one value.
const maxUnbroken = 8

// unbroken is the mistake to send an ampersand of a value unescaped: what is behind it
// arrives as parameters, whose order is that of the request.
func unbroken(a making) (as []making) {
	w := &a.from.work
	if a.message.literal || !w.mayChange(a.message.query) {
		return nil
	}
	ps := split(a.message.query)
	if len(ps) > php.MaxInputVars/10 {
		return nil
	}
	for from := range ps {
		whole := ps[from].value
		for to := from + 1; to < min(len(ps), from+maxUnbroken) && w.mayGoOn(); to++ {
			whole += "%26" + ps[to].name + "%3D" + ps[to].value
			merged := slices.Concat(ps[:from], []parameter{{ps[from].name, whole}}, ps[to+1:])
			query := join(merged)
			w.spent += len(query)
			as = append(as, a.changing(func(m *message) { m.query = query }))
		}
	}
	return as
}
