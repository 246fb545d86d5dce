// Package transporttest tests RoundTrippers that authenticate requests, and the
// Authenticators of package auth, as [testing/fstest.TestFS] tests file systems.
//
// [TestAuthenticator] tests an Authenticator, and [TestRoundTripper] any
// RoundTripper that authenticates requests. They send copies of your requests on
// every path that a program may take, have your own handler judge what arrives,
// and return an error that names each rule that is broken. [TestRoundTripper]
// lists the rules. [TestLearner] tests an Authenticator that logs in, or learns from
// refusals in another way, and has a list of its own.
//
// Minor versions may add rules: a test that passes today may then name a fault
// that was there before.
//
// # What an Authenticator owes
//
// Most rules are kept by [transport.Transport], whatever the Authenticator. These are
// the Authenticator's own:
//
//   - It sends what it asks of the gateway first by base.RoundTrip, and never by an
//     [http.Client], which follows redirects with the credentials in hand and has not
//     the program's proxy.
//   - Whatever waits, for a secret, a login or another's login, waits under req's
//     context. A login that several wait for ends when the last of them has left.
//   - A time, a nonce and a token are made or looked up in each call.
//   - A body that is read is read to its end under a limit, and closed once, before
//     Authenticate returns. Close's error may be returned, with nothing sent, or
//     dropped; Read's must be returned. When Authenticate fails, the transport closes
//     req.Body: it is then the caller's if that is not closed yet, or [http.NoBody].
//   - A body that is passed on is closed by the base, perhaps when RoundTrip has
//     returned long since.
//   - What would not arrive as it was signed is refused, with nothing sent.
//
// Package scheme keeps most of them for you; docs/own-scheme.md says why they are.
package transporttest

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/transport"
)

// TestAuthenticator tests an Authenticator. It tests a [transport.Transport] that
// has no other one as [TestRoundTripper] does, and that a's list of origins, which
// must have the requests' origin, never changes: if it does, that is the only error.
// In a test function:
//
//	if err := transporttest.TestAuthenticator(a, gateway, create, list); err != nil {
//		t.Fatal(err)
//	}
func TestAuthenticator(a auth.Authenticator, gateway http.Handler, requests ...*http.Request) error {
	origins := slices.Clone(a.Origins())
	if _, err := transport.New(nil, a); err != nil {
		return fmt.Errorf("origins: %w", err)
	}
	var changed error
	err := test(func(base http.RoundTripper) http.RoundTripper {
		t, err := transport.New(base, a)
		if now := a.Origins(); changed == nil && !slices.Equal(now, origins) {
			changed = fmt.Errorf("origins: the list was %v and is %v", origins, now)
		}
		if err != nil {
			changed = cmp.Or(changed, fmt.Errorf("origins: %w", err))
			return base
		}
		return t
	}, a, origins, gateway, requests)
	if changed != nil {
		return changed
	}
	return err
}

// TestRoundTripper tests a RoundTripper that authenticates requests. It returns nil
// if the RoundTripper keeps the contract below, else one error for each rule that
// is broken, joined, with the rule's name at its beginning. No rule can be left out.
// In a test function:
//
//	if err := transporttest.TestRoundTripper(wrap, gateway, create, list); err != nil {
//		t.Fatal(err)
//	}
//
// wrap returns the RoundTripper under test, which sends through base. It is called
// many times. base is not the network: whichever host a request names, it stays on
// this machine. RoundTrip is called in goroutines of its own, and given up if it
// does not return within some seconds. After the first that is given up there is less
// patience: what hangs wherever it can takes less than 20 seconds in all.
//
// gateway stands for the real one. It answers a request that is rightly
// authenticated with a status of 2xx and others with another one, as package
// authtest's Paylink and the REST and SOAP APIs of its Avangate do. JSON-RPC refuses in an answer of 200:
// put a handler around such a gateway that gives these another status. It is called
// concurrently. Odd requests are judged by it only if it answers 401 or 403 to one
// without credentials. It must accept the same bytes twice: one that refuses what it has
// seen before, such as a nonce, cannot be used.
//
// requests are some that the program makes, without credentials. Give one with a
// body and one without: a rule about bodies tests nothing without a body. A body
// without bytes is none. They go to one scheme, host and port. If the gateway
// accepts one of them without credentials, that is the only error. Their bodies are
// read, and they must not be used afterwards.
//
// Copies of them are sent, with two more header fields, Transporttest-Case and
// Transporttest-Values. Some have a trailer, and some a body that differs in white
// space or has one more form parameter, transporttest, if the gateway accepts that;
// others are odd, as the rules about length, encoding, spelling and stale values say.
// Requests without Transporttest-Case are the RoundTripper's own, such as a login:
// the gateway answers them, wherever they go, and no rule is about them.
//
// A RoundTripper may send a request without credentials first, and again when the
// gateway has answered 401 or 403: then the rules are about the second one. It must
// read that answer to its end, or the connection cannot be used again.
//
// The rules are:
//
//   - arrival: the gateway accepts each request as it is given. Its method and path
//     arrive, a header field of any name with all its values, and the Content-Type,
//     unless the body is rewritten. So does each name in the query, in a form and at
//     the top of a JSON object, up to a bracket. The values of these, and other
//     bodies that are rewritten, are left to the gateway to check. If this rule is
//     broken, no other is tested.
//   - request: the caller's request is not changed on any path, nor anything that it
//     points to, not even for a while. Its body is read and closed.
//   - close: the body, and each one that GetBody has given, is closed once on every
//     path, and not read after that.
//   - body: the body arrives whole, in whatever pieces it is read. Body, GetBody and
//     ContentLength of what is sent agree. A length that is known stays known.
//   - no body: a nil Body and [http.NoBody] are the same.
//   - failing body: if the body cannot be read, its error is returned, and nothing
//     has been sent whole.
//   - length: a body that is shorter or longer than ContentLength says is refused
//     with nothing sent, or passed on unread, so that it fails. Of one without an end
//     no more than 64 MiB are read before it is sent.
//   - encoding: a body with a Content-Encoding is refused, or passed on as it is and
//     unread: what is signed would be the compressed bytes. So is one of a type that
//     the RoundTripper knows no way to write into, unless the gateway accepts what it
//     makes of it. A body where the sample has none is refused, or arrives.
//   - spelling: what few programs send is authenticated as it is sent, or refused: a
//     path with escapes, which arrives byte for byte, an empty query, an empty method,
//     a fragment, a query beside a body, a parameter that is malformed or given twice.
//   - stale: what is added takes the place of what the caller has set under the same
//     name, in whatever spelling: header fields in other letter case and with
//     underscores, which CGI takes for hyphens, parameters with escapes, members of a
//     JSON object with escapes. Or the request is refused.
//   - early answer: an answer may come before the body has been read.
//   - answer: the base's answer or error is returned, whatever the status. An answer
//     is not read whole first, nor changed, save that its Request is the caller's and
//     that its Body may be another that closes the base's. Nothing is sent twice, save
//     after 401 and 403, and then no more than twice.
//   - errors: an error of the base that quotes what was sent is not shown beyond that:
//     nothing that was added stands in its text, nor in that of an error that it
//     wraps. Still errors.Is finds in it what it did. No error of RoundTrip, on any
//     path, shows a credential, a parameter's value or the body, nor does that of an
//     [http.Client] whose request is redirected to an address that repeats the query, as
//     it is, escaped, within another URL or in a fragment: see [auth.Redactor].
//     The suite knows a credential that is sent; a key that is not, as that of a MAC,
//     is for a test of your own.
//   - printing: no verb of package fmt shows a credential where the RoundTripper, or the
//     Authenticator, is printed. Names of accounts, which are added to each request
//     alike beside a credential, may show.
//   - repeat: the same request can be sent again, and through two RoundTrippers one
//     above the other: it then is authenticated once, or refused.
//   - header values: a base that edits in place the values that were added to the
//     header, as one that logs does, spoils no later request, of this RoundTripper
//     or of another that wrap returns.
//   - replay: if the connection drops, [http.Transport] can send the same bytes
//     again.
//   - context: the request that is sent has the caller's context, with its values.
//     It ends with the caller's, before, during and after the body, and not with
//     RoundTrip.
//   - concurrency: requests neither mix nor wait for each other. Run the test with
//     the race detector.
//   - CloseIdleConnections: the call is passed on, to a base that has the method.
//   - Unwrap: where there is such a method, it leads to the base.
//   - writes: a small request takes as few writes to the socket as without the
//     RoundTripper. Multipart bodies, which are better not held in memory, need not
//     keep this.
//   - protocols: it works over HTTP/1.1 and HTTP/2, with bodies of known and of
//     unknown length. A trailer arrives where the caller's would, which is behind a
//     body of unknown length and over HTTP/2, or is refused.
//   - expect: Expect: 100-continue is passed on, and an answer in place of the 100
//     is returned.
//   - request line: nothing is authenticated whose target, as net/url makes it,
//     begins with no slash, or holds more than the bytes 0x21 to 0x7e; nor a TRACE or
//     a CONNECT. A RawPath that is no encoding of the Path changes nothing. Such
//     requests are refused, sent as they are, or sent with another spelling.
//   - origins: what goes elsewhere is refused, or sent as it is. What only spells
//     the origin in another way is refused or authenticated. A host, port or scheme
//     that differs is elsewhere, and so is what has another Host or an opaque URL.
//     Other origins of an Authenticator are not tried. A RoundTripper must have no
//     origin but the requests': not the parent domain, nor another port.
//     Give one request of each method that the program uses. HEAD is tried in place
//     of each GET: it may be refused, but neither goes without credentials nor
//     anywhere else, and is authenticated as a HEAD.
//   - redirects: with an [http.Client], no redirect is followed from the origin to
//     elsewhere, nor from elsewhere to the origin, nor with another method. One
//     within the origin is followed, and authenticated afresh.
//   - time: a time in seconds that is added is that of the call. The test waits for
//     the next second where it sees one.
func TestRoundTripper(wrap func(base http.RoundTripper) http.RoundTripper, gateway http.Handler, requests ...*http.Request) error {
	return test(wrap, nil, nil, gateway, requests)
}

// test tests a RoundTripper that authenticates requests to these origins, and to the
// requests' own, by a, if that is not nil.
func test(wrap func(base http.RoundTripper) http.RoundTripper, a auth.Authenticator, origins []auth.Origin, gateway http.Handler, requests []*http.Request) error {
	s, err := newSuite(wrap, gateway, requests)
	if err != nil {
		return err
	}
	s.authenticator, s.origins = a, origins
	var broken []error
	for i, rule := range rules {
		if err := rule.test(s); err != nil {
			broken = append(broken, fmt.Errorf("%s: %w", rule.name, err))
			if i == 0 {
				break
			}
		}
	}
	return errors.Join(broken...)
}

// rules are in the order of the list above. A test returns the first fault that it
// finds.
var rules = []struct {
	name string
	test func(*suite) error
}{
	{"arrival", testArrival},
	{"request", testRequest},
	{"close", testClose},
	{"body", testBody},
	{"no body", testNoBody},
	{"failing body", testFailingBody},
	{"length", testLength},
	{"encoding", testEncoding},
	{"spelling", testSpelling},
	{"stale", testStale},
	{"early answer", testEarlyAnswer},
	{"answer", testAnswer},
	{"errors", testErrors},
	{"printing", testPrinting},
	{"repeat", testRepeat},
	{"header values", testHeaderValues},
	{"replay", testReplay},
	{"context", testContext},
	{"concurrency", testConcurrency},
	{"CloseIdleConnections", testCloseIdleConnections},
	{"Unwrap", testUnwrap},
	{"writes", testWrites},
	{"protocols", testProtocols},
	{"expect", testExpect},
	{"request line", testRequestLine},
	{"origins", testOrigins},
	{"redirects", testRedirects},
	{"time", testTime},
}

// A suite is what is under test.
type suite struct {
	wrap          func(base http.RoundTripper) http.RoundTripper
	gateway       http.Handler
	samples       []sample
	authenticator auth.Authenticator // nil for none
	origins       []auth.Origin      // the Authenticator's
	patience      *patience
	// challenged says that requests go out again when the gateway has refused them.
	challenged bool
	sessions   tls.ClientSessionCache
}

func newSuite(wrap func(http.RoundTripper) http.RoundTripper, gateway http.Handler, requests []*http.Request) (*suite, error) {
	if len(requests) == 0 {
		return nil, errors.New("no request is given: give one with a body and one without")
	}
	s := &suite{wrap: wrap, gateway: gateway, patience: &patience{}, sessions: tls.NewLRUClientSessionCache(0)}
	for _, req := range requests {
		p, err := newSample(req)
		if err != nil {
			return nil, err
		}
		p.patience = s.patience
		s.samples = append(s.samples, p)
		if first := s.samples[0].proto.URL; req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
			return nil, fmt.Errorf("a request goes to %s://%s and another to %s://%s: give requests of one origin", first.Scheme, first.Host, req.URL.Scheme, req.URL.Host)
		}
	}
	for i, p := range s.samples {
		resp, err := s.roundTrip(s.memory(), p.request())
		if err != nil {
			return nil, fmt.Errorf("%s, without credentials: %w", p, err)
		}
		if resp.StatusCode/100 == 2 {
			return nil, fmt.Errorf("the gateway accepts %s without credentials: give a handler that refuses it", p)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		s.samples[i].refusal = resp.StatusCode
		s.samples[i].refuse = func(w http.ResponseWriter) {
			maps.Copy(w.Header(), resp.Header)
			w.WriteHeader(resp.StatusCode)
			w.Write(text)
		}
	}
	return s, nil
}

// each calls test for each sample.
func (s *suite) each(test func(p sample) error) error { return each(s.samples, test) }

// eachBody calls test for each sample that has a body, once with a body of known
// length and once without.
func (s *suite) eachBody(test func(p sample) error) error {
	var all []sample
	for _, p := range s.samples {
		if p.body != nil {
			all = append(all, p)
			p.chunked = true
			all = append(all, p)
		}
	}
	return each(all, test)
}

func each(samples []sample, test func(p sample) error) error {
	for _, p := range samples {
		if err := test(p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}

// A sample is a request of the user's.
type sample struct {
	proto    *http.Request
	body     []byte // nil for none
	trailer  bool
	chunked  bool                      // the length is not told, and there is no GetBody
	usual    arrival                   // what comes of it
	refusal  int                       // the status of the gateway's, without credentials
	refuse   func(http.ResponseWriter) // answers as the gateway does without credentials
	patience *patience
}

func newSample(req *http.Request) (sample, error) {
	if req.URL == nil || req.URL.Scheme == "" || req.URL.Host == "" {
		return sample{}, errors.New("a request has no URL with a scheme and a host")
	}
	p := sample{proto: req}
	if req.Body == nil || req.Body == http.NoBody {
		return p, nil
	}
	b, err := io.ReadAll(req.Body)
	if err != nil {
		return sample{}, fmt.Errorf("the body of a request cannot be read: %w", err)
	}
	if len(b) > 0 {
		p.body = b
	}
	return p, req.Body.Close()
}

func (p sample) String() string {
	name := p.proto.Method + " " + p.proto.URL.Path
	switch {
	case p.body == nil:
		return name
	case p.chunked:
		return name + " with a body of unknown length"
	}
	return name + " with a body"
}

// caseHeader marks the suite's requests. The others stand for the fields that a
// caller sets.
const (
	caseHeader    = "Transporttest-Case"
	valuesHeader  = "Transporttest-Values"
	trailerHeader = "Transporttest-Trailer"
)

// request returns a new copy of the sample.
func (p sample) request() *http.Request {
	req := p.proto.Clone(p.proto.Context())
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	req.Header.Set(caseHeader, "1")
	req.Header[valuesHeader] = []string{"a", "b"}
	req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	if p.body == nil {
		return req
	}
	body := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(p.body)), nil }
	req.Body, _ = body()
	if p.chunked {
		req.ContentLength = -1
	} else {
		req.ContentLength, req.GetBody = int64(len(p.body)), body
	}
	if p.trailer {
		req.Trailer = http.Header{trailerHeader: {"a"}}
	}
	return req
}

// watched returns a new copy whose bodies keep count of how they are used. open
// makes the reader of each; nil means one of the sample's body.
func (p sample) watched(open func() io.Reader) (*http.Request, *bodies) {
	req, watch := p.request(), &bodies{open: open, patience: p.patience}
	if open == nil {
		watch.open = func() io.Reader { return bytes.NewReader(p.body) }
	}
	if req.Body != nil {
		req.Body = watch.next()
	}
	if req.GetBody != nil {
		req.GetBody = func() (io.ReadCloser, error) { return watch.next(), nil }
	}
	return req, watch
}
