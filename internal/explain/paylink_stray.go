package explain

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
	if raw := req.URL.RawQuery; r.inQuery && strings.Contains(raw, "?") {
		form := strings.ReplaceAll(raw, "?", "&")
		right := readForm(form, php.PlusDecoded)
		if right.claim != "" {
			r.stray = stray{straySeparator, right.claim, []string{right.canonical}}
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
			r.stray = stray{strayLetters, urldecode(p.value), rest}
			return
		case strings.HasSuffix(name, "["+paylink.SignatureName+"]"):
			r.stray = stray{strayNested, urldecode(p.value), rest}
			return
		}
	}
	for _, name := range []string{"ApiSignature", "Api-Signature", "X-Api-Signature", "X-ApiSignature", "Signature", "X-Signature"} {
		if values := request.HeaderValues(req.Header, name); len(values) > 0 {
			r.stray = stray{strayHeader, values[0], []string{r.decoded.canonical}}
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

// credentialPlaces are where a secret is sent by those who know other gateways.
var credentialPlaces = []struct{ name, place string }{
	{"Authorization", "a header Authorization"},
	{"API-KEY", "a header API-KEY"},
	{"ApiKey", "a header ApiKey"},
	{"X-Api-Secret", "a header X-Api-Secret"},
}

// misplacedCredential says where a credential stands that the gateway does not read, nil
// if there is none.
func misplacedCredential(req *http.Request, unsigned error) error {
	const advice = "the Payrexx family reads no credential there: send ApiSignature among the parameters, or the secret in the header X-API-KEY"
	for _, c := range credentialPlaces {
		if len(request.HeaderValues(req.Header, c.name)) > 0 {
			return fmt.Errorf("%w, and there is %s: %s", cause(unsigned), c.place, advice)
		}
	}
	for pair := range strings.SplitSeq(req.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		switch decoded, _ := url.QueryUnescape(name); strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(decoded)) {
		case "apikey", "apisecret", "secret", "xapikey":
			return fmt.Errorf("%w, and the query holds a credential: %s; give the secret a new value, since URLs are logged", cause(unsigned), advice)
		}
	}
	return nil
}

// cause returns what an error of the verifier says without its operation.
func cause(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
