package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A droppingConn is a gateway's end of a connection. It drops the connection in
// place of one of the bytes, and counts them.
type droppingConn struct {
	net.Conn
	mu        sync.Mutex
	drop      drop
	in, out   int
	lastWrite int // out before the last answer
}

// A drop is where a connection is dropped: when it has brought so many bytes of
// requests and another arrives, or so many of answers and another is sent. Those
// that are negative are never reached.
type drop struct{ in, out int }

// never lets a conversation pass.
var never = drop{-1, -1}

// arm makes the count begin anew.
func (c *droppingConn) arm(d drop) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop, c.in, c.out = d, 0, 0
}

func (c *droppingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in += n
	if most := c.drop.in; most >= 0 && c.in > most {
		n, c.in = max(n-(c.in-most), 0), most
		c.Conn.Close()
		return n, io.EOF
	}
	return n, err
}

func (c *droppingConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	most := c.drop.out
	drop := most >= 0 && c.out+len(p) > most
	if drop {
		p = p[:most-c.out]
	}
	c.lastWrite = c.out
	c.out += len(p)
	c.mu.Unlock()
	n, err := c.Conn.Write(p)
	if drop {
		c.Conn.Close()
		return n, net.ErrClosed
	}
	return n, err
}

// try holds a conversation, on a connection that has served a request before if
// used is true. It returns its error, and how often the gateway acted.
func (e *emulation) try(t *testing.T, c conversation, used bool, d drop) (conn *droppingConn, acted int, err error) {
	t.Helper()
	tr := e.transport(t)
	if c.before != nil {
		c.before(t, e, tr)
		e.base.CloseIdleConnections()
	}
	e.next(func(real net.Conn) net.Conn {
		conn = &droppingConn{Conn: real, drop: d}
		if used {
			conn.drop = never
		}
		return conn
	})
	if used {
		require.NoError(t, ask(tr, c.request(t)))
		synctest.Wait() // until the gateway waits for the next
		conn.arm(d)
	}
	e.forget()
	err = ask(tr, c.request(t))
	e.base.CloseIdleConnections()
	e.settle()
	acted, logins, strange := e.forget()
	assert.Empty(t, strange, "%+v: requests that the gateway refused", d)
	assert.LessOrEqual(t, logins, 1, "%+v: logins", d)
	if err != nil {
		assertClean(t, "the error", err.Error())
	}
	return conn, acted, err
}

// dropEverywhere drops the connection of a conversation at every byte, or only at
// one in so many. It reports how often, and how often a request was acted on twice.
func (e *emulation) dropEverywhere(t *testing.T, c conversation, used bool, step int) (drops, twice int) {
	whole, acted, err := e.try(t, c, used, never)
	require.NoError(t, err)
	require.Equal(t, 1, acted)
	for in := 0; in < whole.in; in += step {
		_, acted, err := e.try(t, c, used, drop{in, -1})
		drops++
		if c.replayable && used {
			assert.NoError(t, err, "at byte %d of the request: net/http sends it again", in)
			assert.Equal(t, 1, acted, "at byte %d of the request", in)
		} else {
			assert.Error(t, err, "at byte %d of the request", in)
			assert.Zero(t, acted, "at byte %d of the request", in)
		}
	}
	for out := 0; out < whole.out; out += step {
		_, acted, err := e.try(t, c, used, drop{-1, out})
		drops++
		if c.replayable && used && out == 0 {
			assert.NoError(t, err, "before the response: net/http sends it again")
			assert.Equal(t, 2, acted, "before the response")
			twice++
			continue
		}
		if err == nil && c.refused && out < whole.lastWrite {
			assert.Equal(t, 1, acted, "at byte %d of the response: what came of the refusal told enough", out)
			continue
		}
		want := 0
		if out >= whole.lastWrite {
			want = 1
		}
		assert.Error(t, err, "at byte %d of the response", out)
		assert.Equal(t, want, acted, "at byte %d of the response", out)
	}
	return drops, twice
}

// Wherever a connection drops, its request is answered or is an error, and the
// gateway acts on it once at most. The one exception is net/http's: on a
// connection that was used before, it sends again what HTTP calls idempotent if
// not a byte of the response came, whatever the gateway did.
func TestConnectionsThatDropAtEveryByte(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name+", new", func(t *testing.T) {
			inMemory(t, nil, func(t *testing.T, e *emulation) {
				drops, _ := e.dropEverywhere(t, c, false, 1)
				t.Logf("%d drops", drops)
			})
		})
		t.Run(c.name+", new, TCP", func(t *testing.T) {
			overTCP(t, func(t *testing.T, e *emulation) {
				drops, _ := e.dropEverywhere(t, c, false, 7)
				t.Logf("%d drops", drops)
			})
		})
		if c.several {
			continue
		}
		t.Run(c.name+", used", func(t *testing.T) {
			inMemory(t, nil, func(t *testing.T, e *emulation) {
				drops, twice := e.dropEverywhere(t, c, true, 1)
				t.Logf("%d drops, of which %d made the gateway act twice", drops, twice)
			})
		})
	}
}

// HTTP/2 has no rule by which a request is sent again once its connection is lost.
func TestHTTP2ConnectionsThatDropAtEveryByte(t *testing.T) {
	for _, c := range conversations[:3] {
		for _, used := range []bool{false, true} {
			if c.several && used {
				continue
			}
			t.Run(fmt.Sprintf("%s, used %v", c.name, used), func(t *testing.T) {
				protocols := new(http.Protocols)
				protocols.SetUnencryptedHTTP2(true)
				inMemory(t, protocols, func(t *testing.T, e *emulation) {
					whole, acted, err := e.try(t, c, used, never)
					require.NoError(t, err)
					require.Equal(t, 1, acted)
					drops, failed := 0, 0
					check := func(d drop) {
						_, acted, err := e.try(t, c, used, d)
						drops++
						assert.LessOrEqual(t, acted, 1, "%+v: acted on", d)
						if err != nil {
							failed++
						} else {
							assert.Equal(t, 1, acted, "%+v: acted on", d)
						}
					}
					for in := range whole.in {
						check(drop{in, -1})
					}
					for out := range whole.out {
						check(drop{-1, out})
					}
					t.Logf("%d drops, %d requests failed", drops, failed)
				})
			})
		}
	}
}

// A connection that the gateway closes while it is idle costs nothing: the next
// request takes another.
func TestConnectionsThatDropWhileIdle(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			inMemory(t, nil, func(t *testing.T, e *emulation) {
				tr := e.transport(t)
				for range 3 {
					var gateway net.Conn
					e.next(func(conn net.Conn) net.Conn {
						gateway = conn
						return conn
					})
					e.forget()
					require.NoError(t, ask(tr, c.request(t)))
					acted, _, strange := e.forget()
					assert.Equal(t, 1, acted)
					assert.Empty(t, strange)
					require.NoError(t, gateway.Close())
					synctest.Wait()
				}
			})
		})
	}
}

// A slowConn is a gateway's end of a connection that takes and gives one byte at a
// time, and stalls when it has taken and given so many.
type slowConn struct {
	net.Conn
	left    *atomic.Int64
	stalled func()        // is called when the stall begins
	over    chan struct{} // ends the stall, and the connection
}

func (c slowConn) pass() error {
	if c.left.Add(-1) >= 0 {
		return nil
	}
	c.stalled()
	<-c.over
	return io.EOF
}

func (c slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:min(len(p), 1)])
	if n == 0 {
		return 0, err
	}
	if err := c.pass(); err != nil {
		return 0, err
	}
	return n, err
}

func (c slowConn) Write(p []byte) (int, error) {
	for i := range p {
		if err := c.pass(); err != nil {
			return i, err
		}
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// A gateway that takes and gives byte by byte is answered to like any other, and
// whoever waits for one that has come to a stop can leave at once.
func TestSlowGatewaysAndCallersThatLeave(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			inMemory(t, nil, func(t *testing.T, e *emulation) {
				step := int64(3) // time goes with the square of the length
				if c.several {
					step = 13
				}
				e.stallEverywhere(t, c, step)
			})
		})
		t.Run(c.name+", TCP", func(t *testing.T) {
			overTCP(t, func(t *testing.T, e *emulation) { e.stallEverywhere(t, c, 31) })
		})
	}
}

// stallEverywhere lets the gateway stop after every so many bytes of a
// conversation, and the caller leave then.
func (e *emulation) stallEverywhere(t *testing.T, c conversation, step int64) {
	const plenty = 1 << 20
	stalled, left := e.stall(t, c, plenty)
	require.False(t, stalled, "the gateway is slow, and no more")
	for after := int64(0); after < plenty-left; after += step {
		stalled, _ := e.stall(t, c, after)
		assert.True(t, stalled, "after %d bytes of %d", after, plenty-left)
	}
	t.Logf("left after every %d of %d bytes", step, plenty-left)
}

// stall lets the gateway stop after so many bytes of a conversation, and the caller
// leave if it does. It reports whether it did, and how many bytes were left.
func (e *emulation) stall(t *testing.T, c conversation, after int64) (stalled bool, left int64) {
	t.Helper()
	tr := e.transport(t)
	if c.before != nil {
		c.before(t, e, tr)
		e.base.CloseIdleConnections()
	}
	stop := make(chan struct{})
	slow := slowConn{left: new(atomic.Int64), stalled: sync.OnceFunc(func() { close(stop) }), over: make(chan struct{})}
	slow.left.Store(after)
	e.next(func(conn net.Conn) net.Conn {
		slow.Conn = conn
		return slow
	})
	e.forget()
	enough := errors.New("enough")
	ctx, leave := context.WithCancelCause(t.Context())
	defer leave(nil)
	var answer error
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		answer = ask(tr, c.request(t).WithContext(ctx))
	}()
	select {
	case <-stop:
		leave(enough)
	case <-answered:
	}
	await(t, answered, "the caller can leave")
	if answer != nil {
		awaitAll(t, &e.ours, "our ends of connections are closed")
	}
	close(slow.over)
	e.base.CloseIdleConnections()
	e.settle()
	acted, logins, strange := e.forget()
	assert.LessOrEqual(t, acted, 1, "after %d bytes", after)
	assert.LessOrEqual(t, logins, 1, "after %d bytes", after)
	assert.Empty(t, strange, "after %d bytes", after)
	if answer == nil {
		assert.Equal(t, 1, acted, "after %d bytes", after)
		return false, slow.left.Load()
	}
	assert.ErrorIs(t, answer, enough, "after %d bytes", after)
	assertClean(t, "the error", answer.Error())
	return true, 0
}

// A gateway may answer before it has read the body, and hang up. The answer is
// had, or an error; the body is closed, and what was sent of a multipart body has
// no signature.
func TestGatewaysThatAnswerBeforeTheyRead(t *testing.T) {
	const large = 1 << 30
	for name, request := range map[string]func(*testing.T) *http.Request{
		"form": func(t *testing.T) *http.Request {
			return posting(paylinkURL, "application/x-www-form-urlencoded", "a="+strings.Repeat("x", 1<<20))(t)
		},
		"multipart": func(t *testing.T) *http.Request {
			content, length, contentType := upload(large, closing)
			req := newRequest(t, http.MethodPost, paylinkURL, content)
			req.Header.Set("Content-Type", contentType)
			req.ContentLength = length
			return req
		},
		"multipart of unknown length": func(t *testing.T) *http.Request {
			content, _, contentType := upload(large, closing)
			req := newRequest(t, http.MethodPost, paylinkURL, content)
			req.Header.Set("Content-Type", contentType)
			return req
		},
	} {
		for _, atOnce := range []bool{true, false} {
			test := func(t *testing.T, n faultyNetwork) { answerEarly(t, n, request, atOnce) }
			t.Run(fmt.Sprintf("%s, hangs up at once: %v", name, atOnce), func(t *testing.T) { inBubble(t, test) })
			t.Run(fmt.Sprintf("%s, hangs up at once: %v, TCP", name, atOnce), func(t *testing.T) { onLoopback(t, test) })
		}
	}
}

// answerEarly sends a request to a gateway that answers once it has the header, and
// hangs up at once or when the answer has been read.
func answerEarly(t *testing.T, n faultyNetwork, request func(*testing.T) *http.Request, atOnce bool) {
	const answer = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large"
	read, hungUp := make(chan struct{}), make(chan struct{})
	haveRead := sync.OnceFunc(func() { close(read) })
	defer haveRead()
	if atOnce {
		haveRead()
	}
	var received bytes.Buffer
	go func() {
		defer close(hungUp)
		conn, err := n.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, err = http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &received)))
		assert.NoError(t, err)
		_, err = io.WriteString(conn, answer)
		assert.NoError(t, err)
		<-read
	}()
	base := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return n.dial(ctx) }}
	req := request(t)
	body := &trackedBody{Reader: req.Body}
	closed := make(chan struct{})
	req.Body = &closingBody{body, sync.OnceFunc(func() { close(closed) })}
	before := snap(req)
	resp, err := newTransport(t, base, shop(t, "http://paylink.test", "example")).RoundTrip(req)
	if !atOnce {
		require.NoError(t, err)
	}
	if err != nil {
		assertClean(t, "the error", err.Error())
	} else {
		assert.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
		assert.Same(t, req, resp.Request)
		text, readErr := io.ReadAll(resp.Body)
		assert.NoError(t, readErr)
		assert.Equal(t, "too large", string(text))
		resp.Body.Close()
	}
	haveRead()
	await(t, hungUp, "the gateway hangs up")
	await(t, closed, "the body is closed")
	before.assertUnchanged(t, req)
	body.assertClosedOnce(t)
	assert.NotContains(t, received.String(), "ApiSignature")
	assert.Less(t, received.Len(), 64<<10, "bytes sent")
}

// A closingBody says when it has been closed.
type closingBody struct {
	*trackedBody
	closed func()
}

func (b *closingBody) Close() error {
	defer b.closed()
	return b.trackedBody.Close()
}
