package countersign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/transport"
)

// A Transport is the transport of a reverse_proxy that signs what it sends to the
// upstream, which is the gateway. What it is given beside its own fields configures
// the HTTPTransport that it sends through.
//
// It judges the caller, the method and the path; it lets to the gateway only the
// header fields that a gateway's API reads. What it refuses it answers itself, see
// [Problem], so that Caddy takes a refusal for no failure of the upstream.
type Transport struct {
	*reverseproxy.HTTPTransport

	Credentials

	// Allow says which methods at which paths callers may have. Without a rule that is
	// every method at /v1/ and /v1.N/ of paylinkhmac and paylinkkey, at /rest/, /rpc/
	// and /soap/ of avangate, and nothing else.
	Allow []Rule `json:"allow,omitempty"`

	// Hosts are the values of Host that callers may use, without a port. Empty means
	// localhost and names under it, and the addresses of the machine itself.
	Hosts []string `json:"hosts,omitempty"`

	// RequireHeaders are header fields that callers must send.
	RequireHeaders []RequiredHeader `json:"require_headers,omitempty"`

	signing *transport.Transport
}

var (
	_ caddy.Module                           = (*Transport)(nil)
	_ caddy.Provisioner                      = (*Transport)(nil)
	_ caddy.CleanerUpper                     = (*Transport)(nil)
	_ http.RoundTripper                      = (*Transport)(nil)
	_ reverseproxy.TLSTransport              = (*Transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport = (*Transport)(nil)
)

// CaddyModule says how the module is called.
func (Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.countersign",
		New: func() caddy.Module { return &Transport{HTTPTransport: new(reverseproxy.HTTPTransport)} },
	}
}

// Provision makes what signs for the upstreams of the reverse_proxy, and fails if a
// secret cannot be had.
func (t *Transport) Provision(ctx caddy.Context) error {
	if t.HTTPTransport == nil { // JSON may say null
		t.HTTPTransport = new(reverseproxy.HTTPTransport)
	}
	if err := t.HTTPTransport.Provision(ctx); err != nil {
		return err
	}
	switch {
	case t.TLS != nil && t.TLS.InsecureSkipVerify:
		return errors.New("tls_insecure_skip_verify would give the credentials to whoever answers: trust a certificate with tls_trust_pool")
	case t.TLS != nil && strings.ContainsAny(t.TLS.ServerName, "{}"):
		return errors.New("tls_server_name has a placeholder, by which a request could choose whose certificate is taken: write the name")
	case t.ProxyProtocol != "":
		return errors.New("no gateway takes proxy_protocol: leave it out")
	}
	if err := checkRules(t.Allow); err != nil {
		return err
	}
	for _, h := range t.RequireHeaders {
		if h.Name == "" {
			return errors.New("require_header has no name")
		}
	}
	for _, host := range t.Hosts {
		if host == "" || strings.Contains(host, "/") || strings.Count(host, ":") == 1 || strings.ContainsAny(host, "*{}") {
			return fmt.Errorf("hosts has %q: write a name or an address, without a port", host)
		}
	}
	origins, err := t.upstreams(ctx)
	if err != nil {
		return err
	}
	var authenticators []auth.Authenticator
	for _, origin := range origins {
		a, err := t.authenticator(origin)
		if err != nil {
			return err
		}
		if err := auth.Check(ctx, a); err != nil {
			return err
		}
		authenticators = append(authenticators, a)
	}
	t.signing, err = transport.New(t.HTTPTransport, authenticators...)
	return err
}

// upstreams returns the origins of the reverse_proxy that the transport is part of.
// They are all in the configuration: one that a request could choose would get the
// credentials.
func (t *Transport) upstreams(ctx caddy.Context) ([]string, error) {
	modules := ctx.Modules()
	if len(modules) < 2 {
		return nil, errors.New("the transport countersign belongs into a reverse_proxy")
	}
	proxy, ok := modules[len(modules)-2].(*reverseproxy.Handler)
	switch {
	case !ok:
		return nil, errors.New("the transport countersign belongs into a reverse_proxy")
	case proxy.DynamicUpstreamsRaw != nil || len(proxy.Upstreams) == 0:
		return nil, errors.New("the credentials are for the upstream: name it in reverse_proxy, as https://api.example.com")
	}
	var origins []string
	for _, u := range proxy.Upstreams {
		address, err := caddy.ParseNetworkAddress(u.Dial)
		if err != nil || strings.ContainsAny(u.Dial, "{}") || !strings.HasPrefix(address.Network, "tcp") || address.PortRangeSize() != 1 {
			return nil, errors.New("the credentials are for the upstream: name one host and port, without a placeholder")
		}
		req := &http.Request{URL: &url.URL{Host: address.JoinHostPort(0)}}
		t.SetScheme(req)
		origins = append(origins, req.URL.String())
	}
	return origins, nil
}

// The attempts are what is known of a request as Caddy tries it again and again.
type attempts struct {
	body    *keptBody // nil if there is none
	reached bool      // whether the gateway may have acted on one of them
	failure error     // of the last one, nil if it was answered
}

// attemptsKey is where they are kept among the request's variables.
const attemptsKey = "countersign.attempts"

// attemptsOf returns those of a request.
func attemptsOf(req *http.Request) *attempts {
	a, ok := caddyhttp.GetVar(req.Context(), attemptsKey).(*attempts)
	if !ok {
		a = new(attempts)
		if req.Body != nil && req.Body != http.NoBody {
			a.body = keep(req.Body, req.ContentLength)
		}
		caddyhttp.SetVar(req.Context(), attemptsKey, a)
	}
	return a
}

// RoundTrip signs and sends a request. What is refused, here or by Countersign, is a
// response, see [Problem]; an error is a failure to reach the gateway or to get its
// answer, and Caddy may try again. It does not close the request's body, which is
// Caddy's to close.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	a := attemptsOf(req)
	a.failure = nil
	out, refused := t.outgoing(req, a)
	if refused != nil {
		return refused.response(req, a), nil
	}
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil {
		trace.Got1xxResponse = nil // by which Caddy passes on interim answers, with any Countersign-Sent in them
	}
	stopped := false
	resp, err := t.signing.RoundTrip(out.WithContext(auth.WithTrace(out.Context(), &auth.Trace{
		Refused: func(context.Context, auth.RefusedInfo) { stopped = true },
	})))
	if err == nil {
		a.reached = true
		return t.answer(resp, req, out, a), nil
	}
	if _, notDialed := errors.AsType[reverseproxy.DialError](err); !stopped && !notDialed {
		a.reached = true
	}
	if gone := req.Context().Err(); gone != nil {
		return nil, gone
	}
	if _, ok := errors.AsType[*auth.Error](err); ok {
		return (&refusal{statusOf(err), err}).response(req, a), nil
	}
	a.failure = err
	return nil, err
}

// toGateway are the header fields that a gateway gets: what its API reads. A client's
// own credentials, cookies and what proxies add are not among them; nor is
// Accept-Encoding, so that answers can be read, nor Idempotency-Key, upon which
// net/http would repeat a payment.
var toGateway = []string{"Accept", "Accept-Language", "Content-Encoding", "Content-Type", "Soapaction", "User-Agent"}

// outgoing returns the request that is to be signed, and may be sent.
func (t *Transport) outgoing(req *http.Request, a *attempts) (*http.Request, *refusal) {
	fromCaller := req.Context().Value(caddyhttp.ServerCtxKey) != nil // and else from Caddy's health checks
	if fromCaller {
		if refused := t.checkCaller(req); refused != nil {
			return nil, refused
		}
	}
	out := req.WithContext(req.Context())
	out.URL = &url.URL{Host: req.URL.Host, Path: req.URL.Path, RawPath: req.URL.RawPath, RawQuery: req.URL.RawQuery}
	t.SetScheme(out)
	out.URL.Host = strings.TrimPrefix(auth.OriginOf(out.URL).String(), out.URL.Scheme+"://") // without the default port
	out.Host = ""
	if fromCaller {
		uri := out.URL.RequestURI()
		if req.URL.Opaque != "" {
			uri = "" // which has no path
		}
		if err := judge(t.Scheme, t.Allow, req.Method, uri); err != nil {
			return nil, forbidden(http.StatusForbidden, err)
		}
	}
	out.Header = make(http.Header, len(toGateway)+2)
	for _, name := range toGateway {
		if values, ok := req.Header[name]; ok {
			out.Header[name] = values
		}
	}
	if a.body == nil {
		out.Body = nil
		return out, nil
	}
	if a.body.isGone() {
		return nil, &refusal{http.StatusBadGateway, errGone}
	}
	out.Body = a.body.reader()
	out.GetBody = func() (io.ReadCloser, error) {
		if a.body.isGone() {
			return nil, errGone
		}
		return a.body.reader(), nil
	}
	return out, nil
}

// answer makes of the gateway's answer what the caller gets.
func (t *Transport) answer(resp *http.Response, req, out *http.Request, a *attempts) *http.Response {
	if err := rewriteRedirect(resp, req, out); err != nil {
		resp.Body.Close()
		return (&refusal{http.StatusBadGateway, err}).response(req, a)
	}
	answer := *resp // net/http writes a trailer into the other
	answer.Request = req
	answer.Trailer = nil
	for name := range answer.Header {
		if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), sentHeader) {
			delete(answer.Header, name)
		}
	}
	return &answer
}

// rewriteRedirect has a redirect lead to where the caller reaches the same path. It
// refuses one that leaves the gateway or has the caller change the method, as the
// library would if it followed it.
func rewriteRedirect(resp *http.Response, req, out *http.Request) error {
	refuse := func(reason string) error {
		return &auth.Error{
			Op: "pass on the redirect of " + req.Method, Gateway: auth.OriginOf(out.URL).String(),
			Code: auth.ErrRedirect, Err: errors.New(reason),
		}
	}
	switch resp.StatusCode {
	case http.StatusSwitchingProtocols:
		return refuse("the gateway wants to switch protocols, which no request asked for")
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			return refuse("the redirect would turn the method into GET: call the final path, often the same with a slash at its end")
		}
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		if resp.StatusCode/100 == 3 { // such as 300, which some clients follow
			resp.Header.Del("Location")
		}
		return nil
	}
	to, err := out.URL.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return refuse("the redirect has a Location that cannot be read")
	}
	if auth.OriginOf(to) != auth.OriginOf(out.URL) || to.User != nil {
		return refuse(fmt.Sprintf("the redirect leads to %s: call the final URL, if that is where the request belongs", cmp.Or(auth.OriginOf(to).String(), "no host")))
	}
	asked := req
	if original, ok := req.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		asked = &original
	}
	prefix, ok := strings.CutSuffix(asked.URL.EscapedPath(), out.URL.EscapedPath())
	if !ok {
		return refuse("the redirect leads to a path, and how callers reach it cannot be told from the configuration: call the final path")
	}
	if err := checkPath(prefix + to.EscapedPath()); err != nil {
		return refuse("the redirect leads astray: " + err.Error())
	}
	resp.Header["Location"] = []string{prefix + to.RequestURI()}
	return nil
}
