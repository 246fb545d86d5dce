package explain

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// A stray is an ApiSignature where the gateway does not look, and what the parameters
// are without it.
type stray struct {
	mistake Mistake
	claim   string
	queries []string // any of which may have been signed
	names   []string // of the parameter, without its brackets
}

const placeFix = "Send ApiSignature, in these letters, as a parameter of its own beside the others."

// Mistakes in where or how an ApiSignature is sent.
var (
	straySeparator = Mistake{"a question mark is sent in the place of an ampersand", "Begin the query with one question mark, and write & between all parameters, those behind the signature, too."}
	strayLetters   = Mistake{"ApiSignature is sent in other letters", placeFix}
	strayNested    = Mistake{"ApiSignature is sent inside another parameter", placeFix}
	strayHeader    = Mistake{"the signature is sent in a header", placeFix}
)

// findStray looks for an ApiSignature elsewhere.
func (r *paylinkRequest) findStray(req *http.Request) {
	// Where it tears neither the signature nor the instance, a question mark may be a value's.
	isTorn := r.decoded.claim == "" || strings.Contains(r.decoded.claim, "?") || strings.Contains(r.instance, "%3F")
	if raw := req.URL.RawQuery; r.inQuery && isTorn && strings.Contains(raw, "?") {
		form := strings.ReplaceAll(raw, "?", "&")
		right := readForm(form, php.PlusDecoded)
		if right.claim != "" {
			r.stray, r.sent = stray{straySeparator, right.claim, []string{right.canonical}, nil}, form
			// What stands behind the signature may have been added later.
			if before, _, ok := strings.Cut(form[strings.LastIndex(form, paylink.SignatureName+"=")+1:], "&"); ok {
				from := form[:strings.LastIndex(form, paylink.SignatureName+"=")+1]
				r.stray.queries = append(r.stray.queries, readForm(from+before, php.PlusDecoded).canonical)
			}
			return
		}
	}
	if r.decoded.claim != "" || r.query.claim != "" || !r.work.mayChange(r.decoded.canonical) {
		return
	}
	ps := split(r.decoded.canonical)
	for i, p := range ps {
		name := urldecode(p.name)
		rest := []string{join(slices.Delete(slices.Clone(ps), i, i+1))}
		switch {
		case strings.EqualFold(strings.NewReplacer("_", "", "-", "").Replace(name), paylink.SignatureName):
			r.stray = stray{strayLetters, urldecode(p.value), rest, []string{name}}
			return
		case strings.HasSuffix(name, "["+paylink.SignatureName+"]"):
			r.stray = stray{strayNested, urldecode(p.value), rest, []string{topKey(name)}}
			return
		}
	}
	for _, name := range []string{"ApiSignature", "Api-Signature", "X-Api-Signature", "X-ApiSignature", "Signature", "X-Signature"} {
		if values := request.HeaderValues(req.Header, name); len(values) > 0 {
			r.stray = stray{strayHeader, values[0], []string{r.toSign}, nil}
			return
		}
	}
}

// strayed is the mistake of an ApiSignature elsewhere.
func strayed(mistake Mistake) apply {
	return func(a making) (as []making) {
		if a.paylink().stray.mistake != mistake {
			return nil
		}
		for _, query := range a.paylink().stray.queries {
			as = append(as, signingEach(a.claiming(a.paylink().stray.claim), query)...)
		}
		return as
	}
}

// credentialHeaders are where a secret is sent by those who know other gateways.
var credentialHeaders = []string{"Authorization", "API-KEY", "ApiKey", "X-Api-Secret"}

// credentialNames are what it is called in a query, in small letters and without signs.
var credentialNames = []string{"apikey", "apisecret", "secret", "xapikey"}

const credentialFix = "Send ApiSignature among the parameters, or the secret in the header X-API-KEY: the Payrexx family reads no credential elsewhere."

var queryCredential = Mistake{"a credential is sent in the query", "URLs are logged: give the secret a new value. " + credentialFix}

// misplacedHeaders names the headers with a credential that the gateways do not read.
func misplacedHeaders(h http.Header) (names []string) {
	for _, name := range credentialHeaders {
		if values := request.HeaderValues(h, name); len(values) > 0 {
			kind, _, _ := strings.Cut(values[0], " ")
			if slices.Contains([]string{"bearer", "basic"}, strings.ToLower(kind)) {
				name += ": " + kind
			}
			names = append(names, name)
		}
	}
	return names
}

// misplacedCredentials says where credentials stand that the gateway does not read.
func misplacedCredentials(req *http.Request) (mistakes []Mistake) {
	for _, name := range misplacedHeaders(req.Header) {
		mistakes = append(mistakes, Mistake{"a credential is sent in the header " + name, credentialFix})
	}
	for pair := range strings.SplitSeq(req.URL.RawQuery, "&") {
		if name, _, _ := strings.Cut(pair, "="); isCredential(name) {
			mistakes = append(mistakes, queryCredential)
			break
		}
	}
	return mistakes
}

// isCredential reports whether a name, as it travels, is one of credentialNames.
func isCredential(name string) bool {
	return slices.Contains(credentialNames, strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(urldecode(name))))
}

// withoutCredentials is the mistake not to sign a credential in the query.
func withoutCredentials(a making) []making {
	if !a.paylink().inQuery {
		return nil
	}
	return a.listing(func(ps []parameter) []parameter {
		return slices.DeleteFunc(ps, func(p parameter) bool { return isCredential(p.name) })
	})
}

// unsigned says of a request without a signature what came instead, "" if the error says
// enough.
func (r *paylinkRequest) unsigned(req *http.Request, err error) string {
	e, ok := errors.AsType[*auth.Error](err)
	if !ok || !strings.HasPrefix(e.Err.Error(), "there is no "+paylink.SignatureName) {
		return ""
	}
	reason := e.Err.Error()
	if _, notSole := request.SoleHeader(req.Header, paylink.KeyHeader); notSole != nil {
		return fmt.Sprintf("%s, and %v", reason, notSole)
	}
	if misplaced := misplacedCredentials(req); len(misplaced) > 0 {
		return fmt.Sprintf("%s, and %s. %s", reason, misplaced[0].Name, strings.TrimSuffix(misplaced[0].Fix, "."))
	}
	place := "body"
	if r.inQuery {
		place = "query"
	}
	const most = 5
	var names []string
	ps := split(r.decoded.canonical)
	for _, p := range ps {
		if len(names) > most {
			break
		}
		if key := topKey(urldecode(p.name)); plainKey.MatchString(key) && !slices.Contains(names, key) {
			names = append(names, key)
		}
	}
	came := "the " + place + " has none"
	switch {
	case len(names) > most:
		came = fmt.Sprintf("the %s has %s and more", place, strings.Join(names[:most], ", "))
	case len(names) > 0:
		came = fmt.Sprintf("the %s has %s", place, strings.Join(names, ", "))
	case len(ps) > 0:
		came = "the " + place + " has others"
	}
	return fmt.Sprintf("%s: %s; send ApiSignature with them, or the secret in the header X-API-KEY", reason, came)
}

// plainKey is what a name is like that may be shown.
var plainKey = regexp.MustCompile(`^[A-Za-z_]{1,32}$`)
