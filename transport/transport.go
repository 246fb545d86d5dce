// Package transport authenticates the requests of any [http.Client].
//
// [Wrap] returns a copy of a client whose requests are authenticated; [New]
// returns the [http.RoundTripper] alone, for those who trace, log or retry requests,
// or stand in for a gateway in a test. Both take the Authenticators of one or more
// gateways and choose among them by the origin that a request goes to.
//
// # Where credentials go
//
// A request is authenticated if its scheme, host and port are exactly those of an
// Authenticator's origin. Any other request is refused, or, with
// [Transport.PassOthers], sent as it is. A request whose Host differs from its
// URL's, whose URL is opaque, or whose path begins with no slash goes somewhere
// else than it seems and is refused. What is judged is what is sent: a RawPath that
// is no encoding of the Path is not.
//
// An authenticated request is refused, too, if its method is TRACE, which has a
// gateway repeat the credentials, or CONNECT, if its query, as it is to be sent,
// holds a space, a control character or a byte that is not ASCII, or if it has a body
// and a TransferEncoding other than chunked, with which that might have no end.
//
// # Errors
//
// The Transport's own errors and those of Authenticators are [*auth.Error]s, by which
// a layer above tells a refusal from a failure to reach the gateway. A plain error of
// an Authenticator is the cause of one, without a code.
//
// An error of the base is returned as it is, unless it quotes somebody: a server
// that is no gateway may repeat the request, and net/http quotes what it cannot
// read. Its text is then cut at the first quote, and errors.As finds only those of
// the errors within that quote nobody; errors.Is finds all, and Timeout says what
// it did. What Countersign itself says of a body as it is sent, and why a
// certificate is not to be trusted, comes through whole.
//
// # Redirects
//
// [http.Client] sends the requests of a redirect through the same RoundTripper.
// One that would leave the origin of a signed request, enter one from elsewhere,
// or change the method, is refused with [auth.ErrRedirect], with and without
// PassOthers: an authenticated POST never turns into a GET, and neither the
// credential nor the payment's body meets another host. A redirect within the
// origin that keeps the method is followed, and signed afresh. To see a redirect
// instead of following it, let the client's CheckRedirect return
// [http.ErrUseLastResponse].
//
// # Layers
//
// The Transport belongs right above the [http.Transport], below what retries and
// what traces: each attempt is then signed afresh, and no trace sees a signed
// URL. So build from below, with New; Wrap is for a client without such layers, and
// refuses another. docs/layers.md has a whole stack.
//
// # Retries
//
// The Transport sends a request twice only if the gateway proved that it refused
// the credentials and did nothing else, and the body can be had again; see
// [auth.Learner]. [http.Transport] itself resends a request, with the same
// signature, when a connection that was used before drops ahead of the answer:
// GET, HEAD and OPTIONS, and whatever has an Idempotency-Key, even if the
// gateway has carried it out; any other only if nothing of it was written.
package transport

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/request"
)

// A Transport is an [http.RoundTripper] that authenticates requests and sends
// them through another one. It is safe for concurrent use. The zero value refuses
// every request.
//
// It never changes the caller's request, save that the body is read and closed,
// once, as the interface demands. The response's Request is the caller's.
type Transport struct {
	base       http.RoundTripper
	routes     map[auth.Origin]auth.Authenticator
	passOthers bool
	trace      *auth.Trace // nil if there is none
}

var _ http.RoundTripper = (*Transport)(nil)

// New returns a Transport that sends requests through base, whatever that is;
// [http.DefaultTransport] if base is nil, as a program may have replaced it. It fails
// with [auth.ErrConfig] if base is a nil pointer or function of some type, if there is
// no authenticator, if one is nil or has no origin, or if two have an origin in
// common. Many merchants that share an origin are served by an [auth.PerRequest].
func New(base http.RoundTripper, authenticators ...auth.Authenticator) (*Transport, error) {
	if base == nil {
		base = http.DefaultTransport
	}
	if v := reflect.ValueOf(base); (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil() {
		return nil, configError("", fmt.Sprintf("the base is a nil %T: give one that is made, or a plain nil for http.DefaultTransport", base))
	}
	if len(authenticators) == 0 {
		return nil, configError("", "no authenticator is given")
	}
	t := &Transport{base: base, routes: make(map[auth.Origin]auth.Authenticator)}
	for _, a := range authenticators {
		if a == nil {
			return nil, configError("", "an authenticator is nil")
		}
		origins := a.Origins()
		if len(origins) == 0 {
			return nil, configError("", "an authenticator has no origin: was the error of its New ignored?")
		}
		for _, o := range origins {
			if o == (auth.Origin{}) {
				return nil, configError("", "an authenticator has the zero origin")
			}
			if _, ok := t.routes[o]; ok {
				return nil, configError(o.String(), "two authenticators have this origin: use auth.NewPerRequest and name one for each request with auth.WithAuthenticator")
			}
			t.routes[o] = a
		}
	}
	return t, nil
}

// Wrap returns a copy of client, a zero Client if it is nil, that authenticates
// its requests and sends them through the client's own Transport.
//
// That must be an [*http.Transport], or nil while [http.DefaultTransport] is one: a
// layer that traces, logs or retries would be below the signature, and see it or
// repeat it. Any other is refused, and [New] is the way: it takes the base that
// connects, and the Transport that it returns goes below such layers. What a program
// has registered with RegisterProtocol in its [http.Transport] is such a layer that
// Wrap does not see: a RoundTripper for "https" gets the signed requests.
//
// It fails with [auth.ErrConfig], as [New] does.
func Wrap(client *http.Client, authenticators ...auth.Authenticator) (*http.Client, error) {
	if client == nil {
		client = &http.Client{}
	}
	if err := checkWrapped(client.Transport); err != nil {
		return nil, err
	}
	t, err := New(client.Transport, authenticators...)
	if err != nil {
		return nil, err
	}
	wrapped := *client
	wrapped.Transport = t
	return &wrapped, nil
}

// checkWrapped refuses a client's Transport that may be more than connections.
func checkWrapped(base http.RoundTripper) error {
	name, below := "the client's Transport", "nil"
	if base == nil {
		name, base = "http.DefaultTransport, which the client uses,", http.DefaultTransport
		below = "&http.Transport{Proxy: http.ProxyFromEnvironment}"
	}
	switch base.(type) {
	case *http.Transport:
		return nil
	case *Transport:
		return configError("", name+" authenticates already: give all authenticators to one call")
	}
	return configError("", fmt.Sprintf("%s is a %T: if it traces, logs or retries, it would see signed requests or repeat them. Build from below: t, err := transport.New(%s, ...), then client.Transport = yourLayer(t). If it only connects, or stands in for a gateway in a test, give it to transport.New", name, base, below))
}

// PassOthers returns a copy of t that sends requests to origins that are nobody's
// as they are, for a client that talks to other services too.
func (t *Transport) PassOthers() *Transport {
	passing := *t
	passing.passOthers = true
	return &passing
}

// Unwrap returns the RoundTripper that t sends through.
func (t *Transport) Unwrap() http.RoundTripper { return t.base }

// CloseIdleConnections passes the call on, so that [http.Client]'s method of that
// name works.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// Format prints which origins t authenticates requests to, whatever the verb. It
// keeps package fmt from walking through the live connections of the base.
func (t *Transport) Format(f fmt.State, verb rune) {
	if t == nil {
		io.WriteString(f, "transport.Transport(nil)")
		return
	}
	fmt.Fprintf(f, "transport.Transport(%v)", t.origins())
}

// origins returns those that requests are authenticated to, sorted.
func (t *Transport) origins() []auth.Origin {
	return slices.SortedFunc(maps.Keys(t.routes), func(a, b auth.Origin) int { return strings.Compare(a.String(), b.String()) })
}

// maxServed is how many origins an error names.
const maxServed = 4

// served names the origins, for an error.
func (t *Transport) served() string {
	var names []string
	for _, o := range t.origins() {
		names = append(names, o.String())
	}
	if len(names) > maxServed {
		names = append(names[:maxServed], fmt.Sprintf("%d more", len(names)-maxServed))
	}
	return strings.Join(names, ", ")
}

// RoundTrip authenticates and sends the request. An error of its own
// is an [*auth.Error], and nothing has been sent then, save where a scheme says
// otherwise: a multipart body shows its faults only as it is sent, if the gateway
// has not answered by then, a session is asked for first, and a request that is
// sent again has been refused by the gateway before.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	w := t.watch(req)
	a, err := t.route(req)
	if err != nil {
		closeBody(req)
		return nil, w.refused(err)
	}
	if a == nil {
		resp, err := t.base.RoundTrip(req)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
	resp, refused, err := t.send(a, req, req.Body, w)
	if refused && replayable(req) {
		body, bodyErr := again(req)
		if bodyErr == nil {
			discard(resp)
			w.repeated()
			resp, _, err = t.send(a, req, body, t.watch(req))
		}
	}
	return resp, err
}

// send sends an authenticated copy of req, once, and reports whether the gateway
// proved that it refused the credentials.
func (t *Transport) send(a auth.Authenticator, req *http.Request, body io.ReadCloser, w *watch) (resp *http.Response, refused bool, err error) {
	redactor, _ := a.(auth.Redactor)
	turn := t.turn(req, redactor)
	signed := &turn.req
	signed.Body = body
	w.attach(signed)
	err = a.Authenticate(signed, &turn.base)
	if err != nil {
		err = complete(err, req)
	} else {
		err = checkTarget(signed)
	}
	if err != nil {
		closeBody(signed)
		return nil, false, w.refused(err)
	}
	w.sending()
	resp, err = turn.base.RoundTrip(signed)
	if resp == nil {
		return nil, false, err
	}
	if l, ok := a.(auth.Learner); ok && err == nil {
		refused = l.Refused(signed, resp)
	}
	resp.Request = req
	redactLocation(resp, signed, req.Header, redactor)
	return resp, refused, err
}

// route returns the Authenticator for req, or nil if it is to pass unsigned.
func (t *Transport) route(req *http.Request) (auth.Authenticator, error) {
	switch {
	case req.URL == nil:
		return nil, refuse(req, auth.ErrOrigin, "the request has no URL")
	case t.base == nil:
		return nil, refuse(req, auth.ErrOrigin, "the Transport is the zero value, which has no authenticator: make it with transport.New")
	}
	origin := auth.OriginOf(req.URL)
	a := t.routes[origin]
	if err := t.checkRedirect(req, origin); err != nil {
		return nil, err
	}
	if chosen := auth.FromContext(req.Context()); chosen != nil && auth.Covers(chosen, origin) {
		if _, ok := a.(*auth.PerRequest); !ok {
			return nil, refuse(req, auth.ErrNoAuthenticator, "the context names an authenticator for this origin, which the transport does not serve by auth.PerRequest")
		}
		a = chosen
	}
	switch {
	case a == nil && t.passOthers:
		return nil, nil
	case a == nil:
		return nil, refuse(req, auth.ErrOrigin, "no authenticator has this origin: correct the URL, or call another service with another client; the authenticators are for "+t.served())
	case req.Host != "" && req.Host != req.URL.Host && origin.WithHost(req.Host) != origin:
		return nil, refuse(req, auth.ErrOrigin, fmt.Sprintf("the request's Host is %q: leave it empty", req.Host))
	}
	if err := checkPath(req); err != nil {
		return nil, err
	}
	switch method := request.Method(req); {
	case strings.EqualFold(method, http.MethodTrace):
		return nil, refuse(req, auth.ErrRequest, "TRACE has the gateway repeat the credentials: use another method")
	case strings.EqualFold(method, http.MethodConnect):
		return nil, refuse(req, auth.ErrRequest, "CONNECT asks a proxy for a connection, and is no request to a gateway: use another method")
	}
	return a, cmp.Or(checkHeader(req), checkFraming(req))
}

// checkPath refuses a URL whose path, as it is sent, would name another host.
func checkPath(req *http.Request) error {
	path := req.URL.Path // escaped, it begins with a slash if this does
	if req.URL.RawPath != "" {
		path = req.URL.EscapedPath()
	}
	switch {
	case req.URL.Opaque != "":
		return refuse(req, auth.ErrOrigin, "the URL is opaque: use one with a host and a path")
	case path != "" && path[0] != '/':
		return refuse(req, auth.ErrOrigin, "the URL's path does not begin with a slash, and a proxy would read it as a part of the host: write the slash")
	}
	return nil
}

// checkTarget refuses what net/http would write into the request line as it is, and
// a reader would take for its end. A path is always escaped.
func checkTarget(req *http.Request) error {
	for i := range len(req.URL.RawQuery) {
		if c := req.URL.RawQuery[i]; c <= ' ' || c >= 0x7f {
			return refuse(req, auth.ErrRequest, "the URL's query holds a space, a control character or a byte that is not ASCII: escape it, a space as %20")
		}
	}
	return checkPath(req)
}

// checkHeader refuses the fields that net/http writes itself, in a spelling that
// it would write once more.
func checkHeader(req *http.Request) error {
	for key := range req.Header {
		switch len(key) {
		case len("Host"), len("Trailer"), len("Content-Length"), len("Transfer-Encoding"):
		default:
			continue
		}
		switch canonical := http.CanonicalHeaderKey(key); canonical {
		case key:
		case "Host", "Trailer", "Content-Length", "Transfer-Encoding":
			return refuse(req, auth.ErrRequest, fmt.Sprintf("the header has %q, which net/http writes itself: leave it out", key))
		}
	}
	return nil
}

// checkFraming refuses a transfer encoding that net/http takes for none. It would
// mark no end of a body of unknown length, and the gateway would read that as the
// next request.
func checkFraming(req *http.Request) error {
	if te := req.TransferEncoding; request.HasBody(req) && len(te) > 0 && !slices.Equal(te, []string{"chunked"}) {
		return refuse(req, auth.ErrRequest, fmt.Sprintf("the request's TransferEncoding is %q, with which net/http may send a body without an end: leave it out", te))
	}
	return nil
}

// checkRedirect refuses a redirect that would carry a request away from a signed
// origin, into one, or over to another method.
func (t *Transport) checkRedirect(req *http.Request, origin auth.Origin) error {
	if req.Response == nil {
		return nil
	}
	earlier := req.Response.Request
	if earlier == nil || earlier.URL == nil {
		return refuse(req, auth.ErrRedirect, "the response that redirects here does not say which request it answers: call the final URL")
	}
	from := auth.OriginOf(earlier.URL)
	if t.routes[origin] == nil && t.routes[from] == nil {
		return nil
	}
	if from != origin {
		return refuseRedirect(earlier, fmt.Sprintf("the redirect leads to %s, and nothing was sent there: call the final URL, if that is where the request belongs", origin))
	}
	if was, is := request.Method(earlier), request.Method(req); was != is {
		return refuseRedirect(earlier, fmt.Sprintf("the redirect would turn %s into %s, and is not followed: call the final URL, often the same with a slash at its end", was, is))
	}
	return nil
}

// A turn is a request that is sent once, in one allocation with what it needs.
type turn struct {
	req  http.Request
	url  url.URL
	base guarded
}

// turn returns a copy of req that an Authenticator may change. The header's values
// are shared. A RawPath that net/url would not send is left out, so that no layer
// below takes it for the path.
func (t *Transport) turn(req *http.Request, redactor auth.Redactor) *turn {
	c := &turn{*req, *req.URL, guarded{t.base, redactor}}
	c.req.URL = &c.url
	if c.url.RawPath != "" && c.url.EscapedPath() != c.url.RawPath {
		c.url.RawPath = ""
	}
	c.req.Header = maps.Clone(req.Header)
	if c.req.Header == nil {
		c.req.Header = make(http.Header)
	}
	return c
}

// replayable reports whether the body can be had a second time.
func replayable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

func again(req *http.Request) (io.ReadCloser, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req.Body, nil
	}
	return req.GetBody()
}

// maxDiscard bounds what is read of a response that nobody sees, in bytes, to
// keep its connection.
const maxDiscard = 64 << 10

func discard(resp *http.Response) {
	if resp.Body == nil {
		return
	}
	io.CopyN(io.Discard, resp.Body, maxDiscard)
	resp.Body.Close()
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

func refuse(req *http.Request, code error, reason string) error {
	gateway := ""
	if req.URL != nil {
		gateway = auth.OriginOf(req.URL).String()
	}
	return &auth.Error{Op: "send " + request.Method(req), Gateway: gateway, Code: code, Err: errors.New(reason)}
}

// complete makes an [*auth.Error] of what an Authenticator failed with, one that says
// what was being done for which gateway. It changes none: the scheme may keep it.
func complete(err error, req *http.Request) error {
	op, gateway := "authenticate "+request.Method(req), auth.OriginOf(req.URL).String()
	e, ok := errors.AsType[*auth.Error](err)
	switch {
	case !ok || e == nil:
		return &auth.Error{Op: op, Gateway: gateway, Err: err}
	case e.Op != "" && e.Gateway != "":
		return err
	case err != error(e):
		return &auth.Error{Op: op, Gateway: gateway, Code: e.Code, Err: err}
	}
	return &auth.Error{Op: cmp.Or(e.Op, op), Gateway: cmp.Or(e.Gateway, gateway), Code: e.Code, Err: e.Err}
}

// refuseRedirect refuses to follow what answered an earlier request.
func refuseRedirect(earlier *http.Request, reason string) error {
	return &auth.Error{
		Op: "follow the redirect of " + request.Method(earlier), Gateway: auth.OriginOf(earlier.URL).String(),
		Code: auth.ErrRedirect, Err: errors.New(reason),
	}
}

func configError(gateway, reason string) error {
	return &auth.Error{Op: "configure the transport", Gateway: gateway, Code: auth.ErrConfig, Err: errors.New(reason)}
}
