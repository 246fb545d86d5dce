package authtest_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/auth"
)

// merchantToken returns a JWT over two JSON objects.
func merchantToken(head, claims, word string) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(head)) + "." + encode([]byte(claims))
	mac := hmac.New(sha512.New, []byte(word))
	mac.Write([]byte(input))
	return input + "." + encode(mac.Sum(nil))
}

// The value is PHP's: hash_hmac('sha256', '3USD520.0013Custom Design118redirect26https://example.com/cb?a=17PRODUCT',
// 'test-secret-word').
func TestAvangateSignsBuyLinks(t *testing.T) {
	const (
		path      = "/checkout/api/encrypt/generate/signature"
		head      = `{"typ":"JWT","alg":"HS512"}`
		word      = "test-secret-word"
		link      = `{"merchant":"YOURCODE123","type":"PRODUCT","prod":"Custom Design","currency":"USD","price":"20.00","qty":1,"return-type":"redirect","return-url":"https://example.com/cb?a=1","src":"x","dynamic":true}`
		signature = `{"signature":"cdb95ebf84df08e1366a1c7b190aa25b1405429bd5edc8b369510a9950867d25"}`
	)
	s := newSessions(t)
	now := s.now.Unix()
	claims := func(sub, iat, exp string) string { return fmt.Sprintf(`{"sub":%q,"iat":%s,"exp":%s}`, sub, iat, exp) }
	number := func(offset int64) string { return fmt.Sprint(now + offset) }
	right := merchantToken(head, claims("YOURCODE123", number(0), number(1)), word)
	for name, c := range map[string]struct {
		method, path, token, body string
		status                    int
		reason                    error  // its code
		text                      string // and its text
	}{
		"right":               {"POST", path, right, link, 200, nil, ""},
		"a slash at the end":  {"POST", path + "/", right, link, 200, nil, ""},
		"times as strings":    {"POST", path, merchantToken(head, claims("YOURCODE123", `"`+number(-9)+`"`, `"`+number(9)+`"`), word), link, 200, nil, ""},
		"no end":              {"POST", path, merchantToken(head, `{"iat":`+number(0)+`,"sub":"YOURCODE123"}`, word), link, 200, nil, ""},
		"no token":            {"POST", path, "", link, 401, auth.ErrUnsigned, "there is no header merchant-token"},
		"two parts":           {"POST", path, right[:strings.LastIndex(right, ".")], link, 401, auth.ErrUnsigned, "is no JWT"},
		"no JSON":             {"POST", path, "x.y.z", link, 401, auth.ErrUnsigned, "is no JWT"},
		"another alg":         {"POST", path, merchantToken(`{"alg":"none"}`, claims("YOURCODE123", number(0), number(1)), word), link, 401, auth.ErrUnsigned, "alg is not HS512"},
		"another key":         {"POST", path, merchantToken(head, claims("YOURCODE123", number(0), number(1)), "test-secret-key"), link, 401, auth.ErrSignature, "is the key the Buy-Link Secret Word"},
		"another merchant":    {"POST", path, merchantToken(head, claims("OTHERCODE", number(0), number(1)), word), link, 401, auth.ErrSignature, "merchant code"},
		"ahead of the clock":  {"POST", path, merchantToken(head, claims("YOURCODE123", number(1), number(9)), word), link, 401, auth.ErrClock, "iat is ahead"},
		"expired":             {"POST", path, merchantToken(head, claims("YOURCODE123", number(-9), number(0)), word), link, 401, auth.ErrClock, "has expired"},
		"an end that is none": {"POST", path, merchantToken(head, claims("YOURCODE123", number(0), "true"), word), link, 401, auth.ErrUnsigned, "is not a number of seconds"},
		"no time":             {"POST", path, merchantToken(head, `{"sub":"YOURCODE123"}`, word), link, 401, auth.ErrUnsigned, "is not a number of seconds"},
		"no object":           {"POST", path, right, "[]", 400, nil, "is not a JSON object"},
		"a nested value":      {"POST", path, right, `{"price":{"USD":1}}`, 400, nil, "the value of price is neither a string nor a number"},
		"a boolean":           {"POST", path, right, `{"tangible":true}`, 400, nil, "the value of tangible"},
		"GET":                 {"GET", path, right, link, 400, nil, "are sent with POST"},
	} {
		t.Run(name, func(t *testing.T) {
			s.gateway.SecretWord = auth.NewSecret(word)
			req := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			if c.token != "" {
				req.Header.Set("merchant-token", c.token)
			}
			w := httptest.NewRecorder()
			s.gateway.ServeHTTP(w, req)
			assert.Equal(t, c.status, w.Code, "%s", w.Body)
			last := s.seen[len(s.seen)-1]
			assert.Equal(t, c.status, last.Status)
			if c.text == "" {
				assert.JSONEq(t, signature, w.Body.String())
				assert.NoError(t, last.Err)
				assert.Equal(t, "3USD520.0013Custom Design118redirect26https://example.com/cb?a=17PRODUCT", last.StringToSign)
				return
			}
			assert.ErrorContains(t, last.Err, c.text)
			if c.reason != nil {
				assert.ErrorIs(t, last.Err, c.reason)
			}
			assert.NotContains(t, w.Body.String(), "signature")
		})
	}
	s.gateway.SecretWord = nil
	req := httptest.NewRequest("POST", path, strings.NewReader(link))
	req.Header.Set("merchant-token", right)
	w := httptest.NewRecorder()
	s.gateway.ServeHTTP(w, req)
	assert.Equal(t, 500, w.Code)
	assert.ErrorIs(t, s.seen[len(s.seen)-1].Err, auth.ErrSecret)
}
