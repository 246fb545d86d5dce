package explain

import (
	"cmp"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
)

// A paylinkAttempt is one way to make an ApiSignature. What it points to is shared,
// and never changed.
type paylinkAttempt struct {
	from *paylinkRequest
	row  int // the number of the last mistake, from 1
	json *jsonValues

	revalued bool // some values are other ones

	message *paylinkMessage
	hash    keyedHash
	claim   *paylinkClaim
}

type paylinkApply = func(a paylinkAttempt) []paylinkAttempt

// signing returns a with each of the queries that is not its own, once.
func (a paylinkAttempt) signing(queries ...string) []paylinkAttempt {
	as := make([]paylinkAttempt, 0, len(queries))
	for i, query := range queries {
		if query != a.message.query && !slices.Contains(queries[:i], query) {
			as = append(as, a.changing(func(m *paylinkMessage) { m.query = query }))
		}
	}
	return as
}

// changing returns a with another message.
func (a paylinkAttempt) changing(change func(m *paylinkMessage)) paylinkAttempt {
	m := *a.message
	change(&m)
	a.message = &m
	return a
}

// claiming returns a with another signature.
func (a paylinkAttempt) claiming(signature string) paylinkAttempt {
	a.claim = newPaylinkClaim(signature, standardBase64)
	return a
}

// A paylinkMessage is a string to sign that has not been written yet.
type paylinkMessage struct {
	query   string // as http_build_query writes it
	literal bool   // the query is another text, to be signed as it is

	names, values          spelling
	before, between, after string // an empty between is an ampersand

	earlier string // the right signature, as a parameter behind the others
}

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
	upperHex = "0123456789ABCDEF"
	lowerHex = "0123456789abcdef"
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
				dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
			}
		}
		return dst
	}
	digits := upperHex
	if s.lower {
		digits = lowerHex
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

// append appends the string to sign.
func (m *paylinkMessage) append(dst []byte) []byte {
	dst = append(dst, m.before...)
	if m.literal || m.names == (spelling{}) && m.values == (spelling{}) && m.between == "" {
		return append(append(append(dst, m.query...), m.earlier...), m.after...)
	}
	s := &m.names
	from := 0
	for i := 0; i < len(m.query); i++ {
		c := m.query[i]
		if isPlain[c] {
			continue
		}
		dst = append(dst, m.query[from:i]...)
		switch c {
		case '=':
			s = &m.values
			dst = append(dst, c)
		case '&':
			s = &m.names
			dst = append(dst, cmp.Or(m.between, "&")...)
		case '+':
			dst = s.append(dst, ' ')
		case '%':
			dst = s.append(dst, unhex(m.query[i+1:]))
			i += 2
		}
		from = i + 1
	}
	return append(append(append(dst, m.query[from:]...), m.earlier...), m.after...)
}

// redacted returns the string to sign without a right signature.
func (m *paylinkMessage) redacted() string {
	shown := *m
	if m.earlier != "" {
		name, _, _ := strings.Cut(m.earlier, "=")
		shown.earlier = name + "=[redacted]"
	}
	return string(shown.append(nil))
}

// signedAgain returns a with the signature that it makes among its parameters.
func (a paylinkAttempt) signedAgain() (as []paylinkAttempt) {
	w := &a.from.work
	w.write(a.message)
	w.spent += len(w.text)
	sum := w.hasher.sum(a.hash, w.text)
	if sum == nil {
		return nil
	}
	name := "&" + paylink.SignatureName + "="
	if a.message.query == "" {
		name = name[1:]
	}
	signature := base64.StdEncoding.EncodeToString(sum)
	for _, value := range []string{urlencode(signature), signature} {
		as = append(as, a.changing(func(m *paylinkMessage) { m.earlier = name + value }))
	}
	return as
}

// escapedBytes returns the bytes that are escaped in a query.
func (w *paylinkWork) escapedBytes(query string) byteSet {
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

// A paylinkClaim is a signature as it was sent, and the digest that it stands for,
// "" if it stands for none.
type paylinkClaim struct{ signature, digest string }

// maxClaim is how long a signature is that stands for a digest, in bytes: the
// longest is the base64 of a line with the hexadecimal digits of a SHA-512.
const maxClaim = 256

func newPaylinkClaim(signature string, coding func(string) string) *paylinkClaim {
	c := &paylinkClaim{signature: signature}
	if len(signature) <= maxClaim {
		c.digest = coding(signature)
	}
	return c
}

// base64As returns a coding in which every digest has one spelling.
func base64As(e *base64.Encoding) func(signature string) string {
	return func(signature string) string {
		digest, err := e.DecodeString(signature)
		if err != nil || e.EncodeToString(digest) != signature {
			return ""
		}
		return string(digest)
	}
}

var standardBase64 = base64As(base64.StdEncoding)

func hexadecimal(signature string) string {
	digest, err := hex.DecodeString(signature)
	if err != nil || signature != strings.ToLower(signature) && signature != strings.ToUpper(signature) {
		return ""
	}
	return string(digest)
}

// base64Text returns the text that is encoded, in one line or several.
func base64Text(signature string) string {
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(signature), ""))
	if err != nil || strings.TrimSpace(signature) != signature {
		return ""
	}
	return string(text)
}

// printed returns the digest in a line that a program prints of a file, in front of
// the file's name or behind it: openssl dgst, with and without -r and -c, or
// sha256sum, with and without --tag.
func printed(line string) string {
	words := strings.Fields(strings.ReplaceAll(line, ":", ""))
	if len(words) < 2 {
		return "" // of digits alone
	}
	return cmp.Or(hexadecimal(words[0]), hexadecimal(words[len(words)-1]))
}

// paylinkWork is what the attempts on one request share. The zero value is ready
// for use.
type paylinkWork struct {
	spent      int  // bytes read and written since the last attempt
	incomplete bool // something was too large to be tried
	hasher     hasher

	written *paylinkMessage // the other two are made of it
	text    []byte
	trial   paylinkTrial

	made  map[uint64]bool // hashes of the trials that one mistake comes to
	tried map[uint64]bool // and of those that were tried
	jsons map[jsonValues]string

	params php.Array // of the JSON that is read last

	escapedIn string // the query whose escaped bytes these are
	escaped   byteSet
}

// A paylinkTrial is what an attempt comes to.
type paylinkTrial struct {
	text  uint64 // its hash
	hash  keyedHash
	claim paylinkClaim
}

var trialSeed = maphash.MakeSeed()

// try is a search's. An attempt that comes to the same as one before does not
// reproduce the signature: it is the same explanation again.
func (w *paylinkWork) try(a paylinkAttempt) (stringToSign string, reproduced bool, cost int) {
	if w.isNew(a) && w.reproduces(a) {
		stringToSign, reproduced = a.message.redacted(), true
	}
	cost, w.spent = w.spent, 0
	return stringToSign, reproduced, cost
}

func (w *paylinkWork) isNew(a paylinkAttempt) bool {
	return len(a.claim.digest) == a.hash.function.size && !w.note(&w.tried, a)
}

// isMade reports whether a mistake comes to the same as one before.
func (w *paylinkWork) isMade(a paylinkAttempt) bool { return w.note(&w.made, a) }

// note puts what a comes to into the set, and reports whether it was there.
func (w *paylinkWork) note(set *map[uint64]bool, a paylinkAttempt) bool {
	w.write(a.message)
	w.trial.hash, w.trial.claim = a.hash, *a.claim
	trial := maphash.Comparable(trialSeed, w.trial)
	if *set == nil {
		*set = make(map[uint64]bool)
	}
	known := (*set)[trial]
	(*set)[trial] = true
	return known
}

func (w *paylinkWork) write(m *paylinkMessage) {
	if m == w.written {
		return
	}
	w.written = m
	w.text = m.append(w.text[:0])
	w.trial.text = maphash.Bytes(trialSeed, w.text)
	w.spent += len(w.text)
}

// reproduces reports whether the signature was made so.
func (w *paylinkWork) reproduces(a paylinkAttempt) bool {
	if len(a.claim.digest) != a.hash.function.size {
		return false
	}
	w.write(a.message)
	w.spent += len(w.text)
	sum := w.hasher.sum(a.hash, w.text)
	return sum != nil && hmac.Equal(sum, []byte(a.claim.digest))
}
