package countersign

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/internal/phptest"
)

// buildSidecar returns the path of cmd/caddy.
func buildSidecar(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "caddy")
	out, err := exec.Command(phptest.Client(t, "go"), "build", "-o", path, "./cmd/caddy").CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// A process is a running Caddy.
type process struct {
	cmd  *exec.Cmd
	done chan error
}

// start runs a configuration, and waits until it is served.
func start(t testing.TB, binary, adapter, config string, log io.Writer) *process {
	p := &process{exec.Command(binary, "run", "--adapter", adapter, "--config", config), make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+t.TempDir(), "XDG_DATA_HOME="+t.TempDir())
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { p.cmd.Process.Kill() })
	serving := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			fmt.Fprintln(log, lines.Text())
			if strings.Contains(lines.Text(), "serving initial configuration") {
				close(serving)
			}
		}
		p.done <- p.cmd.Wait()
	}()
	select {
	case <-serving:
	case err := <-p.done:
		t.Fatalf("the sidecar ended: %v", err)
	}
	return p
}

// A holding gateway answers what it accepts, and holds requests for /v1.0/Invoice/
// until they are released.
type holding struct {
	mu       sync.Mutex
	accepted map[string]int // by the value of n
	held     atomic.Int64
	release  chan struct{}
}

func (h *holding) observe(e authtest.Exchange) {
	for _, p := range e.Parameters {
		if p[0] == "n" && p[1] != "" && e.Err == nil {
			h.mu.Lock()
			h.accepted[p[1]]++
			h.mu.Unlock()
		}
	}
}

// TestReloadsAndTheEnd is a run of the binary under load: ten reloads by SIGUSR1 and a
// SIGTERM, with requests under way at each. They are all answered; the gateway accepted
// what the clients know of and what was lost with a connection, once each. Stock
// Caddy's losses in the same run are printed beside ours.
func TestReloadsAndTheEnd(t *testing.T) {
	binary := buildSidecar(t)
	secret := secretFile(t, testSecret)
	for _, c := range []struct {
		name, adapter, config string // GATEWAY, ADDRESS, SECRET and N are replaced
	}{
		{"countersign", "countersign", `{"listen": "ADDRESS", "gateways": [{"path": "/pay", "url": "GATEWAY", "scheme": "paylinkhmac", "instance": "example",
			"secret_file": "SECRET", "allow": ["POST /v1.0/*", "GET /v1.0/Page/N/"]}]}`},
		{"stock Caddy", "caddyfile", "{\nadmin off\n}\nhttp://ADDRESS {\nbind 127.0.0.1\nroute /pay/v1.0/Page/* {\n@n not path /pay/v1.0/Page/N/\nerror @n 403\n}\n" +
			"route /pay/* {\nuri strip_prefix /pay\nreverse_proxy GATEWAY\n}\n}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &holding{accepted: make(map[string]int), release: make(chan struct{})}
			verifying := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret(testSecret), Observe: h.observe}
			gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.adapter != "countersign" && r.Method == "POST" {
					n := r.PostFormValue("n")
					h.observe(authtest.Exchange{Parameters: [][2]string{{"n", n}}})
				}
				if strings.HasSuffix(r.URL.Path, "/Invoice/") {
					h.held.Add(1)
					<-h.release
				}
				if c.adapter == "countersign" {
					verifying.ServeHTTP(w, r)
				}
			}))
			defer gateway.Close()
			address := deadAddress(t)
			path := filepath.Join(t.TempDir(), "config")
			write := func(n int) {
				text := strings.NewReplacer("ADDRESS", address, "GATEWAY", gateway.URL, "SECRET", secret, "Page/N/", fmt.Sprintf("Page/%d/", n)).Replace(c.config)
				require.NoError(t, os.WriteFile(path+".next", []byte(text), 0o600))
				require.NoError(t, os.Rename(path+".next", path))
			}
			write(0)
			var log strings.Builder
			p := start(t, binary, c.adapter, path, &log)
			url := "http://" + address + "/pay"

			var all sync.WaitGroup
			var stop atomic.Bool
			var number, answered, lost, others atomic.Int64
			known, gone := sync.Map{}, sync.Map{}
			send := func(client *http.Client, object string) {
				n := fmt.Sprint(number.Add(1))
				resp, err := client.Post(url+"/v1.0/"+object+"/", "application/x-www-form-urlencoded", strings.NewReader("n="+n))
				if err != nil {
					lost.Add(1)
					gone.Store(n, true)
					return
				}
				defer resp.Body.Close()
				io.Copy(io.Discard, resp.Body)
				if resp.StatusCode != 200 {
					others.Add(1)
					return
				}
				answered.Add(1)
				known.Store(n, true)
			}
			for range 8 {
				all.Go(func() {
					client := &http.Client{Transport: new(http.Transport)}
					defer client.CloseIdleConnections()
					for !stop.Load() {
						send(client, "Gateway")
					}
				})
			}
			hold := func() (released func()) {
				before := h.held.Load()
				var held sync.WaitGroup
				var unanswered atomic.Int64
				for range 3 {
					held.Go(func() {
						resp, err := noRedirects.Post(url+"/v1.0/Invoice/", "application/x-www-form-urlencoded", strings.NewReader("held=1"))
						if err != nil || resp.StatusCode != 200 {
							unanswered.Add(1)
							return
						}
						resp.Body.Close()
					})
				}
				for h.held.Load() < before+3 {
					runtime.Gosched()
				}
				return func() {
					close(h.release)
					held.Wait()
					assert.Zero(t, unanswered.Load(), "a request under way was not answered")
					h.release = make(chan struct{})
				}
			}
			for i := range 10 {
				release := hold()
				write(i + 1)
				require.NoError(t, p.cmd.Process.Signal(syscall.SIGUSR1))
				for { // the new configuration serves when it lets this pass
					resp, err := noRedirects.Get(fmt.Sprintf("%s/v1.0/Page/%d/", url, i+1))
					if err != nil {
						continue
					}
					resp.Body.Close()
					if resp.StatusCode != 403 {
						break
					}
				}
				release()
			}
			release := hold()
			require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
			for { // it takes no more
				conn, err := net.Dial("tcp", address)
				if err != nil {
					break
				}
				conn.Close()
			}
			stop.Store(true)
			release()
			all.Wait()
			require.NoError(t, <-p.done, log.String())

			h.mu.Lock()
			defer h.mu.Unlock()
			assert.Zero(t, others.Load(), "answers with another status than 200")
			for n, times := range h.accepted {
				_, isKnown := known.Load(n)
				_, isGone := gone.Load(n)
				assert.Equal(t, 1, times, n)
				assert.True(t, isKnown || isGone, "the gateway accepted %s, and nobody knows", n)
			}
			known.Range(func(n, _ any) bool {
				assert.Equal(t, 1, h.accepted[n.(string)], "%v was answered, and the gateway did not accept it", n)
				return true
			})
			t.Logf("%s: %d requests answered and accepted, %d lost with their connection or after the end, in ten reloads and a SIGTERM", c.name, answered.Load(), lost.Load())
		})
	}
}

// TestUploadsAreNotHeldInMemory: a multipart body of 300 MB passes in no more than
// 8 MiB, that of this test's client and gateway included.
func TestUploadsAreNotHeldInMemory(t *testing.T) {
	const length = 300 << 20
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var most uint64
	var read int64
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, 256<<10)
		for next := int64(0); ; {
			n, err := r.Body.Read(buffer)
			if read += int64(n); read > next {
				most = max(most, live())
				next = read + 16<<20
			}
			if err != nil {
				return
			}
		}
	}))
	defer gateway.Close()
	url := load(t, adapt(t, "caddyfile", sidecar(gateway.URL, "paylinkhmac", "instance example\nsecret_file "+secretFile(t, testSecret), "")))
	upload := func(n int64) answer {
		const head = "--b\r\nContent-Disposition: form-data; name=\"headerImage\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
		body := io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, n), strings.NewReader("\r\n--b--\r\n"))
		req, err := http.NewRequest(http.MethodPost, url+"/pay/v1.0/Design/", body)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		return ask(t, req)
	}
	require.Equal(t, 200, upload(1<<20).status) // what is made once
	before := live()
	most, read = 0, 0
	require.Equal(t, 200, upload(length).status)
	assert.Greater(t, read, int64(length))
	require.NotZero(t, most)
	assert.LessOrEqual(t, int64(most)-int64(before), int64(8<<20))
	t.Logf("%d bytes more memory at most for an upload of %d", int64(most)-int64(before), read)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
