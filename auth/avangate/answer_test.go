package avangate_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// streamed is an answer that comes in pieces and then for ever not.
type streamed struct {
	pieces []string
	t      *testing.T
	reads  int
	closed bool
}

func (s *streamed) Read(p []byte) (int, error) {
	s.reads++
	if len(s.pieces) == 0 {
		s.t.Error("more is read than tells")
		return 0, io.EOF
	}
	n := copy(p, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; s.pieces[0] == "" {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

func (s *streamed) Close() error { s.closed = true; return nil }

func TestNoMoreOfAnAnswerIsReadThanTells(t *testing.T) {
	const xmlHead = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`
	rpc, soap := sessionProtocols(t)[0], sessionProtocols(t)[1]
	for _, test := range []struct {
		protocol protocolCase
		pieces   []string
		gone     bool
	}{
		{rpc, []string{`{"jsonrpc":"2.0","result":"a`}, false},
		{rpc, []string{`{"jsonrpc":"2.0","re`, `sult" :`, ` {`}, false},
		{rpc, []string{`{"id":{"result":[1,{"error":{"code":10000}}]},"response":[`}, false},
		{rpc, []string{`{"result":null,"error":{"data":[{"code":10000}],"code":10001,"x":1},"id":2}`}, true},
		{rpc, []string{`{"error":{"code":"10002"}`, `}`}, true},
		{rpc, []string{`{"result" : null, "error" : {"code" : 10000}}`}, true},
		{rpc, []string{"{\"result\"\r\n:\tnull,\"error\"\t:\r\n{\"code\":10000}}"}, true},
		{rpc, []string{`{"error":{"code":10000},"result":{`}, false},
		{rpc, []string{`{"error":{"code":10000},"Result":1`}, false},
		{rpc, []string{`{"error":{"code":10000},"id":1,"response":"`}, false},
		{rpc, []string{`{"error":{"code":10000},"result":null,"id":1}`}, true},
		{rpc, []string{`{"error":{"code":10000,"code":7,`}, false},
		{rpc, []string{`{"error":{"code":10000},"error":{"code":7,`}, false},
		{rpc, []string{`{"result" : 0`}, false},
		{rpc, []string{`{"error":{"code":10004,`}, false},
		{rpc, []string{`[{"result":1`}, false},
		{rpc, []string{`[[`}, false},
		{rpc, []string{`x`}, false},
		{rpc, []string{`1 `}, false},
		{soap, []string{xmlHead + `<getOrderResponse>`}, false},
		{soap, []string{xmlHead, `<e:Fault><faultcode>`, `SOAP-ENV:Forbidden`, `</faultcode>`}, true},
		{soap, []string{xmlHead, `<e:Fault><faultstring>FORBIDDEN</faultstring><faultcode>NOT_FOUND</faultcode>`}, false},
		{soap, []string{xmlHead, `<Fault><faultcode>FORBIDDEN</faultcode>`}, false},
		{soap, []string{`<html>FORBIDDEN</html>`}, false},
	} {
		w := newWorld(t)
		req := httptest.NewRequest("POST", vendor+test.protocol.path, strings.NewReader(test.protocol.body))
		require.NoError(t, w.account.Authenticate(req, w))
		stream := &streamed{pieces: test.pieces, t: t}
		want := strings.Join(test.pieces, "")
		resp := &http.Response{StatusCode: 200, Body: stream}
		assert.Equal(t, test.gone, w.account.Refused(req, resp), "%q", want)
		got := make([]byte, len(want))
		_, err := io.ReadFull(resp.Body, got)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
		assert.NoError(t, resp.Body.Close())
		assert.True(t, stream.closed)
	}
}

// A connection's reader hands out what it has: an answer that has come is asked for once.
func TestAShortAnswerIsReadAtOnce(t *testing.T) {
	w := newWorld(t)
	req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1")))
	require.NoError(t, w.account.Authenticate(req, w))
	const gone = `{"error":{"code":10000}}`
	stream := &streamed{pieces: []string{strings.Repeat(" ", 4<<10-len(gone)) + gone}, t: t}
	assert.True(t, w.account.Refused(req, &http.Response{StatusCode: 200, Body: stream}))
	assert.Equal(t, 1, stream.reads)
}

func TestLongAnswersPassByteForByte(t *testing.T) {
	cause := errors.New("the connection broke")
	for name, answer := range map[string]string{
		"a long result":        `{"result":"` + strings.Repeat("x", 1<<20) + `"}`,
		"a long start":         strings.Repeat(" ", 1<<20) + `{"error":{"code":10000}}`,
		"a late error":         `{"id":"` + strings.Repeat("x", 64<<10) + `","error":{"code":10000}}`,
		"no JSON":              strings.Repeat("<html>", 1<<17),
		"nothing":              "",
		"a long batch":         "[" + strings.Repeat(`{"error":{"code":10000}},`, 10000) + "]",
		"an error, then bytes": `{"error":{"code":10004}}` + strings.Repeat("\x00\xff", 1<<19),
	} {
		for how, reader := range map[string]func(io.Reader) io.Reader{
			"at once":      func(r io.Reader) io.Reader { return r },
			"in halves":    iotest.HalfReader,
			"data and EOF": iotest.DataErrReader,
			"and breaks":   func(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(cause)) },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				w := newWorld(t)
				req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1")))
				require.NoError(t, w.account.Authenticate(req, w))
				resp := &http.Response{StatusCode: 200, Body: io.NopCloser(reader(strings.NewReader(answer)))}
				assert.False(t, w.account.Refused(req, resp))
				got, err := io.ReadAll(resp.Body)
				if how == "and breaks" {
					assert.Equal(t, cause, err)
				} else {
					assert.NoError(t, err)
				}
				assert.True(t, answer == string(got), "the answer has %d bytes, the caller got %d", len(answer), len(got))
			})
		}
	}
}

// An answer that breaks off is no session error unless it has said so, and no
// reason to send a batch again.
func TestAnswersThatBreakOff(t *testing.T) {
	const one = `{"id":2,"result":null,"error":{"message":"x","code":10001`
	batch := protocolCase{"a batch", "/rpc/6.0/", "", "[" + rpcBody("1") + "]", ""}
	protocols := sessionProtocols(t)
	for _, test := range []struct {
		protocol protocolCase
		answer   string
	}{
		{protocols[0], one + "}}"},
		{batch, "[" + one + `,"data":{"a":[1]}}}]`},
		{protocols[1], `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><h/></e:Header><e:Body><e:Fault><faultstring>x</faultstring><faultcode>FORBIDDEN</faultcode>`},
	} {
		w := newWorld(t)
		for end := range len(test.answer) + 1 {
			req := httptest.NewRequest("POST", vendor+test.protocol.path, strings.NewReader(test.protocol.body))
			require.NoError(t, w.account.Authenticate(req, w))
			resp := &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(test.answer[:end]))}
			assert.Equal(t, end == len(test.answer), w.account.Refused(req, resp), "%s", test.answer[:end])
			got, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, test.answer[:end], string(got))
		}
	}
}

// A base may return nil for a body.
func TestAnswerWithoutABodyStaysAsItIs(t *testing.T) {
	for _, none := range []io.ReadCloser{nil, http.NoBody} {
		w := newWorld(t)
		req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1")))
		require.NoError(t, w.account.Authenticate(req, w))
		resp := &http.Response{StatusCode: 204, Body: none}
		assert.False(t, w.account.Refused(req, resp))
		assert.Equal(t, none, resp.Body)
	}
}
