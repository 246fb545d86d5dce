package avangate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/internal/phptest"
	"github.com/countersign/countersign/transport"
)

// A phpGateway is avangate.php, and a client of it.
type phpGateway struct {
	t      *testing.T
	url    string
	client *http.Client
}

// startPHP starts a gateway. wsdl is the name of a file, or empty.
func startPHP(t *testing.T, wsdl, key string, algorithm avangate.Algorithm, change ...func(*avangate.Config)) *phpGateway {
	url := phptest.Serve(t, "avangate.php", append(wsdlEnv(t, wsdl),
		"STATE="+filepath.Join(t.TempDir(), "state"), "SECRET_KEY="+secret, "MERCHANT_CODE=AVANGATE")...)
	c := avangate.Config{BaseURL: url, MerchantCode: "AVANGATE", SecretKey: auth.NewSecret(key), Algorithm: algorithm}
	for _, f := range change {
		f(&c)
	}
	a := authenticator(t, c)
	client, err := transport.Wrap(&http.Client{Transport: &http.Transport{}}, a)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return &phpGateway{t, url, client}
}

func wsdlEnv(t *testing.T, wsdl string) []string {
	if wsdl == "" {
		return nil
	}
	path, err := filepath.Abs("testdata/" + wsdl)
	require.NoError(t, err)
	env := []string{"WSDL=" + path}
	if wsdl == "document.wsdl" {
		env = append(env, "DOCUMENT=1")
	}
	return env
}

// A phpState is what avangate.php says that happened.
type phpState struct {
	Logins, Refused, Batches int
	Calls                    []string
}

func (g *phpGateway) state(path string) (s phpState) {
	resp, err := http.Get(g.url + path)
	require.NoError(g.t, err)
	defer resp.Body.Close()
	require.NoError(g.t, json.NewDecoder(resp.Body).Decode(&s))
	return s
}

// A phpProtocol is how one calls PHP's getOrder, or REST, which has none.
type phpProtocol struct {
	name, wsdl string
	version    int // of SOAP
}

var phpProtocols = []phpProtocol{
	{"REST", "", 0},
	{"JSON-RPC", "", 0},
	{"SOAP 1.1 without WSDL", "", 1},
	{"SOAP 1.1, rpc/encoded", "encoded.wsdl", 1},
	{"SOAP 1.1, document/literal", "document.wsdl", 1},
	{"SOAP 1.2 without WSDL", "", 2},
	{"SOAP 1.2, rpc/encoded", "encoded.wsdl", 2},
	{"SOAP 1.2, document/literal", "document.wsdl", 2},
}

// caller returns a function that makes one call. SOAP's envelope is the one that
// PHP's SoapClient writes, with the reference in place of its own.
func (g *phpGateway) caller(p phpProtocol) func(reference string) (*http.Response, string, error) {
	do := func(method, path, contentType, action, body string) (*http.Response, string, error) {
		req, err := http.NewRequest(method, g.url+path, strings.NewReader(body))
		if err != nil {
			return nil, "", err
		}
		req.Header.Set("Content-Type", contentType)
		if action != "" {
			req.Header.Set("SOAPAction", `"`+action+`"`)
		}
		resp, err := g.client.Do(req)
		if err != nil {
			return nil, "", err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		return resp, string(answer), err
	}
	switch {
	case p.name == "REST":
		return func(string) (*http.Response, string, error) { return do("GET", "/rest/6.0/orders/", "", "", "") }
	case p.name == "JSON-RPC":
		return func(reference string) (*http.Response, string, error) {
			return do("POST", "/rpc/6.0/", "application/json", "", rpcBody(reference))
		}
	}
	var envelopes [][2]string
	env := append(wsdlEnv(g.t, p.wsdl), fmt.Sprint("VERSION=", p.version), "SESSION="+avangate.Session)
	require.NoError(g.t, json.Unmarshal(phptest.Run(g.t, "soapclient.php", env, "REFERENCE"), &envelopes))
	return func(reference string) (*http.Response, string, error) {
		body, action := strings.Replace(envelopes[0][0], "REFERENCE", reference, 1), envelopes[0][1]
		if p.version == 2 {
			return do("POST", "/soap/6.0/", fmt.Sprintf(`application/soap+xml; charset=utf-8; action=%q`, action), "", body)
		}
		return do("POST", "/soap/6.0/", "text/xml; charset=utf-8", action, body)
	}
}

func (g *phpGateway) succeed(call func(string) (*http.Response, string, error), reference string) {
	g.t.Helper()
	resp, answer, err := call(reference)
	require.NoError(g.t, err)
	require.Equal(g.t, 200, resp.StatusCode, "%s", answer)
	if !strings.Contains(answer, "algo") { // REST
		require.Contains(g.t, answer, "order "+reference)
	}
}

func TestSessionsAgainstPHP(t *testing.T) {
	for _, p := range phpProtocols[1:] {
		t.Run(p.name, func(t *testing.T) {
			g := startPHP(t, p.wsdl, secret, avangate.SHA3_256)
			call := g.caller(p)
			fifty := func(round string) {
				var wg sync.WaitGroup
				for i := range 50 {
					wg.Go(func() {
						resp, answer, err := call(fmt.Sprint(round, i))
						if assert.NoError(t, err) {
							assert.Equal(t, 200, resp.StatusCode)
							assert.Contains(t, answer, fmt.Sprint("order ", round, i))
						}
					})
				}
				wg.Wait()
			}
			fifty("a")
			assert.Equal(t, 1, g.state("/state").Logins, "for fifty calls")
			g.state("/end")
			fifty("b")
			s := g.state("/state")
			assert.Equal(t, 2, s.Logins, "after the session's early end")
			assert.Zero(t, s.Refused)
			ran := make(map[string]int)
			for _, reference := range s.Calls {
				ran[reference]++
				assert.Equal(t, 1, ran[reference], "how often %s ran", reference)
			}
			assert.Len(t, ran, 100)
		})
	}
}

func TestClockAgainstPHP(t *testing.T) {
	for _, p := range phpProtocols {
		t.Run(p.name, func(t *testing.T) {
			g := startPHP(t, p.wsdl, secret, avangate.SHA2_256)
			call := g.caller(p)
			refused := 0
			for _, skew := range []int{900, -900, 0} {
				g.state(fmt.Sprintf("/skew?%d", skew))
				g.state("/end")
				g.succeed(call, fmt.Sprint("off by ", skew))
				refused++
				assert.Equal(t, refused, g.state("/state").Refused, "off by %d", skew)
				g.succeed(call, "again")
				assert.Equal(t, refused, g.state("/state").Refused, "once the offset is known")
			}
		})
	}
}

func TestWrongKeyAgainstPHP(t *testing.T) {
	for _, p := range phpProtocols[1:] {
		t.Run(p.name, func(t *testing.T) {
			withinThePause := func(c *avangate.Config) { c.Now = fixed(time.Now()) }
			g := startPHP(t, p.wsdl, "another secret key", avangate.SHA2_256, withinThePause)
			call := g.caller(p)
			for range 3 {
				_, _, err := call("1")
				require.ErrorIs(t, err, avangate.ErrLogin)
				assert.ErrorContains(t, err, "the gateway refused the login")
			}
			assert.Equal(t, 1, g.state("/state").Refused)
		})
	}
}

func TestWrongKeyForRESTAgainstPHP(t *testing.T) {
	for _, skew := range []int{0, 900} {
		t.Run(fmt.Sprintf("off by %d", skew), func(t *testing.T) {
			g := startPHP(t, "", "another secret key", avangate.SHA2_256)
			g.state(fmt.Sprintf("/skew?%d", skew))
			call := g.caller(phpProtocols[0])
			refused := 0
			if skew != 0 {
				refused++ // sent again, since the clock could have been the matter
			}
			for range 3 {
				resp, answer, err := call("")
				require.NoError(t, err)
				assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
				assert.JSONEq(t, `{"error_code":"AUTHENTICATION_ERROR","message":"refused"}`, answer)
				refused++
				assert.Equal(t, refused, g.state("/state").Refused)
			}
		})
	}
}

// A phpAnswer is one of avangate.php's answers to a batch.
type phpAnswer struct {
	ID     int
	Result string
	Error  struct{ Code int }
}

// batch sends calls, each a method and a reference, whose ids are 1, 2, 3 and so on.
func (g *phpGateway) batch(calls ...[2]string) (answers []phpAnswer) {
	g.t.Helper()
	var requests []map[string]any
	for i, call := range calls {
		requests = append(requests, map[string]any{
			"jsonrpc": "2.0", "method": call[0], "params": []string{avangate.Session, call[1]}, "id": i + 1,
		})
	}
	body, err := json.Marshal(requests)
	require.NoError(g.t, err)
	resp, err := g.client.Post(g.url+"/rpc/6.0/", "application/json", bytes.NewReader(body))
	require.NoError(g.t, err)
	defer resp.Body.Close()
	require.Equal(g.t, http.StatusOK, resp.StatusCode)
	require.NoError(g.t, json.NewDecoder(resp.Body).Decode(&answers))
	return answers
}

func order(id int, reference string) phpAnswer {
	return phpAnswer{ID: id, Result: "order " + reference}
}

func forbidden(id int) phpAnswer {
	return phpAnswer{ID: id, Error: struct{ Code int }{10001}}
}

func TestBatchesAgainstPHP(t *testing.T) {
	g := startPHP(t, "", secret, avangate.SHA2_256)
	three := func(a, b, c string) []phpAnswer {
		return g.batch([2]string{"getOrder", a}, [2]string{"getOrder", b}, [2]string{"getOrder", c})
	}
	assert.Equal(t, []phpAnswer{order(1, "a"), order(2, "b"), order(3, "c")}, three("a", "b", "c"))
	want := phpState{Logins: 1, Batches: 1, Calls: []string{"a", "b", "c"}}
	assert.Equal(t, want, g.state("/state"))

	g.state("/end")
	assert.Equal(t, []phpAnswer{order(1, "d"), order(2, "e"), order(3, "f")}, three("d", "e", "f"))
	want = phpState{Logins: 2, Batches: 3, Calls: []string{"a", "b", "c", "d", "e", "f"}}
	assert.Equal(t, want, g.state("/state"), "after the session's early end: refused, and sent again once")
}

// TestForbiddenInBatchesAgainstPHP has a method that says that the session is gone,
// though it is not.
func TestForbiddenInBatchesAgainstPHP(t *testing.T) {
	for position := range 3 {
		t.Run(fmt.Sprintf("one answer of three, the one at %d", position), func(t *testing.T) {
			g := startPHP(t, "", secret, avangate.SHA2_256)
			calls := [][2]string{{"getOrder", "a"}, {"getOrder", "b"}, {"getOrder", "c"}}
			answers := []phpAnswer{order(1, "a"), order(2, "b"), order(3, "c")}
			calls[position][0], answers[position] = "forbidden", forbidden(position+1)
			assert.Equal(t, answers, g.batch(calls...))
			assert.Equal(t, phpState{Logins: 1, Batches: 1, Calls: []string{"a", "b", "c"}}, g.state("/state"), "not sent again")
		})
	}
	t.Run("every answer", func(t *testing.T) {
		g := startPHP(t, "", secret, avangate.SHA2_256)
		answers := g.batch([2]string{"forbidden", "a"}, [2]string{"forbidden", "b"})
		assert.Equal(t, []phpAnswer{forbidden(1), forbidden(2)}, answers)
		assert.Equal(t, phpState{Logins: 2, Batches: 2, Calls: []string{"a", "b", "a", "b"}}, g.state("/state"), "sent again once")
	})
}

// TestPHPsSoapClientThroughAProxy lets PHP's SoapClient call PHP's SoapServer
// through a proxy that adds the session, while the session dies.
func TestPHPsSoapClientThroughAProxy(t *testing.T) {
	for _, p := range phpProtocols[2:] {
		t.Run(p.name, func(t *testing.T) {
			g := startPHP(t, p.wsdl, secret, avangate.SHA2_256)
			calls := 0
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if calls++; calls == 3 {
					g.state("/end")
				}
				body, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				req, err := http.NewRequestWithContext(r.Context(), r.Method, g.url+r.URL.RequestURI(), bytes.NewReader(body))
				assert.NoError(t, err)
				req.Header = r.Header
				resp, err := g.client.Do(req)
				if !assert.NoError(t, err) {
					return
				}
				defer resp.Body.Close()
				w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
				w.WriteHeader(resp.StatusCode)
				io.Copy(w, resp.Body)
			}))
			defer proxy.Close()
			env := append(wsdlEnv(t, p.wsdl), fmt.Sprint("VERSION=", p.version), "SESSION="+avangate.Session, "LOCATION="+proxy.URL+"/soap/6.0/")
			if p.wsdl != "" {
				env[0] = "WSDL=" + proxy.URL + "/soap/6.0/?wsdl" // in place of the file
				calls--
			}
			var answers []string
			require.NoError(t, json.Unmarshal(phptest.Run(t, "soapclient.php", env, "1", "2", "3", "4"), &answers))
			assert.Equal(t, []string{"order 1", "order 2", "order 3", "order 4"}, answers)
			s := g.state("/state")
			assert.Equal(t, phpState{Logins: 2, Calls: []string{"1", "2", "3", "4"}}, s)
		})
	}
}
