package interop

import (
	"maps"
	"net/http/httputil"
	"net/url"
	"slices"
)

// passed are the fields that a gateway needs of a client's header.
var passed = []string{"Accept", "Accept-Language", "Content-Encoding", "Content-Type", "Soapaction", "User-Agent"}

// Rewrite returns the Rewrite of a [httputil.ReverseProxy] whose Transport is
// Countersign's: the proxy signs, for clients that know no secret. Requests go to
// target, and of a client's header nothing but what a gateway needs: no cookie, no
// credential, no way to have one of the proxy's fields taken away.
//
// The Transport replaces an ApiSignature that a client sent. It has to be set; the
// proxy would send everything unsigned without it. Who reaches the proxy acts as
// the merchant, so check who it is before.
//
// A body passes as a stream, and cannot be had again. So a request that has one
// gets no second turn where the gateway refuses a clock or a session; the next
// request does without.
func Rewrite(target *url.URL) func(*httputil.ProxyRequest) {
	return func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		maps.DeleteFunc(r.Out.Header, func(name string, _ []string) bool { return !slices.Contains(passed, name) })
	}
}
