package authtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
)

// rest sends a request of REST with the right header to the gateway of s, and returns
// the answer.
func (s *sessions) rest(method, target, body string) (status int, answer any) {
	a, err := avangate.New(avangate.Config{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key"), Now: s.gateway.Now})
	require.NoError(s.t, err)
	req := httptest.NewRequest(method, "https://api.2checkout.com"+target, strings.NewReader(body))
	require.NoError(s.t, a.Authenticate(req, nil))
	w := httptest.NewRecorder()
	s.gateway.ServeHTTP(w, req)
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &answer), "%s", w.Body)
	return w.Code, answer
}

// TestAvangateOrders: an order that is placed has RefNo, Status and Errors, and what
// was sent but the card; it is found again.
func TestAvangateOrders(t *testing.T) {
	s := newSessions(t)
	const order = `{"Currency":"USD","ExternalReference":"r-1","Items":[{"Code":"P1","Quantity":2}],"RefNo":"1",
		"PaymentDetails":{"Type":"TEST","Currency":"USD","PaymentMethod":{"CardNumber":"4111111111111111"}}}`
	const placed = `{"RefNo":"10000001","Status":"AUTHRECEIVED","ApproveStatus":"OK","Errors":null,"OrderDate":"2026-01-02 03:04:05",
		"Currency":"USD","ExternalReference":"r-1","Items":[{"Code":"P1","Quantity":2}],"PaymentDetails":{"Type":"TEST","Currency":"USD"}}`
	empty := func(refNo, status string) string {
		return fmt.Sprintf(`{"RefNo":%q,"Status":%q,"ApproveStatus":"OK","Errors":null,"OrderDate":"2026-01-02 03:04:05","Items":[]}`, refNo, status)
	}
	page := func(page, limit, count int, items ...string) string {
		return fmt.Sprintf(`{"Items":[%s],"Pagination":{"Page":%d,"Limit":%d,"Count":%d}}`, strings.Join(items, ","), page, limit, count)
	}
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "/rest/6.0/orders/", "", page(1, 10, 0)},
		{"POST", "/rest/6.0/orders/", order, placed},
		{"GET", "/rest/6.0/orders/10000001/", "", placed},
		{"POST", "/3.0/orders/", "", empty("10000002", "AUTHRECEIVED")},
		{"POST", "/rest/6.0/orders", "[1]", empty("10000003", "AUTHRECEIVED")},
		{"GET", "/rest/6.0/orders/", "", page(1, 10, 3, placed, empty("10000002", "AUTHRECEIVED"), empty("10000003", "AUTHRECEIVED"))},
		{"GET", "/rest/6.0/orders/?Page=2&Limit=2", "", page(2, 2, 3, empty("10000003", "AUTHRECEIVED"))},
		{"GET", "/rest/6.0/orders/?Page=9&Limit=x", "", page(9, 10, 3)},
		{"PUT", "/rest/6.0/orders/10000002/", `{"Items":[]}`, empty("10000002", "AUTHRECEIVED")},
		{"POST", "/rest/6.0/orders/10000002/refund/", `{"amount":5}`, "true"},
		{"GET", "/rest/6.0/orders/10000002/", "", empty("10000002", "REFUND")},
		{"GET", "/rest/6.0/orders/11331111/", "", empty("11331111", "COMPLETE")},
		{"POST", "/rest/6.0/products/", `{"ProductCode":"P-1","Price":1.50}`, `{"ProductCode":"P-1","Price":1.50}`},
		{"GET", "/rest/6.0/products/P-1/", "", `{"ProductCode":"P-1","Price":1.50}`},
		{"PUT", "/rest/6.0/products/P-1/", `{"Price":2,"ProductName":"A"}`, "true"},
		{"PUT", "/rest/6.0/products/P-1/prices/", `{"Price":3}`, "true"},
		{"DELETE", "/rest/6.0/products/P-2/", `{"Price":3}`, "true"},
		{"GET", "/rest/6.0/products/P-1/", "", `{"ProductCode":"P-1","Price":2,"ProductName":"A"}`},
		{"POST", "/rest/6.0/subscriptions/ABC/", "", "true"},
		{"PUT", "/rest/6.0/subscriptions/ABC/", "{}", "true"},
		{"DELETE", "/rest/6.0/subscriptions/ABC/", "", "true"},
	} {
		status, got := s.rest(c.method, c.path, c.body)
		text, err := json.Marshal(got)
		require.NoError(t, err)
		assert.Equal(t, 200, status)
		assert.JSONEq(t, c.want, string(text), "%s %s", c.method, c.path)
	}
}

func TestAvangateKeepsNoMoreThanItMay(t *testing.T) {
	s := newSessions(t)
	s.rest("POST", "/rest/6.0/orders/", `{"Language":"en"}`)
	for _, note := range []string{strings.Repeat("x", 17<<10), "my test-secret-key"} {
		_, made := s.rest("POST", "/rest/6.0/orders/", fmt.Sprintf(`{"Note":%q}`, note))
		assert.Equal(t, note, made.(map[string]any)["Note"])
		_, read := s.rest("GET", fmt.Sprintf("/rest/6.0/orders/%s/", made.(map[string]any)["RefNo"]), "")
		assert.NotContains(t, read, "Note")
	}
	for _, code := range []string{"test-secret-key", strings.Repeat("x", 65)} {
		_, made := s.rest("POST", "/rest/6.0/products/", fmt.Sprintf(`{"ProductCode":%q}`, code))
		assert.Regexp(t, `^\d{8}$`, made.(map[string]any)["ProductCode"])
	}
	_, long := s.rest("POST", "/rest/6.0/orders/", `{"Note":"`+strings.Repeat("x", 1<<20)+`"}`)
	assert.NotContains(t, long, "Note")
	for range 994 {
		s.rest("POST", "/rest/6.0/orders/", "{}")
	}
	_, first := s.rest("GET", "/rest/6.0/orders/10000001/", "")
	assert.Contains(t, first, "Language")
	s.rest("POST", "/rest/6.0/orders/", "{}")
	_, first = s.rest("GET", "/rest/6.0/orders/10000001/", "")
	assert.NotContains(t, first, "Language", "it is the 1001st")
	_, page := s.rest("GET", "/rest/6.0/orders/?Limit=1000", "")
	assert.Len(t, page.(map[string]any)["Items"], 100)
}

// TestAvangateForgetsSessions: of more than 1000 the oldest go.
func TestAvangateForgetsSessions(t *testing.T) {
	s := newSessions(t)
	login := rpcLogin(s.login("test-secret-key"))
	logIn := func() string {
		return rpcID.FindStringSubmatch(s.post("/rpc/6.0/", login).Body.String())[1]
	}
	lives := func(id string) bool {
		return strings.Contains(s.post("/rpc/6.0/", fmt.Sprintf(`{"method":"x","params":[%q]}`, id)).Body.String(), `"result"`)
	}
	first := logIn()
	s.now = s.now.Add(1)
	second := logIn()
	s.now = s.now.Add(1)
	for range 998 {
		logIn()
	}
	assert.True(t, lives(first))
	last := logIn()
	assert.False(t, lives(first))
	assert.True(t, lives(second))
	assert.True(t, lives(last))
}

// TestAvangateTakesACodeThatIsANumber, as PHP does, where the merchant code has digits
// only.
func TestAvangateTakesACodeThatIsANumber(t *testing.T) {
	s := newSessions(t)
	s.gateway.MerchantCode = "250111206876"
	a, err := avangate.New(avangate.Config{MerchantCode: "250111206876", SecretKey: auth.NewSecret("test-secret-key"), Now: s.gateway.Now})
	require.NoError(t, err)
	l, err := a.Login(t.Context())
	require.NoError(t, err)
	login := strings.Replace(rpcLogin(l), `"250111206876"`, "250111206876", 1)
	assert.Regexp(t, rpcID, s.post("/rpc/6.0/", login).Body.String())
}

var anyID = regexp.MustCompile(`[0-9A-F]{32}`)

// TestAnswer: the user's own answers stand behind a right signature only, and get the
// body whole.
func TestAnswer(t *testing.T) {
	var seen authtest.Recorder
	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s", body)
	})
	paylink := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Answer: own, Observe: seen.Observe}
	s := newSessions(t)
	s.gateway.Answer, s.gateway.Observe = own, seen.Observe
	login := rpcLogin(s.login("test-secret-key"))
	id := rpcID.FindStringSubmatch(s.post("/rpc/6.0/", login).Body.String())[1]
	right, wrong := fmt.Sprintf(`{"method":"getOrder","params":[%q]}`, id), `{"method":"getOrder","params":["x"]}`
	soap := `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><getOrder xmlns="urn:x"><s>` + id + `</s></getOrder></Body></Envelope>`
	header := http.Header{"X-Avangate-Authentication": {`code="YOURCODE123" date="2026-01-02 03:04:05" hash="47efdafacd7f87430561e887fe8489d64b49aa0e51bb958486b3732c822f6d1a" algo="sha256"`}}
	for _, c := range []struct {
		name    string
		gateway http.Handler
		target  string
		body    string
		header  http.Header
		status  int // 418 is the user's
	}{
		{"a right signature", paylink, "/v1.0/Invoice/?instance=example", "a=1&ApiSignature=" + strings.ReplaceAll(apiSignature("a=1"), "+", "%2B"), nil, 418},
		{"the key", paylink, "/v1.0/Invoice/?instance=example", "a=1", http.Header{"X-Api-Key": {"test-secret-key"}}, 418},
		{"no signature", paylink, "/v1.0/Invoice/?instance=example", "a=1", nil, 403},
		{"another instance", paylink, "/v1.0/Invoice/?instance=other", "a=1", http.Header{"X-Api-Key": {"test-secret-key"}}, 422},
		{"no such object", paylink, "/v1.0/Nothing/?instance=example", "a=1", http.Header{"X-Api-Key": {"test-secret-key"}}, 404},
		{"a right header", s.gateway, "/rest/6.0/orders/", "{}", header, 418},
		{"no header", s.gateway, "/rest/6.0/orders/", "{}", nil, 401},
		{"no resource", s.gateway, "/rest/6.0/", "{}", header, 404},
		{"a right session", s.gateway, "/rpc/6.0/", right, nil, 418},
		{"a batch", s.gateway, "/rpc/6.0/", "[" + right + "," + right + "]", nil, 418},
		{"a login", s.gateway, "/rpc/6.0/", login, nil, 200},
		{"a login in a batch", s.gateway, "/rpc/6.0/", "[" + right + "," + login + "]", nil, 200},
		{"a wrong session in a batch", s.gateway, "/rpc/6.0/", "[" + right + "," + wrong + "]", nil, 200},
		{"a wrong session", s.gateway, "/rpc/6.0/", wrong, nil, 200},
		{"no call", s.gateway, "/rpc/6.0/", "{}", nil, 200},
		{"a session of another path", s.gateway, "/soap/6.0/", soap, nil, 500},
	} {
		req := httptest.NewRequest("POST", c.target, strings.NewReader(c.body))
		for name, values := range c.header {
			req.Header[name] = values
		}
		w := httptest.NewRecorder()
		c.gateway.ServeHTTP(w, req)
		assert.Equal(t, c.status, w.Code, "%s: %s", c.name, w.Body)
		if c.status == 418 {
			assert.Equal(t, c.body, w.Body.String(), c.name)
		}
		exchanges := seen.Exchanges()
		last := exchanges[len(exchanges)-1]
		assert.Equal(t, c.status, last.Status, c.name)
		if c.status == 418 {
			assert.NoError(t, last.Err, c.name)
		}
	}
	assert.Len(t, seen.Exchanges(), 17, "one for each request")
	soapSession := newSessions(t)
	soapSession.gateway.Answer = own
	l := soapSession.login("test-secret-key")
	const call = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><%[1]s xmlns="urn:x"><a>%[2]s</a></%[1]s></Body></Envelope>`
	answer := soapSession.post("/soap/6.0/", fmt.Sprintf(call, "login", l.MerchantCode+"</a><a>"+l.Date+"</a><a>"+l.Hash.Reveal()+"</a><a>"+l.Algorithm.String())).Body.String()
	id = anyID.FindString(answer)
	require.NotEmpty(t, id, answer)
	w := soapSession.post("/soap/6.0/", fmt.Sprintf(call, "getOrder", id))
	assert.Equal(t, 418, w.Code)
	assert.Equal(t, fmt.Sprintf(call, "getOrder", id), w.Body.String())
}
