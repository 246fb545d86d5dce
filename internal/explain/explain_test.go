package explain

import (
	"crypto/fips140"
	"encoding/json"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/internal/phptest"
)

func TestDifference(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", -1}, {"same", "same", -1}, {"a", "b", 0}, {"ab", "ac", 1}, {"ab", "abc", 2}, {"abc", "ab", 2}, {"", "a", 0},
	} {
		assert.Equal(t, tc.want, difference(tc.a, tc.b), "%q and %q", tc.a, tc.b)
	}
}

func TestDiagnosisAsText(t *testing.T) {
	one, two := Mistake{"one is wrong", "Put one right."}, Mistake{"two is wrong", "Put two right."}
	found := func(signed string, mistakes ...Mistake) Finding {
		return Finding{Mistakes: mistakes, StringToSign: signed, Difference: difference("a=b+c&d=~", signed)}
	}
	for name, tc := range map[string]struct {
		d    Diagnosis
		want string
	}{
		"right": {Diagnosis{Right: true, StringToSign: "a=b"}, `
the signature is right`},
		"not explained": {Diagnosis{StringToSign: "a=b"}, `
the signature is wrong, and no mistake that is known here gives it: is it this account's secret?`},
		"a mistake": {Diagnosis{StringToSign: "a=b+c&d=~", Findings: []Finding{found("a=b%20c&d=~", one)}}, `
the signature is wrong
mistake: one is wrong
fix:     Put one right.
they differ at byte 3:
  to sign: a=b+c&d=~
  signed:  a=b%20c&d=~
              ^`},
		"a mistake beside the string to sign": {Diagnosis{StringToSign: "a=b+c&d=~", Findings: []Finding{found("a=b+c&d=~", one)}}, `
the signature is wrong
mistake: one is wrong
fix:     Put one right.`},
		"two mistakes, or another one": {Diagnosis{StringToSign: "a=b+c&d=~", Findings: []Finding{found("a=b+c&d=~\n", one, two), found("", two)}}, `
the signature is wrong
mistake: one is wrong
fix:     Put one right.
mistake: two is wrong
fix:     Put two right.
they differ at byte 9:
  to sign: a=b+c&d=~
  signed:  a=b+c&d=~\n
                    ^
or
mistake: two is wrong
fix:     Put two right.
they differ at byte 0:
  to sign: a=b+c&d=~
  signed:  (the empty string)
           ^`},
		"long strings": {Diagnosis{StringToSign: strings.Repeat("a", 100) + "x" + strings.Repeat("b", 100),
			Findings: []Finding{{Mistakes: []Mistake{one}, StringToSign: strings.Repeat("a", 100) + "y", Difference: 100}}}, `
the signature is wrong
mistake: one is wrong
fix:     Put one right.
they differ at byte 100:
  to sign: ...aaaaaaaaaaaaaaaaaaaaaaaaxbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb...
  signed:  ...aaaaaaaaaaaaaaaaaaaaaaaay
                                      ^`},
		"characters of several bytes": {Diagnosis{StringToSign: "ü=é", Findings: []Finding{{Mistakes: []Mistake{one}, StringToSign: "ü=è", Difference: 4}}}, `
the signature is wrong
mistake: one is wrong
fix:     Put one right.
they differ at byte 4:
  to sign: ü=é
  signed:  ü=è
             ^`},
		"a character that is cut": {Diagnosis{StringToSign: "€" + strings.Repeat("a", 23) + "x", Findings: []Finding{{Mistakes: []Mistake{one}, StringToSign: "€" + strings.Repeat("a", 23) + "y", Difference: 26}}}, `
the signature is wrong
mistake: one is wrong
fix:     Put one right.
they differ at byte 26:
  to sign: ...aaaaaaaaaaaaaaaaaaaaaaax
  signed:  ...aaaaaaaaaaaaaaaaaaaaaaay
                                     ^`},
		"bytes that are no characters": {Diagnosis{StringToSign: "\x80\x80\x80\x80\x80\x81", Findings: []Finding{{Mistakes: []Mistake{one}, StringToSign: "\x80\x80\x80\x80\x80\x82", Difference: 5}}}, `
the signature is wrong
mistake: one is wrong
fix:     Put one right.
they differ at byte 5:
  to sign: ...\x80\x80\x80\x80\x81
  signed:  ...\x80\x80\x80\x80\x82
              ^`},
		"what shows": {Diagnosis{StringToSign: "a=b%2Bc&d=~", Sent: "a=b+c", Send: "a=b%20c", Findings: []Finding{{Mistakes: []Mistake{one, two}, StringToSign: "a=b+c&d=%7E", Repaired: "a=b+c&d=~", Difference: 8}}}, `
the signature is wrong
mistake: one is wrong
fix:     Put one right.
mistake: two is wrong
fix:     Put two right.
sent:    a=b+c
send:    a=b%20c
they differ at byte 8:
  to sign: a=b+c&d=~
  signed:  a=b+c&d=%7E
                   ^`},
		"what shows alone": {Diagnosis{StringToSign: "a=b%2Bc", Shown: []Mistake{one}, Sent: "a=b+c", Send: "a=b%20c", Possibilities: []Mistake{two}}, `
the signature is wrong, and no mistake that is known here gives it; this shows in the request:
mistake: one is wrong
fix:     Put one right.
sent:    a=b+c
send:    a=b%20c
possible, and not reproduced: two is wrong
fix:     Put two right.`},
		"the rest": {Diagnosis{Possibilities: []Mistake{one}, Skipped: []string{"three", "four"}, Incomplete: true}, `
the signature is wrong, and no mistake that is known here gives it: is it this account's secret?
possible, and not reproduced: one is wrong
fix:     Put one right.
not tried, since FIPS 140 mode forbids it: three; four
not every mistake was tried, since the request is large: try a smaller one`},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, strings.TrimPrefix(tc.want, "\n"), tc.d.String())
		})
	}
}

func TestDiagnosisAsJSON(t *testing.T) {
	got, err := json.Marshal(&Diagnosis{StringToSign: "a=b", Findings: []Finding{{Mistakes: []Mistake{{"one", "two"}}, StringToSign: "a=c", Difference: 2}}})
	require.NoError(t, err)
	assert.Equal(t, `{"right":false,"stringToSign":"a=b","findings":[{"mistakes":[{"name":"one","fix":"two"}],"stringToSign":"a=c","difference":2}]}`, string(got))
}

// A searchFor the text that was signed: attempts are texts.
func searchFor(signed string, rows ...row[string]) *search[string] {
	return &search[string]{rows: rows, try: func(a string) (string, bool) { return a, a == signed }}
}

func adding(name string, ends ...string) row[string] {
	return row[string]{Mistake: Mistake{Name: name}, apply: func(a string) (as []string) {
		for _, end := range ends {
			as = append(as, a+end)
		}
		return as
	}}
}

func TestSearch(t *testing.T) {
	rows := []row[string]{adding("x or y", "x", "y"), adding("nothing"), adding("z", "z"), adding("x too", "x"), adding("twice", "w", "w")}
	for signed, want := range map[string][]string{
		"ax":  {"x or y", "x too"}, // each alone, in their order
		"ay":  {"x or y"},
		"az":  {"z"},
		"aw":  {"twice"},
		"axz": {"x or y, z", "x too, z"},
		"azx": {"z, x or y", "z, x too"},
		"axx": {"x or y, x too", "x too, x or y"},
		"awz": {"twice, z"},
		"azz": nil, // no mistake is made twice
		"a":   nil,
		"b":   nil,
	} {
		t.Run(signed, func(t *testing.T) {
			d := &Diagnosis{StringToSign: "a"}
			searchFor(signed, rows...).explain(d, "a")
			var got []string
			for _, f := range d.Findings {
				got = append(got, strings.Join(namesOf(f.Mistakes), ", "))
				assert.Equal(t, signed, f.StringToSign)
				assert.Equal(t, 1, f.Difference)
			}
			assert.Equal(t, want, got)
			assert.False(t, d.Incomplete)
			assert.Empty(t, d.Skipped)
		})
	}
}

// TestSearchUndoesWhatShows: what shows in how the request was sent is undone first, one
// mistake of each group, and named beside what is tried, or alone.
func TestSearchUndoesWhatShows(t *testing.T) {
	group := func(name, from string) []row[string] {
		return []row[string]{{Mistake: Mistake{Name: name}, apply: func(a string) []string {
			if undone := strings.Replace(a, from, "", 1); undone != a {
				return []string{undone}
			}
			return nil
		}}}
	}
	for signed, want := range map[string]string{"a": "1, 2", "ax": "1, 2, x", "axy": "1, 2, x, y", "a12x": "", "b": ""} {
		s := searchFor(signed, adding("x", "x"), adding("y", "y"))
		s.shown = [][]row[string]{group("1", "1"), group("2", "2"), group("3", "3")}
		d := new(Diagnosis)
		s.explain(d, "a12")
		if want == "" {
			assert.Empty(t, d.Findings)
			assert.Equal(t, []string{"1", "2"}, namesOf(d.Shown))
			continue
		}
		require.NotEmpty(t, d.Findings, signed)
		assert.Equal(t, want, strings.Join(namesOf(d.Findings[0].Mistakes), ", "))
		assert.Empty(t, d.Shown)
	}
}

func TestSearchSaysWhatFIPSModeForbids(t *testing.T) {
	forbidden := adding("forbidden", "x")
	forbidden.forbidden = true
	d := new(Diagnosis)
	searchFor("x", forbidden, adding("allowed", "y")).explain(d, "")
	assert.Equal(t, fips140.Enforced(), len(d.Findings) == 0)
	assert.Equal(t, fips140.Enforced(), len(d.Skipped) == 1)
}

// TestSearchIsBounded: when the budget is spent nothing is applied and tried any
// more, and what was found before is kept.
func TestSearchIsBounded(t *testing.T) {
	var applied, tried int
	s := searchFor("x", adding("x", "x"), adding("large", "y", "z"), adding("late", "x"))
	try, spent := s.try, 0
	s.try = func(a string) (string, bool) {
		tried++
		if a == "y" {
			spent = budget
		}
		return try(a)
	}
	s.spent = func() int { return spent }
	late := s.rows[2].apply
	s.rows[2].apply = func(a string) []string {
		applied++
		return late(a)
	}
	d := new(Diagnosis)
	s.explain(d, "")
	assert.True(t, d.Incomplete)
	assert.Equal(t, 2, tried)
	assert.Zero(t, applied)
	assert.Len(t, d.Findings, 1)

	// What is counted is the signatures that are tried.
	d, tried = new(Diagnosis), 0
	rows := make([]row[string], 1000)
	for i := range rows {
		rows[i] = adding("none", "n")
	}
	s = searchFor("x", rows...)
	s.try = func(string) (string, bool) {
		tried++
		return "", false
	}
	s.explain(d, "")
	assert.True(t, d.Incomplete)
	assert.Equal(t, budget, tried)
}

// randomKeys is how many signatures with a random key are explained in vain, of so
// many: all only where all is tried, since each takes as long as a request can, and a
// fiftieth with the race detector, with which each takes ten times as long.
func randomKeys(most int) int {
	if info, _ := debug.ReadBuildInfo(); slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		most /= 50
	}
	if cases := phptest.Cases(most); cases < most {
		return cases / 5
	}
	return most
}

func namesOf(mistakes []Mistake) (names []string) {
	for _, m := range mistakes {
		names = append(names, m.Name)
	}
	return names
}
