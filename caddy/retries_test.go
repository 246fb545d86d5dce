package countersign

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

// plain is what somebody would write who hands transport.Transport to Caddy as it is.
type plain struct {
	*reverseproxy.HTTPTransport
	File string

	signing *transport.Transport
}

func init() { caddy.RegisterModule(plain{}) }

func (plain) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.transport.plain_for_test", New: func() caddy.Module {
		return &plain{HTTPTransport: new(reverseproxy.HTTPTransport)}
	}}
}

func (p *plain) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.Args(&p.File) {
		return d.ArgErr()
	}
	return nil
}

func (p *plain) Provision(ctx caddy.Context) error {
	if err := p.HTTPTransport.Provision(ctx); err != nil {
		return err
	}
	proxy := ctx.Modules()[len(ctx.Modules())-2].(*reverseproxy.Handler)
	var all []auth.Authenticator
	for _, u := range proxy.Upstreams {
		a, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "http://" + u.Dial, Instance: "example", Secret: auth.NewFile(p.File)})
		if err != nil {
			return err
		}
		all = append(all, a)
	}
	var err error
	p.signing, err = transport.New(p.HTTPTransport, all...)
	return err
}

func (p *plain) RoundTrip(req *http.Request) (*http.Response, error) {
	p.SetScheme(req)
	req.Host = ""
	return p.signing.RoundTrip(req)
}

// resetting resets each connection when it has read so much of a request's body.
func resetting(t testing.TB, after int64) string {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, after)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	}))
	t.Cleanup(gateway.Close)
	return strings.TrimPrefix(gateway.URL, "http://")
}

// silent reads all and never answers.
func silent(t testing.TB) string {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(gateway.Close)
	return strings.TrimPrefix(gateway.URL, "http://")
}

// A sample is a request with a body, and what of it must arrive.
type sample struct {
	name, contentType, body string
	chunked                 bool
	want                    [][2]string
}

func samples(t testing.TB) (all []sample) {
	value := func(n int) string { return strings.Repeat("v", n) }
	add := func(name, contentType, body string, want [][2]string) {
		all = append(all, sample{name, contentType, body, false, want}, sample{name + ", chunked", contentType, body, true, want})
	}
	for _, size := range []struct {
		name string
		n    int
	}{{"", 20}, {" of 1 MiB", maxKept - len("amount=1&text=")}, {" of 3 MiB", 3 << 20}} {
		name, n := size.name, size.n
		want := [][2]string{{"amount", "1"}, {"text", value(n)}}
		add("form"+name, "application/x-www-form-urlencoded", "amount=1&text="+value(n), want)
		if n == 3<<20 || n == 20 {
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			require.NoError(t, w.SetBoundary("0123456789abcdef"))
			require.NoError(t, w.WriteField("amount", "1"))
			f, err := w.CreateFormFile("file", "a.png")
			require.NoError(t, err)
			io.WriteString(f, value(n))
			require.NoError(t, w.Close())
			add("multipart"+name, w.FormDataContentType(), b.String(), want[:1])
		}
		if n == 20 {
			add("JSON", "application/json", `{"amount":1,"text":"`+value(n)+`"}`, want)
		}
	}
	return all
}

// sendAll sends the samples, each twice, since the upstreams take turns, and returns
// what is wrong: each must arrive as it is or not at all, and a client that got 200
// knows that it did.
func sendAll(t testing.TB, url string, seen *seen, only, sent string) (faults []string, answers []answer) {
	for _, s := range samples(t) {
		if !strings.Contains(s.name, only) {
			continue
		}
		for range 2 {
			req := form(t, url+"/pay/v1.0/Gateway/", s.body)
			req.Header.Set("Content-Type", s.contentType)
			if s.chunked {
				req.ContentLength, req.GetBody = -1, nil
			}
			got, isAnswered := answer{}, true
			if resp, err := noRedirects.Do(req); err == nil {
				got = answer{resp.StatusCode, resp.Header, ""}
				resp.Body.Close()
			} else { // the server answered and closed as it was still sending
				require.Greater(t, len(s.body), maxKept, "%s: %v", s.name, err)
				isAnswered = false
			}
			accepted := 0
			for _, e := range seen.take() {
				if e.Err != nil {
					continue
				}
				accepted++
				if fmt.Sprint(e.Parameters) != fmt.Sprint(s.want) {
					faults = append(faults, fmt.Sprintf("%s: the gateway accepted %d of %d parameters", s.name, len(e.Parameters), len(s.want)))
				}
			}
			if (got.status == 200) != (accepted == 1) {
				faults = append(faults, fmt.Sprintf("%s: %d, and accepted %d times", s.name, got.status, accepted))
			}
			if isAnswered && got.status != 200 && got.header.Get("Countersign-Sent") != sent {
				faults = append(faults, fmt.Sprintf("%s: %d, and Countersign-Sent is %q", s.name, got.status, got.header.Get("Countersign-Sent")))
			}
			answers = append(answers, got)
		}
	}
	return faults, answers
}

// TestBodyArrivesWholeOrNotAtAll: when Caddy tries again.
func TestBodyArrivesWholeOrNotAtAll(t *testing.T) {
	gateway, seen := paylink(t)
	alive := strings.TrimPrefix(gateway.URL, "http://")
	file := secretFile(t, testSecret)
	own := "transport countersign paylinkhmac {\ninstance example\nsecret_file " + file + "\nresponse_header_timeout 1s\n}"
	const retry = "lb_policy round_robin\nlb_try_interval 1ms\n"
	const retryPOST = retry + "lb_retry_match method POST\n"
	for _, c := range []struct {
		name, first, options, transport string
		only                            string // of the samples' names
		sent                            string // what those that fail say
		want200                         int    // -1 for half of them or more
	}{
		{"dial error, lb_retries", deadAddress(t), retry + "lb_retries 2", own, "", "no", 20},
		{"dial error, lb_try_duration", deadAddress(t), retry + "lb_try_duration 1h", own, "", "no", 20},
		{"reset at once", resetting(t, 0), retryPOST + "lb_retries 2", own, "", "unknown", -1},
		{"reset in the body", resetting(t, 10), retryPOST + "lb_retries 2", own, "", "unknown", -1},
		{"reset behind the body", resetting(t, 1<<30), retryPOST + "lb_retries 2", own, "", "unknown", 16},
		{"reset behind the body, Caddy's own buffers", resetting(t, 1<<30), retryPOST + "lb_retries 2\nrequest_buffers 4MiB", own, "", "unknown", 16},
		{"no answer", silent(t), retryPOST + "lb_retries 2", own, "multipart, chunked", "unknown", 2},
		{"a plain wrapper", deadAddress(t), retry + "lb_retries 2", "transport plain_for_test " + file, "", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := load(t, adapt(t, "caddyfile", sidecarOf(c.first+" "+alive, c.options+"\n"+c.transport)))
			faults, answers := sendAll(t, url, seen, c.only, c.sent)
			if strings.HasPrefix(c.transport, "transport plain") {
				require.Contains(t, strings.Join(faults, "\n"), "form, chunked: the gateway accepted 0 of 2 parameters")
				return
			}
			assert.Empty(t, faults)
			whole := 0
			for _, got := range answers {
				if got.status == 200 {
					whole++
				}
			}
			if c.want200 >= 0 {
				assert.Equal(t, c.want200, whole, "of %d", len(answers))
			} else {
				assert.GreaterOrEqual(t, whole, len(answers)/2)
			}
		})
	}
}

// sidecarOf is a Caddyfile whose reverse_proxy has this block.
func sidecarOf(upstreams, block string) string {
	const mark = "transport countersign paylinkhmac {\n\t\t\t\tMARK\n\t\t\t}"
	return strings.Replace(sidecar(upstreams, "paylinkhmac", "MARK", ""), mark, block, 1)
}
