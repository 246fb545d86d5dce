package authtest_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/auth/paylinkkey"
	"github.com/countersign/countersign/transport"
)

// A program's own test: its payment client against an emulated gateway.
func Example() {
	gateway := httptest.NewServer(&authtest.Paylink{
		Instance: "example",
		Secret:   auth.NewSecret("test-secret-key"),
		Observe:  func(e authtest.Exchange) { fmt.Println(e.Method, e.Path, e.StringToSign, e.Status) },
	})
	defer gateway.Close()

	shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: gateway.URL, Instance: "example", Secret: auth.NewSecret("test-secret-key")})
	if err != nil {
		log.Fatal(err)
	}
	client, err := transport.Wrap(&http.Client{}, shop)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.PostForm(gateway.URL+"/v1.0/Invoice/", url.Values{"title": {"Monatliches Abo"}, "amount": {"590"}})
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	var invoices struct {
		Data []struct {
			ID     int
			Title  string
			Amount int
			Status string
			Link   string
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&invoices); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%+v\n", invoices.Data[0])
	// Output:
	// POST /v1.0/Invoice/ amount=590&title=Monatliches+Abo 200
	// {ID:100001 Title:Monatliches Abo Amount:590 Status:waiting Link:https://example.gateway.example/?payment=000000000000000000000000000186a1}
}

func TestPaylinkAnswers(t *testing.T) {
	gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key")}
	account := func(instance, secret string) paylinkhmac.Config {
		return paylinkhmac.Config{Instance: instance, Secret: auth.NewSecret(secret)}
	}
	right := account("example", "test-secret-key")
	const forbidden = `{"status":"error","message":"An error occurred: The API secret is not correct."}`
	for _, c := range []struct {
		name, path string
		account    paylinkhmac.Config
		status     int
		answer     string
	}{
		{"SignatureCheck", "/v1.0/SignatureCheck/", right, 200, `{"status":"success","data":[{"id":1}]}`},
		{"nothing was made", "/v1/Invoice/", right, 200, `{"status":"success","data":[]}`},
		{"wrong secret", "/v1.0/Invoice/", account("example", "other-secret-key"), 403, forbidden},
		{"wrong instance", "/v1.0/Invoice/", account("other", "test-secret-key"), 422, `{"status":"error","message":"An error occurred: The instance is missing or unknown."}`},
		{"unknown object", "/v1.0/Nothing/", right, 404, `{"status":"error","message":"An error occurred: The requested endpoint does not exist"}`},
		{"no version", "/Invoice/", right, 404, `{"status":"error","message":"An error occurred: The requested endpoint does not exist"}`},
		{"unknown version", "/v1.17/Invoice/", right, 404, `{"status":"error","message":"An error occurred: Version not found."}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.account.BaseURL = "https://api.example.com"
			a, err := paylinkhmac.New(c.account)
			require.NoError(t, err)
			status, answer := ask(t, gateway, a, c.account.BaseURL+c.path)
			assert.Equal(t, c.status, status)
			assert.JSONEq(t, c.answer, answer)
		})
	}
	t.Run("no signature", func(t *testing.T) {
		status, answer := ask(t, gateway, nil, "https://api.example.com/v1.0/Invoice/?instance=example")
		assert.Equal(t, 403, status)
		assert.JSONEq(t, forbidden, answer)
	})
}

func TestPaylinkTakesTheKey(t *testing.T) {
	gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key")}
	for secret, want := range map[string]int{"test-secret-key": 200, "other-secret-key": 403} {
		a, err := paylinkkey.New(paylinkkey.Config{BaseURL: "https://api.example.com", Instance: "example", Secret: auth.NewSecret(secret)})
		require.NoError(t, err)
		status, _ := ask(t, gateway, a, "https://api.example.com/v1.0/Transaction/?limit=2")
		assert.Equal(t, want, status)
	}
}

// TestPaylinkTakesOneKey: PHP sees a header's name in upper case with underscores,
// and one value, whatever the client wrote.
func TestPaylinkTakesOneKey(t *testing.T) {
	for _, c := range []struct {
		name   string
		header http.Header
		want   int
	}{
		{"as net/http writes it", http.Header{"X-Api-Key": {"test-secret-key"}}, 200},
		{"as the documents write it", http.Header{"X-API-KEY": {"test-secret-key"}}, 200},
		{"as PHP writes it", http.Header{"X_Api_Key": {"test-secret-key"}}, 200},
		{"the right one first", http.Header{"X-Api-Key": {"test-secret-key", "x"}}, 403},
		{"the right one last", http.Header{"X-Api-Key": {"x", "test-secret-key"}}, 403},
		{"the right one twice", http.Header{"X-Api-Key": {"test-secret-key", "test-secret-key"}}, 403},
		{"in two spellings", http.Header{"X-Api-Key": {"test-secret-key"}, "X_Api_Key": {"x"}}, 403},
		{"none", http.Header{}, 403},
	} {
		var told authtest.Exchange
		gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Observe: func(e authtest.Exchange) { told = e }}
		req := httptest.NewRequest("GET", "/v1.0/Transaction/?instance=example&limit=2", nil)
		req.Header = c.header
		w := httptest.NewRecorder()
		gateway.ServeHTTP(w, req)
		assert.Equal(t, c.want, w.Code, c.name)
		if c.want != 200 {
			assert.ErrorIs(t, told.Err, auth.ErrUnsigned, c.name)
		}
	}
}

// TestPaylinkReadsAsTheLiveGatewaysDo: what they take is accepted, and the test is
// told what is fragile about it.
func TestPaylinkReadsAsTheLiveGatewaysDo(t *testing.T) {
	const (
		form   = "amount=100&ApiSignature=bSFa0cpnIuU8q1VYH%2FJxIYcsEK9yy7RMbpnIba4pQRk%3D"
		times  = "filterDatetimeUtcGreaterThan=2026-06-22+08%3A28%3A01&limit=100&ApiSignature=voVMAxg5TqqI5HwefyzQ%2FcqpypKEMGWfmVsko%2BEWUjo%3D"
		design = "--B\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n\r\n" +
			"--B\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n100\r\n" +
			"--B\r\nContent-Disposition: form-data; name=\"headerImage\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nPNG\r\n" +
			"--B\r\nContent-Disposition: form-data; name=\"ApiSignature\"\r\n\r\nbSFa0cpnIuU8q1VYH/JxIYcsEK9yy7RMbpnIba4pQRk=\r\n--B--\r\n"
	)
	amount := [][2]string{{"amount", "100"}}
	for _, c := range []struct {
		name, method, query, contentType, body, key string
		status                                      int
		parameters                                  [][2]string
		note                                        string
	}{
		{"a form", "POST", "", "application/x-www-form-urlencoded", form, "", 200, amount, ""},
		{"a form as text", "POST", "", "text/plain", form, "", 200, amount, `"text/plain"`},
		{"a form as JSON", "POST", "", "application/json", form, "", 200, amount, `"application/json"`},
		{"a form without a type", "POST", "", "", form, "", 200, amount, "no Content-Type"},
		{"another charset", "POST", "", "application/x-www-form-urlencoded; charset=iso-8859-1", form, "", 200, amount, "charset"},
		{"a plus sign in a query", "GET", times, "", "", "", 200, [][2]string{{"filterDatetimeUtcGreaterThan", "2026-06-22 08:28:01"}, {"limit", "100"}}, "a plus sign in the query"},
		{"empty parts beside a file", "POST", "", "multipart/form-data; boundary=B", design, "", 200, amount, "empty value"},
		{"two instances", "POST", "instance=other", "application/x-www-form-urlencoded", form, "", 422, nil, ""},
		{"two instances and the key", "POST", "instance=other", "application/json", `{"amount":100}`, "test-secret-key", 422, nil, ""},
		{"JSON and the key", "POST", "", "application/json", `{"amount":100,"n":null}`, "test-secret-key", 200, amount, ""},
		{"an instance in JSON and the key", "POST", "no=1", "application/json", `{"amount":100,"instance":"example"}`, "test-secret-key", 200, amount, ""},
		{"a body that cannot be read, and the key", "POST", "", "multipart/form-data", form, "test-secret-key", 200, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var told authtest.Exchange
			gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Observe: func(e authtest.Exchange) { told = e }}
			query := "instance=example&" + c.query
			if c.query == "no=1" {
				query = "" // the body has it
			}
			req := httptest.NewRequest(c.method, "/v1.11/Transaction/?"+query, strings.NewReader(c.body))
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			if c.key != "" {
				req.Header.Set("X-API-KEY", c.key)
			}
			w := httptest.NewRecorder()
			gateway.ServeHTTP(w, req)
			assert.Equal(t, c.status, w.Code, "%v", told.Err)
			assert.Equal(t, c.parameters, told.Parameters)
			if c.note == "" {
				assert.Empty(t, told.Notes)
			} else {
				assert.Contains(t, strings.Join(told.Notes, "\n"), c.note)
			}
		})
	}
}

func TestAvangateAnswers(t *testing.T) {
	gateway := &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key")}
	right := avangate.Config{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key")}
	otherKey, sha3, early, otherCode := right, right, right, right
	otherKey.SecretKey = auth.NewSecret("other-secret-key")
	sha3.Algorithm = avangate.SHA3_256
	early.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	otherCode.MerchantCode = "OTHER"
	for _, c := range []struct {
		name, path string
		account    avangate.Config
		status     int
		answer     string
	}{
		{"a subscription", "/rest/6.0/subscriptions/ABC/", right, 200, `{"SubscriptionReference":"ABC"}`},
		{"a list, SHA3-256", "/rest/6.0/orders/", sha3, 200, `{"Items":[],"Pagination":{"Page":1,"Limit":10,"Count":0}}`},
		{"wrong key", "/rest/6.0/orders/", otherKey, 401, `{"error_code":"AUTHENTICATION_ERROR","message":"Hash signature could not be authenticated"}`},
		{"wrong code", "/rest/6.0/orders/", otherCode, 401, `{"error_code":"AUTHENTICATION_ERROR","message":"Hash signature could not be authenticated"}`},
		{"a clock an hour off", "/rest/6.0/orders/", early, 401, `{"error_code":"AUTHENTICATION_ERROR","message":"Time offset mismatch"}`},
		{"no such path", "/orders/", right, 404, `{"error_code":"NOT_FOUND","message":"There is no such resource"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := avangate.New(c.account)
			require.NoError(t, err)
			status, answer := ask(t, gateway, a, "https://api.2checkout.com"+c.path)
			assert.Equal(t, c.status, status)
			assert.JSONEq(t, c.answer, answer)
		})
	}
	t.Run("no header", func(t *testing.T) {
		status, answer := ask(t, gateway, nil, "https://api.2checkout.com/rest/6.0/orders/")
		assert.Equal(t, 401, status)
		assert.JSONEq(t, `{"error_code":"AUTHENTICATION_ERROR","message":"Authentication needed for this resource"}`, answer)
	})
}

func TestObserveIsToldWhyAndThePeerIsNot(t *testing.T) {
	var told []authtest.Exchange
	observe := func(e authtest.Exchange) { told = append(told, e) }
	_, answer := ask(t, &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Observe: observe}, nil,
		"https://api.example.com/v1.0/Invoice/?instance=example&title=a+b&ApiSignature=x")
	require.Len(t, told, 1)
	assert.ErrorIs(t, told[0].Err, auth.ErrSignature)
	assert.Equal(t, "title=a+b", told[0].StringToSign)
	assert.Equal(t, [][2]string{{"title", "a b"}}, told[0].Parameters)
	assert.False(t, strings.Contains(answer, "title"), "%s", answer)
}

// ask sends a GET request that a, if there is one, authenticates.
func ask(t *testing.T, gateway http.Handler, a auth.Authenticator, url string) (status int, answer string) {
	req := httptest.NewRequest(http.MethodGet, url, nil)
	if a != nil {
		require.NoError(t, a.Authenticate(req, nil))
	}
	w := httptest.NewRecorder()
	gateway.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

// TestPaylinkSaysWhichInstanceCame, whatever else is wrong, and not where it is the
// secret.
func TestPaylinkSaysWhichInstanceCame(t *testing.T) {
	for query, want := range map[string]string{
		"":                                    "no instance came: add instance=example to the query; and there is no ApiSignature",
		"instance=example&instance=other":     "an instance came empty, in brackets, or beside another: send instance=example once, in the query",
		"instance=":                           "an instance came empty, in brackets, or beside another",
		"instance=other":                      `the instance "other" came: send "example"; and there is no ApiSignature`,
		"instance=other&ApiSignature=AA":      `the instance "other" came: send "example"; and `,
		"instance=my-test-secret-key":         `another instance came: send "example"`,
		"instance=" + strings.Repeat("x", 64): `another instance came: send "example"`,
	} {
		var told authtest.Exchange
		gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Observe: func(e authtest.Exchange) { told = e }}
		w := httptest.NewRecorder()
		gateway.ServeHTTP(w, httptest.NewRequest("GET", "/v1.11/Transaction/?"+query, nil))
		assert.Equal(t, 422, w.Code)
		require.ErrorContains(t, told.Err, want)
		assert.NotContains(t, told.Err.Error(), "test-secret-key")
	}
}
