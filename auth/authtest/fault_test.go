package authtest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

// TestFaults: the next request meets the fault, and the one behind it the gateway
// again, over every protocol.
func TestFaults(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){
		"HTTP":   (*httptest.Server).Start,
		"TLS":    (*httptest.Server).StartTLS,
		"HTTP/2": func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		var seen authtest.Recorder
		gateway := &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key"), Observe: seen.Observe}
		server := httptest.NewUnstartedServer(gateway)
		start(server)
		send := func() (string, error) {
			resp, err := server.Client().Post(server.URL+"/rest/6.0/orders/", "application/json", strings.NewReader(strings.Repeat("x", 100)))
			if err != nil {
				return "", err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			return fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Content-Type"), " ", string(body)), err
		}
		faults := []struct {
			fault  http.Handler
			want   string // "" if there is no answer
			status int
		}{
			{authtest.Reset, "", 0},
			{authtest.TooManyRequests, `429 application/json {"message":"Too many requests"`, 429},
			{authtest.ServerError, `500 application/json {"message":"Internal server error"`, 500},
			{authtest.FirewallPage, "403 text/html; charset=utf-8 <!DOCTYPE html>", 403},
			{http.NotFoundHandler(), "404 text/plain", 404},
		}
		for _, c := range faults {
			gateway.Fail(c.fault)
			got, err := send()
			assert.Equal(t, c.want == "", err != nil, "%s: %v: %v", name, c.fault, err)
			assert.True(t, strings.HasPrefix(got, c.want), "%s: %s", name, got)
			got, err = send()
			require.NoError(t, err)
			assert.Contains(t, got, "AUTHENTICATION_ERROR", "%s: behind %v", name, c.fault)
		}
		for i, c := range faults {
			assert.Equal(t, c.status, seen.Exchanges()[2*i].Status, name)
			assert.ErrorContains(t, seen.Exchanges()[2*i].Err, "a fault that the test asked for")
		}
		server.Close()
	}
}

// TestFaultsWithoutAConnection: a handler that cannot hijack aborts.
func TestFaultsWithoutAConnection(t *testing.T) {
	var seen authtest.Recorder
	gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Observe: seen.Observe}
	gateway.Fail(authtest.Reset, authtest.Slow)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
			gateway.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "POST", "/v1.0/Invoice/", strings.NewReader("a=1")))
		})
	}
	require.Len(t, seen.Exchanges(), 2)
	for _, e := range seen.Exchanges() {
		assert.Zero(t, e.Status)
	}
	assert.Equal(t, "reset, slow answer, too many requests, server error, firewall's page, Fault(0)",
		fmt.Sprintf("%v, %v, %v, %v, %v, %v", authtest.Reset, authtest.Slow, authtest.TooManyRequests, authtest.ServerError, authtest.FirewallPage, authtest.Fault(0)))
}

// TestGatewaysWithoutAServer: a request as a client makes it may have a nil body.
func TestGatewaysWithoutAServer(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	avangate := newSessions(t).gateway
	answering := newSessions(t).gateway
	answering.Answer = http.NotFoundHandler()
	header := http.Header{"X-Avangate-Authentication": {`code="YOURCODE123" date="2026-01-02 03:04:05" hash="47efdafacd7f87430561e887fe8489d64b49aa0e51bb958486b3732c822f6d1a" algo="sha256"`}}
	key := http.Header{"X-Api-Key": {"test-secret-key"}}
	for _, c := range []struct {
		gateway     http.Handler
		method, url string
		header      http.Header
		status      int
	}{
		{avangate, "GET", "/rest/6.0/orders/", header, 200},
		{avangate, "POST", "/rest/6.0/orders/", header, 200},
		{avangate, "POST", "/rpc/6.0/", nil, 200},
		{avangate, "POST", "/soap/6.0/", nil, 500},
		{answering, "POST", "/rpc/6.0/", nil, 200},
		{answering, "POST", "/soap/6.0/", nil, 500},
		{answering, "GET", "/rest/6.0/orders/", header, 404},
		{newShop(t).gateway, "GET", "/v1.0/Invoice/?instance=example", key, 200},
		{newShop(t).gateway, "POST", "/v1.0/Invoice/?instance=example", key, 200},
	} {
		req, err := http.NewRequestWithContext(canceled, c.method, c.url, nil)
		require.NoError(t, err)
		for name, values := range c.header {
			req.Header[name] = values
		}
		w := httptest.NewRecorder()
		c.gateway.ServeHTTP(w, req)
		assert.Equal(t, c.status, w.Code, "%s %s", c.method, c.url)
		assert.Panics(t, func() { authtest.Slow.ServeHTTP(httptest.NewRecorder(), req) })
	}
}

// TestFaultsAreMetOnce, however many requests come at a time.
func TestFaultsAreMetOnce(t *testing.T) {
	gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key")}
	for range 10 {
		gateway.Fail(authtest.ServerError, authtest.TooManyRequests)
	}
	var mu sync.Mutex
	counts := make(map[int]int)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 5 {
				w := httptest.NewRecorder()
				gateway.ServeHTTP(w, httptest.NewRequest("GET", "/v1.0/Invoice/?instance=example", nil))
				mu.Lock()
				counts[w.Code]++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	assert.Equal(t, map[int]int{500: 10, 429: 10, 403: 20}, counts)
}

// TestObserveIsToldOnce of an answer, before it is sent, whatever a handler does.
func TestObserveIsToldOnce(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status int
	}{
		"nothing":      {func(http.ResponseWriter, *http.Request) {}, 200},
		"a text":       {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x"); w.WriteHeader(500) }, 200},
		"a status":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); io.WriteString(w, "x") }, 201},
		"early hints":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(202) }, 202},
		"a flush":      {func(w http.ResponseWriter, _ *http.Request) { http.NewResponseController(w).Flush(); w.Write(nil) }, 200},
		"a panic":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0},
		"a late panic": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(203); panic(http.ErrAbortHandler) }, 203},
		"no connection": {func(w http.ResponseWriter, _ *http.Request) {
			http.NewResponseController(w).Hijack()
			w.WriteHeader(204)
		}, 204},
	} {
		var seen authtest.Recorder
		gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Answer: c.answer, Observe: seen.Observe}
		req := httptest.NewRequest("GET", "/v1.0/Invoice/?instance=example", nil)
		req.Header.Set("X-API-KEY", "test-secret-key")
		func() {
			defer func() { recover() }()
			gateway.ServeHTTP(httptest.NewRecorder(), req)
		}()
		require.Len(t, seen.Exchanges(), 1, name)
		assert.Equal(t, c.status, seen.Exchanges()[0].Status, name)
		assert.NoError(t, seen.Exchanges()[0].Err, name)
	}
}

// TestRecorderIsBounded: of more than 10,000 exchanges it keeps the latest, in order.
func TestRecorderIsBounded(t *testing.T) {
	var seen authtest.Recorder
	for i := range 10_003 {
		seen.Observe(authtest.Exchange{Status: i})
	}
	exchanges := seen.Exchanges()
	require.Len(t, exchanges, 10_000)
	for i, e := range exchanges {
		require.Equal(t, i+3, e.Status)
	}
}
