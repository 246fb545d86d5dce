package avangate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/request"
)

// Session stands for the session id in the body of a request: write it where the
// vendor's documents put the id, as the first of a JSON-RPC request's params, or as
// the whole text of a SOAP call's first parameter, the sessionID. There, and
// nowhere else, the id takes its place. It needs no escaping in JSON or XML.
const Session = "countersign-session-id"

// ErrLogin is the code of an error that no session could be had: the secret cannot be
// had, which is [auth.ErrSecret] as well; the gateway refused the credentials, which is
// [scheme.ErrRefused] as well; or it could not be asked, or answered otherwise. The
// login may have been sent; the request was not, or was refused before. It is that of
// every scheme that logs in, so that a program with several gateways asks for one.
var ErrLogin = scheme.ErrLogin

// A dialect is a protocol that wants a session.
type dialect interface {
	// read finds the places in a request's body where mark stands for the session
	// id.
	read(body []byte, h http.Header, mark string) (*message, error)

	// outcome reads the answer to a login.
	outcome(answer []byte) outcome

	// gone reports whether an answer to so many calls says that there is no such
	// session, and whether it says so to each of them, so that none was carried out.
	gone(answer *head, calls int) (gone, all bool)
}

// An outcome is what the answer to a login says, in the protocol's own words.
type outcome struct {
	id      string // of the session, "" if there is none
	reason  string // why there is none, "" if that is not said or not fit to be told
	failed  bool   // whether it says that there is none: an error and no result
	refused bool   // whether it says so of the credentials
	fault   bool   // whether it is SOAP's, whose status is 500
}

// A message is what the body of a request holds.
type message struct {
	places []int // where the mark stands
	calls  int   // how many there are: JSON-RPC has batches

	// login writes the request for a session that goes with it. It may be called at
	// any later time.
	login func(l Login) (body []byte, h http.Header)
}

// endpoint returns where m's session is valid, for a request to an origin and path.
func (m *message) endpoint(o auth.Origin, path string) endpoint {
	body, h := m.login(Login{})
	return sha256.Sum256(vendor.AppendPrefixed(nil, o.String(), path, string(body), h.Get("SOAPAction"), h.Get("Content-Type")))
}

// sent says which session a request carries. It is kept in the request's context.
type sent struct {
	owner   *Authenticator
	dialect dialect
	id      auth.Secret
	keeper  *keeper // that it came from
	calls   int
}

type sentKey struct{}

// authenticateSession replaces Session in the body with a session id, or the one
// that it had put there itself.
func (a *Authenticator) authenticateSession(req *http.Request, base http.RoundTripper, p vendor.Protocol, d dialect) error {
	request.DeleteHeader(req.Header, vendor.Header)
	if err := request.CheckPlain(req); err != nil {
		return signError(req, auth.ErrRequest, err)
	}
	body, err := request.TakeBody(req, maxBody)
	if err != nil {
		return signError(req, auth.ErrBody, err)
	}
	if len(body) == 0 {
		return signError(req, auth.ErrRequest, fmt.Errorf("the path is that of a %s endpoint, and the request has no body: send the call in the body of a POST, or use a path of REST, such as /rest/6.0/orders/", p))
	}
	mark := Session
	if earlier, ok := req.Context().Value(sentKey{}).(*sent); ok && earlier.owner == a {
		mark = earlier.id.Reveal()
	}
	m, err := d.read(body, req.Header, mark)
	if err != nil {
		return signError(req, auth.ErrRequest, fmt.Errorf("the path is that of a %s endpoint, which wants a session, and %w", p, err))
	}
	if len(m.places) > 0 {
		o, l := auth.OriginOf(req.URL), newLogin(req, d, m) // now: it may outlive req
		ctx, stop := waiting(req)
		defer stop()
		k, id, err := a.session(ctx, base, l, m.endpoint(o, req.URL.EscapedPath()), o)
		if err != nil {
			return loginError(o, err)
		}
		body = splice(body, m.places, len(mark), id.Reveal())
		*req = *req.WithContext(context.WithValue(req.Context(), sentKey{}, &sent{a, d, id, k, m.calls}))
	}
	if p == vendor.JSONRPC && !hasAccept(req.Header) {
		req.Header["Accept"] = []string{jsonType}
	}
	request.SetBody(req, body)
	return nil
}

// whyNoPlace says what is wrong with the place of the session id in a call, where
// first is the text that stands there, and mark may stand elsewhere.
func whyNoPlace(method, first, mark string, elsewhere bool) string {
	reason := "there is no avangate.Session"
	switch {
	case first == mark:
		reason = "avangate.Session is written with an escape"
	case strings.TrimSpace(first) == mark:
		reason = "there is white space around avangate.Session"
	case elsewhere:
		reason = "avangate.Session stands in another place, or not alone"
	}
	if method == "" {
		return "in a request without a method " + reason
	}
	return fmt.Sprintf("in the call of %.40q %s", method, reason)
}

// session returns the session's id of an endpoint, and its keeper, and logs in if
// there is none that is fresh.
func (a *Authenticator) session(ctx context.Context, base http.RoundTripper, l *login, e endpoint, o auth.Origin) (*keeper, auth.Secret, error) {
	ks := a.keepers()
	k, err := ks.enter(e, o, a.clock.Now)
	if err != nil {
		return nil, auth.Secret{}, err
	}
	defer ks.leave(k)
	// What is held back is no login to a trace, which the Keeper cannot tell.
	trace := auth.ContextTrace(ctx)
	id, err := k.session.Get(auth.WithTrace(ctx, nil), func(ctx context.Context) (auth.Secret, time.Duration, error) {
		r := a.logIn(auth.WithTrace(ctx, trace), base, l, k)
		ks.settle(ctx, k, r, a.now())
		return r.id, sessionLife, r.err
	})
	return k, id, err
}

// waiting returns the context under which req waits: its own, which its Cancel ends,
// too.
func waiting(req *http.Request) (ctx context.Context, stop func()) {
	//lint:ignore SA1019 net/http honours it
	cancelled := req.Cancel
	if cancelled == nil {
		return req.Context(), func() {}
	}
	ctx, cancel := context.WithCancel(req.Context())
	go func() {
		select {
		case <-cancelled:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// splice returns body with id at each of the places, instead of so many bytes.
func splice(body []byte, places []int, length int, id string) []byte {
	var parts [][]byte
	end := 0
	for _, place := range places {
		parts = append(parts, body[end:place])
		end = place + length
	}
	return bytes.Join(append(parts, body[end:]), []byte(id))
}

// refused reads the beginning of the answer, drops the session if it is gone, and
// reports whether no call was carried out.
func (s *sent) refused(resp *http.Response) bool {
	var gone, all bool
	peek(resp, func(h *head) { gone, all = s.dialect.gone(h, s.calls) })
	if gone {
		s.keeper.session.Drop(s.id)
	}
	return all
}

// checkSessionID returns an error if an id could need escaping in JSON or XML. It
// does not quote the id.
func checkSessionID(id string) error {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if len(id) > maxSessionID || strings.Trim(id, letters+"0123456789._+/=-") != "" {
		return fmt.Errorf("the session id in the answer is longer than %d bytes, or holds one that is not of [0-9A-Za-z._+/=-]", maxSessionID)
	}
	return nil
}

// maxSessionID bounds a session id, in bytes.
const maxSessionID = 4 << 10
