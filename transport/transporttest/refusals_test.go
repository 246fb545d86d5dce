package transporttest_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/transport/transporttest"
)

// A clockLearner sends the time, by a clock that is put right by the Date of a
// refusal.
type clockLearner struct {
	deaf, blind bool // what is wrong
	asks        bool // for more than a status

	mu     sync.Mutex
	offset time.Duration
}

func (*clockLearner) Origins() []auth.Origin { return originsOfAPI }

func (l *clockLearner) Authenticate(req *http.Request, _ http.RoundTripper) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now().Add(l.offset).Unix()
	if l.blind {
		now = time.Now().Unix()
	}
	scheme.SetHeader(req, "Stamp", fmt.Sprint(now))
	return nil
}

func (l *clockLearner) Refused(_ *http.Request, resp *http.Response) bool {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || resp.StatusCode != http.StatusUnauthorized || l.deaf || l.asks && resp.Header.Get("Wrong") != "time" {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	skew := time.Until(date)
	wrong := (skew - l.offset).Abs() > time.Minute
	l.offset = skew
	return wrong
}

func clockGateway(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.ParseInt(strings.Join(r.Header["Stamp"], ","), 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > time.Minute {
		if err == nil {
			w.Header().Set("Wrong", "time")
		}
		http.Error(w, "wrong time", http.StatusUnauthorized)
	}
}

// A nonceLearner answers a challenge, as HTTP Digest does.
type nonceLearner struct {
	mu    sync.Mutex
	nonce string
}

func (*nonceLearner) Origins() []auth.Origin { return originsOfAPI }

func (l *nonceLearner) Authenticate(req *http.Request, _ http.RoundTripper) error {
	b, err := scheme.Body(req, 1<<20)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	scheme.SetHeader(req, "Authorization", fmt.Sprintf("Digest nonce=%q, response=%q", l.nonce, digest(l.nonce, cmp.Or(req.Method, http.MethodGet), req.URL.RequestURI(), b)))
	return nil
}

func digest(nonce, method, target string, body []byte) string {
	return signature(method, target, append([]byte(nonce), body...))
}

func (l *nonceLearner) Refused(req *http.Request, resp *http.Response) bool {
	nonce, found := strings.CutPrefix(resp.Header.Get("WWW-Authenticate"), "Digest nonce=")
	if resp.StatusCode != http.StatusUnauthorized || !found || strings.Contains(req.Header.Get("Authorization"), strconv.Quote(nonce)) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nonce = nonce
	return true
}

// nonceGateway accepts one nonce.
func nonceGateway(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	const nonce = "test-nonce-of-the-gateway"
	want := fmt.Sprintf("Digest nonce=%q, response=%q", nonce, digest(nonce, r.Method, r.URL.RequestURI(), body))
	if got := r.Header["Authorization"]; len(got) != 1 || got[0] != want {
		w.Header().Set("WWW-Authenticate", "Digest nonce="+nonce)
		http.Error(w, "wrong credentials", http.StatusUnauthorized)
	}
}

func TestBrokenClocksAreRejected(t *testing.T) {
	for want, l := range map[string]func() auth.Authenticator{
		"no request is sent again when the gateway refuses it with a Date that is an hour ahead: have Refused tell a wrong clock": func() auth.Authenticator { return &clockLearner{deaf: true} },
		"has it sent again as it was: authenticate it by the gateway's clock":                                                     func() auth.Authenticator { return &clockLearner{blind: true} },
	} {
		assertBroken(t, "clock", want, transporttest.TestLearner(l, http.HandlerFunc(clockGateway), nil, payment(t), list(t)))
	}
}
