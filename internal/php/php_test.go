package php

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

// acceptedSets is how many random forms the strict reader must accept before
// the comparison with PHP ends, in a whole run.
const acceptedSets = 100_000

// A forms generator makes random urlencoded strings in random spellings, most
// of them at the edge of the normal form.
type forms struct{ *rand.Rand }

func (r forms) pick(s ...string) string { return s[r.IntN(len(s))] }

func (r forms) bytes(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(256))
	}
	return string(b)
}

// text is UTF-8, save for a few.
func (r forms) text(n int) string {
	if r.IntN(20) == 0 {
		return r.bytes(n)
	}
	b := make([]rune, n)
	for i := range b {
		b[i] = []rune{rune(r.IntN(0x80)), rune(r.IntN(0x800)), rune(r.IntN(0xD800)), rune(0xE000 + r.IntN(0x102000))}[r.IntN(4)]
	}
	return string(b)
}

func (r forms) word() string {
	switch r.IntN(12) {
	case 0:
		return r.pick("0", "1", "2", "01", "-0", "-1", "9223372036854775807", "9223372036854775808", "1e3")
	case 1:
		return r.pick("ü", "名前", "é\u0301", "😀", "ß", "\u200b", "\ufeff", "\xfc", "\x80", "\xc3")
	case 2:
		return r.pick("~", "*", "'", "!", "(", ")", "%", "+", "&", "=", ";", "#", "/", "?", "<", "\"", "\\", "@")
	case 3:
		return r.text(1 + r.IntN(3))
	case 4:
		return r.pick("a]", "]", "a]b", "a b", "a.b", " a", "a ", ".", "[", "a[", "\x00", "a\x00", "\t", "\n")
	default:
		return r.pick("a", "b", "c", "amount", "title", "fields", "basket", "pm", "psp")
	}
}

func (r forms) name() string {
	name := r.word()
	for r.IntN(5) < 2 {
		switch r.IntN(12) {
		case 0, 1, 2:
			name += "[]"
			if r.IntN(8) > 0 {
				return name
			}
		case 3:
			name += r.pick("[ ]", "[\t]", "[", "]", "[]x", "x", "[a b]", "[a.b]", "[ a]", "[[a]", "[a]]", "[\n\n]", "[\v]", "[\x00]")
		default:
			name += "[" + r.word() + "]"
		}
	}
	if r.IntN(400) == 0 {
		name += strings.Repeat("[n]", 60+r.IntN(6))
	}
	return name
}

func (r forms) value() string {
	switch r.IntN(10) {
	case 0:
		return ""
	case 1:
		return r.text(r.IntN(20))
	case 2:
		return strings.Repeat(r.word(), r.IntN(100))
	default:
		return r.word() + r.pick("", " ", "+", "~", "%") + r.word()
	}
}

// spell writes s in one of the many ways that decode to it, with plus signs for
// spaces or without.
func (r forms) spell(s string, plus bool) string {
	var b strings.Builder
	style := r.IntN(4)
	for i := range len(s) {
		c := s[i]
		switch {
		case c == ' ' && plus:
			b.WriteByte('+')
		case c == '@' && plus:
			b.WriteString("%40")
		case style == 0 || c == '%' || c == '&' || c == '=' || c == '+' || style == 1 && !unreserved(c):
			fmt.Fprintf(&b, r.pick("%%%02X", "%%%02x"), c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (r forms) form() (form string, pairs []string) {
	var parts []string
	plus := r.IntN(2) == 0
	for range 1 + r.IntN(6) {
		name, value := r.name(), r.value()
		pairs = append(pairs, name, value)
		if r.IntN(50) == 0 {
			plus = !plus
		}
		part := r.spell(name, plus) + "=" + r.spell(value, plus)
		if value == "" && r.IntN(2) == 0 {
			part = r.spell(name, plus)
		}
		parts = append(parts, part)
		if r.IntN(50) == 0 {
			parts = append(parts, "")
		}
	}
	return strings.Join(parts, "&"), pairs
}

// TestStrictAgainstPHP is the promise: what the strict reader accepts, PHP, a
// parser that keeps plus signs, one that does not nest and two that nest by hand
// all read from the wire as what was signed, and nothing is lost or changed on the
// way.
func TestStrictAgainstPHP(t *testing.T) {
	t.Parallel()
	oracle := phptest.Start(t)
	r := forms{rand.New(rand.NewPCG(rand.Uint64(), 1))}
	var a Array
	accepted, refused := 0, 0
	for enough := phptest.Cases(acceptedSets); accepted < enough; {
		form, pairs := r.form()
		if err := ReadForm(&a, form, anyNumber); err != nil {
			refused++
			continue
		}
		accepted++
		if want, got := sent(pairs), checkForm(t, oracle, &a, form); !slices.Equal(want, got) {
			t.Fatalf("form %q: PHP sees %q, meant was %q", form, got, want)
		}
	}
	t.Logf("%d accepted forms, 0 mismatches with PHP (%d refused)", accepted, refused)
	require.Greater(t, refused, accepted/10, "the generator does not reach the edge of the normal form")
}

// checkForm compares what the five parsers of the oracle read from the wire with what was
// signed of an accepted form, a. It returns the names and values that PHP sees.
func checkForm(t testing.TB, oracle *phptest.Process, a *Array, form string) []string {
	t.Helper()
	signed := string(a.AppendQuery(nil))
	wire := string(AppendWire(nil, []byte(signed)))
	if strings.Contains(wire, "+") {
		t.Fatalf("form %q, sent as %q: a plus sign", form, wire)
	}
	answers := oracle.Ask('f', wire)
	for i, got := range answers[:5] {
		if got != signed {
			t.Fatalf("form %q, sent as %q: parser %d gives %q, signed was %q", form, wire, i, got, signed)
		}
	}
	return seen(answers[5:])
}

// sent pairs up names and values, sorted, with automatic indexes written out by
// the definition: the n-th occurrence of a list's prefix gets the index n.
func sent(pairs []string) []string {
	var out []string
	next := map[string]int{}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i]
		for {
			prefix, rest, ok := strings.Cut(name, "[]")
			if !ok {
				break
			}
			name = fmt.Sprintf("%s[%d]%s", prefix, next[prefix], rest)
			next[prefix]++
		}
		out = append(out, name+"="+pairs[i+1])
	}
	slices.Sort(out)
	return out
}

func seen(answers []string) []string {
	var out []string
	for i := 0; i < len(answers); i += 2 {
		out = append(out, answers[i]+"="+answers[i+1])
	}
	slices.Sort(out)
	return out
}

// TestFaithfulAgainstPHP compares the faithful reader with parse_str on
// anything at all.
func TestFaithfulAgainstPHP(t *testing.T) {
	t.Parallel()
	oracle := phptest.Start(t)
	r := forms{rand.New(rand.NewPCG(rand.Uint64(), 2))}
	for range phptest.Cases(acceptedSets) {
		form, _ := r.form()
		if r.IntN(4) == 0 { // more collisions, malformed escapes and strange brackets
			form = ""
			for range r.IntN(30) {
				form += r.pick("a", "b", "[", "]", "[]", "[0]", "[5]", "[-3]", "=", "&", "&a", "&a[", "%", "%4", "%5B", "%00", "+", " ", ".", "%20", "1")
			}
		}
		checkParseStr(t, oracle, form)
	}
}

// checkParseStr compares the faithful reader with parse_str, as it is and with
// plus signs kept.
func checkParseStr(t testing.TB, oracle *phptest.Process, form string) {
	t.Helper()
	got := oracle.Ask('f', form)[:2]
	for i, plus := range []Plus{PlusDecoded, PlusKept} {
		var a Array
		ParseStr(&a, form, plus)
		if query := string(a.AppendQuery(nil)); query != got[i] {
			t.Fatalf("form %q, plus kept %v: got %q, PHP gives %q", form, plus, query, got[i])
		}
		n := 0
		for range a.All() {
			n++
		}
		if n != a.Len() {
			t.Fatalf("form %q: Len is %d, there are %d values", form, a.Len(), n)
		}
	}
}

// FuzzFormAgainstPHP compares both readers of forms with PHP.
func FuzzFormAgainstPHP(f *testing.F) {
	oracle := phptest.Start(f)
	for _, form := range slices.Concat(strictForms, faithfulForms) {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, form string) {
		oracle := oracle.For(t)
		checkParseStr(t, oracle, form)
		var a Array
		if ReadForm(&a, form, anyNumber) == nil && a.Len() <= MaxInputVars { // of more, PHP drops the rest
			checkForm(t, oracle, &a, form)
		}
	})
}

func TestLimitsAgainstPHP(t *testing.T) {
	t.Parallel()
	oracle := phptest.Start(t)
	for _, n := range []int{MaxInputVars - 1, MaxInputVars, MaxInputVars + 1} {
		var a Array
		form := "a0=1"
		for i := 1; i < n; i++ {
			form += fmt.Sprintf("&a%d=1", i)
		}
		ParseStr(&a, form, PlusDecoded)
		assert.Equal(t, min(n, MaxInputVars), a.Len())
		assert.Equal(t, oracle.Ask('f', form)[0], string(a.AppendQuery(nil)), "%d variables", n)
	}
	for _, n := range []int{MaxInputNestingLevel, MaxInputNestingLevel + 1} {
		var a Array
		form := "a" + strings.Repeat("[b]", n) + "=1"
		dropped := oracle.Ask('f', form)[0] == ""
		ParseStr(&a, form, PlusDecoded)
		assert.Equal(t, dropped, len(a.AppendQuery(nil)) == 0, "%d levels", n)
		assert.Equal(t, dropped, ReadForm(&a, form, anyNumber) != nil, "%d levels", n)
	}
}

// TestSizeCountsWhatAnArrayIsMadeOf reads and writes the same number of bytes and
// of names again, with one thing more to hold each time: Size grows by that.
func TestSizeCountsWhatAnArrayIsMadeOf(t *testing.T) {
	var a Array
	assert.Zero(t, a.Size())
	const names = 480
	deep := numbered(few, func(i int) string { return fmt.Sprintf("&k%d%s=", i, strings.Repeat("[n]", names/few-1)) })[1:]
	long := numbered(names, func(i int) string { return fmt.Sprintf("&%d=", i) })[1:]
	deep += strings.Repeat("x", len(long)-len(deep))
	for _, c := range []struct {
		holds string
		do    func()
		grows int
	}{
		{"the text and the nodes of arrays of few elements", func() { ParseStr(&a, deep, PlusKept) }, len(deep) + 32*names},
		{"the beginning of a long name", func() { a.AppendQuery(nil) }, len("%5Bn%5D") * (names/few - 2)},
		{"a table of the elements of a long array", func() { ParseStr(&a, long, PlusKept) }, 4 * names},
		{"the text as it was read", func() { require.NoError(t, ReadForm(&a, long, anyNumber)) }, len(long)},
	} {
		before := a.Size()
		c.do()
		assert.GreaterOrEqual(t, a.Size(), before+c.grows, c.holds)
	}
}
