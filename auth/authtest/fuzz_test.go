package authtest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

// FuzzGateways sends any request with right credentials twice, and then asks for all
// that there is: every answer is JSON, none to a request that does not hold the secret
// holds it, and what is told of is what was answered.
func FuzzGateways(f *testing.F) {
	f.Fuzz(func(t *testing.T, method, path, contentType, body string) {
		var seen authtest.Recorder
		paylink := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Observe: seen.Observe}
		avangate := newSessions(t).gateway
		avangate.Observe = seen.Observe
		for _, c := range []struct {
			gateway http.Handler
			prefix  string
			name    string
			value   string
		}{
			{paylink, "/v1.16/", "X-Api-Key", "test-secret-key"},
			{avangate, "/rest/6.0/", "X-Avangate-Authentication",
				`code="YOURCODE123" date="2026-01-02 03:04:05" hash="47efdafacd7f87430561e887fe8489d64b49aa0e51bb958486b3732c822f6d1a" algo="sha256"`},
		} {
			list, _, _ := strings.Cut(path, "/")
			for i, target := range []string{path, path, list + "/", path} {
				sent := method
				if i >= 2 {
					sent = "GET"
				}
				req := &http.Request{Method: sent, URL: &url.URL{Path: c.prefix + target, RawQuery: "instance=example"}, Header: http.Header{c.name: {c.value}, "Content-Type": {contentType}}}
				if i < 2 {
					req.Body = http.NoBody
					if body != "" {
						req = req.WithContext(t.Context())
						req.Body = httptest.NewRequest("POST", "/", strings.NewReader(body)).Body
						req.ContentLength = int64(len(body))
					}
				}
				before := len(seen.Exchanges())
				w := httptest.NewRecorder()
				c.gateway.ServeHTTP(w, req)
				var any any
				if err := json.Unmarshal(w.Body.Bytes(), &any); err != nil {
					t.Fatalf("%s %s: %v: %q", sent, req.URL, err, w.Body)
				}
				if i >= 2 && !strings.Contains(path, "test-secret-key") {
					assert.NotContains(t, w.Body.String(), "test-secret-key", "%s %s", sent, req.URL)
				}
				exchanges := seen.Exchanges()
				if len(exchanges) != before+1 || exchanges[before].Status != w.Code {
					t.Fatalf("%s %s: told of %+v, answered %d", sent, req.URL, exchanges[before:], w.Code)
				}
			}
		}
	})
}
