package transporttest

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"sync/atomic"
)

func testRepeat(s *suite) error {
	return s.each(func(p sample) error {
		m := s.memory()
		rt := s.wrap(m)
		req := p.request()
		for i := range 3 {
			if i > 0 && req.GetBody != nil {
				req.Body, _ = req.GetBody()
			}
			_, err := s.roundTrip(rt, req)
			if err == nil {
				err = arrivesAlike(m, p)
			}
			if err != nil {
				return fmt.Errorf("time %d: %w", i+1, err)
			}
		}
		_, err := s.roundTrip(s.wrap(rt), p.request())
		if err != nil && err != errHangs && len(m.take()) == 0 {
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
		var got []arrival
		for try := 1; ; try++ {
			l.answer = nil
			if _, err := s.roundTrip(rt, p.request()); err != nil {
				return err
			}
			l.take()
			l.answer = func(_ http.ResponseWriter, _ *http.Request, n int) bool {
				if n == 1 {
					panic(http.ErrAbortHandler) // closes the connection
				}
				return false
			}
			// A busy machine may not have the connection ready, and on a new one
			// http.Transport sends nothing again.
			var fresh atomic.Bool
			req := p.request()
			req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(conn httptrace.GotConnInfo) {
				if !conn.Reused && l.none() {
					fresh.Store(true)
				}
			}}))
			req.Header.Set("Idempotency-Key", "1") // lets http.Transport send it again, whatever the method
			_, err := s.roundTrip(rt, req)
			got = l.take()
			if err == nil {
				break
			}
			if !fresh.Load() || try == 5 {
				return fmt.Errorf("the request is not sent again: %w", err)
			}
		}
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

// edited is what is written over the values of a header that has been sent.
const edited = "transporttest-edited"

func testHeaderValues(s *suite) error {
	return s.each(func(p sample) error {
		m := s.memory()
		var was []func()
		defer func() { // for the other rules
			for _, restore := range was {
				restore()
			}
		}()
		var req *http.Request
		m.edit = func(sent *http.Request) {
			for key, values := range sent.Header {
				if own := req.Header[key]; len(values) > 0 && values[0] != edited && (len(own) == 0 || &own[0] != &values[0]) {
					value := values[0]
					was = append(was, func() { values[0] = value })
					values[0] = edited
				}
			}
		}
		first := s.wrap(m)
		for _, rt := range []http.RoundTripper{first, first, first, s.wrap(m)} {
			req = p.request()
			if _, err := s.roundTrip(rt, req); err != nil {
				return err
			}
			got := m.take()
			for _, a := range got {
				for key, values := range a.request.Header {
					if values[0] == edited {
						return fmt.Errorf("the base has edited the %s of an earlier request in place, and a later one is sent with that: give each request values of its own", key)
					}
				}
			}
			if len(got) != 1 {
				return fmt.Errorf("the request arrives %d times, want once", len(got))
			}
			if err := got[0].check(p); err != nil {
				return fmt.Errorf("the base has edited the header of an earlier request in place: %w", err)
			}
		}
		return nil
	})
}
