package avangate_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
)

// givesID is a network where each login is answered with the id ID.
var givesID = roundTripper(func(req *http.Request) (*http.Response, error) {
	answer := `{"result":"ID"}`
	if req.Header.Get("Content-Type") != "application/json" {
		answer = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><loginResponse><return>ID</return></loginResponse></e:Body></e:Envelope>`
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(answer))}, nil
})

// In the bodies of the tables below, @ stands for avangate.Session.
var mark = strings.NewReplacer("@", avangate.Session)

func TestPlaceOfTheSessionInJSONRPC(t *testing.T) {
	for in, want := range map[string]string{
		`{"jsonrpc":"2.0","method":"getOrder","params":["@","113"],"id":2}`:                        `{"jsonrpc":"2.0","method":"getOrder","params":["ID","113"],"id":2}`,
		`{"method":"m","params":["@"]}`:                                                            `{"method":"m","params":["ID"]}`,
		"\n{ \"params\" :\t[ \"@\" , {\"a\":1e9999} ] }\n":                                         "\n{ \"params\" :\t[ \"ID\" , {\"a\":1e9999} ] }\n",
		`{"jsonrpc":2.0,"p\u0061rams":["@"],"method":"m"}`:                                         `{"jsonrpc":2.0,"p\u0061rams":["ID"],"method":"m"}`,
		`{"method":"m","params":["@","@",{"params":["@"]}],"id":"@","@":"@"}`:                      `{"method":"m","params":["ID","@",{"params":["@"]}],"id":"@","@":"@"}`,
		`{"x":{"Params":["@"],"params":["@"]},"method":"m","params":["@"]}`:                        `{"x":{"Params":["@"],"params":["@"]},"method":"m","params":["ID"]}`,
		`[{"params":["@",1]} , {"method":"m","params":["@",2]}]`:                                   `[{"params":["ID",1]} , {"method":"m","params":["ID",2]}]`,
		`{"jsonrpc":"2.0","method":"login","params":["C","D","H","sha256"],"id":1}`:                `{"jsonrpc":"2.0","method":"login","params":["C","D","H","sha256"],"id":1}`,
		`{"params":["@","\ud800\udc00\uDBFF\uDFFF\ud7ff\ue000"]}`:                                  `{"params":["ID","\ud800\udc00\uDBFF\uDFFF\ud7ff\ue000"]}`,
		`{"params":["@"],"method":"login"}`:                                                        `{"params":["@"],"method":"login"}`,
		`[{"method":"login","params":[]},{"method":"m","params":["@"],"x":"\uD83D\uDE00\\uD800"}]`: `[{"method":"login","params":[]},{"method":"m","params":["ID"],"x":"\uD83D\uDE00\\uD800"}]`,
	} {
		req := httptest.NewRequest("POST", rpcURL, strings.NewReader(mark.Replace(in)))
		require.NoError(t, authenticator(t, config()).Authenticate(req, givesID), "%s", in)
		assert.Equal(t, mark.Replace(want), body(t, req))
	}
}

// A call without a body misses more than its session.
func TestSessionsWantABody(t *testing.T) {
	for _, url := range []string{rpcURL, vendor + "/soap/6.0/"} {
		for _, method := range []string{"GET", "POST"} {
			if method == "GET" && url != rpcURL {
				continue // asks for the WSDL
			}
			err := authenticator(t, config()).Authenticate(httptest.NewRequest(method, url, nil), nil)
			require.ErrorIs(t, err, auth.ErrRequest)
			assert.ErrorContains(t, err, "the request has no body: send the call in the body of a POST")
			assert.NotContains(t, err.Error(), "avangate.Session")
		}
	}
}

func TestJSONRPCWithoutAPlaceIsRefused(t *testing.T) {
	for in, says := range map[string]string{
		"amount=1":                          "the body is not JSON",
		`{"params":["@"]} {"params":["@"]}`: "the body is not JSON",
		"\ufeff" + `{"params":["@"]}`:       "the body is not JSON",
		`{"params":["@"],}`:                 "the body is not JSON from byte 37 on: correct it there",
		`"@"`:                               "neither a request nor a batch",
		`[]`:                                "neither a request nor a batch",
		`["@"]`:                             "neither a request nor a batch",
		`[["@"]]`:                           "neither a request nor a batch",
		`{}`:                                `in a request without a method there is no avangate.Session: write`,
		`{"params":null}`:                   `in a request without a method there is no avangate.Session: write`,
		`{"params":[]}`:                     `in a request without a method there is no avangate.Session: write`,
		`{"params":"@"}`:                    `in a request without a method avangate.Session stands in another place, or not alone: write`,
		`{"params":[["@"]]}`:                `in a request without a method avangate.Session stands in another place, or not alone: write`,
		`{"params":[1,"@"]}`:                `in a request without a method avangate.Session stands in another place, or not alone: write`,
		`{"params":[" @"]}`:                 `in a request without a method there is white space around avangate.Session: write`,
		`{"params":["@@"]}`:                 `in a request without a method avangate.Session stands in another place, or not alone: write`,
		`{"params":["\u0063ountersign-session-id"]}`:     `in a request without a method avangate.Session is written with an escape: write`,
		`{"params":{"sessionID":"@"}}`:                   `in a request without a method avangate.Session stands in another place, or not alone: write`,
		`{"method":"Login","params":["C"]}`:              `in the call of "Login" there is no avangate.Session: write`,
		`{"method":["login"],"params":["C"]}`:            `in a request without a method there is no avangate.Session: write`,
		`{"sessionID":"@","method":"m","params":["a"]}`:  `in the call of "m" avangate.Session stands in another place, or not alone: write`,
		`[{"params":["@"]},{"method":"m","params":[1]}]`: `in the call of "m" there is no avangate.Session: write`,
		`{"params":["@"],"params":["@"]}`:                "params twice",
		`{"params":["@"],"par\u0061ms":null}`:            "params twice",
		`{"method":"login","method":"m","params":["@"]}`: "method twice",
		`{"params":["@"],"Params":["x"]}`:                "params twice",
		`{"PARAMS":["x"],"params":["@"]}`:                "params twice",
		`{"param\u017f":["x"],"params":["@"]}`:           "params twice", // a long s
		`{"method":"m","METHOD":"n","params":["@"]}`:     "method twice",
		`{"params":["@"],"para` + "\xff" + `ms":["x"]}`:  "not in UTF-8",
		`{"params":["@","` + "\xff" + `"]}`:              "not in UTF-8",
		`{"params":["@","\ud800"]}`:                      "half a surrogate pair",
		`{"params":["@","\ud800\ud800"]}`:                "half a surrogate pair",
		`{"params":["@","\udc00"]}`:                      "half a surrogate pair",
		`{"params":["@","\udbff"]}`:                      "half a surrogate pair",
		`{"params":["@","\udfff"]}`:                      "half a surrogate pair",
		`{"params":["@","\ud800\n"]}`:                    "half a surrogate pair",
		`{"params":["@","\ud800 \udc00"]}`:               "half a surrogate pair",
		`{"params":["@","\ud800"],"x":"\udc00"}`:         "half a surrogate pair",
	} {
		req := httptest.NewRequest("POST", rpcURL, strings.NewReader(mark.Replace(in)))
		err := authenticator(t, config()).Authenticate(req, nil)
		require.ErrorIs(t, err, auth.ErrRequest, "%s", in)
		assert.ErrorContains(t, err, "the path is that of a JSON-RPC endpoint, which wants a session, and")
		assert.ErrorContains(t, err, says, "%s", in)
		if !strings.Contains("params twice method twice not in UTF-8 half a surrogate pair", says) && !strings.HasPrefix(says, "the body is not JSON") {
			assert.ErrorContains(t, err, `write avangate.Session, "countersign-session-id", as the first of a request's params`)
		}
	}
}

func TestJSONRPCLogin(t *testing.T) {
	for algorithm, hash := range map[avangate.Algorithm]string{
		avangate.SHA2_256: "f4e020856f2f9b33c203af12ff471106415db9d8e20eff9b20e00bb0d8051c8e",
		avangate.SHA3_256: "6f30619fa7f14744b46ace69361a68376de1304db8957ac1acdc2a480c422eba",
	} {
		c := vectorConfig(algorithm)
		var login string
		req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1")))
		require.NoError(t, authenticator(t, c).Authenticate(req, roundTripper(func(req *http.Request) (*http.Response, error) {
			login = body(t, req)
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"result":"ID"}`))}, nil
		})))
		assert.Equal(t, `{"jsonrpc":"2.0","method":"login","params":["AVANGATE","2010-05-13 12:12:12","`+hash+`","`+algorithm.String()+`"],"id":1}`, login)
	}
}

func TestMerchantCodeOfASessionIsUTF8(t *testing.T) {
	c := config()
	c.MerchantCode = "T\xcbST"
	req := httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1")))
	err := authenticator(t, c).Authenticate(req, nil)
	require.ErrorIs(t, err, avangate.ErrLogin)
	assert.ErrorContains(t, err, "not UTF-8")
}

// A batch is sent again only if each of its calls was refused for the session. The
// session is dropped if the first was.
func TestBatchIsSentAgainOnlyIfNothingRan(t *testing.T) {
	const dead, done, other = `{"error":{"code":10000,"data":{"error_code":"FORBIDDEN"}},"id":1}`, `{"result":{"a":[1]},"id":2}`, `{"error":{"code":7}}`
	batch := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(rpcBody("1")+",", n), ",") + "]" }
	for _, test := range []struct {
		body, answer string
		again, gone  bool
	}{
		{batch(1), "[" + dead + "]", true, true},
		{batch(2), "[" + dead + "," + dead + "]", true, true},
		{batch(2), " [ " + dead + " , " + dead + " ] ", true, true},
		{batch(2), "[" + dead + "]", false, true}, // what of the other?
		{batch(1), "[" + dead + "," + dead + "]", false, true},
		{batch(2), "[" + dead + "," + done + "]", false, true},
		{batch(2), "[" + done + "," + dead + "]", false, false},
		{batch(2), "[" + dead + "," + other + "]", false, true},
		{batch(2), "[" + dead + "," + dead, false, true},
		{batch(2), "[" + dead + ",1]", false, true},
		{batch(2), dead, false, true},
		{batch(1), dead, true, true},
		{batch(2), "[]", false, false},
		{batch(1), `[["error",{"code":10000}]]`, false, false},
		{rpcBody("1"), "[" + dead + "]", true, true},
		{rpcBody("1"), `{"error":{}}`, false, false},
		{rpcBody("1"), `{"error":{"message":"10000"}}`, false, false},
		{rpcBody("1"), `{"error":{"code":10000`, false, false},
		{rpcBody("1"), `{"error":{"code":10000,"data":{}`, false, false},
		{rpcBody("1"), `{"error":{"code":10000}`, false, true},
		{"[" + rpcBody("1") + `,{"method":"login","params":[]}]`, "[" + dead + "," + done + "]", false, true},
	} {
		w := newWorld(t)
		req := httptest.NewRequest("POST", rpcURL, strings.NewReader(test.body))
		require.NoError(t, w.account.Authenticate(req, w))
		assert.Equal(t, "login", w.methods())
		resp := &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(test.answer))}
		assert.Equal(t, test.again, w.account.Refused(req, resp), "%s", test.answer)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, test.answer, string(got))
		require.NoError(t, w.account.Authenticate(httptest.NewRequest("POST", rpcURL, strings.NewReader(rpcBody("1"))), w))
		assert.Equal(t, test.gone, w.methods() == "login", "%s", test.answer)
	}
}

func TestBatch(t *testing.T) {
	w := newWorld(t)
	p := protocolCase{path: "/rpc/6.0/", body: "[" + rpcBody("1") + "," + rpcBody("2") + "]"}
	for _, want := range []string{"login getOrder+getOrder", "getOrder+getOrder! login getOrder+getOrder"} {
		answer, err := w.call(t, p)
		require.NoError(t, err)
		var answers []struct{ Result struct{ Params []string } }
		require.NoError(t, json.Unmarshal([]byte(answer), &answers))
		require.Len(t, answers, 2)
		assert.Equal(t, []string{"2"}, answers[1].Result.Params)
		assert.Equal(t, want, w.methods())
		w.gateway.EndSessions()
	}
}

func TestOwnLoginPassesUntouched(t *testing.T) {
	for path, login := range map[string]string{
		"/rpc/6.0/":  `{"jsonrpc":"2.0","method":"login","params":["C","D","H","sha256"],"id":1}`,
		"/soap/6.0/": `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><n:login xmlns:n="n"><a>C</a></n:login></e:Body></e:Envelope>`,
	} {
		w := newWorld(t)
		req := httptest.NewRequest("POST", vendor+path, strings.NewReader(login))
		require.NoError(t, w.account.Authenticate(req, w))
		assert.Equal(t, login, body(t, req))
		assert.Empty(t, w.methods())
		assert.False(t, w.account.Refused(req, goneAnswer(protocolCase{name: "JSON-RPC"})))
	}
}

// vectorConfig is that of testdata/avangate.json's "key of 14 bytes", which FIPS 140
// mode allows.
func vectorConfig(algorithm avangate.Algorithm) avangate.Config {
	c := config()
	c.SecretKey, c.Algorithm, c.Now = auth.NewSecret("kkkkkkkkkkkkkk"), algorithm, fixed(vectorDate)
	return c
}
