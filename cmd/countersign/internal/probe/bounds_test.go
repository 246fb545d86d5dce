package probe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/cmd/countersign/internal/probe"
)

func TestAKeyGoesOnWhereNoSignatureIsTaken(t *testing.T) {
	g := newPaylink(authtest.Options{Slash: "redirected"})
	signed := g.handler
	g.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") == "" {
			w.WriteHeader(403)
			io.WriteString(w, `{"status":"error","message":"The API Signature is wrong"}`)
			return
		}
		signed.ServeHTTP(w, r)
	})
	p := newProbe("paylink", g)
	p.Ask.APIKey, p.Ask.Object = true, "Gateway/17"
	p.Sending = func(sent, of int, _ string) {
		assert.Equal(t, g.requests, sent)
		assert.Less(t, sent, of)
	}
	f, err := p.Run(t.Context())
	require.NoError(t, err)
	assert.True(t, f.Complete)
	assert.Contains(t, g.got, "GET /v1.0/Gateway/17/?instance=example")
	assert.Equal(t, "accepted", f.Reads.APIKey)
	assert.Equal(t, "redirected", f.Slash)
	assert.Equal(t, "unknown", f.Reads.BodyPlus)
	assert.Equal(t, "1.16", f.Versions.Newest)

	for _, byKey := range []bool{false, true} {
		g = newPaylink(authtest.Options{})
		p = newProbe("paylink", g)
		p.Secret, p.Ask.APIKey = auth.NewSecret("another-secret-key"), byKey
		f, err = p.Run(t.Context())
		refusal, ok := errors.AsType[*probe.Refusal](err)
		require.True(t, ok)
		assert.Equal(t, 403, refusal.Answer.Status)
		assert.False(t, f.Complete)
		assert.Equal(t, map[bool]int{false: 1, true: 2}[byKey], g.requests)
	}
}

// The secret is sent only to what has refused a signature as these gateways do.
func TestNoKeyIsSentToWhatIsNoGateway(t *testing.T) {
	for _, c := range []struct {
		status, requests int
		body             string
	}{
		{403, 2, `{"status":"error"}`},
		{200, 2, `{"status":"error","message":"The API secret is not correct."}`},
		{200, 1, `{"status":"error","message":"down"}`},
		{302, 1, ""},
		{404, 1, ""},
		{405, 1, `{"status":"error"}`},
		{500, 1, `{"status":"error"}`},
	} {
		g := newPaylink(authtest.Options{})
		g.instead = func(int, *http.Request) (*http.Response, error) { return respond(c.status, c.body), nil }
		p := newProbe("paylink", g)
		p.Ask.APIKey = true
		f, err := p.Run(t.Context())
		assert.Error(t, err)
		assert.False(t, f.Complete)
		assert.Equal(t, c.requests, g.requests, "%+v", c)
	}
}

// TestNoControlChangesWhatItIsOf compares what is sent with the message before it.
func TestNoControlChangesWhatItIsOf(t *testing.T) {
	for _, name := range []string{"paylink", "avangate"} {
		p := newProbe(name, nil)
		p.Ask.APIKey, p.Ask.Object = true, "Gateway/17"
		plan, err := p.Plan()
		require.NoError(t, err)
		controls := 0
		for i, r := range plan {
			if strings.HasSuffix(r.ID, ".control") {
				controls++
				r.ID = plan[i-1].ID
				assert.Equal(t, plan[i-1], r)
			}
		}
		assert.GreaterOrEqual(t, controls, 4)
	}
}

// TestAPlanIsWhatArrives masks what a plan masks.
func TestAPlanIsWhatArrives(t *testing.T) {
	for _, name := range []string{"paylink", "avangate"} {
		g := newPaylink(authtest.Options{})
		if name == "avangate" {
			g = newAvangate(authtest.Options{})
		}
		p := newProbe(name, g)
		p.Ask.APIKey, p.Ask.Object = true, "Gateway/17"
		plan, err := p.Plan()
		require.NoError(t, err)
		_, err = p.Run(t.Context())
		require.NoError(t, err)
		mask := func(s string) string {
			return version.ReplaceAllString(secrets.ReplaceAllString(s, "ApiSignature=SIGNATURE"), "/v1.VERSION/")
		}
		rest := g.got
		for _, r := range plan {
			want := r.Method + " " + r.Target
			most := max(r.UpTo, 1)
			n := 0
			for n < most && n < len(rest) && mask(rest[n]) == want {
				n++
			}
			assert.True(t, n == 1 || r.UpTo > 0 && n > 1, "%s: %d", want, n)
			rest = rest[n:]
		}
		assert.Empty(t, rest)
		assert.NotContains(t, fmt.Sprint(plan), secret)
	}
}

// TestAnyRequestMayBeTheLast breaks off each of them in every way.
func TestAnyRequestMayBeTheLast(t *testing.T) {
	page := "<!DOCTYPE html><title>Attention</title>" + secret
	ways := map[string]struct {
		instead func(cancel func()) (*http.Response, error)
		want    error
	}{
		"a reset":       {func(func()) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, io.ErrUnexpectedEOF},
		"an interrupt":  {func(cancel func()) (*http.Response, error) { cancel(); return nil, nil }, context.Canceled},
		"a firewall":    {func(func()) (*http.Response, error) { return respond(403, page), nil }, nil},
		"a page":        {func(func()) (*http.Response, error) { return respond(200, page), nil }, nil},
		"a page of 404": {func(func()) (*http.Response, error) { return respond(404, page), nil }, nil},
		"429":           {func(func()) (*http.Response, error) { return respond(429, `{"status":"error"}`), nil }, nil},
		"JSON of others": {func(func()) (*http.Response, error) {
			return respond(200, `["x"]`), nil
		}, nil},
	}
	for _, name := range []string{"paylink", "avangate"} {
		for way, c := range ways {
			for last := 1; ; last++ {
				g := newPaylink(authtest.Options{})
				if name == "avangate" {
					g = newAvangate(authtest.Options{})
				}
				ctx, cancel := context.WithCancel(t.Context())
				head := false
				g.instead = func(n int, req *http.Request) (*http.Response, error) {
					if n != last {
						return nil, nil
					}
					head = req.Method == http.MethodHead
					return c.instead(cancel)
				}
				p := newProbe(name, g)
				f, err := p.Run(ctx)
				cancel()
				if g.requests < last {
					assert.Greater(t, last, 15)
					break // it was over before
				}
				if head && c.want == nil && way != "429" {
					continue // of HEAD the body tells nothing
				}
				require.Error(t, err, "%s of %s, at %d", way, name, last)
				if c.want != nil {
					require.ErrorIs(t, err, c.want)
				} else {
					_, isStop := errors.AsType[probe.Stop](err)
					require.True(t, isStop, err)
				}
				require.Equal(t, last, g.requests, "nothing is sent after %s", way)
				require.Equal(t, last, f.Requests)
				require.False(t, f.Complete)
				document, err := json.Marshal(f)
				require.NoError(t, err)
				require.NotContains(t, string(document), secret)
				require.NotContains(t, string(document), "Attention")
				var o authtest.Options
				require.NoError(t, json.Unmarshal(document, &o))
				require.NoError(t, o.Validate())
			}
		}
	}
}

func TestTwoFailuresRunningStop(t *testing.T) {
	for _, failures := range [][]int{{3, 4}, {3, 5}} {
		g := newPaylink(authtest.Options{})
		g.instead = func(n int, _ *http.Request) (*http.Response, error) {
			if slices.Contains(failures, n) {
				return respond(500, `{"status":"error"}`), nil
			}
			return nil, nil
		}
		f, err := newProbe("paylink", g).Run(t.Context())
		if failures[1] == 4 {
			assert.Error(t, err)
			assert.Equal(t, 4, f.Requests)
			assert.Contains(t, f.Rows, probe.Row{ID: "query.plus.plus", Verdict: probe.NotTried, Control: probe.None})
		} else {
			assert.NoError(t, err)
			assert.Contains(t, f.Rows, probe.Row{ID: "query.parameters", Verdict: probe.NotToldApart, Status: 500, Control: probe.Refused})
		}
	}
}

// A fault is how SOAP refuses, with 500, and no failure.
func TestFaultsDoNotStop(t *testing.T) {
	const fault = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault/></s:Body></s:Envelope>`
	f, err := newProbe("avangate", answers(newAvangate(authtest.Options{}), 500, fault, func(req *http.Request) bool {
		return strings.HasPrefix(req.URL.Path, "/soap/")
	})).Run(t.Context())
	require.NoError(t, err)
	assert.Contains(t, f.Rows, probe.Row{ID: "soap.login", Verdict: probe.Refused, Status: 500, Control: probe.Refused})
}

// A firewall may answer 405 with a page, for a limit: a method that was allowed is not
// taken for one that is not.
func TestALimitIsNoVerdictOnAMethod(t *testing.T) {
	for method, last := range map[string]int{http.MethodGet: 2, http.MethodPost: 15} {
		g := newPaylink(authtest.Options{})
		n := 0
		answers(g, 405, "<html>", func(req *http.Request) bool {
			if req.Method == method {
				n++
			}
			return req.Method == method && n > 1
		})
		_, err := newProbe("paylink", g).Run(t.Context())
		_, isStop := errors.AsType[probe.Stop](err)
		assert.True(t, isStop)
		assert.Equal(t, last, g.requests)
	}
}

// A gateway may refuse with any status: each counts.
func TestEachRefusalCounts(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 422} {
		g := newPaylink(authtest.Options{})
		answers(g, status, `{"status":"error"}`, func(*http.Request) bool { return g.requests > 1 })
		f, err := newProbe("paylink", g).Run(t.Context())
		assert.Error(t, err)
		assert.Equal(t, 21, g.requests, "%d", status)
		assert.Equal(t, 20, f.Refused)
	}
}

// Without /rest/ it cannot be told where logins are, and none is sent elsewhere.
func TestLoginsWantThePathOfREST(t *testing.T) {
	for path, isKnown := range map[string]bool{"": true, "/": true, "/rest/6.0/": true, "/proxy/rest/6.0": true, "/proxy": false, "/rest/6.0/orders": false} {
		p := newProbe("avangate", nil)
		p.BaseURL.Path = path
		plan, err := p.Plan()
		assert.Equal(t, isKnown, err == nil, path)
		for _, r := range plan {
			assert.False(t, r.Method == http.MethodPost && !strings.Contains(r.Target, "/rpc/6.0/") && !strings.Contains(r.Target, "/soap/6.0/"), r.Target)
		}
		p.Ask.Logins = false
		_, err = p.Plan()
		assert.NoError(t, err)
	}
}

func TestTheBounds(t *testing.T) {
	for _, c := range []struct{ max, maxRefused int }{{1, 20}, {7, 20}, {60, 1}, {60, 5}} {
		g := newPaylink(authtest.Options{})
		p := newProbe("paylink", g)
		p.Max, p.MaxRefused = c.max, c.maxRefused
		f, err := p.Run(t.Context())
		_, isStop := errors.AsType[probe.Stop](err)
		assert.True(t, isStop)
		assert.False(t, f.Complete)
		assert.LessOrEqual(t, g.requests, c.max)
		assert.LessOrEqual(t, g.refused, c.maxRefused)
		assert.True(t, g.requests == c.max || g.refused == c.maxRefused)
	}
}

// No answer's text, and nothing that was sent, is in a document.
func TestADocumentHoldsNothingOfTheAccount(t *testing.T) {
	for _, name := range []string{"paylink", "avangate"} {
		var sent bytes.Buffer
		g := newPaylink(authtest.Options{})
		if name == "avangate" {
			g = newAvangate(authtest.Options{})
		}
		p := newProbe(name, g)
		f, err := p.Run(t.Context())
		require.NoError(t, err)
		json.NewEncoder(&sent).Encode(f)
		for _, word := range []string{secret, `"example"`, "YOURCODE123", "ApiSignature", "success", "secret"} {
			assert.NotContains(t, sent.String(), word)
		}
		assert.Regexp(t, `"schema":"countersign-fingerprint/1"`, sent.String())
	}
}

func TestTheManualListsEveryRequest(t *testing.T) {
	manual, err := os.ReadFile("../../../../docs/probe.md")
	require.NoError(t, err)
	for _, name := range []string{"paylink", "avangate"} {
		p := newProbe(name, nil)
		p.Ask.APIKey, p.Ask.Object = true, "Gateway/17"
		plan, err := p.Plan()
		require.NoError(t, err)
		for _, r := range plan {
			assert.Contains(t, string(manual), "`"+r.ID+"`")
		}
	}
}
