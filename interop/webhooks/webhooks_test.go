package webhooks_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/interop/webhooks"
	"github.com/countersign/countersign/webhook/ipn"
)

const secretKey = "test-secret-key"

// signed returns the source's HMAC, each value behind its length.
func signed(values ...string) string {
	mac := hmac.New(sha256.New, []byte(secretKey))
	for _, v := range values {
		fmt.Fprintf(mac, "%d%s", len(v), v)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// notification returns the body of one about an order, sent at a time.
func notification(refNo, messageID, sent string) string {
	values := []string{refNo, messageID, "COMPLETE", "0", "47", "Schlüssel", sent}
	names := []string{"REFNO", "MESSAGE_ID", "ORDERSTATUS", "TEST_ORDER", "IPN_PID[]", "IPN_PNAME[]", "IPN_DATE"}
	var b strings.Builder
	for i, name := range names {
		fmt.Fprintf(&b, "%s=%s&", url.QueryEscape(name), url.QueryEscape(values[i]))
	}
	return b.String() + "SIGNATURE_SHA2_256=" + signed(values...)
}

var tag = regexp.MustCompile(`^<sig algo="sha256" date="(\d{14})">([0-9a-f]{64})</sig>$`)

// isReply reports whether a reply acknowledges a notification that was sent at a time.
func isReply(reply, sent string) bool {
	part := tag.FindStringSubmatch(strings.TrimSpace(reply))
	return part != nil && part[2] == signed("47", "Schlüssel", sent, part[1])
}

func newShop(t *testing.T) *webhooks.Shop {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "shop.db")+"?_pragma=busy_timeout(60000)&_txlock=immediate")
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	_, err = db.Exec(webhooks.Schema)
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO orders (reference, amount, currency) VALUES ('1001', '89.25', 'EUR')`)
	require.NoError(t, err)
	return &webhooks.Shop{DB: db, Fetch: func(_ context.Context, refNo string) (webhooks.Fetched, error) {
		switch refNo {
		case "11331111":
			return webhooks.Fetched{Reference: "1001", Amount: "89.25", Currency: "EUR", Status: "COMPLETE"}, nil
		case "11331112":
			return webhooks.Fetched{Reference: "1001", Amount: "0.01", Currency: "EUR", Status: "COMPLETE"}, nil
		case "11331113":
			return webhooks.Fetched{Reference: "1001", Amount: "89.25", Currency: "EUR", Status: "REFUND"}, nil
		case "11331114":
			return webhooks.Fetched{Reference: "1001", Amount: "89.25", Currency: "EUR", Status: "PENDING"}, nil
		}
		return webhooks.Fetched{Reference: refNo, Amount: "89.25", Currency: "EUR", Status: "COMPLETE"}, nil
	}}
}

func count(t *testing.T, shop *webhooks.Shop, table string) (n int) {
	t.Helper()
	require.NoError(t, shop.DB.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
	return n
}

func handler(notify func(context.Context, *ipn.Notification) error) *ipn.Handler {
	return &ipn.Handler{
		SecretKeys: []auth.SecretSource{auth.NewSecret(secretKey)}, Notify: notify,
		OnError: func(*http.Request, error) {},
	}
}

// post sends a notification, and returns the reply.
func post(t *testing.T, url, body string) (int, string, error) {
	t.Helper()
	resp, err := http.Post(url, "application/x-www-form-urlencoded", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(reply), err
}

// TestFiftyRepetitionsHaveOneEffect sends repetitions of one event, and the event sent
// again at another time, all at once.
func TestFiftyRepetitionsHaveOneEffect(t *testing.T) {
	shop := newShop(t)
	server := httptest.NewServer(handler(shop.Notify))
	defer server.Close()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			sent := fmt.Sprintf("202606122003%02d", i%10)
			status, reply, err := post(t, server.URL, notification("11331111", "250123", sent))
			assert.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
			assert.True(t, isReply(reply, sent), "%s", reply)
		})
	}
	wg.Wait()
	assert.Equal(t, 1, count(t, shop, "deliveries"))
	assert.Equal(t, 1, count(t, shop, "events"))

	// Another event of the same order, which says the same.
	status, _, err := post(t, server.URL, notification("11331111", "250124", "20260613200300"))
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, 1, count(t, shop, "deliveries"))
}

// TestACrashBetweenEffectAndReply breaks off before and behind the commit.
func TestACrashBetweenEffectAndReply(t *testing.T) {
	for _, committed := range []bool{false, true} {
		shop := newShop(t)
		crashed := false
		server := httptest.NewUnstartedServer(handler(func(ctx context.Context, n *ipn.Notification) error {
			if crashed {
				return shop.Notify(ctx, n)
			}
			crashed = true
			if committed {
				require.NoError(t, shop.Notify(ctx, n))
			}
			panic(http.ErrAbortHandler)
		}))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.Start()
		_, _, err := post(t, server.URL, notification("11331111", "250123", "20260612200300"))
		assert.Error(t, err, "nothing is acknowledged")
		assert.Equal(t, map[bool]int{false: 0, true: 1}[committed], count(t, shop, "deliveries"))
		status, reply, err := post(t, server.URL, notification("11331111", "250123", "20260612200400"))
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
		assert.True(t, isReply(reply, "20260612200400"))
		assert.Equal(t, 1, count(t, shop, "deliveries"))
		server.Close()
	}
}

func TestTheEffectFollowsFromTheOrder(t *testing.T) {
	for refNo, want := range map[string]struct {
		status, deliveries int
		state              string
	}{
		"11331111": {200, 1, "paid"},
		"11331112": {500, 0, "open"}, // another amount
		"11331113": {200, 0, "refunded"},
		"11331114": {500, 0, "open"}, // behind the notification
		"11339999": {200, 0, "open"}, // not ours
	} {
		shop := newShop(t)
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/", strings.NewReader(notification(refNo, "1", "20260612200300")))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		handler(shop.Notify).ServeHTTP(w, r)
		assert.Equal(t, want.status, w.Code, refNo)
		assert.Equal(t, want.deliveries, count(t, shop, "deliveries"), refNo)
		var state string
		require.NoError(t, shop.DB.QueryRow("SELECT state FROM orders").Scan(&state))
		assert.Equal(t, want.state, state, refNo)
		assert.Equal(t, want.status == 200, count(t, shop, "events") == 1, "%s: what comes again is new", refNo)
		assert.Equal(t, want.status == 200, isReply(w.Body.String(), "20260612200300"), refNo)
	}
}

// A subscription is no order: there is nothing to fetch, and nothing to send again.
func TestASubscriptionIsAcknowledged(t *testing.T) {
	shop := newShop(t)
	shop.Fetch = func(context.Context, string) (webhooks.Fetched, error) {
		return webhooks.Fetched{}, errors.New("there is no such order")
	}
	w := httptest.NewRecorder()
	body := "LICENSE_CODE=3C343D0FAF&EXPIRATION_DATE=2027-03-04&STATUS=ACTIVE&MESSAGE_ID=1&SIGNATURE_SHA2_256=" + signed("3C343D0FAF", "2027-03-04", "ACTIVE", "1")
	handler(shop.Notify).ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(body)))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), "<sig ")
	assert.Zero(t, count(t, shop, "events"))
}

// TestRouters registers the Handler with and without a method, and behind what has read
// the body.
func TestRouters(t *testing.T) {
	notified := 0
	h := handler(func(context.Context, *ipn.Notification) error { notified++; return nil })
	withMethod, without := http.NewServeMux(), http.NewServeMux()
	withMethod.Handle("POST /2checkout/ipn", h)
	without.Handle("/2checkout/ipn", h)
	routed, posted, parsed := chi.NewRouter(), chi.NewRouter(), chi.NewRouter()
	routed.Handle("/2checkout/ipn", h)
	posted.Method(http.MethodPost, "/2checkout/ipn", h)
	parsed.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.ParseForm()
			next.ServeHTTP(w, r)
		})
	})
	parsed.Handle("/2checkout/ipn", h)
	for name, c := range map[string]struct {
		router    http.Handler
		get, post int
	}{
		"net/http":                {without, 200, 200},
		"net/http, with a method": {withMethod, 405, 200}, // the set-up fails
		"chi":                     {routed, 200, 200},
		"chi, with a method":      {posted, 405, 200},
		"chi, behind ParseForm":   {parsed, 200, 400},
	} {
		notified = 0
		w := httptest.NewRecorder()
		c.router.ServeHTTP(w, httptest.NewRequest("GET", "/2checkout/ipn", nil))
		assert.Equal(t, c.get, w.Code, name)
		w = httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/2checkout/ipn?wc-api=2checkout", strings.NewReader(notification("11331111", "1", "20260612200300")))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		c.router.ServeHTTP(w, r)
		assert.Equal(t, c.post, w.Code, name)
		assert.Equal(t, c.post == 200, notified == 1, name)
		assert.Equal(t, c.post == 200, isReply(w.Body.String(), "20260612200300"), name)
	}
}

func TestALambdaFunction(t *testing.T) {
	notified := 0
	f := &webhooks.Function{SecretKey: auth.NewSecret(secretKey), Notify: func(_ context.Context, n *ipn.Notification) error {
		notified++
		if n.Get("REFNO") == "11331112" {
			return errors.New("the database is away")
		}
		return nil
	}}
	body := notification("11331111", "1", "20260612200300")
	handle := func(method, body string, isBase64 bool) webhooks.Response {
		t.Helper()
		text, err := json.Marshal(map[string]any{
			"version": "2.0", "headers": map[string]string{"content-type": "application/x-www-form-urlencoded"}, "body": body, "isBase64Encoded": isBase64,
			"requestContext": map[string]any{"http": map[string]string{"method": method, "path": "/2checkout/ipn"}},
		})
		require.NoError(t, err)
		var e webhooks.Event
		require.NoError(t, json.Unmarshal(text, &e))
		answer, err := f.Handle(t.Context(), e)
		require.NoError(t, err)
		return answer
	}
	assert.Equal(t, 200, handle("GET", "", false).StatusCode)
	for _, isBase64 := range []bool{false, true} {
		notified = 0
		sent := body
		if isBase64 {
			sent = base64.StdEncoding.EncodeToString([]byte(body))
		}
		answer := handle("POST", sent, isBase64)
		assert.Equal(t, 200, answer.StatusCode)
		assert.True(t, isReply(answer.Body, "20260612200300"))
		assert.Equal(t, 1, notified)
	}
	var logged bytes.Buffer
	defer log.SetOutput(log.Writer())
	log.SetOutput(&logged)
	for name, refused := range map[string]struct {
		method, body string
		isBase64     bool
		want         int
	}{
		"a hash that is wrong":           {"POST", strings.Replace(body, "11331111", "11331119", 1), false, 400},
		"base64 that is none":            {"POST", body, true, 400},
		"base64 that is not said":        {"POST", base64.StdEncoding.EncodeToString([]byte(body)), false, 400},
		"a function that fails":          {"POST", notification("11331112", "1", "20260612200300"), false, 500},
		"nothing":                        {"POST", "", false, 400},
		"another method":                 {"PUT", body, false, 405},
		"an event of payload format 1.0": {"", body, false, 405},
	} {
		logged.Reset()
		answer := handle(refused.method, refused.body, refused.isBase64)
		assert.Equal(t, refused.want, answer.StatusCode, name)
		assert.Empty(t, answer.Body, name)
		assert.Equal(t, 1, strings.Count(logged.String(), "\n"), "%s: what the operator is told: %s", name, &logged)
		assert.NotContains(t, logged.String(), "11331111", name)
	}
}
