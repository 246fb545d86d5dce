package authtest

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/internal/paylink"
)

// Options are what gateways may differ in: how they read a request, as far as it
// matters to a signature, and what they take beside. The zero value is a gateway that
// reads as the live ones do, as far as that is known (docs/paylink.md and
// docs/2checkout.md have the evidence).
//
// Each field that is a string has the values that its comment lists, of which the
// first is what "" and "unknown" mean. As JSON they are a part of what is known of one
// gateway; other members of such a document are ignored.
type Options struct {
	Reads Reads `json:"reads,omitzero"`

	// Slash is what becomes of a path without the slash at its end: "served",
	// "redirected" to the path with it, by 301 and whatever the signature, or
	// "refused", as a path that there is not. Behind an action of the Payrexx family,
	// /v1.0/Transaction/17/refund, its SDK writes none: that is served always.
	Slash string `json:"slash,omitempty"`

	// ClockSeconds is 2Checkout's.
	ClockSeconds ClockSeconds `json:"clockSeconds,omitzero"`
}

// Reads is how a gateway reads a request. Those of a Paylink are the first seven; those
// of an Avangate are the others.
type Reads struct {
	// QueryPlus is what a plus sign in a query is: "space" or "plus".
	QueryPlus string `json:"queryPlus,omitempty"`
	// BodyPlus is what a plus sign in a form is: "plus" or "space".
	BodyPlus string `json:"bodyPlus,omitempty"`
	// BodyReplacesQuery says whether the query is not read where there is a body:
	// "yes", or "no": both are, as PHP's $_REQUEST has it, the body in place of what
	// the query names too.
	BodyReplacesQuery string `json:"bodyReplacesQuery,omitempty"`
	// JSON says whether a body that is JSON is read as such: "yes", or "no": it is
	// read as a form.
	JSON string `json:"json,omitempty"`
	// TypeMatters says whether a body is read as what its Content-Type says, and not
	// at all if that is neither JSON nor a form: "no" or "yes". Multipart wants its
	// type in any case.
	TypeMatters string `json:"typeMatters,omitempty"`
	// Names says what becomes of names with brackets in a query and a form: "php" nests
	// and renames as PHP does, "flat" takes every name as it is.
	Names string `json:"names,omitempty"`
	// APIKey says whether the header X-API-KEY authenticates: "accepted" or "refused".
	APIKey string `json:"apiKey,omitempty"`

	// Digests are the values of algo that are taken; none means "sha256" and "sha3-256".
	// "md5" is a header without algo, or a login of three parameters, which the vendor
	// took until 2024; no MD5 is made in FIPS 140 mode, and there all of them are
	// refused.
	Digests []string `json:"digests,omitempty"`
	// SingleQuotes says whether the header's attributes may stand in single quotes:
	// "accepted" or "refused".
	SingleQuotes string `json:"singleQuotes,omitempty"`
}

// ClockSeconds says how far from a gateway's clock the time of a request may be, to
// either side, in seconds: what it was seen to accept, and to refuse. It refuses what is
// more than half the way from the first to the second. If both are 0, that is
// avangate.DefaultWindow.
type ClockSeconds struct {
	Accepted int `json:"accepted,omitempty"`
	Refused  int `json:"refused,omitempty"` // 0 beside Accepted: it takes any time
}

// Validate returns an error that names the first field with a value that it does not
// have. A gateway whose options are not valid answers 500 to everything.
func (o *Options) Validate() error {
	r := &o.Reads
	for _, field := range []struct {
		name, value string
		values      []string
	}{
		{"queryPlus", r.QueryPlus, []string{readSpace, readPlus}},
		{"bodyPlus", r.BodyPlus, []string{readPlus, readSpace}},
		{"bodyReplacesQuery", r.BodyReplacesQuery, []string{saidYes, saidNo}},
		{"json", r.JSON, []string{saidYes, saidNo}},
		{"typeMatters", r.TypeMatters, []string{saidNo, saidYes}},
		{"names", r.Names, []string{namesPHP, namesFlat}},
		{"apiKey", r.APIKey, []string{isAccepted, isRefused}},
		{"singleQuotes", r.SingleQuotes, []string{isAccepted, isRefused}},
		{"slash", o.Slash, []string{slashServed, slashRedirected, isRefused}},
	} {
		if field.value != "" && field.value != unknown && !slices.Contains(field.values, field.value) {
			return fmt.Errorf("%s cannot be %.40q: write %s or %s", field.name, field.value, strings.Join(field.values, ", "), unknown)
		}
	}
	for _, digest := range r.Digests {
		if !slices.Contains(allDigests, digest) {
			return fmt.Errorf("digests cannot hold %.40q: write %s", digest, strings.Join(allDigests, ", "))
		}
	}
	if c := o.ClockSeconds; min(c.Accepted, c.Refused) < 0 || max(c.Accepted, c.Refused) > maxClockSeconds || c.Refused > 0 && c.Accepted >= c.Refused {
		return fmt.Errorf("clockSeconds cannot accept %d and refuse %d: write two numbers up to %d, the second above the first, or 0", c.Accepted, c.Refused, maxClockSeconds)
	}
	return nil
}

// The values of the fields.
const (
	unknown         = "unknown"
	readSpace       = "space"
	readPlus        = "plus"
	saidYes         = "yes"
	saidNo          = "no"
	namesPHP        = "php"
	namesFlat       = "flat"
	isAccepted      = "accepted"
	isRefused       = "refused"
	slashServed     = "served"
	slashRedirected = "redirected"
	digestMD5       = "md5"
)

// maxClockSeconds is thirty years.
const maxClockSeconds = 1_000_000_000

var allDigests = []string{avangate.SHA2_256.String(), avangate.SHA3_256.String(), digestMD5}

// reading is how a Paylink reads parameters.
func (r *Reads) reading() paylink.Reading {
	return paylink.Reading{
		KeepsQueryPlus:  r.QueryPlus == readPlus,
		DecodesBodyPlus: r.BodyPlus == readSpace,
		Merges:          r.BodyReplacesQuery == saidNo,
		NoJSON:          r.JSON == saidNo,
		TypeMatters:     r.TypeMatters == saidYes,
		Flat:            r.Names == namesFlat,
	}
}

// takes reports whether an Avangate takes a digest.
func (r *Reads) takes(digest string) bool {
	if len(r.Digests) == 0 {
		return digest != digestMD5
	}
	return slices.Contains(r.Digests, digest)
}

// window is how far a request's time may be off.
func (c ClockSeconds) window() time.Duration {
	switch {
	case c == ClockSeconds{}:
		return avangate.DefaultWindow
	case c.Refused == 0:
		return math.MaxInt64
	}
	return time.Duration(c.Accepted)*time.Second/2 + time.Duration(c.Refused)*time.Second/2
}

// before says what is answered whatever the credentials: the status and the reason for
// it, 0 if the request is to be looked at. lacksSlash says of its path that it has no
// slash at its end where one belongs.
func (o *Options) before(w http.ResponseWriter, r *http.Request, lacksSlash bool) (status int, reason error) {
	if err := o.Validate(); err != nil {
		return http.StatusInternalServerError, fmt.Errorf("the gateway's options are wrong: %w", err)
	}
	switch {
	case !lacksSlash:
	case o.Slash == slashRedirected:
		target := url.URL{Path: r.URL.Path + "/", RawPath: r.URL.EscapedPath() + "/", RawQuery: r.URL.RawQuery}
		w.Header().Set("Location", target.RequestURI())
		return http.StatusMovedPermanently, errors.New("the path has no slash at its end: write one, or a client may make a GET of what follows")
	case o.Slash == isRefused:
		return http.StatusNotFound, errors.New("the path has no slash at its end: write one")
	}
	return 0, nil
}
