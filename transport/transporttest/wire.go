package transporttest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

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
				if _, err := s.roundTrip(rt, p.request()); err != nil {
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
			_, err := s.roundTrip(rt, p.request())
			if err != nil && err != errHangs && p.trailer && !slices.ContainsFunc(l.take(), func(a arrival) bool { return !l.challenges(a) }) {
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
		if _, err := s.roundTrip(rt, req); err != nil {
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
		resp, err := s.roundTrip(rt, req)
		if err != nil {
			return fmt.Errorf("an answer in place of the 100: %w", err)
		}
		if resp.StatusCode != http.StatusExpectationFailed {
			return fmt.Errorf("an answer of 417 becomes one of %d", resp.StatusCode)
		}
		return nil
	})
}
