// Package answer says what a gateway's answer to a harmless question shows: whether
// the credentials are right, or that it shows nothing of them.
//
// The question is SignatureCheck of the Payrexx family, and a page of one order of
// 2Checkout's REST API. The sources of the answers stand in docs/command.md.
package answer

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/cmd/countersign/internal/printable"
	vendor "github.com/countersign/countersign/internal/avangate"
)

// An Answer is what a gateway gave to a question.
type Answer struct {
	Status   int
	Object   map[string]any // its body, nil if that is no JSON object
	Body     []byte         // the first MiB of it
	Pause    time.Duration  // for how long it asks to be left alone, zero if it does not say
	Message  string         // what the object says
	Location string         // the origin that it redirects to, "" if it does not
	Offset   time.Duration  // its clock less this machine's, zero if it has no Date
}

const (
	maxAnswer = 1 << 20 // so many bytes are read: an order takes a few KiB

	century = 100 * 365 * 24 * time.Hour
)

// Read reads an answer, and leaves its body for the caller to close.
func Read(resp *http.Response) (*Answer, error) {
	got := &Answer{Status: resp.StatusCode}
	var err error
	if got.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return nil, err
	}
	json.Unmarshal(got.Body, &got.Object)
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
		got.Pause = time.Duration(seconds) * time.Second
	}
	got.Message, _ = got.Object["message"].(string)
	if to, err := resp.Location(); err == nil {
		got.Location = auth.OriginOf(to).String()
	}
	// An answer with an Age comes from a cache, and its Date is of the past. One of
	// another century is no clock's.
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil && resp.Header.Get("Age") == "" {
		if offset := time.Until(date); offset.Abs() < century {
			got.Offset = offset.Round(time.Second)
		}
	}
	return got, nil
}

// IsPage reports whether the answer is a page of HTML: what stands in front of a
// gateway answers so.
func (a *Answer) IsPage() bool {
	return strings.HasPrefix(http.DetectContentType(a.Body), "text/html")
}

// ClockIsOff reports whether the clocks differ by more than a request may take.
func (a *Answer) ClockIsOff() bool { return a.Offset.Abs() > 10*time.Second }

// OffsetInWords says how this machine's clock stands to the gateway's.
func (a *Answer) OffsetInWords() string {
	if a.Offset > 0 {
		return a.Offset.String() + " behind"
	}
	return (-a.Offset).String() + " ahead of"
}

// A Verdict says what an answer shows of the credentials.
type Verdict string

// The verdicts.
const (
	Right   Verdict = "right"
	Wrong   Verdict = "wrong"
	Unknown Verdict = "unknown" // the answer does not show it
)

const paylinkWrong = "the secret is not this instance's: it may be that of another instance, another platform, or an old one"

// refusesSecret matches what the family's gateways say of a wrong secret, at whatever
// status.
var refusesSecret = regexp.MustCompile(`(?i)API (secret is not correct|signature is wrong)`)

// Paylink says what an answer to SignatureCheck means. The sources stand in
// docs/command.md.
func (a *Answer) Paylink() (Verdict, string) {
	status, isGateway := a.Object["status"].(string)
	switch a.Status {
	case http.StatusOK:
		switch {
		case !isGateway:
			return Unknown, "the answer is none of these gateways': is the base URL that of the API, such as https://api.payrexx.com?"
		case status != "success" && refusesSecret.MatchString(a.Message):
			return Wrong, paylinkWrong
		case status != "success":
			return Unknown, "the gateway answers with 200 and reports an error, which tells nothing of the credentials"
		}
		return Right, "the gateway accepts the instance and the secret"
	case http.StatusForbidden:
		switch {
		case !isGateway:
			return Unknown, "a firewall or a proxy refuses the request, and not the gateway, as after more than 600 requests in five minutes: wait five minutes and ask again"
		case strings.Contains(strings.ToLower(a.Message), "license"):
			return Unknown, "the account's license does not include the API"
		}
		return Wrong, paylinkWrong
	case http.StatusMethodNotAllowed:
		return Unknown, "a firewall takes no more requests for now, as after more than 600 in five minutes: wait five minutes and ask again"
	case http.StatusUnprocessableEntity:
		if !isGateway {
			break
		}
		return Wrong, "the instance is unknown here: it is the first label of your page's host, example for example.payrexx.com"
	case http.StatusNotFound:
		return Unknown, "there is no SignatureCheck at this base URL: try it with another version, such as https://api.payrexx.com/v1.0/"
	}
	return Unknown, a.otherMeaning()
}

// Avangate says what an answer to a page of orders means. The sources stand
// in docs/2checkout.md.
func (a *Answer) Avangate() (Verdict, string) {
	code, _ := a.Object["error_code"].(string)
	unauthorized := code == "AUTHENTICATION_ERROR" || a.Status == http.StatusUnauthorized && a.Object != nil
	mismatch := a.RefusesTime()
	switch {
	case (unauthorized || mismatch) && a.ClockIsOff():
		return Unknown, "the clocks are too far apart for any signature: set this machine's clock"
	case mismatch:
		return Unknown, "the gateway refuses the time, and its answer shows no other: check this machine's clock"
	case strings.Contains(a.Message, "Hash signature"):
		return Wrong, "the merchant code and the Secret Key do not belong together: both stand in the Control Panel, Integrations, Webhooks & API, and the key is neither the INS secret word nor the buy-link secret word"
	case unauthorized:
		return Wrong, "the merchant code or the Secret Key is wrong: both stand in the Control Panel, Integrations, Webhooks & API"
	case a.Status == http.StatusOK && a.Object == nil:
		return Unknown, "the answer is not 2Checkout's: is the base URL that of the API, " + vendor.BaseURL + "?"
	case a.Status == http.StatusOK && a.reportsError():
		return Unknown, "the gateway answers with 200 and reports an error, which tells nothing of the credentials"
	case a.Status == http.StatusOK:
		return Right, "the gateway accepts the merchant code and the Secret Key"
	case a.Status == http.StatusNotFound:
		return Unknown, "there are no orders at this base URL: try it with another version, such as " + vendor.BaseURL + "/rest/6.0/"
	}
	return Unknown, a.otherMeaning()
}

// RefusesTime reports whether 2Checkout says that the time of the request is off, with
// whatever status: with which it does is not known.
func (a *Answer) RefusesTime() bool { return strings.Contains(a.Message, "Time offset") }

// reportsError reports whether an object of 2Checkout's is one of its errors, whose
// forms stand in docs/2checkout.md.
func (a *Answer) reportsError() bool {
	for _, name := range []string{"error_code", "Error", "Errors"} {
		switch value := a.Object[name].(type) {
		case nil:
		case string:
			if value != "" {
				return true
			}
		case []any:
			if len(value) > 0 {
				return true
			}
		default:
			return true
		}
	}
	return a.Object["status"] == "error"
}

// otherMeaning says what a status means at any gateway, which is nothing of the
// credentials.
func (a *Answer) otherMeaning() string {
	switch {
	case a.Status == http.StatusTooManyRequests && a.Pause > 0:
		return fmt.Sprintf("the gateway answers with 429, too many requests: wait %v, as it asks for, and ask again", a.Pause)
	case a.Status == http.StatusTooManyRequests:
		return "the gateway answers with 429, too many requests: wait five minutes and ask again"
	case (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden) && a.Object == nil:
		return fmt.Sprintf("the answer, with %d, is no JSON, so a firewall or a proxy refuses the request, and not the gateway: check the base URL, and ask from another network or later", a.Status)
	case a.Location != "":
		return fmt.Sprintf("the gateway redirects to %q, and the request does not follow it: is the base URL right?", printable.Shorten(a.Location, 100))
	case a.Status >= 500:
		return fmt.Sprintf("the gateway, or a proxy, fails with %d: ask again later", a.Status)
	}
	return fmt.Sprintf("the gateway answers with %d, and no document says what that means", a.Status)
}
