package transporttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing/iotest"
)

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
			if _, err := s.roundTrip(s.wrap(m), req); err != nil {
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
			if _, err := s.roundTrip(s.wrap(m), req); err != nil {
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
	_, err := at.suite.roundTrip(rt, req)
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
		if _, err := s.roundTrip(s.wrap(m), req); err != nil {
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
	if _, err := s.roundTrip(s.wrap(m), req); err != nil {
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
	resp, err := s.begin(s.wrap(l.transport), req)
	close(returned)
	if err == nil && resp.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("an answer of 202 becomes one of %d", resp.StatusCode)
	}
	if err == nil {
		err = s.finish(resp)
	}
	if err == nil {
		err = l.takeEarly(p)
	}
	return watch, err
}
