package explain

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A layout says how parameters make a string to sign. For each of them it holds its
// value as v, the value's length in bytes as L, in code points as P, in the units of
// UTF-16 as U; its length in bytes if it is the first one as 1, if it is another one
// as 2. What stands before a bar is written for all of them first. The empty layout
// is that of a query.
type layout string

const (
	asQuery      layout = ""
	lengthBefore layout = "Lv" // 2Checkout's
	lengthBehind layout = "vL"
	noLengths    layout = "v"
)

func (l layout) append(dst []byte, query string) []byte {
	ps := split(query)
	for i := range ps {
		ps[i].value = urldecode(ps[i].value)
	}
	for part := range strings.SplitSeq(string(l), "|") {
		for i, p := range ps {
			dst = appendLaidOut(dst, part, p.value, i == 0)
		}
	}
	return dst
}

func appendLaidOut(dst []byte, part, value string, isFirst bool) []byte {
	length := func(n int) { dst = strconv.AppendInt(dst, int64(n), 10) }
	for _, c := range part {
		switch {
		case c == 'v':
			dst = append(dst, value...)
		case c == 'L', c == '1' && isFirst, c == '2' && !isFirst:
			length(len(value))
		case c == 'P':
			length(utf8.RuneCountInString(value))
		case c == 'U':
			units := 0
			for _, r := range value {
				units += utf16.RuneLen(r)
			}
			length(units)
		}
	}
	return dst
}

// layoutRows are the mistakes in the layout, whatever the values are.
func (s *scheme) layoutRows() []row[making] {
	in := func(name, fix string, apply apply) row[making] {
		return row[making]{Mistake: Mistake{name, fix}, step: layoutStep, apply: apply}
	}
	if s.layout == asQuery {
		return []row[making]{in("the values are signed without their names", s.layoutFix, laidOut(noLengths, lengthBefore))}
	}
	return []row[making]{
		in("the lengths are left out", s.layoutFix, laidOut(noLengths)),
		in("the length is in characters", "Count the bytes of the text in UTF-8, as strlen does in PHP, and not the characters.", laidOut("Pv", "Uv")),
		in("the lengths are behind the values", s.layoutFix, laidOut(lengthBehind)),
		in("a length is missing", s.layoutFix, laidOut("1v", "2v")),
		in("the lengths or values are in another order", s.layoutFix, func(a making) []making {
			as := laidOut("L|v", "v|L")(a)
			for _, l := range []layout{lengthBefore, noLengths} {
				as = append(as, a.changing(func(m *message) { m.layout, m.query = l, reversed(m.query) }))
			}
			return as
		}),
	}
}

// laidOut is a mistake in the layout.
func laidOut(ways ...layout) apply {
	return func(a making) []making {
		if a.message.literal {
			return nil
		}
		as := make([]making, len(ways))
		for i, way := range ways {
			as[i] = a.changing(func(m *message) { m.layout = way })
		}
		return as
	}
}

func reversed(query string) string {
	ps := split(query)
	slices.Reverse(ps)
	return join(ps)
}

// written is a mistake in what stands around the parameters.
func written(set func(m *message, text string), texts ...string) apply {
	return func(a making) []making {
		as := make([]making, len(texts))
		for i, text := range texts {
			as[i] = a.changing(func(m *message) { set(m, text) })
		}
		return as
	}
}

// literal is the mistake to sign other texts, whatever else is signed otherwise.
func literal(texts func(a making) []string) apply {
	return func(a making) (as []making) {
		if !a.isFirst {
			return nil // it has been tried without that
		}
		for _, text := range texts(a) {
			as = append(as, a.changing(func(m *message) { m.query, m.literal = text, true }))
		}
		return as
	}
}
