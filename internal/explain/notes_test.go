package explain

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPaylinkNotes: what a live gateway takes is right, and what is fragile about it
// or lost of it is said.
func TestPaylinkNotes(t *testing.T) {
	form := func(sent, signed string) string {
		return sent + "&ApiSignature=" + url.QueryEscape(sign(testSecret, signed))
	}
	for _, c := range []struct {
		name        string
		method, url string
		kind, body  string
		note        string // "" for none
	}{
		{"no fault", "POST", "/v1.0/Page/", formType, form("amount=100", "amount=100"), ""},
		{"a plus sign in the query", "GET", "/v1.11/Transaction/?instance=example&filterDatetimeUtcGreaterThan=2026-06-22+08%3A28%3A01&limit=100&ApiSignature=voVMAxg5TqqI5HwefyzQ%2FcqpypKEMGWfmVsko%2BEWUjo%3D",
			"", "", "a plus sign in the query is read as a space"},
		{"a form without a type", "POST", "/v1.0/Page/", "", "amount=100&ApiSignature=bSFa0cpnIuU8q1VYH%2FJxIYcsEK9yy7RMbpnIba4pQRk%3D", "the body has no Content-Type"},
		{"a form as text", "POST", "/v1.0/Page/", "text/plain", "amount=100&ApiSignature=bSFa0cpnIuU8q1VYH%2FJxIYcsEK9yy7RMbpnIba4pQRk%3D", `not of the type "text/plain"`},
		{"a form as JSON", "POST", "/v1.0/Page/", jsonType, "amount=100&ApiSignature=bSFa0cpnIuU8q1VYH%2FJxIYcsEK9yy7RMbpnIba4pQRk%3D", `not of the type "application/json"`},
		{"a charset", "POST", "/v1.0/Page/", formType + "; charset=iso-8859-1", form("amount=100", "amount=100"), "charset"},
		{"an unescaped signature", "POST", "/v1.0/Page/", formType, "amount=100&ApiSignature=bSFa0cpnIuU8q1VYH/JxIYcsEK9yy7RMbpnIba4pQRk=", "the signature is not escaped"},
		{"a repeated name", "POST", "/v1.0/Page/", formType, form("pm=a&pm=b", "pm=b"), "pm"},
		{"a list without its indexes", "POST", "/v1.0/Page/", formType, form("pm%5B%5D=a&pm%5B%5D=b", "pm%5B0%5D=a&pm%5B1%5D=b"), "an index is left out"},
		{"undefined", "POST", "/v1.0/Page/", formType, form("a=undefined", "a=undefined"), `the text "undefined"`},
		{"null", "POST", "/v1.0/Page/", formType, form("a=null", "a=null"), `the text "null"`},
		{"NaN", "POST", "/v1.0/Page/", formType, form("a=NaN", "a=NaN"), `the text "NaN"`},
		{"an object", "POST", "/v1.0/Page/", formType, form("a=%5Bobject%20Object%5D", "a=%5Bobject+Object%5D"), `the text "[object Object]"`},
		{"an array", "POST", "/v1.0/Page/", formType, form("a=Array", "a=Array"), `the text "Array"`},
		{"an array in JSON", "POST", "/v1.0/Page/", jsonType, fmt.Sprintf(`{"a":"Array","ApiSignature":%q}`, sign(testSecret, "a=Array")), `the text "Array"`},
		{"escaped twice on both sides", "POST", "/v1.0/Page/", formType, form("a=b%2520c", "a=b%2520c"), "a value is escaped twice"},
		{"no slash at the end", "POST", "/v1.0/Page", formType, form("amount=100", "amount=100"), "no slash at its end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			secret := testSecret
			if strings.Contains(c.url, "voVMAxg5") || strings.Contains(c.body, "bSFa0cp") {
				secret = "test-secret-key"
			}
			d := (&paylinkVector{Method: c.method, URL: c.url, Type: c.kind, Body: c.body, Secret: secret}).explain(t)
			assert.True(t, d.Right, d)
			if c.note == "" {
				assert.Empty(t, d.Notes)
				assert.Equal(t, "the signature is right", d.String())
				return
			}
			require.Len(t, d.Notes, 1)
			assert.Contains(t, d.Notes[0], c.note)
			assert.Equal(t, "the signature is right\nnote: "+d.Notes[0], d.String())
		})
	}
}

// TestAvangateKeptRequests: what is right for a date that is past is right where the
// request may be as old as that, and wrong on arrival.
func TestAvangateKeptRequests(t *testing.T) {
	sent, err := time.Parse(time.DateTime, avangateDate)
	require.NoError(t, err)
	for _, c := range []struct {
		name  string
		after time.Duration
		kept  bool
		note  string
		right bool
	}{
		{"new", time.Minute, true, "", true},
		{"old and kept", 6 * time.Hour, true, "the hash is right for its date, 6 hours ago: if the request is not new, say when it was made: --date; if it is local time, of UTC-06:00, write it in UTC", true},
		{"old on arrival", 6 * time.Hour, false, "", false},
		{"ahead of its time", -6 * time.Hour, true, "", false},
		{"of a clock of 12 hours", 12 * time.Hour, true, "the hash is right for its date, 12 hours ago: if the request is not new, say when it was made: --date; if it is local time, of UTC-12:00, write it in UTC; if the hour is of a clock that has 12, write it of 24", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := exampleAvangate()
			a.Now, a.Kept = func() time.Time { return sent.Add(c.after) }, c.kept
			d, err := a.Header(t.Context(), exampleHeader)
			require.NoError(t, err)
			assert.Equal(t, c.right, d.Right)
			assert.Equal(t, c.note, strings.Join(d.Notes, "\n"))
		})
	}
}

// TestAvangateLoginWithACodeOfDigits: PHP takes a number for its digits.
func TestAvangateLoginWithACodeOfDigits(t *testing.T) {
	hash := hashOf("6" + "250111" + "19" + avangateDate)
	v := avangateVector{Account: "250111", Key: avangateKey, Now: avangateDate, Path: "/rpc/6.0/",
		Body: fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"login","params":[250111,%q,%q,"sha256"]}`, avangateDate, hash)}
	assert.Equal(t, &Diagnosis{Right: true, StringToSign: "6250111192026-01-02 03:04:05"}, v.explain(t))
}
