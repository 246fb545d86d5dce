// Package redact takes secrets out of text that others have written, in whatever
// escapes they wrote them.
package redact

import (
	"encoding/base64"
	"html"
	"slices"
	"strconv"
	"strings"

	"github.com/countersign/countersign/auth"
)

// Words are what is taken out of a text. The zero value takes out nothing. They are
// safe for concurrent use.
type Words struct{ words []string }

// minBase64 is the length from which a word is sought in base64, in characters of
// that: a shorter one is in any text.
const minBase64 = 8

// New returns Words of secrets. They are taken out as they are, in base64 of
// whatever they stand in, as in that of code:key, and escaped, several times too, as
// in a URL, a form, JSON, a string of Go's, HTML or XML, and as PHP makes a
// parameter's name of them. An empty secret is passed over.
func New(secrets ...string) *Words {
	var w Words
	for _, s := range secrets {
		if s == "" {
			continue
		}
		w.words = append(w.words, plusAsSpace(s), plusAsSpace(phpName(s)))
		for before := range 3 {
			// Its first characters depend on what stands in front, its last on what comes
			// behind.
			text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + s))
			text = text[(before*8+5)/6 : (before+len(s))*8/6]
			if len(text) >= minBase64 {
				w.words = append(w.words, plusAsSpace(text), strings.NewReplacer("+", "-", "/", "_").Replace(text))
			}
		}
	}
	return &w
}

// phpName makes a parameter's name of a text, as PHP does.
var phpName = strings.NewReplacer(" ", "_", ".", "_", "[", "_").Replace

// plusAsSpace returns a text with spaces for its plus signs: each is sent for the
// other.
func plusAsSpace(s string) string { return strings.ReplaceAll(s, "+", " ") }

// String returns text with [auth.Redacted] in the place of each word.
func (w *Words) String(text string) string {
	places := w.find(text)
	if len(places) == 0 {
		return text
	}
	slices.SortFunc(places, func(a, b place) int { return a.begin - b.begin })
	var s strings.Builder
	kept, end := 0, 0
	for i, p := range places {
		if i == 0 || p.begin >= end {
			s.WriteString(text[kept:p.begin])
			s.WriteString(auth.Redacted)
		}
		end = max(end, p.end)
		kept = end
	}
	return s.String() + text[kept:]
}

// In reports whether a word stands in text.
func (w *Words) In(text string) bool { return len(w.find(text)) > 0 }

// A place is where a word stands in a text, in bytes.
type place struct{ begin, end int }

// What bounds the work on a text: it is read in windows, each of which holds the
// words that begin in it and end within the overlap, and each window in so many ways.
// Of a text above a MiB there are fewer: escapes are then resolved once or twice.
const (
	window      = 64 << 10 // bytes
	overlap     = 16 << 10
	maxReadings = 64
	minReadings = 8
	allReadings = 1 << 10 // of all windows
)

// find returns where the words stand in a text.
func (w *Words) find(text string) (places []place) {
	most := max(minReadings, min(maxReadings, allReadings*window/(len(text)+1)))
	for begin := 0; len(w.words) > 0 && begin < len(text); begin += window {
		for _, p := range w.findIn(text[begin:min(len(text), begin+window+overlap)], most) {
			places = append(places, place{begin + p.begin, begin + p.end})
		}
	}
	return places
}

// findIn returns where the words stand in a window. It reads that as it is, and then
// with one kind of escapes after the other resolved, in every order: what looks like
// an escape may be the word's own. It reads it most times at most.
func (w *Words) findIn(text string, most int) (places []place) {
	readings := []reading{{text: text}}
	if !strings.ContainsAny(text, signs) {
		return readings[0].find(nil, w.words)
	}
	seen := map[string]bool{text: true}
	for i := 0; i < len(readings); i++ {
		r := readings[i]
		places = r.find(places, w.words)
		for _, e := range escapes {
			next := r.resolve(e.sign, e.read)
			if len(readings) < most && !seen[next.text] {
				seen[next.text] = true
				readings = append(readings, next)
			}
		}
	}
	return places
}

// A reading is a text with some escapes resolved.
type reading struct {
	text string
	at   []int // where each byte begins in the text as it was, and the end; nil if it is that
}

func (r *reading) place(begin, end int) place {
	if r.at == nil {
		return place{begin, end}
	}
	return place{r.at[begin], r.at[end]}
}

func (r *reading) find(places []place, words []string) []place {
	text := plusAsSpace(r.text)
	for _, word := range words {
		for from := 0; ; {
			i := strings.Index(text[from:], word)
			if i < 0 {
				break
			}
			places = append(places, r.place(from+i, from+i+len(word)))
			from += i + 1
		}
	}
	return places
}

// resolve returns the reading with the escapes resolved that begin with sign. read
// reads what follows one: what it stands for, and its length, zero if it is none.
func (r *reading) resolve(sign byte, read func(string) (string, int)) reading {
	if strings.IndexByte(r.text, sign) < 0 {
		return *r
	}
	text := make([]byte, 0, len(r.text))
	at := make([]int, 0, len(r.text)+1)
	for i := 0; i < len(r.text); {
		s, n := r.text[i:i+1], 0
		if r.text[i] == sign {
			if meaning, length := read(r.text[i+1:]); length > 0 {
				s, n = meaning, length
			}
		}
		begin := r.place(i, i).begin
		for range len(s) {
			at = append(at, begin)
		}
		text = append(text, s...)
		i += 1 + n
	}
	end := r.place(len(r.text), len(r.text)).end
	return reading{string(text), append(at, end)}
}

// signs begin escapes.
const signs = `%\&`

// escapes are the kinds that there are.
var escapes = []struct {
	sign byte
	read func(string) (string, int)
}{{'%', percent}, {'\\', backslash}, {'&', entity}}

// percent reads what follows a percent sign in a URL or a form.
func percent(text string) (string, int) {
	if b, ok := hex(text, 2); ok {
		return string([]byte{byte(b)}), 2
	}
	return "", 0
}

// hex reads so many hexadecimal digits.
func hex(text string, digits int) (uint64, bool) {
	if len(text) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:digits], 16, 32)
	return n, err == nil
}

// backslash reads what follows one in JSON or Go.
func backslash(text string) (string, int) {
	if text == "" {
		return "", 0
	}
	switch text[0] {
	case '"', '\'', '/', '\\':
		return text[:1], 1
	case 'x':
		if s, n := percent(text[1:]); n > 0 {
			return s, 1 + n
		}
	case 'u':
		if r, ok := hex(text[1:], 4); ok {
			return string(rune(r)), 1 + 4
		}
	}
	return "", 0
}

// maxEntity bounds what stands between an ampersand and a semicolon, in bytes.
const maxEntity = 10

// entity reads what follows an ampersand in HTML or XML.
func entity(text string) (string, int) {
	name, _, found := strings.Cut(text[:min(len(text), maxEntity+1)], ";")
	s := html.UnescapeString("&" + name + ";")
	if !found || strings.HasPrefix(s, "&"+name) {
		return "", 0
	}
	return s, len(name) + 1
}
