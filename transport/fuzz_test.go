package transport_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

// FuzzTransport: whatever a request is, what is sent of it verifies and has all
// that the caller put into it, by readers that are not ours; or it is refused, and
// what was sent, of a multipart body only, does not verify. The header is lines of
// NAME: VALUE.
func FuzzTransport(f *testing.F) {
	verifier := &paylinkhmac.Verifier{Secret: secrets["example"]}
	a := shop(f, "https://api.shop.test", "example")
	f.Fuzz(func(t *testing.T, method, query, header, body string, known bool) {
		req := &http.Request{
			Method: method,
			URL:    &url.URL{Scheme: "https", Host: "api.shop.test", Path: "/v1.0/Page/", RawQuery: query},
			Header: make(http.Header),
		}
		for line := range strings.SplitSeq(header, "\n") {
			if name, value, found := strings.Cut(line, ": "); found {
				req.Header[name] = append(req.Header[name], value)
			}
		}
		content := &trackedBody{Reader: strings.NewReader(body), closes: 1}
		if body != "" || !known {
			content.closes = 0
			req.Body, req.ContentLength = content, -1
		}
		if known {
			req.ContentLength = int64(len(body))
		}
		before := snap(req)
		base := new(wire)
		resp, err := newTransport(t, base, a).RoundTrip(req)
		before.assertUnchanged(t, req)
		content.assertClosedOnce(t)
		if err == nil {
			require.Same(t, req, resp.Request)
			base.requireWhole(t, verifier, req, body)
			return
		}
		if _, ok := errors.AsType[*auth.Error](err); !ok {
			require.ErrorIs(t, err, errMalformed)
		}
		base.requireUnsigned(t, verifier)
	})
}

// A wire is a base RoundTripper that writes requests down. It refuses those that
// http.Transport does.
type wire struct {
	sent    *http.Request
	written bytes.Buffer
}

var errMalformed = errors.New("net/http: invalid header field")

var (
	headerName  = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")
	headerValue = regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]*$`)
)

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	for name, values := range req.Header {
		for _, value := range values {
			if !headerName.MatchString(name) || !headerValue.MatchString(value) {
				if req.Body != nil {
					req.Body.Close()
				}
				return nil, errMalformed
			}
		}
	}
	w.sent = req
	written, body := *req, &failingBody{ReadCloser: req.Body}
	if req.Body != nil && req.Body != http.NoBody {
		written.Body = body
	}
	if err := written.Write(&w.written); err != nil {
		return nil, cmp.Or(body.err, err)
	}
	return response(200, ""), nil
}

// A failingBody knows why it could not be read, which Request.Write tells
// http.Transport alone.
type failingBody struct {
	io.ReadCloser
	err error
}

func (b *failingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != io.EOF {
		b.err = err
	}
	return n, err
}

// requireWhole fails unless what was written is signed, and says what req does,
// whose body this is.
func (w *wire) requireWhole(t *testing.T, verifier *paylinkhmac.Verifier, req *http.Request, body string) {
	got, err := http.ReadRequest(bufio.NewReader(&w.written))
	require.NoError(t, err)
	found, err := verifier.Verify(got)
	require.NoError(t, err)
	require.Equal(t, "example", found.Instance)
	if req.Method == "" {
		req.Method = http.MethodGet
	}
	require.Equal(t, req.Method, got.Method)
	received, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	assertAgreement(t, w.sent, string(received))
	if len(received) == 0 {
		require.Contains(t, []string{"", "null", "{}"}, strings.TrimSpace(body))
		require.Equal(t, parameters(t, req.URL.RawQuery, url.QueryUnescape), parameters(t, got.URL.RawQuery, url.QueryUnescape))
		require.Equal(t, parameters(t, req.URL.RawQuery, url.QueryUnescape), parameters(t, got.URL.RawQuery, url.PathUnescape))
		return
	}
	require.Empty(t, parameters(t, req.URL.RawQuery, url.QueryUnescape))
	require.Equal(t, "instance=example", got.URL.RawQuery)
	media, parameter, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	require.NoError(t, err)
	switch media {
	case "application/x-www-form-urlencoded":
		require.Equal(t, parameters(t, body, url.QueryUnescape), parameters(t, string(received), url.QueryUnescape))
		require.Equal(t, parameters(t, body, url.QueryUnescape), parameters(t, string(received), url.PathUnescape))
	case "application/json":
		want, signed := members(t, body), members(t, string(received))
		require.NotEmpty(t, signed["ApiSignature"])
		for _, own := range []string{"ApiSignature", "instance"} {
			delete(want, own)
			delete(signed, own)
		}
		require.Equal(t, want, signed)
	case "multipart/form-data":
		want, signed := parts(t, body, parameter["boundary"]), parts(t, string(received), parameter["boundary"])
		require.Len(t, signed, len(want)+1)
		require.Contains(t, signed[len(want)].header.Get("Content-Disposition"), `name="ApiSignature"`)
		require.Equal(t, want, signed[:len(want)])
	default:
		t.Fatalf("a body of the type %q was sent", media)
	}
}

// requireUnsigned fails if what was written of a request that was refused
// verifies, as it is or for a reader that does not mind that it is cut off.
func (w *wire) requireUnsigned(t *testing.T, verifier *paylinkhmac.Verifier) {
	if w.written.Len() == 0 {
		return
	}
	got, err := http.ReadRequest(bufio.NewReader(&w.written))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(strings.ToLower(got.Header.Get("Content-Type")), "multipart/form-data"), "only multipart bodies are read as they are sent")
	received, err := io.ReadAll(got.Body)
	require.Error(t, err, "the request came whole")
	got.Body, got.ContentLength = io.NopCloser(bytes.NewReader(received)), int64(len(received))
	_, err = verifier.Verify(got)
	require.Error(t, err, "what came of the request verifies")
}

// parameters reads a query or a form without the gateways' own parameters, sorted.
// Where the caller left it to others to count, indexes are left out.
func parameters(t *testing.T, form string, unescape func(string) (string, error)) (pairs []string) {
	for pair := range strings.SplitSeq(form, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := unescape(name)
		require.NoError(t, err)
		value, err = unescape(value)
		require.NoError(t, err)
		if name != "ApiSignature" && name != "instance" {
			pairs = append(pairs, index.ReplaceAllString(name, "[]")+"="+value)
		}
	}
	slices.Sort(pairs)
	return pairs
}

var index = regexp.MustCompile(`\[\d+\]`)

// members reads a JSON object.
func members(t *testing.T, text string) (object map[string]any) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&object))
	_, err := d.Token()
	require.ErrorIs(t, err, io.EOF)
	return object
}

type part struct {
	header  textproto.MIMEHeader
	content string
}

// parts reads a multipart body.
func parts(t *testing.T, body, boundary string) (all []part) {
	r := multipart.NewReader(strings.NewReader(body), boundary)
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		content, err := io.ReadAll(p)
		require.NoError(t, err)
		all = append(all, part{p.Header, string(content)})
	}
}
