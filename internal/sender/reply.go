package sender

import (
	"bytes"
	"crypto/fips140"
	"crypto/hmac"
	"encoding/hex"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/php"
)

// A tag is the acknowledgement in a reply.
type tag struct {
	algo       string // "" for EPAYMENT
	isPlain    bool   // it is written as the vendor's documents have it
	date, hash string
}

var (
	plainSig   = regexp.MustCompile(`^<sig algo="[^"<>]*" date="[^"<>]*">[^<>]*</sig>$`)
	anySig     = regexp.MustCompile(`(?is)<\s*sig\b([^<>]*)>([^<>]*)<\s*/\s*sig\s*>`)
	attribute  = regexp.MustCompile(`(?s)([A-Za-z]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))`)
	anyPayment = regexp.MustCompile(`(?is)<\s*EPAYMENT\s*>([^<>|]*)\|([^<>|]*)<\s*/\s*EPAYMENT\s*>`)
)

// mostTags bounds the work on one answer.
const mostTags = 8

// tagsIn returns the tags of a body, wherever they stand in it.
func tagsIn(body []byte) (tags []tag) {
	for _, found := range anySig.FindAllSubmatch(body, mostTags) {
		t := tag{isPlain: plainSig.Match(found[0]), hash: string(found[2])}
		for _, a := range attribute.FindAllSubmatch(found[1], -1) {
			value := string(a[2]) + string(a[3]) + string(a[4])
			switch strings.ToLower(string(a[1])) {
			case "algo":
				t.algo = value
			case "date":
				t.date = value
			}
		}
		if t.algo == "" {
			t.algo = "none"
		}
		tags = append(tags, t)
	}
	for _, found := range anyPayment.FindAllSubmatch(body, mostTags) {
		isPlain := bytes.HasPrefix(found[0], []byte("<EPAYMENT>")) && bytes.HasSuffix(found[0], []byte("</EPAYMENT>"))
		tags = append(tags, tag{isPlain: isPlain, date: string(found[1]), hash: string(found[2])})
	}
	return tags
}

var noTag = Mistake{"no tag", `Answer with <sig algo="..." date="...">...</sig>, anywhere in the body, once the message has been processed.`}

// errorText is what programs write where something went wrong.
var errorText = regexp.MustCompile(`(?i)\b(?:error|exception|warning|invalid|mismatch|bad|fail(?:ed|ure)?|denied|wrong|not found|traceback|panic)\b`)

// judgeReply judges the answer to an IPN or an LCN.
func (m *Message) judgeReply(a *Answer) *Judgement {
	tags := tagsIn(a.Body)
	if len(tags) == 0 {
		return m.judgeTagless(a)
	}
	var first *Judgement
	for _, t := range tags {
		j := m.judgeTag(t)
		if j.Verdict == Right && a.Status != http.StatusOK {
			j = wrong("the reply is right, but not its status", Mistake{"the reply is not sent with 200", "Send the reply with 200, and no reply with another status."})
		}
		if j.Verdict == Right {
			if errorText.Match(a.Body) {
				j.Notes = append(j.Notes, "beside the acknowledgement stands what reads as an error's text: where processing failed the message is lost, since it is not sent again; answer that with 500 and no tag")
			}
			return j
		}
		if first == nil {
			first = j
		}
	}
	return first
}

func (m *Message) judgeTagless(a *Answer) *Judgement {
	const text = "the answer holds no acknowledgement"
	if a.Status != http.StatusOK {
		return wrong("the message is not acknowledged", m.ofStatus(a)...)
	}
	if tagBegin.Match(a.Body) {
		return wrong(text+" that can be read", Mistake{"the tag is not written as it must be", `Write <sig algo="..." date="...">...</sig> as it stands here, with its end and without HTML coding.`})
	}
	if errorText.Match(a.Body) {
		return wrong(text, m.failed("a 200 with an error's text")...)
	}
	return wrong(text, append([]Mistake{noTag}, m.possible()...)...)
}

// judgeTag judges one tag.
func (m *Message) judgeTag(t tag) *Judgement {
	shown := m.shownIn(t)
	sum, err := hex.DecodeString(t.hash)
	if err != nil || len(sum) == 0 {
		return wrong("the reply's hash cannot be read", append(shown, Mistake{"the hash is not written as hexadecimal digits", "Write the HMAC as small hexadecimal digits, and nothing else."})...)
	}
	s := m.newSearch(sum, t.date)
	k, found := s.find()
	if !found {
		return wrong("the reply's hash is wrong", append(shown, Mistake{"another key (possible, and not reproduced)", m.keyFix()})...)
	}
	mistakes := append(shown, s.mistakes(k)...)
	if name := s.functions[k[functionStep]].name; t.algo != "" && t.algo != name && isFunction(t.algo) {
		mistakes = append(mistakes, Mistake{"the tag names another algorithm than the hash is made with", "Name the algorithm of the message's hash field, and make the hash with it."})
	}
	if len(mistakes) > 0 {
		return wrong("the reply does not acknowledge it", mistakes...)
	}
	j := &Judgement{Verdict: Right, Text: Acknowledged}
	if t.hash != strings.ToLower(t.hash) {
		j.Notes = append(j.Notes, "whether capital letters are taken in the reply's hash is not documented: write small ones")
	}
	if len(t.date) < len(vendor.StampLayout) {
		j.Notes = append(j.Notes, "the date has an hour of one digit, as the vendor's pages had until March 2026: write two")
	}
	return j
}

var stamp = regexp.MustCompile(`^[0-9]{13,14}$`)

// functionNames are the algorithms as the vendor writes them, and misnamed how others do.
var (
	functionNames = []string{vendor.SHA3_256.Name, vendor.SHA2_256.Name, vendor.MD5.Name}
	misnamed      = []string{"sha2-256", "sha2_256", "sha-256", "sha_256", "sha3_256", "sha3256", "sha3", "sha2", "hmac-sha256", "hmac_sha256"}
)

func isFunction(name string) bool { return slices.Contains(functionNames, name) }

// shownIn returns the mistakes that a tag shows, whatever its hash is of.
func (m *Message) shownIn(t tag) (mistakes []Mistake) {
	name := func(text, fix string) { mistakes = append(mistakes, Mistake{text, fix}) }
	isMD5 := m.field.Function.Name == vendor.MD5.Name
	namesFix := "Write algo=\"" + m.field.Function.Name + "\", which is the algorithm of this message."
	switch {
	case t.algo == "" && len(t.hash) > hex.EncodedLen(16):
		name("a SHA hash stands in EPAYMENT", "Write it as <sig algo=\"...\" date=\"...\">...</sig>: EPAYMENT is for MD5.")
	case t.algo == "":
	case slices.Contains(misnamed, strings.ToLower(t.algo)), isFunction(strings.ToLower(t.algo)) && !isFunction(t.algo):
		name("the algorithm is called "+t.algo, namesFix)
	case !isFunction(t.algo):
		name("the algorithm has another name, or none", namesFix)
	case t.algo == vendor.MD5.Name && isMD5:
		name("an MD5 hash stands in sig", "Write it as <EPAYMENT>DATE|HASH</EPAYMENT>.")
	}
	switch {
	case stamp.MatchString(t.date):
	case stampOf(t.date) != "":
		name("the date has dashes, colons or blanks", "Write the date as YYYYMMDDHHMMSS, digits only, in the tag and in what is hashed.")
	default:
		name("there is no date", "Write the date as YYYYMMDDHHMMSS, digits only, in the tag and in what is hashed.")
	}
	if !t.isPlain {
		name("the tag is not written as it must be", `Write <sig algo="..." date="...">...</sig> as it stands here, for MD5 <EPAYMENT>DATE|HASH</EPAYMENT>, in these letters and quotes.`)
	}
	return mistakes
}

// stampOf returns the digits of a date, "" if it is none.
func stampOf(date string) string {
	digits := strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, date)
	if len(date) > 40 || len(digits) < len(vendor.StampLayout)-1 {
		return ""
	}
	return digits[:min(len(digits), len(vendor.StampLayout))]
}

// The steps at which a reply's hash is made.
const (
	listStep = iota
	textStep
	lengthStep
	layoutStep
	dateStep
	functionStep
	steps
)

// A making is one way to make the hash: at each step the number of a way, 0 being the
// right one.
type making [steps]int

// mostMistakes is how many are tried together, beside those that show in the tag.
const mostMistakes = 2

// A search looks for the way in which a hash was made.
type search struct {
	sum       []byte
	key       []byte
	date      string // in the tag
	lists     []list
	dates     []string
	functions []function
}

// A list is what a reply is made of, less its date.
type list struct {
	Mistake
	values []string
}

// A function is an HMAC.
type function struct {
	Mistake
	name string
	sum  func(key, text []byte) []byte
}

func (m *Message) newSearch(sum []byte, date string) *search {
	return &search{sum: sum, key: m.key, date: date, lists: m.lists(), dates: datesBeside(date), functions: m.functions()}
}

func (m *Message) lists() []list {
	if m.kind == LCN {
		return []list{{values: []string{m.value(licenseCode), m.value(expirationDate)}}}
	}
	ids, id := m.elements(ipnPID)
	names, name := m.elements(ipnPName)
	date := m.value(ipnDate)
	lists := []list{{values: []string{id, name, date}}}
	if len(ids) < 2 || len(ids) != len(names) {
		return lists
	}
	all := Mistake{"all elements are hashed", "Of IPN_PID[] and IPN_PNAME[] hash the first element only."}
	var inTurn []string
	for i := range ids {
		inTurn = append(inTurn, ids[i], names[i])
	}
	last := len(ids) - 1
	return append(lists,
		list{all, append(slices.Concat(ids, names), date)},
		list{all, append(inTurn, date)},
		list{Mistake{"the last element is hashed", "Of IPN_PID[] and IPN_PNAME[] hash the first element."}, []string{ids[last], names[last], date}})
}

var anotherDate = Mistake{"the date in the tag is not the one that is hashed", "Read the clock once, and write the very text that is hashed."}

// datesBeside returns the dates that may have been hashed: that of the tag, its digits,
// and those of other seconds and time zones.
func datesBeside(date string) []string {
	dates := []string{date}
	digits := stampOf(date)
	if digits != date && digits != "" {
		dates = append(dates, digits)
	}
	t, err := time.Parse(vendor.StampLayout, digits)
	if err != nil {
		return dates
	}
	add := func(d time.Duration) {
		for _, layout := range []string{vendor.StampLayout, vendor.DateLayout} {
			if text := t.Add(d).Format(layout); !slices.Contains(dates, text) {
				dates = append(dates, text)
			}
		}
	}
	add(0)
	for seconds := 1; seconds <= 5; seconds++ {
		add(time.Duration(seconds) * time.Second)
		add(-time.Duration(seconds) * time.Second)
	}
	for quarters := 1; quarters <= 4*14; quarters++ {
		add(time.Duration(quarters) * 15 * time.Minute)
		add(-time.Duration(quarters) * 15 * time.Minute)
	}
	return dates
}

// functions returns the message's function first.
func (m *Message) functions() (functions []function) {
	right := m.field.Function
	functions = []function{{name: right.Name, sum: hmacOf(right)}}
	for _, f := range vendor.HashFields {
		if f.Function.Name != right.Name && (f.Function.Name != vendor.MD5.Name || !fips140.Enforced()) {
			functions = append(functions, function{
				Mistake{"the reply is made with another algorithm than the message, " + f.Function.Name, "Take the algorithm of the hash field that is filled, here " + right.Name + "."},
				f.Function.Name, hmacOf(f.Function),
			})
		}
	}
	byHand := function{Mistake{"the HMAC with SHA3 is made by hand with a block of 64 bytes", "Make it with hash_hmac or the like: SHA3-256 has a block of 136 bytes."}, vendor.SHA3_256.Name, hmacBlock64}
	return append(functions, byHand)
}

func hmacOf(f vendor.Function) func(key, text []byte) []byte {
	return func(key, text []byte) []byte {
		mac := hmac.New(f.New, key)
		mac.Write(text)
		return mac.Sum(nil)
	}
}

// hmacBlock64 is what the plugins of the vendor's for old PHPs do with any function.
func hmacBlock64(key, text []byte) []byte {
	hashed := func(parts ...[]byte) []byte {
		h := vendor.SHA3_256.New()
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	var inner, outer [64]byte
	if len(key) > len(inner) {
		key = hashed(key)
	}
	copy(inner[:], key)
	copy(outer[:], key)
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	return hashed(outer[:], hashed(inner[:], text))
}

// textMistakes are made with values, of the message or of the reply.
var textMistakes = []struct {
	Mistake
	change    func(string) string
	replyOnly bool // too common a text to be suspected where nothing shows it
}{
	{Mistake{"backslashes are taken out before hashing (stripslashes)", "Hash the values as they were posted: PHP adds no backslashes since 5.4, and of WordPress take wp_unslash."}, php.StripSlashes, false},
	{Mistake{"values are trimmed before hashing", "Hash the values with the blanks at their edges."}, func(s string) string { return strings.Trim(s, " \t\n\r\v\x00") }, false},
	{Mistake{"values are HTML-decoded before hashing", "Hash the values as they were posted, before anything decodes them."}, html.UnescapeString, false},
	{Mistake{"values are HTML-coded before hashing", "Hash the values as they were posted, before anything sanitises them."}, htmlCode, false},
	{Mistake{"values are hashed with their escapes", "Hash the values as they are after the form has been decoded."}, url.QueryEscape, true},
}

var htmlCode = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#039;").Replace

var lengthMistakes = []struct {
	Mistake
	length func(string) int
}{
	{Mistake{"lengths are those in characters", "Write the length of each value in bytes of UTF-8."}, utf8.RuneCountInString},
	{Mistake{"lengths are those in UTF-16 units", "Write the length of each value in bytes of UTF-8: Buffer.byteLength, getBytes(UTF_8).length."}, func(s string) int { return len(utf16.Encode([]rune(s))) }},
}

// inEitherUnit is what is known where no value tells characters from UTF-16 units.
var inEitherUnit = Mistake{"lengths are those in characters or UTF-16 units", lengthMistakes[1].Fix}

var layoutMistakes = []Mistake{
	{"no lengths are hashed", "Write in front of each value its length in bytes."},
	{"lengths stand behind the values", "Write in front of each value its length in bytes."},
}

// find returns a making that gives the hash, one with the fewest mistakes.
func (s *search) find() (making, bool) {
	for n := 0; n <= mostMistakes; n++ {
		var k making
		if s.findWith(&k, 0, n) {
			return k, true
		}
	}
	return making{}, false
}

// findWith tries all makings that have n mistakes at the steps from this one on.
func (s *search) findWith(k *making, step, n int) bool {
	if step == steps {
		return n == 0 && s.isMade(*k)
	}
	if n <= steps-1-step && s.findWith(k, step+1, n) {
		return true
	}
	for i := 1; n > 0 && i < s.ways(step); i++ {
		k[step] = i
		if s.findWith(k, step+1, n-1) {
			return true
		}
	}
	k[step] = 0
	return false
}

// ways says how many ways there are at a step.
func (s *search) ways(step int) int {
	return [steps]int{len(s.lists), 1 + len(textMistakes), 1 + len(lengthMistakes), 1 + len(layoutMistakes), len(s.dates), len(s.functions)}[step]
}

// mistakes returns those of a making.
func (s *search) mistakes(k making) (mistakes []Mistake) {
	for step, i := range k {
		if i == 0 {
			continue
		}
		switch step {
		case listStep:
			mistakes = append(mistakes, s.lists[i].Mistake)
		case textStep:
			mistakes = append(mistakes, textMistakes[i-1].Mistake)
		case lengthStep:
			mistake := lengthMistakes[i-1].Mistake
			if !slices.ContainsFunc(s.lists[k[listStep]].values, func(v string) bool { return lengthMistakes[0].length(v) != lengthMistakes[1].length(v) }) {
				mistake = inEitherUnit
			}
			mistakes = append(mistakes, mistake)
		case layoutStep:
			mistakes = append(mistakes, layoutMistakes[i-1])
		case dateStep:
			if s.dates[i] != stampOf(s.date) { // or what shows in the tag is all
				mistakes = append(mistakes, anotherDate)
			}
		case functionStep:
			mistakes = append(mistakes, s.functions[i].Mistake)
		}
	}
	return mistakes
}

func (s *search) isMade(k making) bool {
	length := func(v string) int { return len(v) }
	if i := k[lengthStep]; i > 0 {
		length = lengthMistakes[i-1].length
	}
	var text []byte
	for _, value := range append(slices.Clip(s.lists[k[listStep]].values), s.dates[k[dateStep]]) {
		if i := k[textStep]; i > 0 {
			value = textMistakes[i-1].change(value)
		}
		n := strconv.Itoa(length(value))
		switch k[layoutStep] {
		case 0:
			text = append(append(text, n...), value...)
		case 1:
			text = append(text, value...)
		case 2:
			text = append(append(text, value...), n...)
		}
	}
	return hmac.Equal(s.functions[k[functionStep]].sum(s.key, text), s.sum)
}
