package transporttest_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/fips140"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/transport/transporttest"
)

// A fault is a RoundTripper that breaks the rules that are named, and no other.
type fault struct {
	rules, name string
	want        string // a part of the error
	wrap        wrapper
}

var faults = []fault{
	{"arrival", "signs the first bytes of the body alone", `the JSON object arrives with "amount" 0 times, want 1`, aboveWhole(func(_ *http.Request, b []byte) []byte { return b[:4] })},
	{"arrival", "sends another body of the same type", `the JSON object arrives with "amount" 0 times, want 1`, aboveWhole(func(*http.Request, []byte) []byte { return []byte("{}") })},
	{"arrival", "drops the body", "the body does not arrive", aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Body, req.ContentLength = nil, 0
		return next.RoundTrip(req)
	})},
	{"arrival", "drops the Content-Type", `the Content-Type arrives as "", want "application/json"`, signed(func(r *http.Request) { r.Header.Del("Content-Type") })},
	{"arrival", "keeps the fields that it knows alone", "the field Transporttest-Values arrives with the values [], want a and b", signed(func(r *http.Request) {
		maps.DeleteFunc(r.Header, func(key string, _ []string) bool { return key == "Transporttest-Values" })
	})},
	{"arrival", "keeps one value of each field", `the field Transporttest-Values arrives with the values ["a"], want a and b`, signed(func(r *http.Request) {
		for key := range r.Header {
			r.Header.Set(key, r.Header.Get(key))
		}
	})},
	{"arrival", "sends another method", "it arrives as PUT /payments, want POST /payments", changing(func(r *http.Request) { r.Method = "PUT" })},
	{"arrival", "sends another path", "it arrives as POST /v2/payments, want POST /payments", changing(func(r *http.Request) { r.URL.Path = "/v2/payments" })},
	{"request", "sets a field of the header for a while", "on an answer: the Header of the caller's request is changed while it is sent", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if toOrigin(req) {
			req.Header.Set("X-Trace", "1")
			defer req.Header.Del("X-Trace")
		}
		return next.RoundTrip(req)
	})},
	{"request,repeat", "writes into a value of the header", "on an answer: the Header of the caller's request is changed", after(func(r *http.Request) {
		if v := r.Header["Transporttest-Values"]; v != nil {
			v[1] = "c"
		}
	})},
	{"request", "appends behind the values of the header", "on an answer: the Header of the caller's request is changed", after(func(r *http.Request) { _ = append(r.Header["Content-Type"], "text/plain") })},
	{"request", "changes the URL", "on an answer: the URL of the caller's request is changed", after(func(r *http.Request) { r.URL.Fragment = "signed" })},
	{"request", "replaces the body", "on an answer: the Body of the caller's request is changed", after(func(r *http.Request) { r.Body = http.NoBody })},
	{"request", "replaces GetBody", "on an answer: the GetBody of the caller's request is changed", after(func(r *http.Request) {
		if get := r.GetBody; get != nil {
			r.GetBody = func() (io.ReadCloser, error) { return get() }
		}
	})},
	{"request", "takes the length off", "on an answer: the ContentLength of the caller's request is changed", after(func(r *http.Request) { r.ContentLength = 0 })},
	{"request,redirects", "sets Host", "on a request that goes elsewhere: the Host of the caller's request is changed", after(func(r *http.Request) { r.Host = r.URL.Host })},
	{"request", "takes the form off", "on an answer: the Form of the caller's request is changed", after(func(r *http.Request) { r.Form = nil })},
	{"request", "changes the multipart form", "on an answer: the MultipartForm of the caller's request is changed", after(func(r *http.Request) {
		if r.MultipartForm != nil {
			clear(r.MultipartForm.Value)
		}
	})},
	{"request", "changes the trailer", "on a trailer: the Trailer of the caller's request is changed", after(func(r *http.Request) { clear(r.Trailer) })},
	{"request", "takes the transfer encoding off", "on a transfer encoding: the TransferEncoding of the caller's request is changed", after(func(r *http.Request) { r.TransferEncoding = nil })},
	{"request", "replaces the context", "on an answer: the context of the caller's request is changed", after(func(r *http.Request) { *r = *r.WithContext(context.WithoutCancel(r.Context())) })},
	{"request", "replaces the body for a second turn", "on an answer of 401: the Body of the caller's request is changed while it is sent", turning(func(req, second *http.Request) bool {
		if req.GetBody == nil {
			return false
		}
		req.Body, _ = req.GetBody()
		second.Body = req.Body
		return sign(second) == nil
	})},
	{"close", "closes the body of a second turn twice", "on an answer of 401: a body is closed 2 times", turning(func(req, second *http.Request) bool {
		if req.GetBody == nil {
			return false
		}
		second.Body, _ = req.GetBody()
		second.Body.Close()
		second.Body, _ = req.GetBody()
		first := second.Body
		err := sign(second)
		first.Close()
		return err == nil
	})},
	{"close", "closes the body twice", "on an answer: a body is closed 2 times", after(closeBody)},
	{"close,writes", "closes a body that is sent late twice", "on an early answer: a body is closed 2 times", aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		var returned atomic.Bool
		defer returned.Store(true)
		return withBody(func(b io.ReadCloser) io.ReadCloser {
			return readCloser{b, closer(func() error {
				if returned.Load() {
					b.Close()
				}
				return b.Close()
			})}
		})(req, next)
	})},
	{"close", "reads the body after it is closed", "on an answer: a body is read after it was closed", after(func(r *http.Request) {
		if r.Body != nil {
			r.Body.Read(make([]byte, 1))
		}
	})},
	{"body,replay", "has the body of the caller's GetBody", "GetBody gives another body than Body", signed(func(r *http.Request) {
		if r.GetBody != nil {
			r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("{}")), nil }
		}
	})},
	{"body", "has a GetBody that is good for once", "GetBody gives another body than Body", signed(func(r *http.Request) {
		if r.GetBody == nil {
			return
		}
		b, _ := io.ReadAll(r.Body)
		once := bytes.NewReader(b)
		r.Body = io.NopCloser(bytes.NewReader(b))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(once), nil }
	})},
	{"body", "loses bytes that come with the end", "the body does not arrive", above(withBody(func(b io.ReadCloser) io.ReadCloser {
		return readCloser{reader(func(p []byte) (int, error) {
			n, err := b.Read(p)
			if err == io.EOF {
				n = 0
			}
			return n, err
		}), b}
	}))},
	{"body,early answer,writes,protocols,redirects", "tells a length beside chunks", "the ContentLength is 99 and the body has 14 bytes", signed(func(r *http.Request) {
		if r.GetBody != nil {
			r.ContentLength, r.TransferEncoding = 99, []string{"chunked"}
		}
	})},
	{"body,writes,protocols", "no longer knows the length", "the length was known and is no longer", signed(func(r *http.Request) {
		if r.GetBody != nil {
			r.ContentLength = -1
		}
	})},
	{"body,failing body,context", "reads once", "a body of 1 bytes arrives, not the caller's of 14", above(withBody(func(b io.ReadCloser) io.ReadCloser {
		buffer := make([]byte, 512)
		n, err := b.Read(buffer)
		if err == nil {
			err = io.EOF
		}
		return readCloser{io.MultiReader(bytes.NewReader(buffer[:n]), iotest.ErrReader(err)), b}
	}))},
	{"body,failing body,early answer,protocols,expect", "drops a body of unknown length", "the body does not arrive", aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.ContentLength >= 0 {
			return next.RoundTrip(req)
		}
		return withBody(func(b io.ReadCloser) io.ReadCloser { return readCloser{strings.NewReader(""), b} })(req, next)
	})},
	{"no body", "takes http.NoBody for a body", "with a nil Body it is true that none is sent, with http.NoBody false; the ContentLengths are 0 and 0", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Body != http.NoBody {
			return next.RoundTrip(req)
		}
		c := *req
		c.Body = io.NopCloser(strings.NewReader(""))
		resp, err := next.RoundTrip(&c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	})},
	{"no body", "takes the length of http.NoBody for unknown", "with a nil Body it is true that none is sent, with http.NoBody true; the ContentLengths are 0 and -1", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Body != http.NoBody {
			return next.RoundTrip(req)
		}
		c := *req
		c.ContentLength = -1
		resp, err := next.RoundTrip(&c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	})},
	{"failing body", "sends what could be read", "the body fails after 0 bytes, and the error is <nil>, not the body's", above(withBody(func(b io.ReadCloser) io.ReadCloser {
		return mapped{b, func(error) error { return io.EOF }}
	}))},
	{"failing body", "hides the body's error", "the body fails after 0 bytes, and the error is something else, not the body's", above(withBody(func(b io.ReadCloser) io.ReadCloser {
		return mapped{b, func(error) error { return errOther }}
	}))},
	{"close,early answer", "closes the body when the answer is there", "on an answer: a body is closed 2 times", aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		closeBody(req)
		return resp, err
	})},
	{"early answer", "takes an early answer for an error", "something else", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if resp != nil && resp.StatusCode == http.StatusAccepted {
			resp.Body.Close()
			return nil, errOther
		}
		return resp, err
	})},
	{"early answer", "changes the status of an early answer", "an answer of 202 becomes one of 200", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == http.StatusAccepted {
			resp.StatusCode = http.StatusOK
		}
		return resp, err
	})},
	{"answer", "returns the signed request", "the answer's Request is not the caller's", answered(func(req *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil {
			resp.Request = req.Clone(req.Context())
		}
		return resp, err
	})},
	{"answer", "makes an error of a status", "an answer of 404: something else", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == 404 {
			return nil, errOther
		}
		return resp, err
	})},
	{"answer", "returns an error beside an answer", "an answer of 500: RoundTrip returns both an answer and an error", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == 500 {
			return resp, errOther
		}
		return resp, err
	})},
	{"answer", "returns neither an error nor an answer", "an answer of 500: RoundTrip returns no error, and no answer with a body", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == 500 {
			return nil, nil
		}
		return resp, err
	})},
	{"answer", "changes the status", "an answer of 429: the StatusCode becomes 503, want 429", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == 429 {
			resp.StatusCode = 503
		}
		return resp, err
	})},
	{"answer", "takes from the header", "an answer of 200: the Header becomes map[Location:[/transporttest?page=2] Retry-After:[7] Set-Cookie:[a=b] Transporttest-Values:[a] ", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && len(resp.Header["Transporttest-Values"]) > 0 {
			resp.Header.Set("Transporttest-Values", "a")
		}
		return resp, err
	})},
	{"answer", "cuts long answers off", "of the 72000 bytes of an answer of 200, 65536 are returned, or others", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil {
			resp.Body = readCloser{io.LimitReader(resp.Body, 64<<10), resp.Body}
		}
		return resp, err
	})},
	{"answer", "drops fields of the answer", "an answer of 503: the Header becomes map[", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == 503 {
			resp.Header.Del("Retry-After")
		}
		return resp, err
	})},
	{"answer", "builds an answer of its own", "an answer of 200: the Status becomes , want 200 OK", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil {
			resp = &http.Response{StatusCode: resp.StatusCode, Header: resp.Header, Body: resp.Body, Request: resp.Request}
		}
		return resp, err
	})},
	{"answer", "drops the trailer", "an answer of 200: the Trailer becomes map[], want map[Transporttest-Trailer:[a]]", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil {
			resp.Trailer = nil
		}
		return resp, err
	})},
	{"answer", "reads the answer whole", "the answer is read whole before it is returned", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil {
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			resp.Body = io.NopCloser(bytes.NewReader(b))
		}
		return resp, err
	})},
	{"answer", "sends 50 times after 401", "an answer of 401: the request arrives 51 times, want once or twice", again(50, func(resp *http.Response, _ error) bool { return resp != nil && resp.StatusCode == 401 })},
	{"answer", "sends no body after 401", "an answer of 401: the gateway answers 401 Unauthorized: wrong credentials", turning(func(_, second *http.Request) bool {
		second.Body, second.ContentLength = nil, 0
		return true
	})},
	{"answer", "sends again after 503", "an answer of 503: the request arrives 2 times, want once", again(1, func(resp *http.Response, _ error) bool { return resp != nil && resp.StatusCode == 503 })},
	{"answer", "sends again after an error", "the base fails, and the request is sent 2 times, want once", again(1, func(_ *http.Response, err error) bool { return err != nil && strings.Contains(err.Error(), "base") })},
	{"answer", "hides the base's error", "the base fails, and the error is something else, not the base's", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if err != nil && strings.Contains(err.Error(), "base") {
			err = errOther
		}
		return resp, err
	})},
	{"errors", "returns an error that quotes the request", "the base's error quotes the request, and \"", showing(func(err error) error { return err })},
	{"errors", "wraps an error that quotes the request", "the base's error quotes the request, and \"", showing(func(err error) error { return &url.Error{Op: "Post", Err: err} })},
	{"errors", "looks for the credential as it is", "the base's error quotes the request, and \"c29tZSBi", func(base http.RoundTripper) http.RoundTripper {
		const credential = `c29tZSBieXRlcw+"=`
		s := newSigner(layer{base, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if req.Header.Get("Signature") != "" {
				req.Header.Set("X-Signature", credential)
			}
			return next.RoundTrip(req)
		}})
		s.shows = func(err error) error {
			text, shown := err.Error(), unquoted(err)
			if shown == err {
				return err
			}
			text = regexp.MustCompile("[0-9a-f]{64}").ReplaceAllString(text, "")
			return cutError{strings.ReplaceAll(text, credential, ""), shown.(cutError).is}
		}
		return s
	}},
	{"errors", "makes another error of one that quotes the request", "errors.Is no longer finds in it what it did", showing(func(err error) error {
		if shown := unquoted(err); shown != err {
			return errors.New(shown.Error())
		}
		return err
	})},
	{"header values", "shares a value among its requests", "the base has edited the X-Version of an earlier request in place, and a later one is sent with that", func(base http.RoundTripper) http.RoundTripper {
		values := []string{"1"}
		return signed(func(r *http.Request) { r.Header["X-Version"] = values })(base)
	}},
	{"header values", "shares a value among RoundTrippers", "the base has edited the X-Version of an earlier request in place, and a later one is sent with that", func(base http.RoundTripper) http.RoundTripper {
		var later atomic.Bool
		return signed(func(r *http.Request) {
			r.Header["X-Version"] = version
			if later.Swap(true) {
				r.Header["X-Version"] = []string{"1"}
			}
		})(base)
	}},
	{"repeat", "adds a field each time", `time 2: the header arrives with "X-Attempt" 2 times, want 1`, func(base http.RoundTripper) http.RoundTripper {
		var n atomic.Int64
		return signed(func(r *http.Request) {
			for range n.Add(1) {
				r.Header.Add("X-Attempt", "1")
			}
		})(base)
	}},
	{"repeat", "adds to what the layer above has added", `after two RoundTrippers: the header arrives with "X-Key" 2 times, want 1`, signed(func(r *http.Request) { r.Header.Add("X-Key", "key") })},
	{"repeat", "signs a second time what is signed", "after two RoundTrippers: the gateway answers 401 Unauthorized: wrong credentials", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Header.Get("Signature") == "" {
			return next.RoundTrip(req)
		}
		c := req.Clone(req.Context())
		c.Header.Add("Signature", "again")
		return next.(*signer).base.RoundTrip(c)
	})},
	{"repeat", "signs but once", "time 2: the gateway answers 401 Unauthorized: wrong credentials", func(base http.RoundTripper) http.RoundTripper {
		var seen sync.Map
		return layer{newSigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if _, again := seen.LoadOrStore(req, true); again {
				return base.RoundTrip(req)
			}
			return next.RoundTrip(req)
		}}
	}},
	{"replay", "has no GetBody", "the request is not sent again: EOF", signed(func(r *http.Request) { r.GetBody = nil })},
	{"replay", "signs another URL as it is sent again", "the request is sent again with another URL", resent(func(r *http.Request) {
		r.URL.RawPath = "/%70ayments"
		r.Header.Set("Signature", signature(r.Method, r.URL.RequestURI(), []byte(paymentBody)))
	})},
	{"replay", "adds a field as it is sent again", "the request is sent again with another header", resent(func(r *http.Request) { r.Header.Set("X-Attempt", "2") })},
	{"context", "does not look at the context at first", "it is cancelled before it is sent, and the error is <nil>, not context.Canceled", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Context().Err() != nil {
			return withContext(context.WithoutCancel(req.Context()))(req, next)
		}
		return next.RoundTrip(req)
	})},
	{"context", "does not look at the context after it has read the body", "it is cancelled in the middle of the body, and the error is <nil>, not context.Canceled", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		ctx := req.Context()
		if ctx.Err() != nil || req.Body == nil {
			return next.RoundTrip(req)
		}
		b, err := io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			ctx = context.WithoutCancel(ctx)
		}
		c := req.WithContext(ctx)
		setBody(c, b)
		resp, err := next.RoundTrip(c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	})},
	{"context", "has a context of its own", "it is cancelled before it is sent, and the error is <nil>, not context.Canceled", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(context.Background()))
	})},
	{"context", "goes on when the caller has gone", "it is cancelled before it is sent, and the error is <nil>, not context.Canceled", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
	})},
	{"context", "loses the values", "the context of the request that is sent lacks the values of the caller's", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(noValues{req.Context()}))
	})},
	{"early answer,context,concurrency", "ends the context with RoundTrip", "context canceled", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if _, real := next.(*http.Transport); real { // what comes of it depends on time
			return next.RoundTrip(req)
		}
		ctx, cancel := context.WithTimeout(req.Context(), time.Hour)
		defer cancel()
		return next.RoundTrip(req.WithContext(ctx))
	})},
	{"context", "hides that the caller has gone", "it is cancelled before it is sent, and the error is something else, not context.Canceled", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if errors.Is(err, context.Canceled) {
			err = errOther
		}
		return resp, err
	})},
	{"concurrency", "keeps the request in a field", "a request gets another one's answer", func(base http.RoundTripper) http.RoundTripper {
		var last atomic.Pointer[http.Request]
		return layer{newSigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			last.Store(req)
			resp, err := next.RoundTrip(req)
			if resp != nil {
				resp.Request = last.Load()
			}
			return resp, err
		}}
	}},
	{"concurrency", "keeps the body in a field", "a request arrives with another body than it has alone", func(base http.RoundTripper) http.RoundTripper {
		var last atomic.Pointer[[]byte]
		return layer{newSigner(base), whole(func(_ *http.Request, b []byte) []byte { return *last.Load() }, func(b []byte) { last.Store(&b) })}
	}},
	{"concurrency", "uses a buffer again before the body has been sent", "a request arrives with another body than it has alone", func(base http.RoundTripper) http.RoundTripper {
		free := make(chan []byte, 1)
		return layer{newKeySigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			var buffer []byte
			select {
			case buffer = <-free:
			default:
				buffer = make([]byte, 1<<10)
			}
			defer func() {
				select {
				case free <- buffer:
				default:
				}
			}()
			return whole(func(_ *http.Request, b []byte) []byte { return buffer[:copy(buffer, b)] }, nil)(req, next)
		}}
	}},
	{"concurrency", "does not sign what goes at the same time as another", "the gateway answers 401 Unauthorized: wrong credentials", func(base http.RoundTripper) http.RoundTripper {
		var n atomic.Int64
		return layer{newSigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			defer n.Add(-1)
			if n.Add(1); n.Load() == 1 {
				return next.RoundTrip(req)
			}
			return base.RoundTrip(req)
		}}
	}},
	{"CloseIdleConnections", "has no such method", "a Client's call does not reach the base", func(base http.RoundTripper) http.RoundTripper { return bare{newSigner(base)} }},
	{"CloseIdleConnections", "takes the method for granted", "it panics above a base without the method", func(base http.RoundTripper) http.RoundTripper { return demanding{newSigner(base)} }},
	{"Unwrap", "leads elsewhere", "it leads to a *http.Transport, not to the base", func(base http.RoundTripper) http.RoundTripper { return lost{newSigner(base)} }},
	{"Unwrap", "leads in a circle", "after 100 calls it has not led to the base", func(base http.RoundTripper) http.RoundTripper { return circular{newSigner(base)} }},
	{"writes", "has a body of its own type", "it takes 2 writes, and 1 without the RoundTripper: net/http writes header and body together if the body is a bytes.Reader in an io.NopCloser", signed(func(r *http.Request) {
		if r.GetBody != nil {
			r.Body = struct{ io.ReadCloser }{r.Body}
		}
	})},
	{"early answer,protocols,redirects", "sets a field that HTTP/2 forbids", "http2: invalid Upgrade request header: [", signed(func(r *http.Request) { r.Header.Set("Upgrade", "websocket") })},
	{"protocols", "drops the trailer", `the trailer Transporttest-Trailer arrives as "", want a`, signed(func(r *http.Request) { r.Trailer = nil })},
	{"failing body,early answer,protocols,expect", "knows HTTP/2 alone for bodies of unknown length", "the body fails after 7 bytes, and the error is something else, not the body's", belowKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if t, real := next.(*http.Transport); real && t.Protocols.HTTP1() && req.ContentLength < 0 {
			closeBody(req)
			return nil, errOther
		}
		return next.RoundTrip(req)
	})},
	{"expect", "changes the status of 417", "an answer of 417 becomes one of 400", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == http.StatusExpectationFailed {
			resp.StatusCode = 400
		}
		return resp, err
	})},
	{"expect", "drops the field", `the field Expect arrives as "", want 100-continue`, signed(func(r *http.Request) { r.Header.Del("Expect") })},
	{"expect", "makes an error of 417", "an answer in place of the 100: something else", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == http.StatusExpectationFailed {
			return nil, errOther
		}
		return resp, err
	})},
	{"request line", "signs any path", `a path without a slash: a request with credentials has the target "@elsewhere.test/payments", which does not begin with a slash, in its first line`, signs(func(r *http.Request) bool {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = "/", ""
		return plainLine(r)
	})},
	{"request line", "looks at the RawPath", `a path without a slash, and a RawPath with one that is not the path's: a request with credentials has the target "@elsewhere.test/payments"`, signs(func(r *http.Request) bool {
		sent := r.Clone(r.Context())
		sent.URL.Path, sent.URL.RawPath = "/", ""
		return plainLine(sent) && strings.HasPrefix(cmp.Or(r.URL.RawPath, r.URL.Path, "/"), "/")
	})},
	{"request line", "signs the path of an asterisk", `a path of an asterisk, and a RawPath that is not the path's: a request with credentials has the target "*"`, signs(func(r *http.Request) bool {
		return plainLine(r) || r.URL.Path == "*"
	})},
	{"request line", "signs the RawPath, and sends another", "a RawPath without a slash that is not the path's: the gateway answers 401 Unauthorized: wrong credentials", signed(func(r *http.Request) {
		if r.URL.RawPath != "" && r.URL.RawPath != r.URL.EscapedPath() {
			r.Header.Set("Signature", "of the RawPath")
		}
	})},
	{"request line", "signs a space", `a space in the query: a request with credentials has the target "/payments?transporttest=a b HTTP/1.0"`, signs(func(r *http.Request) bool {
		return plainLine(r) || strings.Contains(r.URL.RawQuery, " ")
	})},
	{"request line", "signs what is not ASCII", `a query that is not ASCII: a request with credentials has the target "/payments?transporttest=ä"`, signs(func(r *http.Request) bool {
		return plainLine(r) || strings.Contains(r.URL.RawQuery, "ä")
	})},
	{"request line", "signs TRACE", "TRACE: a request with credentials has the method TRACE", signs(func(r *http.Request) bool { return plainLine(r) || r.Method == http.MethodTrace })},
	{"request line", "signs CONNECT", "CONNECT: a request with credentials has the method CONNECT", signs(func(r *http.Request) bool { return plainLine(r) || r.Method == http.MethodConnect })},
	{"origins,redirects", "signs what goes anywhere", "another host", ours(func(*http.Request) bool { return true })},
	{"origins,redirects", "looks at the end of the host", "a name with the same end", reading(func(u *url.URL) {
		if strings.HasSuffix(u.Host, "shop.test") {
			u.Host = "api.shop.test"
		}
	})},
	{"origins,redirects", "looks at the beginning of the host", "a longer name", reading(func(u *url.URL) {
		if strings.HasPrefix(u.Host, "api.shop.test") {
			u.Host = "api.shop.test"
		}
	})},
	{"origins,redirects", "looks for the origin in the URL", "the origin in the path", ours(func(r *http.Request) bool {
		return isOrigin(r.URL) || strings.Contains(r.URL.String(), api)
	})},
	{"origins,redirects", "looks for the host in the user information", "the host as user information", reading(func(u *url.URL) {
		if u.User.Username() == "api.shop.test" {
			u.Host = u.User.Username()
		}
	})},
	{"origins,redirects", "ignores the port", "another port", reading(func(u *url.URL) { u.Host = u.Hostname() })},
	{"origins,redirects", "ignores the scheme", "another scheme", reading(func(u *url.URL) { u.Scheme = "https" })},
	{"origins,redirects", "ignores a trailing dot", "a trailing dot", reading(func(u *url.URL) { u.Host = strings.TrimSuffix(u.Host, ".") })},
	{"origins,redirects", "takes the parent domain for the origin", "the parent domain", reading(func(u *url.URL) {
		if u.Host == "shop.test" {
			u.Host = "api.shop.test"
		}
	})},
	{"origins,redirects", "takes Cyrillic letters for Latin ones", "a look-alike", reading(func(u *url.URL) {
		u.Host = strings.NewReplacer("\u0430", "a", "\u0440", "p", "\u043e", "o", "\u0435", "e").Replace(u.Host)
	})},
	{"origins,redirects", "takes punycode for the origin", "punycode", reading(func(u *url.URL) { u.Host = strings.TrimPrefix(u.Host, "xn--") })},
	{"origins,redirects", "takes an IPv6 address for the origin", "an IPv6 address", reading(func(u *url.URL) {
		if strings.HasPrefix(u.Host, "[") {
			u.Host = "api.shop.test"
		}
	})},
	{"origins,redirects", "ignores Host", "another Host", ours(func(r *http.Request) bool { return isOrigin(r.URL) })},
	{"origins,redirects", "ignores an opaque URL", "an opaque URL with another host", reading(func(u *url.URL) { u.Opaque = "" })},
	{"origins", "does not sign for an upper-case host", "an upper-case host", ours(func(r *http.Request) bool {
		return toOrigin(r) && r.URL.Hostname() == "api.shop.test"
	})},
	{"origins", "adds a field to what goes elsewhere", "another host", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if toOrigin(req) {
			return next.RoundTrip(req)
		}
		c := req.Clone(req.Context())
		c.Header.Set("X-Trace", "1")
		return next.RoundTrip(c)
	})},
	{"redirects", "follows everything", "a 301 to the same origin", follows(func(*signer, *http.Request, *http.Request) bool { return true })},
	{"redirects", "follows nothing", "a 307 to the same origin", follows(func(*signer, *http.Request, *http.Request) bool { return false })},
	{"redirects", "follows away from the origin", "a 301 to another host", follows(func(s *signer, req, earlier *http.Request) bool {
		return !s.ours(req) || withinOrigin(s, req, earlier)
	})},
	{"redirects", "follows to the origin", "a 302 from another host", follows(func(s *signer, req, earlier *http.Request) bool {
		return !s.ours(earlier) || withinOrigin(s, req, earlier)
	})},
	{"redirects", "follows with another method", "a 301 to the same origin", follows(func(s *signer, req, earlier *http.Request) bool {
		return s.ours(req) == s.ours(earlier)
	})},
	{"redirects", "does not sign what is redirected", "a 307 to the same origin", func(base http.RoundTripper) http.RoundTripper {
		return layer{newSigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if req.Response != nil && withinOrigin(next.(*signer), req, req.Response.Request) {
				return base.RoundTrip(req)
			}
			return next.RoundTrip(req)
		}}
	}},
}

// waits are faults that the suite waits in vain for. They are tested with synctest's
// clock, which goes on when all else stands still: that takes no time, and depends on
// none. What they wait for themselves is a channel, since a mutex would stop the clock,
// and ends with the request's context.
var waits = []fault{
	{"close", "never closes the body", "on an answer: a body is not closed", above(withBody(unclosed))},
	{"close", "does not close the body that it refuses", "on a request that goes elsewhere: a body is not closed", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if !toOrigin(req) {
			return nil, errOther
		}
		return next.RoundTrip(req)
	})},
	{"close", "does not close the body of a redirect that it refuses", "on a redirect from elsewhere: a body is not closed", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Response != nil && !withinOrigin(next.(*signer), req, req.Response.Request) {
			return nil, errOther
		}
		return next.RoundTrip(req)
	})},
	{"close", "does not close the body when the base fails", "on a failure of the base: a body is not closed", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := withBody(unclosed)(req, next)
		if err == nil || !strings.Contains(err.Error(), "base") {
			closeBody(req)
		}
		return resp, err
	})},
	{"close", "forgets a body that GetBody gave", "on an answer: a body is not closed", after(func(r *http.Request) {
		if r.GetBody != nil {
			r.GetBody()
		}
	})},
	{"context", "goes on while it is sent", "it is cancelled after the body, and the error is the context of the request that is sent goes on", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		ctx, cancel := context.WithCancelCause(context.WithoutCancel(req.Context()))
		if err := req.Context().Err(); err != nil {
			cancel(err)
		}
		resp, err := next.RoundTrip(req.WithContext(ctx))
		context.AfterFunc(req.Context(), func() { cancel(context.Cause(req.Context())) })
		return resp, err
	})},
	{"early answer,answer,concurrency", "never closes the base's answer", "the request arrives 0 times, want once", answered(func(_ *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil {
			resp.Body = io.NopCloser(resp.Body)
		}
		return resp, err
	})},
	{"close", "forgets a body that GetBody gave after 401", "on an answer of 401: a body is not closed", answered(func(req *http.Request, resp *http.Response, err error) (*http.Response, error) {
		if resp != nil && resp.StatusCode == 401 && req.GetBody != nil {
			req.GetBody()
		}
		return resp, err
	})},
	{"request,close,early answer,concurrency,writes", "waits until the body has been sent", "on an early answer: RoundTrip does not return, or reading its answer does not end", aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		done := make(chan struct{})
		resp, err := withBody(func(b io.ReadCloser) io.ReadCloser {
			return readCloser{b, closer(sync.OnceValue(func() error {
				close(done)
				return b.Close()
			}))}
		})(req, next)
		if req.Body != nil && toOrigin(req) {
			select {
			case <-done:
			case <-req.Context().Done():
			}
		}
		return resp, err
	})},
	{"context", "goes on once the answer has begun", "the context of the request that is sent goes on while the answer is read", below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		ctx, cancel := context.WithCancelCause(context.WithoutCancel(req.Context()))
		if err := req.Context().Err(); err != nil {
			cancel(err)
		}
		stop := context.AfterFunc(req.Context(), func() { cancel(context.Cause(req.Context())) })
		defer stop()
		return next.RoundTrip(req.WithContext(ctx))
	})},
	{"concurrency", "sends one request at a time", "a request waits for another one", func(base http.RoundTripper) http.RoundTripper {
		turn := make(chan struct{}, 1)
		return layer{newSigner(base), func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			turn <- struct{}{}
			defer func() { <-turn }()
			return next.RoundTrip(req)
		}}
	}},
}

// ways tell how a RoundTripper may notice that a request takes a path.
var ways = []struct {
	path string
	is   func(*seen) bool
}{
	{"an answer", func(s *seen) bool { return s.status(200) && s.readErr == io.EOF }},
	{"an answer of 401", func(s *seen) bool { return s.status(401) }},
	{"an answer of 403", func(s *seen) bool { return s.status(403) }},
	{"an answer of 401, then another", func(s *seen) bool { return s.first == "401" && s.status(200) }},
	{"the gateway's refusal", func(s *seen) bool { return s.first == "401 text/plain; charset=utf-8" && s.status(401) }},
	{"the gateway's refusal, then another answer", func(s *seen) bool { return s.first == "401 text/plain; charset=utf-8" && s.status(200) }},
	{"a failure of the base", func(s *seen) bool { return s.failed("base") && s.n == 0 }},
	{"a failure of the base while it reads", func(s *seen) bool { return s.failed("base") && s.n == 1 }},
	{"a failure of the base after it has read", func(s *seen) bool { return s.failed("base") && s.readErr == io.EOF }},
	{"a failure of the body at once", func(s *seen) bool { return s.failed("body") && s.n == 0 }},
	{"a failure of the body in the middle", func(s *seen) bool { return s.failed("body") && s.n > 0 && s.n < len(paymentBody) }},
	{"a failure of the body at its end", func(s *seen) bool { return s.failed("body") && s.n == len(paymentBody) }},
	{"a body that cannot be closed", func(s *seen) bool { return s.closeErr != nil }},
	{"a body in small pieces", func(s *seen) bool { return s.reads > len(paymentBody) }},
	{"a body whose end comes with its last bytes", func(s *seen) bool { return s.together }},
	{"a request that goes elsewhere", func(s *seen) bool { return s.elsewhere() && s.req.Host == "" && s.req.Response == nil }},
	{"another Host", func(s *seen) bool { return s.req.Host != "" && s.req.Host != s.req.URL.Host }},
	{"an opaque URL", func(s *seen) bool { return s.req.URL.Opaque != "" }},
	{"a redirect from elsewhere", func(s *seen) bool { return s.req.Response != nil && !isOrigin(s.req.Response.Request.URL) }},
	{"a redirect to elsewhere", func(s *seen) bool { return s.req.Response != nil && s.elsewhere() }},
	{"a redirect with another method", func(s *seen) bool { return s.req.Response != nil && s.req.Response.Request.Method != s.req.Method }},
	{"a context that has ended", func(s *seen) bool { return s.req.Context().Err() != nil }},
}

// A seen is what a RoundTripper has seen of a request when it returns.
type seen struct {
	req   *http.Request
	first string // the answer that had it sent a second time: its status and type
	resp  *http.Response
	err   error

	mu                sync.Mutex
	n, reads          int // bytes of the body, and calls
	together          bool
	readErr, closeErr error
}

func (s *seen) status(code int) bool    { return s.resp != nil && s.resp.StatusCode == code }
func (s *seen) failed(what string) bool { return s.err != nil && strings.Contains(s.err.Error(), what) }
func (s *seen) elsewhere() bool         { return s.req.URL.Host == "elsewhere.test" }

// on takes a second turn after 401, and does f on a path.
func on(is func(*seen) bool, f func(*http.Request)) wrapper {
	return aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		s := &seen{req: req}
		resp, err := withBody(func(b io.ReadCloser) io.ReadCloser {
			return readCloser{reader(func(p []byte) (int, error) {
				n, err := b.Read(p)
				s.mu.Lock()
				defer s.mu.Unlock()
				s.n, s.reads, s.together, s.readErr = s.n+n, s.reads+1, s.together || n > 0 && err == io.EOF, err
				return n, err
			}), closer(func() error {
				err := b.Close()
				s.mu.Lock()
				defer s.mu.Unlock()
				s.closeErr = err
				return err
			})}
		})(req, next)
		if err == nil && resp.StatusCode == 401 && toOrigin(req) && req.GetBody != nil {
			s.first = strings.TrimSpace("401 " + resp.Header.Get("Content-Type"))
			resp.Body.Close()
			second := req.Clone(req.Context())
			second.Body, _ = req.GetBody()
			resp, err = next.RoundTrip(second)
			if resp != nil {
				resp.Request = req
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.resp, s.err = resp, err
		if is(s) {
			f(req)
		}
		return resp, err
	})
}

func TestRoundTrippersThatAreWrongOnOnePathAreRejected(t *testing.T) {
	for rule, f := range map[string]func(*http.Request){
		"close":   closeBody,
		"request": func(r *http.Request) { r.URL.Fragment = "sent" },
	} {
		for _, way := range ways {
			t.Run(rule+"/"+way.path, func(t *testing.T) {
				t.Parallel()
				err := transporttest.TestRoundTripper(on(way.is, f), http.HandlerFunc(signerGateway), payment(t))
				assertBroken(t, rule+",writes", "with a body: on "+way.path+": ", err) // bodies of its own type take two writes
			})
		}
	}
}

func TestBrokenRoundTrippersAreRejected(t *testing.T) {
	for _, c := range faults {
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			sent := payment(t)
			if c.rules == "no body" {
				sent = list(t)
			}
			assertBroken(t, c.rules, c.want, transporttest.TestRoundTripper(c.wrap, http.HandlerFunc(signerGateway), sent))
		})
	}
	for _, c := range waits {
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			if fips140.Enabled() {
				t.Skip("FIPS 140 mode takes TLS's random numbers from the jitter of the clock, and synctest's has none")
			}
			synctest.Test(t, func(t *testing.T) {
				assertBroken(t, c.rules, c.want, transporttest.TestRoundTripper(c.wrap, http.HandlerFunc(signerGateway), payment(t).WithContext(t.Context())))
			})
		})
	}
}

func TestEachRuleIsBrokenAlone(t *testing.T) {
	alone := make(map[string]bool)
	for _, c := range slices.Concat(waits, faults) {
		alone[c.rules] = true
	}
	for _, rule := range transporttest.Rules() {
		assert.True(t, alone[rule], rule)
	}
}

// assertBroken fails unless an error names these rules and no other, and has the
// text that is wanted.
func assertBroken(t *testing.T, rules, want string, err error) {
	t.Helper()
	require.Error(t, err)
	var got []string
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		rule, _, _ := strings.Cut(err.Error(), ": ")
		got = append(got, rule)
	}
	assert.Equal(t, rules, strings.Join(got, ","), "%v", err)
	assert.ErrorContains(t, err, want)
}

// A keyAuth is an Authenticator with a header field, and something wrong in it.
type keyAuth struct {
	origins      func() []auth.Origin
	authenticate func(req *http.Request) error
	refused      func(resp *http.Response)
}

func (a keyAuth) Origins() []auth.Origin { return a.origins() }

func (a keyAuth) Authenticate(req *http.Request, _ http.RoundTripper) error {
	req.Header["Key"] = []string{"test-key"}
	return a.authenticate(req)
}

func (a keyAuth) Refused(_ *http.Request, resp *http.Response) bool {
	a.refused(resp)
	return false
}

func TestBrokenAuthenticatorsAreRejected(t *testing.T) {
	origin, err := auth.ParseOrigin(api, false)
	require.NoError(t, err)
	steady := func() []auth.Origin { return []auth.Origin{origin} }
	fine := func(*http.Request) error { return nil }
	leave := func(*http.Response) {}
	for _, c := range []struct {
		rules, name, want string
		a                 keyAuth
	}{
		{"request", "appends to a value of the header", "on an answer: the Header of the caller's request is changed while it is sent", keyAuth{steady, func(r *http.Request) error {
			_ = append(r.Header["Content-Type"], "charset=utf-8")
			return nil
		}, leave}},
		{"repeat", "adds to an earlier one's credentials", `after two RoundTrippers: the query arrives with "key" 2 times, want 1`, keyAuth{steady, func(r *http.Request) error {
			r.URL.RawQuery += "&key=1"
			return nil
		}, leave}},
		{"close", "closes the body when it fails", "on a context that has ended: a body is closed 2 times", keyAuth{steady, func(r *http.Request) error {
			err := r.Context().Err()
			if err != nil {
				closeBody(r)
			}
			return err
		}, leave}},
		{"answer", "reads the answer and does not put it back", "of the 100 bytes of an answer of 401, 0 are returned, or others", keyAuth{steady, fine, func(resp *http.Response) {
			if resp.StatusCode == http.StatusUnauthorized {
				io.Copy(io.Discard, resp.Body)
			}
		}}},
	} {
		t.Run(c.rules+"/"+c.name, func(t *testing.T) {
			assertBroken(t, c.rules, c.want, transporttest.TestAuthenticator(c.a, http.HandlerFunc(signerGateway), payment(t)))
		})
	}
}

func TestOriginsThatChangeAreRejected(t *testing.T) {
	origin, err := auth.ParseOrigin(api, false)
	require.NoError(t, err)
	one, two, none := []auth.Origin{origin}, []auth.Origin{origin, origin.WithHost("other.test")}, []auth.Origin(nil)
	for name, c := range map[string]struct {
		lists [][]auth.Origin // by turns
		want  string
	}{
		"every other time": {[][]auth.Origin{one, two}, "origins: the list was [" + api + "] and is [" + api + " https://other.test]"},
		"every third time": {[][]auth.Origin{one, one, two}, "origins: the list was [" + api + "] and is [" + api + " https://other.test]"},
		"later to none":    {[][]auth.Origin{one, one, none, none, none}, "origins: the list was [" + api + "] and is []"},
		"none":             {[][]auth.Origin{none}, "origins: countersign: configure the transport: an authenticator has no origin"},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			a := keyAuth{func() []auth.Origin {
				calls++
				return c.lists[(calls-1)%len(c.lists)]
			}, func(*http.Request) error { return nil }, func(*http.Response) {}}
			err := transporttest.TestAuthenticator(a, http.HandlerFunc(signerGateway), payment(t))
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), c.want), "%v", err)
			assert.Equal(t, len(c.lists[0]) == 0, errors.Is(err, auth.ErrConfig))
		})
	}
}

func TestTheSuiteRefuses(t *testing.T) {
	noHost := list(t)
	noHost.URL.Host = ""
	unreadable := request(t, "POST", api, "", "")
	unreadable.Body = io.NopCloser(iotest.ErrReader(errOther))
	for name, c := range map[string]struct {
		wrap     wrapper
		requests []*http.Request
		want     string
	}{
		"no request":                 {above(nil), nil, "no request is given: give one with a body and one without"},
		"a request without a host":   {above(nil), []*http.Request{noHost}, "a request has no URL with a scheme and a host"},
		"a body that cannot be read": {above(nil), []*http.Request{unreadable}, "the body of a request cannot be read: something else"},
		"requests of two origins": {above(nil), []*http.Request{list(t), request(t, "GET", "https://other.test", "", "")},
			"a request goes to https://api.shop.test and another to https://other.test: give requests of one origin"},
		"a request that the gateway accepts without credentials": {above(nil), []*http.Request{request(t, "GET", api+"/open", "", "")},
			"the gateway accepts GET /open without credentials: give a handler that refuses it"},
		"a request that the gateway refuses": {func(base http.RoundTripper) http.RoundTripper { return base }, []*http.Request{list(t)},
			"arrival: GET /payments: the gateway answers 401 Unauthorized: wrong credentials\n"},
		"a request that does not arrive": {above(func(*http.Request, http.RoundTripper) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}), []*http.Request{list(t)}, "arrival: GET /payments: the request arrives 0 times, want once"},
		"a query of which a name does not arrive": {changing(func(r *http.Request) { r.URL.RawQuery = "" }), []*http.Request{list(t)},
			`arrival: GET /payments: the query arrives with "page" 0 times, want 1`},
		"a form of which a name does not arrive": {aboveWhole(func(*http.Request, []byte) []byte { return []byte("a=1&b=2") }),
			[]*http.Request{request(t, "POST", api+"/payments", formType, "a=1&b=2&b=3")},
			`arrival: POST /payments with a body: the form arrives with "b" 1 times, want 2`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.EqualError(t, transporttest.TestRoundTripper(c.wrap, http.HandlerFunc(signerGateway), c.requests...), c.want)
		})
	}
}

func TestTheSuiteGivesUpARoundTripperThatNeverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrap := above(func(*http.Request, http.RoundTripper) (*http.Response, error) {
			<-t.Context().Done()
			return nil, t.Context().Err()
		})
		assert.EqualError(t, transporttest.TestRoundTripper(wrap, http.HandlerFunc(signerGateway), list(t)),
			"arrival: GET /payments: RoundTrip does not return, or reading its answer does not end")
	})
}

// A layer is a RoundTripper on top of another, which does something wrong.
type layer struct {
	next http.RoundTripper
	f    wrong
}

type wrong = func(req *http.Request, next http.RoundTripper) (*http.Response, error)

func (l layer) RoundTrip(req *http.Request) (*http.Response, error) { return l.f(req, l.next) }

func (l layer) Unwrap() http.RoundTripper { return l.next }

func (l layer) CloseIdleConnections() {
	if c, ok := l.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type wrapper = func(base http.RoundTripper) http.RoundTripper

// above does f with the caller's request.
func above(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper { return layer{newSigner(base), f} }
}

// aboveKey is above for a signer that reads no body.
func aboveKey(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper {
		return layer{newKeySigner(base), f}
	}
}

// belowKey is below for a signer that reads no body.
func belowKey(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper {
		return newKeySigner(layer{base, f})
	}
}

// below does f with the signer's request.
func below(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper { return newSigner(layer{base, f}) }
}

// after changes the caller's request when it has been sent.
func after(f func(*http.Request)) wrapper {
	return above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		f(req)
		return resp, err
	})
}

// signed changes what is signed before it is sent.
func signed(f func(*http.Request)) wrapper {
	return below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Header.Get("Signature") != "" {
			f(req)
		}
		return next.RoundTrip(req)
	})
}

// answered changes what is returned.
func answered(f func(*http.Request, *http.Response, error) (*http.Response, error)) wrapper {
	return above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		return f(req, resp, err)
	})
}

// again sends n times more if need be.
func again(n int, need func(*http.Response, error) bool) wrapper {
	return below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		for range n {
			if !need(resp, err) || !toOrigin(req) || req.Body != nil && req.GetBody == nil {
				break
			}
			if req.GetBody != nil {
				req.Body, _ = req.GetBody()
			}
			if resp != nil {
				resp.Body.Close()
			}
			resp, err = next.RoundTrip(req)
		}
		return resp, err
	})
}

// turning sends a second request after 401, if f, which is given the caller's and a
// copy of it, says so.
func turning(f func(req, second *http.Request) bool) wrapper {
	return above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil || resp.StatusCode != 401 || !toOrigin(req) {
			return resp, err
		}
		second := req.Clone(req.Context())
		if !f(req, second) {
			return resp, err
		}
		resp.Body.Close()
		resp, err = next.(*signer).base.RoundTrip(second)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	})
}

// changing signs a request that has been changed.
func changing(f func(*http.Request)) wrapper {
	return above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		c := req.Clone(req.Context())
		if toOrigin(req) {
			f(c)
		}
		resp, err := next.RoundTrip(c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	})
}

// whole signs another body, which f makes of the whole one. piece is called with
// what has been read after each Read.
func whole(f func(*http.Request, []byte) []byte, piece func([]byte)) wrong {
	return func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Body == nil || req.Body == http.NoBody || !toOrigin(req) {
			return next.RoundTrip(req)
		}
		var read []byte
		from := reader(func(p []byte) (int, error) {
			n, err := req.Body.Read(p)
			read = append(read, p[:n]...)
			if n > 0 && piece != nil {
				piece(bytes.Clone(read))
			}
			return n, err
		})
		b, err := io.ReadAll(from)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		c := req.Clone(req.Context())
		setBody(c, f(req, b))
		resp, err := next.RoundTrip(c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
}

func aboveWhole(f func(*http.Request, []byte) []byte) wrapper { return above(whole(f, nil)) }

// resent changes what is signed as a real base sends it again.
func resent(f func(*http.Request)) wrapper {
	return below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if _, real := next.(*http.Transport); real && req.GetBody != nil {
			get := req.GetBody
			req.GetBody = func() (io.ReadCloser, error) {
				f(req)
				return get()
			}
		}
		return next.RoundTrip(req)
	})
}

type reader func([]byte) (int, error)

func (f reader) Read(p []byte) (int, error) { return f(p) }

type closer func() error

func (f closer) Close() error { return f() }

type readCloser struct {
	io.Reader
	io.Closer
}

// withBody sends a copy of the request that has another body, if it has one.
func withBody(change func(io.ReadCloser) io.ReadCloser) wrong {
	return func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Body == nil || req.Body == http.NoBody {
			return next.RoundTrip(req)
		}
		c := *req
		c.Body = change(req.Body)
		resp, err := next.RoundTrip(&c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
}

// withContext sends a copy of the request that has another context.
func withContext(ctx context.Context) wrong {
	return func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req.WithContext(ctx))
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
}

func unclosed(b io.ReadCloser) io.ReadCloser { return io.NopCloser(b) }

// mapped is a body whose errors become others, save for a cancellation.
type mapped struct {
	io.ReadCloser
	f func(error) error
}

func (m mapped) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, context.Canceled) {
		err = m.f(err)
	}
	return n, err
}

var errOther = errors.New("something else")

// adjusted makes a signer with something else in it.
func adjusted(f func(*signer)) wrapper {
	return func(base http.RoundTripper) http.RoundTripper {
		s := newSigner(base)
		f(s)
		return s
	}
}

// signs makes a signer with another idea of the request lines that are signed.
func signs(f func(*http.Request) bool) wrapper { return adjusted(func(s *signer) { s.signs = f }) }

// showing makes a signer that returns something else of an error of the base.
func showing(f func(error) error) wrapper { return adjusted(func(s *signer) { s.shows = f }) }

// version is a value of a header that RoundTrippers share.
var version = []string{"1"}

// ours makes a signer with another idea of its origin.
func ours(f func(*http.Request) bool) wrapper {
	return adjusted(func(s *signer) { s.ours = f })
}

// reading makes one that reads a URL in another way.
func reading(f func(*url.URL)) wrapper {
	return ours(func(req *http.Request) bool {
		c := *req
		u := *req.URL
		f(&u)
		c.URL = &u
		return toOrigin(&c)
	})
}

// follows makes a signer with another idea of redirects.
func follows(f func(s *signer, req, earlier *http.Request) bool) wrapper {
	return adjusted(func(s *signer) { s.follows = f })
}

type bare struct{ http.RoundTripper }

type demanding struct{ *signer }

func (d demanding) CloseIdleConnections() {
	d.base.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}

type circular struct{ *signer }

func (c circular) Unwrap() http.RoundTripper { return c }

type lost struct{ *signer }

func (lost) Unwrap() http.RoundTripper { return http.DefaultTransport }

// noValues is a context without its values.
type noValues struct{ context.Context }

func (noValues) Value(any) any { return nil }
