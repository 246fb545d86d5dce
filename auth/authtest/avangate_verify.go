package authtest

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/request"
)

// verify verifies the header of a request, or that which a login would be.
func (a *Avangate) verify(r *http.Request) (*avangate.Claim, error) {
	window := a.Options.ClockSeconds.window()
	verifier := avangate.Verifier{MerchantCode: a.MerchantCode, SecretKey: a.SecretKey, Now: a.Now, Window: window}
	claim, err := verifier.Verify(r)
	header, _ := request.SoleHeader(r.Header, vendor.Header)
	refuse := func(code error, format string, args ...any) error {
		return &auth.Error{Op: "verify " + r.Method, Gateway: a.MerchantCode, Code: code, Err: fmt.Errorf(format, args...)}
	}
	reads := &a.Options.Reads
	if reads.SingleQuotes == isRefused && strings.Contains(header, "'") { // no value has one
		return claim, refuse(auth.ErrUnsigned, "the header has single quotes, which this gateway does not take: write double ones")
	}
	if err == nil && !reads.takes(claim.Algorithm.String()) {
		return claim, refuse(auth.ErrSignature, "the algo %s is not one that this gateway takes: write another", claim.Algorithm)
	}
	hash := md5Hash.FindStringSubmatch(header)
	isRead := claim.Code != "" && !claim.Date.IsZero() && strings.Count(header, vendor.Code+"=") == 1 && strings.Count(header, vendor.Date+"=") == 1
	if !errors.Is(err, auth.ErrUnsigned) || hash == nil || !isRead || !reads.takes(digestMD5) || fips140.Enforced() {
		return claim, err
	}
	secret, err := auth.Load(r.Context(), a.SecretKey)
	if err != nil {
		return claim, refuse(auth.ErrSecret, "%w", err)
	}
	signed := vendor.AppendPrefixed(nil, claim.Code, claim.Date.Format(vendor.DateLayout))
	claim.StringToSign, claim.Offset = string(signed), claim.Date.Sub(a.now())
	mac := hmac.New(md5.New, []byte(secret.Reveal()))
	mac.Write(signed)
	switch right := hex.EncodeToString(mac.Sum(nil)); {
	case subtle.ConstantTimeCompare([]byte(right), []byte(hash[1])) == 0 || a.MerchantCode != "" && claim.Code != a.MerchantCode:
		return claim, refuse(auth.ErrSignature, "the hash, which is read as MD5 without an algo, or the merchant code is wrong")
	case claim.Offset.Abs() > window:
		return claim, refuse(auth.ErrClock, "the time is off by more than %v: check both clocks, and that the time is in UTC", window)
	}
	return claim, nil
}

// md5Hash finds the hash of a header without algo.
var md5Hash = regexp.MustCompile(`^(?:(?:code|date)=(?:"[^"]*"|'[^']*')\s*)*hash=["']([0-9a-f]{32})["']\s*(?:(?:code|date)=(?:"[^"]*"|'[^']*')\s*)*$`)
