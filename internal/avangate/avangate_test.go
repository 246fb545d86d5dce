package avangate_test

import (
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/internal/avangate"
)

// The strings are of the vendor's documents of IPN and of authentication.
func TestAppendPrefixed(t *testing.T) {
	for want, values := range map[string][]string{
		"":                                   nil,
		"0":                                  {""},
		"11YOURCODE123192020-06-18 08:05:46": {"YOURCODE123", "2020-06-18 08:05:46"},
		"5TËST192020-06-18 08:05:46":         {"TËST", "2020-06-18 08:05:46"},
		"1116Software program14200503031234341420050303123434": {"1", "Software program", "20050303123434", "20050303123434"},
	} {
		assert.Equal(t, want, string(avangate.AppendPrefixed(nil, values...)))
		assert.Equal(t, "x"+want, string(avangate.AppendPrefixed([]byte("x"), values...)))
	}
}

func TestFormatHeader(t *testing.T) {
	assert.Equal(t, `code="C" date="D" hash="H" algo="A"`, avangate.FormatHeader("C", "D", "H", "A"))
}

func TestDateLayout(t *testing.T) {
	assert.Equal(t, "2020-06-18 08:05:46", time.Date(2020, 6, 18, 8, 5, 46, 9, time.UTC).Format(avangate.DateLayout))
}

func TestIsRPCError(t *testing.T) {
	for code, want := range map[string]bool{
		"10000": true, "10001": true, "10002": true, "10003": false, "1000": false, "010000": false, "+10000": false, "1e4": false, "-32600": false, "": false,
	} {
		assert.Equal(t, want, avangate.IsRPCError(code), code)
	}
}

func TestParameterText(t *testing.T) {
	for value, want := range map[string]string{
		`"a \u00fc"`: "a ü", `"-1"`: "-1", `0`: "0", `9.50`: "9.50", `-1e3`: "-1e3", `""`: "",
		`null`: "", `true`: "", `{"a": "b"}`: "", `["a"]`: "", ``: "",
	} {
		assert.Equal(t, want, avangate.ParameterText(json.RawMessage(value)), value)
	}
}

// The key has 20 bytes, which FIPS 140 mode allows. The values are PHP's
// hash_hmac's.
func TestFunctions(t *testing.T) {
	for _, test := range []struct {
		function avangate.Function
		name     string
		want     string
	}{
		{avangate.SHA2_256, "sha256", "f9d7466a8e0eb8391bca40bf1df01aedc365dd93326075200f675ae5412fd226"},
		{avangate.SHA3_256, "sha3-256", "7c714d06f1136003e7504d3241f2c056c4970d849482690e5a20d509e4ca66c5"},
	} {
		assert.Equal(t, test.name, test.function.Name)
		mac := hmac.New(test.function.New, []byte("kkkkkkkkkkkkkkkkkkkk"))
		mac.Write([]byte("8AVANGATE192010-05-13 12:12:12"))
		assert.Equal(t, test.want, hex.EncodeToString(mac.Sum(nil)))
	}
}
