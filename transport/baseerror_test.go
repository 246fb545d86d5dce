package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// everyText returns the texts of an error and of all that it wraps, in the ways that
// people print them.
func everyText(err error) string {
	if err == nil {
		return ""
	}
	text := fmt.Sprintf("%v\n%+v\n%#v\n", err, err, err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		text += everyText(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, wrapped := range e.Unwrap() {
			text += everyText(wrapped)
		}
	}
	return text
}

// hashes are what 2Checkout's header and logins hold.
var hashes = regexp.MustCompile(`[0-9a-f]{64}`)

// A wrong port or base URL leads to a server that is no gateway, and such a server
// may repeat what it gets. net/http quotes of that what it cannot read.
func TestErrorsDoNotRepeatWhatAServerRepeats(t *testing.T) {
	// sent is the request as the server has read it.
	for name, answer := range map[string]func(sent string) string{
		"the request": func(sent string) string { return sent },
		"the request behind a status": func(sent string) string {
			return "HTTP/1.1 200 OK\r\n" + sent
		},
		"the header, in lines without colons": func(sent string) string {
			_, fields, _ := strings.Cut(sent, "\r\n")
			return "HTTP/1.1 200 OK\r\n" + strings.NewReplacer(":", "", "-", " ").Replace(fields)
		},
		"the header, as a length": func(sent string) string {
			_, fields, _ := strings.Cut(sent, "\r\n")
			return "HTTP/1.1 200 OK\r\nContent-Length: " + strings.NewReplacer("\r\n", "; ").Replace(fields) + "\r\n\r\n"
		},
		"the request, as a status": func(sent string) string {
			return "HTTP/1.1 " + strings.NewReplacer("\r\n", "", " ", "").Replace(sent) + "\r\n\r\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			received := make(chan string, 1)
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					req, err := http.ReadRequest(bufio.NewReader(conn))
					if err != nil {
						t.Error(err)
						return
					}
					var sent strings.Builder
					body, _ := io.ReadAll(req.Body)
					fmt.Fprintf(&sent, "%s %s HTTP/1.1\r\n", req.Method, req.RequestURI)
					req.Header.Write(&sent)
					fmt.Fprintf(&sent, "%s\r\n\r\n", body)
					io.WriteString(conn, answer(sent.String()))
					received <- sent.String()
					conn.Close()
				}
			}()
			baseURL := "http://" + l.Addr().String()
			base := new(http.Transport)
			defer base.CloseIdleConnections()
			for scheme, a := range schemes(t, baseURL) {
				req := newRequest(t, "GET", baseURL+"/v1.0/Invoice/", nil)
				if scheme == "2Checkout's session" {
					req = posting(baseURL+"/rpc/6.0/", "application/json", rpcCall)(t)
				}
				resp, err := (&http.Client{Transport: newTransport(t, base, a)}).Do(req)
				sent := <-received
				finish(t, resp)
				credentials := append(hashes.FindAllString(sent, -1), "topsecret")
				if _, signature, found := strings.Cut(sent, "ApiSignature="); found {
					signature, _, _ = strings.Cut(signature, "&")
					credentials = append(credentials, signature)
				}
				require.Error(t, err, "%s: %q", scheme, sent)
				text := everyText(err)
				for _, credential := range credentials {
					assert.NotContains(t, text, credential, scheme)
				}
				assert.Contains(t, text, "not shown", scheme)
			}
		})
	}
}

// A codedError is an error of a type that people look for.
type codedError struct{ text string }

func (e codedError) Error() string { return e.text }

// What a program needs of an error of the base, whatever was quoted around it.
func TestErrorsOfTheBaseStayWhatTheyAre(t *testing.T) {
	const echo = `"GET /?ApiSignature=zAHRVrkl3kq2oyQpxTDpVyFl5cqkLUuLJ2R8cKhjRHA%3D"`
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	unknownHost := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "api.shop.test", IsNotFound: true}}
	untrusted := &tls.CertificateVerificationError{Err: fmt.Errorf("x509: signed by unknown authority (possibly because of %q): %w", "x", x509.UnknownAuthorityError{})}
	ownCause := errors.New(`the shop "example" closes`)
	body := &auth.Error{Op: "sign POST", Code: auth.ErrParameter, Err: errors.New(`parameter "a.b" has a dot`)}
	quoting := func(err error) error { return fmt.Errorf("malformed HTTP response %s: %w", echo, err) }
	for name, c := range map[string]struct {
		err   error
		whole bool // it is returned as it is
		want  string
	}{
		"no quote":                           {reset, true, "read tcp: read: connection reset by peer"},
		"no such host":                       {unknownHost, true, "dial tcp: lookup api.shop.test: no such host"},
		"an end":                             {io.ErrUnexpectedEOF, true, "unexpected EOF"},
		"a text with an apostrophe":          {errors.New("it doesn't answer"), true, "it doesn't answer"},
		"a certificate":                      {untrusted, true, `tls: failed to verify certificate: x509: signed by unknown authority (possibly because of "x"): x509: certificate signed by unknown authority`},
		"a fault of the body":                {fmt.Errorf("transport connection broken: %w", body), true, `transport connection broken: countersign: sign POST: parameter "a.b" has a dot`},
		"a quote around a fault of the body": {fmt.Errorf("GET %s giving up: %w, behind %s", echo, body, echo), false, "GET [not shown: it may repeat the request]: countersign: sign POST: parameter \"a.b\" has a dot, behind [not shown: it may repeat the request]"},
		"a fault of the body that is not in the text": {hiding{fmt.Errorf("%s: %w", echo, body)}, false, "failed"},
		"the caller's own cause":                      {ownCause, true, `the shop "example" closes`},
		"a quote":                                     {quoting(reset), false, "malformed HTTP response [not shown: it may repeat the request]"},
		"a quote around an end":                       {quoting(io.EOF), false, "malformed HTTP response [not shown: it may repeat the request]"},
		"a quote around the caller's cause":           {quoting(ownCause), false, "malformed HTTP response [not shown: it may repeat the request]"},
		"a quote around a certificate":                {quoting(untrusted), false, "malformed HTTP response [not shown: it may repeat the request]"},
		"a quote around a deadline":                   {quoting(context.DeadlineExceeded), false, "malformed HTTP response [not shown: it may repeat the request]"},
		"a quote around a socket's deadline":          {quoting(os.ErrDeadlineExceeded), false, "malformed HTTP response [not shown: it may repeat the request]"},
		"an error of url":                             {&url.Error{Op: "Get", URL: "https://api.shop.test/?ApiSignature=zAHRVrkl3kq2oyQpxTDpVyFl5cqkLUuLJ2R8cKhjRHA%3D", Err: reset}, false, "Get [not shown: it may repeat the request]"},
		"a quote in apostrophes":                      {codedError{"cannot parse '" + echo + "'"}, false, "cannot parse [not shown: it may repeat the request]"},
		"a quote in backquotes":                       {codedError{"cannot parse `" + echo + "`"}, false, "cannot parse [not shown: it may repeat the request]"},
		"a text that is all quote":                    {codedError{echo}, false, "[not shown: it may repeat the request]"},
		"a string":                                    {textproto.ProtocolError("malformed MIME header line: " + echo), false, "malformed MIME header line: [not shown: it may repeat the request]"},
		"a URL without a quote":                       {codedError{"GET /?ApiSignature=zAHRVrkl3kq2oyQpxTDpVyFl5cqkLUuLJ2R8cKhjRHA%3D&instance=example: 502"}, false, "GET /?ApiSignature=&instance=example: 502"},
		"several":                                     {errors.Join(reset, quoting(io.EOF), nil), false, "read tcp: read: connection reset by peer\nmalformed HTTP response [not shown: it may repeat the request]"},
		"a short text around a long one":              {hiding{quoting(reset)}, false, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			if errors.Is(c.err, ownCause) {
				cancel(ownCause)
			}
			defer cancel(nil)
			base := roundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, c.err })
			_, err := newTransport(t, base, shop(t, "https://api.shop.test", "example")).
				RoundTrip(newRequest(t, "GET", "https://api.shop.test/", nil).WithContext(ctx))
			assert.EqualError(t, err, c.want)
			assert.Equal(t, c.whole, err == c.err, "it is as it was")
			assert.NotContains(t, everyText(err), "zAHRVr")
			// What is in it is found, as before.
			for what, sentinel := range map[string]error{
				"the error itself": c.err, "io.EOF": io.EOF, "io.ErrUnexpectedEOF": io.ErrUnexpectedEOF, "ECONNRESET": syscall.ECONNRESET, "the cause": ownCause,
				"context.Canceled": context.Canceled, "context.DeadlineExceeded": context.DeadlineExceeded, "os.ErrDeadlineExceeded": os.ErrDeadlineExceeded,
				"fs.ErrNotExist": fs.ErrNotExist, "auth.ErrParameter": auth.ErrParameter,
			} {
				assert.Equal(t, errors.Is(c.err, sentinel), errors.Is(err, sentinel), what)
			}
			assertAs[*net.OpError](t, c.err, err)
			assertAs[*net.DNSError](t, c.err, err)
			assertAs[syscall.Errno](t, c.err, err)
			assertAs[*os.SyscallError](t, c.err, err)
			assertAs[*tls.CertificateVerificationError](t, c.err, err)
			assertAs[x509.UnknownAuthorityError](t, c.err, err)
			assertAs[*auth.Error](t, c.err, err)
			assert.Equal(t, (&url.Error{Err: c.err}).Timeout() || errors.Is(c.err, os.ErrDeadlineExceeded) || errors.Is(c.err, context.DeadlineExceeded), (&url.Error{Err: err}).Timeout())
			if !c.whole {
				_, isNet := errors.AsType[net.Error](err)
				assert.True(t, isNet, "it is a net.Error")
			}
		})
	}
}

// A hiding error says less than what it wraps.
type hiding struct{ error }

func (hiding) Error() string   { return "failed" }
func (h hiding) Unwrap() error { return h.error }

func assertAs[E error](t *testing.T, was, is error) {
	t.Helper()
	_, want := errors.AsType[E](was)
	_, got := errors.AsType[E](is)
	assert.Equal(t, want, got, "errors.As finds a %T", *new(E))
}

// The login is a request of the Authenticator's own, through the same base.
func TestErrorsOfALoginDoNotRepeatIt(t *testing.T) {
	base := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		return nil, fmt.Errorf("malformed HTTP response %q: %w", body, io.EOF)
	})
	a := schemes(t, "https://api.shop.test")["2Checkout's session"]
	_, err := newTransport(t, base, a).RoundTrip(posting("https://api.shop.test/rpc/6.0/", "application/json", rpcCall)(t))
	require.ErrorIs(t, err, io.EOF)
	assert.Empty(t, hashes.FindString(everyText(err)))
	assert.ErrorContains(t, err, "malformed HTTP response [not shown")
}

// An error's text is cut for what is authenticated alone: nothing that passes holds
// a credential.
func TestErrorsOfWhatPassesAreNotCut(t *testing.T) {
	quoting := errors.New(`malformed HTTP response "SSH-2.0"`)
	base := roundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, quoting })
	tr := newTransport(t, base, shop(t, "https://api.shop.test", "example")).PassOthers()
	_, err := tr.RoundTrip(newRequest(t, "GET", "https://elsewhere.test/", nil))
	assert.Same(t, quoting, err)
}
