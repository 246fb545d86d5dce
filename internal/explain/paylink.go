package explain

import (
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/redact"
	"github.com/countersign/countersign/internal/request"
)

// A Paylink explains the ApiSignature of the Payrexx family, and the X-API-KEY of a
// request that has none. It is safe for
// concurrent use; its fields must not be changed once it is in use.
type Paylink struct {
	// Secret is the API secret.
	Secret auth.SecretSource

	// MaxBody is how long a body may be, in bytes; it is held in memory. Zero means
	// paylinkhmac.DefaultMaxBody.
	MaxBody int64
}

// Request explains the signature of a request that a server received. It reads
// the body and puts it back, unless it fails with [auth.ErrBody]. The signature is
// right if a [paylinkhmac.Verifier] says so that reads as the live gateways do, an
// X-API-KEY if it is the secret.
//
// An error is an [*auth.Error]: [auth.ErrUnsigned] if there is no signature to be
// found, [auth.ErrSecret] if the secret cannot be had, [auth.ErrBody] if the body
// cannot be read or is longer than MaxBody. The Diagnosis is never nil, and holds
// the StringToSign if that is known.
func (p *Paylink) Request(req *http.Request) (*Diagnosis, error) {
	d, err := p.explain(req)
	return d, paylink.Complete(err, "explain", req, nil)
}

// Parameters explains a signature of parameters, given as a form in their order:
// name=value&name=value. A plus sign stands for a space. An instance among them is
// not signed, and an ApiSignature is passed over. The errors are those of
// [Paylink.Request].
func (p *Paylink) Parameters(ctx context.Context, parameters, signature string) (*Diagnosis, error) {
	if signature == "" {
		return new(Diagnosis), &auth.Error{Op: "explain parameters", Code: auth.ErrUnsigned, Err: errors.New("no signature is given")}
	}
	// First, so that it is not among what PHP drops of too many parameters.
	form := paylink.SignatureName + "=" + urlencode(signature) +
		"&" + withoutPairs(strings.ReplaceAll(parameters, "+", "%20"), paylink.SignatureName)
	req := &http.Request{Method: http.MethodPost, URL: new(url.URL), Header: make(http.Header)}
	paylink.SetFormType(req.Header)
	request.SetBody(req, []byte(form))
	d, err := p.explain(req.WithContext(ctx))
	if e, ok := errors.AsType[*auth.Error](err); ok {
		e.Op = "explain parameters"
	}
	return d, err
}

func (p *Paylink) explain(req *http.Request) (*Diagnosis, error) {
	secret, err := auth.Load(req.Context(), p.Secret)
	if err != nil {
		return new(Diagnosis), paylink.Refuse(auth.ErrSecret, err)
	}
	verifier := paylinkhmac.Verifier{Secret: secret, MaxBody: p.MaxBody, Reading: paylinkhmac.Live}
	found, err := verifier.Verify(req)
	d := &Diagnosis{Right: err == nil, StringToSign: found.StringToSign}
	defer d.redact(secret)
	if d.Right {
		d.Notes = slices.Concat(found.Notes, valueNotes(found), pathNotes(req))
	}
	if err == nil || errors.Is(err, auth.ErrBody) {
		return d, err
	}
	if key, notSole := request.SoleHeader(req.Header, paylink.KeyHeader); errors.Is(err, auth.ErrUnsigned) && notSole == nil && key != "" {
		d.explainKey(req, key, secret.Reveal())
		return d, nil
	}
	r, readErr := readPaylink(req, found)
	if readErr != nil {
		return d, paylink.Refuse(auth.ErrBody, readErr)
	}
	d.StringToSign = r.toSign
	r.findStray(req)
	if errors.Is(err, auth.ErrUnsigned) && r.query.claim == "" && r.hidden == "" && r.stray.claim == "" {
		if reason := redact.New(secret.Reveal()).String(r.unsigned(req, err)); reason != "" {
			err = paylink.Refuse(auth.ErrUnsigned, errors.New(reason))
		}
		return d, err
	}
	r.explain(d, secret.Reveal())
	// They are no reason for the refusal, and so are not named first.
	misplaced := misplacedCredentials(req)
	isSearched := len(r.toSign) <= maxChanged && !slices.Contains(misplaced, queryCredential)
	if key := redact.New(secret.Reveal()); key.In(r.anyClaim()) || isSearched && key.In(r.toSign) {
		misplaced = append(misplaced, paylinkScheme.inClear())
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Mistakes = slices.Concat(f.Mistakes, slices.DeleteFunc(slices.Clone(misplaced), func(m Mistake) bool { return slices.Contains(f.Mistakes, m) }))
	}
	if len(d.Findings) == 0 {
		d.Shown = slices.Concat(d.Shown, misplaced)
	}
	return d, nil
}

// explainKey fills in d for a request that has no ApiSignature and that key as its
// X-API-KEY.
func (d *Diagnosis) explainKey(req *http.Request, key, secret string) {
	d.StringToSign = ""
	if subtle.ConstantTimeCompare([]byte(key), []byte(secret)) == 1 {
		d.Right, d.Notes = true, pathNotes(req)
		if strings.Contains(req.URL.RawQuery, "+") {
			d.Notes = append(d.Notes, "a plus sign in the query is taken for a plus sign beside an X-API-KEY, so that a filter with it finds nothing: write a space as %20 and a plus sign as %2B")
		}
		return
	}
	r := &source{scheme: paylinkScheme, functions: paylinkScheme.functions, secret: secret}
	for _, row := range paylinkScheme.keyRows() {
		for _, a := range row.apply(r.makings("")[0]) {
			if a.hash.key == key {
				d.Findings = []Finding{{Mistakes: []Mistake{row.Mistake}, Difference: -1}}
				return
			}
		}
	}
	d.Shown = []Mistake{{"the X-API-KEY is not the secret", "Send the API secret of this instance, as it is: no signature and nothing that is made of it."}}
}

// pathNotes says what is fragile about the path.
func pathNotes(req *http.Request) []string {
	if path := req.URL.Path; path != "" && !strings.HasSuffix(path, "/") {
		return []string{"the path has no slash at its end, and a gateway may redirect to the one that has: write it"}
	}
	return nil
}

// A paylinkRequest is a request as it arrived. Names and values are in the spelling of
// PHP's urlencode.
type paylinkRequest struct {
	source

	// What the gateway reads, with plus signs decoded, as it does in a query, and with
	// them kept, as it does in a body.
	decoded, kept reading
	inQuery       bool
	toSign        string  // what the gateway makes of it
	query         reading // the query beside a body

	// The mistake of a Content-Type that says that the body is something else; and the
	// ApiSignature, if the gateway does not find it for that reason. The readings are
	// those of the right type then.
	mistyped Mistake
	hidden   string

	stray stray // zero if there is none

	sent      string // the query or the form itself, "" if it is neither
	json      string // the JSON itself, "" if it is none
	jsonRest  string // the JSON without its ApiSignature
	parts     []part
	instance  string
	model, id parameter // of the path, without a name if it says none
	method    string
	path      string
	host      string

	ofQuery []string // the query beside a body, as it might be signed
}

// paylink returns the request.
func (a making) paylink() *paylinkRequest { return a.from.read.(*paylinkRequest) }

// A reading is one way to read parameters.
type reading struct {
	all       string // all of them, as http_build_query writes them, or "" if that is long
	canonical string // without the gateway's own: what is to be signed
	claim     string // the ApiSignature
}

func newReading(params *php.Array) reading {
	claim, _ := params.Get(paylink.SignatureName)
	all := ""
	if params.Size() <= maxChanged {
		all = string(params.AppendQuery(nil))
	}
	paylink.RemoveOwn(params)
	return reading{all, string(params.AppendQuery(nil)), claim}
}

// withOwn returns what is to be signed with the instance as it was sent, and with an
// empty ApiSignature where it was sent.
func (r *reading) withOwn() (withInstance, withSignature string) {
	if r.all == "" {
		return r.canonical, r.canonical
	}
	withInstance = join(withoutNames(split(r.all), paylink.SignatureName))
	ps := withoutNames(split(r.all), paylink.InstanceName)
	for i := range ps {
		if ps[i].name == paylink.SignatureName {
			ps[i].value = ""
		}
	}
	return withInstance, join(ps)
}

func readForm(form string, plus php.Plus) reading {
	var params php.Array
	php.ParseStr(&params, form, plus)
	return newReading(&params)
}

// readPaylink reads a request once more in which a Verifier has found that.
func readPaylink(req *http.Request, found *paylinkhmac.Verification) (*paylinkRequest, error) {
	body, err := request.TakeBody(req, req.ContentLength)
	if err != nil {
		return nil, err
	}
	r := &paylinkRequest{instance: urlencode(found.Instance), method: req.Method, path: req.URL.EscapedPath(), host: req.Host}
	object, id := paylink.FindPath(req.URL.Path)
	if object != "" {
		r.model = parameter{"model", urlencode(object)}
	}
	if id != "" {
		r.id = parameter{"id", urlencode(id)}
	}
	if len(body) == 0 {
		r.readForm(req.URL.RawQuery)
		r.inQuery, r.toSign = true, r.decoded.canonical
		return r, nil
	}
	request.SetBody(req, body)
	r.query = readForm(req.URL.RawQuery, php.PlusDecoded)
	received, err := paylink.Receive(req, body)
	media, typeErr := paylink.MediaType(request.ReadBodyHeader(req.Header))
	isTyped := func(as string) bool { return media == as || typeErr != nil }
	switch received.Kind {
	case paylink.Form:
		if !isTyped(paylink.FormType) {
			r.mistyped = mistypedForm
		}
		r.readForm(string(body))
	case paylink.JSON:
		if !isTyped(paylink.JSONType) {
			r.mistyped = mistypedJSON
		}
		if err == nil { // what cannot be read has no parameters
			paylink.RemoveOwn(received.Params)
			r.readJSON(body, string(received.Params.Query()))
		}
	case paylink.Multipart:
		r.readMultipart(body, received.Boundary)
		if r.decoded.claim == "" {
			r.readMistyped(body)
		}
	}
	if r.sent == "" { // plus signs are but signs
		r.kept = r.decoded
	}
	r.toSign = r.kept.canonical
	return r, nil
}

// readMistyped reads a body without an ApiSignature as JSON or as a form, although
// its Content-Type says multipart, if there is one then.
func (r *paylinkRequest) readMistyped(body []byte) {
	var right paylinkRequest
	var params php.Array
	mistyped := mistypedForm
	if php.ParseJSON(&params, body) == nil {
		mistyped = mistypedJSON
		right.readJSON(body, newReading(&params).canonical)
	} else {
		right.readForm(string(body))
	}
	if right.decoded.claim == "" {
		return
	}
	r.mistyped, r.hidden = mistyped, right.decoded.claim
	r.decoded, r.kept, r.sent, r.json, r.jsonRest = right.decoded, right.kept, right.sent, right.json, right.jsonRest
	r.decoded.claim, r.kept.claim = "", ""
}

// readJSON reads a body whose parameters are known: that takes long.
func (r *paylinkRequest) readJSON(body []byte, canonical string) {
	if text := bytes.TrimLeft(body, jsonSpace); len(text) == 0 || text[0] != '{' || !json.Valid(body) {
		return // lists have no ApiSignature
	}
	r.json = string(body)
	r.decoded.canonical = canonical
	r.decoded.claim, r.jsonRest = signatureIn(r.json)
	if !r.mayChangeJSON() {
		return
	}
	var params php.Array
	if php.ParseJSON(&params, body) == nil {
		r.decoded.all = string(params.AppendQuery(nil))
	}
}

func (r *paylinkRequest) readMultipart(body []byte, boundary string) {
	var params php.Array
	if php.ParseMultipart(&params, bytes.NewReader(body), boundary) != nil {
		return
	}
	r.decoded = newReading(&params)
	r.parts = readParts(body, boundary)
}

func (r *paylinkRequest) readForm(form string) {
	r.sent = form
	r.decoded = readForm(form, php.PlusDecoded)
	r.kept = readForm(form, php.PlusKept)
}

// A part is a part of a multipart body.
type part struct {
	name, value string
	isFile      bool
	fileName    string
	contentType string
}

// maxSignedFile is how large a file is that may have been signed with its content,
// in bytes.
const maxSignedFile = 64 << 10

// readParts returns the parts of a body that has been read once.
func readParts(body []byte, boundary string) []part {
	var parts []part
	for r := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		next, err := r.NextRawPart()
		if err != nil {
			return parts
		}
		_, disposition, _ := mime.ParseMediaType(next.Header.Get("Content-Disposition"))
		p := part{name: disposition["name"], contentType: next.Header.Get("Content-Type")}
		p.fileName, p.isFile = disposition["filename"]
		content, err := io.ReadAll(next)
		if err != nil {
			return parts
		}
		if !p.isFile || len(content) <= maxSignedFile {
			p.value = string(content)
		}
		parts = append(parts, p)
	}
}

// Mistakes in how plus signs were sent.
var (
	plusForSpace  = Mistake{"a space is sent as a plus sign", plusFix}
	plusUnescaped = Mistake{"a plus sign is sent unescaped", plusFix}
	plusForEither = Mistake{"a plus sign is sent, for a space or for itself", plusFix} // where nothing tells
)

// Mistakes in what the Content-Type says of the body.
var (
	mistypedJSON = Mistake{"the JSON is sent with the wrong Content-Type", "Send Content-Type: " + paylink.JSONType + ": curl and others send a form's type unless they are told another."}
	mistypedForm = Mistake{"the form is sent with the wrong Content-Type", "Send Content-Type: " + paylink.FormType + "."}
)

// paylinkForm shows: the signature is no digest.
var paylinkForm = Mistake{"the signature is not an HMAC-SHA256 in base64, which has 44 characters", codingFix}

// Mistakes that cannot be reproduced.
var (
	paylinkSecret  = Mistake{"the secret is that of another instance or platform", secretFix}
	paylinkChanged = Mistake{"the parameters are changed after they are signed", "Sign last, and compare the string to sign with the one that the program signed."}
)

// explain fills in d, which holds the gateway's string to sign.
func (r *paylinkRequest) explain(d *Diagnosis, secret string) {
	queryWithInstance, _ := r.query.withOwn()
	r.ofQuery = slices.DeleteFunc([]string{queryWithInstance, r.query.canonical}, func(q string) bool { return q == "" })
	r.scheme, r.functions, r.secret, r.right, r.read = paylinkScheme, paylinkScheme.functions, secret, message{query: r.toSign}, r
	claim := r.kept.claim
	if r.inQuery {
		claim = r.decoded.claim
	}
	s := search[making]{shown: paylinkShown, rows: paylinkRows, try: r.work.try, spent: r.work.takeSpent, seen: making.seen, write: making.write}
	s.explain(d, r.makings(claim)...)
	d.Shown = r.sure(d.Shown)
	unsure := [][]Mistake{d.Shown}
	for i, a := range s.found {
		if a.message.literal && a.message.query == "" { // which tells nothing of them
			unsure = append(unsure, d.Findings[i].Mistakes)
		}
	}
	for _, mistakes := range unsure {
		if i := slices.Index(mistakes, plusForSpace); i >= 0 {
			mistakes[i] = plusForEither
		}
	}
	shown := d.Shown
	if len(d.Findings) > 0 {
		shown = d.Findings[0].Mistakes
	}
	d.Sent, d.Send = r.sentAndSend(shown)
	d.Incomplete = d.Incomplete || r.work.incomplete
	if r.work.hasher.shortKey {
		d.Skipped = append(d.Skipped, shortKeys)
	}
	if len(d.Findings) > 0 {
		return
	}
	if r.claim(r.anyClaim()).digest == "" && !redact.New(secret).In(r.anyClaim()) {
		d.Shown = append(slices.Clip(d.Shown), paylinkForm)
	}
	d.Possibilities = append(d.Possibilities, paylinkSecret, paylinkChanged)
}

// anyClaim returns the ApiSignature, wherever it was sent.
func (r *paylinkRequest) anyClaim() string {
	return cmp.Or(r.stray.claim, r.decoded.claim, r.hidden, r.query.claim)
}

// maxShown is how long a parameter is that is shown as it was sent, in bytes.
const maxShown = 120

// sentAndSend returns the first parameter that one of the mistakes is made in, and what
// to send in its place.
func (r *paylinkRequest) sentAndSend(mistakes []Mistake) (sent, send string) {
	var from, to, orTo string
	switch {
	case slices.Contains(mistakes, plusForSpace):
		from, to = "+", "%20"
	case slices.Contains(mistakes, plusForEither):
		from, to, orTo = "+", "%20", "%2B"
	case slices.Contains(mistakes, plusUnescaped):
		from, to = "+", "%2B"
	case slices.Contains(mistakes, sentTwice), slices.Contains(mistakes, bothTwice):
		from, to = "%25", "%"
	default:
		return "", ""
	}
	for pair := range strings.SplitSeq(r.unsignedText(paylink.SignatureName), "&") {
		if strings.Contains(pair, from) {
			if len(pair) > maxShown {
				return "", ""
			}
			send = strings.ReplaceAll(pair, from, to)
			if orTo != "" {
				send += " or " + strings.ReplaceAll(pair, from, orTo)
			}
			return pair, send
		}
	}
	return "", ""
}

// hasPlus reports whether a body has plus signs, which gateways read in two ways.
func (r *paylinkRequest) hasPlus() bool { return !r.inQuery && r.decoded.canonical != r.kept.canonical }

// withOwn signs a parameter of the gateway's own where it was sent, if the others are
// signed as they were read.
func (a making) withOwn(name string) []making {
	reading := &a.paylink().decoded
	switch a.message.query {
	case a.paylink().kept.canonical:
		reading = &a.paylink().kept
	case reading.canonical:
	default:
		return nil
	}
	withInstance, withSignature := reading.withOwn()
	if name == paylink.InstanceName {
		return a.signing(withInstance)
	}
	return a.signing(withSignature)
}
