package sender

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// An Answer is what a receiver answered.
type Answer struct {
	Status int
	Body   []byte
}

// MaxAnswer is how much of an answer's body is looked at, in bytes.
const MaxAnswer = 256 << 10

// A Verdict is what the sender makes of an answer.
type Verdict int

const (
	Unknown Verdict = iota // there is no answer
	Wrong
	Right
)

// String returns "right", "wrong" or "unknown".
func (v Verdict) String() string { return [...]string{"unknown", "wrong", "right"}[v] }

// A Mistake is one way to get an answer wrong.
type Mistake struct {
	Name string `json:"name"` // what was done
	Fix  string `json:"fix"`  // what to do, in one sentence
}

// A Judgement says what is right or wrong about an answer. It quotes nothing of it.
type Judgement struct {
	Verdict  Verdict
	Text     string    // in a clause
	Mistakes []Mistake // of a wrong answer: what gives it, the likeliest first
	Notes    []string
}

// Acknowledged is the Text of an answer that acknowledges a message.
const Acknowledged = "the reply acknowledges it"

func wrong(text string, mistakes ...Mistake) *Judgement {
	return &Judgement{Verdict: Wrong, Text: text, Mistakes: mistakes}
}

// Judge judges an answer.
func (m *Message) Judge(a *Answer) *Judgement {
	var j *Judgement
	switch {
	case m.tampered:
		j = m.judgeRefusal(a)
	case m.kind == Webhook:
		j = m.judgeStatus(a)
	default:
		j = m.judgeReply(a)
	}
	if j.Verdict == Right && m.isTest() && !m.tampered {
		j.Notes = append(j.Notes, "a handler that leaves test orders out acknowledges this and does nothing: to see what it does of others send "+TestField(m.kind)+"=0")
	}
	return j
}

// NoAnswer is the judgement where no answer came within a time.
func (m *Message) NoAnswer(limit time.Duration) *Judgement {
	const name = "no answer in time"
	mistakes := append(m.possibly(name), Mistake{name, "Answer every request, one whose " + m.hashName() + " is wrong with 400; store what takes long, and do it after the answer."})
	return &Judgement{Text: fmt.Sprintf("there is no answer within %v", limit), Mistakes: mistakes}
}

// isStatus reports whether a status is 200 to 299, and so on.
func isStatus(status, class int) bool { return status/100 == class }

var tagBegin = regexp.MustCompile(`(?i)<\s*(?:sig\b|EPAYMENT)|&lt;\s*(?:sig\b|EPAYMENT)`)

// judgeRefusal judges the answer to a message whose hash is wrong.
func (m *Message) judgeRefusal(a *Answer) *Judgement {
	unchecked := Mistake{"the " + m.hashName() + " is not checked", "Compute the " + m.hashName() + " over the body as it came, compare it in constant time, and answer 400 where it is another."}
	switch {
	case m.kind != Webhook && tagBegin.Match(a.Body):
		return wrong("a message with a wrong hash is acknowledged", unchecked)
	case isStatus(a.Status, 4):
		return &Judgement{Verdict: Right, Text: "a message with a wrong " + m.hashName() + " is refused"}
	case isStatus(a.Status, 2) && m.kind == Webhook:
		return wrong("a message with a wrong signature is taken", unchecked)
	case isStatus(a.Status, 2):
		return wrong("a message with a wrong hash is answered as if it were right, but without an acknowledgement",
			Mistake{"a wrong hash is answered with 200", "Answer a message whose hash is wrong with 400, so that it is seen."})
	}
	return wrong("a message with a wrong "+m.hashName()+" is not answered as a mistake of the sender's", m.ofStatus(a)...)
}

func (m *Message) hashName() string {
	if m.kind == Webhook {
		return "signature"
	}
	return "hash"
}

// judgeStatus judges the answer to a webhook, which is its status.
func (m *Message) judgeStatus(a *Answer) *Judgement {
	if !isStatus(a.Status, 2) {
		return wrong("the webhook is not taken", m.ofStatus(a)...)
	}
	j := &Judgement{Verdict: Right, Text: "the webhook is taken"}
	if a.Status != http.StatusOK {
		j.Notes = []string{"which statuses count beside 200 is not documented: answer 200"}
	}
	return j
}

// ofStatus returns what the status of an answer shows that is neither right nor holds a
// reply.
func (m *Message) ofStatus(a *Answer) []Mistake {
	first := func(name, fix string) []Mistake { return []Mistake{{name, fix}} }
	switch {
	case isStatus(a.Status, 3):
		return first("the receiver redirects", "Give the URL that answers by itself, with its scheme, its slash at the end and its language: no redirect is followed.")
	case a.Status == http.StatusNotFound:
		return first("there is nothing at this path", "Give the URL under which the receiver is registered.")
	case a.Status == http.StatusMethodNotAllowed:
		return first("the receiver takes no POST", "Register it for POST, and let it answer GET with 200, which the set-up asks for.")
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden, a.Status == 419:
		return first("something in front refuses the request, such as a login, a firewall or a check of CSRF tokens", "Except this path from it: what guards it is the "+m.hashName()+".")
	case a.Status == http.StatusUnsupportedMediaType:
		return first("the Content-Type is refused", "Take "+m.Type+".")
	case isStatus(a.Status, 4):
		return m.refused()
	case isStatus(a.Status, 5):
		return m.failed("the receiver failed")
	}
	return m.failed("the status is not 200")
}

// refused returns why a receiver may compute another hash. None of it is reproduced,
// since the answer shows no hash.
func (m *Message) refused() []Mistake {
	const name = "the message is refused"
	return append(m.possibly(name), Mistake{name + ", as with another key (possible, and not reproduced)", m.keyFix()})
}

// failed is refused for an answer that does not say why.
func (m *Message) failed(name string) []Mistake {
	return append(m.possibly(name), Mistake{name, "See what it has logged: it answers 200 to what is processed, 400 to what is wrong, and anything else has the message sent again."})
}

// possibly returns what is possible, as the reason for what is seen.
func (m *Message) possibly(seen string) []Mistake {
	mistakes := m.possible()
	for i := range mistakes {
		mistakes[i].Name = seen + ", as where " + mistakes[i].Name + " (possible, and not reproduced)"
	}
	return mistakes
}

func (m *Message) keyFix() string {
	if m.kind == Webhook {
		return "Take this webhook's signing key as it stands in the back office, without decoding it, and not the API secret; and sign the body as it came."
	}
	return "Take the Secret Key of the Control Panel, and none of the secret words; and hash every value of the body in its order."
}

// possible returns the mistakes that receivers are known to make with values such as
// m's.
func (m *Message) possible() (mistakes []Mistake) {
	anywhere := func(is func(Field) bool, mistake Mistake) {
		if slices.ContainsFunc(m.fields, is) {
			mistakes = append(mistakes, mistake)
		}
	}
	for _, t := range textMistakes {
		anywhere(func(f Field) bool { return !t.replyOnly && t.change(f.Value) != f.Value }, t.Mistake)
	}
	anywhere(func(f Field) bool { return utf8.RuneCountInString(f.Value) != len(f.Value) }, inEitherUnit)
	anywhere(func(f Field) bool { return strings.Count(f.Name, "[") > 1 },
		Mistake{"arrays in arrays are not read", "Hash the values of all levels, in the order of the body."})
	anywhere(func(f Field) bool { return strings.Trim(f.Name, "0123456789") == "" },
		Mistake{"names that are numbers lose their place", "Hash the values in the order of the body, and not in that of an object's keys."})
	anywhere(func(f Field) bool { return f.Name == "REFNO" && (f.Value == "" || f.Value == "0") },
		Mistake{"an order without a REFNO is not taken", "Verify the hash first, and answer what is right and of no use with the reply, too."})
	anywhere(func(f Field) bool { return f.Value == "" },
		Mistake{"empty values are left out", "Hash an empty value as 0, its length."})
	return mistakes
}
