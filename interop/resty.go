package interop

import (
	"errors"
	"net/http"

	"github.com/go-resty/resty/v2"

	"github.com/countersign/countersign/auth"
)

// RetryCondition is a retry condition of a [resty.Client] whose http.Client signs
// by Countersign's transport. It repeats GET and HEAD that failed or were answered
// with 429 or 5xx. It repeats no other request, since the gateway may have acted on
// it, and none that Countersign refused.
//
// resty repeats what any of its conditions wants, so let it be the only one.
func RetryCondition(resp *resty.Response, err error) bool {
	if resp == nil || !safe(resp.Request.Method) {
		return false
	}
	_, refused := errors.AsType[*auth.Error](err)
	return !refused && (err != nil || resp.StatusCode() == http.StatusTooManyRequests || resp.StatusCode() >= http.StatusInternalServerError)
}
