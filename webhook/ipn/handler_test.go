package ipn_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/webhook/ipn"
)

// A shop is a handler that keeps what it is told.
type shop struct {
	ipn.Handler
	notified []*ipn.Notification
	errs     []error
}

func newShop() *shop {
	s := new(shop)
	s.SecretKeys = []auth.SecretSource{auth.NewSecret(key)}
	s.Notify = func(_ context.Context, n *ipn.Notification) error {
		s.notified = append(s.notified, n)
		return nil
	}
	s.OnError = func(_ *http.Request, err error) { s.errs = append(s.errs, err) }
	return s
}

const formType = "application/x-www-form-urlencoded"

func post(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/2checkout/ipn?route=ipn&REFNO=1", strings.NewReader(body))
	r.Header.Set("Content-Type", formType)
	return r
}

func (s *shop) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// requireRefused checks that the peer is told nothing and the operator something.
func (s *shop) requireRefused(t *testing.T, w *httptest.ResponseRecorder, status int, code error, name string) {
	t.Helper()
	assert.Equal(t, status, w.Code, name)
	assert.Equal(t, http.StatusText(status)+"\n", w.Body.String(), name)
	require.Len(t, s.errs, 1, name)
	if code != nil {
		assert.ErrorIs(t, s.errs[0], code, name)
	}
	e, ok := errors.AsType[*auth.Error](s.errs[0])
	require.True(t, ok, name)
	assert.NotEmpty(t, e.Op, name)
	assert.NotContains(t, e.Error(), "240000001", name)
}

func TestHandlerAcknowledges(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"an order":       post(sign(base)),
		"a subscription": post(sign(license)),
	} {
		s := newShop()
		w := s.serve(r)
		assert.Equal(t, http.StatusOK, w.Code, name)
		assert.Regexp(t, `^<sig algo="sha256" date="\d{14}">[0-9a-f]{64}</sig>$`, w.Body.String(), name)
		assert.Len(t, s.notified, 1, name)
		assert.Empty(t, s.errs, name)
	}
}

// The set-up asks by GET, and so do people.
func TestHandlerAnswersTheSetUp(t *testing.T) {
	for method, status := range map[string]int{http.MethodGet: 200, http.MethodHead: 200, http.MethodPut: 405, http.MethodDelete: 405, http.MethodOptions: 405} {
		s := newShop()
		w := s.serve(httptest.NewRequest(method, "/", strings.NewReader(sign(base))))
		assert.Equal(t, status, w.Code, method)
		assert.Empty(t, s.notified, method)
		if status != 200 {
			s.requireRefused(t, w, status, auth.ErrRequest, method)
			assert.Equal(t, "GET, HEAD, POST", w.Header().Get("Allow"))
		}
	}
}

func TestHandlerRefuses(t *testing.T) {
	failing := auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.Secret{}, errors.New("the manager is down") })
	for name, c := range map[string]struct {
		body   string
		change func(*shop, *http.Request)
		status int
		code   error
	}{
		"too long":              {strings.Repeat("a=", 1<<19) + "&", nil, 413, auth.ErrBody},
		"too long, unannounced": {strings.Repeat("a=", 1<<19) + "&", func(_ *shop, r *http.Request) { r.ContentLength = -1 }, 413, auth.ErrBody},
		"JSON":                  {sign(base), func(_ *shop, r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400, auth.ErrBody},
		"multipart":             {sign(base), func(_ *shop, r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=b") }, 400, auth.ErrBody},
		"two types":             {sign(base), func(_ *shop, r *http.Request) { r.Header.Add("Content-Type", formType) }, 400, auth.ErrBody},
		"compressed":            {sign(base), func(_ *shop, r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 400, auth.ErrBody},
		"cut off": {sign(base), func(_ *shop, r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("a=1"), broken{}))
		}, 400, auth.ErrBody},
		"no body":                  {"", nil, 400, auth.ErrUnsigned},
		"a nil body":               {"", func(_ *shop, r *http.Request) { r.Body = nil }, 400, auth.ErrUnsigned},
		"no hash":                  {base, nil, 400, auth.ErrUnsigned},
		"a hash twice":             {sign(base) + "&SIGNATURE_SHA2_256=", nil, 400, auth.ErrUnsigned},
		"hashes that disagree":     {sign(base) + "&SIGNATURE_SHA3_256=" + strings.Repeat("0", 64), nil, 400, auth.ErrSignature},
		"another key":              {sign(base), func(s *shop, _ *http.Request) { s.SecretKeys[0] = auth.NewSecret("another-secret-key") }, 400, auth.ErrSignature},
		"a header":                 {sign("LICENSE_CODE=YOURCODE123&EXPIRATION_DATE=2020-06-18+08:05:46"), nil, 400, auth.ErrRequest},
		"a reply":                  {sign("IPN_PID[]=1&IPN_PNAME[]=COMPLETE&IPN_DATE=20260304050608&REFNO=20260304050709"), nil, 400, auth.ErrRequest},
		"an empty key":             {sign(base), func(s *shop, _ *http.Request) { s.SecretKeys[0] = auth.NewSecret("") }, 500, auth.ErrSecret},
		"no key":                   {sign(base), func(s *shop, _ *http.Request) { s.SecretKeys = nil }, 500, auth.ErrSecret},
		"a key that cannot be had": {sign(base), func(s *shop, _ *http.Request) { s.SecretKeys[0] = failing }, 500, auth.ErrSecret},
		"no Notify":                {sign(base), func(s *shop, _ *http.Request) { s.Notify = nil }, 500, auth.ErrConfig},
		"no TEST_ORDER":            {sign(strings.Replace(base, "TEST_ORDER", "TEST", 1)), nil, 500, auth.ErrRequest},
		"an odd TEST_ORDER":        {sign(strings.Replace(base, "TEST_ORDER=0", "TEST_ORDER=", 1)), nil, 500, auth.ErrRequest},
		"an odd TEST":              {sign(license + "&TEST=2"), nil, 500, auth.ErrRequest},
		"ParseForm":                {sign(base), func(_ *shop, r *http.Request) { r.ParseForm() }, 400, auth.ErrBody},
		"ParseForm, unannounced":   {sign(base), func(_ *shop, r *http.Request) { r.ContentLength = -1; r.ParseForm() }, 400, auth.ErrBody},
		"FormValue":                {sign(base), func(_ *shop, r *http.Request) { r.FormValue("REFNO") }, 400, auth.ErrBody},
		"read":                     {sign(base), func(_ *shop, r *http.Request) { io.Copy(io.Discard, r.Body) }, 400, auth.ErrBody},
		"read in part":             {sign(base), func(_ *shop, r *http.Request) { io.CopyN(io.Discard, r.Body, 10) }, 400, auth.ErrBody},
	} {
		s := newShop()
		r := post(c.body)
		if c.change != nil {
			c.change(s, r)
		}
		w := s.serve(r)
		s.requireRefused(t, w, c.status, c.code, name)
		assert.Empty(t, s.notified, name)
	}
}

// A broken body fails, as one does whose peer has gone.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestHandlerSaysThatTheBodyWasRead(t *testing.T) {
	s := newShop()
	r := post(sign(base))
	require.NoError(t, r.ParseForm())
	s.serve(r)
	require.Len(t, s.errs, 1)
	assert.ErrorContains(t, s.errs[0], "ParseForm")
}

// Middleware that puts the body back leaves nothing to refuse.
func TestHandlerTakesABodyThatWasPutBack(t *testing.T) {
	s := newShop()
	r := post(sign(base))
	require.NoError(t, r.ParseForm())
	r.Body = io.NopCloser(strings.NewReader(sign(base)))
	assert.Equal(t, http.StatusOK, s.serve(r).Code)
}

func TestHandlerTakesTheTypeInAnySpelling(t *testing.T) {
	for _, contentType := range []string{"", "application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-URLEncoded", "application/x-www-form-urlencoded;;"} {
		s := newShop()
		r := post(sign(base))
		if r.Header.Set("Content-Type", contentType); contentType == "" {
			r.Header.Del("Content-Type")
		}
		assert.Equal(t, http.StatusOK, s.serve(r).Code, contentType)
	}
}

func TestATestOrderIsAcknowledgedAndGoesNoFurther(t *testing.T) {
	for name, body := range map[string]string{"an order": strings.Replace(base, "TEST_ORDER=0", "TEST_ORDER=1", 1), "a subscription": license + "&TEST=1"} {
		s := newShop()
		w := s.serve(post(sign(body)))
		assert.Equal(t, http.StatusOK, w.Code, name)
		assert.Contains(t, w.Body.String(), "<sig ", name)
		assert.Empty(t, s.notified, name)
		assert.Empty(t, s.errs, name)

		s = newShop()
		s.AcceptTestOrders = true
		assert.Equal(t, http.StatusOK, s.serve(post(sign(body))).Code, name)
		require.Len(t, s.notified, 1, name)
		test, known := s.notified[0].Test()
		assert.True(t, test && known, name)
	}
	s := newShop()
	s.serve(post(sign(strings.Replace(base, "TEST_ORDER", "A", 1))))
	require.Len(t, s.errs, 1)
	assert.ErrorContains(t, s.errs[0], "choose this field in the IPN settings")
	s.AcceptTestOrders = true
	assert.Equal(t, http.StatusOK, s.serve(post(sign(strings.Replace(base, "TEST_ORDER", "A", 1)))).Code)
}

// What Notify fails with, may it be one of this module's own errors, is not the
// peer's fault.
func TestWhatIsNotProcessedIsNotAcknowledged(t *testing.T) {
	for _, cause := range []error{errors.New("the database is down"), &auth.Error{Op: "sign GET", Code: auth.ErrSignature}, auth.ErrBody} {
		s := newShop()
		s.Notify = func(context.Context, *ipn.Notification) error { return cause }
		w := s.serve(post(sign(base)))
		s.requireRefused(t, w, http.StatusInternalServerError, cause, cause.Error())
	}
}

func TestAPanicPassesAndAcknowledgesNothing(t *testing.T) {
	s := newShop()
	s.Notify = func(context.Context, *ipn.Notification) error { panic("a bug") }
	w := httptest.NewRecorder()
	assert.PanicsWithValue(t, "a bug", func() { s.ServeHTTP(w, post(sign(base))) })
	assert.Empty(t, w.Body.String())
	assert.False(t, w.Flushed)

	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	_, err := http.Post(server.URL, formType, strings.NewReader(sign(base)))
	assert.ErrorIs(t, err, io.EOF)
}

func TestWhatIsProcessedTooLateIsNotAcknowledged(t *testing.T) {
	for name, notify := range map[string]func(context.Context, *ipn.Notification) error{
		"it heeds its context": func(ctx context.Context, _ *ipn.Notification) error { <-ctx.Done(); return ctx.Err() },
		"it says it is done":   func(ctx context.Context, _ *ipn.Notification) error { <-ctx.Done(); return nil },
		"it heeds nothing":     func(context.Context, *ipn.Notification) error { time.Sleep(time.Hour); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop()
				s.Notify = notify
				began := time.Now()
				w := s.serve(post(sign(base)))
				s.requireRefused(t, w, http.StatusInternalServerError, context.DeadlineExceeded, name)
				assert.GreaterOrEqual(t, time.Since(began), 15*time.Second)
			})
		})
	}
}

func TestNothingIsWrittenWhileNotifyHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, release, done := newShop(), httptest.NewRecorder(), make(chan struct{}), false
		s.Notify = func(context.Context, *ipn.Notification) error { <-release; return nil }
		go func() { s.ServeHTTP(w, post(sign(base))); done = true }()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		assert.False(t, done)
		assert.Zero(t, w.Body.Len())
		close(release)
		synctest.Wait()
		assert.True(t, done)
		assert.NotContains(t, w.Body.String(), "<sig")
	})
}

// A peer that leaves ends Notify's context, and gets no acknowledgement.
func TestAPeerThatLeavesIsNotAcknowledged(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newShop()
	s.Notify = func(context.Context, *ipn.Notification) error { cancel(); return nil }
	w := s.serve(post(sign(base)).WithContext(ctx))
	s.requireRefused(t, w, http.StatusInternalServerError, context.Canceled, "")
}

// serve has the handler serve one end of a connection in memory, and returns the
// other one. The clock is the bubble's.
func serve(t *testing.T, h http.Handler) net.Conn {
	client, end := net.Pipe()
	conns := make(chan net.Conn, 1)
	conns <- end
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(pipe(conns))
	t.Cleanup(func() {
		client.Close()
		server.Close()
		time.Sleep(time.Second) // by the bubble's clock: a connection that is closed lingers for half of it
	})
	return client
}

// A pipe is a listener.
type pipe chan net.Conn

func (p pipe) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipe) Close() error   { close(p); return nil }
func (p pipe) Addr() net.Addr { return &net.UnixAddr{} }

func TestABodyThatDoesNotComeInTimeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		send  func(io.Writer)
		cause error
	}{
		"nothing comes":    {func(io.Writer) {}, os.ErrDeadlineExceeded},
		"half of it comes": {func(w io.Writer) { io.WriteString(w, base) }, os.ErrDeadlineExceeded},
		"it trickles": {func(w io.Writer) {
			for range 30 {
				if _, err := io.WriteString(w, "a"); err != nil {
					return
				}
				time.Sleep(700 * time.Millisecond)
			}
		}, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop()
				conn := serve(t, s)
				began, sent := time.Now(), make(chan struct{})
				go func() {
					defer close(sent)
					io.WriteString(conn, "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Type: "+formType+"\r\nContent-Length: 10000\r\n\r\n")
					c.send(conn)
				}()
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				require.NoError(t, err)
				assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
				assert.Equal(t, 10*time.Second, time.Since(began))
				require.Len(t, s.errs, 1)
				assert.ErrorIs(t, s.errs[0], auth.ErrBody)
				assert.ErrorIs(t, s.errs[0], c.cause)
				conn.Close()
				<-sent
			})
		})
	}
}

// net/http waits for a body before it answers, also for one that nobody reads.
func TestABodyThatIsNotReadIsNotWaitedForLonger(t *testing.T) {
	for method, status := range map[string]int{http.MethodGet: 200, http.MethodPut: 405} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := serve(t, newShop())
				began := time.Now()
				conn.SetReadDeadline(began.Add(time.Hour))
				go io.WriteString(conn, method+" / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1000\r\n\r\n")
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				require.NoError(t, err)
				assert.Equal(t, status, resp.StatusCode)
				assert.Equal(t, 10*time.Second, time.Since(began))
			})
		})
	}
}

// What is refused leaves nothing of itself in the request behind it, which is there
// already.
func TestARefusalEndsWithItsRequest(t *testing.T) {
	body := sign(base)
	plain := func(method, contentType, body string) string {
		return fmt.Sprintf("%s / HTTP/1.1\r\nHost: shop.example\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", method, contentType, len(body), body)
	}
	chunked := "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Type: " + formType + "\r\nTransfer-Encoding: chunked\r\n\r\n"
	next := plain("POST", formType, body)
	for name, c := range map[string]struct {
		first    string
		statuses []int
		notified int
	}{
		"no hash":                 {plain("POST", formType, base), []int{400, 200}, 1},
		"another type, unread":    {plain("POST", "application/json", body), []int{400, 200}, 1},
		"GET with a body":         {plain("GET", formType, body), []int{200, 200}, 1},
		"another method, unread":  {plain("PUT", formType, body), []int{405, 200}, 1},
		"a request in the body":   {plain("PUT", formType, next), []int{405, 200}, 1},
		"chunked":                 {fmt.Sprintf("%s%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", chunked, 50, body[:50], len(body)-50, body[50:]), []int{200, 200}, 2},
		"chunked, with a trailer": {strings.Replace(chunked, "Host", "Trailer: A\r\nHost", 1) + fmt.Sprintf("%x\r\n%s\r\n0\r\nA: 1\r\n\r\n", len(body), body), []int{400, 200}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop()
				conn := serve(t, s)
				go io.WriteString(conn, c.first+next)
				r := bufio.NewReader(conn)
				for _, status := range c.statuses {
					resp, err := http.ReadResponse(r, nil)
					require.NoError(t, err)
					assert.Equal(t, status, resp.StatusCode)
					_, err = io.Copy(io.Discard, resp.Body)
					require.NoError(t, err)
				}
				conn.SetReadDeadline(time.Now().Add(time.Minute))
				_, err := r.ReadByte()
				assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "a third answer")
				assert.Len(t, s.notified, c.notified)
			})
		})
	}
}

// A ResponseWriter that has no deadlines, as of middleware or of another server, does
// not let a body trickle for ever.
func TestABodyThatTricklesIsRefusedWithoutADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		r := post("")
		r.ContentLength = -1
		r.Body = io.NopCloser(trickle{})
		began := time.Now()
		w := s.serve(r)
		s.requireRefused(t, w, http.StatusBadRequest, context.DeadlineExceeded, "")
		assert.Equal(t, 12*time.Second, time.Since(began), "the first byte that comes too late")
	})
}

// A trickle is a byte each three seconds.
type trickle struct{}

func (trickle) Read(p []byte) (int, error) { time.Sleep(3 * time.Second); return copy(p, "a"), nil }

// The deadline is the body's alone: what net/http reads behind it, to see whether the
// peer leaves, has none.
func TestNotifyMayTakeLongerThanTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		s.Notify = func(ctx context.Context, _ *ipn.Notification) error { time.Sleep(14 * time.Second); return ctx.Err() }
		conn := serve(t, s)
		go post(sign(base)).Write(conn)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Empty(t, s.errs)
	})
}

// A key's source that hangs is given up with the body.
func TestAKeyThatDoesNotComeInTimeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		s.SecretKeys = []auth.SecretSource{auth.SecretFunc(func(ctx context.Context) (auth.Secret, error) { <-ctx.Done(); return auth.Secret{}, ctx.Err() })}
		w := s.serve(post(sign(base)))
		s.requireRefused(t, w, http.StatusInternalServerError, auth.ErrSecret, "")
	})
}

func TestErrorsAreLoggedByDefault(t *testing.T) {
	var logged bytes.Buffer
	defer log.SetOutput(log.Writer())
	log.SetOutput(&logged)
	s := newShop()
	s.OnError = nil
	s.serve(post(base))
	assert.Contains(t, logged.String(), "countersign: verify a notification: there is no hash")
}

// A handler is made for each request of a program with many merchants.
func TestManyMerchants(t *testing.T) {
	keys := map[string]string{"one": key, "two": "another-secret-key"}
	mux := http.NewServeMux()
	mux.HandleFunc("/ipn/{merchant}", func(w http.ResponseWriter, r *http.Request) {
		s := newShop()
		s.SecretKeys = []auth.SecretSource{auth.NewSecret(keys[r.PathValue("merchant")])}
		s.ServeHTTP(w, r)
	})
	for merchant, status := range map[string]int{"one": 200, "two": 400, "three": 500} {
		r := post(sign(base))
		r.URL.Path = "/ipn/" + merchant
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		assert.Equal(t, status, w.Code, merchant)
	}
}
