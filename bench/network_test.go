package bench

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
)

// A countingConn counts the writes to the socket, under TLS.
type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// answer answers 200 once it has read the request.
func answer(w http.ResponseWriter, r *http.Request) {
	if n, err := io.Copy(io.Discard, r.Body); err != nil || r.ContentLength >= 0 && n != r.ContentLength {
		http.Error(w, "the body is not whole", http.StatusBadRequest)
		return
	}
	io.WriteString(w, `{"status":"success"}`)
}

// newGateway serves on loopback.
func newGateway(tb testing.TB, http2 bool) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(answer))
	server.EnableHTTP2 = http2
	if http2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	tb.Cleanup(server.Close)
	return server
}

// A side is one of two ways to send the same requests, with a connection of its
// own.
type side struct {
	rt     http.RoundTripper
	writes atomic.Int64
}

// newSide sends through what wrap returns.
func newSide(tb testing.TB, server *httptest.Server, wrap func(base http.RoundTripper) http.RoundTripper) *side {
	s := new(side)
	base := server.Client().Transport.(*http.Transport).Clone()
	base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return countingConn{conn, &s.writes}, err
	}
	tb.Cleanup(base.CloseIdleConnections)
	s.rt = wrap(base)
	return s
}

func unsigned(base http.RoundTripper) http.RoundTripper { return base }

func signedWith(tb testing.TB, a auth.Authenticator) func(http.RoundTripper) http.RoundTripper {
	return func(base http.RoundTripper) http.RoundTripper { return newCountersign(tb, base, a) }
}

// roundTrip sends m and reads the answer.
func (s *side) roundTrip(tb testing.TB, m *message) {
	if m.reader != nil {
		m.reader.Reset(m.content)
		m.Body = io.NopCloser(m.reader)
	}
	resp, err := s.rt.RoundTrip(m.Request)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		tb.Fatal(resp.Status, err)
	}
}

// sides returns the ways to send s to one server: unsigned and signed.
func sides(tb testing.TB, s shape, http2 bool) (plain, signed *side, m *message) {
	server := newGateway(tb, http2)
	var a auth.Authenticator = newPaylink(tb, server.URL)
	if s.name == "rest" {
		a = newAvangate(tb, server.URL, avangate.SHA2_256)
	}
	return newSide(tb, server, unsigned), newSide(tb, server, signedWith(tb, a)), s.newMessage(tb, server.URL)
}

var protocols = []struct {
	name  string
	http2 bool
}{{"http1.1", false}, {"http2", true}}

// TestSocketWrites holds that a signed request is written to the socket as often
// as the same request unsigned, on a connection that is kept alive.
func TestSocketWrites(t *testing.T) {
	const requests = 50
	for _, p := range protocols {
		for _, s := range shapes {
			plain, signed, m := sides(t, s, p.http2)
			count := func(s *side) int64 {
				s.roundTrip(t, m)
				s.roundTrip(t, m)
				s.writes.Store(0)
				for range requests {
					s.roundTrip(t, m)
				}
				return s.writes.Load()
			}
			if want, got := count(plain), count(signed); got != want {
				t.Errorf("%s, %s: got %d writes for %d signed requests, want %d as for unsigned ones", p.name, s.name, got, requests, want)
			} else {
				t.Logf("%s, %s: %.2f writes a request", p.name, s.name, float64(got)/requests)
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// newUpload makes a multipart request with a field and a file.
func newUpload(tb testing.TB, origin string, size int64) *http.Request {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	w.WriteField("name", "a b")
	w.CreateFormFile("headerImage", "image.png")
	tail := "\r\n--" + w.Boundary() + "--\r\n"
	req, err := http.NewRequest("POST", origin+"/v1.0/Design/", io.MultiReader(&head, io.LimitReader(zeros{}, size), strings.NewReader(tail)))
	if err != nil {
		tb.Fatal(err)
	}
	req.ContentLength = int64(head.Len()) + size + int64(len(tail))
	req.Header.Set("Content-Type", w.FormDataContentType())
	return req
}

func upload(tb testing.TB, rt http.RoundTripper, origin string, size int64) time.Duration {
	req := newUpload(tb, origin, size)
	start := time.Now()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		tb.Fatal(resp.Status)
	}
	return time.Since(start)
}

// BenchmarkUpload sends 256 MiB over loopback, unsigned and signed in turns, and
// reports the signed throughput over the unsigned one's. Which is first is drawn,
// since one iteration is often all.
func BenchmarkUpload(b *testing.B) {
	const size = 256 << 20
	server := newGateway(b, false)
	plain, signed := newSide(b, server, unsigned), newSide(b, server, signedWith(b, newPaylink(b, server.URL)))
	upload(b, plain.rt, server.URL, 1<<20)
	upload(b, signed.rt, server.URL, 1<<20)
	var took, tookSigned time.Duration
	b.SetBytes(2 * size)
	for i := rand.IntN(2); b.Loop(); i++ {
		if i%2 == 0 {
			took += upload(b, plain.rt, server.URL, size)
			tookSigned += upload(b, signed.rt, server.URL, size)
		} else {
			tookSigned += upload(b, signed.rt, server.URL, size)
			took += upload(b, plain.rt, server.URL, size)
		}
	}
	b.ReportMetric(float64(took)/float64(tookSigned), "signed/unsigned")
}
