package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

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
					if !s.patience.briefly(sent.Context().Done()) {
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
			_, err := s.roundTrip(s.wrap(m), req.WithContext(ctx))
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
		resp, err := s.begin(s.wrap(m), p.request().WithContext(ctx))
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
		if !s.patience.within(sent.Done()) {
			return errors.New("the context of the request that is sent goes on while the answer is read")
		}
		return nil
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
