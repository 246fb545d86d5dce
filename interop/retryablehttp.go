package interop

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/countersign/countersign/auth"
)

// CheckRetry is the CheckRetry of a [retryablehttp.Client] above Countersign's
// transport. It repeats GET and HEAD where retryablehttp would. It repeats no other
// request, since the gateway may have acted on it, even if a redirect has made a GET
// of it, and none that Countersign refused.
//
// An http.Client above the retryablehttp.Client does not see its redirects, unless
// the CheckRedirect of the inner client returns [http.ErrUseLastResponse].
func CheckRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if _, refused := errors.AsType[*auth.Error](err); refused || !safe(methodOf(resp, err)) {
		return false, nil
	}
	return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
}

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// methodOf returns the method of the request that was first sent, before any
// redirect; none if neither resp nor an error of http.Client tells it.
func methodOf(resp *http.Response, err error) string {
	if resp != nil {
		r := resp.Request
		for r.Response != nil {
			r = r.Response.Request
		}
		return r.Method
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return strings.ToUpper(e.Op)
	}
	return ""
}
