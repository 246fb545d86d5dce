package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/redact"
	"github.com/countersign/countersign/internal/request"
)

// An Avangate explains the hashes of 2Checkout: those of the REST API's header
// X-Avangate-Authentication, and those of the login of JSON-RPC and SOAP. A hash is
// right if an [avangate.Verifier] with the same fields accepts it.
//
// What is wrong with the form of a header, and is seen without any trying, stands
// in each Finding beside what was tried, and among the Possibilities if there are
// no Findings. So does a date outside the window.
//
// The two mistakes of a pair are made at different steps, such as the date, the
// layout of the string to sign, and the key. Two at one step are not tried: a date
// that is signed in another form and in another time zone is not found.
//
// Its fields must not be changed while it is used. Then it is safe for concurrent
// use.
type Avangate struct {
	// MerchantCode is the only code that is accepted. Empty accepts any.
	MerchantCode string
	// SecretKey is the source of the Secret Key. It is asked for each hash.
	SecretKey auth.SecretSource
	// Window is how far a date may be from Now, to either side. Zero means
	// avangate.DefaultWindow.
	Window time.Duration
	// Now is the clock, read once for each hash. Nil means time.Now. For a request
	// that is not new, give the time at which it was made.
	Now func() time.Time
	// Kept says that the request has not just arrived, so that it may have been right
	// when it did: what is right for a date that is past is right, with a note.
	Kept bool
}

// maxAvangateBody bounds the body in which a login is looked for, in bytes.
const maxAvangateBody = 8 << 20

// Request explains the header of a request that a server received, or, at a path of
// JSON-RPC or SOAP, the first login in its body, which is read and put back.
//
// An error is an [*auth.Error]: [auth.ErrUnsigned] if there is no hash to explain,
// [auth.ErrSecret] if the secret cannot be had, [auth.ErrBody] if the body cannot be
// read or is longer than 8 MiB; it is lost then. The Diagnosis is never nil, and
// holds the StringToSign if that is known.
func (a *Avangate) Request(req *http.Request) (*Diagnosis, error) {
	protocol, err := vendor.ProtocolOf(req.URL.EscapedPath())
	if err != nil {
		return new(Diagnosis), a.error(auth.ErrUnsigned, err)
	}
	if protocol == vendor.REST {
		values := request.HeaderValues(req.Header, vendor.Header)
		if misplaced := misplacedHeaders(req.Header); len(values) == 0 && len(misplaced) > 0 {
			return new(Diagnosis), a.error(auth.ErrUnsigned, fmt.Errorf("there is no header %s, and a credential is sent in the header %s, which 2Checkout does not read: send %s: %s", vendor.Header, misplaced[0], vendor.Header, attributesFix))
		}
		return a.explainHeader(req.Context(), values)
	}
	body, err := request.TakeBody(req, maxAvangateBody)
	if err != nil {
		return new(Diagnosis), a.error(auth.ErrBody, err)
	}
	request.SetBody(req, body)
	read := readRPCLogin
	if protocol == vendor.SOAP {
		read = readSOAPLogin
	}
	login := read(body)
	if login == nil {
		return new(Diagnosis), a.error(auth.ErrUnsigned, errors.New("the path is that of a session, in which only the call of login carries a hash, and the body holds none: explain the login"))
	}
	return a.explainLogin(req.Context(), login)
}

// Header explains the value of a header X-Avangate-Authentication. Its errors are
// those of [Avangate.Request].
func (a *Avangate) Header(ctx context.Context, value string) (*Diagnosis, error) {
	return a.explainHeader(ctx, []string{value})
}

func (a *Avangate) error(code, err error) error {
	return &auth.Error{Op: "explain 2Checkout's hash", Gateway: a.MerchantCode, Code: code, Err: err}
}

func (a *Avangate) explainHeader(ctx context.Context, values []string) (*Diagnosis, error) {
	if len(values) == 0 {
		return new(Diagnosis), a.error(auth.ErrUnsigned, errors.New("there is no header "+vendor.Header))
	}
	c := readAvangateHeader(values[0])
	c.headers = len(values)
	return a.explain(ctx, values, c)
}

// noHash says what came where a hash should be.
func (c *avangateClaim) noHash() string {
	if !c.isLogin {
		return "there is no hash: write " + attributesFix
	}
	came := 0
	for _, parameter := range []string{c.code, c.date, c.hash, c.algo} {
		if parameter != "" {
			came++
		}
	}
	return fmt.Sprintf("there is no hash, the third parameter of login, of which %d came: give it the merchant code, the date, the hash and the algorithm, in this order", came)
}

// explainLogin explains the parameters of a login, as the header of the same
// values, which is what they mean.
func (a *Avangate) explainLogin(ctx context.Context, login *avangateLogin) (*Diagnosis, error) {
	var v [4]string
	copy(v[:], login.parameters)
	c := &avangateClaim{code: v[0], date: v[1], hash: v[2], algo: v[3], headers: 1, isLogin: true, loginFlaws: login.flaws}
	return a.explain(ctx, []string{vendor.FormatHeader(v[0], v[1], v[2], v[3])}, c)
}

// explain explains what c says, which was read from the values of the header.
func (a *Avangate) explain(ctx context.Context, values []string, c *avangateClaim) (*Diagnosis, error) {
	d := &Diagnosis{StringToSign: string(vendor.AppendPrefixed(nil, c.code, c.date))}
	secret, err := auth.Load(ctx, a.SecretKey)
	defer d.redact(secret)
	if c.hash == "" {
		reason := c.noHash()
		if redact.New(secret.Reveal()).In(values[0]) {
			reason += "; and " + avangateScheme.inClear().Name + ": give it a new value"
		}
		return d, a.error(auth.ErrUnsigned, errors.New(reason))
	}
	if err != nil {
		return d, a.error(auth.ErrSecret, err)
	}
	now := time.Now()
	if a.Now != nil {
		now = a.Now()
	}
	verifier := avangate.Verifier{MerchantCode: a.MerchantCode, SecretKey: secret, Window: a.Window, Now: func() time.Time { return now }}
	req := (&http.Request{Header: http.Header{vendor.Header: values}}).WithContext(ctx)
	claimed, err := verifier.Verify(req)
	c.readDate()
	isPast := errors.Is(err, auth.ErrClock) && claimed.Offset < 0 && !c.isOfAnotherEra(now)
	if (err == nil || isPast && a.Kept) && len(c.loginFlaws) == 0 {
		d.Right = true
		if isPast {
			d.Notes = []string{fmt.Sprintf("the hash is right for its date, %s ago: if the request is not new, say when it was made: --date%s", distance(claimed.Offset), c.localTime(now))}
		}
		return d, nil
	}
	c.account = a.MerchantCode
	c.unreadable = errors.Is(err, auth.ErrUnsigned)
	r := c.source(secret.Reveal())
	rights := r.makings(c.hash)
	c.digest = rights[0].claim.digest
	seen, _ := rights[0].seen()
	flaws := c.flaws(seen, redact.New(secret.Reveal()))
	clock := c.clock(now, cmp.Or(a.Window, avangate.DefaultWindow))

	s := search[making]{rows: avangateRows, try: r.work.try, spent: r.work.takeSpent, seen: making.seen, mayBeRight: true}
	s.explain(d, rights...)
	d.Shown = r.sure(d.Shown)
	d.Incomplete = d.Incomplete || r.work.incomplete
	if r.work.hasher.shortKey {
		d.Skipped = append(d.Skipped, shortKeys)
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		if ahead := s.found[i].ahead; ahead != 0 {
			zone := &f.Mistakes[len(f.Mistakes)-1] // whose stage is the last
			zone.Fix = fmt.Sprintf(zone.Fix, apart(ahead), zonesApart(ahead))
		}
		for j := range f.Mistakes {
			f.Mistakes[j] = c.said(f.Mistakes[j])
		}
		if code := valueOf(s.found[i].message.query, vendor.Code); c.account != "" && c.account == code && code != c.code {
			f.Mistakes = f.Mistakes[1:] // whose stage is the first: the flaws say what is wrong with the code
		}
		f.Mistakes = slices.Concat(flaws, f.Mistakes, clock)
	}
	if len(d.Findings) == 0 {
		for i := range d.Shown {
			d.Shown[i] = c.said(d.Shown[i])
		}
		d.Shown = slices.Concat(flaws, d.Shown, clock)
		d.Possibilities = avangatePossibilities
	}
	return d, nil
}
