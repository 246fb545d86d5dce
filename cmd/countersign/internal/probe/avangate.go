package probe

import (
	"bytes"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/cmd/countersign/internal/answer"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// checkout asks 2Checkout.
type checkout struct{}

const (
	groupREST  = "rest"
	groupRPC   = "rpc"
	groupBatch = "rpc.batch"
	groupSOAP  = "soap"
)

// noAlgorithm is a header without algo, which was MD5's.
const (
	noAlgorithm = ""
	digestMD5   = "md5"
)

const page = "Limit=1&Page=1"

// In the body of a login {code}, {date}, {hash} and {algo} are its values.
const (
	rpcLogin  = `{"jsonrpc":"2.0","method":"login","params":["{code}","{date}","{hash}","{algo}"],"id":1}`
	soapLogin = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<s:Envelope xmlns:s="` + vendor.SOAP11 + `"><s:Body><m:login xmlns:m="{url}">` +
		`<param0>{code}</param0><param1>{date}</param1><param2>{hash}</param2><param3>{algo}</param3>` +
		`</m:login></s:Body></s:Envelope>`
)

func (checkout) messages(ask Questions, keyOnly bool) []message {
	if keyOnly {
		return nil
	}
	rest := func(id, algorithm, quote string) message {
		return message{id: id, group: groupREST, query: page, algorithm: algorithm, quote: quote}
	}
	sha2, sha3 := vendor.SHA2_256.Name, vendor.SHA3_256.Name
	all := []message{
		rest("rest.sha256", sha2, `"`),
		rest("rest.sha256", sha2, `"`).asControl(),
		rest("rest.sha3-256", sha3, `"`),
		rest("rest.single-quotes", sha2, `'`),
	}
	if !fips140.Enforced() { // in which there is no MD5
		all = append(all, rest("rest.no-algo", noAlgorithm, `"`))
	}
	all = append(all, message{id: idSlash, group: groupREST, path: "-", query: page, algorithm: sha2, quote: `"`})
	if ask.Logins {
		for _, m := range []message{
			{id: "rpc.login", group: groupRPC, path: "rpc", body: rpcLogin, contentType: "application/json"},
			{id: "rpc.batch", group: groupBatch, path: "rpc", body: "[" + rpcLogin + "]", contentType: "application/json"},
			{id: "soap.login", group: groupSOAP, path: "soap", body: soapLogin, contentType: "text/xml; charset=utf-8"},
		} {
			m.method, m.algorithm = http.MethodPost, sha2
			all = append(all, m, m.asControl())
		}
	}
	return all
}

// restBase matches a base URL's path that is REST's, and its version.
var restBase = regexp.MustCompile(`^(.*)/rest(/\d+\.\d+)$`)

func (checkout) build(p *Probe, m message, now time.Time) (*http.Request, error) {
	u := *p.BaseURL
	base := strings.TrimRight(u.Path, "/")
	if base == "" {
		base = "/rest/6.0"
	}
	switch {
	case m.path == "":
		u.Path = base + "/orders/"
	case m.path == "-":
		u.Path = base + "/orders"
	case !restBase.MatchString(base):
		return nil, errors.New("the base URL's path does not end with /rest/ and a version, by which logins are found: leave the path out, or --logins")
	default:
		u.Path = restBase.ReplaceAllString(base, "$1/"+m.path+"$2") + "/"
	}
	u.RawQuery = m.query
	date, digest := "DATE", "SIGNATURE"
	if !p.Secret.IsZero() {
		date = now.UTC().Format(vendor.DateLayout)
		mac := hmac.New(function(m.algorithm), []byte(p.Secret.Reveal()))
		mac.Write(vendor.AppendPrefixed(nil, p.Account, date))
		digest = p.made(hex.EncodeToString(mac.Sum(nil)), m)
	}
	h := http.Header{}
	if m.body == "" {
		header := vendor.FormatHeader(p.Account, date, digest, m.algorithm)
		if m.algorithm == noAlgorithm {
			header = strings.TrimSuffix(header, ` `+vendor.Algo+`=""`)
		}
		h.Set(vendor.Header, strings.ReplaceAll(header, `"`, m.quote))
		h.Set("Accept", "application/json")
		return newRequest(m.method, u.String(), h, "")
	}
	h.Set("Content-Type", m.contentType)
	escape := jsonText
	if m.group == groupSOAP {
		h.Set("Soapaction", `"`+u.String()+`#login"`)
		escape = xmlText
	}
	body := strings.NewReplacer("{code}", escape(p.Account), "{date}", date, "{hash}", digest, "{algo}", m.algorithm, "{url}", escape(u.String())).Replace(m.body)
	return newRequest(m.method, u.String(), h, body)
}

func function(algorithm string) func() hash.Hash {
	switch algorithm {
	case vendor.SHA3_256.Name:
		return vendor.SHA3_256.New
	case noAlgorithm:
		return md5.New
	}
	return vendor.SHA2_256.New
}

// jsonText escapes what stands in a string of JSON.
func jsonText(s string) string {
	quoted, _ := json.Marshal(s)
	return string(quoted[1 : len(quoted)-1])
}

func xmlText(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s))
	return b.String()
}

func (d checkout) judge(m message, a *answer.Answer) (verdict string, refused bool) {
	v, _ := a.Avangate()
	denied := a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden
	switch {
	case a.Status == http.StatusMethodNotAllowed:
		return NotAllowed, false
	case denied:
		return Refused, true
	case m.body != "" && (a.Status == http.StatusOK || a.Status == http.StatusInternalServerError): // of a SOAP fault
		switch loginOf(m, a.Body) {
		case Accepted:
			return Accepted, false
		case Refused:
			return Refused, true
		}
		return NotToldApart, false
	case v == answer.Right:
		return Accepted, false
	case v == answer.Wrong, a.RefusesTime():
		return Refused, true
	case a.Status == http.StatusOK, a.Status >= 500:
		return NotToldApart, false
	}
	return Refused, a.Status >= 400
}

// loginOf returns what the answer to a login says: Accepted, Refused, or "" if it is
// none.
func loginOf(m message, body []byte) string {
	if m.group == groupSOAP {
		return soapLoginOf(body)
	}
	type outcome struct {
		Result any `json:"result"`
		Error  any `json:"error"`
	}
	var all []outcome
	if m.group != groupBatch || json.Unmarshal(body, &all) != nil {
		all = make([]outcome, 1)
		if json.Unmarshal(body, &all[0]) != nil {
			return ""
		}
	}
	for _, o := range all {
		if id, _ := o.Result.(string); id != "" && o.Error == nil {
			return Accepted
		} else if o.Error != nil {
			return Refused
		}
	}
	return ""
}

func soapLoginOf(body []byte) string {
	var envelope struct {
		Body struct {
			Fault    *struct{} `xml:"Fault"`
			Response *struct{} `xml:"loginResponse"`
		} `xml:"Body"`
	}
	switch err := xml.Unmarshal(body, &envelope); {
	case err != nil:
		return ""
	case envelope.Body.Fault != nil:
		return Refused
	case envelope.Body.Response != nil:
		return Accepted
	}
	return ""
}

func (checkout) speaks(m message, a *answer.Answer) bool {
	return a.Object != nil || m.body != "" && loginOf(m, a.Body) != ""
}

// clockRungs are by how many seconds the time is behind. A window is likely one of
// minutes, hours or days: two of them stand close around each of those, since a request
// takes a moment, and a Date tells seconds.
var clockRungs = func() []int {
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	rungs := []int{10}
	for _, likely := range []int{
		30, minute, 90, 2 * minute, 3 * minute, 4 * minute, 5 * minute, 7 * minute, 10 * minute, 12 * minute, 15 * minute, 20 * minute, 25 * minute, 30 * minute, 45 * minute,
		hour, 90 * minute, 2 * hour, 3 * hour, 4 * hour, 6 * hour, 8 * hour, 12 * hour, 18 * hour, day, 36 * hour, 2 * day, 3 * day, 7 * day, 30 * day, 365 * day,
	} {
		rungs = append(rungs, likely-5, likely+5)
	}
	return rungs
}()

func (checkout) bisections(ask Questions) []bisection {
	if !ask.Clock {
		return nil
	}
	return []bisection{{
		id: "clock", group: groupREST, ladder: clockRungs, first: len(clockRungs) / 2, upTo: 6,
		message: func(seconds int) message {
			return message{
				id: fmt.Sprintf("clock.%d", seconds), group: groupREST, query: page, algorithm: vendor.SHA2_256.Name, quote: `"`,
				off: -time.Duration(seconds) * time.Second,
			}
		},
		found: func(r *run, accepted, refused int) {
			if off := int(r.clock.Abs() / time.Second); refused > 0 && refused <= off {
				return // the first was farther off: the Date is not the clock's
			}
			r.f.ClockSeconds = authtest.ClockSeconds{Accepted: max(accepted, 0), Refused: max(refused, 0)}
		},
	}}
}

func (checkout) conclude(f *Fingerprint, verdict func(string) string) {
	f.Reads.Digests = []string{} // a list says that others are refused: none of what is not known
	var digests []string
	known := true
	for _, digest := range []struct{ id, name string }{
		{"rest.sha256", vendor.SHA2_256.Name}, {"rest.sha3-256", vendor.SHA3_256.Name}, {"rest.no-algo", digestMD5},
	} {
		switch verdict(digest.id) {
		case Accepted:
			digests = append(digests, digest.name)
		case Refused:
		default:
			known = known && digest.name == digestMD5 && fips140.Enforced()
		}
	}
	if known && digests != nil {
		f.Reads.Digests = digests
	}
	switch verdict("rest.single-quotes") {
	case Accepted:
		f.Reads.SingleQuotes = "accepted"
	case Refused:
		f.Reads.SingleQuotes = "refused"
	default:
		f.Reads.SingleQuotes = unknown
	}
	f.Slash = slash(f)
}
