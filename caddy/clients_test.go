package countersign

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/internal/phptest"
)

// Each client sends a GET with a query, a form, JSON and a file, without knowing of any
// signature, and prints the four statuses.
const (
	phpStreams = `<?php
$base = getenv('BASE');
function send(string $url, string $method, string $type = '', string $body = ''): void {
	$header = $type === '' ? '' : "Content-Type: $type\r\n";
	file_get_contents($url, false, stream_context_create(['http' => ['method' => $method, 'header' => $header, 'content' => $body, 'ignore_errors' => true]]));
	echo explode(' ', $http_response_header[0])[1], ' ';
}
send("$base/v1.0/Transaction/?" . http_build_query(['filterMyTransactionsOnly' => '1', 'name' => 'a b~c']), 'GET');
send("$base/v1.0/Gateway/", 'POST', 'application/x-www-form-urlencoded', http_build_query(['amount' => 1, 'pm' => ['visa', 'twint'], 'text' => 'a b+c~d']));
send("$base/v1.0/Gateway/", 'POST', 'application/json', '{"amount":1,"text":"a b"}');
send("$base/v1.0/Design/", 'POST', 'multipart/form-data; boundary=b', "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx y\r\n--b\r\nContent-Disposition: form-data; name=\"headerImage\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nPNG\r\n--b--\r\n");
`
	phpCurl = `<?php
$base = getenv('BASE');
file_put_contents($file = tempnam(sys_get_temp_dir(), 'x'), 'PNG');
$send = function (string $url, array $options) {
	$c = curl_init($url);
	curl_setopt_array($c, $options + [CURLOPT_RETURNTRANSFER => true, CURLOPT_PROXY => '']);
	curl_exec($c);
	echo curl_getinfo($c, CURLINFO_RESPONSE_CODE), ' ';
};
$send("$base/v1.0/Transaction/?" . http_build_query(['name' => 'a b~c', 'limit' => 2]), []);
$send("$base/v1.0/Gateway/", [CURLOPT_POSTFIELDS => http_build_query(['amount' => 1, 'basket' => [['name' => 'a b', 'amount' => 1]]])]);
$send("$base/v1.0/Gateway/", [CURLOPT_POSTFIELDS => '{"amount":1}', CURLOPT_HTTPHEADER => ['Content-Type: application/json']]);
$send("$base/v1.0/Design/", [CURLOPT_POSTFIELDS => ['name' => 'x y', 'headerImage' => new CURLFile($file, 'image/png', 'a.png')]]);
unlink($file);
`
	nodeFetch = `
const base = process.env.BASE;
const send = async (url, options) => process.stdout.write((await fetch(url, options)).status + ' ');
(async () => {
	await send(base + '/v1.0/Transaction/?' + new URLSearchParams({name: 'a b~c', limit: 2}));
	await send(base + '/v1.0/Gateway/', {method: 'POST', body: new URLSearchParams({amount: 1, text: 'a b+c~d'})});
	await send(base + '/v1.0/Gateway/', {method: 'POST', body: JSON.stringify({amount: 1, text: 'a b'}), headers: {'Content-Type': 'application/json'}});
	const data = new FormData();
	data.set('name', 'x y');
	data.set('headerImage', new Blob(['PNG'], {type: 'image/png'}), 'a.png');
	await send(base + '/v1.0/Design/', {method: 'POST', body: data});
})();
`
	pythonUrllib = `
import json, os, urllib.parse, urllib.request
base = os.environ['BASE']
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def send(url, data=None, kind=None):
    request = urllib.request.Request(url, data=data, headers={'Content-Type': kind} if kind else {})
    try:
        print(opener.open(request).status, end=' ')
    except urllib.error.HTTPError as e:
        print(e.code, end=' ')
send(base + '/v1.0/Transaction/?' + urllib.parse.urlencode({'name': 'a b~c', 'limit': 2}))
send(base + '/v1.0/Gateway/', urllib.parse.urlencode({'amount': 1, 'text': 'a b+c~d'}).encode(), 'application/x-www-form-urlencoded')
send(base + '/v1.0/Gateway/', json.dumps({'amount': 1, 'text': 'a b'}).encode(), 'application/json')
send(base + '/v1.0/Design/', b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx y\r\n--b\r\nContent-Disposition: form-data; name="headerImage"; filename="a.png"\r\nContent-Type: image/png\r\n\r\nPNG\r\n--b--\r\n', 'multipart/form-data; boundary=b')
`
	shellCurl = `
send() { curl -q -sS --noproxy '*' -o /dev/null -w '%{http_code} ' "$@"; }
send -G "$BASE/v1.0/Transaction/" --data-urlencode 'name=a b~c' -d limit=2
send "$BASE/v1.0/Gateway/" --data-urlencode 'text=a b+c~d' -d amount=1
send "$BASE/v1.0/Gateway/" -H 'Content-Type: application/json' -d '{"amount":1,"text":"a b"}'
printf PNG | send "$BASE/v1.0/Design/" -F 'name=x y' -F 'headerImage=@-;filename=a.png;type=image/png'
`
)

// TestClientsInOtherLanguages: what they send verifies, with both schemes of the family.
func TestClientsInOtherLanguages(t *testing.T) {
	gateway, seen := paylink(t)
	for _, scheme := range []string{"paylinkhmac", "paylinkkey"} {
		url := load(t, adapt(t, "caddyfile", sidecar(gateway.URL, scheme, "instance example\nsecret_file "+secretFile(t, testSecret), "")))
		for _, c := range []struct {
			name, script string
			program      func(testing.TB) []string
		}{
			{"PHP streams", phpStreams, func(t testing.TB) []string { return []string{phptest.Require(t, "php"), "-n"} }},
			{"PHP curl", phpCurl, func(t testing.TB) []string {
				return append([]string{phptest.Require(t, "php"), "-n"}, phptest.Extension(t, "curl")...)
			}},
			{"Node fetch", nodeFetch, func(t testing.TB) []string { return []string{phptest.Client(t, "node"), "-"} }},
			{"Python urllib", pythonUrllib, func(t testing.TB) []string { return []string{phptest.Client(t, "python3"), "-"} }},
			{"curl", shellCurl, func(t testing.TB) []string { phptest.Client(t, "curl"); return []string{phptest.Require(t, "sh")} }},
		} {
			t.Run(scheme+", "+c.name, func(t *testing.T) {
				words := c.program(t)
				cmd := exec.Command(words[0], words[1:]...)
				cmd.Stdin = strings.NewReader(c.script)
				cmd.Env = append(os.Environ(), "BASE="+url+"/pay")
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, string(out))
				assert.Equal(t, "200 200 200 200", strings.TrimSpace(string(out)))
				all := seen.take()
				require.Len(t, all, 4)
				for _, e := range all {
					assert.NoError(t, e.Err)
					assert.NotEmpty(t, e.Parameters)
				}
				t.Logf("%d requests accepted", len(all))
			})
		}
	}
}

// TestManyProcessesOneLogin: twenty PHP processes, each of which would log in by itself
// without the sidecar.
func TestManyProcessesOneLogin(t *testing.T) {
	php := phptest.Require(t, "php")
	soap := phptest.Extension(t, "soap")
	script := phptest.Script(t, "soapclient.php")
	s := new(seen)
	server := httptest.NewServer(&authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(testSecret), Observe: s.observe, Now: offBy(-3)})
	defer server.Close()
	url := load(t, adapt(t, "caddyfile", sidecar(server.URL, "avangate", "merchant_code YOURCODE123\nsecret_file "+secretFile(t, testSecret), "")))
	var processes sync.WaitGroup
	for range 20 {
		processes.Go(func() {
			cmd := exec.Command(php, append(append([]string{"-n"}, soap...), script, "11331111")...)
			cmd.Env = append(os.Environ(), "LOCATION="+url+"/pay/soap/6.0/", "SESSION=countersign-session-id", "VERSION=1")
			out, err := cmd.CombinedOutput()
			assert.NoError(t, err, string(out))
			assert.Contains(t, string(out), "11331111")
			assert.NotContains(t, string(out), "fault")
		})
	}
	processes.Wait()
	count := make(map[string]int)
	for _, e := range s.take() {
		if e.Err == nil {
			count[strings.Join(e.Methods, ",")]++
		}
	}
	assert.Equal(t, map[string]int{"login": 1, "getOrder": 20}, count)
	t.Logf("%d calls accepted", count["getOrder"])
}

// The vendor's SDK for PHP, whose code is as it is: it pins its own certificates and
// calls https://api.DOMAIN. Each call's outcome is printed.
const phpSDK = `<?php
spl_autoload_register(fn ($class) => @include getenv('SDK') . '/lib/' . strtr($class, '\\', '/') . '.php');
$payrexx = new \Payrexx\Payrexx('example', 'dummy-secret-of-the-shop', '', getenv('DOMAIN'));
$calls = [
	function () use ($payrexx) { $payrexx->getOne(new \Payrexx\Models\Request\SignatureCheck()); },
	function () use ($payrexx) {
		$r = new \Payrexx\Models\Request\Gateway();
		$r->setAmount(8925); $r->setCurrency('CHF'); $r->setPurpose('Ein Abo & mehr ~ 100%'); $r->setPm(['visa', 'twint']);
		$payrexx->create($r);
	},
	function () use ($payrexx) {
		$r = new \Payrexx\Models\Request\Transaction();
		$r->setFilterDatetimeUtcGreaterThan(new DateTime('2026-06-22 08:28:01')); $r->setLimit(10);
		$payrexx->getAll($r);
	},
	function () use ($payrexx) {
		$r = new \Payrexx\Models\Request\Invoice();
		$r->setTitle('T'); $r->setDescription('a+b c'); $r->setAmount(100); $r->setCurrency('CHF'); $r->setPurpose('P');
		$payrexx->create($r);
	},
	function () use ($payrexx) { $r = new \Payrexx\Models\Request\Gateway(); $r->setId(7); $payrexx->delete($r); },
	function () use ($payrexx) {
		file_put_contents($file = tempnam(sys_get_temp_dir(), 'x'), 'PNG');
		$r = new \Payrexx\Models\Request\Design();
		$r->setName('x y'); $r->setHeaderImage(new CURLFile($file, 'image/png', 'a.png'));
		try { $payrexx->create($r); } finally { unlink($file); }
	},
];
foreach ($calls as $call) {
	try { $call(); echo "ok\n"; } catch (\Payrexx\PayrexxException $e) { echo 'failed ', $e->getCode(), ' ', $e->getMessage(), "\n"; }
}
`

// TestVendorSDKs: with a dummy secret every call passes but an upload that brings its
// own ApiSignature or instance among its parts. COUNTERSIGN_PEERS is the folder of the unpacked archives,
// which are not part of the repository.
func TestVendorSDKs(t *testing.T) {
	peers := os.Getenv("COUNTERSIGN_PEERS")
	if peers == "" {
		t.Skip("COUNTERSIGN_PEERS is not set: it is the folder of the vendors' SDKs")
	}
	php, curl := phptest.Require(t, "php"), phptest.Extension(t, "curl")
	gateway, seen := paylink(t)
	for _, c := range []struct {
		sdk, scheme string
		refused     int // calls
	}{
		{"payrexx-php-1.8.11", "paylinkhmac", 1},
		{"payrexx-php-1.8.11", "paylinkkey", 1}, // the gateway looks at the ApiSignature first
		{"payrexx-php-2.0.9", "paylinkhmac", 1}, // its upload has an instance as a part
		{"payrexx-php-2.0.9", "paylinkkey", 0},
	} {
		t.Run(c.sdk+", "+c.scheme, func(t *testing.T) {
			sdk := t.TempDir()
			require.NoError(t, os.CopyFS(sdk, os.DirFS(filepath.Join(peers, c.sdk))))
			certificate, key, issuer := certificateFor(t, "api.localhost")
			f, err := os.OpenFile(filepath.Join(sdk, "lib/Payrexx/certs/ca.pem"), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
			require.NoError(t, err)
			_, err = f.Write(append([]byte("\n"), issuer...))
			require.NoError(t, err)
			require.NoError(t, f.Close())
			address := deadAddress(t)
			_, port, _ := strings.Cut(address, ":")
			load(t, adapt(t, "caddyfile", "{\nadmin off\nauto_https off\nlog {\noutput discard\n}\n}\nhttps://api.localhost:"+port+" {\nbind 127.0.0.1\ntls "+certificate+" "+key+
				"\nreverse_proxy "+gateway.URL+" {\ntransport countersign "+c.scheme+" {\ninstance example\nsecret_file "+secretFile(t, testSecret)+"\n}\n}\n}\n"))
			cmd := exec.Command(php, append([]string{"-n", "-d", "error_reporting=0"}, curl...)...)
			cmd.Stdin = strings.NewReader(phpSDK)
			cmd.Env = append(os.Environ(), "SDK="+sdk, "DOMAIN=localhost:"+port)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			assert.Equal(t, 6-c.refused, strings.Count(string(out), "ok\n"), string(out))
			accepted := 0
			for _, e := range seen.take() {
				if e.Err == nil {
					accepted++
				}
			}
			assert.Equal(t, 6-c.refused, accepted)
			t.Logf("%d of 6 calls accepted", accepted)
		})
	}
}

// The vendor's SDKs of 2Checkout, whose code is as it is, each with what its users can
// set or extend that has the host: docs/sidecar.md shows the same. Each prints a line for
// each call, ok or why not.
const (
	tcoPHP = `<?php
spl_autoload_register(fn ($class) => @include getenv('SDK') . '/src/' . strtr($class, '\\', '/') . '.php');
class Config extends \Tco\Source\TcoConfig {
	public function getApiEndpoints() { return ['restApi' => getenv('BASE') . '/rest/6.0']; }
}
$api = new \Tco\Source\Api\Rest\V6\ApiCore(new Config(['sellerId' => 'DUMMY', 'secretKey' => 'dummy']), new \Tco\Source\Api\Auth\AuthApi('DUMMY', 'dummy'));
$order = new \Tco\Source\Api\Rest\V6\Order($api);
$subscription = new \Tco\Source\Api\Rest\V6\Subscription($api);
foreach ([ // all but issueRefund, whose path lacks a slash
	fn () => $order->place(['Currency' => 'EUR', 'Items' => [['Code' => 'Grüße', 'Quantity' => 1]]]),
	fn () => $order->getOrder(['RefNo' => '11331111']),
	fn () => $order->getOrder(['Status' => 'COMPLETE', 'Page' => 1, 'Limit' => 10]),
	fn () => $subscription->searchSubscriptions(['SubscriptionReference' => 'ABC123']),
	fn () => $subscription->searchSubscriptions(['CustomerEmail' => 'max@example.com', 'RecurringEnabled' => 'true']),
	fn () => $subscription->getSubscriptionsByOrderRefNo('11331111'),
	fn () => $subscription->updateSubscriptions(['SubscriptionReference' => 'ABC123', 'ExpirationDate' => '2027-01-01']),
	fn () => $subscription->enableSubscriptions(['SubscriptionReference' => 'ABC123']),
	fn () => $subscription->disableSubscriptions(['SubscriptionReference' => 'ABC123']),
	fn () => $api->call('/orders/11331111/', [], 'GET'),
] as $call) {
	try { echo $call() !== null ? "ok\n" : "nothing came\n"; } catch (Throwable $e) { echo $e->getMessage(), "\n"; }
}
`
	tcoNode = `
const Twocheckout = require(process.env.SDK);
const tco = new Twocheckout({ sellerId: 'DUMMY', secretKey: 'dummy' });
const prepareRequest = tco.apiCore.prepareRequest;
tco.apiCore.prepareRequest = (args) => prepareRequest.call(tco.apiCore, { prefixUrl: process.env.BASE + '/rest/6.0', ...args });
(async () => {
	for (const call of [
		() => tco.order().create({ Currency: 'EUR', Items: [{ Code: 'Grüße', Quantity: 1 }] }),
		() => tco.order().retrieve({ RefNo: '11331111' }),
		() => tco.order().retrieve({ Status: 'COMPLETE', Page: 1 }),
		() => tco.subscription().retrieve({ subRefId: 'ABC123' }),
		() => tco.subscription().retrieve({ subParams: { CustomerEmail: 'max@example.com' } }),
		() => tco.subscription().getSubscriptionsByOrderRefNo('11331111'),
		() => tco.subscription().update({ subRefId: 'ABC123', subParams: { ExpirationDate: '2027-01-01' } }),
		() => tco.subscription().enable({ subRefId: 'ABC123' }),
		() => tco.subscription().disable({ subRefId: 'ABC123' }),
	]) {
		try { console.log((await call()) ? 'ok' : 'nothing came'); } catch (e) { console.log(e.code, e.message); }
	}
})();
`
	tcoRuby = `
$LOAD_PATH.unshift(File.join(ENV["SDK"], "lib"))
require "twocheckout_client"
require "openssl"
require "uri"
SIDECAR = URI(ENV["BASE"])
class Sidecar < TwocheckoutClient::Api
  def request(method, path, params = nil, headers = nil, host = SIDECAR.host)
    super(method, "#{SIDECAR.path}/rest/6.0/#{path}/", params, headers, host)
  end

  private def create_connection(host) = Net::HTTP.new(host, SIDECAR.port, nil)
end
api = Sidecar.new(merchant_code: "DUMMY", secret_key: "dummy", api_version: "6.0")
order = TwocheckoutClient::Order.new(api)
[
  -> { order.create({ Currency: "EUR", Items: [{ Code: "Grüße", Quantity: 1 }] }) },
  -> { order.get("11331111") },
  -> { api.request(:get, "subscriptions/ABC123") },
  -> { api.request(:put, "subscriptions/ABC123", { ExpirationDate: "2027-01-01" }) },
  -> { api.request(:delete, "subscriptions/ABC123") },
].each do |call|
  puts call.call.data ? "ok" : "nothing came"
rescue StandardError => e
  puts "#{e.class}: #{e.message}"
end
`
	tcoJava = `
import com.twocheckout.model.Api.Api;
import com.twocheckout.model.Api.Rest.TwocheckoutResponse;
import com.twocheckout.model.TwocheckoutConfig;
import java.util.HashMap;
import java.util.List;
import java.util.concurrent.Callable;
import org.json.JSONObject;

public class Calls {
    static class Config extends TwocheckoutConfig {
        @Override public String getRestApiUrl() { return System.getenv("BASE") + "/rest/6.0"; }
    }

    public static void main(String[] args) throws Exception {
        TwocheckoutConfig config = new Config();
        config.setMerchantCode("DUMMY");
        config.setSecretKey("dummy");
        Api api = new Api(config);
        HashMap<String, String> search = new HashMap<>();
        search.put("Page", "1");
        for (Callable<TwocheckoutResponse> call : List.<Callable<TwocheckoutResponse>>of(
            () -> api.order.create(new JSONObject("{\"Currency\":\"EUR\",\"Items\":[{\"Code\":\"x\",\"Quantity\":1}]}")),
            () -> api.order.get("11331111"),
            () -> api.order.list(search),
            () -> api.call("/subscriptions/ABC123/", null, "GET"),
            () -> api.call("/subscriptions/ABC123/", new JSONObject().put("ExpirationDate", "2027-01-01"), "PUT"),
            () -> api.call("/subscriptions/ABC123/", null, "DELETE"))) {
            try {
                TwocheckoutResponse response = call.call();
                System.out.println(response.getHttpStatus() == 200 ? "ok" : response.getHttpStatus() + " " + response.getBody());
            } catch (Exception e) {
                System.out.println(e + ": " + e.getCause());
            }
        }
    }
}
`
)

// TestTwoCheckoutSDK: with a dummy secret every call passes.
func TestTwoCheckoutSDK(t *testing.T) {
	peers := os.Getenv("COUNTERSIGN_PEERS")
	if peers == "" {
		t.Skip("COUNTERSIGN_PEERS is not set: it is the folder of the vendors' SDKs")
	}
	run := func(t *testing.T, dir, program string, args ...string) {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	s := new(seen)
	server := httptest.NewServer(&authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(testSecret), Observe: s.observe})
	defer server.Close()
	url := load(t, adapt(t, "caddyfile", sidecar(server.URL, "avangate", "merchant_code YOURCODE123\nsecret_file "+secretFile(t, testSecret), "")))
	for _, c := range []struct {
		sdk, script string
		calls       int
		program     func(t *testing.T, sdk string) []string // is given the script on its standard input
	}{
		{"2checkout-php-sdk", tcoPHP, 10, func(t *testing.T, sdk string) []string {
			return append([]string{phptest.Require(t, "php"), "-n", "-d", "error_reporting=0"}, phptest.Extension(t, "curl")...)
		}},
		{"2checkout-node-sdk", tcoNode, 9, func(t *testing.T, sdk string) []string {
			run(t, sdk, phptest.Client(t, "npm"), "install", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts")
			return []string{phptest.Client(t, "node"), "-"}
		}},
		{"2checkout-ruby-sdk", tcoRuby, 5, func(t *testing.T, sdk string) []string { return []string{phptest.Client(t, "ruby"), "-"} }},
		{"2checkout-java-sdk", tcoJava, 6, func(t *testing.T, sdk string) []string {
			// Debian's, as for the tests of serve; the SDK's tokens want one that it has not.
			const jars = "/usr/share/java/lombok.jar:/usr/share/java/com.android.json.jar:/usr/share/java/org.jetbrains.annotations-java8.jar"
			classes := t.TempDir()
			calls := filepath.Join(classes, "Calls.java")
			require.NoError(t, os.WriteFile(calls, []byte(tcoJava), 0o600))
			args := []string{"-d", classes, "-cp", jars, calls, "../interop/testdata/peers/org/json/JSONException.java"}
			for _, class := range []string{
				"exception/TwocheckoutException", "util/ApiClient", "util/ParameterStringBuilder", "model/TwocheckoutConfig", "model/Api/Api",
				"model/Api/Auth/AuthApi", "model/Api/Rest/ApiCore", "model/Api/Rest/Order", "model/Api/Rest/TwocheckoutResponse",
			} {
				args = append(args, filepath.Join(sdk, "src/main/java/com/twocheckout", class+".java"))
			}
			run(t, "", phptest.Client(t, "javac"), args...)
			return []string{phptest.Client(t, "java"), "-cp", classes + ":" + jars, "Calls"}
		}},
	} {
		t.Run(c.sdk, func(t *testing.T) {
			sdk := filepath.Join(t.TempDir(), c.sdk)
			require.NoError(t, os.CopyFS(sdk, os.DirFS(filepath.Join(peers, c.sdk))))
			words := c.program(t, sdk)
			cmd := exec.Command(words[0], words[1:]...)
			cmd.Stdin = strings.NewReader(c.script)
			cmd.Env = append(os.Environ(), "SDK="+sdk, "BASE="+url+"/pay", "LANG=C.UTF-8")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			assert.Equal(t, strings.Repeat("ok\n", c.calls), string(out))
			all := s.take()
			require.Len(t, all, c.calls)
			for _, e := range all {
				assert.NoError(t, e.Err)
			}
			t.Logf("%d calls accepted", len(all))
		})
	}
}

// certificateFor returns the files of a certificate and its key, and the certificate.
func certificateFor(t testing.TB, host string) (certificate, key string, certificatePEM []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	certificatePEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(certificate, certificatePEM, 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return certificate, key, certificatePEM
}
