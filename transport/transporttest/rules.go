package transporttest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing/iotest"
	"time"
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

func testArrival(s *suite) error {
	for i, p := range s.samples {
		m := s.memory()
		_, err := roundTrip(s.wrap(m), p.request())
		if err == nil {
			s.challenged = s.challenged || m.twoTurns()
			s.samples[i].usual, err = m.takeOne(p)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}

// A path is one that a request can take through a RoundTripper.
type path struct {
	name     string
	before   func(sent *http.Request) error
	late     bool
	answer   func(w http.ResponseWriter, r *http.Request, n int) bool
	change   func(*http.Request) // makes some RoundTrippers refuse it
	open     func() io.Reader
	closeErr error
}

// paths lists those of p.
func (p sample) paths() []path {
	// refuse answers n times with a status, 0 for the gateway's own.
	refuse := func(status, n int) func(http.ResponseWriter, *http.Request, int) bool {
		return func(w http.ResponseWriter, _ *http.Request, arrived int) bool {
			switch {
			case arrived > n:
				return false
			case status == 0:
				p.refuse(w)
			default:
				w.WriteHeader(status)
			}
			return true
		}
	}
	const always = 1 << 30
	leave := func(r *http.Request) { r.URL.Host, r.Host = elsewhere, "" }
	redirect := func(r *http.Request, change func(earlier *http.Request)) {
		earlier := p.request()
		change(earlier)
		r.Response = &http.Response{StatusCode: http.StatusTemporaryRedirect, Request: earlier}
	}
	all := []path{
		{name: "an answer"},
		{name: "an answer of 401", answer: refuse(401, always)},
		{name: "an answer of 403", answer: refuse(403, always)},
		{name: "an answer of 401, then another", answer: refuse(401, 1)},
		{name: "the gateway's refusal", answer: refuse(0, always)},
		{name: "the gateway's refusal, then another answer", answer: refuse(0, 1)},
		{name: "a failure of the base", before: failBase},
		{name: "a request that goes elsewhere", change: leave},
		{name: "another Host", change: func(r *http.Request) { r.Host = elsewhere }},
		{name: "an opaque URL", change: func(r *http.Request) { r.URL.Opaque = "//" + elsewhere }},
		{name: "a redirect from elsewhere", change: func(r *http.Request) { redirect(r, leave) }},
		{name: "a redirect to elsewhere", change: func(r *http.Request) { leave(r); redirect(r, func(*http.Request) {}) }},
		{name: "a redirect with another method", change: func(r *http.Request) {
			redirect(r, func(earlier *http.Request) { earlier.Method = "AUTHTEST" })
		}},
		{name: "a trailer", change: func(r *http.Request) { r.Trailer = http.Header{trailerHeader: {"a"}} }},
		{name: "a transfer encoding", change: func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }},
		{name: "a context that has ended", change: func(r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			*r = *r.WithContext(ctx)
		}},
	}
	if p.body == nil {
		return all
	}
	return append(all, []path{
		{name: "an early answer", late: true},
		{name: "a failure of the base while it reads", before: readAndFail(1)},
		{name: "a failure of the base after it has read", before: readAndFail(1 << 62)},
		{name: "a failure of the body at once", open: failing(p.body, 0, errBody)},
		{name: "a failure of the body in the middle", open: failing(p.body, len(p.body)/2, errBody)},
		{name: "a failure of the body at its end", open: failing(p.body, len(p.body), errBody)},
		{name: "a body that cannot be closed", closeErr: errBody},
		{name: "a body in small pieces", open: func() io.Reader { return iotest.OneByteReader(bytes.NewReader(p.body)) }},
		{name: "a body whose end comes with its last bytes", open: func() io.Reader { return iotest.DataErrReader(bytes.NewReader(p.body)) }},
	}...)
}

// walk calls test for each path, with a request and a base to send it through.
func (s *suite) walk(p sample, test func(*memory, *http.Request, *bodies) error) error {
	for _, c := range p.paths() {
		m := s.memory()
		m.before, m.late, m.answer = c.before, c.late, c.answer
		req, watch := p.watched(c.open)
		if req.Body != nil {
			req.Body.(*body).err, watch.closeErr = c.closeErr, c.closeErr
		}
		if c.change != nil {
			c.change(req)
		}
		if err := test(m, req, watch); err != nil {
			return fmt.Errorf("on %s: %w", c.name, err)
		}
	}
	return nil
}

func testRequest(s *suite) error {
	return s.each(func(p sample) error {
		return s.walk(p, func(m *memory, req *http.Request, _ *bodies) error {
			fill(req)
			before, next := snap(req), m.before
			var err error
			m.before = func(sent *http.Request) error {
				err = cmp.Or(err, changed(before, req))
				if next != nil {
					return next(sent)
				}
				return nil
			}
			if _, err := roundTrip(s.wrap(m), req); err == errHangs {
				return err
			}
			if err != nil {
				return fmt.Errorf("%w while it is sent", err)
			}
			return changed(before, req)
		})
	})
}

// fill puts into a request what clients ignore, and room for more values into its
// header.
func fill(req *http.Request) {
	for key, values := range req.Header {
		req.Header[key] = append(make([]string, 0, len(values)+2), values...)
	}
	req.Form, req.PostForm = url.Values{"a": {"b"}}, url.Values{"a": {"b"}}
	req.MultipartForm = &multipart.Form{Value: map[string][]string{"a": {"b"}}}
}

func testClose(s *suite) error {
	if err := s.eachBody(func(p sample) error {
		return s.walk(p, func(m *memory, req *http.Request, watch *bodies) error {
			_, err := roundTrip(s.wrap(m), req)
			return closed(watch, err)
		})
	}); err != nil {
		return err
	}
	if err := s.overConnections(func(l *loopback, p sample) error {
		if err := closed(s.answersEarly(l, p)); err != nil {
			return fmt.Errorf("on an early answer: %w", err)
		}
		return nil
	}); err != nil {
		return err
	}
	return s.overConnections(func(l *loopback, p sample) error {
		if err := closed(failsMidway(&l.site, s.wrap(l.transport), p, len(p.body)/2)); err != nil {
			return fmt.Errorf("on a failure of the body in the middle: %w", err)
		}
		return nil
	})
}

// closed checks bodies, whatever else is wrong.
func closed(watch *bodies, err error) error {
	if err == errHangs {
		return err
	}
	return watch.check()
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
				sent, again = *r, nil
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
	if err := s.eachBody(func(p sample) error {
		for _, n := range []int{0, len(p.body) / 2, len(p.body)} {
			m := s.memory()
			if _, err := failsMidway(&m.site, s.wrap(m), p, n); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return s.overConnections(func(l *loopback, p sample) error {
		_, err := failsMidway(&l.site, s.wrap(l.transport), p, len(p.body)/2)
		return err
	})
}

// failsMidway sends p with a body that fails after n bytes.
func failsMidway(at *site, rt http.RoundTripper, p sample, n int) (*bodies, error) {
	req, watch := p.watched(failing(p.body, n, errBody))
	_, err := roundTrip(rt, req)
	switch {
	case err == errHangs:
	case !errors.Is(err, errBody):
		err = fmt.Errorf("the body fails after %d bytes, and the error is %v, not the body's", n, err)
	case len(at.take()) > 0:
		err = fmt.Errorf("the body fails after %d bytes, and a whole request is sent", n)
	default:
		err = nil
	}
	return watch, err
}

// overConnections calls test for each sample with a body, over HTTP/1.1 and HTTP/2,
// each with a server of its own.
func (s *suite) overConnections(test func(*loopback, sample) error) error {
	for _, proto := range []int{1, 2} {
		if err := s.eachBody(func(p sample) error {
			l := s.loopback(proto == 2)
			defer l.close()
			return test(l, p)
		}); err != nil {
			return fmt.Errorf("over HTTP/%d: %w", proto, err)
		}
	}
	return nil
}

func testEarlyAnswer(s *suite) error {
	if err := s.eachBody(func(p sample) error {
		m := s.memory()
		m.late = true
		req, _ := p.watched(nil)
		if _, err := roundTrip(s.wrap(m), req); err != nil {
			return err
		}
		if m.lateErr != nil {
			return m.lateErr
		}
		return m.takeEarly(p)
	}); err != nil {
		return err
	}
	return s.overConnections(func(l *loopback, p sample) error {
		_, err := s.answersEarly(l, p)
		return err
	})
}

// answersEarly has a server answer p before it reads the body. A RoundTripper that
// does not read the body itself has the answer before the body goes on.
func (s *suite) answersEarly(l *loopback, p sample) (*bodies, error) {
	streams := false
	var ended atomic.Bool
	m := s.memory()
	m.before = func(*http.Request) error { streams = !ended.Load(); return nil }
	end := func(f func()) io.Reader {
		return readerFunc(func([]byte) (int, error) { f(); return 0, io.EOF })
	}
	req, watch := p.watched(func() io.Reader {
		return io.MultiReader(bytes.NewReader(p.body), end(func() { ended.Store(true) }))
	})
	if _, err := roundTrip(s.wrap(m), req); err != nil {
		return watch, err
	}
	returned := make(chan struct{})
	req, watch = p.watched(func() io.Reader {
		return io.MultiReader(bytes.NewReader(p.body), end(func() {
			if streams {
				<-returned
			}
		}))
	})
	l.unread = func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		control.EnableFullDuplex() // HTTP/2 has no other way
		w.WriteHeader(http.StatusAccepted)
		control.Flush()
		if body, err := io.ReadAll(r.Body); err == nil {
			l.serve(httptest.NewRecorder(), r, body)
		}
	}
	resp, err := begin(s.wrap(l.transport), req)
	close(returned)
	if err == nil && resp.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("an answer of 202 becomes one of %d", resp.StatusCode)
	}
	if err == nil {
		err = finish(resp)
	}
	if err == nil {
		err = l.takeEarly(p)
	}
	return watch, err
}

func testAnswer(s *suite) error {
	long := strings.Repeat("The answer. ", 6_000)
	return s.each(func(p sample) error {
		for _, status := range []int{200, 302, 401, 403, 404, 429, 500, 503} {
			text := long
			if status != http.StatusOK {
				text = long[:100]
			}
			m := s.memory()
			m.answer = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.Header()[valuesHeader] = []string{"a", "b"}
				for key, value := range map[string]string{"Location": "/transporttest?page=2", "Retry-After": "7", "Set-Cookie": "a=b", "Www-Authenticate": "Transporttest"} {
					w.Header().Set(key, value)
				}
				w.WriteHeader(status)
				io.WriteString(w, text)
				return true
			}
			var was http.Response // the last one of the base
			var ended atomic.Bool // it has been read
			var bases []*body
			m.after = func(resp *http.Response) {
				ended.Store(false)
				resp.Trailer = http.Header{trailerHeader: {"a"}}
				base := &body{Reader: io.MultiReader(resp.Body, readerFunc(func([]byte) (int, error) {
					ended.Store(true)
					return 0, io.EOF
				})), closed: make(chan struct{})}
				bases, resp.Body = append(bases, base), base
				was = *resp
				was.Header, was.Trailer = resp.Header.Clone(), resp.Trailer.Clone()
			}
			req := p.request()
			resp, err := begin(s.wrap(m), req)
			whole := ended.Load()
			if err == nil {
				err = finish(resp)
			}
			if err != nil {
				return fmt.Errorf("an answer of %d: %w", status, err)
			}
			b, _ := io.ReadAll(resp.Body)
			switch {
			case string(b) != text:
				return fmt.Errorf("of the %d bytes of an answer of %d, %d are returned, or others", len(text), status, len(b))
			case whole && status == http.StatusOK:
				return errors.New("the answer is read whole before it is returned")
			case resp.Request != req:
				return errors.New("the answer's Request is not the caller's")
			}
			if err := altered(&was, resp); err != nil {
				return fmt.Errorf("an answer of %d: %w", status, err)
			}
			for _, base := range bases {
				if !within(patience, base.closed) {
					return fmt.Errorf("an answer of %d: the base's is not closed", status)
				}
			}
			got := m.take()
			switch turns := len(got); {
			case status == http.StatusUnauthorized || status == http.StatusForbidden:
				if turns != 1 && turns != 2 {
					return fmt.Errorf("an answer of %d: the request arrives %d times, want once or twice", status, turns)
				}
			case turns != 1:
				return fmt.Errorf("an answer of %d: the request arrives %d times, want once", status, turns)
			}
			for _, a := range got {
				if err := a.check(p); err != nil {
					return fmt.Errorf("an answer of %d: %w", status, err)
				}
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

// altered returns an error if an answer is not the base's. Its Body and Request may
// be others.
func altered(base, resp *http.Response) error {
	was, is := reflect.ValueOf(base).Elem(), reflect.ValueOf(resp).Elem()
	for i := range was.NumField() {
		field := was.Type().Field(i).Name
		a, b := was.Field(i).Interface(), is.Field(i).Interface()
		if field != "Body" && field != "Request" && !reflect.DeepEqual(a, b) {
			return fmt.Errorf("the %s becomes %v, want %v", field, b, a)
		}
	}
	return nil
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
	if err != nil {
		return err
	}
	return shape{"header": counts(a.request.Header)}.compare(shape{"header": counts(p.usual.request.Header)}, false)
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
		switch a, b := got[0], got[1]; {
		case a.request.RequestURI != b.request.RequestURI:
			return errors.New("the request is sent again with another URL")
		case !reflect.DeepEqual(a.request.Header, b.request.Header):
			return errors.New("the request is sent again with another header")
		case !bytes.Equal(a.body, b.body):
			return errors.New("the request is sent again with another body")
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
				half := len(p.body) / 2
				req.Body.(*body).Reader = io.MultiReader(bytes.NewReader(p.body[:half]), readerFunc(func([]byte) (int, error) {
					cancel()
					return 0, io.EOF
				}), bytes.NewReader(p.body[half:]))
			}},
			{"after the body", func(m *memory, _ *http.Request, cancel func()) {
				m.before = func(sent *http.Request) error {
					if sent.Body != nil {
						io.Copy(io.Discard, sent.Body)
					}
					cancel()
					if !within(briefly, sent.Context().Done()) {
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
		resp, err := begin(s.wrap(m), p.request().WithContext(ctx))
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
		if !within(patience, sent.Done()) {
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
		requests := make([]variant, n)
		for i := range requests {
			var err error
			if requests[i], err = s.variant(p, i, n); err != nil {
				return err
			}
		}
		if err := s.atOnce(requests); err != nil {
			return err
		}
		if p.body == nil {
			return nil
		}
		return s.lateAtOnce(requests[:2])
	})
}

// atOnce sends requests that have all read their bodies before one goes on, and
// that have all arrived before one is answered.
func (s *suite) atOnce(requests []variant) error {
	m := s.memory()
	read, arrived := meeting(len(requests)), meeting(len(requests))
	m.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if arrived() != nil {
			w.WriteHeader(http.StatusGatewayTimeout)
		}
		w.Header().Set(caseHeader, r.Header.Get(caseHeader))
		return true
	}
	rt := s.wrap(m)
	errs := make(chan error, len(requests))
	for _, v := range requests {
		go func() {
			meet := sync.OnceValue(read)
			req, _ := v.watched(func() io.Reader {
				return io.MultiReader(bytes.NewReader(v.body), readerFunc(func([]byte) (int, error) { return 0, cmp.Or(meet(), io.EOF) }))
			})
			req.Header.Set(caseHeader, v.id)
			resp, err := roundTrip(rt, req)
			switch {
			case err != nil:
			case resp.StatusCode == http.StatusGatewayTimeout:
				err = errWaits
			case resp.Header.Get(caseHeader) != v.id || resp.Request.Header.Get(caseHeader) != v.id:
				err = errors.New("a request gets another one's answer")
			}
			errs <- err
		}()
	}
	var first error
	for range requests {
		first = cmp.Or(first, <-errs)
	}
	if first != nil {
		return first
	}
	return unmixed(m, requests)
}

// lateAtOnce sends requests that are all answered before one is read.
func (s *suite) lateAtOnce(requests []variant) error {
	m := s.memory()
	m.late = true
	rt := s.wrap(m)
	var answers []*http.Response
	for _, v := range requests {
		req := v.request()
		req.Header.Set(caseHeader, v.id)
		resp, err := begin(rt, req)
		if err != nil {
			return err
		}
		answers = append(answers, resp)
	}
	for _, resp := range answers {
		if err := finish(resp); err != nil {
			return err
		}
	}
	return unmixed(m, requests)
}

var errWaits = errors.New("a request waits for another one")

// meeting returns a function that waits until n goroutines have called it.
func meeting(n int) func() error {
	var called atomic.Int64
	all, end := make(chan struct{}), time.Now().Add(briefly)
	return func() error {
		if called.Add(1) == int64(n) {
			close(all)
		}
		if !within(time.Until(end), all) {
			return errWaits
		}
		return nil
	}
}

// A variant is one of some requests that are sent at once.
type variant struct {
	sample
	id   string // its case
	want []byte // the body that arrives, nil if that is another each time
}

// variant returns the i-th of n requests, whose body differs from the others' if
// the gateway accepts that.
func (s *suite) variant(p sample, i, n int) (variant, error) {
	v := variant{p, strconv.Itoa(i + 1), nil}
	switch {
	case p.body == nil:
	case strings.HasPrefix(p.proto.Header.Get("Content-Type"), formType):
		v.body = fmt.Appendf(nil, "%s&transporttest=%d", p.body, i)
	default:
		v.body = fmt.Appendf(nil, "%*s%s%*s", i, "", p.body, n-i, "")
	}
	v.usual = arrival{}
	rt := s.memory()
	alone := func() (arrival, error) {
		if _, err := roundTrip(s.wrap(rt), v.request()); err != nil {
			return arrival{}, err
		}
		return rt.takeOne(v.sample)
	}
	first, err := alone()
	if err != nil {
		v.body, v.usual = p.body, p.usual
		if first, err = alone(); err != nil {
			return v, err
		}
	}
	v.usual = first
	second, err := alone()
	if bytes.Equal(first.body, second.body) {
		v.want = first.body
	}
	return v, err
}

// unmixed returns an error if what has arrived is not what was sent.
func unmixed(m *memory, requests []variant) error {
	got := m.take()
	if len(got) != len(requests) {
		return fmt.Errorf("of %d requests %d arrive", len(requests), len(got))
	}
	for _, v := range requests {
		for _, a := range got {
			if a.request.Header.Get(caseHeader) != v.id || m.late && m.challenges(a) {
				continue
			}
			if len(a.body) > 0 && v.want != nil && !bytes.Equal(a.body, v.want) {
				return errors.New("a request arrives with another body than it has alone")
			}
			if err := a.check(v.sample); err != nil {
				return err
			}
		}
	}
	return nil
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
	for range maxLayers {
		if rt == http.RoundTripper(m) {
			return nil
		}
		u, ok := rt.(interface{ Unwrap() http.RoundTripper })
		if !ok {
			return fmt.Errorf("it leads to a %T, not to the base", rt)
		}
		rt = u.Unwrap()
	}
	return fmt.Errorf("after %d calls it has not led to the base", maxLayers)
}

// maxLayers is more than any RoundTripper has.
const maxLayers = 100

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
				writes[i] = l.writes.Load() / int64(len(l.takeAll())) // two turns may take twice as many
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
			_, err := roundTrip(rt, p.request())
			if err != nil && p.trailer && len(l.take()) == 0 {
				return nil // it is refused
			}
			if err != nil {
				return err
			}
			a, err := l.takeOne(p)
			if err != nil {
				return err
			}
			if !p.chunked && a.request.ContentLength != int64(len(a.body)) {
				return fmt.Errorf("the length arrives as %d, want %d", a.request.ContentLength, len(a.body))
			}
			return nil
		}
		err := s.each(test)
		if err == nil {
			err = s.eachBody(test)
		}
		if err == nil {
			err = s.eachBody(func(p sample) error {
				p.trailer = true
				return test(p)
			})
		}
		if err != nil {
			return fmt.Errorf("over HTTP/%d: %w", proto, err)
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
			return fmt.Errorf("the field Expect arrives as %q, want 100-continue", a.request.Header.Get("Expect"))
		}
		l.unread = func(w http.ResponseWriter, _ *http.Request) {
			// Since Go 1.27 net/http keeps the connection of an answer of its own open
			// for half a second, for a body that may yet come.
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		}
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
