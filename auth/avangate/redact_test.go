package avangate_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A redirect may repeat what was sent, and net/http quotes its address in errors.
func TestALocationRepeatsNoCredential(t *testing.T) {
	for name, escape := range map[string]func(string) string{
		"as it is":      func(s string) string { return s },
		"escaped":       url.QueryEscape,
		"escaped twice": func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	} {
		for _, p := range allProtocols(t) {
			w := newWorld(t)
			credential := ""
			w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				if hash := hexHash.FindString(req.Header.Get(header)); hash != "" {
					credential = strings.ToUpper(hash)
				} else {
					body, err := io.ReadAll(req.Body)
					require.NoError(t, err)
					if req.Body = io.NopCloser(bytes.NewReader(body)); bytes.Contains(body, []byte("login")) {
						return w.RoundTrip(req)
					}
					credential = id(t, string(body), p)
				}
				return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"/x?seen=" + escape("<"+credential+">")}}, Body: http.NoBody}, nil
			}))
			req, err := http.NewRequest("POST", vendor+p.path, strings.NewReader(p.body))
			require.NoError(t, err)
			resp, err := w.client.Transport.RoundTrip(req)
			require.NoError(t, err)
			assert.Equal(t, "/x?seen="+escape("<")+"[redacted]"+escape(">"), resp.Header.Get("Location"), "%s %s", p.name, name)
			assert.NotEmpty(t, credential)
		}
	}
}

var hexHash = regexp.MustCompile(`(?i)[0-9a-f]{64}`)

// id returns what stands where the session was written.
func id(t *testing.T, sent string, p protocolCase) string {
	before, after, found := strings.Cut(p.body, "countersign-session-id")
	require.True(t, found)
	id := strings.TrimSuffix(strings.TrimPrefix(sent, before), after)
	require.NotEmpty(t, id)
	return id
}

// What comes in place of an answer to a login may repeat that.
func TestAnErrorOfALoginRepeatsNoHash(t *testing.T) {
	for _, p := range sessionProtocols(t) {
		w := newWorld(t)
		hash := ""
		w.client = w.through(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			hash = hexHash.FindString(string(body))
			return nil, errors.New("malformed MIME header line: hash " + hash)
		}))
		_, err := w.call(t, p)
		require.NotEmpty(t, hash)
		assert.ErrorContains(t, err, "malformed MIME header line: hash [redacted]")
		assert.NotContains(t, fmt.Sprintf("%+v", err), hash)
	}
}
