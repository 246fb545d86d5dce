package avangate

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/request"
)

// DefaultWindow is how far a request's time may be from a [Verifier]'s clock,
// unless it says otherwise. The vendor's own window is not documented.
const DefaultWindow = 5 * time.Minute

// A Verifier checks the header of requests, as the vendor does: for tests, and
// for proxies that stand in front of the API. It is safe for concurrent use.
//
// It checks what the header covers, the merchant code and the time. The same
// header passes as often as it comes within the window.
type Verifier struct {
	// MerchantCode is the only code that is accepted. Empty accepts any.
	MerchantCode string
	// SecretKey is the source of the Secret Key. It is asked for every request
	// whose header can be read.
	SecretKey auth.SecretSource
	// Window is how far the request's time may be from Now, to either side. Zero
	// means DefaultWindow.
	Window time.Duration
	// Now is the clock, read once for each request. Nil means time.Now.
	Now func() time.Time
}

// A Claim is what a request's header says of itself. It holds neither the hash
// nor the secret and may be logged.
type Claim struct {
	// Code is the merchant code.
	Code string
	// Date is the time, in UTC, in whole seconds.
	Date time.Time
	// Algorithm is the hash function under the HMAC.
	Algorithm Algorithm
	// StringToSign is what the hash should be the HMAC of.
	StringToSign string
	// Offset is Date less the Verifier's clock: positive if the request's clock is
	// ahead. It is zero if the header cannot be read.
	Offset time.Duration
}

// Verify checks the header of req, and neither reads nor changes anything else.
// Its error is an [*auth.Error]:
//
//   - [auth.ErrUnsigned]: there is no header, more than one in whatever spelling,
//     with underscores too, or one that cannot be read. Attributes may come in any
//     order, in double or single quotes. A header without algo means MD5 and is not
//     accepted.
//   - [auth.ErrSecret]: the secret cannot be had.
//   - [auth.ErrSignature]: the hash or the merchant code is wrong.
//   - [auth.ErrClock]: both are right, and the time is too old or too new.
//
// The Claim is there on errors too, as far as it was read; the rest of it is
// zero, and until there is no error it may be forged. Claim and error are for the
// operator: tell the peer nothing of them but that the request is refused.
func (v *Verifier) Verify(req *http.Request) (*Claim, error) {
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	claim, code, err := v.verify(req.Context(), req.Header, now())
	if err != nil {
		return claim, &auth.Error{Op: "verify " + request.Method(req), Gateway: v.MerchantCode, Code: code, Err: err}
	}
	return claim, nil
}

func (v *Verifier) verify(ctx context.Context, h http.Header, now time.Time) (claim *Claim, code, err error) {
	read, got, err := readHeader(h)
	claim = &read
	if err != nil {
		return claim, auth.ErrUnsigned, err
	}
	claim.Offset = claim.Date.Sub(now)
	secret, err := auth.Load(ctx, v.SecretKey)
	if err != nil {
		return claim, auth.ErrSecret, err
	}
	var want string
	claim.StringToSign, want = sign(secret, claim.Algorithm, claim.Code, claim.Date.Format(vendor.DateLayout))
	rightHash := subtle.ConstantTimeCompare([]byte(got), []byte(want))
	rightCode := subtle.ConstantTimeCompare([]byte(claim.Code), []byte(v.MerchantCode))
	if v.MerchantCode == "" {
		rightCode = 1
	}
	if rightHash&rightCode == 0 {
		if rightCode == 0 { // whatever the hash, or the error would tell that the key is right
			return claim, auth.ErrSignature, errors.New("the merchant code is not this account's: correct it, and if that is not all, the Secret Key")
		}
		return claim, auth.ErrSignature, errors.New("the hash is wrong: is the key this account's Secret Key, and not a secret word?")
	}
	window := v.Window
	if window == 0 {
		window = DefaultWindow
	}
	if claim.Offset.Abs() > window {
		off := claim.Offset.Round(time.Second).String()
		if claim.Offset == math.MinInt64 || claim.Offset == math.MaxInt64 { // no longer ones are told apart
			off = "more than 292 years"
		}
		return claim, auth.ErrClock, fmt.Errorf("the time is off by %s, and %v is allowed: check both clocks, and that the time is in UTC", off, window)
	}
	return claim, nil, nil
}
