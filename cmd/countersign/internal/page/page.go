// Package page shows the latest requests to emulated gateways in a browser, to the
// developer at this machine: what each held, what was decided, and where the strings
// to sign differ. Every value is escaped, and a policy lets the page run its own
// script and nothing else.
package page

import (
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	"github.com/countersign/countersign/internal/explain"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string

	pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
		"show": show, "compare": compare, "join": strings.Join, "status": http.StatusText,
	}).Parse(pageHTML))

	// pagePolicy lets the page run its own script and nothing else, so that a value
	// would be harmless even if it were not escaped.
	pagePolicy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		sourceHash(pageCSS), sourceHash(pageJS))
)

func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// What the page shows at most; lengths are in bytes.
const (
	maxEntries    = 50
	maxPage       = 4 << 20
	maxParameters = 100 // of a request
	maxShown      = 1 << 10
	maxAlike      = 200 // on each side of a difference
)

// A Gateway is one of those whose requests are listed.
type Gateway struct {
	Name    string
	Account string // whose requests it accepts
	Missing string // what must be set for it to be played; "" if it is
}

// An Entry is one request and what came of it.
type Entry struct {
	authtest.Exchange
	At        time.Time
	Verdict   string             // a word: right, or what is in its place
	Reason    string             // why the request was refused, "" if it was not
	Diagnosis *explain.Diagnosis // nil if there is no signature to explain
}

// A Page lists the latest requests. It is safe for concurrent use.
type Page struct {
	host     string // under which it may be opened, beside IP addresses
	gateways []Gateway
	run      string // tells this process from an earlier one

	mu      sync.Mutex
	total   int             // requests so far
	entries []template.HTML // the latest first; never written to
}

// New returns a page that has no requests yet. It may be opened under host, localhost
// and IP addresses.
func New(host string, gateways []Gateway) *Page {
	return &Page{host: host, gateways: gateways, run: rand.Text()}
}

// IsFor reports whether the page may be shown under a host. A name that the
// operator did not choose may be that of a hostile web site, which has made it lead
// here to read the page.
func (p *Page) IsFor(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return net.ParseIP(strings.Trim(host, "[]")) != nil || strings.EqualFold(host, "localhost") || host != "" && strings.EqualFold(host, p.host)
}

type pageData struct {
	CSS      template.CSS
	JS       template.JS
	Gateways []Gateway
	Run      string
	Total    int
	Entries  []template.HTML
}

// ServeHTTP shows the page, whatever the request asks for.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	data := pageData{template.CSS(pageCSS), template.JS(pageJS), p.gateways, p.run, p.total, p.entries}
	p.mu.Unlock()
	tag := fmt.Sprintf(`"%s-%d"`, data.Run, data.Total)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("ETag", tag)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	pageTemplate.Execute(w, data)
}

// Add puts a request at the head of the list, and lets go of what is too much.
func (p *Page) Add(e Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total++
	var b strings.Builder
	pageTemplate.ExecuteTemplate(&b, "entry", numbered{e, p.total})
	entries, length := []template.HTML{template.HTML(b.String())}, b.Len() // the template has escaped it
	for _, earlier := range p.entries[:min(len(p.entries), maxEntries-1)] {
		if length += len(earlier); length > maxPage {
			break
		}
		entries = append(entries, earlier)
	}
	p.entries = entries
}

// A numbered entry has a number, by which the page's script knows it.
type numbered struct {
	Entry
	ID int // counts all requests, from 1
}

// HasStringToSign reports whether there is one: that of a request without
// parameters is empty, and a call in a session has none.
func (e numbered) HasStringToSign() bool {
	judged := e.Verdict == "right" || e.Verdict == "wrong"
	return e.StringToSign != "" || judged && len(e.Methods) == 0
}

// Listed returns the parameters that are shown.
func (e numbered) Listed() [][2]string { return e.Parameters[:min(len(e.Parameters), maxParameters)] }

// Unlisted counts the other parameters.
func (e numbered) Unlisted() int { return len(e.Parameters) - len(e.Listed()) }

// A comparison is two strings to sign with their differences marked.
type comparison struct {
	Want, Got []segment // nil if the strings to sign are the same
}

// A segment is a part of a string to sign.
type segment struct {
	Text   string
	Marked bool // the other string to sign has something else here
}

func compare(want string, f explain.Finding) comparison {
	if f.Difference < 0 {
		return comparison{}
	}
	before, a, b := want[:f.Difference], want[f.Difference:], f.StringToSign[f.Difference:]
	same := 0
	for same < min(len(a), len(b)) && a[len(a)-1-same] == b[len(b)-1-same] {
		same++
	}
	after := a[len(a)-same:]
	if len(before) > maxAlike {
		before = "…" + strings.ToValidUTF8(before[len(before)-maxAlike:], "")
	}
	if len(after) > maxAlike {
		after = strings.ToValidUTF8(after[:maxAlike], "") + "…"
	}
	markedA, markedB := mark(show(a[:len(a)-same]), show(b[:len(b)-same]))
	around := func(middle []segment) []segment {
		return slices.Concat([]segment{{Text: printable.Line(before)}}, middle, []segment{{Text: printable.Line(after)}})
	}
	return comparison{around(markedA), around(markedB)}
}

var unit = regexp.MustCompile(`%[0-9A-Fa-f]{2}|.`)

// mark marks what differs in a and b: one by one where each character stands for
// one of the other's, as + does for %20, else as a whole.
func mark(a, b string) (as, bs []segment) {
	unitsA, unitsB := unit.FindAllString(a, -1), unit.FindAllString(b, -1)
	if len(unitsA) != len(unitsB) {
		return []segment{{a, true}}, []segment{{b, true}}
	}
	for i := range unitsA {
		differ := unitsA[i] != unitsB[i]
		if i == 0 || as[len(as)-1].Marked != differ {
			as, bs = append(as, segment{Marked: differ}), append(bs, segment{Marked: differ})
		}
		as[len(as)-1].Text += unitsA[i]
		bs[len(bs)-1].Text += unitsB[i]
	}
	return as, bs
}

// show returns s as the page shows it: not too long, and without what cannot be
// seen.
func show(s string) string {
	return printable.Line(printable.Cut(s, maxShown))
}
