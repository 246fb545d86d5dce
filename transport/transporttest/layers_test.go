package transporttest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/countersign/countersign/auth/scheme"
)

// A layer is a RoundTripper on top of another, which does something wrong.
type layer struct {
	next http.RoundTripper
	f    wrong
}

type wrong = func(req *http.Request, next http.RoundTripper) (*http.Response, error)

func (l layer) RoundTrip(req *http.Request) (*http.Response, error) { return l.f(req, l.next) }

func (l layer) Unwrap() http.RoundTripper { return l.next }

func (l layer) CloseIdleConnections() {
	if c, ok := l.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type wrapper = func(base http.RoundTripper) http.RoundTripper

// above does f with the caller's request.
func above(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper { return layer{newSigner(base), f} }
}

// aboveKey is above for a signer that reads no body.
func aboveKey(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper {
		return layer{newKeySigner(base), f}
	}
}

// belowKey is below for a signer that reads no body.
func belowKey(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper {
		return newKeySigner(layer{base, f})
	}
}

// below does f with the signer's request.
func below(f wrong) wrapper {
	return func(base http.RoundTripper) http.RoundTripper { return newSigner(layer{base, f}) }
}

// after changes the caller's request when it has been sent.
func after(f func(*http.Request)) wrapper {
	return above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		f(req)
		return resp, err
	})
}

// signed changes what is signed before it is sent.
func signed(f func(*http.Request)) wrapper { return below(ifSigned(f)) }

// signedKey is signed for a signer that reads no body.
func signedKey(f func(*http.Request)) wrapper { return belowKey(ifSigned(f)) }

func ifSigned(f func(*http.Request)) wrong {
	return func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Header.Get("Signature") != "" || req.Header.Get("Key") != "" {
			f(req)
		}
		return next.RoundTrip(req)
	}
}

// answered changes what is returned.
func answered(f func(*http.Request, *http.Response, error) (*http.Response, error)) wrapper {
	return above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		return f(req, resp, err)
	})
}

// again sends n times more if need be.
func again(n int, need func(*http.Response, error) bool) wrapper {
	return below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		for range n {
			if !need(resp, err) || !toOrigin(req) || req.Body != nil && req.GetBody == nil {
				break
			}
			if req.GetBody != nil {
				req.Body, _ = req.GetBody()
			}
			if resp != nil {
				resp.Body.Close()
			}
			resp, err = next.RoundTrip(req)
		}
		return resp, err
	})
}

// turning sends a second request after 401, if f, which is given the caller's and a
// copy of it, says so.
func turning(f func(req, second *http.Request) bool) wrapper {
	return above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil || resp.StatusCode != 401 || !toOrigin(req) {
			return resp, err
		}
		second := req.Clone(req.Context())
		if !f(req, second) {
			return resp, err
		}
		resp.Body.Close()
		resp, err = next.(*signer).base.RoundTrip(second)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	})
}

// changing signs a request that has been changed.
func changing(f func(*http.Request)) wrapper {
	return above(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		c := req.Clone(req.Context())
		if toOrigin(req) {
			f(c)
		}
		resp, err := next.RoundTrip(c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	})
}

// whole signs another body, which f makes of the whole one. piece is called with
// what has been read after each Read.
func whole(f func(*http.Request, []byte) []byte, piece func([]byte)) wrong {
	return func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Body == nil || req.Body == http.NoBody || !toOrigin(req) {
			return next.RoundTrip(req)
		}
		var read []byte
		from := reader(func(p []byte) (int, error) {
			n, err := req.Body.Read(p)
			read = append(read, p[:n]...)
			if n > 0 && piece != nil {
				piece(bytes.Clone(read))
			}
			return n, err
		})
		c := req.Clone(req.Context())
		c.Body = readCloser{from, req.Body}
		b, err := scheme.Body(c, 1<<20)
		if err != nil {
			closeBody(c)
			return nil, err
		}
		setBody(c, f(req, b))
		resp, err := next.RoundTrip(c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
}

func aboveWhole(f func(*http.Request, []byte) []byte) wrapper { return above(whole(f, nil)) }

// resent changes what is signed as a real base sends it again.
func resent(f func(*http.Request)) wrapper {
	return below(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if _, real := next.(*http.Transport); real && req.GetBody != nil {
			get := req.GetBody
			req.GetBody = func() (io.ReadCloser, error) {
				f(req)
				return get()
			}
		}
		return next.RoundTrip(req)
	})
}

type reader func([]byte) (int, error)

func (f reader) Read(p []byte) (int, error) { return f(p) }

type closer func() error

func (f closer) Close() error { return f() }

type readCloser struct {
	io.Reader
	io.Closer
}

// withBody sends a copy of the request that has another body, if it has one.
func withBody(change func(io.ReadCloser) io.ReadCloser) wrong {
	return func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Body == nil || req.Body == http.NoBody {
			return next.RoundTrip(req)
		}
		c := *req
		c.Body = change(req.Body)
		resp, err := next.RoundTrip(&c)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
}

// withContext sends a copy of the request that has another context.
func withContext(ctx context.Context) wrong {
	return func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req.WithContext(ctx))
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
}

func unclosed(b io.ReadCloser) io.ReadCloser { return io.NopCloser(b) }

// mapped is a body whose errors become others, save for a cancellation.
type mapped struct {
	io.ReadCloser
	f func(error) error
}

func (m mapped) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, context.Canceled) {
		err = m.f(err)
	}
	return n, err
}

var errOther = errors.New("something else")

// adjusted makes a signer with something else in it.
func adjusted(f func(*signer)) wrapper {
	return func(base http.RoundTripper) http.RoundTripper {
		s := newSigner(base)
		f(s)
		return s
	}
}

// signs makes a signer with another idea of the request lines that are signed.
func signs(f func(*http.Request) bool) wrapper { return adjusted(func(s *signer) { s.signs = f }) }

// showing makes a signer that returns something else of an error of the base.
func showing(f func(error) error) wrapper { return adjusted(func(s *signer) { s.shows = f }) }

// version is a value of a header that RoundTrippers share.
var version = []string{"1"}

// ours makes a signer with another idea of its origin.
func ours(f func(*http.Request) bool) wrapper {
	return adjusted(func(s *signer) { s.ours = f })
}

// reading makes one that reads a URL in another way.
func reading(f func(*url.URL)) wrapper {
	return ours(func(req *http.Request) bool {
		c := *req
		u := *req.URL
		f(&u)
		c.URL = &u
		return toOrigin(&c)
	})
}

// follows makes a signer with another idea of redirects.
func follows(f func(s *signer, req, earlier *http.Request) bool) wrapper {
	return adjusted(func(s *signer) { s.follows = f })
}

type bare struct{ http.RoundTripper }

type demanding struct{ *signer }

func (d demanding) CloseIdleConnections() {
	d.base.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}

type circular struct{ *signer }

func (c circular) Unwrap() http.RoundTripper { return c }

type lost struct{ *signer }

func (lost) Unwrap() http.RoundTripper { return http.DefaultTransport }

// noValues is a context without its values.
type noValues struct{ context.Context }

func (noValues) Value(any) any { return nil }
