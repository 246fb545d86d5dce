package transporttest_test

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
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
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport/transporttest"
)

const (
	api      = "https://api.shop.test"
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

func request(t testing.TB, method, url, contentType, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

func TestOurAuthenticatorsKeepTheContract(t *testing.T) {
	secret := auth.NewSecret("test-secret-key")
	hmac, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: api, Instance: "example", Secret: secret})
	require.NoError(t, err)
	key, err := paylinkkey.New(paylinkkey.Config{BaseURL: api, Instance: "example", Secret: secret})
	require.NoError(t, err)
	tco, err := avangate.New(avangate.Config{BaseURL: api, MerchantCode: "YOURCODE123", SecretKey: secret})
	require.NoError(t, err)
	paylink := &authtest.Paylink{Instance: "example", Secret: secret}
	twoCheckout := &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: secret}
	learning, err := avangate.New(avangate.Config{BaseURL: api, MerchantCode: "YOURCODE123", SecretKey: secret})
	require.NoError(t, err)
	ahead := &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: secret, Now: func() time.Time { return time.Now().Add(time.Hour) }}
	const envelope = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><getOrder><id>` + avangate.Session + `</id><ref>1</ref></getOrder></e:Body></e:Envelope>`
	const multipartType = "multipart/form-data; boundary=BOUNDARY"
	const multipartBody = "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--BOUNDARY--\r\n"
	for name, c := range map[string]struct {
		a        auth.Authenticator
		gateway  http.Handler
		requests []*http.Request
	}{
		"ApiSignature": {hmac, paylink, []*http.Request{
			request(t, "POST", api+"/v1.0/Invoice/", formType, "purpose=a+b%2Bc&contact[name]=Erika"),
			request(t, "GET", api+"/v1.0/Invoice/?a=b+c&d[]=e", "", ""),
			request(t, "DELETE", api+"/v1.0/Invoice/7/", "", ""),
			request(t, "POST", api+"/v1.0/Invoice/", "", ""),
			request(t, "PUT", api+"/v1.0/Invoice/7/", jsonType, `{"purpose":"a b","n":[1,2]}`),
			request(t, "POST", api+"/v1.0/Design/", multipartType, multipartBody),
		}},
		"X-API-KEY": {key, paylink, []*http.Request{
			request(t, "POST", api+"/v1.0/Invoice/", formType, "purpose=a+b%2Bc&contact[name]=Erika"),
			request(t, "GET", api+"/v1.0/Invoice/?a=b+c&d[]=e", "", ""),
			request(t, "POST", api+"/v1.0/Design/", multipartType, multipartBody),
		}},
		"2Checkout's header": {tco, twoCheckout, []*http.Request{
			request(t, "POST", api+"/rest/6.0/orders/", jsonType, `{"Country":"us"}`),
			request(t, "GET", api+"/rest/6.0/orders/?Limit=2", "", ""),
		}},
		"2Checkout's header, with a clock that is slow": {learning, ahead, []*http.Request{
			request(t, "GET", api+"/rest/6.0/orders/?Limit=2", "", ""),
			request(t, "POST", api+"/rest/6.0/orders/", jsonType, `{"Country":"us"}`),
		}},
		"2Checkout's session in SOAP": {tco, twoCheckout, []*http.Request{
			request(t, "POST", api+"/soap/6.0/", "text/xml; charset=utf-8", envelope),
		}},
		"2Checkout's session in JSON-RPC": {tco, refusing(twoCheckout, "error"), []*http.Request{
			request(t, "POST", api+"/rpc/6.0/", jsonType, `{"jsonrpc":"2.0","method":"getOrder","params":["`+avangate.Session+`","1"],"id":2}`),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.NoError(t, transporttest.TestAuthenticator(c.a, c.gateway, c.requests...))
		})
	}
}

func TestOurLearnersKeepTheContract(t *testing.T) {
	secret := auth.NewSecret("test-secret-key")
	newAuthenticator := func() auth.Authenticator {
		a, err := avangate.New(avangate.Config{BaseURL: api, MerchantCode: "YOURCODE123", SecretKey: secret})
		require.NoError(t, err)
		return a
	}
	const envelope = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><getOrder><id>` + avangate.Session + `</id><ref>1</ref></getOrder></e:Body></e:Envelope>`
	for name, c := range map[string]struct {
		member   string // see refusing; "" for none
		requests []*http.Request
	}{
		"2Checkout's header": {"", []*http.Request{
			request(t, "GET", api+"/rest/6.0/orders/?Limit=2", "", ""),
			request(t, "POST", api+"/rest/6.0/orders/", jsonType, `{"Country":"us"}`),
		}},
		"2Checkout's session in SOAP": {"", []*http.Request{
			request(t, "POST", api+"/soap/6.0/", "text/xml; charset=utf-8", envelope),
		}},
		"2Checkout's session in JSON-RPC": {"error", []*http.Request{
			request(t, "POST", api+"/rpc/6.0/", jsonType, `{"jsonrpc":"2.0","method":"getOrder","params":["`+avangate.Session+`","1"],"id":2}`),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			twoCheckout := &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: secret}
			gateway := http.Handler(twoCheckout)
			if c.member != "" {
				gateway = refusing(gateway, c.member)
			}
			assert.NoError(t, transporttest.TestLearner(newAuthenticator, gateway, twoCheckout.EndSessions, c.requests...))
		})
	}
}

// refusing gives the answers that hold a JSON member of that name a status of 401:
// JSON-RPC has 200 for all.
func refusing(gateway http.Handler, member string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		gateway.ServeHTTP(answer, r)
		if strings.Contains(answer.Body.String(), `"`+member+`"`) {
			answer.Code = http.StatusUnauthorized
		}
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	})
}

// A signer is a RoundTripper that keeps the contract. It sends an HMAC over method,
// target and body, or a key, for which no body is read.
type signer struct {
	base http.RoundTripper
	key  bool

	ours    func(*http.Request) bool                         // whether a request goes to the origin
	follows func(s *signer, req, earlier *http.Request) bool // whether a redirect is followed
	signs   func(*http.Request) bool                         // whether a request line is signed
	shows   func(error) error                                // what is returned of an error of the base
}

func newSigner(base http.RoundTripper) *signer {
	return &signer{base: base, ours: toOrigin, follows: withinOrigin, signs: plainLine, shows: unquoted}
}

// newKeySigner returns a signer that reads no body.
func newKeySigner(base http.RoundTripper) *signer {
	s := newSigner(base)
	s.key = true
	return s
}

func plainLine(req *http.Request) bool {
	return req.Method != http.MethodTrace && req.Method != http.MethodConnect && (req.URL.Opaque != "" || visible.MatchString(req.URL.RequestURI()))
}

var visible = regexp.MustCompile(`^/[!-~]*$`)

// unquoted cuts an error's text at its first quote.
func unquoted(err error) error {
	text, _, found := strings.Cut(err.Error(), `"`)
	if !found {
		return err
	}
	return cutError{text, func(target error) bool { return errors.Is(err, target) }}
}

type cutError struct {
	text string
	is   func(error) bool
}

func (e cutError) Error() string        { return e.text }
func (e cutError) Is(target error) bool { return e.is(target) }

func toOrigin(req *http.Request) bool {
	return isOrigin(req.URL) && (req.Host == "" || strings.EqualFold(req.Host, req.URL.Host))
}

func isOrigin(u *url.URL) bool {
	return u.Scheme == "https" && strings.ToLower(u.Hostname()) == "api.shop.test" && cmp.Or(u.Port(), "443") == "443" && u.Opaque == ""
}

func withinOrigin(s *signer, req, earlier *http.Request) bool {
	return s.ours(req) == s.ours(earlier) && (!s.ours(req) || req.Method == earlier.Method)
}

func (s *signer) Unwrap() http.RoundTripper { return s.base }

func (s *signer) CloseIdleConnections() {
	if c, ok := s.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (s *signer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Response != nil && !s.follows(s, req, req.Response.Request) {
		closeBody(req)
		return nil, errors.New("the redirect is refused")
	}
	if !s.ours(req) {
		return s.base.RoundTrip(req)
	}
	if !s.signs(req) {
		closeBody(req)
		return nil, errors.New("the request line is refused")
	}
	signed := req.Clone(req.Context())
	if s.key {
		scheme.SetHeader(signed, "Key", "test-key")
	} else if err := sign(signed); err != nil {
		closeBody(signed)
		return nil, err
	}
	resp, err := s.base.RoundTrip(signed)
	if resp != nil {
		resp.Request = req
	}
	if err != nil {
		err = s.shows(err)
	}
	return resp, err
}

func sign(req *http.Request) error {
	var body []byte
	if req.Body != nil && req.Body != http.NoBody {
		b, err := scheme.Body(req, 1<<20)
		if err != nil {
			return err
		}
		body = b
	}
	scheme.SetHeader(req, "Signature", signature(cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), body))
	return nil
}

func setBody(req *http.Request, b []byte) {
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	req.Body, _ = req.GetBody()
	req.ContentLength, req.TransferEncoding = int64(len(b)), nil
}

func signature(method, target string, body []byte) string {
	h := hmac.New(sha256.New, []byte("test-secret-of-signers"))
	fmt.Fprintf(h, "%s %s %s", method, target, body)
	return hex.EncodeToString(h.Sum(nil))
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// signerGateway verifies what signers send.
func signerGateway(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/open" {
		return
	}
	body, _ := io.ReadAll(r.Body)
	right := fmt.Sprint([]string{signature(r.Method, r.URL.RequestURI(), body)})
	if fmt.Sprint(r.Header["Signature"]) != right && fmt.Sprint(r.Header["Key"]) != "[test-key]" {
		http.Error(w, "wrong credentials", http.StatusUnauthorized)
	}
}

const paymentBody = `{"amount":100}`

func payment(t *testing.T) *http.Request {
	return request(t, "POST", api+"/payments", jsonType, paymentBody)
}

func list(t *testing.T) *http.Request { return request(t, "GET", api+"/payments?page=2", "", "") }

func TestPlainRoundTrippersKeepTheContract(t *testing.T) {
	for name, wrap := range map[string]wrapper{
		"a signature":              func(base http.RoundTripper) http.RoundTripper { return newSigner(base) },
		"a key":                    aboveKey(func(req *http.Request, next http.RoundTripper) (*http.Response, error) { return next.RoundTrip(req) }),
		"a signature if asked for": func(base http.RoundTripper) http.RoundTripper { return layer{newSigner(base), challenged} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			empty := payment(t)
			empty.Body = io.NopCloser(strings.NewReader(""))
			typed := list(t) // net/http drops the type where it redirects
			typed.Header.Set("Content-Type", jsonType)
			assert.NoError(t, transporttest.TestRoundTripper(wrap, http.HandlerFunc(signerGateway), payment(t), list(t), empty, typed,
				request(t, "POST", api+"/payments", formType, "amount=100"), request(t, "PUT", api, "text/plain", "The body.")))
		})
	}
}

// challenged signs what the gateway has refused, and before that only a body that
// cannot be had again.
func challenged(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	none := req.Body == nil || req.Body == http.NoBody
	if !toOrigin(req) || req.Response != nil || req.Header.Get("Signature") != "" || !none && req.GetBody == nil {
		return next.RoundTrip(req)
	}
	resp, err := next.(*signer).base.RoundTrip(req.Clone(req.Context()))
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		second := req.Clone(req.Context())
		if !none {
			second.Body, _ = req.GetBody()
		}
		resp, err = next.RoundTrip(second)
	}
	if resp != nil {
		resp.Request = req
	}
	return resp, err
}
