package transporttest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

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
	read, arrived := s.meeting(len(requests)), s.meeting(len(requests))
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
			resp, err := s.roundTrip(rt, req)
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
		resp, err := s.begin(rt, req)
		if err != nil {
			return err
		}
		answers = append(answers, resp)
	}
	for _, resp := range answers {
		if err := s.finish(resp); err != nil {
			return err
		}
	}
	return unmixed(m, requests)
}

var errWaits = errors.New("a request waits for another one")

// meeting returns a function that waits until n goroutines have called it.
func (s *suite) meeting(n int) func() error {
	var called atomic.Int64
	all, end := make(chan struct{}), time.Now().Add(s.patience.left()/2)
	return func() error {
		if called.Add(1) == int64(n) {
			close(all)
		}
		if !s.patience.wait(time.Until(end), all) {
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
		if _, err := s.roundTrip(s.wrap(rt), v.request()); err != nil {
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
