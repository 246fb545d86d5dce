package main

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

// TestProbeSpeaksHTTP1 has a gateway that offers HTTP/2, as most do.
func TestProbeSpeaksHTTP1(t *testing.T) {
	requests, connections := 0, map[string]bool{}
	gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret(scriptSecret)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		connections[r.RemoteAddr] = true
		assert.Equal(t, "HTTP/1.1", r.Proto)
		gateway.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	was := http.DefaultTransport
	defer func() { http.DefaultTransport = was }()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	http.DefaultTransport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	_, stderr, code := runIn(t, "", "probe", "paylink", "--base-url", server.URL, "--interval", "0")
	assert.Equal(t, exitRight, code, stderr)
	assert.Len(t, connections, requests, "each on a connection of its own")
}
