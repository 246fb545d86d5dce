package authtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// tokenHeader is the name of the header that a merchant-token stands in.
const tokenHeader = "Merchant-Token"

// serveSignature signs the parameters of a buy link for who has a merchant-token.
func (a *Avangate) serveSignature(w http.ResponseWriter, r *http.Request, e *Exchange) {
	refuse := func(status int, name, message string, err error) {
		e.Status, e.Err = status, err
		answer(w, status, avangateError{name, message})
	}
	word, err := auth.Load(r.Context(), a.SecretWord)
	if err != nil {
		refuse(http.StatusInternalServerError, "INTERNAL_ERROR", "The gateway has no Buy-Link Secret Word",
			&auth.Error{Op: "verify " + r.Method, Code: auth.ErrSecret, Err: fmt.Errorf("the Buy-Link Secret Word cannot be had: %w", err)})
		return
	}
	if code, err := a.checkToken(r.Header.Values(tokenHeader), word); err != nil {
		refuse(http.StatusUnauthorized, vendor.AuthenticationError, "Authentication Required", &auth.Error{Op: "verify " + r.Method, Code: code, Err: err})
		return
	}
	source, err := readLink(io.LimitReader(r.Body, maxRPCBody))
	if r.Method != http.MethodPost {
		err = errors.New("the parameters of a buy link are sent with POST")
	}
	if err != nil {
		refuse(http.StatusBadRequest, "INVALID_REQUEST", "Invalid request", err)
		return
	}
	e.StringToSign, e.Status = source, http.StatusOK
	mac := hmac.New(sha256.New, []byte(word.Reveal()))
	io.WriteString(mac, source)
	answer(w, e.Status, map[string]string{"signature": hex.EncodeToString(mac.Sum(nil))})
}

// checkToken checks a merchant-token: a JWT (RFC 7519) of this merchant's, with an
// HMAC-SHA512 and a time. A time may be a number or a string, as both are seen.
func (a *Avangate) checkToken(values []string, word auth.Secret) (code, err error) {
	if len(values) != 1 {
		return auth.ErrUnsigned, errors.New("there is no header merchant-token, or several: send one")
	}
	parts := strings.Split(values[0], ".")
	if len(parts) != 3 {
		return auth.ErrUnsigned, errors.New("the merchant-token is no JWT, which has three parts with dots between")
	}
	var head struct{ Alg string }
	var claims struct{ Sub, Iat, Exp json.RawMessage }
	if decodePart(parts[0], &head) != nil || decodePart(parts[1], &claims) != nil {
		return auth.ErrUnsigned, errors.New("the merchant-token is no JWT: its first two parts are JSON objects in base64url")
	}
	if head.Alg != "HS512" {
		return auth.ErrUnsigned, errors.New("the merchant-token's alg is not HS512")
	}
	mac := hmac.New(sha512.New, []byte(word.Reveal()))
	io.WriteString(mac, parts[0]+"."+parts[1])
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(mac.Sum(nil))), []byte(parts[2])) == 0 {
		return auth.ErrSignature, errors.New("the merchant-token's signature is wrong: is the key the Buy-Link Secret Word, and not the Secret Key?")
	}
	issued, notIssued := strconv.ParseInt(vendor.ParameterText(claims.Iat), 10, 64)
	expires, notExpires := strconv.ParseInt(vendor.ParameterText(claims.Exp), 10, 64)
	switch {
	case vendor.ParameterText(claims.Sub) != a.MerchantCode:
		return auth.ErrSignature, errors.New("the merchant-token's sub is not this account's merchant code")
	case notIssued != nil, len(claims.Exp) > 0 && notExpires != nil:
		return auth.ErrUnsigned, errors.New("the merchant-token's iat or exp is not a number of seconds")
	case time.Unix(issued, 0).After(a.now()):
		return auth.ErrClock, errors.New("the merchant-token's iat is ahead of the clock: take some seconds off")
	case len(claims.Exp) > 0 && !a.now().Before(time.Unix(expires, 0)):
		return auth.ErrClock, errors.New("the merchant-token has expired")
	}
	return nil, nil
}

func decodePart(part string, v any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// readLink returns what is signed of a buy link's parameters, a JSON object: the values
// of those that the vendor's plugins sign. How the vendor writes nested ones is not
// known.
func readLink(body io.Reader) (source string, err error) {
	var sent map[string]json.RawMessage
	if json.NewDecoder(body).Decode(&sent) != nil {
		return "", errors.New("the body is not a JSON object with the parameters of a buy link")
	}
	var parameters []vendor.LinkParameter
	for _, name := range vendor.PluginNames {
		value, ok := sent[name]
		if !ok {
			continue
		}
		if value[0] != '"' && vendor.ParameterText(value) == "" {
			return "", fmt.Errorf("the value of %s is neither a string nor a number, and how the gateway signs others is not known", name)
		}
		parameters = append(parameters, vendor.LinkParameter{Name: name, Value: vendor.ParameterText(value)})
	}
	return vendor.LinkSource(parameters, func(string) bool { return true }), nil
}
