package transport_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
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
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/auth/paylinkkey"
)

// FuzzTransport: whatever a request is, what is sent of it verifies and has all
// that the caller put into it, by readers that are not ours; or it is refused, and
// what was sent, of a multipart body only, does not verify. The header is lines of
// NAME: VALUE; wrong is the error of ContentLength if that is known; the body comes
// as a newSource gives it.
func FuzzTransport(f *testing.F) {
	schemes := fuzzedSchemes(f)
	f.Fuzz(func(t *testing.T, method, path, query, header, body string, known bool, wrong, fails, piece int, scheme uint8) {
		s := schemes[int(scheme)%len(schemes)]
		req := &http.Request{
			Method: method,
			URL:    &url.URL{Scheme: "https", Host: "api.shop.test", Path: s.path + path, RawQuery: query},
			Header: make(http.Header),
		}
		for line := range strings.SplitSeq(header, "\n") {
			if name, value, found := strings.Cut(line, ": "); found {
				req.Header[name] = append(req.Header[name], value)
			}
		}
		src := newSource(body, fails, piece)
		content := &trackedBody{Reader: src}
		if body != "" || !known {
			req.Body, req.ContentLength = content, -1
		}
		if known {
			req.ContentLength = int64(len(body)) + int64(wrong)
		}
		before := snap(req)
		base := new(wire)
		resp, err := newTransport(t, base, s.authenticator).RoundTrip(req)
		before.assertUnchanged(t, req)
		if req.Body != nil {
			content.assertClosedOnce(t)
		}
		if err != nil {
			base.requireRefused(t, s, err)
			return
		}
		require.Same(t, req, resp.Request)
		if req.Body != nil {
			require.Equal(t, io.EOF, src.end, "a body was sent that cannot be read")
		}
		if req.ContentLength > 0 {
			require.EqualValues(t, len(body), req.ContentLength, "a body was sent that is not as long as ContentLength says")
		}
		base.requireWhole(t, s, req, body)
	})
}

// A fuzzedScheme is an Authenticator, and the gateway's end of it.
type fuzzedScheme struct {
	authenticator auth.Authenticator
	path          string // where all paths begin
	verify        func(*http.Request) error
	signsBody     bool
	// requireSame fails unless what was received says what was to be sent.
	requireSame func(t *testing.T, req *http.Request, body string, got *http.Request, received string)
}

func fuzzedSchemes(f *testing.F) []fuzzedScheme {
	const baseURL = "https://api.shop.test"
	secret := secrets["example"]
	tco, err := avangate.New(avangate.Config{BaseURL: baseURL, MerchantCode: "YOURCODE123", SecretKey: secret})
	require.NoError(f, err)
	key, err := paylinkkey.New(paylinkkey.Config{BaseURL: baseURL, Instance: "example", Secret: secret})
	require.NoError(f, err)
	hmacVerifier := &paylinkhmac.Verifier{Secret: secret}
	liveVerifier := &paylinkhmac.Verifier{Secret: secret, Reading: paylinkhmac.Live}
	tcoVerifier := &avangate.Verifier{MerchantCode: "YOURCODE123", SecretKey: secret}
	return []fuzzedScheme{
		{shop(f, baseURL, "example"), "", func(got *http.Request) error {
			found, err := hmacVerifier.Verify(got)
			if errors.Is(err, auth.ErrAmbiguous) && strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
				found, err = liveVerifier.Verify(got) // it has null or true
			}
			if err == nil && found.Instance != "example" {
				err = fmt.Errorf("the instance is %q", found.Instance)
			}
			return err
		}, true, requireSigned},
		{tco, "/rest/6.0/", func(got *http.Request) error {
			_, err := tcoVerifier.Verify(got)
			return err
		}, false, requireUntouched},
		{key, "", func(got *http.Request) error {
			var keys []string
			for name, values := range got.Header {
				if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), "X-API-KEY") {
					keys = append(keys, values...)
				}
			}
			if !slices.Equal(keys, []string{secret.Reveal()}) {
				return fmt.Errorf("%d keys, or a wrong one", len(keys))
			}
			return nil
		}, false, requireKeyed},
	}
}

// A source is a body that comes in pieces.
type source struct {
	text  string
	piece int
	end   error
}

// newSource returns a source of pieces of so many bytes; of any length if that is
// 0. If it is negative, the last comes together with the end. The end is errRead if
// the body has so many bytes as it fails after.
func newSource(body string, fails, piece int) *source {
	if 0 <= fails && fails <= len(body) {
		return &source{body[:fails], piece, errRead}
	}
	return &source{body, piece, io.EOF}
}

func (s *source) Read(p []byte) (int, error) {
	if s.piece != 0 {
		p = p[:min(uint(len(p)), uint(max(s.piece, -s.piece)))]
	}
	n := copy(p, s.text)
	s.text = s.text[n:]
	if s.text == "" && (n == 0 || s.piece < 0) {
		return n, s.end
	}
	return n, nil
}

// A wire is a base RoundTripper that writes requests down. It refuses those that
// http.Transport does.
type wire struct {
	sent    *http.Request
	written bytes.Buffer
	err     error
}

var errMalformed = errors.New("net/http: invalid method or header field")

var (
	token       = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")
	headerValue = regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]*$`)
)

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if w.err = w.send(req); w.err != nil {
		return nil, w.err
	}
	return response(200, ""), nil
}

func (w *wire) send(req *http.Request) error {
	malformed := req.Method != "" && !token.MatchString(req.Method)
	for name, values := range req.Header {
		for _, value := range values {
			malformed = malformed || !token.MatchString(name) || !headerValue.MatchString(value)
		}
	}
	if malformed {
		if req.Body != nil {
			req.Body.Close()
		}
		return errMalformed
	}
	w.sent = req
	written, body := *req, &failingBody{ReadCloser: req.Body}
	if req.Body != nil && req.Body != http.NoBody {
		written.Body = body
	}
	if err := written.Write(&w.written); err != nil {
		return cmp.Or(body.err, err)
	}
	return nil
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

// requireWhole fails unless what was written verifies, and says what req does,
// whose body this is.
func (w *wire) requireWhole(t *testing.T, s fuzzedScheme, req *http.Request, body string) {
	head, _, _ := strings.Cut(w.written.String(), "\r\n\r\n")
	fields := make(map[string]int)
	for line := range strings.SplitSeq(head, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		fields[strings.ToLower(name)]++
	}
	require.Equal(t, 1, fields["host"])
	require.LessOrEqual(t, fields["content-length"]+fields["transfer-encoding"], 1)
	got, err := http.ReadRequest(bufio.NewReader(&w.written))
	require.NoError(t, err)
	require.NoError(t, s.verify(got))
	require.Equal(t, "api.shop.test", got.Host)
	require.Equal(t, cmp.Or(req.Method, http.MethodGet), got.Method)
	require.Equal(t, cmp.Or(req.URL.Path, "/"), got.URL.Path)
	received, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	assertAgreement(t, w.sent, string(received))
	s.requireSame(t, req, body, got, string(received))
}

func requireUntouched(t *testing.T, req *http.Request, body string, got *http.Request, received string) {
	require.Equal(t, req.URL.RawQuery, got.URL.RawQuery)
	require.Equal(t, body, received)
}

func requireKeyed(t *testing.T, req *http.Request, body string, got *http.Request, received string) {
	requireSameForm(t, req.URL.RawQuery, got.URL.RawQuery)
	media, _, _ := mime.ParseMediaType(got.Header.Get("Content-Type"))
	switch {
	case media == "application/x-www-form-urlencoded":
		requireSameForm(t, body, received)
	case received == "":
		requireSaysNothing(t, body)
	default:
		require.Equal(t, body, received)
	}
	if received != "" {
		require.Equal(t, "instance=example", got.URL.RawQuery)
	}
}

func requireSigned(t *testing.T, req *http.Request, body string, got *http.Request, received string) {
	requireSameForm(t, req.URL.RawQuery, got.URL.RawQuery)
	if received == "" {
		requireSaysNothing(t, body)
		return
	}
	require.Equal(t, "instance=example", got.URL.RawQuery)
	media, parameter, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	require.NoError(t, err)
	switch media {
	case "application/x-www-form-urlencoded":
		requireSameForm(t, body, received)
	case "application/json":
		want, signed := members(t, body), members(t, received)
		require.NotEmpty(t, signed["ApiSignature"])
		for _, own := range []string{"ApiSignature", "instance"} {
			delete(want, own)
			delete(signed, own)
		}
		require.Equal(t, want, signed)
	case "multipart/form-data":
		want, signed := parts(t, body, parameter["boundary"]), parts(t, received, parameter["boundary"])
		require.Len(t, signed, len(want)+1)
		require.Contains(t, signed[len(want)].header.Get("Content-Disposition"), `name="ApiSignature"`)
		require.Equal(t, want, signed[:len(want)])
	default:
		t.Fatalf("a body of the type %q was sent", media)
	}
}

// requireSameForm fails unless a form or a query was received as it was meant,
// whether the reader decodes plus signs or not.
func requireSameForm(t *testing.T, form, received string) {
	want := parameters(t, form, url.QueryUnescape)
	require.Equal(t, want, parameters(t, received, url.QueryUnescape))
	require.Equal(t, want, parameters(t, received, url.PathUnescape))
}

// requireSaysNothing fails unless a body may be left out: it is JSON without a
// parameter, or a form that holds nothing but the gateway's own.
func requireSaysNothing(t *testing.T, body string) {
	said := strings.TrimSpace(body)
	if said == "null" || said == "{}" {
		return
	}
	form, err := url.ParseQuery(said)
	require.NoError(t, err)
	delete(form, "ApiSignature")
	if named, ok := form["instance"]; ok {
		require.Equal(t, []string{"example"}, named)
		delete(form, "instance")
	}
	require.Empty(t, form)
}

// requireRefused fails if the error is neither the Transport's nor the base's, if
// something was written in spite of the former, or if what was written of a body
// that should be signed verifies, as it is or for a reader that does not mind that
// it is cut off.
func (w *wire) requireRefused(t *testing.T, s fuzzedScheme, err error) {
	if _, ok := errors.AsType[*auth.Error](err); !ok {
		require.ErrorIs(t, err, w.err)
	} else if w.err == nil {
		require.Zero(t, w.written.Len())
	}
	if !s.signsBody || w.written.Len() == 0 {
		return
	}
	got, err := http.ReadRequest(bufio.NewReader(&w.written))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return // net/http itself broke off, within the header
	}
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(strings.ToLower(got.Header.Get("Content-Type")), "multipart/form-data"), "only multipart bodies are read as they are sent")
	received, err := io.ReadAll(got.Body)
	require.Error(t, err, "the request came whole")
	got.Body, got.ContentLength = io.NopCloser(bytes.NewReader(received)), int64(len(received))
	require.Error(t, s.verify(got), "what came of the request verifies")
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
