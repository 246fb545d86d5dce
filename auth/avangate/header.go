package avangate

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/request"
)

const hexDigits = "0123456789abcdef"

// An Algorithm is the hash function under the HMAC.
type Algorithm int

// The algorithms that the vendor takes since API 6.0.
const (
	SHA2_256 Algorithm = iota // algo="sha256"
	SHA3_256                  // algo="sha3-256"
)

var algorithms = [...]vendor.Function{SHA2_256: vendor.SHA2_256, SHA3_256: vendor.SHA3_256}

// String returns the algorithm's name in the header.
func (a Algorithm) String() string {
	if !a.valid() {
		return "Algorithm(" + strconv.Itoa(int(a)) + ")"
	}
	return algorithms[a].Name
}

func (a Algorithm) valid() bool { return 0 <= a && int(a) < len(algorithms) }

// stringToSign returns what is signed: each value follows its length in bytes.
func stringToSign(code, date string) []byte { return vendor.AppendPrefixed(nil, code, date) }

// formatDate writes a time as the vendor has it, in UTC.
func formatDate(t time.Time) string { return t.UTC().Format(vendor.DateLayout) }

// sign returns the string to sign, and its HMAC in lower-case hexadecimal digits. The
// secret must be valid.
func sign(secret auth.Secret, a Algorithm, code, date string) (signed, hash string) {
	b := stringToSign(code, date)
	mac := hmac.New(algorithms[a].New, []byte(secret.Reveal()))
	mac.Write(b)
	return string(b), hex.EncodeToString(mac.Sum(nil))
}

// checkMerchantCode returns an error if the header could not carry the code. It
// does not quote the code: somebody may have mistaken the key for it.
func checkMerchantCode(code string) error {
	switch {
	case code == "":
		return errors.New("the merchant code is empty: it stands in the Control Panel, Integrations, Webhooks & API")
	case strings.TrimSpace(code) != code:
		return errors.New("the merchant code begins or ends with white space: cut it off")
	case strings.ContainsAny(code, `"'\`):
		return errors.New("the merchant code holds a quote or a backslash, which the header cannot carry")
	case strings.ContainsFunc(code, unicode.IsControl):
		return errors.New("the merchant code holds a control character, which the header cannot carry")
	}
	return nil
}

// readHeader reads the one header that h must hold. On an error, claim holds
// what could be read.
func readHeader(h http.Header) (claim Claim, hash string, err error) {
	values := request.HeaderValues(h, vendor.Header)
	if len(values) == 0 {
		return Claim{}, "", errors.New("there is no header " + vendor.Header + ": send it with each request of REST")
	}
	if len(values) != 1 {
		return Claim{}, "", fmt.Errorf("there are %d headers %s instead of one: send one", len(values), vendor.Header)
	}
	attributes, err := parseAttributes(values[0])
	claim, hash, valueErr := readAttributes(attributes)
	return claim, hash, cmp.Or(err, valueErr)
}

// parseAttributes parses name="value", in double or single quotes. White space
// between attributes may be missing: the vendor's Node and .NET SDKs leave it out
// before algo. The attributes before an error are returned with it.
func parseAttributes(value string) (map[string]string, error) {
	attributes := make(map[string]string)
	for left := strings.TrimLeft(value, " \t"); left != ""; left = strings.TrimLeft(left, " \t") {
		name, quoted, found := strings.Cut(left, "=")
		if !found || !slices.Contains([]string{vendor.Code, vendor.Date, vendor.Hash, vendor.Algo}, name) {
			return attributes, errors.New("the header holds something else than the attributes code, date, hash and algo")
		}
		if _, twice := attributes[name]; twice {
			return attributes, fmt.Errorf("the header holds %s twice", name)
		}
		if quoted == "" || quoted[0] != '"' && quoted[0] != '\'' {
			return attributes, fmt.Errorf("the header's %s is not in quotes", name)
		}
		text, after, found := strings.Cut(quoted[1:], quoted[:1])
		if !found {
			return attributes, fmt.Errorf("the header's %s has no closing quote", name)
		}
		attributes[name] = text
		left = after
	}
	return attributes, nil
}

// readAttributes reads every attribute that it can and returns the first error.
// The hash is kept out of the claim, which may be logged.
func readAttributes(attributes map[string]string) (claim Claim, hash string, err error) {
	if err = checkMerchantCode(attributes[vendor.Code]); err == nil {
		claim.Code = attributes[vendor.Code]
	}
	// time.Parse alone would take an hour of one digit and fractions of a second.
	date, dateErr := time.Parse(vendor.DateLayout, attributes[vendor.Date])
	if dateErr == nil && date.Format(vendor.DateLayout) == attributes[vendor.Date] {
		claim.Date = date
	} else {
		err = cmp.Or(err, errors.New("the date is not of the form 2006-01-02 15:04:05: write it so, in UTC"))
	}
	hash = attributes[vendor.Hash]
	if len(hash) != hex.EncodedLen(sha256.Size) || strings.Trim(hash, hexDigits) != "" {
		err = cmp.Or(err, errors.New("the hash is not 64 lower-case hexadecimal digits: send it in hexadecimal, as it is"))
	}
	var algorithmErr error
	claim.Algorithm, algorithmErr = readAlgorithm(attributes)
	return claim, hash, cmp.Or(err, algorithmErr)
}

func readAlgorithm(attributes map[string]string) (Algorithm, error) {
	name, found := attributes[vendor.Algo]
	if !found {
		return 0, errors.New("there is no algo, which means MD5, retired by the vendor: write sha256 or sha3-256")
	}
	for i := range algorithms {
		if algorithms[i].Name == name {
			return Algorithm(i), nil
		}
	}
	return 0, errors.New("the algo is neither sha256 nor sha3-256: write the one that the hash is of")
}
