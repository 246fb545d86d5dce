package scheme_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
)

// A closer counts how often a body is closed.
type closer struct {
	io.Reader
	closes int
	err    error
}

func (c *closer) Close() error { c.closes++; return c.err }

func post(body io.Reader, length int64) *http.Request {
	req, _ := http.NewRequest(http.MethodPost, "https://api.example.com/payments", nil)
	if body != nil {
		req.Body = &closer{Reader: body}
	}
	req.ContentLength = length
	return req
}

func TestBodyIsReadClosedAndPutBack(t *testing.T) {
	for name, length := range map[string]int64{"a known length": 5, "an unknown length": -1, "a length that is not given": 0} {
		t.Run(name, func(t *testing.T) {
			req := post(iotest.OneByteReader(strings.NewReader("hello")), length)
			req.TransferEncoding = []string{"chunked"}
			old := req.Body.(*closer)
			b, err := scheme.Body(req, 5)
			require.NoError(t, err)
			assert.Equal(t, "hello", string(b))
			assert.Equal(t, 1, old.closes)
			assert.EqualValues(t, 5, req.ContentLength)
			assert.Empty(t, req.TransferEncoding)
			_ = append(b, " and more"...)
			for range 2 {
				sent, err := io.ReadAll(req.Body)
				require.NoError(t, err)
				assert.Equal(t, "hello", string(sent))
				req.Body, err = req.GetBody()
				require.NoError(t, err)
			}
		})
	}
}

func TestBodyOfNoBodyChangesNothing(t *testing.T) {
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		req := post(nil, 0)
		req.Body = body
		b, err := scheme.Body(req, 0)
		require.NoError(t, err)
		assert.Empty(t, b)
		assert.Equal(t, body, req.Body)
		assert.Nil(t, req.GetBody)
	}
	req := post(strings.NewReader(""), -1)
	b, err := scheme.Body(req, 0)
	require.NoError(t, err)
	assert.Empty(t, b)
	assert.Equal(t, http.NoBody, req.Body, "a body without bytes is none")
	assert.Zero(t, req.ContentLength)
}

func TestBodyRefusesWhatWouldNotArriveAsItIsSigned(t *testing.T) {
	errBroken := errors.New("broken pipe")
	with := func(req *http.Request, change func(*http.Request)) *http.Request { change(req); return req }
	for name, c := range map[string]struct {
		req    *http.Request
		code   error
		want   string
		closes int // when it fails, the caller closes what is left
	}{
		"breaks off":          {post(io.MultiReader(strings.NewReader("he"), iotest.ErrReader(errBroken)), 5), auth.ErrBody, "the body cannot be read: broken pipe", 1},
		"too long":            {post(strings.NewReader("hello, world"), -1), auth.ErrBody, "the body is longer than it may be, 10 bytes", 1},
		"says it is too long": {post(strings.NewReader("hello"), 11), auth.ErrBody, "the body is longer than it may be, 10 bytes", 1},
		"shorter than it says": {post(strings.NewReader("hell"), 5), auth.ErrBody,
			"the body has 4 bytes or more and ContentLength says 5", 1},
		"longer than it says": {post(strings.NewReader("hello"), 4), auth.ErrBody, "the body has 5 bytes or more and ContentLength says 4", 1},
		"cannot be closed": {with(post(strings.NewReader("hello"), 5), func(r *http.Request) { r.Body.(*closer).err = errBroken }),
			auth.ErrBody, "the body cannot be closed: broken pipe", 1},
		"nil, with a length": {post(nil, 5), auth.ErrBody, "there is no body and ContentLength says 5", 0},
		"NoBody, with a length": {with(post(nil, 5), func(r *http.Request) { r.Body = http.NoBody }), auth.ErrBody,
			"there is no body and ContentLength says 5", 0},
		"a Content-Encoding": {with(post(strings.NewReader("hello"), 5), func(r *http.Request) { r.Header["content_encoding"] = []string{"gzip"} }),
			auth.ErrRequest, `the body has the Content-Encoding "gzip"`, 0},
		"two Content-Encodings": {with(post(strings.NewReader("hello"), 5), func(r *http.Request) { r.Header["Content-Encoding"] = []string{"", "gzip"} }),
			auth.ErrRequest, "the header has Content-Encoding 2 times", 0},
		"a trailer": {with(post(strings.NewReader("hello"), -1), func(r *http.Request) { r.Trailer = http.Header{"Digest": nil} }),
			auth.ErrRequest, "the request has a trailer", 0},
		"a trailer without a body": {with(post(nil, 0), func(r *http.Request) { r.Trailer = http.Header{"Digest": nil} }),
			auth.ErrRequest, "the request has a trailer", 0},
	} {
		t.Run(name, func(t *testing.T) {
			body, _ := c.req.Body.(*closer)
			b, err := scheme.Body(c.req, 10)
			require.ErrorIs(t, err, c.code)
			assert.Contains(t, err.Error(), "countersign: sign POST for https://api.example.com: "+c.want)
			assert.Nil(t, b)
			if name == "breaks off" {
				assert.ErrorIs(t, err, errBroken)
			}
			if body != nil {
				assert.Equal(t, c.closes, body.closes)
				if c.closes > 0 {
					assert.Equal(t, http.NoBody, c.req.Body, "the caller would close it again")
				}
			}
		})
	}
}

func TestSetBody(t *testing.T) {
	req := post(nil, 0)
	scheme.SetBody(req, []byte("a=1"))
	assert.EqualValues(t, 3, req.ContentLength)
	for range 2 {
		sent, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		assert.Equal(t, "a=1", string(sent))
		req.Body, err = req.GetBody()
		require.NoError(t, err)
	}
	scheme.SetBody(req, nil)
	assert.Equal(t, http.NoBody, req.Body)
	assert.Nil(t, req.GetBody)
	assert.Zero(t, req.ContentLength)
}

func TestSetHeaderTakesOutEverySpelling(t *testing.T) {
	for _, name := range []string{"X-Api-Key", "x-api-key", "X_Api_Key"} {
		callers := []string{"stale", "stale"}
		req := post(nil, 0)
		req.Header = http.Header{
			"X-Api-Key": callers, "x-api-key": {"stale"}, "X_Api_Key": {"stale"}, "x-API_key": {"stale"},
			"X-Api-Keys": {"kept"}, "Api-Key": {"kept"},
		}
		scheme.SetHeader(req, name, "fresh")
		assert.Equal(t, http.Header{
			http.CanonicalHeaderKey(name): {"fresh"}, "X-Api-Keys": {"kept"}, "Api-Key": {"kept"},
		}, req.Header)
		assert.Equal(t, []string{"stale", "stale"}, callers, "the values are the caller's")
	}
	req := post(nil, 0)
	req.Header = nil
	scheme.SetHeader(req, "X-Api-Key", "fresh")
	assert.Equal(t, http.Header{"X-Api-Key": {"fresh"}}, req.Header)
}
