package authtest_test

import (
	"encoding/json"
	"fmt"
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

// A shop sends requests with the key to a gateway.
type shop struct {
	t       *testing.T
	gateway http.Handler
	told    authtest.Exchange // the latest
}

func newShop(t *testing.T) *shop {
	s := &shop{t: t}
	s.gateway = &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Observe: func(e authtest.Exchange) { s.told = e }}
	return s
}

// send sends a form to a path, below /v1.14/ if it names no version, and returns the
// answer.
func (s *shop) send(method, path, form string) (status int, answer map[string]any) {
	if !strings.HasPrefix(path, "/v") {
		path = "/v1.14/" + path
	}
	req := httptest.NewRequest(method, path, strings.NewReader(form))
	if strings.HasPrefix(form, "?") {
		req = httptest.NewRequest(method, path+form+"&instance=example", nil)
	} else if form == "" {
		req = httptest.NewRequest(method, path+"?instance=example", nil)
	} else {
		req.URL.RawQuery = "instance=example"
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("X-API-KEY", "test-secret-key")
	w := httptest.NewRecorder()
	s.gateway.ServeHTTP(w, req)
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &answer), "%s", w.Body)
	return w.Code, answer
}

// one sends a form, and returns the one object that the answer has, in a list.
func (s *shop) one(method, path, form string) map[string]any {
	status, answer := s.send(method, path, form)
	require.Equal(s.t, 200, status, "%s %s: %v", method, path, answer)
	list, ok := answer["data"].([]any)
	require.True(s.t, ok && len(list) == 1, "%s %s: %v", method, path, answer)
	return list[0].(map[string]any)
}

// subset checks that an object has the members.
func (s *shop) subset(got map[string]any, want string) {
	s.t.Helper()
	var members map[string]any
	require.NoError(s.t, json.Unmarshal([]byte(want), &members))
	assert.Subset(s.t, got, members)
}

// TestPaylinkCreates: an answer has a new id, also where the vendor's SDK writes /0/,
// what was sent, and what is the gateway's own.
func TestPaylinkCreates(t *testing.T) {
	s := newShop(t)
	gateway := s.one("POST", "Gateway/0/", "amount=8925&currency=CHF&vatRate=7.7&sku=P01&referenceId=00975&purpose=Abo%20A&psp[0]=44&pm[0]=visa&preAuthorization=0"+
		"&successRedirectUrl=https%3A%2F%2Fe.com%2F&basket[0][name][1]=Shirt&basket[0][amount]=8925&basket[0][quantity]=1&fields[email][value]=a%40b.c&model=Gateway&id=0")
	s.subset(gateway, `{"id":100001,"status":"waiting","hash":"000000000000000000000000000186a1","link":"https://example.gateway.example/?payment=000000000000000000000000000186a1","invoices":[],
		"amount":8925,"currency":"CHF","vatRate":7.7,"sku":"P01","referenceId":"00975","purpose":"Abo A","psp":[44],"pm":["visa"],"preAuthorization":0,
		"successRedirectUrl":"https://e.com/","basket":[{"name":{"1":"Shirt"},"amount":8925,"quantity":1}],"fields":{"email":{"value":"a@b.c"}}}`)
	assert.NotContains(t, gateway, "model")
	upload := httptest.NewRequest("POST", "/v1.14/Design/0/?instance=example", strings.NewReader("--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nA\r\n"+
		"--B\r\nContent-Disposition: form-data; name=\"default\"\r\n\r\n\r\n--B--\r\n"))
	upload.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	upload.Header.Set("X-API-KEY", "test-secret-key")
	w := httptest.NewRecorder()
	s.gateway.ServeHTTP(w, upload)
	assert.Contains(t, w.Body.String(), `"name":"A"`)
	assert.NotContains(t, w.Body.String(), "default", "the SDK's nulls")
	assert.NotContains(t, gateway, "instance")
	assert.Positive(t, gateway["createdAt"])
	s.subset(s.one("POST", "Gateway/", "amount=1"), `{"id":100003}`)
	s.subset(s.one("POST", "Invoice", "title=A&status=confirmed"), `{"id":100004,"title":"A","status":"waiting"}`)
	s.subset(s.one("POST", "Page/0/", "title=A"), `{"id":100005,"title":"A"}`)
	s.subset(s.one("POST", "Subscription/", "userId=7&referenceId=r"), `{"id":100006,"userId":7,"referenceId":"r","status":"active"}`)
	s.subset(s.one("POST", "QrCode/", "webshopUrl=u"), `{"id":100007,"uuid":"000186a7-0000-4000-8000-0000000186a7","png":"https://example.gateway.example/qr/000186a7-0000-4000-8000-0000000186a7.png"}`)
	s.subset(s.one("POST", "AuthToken/", "userId=7"), `{"id":100008,"userId":7,"authToken":"000000000000000000000000000186a8"}`)
	s.subset(s.one("GET", "AuthToken/0/", "?userId=7"), `{"id":100009,"userId":7}`)
	s.subset(s.one("POST", "Paylink/", "title=A"), `{"id":100010,"title":"A","link":"https://example.gateway.example/?payment=000000000000000000000000000186aa"}`)
	assert.NotContains(t, s.one("POST", "Page/", "limit=1&offset=2&orderByTime=ASC&filterCurrency=CHF"), "limit")
	s.subset(s.one("POST", "Design/", "name=A"), `{"id":100012,"name":"A"}`)
}

// TestPaylinkEchoesJSON as it came.
func TestPaylinkEchoesJSON(t *testing.T) {
	s := newShop(t)
	req := httptest.NewRequest("POST", "/v1.14/Gateway/?instance=example",
		strings.NewReader(`{"amount":100,"skipResultPage":true,"vatRate":null,"psp":[],"sku":"7","basket":[{"amount":5}],"instance":"example","model":"Gateway"}`))
	req.Header.Set("X-API-KEY", "test-secret-key")
	w := httptest.NewRecorder()
	s.gateway.ServeHTTP(w, req)
	for _, object := range []map[string]any{s.one("GET", "Gateway/100001/", ""), s.one("GET", "Gateway/", "")} {
		s.subset(object, `{"amount":100,"skipResultPage":true,"psp":[],"sku":"7","basket":[{"amount":5}]}`)
		for _, name := range []string{"vatRate", "instance", "model"} {
			assert.NotContains(t, object, name)
		}
	}
	s.subset(s.one("GET", "Transaction/17/refund", "?amount=1"), `{"status":"confirmed"}`)
}

// TestPaylinkReadsBack what was made in this run.
func TestPaylinkReadsBack(t *testing.T) {
	s := newShop(t)
	made := s.one("POST", "Invoice/0/", "title=A&amount=5")
	assert.Equal(t, made, s.one("GET", "Invoice/100001/", ""))
	assert.Equal(t, made, s.one("GET", "Invoice/000000000000000000000000000186a1/", ""), "by its hash")
	s.one("POST", "Gateway/", "amount=6")
	s.subset(s.one("PUT", "Invoice/100001/", "title=B"), `{"id":100001,"title":"B","amount":5}`)
	s.subset(s.one("PATCH", "Invoice/100001/", "sku=C"), `{"id":100001,"title":"B","amount":5,"sku":"C"}`)
	s.subset(s.one("GET", "Invoice/100001/", ""), `{"id":100001,"title":"B","amount":5,"sku":"C"}`)
	s.subset(s.one("GET", "Invoice/", ""), `{"id":100001,"title":"B"}`)
	s.subset(s.one("GET", "Invoice/0/", ""), `{"id":100001,"title":"B"}`)
	s.subset(s.one("GET", "Gateway/100002/", ""), `{"id":100002,"amount":6}`)
	s.subset(s.one("GET", "Invoice/17/", ""), `{"id":17,"status":"waiting"}`) // invented
	assert.Equal(t, map[string]any{"id": 100001.0}, s.one("DELETE", "Invoice/100001/", ""))
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		for version, want := range map[string]int{"/v1/": 200, "/v1.0/": 200, "/v1.14/": 200, "/v1.15/": 404, "/v1.16/": 404} {
			status, answer := s.send(method, version+"Invoice/100001/", "")
			assert.Equal(t, want, status)
			assert.Equal(t, "An error occurred: No Invoice found with id 100001", answer["message"])
			assert.Equal(t, "error", answer["status"])
			assert.ErrorContains(t, s.told.Err, "No Invoice found")
		}
	}
	_, answer := s.send("GET", "Invoice/", "")
	assert.Equal(t, []any{}, answer["data"])
	s.subset(s.one("DELETE", "Invoice/17/", ""), `{"id":17}`)
	s.subset(s.one("DELETE", "Gateway/0/", ""), `{"id":0}`)
}

func TestPaylinkTransactions(t *testing.T) {
	s := newShop(t)
	s.subset(s.one("POST", "Transaction/0/", "amount=500&currency=CHF"), `{"id":100001,"amount":500,"status":"confirmed","mode":"TEST","uuid":"000186a1-0000-4000-8000-0000000186a1"}`)
	s.subset(s.one("POST", "Transaction/100001/", "amount=700"), `{"id":100002,"amount":700,"status":"confirmed"}`) // charged: another one
	s.subset(s.one("POST", "Transaction/100001/preAuthorize", "amount=800"), `{"id":100003,"amount":800,"status":"authorized"}`)
	s.subset(s.one("POST", "Transaction/100003/capture", "amount=800"), `{"id":100003,"amount":800,"status":"confirmed"}`)
	s.subset(s.one("POST", "Transaction/100001/refund", "amount=100"), `{"id":100001,"amount":500,"status":"partially-refunded"}`)
	s.subset(s.one("POST", "Transaction/100001/refund", "amount=500"), `{"id":100001,"amount":500,"status":"refunded","refundable":false}`)
	s.subset(s.one("POST", "Transaction/100002/receipt", "recipient=a"), `{"id":100002,"amount":700,"status":"confirmed"}`)
	s.subset(s.one("GET", "Transaction/100001/", ""), `{"amount":500,"status":"refunded"}`)
	s.subset(s.one("GET", "Transaction/000186a2-0000-4000-8000-0000000186a2/", ""), `{"id":100002}`)
	s.subset(s.one("POST", "Transaction/17/refund", ""), `{"id":17,"status":"refunded"}`)
	s.subset(s.one("DELETE", "Subscription/5/", ""), `{"id":5,"status":"cancelled"}`)
	for query, want := range map[string]string{
		"?limit=2": "[100001 100002]", "?limit=1&offset=1": "[100002]", "?offset=9": "[]", "?limit=-1": "[100001 100002 100003]", "?limit=x": "[100001 100002 100003]", "?limit=0": "[]",
	} {
		_, answer := s.send("GET", "Transaction/", query)
		ids := []any{}
		for _, transaction := range answer["data"].([]any) {
			ids = append(ids, int(transaction.(map[string]any)["id"].(float64)))
		}
		assert.Equal(t, want, fmt.Sprint(ids), query)
	}
}

// TestPaylinkShapes: where the API has an object, and where a list.
func TestPaylinkShapes(t *testing.T) {
	s := newShop(t)
	s.subset(s.one("POST", "Payout/0/", "amount=5&pspId=44"), `{"id":100001,"object":"payout"}`)
	for _, c := range []struct{ method, path, form, want string }{
		{"POST", "Bill/0/", "currency=CHF&positions[0][amount]=5", `{"id":100002,"currency":"CHF","positions":[{"amount":5}],"status":"open","number":"TEST-100002"}`},
		{"GET", "Bill/100002/", "", `{"id":100002,"currency":"CHF"}`},
		{"PUT", "Bill/100002/", "note=n", `{"id":100002,"note":"n"}`},
		{"DELETE", "Bill/100002/", "", `{"id":100002}`},
		{"GET", "Payout/100001/", "", `{"id":100001,"object":"payout","amount":5,"pspId":44,"status":"pending"}`},
		{"GET", "Payout/C3F99526/", "", `{"uuid":"C3F99526","object":"payout","transfers":[]}`},
		{"GET", "PaymentMethod/apple-pay", "", `{"id":"apple-pay","name":"apple-pay"}`},
		{"POST", "ecr/SN1/pair", "code=7", `{"serialNumber":"SN1","status":"paired"}`},
		{"POST", "ecr/SN1/payment", "amount=5", `{"id":100003,"serialNumber":"SN1","amount":5,"status":"waiting"}`},
		{"POST", "ecr/SN2/payment", "amount=6", `{"id":100004,"serialNumber":"SN2","amount":6,"status":"waiting"}`},
		{"GET", "ecr/SN1/payment", "", `{"id":100003,"amount":5,"status":"waiting"}`},
		{"POST", "ecr/SN1/cancel", "", `{"id":100003,"amount":5,"status":"cancelled"}`},
		{"GET", "ecr/SN1/paymentMethods", "", `{"serialNumber":"SN1","paymentMethods":["mastercard","visa"]}`},
		{"DELETE", "ecr/SN1/pair", "", `{"serialNumber":"SN1","status":"unpaired"}`},
	} {
		status, answer := s.send(c.method, c.path, c.form)
		assert.Equal(t, 200, status, "%s %s", c.method, c.path)
		object, ok := answer["data"].(map[string]any)
		require.True(t, ok, "%s %s: %v", c.method, c.path, answer)
		s.subset(object, c.want)
	}
	for path, want := range map[string]int{
		"Bill/": 0, "Payout/": 1, "Payout/0/": 1, "Payout/C3F99526/details": 1, "PaymentMethod/": 2, "PaymentProvider/": 1, "Gateway/": 0, "Gateway/100001/": 1,
		"QrCode/5e3a7c1e-1f6b-4c58-9a63-0d7a8a1c2b3d": 1, "QrCodeScan/s%201": 1, "SignatureCheck/": 1, "SignatureCheck/0/": 1,
	} {
		status, answer := s.send("GET", path, "")
		assert.Equal(t, 200, status, path)
		list, ok := answer["data"].([]any)
		assert.True(t, ok && len(list) == want, "%s: %v", path, answer)
	}
	s.subset(s.one("GET", "QrCodeScan/s%201", ""), `{"sessionId":"s 1"}`)
	s.subset(s.one("POST", "QrCodeScan/s%201", ""), `{"sessionId":"s 1"}`)
	s.subset(s.one("POST", "QrCodeScan/0/", "sessionId=t"), `{"sessionId":"t"}`)
	s.subset(s.one("DELETE", "QrCode/5e3a7c1e-1f6b-4c58-9a63-0d7a8a1c2b3d", ""), `{"id":"5e3a7c1e-1f6b-4c58-9a63-0d7a8a1c2b3d"}`)
}

// TestPaylinkKeepsNoMoreThanItMay: objects are forgotten, the oldest first, and what
// is long, or holds the secret, is in the answer only.
func TestPaylinkKeepsNoMoreThanItMay(t *testing.T) {
	s := newShop(t)
	s.one("POST", "Page/", "title=first")
	for _, title := range []string{strings.Repeat("x", 17<<10), "my test-secret-key"} {
		made := s.one("POST", "Invoice/", "title="+title)
		assert.Equal(t, title, made["title"])
		read := s.one("GET", fmt.Sprintf("Invoice/%.0f/", made["id"]), "")
		assert.Equal(t, made["hash"], read["hash"])
		assert.NotContains(t, read, "title")
	}
	s.send("POST", "ecr/test-secret-key/payment", "amount=5")
	s.send("POST", "ecr/"+strings.Repeat("x", 65)+"/payment", "amount=5")
	for _, terminal := range []string{"test-secret-key", strings.Repeat("x", 65)} {
		_, answer := s.send("GET", "ecr/"+terminal+"/payment", "")
		assert.NotContains(t, answer["data"], "amount", terminal)
	}
	for range 997 {
		s.one("POST", "Gateway/", "amount=1")
	}
	s.subset(s.one("GET", "Page/100001/", ""), `{"title":"first"}`)
	s.one("POST", "Gateway/", "amount=1")
	assert.NotContains(t, s.one("GET", "Page/100001/", ""), "title", "it is the 1001st")
	_, answer := s.send("GET", "Gateway/", "?limit=1000")
	assert.Len(t, answer["data"], 100)
}

// TestPaylinkIsSafeForConcurrentUse: every client gets an id of its own, and a
// Recorder sees all.
func TestPaylinkIsSafeForConcurrentUse(t *testing.T) {
	var seen authtest.Recorder
	s := &shop{t: t, gateway: &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Observe: seen.Observe}}
	var wait sync.WaitGroup
	var ids sync.Map
	for range 8 {
		wait.Go(func() {
			for range 20 {
				status, answer := s.send("POST", "Gateway/0/", "amount=1")
				assert.Equal(t, 200, status)
				_, twice := ids.LoadOrStore(answer["data"].([]any)[0].(map[string]any)["id"], true)
				assert.False(t, twice)
				s.send("GET", "Gateway/1/", "")
				seen.Exchanges()
			}
		})
	}
	wait.Wait()
	assert.Len(t, seen.Exchanges(), 320)
}
