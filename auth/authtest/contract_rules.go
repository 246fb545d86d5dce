package authtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing/iotest"
)

var (
	errBase = errors.New("the base fails")
	errBody = errors.New("the body fails")
)

func failBase(*http.Request) error { return errBase }

// readAndFail returns what fails when it has read n bytes of the body.
func readAndFail(n int64) func(*http.Request) error {
	return func(sent *http.Request) error {
		if sent.Body != nil {
			io.CopyN(io.Discard, sent.Body, n)
		}
		return errBase
	}
}

// failing returns a reader that fails after n bytes.
func failing(b []byte, n int, err error) func() io.Reader {
	return func() io.Reader { return io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(err)) }
}

func testRequest(s *suite) error {
	return s.each(func(p sample) error {
		for _, c := range []struct {
			name   string
			before func(*http.Request) error
			open   func() io.Reader
			change func(*http.Request) // makes some RoundTrippers refuse it
		}{
			{name: "an answer"},
			{name: "a failure of the base", before: failBase},
			{name: "a failure of the body", open: failing(p.body, len(p.body)/2, errBody)},
			{name: "a request that goes elsewhere", change: func(r *http.Request) { r.URL.Host = elsewhere }},
			{name: "a trailer", change: func(r *http.Request) { r.Trailer = http.Header{"X-Sum": {"1"}} }},
			{name: "a transfer encoding", change: func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }},
		} {
			req, _ := p.watched(c.open)
			fill(req)
			if c.change != nil {
				c.change(req)
			}
			before := snap(req)
			m := s.memory()
			var err error
			m.before = func(sent *http.Request) error {
				err = changed(before, req)
				if c.before != nil {
					return c.before(sent)
				}
				return nil
			}
			roundTrip(s.wrap(m), req)
			if err != nil {
				return fmt.Errorf("on %s: %w while it is sent", c.name, err)
			}
			if err := changed(before, req); err != nil {
				return fmt.Errorf("on %s: %w", c.name, err)
			}
		}
		return nil
	})
}

// fill puts into a request what clients ignore, and room for more values into its
// header.
func fill(req *http.Request) {
	req.Header["Authtest-Values"] = []string{"a", "b"}
	for key, values := range req.Header {
		req.Header[key] = append(make([]string, 0, len(values)+2), values...)
	}
	req.Form, req.PostForm = url.Values{"a": {"b"}}, url.Values{"a": {"b"}}
	req.MultipartForm = &multipart.Form{Value: map[string][]string{"a": {"b"}}}
}

func testClose(s *suite) error {
	return s.eachBody(func(p sample) error {
		for _, c := range []struct {
			name     string
			before   func(*http.Request) error
			open     func() io.Reader
			closeErr error
			change   func(*http.Request)
			late     bool
		}{
			{name: "an answer"},
			{name: "an early answer", late: true},
			{name: "a failure of the base before it reads", before: failBase},
			{name: "a failure of the base while it reads", before: readAndFail(1)},
			{name: "a failure of the base after it has read", before: readAndFail(1 << 62)},
			{name: "a failure of the body at once", open: failing(p.body, 0, errBody)},
			{name: "a failure of the body in the middle", open: failing(p.body, len(p.body)/2, errBody)},
			{name: "a failure of the body at its end", open: failing(p.body, len(p.body), errBody)},
			{name: "a body that cannot be closed", closeErr: errBody},
			{name: "a body in small pieces", open: func() io.Reader { return iotest.OneByteReader(bytes.NewReader(p.body)) }},
			{name: "a body whose end comes with its last bytes", open: func() io.Reader { return iotest.DataErrReader(bytes.NewReader(p.body)) }},
			{name: "a request that goes elsewhere", change: func(r *http.Request) { r.URL.Host = elsewhere }},
			{name: "a redirect from elsewhere", change: func(r *http.Request) {
				earlier := p.request()
				earlier.URL.Host = elsewhere
				r.Response = &http.Response{StatusCode: http.StatusTemporaryRedirect, Request: earlier}
			}},
			{name: "a context that has ended", change: func(r *http.Request) {
				ctx, cancel := context.WithCancel(r.Context())
				cancel()
				*r = *r.WithContext(ctx)
			}},
			{name: "another Host", change: func(r *http.Request) { r.Host = elsewhere }},
			{name: "an opaque URL", change: func(r *http.Request) { r.URL.Opaque = "//" + elsewhere }},
		} {
			m := s.memory()
			m.before, m.late = c.before, c.late
			req, watch := p.watched(c.open)
			req.Body.(*body).err, watch.closeErr = c.closeErr, c.closeErr
			if c.change != nil {
				c.change(req)
			}
			roundTrip(s.wrap(m), req)
			if err := watch.check(); err != nil {
				return fmt.Errorf("on %s: %w", c.name, err)
			}
		}
		return nil
	})
}

func testBody(s *suite) error {
	return s.eachBody(func(p sample) error {
		for _, open := range []func() io.Reader{
			func() io.Reader { return bytes.NewReader(p.body) },
			func() io.Reader { return iotest.OneByteReader(bytes.NewReader(p.body)) },
			func() io.Reader { return iotest.DataErrReader(bytes.NewReader(p.body)) },
		} {
			m := s.memory()
			var sent http.Request
			var again [][]byte
			m.before = func(r *http.Request) error {
				sent = *r
				for range 2 {
					if r.GetBody == nil {
						break
					}
					b, err := readCopy(r)
					if err != nil {
						return err
					}
					again = append(again, b)
				}
				return nil
			}
			req, _ := p.watched(open)
			if _, err := roundTrip(s.wrap(m), req); err != nil {
				return err
			}
			a, err := m.takeOne(p)
			if err != nil {
				return err
			}
			unknown := sent.ContentLength < 0 || sent.ContentLength == 0 && len(a.body) > 0
			switch {
			case !unknown && sent.ContentLength != int64(len(a.body)):
				return fmt.Errorf("the ContentLength is %d and the body has %d bytes", sent.ContentLength, len(a.body))
			case unknown && !p.chunked:
				return errors.New("the length was known and is no longer")
			}
			for _, b := range again {
				if !bytes.Equal(b, a.body) {
					return errors.New("GetBody gives another body than Body")
				}
			}
		}
		return nil
	})
}

func readCopy(r *http.Request) ([]byte, error) {
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func testNoBody(s *suite) error {
	return s.each(func(p sample) error {
		if p.body != nil {
			return nil
		}
		type what struct {
			none   bool
			length int64
		}
		var sent [2]what
		for i, body := range []io.ReadCloser{nil, http.NoBody} {
			m := s.memory()
			m.before = func(r *http.Request) error {
				sent[i] = what{r.Body == nil || r.Body == http.NoBody, r.ContentLength}
				return nil
			}
			req := p.request()
			req.Body = body
			if _, err := roundTrip(s.wrap(m), req); err != nil {
				return err
			}
			if _, err := m.takeOne(p); err != nil {
				return err
			}
		}
		if sent[0] != sent[1] {
			return fmt.Errorf("with a nil Body it is %v that none is sent, with http.NoBody %v; the ContentLengths are %d and %d",
				sent[0].none, sent[1].none, sent[0].length, sent[1].length)
		}
		return nil
	})
}

func testFailingBody(s *suite) error {
	return s.eachBody(func(p sample) error {
		for _, n := range []int{0, len(p.body) / 2, len(p.body)} {
			m := s.memory()
			req, _ := p.watched(failing(p.body, n, errBody))
			_, err := roundTrip(s.wrap(m), req)
			if !errors.Is(err, errBody) {
				return fmt.Errorf("the body fails after %d bytes, and the error is %v, not the body's", n, err)
			}
			if len(m.take()) > 0 {
				return fmt.Errorf("the body fails after %d bytes, and a whole request is sent", n)
			}
		}
		return nil
	})
}

func testEarlyAnswer(s *suite) error {
	return s.eachBody(func(p sample) error {
		m := s.memory()
		m.late = true
		req, _ := p.watched(nil)
		if _, err := roundTrip(s.wrap(m), req); err != nil {
			return err
		}
		if m.lateErr != nil {
			return m.lateErr
		}
		_, err := m.takeOne(p)
		return err
	})
}

func testAnswer(s *suite) error {
	const location = "/authtest?page=2"
	long := strings.Repeat("The answer. ", 6_000)
	return s.each(func(p sample) error {
		for _, status := range []int{200, 302, 401, 403, 404, 429, 500, 503} {
			m := s.memory()
			text := long
			if status != http.StatusOK {
				text = long[:100]
			}
			m.answer = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.Header()["Authtest-Values"] = []string{"a", "b"}
				w.Header().Set("Location", location)
				w.WriteHeader(status)
				io.WriteString(w, text)
				return true
			}
			req := p.request()
			resp, err := roundTrip(s.wrap(m), req)
			if err != nil {
				return fmt.Errorf("an answer of %d: %w", status, err)
			}
			b, _ := io.ReadAll(resp.Body)
			switch {
			case resp.StatusCode != status:
				return fmt.Errorf("an answer of %d becomes one of %d", status, resp.StatusCode)
			case !slices.Equal(resp.Header["Authtest-Values"], []string{"a", "b"}) || resp.Header.Get("Location") != location:
				return fmt.Errorf("the header of an answer of %d is changed", status)
			case string(b) != text:
				return fmt.Errorf("of the %d bytes of an answer of %d, %d are returned, or others", len(text), status, len(b))
			case resp.Request != req:
				return errors.New("the answer's Request is not the caller's")
			}
			if status == http.StatusUnauthorized || status == http.StatusForbidden {
				continue
			}
			if _, err := m.takeOne(p); err != nil {
				return fmt.Errorf("an answer of %d: %w", status, err)
			}
		}
		m := s.memory()
		sent := 0
		m.before = func(*http.Request) error { sent++; return errBase }
		if _, err := roundTrip(s.wrap(m), p.request()); !errors.Is(err, errBase) {
			return fmt.Errorf("the base fails, and the error is %v, not the base's", err)
		}
		if sent != 1 {
			return fmt.Errorf("the base fails, and the request is sent %d times, want once", sent)
		}
		return nil
	})
}

func testRepeat(s *suite) error {
	return s.each(func(p sample) error {
		m := s.memory()
		rt := s.wrap(m)
		req := p.request()
		for i := range 3 {
			if i > 0 && req.GetBody != nil {
				req.Body, _ = req.GetBody()
			}
			_, err := roundTrip(rt, req)
			if err == nil {
				err = arrivesAlike(m, p)
			}
			if err != nil {
				return fmt.Errorf("time %d: %w", i+1, err)
			}
		}
		_, err := roundTrip(s.wrap(rt), p.request())
		if err != nil && len(m.take()) == 0 {
			return nil // it is refused
		}
		if err == nil {
			err = arrivesAlike(m, p)
		}
		if err != nil {
			return fmt.Errorf("after two RoundTrippers: %w", err)
		}
		return nil
	})
}

// arrivesAlike returns an error if p has not arrived with the usual header fields.
func arrivesAlike(m *memory, p sample) error {
	a, err := m.takeOne(p)
	if err == nil && !maps.Equal(counts(a.request.Header), counts(p.usual.request.Header)) {
		err = errors.New("the header does not have the usual fields")
	}
	return err
}

func testReplay(s *suite) error {
	return s.each(func(p sample) error {
		l := s.loopback(false)
		defer l.close()
		rt := s.wrap(l.transport)
		if _, err := roundTrip(rt, p.request()); err != nil {
			return err
		}
		l.take()
		l.answer = func(_ http.ResponseWriter, _ *http.Request, n int) bool {
			if n == 1 {
				panic(http.ErrAbortHandler) // closes the connection
			}
			return false
		}
		req := p.request()
		req.Header.Set("Idempotency-Key", "1") // lets http.Transport send it again, whatever the method
		if _, err := roundTrip(rt, req); err != nil {
			return fmt.Errorf("the request is not sent again: %w", err)
		}
		got := l.take()
		if len(got) != 2 {
			return fmt.Errorf("the request arrives %d times, want twice", len(got))
		}
		for _, a := range got {
			if err := a.check(p); err != nil {
				return err
			}
		}
		a, b := got[0], got[1]
		if a.request.RequestURI != b.request.RequestURI || !reflect.DeepEqual(a.request.Header, b.request.Header) || !bytes.Equal(a.body, b.body) {
			return errors.New("the request that is sent again has other bytes")
		}
		return nil
	})
}

func testContext(s *suite) error {
	type key struct{}
	return s.each(func(p sample) error {
		for _, c := range []struct {
			name string
			plan func(m *memory, req *http.Request, cancel func())
		}{
			{"before it is sent", func(_ *memory, _ *http.Request, cancel func()) { cancel() }},
			{"in the middle of the body", func(_ *memory, req *http.Request, cancel func()) {
				if req.Body == nil {
					cancel()
					return
				}
				req.Body.(*body).Reader = io.MultiReader(bytes.NewReader(p.body[:len(p.body)/2]), readerFunc(func([]byte) (int, error) {
					cancel()
					return 0, context.Canceled
				}))
			}},
			{"after the body", func(m *memory, _ *http.Request, cancel func()) {
				m.before = func(sent *http.Request) error {
					if sent.Body != nil {
						io.Copy(io.Discard, sent.Body)
					}
					cancel()
					if !within(sent.Context().Done()) {
						return errors.New("the context of the request that is sent goes on")
					}
					return context.Cause(sent.Context())
				}
			}},
		} {
			ctx, cancel := context.WithCancel(p.proto.Context())
			defer cancel()
			m := s.memory()
			req, _ := p.watched(nil)
			c.plan(m, req, cancel)
			_, err := roundTrip(s.wrap(m), req.WithContext(ctx))
			if !errors.Is(err, context.Canceled) {
				return fmt.Errorf("it is cancelled %s, and the error is %v, not context.Canceled", c.name, err)
			}
			if len(m.take()) > 0 {
				return fmt.Errorf("it is cancelled %s, and a whole request is sent", c.name)
			}
		}

		ctx, cancel := context.WithCancel(context.WithValue(p.proto.Context(), key{}, "value"))
		defer cancel()
		m := s.memory()
		var sent context.Context
		m.before = func(r *http.Request) error { sent = r.Context(); return nil }
		resp, err := s.wrap(m).RoundTrip(p.request().WithContext(ctx))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := m.takeOne(p); err != nil {
			return err
		}
		if sent.Value(key{}) != "value" {
			return errors.New("the context of the request that is sent lacks the values of the caller's")
		}
		if sent.Err() != nil {
			return errors.New("the context of the request that is sent ends before the answer has been read")
		}
		cancel()
		if !within(sent.Done()) {
			return errors.New("the context of the request that is sent goes on while the answer is read")
		}
		return nil
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func testConcurrency(s *suite) error {
	return s.each(func(p sample) error {
		const n = 8
		m := s.memory()
		all := make(chan struct{})
		timeout, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		m.answer = func(w http.ResponseWriter, r *http.Request, arrived int) bool {
			if arrived == n {
				close(all)
			}
			select {
			case <-all:
			case <-timeout.Done():
				w.WriteHeader(http.StatusGatewayTimeout)
				return true
			}
			w.Header().Set(caseHeader, r.Header.Get(caseHeader))
			return true
		}
		rt := s.wrap(m)
		errs := make(chan error, n)
		for i := range n {
			go func() {
				req := p.request()
				req.Header.Set(caseHeader, fmt.Sprint(i))
				resp, err := roundTrip(rt, req)
				switch {
				case err != nil:
				case resp.StatusCode == http.StatusGatewayTimeout:
					err = fmt.Errorf("a request waits for another of %d", n)
				case resp.Header.Get(caseHeader) != fmt.Sprint(i) || resp.Request.Header.Get(caseHeader) != fmt.Sprint(i):
					err = errors.New("a request gets another one's answer")
				}
				errs <- err
			}()
		}
		var first error
		for range n {
			if err := <-errs; first == nil {
				first = err
			}
		}
		if first != nil {
			return first
		}
		for _, a := range m.take() {
			if err := a.check(p); err != nil {
				return err
			}
		}
		return nil
	})
}

func testCloseIdleConnections(s *suite) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it panics above a base without the method: %v", r)
		}
	}()
	m := s.memory()
	(&http.Client{Transport: s.wrap(m)}).CloseIdleConnections()
	if m.idle == 0 {
		return errors.New("a Client's call does not reach the base")
	}
	(&http.Client{Transport: s.wrap(struct{ http.RoundTripper }{m})}).CloseIdleConnections()
	return nil
}

func testUnwrap(s *suite) error {
	m := s.memory()
	rt := s.wrap(m)
	if _, ok := rt.(interface{ Unwrap() http.RoundTripper }); !ok {
		return nil
	}
	for rt != http.RoundTripper(m) {
		u, ok := rt.(interface{ Unwrap() http.RoundTripper })
		if !ok {
			return fmt.Errorf("it leads to a %T, not to the base", rt)
		}
		rt = u.Unwrap()
	}
	return nil
}

// smallBody is how long a body may be to go out in one write with the header, in
// bytes: http.Transport has a buffer of 4 KiB.
const smallBody = 2 << 10

func testWrites(s *suite) error {
	return s.each(func(p sample) error {
		if len(p.body) > smallBody || strings.HasPrefix(p.proto.Header.Get("Content-Type"), "multipart/") {
			return nil
		}
		l := s.loopback(false)
		defer l.close()
		var writes [2]int64
		for i, rt := range []http.RoundTripper{l.transport, s.wrap(l.transport)} {
			for range 2 { // a first one may log in
				l.writes.Store(0)
				if _, err := roundTrip(rt, p.request()); err != nil {
					return err
				}
				writes[i] = l.writes.Load()
			}
		}
		if writes[1] > writes[0] {
			return fmt.Errorf("it takes %d writes, and %d without the RoundTripper: net/http writes header and body together if the body is a bytes.Reader in an io.NopCloser", writes[1], writes[0])
		}
		return nil
	})
}

func testProtocols(s *suite) error {
	for _, proto := range []int{1, 2} {
		l := s.loopback(proto == 2)
		defer l.close()
		rt := s.wrap(l.transport)
		test := func(p sample) error {
			if _, err := roundTrip(rt, p.request()); err != nil {
				return fmt.Errorf("over HTTP/%d: %w", proto, err)
			}
			a, err := l.takeOne(p)
			if err != nil {
				return fmt.Errorf("over HTTP/%d: %w", proto, err)
			}
			if !p.chunked && a.request.ContentLength != int64(len(a.body)) {
				return fmt.Errorf("over HTTP/%d: the length of the body does not arrive", proto)
			}
			return nil
		}
		if err := s.each(test); err != nil {
			return err
		}
		if err := s.eachBody(test); err != nil {
			return err
		}
	}
	return nil
}

func testExpect(s *suite) error {
	return s.eachBody(func(p sample) error {
		l := s.loopback(false)
		defer l.close()
		rt := s.wrap(l.transport)
		req := p.request()
		req.Header.Set("Expect", "100-continue")
		if _, err := roundTrip(rt, req); err != nil {
			return err
		}
		a, err := l.takeOne(p)
		if err != nil {
			return err
		}
		if a.request.Header.Get("Expect") != "100-continue" {
			return errors.New("the field Expect does not arrive")
		}
		l.unread = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusExpectationFailed) }
		req = p.request()
		req.Header.Set("Expect", "100-continue")
		resp, err := roundTrip(rt, req)
		if err != nil {
			return fmt.Errorf("an answer in place of the 100: %w", err)
		}
		if resp.StatusCode != http.StatusExpectationFailed {
			return fmt.Errorf("an answer of 417 becomes one of %d", resp.StatusCode)
		}
		return nil
	})
}
