package probe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/cmd/countersign/internal/answer"
	"github.com/countersign/countersign/internal/paylink"
)

// family asks a gateway of the Payrexx family. In a query and a body {sig} is the
// signature, and {instance} the account.
type family struct{}

// The groups.
const (
	groupQuery     = "query"
	groupForm      = "form"
	groupJSON      = "json"
	groupMultipart = "multipart"
	groupKey       = "api-key"
)

const (
	signature = "ApiSignature={sig}"
	instance  = "instance={instance}"
	behind    = "&" + signature + "&" + instance
)

const part = "--countersign\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n"

var multipartBody = fmt.Sprintf(part, "a", "1") + fmt.Sprintf(part, paylink.SignatureName, "{sig}") + "--countersign--\r\n"

// query and form are messages with all of their parameters in one place.
func query(id, parameters, signed string) message {
	return message{id: "query." + id, group: groupQuery, query: parameters, signed: signed}
}

func form(id, parameters, signed string) message {
	return message{id: "form." + id, group: groupForm, method: http.MethodPost, query: instance, body: parameters, contentType: paylink.FormType, signed: signed}
}

func (m message) withType(contentType string) message {
	m.contentType = contentType
	return m
}

func (m message) by(method, group string) message {
	m.method, m.group = method, group
	return m
}

// asControl returns the message with a signature, or a key, that is wrong.
func (m message) asControl() message {
	m.id, m.control = m.group+".control", true
	return m
}

func (family) messages(ask Questions, keyOnly bool) []message {
	key := message{id: "api-key", group: groupKey, query: instance, key: true}
	if keyOnly {
		if !ask.APIKey {
			return nil
		}
		all := []message{key, key.asControl(), {id: idSlash, group: groupKey, path: "-", query: instance, key: true}}
		if ask.Object != "" {
			all = append(all, message{id: "object", group: groupKey, path: ask.Object, query: instance, key: true})
		}
		if ask.Methods {
			for _, m := range methods() {
				m.key, m.group, m.query, m.body = true, groupKey, instance, ""
				all = append(all, m)
			}
		}
		return all
	}
	all := []message{
		query("empty", signature+"&"+instance, ""),
		query("empty", signature+"&"+instance, "").asControl(),
		query("parameters", "a=1&b=2"+behind, "a=1&b=2"),
		query("percent20", "a=b%20c"+behind, "a=b+c"),
		query("plus.space", "a=b+c"+behind, "a=b+c"),
		query("plus.plus", "a=b+c"+behind, "a=b%2Bc"),
		query("list.index", "pm%5B0%5D=b"+behind, "pm%5B0%5D=b"),
		query("list.php", "pm%5B%5D=b"+behind, "pm%5B0%5D=b"),
		query("list.flat", "pm%5B%5D=b"+behind, "pm%5B%5D=b"),
		query("nested", "a%5Bb%5D%5B0%5D=1&a%5Bb%5D%5B1%5D=2"+behind, "a%5Bb%5D%5B0%5D=1&a%5Bb%5D%5B1%5D=2"),
		query("edge", edgeWire+behind, edgeSigned),
		query("signature.first", signature+"&a=1&"+instance, "a=1"),
		{id: idSlash, group: groupQuery, path: "-", query: signature + "&" + instance},

		form("empty", signature, ""),
		form("empty", signature, "").asControl(),
		form("parameters", "a=1&b=2&"+signature, "a=1&b=2"),
		form("percent20", "a=b%20c&"+signature, "a=b+c"),
		form("plus.plus", "a=b+c&"+signature, "a=b%2Bc"),
		form("plus.space", "a=b+c&"+signature, "a=b+c"),
		form("list.index", "pm%5B0%5D=b&"+signature, "pm%5B0%5D=b"),
		form("list.auto", "pm%5B%5D=b&"+signature, "pm%5B0%5D=b"),
		form("nested", "a%5Bb%5D%5B0%5D=1&a%5Bb%5D%5B1%5D=2&"+signature, "a%5Bb%5D%5B0%5D=1&a%5Bb%5D%5B1%5D=2"),
		form("edge", edgeWire+"&"+signature, edgeSigned),
		form("signature.first", signature+"&a=1", "a=1"),
		form("type.text", "a=1&"+signature, "a=1").withType("text/plain"),
		form("type.none", "a=1&"+signature, "a=1").withType(""),
		{id: "form.instance", group: groupForm, method: http.MethodPost, body: "a=1&" + signature + "&" + instance, contentType: paylink.FormType, signed: "a=1"},
		{id: "form.query.replaced", group: groupForm, method: http.MethodPost, query: "a=1&" + instance, body: "b=2&" + signature, contentType: paylink.FormType, signed: "b=2"},
		{id: "form.query.merged", group: groupForm, method: http.MethodPost, query: "a=1&" + instance, body: "b=2&" + signature, contentType: paylink.FormType, signed: "a=1&b=2"},
	}
	withControl := func(m message) { all = append(all, m, m.asControl()) }
	withControl(message{id: "json", group: groupJSON, method: http.MethodPost, query: instance, body: `{"a":"1","b":"c d","ApiSignature":"{sig}"}`, contentType: paylink.JSONType, signed: "a=1&b=c+d"})
	withControl(message{id: "multipart", group: groupMultipart, method: http.MethodPost, query: instance, body: multipartBody, contentType: paylink.MultipartType + "; boundary=countersign", signed: "a=1"})
	if ask.Object != "" {
		all = append(all, message{id: "object", group: groupQuery, path: ask.Object, query: signature + "&" + instance})
	}
	if ask.APIKey {
		withControl(key)
	}
	if ask.Methods {
		for _, m := range methods() {
			withControl(m)
		}
	}
	return all
}

// Names at the edge of what paylinkhmac signs: one with what urlencode escapes and what
// it does not, and white space within the brackets.
const (
	edgeWire   = "a%3A-_~%21%2A%5Bb.c%20d%5D=1"
	edgeSigned = "a%3A-_%7E%21%2A%5Bb.c+d%5D=1"
)

const idSlash = "path.no-slash"

func methods() []message {
	return []message{
		form("", "a=1&"+signature, "a=1").by(http.MethodPut, "method.put").as("method.put"),
		form("", "a=1&"+signature, "a=1").by(http.MethodPatch, "method.patch").as("method.patch"),
		query("", "a=1"+behind, "a=1").by(http.MethodDelete, "method.delete").as("method.delete"),
		query("", "a=1"+behind, "a=1").by(http.MethodHead, "method.head").as("method.head"),
	}
}

func (m message) as(id string) message {
	m.id = id
	return m
}

// baseVersion matches the version at the end of a base URL's path.
var baseVersion = regexp.MustCompile(`/v\d+(?:\.\d+)?$`)

func (family) build(p *Probe, m message, _ time.Time) (*http.Request, error) {
	u := *p.BaseURL
	base := strings.TrimRight(u.Path, "/")
	switch {
	case m.version != "":
		base = baseVersion.ReplaceAllString(base, "") + "/v1." + m.version
	case base == "":
		base = "/v1.0"
	}
	switch m.path {
	case "":
		u.Path = base + "/SignatureCheck/"
	case "-":
		u.Path = base + "/SignatureCheck"
	default:
		u.Path = base + "/" + m.path + "/"
	}
	credential := "SIGNATURE"
	if !p.Secret.IsZero() {
		mac := hmac.New(sha256.New, []byte(p.Secret.Reveal()))
		mac.Write([]byte(m.signed))
		credential = p.made(base64.StdEncoding.EncodeToString(mac.Sum(nil)), m)
	}
	escaped := url.QueryEscape(credential)
	fill := func(text, credential string) string {
		return strings.NewReplacer("{sig}", credential, "{instance}", url.QueryEscape(p.Account)).Replace(text)
	}
	u.RawQuery = fill(m.query, escaped)
	body := fill(m.body, credential)
	if m.group == groupForm || m.contentType == paylink.FormType {
		body = fill(m.body, escaped)
	}
	h := http.Header{}
	if m.contentType != "" {
		h.Set("Content-Type", m.contentType)
	}
	if m.key {
		key := "SECRET"
		if !p.Secret.IsZero() {
			key = p.made(p.Secret.Reveal(), m)
		}
		h.Set(paylink.KeyHeader, key)
	}
	return newRequest(m.method, u.String(), h, body)
}

func (family) judge(m message, a *answer.Answer) (verdict string, refused bool) {
	v, _ := a.Paylink()
	switch {
	case a.Status == http.StatusMethodNotAllowed:
		return NotAllowed, false
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden, a.Status == http.StatusOK && v == answer.Wrong:
		return Refused, true
	case v == answer.Right, a.Status == http.StatusOK && m.method == http.MethodHead:
		return Accepted, false
	case a.Status == http.StatusOK, a.Status >= 500:
		return NotToldApart, false
	}
	return Refused, a.Status >= 400
}

func (family) speaks(_ message, a *answer.Answer) bool {
	_, ok := a.Object["status"].(string)
	return ok
}

// maxVersion is the last of the versions that are asked for: five requests tell them
// apart.
const maxVersion = paylink.NewestVersion + 8

func (family) bisections(ask Questions) []bisection {
	if !ask.Versions {
		return nil
	}
	b := bisection{id: "version", group: groupQuery, first: paylink.NewestVersion - 1, isGuess: true, upTo: 5}
	for v := range maxVersion {
		b.ladder = append(b.ladder, v+1)
	}
	b.message = func(v int) message {
		m := query("", signature+"&"+instance, "").as(fmt.Sprintf("version.1.%d", v))
		m.version = fmt.Sprint(v)
		return m
	}
	b.found = func(r *run, accepted, _ int) {
		base := strings.TrimRight(r.BaseURL.Path, "/")
		if accepted > 0 || base == "" || strings.HasSuffix(base, "/v1.0") { // which the first request was to
			r.f.Versions = &Versions{fmt.Sprintf("1.%d", max(accepted, 0))}
		}
	}
	return []bisection{b}
}

func (family) conclude(f *Fingerprint, verdict func(string) string) {
	// either is a if one of two that exclude each other is accepted, and the other not.
	either := func(idA, idB, a, b string) string {
		switch [2]string{verdict(idA), verdict(idB)} {
		case [2]string{Accepted, Refused}:
			return a
		case [2]string{Refused, Accepted}:
			return b
		}
		return unknown
	}
	both := func(idA, idB, accepted, refused string) string {
		switch [2]string{verdict(idA), verdict(idB)} {
		case [2]string{Accepted, Accepted}:
			return accepted
		case [2]string{Refused, Refused}:
			return refused
		}
		return unknown
	}
	// of is unknown where a form is not accepted: then it is not the body's type or the
	// Content-Type that a refusal is for.
	of := func(value string) string {
		if verdict("form.parameters") != Accepted {
			return unknown
		}
		return value
	}
	f.Reads = authtest.Reads{
		QueryPlus:         either("query.plus.space", "query.plus.plus", "space", "plus"),
		BodyPlus:          either("form.plus.plus", "form.plus.space", "plus", "space"),
		BodyReplacesQuery: either("form.query.replaced", "form.query.merged", "yes", "no"),
		JSON:              both("json", "json", "yes", of("no")),
		TypeMatters:       both("form.type.text", "form.type.none", "no", of("yes")),
		Names:             either("query.list.php", "query.list.flat", "php", "flat"),
		APIKey:            both("api-key", "api-key", "accepted", "refused"),
	}
	f.Slash = slash(f)
}

// unknown is what an emulated gateway takes for its default.
const unknown = "unknown"

// slash says what becomes of the path without its slash.
func slash(f *Fingerprint) string {
	for _, row := range f.Rows {
		switch {
		case row.ID != idSlash:
		case row.Verdict == Accepted:
			return "served"
		case row.Status >= 300 && row.Status < 400:
			return "redirected"
		case row.Verdict == Refused:
			return "refused"
		}
	}
	return unknown
}
