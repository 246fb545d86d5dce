package authtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
)

// sessions is an emulated gateway with a clock that stands still until it is set.
type sessions struct {
	t       *testing.T
	gateway *authtest.Avangate
	now     time.Time
	seen    []authtest.Exchange
}

func newSessions(t *testing.T) *sessions {
	s := &sessions{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	s.gateway = &authtest.Avangate{
		MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key"),
		Now:     func() time.Time { return s.now },
		Observe: func(e authtest.Exchange) { s.seen = append(s.seen, e) },
	}
	return s
}

func (s *sessions) post(path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.gateway.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	return w
}

// login returns the values of a login in quotes, with another hash's first digits.
func (s *sessions) login(key string) avangate.Login {
	a, err := avangate.New(avangate.Config{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(key), Now: s.gateway.Now})
	require.NoError(s.t, err)
	l, err := a.Login(s.t.Context())
	require.NoError(s.t, err)
	return l
}

func rpcLogin(l avangate.Login) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"login","params":[%q,%q,%q,%q],"id":1}`, l.MerchantCode, l.Date, l.Hash.Reveal(), l.Algorithm)
}

var rpcID = regexp.MustCompile(`"result":"([0-9A-Z]+)"`)

func TestAvangateJSONRPC(t *testing.T) {
	s := newSessions(t)
	id := rpcID.FindStringSubmatch(s.post("/rpc/6.0/", rpcLogin(s.login("test-secret-key"))).Body.String())
	require.NotNil(t, id)
	getOrder := func(id string) string {
		return fmt.Sprintf(`{"method":"getOrder","params":[%q,"11331111"],"id":2}`, id)
	}
	const echo = `{"jsonrpc":"2.0","id":2,"result":{"Method":"getOrder","Params":["11331111"]}}`
	refusal := func(id, code int, message, name string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"code":%d,"message":%q,"data":{"error_code":%q}}}`, id, code, message, name)
	}
	noSession := refusal(2, 10001, "Invalid session", "INVALID_SESSION")
	assert.JSONEq(t, echo, s.post("/rpc/6.0/", getOrder(id[1])).Body.String())
	assert.JSONEq(t, noSession, s.post("/rpc/5.0/", getOrder(id[1])).Body.String(), "another path")
	assert.JSONEq(t, noSession, s.post("/rpc/6.0/", getOrder("x")).Body.String())
	assert.JSONEq(t, noSession, s.post("/rpc/6.0/", getOrder(avangate.Session)).Body.String())
	assert.ErrorContains(t, s.seen[len(s.seen)-1].Err, "avangate.Session")
	assert.JSONEq(t, "["+echo+","+noSession+"]", s.post("/rpc/6.0/", "["+getOrder(id[1])+","+getOrder("")+"]").Body.String(), "a batch")
	assert.Equal(t, []string{"getOrder", "getOrder"}, s.seen[len(s.seen)-1].Methods)
	wrong := refusal(1, 10000, "Invalid hash provided or session expired", "FORBIDDEN")
	assert.JSONEq(t, wrong, s.post("/rpc/6.0/", rpcLogin(s.login("other-secret-key"))).Body.String())
	assert.ErrorIs(t, s.seen[len(s.seen)-1].Err, auth.ErrSignature)
	early := rpcLogin(s.login("test-secret-key"))
	s.now = s.now.Add(9*time.Minute + 59*time.Second)
	assert.JSONEq(t, echo, s.post("/rpc/6.0/", getOrder(id[1])).Body.String(), "until ten minutes from the login")
	assert.JSONEq(t, wrong, s.post("/rpc/6.0/", early).Body.String())
	assert.ErrorIs(t, s.seen[len(s.seen)-1].Err, auth.ErrClock)
	s.now = s.now.Add(time.Second)
	assert.JSONEq(t, refusal(2, 10002, "Session expired", "SESSION_EXPIRED"), s.post("/rpc/6.0/", getOrder(id[1])).Body.String())
	for _, body := range []string{"", "x", "{}", `{"method":1}`} {
		assert.Contains(t, s.post("/rpc/6.0/", body).Body.String(), "-32600", "%s", body)
		assert.Error(t, s.seen[len(s.seen)-1].Err)
	}
	assert.Equal(t, "Fri, 02 Jan 2026 03:14:05 GMT", s.post("/rpc/6.0/", "").Header().Get("Date"), "its own clock")
}

// TestAvangateRefusesBatches has right logins in what is no batch: none is answered.
func TestAvangateRefusesBatches(t *testing.T) {
	s := newSessions(t)
	login := rpcLogin(s.login("test-secret-key"))
	for name, c := range map[string]struct{ body, reason string }{
		"no request":           {"[]", "the batch is empty"},
		"no request, spaces":   {"\t[ \n]", "the batch is empty"},
		"a number":             {"[0]", "not a JSON-RPC request"},
		"a null":               {"[null]", "not a JSON-RPC request"},
		"a batch":              {"[[]]", "not a JSON-RPC request"},
		"null":                 {"null", "not a JSON-RPC request"},
		"a number behind it":   {"[" + login + ",0]", "not a JSON-RPC request"},
		"cut off":              {"[" + login, "not a JSON-RPC request"},
		"two batches":          {"[" + login + "][" + login + "]", "not a JSON-RPC request"},
		"not UTF-8":            {"[" + login + ",\"\xff\"]", "not a JSON-RPC request"},
		"257 requests":         {"[" + strings.Repeat(login+",", 256) + login + "]", "more than 256 requests"},
		"2 MiB of requests":    {"[" + strings.Repeat(login+",", 2<<20/len(login)) + login + "]", "more than 256 requests"},
		"2 MiB of objects":     {"[" + strings.Repeat("{},", 2<<20/3) + "{}]", "more than 256 requests"},
		"2 MiB of numbers":     {"[" + strings.Repeat("0,", 2<<20/2) + "0]", "not a JSON-RPC request"},
		"longer than 8 MiB":    {"[" + login + strings.Repeat(" ", 8<<20) + "]", "too large"},
		"parameters by name":   {`{"method":"login","params":{"code":"YOURCODE123"},"id":null}`, "not a JSON-RPC request"},
		"101 parameters":       {`{"method":"login","params":[` + strings.Repeat("0,", 100) + `0]}`, "more than 100 parameters"},
		"an id of 1025 bytes":  {`{"method":"login","id":"` + strings.Repeat("x", 1023) + `"}`, "longer than 1024 bytes"},
		"an id, and no method": {`{"id":"` + strings.Repeat("x", 1023) + `"}`, "longer than 1024 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.JSONEq(t, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request","data":{"error_code":"INVALID_REQUEST"}}}`,
				s.post("/rpc/6.0/", c.body).Body.String())
			seen := s.seen[len(s.seen)-1]
			assert.ErrorContains(t, seen.Err, c.reason)
			assert.Empty(t, seen.Methods)
		})
	}
	assert.Len(t, rpcID.FindAllString(s.post("/rpc/6.0/", "["+strings.Repeat(login+",", 255)+login+"]").Body.String(), -1), 256)
}

// TestAvangateBoundsItsWork has whatever a body of 8 MiB may be made of, from a peer
// that has no session.
func TestAvangateBoundsItsWork(t *testing.T) {
	fill := func(before, unit, after string) string {
		return before + strings.Repeat(unit, (8<<20-len(before)-len(after))/len(unit)) + after
	}
	const envelope = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/">`
	for name, c := range map[string]struct{ path, body string }{
		"a batch of numbers":         {"/rpc/6.0/", fill("[", "0,", "0]")},
		"a batch of objects":         {"/rpc/6.0/", fill("[", "{},", "{}]")},
		"a batch of long ids":        {"/rpc/6.0/", "[" + strings.Repeat(`{"id":"`+strings.Repeat("<", 1000)+`"},`, 255) + "{}]"},
		"parameters":                 {"/rpc/6.0/", fill(`{"method":"x","params":[`, "0,", "0]}")},
		"a parameter of numbers":     {"/rpc/6.0/", fill(`{"method":"x","params":["",[`, "0,", "0]]}")},
		"a login of one long string": {"/rpc/6.0/", fill(`{"method":"login","params":["`, "x", `"]}`)},
		"an id":                      {"/rpc/6.0/", fill(`{"method":"x","id":[`, "0,", "0]}")},
		"a SOAP call's parameters":   {"/soap/6.0/", fill(envelope+`<Body><x xmlns="u">`, "<a/>", "</x></Body></Envelope>")},
		"a SOAP call's attributes":   {"/soap/6.0/", fill(envelope+`<Body><x xmlns="u" `, `a="" `, "/></Body></Envelope>")},
		"a SOAP header":              {"/soap/6.0/", fill(envelope+"<Header>", "<a>", "")},
		"a SOAP parameter's depth":   {"/soap/6.0/", fill(envelope+`<Body><x xmlns="u"><y>`, "<a>", "")},
		"a SOAP call's prefixes":     {"/soap/6.0/", fill(envelope+`<Body><x xmlns="u">`, `<a xmlns:b="">`, "")},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSessions(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			answer := s.post(c.path, c.body).Body
			runtime.ReadMemStats(&after)
			assert.Less(t, int(after.TotalAlloc-before.TotalAlloc)>>20, 128, "MiB")
			assert.Less(t, answer.Len(), 1<<20)
			assert.Error(t, s.seen[0].Err)
		})
	}
}

func TestAvangateEndSessions(t *testing.T) {
	s := newSessions(t)
	id := rpcID.FindStringSubmatch(s.post("/rpc/6.0/", rpcLogin(s.login("test-secret-key"))).Body.String())[1]
	s.gateway.EndSessions()
	assert.Contains(t, s.post("/rpc/6.0/", fmt.Sprintf(`{"method":"getOrder","params":[%q]}`, id)).Body.String(), "10002")
}

func TestAvangateSOAP(t *testing.T) {
	for space, contentType := range map[string]string{
		"http://schemas.xmlsoap.org/soap/envelope/": "text/xml; charset=utf-8",
		"http://www.w3.org/2003/05/soap-envelope":   "application/soap+xml; charset=utf-8",
	} {
		s := newSessions(t)
		call := func(method string, parameters ...string) *httptest.ResponseRecorder {
			text := fmt.Sprintf(`<e:Envelope xmlns:e=%q><e:Body><n:%s xmlns:n="urn:gateway">`, space, method)
			for _, p := range parameters {
				text += "<n:p>" + p + "</n:p>"
			}
			return s.post("/product/2.0/soap/", text+"</n:"+method+"></e:Body></e:Envelope>")
		}
		login := func(key string) *httptest.ResponseRecorder {
			l := s.login(key)
			return call("login", l.MerchantCode, l.Date, l.Hash.Reveal(), l.Algorithm.String())
		}
		id := regexp.MustCompile(`<ns1:loginResponse xmlns:ns1="urn:gateway"><loginReturn xsi:type="xsd:string">([0-9A-Z]+)</loginReturn>`).FindStringSubmatch(login("test-secret-key").Body.String())
		require.NotNil(t, id)
		w := call("getOrder", id[1], "1 &amp; 2", "3")
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, contentType, w.Header().Get("Content-Type"))
		assert.Contains(t, w.Body.String(), `"`+space+`"`)
		assert.Contains(t, w.Body.String(), `<ns1:getOrderResponse xmlns:ns1="urn:gateway"><getOrderReturn><Method>getOrder</Method><Params>1 &amp; 2</Params><Params>3</Params></getOrderReturn></ns1:getOrderResponse>`)
		for fault, w := range map[string]*httptest.ResponseRecorder{
			"FORBIDDEN":             call("getOrder", "x"),
			"AUTHENTICATION_FAILED": login("other-secret-key"),
			"Client":                s.post("/soap/6.0/", "x"),
		} {
			assert.Equal(t, http.StatusInternalServerError, w.Code)
			assert.Contains(t, w.Body.String(), ">"+fault+"<")
		}
		s.gateway.EndSessions()
		assert.Contains(t, call("getOrder", id[1]).Body.String(), ">FORBIDDEN<")
		require.NotNil(t, s.seen[0].Methods)
		assert.Equal(t, "11YOURCODE123192026-01-02 03:04:05", s.seen[0].StringToSign)
	}
}

func TestAvangateTellsProtocolsByPath(t *testing.T) {
	for path, answer := range map[string]string{
		"/rpc":                      "NOT_FOUND",
		"/rpc/6.0/":                 "-32600",
		"//rpc/6.0/":                "NOT_FOUND",
		"/subscription/2.0/rpc/":    "-32600",
		"/order/2.0/rpc/":           "-32600",
		"/channel-manager/2.1/soap": "Client",
		"/soap/6.0":                 "Client",
		"/rest/6.0/products/rpc/":   "AUTHENTICATION_ERROR",
		"/rpcs/6.0/":                "AUTHENTICATION_ERROR",
		"/orders/2.0/rpc/":          "AUTHENTICATION_ERROR",
	} {
		assert.Contains(t, newSessions(t).post("https://api.2checkout.com"+path, "").Body.String(), answer, path)
	}
}
