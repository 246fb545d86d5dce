package buylink

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/countersign/countersign/auth"
)

const (
	// tokenEarly is how much earlier than now a token says that it is made: the vendor
	// refuses one that is ahead of its clock, so the .NET SDK takes off as much
	// (2Checkout/2checkout-dotnet-sdk cf9f951).
	tokenEarly = 10 * time.Second
	// tokenLife is how long a token is used. The vendor's limit is not documented.
	tokenLife = 10 * time.Minute
)

// tokenHeader is a token's first part (the vendor's page on the signature endpoint).
const tokenHeader = `{"alg":"HS512","typ":"JWT"}`

// Token returns a merchant-token: the header of that name at the endpoint that signs
// carts, https://secure.2checkout.com/checkout/api/encrypt/generate/signature. It is a
// JWT with an HMAC-SHA512, that is made ten seconds ago and ends in ten minutes; who
// has it can have carts signed as this merchant until then.
//
// Its error is an [*auth.Error]: [auth.ErrConfig] if the merchant code is empty, is not
// UTF-8, begins or ends with white space or holds a control character;
// [auth.ErrSecret] if the Buy-Link Secret Word cannot be had.
func Token(ctx context.Context, merchantCode string, word auth.SecretSource, now time.Time) (auth.Secret, error) {
	if err := checkMerchantCode(merchantCode); err != nil {
		return auth.Secret{}, tokenError(auth.ErrConfig, err)
	}
	key, err := auth.Load(ctx, word)
	if err != nil {
		return auth.Secret{}, tokenError(auth.ErrSecret, err)
	}
	var payload bytes.Buffer
	e := json.NewEncoder(&payload)
	e.SetEscapeHTML(false)
	e.Encode(struct { // can all be encoded
		Subject  string `json:"sub"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{merchantCode, now.Add(-tokenEarly).Unix(), now.Add(tokenLife).Unix()})
	return auth.NewSecret(token(tokenHeader, strings.TrimSuffix(payload.String(), "\n"), key)), nil
}

func tokenError(code, err error) error {
	return &auth.Error{Op: "make merchant token", Code: code, Err: err}
}

// checkMerchantCode does not quote the code: somebody may have mistaken the secret word
// for it.
func checkMerchantCode(code string) error {
	switch {
	case code == "":
		return errors.New("the merchant code is empty: it stands in the Control Panel, Integrations, Webhooks & API")
	case !utf8.ValidString(code):
		return errors.New("the merchant code is not UTF-8: encode it so")
	case strings.TrimSpace(code) != code:
		return errors.New("the merchant code begins or ends with white space: cut it off")
	case strings.ContainsFunc(code, unicode.IsControl):
		return errors.New("the merchant code holds a control character: leave it out")
	}
	return nil
}

// token returns a JWT (RFC 7519) with an HMAC-SHA512. The key must be valid.
func token(header, payload string, key auth.Secret) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	mac := hmac.New(sha512.New, []byte(key.Reveal()))
	mac.Write([]byte(input))
	return input + "." + encode(mac.Sum(nil))
}
