// Package scheme helps to write an Authenticator of your own, for a gateway that
// Countersign does not know. Programs that use the schemes that there are do not
// need it.
//
// Most schemes need two things of it. [Body] reads what is to be signed, and refuses
// what would not arrive as it was signed. [SetHeader] or [SetBody] puts the credential
// where it belongs. Where requests claim a time, a [Clock] gives it, and finds out if
// the machine's is wrong. Where the gateway wants a login, a [Keeper] holds what that
// gave. And where a credential stands in a URL, [RedactParameters] takes it out.
//
// An Authenticate that signs then has four steps: load the secret, under the
// request's context; read the body; make the string to sign from the request as it
// will be sent, such as URL.RequestURI; and set the credential, which replaces that
// of an earlier turn. The example is a whole one.
//
// What is asked of the gateway first, such as a token, is asked through the base
// that Authenticate is given, by its RoundTrip: an http.Client would follow
// redirects with the credentials in hand. Read no more of the answer than it can
// rightly have, and quote none of it in an error.
//
// # What the transport does
//
// A scheme need not think of hosts, redirects, the caller's request, or second
// turns: package [github.com/countersign/countersign/transport] sends a request
// only to the scheme's origins, hands Authenticate a copy of it, and calls it
// again, with a fresh copy, for each retry.
//
// # Testing
//
// Package [github.com/countersign/countersign/transport/transporttest] tests an
// Authenticator on every path that a program may take. docs/own-scheme.md says what
// it demands and why, and has three schemes that keep it.
package scheme

import (
	"net/http"
	"slices"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/request"
)

// Body returns the whole body, of at most so many bytes, which it reads and closes.
// A copy takes its place, with the length and with a GetBody. Where there is no
// body it returns nothing and changes nothing. The bytes are shared with the copy:
// append to them, but write to none.
//
// It refuses with [auth.ErrBody] a body that breaks off, is longer than most, or is
// not as long as ContentLength says, and with [auth.ErrRequest] a request with a
// Content-Encoding or a trailer, be there a body or not: what is signed would not
// be what the gateway reads, or not all of it. Its error is an [*auth.Error].
func Body(req *http.Request, most int64) ([]byte, error) {
	if err := request.CheckPlain(req); err != nil {
		return nil, bodyError(req, auth.ErrRequest, err)
	}
	had := request.HasBody(req)
	b, err := request.TakeBody(req, most)
	if err != nil {
		return nil, bodyError(req, auth.ErrBody, err)
	}
	if had {
		request.SetBody(req, b)
	}
	return slices.Clip(b), nil
}

func bodyError(req *http.Request, code, err error) error {
	gateway := ""
	if req.URL != nil {
		gateway = auth.OriginOf(req.URL).String()
	}
	return &auth.Error{Op: "sign " + request.Method(req), Gateway: gateway, Code: code, Err: err}
}

// SetBody makes b the body of req, with its length and with a GetBody, in a form
// that net/http writes in one go with the header. b must not be changed afterwards.
// Without bytes it is [http.NoBody]. The earlier body is not closed: [Body] has done
// that.
func SetBody(req *http.Request, b []byte) { request.SetBody(req, b) }

// SetHeader gives req the header field, with that value alone. What is there under
// the name goes, however it is spelled: in other letter case, and with underscores
// in place of hyphens, which CGI and with it PHP take for the same.
func SetHeader(req *http.Request, name, value string) {
	request.DeleteHeader(req.Header, name)
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	req.Header.Set(name, value)
}
