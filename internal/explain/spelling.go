package explain

import (
	"slices"
	"strings"
)

// A spelling says how names or values are escaped. The zero value is PHP's
// urlencode.
type spelling struct {
	keep  byteSet // what is not escaped, beside what urlencode does not escape
	space space
	lower bool // the hexadecimal digits
	twice bool
}

// space is how a space is written that is escaped.
type space uint8

const (
	asPlus space = iota
	as20
)

// take makes other's mistakes as well.
func (s *spelling) take(other spelling) {
	s.keep = s.keep.union(other.keep)
	s.space = max(s.space, other.space)
	s.lower = s.lower || other.lower
}

const (
	upperDigits = "0123456789ABCDEF"
	lowerDigits = "0123456789abcdef"
)

// append appends a byte that urlencode escapes.
func (s *spelling) append(dst []byte, c byte) []byte {
	if s.twice {
		once := *s
		once.twice = false
		var text [len("%XX")]byte
		for _, c := range once.append(text[:0], c) {
			if isPlain[c] {
				dst = append(dst, c)
			} else {
				dst = append(dst, '%', upperDigits[c>>4], upperDigits[c&15])
			}
		}
		return dst
	}
	digits := upperDigits
	if s.lower {
		digits = lowerDigits
	}
	switch {
	case s.keep.has(c):
		return append(dst, c)
	case c == ' ' && s.space == asPlus:
		return append(dst, '+')
	default:
		return append(dst, '%', digits[c>>4], digits[c&15])
	}
}

// isPlain says of each byte whether urlencode keeps it.
var isPlain = func() (t [256]bool) {
	for c := range t {
		s := string([]byte{byte(c)})
		t[c] = urlencode(s) == s
	}
	return t
}()

// escapedBytes returns the bytes that are escaped in a query.
func (w *work) escapedBytes(query string) byteSet {
	if query == w.escapedIn {
		return w.escaped
	}
	w.spent += len(query)
	w.escapedIn, w.escaped = query, byteSet{}
	for i := 0; i < len(query); i++ {
		switch query[i] {
		case '+':
			w.escaped.add(' ')
		case '%':
			w.escaped.add(unhex(query[i+1:]))
			i += 2
		}
	}
	return w.escaped
}

// unhex decodes the two capital digits that s begins with.
func unhex(s string) byte {
	digit := func(c byte) byte {
		if c >= 'A' {
			return c - 'A' + 10
		}
		return c - '0'
	}
	return digit(s[0])<<4 | digit(s[1])
}

// A byteSet is a set of bytes.
type byteSet [4]uint64

var everyByte = byteSet{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}

func bytesOf(s string) (set byteSet) {
	for i := range len(s) {
		set.add(s[i])
	}
	return set
}

func (s *byteSet) add(c byte) { s[c/64] |= 1 << (c % 64) }

func (s byteSet) has(c byte) bool { return s[c/64]>>(c%64)&1 != 0 }

func (s byteSet) union(other byteSet) byteSet {
	for i, b := range other {
		s[i] |= b
	}
	return s
}

func (s byteSet) intersection(other byteSet) byteSet {
	for i, b := range other {
		s[i] &= b
	}
	return s
}

func (s byteSet) meets(other byteSet) bool {
	for i, b := range other {
		if s[i]&b != 0 {
			return true
		}
	}
	return false
}

// spelled is a mistake in how names and values are escaped.
func spelled(ways ...spelling) apply {
	return func(a making) []making { return a.spelling(ways...) }
}

// spelling returns a with each of the mistakes that makes a difference.
func (a making) spelling(ways ...spelling) []making {
	if a.message.literal {
		return nil
	}
	escaped := a.from.work.escapedBytes(a.message.query)
	made := make([]spelling, 0, len(ways))
	as := make([]making, 0, len(ways))
	for _, s := range ways {
		s.keep = s.keep.intersection(escaped)
		if !escaped.has(' ') {
			s.space = asPlus
		}
		if s == (spelling{}) || slices.Contains(made, s) {
			continue
		}
		made = append(made, s)
		b := a.changing(func(m *message) {
			m.names.take(s)
			m.values.take(s)
		})
		if b.message != a.message {
			as = append(as, b)
		}
	}
	return as
}

// escapes reports whether one of the bytes is escaped in the query.
func (a making) escapes(some byteSet) bool {
	return !a.message.literal && a.from.work.escapedBytes(a.message.query).meets(some)
}

// An escaping says how a finished text is escaped once more.
type escaping uint8

const (
	escapedOnce  escaping = iota
	againAsQuery          // urlencode
	againAsPath           // rawurlencode, encodeURIComponent
)

var pathEscaper = strings.NewReplacer("+", "%20", "%7E", "~")

// escapedAgain is the mistake to escape the finished text.
func escapedAgain(a making) []making {
	if !a.from.work.mayChange(a.message.query) {
		return nil
	}
	return []making{
		a.changing(func(m *message) { m.again = againAsQuery }),
		a.changing(func(m *message) { m.again = againAsPath }),
	}
}

// texts is the mistake to sign another text that is made of the parameters.
func texts(write func(ps []parameter) []string) apply {
	return func(a making) (as []making) {
		m := a.message
		if m.literal || m.names != (spelling{}) || m.values != (spelling{}) || !a.from.work.mayChange(m.query) {
			return nil
		}
		ps := split(m.query)
		a.from.work.spent += len(m.query) + parameterCost*len(ps)
		for _, text := range write(ps) {
			if text != m.query {
				as = append(as, a.changing(func(m *message) { m.query, m.literal = text, true }))
			}
		}
		return as
	}
}

// withEscapedURLs escapes nothing but the values that are URLs.
func withEscapedURLs(ps []parameter) []string {
	hasURL := false
	for i, p := range ps {
		name, value := urldecode(p.name), urldecode(p.value)
		if strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "http://") {
			hasURL, value = true, p.value
		}
		ps[i] = parameter{name, value}
	}
	if !hasURL {
		return nil
	}
	return []string{join(ps)}
}
