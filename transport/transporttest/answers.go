package transporttest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
)

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
			resp, err := s.begin(s.wrap(m), req)
			whole := ended.Load()
			if err == nil {
				err = s.finish(resp)
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
				if !s.patience.within(base.closed) {
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
		if _, err := s.roundTrip(s.wrap(m), p.request()); !errors.Is(err, errBase) {
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
