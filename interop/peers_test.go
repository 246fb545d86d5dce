package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The vendors' own SDKs work against countersign serve with nothing but what their
// users can set: a base domain, a bundle of certificates, a proxy. Nothing of them is
// kept here. The tests take the folder that holds them, unpacked, from
// COUNTERSIGN_PEERS, and are skipped where that is not set. What each needs is in
// docs/serve.md.
//
//	payrexx-php-1.8.11  payrexx/payrexx-php, the last that signs
//	payrexx-php-2.0.9   payrexx/payrexx-php, X-API-KEY; Debian's
//	                    php-guzzlehttp-guzzle
//	2checkout-php-sdk   2Checkout/2checkout-php-sdk
//	2checkout-node-sdk  2Checkout/2checkout-node-sdk; npm fetches what it needs
//	2checkout-ruby-sdk  2Checkout/2checkout-ruby-sdk; Debian's ruby, ruby-jwt
//	2checkout-java-sdk  2Checkout/2checkout-java-sdk; Debian's liblombok-java,
//	                    libandroid-json-java, libjetbrains-annotations-java

// peer returns the folder of an SDK.
func peer(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("COUNTERSIGN_PEERS")
	if folder == "" {
		t.Skip("COUNTERSIGN_PEERS is not set: it names the folder that holds the vendors' SDKs, unpacked")
	}
	sdk := filepath.Join(folder, name)
	require.DirExists(t, sdk)
	return sdk
}

// peerCopy returns a copy of an SDK's folder, which may be changed.
func peerCopy(t *testing.T, name string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.CopyFS(copied, os.DirFS(peer(t, name))))
	return copied
}

// A servedGateway is a countersign serve that runs.
type servedGateway struct {
	address     string // where it listens
	certificate string // the path of its certificate
	proxy       string // the URL of a proxy that connects to it, whatever it is asked for

	stop   func() string // ends it, and returns its log
	stderr bytes.Buffer

	mu    sync.Mutex
	asked map[string]bool // of the proxy: the hosts
}

// built is the folder of the command, which is built once.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

var buildCommand = sync.OnceValues(func() (output []byte, err error) {
	if built, err = os.MkdirTemp("", "countersign"); err != nil {
		return nil, err
	}
	return exec.Command("go", "build", "-o", built, "github.com/countersign/countersign/cmd/countersign").CombinedOutput()
})

// startServe runs serve with TLS until the test ends.
func startServe(t *testing.T, names ...string) *servedGateway {
	t.Helper()
	output, err := buildCommand()
	require.NoError(t, err, "%s", output)
	s := &servedGateway{certificate: filepath.Join(t.TempDir(), "serve.pem"), asked: make(map[string]bool)}
	args := []string{"serve", "--listen", "127.0.0.1:0", "--tls-cert", s.certificate}
	for _, name := range names {
		args = append(args, "--name", name)
	}
	cmd := exec.Command(filepath.Join(built, "countersign"), args...)
	cmd.Env = append(os.Environ(),
		"COUNTERSIGN_INSTANCE=example", "COUNTERSIGN_SECRET=test-secret-key",
		"COUNTERSIGN_MERCHANT_CODE=YOURCODE123", "COUNTERSIGN_SECRET_KEY=test-secret-key",
		"COUNTERSIGN_BUY_LINK_SECRET=test-secret-word")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = &s.stderr
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(stdout)
	first, err := lines.ReadString('\n')
	require.NoError(t, err, "%s", &s.stderr)
	s.address = strings.TrimSpace(strings.TrimPrefix(first, "listening on https://"))
	var log bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines.WriteTo(&log)
	}()
	s.stop = sync.OnceValue(func() string {
		assert.NoError(t, cmd.Process.Signal(os.Interrupt))
		<-read
		assert.NoError(t, cmd.Wait(), "%s", &s.stderr)
		return log.String()
	})
	t.Cleanup(func() { s.stop() })
	proxy := httptest.NewServer(http.HandlerFunc(s.connect))
	t.Cleanup(proxy.Close)
	s.proxy = proxy.URL
	return s
}

// connect serves CONNECT.
func (s *servedGateway) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "this proxy knows CONNECT only", http.StatusMethodNotAllowed)
		return
	}
	s.mu.Lock()
	s.asked[r.Host] = true
	s.mu.Unlock()
	gateway, err := net.Dial("tcp", s.address)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer gateway.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		io.Copy(gateway, buffered)
		gateway.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(client, gateway)
}

// served matches a line of serve's log.
var served = regexp.MustCompile(`(?m)^\S+Z (.+?) (\d+) (\w+)(:.*)?$`)

// requests returns what serve was asked until now, when it ends, and how it answered:
// "POST /v1.9/Gateway/0/ 200 right".
func (s *servedGateway) requests() (requests []string) {
	for _, line := range served.FindAllStringSubmatch(s.stop(), -1) {
		requests = append(requests, line[1]+" "+line[2]+" "+line[3])
	}
	return requests
}

// proxied returns the hosts that the proxy was asked for.
func (s *servedGateway) proxied() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.asked))
}

// A peerCall is a call of an SDK and what came of it, as the scripts print it.
type peerCall struct {
	Call, Model, Method, Class string
	ID                         json.RawMessage
	Answer                     json.RawMessage
	Error                      string
}

// runPeer runs a script and returns the calls that it made.
func runPeer(t *testing.T, env []string, program string, args ...string) (calls []peerCall) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, &stderr)
	for line := range bytes.Lines(out) {
		var call peerCall
		require.NoError(t, json.Unmarshal(line, &call), "%s%s", out, &stderr)
		calls = append(calls, call)
	}
	return calls
}

// phpWithCurl are PHP's arguments before a script. The older SDKs use what PHP 8 warns of.
var phpWithCurl = []string{"-n", "-d", "display_errors=stderr", "-d", "error_reporting=E_ALL & ~E_WARNING & ~E_DEPRECATED", "-d", "extension=curl"}

// trust appends a certificate to the bundle that an SDK holds, and looks at alone.
func trust(t *testing.T, bundle, certificate string) {
	t.Helper()
	text, err := os.ReadFile(certificate)
	require.NoError(t, err)
	f, err := os.OpenFile(bundle, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.Write(append([]byte("\n"), text...)) // the bundle ends without one
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// TestPeersPayrexx has each call of the vendor's SDK for PHP, with the base domain that
// serve's certificate always has, and with that of another platform, as its forks have
// it built in: nothing else in them differs.
func TestPeersPayrexx(t *testing.T) {
	const guzzle = "/usr/share/php/GuzzleHttp/autoload.php" // Debian's
	for _, c := range []struct{ name, sdk, domain, guzzle string }{
		{"1.8.11", "payrexx-php-1.8.11", "localhost", ""},
		{"1.8.11, another platform", "payrexx-php-1.8.11", "zahls.ch", ""},
		{"2.0.9", "payrexx-php-2.0.9", "localhost", ""},
		{"2.0.9, another platform", "payrexx-php-2.0.9", "zahls.ch", ""},
		{"2.0.9, with Guzzle", "payrexx-php-2.0.9", "localhost", guzzle},
	} {
		t.Run(c.name, func(t *testing.T) {
			copied := peerCopy(t, c.sdk)
			s := startServe(t, "api.zahls.ch")
			trust(t, filepath.Join(copied, "lib", "Payrexx", "certs", "ca.pem"), s.certificate)
			env, proxied := []string{"SDK=" + copied, "GUZZLE=" + c.guzzle}, []string(nil)
			if c.domain == "localhost" { // where curl itself knows the way
				_, port, err := net.SplitHostPort(s.address)
				require.NoError(t, err)
				env = append(env, "DOMAIN=localhost:"+port)
			} else {
				env, proxied = append(env, "DOMAIN="+c.domain, "HTTPS_PROXY="+s.proxy), []string{"api." + c.domain + ":443"}
			}
			calls := runPeer(t, env, "php", append(phpWithCurl, "testdata/peers/payrexx.php")...)
			assert.Greater(t, len(calls), 35)
			for _, call := range calls {
				assert.Empty(t, call.Error, "%s %s", call.Model, call.Method)
				assert.Equal(t, `Payrexx\Models\Response\`+call.Model, call.Class, "%s %s", call.Model, call.Method)
				if call.Method == "create" {
					assert.NotContains(t, []string{"", "0", "null"}, string(call.ID), call.Model)
				}
			}
			requests := s.requests()
			assert.Len(t, requests, len(calls), "%s", s.stop())
			for _, request := range requests {
				assert.Regexp(t, ` /v[12]\.\d+/.* 200 right$`, request)
			}
			assert.Equal(t, proxied, s.proxied())
		})
	}
}

// twocheckoutNames are the hosts that 2Checkout's SDKs have built in.
var twocheckoutNames = []string{"api.2checkout.com", "secure.2checkout.com"}

// checkPeer compares what an SDK of 2Checkout's called, and what serve was asked, with
// what its calls are known to be. The number of the order that was placed is REF.
func checkPeer(t *testing.T, s *servedGateway, calls []peerCall, want [][2]string) {
	t.Helper()
	var placed struct{ RefNo string }
	require.NotEmpty(t, calls)
	require.NoError(t, json.Unmarshal(calls[0].Answer, &placed), "%s", calls[0].Answer)
	require.NotEmpty(t, placed.RefNo, "the order has no number: %s", calls[0].Answer)
	var wantCalls, wantRequests, gotCalls, gotRequests []string
	for _, w := range want {
		wantCalls, wantRequests = append(wantCalls, w[0]), append(wantRequests, w[1])
	}
	for _, call := range calls {
		gotCalls = append(gotCalls, call.Call)
		assert.Empty(t, call.Error, call.Call)
		assert.NotContains(t, []string{"", "null"}, string(call.Answer), call.Call)
		if call.Call == "buy link" {
			assert.Regexp(t, `"[0-9a-f]{64}"`, string(call.Answer))
		}
	}
	for _, request := range s.requests() {
		gotRequests = append(gotRequests, strings.ReplaceAll(request, placed.RefNo, "REF"))
	}
	assert.Equal(t, wantCalls, gotCalls)
	assert.Equal(t, wantRequests, gotRequests, "%s", s.stop())
}

// Its refund is refused, as it must be at the gateway: the SDK leaves out a slash. What
// it means to change it asks for by GET.
func TestPeersTwocheckoutPHP(t *testing.T) {
	sdk := peer(t, "2checkout-php-sdk")
	s := startServe(t, twocheckoutNames...)
	calls := runPeer(t, []string{"SDK=" + sdk, "HTTPS_PROXY=" + s.proxy}, "php",
		append(phpWithCurl, "-d", "curl.cainfo="+s.certificate, "testdata/peers/twocheckout.php")...)
	checkPeer(t, s, calls, [][2]string{
		{"order place", "POST /rest/6.0/orders/ 200 right"},
		{"order get", "GET /rest/6.0/orders/REF/ 200 right"},
		{"order search", "GET /rest/6.0/orders/ 200 right"},
		{"order refund", "POST /rest/6.0orders/REF/refund/ 404 refused"},
		{"subscription get", "GET /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"subscription search", "GET /rest/6.0/subscriptions/ 200 right"},
		{"subscription of order", "GET /rest/6.0/orders/REF/ 200 right"},
		{"subscription update", "GET /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"subscription enable", "POST /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"subscription disable", "GET /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"apiCore", "GET /rest/6.0/orders/REF/ 200 right"},
		{"buy link", "POST /checkout/api/encrypt/generate/signature 200 right"},
	})
	assert.Equal(t, []string{"api.2checkout.com:443", "secure.2checkout.com:443"}, s.proxied())
}

func TestPeersTwocheckoutNode(t *testing.T) {
	sdk := peerCopy(t, "2checkout-node-sdk")
	npm := exec.Command("npm", "install", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = sdk
	out, err := npm.CombinedOutput()
	require.NoError(t, err, "%s", out)
	s := startServe(t, twocheckoutNames...)
	calls := runPeer(t, []string{"SDK=" + sdk, "ADDRESS=" + s.address, "NODE_EXTRA_CA_CERTS=" + s.certificate}, "node", "testdata/peers/twocheckout.js")
	checkPeer(t, s, calls, [][2]string{
		{"order create", "POST /rest/6.0/orders 200 right"},
		{"order retrieve", "GET /rest/6.0/orders/REF/ 200 right"},
		{"order search", "GET /rest/6.0/orders 200 right"},
		{"subscription retrieve", "GET /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"subscription search", "GET /rest/6.0/subscriptions 200 right"},
		{"subscription of order", "GET /rest/6.0/orders/REF/ 200 right"},
		{"subscription update", "PUT /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"subscription enable", "POST /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"subscription disable", "DELETE /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"buy link", "POST /checkout/api/encrypt/generate/signature/ 200 right"},
		{"callback", "GET /rest/6.0/orders/REF/ 200 right"},
	})
}

// Net::HTTP asks for the proxy of http, whatever it is to speak.
func TestPeersTwocheckoutRuby(t *testing.T) {
	sdk := peer(t, "2checkout-ruby-sdk")
	s := startServe(t, twocheckoutNames...)
	calls := runPeer(t, []string{"SDK=" + sdk, "http_proxy=" + s.proxy, "SSL_CERT_FILE=" + s.certificate}, "ruby", "testdata/peers/twocheckout.rb")
	checkPeer(t, s, calls, [][2]string{
		{"order create", "POST /rest/6.0/orders/ 200 right"},
		{"order get", "GET /rest/6.0/orders/REF// 200 right"},
		{"api get", "GET /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"api put", "PUT /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"api delete", "DELETE /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"buy link", "POST /checkout/api/encrypt/generate/signature/ 200 right"},
	})
	assert.Equal(t, []string{"api.2checkout.com:443", "secure.2checkout.com:443"}, s.proxied())
}

// javaClasses are Debian's jars.
const javaClasses = "/usr/share/java/lombok.jar:/usr/share/java/com.android.json.jar:/usr/share/java/org.jetbrains.annotations-java8.jar"

// The token of its buy links needs a library that is not Debian's, and is not tried:
// only what its API needs is compiled. A search is asked for as an order of that
// number: the SDK escapes its question mark.
func TestPeersTwocheckoutJava(t *testing.T) {
	source := filepath.Join(peer(t, "2checkout-java-sdk"), "src", "main", "java", "com", "twocheckout")
	classes := t.TempDir()
	compile := []string{"-d", classes, "-cp", javaClasses, "testdata/peers/Calls.java", "testdata/peers/org/json/JSONException.java"}
	for _, class := range []string{
		"exception/TwocheckoutException", "util/ApiClient", "util/ParameterStringBuilder", "model/TwocheckoutConfig", "model/Api/Api",
		"model/Api/Auth/AuthApi", "model/Api/Rest/ApiCore", "model/Api/Rest/Order", "model/Api/Rest/TwocheckoutResponse",
	} {
		compile = append(compile, filepath.Join(source, class+".java"))
	}
	out, err := exec.Command("javac", compile...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	s := startServe(t, twocheckoutNames...)
	store := filepath.Join(t.TempDir(), "trusted")
	out, err = exec.Command("keytool", "-importcert", "-noprompt", "-alias", "serve", "-storepass", "changeit", "-keystore", store, "-file", s.certificate).CombinedOutput()
	require.NoError(t, err, "%s", out)
	host, port, err := net.SplitHostPort(strings.TrimPrefix(s.proxy, "http://"))
	require.NoError(t, err)
	calls := runPeer(t, nil, "java", "-cp", classes+":"+javaClasses, "-Djavax.net.ssl.trustStore="+store, "-Djavax.net.ssl.trustStorePassword=changeit",
		"-Dhttps.proxyHost="+host, "-Dhttps.proxyPort="+port, "Calls")
	checkPeer(t, s, calls, [][2]string{
		{"order create", "POST /rest/6.0/orders/ 200 right"},
		{"order get", "GET /rest/6.0/orders/REF/ 200 right"},
		{"order list", "GET /rest/6.0/orders/%3FPage%3D1 200 right"},
		{"api get", "GET /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"api put", "PUT /rest/6.0/subscriptions/ABC123/ 200 right"},
		{"api delete", "DELETE /rest/6.0/subscriptions/ABC123/ 200 right"},
	})
	assert.Equal(t, []string{"api.2checkout.com:443"}, s.proxied())
}
