package bench

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
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

// newGateway serves on loopback and answers 200 once it has read the request.
func newGateway(tb testing.TB, http2 bool) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err != nil || r.ContentLength >= 0 && n != r.ContentLength {
			http.Error(w, "the body is not whole", http.StatusBadRequest)
			return
		}
		io.WriteString(w, `{"status":"success"}`)
	}))
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
	took   []time.Duration
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
	start := time.Now()
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
	s.took = append(s.took, time.Since(start))
}

// sides returns the ways to send s to one server: unsigned, signed, and with
// x/oauth2, which shows what any RoundTripper adds that changes a request.
func sides(tb testing.TB, s shape, http2 bool) (ways [3]*side, m *message) {
	server := newGateway(tb, http2)
	var a auth.Authenticator = newPaylink(tb, server.URL)
	if s.name == "rest" {
		a = newAvangate(tb, server.URL, avangate.SHA2_256)
	}
	ways = [...]*side{newSide(tb, server, unsigned), newSide(tb, server, signedWith(tb, a)), newSide(tb, server, newOAuth2)}
	return ways, s.newMessage(tb, server.URL)
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
			ways, m := sides(t, s, p.http2)
			count := func(s *side) int64 {
				s.roundTrip(t, m)
				s.roundTrip(t, m)
				s.writes.Store(0)
				for range requests {
					s.roundTrip(t, m)
				}
				return s.writes.Load()
			}
			if want, got := count(ways[0]), count(ways[1]); got != want {
				t.Errorf("%s, %s: got %d writes for %d signed requests, want %d as for unsigned ones", p.name, s.name, got, requests, want)
			} else {
				t.Logf("%s, %s: %.2f writes a request", p.name, s.name, float64(got)/requests)
			}
		}
	}
}

// BenchmarkLoopback sends each request unsigned, signed and with x/oauth2, to a
// server on loopback, in turns. It reports the medians, what they are above the
// unsigned one's, and the writes to the socket.
func BenchmarkLoopback(b *testing.B) {
	for _, p := range protocols {
		for _, s := range shapes {
			b.Run("proto="+p.name+"/request="+s.name, func(b *testing.B) {
				ways, m := sides(b, s, p.http2)
				for _, way := range ways {
					for range 3 {
						way.roundTrip(b, m)
					}
					way.took = way.took[:0]
					way.writes.Store(0)
				}
				for first := 0; b.Loop(); first++ {
					for i := range ways {
						ways[(first+i)%len(ways)].roundTrip(b, m)
					}
				}
				requests := float64(len(ways[0].took))
				unsigned, signed, oauth2 := median(ways[0].took), median(ways[1].took), median(ways[2].took)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(unsigned, "unsigned-ns")
				b.ReportMetric(signed, "signed-ns")
				b.ReportMetric(signed-unsigned, "added-ns")
				b.ReportMetric(oauth2-unsigned, "oauth2-added-ns")
				b.ReportMetric(float64(ways[0].writes.Load())/requests, "unsigned-writes")
				b.ReportMetric(float64(ways[1].writes.Load())/requests, "signed-writes")
			})
		}
	}
}

func median(took []time.Duration) float64 {
	slices.Sort(took)
	return float64(took[len(took)/2].Nanoseconds())
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
// reports the signed throughput over the unsigned one's.
func BenchmarkUpload(b *testing.B) {
	const size = 256 << 20
	server := newGateway(b, false)
	plain, signed := newSide(b, server, unsigned), newSide(b, server, signedWith(b, newPaylink(b, server.URL)))
	upload(b, plain.rt, server.URL, 1<<20)
	upload(b, signed.rt, server.URL, 1<<20)
	var took, tookSigned time.Duration
	b.SetBytes(2 * size)
	for i := 0; b.Loop(); i++ {
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
