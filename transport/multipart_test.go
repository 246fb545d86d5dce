package transport_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

// upload returns a multipart body with one field, a file of the given size, and
// what stands behind the file; it is made as it is read.
func upload(size int64, behind string) (body io.Reader, length int64, contentType string) {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	w.WriteField("name", "a b")
	w.CreateFormFile("headerImage", "image.png")
	tail := "\r\n--" + w.Boundary() + behind
	body = io.MultiReader(bytes.NewReader(head.Bytes()), io.LimitReader(zeros{}, size), strings.NewReader(tail))
	return body, int64(head.Len()) + size + int64(len(tail)), w.FormDataContentType()
}

const closing = "--\r\n"

// zeros reads as zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestMultipartBrokenMidway sends bodies whose fault shows only behind a megabyte
// that has gone out already. The error is ours all the way through net/http, and
// the gateway has nothing that is authenticated.
func TestMultipartBrokenMidway(t *testing.T) {
	gone := errors.New("the disk is gone")
	bad := "\r\nContent-Disposition: form-data; name=\"a.b\"\r\n\r\n1\r\n"
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for _, known := range []bool{true, false} {
			for _, fault := range []struct {
				name   string
				behind string
				body   func(io.Reader) io.Reader
				is     error
				add    int64 // to the length that is announced
			}{
				{"a name that is refused", bad, func(r io.Reader) io.Reader { return r }, auth.ErrParameter, 0},
				{"a length that is too short", closing, func(r io.Reader) io.Reader { return r }, auth.ErrBody, -2},
				{"a length that is too long", closing, func(r io.Reader) io.Reader { return r }, auth.ErrBody, 2},
				{"a body that ends early", "", func(r io.Reader) io.Reader { return r }, io.ErrUnexpectedEOF, 0},
				{"a body that fails", closing, func(r io.Reader) io.Reader {
					return io.MultiReader(io.LimitReader(r, 1<<20), iotest.ErrReader(gone))
				}, gone, 0},
			} {
				if fault.add != 0 && !known {
					continue
				}
				t.Run(fmt.Sprintf("%s, length known: %v, %s", protocol, known, fault.name), func(t *testing.T) {
					received := make(chan []byte, 1)
					server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						assert.Equal(t, protocol, r.Proto)
						b, _ := io.ReadAll(r.Body)
						received <- b
					}))
					server.EnableHTTP2 = protocol == "HTTP/2.0"
					server.StartTLS()
					defer server.Close()
					shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: server.URL, Instance: "example", Secret: auth.NewSecret("test-secret-key")})
					require.NoError(t, err)
					client, err := transport.Wrap(server.Client(), shop)
					require.NoError(t, err)

					body, length, contentType := upload(1<<20, fault.behind)
					req, err := http.NewRequest(http.MethodPost, server.URL+"/v1.0/Design/", fault.body(body))
					require.NoError(t, err)
					req.Header.Set("Content-Type", contentType)
					req.ContentLength = -1
					if known {
						req.ContentLength = length + fault.add
					}
					resp, err := client.Do(req)
					if err == nil {
						resp.Body.Close()
					}
					require.ErrorIs(t, err, fault.is)
					var refusal *auth.Error
					require.ErrorAs(t, err, &refusal)
					got := <-received
					assert.NotContains(t, string(got), "ApiSignature")
					assert.NotContains(t, string(got), closing)
				})
			}
		}
	}
}

// A gateway that answers before it has the body has answered to something that is
// not authenticated. The call returns that answer, and the fault behind it nobody.
func TestAnAnswerBeforeTheFaultOfAMultipartBodyIsReturned(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			received := make(chan []byte, 1)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, protocol, r.Proto)
				control := http.NewResponseController(w)
				control.EnableFullDuplex() // HTTP/2 has no other way
				w.WriteHeader(http.StatusAccepted)
				control.Flush()
				b, _ := io.ReadAll(r.Body)
				received <- b
			}))
			server.EnableHTTP2 = protocol == "HTTP/2.0"
			server.StartTLS()
			defer server.Close()
			client, err := transport.Wrap(server.Client(), shop(t, server.URL, "example"))
			require.NoError(t, err)

			begin, _, contentType := upload(64<<10, "\r\nContent-Disposition: form-data; name=\"a.b\"\r\n\r\n1\r\n")
			answered := make(chan struct{})
			req := newRequest(t, http.MethodPost, server.URL+"/v1.0/Design/", &gate{Reader: begin, open: 32 << 10, wait: answered})
			req.Header.Set("Content-Type", contentType)
			resp, err := client.Do(req)
			close(answered)
			require.NoError(t, err)
			assert.Equal(t, http.StatusAccepted, resp.StatusCode)
			got := <-received
			resp.Body.Close()
			assert.NotContains(t, string(got), "ApiSignature")
			assert.NotContains(t, string(got), closing)
		})
	}
}

// A gate lets so many bytes through, and the rest when it may.
type gate struct {
	io.Reader
	open int
	wait <-chan struct{}
}

func (g *gate) Read(p []byte) (int, error) {
	if g.open == 0 {
		<-g.wait
	} else {
		p = p[:min(len(p), g.open)]
	}
	n, err := g.Reader.Read(p)
	g.open = max(g.open-n, 0)
	return n, err
}

// TestMultipartIsNotHeldInMemory counts all that is allocated while 256 MiB pass:
// what is never allocated is never held.
func TestMultipartIsNotHeldInMemory(t *testing.T) {
	base := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		defer req.Body.Close()
		n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{req.Body}, make([]byte, 32<<10))
		if err != nil {
			return nil, err
		}
		assert.Equal(t, req.ContentLength, n)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})
	shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: "example", Secret: auth.NewSecret("test-secret-key")})
	require.NoError(t, err)
	rt, err := transport.New(base, shop)
	require.NoError(t, err)
	body, length, contentType := upload(256<<20, closing)
	req, err := http.NewRequest(http.MethodPost, "https://api.example.com/v1.0/Design/", body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	req.ContentLength = length
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := rt.RoundTrip(req)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "bytes allocated")
}
