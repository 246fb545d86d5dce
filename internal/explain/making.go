package explain

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/paylink"
)

// A making is how a signature is made, step by step. It is comparable: what it is made
// from is shared, and never changed.
type making struct {
	from *source
	row  int  // the number of the last mistake, from 1
	step step // at which it was made

	isFirst bool // nothing is made wrong but what shows in the request

	// The parameters, whose text is in message: what their values were read as, and how
	// far ahead of the date that was sent the one is that was signed.
	json     jsonValues
	revalued bool // some values are other ones
	ahead    time.Duration

	message message   // charset, spelling and layout
	hash    keyedHash // key and function
	claim   claim     // coding
}

// A step is one at which a signature is made, and its mistakes. The order is that of a
// table's rows.
type step uint8

const (
	parametersStep step = iota + 1
	charsetStep
	spellingStep
	layoutStep
	aroundStep
	keyStep
	functionStep
	keyingStep
	dateStep
	lastStep = dateStep // no mistake is made behind it
)

// isSole reports whether one mistake at the step takes the place of another, so that
// there are not two.
func (s step) isSole() bool { return s == layoutStep || s >= keyStep }

type apply = func(a making) []making

// signing returns a with each of the queries that is not its own, once.
func (a making) signing(queries ...string) []making {
	as := make([]making, 0, len(queries))
	for i, query := range queries {
		if query != a.message.query && !slices.Contains(queries[:i], query) {
			as = append(as, a.changing(func(m *message) { m.query = query }))
		}
	}
	return as
}

// signingEach returns each with each of the queries.
func signingEach(as []making, queries ...string) (made []making) {
	for _, a := range as {
		for _, query := range queries {
			made = append(made, a.changing(func(m *message) { m.query = query }))
		}
	}
	return made
}

// changing returns a with another message.
func (a making) changing(change func(m *message)) making {
	m := a.message
	change(&m)
	a.message = m
	return a
}

// A message is a string to sign that has not been written yet.
type message struct {
	query   string // as http_build_query writes it
	literal bool   // the query is another text, to be signed as it is
	layout  layout
	again   escaping // of the whole

	names, values          spelling
	before, between, after string // an empty between is an ampersand

	earlier string // the right signature, as a parameter behind the others
}

// append appends the string to sign.
func (m *message) append(dst []byte) []byte {
	if m.again != escapedOnce {
		once := *m
		once.again = escapedOnce
		text := urlencode(string(once.append(nil)))
		if m.again == againAsPath {
			text = pathEscaper.Replace(text)
		}
		return append(dst, text...)
	}
	dst = append(dst, m.before...)
	if m.layout != asQuery {
		return append(m.layout.append(dst, m.query), m.after...)
	}
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
func (m *message) redacted() string {
	shown := *m
	if m.earlier != "" {
		name, _, _ := strings.Cut(m.earlier, "=")
		shown.earlier = name + "=[redacted]"
	}
	return string(shown.append(nil))
}

// write returns the string to sign.
func (a making) write() string { return a.message.redacted() }

// signedAgain returns a with the signature that it makes among its parameters.
func (a making) signedAgain() (as []making) {
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
		as = append(as, a.changing(func(m *message) { m.earlier = name + value }))
	}
	return as
}
