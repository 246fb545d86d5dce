package interop_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/recorder"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/interop"
	"github.com/countersign/countersign/transport"
)

const rpcCall = `{"jsonrpc":"2.0","method":"getOrder","params":["` + avangate.Session + `","11331111"],"id":1}`

const soapCall = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><getOrder xmlns="urn:orders">` +
	`<sessionID>` + avangate.Session + `</sessionID><refNo>11331111</refNo></getOrder></soap:Body></soap:Envelope>`

// upload returns a multipart body, with a boundary of its own each time, and its
// type.
func upload() (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.WriteField("name", "Bakery")
	file, _ := w.CreateFormFile("headerImage", "bread.png")
	file.Write([]byte("\x89PNG\r\n\x1a\n\xff"))
	w.Close()
	return w.FormDataContentType(), b.String()
}

// recorded are requests of every shape that is signed.
var recorded = []struct {
	name, method, path string
	gateway            func(*testing.T) *gateway
	body               func() (contentType, body string)
	requests           int // that the gateway gets: a session needs a login
}{
	{"a query", "GET", "/v1.0/Transaction/?limit=20", newPaylink, nothing, 1},
	{"a query with X-API-KEY", "GET", "/v1.0/Transaction/?limit=20", newPaylinkKey, nothing, 1},
	{"no parameter", "POST", "/v1.0/Gateway/", newPaylink, nothing, 1},
	{"a form", "POST", "/v1.0/Invoice/", newPaylink, body(form, "title=Monatliches+Abo&amount=200"), 1},
	{"JSON", "POST", "/v1.0/Invoice/", newPaylink, body("application/json", `{"title":"Monatliches Abo","amount":200}`), 1},
	{"multipart", "POST", "/v1.0/Design/", newPaylink, upload, 1},
	{"2Checkout's REST", "GET", "/rest/6.0/orders/11331111/", newAvangate, nothing, 1},
	{"JSON-RPC", "POST", "/rpc/6.0/", newAvangate, body("application/json", rpcCall), 2},
	{"a batch", "POST", "/rpc/6.0/", newAvangate, body("application/json", "["+rpcCall+"]"), 2},
	{"SOAP", "POST", "/soap/6.0/", newAvangate, body("text/xml; charset=utf-8", soapCall), 2},
}

func nothing() (contentType, text string) { return "", "" }

func body(contentType, text string) func() (string, string) {
	return func() (string, string) { return contentType, text }
}

// A tape is a cassette, and go-vcr's log of what happens with it.
type tape struct {
	name   string
	logged bytes.Buffer
}

func newTape(t *testing.T) *tape { return &tape{name: filepath.Join(t.TempDir(), "cassette")} }

func (c *tape) recorder(t *testing.T, mode recorder.Mode, options ...recorder.Option) *recorder.Recorder {
	options = append([]recorder.Option{
		recorder.WithMode(mode), recorder.WithSkipRequestLatency(true), recorder.WithDebugWriter(&c.logged),
	}, options...)
	r, err := recorder.New(c.name, options...)
	require.NoError(t, err)
	return r
}

// saved returns the cassette, as it is written and as it is read.
func (c *tape) saved(t *testing.T) string {
	file, err := os.ReadFile(c.name + ".yaml")
	require.NoError(t, err)
	loaded, err := cassette.Load(c.name)
	require.NoError(t, err)
	saved := string(file)
	for _, i := range loaded.Interactions {
		type request cassette.Request // without a String, which leaves much out
		type response cassette.Response
		saved += fmt.Sprintf("%+v %+v", request(i.Request), response(i.Response))
	}
	return saved
}

// Above the signer, a cassette holds the caller's requests. It is replayed without
// the signer, too.
func TestGoVCRAboveTheSigner(t *testing.T) {
	for _, tt := range recorded {
		t.Run(tt.name, func(t *testing.T) {
			g, c := tt.gateway(t), newTape(t)
			r := c.recorder(t, recorder.ModeRecordOnly, recorder.WithRealTransport(g.signing(t, nil)))
			contentType, text := tt.body()
			_, answer, err := send(t, &http.Client{Transport: r}, tt.method, g.URL+tt.path, contentType, text)
			require.NoError(t, err)
			require.NoError(t, r.Stop())
			g.requireVerified(t, tt.requests)
			g.requireClean(t, c.saved(t))
			g.requireClean(t, c.logged.String())
			g.Close()

			r = c.recorder(t, recorder.ModeReplayOnly, recorder.WithMatcher(interop.Match))
			contentType, text = tt.body()
			_, replayed, err := send(t, &http.Client{Transport: r}, tt.method, g.URL+tt.path, contentType, text)
			require.NoError(t, err)
			assert.Equal(t, answer, replayed)
		})
	}
}

// Below the signer, Scrub takes the credentials out, and Match finds the record for
// other ones.
func TestGoVCRBelowTheSigner(t *testing.T) {
	for _, tt := range recorded {
		t.Run(tt.name, func(t *testing.T) {
			g, c := tt.gateway(t), newTape(t)
			r := c.recorder(t, recorder.ModeRecordOnly, recorder.WithRealTransport(g.Client().Transport), recorder.WithHook(interop.Scrub, recorder.BeforeSaveHook))
			contentType, text := tt.body()
			_, answer, err := send(t, &http.Client{Transport: g.signing(t, r)}, tt.method, g.URL+tt.path, contentType, text)
			require.NoError(t, err)
			require.NoError(t, r.Stop())
			g.requireVerified(t, tt.requests)
			g.requireClean(t, c.saved(t))
			g.Close()

			g.later()
			r = c.recorder(t, recorder.ModeReplayOnly, recorder.WithMatcher(interop.Match))
			contentType, text = tt.body()
			_, replayed, err := send(t, &http.Client{Transport: g.signing(t, r)}, tt.method, g.URL+tt.path, contentType, text)
			require.NoError(t, err)
			assert.Equal(t, answer, replayed)
		})
	}
}

// Below the signer and without the two, a cassette holds credentials, and is of no
// use an hour later or with another secret.
func TestGoVCRWrongBelowTheSigner(t *testing.T) {
	for _, tt := range recorded {
		t.Run(tt.name, func(t *testing.T) {
			g, c := tt.gateway(t), newTape(t)
			r := c.recorder(t, recorder.ModeRecordOnly, recorder.WithRealTransport(g.Client().Transport))
			contentType, text := tt.body()
			_, _, err := send(t, &http.Client{Transport: g.signing(t, r)}, tt.method, g.URL+tt.path, contentType, text)
			require.NoError(t, err)
			require.NoError(t, r.Stop())
			g.requireVerified(t, tt.requests)
			assert.Len(t, g.leaks(c.saved(t)), tt.requests, "a signature each, or the hash of a login and a session id")

			g.later()
			_, _, err = send(t, &http.Client{Transport: g.signing(t, c.recorder(t, recorder.ModeReplayOnly))}, tt.method, g.URL+tt.path, contentType, text)
			require.ErrorIs(t, err, cassette.ErrInteractionNotFound)
		})
	}
}

// What goes wrong below the signer although Scrub is there.
func TestGoVCRWrongUseOfScrub(t *testing.T) {
	t.Run("as an AfterCaptureHook it takes the session away", func(t *testing.T) {
		g, c := newAvangate(t), newTape(t)
		r := c.recorder(t, recorder.ModeRecordOnly, recorder.WithRealTransport(g.Client().Transport), recorder.WithHook(interop.Scrub, recorder.AfterCaptureHook))
		_, answer, err := send(t, &http.Client{Transport: g.signing(t, r)}, http.MethodPost, g.URL+"/rpc/6.0/", "application/json", rpcCall)
		require.NoError(t, err)
		assert.Contains(t, answer, "INVALID_SESSION")
	})
	t.Run("go-vcr's debug log is not scrubbed", func(t *testing.T) {
		g, c := newPaylink(t), newTape(t)
		r := c.recorder(t, recorder.ModeRecordOnly, recorder.WithRealTransport(g.Client().Transport), recorder.WithHook(interop.Scrub, recorder.BeforeSaveHook))
		_, _, err := send(t, &http.Client{Transport: g.signing(t, r)}, http.MethodGet, g.URL+"/v1.0/Transaction/", "", "")
		require.NoError(t, err)
		assert.Len(t, g.leaks(c.logged.String()), 1)
	})
}

func TestMatchTellsRequestsApart(t *testing.T) {
	const signed = "&ApiSignature=AbC%2B%3D&instance=bakery"
	rpc := func(session, order string) string {
		return `{"jsonrpc":"2.0","method":"getOrder","params":["` + session + `","` + order + `"],"id":1}`
	}
	for _, tt := range []struct {
		name                         string
		method, url, body            string
		otherMethod, otherURL, other string
		matches                      bool
	}{
		{"another signature", "GET", "https://x/?a=1" + signed, "", "GET", "https://x/?a=1&ApiSignature=ZZ%2F&instance=bakery", "", true},
		{"another instance", "GET", "https://x/?a=1" + signed, "", "GET", "https://x/?a=1&ApiSignature=AbC%2B%3D&instance=florist", "", false},
		{"another parameter", "GET", "https://x/?a=1" + signed, "", "GET", "https://x/?a=2" + signed, "", false},
		{"another path", "GET", "https://x/a/?a=1" + signed, "", "GET", "https://x/b/?a=1" + signed, "", false},
		{"another method", "GET", "https://x/", "", "DELETE", "https://x/", "", false},
		{"unsigned", "GET", "https://x/?a=1" + signed, "", "GET", "https://x/?a=1", "", false},
		{"another form", "POST", "https://x/", "amount=1&ApiSignature=A%3D", "POST", "https://x/", "amount=2&ApiSignature=A%3D", false},
		{"another session", "POST", "https://x/rpc/", rpc("s1", "7"), "POST", "https://x/rpc/", rpc("s2", "7"), true},
		{"another order", "POST", "https://x/rpc/", rpc("s1", "7"), "POST", "https://x/rpc/", rpc("s1", "8"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sent := &closing{Reader: strings.NewReader(tt.body)}
			req := httptest.NewRequest(tt.method, tt.url, sent)
			assert.Equal(t, tt.matches, interop.Match(req, cassette.Request{Method: tt.otherMethod, URL: tt.otherURL, Body: tt.other}))
			assert.True(t, sent.closed)
			left, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			assert.Equal(t, tt.body, string(left), "the body is there for the next comparison")
		})
	}
}

func TestMatchClosesABodyThatCannotBeRead(t *testing.T) {
	sent := &closing{Reader: iotest.ErrReader(io.ErrUnexpectedEOF)}
	req := httptest.NewRequest(http.MethodPost, "https://x/", sent)
	assert.False(t, interop.Match(req, cassette.Request{Method: http.MethodPost, URL: "https://x/"}))
	assert.True(t, sent.closed)
}

// closing is a body that knows whether it was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestScrub(t *testing.T) {
	const (
		login        = `{"jsonrpc":"2.0","method":"login","params":["FLORIST","2026-11-20 00:00:00","abc123","sha256"],"id":1}`
		cleanLogin   = `{"jsonrpc":"2.0","method":"login","params":["FLORIST","scrubbed","scrubbed","sha256"],"id":1}`
		getOrder     = `{"method":"getOrder","params":["ab\/cd+secret","7"]}`
		cleanOrder   = `{"method":"getOrder","params":["scrubbed","7"]}`
		params       = `{"method":"getOrder","params":{"sessionID":"ab\/cd+secret"}}`
		soapLogin    = `<E><Body><login><a>FLORIST</a><b>2026-11-20 00:00:00</b><c>abc123</c><d>sha256</d></login></Body></E>`
		cleanSOAP    = `<E><Body><login><a>FLORIST</a><b>scrubbed</b><c>scrubbed</c><d>sha256</d></login></Body></E>`
		soapOrder    = `<E><Body><getOrder><id>ab/cd+secret</id><no>7</no></getOrder></Body></E>`
		cleanSOAPGet = `<E><Body><getOrder><id>scrubbed</id><no>7</no></getOrder></Body></E>`
	)
	for _, tt := range []struct {
		name, sent, wantSent, got, wantGot string
	}{
		{"an answer that repeats the signature", "", "", `{"link":"https:\/\/x\/?ApiSignature=AB%2B","ApiSignature":"A\/B="}`, `{"link":"https:\/\/x\/?ApiSignature=scrubbed","ApiSignature":"scrubbed"}`},
		{"a signature in other spellings", "", "", `{"link":"\/?ApiSignature\u003dAB%2B\u0026a\u003d1","ApiSignature" : "\u0041\u002F\u002b\u003D"}`, `{"link":"\/?ApiSignature\u003dscrubbed\u0026a\u003d1","ApiSignature" : "scrubbed"}`},

		{"a login", login, cleanLogin, `{"result":"ID"}`, `{"result":"scrubbed"}`},
		{"a login, answered by PHP", login, cleanLogin, `{"result":"ab\/cd+secret"}`, `{"result":"scrubbed"}`},
		{"a login, answered in ASCII letters' codes", login, cleanLogin, `{"id":1e999, "result" : "\u0061b\u002Fcd+secret"}`, `{"id":1e999, "result" : "scrubbed"}`},
		{"a login, answered by a response", login, cleanLogin, `{"response":"ab\/cd+secret","error":null}`, `{"response":"scrubbed","error":null}`},
		{"a login, answered twice", login, cleanLogin, `{"result":"ab\/cd+secret","result":"ef\/gh"}`, `{"result":"scrubbed","result":"scrubbed"}`},
		{"a login, answered elsewhere, too", login, cleanLogin, `{"result":"ab\/cd+secret","ab\/cd+secret":"{\"id\":\"ab\\\/cd+secret\"}"}`, `{"result":"scrubbed","scrubbed":"scrubbed"}`},
		{"a login, answered in an object", login, cleanLogin, `{"result":{"id":"ab\/cd+secret"}}`, `scrubbed`},
		{"a login, answered by a number", login, cleanLogin, `{"result":1234567}`, `scrubbed`},
		{"a login, answered by a text that is also a number", login, cleanLogin, `{"result":"1234567","id":1234567}`, `scrubbed`},
		{"a login, answered under another name", login, cleanLogin, `{"error":null,"session":"ab\/cd+secret"}`, `scrubbed`},
		{"a login in an escaped spelling", `{"method":"log\u0069n","params":["FLORIST","2026-11-20 00:00:00","\u0061bc123"]}`, `{"method":"log\u0069n","params":["FLORIST","scrubbed","scrubbed"]}`, `{"result":"ID"}`, `{"result":"scrubbed"}`},
		{"a login that is refused", login, cleanLogin, `{"result":null,"error":{"code":10000}}`, `{"result":null,"error":{"code":10000}}`},
		{"a login that gets no answer", login, cleanLogin, `ID`, `scrubbed`},
		{"a login that gets an answer to none", login, cleanLogin, `[]`, `scrubbed`},
		{"a login without a hash", `{"method":"login","params":["FLORIST","abc123"]}`, `scrubbed`, `{"result":"ID"}`, `scrubbed`},
		{"a login by name", `{"method":"login","params":{"hash":"abc123"}}`, `scrubbed`, `{"result":"ID"}`, `scrubbed`},
		{"a login whose hash is no text", `{"method":"login","params":["FLORIST","2026-11-20 00:00:00",["abc123"]]}`, `scrubbed`, `{"result":"ID"}`, `scrubbed`},
		{"a batch with a login", "[" + login + "," + getOrder + "]", "[" + cleanLogin + "," + cleanOrder + "]", `[{"result":"ID"},{"error":{"code":10001}}]`, `[{"result":"scrubbed"},{"error":{"code":10001}}]`},

		{"a call by PHP", getOrder, cleanOrder, `{"result":{"no":"7"}}`, `{"result":{"no":"7"}}`},
		{"a call in letters' codes", `{"method":"getOrder","params":[ "\u0061b\u002Fcd+secret" ,"7"]}`, `{"method":"getOrder","params":[ "scrubbed" ,"7"]}`, "", ""},
		{"a call whose answer quotes the session", getOrder, cleanOrder, `{"error":{"code":10002,"message":"ab\/cd+secret has ended"}}`, `{"error":{"code":10002,"message":"scrubbed"}}`},
		{"a call whose answer cannot be read", getOrder, cleanOrder, `{"error":"\u0061b\/cd+secret`, `scrubbed`},
		{"a call by name", params, `scrubbed`, `{"result":{"no":"7"}}`, `scrubbed`},
		{"a batch with a call by name", "[" + getOrder + "," + params + "]", `scrubbed`, `[]`, `scrubbed`},
		{"a batch with something else", "[" + getOrder + ",7]", `scrubbed`, `[]`, `scrubbed`},
		{"a call whose session is no text", `{"method":"getOrder","params":[["ab\/cd+secret"]]}`, `scrubbed`, "{}", `scrubbed`},
		{"params twice", `{"method":"getOrder","params":["ab\/cd+secret"],"Params":["7"]}`, `scrubbed`, "{}", `scrubbed`},
		{"a method twice", `{"method":"login","method":"getOrder","params":["FLORIST","ab\/cd+secret"]}`, `scrubbed`, "{}", `scrubbed`},
		{"no method", `{"params":["ab\/cd+secret"]}`, `scrubbed`, "{}", `scrubbed`},
		{"a call without params", `{"method":"ping"}`, `{"method":"ping"}`, `pong`, `pong`},
		{"a request that is neither", `name=Bakery`, `name=Bakery`, "{}", `{}`},
		{"JSON that is no call", `{"name":"Bakery"}`, `{"name":"Bakery"}`, "{}", `{}`},
		{"XML that is no call", `<E><name>Bakery</name></E>`, `<E><name>Bakery</name></E>`, "<E/>", `<E/>`},

		{"a SOAP login", soapLogin, cleanSOAP, `<E><Body><loginResponse><return>ID</return></loginResponse></Body></E>`, `<E><Body><loginResponse><return>scrubbed</return></loginResponse></Body></E>`},
		{"a SOAP login, answered in Latin-1", soapLogin, cleanSOAP, `<?xml version="1.0" encoding="ISO-8859-1"?><E><Body><r><return>ID</return></r></Body></E>`, `<?xml version="1.0" encoding="ISO-8859-1"?><E><Body><r><return>scrubbed</return></r></Body></E>`},
		{"a SOAP login, answered in references", soapLogin, cleanSOAP, `<E><Body><r><return>&#x61;b/cd<![CDATA[+sec]]><!-- -->ret</return></r></Body></E>`, `<E><Body><r><return>scrubbed</return></r></Body></E>`},
		{"a SOAP 1.2 login, answered by PHP", soapLogin, cleanSOAP, `<E xmlns:rpc="http://www.w3.org/2003/05/soap-rpc"><Body><r><rpc:result>return</rpc:result><return>ID</return></r></Body></E>`, `<E xmlns:rpc="http://www.w3.org/2003/05/soap-rpc"><Body><r><rpc:result>return</rpc:result><return>scrubbed</return></r></Body></E>`},
		{"a SOAP login, answered by nothing", soapLogin, cleanSOAP, `<E><Body><r id="ID"/></Body></E>`, `scrubbed`},
		{"a SOAP login, answered beside an element", soapLogin, cleanSOAP, `<E><Body><r>I&#68;<b/></r></Body></E>`, `scrubbed`},
		{"a SOAP login, answered by an attribute, too", soapLogin, cleanSOAP, `<E><Body><r><return id="I&#68;">ID</return></r></Body></E>`, `scrubbed`},
		{"a SOAP login, answered by a comment, too", soapLogin, cleanSOAP, `<E><Body><r><return>ID</return></r></Body><!-- ID --></E>`, `scrubbed`},
		{"a SOAP login that is refused", soapLogin, cleanSOAP, `<E><Body><Fault><faultcode>FORBIDDEN</faultcode></Fault></Body></E>`, `<E><Body><Fault><faultcode>FORBIDDEN</faultcode></Fault></Body></E>`},
		{"a SOAP call", soapOrder, cleanSOAPGet, `<E><Body><Fault><faultcode>FORBIDDEN</faultcode><faultstring>&#97;b/cd+secret</faultstring></Fault></Body></E>`, `<E><Body><Fault><faultcode>FORBIDDEN</faultcode><faultstring>scrubbed</faultstring></Fault></Body></E>`},
		{"a SOAP call in references", strings.Replace(soapOrder, "ab/cd+secret", " ab&#47;cd&#x2B;secret ", 1), cleanSOAPGet, "", ""},
		{"a SOAP call whose session is in an attribute", `<E><Body><getOrder><id href="#ab/cd+secret"/></getOrder></Body></E>`, `scrubbed`, "<E/>", `scrubbed`},
		{"a SOAP call whose session is empty", `<E><Body><ping><id></id></ping></Body></E>`, `scrubbed`, "<E/>", `scrubbed`},
		{"a SOAP call that is cut", strings.TrimSuffix(soapOrder, "</E>"), `scrubbed`, "<E/>", `scrubbed`},
		{"a SOAP call without a parameter", `<E><Body><ping></ping></Body></E>`, `<E><Body><ping></ping></Body></E>`, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{"X-Api-Key": {"s"}, "X-Avangate-Authentication": {"s"}, "Content-Length": {"999"}}
			location := http.Header{"Location": {"https://x/?ApiSignature=AB%2B&back=https%3A%2F%2Fx%3FApiSignature%3DAB%252B"}}
			i := cassette.Interaction{
				Request:  cassette.Request{URL: "https://x/rpc/6.0/", Body: tt.sent, Headers: header, Form: url.Values{"ApiSignature": {"s"}}, ContentLength: 999},
				Response: cassette.Response{Body: tt.got, Headers: location, ContentLength: -1},
			}
			require.NoError(t, interop.Scrub(&i))
			assert.Equal(t, tt.wantSent, i.Request.Body)
			assert.Equal(t, tt.wantGot, i.Response.Body)
			assert.Equal(t, http.Header{"Content-Length": {fmt.Sprint(len(tt.wantSent))}}, i.Request.Headers)
			assert.Equal(t, "https://x/?ApiSignature=scrubbed&back=https%3A%2F%2Fx%3FApiSignature%3Dscrubbed", i.Response.Headers.Get("Location"))
			assert.Empty(t, i.Request.Form)
			assert.EqualValues(t, len(tt.wantSent), i.Request.ContentLength)
			assert.EqualValues(t, -1, i.Response.ContentLength)
			assert.Equal(t, "s", header.Get("X-Api-Key"), "the request's own header stays")
			assert.Contains(t, location.Get("Location"), "AB%2B", "the answer's own header stays")

			sent := httptest.NewRequest(http.MethodPost, "https://x/rpc/6.0/", strings.NewReader(tt.sent))
			i.Request.Method = http.MethodPost
			assert.True(t, interop.Match(sent, i.Request), "the request finds its record")
		})
	}
}

// A call is known by its body: 2Checkout has more paths than one recipe can list.
func TestScrubKnowsCallsAtAnyPath(t *testing.T) {
	const call, scrubbed = `{"method":"getOrder","params":["secret","7"]}`, `{"method":"getOrder","params":["scrubbed","7"]}`
	for _, path := range []string{"/rpc/6.0/", "/soap/6.0/", "//order/2.0/rpc", "/subscription/2.0/soap/", "/%72pc/6.0/", "/", "/elsewhere/"} {
		i := cassette.Interaction{Request: cassette.Request{URL: "https://x" + path, Body: call}}
		require.NoError(t, interop.Scrub(&i))
		assert.Equal(t, scrubbed, i.Request.Body, path)
	}
}

// A recorder below the signer: the replay is signed by another secret.
func ExampleScrub() {
	gateway := httptest.NewServer(&authtest.Paylink{Instance: "bakery", Secret: auth.NewSecret("real-secret")})
	dir, err := os.MkdirTemp("", "cassettes")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	get := func(secret string, mode recorder.Mode) {
		vcr, err := recorder.New(filepath.Join(dir, "transactions"),
			recorder.WithMode(mode),
			recorder.WithHook(interop.Scrub, recorder.BeforeSaveHook),
			recorder.WithMatcher(interop.Match),
			recorder.WithSkipRequestLatency(true),
		)
		if err != nil {
			log.Fatal(err)
		}
		shop, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: gateway.URL, Instance: "bakery", Secret: auth.NewSecret(secret)})
		if err != nil {
			log.Fatal(err)
		}
		signing, err := transport.New(vcr, shop)
		if err != nil {
			log.Fatal(err)
		}
		client := &http.Client{Transport: signing}
		resp, err := client.Get(gateway.URL + "/v1.0/Transaction/")
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		fmt.Println(mode, resp.Status)
		if err := vcr.Stop(); err != nil {
			log.Fatal(err)
		}
	}
	get("real-secret", recorder.ModeRecordOnce)
	gateway.Close()
	get("test-secret", recorder.ModeReplayOnly)
	// Output:
	// RecordOnce 200 OK
	// ReplayOnly 200 OK
}
