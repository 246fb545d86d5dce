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
	"net/url"
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

func testArrival(s *suite) error {
	for i, p := range s.samples {
		m := s.memory()
		_, err := s.roundTrip(s.wrap(m), p.request())
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
			if _, err := s.roundTrip(s.wrap(m), req); err == errHangs {
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
			_, err := s.roundTrip(s.wrap(m), req)
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
