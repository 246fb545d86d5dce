package countersign

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

// adaptFile returns what the adapter makes of a file, logging to another one.
func adaptFile(t testing.TB, file, log string) []byte {
	config, warnings, err := Adapter{}.Adapt([]byte(file), nil)
	require.NoError(t, err)
	require.Empty(t, warnings)
	writer := object{"output": "discard"}
	if log != "" {
		writer = object{"output": "file", "filename": log}
	}
	return edit(t, config, func(c object) { c["logging"].(object)["logs"].(object)["default"].(object)["writer"] = writer })
}

func edit(t testing.TB, config []byte, change func(object)) []byte {
	var c object
	require.NoError(t, json.Unmarshal(config, &c))
	change(c)
	config, err := json.Marshal(c)
	require.NoError(t, err)
	return config
}

// TestAdapterServesNothingElse: what the adapter makes answers no other Host, path or
// caller, and never with a bare 200.
func TestAdapterServesNothingElse(t *testing.T) {
	gateway, seen := paylink(t)
	s := new(authtest.Avangate)
	s.MerchantCode, s.SecretKey = "YOURCODE123", auth.NewSecret(testSecret)
	vendor := httptest.NewServer(s)
	defer vendor.Close()
	file := fmt.Sprintf(`{"listen": "127.0.0.1:0", "require_header": "X-Shop", "metrics": "127.0.0.2:0", "gateways": [
		{"path": "/pay", "url": %q, "scheme": "paylinkhmac", "instance": "example", "secret_file": %q, "allow": ["POST /v1.0/Gateway/", "GET /v1.0/*"]},
		{"path": "/pay/key", "url": %[1]q, "scheme": "paylinkkey", "instance": "example", "secret_file": %[2]q},
		{"path": "/2co", "url": %[3]q, "scheme": "avangate", "merchant_code": "YOURCODE123", "algorithm": "sha3-256", "secret_file": %[2]q}]}`,
		gateway.URL, secretFile(t, testSecret), vendor.URL)
	url := load(t, adaptFile(t, file, ""))
	for _, c := range []struct {
		method, path, host string
		status             int
		signed             int
	}{
		{"POST", "/pay/v1.0/Gateway/", "", 200, 1},
		{"GET", "/pay/v1.0/Gateway/1/", "localhost:80", 200, 1},
		{"GET", "/pay/key/v1.11/Gateway/1/", "", 200, 1},
		{"GET", "/2co/rest/6.0/orders/11331111/", "", 200, 0},
		{"POST", "/pay/v1.0/Invoice/", "", 403, 0},
		{"GET", "/2co/v1.0/Invoice/", "", 403, 0},
		{"GET", "/", "", 404, 0},
		{"GET", "/pay", "", 404, 0},
		{"GET", "/payment/v1.0/Gateway/", "", 404, 0},
		{"GET", "/-/other", "", 404, 0},
		{"GET", "/metrics", "", 404, 0},
		{"GET", "/config/", "", 404, 0},
		{"GET", "/pay/v1.0/Gateway/1/", "rebound.example", 421, 0},
		{"GET", "/-/healthy", "rebound.example", 421, 0},
		{"GET", "/", "rebound.example", 421, 0},
		{"GET", "/-/healthy", "", 200, 0},
		{"GET", "/-/ready", "", 200, 2},
	} {
		req, err := http.NewRequest(c.method, url+c.path, nil)
		require.NoError(t, err)
		req.Host = c.host
		req.Header.Set("X-Shop", "1")
		got := ask(t, req)
		assert.Equal(t, c.status, got.status, "%+v %s", c, got.body)
		assert.Len(t, seen.take(), c.signed, "%+v", c)
		if c.status != 200 {
			requireProblem(t, got, c.status, "no")
		}
	}
	requireProblem(t, ask(t, get(t, url+"/pay/v1.0/Gateway/1/")), 403, "no")
	metrics := "http://" + addressOf(t, "metrics")
	assert.Contains(t, ask(t, get(t, metrics+"/metrics")).body, "caddy_http_requests_total")
	assert.Equal(t, 404, ask(t, get(t, metrics+"/pay/v1.0/Gateway/1/")).status)
}

// TestAdapterRefuses: files that would listen to the world, and those that cannot be
// meant.
func TestAdapterRefuses(t *testing.T) {
	const gateway = `{"path": "/pay", "url": "https://api.example.com", "scheme": "paylinkhmac", "instance": "example", "secret_file": "/run/x"}`
	file := func(listen, rest, gateway string) string {
		return fmt.Sprintf(`{"listen": %q%s, "gateways": [%s]}`, listen, rest, gateway)
	}
	with := func(old, new string) string { return strings.Replace(gateway, old, new, 1) }
	const local = "127.0.0.1:9000"
	for _, c := range []struct{ file, want string }{
		{file(local, "", gateway), ""},
		{file("[::1]:9000", "", gateway), ""},
		{file("localhost:9000", "", gateway), ""},
		{file("unix//run/countersign.sock", "", gateway), ""},
		{file("unix//run/countersign.sock|0220", "", gateway), ""},
		{file("0.0.0.0:9000", `, "listen_beyond_loopback": true`, gateway), ""},
		{file(":9000", "", gateway), "listen can be reached from other machines"},
		{file("0.0.0.0:9000", "", gateway), "listen can be reached from other machines"},
		{file("[::]:9000", "", gateway), "listen can be reached from other machines"},
		{file("192.168.0.1:9000", "", gateway), "listen can be reached from other machines"},
		{file("shop.localhost:9000", "", gateway), "listen can be reached from other machines"},
		{file("127.0.0.1", "", gateway), "listen is no address with one port"},
		{file("127.0.0.1:9000-9001", "", gateway), "listen is no address with one port"},
		{file("udp/127.0.0.1:9000", "", gateway), "listen is no address with one port"},
		{file("{env.LISTEN}", "", gateway), "listen is no address"},
		{file("", "", gateway), "listen is no address"},
		{file(local, `, "metrics": ":9001"`, gateway), "metrics can be reached from other machines"},
		{file(local, `, "log_level": "debug"`, gateway), "log_level"},
		{file(local, `, "secret": "x"`, gateway), "secret"},
		{file(local, "", with(`"secret_file"`, `"secret"`)), "secret"},
		{file(local, "", ""), "gateways is empty"},
		{file(local, "", gateway) + "{}", "goes on"},
		{`{"listen": `, "cannot be read"},
		{file(local, `, "gateways": [`+gateway+`]`, `{"path": "/b", "url": "https://b.example.com", "scheme": "paylinkhmac"}`), `"gateways" twice`},
		{file(local, "", with(`}`, `, "Secret_File": "/run/y"}`)), `"secret_file" twice`},
		{file(local, "", gateway+","+with(`"/pay"`, `"/other"`)), ""},
		{file(local, "", with(`"/pay"`, `"pay"`)), `the path "pay"`},
		{file(local, "", with(`"/pay"`, `"/"`)), `the path "/"`},
		{file(local, "", with(`"/pay"`, `"/pay/"`)), `the path "/pay/"`},
		{file(local, "", with(`"/pay"`, `"/-"`)), `the path "/-"`},
		{file(local, "", with(`"/pay"`, `"/../x"`)), `the path "/../x"`},
		{file(local, "", with(`"/pay"`, `"/pay*"`)), `the path "/pay*"`},
		{file(local, "", gateway+","+with(`"/pay"`, `"/PAY"`)), "has no case"},
		{file(local, "", with("https://api.example.com", "http://api.example.com")), "not encrypted"},
		{file(local, "", with("https://api.example.com", "https://api.example.com/v1.0/")), "more than scheme"},
		{file(local, "", with("https://api.example.com", "api.example.com")), "https"},
		{file(local, "", with("https://api.example.com", "https://u:p@api.example.com")), "leave out user information"},
		{file(local, "", with(`"paylinkhmac"`, `"hmac"`)), "none of paylinkhmac"},
		{file(local, "", with(`"instance": "example", `, "")), "nstance"},
		{file(local, "", with(`}`, `, "allow": ["POST"]}`)), "METHOD[,METHOD] and one PATH"},
		{file(local, "", with(`}`, `, "allow": ["post /v1.0/"]}`)), "capitals"},
		{file(local, "", with(`}`, `, "allow": []}`)), "allow is empty"},
		{file(local, `, "require_header": "X-Shop "`, gateway), "an empty value"},
	} {
		config, _, err := Adapter{}.Adapt([]byte(c.file), nil)
		if c.want != "" {
			assert.ErrorContains(t, err, c.want, c.file)
			continue
		}
		require.NoError(t, err, c.file)
		var parsed caddy.Config
		require.NoError(t, caddy.StrictUnmarshalJSON(config, &parsed))
	}
}

// TestReady: it asks at most once a minute, and sees that a secret is wrong.
func TestReady(t *testing.T) {
	gateway, seen := paylink(t)
	file := secretFile(t, testSecret)
	now := time.Now()
	r := &Ready{Gateways: []ReadyGateway{{"/pay", gateway.URL, Credentials{Scheme: "paylinkhmac", Instance: "example", SecretFile: file}}}}
	require.NoError(t, r.Provision(caddy.Context{}))
	r.checks[0].now = func() time.Time { return now }
	ask := func() (int, string) {
		w := httptest.NewRecorder()
		require.NoError(t, r.ServeHTTP(w, httptest.NewRequest("GET", "/-/ready", nil), nil))
		return w.Code, w.Body.String()
	}
	status, body := ask()
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"ready":true,"gateways":[{"path":"/pay","ready":true}]}`, body)
	for range 5 {
		ask()
	}
	assert.Len(t, seen.take(), 1)

	rotate(t, file, "other-secret-key")
	status, _ = ask()
	assert.Equal(t, 200, status, "within the minute")
	now = now.Add(readyInterval)
	status, body = ask()
	assert.Equal(t, 503, status)
	assert.Contains(t, body, "answers 403: the secret, or the name of the account, is wrong")
	assert.NotContains(t, body, "other-secret-key")
	rotate(t, file, testSecret)
	now = now.Add(readyInterval)
	status, _ = ask()
	assert.Equal(t, 200, status)
	assert.Len(t, seen.take(), 2)
	gateway.Close()
	now = now.Add(readyInterval)
	status, body = ask()
	assert.Equal(t, 503, status)
	assert.Contains(t, body, "could not be reached")
}

// rotate replaces a secret as docs/sidecar.md says: by renaming another file over it.
func rotate(t testing.TB, path, secret string) {
	next := path + ".next"
	require.NoError(t, os.WriteFile(next, []byte(secret+"\n"), 0o600))
	require.NoError(t, os.Rename(next, path))
}

// TestRotationUnderLoad: what is sent after the rename is signed with the new secret,
// and nothing with none of the two.
func TestRotationUnderLoad(t *testing.T) {
	const next = "next-secret-key"
	var afterWithOld, withNeither, withNew atomic.Int64
	accepts := func(secret string, r *http.Request, body string) bool {
		gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret(secret)}
		copied := r.Clone(r.Context())
		copied.Body = io.NopCloser(strings.NewReader(body))
		w := httptest.NewRecorder()
		gateway.ServeHTTP(w, copied)
		return w.Code == 200
	}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case accepts(next, r, string(body)):
			withNew.Add(1)
		case !accepts(testSecret, r, string(body)):
			withNeither.Add(1)
		case strings.HasPrefix(string(body), "after=1"):
			afterWithOld.Add(1)
		}
	}))
	defer gateway.Close()
	path := secretFile(t, testSecret)
	url := load(t, adapt(t, "caddyfile", sidecar(gateway.URL, "paylinkhmac", "instance example\nsecret_file "+path, "")))
	var sent, rotated atomic.Int64
	done := make(chan struct{})
	const half = 100
	for range 4 {
		go func() {
			for rotated.Load() == 0 || withNew.Load() < half && withNeither.Load()+afterWithOld.Load() == 0 {
				ask(t, form(t, url+"/pay/v1.0/Gateway/", fmt.Sprintf("after=%d", rotated.Load())))
				if sent.Add(1) == half {
					rotate(t, path, next)
					rotated.Store(1)
				}
			}
			done <- struct{}{}
		}()
	}
	for range 4 {
		<-done
	}
	assert.Zero(t, withNeither.Load())
	assert.Zero(t, afterWithOld.Load())
	assert.GreaterOrEqual(t, withNew.Load(), int64(half))
}

// TestNoSecretIsShown: our own credentials stand in no log at DEBUG, in no answer, no
// metric and not in the configuration as Caddy shows it, whatever the configuration;
// the client's own in no log of the adapter's.
func TestNoSecretIsShown(t *testing.T) {
	const (
		ownSecret = "canary-secret-of-ours"
		theirs    = "canary-of-the-client"
	)
	var mine atomic.Value // a signature, session ids and what else the gateways saw
	mine.Store([]string{ownSecret})
	remember := func(next http.Handler) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen := mine.Load().([]string)
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			for _, from := range []string{r.URL.RawQuery, string(body)} {
				if _, signature, ok := strings.Cut(from, "ApiSignature="); ok {
					signature, _, _ = strings.Cut(signature, "&")
					plain := strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=").Replace(signature)
					seen = append(seen, signature, plain)
				}
			}
			if header := r.Header.Get("X-Avangate-Authentication"); header != "" {
				_, hash, _ := strings.Cut(header, `hash="`)
				hash, _, _ = strings.Cut(hash, `"`)
				seen = append(seen, hash)
			}
			recorder := httptest.NewRecorder()
			next.ServeHTTP(recorder, r)
			if strings.Contains(string(body), `"login"`) {
				var answer struct{ Result string }
				json.Unmarshal(recorder.Body.Bytes(), &answer)
				if answer.Result != "" {
					seen = append(seen, answer.Result)
				}
			}
			mine.Store(seen)
			if strings.HasSuffix(r.URL.Path, "/moved/") { // a gateway that repeats what it got
				w.Header().Set("Location", r.URL.String())
				w.WriteHeader(302)
				return
			}
			w.WriteHeader(recorder.Code)
			w.Write(recorder.Body.Bytes())
		}))
		t.Cleanup(server.Close)
		return server
	}
	family := remember(&authtest.Paylink{Instance: "example", Secret: auth.NewSecret(ownSecret)})
	vendor := remember(&authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(ownSecret)})
	secret := secretFile(t, ownSecret)
	dead := deadAddress(t)

	// What a client sends: good, refused, failing, and with credentials of its own.
	exercise := func(url, metrics string) (answers string) {
		send := func(req *http.Request) {
			for _, name := range []string{"X-Api-Key", "X_Api_Key", "X-Avangate-Authentication", "Authorization", "Cookie", "X-Other"} {
				req.Header[name] = []string{theirs}
			}
			got := ask(t, req)
			answers += fmt.Sprint(got.status, got.header, got.body, "\n")
		}
		for _, path := range []string{"/pay", "/key", "/2co", "/dead", "/none"} {
			send(get(t, url+path+"/v1.0/Transaction/?ApiSignature="+theirs+"&limit=1"))
			send(get(t, url+path+"/v1.0/moved/?ApiSignature="+theirs))
			send(get(t, url+path+"/v1.0/x?apisignature[]="+theirs+";%zz"))
			send(form(t, url+path+"/v1.0/Gateway/", "a=1&ApiSignature="+theirs))
			send(form(t, url+path+"/v1.0/Gateway/", "a=1&a=1&ApiSignature="+theirs))
			send(withHeader(form(t, url+path+"/v1.0/Gateway/", `{"a":1,"ApiSignature":"`+theirs+`"}`), "Content-Type", "application/json"))
			send(get(t, url+path+"/rest/6.0/orders/"))
			send(withHeader(form(t, url+path+"/rpc/6.0/", `{"jsonrpc":"2.0","id":1,"method":"getOrder","params":["countersign-session-id","1"]}`), "Content-Type", "application/json"))
		}
		send(get(t, url+"/-/ready"))
		if metrics != "" {
			send(get(t, metrics+"/metrics"))
		}
		return answers
	}
	check := func(what, text string) {
		t.Helper()
		require.NotEmpty(t, text, what)
		seen := mine.Load().([]string)
		require.Greater(t, len(seen), 8)
		for _, s := range seen {
			require.GreaterOrEqual(t, len(s), 10)
			if i := strings.Index(text, s); i >= 0 {
				t.Errorf("%s shows %q: %.300s", what, s, text[max(0, i-200):])
			}
		}
	}
	gateways := func(gateway string) string {
		return fmt.Sprintf(`
			{"path": "/pay", "url": %q, "scheme": "paylinkhmac", "instance": "example", "secret_file": %q},
			{"path": "/dead", "url": "http://%s", "scheme": "paylinkhmac", "instance": "example", "secret_file": %[2]q},
			{"path": "/key", "url": %[1]q, "scheme": "paylinkkey", "instance": "example", "secret_file": %[2]q},
			{"path": "/2co", "url": %[4]q, "scheme": "avangate", "merchant_code": "YOURCODE123", "secret_file": %[2]q}`,
			gateway, secret, dead, vendor.URL)
	}
	file := `{"listen": "127.0.0.1:0", "metrics": "127.0.0.2:0", "log_level": "DEBUG", "gateways": [` + gateways(family.URL) + `]}`

	t.Run("the adapter's", func(t *testing.T) {
		log := filepath.Join(t.TempDir(), "log")
		config := adaptFile(t, file, log)
		url := load(t, config)
		answers := exercise(url, "http://"+addressOf(t, "metrics"))
		require.NoError(t, caddy.Stop())
		logged, err := os.ReadFile(log)
		require.NoError(t, err)
		check("the log", string(logged))
		check("an answer", answers)
		check("the configuration", string(config))
		assert.Contains(t, string(logged), `"level":"debug"`)
		assert.Contains(t, string(logged), "rewrote request")
		assert.NotContains(t, string(logged), theirs)
	})
	t.Run("one that hides nothing", func(t *testing.T) {
		dir := t.TempDir()
		log, socket := filepath.Join(dir, "log"), filepath.Join(dir, "admin")
		config := edit(t, adaptFile(t, file, log), func(c object) {
			c["admin"] = object{"listen": "unix/" + socket, "config": object{"persist": false}}
			delete(c["logging"].(object)["logs"].(object)["default"].(object), "encoder")
			for _, server := range c["apps"].(object)["http"].(object)["servers"].(object) {
				server.(object)["logs"] = object{"should_log_credentials": true, "trace": true}
			}
		})
		url := load(t, config)
		answers := exercise(url, "http://"+addressOf(t, "metrics"))
		shown := askSocket(t, socket, "http://127.0.0.1/config/")
		require.Contains(t, shown, secret, "the path of the file is shown")
		require.NoError(t, caddy.Stop())
		logged, err := os.ReadFile(log)
		require.NoError(t, err)
		require.Contains(t, string(logged), theirs, "what is logged is seen by this test")
		check("the log", string(logged))
		check("an answer", answers)
		check("/config/", shown)
	})
}

// TestAReloadThatFailsChangesNothing: the old configuration goes on.
func TestAReloadThatFailsChangesNothing(t *testing.T) {
	gateway, seen := paylink(t)
	secret := secretFile(t, testSecret)
	file := fmt.Sprintf(`{"listen": "127.0.0.1:0", "gateways": [{"path": "/pay", "url": %q, "scheme": "paylinkhmac", "instance": "example", "secret_file": %q}]}`, gateway.URL, secret)
	config := adaptFile(t, file, "")
	url := load(t, config)
	for _, bad := range []string{
		strings.ReplaceAll(string(config), secret, secret+".missing"),
		strings.Replace(string(config), `"protocol":"countersign"`, `"protocol":"countersign","allow": []`, 1),
		strings.Replace(string(config), `"protocol":"countersign"`, `"protocol":"countersign","unknown": 1`, 1),
	} {
		require.NotEqual(t, string(config), bad)
		require.Error(t, caddy.Load([]byte(bad), true))
		assert.Equal(t, 200, ask(t, form(t, url+"/pay/v1.0/Gateway/", "amount=1")).status)
		require.Len(t, seen.take(), 1)
	}
}
