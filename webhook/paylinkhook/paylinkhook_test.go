package paylinkhook_test

import (
	"context"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/webhook/paylinkhook"
)

const (
	key      = "test-secret-key"
	payment  = `{"transaction":{"id":17,"uuid":"5b1c9d7e","status":"confirmed","mode":"LIVE","amount":8925,"referenceId":"1001"}}`
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

func sign(body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func verify(t *testing.T, body, signature string, keys ...string) (*paylinkhook.Notification, error) {
	var sources []auth.SecretSource
	for _, key := range keys {
		sources = append(sources, auth.NewSecret(key))
	}
	return paylinkhook.Verify(t.Context(), []byte(body), signature, sources...)
}

func TestVectors(t *testing.T) {
	b, err := os.ReadFile("../../testdata/inbound.json")
	require.NoError(t, err)
	var v struct {
		Hook struct {
			Cases []struct {
				Name      string
				Key       string `json:"signing_key"`
				Body      string
				BodyHex   string `json:"body_hex"`
				Signature string
				Wrong     map[string]json.RawMessage
			}
			Policy []struct {
				Name   string
				Key    string `json:"signing_key"`
				Body   string
				Header string
				OK     *bool
			}
		} `json:"payrexx_webhook"`
	}
	require.NoError(t, json.Unmarshal(b, &v))
	require.NotEmpty(t, v.Hook.Cases)
	require.NotEmpty(t, v.Hook.Policy)
	for _, c := range v.Hook.Cases {
		raw, err := hex.DecodeString(c.BodyHex)
		require.NoError(t, err)
		body := c.Body + string(raw)
		n, err := verify(t, body, c.Signature, c.Key)
		switch {
		case strings.TrimSpace(c.Key) != c.Key:
			assert.ErrorIs(t, err, auth.ErrSecret, c.Name)
		case body == "":
			assert.ErrorIs(t, err, auth.ErrBody, c.Name)
		default:
			require.NoError(t, err, c.Name)
			assert.Equal(t, body, string(n.Body), c.Name)
			assert.Equal(t, "transaction", n.Object, c.Name)
			assert.NotEmpty(t, n.ID, c.Name)
		}
		for mistake, raw := range c.Wrong {
			var wrong string
			if json.Unmarshal(raw, &wrong) != nil {
				var made struct{ Signature string }
				require.NoError(t, json.Unmarshal(raw, &made))
				wrong = made.Signature
			}
			_, err := verify(t, body, wrong, c.Key)
			assert.True(t, errors.Is(err, auth.ErrSignature) || errors.Is(err, auth.ErrUnsigned), mistake)
		}
	}
	for _, c := range v.Hook.Policy {
		_, err := verify(t, c.Body, c.Header, c.Key)
		switch {
		case c.OK == nil || *c.OK: // capitals and blanks are taken
			assert.NoError(t, err, c.Name)
		case c.Key == "":
			assert.ErrorIs(t, err, auth.ErrSecret, c.Name)
		default:
			assert.ErrorIs(t, err, auth.ErrUnsigned, c.Name)
		}
	}
}

func TestKeysAreTriedInTurn(t *testing.T) {
	n, err := verify(t, payment, sign(payment), "the-new-secret-key", key)
	require.NoError(t, err)
	assert.True(t, n.Signed)
	_, err = verify(t, payment, sign(payment), "the-new-secret-key")
	assert.ErrorIs(t, err, auth.ErrSignature)
	_, err = verify(t, payment, sign(payment), "the-new-secret-key", "")
	assert.ErrorIs(t, err, auth.ErrSecret)
	_, err = verify(t, payment, sign(payment))
	assert.ErrorIs(t, err, auth.ErrSecret)
	if fips140.Enforced() {
		_, err = verify(t, payment, sign(payment), "short")
		assert.ErrorIs(t, err, auth.ErrSecret)
	}
	_, err = verify(t, strings.Repeat(" ", 1<<20)+payment, sign(payment), key)
	assert.ErrorIs(t, err, auth.ErrBody)
}

func TestNotification(t *testing.T) {
	type hints struct{ Object, ID, UUID, Status, Mode, Reference string }
	for body, want := range map[string]hints{
		payment: {"transaction", "17", "5b1c9d7e", "confirmed", "LIVE", "1001"},
		`{"subscription":{"id":3,"status":"active"}}`: {Object: "subscription", ID: "3", Status: "active"},
		` {"payout":{"uuid":"u"},"x":[1]}`:            {Object: "payout", UUID: "u"},
		`{"payout":{"id":90},"transaction":{"id":0}}`: {Object: "transaction", ID: "0"},
		`{"payout":{"id":90}}`:                        {Object: "payout", ID: "90"},
		`{"transaction":null}`:                        {},
		`{"invoice":{"id":1}}`:                        {},
		`{}`:                                          {},
		`{"transaction":{"id":"x\u00fc","uuid":null,"status":true,"mode":{},"referenceId":-1.50}}`:                                                        {Object: "transaction", ID: "xü", Reference: "-1.50"},
		`{"transaction":{"id":1,"contact":{"id":2,"status":"x"}},"status":"y","id":3}`:                                                                    {Object: "transaction", ID: "1"},
		"transaction%5Bid%5D=17&transaction[uuid]=5b1c9d7e&transaction%5Bstatus%5D=confirmed&transaction[mode]=TEST&transaction%5BreferenceId%5D=a%2Bb+c": {"transaction", "17", "5b1c9d7e", "confirmed", "TEST", "a+b c"},
		"subscription[id]=1&subscription[id]=2&subscription[contact][id]=3":                                                                               {Object: "subscription", ID: "2"},
		"transaction[id]=1&payout[id]=2&transaction[status]=waiting":                                                                                      {Object: "transaction", ID: "1", Status: "waiting"},
		"id=2&=3&[id]=4&payout[id]=5":                              {Object: "payout", ID: "5"},
		"payout[" + strings.Repeat("a", 1000) + "]=1&payout[id]=2": {Object: "payout", ID: "2"},
		strings.Repeat("a", 1000) + "[id]=1&payout[id]=2":          {Object: "payout", ID: "2"},
		escaped("subscription[referenceId]") + "=7":                {Object: "subscription", Reference: "7"},
		"payout[id]" + strings.Repeat("a", 1000) + "=1":            {Object: "payout"},
		"=1":                               {},
		"transaction=1&transactions[id]=2": {},
	} {
		n, err := verify(t, body, sign(body), key)
		require.NoError(t, err, body)
		assert.Equal(t, want, hints{n.Object, n.ID, n.UUID, n.Status, n.Mode, n.Reference}, body)
		assert.Equal(t, body, string(n.Body))
	}
	for _, body := range []string{"", " \r\n", `{"transaction":`, `[1]`, `null`, `"a"`, "text", `{"transaction":{"id":1}} {}`, `{"transaction":[]}`, "<xml/>"} {
		_, err := verify(t, body, sign(body), key)
		assert.ErrorIs(t, err, auth.ErrBody, body)
	}
}

// escaped escapes every byte.
func escaped(s string) (e string) {
	for _, c := range []byte(s) {
		e += fmt.Sprintf("%%%02x", c)
	}
	return e
}

func TestANotificationPrintsItsKindOnly(t *testing.T) {
	n, err := verify(t, payment, sign(payment), key)
	require.NoError(t, err)
	assert.Equal(t, "paylinkhook.Notification(transaction, signed)", fmt.Sprint(n))
	for _, text := range []string{fmt.Sprintf("%v", n), fmt.Sprintf("%+v", *n), fmt.Sprintf("%#v", n), fmt.Sprintf("%s %q", n, *n), fmt.Sprint(paylinkhook.Notification{Object: "8925", Body: []byte("8925")})} {
		assert.NotContains(t, text, "8925")
		assert.NotContains(t, text, "1001")
	}
}

// A shop is a handler that keeps what it is told.
type shop struct {
	paylinkhook.Handler
	notified []*paylinkhook.Notification
	errs     []error
}

func newShop() *shop {
	s := new(shop)
	s.SigningKeys = []auth.SecretSource{auth.NewSecret(key)}
	s.Notify = func(_ context.Context, n *paylinkhook.Notification) error {
		s.notified = append(s.notified, n)
		return nil
	}
	s.OnError = func(_ *http.Request, err error) { s.errs = append(s.errs, err) }
	return s
}

func (s *shop) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func post(contentType, body, signature string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	if signature != "" {
		r.Header.Set("X-Webhook-Signature", signature)
	}
	return r
}

func TestHandler(t *testing.T) {
	form := "transaction%5Bid%5D=17&transaction%5Bstatus%5D=confirmed"
	unsigned := func(s *shop, _ *http.Request) { s.Unsigned, s.SigningKeys = true, nil }
	for name, c := range map[string]struct {
		request *http.Request
		change  func(*shop, *http.Request)
		status  int
		code    error
	}{
		"JSON":                     {post(jsonType, payment, sign(payment)), nil, 200, nil},
		"a charset":                {post(jsonType+"; charset=utf-8", payment, sign(payment)), nil, 200, nil},
		"a form":                   {post(formType, form, sign(form)), nil, 200, nil},
		"capitals":                 {post(jsonType, payment, strings.ToUpper(sign(payment))), nil, 200, nil},
		"unsigned, as it is said":  {post(jsonType, payment, ""), unsigned, 200, nil},
		"GET":                      {httptest.NewRequest(http.MethodGet, "/", nil), nil, 200, nil},
		"PUT":                      {httptest.NewRequest(http.MethodPut, "/", nil), nil, 405, auth.ErrRequest},
		"no signature":             {post(jsonType, payment, ""), nil, 400, auth.ErrUnsigned},
		"no signature and no key":  {post(jsonType, payment, ""), func(s *shop, _ *http.Request) { s.SigningKeys = nil }, 400, auth.ErrUnsigned},
		"a signature and no key":   {post(jsonType, payment, sign(payment)), func(s *shop, _ *http.Request) { s.SigningKeys = nil }, 500, auth.ErrSecret},
		"two signatures":           {post(jsonType, payment, sign(payment)), func(_ *shop, r *http.Request) { r.Header.Add("x-webhook-signature", sign(payment)) }, 400, auth.ErrUnsigned},
		"a wrong signature":        {post(jsonType, payment, sign(payment+" ")), nil, 400, auth.ErrSignature},
		"a signature in the query": {httptest.NewRequest(http.MethodPost, "/?X-Webhook-Signature="+sign(payment), strings.NewReader(payment)), nil, 400, auth.ErrUnsigned},
		"another type":             {post("text/xml", payment, sign(payment)), nil, 400, auth.ErrBody},
		"too long":                 {post(jsonType, payment+strings.Repeat(" ", 1<<20), ""), nil, 413, auth.ErrBody},
		"too long, unsigned":       {post(jsonType, payment+strings.Repeat(" ", 1<<20), ""), unsigned, 413, auth.ErrBody},
		"empty":                    {post(jsonType, "", sign("")), nil, 400, auth.ErrBody},
		"no message, unsigned":     {post(jsonType, "hello", ""), unsigned, 400, auth.ErrBody},
		"read already":             {post(formType, form, sign(form)), func(_ *shop, r *http.Request) { r.ParseForm() }, 400, auth.ErrBody},
		"a key, and told of none":  {post(jsonType, payment, sign(payment)), func(s *shop, _ *http.Request) { s.Unsigned = true }, 500, auth.ErrConfig},
		"an empty key":             {post(jsonType, payment, sign(payment)), func(s *shop, _ *http.Request) { s.SigningKeys[0] = auth.NewSecret("") }, 500, auth.ErrSecret},
		"no Notify":                {post(jsonType, payment, sign(payment)), func(s *shop, _ *http.Request) { s.Notify = nil }, 500, auth.ErrConfig},
		"Notify's error": {post(jsonType, payment, sign(payment)), func(s *shop, _ *http.Request) {
			s.Notify = func(context.Context, *paylinkhook.Notification) error { return io.ErrNoProgress }
		}, 500, io.ErrNoProgress},
		"Notify's error of our own": {post(jsonType, payment, sign(payment)), func(s *shop, _ *http.Request) {
			s.Notify = func(context.Context, *paylinkhook.Notification) error { return auth.ErrUnsigned }
		}, 500, auth.ErrUnsigned},
	} {
		s := newShop()
		if c.change != nil {
			c.change(s, c.request)
		}
		w := s.serve(c.request)
		assert.Equal(t, c.status, w.Code, name)
		if c.code == nil {
			assert.Empty(t, w.Body.String(), name)
			assert.Empty(t, s.errs, name)
			if c.request.Method == http.MethodPost {
				require.Len(t, s.notified, 1, name)
				assert.Equal(t, "17", s.notified[0].ID, name)
				assert.Equal(t, !s.Unsigned, s.notified[0].Signed, name)
			}
			continue
		}
		assert.Equal(t, http.StatusText(c.status)+"\n", w.Body.String(), name)
		require.Len(t, s.errs, 1, name)
		assert.ErrorIs(t, s.errs[0], c.code, name)
		assert.NotContains(t, s.errs[0].Error(), "5b1c9d7e", name)
		assert.NotContains(t, s.errs[0].Error(), sign(payment), name)
		assert.Empty(t, s.notified, name)
	}
}

func TestWhatIsNotProcessedInTimeIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		s.Notify = func(ctx context.Context, _ *paylinkhook.Notification) error { <-ctx.Done(); return nil }
		assert.Equal(t, http.StatusInternalServerError, s.serve(post(jsonType, payment, sign(payment))).Code)
		require.Len(t, s.errs, 1)
		assert.ErrorIs(t, s.errs[0], context.DeadlineExceeded)
	})
}

func TestAPanicPasses(t *testing.T) {
	s := newShop()
	s.Notify = func(context.Context, *paylinkhook.Notification) error { panic("a bug") }
	w := httptest.NewRecorder()
	assert.Panics(t, func() { s.ServeHTTP(w, post(jsonType, payment, sign(payment))) })
	assert.Empty(t, w.Header())
}
