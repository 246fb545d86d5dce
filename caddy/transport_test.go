package countersign

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport"
)

// TestNothingOutsideTheConfigurationIsSigned: no Host, path or method but those.
func TestNothingOutsideTheConfigurationIsSigned(t *testing.T) {
	gateway, seen := paylink(t)
	url := load(t, adapt(t, "caddyfile", sidecar(gateway.URL, "paylinkhmac", `
		instance example
		secret_file `+secretFile(t, testSecret)+`
		allow POST /v1.0/Gateway/ /v1.0/Invoice/
		allow GET /v1.0/*
		require_header X-Shop 1`, "")))
	host := strings.TrimPrefix(url, "http://")
	raw := func(method, target, host string, lines ...string) answer {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n", method, target, host, strings.Join(append(lines, ""), "\r\n"))
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return answer{resp.StatusCode, resp.Header, string(body)}
	}
	const shop = "X-Shop: 1"
	for _, c := range []struct {
		method, target, host string
		lines                []string
		status               int // 200 and nothing else means that it is signed
	}{
		{"POST", "/pay/v1.0/Gateway/", host, []string{shop}, 200},
		{"GET", "/pay/v1.0/Invoice/1/", host, []string{shop}, 200},
		{"GET", "/pay/v1.0/Invoice/1/?limit=1", "localhost", []string{shop, "Sec-Fetch-Mode: cors"}, 200},
		{"GET", "http://127.0.0.1/pay/v1.0/Invoice/1/", "127.0.0.1", []string{shop}, 200},
		{"GET", "/PAY/v1.0/Invoice/1/", host, []string{shop}, 200}, // Caddy's paths have no case; the gateway's do
		{"GET", "/pay/V1.0/Invoice/1/", host, []string{shop}, 403},

		{"DELETE", "/pay/v1.0/Invoice/1/", host, []string{shop}, 403},
		{"HEAD", "/pay/v1.0/Invoice/1/", host, []string{shop}, 403},
		{"TRACE", "/pay/v1.0/Invoice/1/", host, []string{shop}, 403},
		{"POST", "/pay/v1.0/Transaction/", host, []string{shop}, 403},
		{"POST", "/pay/v1.0/gateway/", host, []string{shop}, 403},
		{"POST", "/pay/v1.0/Gateway", host, []string{shop}, 403},
		{"GET", "/pay/v1.1/Invoice/", host, []string{shop}, 403},
		{"GET", "/pay/v1.0/../v1.1/Invoice/", host, []string{shop}, 403},
		{"GET", "/pay/v1.0/%2e%2e/v1.1/Invoice/", host, []string{shop}, 403},
		{"GET", "/pay/v1.0/x%2Fy", host, []string{shop}, 403},
		{"GET", "/pay//v1.0/Invoice/1/", host, []string{shop}, 200}, // strip_prefix makes one slash of two
		{"GET", "//pay/v1.0/Invoice//", host, []string{shop}, 200},
		{"GET", "/pay", host, []string{shop}, 404},
		{"GET", "/", host, []string{shop}, 404},
		{"GET", "/v1.0/Invoice/1/", host, []string{shop}, 404},
		{"GET", "/other/v1.0/Invoice/1/", host, []string{shop}, 404},

		{"GET", "/pay/v1.0/Invoice/1/", "shop.example", []string{shop}, 421}, // a rebound name that the site serves
		{"GET", "http://shop.example/pay/v1.0/Invoice/1/", host, []string{shop}, 421},
		{"GET", "/pay/v1.0/Invoice/1/", host, []string{shop, "Origin: http://" + host}, 403},
		{"GET", "/pay/v1.0/Invoice/1/", host, []string{shop, "Origin: null"}, 403},
		{"GET", "/pay/v1.0/Invoice/1/", host, []string{shop, "sec-fetch-site: none"}, 403},
		{"GET", "/pay/v1.0/Invoice/1/", host, nil, 403},
		{"GET", "/pay/v1.0/Invoice/1/", host, []string{"X-Shop: 2"}, 403},
		{"GET", "/pay/v1.0/Invoice/1/", host, []string{"X_Shop: 1"}, 403},
	} {
		got := raw(c.method, c.target, c.host, c.lines...)
		name := fmt.Sprint(c.method, " ", c.target, " ", c.host, c.lines)
		assert.Equal(t, c.status, got.status, name)
		signed := seen.take()
		if c.status == 200 {
			require.Len(t, signed, 1, name)
			assert.NoError(t, signed[0].Err, name)
			continue
		}
		assert.Empty(t, signed, name)
		if c.method != "HEAD" {
			requireProblem(t, got, c.status, "no")
		}
	}
	// A Host that no site has Caddy answers by itself, with no body: not the transport.
	raw("GET", "/pay/v1.0/Invoice/1/", "evil.example", shop)
	assert.Empty(t, seen.take())
}

func TestHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "shop.localhost": true, "127.0.0.1": true, "127.8.0.1": true, "::1": true, "[::1]": true,
		"": false, "example.com": false, "localhost.example.com": false, "localhost.": false, "notlocalhost": false, "127.0.0.1.example.com": false,
		"0.0.0.0": false, "::": false, "::ffff:127.0.0.1": false, "192.168.0.1": false, "::1%lo": false, "2130706433": false, "127.1": false,
	} {
		assert.Equal(t, want, isHost(host, nil), host)
	}
	for host, want := range map[string]bool{"sidecar": true, "10.0.0.1": true, "localhost": false, "x.sidecar": false, "": false} {
		assert.Equal(t, want, isHost(host, []string{"Sidecar", "10.0.0.1"}), host)
	}
}

// A failing Authenticator fails with what it is told.
type failing struct {
	auth.Authenticator
	err error
}

func (f *failing) Authenticate(*http.Request, http.RoundTripper) error { return f.err }

// TestEverySentinelHasItsAnswer: its status, its sentence, its header, and its row in
// docs/sidecar.md. None is an error, which Caddy would retry.
func TestEverySentinelHasItsAnswer(t *testing.T) {
	origin, err := auth.ParseOrigin("http://127.0.0.1:9", false)
	require.NoError(t, err)
	manual, err := os.ReadFile("../docs/sidecar.md")
	require.NoError(t, err)
	source, err := os.ReadFile("../auth/error.go")
	require.NoError(t, err)
	type sentinel struct {
		code   error
		status int
	}
	sentinels := map[string]sentinel{
		"ErrConfig": {auth.ErrConfig, 500}, "ErrSecret": {auth.ErrSecret, 503}, "ErrOrigin": {auth.ErrOrigin, 403}, "ErrRedirect": {auth.ErrRedirect, 502},
		"ErrNoAuthenticator": {auth.ErrNoAuthenticator, 403}, "ErrParameter": {auth.ErrParameter, 422}, "ErrRequest": {auth.ErrRequest, 422},
		"ErrBody": {auth.ErrBody, 422}, "ErrUnsigned": {auth.ErrUnsigned, 422}, "ErrSignature": {auth.ErrSignature, 422},
		"ErrAmbiguous": {auth.ErrAmbiguous, 422}, "ErrClock": {auth.ErrClock, 422},
	}
	for _, m := range regexp.MustCompile(`(?m)^\t(Err\w+) += errors\.New`).FindAllStringSubmatch(string(source), -1) {
		require.Contains(t, sentinels, m[1], "a sentinel of package auth without a status")
	}
	for name, s := range sentinels {
		require.Regexp(t, fmt.Sprintf("(?m)^\\| %d \\|.*`auth.%s`", s.status, name), string(manual))
	}
	sentinels["ErrLogin"] = sentinel{scheme.ErrLogin, 502}
	sentinels["a login for want of a secret"] = sentinel{errors.Join(scheme.ErrLogin, auth.ErrSecret), 503}
	sentinels["nobody's"] = sentinel{errors.New("of nobody"), 500}
	for name, s := range sentinels {
		fail := &failing{auth.NewPerRequest(origin), &auth.Error{Op: "sign POST", Code: s.code, Err: errors.New("because of " + name)}}
		signing, err := transport.New(http.DefaultTransport, fail)
		require.NoError(t, err)
		module := &Transport{HTTPTransport: new(reverseproxy.HTTPTransport), Credentials: Credentials{Scheme: "paylinkhmac"}, signing: signing}
		req := httptest.NewRequest("POST", "http://127.0.0.1:9/v1.0/Gateway/", nil) // no server's: a health check
		resp, err := module.RoundTrip(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		sentence := requireProblem(t, answer{resp.StatusCode, resp.Header, string(body)}, s.status, "no")
		assert.Equal(t, "countersign: sign POST for http://127.0.0.1:9: because of "+name, sentence)
		assert.Same(t, req, resp.Request)
	}
}

// TestRefusalsAreNotRetriedAndNoStrike: passive health counts them for nothing.
func TestRefusalsAreNotRetriedAndNoStrike(t *testing.T) {
	gateway, seen := paylink(t)
	const name = "COUNTERSIGN_TEST_SECRET"
	t.Setenv(name, testSecret)
	url := load(t, adapt(t, "caddyfile", sidecar(gateway.URL, "paylinkhmac", `
		instance example
		secret_env `+name, `
		lb_retries 3
		lb_retry_match method GET POST
		fail_duration 1h
		max_fails 1`)))
	good := form(t, url+"/pay/v1.0/Gateway/", "amount=1")
	for _, c := range []struct {
		name   string
		req    *http.Request
		status int
		want   string
	}{
		{"a parameter", form(t, url+"/pay/v1.0/Gateway/", "a=1&a=2"), 422, `parameter "a"`},
		{"a body that is cut", form(t, url+"/pay/v1.0/Gateway/", "a=%zz"), 422, "sign POST"},
		{"another instance", form(t, url+"/pay/v1.0/Gateway/?instance=other", "a=1"), 422, "instance"},
		{"a query beside a body", form(t, url+"/pay/v1.0/Gateway/?a=1", "a=1"), 422, "sign POST"},
		{"an encoding", withHeader(form(t, url+"/pay/v1.0/Gateway/", "a=1"), "Content-Encoding", "gzip"), 422, "Content-Encoding"},
		{"a type", withHeader(form(t, url+"/pay/v1.0/Gateway/", "a=1"), "Content-Type", "text/xml"), 422, "text/xml"},
		{"a path", form(t, url+"/pay/admin", "a=1"), 403, "does not allow"},
	} {
		got := ask(t, c.req)
		assert.Contains(t, requireProblem(t, got, c.status, "no"), c.want, c.name)
		assert.Empty(t, seen.take(), c.name)
	}
	os.Unsetenv(name)
	got := ask(t, good)
	assert.Contains(t, requireProblem(t, got, 503, "no"), name)
	os.Setenv(name, testSecret)
	assert.Empty(t, seen.take())
	// A fault of a multipart body shows when a part of it has gone out.
	for _, fault := range []string{
		"--B\r\nContent-Disposition: form-data; name=\"a.b\"\r\n\r\n1\r\n--B--\r\n",
		"--B\r\nContent-Disposition: form-data; name=\"ApiSignature\"\r\n\r\nx\r\n--B--\r\n",
	} {
		got := ask(t, withHeader(form(t, url+"/pay/v1.0/Gateway/", fault), "Content-Type", "multipart/form-data; boundary=B"))
		requireProblem(t, got, 422, "unknown")
	}
	assert.Equal(t, 200, ask(t, form(t, url+"/pay/v1.0/Gateway/", "amount=1")).status, "the upstream has had no strike")
	accepted := 0
	for _, e := range seen.take() { // among them what was cut off
		if e.Err == nil {
			accepted++
		}
	}
	assert.Equal(t, 1, accepted)
}

func withHeader(req *http.Request, name, value string) *http.Request {
	req.Header.Set(name, value)
	return req
}

// TestTheGatewayFails: what says whether it may have acted.
func TestTheGatewayFails(t *testing.T) {
	for _, c := range []struct {
		name, upstream string
		status         int
		sent           string
	}{
		{"nobody listens", deadAddress(t), 502, "no"},
		{"a reset", resetting(t, 100), 502, "unknown"},
		{"no answer", silent(t), 504, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := load(t, adapt(t, "caddyfile", sidecar(c.upstream, "paylinkhmac",
				"instance example\nresponse_header_timeout 100ms\nsecret_file "+secretFile(t, testSecret), "")))
			detail := requireProblem(t, ask(t, form(t, url+"/pay/v1.0/Gateway/", "amount=1")), c.status, c.sent)
			assert.Contains(t, detail, "the gateway could not be reached, or did not answer: ")
		})
	}
}

// TestWhatTheGatewayGets: the header by a list, without the client's own credentials,
// and what it answers cannot pass for the sidecar's.
func TestWhatTheGatewayGets(t *testing.T) {
	var mu sync.Mutex
	var got *http.Request
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		got = r.Clone(r.Context())
		mu.Unlock()
		w.Header()["Countersign-Sent"] = []string{"no"}
		w.Header()["countersign_sent"] = []string{"no"}
		w.Header().Set("X-Gateway", "1")
		w.Header().Set("Trailer", "Countersign-Sent")
		w.WriteHeader(422)
		io.WriteString(w, "hello")
		w.Header().Set("Countersign-Sent", "no")
		w.Header().Set(http.TrailerPrefix+"Countersign-Sent", "no")
	}))
	defer gateway.Close()
	url := load(t, adapt(t, "caddyfile", sidecar(gateway.URL, "paylinkkey", "instance example\nsecret_file "+secretFile(t, testSecret), "")))
	req := get(t, url+"/pay/v1.0/Transaction/?limit=2&ApiSignature=theirs")
	for name, value := range map[string]string{
		"X-Api-Key": "their-own", "X-API_KEY": "their-own", "x_api_key": "their-own", "X-Avangate-Authentication": "their-own", "Cookie": "a=b", "Authorization": "Basic eA==",
		"Forwarded": "for=1.2.3.4", "X-Forwarded-For": "1.2.3.4", "Traceparent": "00-1", "Idempotency-Key": "1", "Upgrade": "websocket", "Connection": "Upgrade",
		"Accept": "application/json", "Accept-Language": "de", "Soapaction": `"x"`, "User-Agent": "shop/1", "X-Anything": "1", "Via": "1.1 x", "Te": "trailers",
	} {
		req.Header[name] = []string{value}
	}
	resp, err := noRedirects.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(body))
	assert.Equal(t, "1", resp.Header.Get("X-Gateway"))
	assert.Empty(t, resp.Header.Values("Countersign-Sent"))
	assert.NotContains(t, resp.Header, "countersign_sent")
	assert.Empty(t, resp.Trailer)

	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, http.Header{
		"Accept": {"application/json"}, "Accept-Language": {"de"}, "Soapaction": {`"x"`}, "User-Agent": {"shop/1"},
		"Accept-Encoding": {"gzip"}, "X-Api-Key": {testSecret},
	}, got.Header)
	assert.Equal(t, strings.TrimPrefix(gateway.URL, "http://"), got.Host)
	assert.Equal(t, "limit=2&instance=example", got.URL.RawQuery)
}

// TestInterimAnswers: none is passed on, since Caddy would with all that is in it.
func TestInterimAnswers(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Countersign-Sent", "no")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.Header().Set("X-Gateway", "1")
		w.WriteHeader(http.StatusTeapot)
	}))
	defer gateway.Close()
	url := load(t, adapt(t, "caddyfile", sidecar(gateway.URL, "paylinkhmac", "instance example\nsecret_file "+secretFile(t, testSecret), "")))
	var interim []int
	req := get(t, url+"/pay/v1.0/Transaction/")
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		interim = append(interim, code)
		return nil
	}}))
	got := ask(t, req)
	assert.Equal(t, http.StatusTeapot, got.status)
	assert.Equal(t, "1", got.header.Get("X-Gateway"))
	assert.Empty(t, got.header.Values("Countersign-Sent"))
	assert.Empty(t, interim)
}

// TestRedirects: within the gateway and with the method they lead to the sidecar's
// path; others are refused.
func TestRedirects(t *testing.T) {
	var status int
	var location string
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if location != "" {
			w.Header().Set("Location", strings.ReplaceAll(location, "SELF", "http://"+r.Host))
		}
		w.WriteHeader(status)
	}))
	defer gateway.Close()
	url := load(t, adapt(t, "caddyfile", sidecar(gateway.URL, "paylinkhmac", "instance example\nsecret_file "+secretFile(t, testSecret), "")))
	for _, c := range []struct {
		method   string
		status   int
		location string
		want     string // Location, or else 502 if it begins with no slash
	}{
		{"GET", 301, "/v1.0/Gateway/", "/pay/v1.0/Gateway/"},
		{"GET", 302, "SELF/v1.0/Gateway/?a=1", "/pay/v1.0/Gateway/?a=1"},
		{"GET", 303, "Other/", "/pay/v1.0/Other/"},
		{"POST", 307, "SELF/v1.0/Gateway/#x", "/pay/v1.0/Gateway/"},
		{"POST", 308, "/v1.0/Gateway/", "/pay/v1.0/Gateway/"},
		{"POST", 301, "/v1.0/Gateway/", "turn the method into GET"},
		{"POST", 302, "/v1.0/Gateway/", "turn the method into GET"},
		{"POST", 303, "/v1.0/Gateway/", "turn the method into GET"},
		{"GET", 302, "https://evil.example/v1.0/", "leads to https://evil.example"},
		{"POST", 307, "//evil.example/v1.0/", "leads to http://evil.example"},
		{"GET", 302, "SELF//evil.example/", "two slashes"},
		{"GET", 302, "/v1.0/%2e%2e/x", "dot segment"},
		{"GET", 302, "", "cannot be read"},
		{"GET", 302, "mailto:x@example.com", "leads to no host"},
		{"GET", 201, "/v1.0/Gateway/1/", "/v1.0/Gateway/1/"},
		{"GET", 300, "https://evil.example/", ""},
	} {
		status, location = c.status, c.location
		req, err := http.NewRequest(c.method, url+"/pay/v1.0/Gateway", nil)
		require.NoError(t, err)
		got := ask(t, req)
		name := fmt.Sprint(c.method, c.status, c.location)
		if c.want == "" || strings.HasPrefix(c.want, "/") {
			assert.Equal(t, c.status, got.status, name+got.body)
			assert.Equal(t, c.want, got.header.Get("Location"), name)
			continue
		}
		assert.Contains(t, requireProblem(t, got, 502, "unknown"), c.want, name)
		assert.Empty(t, got.header.Get("Location"), name)
	}
}

// TestRedirectDoesNotRepeatTwoSlashes, with which a client would look for a host.
func TestRedirectDoesNotRepeatTwoSlashes(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/v1.0/Gateway/")
		w.WriteHeader(302)
	}))
	defer gateway.Close()
	url := load(t, adapt(t, "caddyfile", sidecar(gateway.URL, "paylinkhmac", "instance example\nsecret_file "+secretFile(t, testSecret), "")))
	got := ask(t, get(t, url+"//pay/v1.0/Gateway"))
	assert.Empty(t, got.header.Get("Location"))
	requireProblem(t, got, 502, "unknown")
}

// TestConfigurationsThatAreRefused: what would give the credentials to somebody else,
// and what cannot be meant.
func TestConfigurationsThatAreRefused(t *testing.T) {
	good := "instance example\nsecret_file " + secretFile(t, testSecret)
	file := func(t testing.TB) string { return secretFile(t, testSecret) }
	for _, c := range []struct{ name, upstreams, scheme, block, options, want string }{
		{"no scheme", "https://a.example", "", good, "", "wants a scheme"},
		{"another scheme", "https://a.example", "hmac", good, "", "none of paylinkhmac"},
		{"no secret", "https://a.example", "paylinkhmac", "instance example", "", "no secret is named"},
		{"two secrets", "https://a.example", "paylinkhmac", good + "\nsecret_env X", "", "give one"},
		{"a secret twice", "https://a.example", "paylinkhmac", good + "\nsecret_file x", "", "twice"},
		{"a secret as text", "https://a.example", "paylinkhmac", "instance example\nsecret x", "", "unrecognized subdirective"},
		{"a file that is not there", "https://a.example", "paylinkhmac", "instance example\nsecret_file /nowhere/secret", "", "secret"},
		{"a variable that is not set", "https://a.example", "paylinkhmac", "instance example\nsecret_env COUNTERSIGN_NOT_SET", "", "COUNTERSIGN_NOT_SET"},
		{"an instance for avangate", "https://a.example", "avangate", good, "", "merchant_code"},
		{"a code for paylinkkey", "https://a.example", "paylinkkey", good + "\nmerchant_code X", "", "instance"},
		{"an algorithm", "https://a.example", "avangate", "merchant_code YOURCODE123\nalgorithm md5\nsecret_file " + file(t), "", "sha3-256"},
		{"plain http", "http://a.example", "paylinkhmac", good, "", "not encrypted"},
		{"any certificate", "https://a.example", "paylinkhmac", good + "\ntls_insecure_skip_verify", "", "whoever answers"},
		{"a certificate that a request names", "https://a.example", "paylinkhmac", good + "\ntls_server_name {http.request.header.X-Name}", "", "tls_server_name"},
		{"a proxy protocol", "https://a.example", "paylinkhmac", good + "\nproxy_protocol v2", "", "proxy_protocol"},
		{"a placeholder", "{http.request.host}:443", "paylinkhmac", good, "", "without a placeholder"},
		{"a placeholder for the port", "a.example:{http.request.port}", "paylinkhmac", good, "", "without a placeholder"},
		{"a socket", "unix//tmp/x", "paylinkhmac", good, "", "one host and port"},
		{"dynamic upstreams", "", "paylinkhmac", good, "dynamic a a.example 443", "name it"},
		{"a rule without a path", "https://a.example", "paylinkhmac", good + "\nallow POST", "", "write allow"},
		{"a rule for the wrong path", "https://a.example", "paylinkhmac", good + "\nallow POST v1.0/", "", "slash"},
		{"a header with an empty value", "https://a.example", "paylinkhmac", good + "\nrequire_header X-Shop \"{$COUNTERSIGN_NOT_SET}\"", "", "an empty value"},
		{"a host that is empty", "https://a.example", "paylinkhmac", good + "\nhosts \"\"", "", "write a name"},
		{"a host with its port", "https://a.example", "paylinkhmac", good + "\nhosts localhost:9000", "", "without a port"},
		{"an upstream twice", "https://a.example https://a.example", "paylinkhmac", good, "", "two authenticators"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := tryAdapt(sidecar(c.upstreams, c.scheme, c.block, c.options))
			if err == nil {
				var parsed caddy.Config
				require.NoError(t, caddy.StrictUnmarshalJSON(config, &parsed))
				err = caddy.Validate(&parsed)
			}
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), testSecret)
		})
	}
}

// TestSessionsAndClocks: many clients are one login, and none sees a clock that is off
// or a session that is lost.
func TestSessionsAndClocks(t *testing.T) {
	s := new(seen)
	gateway := &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(testSecret), Observe: s.observe, Now: offBy(3)}
	server := httptest.NewServer(gateway)
	defer server.Close()
	url := load(t, adapt(t, "caddyfile", sidecar(server.URL, "avangate", "merchant_code YOURCODE123\nsecret_file "+secretFile(t, testSecret), "")))
	call := func() answer {
		req := form(t, url+"/pay/rpc/6.0/", `{"jsonrpc":"2.0","id":1,"method":"getOrder","params":["countersign-session-id","11331111"]}`)
		req.Header.Set("Content-Type", "application/json")
		return ask(t, req)
	}
	count := func(method string) (n int) {
		for _, e := range s.take() {
			if cmp.Or(strings.Join(e.Methods, ","), "REST") == method && e.Status == 200 && e.Err == nil {
				n++
			}
		}
		return n
	}
	assert.Equal(t, 200, ask(t, get(t, url+"/pay/rest/6.0/orders/11331111/")).status, "a clock that is three hours off")
	assert.Equal(t, 1, count("REST"))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			got := call()
			assert.Equal(t, 200, got.status, got.body)
			assert.Contains(t, got.body, "getOrder")
		})
	}
	wg.Wait()
	assert.Equal(t, 1, count("login"), "one login for all")
	gateway.EndSessions()
	got := call()
	assert.Equal(t, 200, got.status)
	assert.Contains(t, got.body, `"Method":"getOrder"`)
	assert.Equal(t, 1, count("login"), "a lost session")
}
