// This file is one table, however long: what is wrong with RoundTrippers.

package transporttest_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing/iotest"
	"time"

	"github.com/countersign/countersign/auth/scheme"
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
	{"request,stale", "sets a field of the header for a while", "on an answer: the Header of the caller's request is changed while it is sent", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
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
	{"body", "loses bytes that come with the end", "the body has 0 bytes or more and ContentLength says 14", above(withBody(func(b io.ReadCloser) io.ReadCloser {
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
	{"body,failing body,context", "reads once", "the body has 1 bytes or more and ContentLength says 14", above(withBody(func(b io.ReadCloser) io.ReadCloser {
		buffer := make([]byte, 512)
		n, err := b.Read(buffer)
		if err == nil {
			err = io.EOF
		}
		return readCloser{io.MultiReader(bytes.NewReader(buffer[:n]), iotest.ErrReader(err)), b}
	}))},
	{"body,failing body,encoding,early answer,protocols,expect", "drops a body of unknown length", "the body does not arrive", aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.ContentLength >= 0 {
			return next.RoundTrip(req)
		}
		return withBody(func(b io.ReadCloser) io.ReadCloser { return readCloser{strings.NewReader(""), b} })(req, next)
	})},
	{"no body", "takes http.NoBody for a body", "with a nil Body it is true that none is sent, with http.NoBody false; the ContentLengths are 0 and 0", aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
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
	{"failing body", "sends what could be read", "the body fails after 0 bytes, and the error is countersign: sign POST for https://api.shop.test: the body has 0 bytes", above(withBody(func(b io.ReadCloser) io.ReadCloser {
		return mapped{b, func(error) error { return io.EOF }}
	}))},
	{"failing body", "hides the body's error", "the body cannot be read: something else, not the body's", above(withBody(func(b io.ReadCloser) io.ReadCloser {
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
				scheme.SetHeader(req, "X-Signature", credential)
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
		return signed(func(r *http.Request) {
			scheme.SetHeader(r, "X-Version", "")
			r.Header["X-Version"] = values
		})(base)
	}},
	{"header values", "shares a value among RoundTrippers", "the base has edited the X-Version of an earlier request in place, and a later one is sent with that", func(base http.RoundTripper) http.RoundTripper {
		var later atomic.Bool
		return signed(func(r *http.Request) {
			scheme.SetHeader(r, "X-Version", "")
			r.Header["X-Version"] = version
			if later.Swap(true) {
				r.Header["X-Version"] = []string{"1"}
			}
		})(base)
	}},
	{"stale,repeat", "adds a field each time", `time 2: the header arrives with "X-Attempt" 2 times, want 1`, func(base http.RoundTripper) http.RoundTripper {
		var n atomic.Int64
		return signed(func(r *http.Request) {
			for range n.Add(1) {
				r.Header.Add("X-Attempt", "1")
			}
		})(base)
	}},
	{"stale,repeat", "adds to what the layer above has added", `after two RoundTrippers: the header arrives with "X-Key" 2 times, want 1`, signed(func(r *http.Request) { r.Header.Add("X-Key", "key") })},
	{"stale,repeat", "signs a second time what is signed", "after two RoundTrippers: the gateway answers 401 Unauthorized: wrong credentials", above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
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
		c := req.Clone(ctx)
		if _, err := scheme.Body(c, 1<<20); err != nil {
			closeBody(c)
			return nil, err
		}
		if ctx.Err() != nil {
			c = c.WithContext(context.WithoutCancel(ctx))
		}
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
	{"early answer,protocols,redirects", "sets a field that HTTP/2 forbids", "http2: invalid Upgrade request header: [", signed(func(r *http.Request) { scheme.SetHeader(r, "Upgrade", "websocket") })},
	{"protocols", "drops the trailer", `the trailer Transporttest-Trailer arrives as "", want a`, signedKey(func(r *http.Request) { r.Trailer = nil })},
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
