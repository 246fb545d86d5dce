// Package explain says why a gateway refuses a signature.
//
// A gateway answers a wrong signature with one sentence, whatever is wrong. This
// package tries the mistakes that people make, one by one and in pairs, and names
// those that give the very signature that was sent:
//
//	d, err := (&explain.Paylink{Secret: secret}).Request(req)
//	fmt.Println(d)
//
// A [Paylink] explains an ApiSignature of the Payrexx family, an [Avangate] the
// header of 2Checkout and the login of its sessions. What gateways send is explained by
// a [Notification], of 2Checkout, and a [Webhook], of the Payrexx family; 2Checkout's
// links by a [BuyLink] and a [ReturnURL].
//
// A mistake is named only if it reproduces the signature. What cannot be
// reproduced, and is common all the same, is among the [Diagnosis]'s
// Possibilities and is called so. The work on one request is bounded, whatever it
// holds.
//
// # One engine
//
// What is wrong is told in one vocabulary of how a signature is made, a making: its
// parameters, their charset and spelling, the layout of the string to sign, the key, the
// hash function, and the coding of the digest. A mistake is a row: a step, a text, and
// a function from one making to others. What shows in how a request was sent is undone
// first and named for certain; then rows are tried, one by one and in pairs. The work is
// counted in signatures that are tried, and bounded.
//
// A scheme is added in one file of two things. A reader finds the signature in a
// request, puts what is to be signed into a source, as http_build_query would write
// the parameters and with the layout they are signed in, and runs a search over the
// source's makings; what shows it gives in groups, as paylinkShown. A table has the mistakes of the scheme's own: [Paylink]'s in
// paylink_rows.go, [Avangate]'s in avangate_rows.go. Those in layouts, keys, hash
// functions and codings come with scheme.table, in the scheme's words, and are not
// written again; rows of the scheme's own read what the reader found from source.read.
//
// A Diagnosis holds the request's parameters, but neither the secret, wherever the
// client has put it, nor the signature that would have been right. It is for the
// developer of the client, and not for the gateway's peers.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/redact"
)

// A Diagnosis says what is known of a signature.
type Diagnosis struct {
	// Right reports whether the gateway accepts it, with the Notes or without.
	Right bool `json:"right"`

	// Notes say of a right signature what is fragile about the request, or lost of it,
	// each in a sentence that says what to do. They hold no parameter's value.
	Notes []string `json:"notes,omitempty"`

	// StringToSign is what the gateway computes the signature over. Of a body that
	// holds a signature, and is sent with another type's Content-Type, it is what the
	// gateway would with the right one.
	StringToSign string `json:"stringToSign"`

	// Sent is the first parameter that is sent in a way that shows to be wrong, as it was
	// sent, and Send is what to send, "one or other" where nothing tells what was meant; ""
	// if there is none, or if it is long.
	Sent string `json:"sent,omitempty"`
	Send string `json:"send,omitempty"`

	// Findings are the explanations that reproduce the signature that was sent, the
	// simplest first. There are none if it is right, or if nothing that was tried
	// reproduces it: then the secret is probably another one.
	Findings []Finding `json:"findings,omitempty"`

	// Shown are the mistakes that show in how the request was sent, whatever was signed.
	// There are some only where there are no Findings, which have theirs.
	Shown []Mistake `json:"shown,omitempty"`

	// Possibilities are mistakes that are worth a look, and that the signature does not
	// show.
	Possibilities []Mistake `json:"possibilities,omitempty"`

	// Skipped names the mistakes and the hash functions that were not tried, since FIPS
	// 140 mode forbids them.
	Skipped []string `json:"skipped,omitempty"`

	// Incomplete reports that the request is so large that not every mistake, or pair
	// of mistakes, was tried.
	Incomplete bool `json:"incomplete,omitempty"`
}

// A Finding is one explanation of a wrong signature.
type Finding struct {
	// Mistakes reproduce the signature together: those that the request shows by itself,
	// such as a date of another form, and none, one or two that were tried.
	Mistakes []Mistake `json:"mistakes"`

	// StringToSign is what was signed.
	StringToSign string `json:"stringToSign"`

	// Repaired is what is to be signed once the request is sent rightly, "" if that is
	// the Diagnosis's StringToSign.
	Repaired string `json:"repaired,omitempty"`

	// Difference is the place, in bytes, of the first byte at which what was signed and
	// what is to be differ; -1 if they are the same and the mistake lies elsewhere.
	Difference int `json:"difference"`
}

// Wanted returns what is to be signed where d has f.
func (d *Diagnosis) Wanted(f Finding) string { return cmp.Or(f.Repaired, d.StringToSign) }

// A Mistake is one way to get a signature wrong.
type Mistake struct {
	// Name says what was done.
	Name string `json:"name"`
	// Fix says, in one sentence, what to do.
	Fix string `json:"fix"`
}

// difference returns the place of the first byte at which a and b differ, -1 if
// they are equal.
func difference(a, b string) int {
	if a == b {
		return -1
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

// redact takes the secret out of the strings to sign, the notes and what is named: it
// may have been sent as any of the values, or the names.
func (d *Diagnosis) redact(secret auth.Secret) { d.Redact(redact.New(secret.Reveal())) }

// Redact takes further words out of the strings to sign, the notes and what is named,
// such as the secrets of other gateways.
func (d *Diagnosis) Redact(words *redact.Words) {
	d.StringToSign, d.Sent, d.Send = words.String(d.StringToSign), words.String(d.Sent), words.String(d.Send)
	for i := range d.Notes {
		d.Notes[i] = words.String(d.Notes[i])
	}
	d.Shown = redacted(d.Shown, words)
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Mistakes = redacted(f.Mistakes, words)
		f.StringToSign, f.Repaired = words.String(f.StringToSign), words.String(f.Repaired)
		f.Difference = difference(d.Wanted(*f), f.StringToSign)
	}
}

// redacted returns mistakes less words, which a parameter may be called. The mistakes
// themselves may be a table's.
func redacted(mistakes []Mistake, words *redact.Words) []Mistake {
	mistakes = slices.Clone(mistakes)
	for i := range mistakes {
		mistakes[i].Name = words.String(mistakes[i].Name)
	}
	return mistakes
}

// String returns the Diagnosis as text, for people, in lines.
func (d *Diagnosis) String() string {
	var b strings.Builder
	switch {
	case d.Right:
		b.WriteString("the signature is right\n")
		for _, note := range d.Notes {
			fmt.Fprintf(&b, "note: %s\n", note)
		}
	case len(d.Findings) == 0 && len(d.Shown) > 0:
		b.WriteString("the signature is wrong, and no mistake that is known here gives it; this shows in the request:\n")
	case len(d.Findings) == 0:
		b.WriteString("the signature is wrong, and no mistake that is known here gives it: is it this account's secret?\n")
	default:
		b.WriteString("the signature is wrong\n")
	}
	named := func(as string, mistakes []Mistake) {
		for _, m := range mistakes {
			fmt.Fprintf(&b, "%s: %s\nfix:     %s\n", as, m.Name, m.Fix)
		}
	}
	named("mistake", d.Shown)
	if d.Sent != "" && len(d.Findings) == 0 {
		fmt.Fprintf(&b, "sent:    %s\nsend:    %s\n", quoted(d.Sent), quoted(d.Send))
	}
	for i, f := range d.Findings {
		if i > 0 {
			b.WriteString("or\n")
		}
		named("mistake", f.Mistakes)
		if d.Sent != "" && i == 0 {
			fmt.Fprintf(&b, "sent:    %s\nsend:    %s\n", quoted(d.Sent), quoted(d.Send))
		}
		if f.Difference >= 0 {
			writeDifference(&b, d.Wanted(f), f)
		}
	}
	named("possible, and not reproduced", d.Possibilities)
	if len(d.Skipped) > 0 && len(d.Findings) == 0 {
		fmt.Fprintf(&b, "not tried, since FIPS 140 mode forbids it: %s\n", strings.Join(d.Skipped, "; "))
	}
	if d.Incomplete {
		b.WriteString("not every mistake was tried, since the request is large: try a smaller one\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Around a difference, so many bytes are shown.
const shownBefore, shownAfter = 24, 40

// writeDifference shows both strings to sign where they begin to differ.
func writeDifference(b *strings.Builder, want string, f Finding) {
	signed := f.StringToSign
	// No character is cut in two: it would be shown as bytes.
	inside := func(s string, i int) bool { return i < len(s) && !utf8.RuneStart(s[i]) }
	at := f.Difference
	for f.Difference-at < utf8.UTFMax && at > 0 && (inside(want, at) || inside(signed, at)) {
		at--
	}
	from := max(0, at-shownBefore)
	for from < at && inside(want, from) {
		from++
	}
	before := ""
	if from > 0 {
		before = "..."
	}
	part := func(s string) string {
		if s == "" {
			return "(the empty string)"
		}
		to := min(len(s), at+shownAfter)
		for last := to + utf8.UTFMax - 1; to < last && inside(s, to); {
			to++
		}
		after := ""
		if to < len(s) {
			after = "..."
		}
		return before + quoted(s[from:to]) + after
	}
	column := utf8.RuneCountInString(before + quoted(want[from:at]))
	fmt.Fprintf(b, "they differ at byte %d:\n  to sign: %s\n  signed:  %s\n           %s^\n",
		f.Difference, part(want), part(signed), strings.Repeat(" ", column))
}

// quoted returns s as it stands in a Go string.
func quoted(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}
