package explain_test

import (
	"context"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/explain"
)

// received is a request with a body, as a server has it.
func received(body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/ipn?a=b", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// TestNotificationVectors: what PHP signed is right with each function, and what the
// vectors say is to be refused is wrong.
func TestNotificationVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/inbound.json")
	require.NoError(t, err)
	type messages struct {
		Cases, ReadingsDiffer []struct {
			Name, Key string
			Signed    map[string]string
		}
		Policy []struct {
			Name, Key, Body string
			Any             bool `json:"ok_if_any_algorithm"`
			NoMD5           bool `json:"ok_if_sha2_or_sha3_required"`
		}
	}
	var vectors struct {
		IPN     messages `json:"ipn_request"`
		LCN     messages `json:"lcn_request"`
		Webhook struct {
			Policy []struct {
				Name, Body string
				Key        string `json:"signing_key"`
				Header     *string
				OK         *bool
			}
		} `json:"payrexx_webhook"`
	}
	require.NoError(t, json.Unmarshal(text, &vectors))
	right := func(body, key string, md5 bool) bool {
		d, err := (&explain.Notification{SecretKey: auth.NewSecret(key), AllowMD5: md5}).Request(received(body))
		if err != nil {
			assert.ErrorIs(t, err, auth.ErrSecret)
			assert.Error(t, auth.NewSecret(key).Validate())
		}
		return d.Right
	}
	compared := 0
	for _, m := range []messages{vectors.IPN, vectors.LCN} {
		for _, c := range append(m.Cases, m.ReadingsDiffer...) {
			if auth.NewSecret(c.Key).Validate() != nil {
				continue // blanks at an edge; in FIPS 140 mode, too short
			}
			for name, body := range c.Signed {
				isMD5 := name == "md5"
				assert.Equal(t, !isMD5, right(body, c.Key, false), "%s, %s", c.Name, name)
				assert.Equal(t, !isMD5 || !fips140.Enforced(), right(body, c.Key, true), "%s, %s", c.Name, name)
				assert.False(t, right(body, c.Key+"x", true), "%s, %s", c.Name, name)
				compared++
			}
		}
		for _, c := range m.Policy {
			if c.Key != "" && auth.NewSecret(c.Key).Validate() != nil {
				continue
			}
			assert.Equal(t, c.NoMD5, right(c.Body, c.Key, false), c.Name)
			assert.Equal(t, c.Any && (c.NoMD5 || !fips140.Enforced()), right(c.Body, c.Key, true), c.Name)
		}
	}
	assert.Greater(t, compared, 30)
	for _, c := range vectors.Webhook.Policy {
		if c.OK == nil {
			continue
		}
		req := received(c.Body)
		if c.Header != nil {
			req.Header.Set("X-Webhook-Signature", *c.Header)
		}
		key := auth.NewSecret(c.Key)
		d, err := (&explain.Webhook{SigningKey: key}).Request(req)
		assert.Equal(t, key.Validate() != nil, err != nil, c.Name)
		assert.Equal(t, *c.OK, d.Right, c.Name)
	}
}

func TestNotificationErrors(t *testing.T) {
	secret := auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.Secret{}, os.ErrNotExist })
	_, err := (&explain.Notification{SecretKey: secret}).Request(received("a=b"))
	assert.ErrorIs(t, err, auth.ErrSecret)
	_, err = (&explain.Webhook{SigningKey: secret}).Request(received("a=b"))
	assert.ErrorIs(t, err, auth.ErrSecret)
	large := received(strings.Repeat("a", 1<<20+1))
	_, err = (&explain.Notification{SecretKey: secret}).Request(large)
	assert.ErrorIs(t, err, auth.ErrBody)
}

// TestNotesOfTestOrders: whatever a handler would not take for a paid order is noted.
func TestNotesOfTestOrders(t *testing.T) {
	const key = "test-secret-key"
	for fields, note := range map[string]string{
		"REFNO=1&IPN_DATE=2&TEST_ORDER=0":                      "",
		"REFNO=1&IPN_DATE=2&TEST_ORDER=1":                      "TEST_ORDER is 1",
		"REFNO=1&IPN_DATE=2&TEST_ORDER=1&LICENSE_CODE=3":       "TEST_ORDER is 1",
		"REFNO=1&IPN_DATE=2&TEST_ORDER=0&TEST_ORDER=1":         "TEST_ORDER is 1",
		"REFNO=1&IPN_DATE=2&TEST_ORDER=0&TEST_ORDER=0":         "not known",
		"REFNO=1&IPN_DATE=2&TEST_ORDER=":                       "not known",
		"REFNO=1&IPN_DATE=2&TEST_ORDER=YES":                    "not known",
		"REFNO=1&IPN_DATE=2":                                   "TEST_ORDER is not among the fields",
		"REFNO=1&IPN_DATE=2&LICENSE_CODE=3":                    "TEST_ORDER is not among the fields",
		"LICENSE_CODE=3&EXPIRATION_DATE=&A=1&B=2&TEST=1":       "TEST is 1",
		"LICENSE_CODE=3&EXPIRATION_DATE=&A=1&B=2&TEST=":        "",
		"LICENSE_CODE=3&EXPIRATION_DATE=&A=1&B=2&TEST=0":       "",
		"LICENSE_CODE=3&EXPIRATION_DATE=&A=1&B=2":              "",
		"LICENSE_CODE=3&EXPIRATION_DATE=&A=1&B=2&TEST=0&TEST=": "not known",
	} {
		var source []byte
		for pair := range strings.SplitSeq(fields, "&") {
			_, value, _ := strings.Cut(pair, "=")
			source = append(append(source, strconv.Itoa(len(value))...), value...)
		}
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(source)
		d, err := (&explain.Notification{SecretKey: auth.NewSecret(key)}).Request(received(fields + "&SIGNATURE_SHA2_256=" + hex.EncodeToString(mac.Sum(nil))))
		require.NoError(t, err)
		assert.True(t, d.Right, fields)
		notes := slices.DeleteFunc(d.Notes, func(note string) bool { return strings.HasPrefix(note, "package ipn") })
		if note == "" {
			assert.Empty(t, notes, fields)
		} else if assert.Len(t, notes, 1, fields) {
			assert.Contains(t, notes[0], note, fields)
		}
	}
}
