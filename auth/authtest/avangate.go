package authtest

import (
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
)

// An Avangate is an emulated 2Checkout, its REST API. It answers
//
//   - 200 to a request whose header is right: {"RefNo":"ID"} if the path ends in
//     an id, else an empty page, {"Items":[],"Pagination":{...}};
//   - 401 with {"error_code":"AUTHENTICATION_ERROR","message":"..."} to any other;
//     the messages are those that users of the real one report;
//   - 404 to a path that is not /rest/VERSION/resource/.
//
// It is safe for concurrent use; its fields must not be changed once it serves.
type Avangate struct {
	// MerchantCode and SecretKey are the account that it knows.
	MerchantCode string
	SecretKey    auth.SecretSource

	// Now is its clock. Nil means time.Now.
	Now func() time.Time

	// Observe, if it is not nil, is told of each request before the answer is
	// sent. It may be called concurrently.
	Observe func(Exchange)
}

var _ http.Handler = (*Avangate)(nil)

var restPath = regexp.MustCompile(`^/rest/\d\.\d/(\w+)(?:/([^/]+))?(?:/.*)?$`)

// ServeHTTP verifies and answers a request.
func (a *Avangate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	verifier := avangate.Verifier{MerchantCode: a.MerchantCode, SecretKey: a.SecretKey, Now: a.Now}
	claim, err := verifier.Verify(r)
	status, body := judgeREST(r.URL.Path, err)
	if a.Observe != nil {
		e := Exchange{Method: r.Method, Path: r.URL.Path, StringToSign: claim.StringToSign, Status: status, Err: err}
		if err == nil && status != http.StatusOK {
			e.Err = errors.New(body.(avangateError).Message)
		}
		a.Observe(e)
	}
	answer(w, status, body)
}

type avangateError struct {
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

// judgeREST decides what the peer is told.
func judgeREST(path string, err error) (int, any) {
	refuse := func(message string) (int, any) {
		return http.StatusUnauthorized, avangateError{"AUTHENTICATION_ERROR", message}
	}
	switch {
	case errors.Is(err, auth.ErrSecret):
		return http.StatusInternalServerError, avangateError{"INTERNAL_ERROR", "The gateway has no secret key"}
	case errors.Is(err, auth.ErrSignature):
		return refuse("Hash signature could not be authenticated")
	case errors.Is(err, auth.ErrClock):
		return refuse("Time offset mismatch")
	case err != nil:
		return refuse("Authentication needed for this resource")
	}
	part := restPath.FindStringSubmatch(path)
	switch {
	case part == nil:
		return http.StatusNotFound, avangateError{"NOT_FOUND", "There is no such resource"}
	case part[2] != "":
		return http.StatusOK, map[string]string{"RefNo": part[2]}
	}
	return http.StatusOK, map[string]any{
		"Items":      []any{},
		"Pagination": map[string]int{"Page": 1, "Limit": 10, "Count": 0},
	}
}
