package explain

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// TestAvangateNamesTheCalendar: a date of another calendar or clock is named as such,
// however far away it is.
func TestAvangateNamesTheCalendar(t *testing.T) {
	now := time.Date(2026, 11, 28, 15, 4, 5, 0, time.UTC)
	for date, want := range map[string]string{
		"2569-11-28 15:04:05": "in the Thai calendar",
		"1448-06-18 15:04:05": "in the Islamic calendar",
		"1405-09-07 15:04:05": "in the Persian calendar",
		"2026-11-28 03:04:05": "if the hour is of a clock that has 12",
		"2026-10-28 15:04:05": "the months are counted from 0",
		"0001-01-01 00:00:00": "of the year 1:",
		"9999-12-31 23:59:59": "of the year 9999:",
		"2026-11-28 12:04:05": "if it is local time, of UTC-03:00",
	} {
		a := exampleAvangate()
		a.Now = func() time.Time { return now }
		d, err := a.Header(t.Context(), `code="YOURCODE123" date="`+date+`" hash="`+hashOf("11YOURCODE12319"+date)+`" algo="sha256"`)
		require.NoError(t, err)
		require.Len(t, d.Findings, 1, date)
		require.Equal(t, []string{"the date is outside the window"}, namesOf(d.Findings[0].Mistakes), date)
		assert.Contains(t, d.Findings[0].Mistakes[0].Fix, want)
		assert.NotContains(t, d.Findings[0].Mistakes[0].Fix, "2562047h")
	}
}

// TestAvangateKeepsNoRequestOfAnotherEra: no request is as old as the years of another
// calendar make it, so that it is wrong though the hash is right for its date.
func TestAvangateKeepsNoRequestOfAnotherEra(t *testing.T) {
	for date, want := range map[string]string{
		"1448-06-18 15:04:05": "in the Islamic calendar",
		"1405-09-07 15:04:05": "in the Persian calendar",
		"0001-01-01 00:00:00": "of the year 1:",
	} {
		a := exampleAvangate()
		a.Now, a.Kept = func() time.Time { return time.Date(2026, 11, 28, 15, 4, 5, 0, time.UTC) }, true
		d, err := a.Header(t.Context(), `code="YOURCODE123" date="`+date+`" hash="`+hashOf("11YOURCODE12319"+date)+`" algo="sha256"`)
		require.NoError(t, err)
		require.False(t, d.Right, date)
		require.Equal(t, []string{"the date is outside the window"}, namesOf(d.Findings[0].Mistakes), date)
		assert.Contains(t, d.Findings[0].Mistakes[0].Fix, want)
	}
}

// TestAvangateNamesDatesThatThereAreNot: what cannot be read as a date is named by what
// makes it one.
func TestAvangateNamesDatesThatThereAreNot(t *testing.T) {
	for date, want := range map[string]string{
		"2026-00-15 03:04:05": "the months of the date are counted from 0",
		"2026-02-31 03:04:05": "the months of the date are counted from 0",
		"2563-02-29 03:04:05": "the date is in the Thai calendar",
		"2026-13-01 03:04:05": "the date is missing, or cannot be read",
		"2026-12-32 03:04:05": "the date is missing, or cannot be read",
	} {
		d, err := exampleAvangate().Header(t.Context(), `code="YOURCODE123" date="`+date+`" hash="`+hashOf("11YOURCODE12319"+date)+`" algo="sha256"`)
		require.NoError(t, err)
		require.Len(t, d.Findings, 1, date)
		require.Equal(t, []string{want}, namesOf(d.Findings[0].Mistakes), date)
	}
}

func TestDistance(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 seconds", 400 * time.Millisecond: "0 seconds", -time.Second: "1 second", 61 * time.Second: "1 minute 1 second",
		47*time.Hour + 59*time.Minute: "47 hours 59 minutes", 48 * time.Hour: "2 days", 7954*time.Hour + 31*time.Minute: "331 days",
		math.MinInt64: "106751 days", math.MaxInt64: "106751 days",
	} {
		assert.Equal(t, want, distance(d))
	}
}

// TestAvangateSaysItInALoginsWords: a login has parameters, and no header and attributes.
func TestAvangateSaysItInALoginsWords(t *testing.T) {
	login := func(parameters ...string) (*Diagnosis, error) {
		call, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "login", "params": parameters})
		require.NoError(t, err)
		return exampleAvangate().Request(httptest.NewRequest("POST", "/rpc/6.0/", bytes.NewReader(call)))
	}
	hash := hashOf("11YOURCODE12319" + avangateDate)
	for _, c := range []struct {
		parameters []string
		name, fix  string
	}{
		{[]string{avangateCode, avangateDate, hash}, "algo is missing", `Give "sha256" as the fourth parameter`},
		{[]string{avangateCode, avangateDate, hash, "sha-256"}, "algo is unknown", `Give "sha256" as the fourth parameter`},
		{[]string{"", avangateDate, hash, "sha256"}, "the merchant code is missing", "Give as the first parameter the merchant code"},
		{[]string{avangateCode, avangateDate, hash[:32], "sha256"}, "MD5 is used", `give "sha256" as the fourth parameter`},
		{[]string{"YOURCODE124", avangateDate, hash, "sha256"}, "the merchant code is another account's", "neither the INS secret word"},
	} {
		d, err := login(c.parameters...)
		require.NoError(t, err)
		text := d.String()
		assert.Contains(t, text, "mistake: "+c.name+"\n")
		assert.Contains(t, text, c.fix)
		assert.NotContains(t, text, "header")
		assert.NotContains(t, text, `="`)
		assert.NotContains(t, text, "is it this account's secret?")
	}
	_, err := login(avangateCode, avangateDate)
	assert.ErrorContains(t, err, "there is no hash, the third parameter of login, of which 2 came: give it the merchant code, the date, the hash and the algorithm, in this order")
	_, err = exampleAvangate().Header(t.Context(), `code="YOURCODE123"`)
	assert.ErrorContains(t, err, `there is no hash: write code="..." date="..." hash="..." algo="..."`)
}

// TestAvangateReadsOtherNames of attributes, as people give them.
func TestAvangateReadsOtherNames(t *testing.T) {
	for _, name := range []string{"time", "timestamp", "Date", "DATE"} {
		d, err := exampleAvangate().Header(t.Context(), strings.Replace(exampleHeader, "date=", name+"=", 1))
		require.NoError(t, err)
		require.Len(t, d.Findings, 1, name)
		assert.Equal(t, []Mistake{{"an attribute has another name", `Write code="..." date="..." hash="..." algo="...", with these names in lower case.`}}, d.Findings[0].Mistakes)
	}
}

// TestAvangateNamesTheKeySentInClear: it is said, and the key is not.
func TestAvangateNamesTheKeySentInClear(t *testing.T) {
	for _, hash := range []string{avangateKey, "WU9VUkNPREUxMjM6" + "YS1zZWNyZXQta2V5LW9mLXNvbWUtbGVuZ3Ro"} {
		d, err := exampleAvangate().Header(t.Context(), `code="YOURCODE123" date="2026-01-02 03:04:05" hash="`+hash+`" algo="sha256"`)
		require.NoError(t, err)
		assert.Contains(t, namesOf(d.Shown), "the Secret Key itself is sent")
		assert.NotContains(t, d.String(), hash)
	}
	for _, header := range []string{
		`code="` + avangateKey + `" date="2026-01-02 03:04:05" hash="aa" algo="sha256"`,
		`code="YOURCODE123" date="` + avangateKey + `" hash="aa" algo="sha256"`,
		`code="YOURCODE123" date="2026-01-02 03:04:05" hash="aa" algo="` + avangateKey + `"`,
	} {
		d, err := exampleAvangate().Header(t.Context(), header)
		require.NoError(t, err)
		assert.Equal(t, "the Secret Key itself is sent", d.Shown[0].Name)
		assert.NotContains(t, d.String(), avangateKey)
	}
}

// TestAvangateNamesTheKeySentWithoutAHash, and in a header of another kind.
func TestAvangateNamesTheKeySentWithoutAHash(t *testing.T) {
	credentials := base64.StdEncoding.EncodeToString([]byte(avangateCode + ":" + avangateKey))
	for _, header := range []string{avangateKey, credentials, "Basic " + credentials, `code="YOURCODE123" key="` + avangateKey + `"`} {
		d, err := exampleAvangate().Header(t.Context(), header)
		require.ErrorIs(t, err, auth.ErrUnsigned)
		assert.ErrorContains(t, err, `there is no hash: write code="..." date="..." hash="..." algo="..."; and the Secret Key itself is sent`)
		assert.NotContains(t, err.Error()+d.String(), avangateKey)
		assert.NotContains(t, err.Error()+d.String(), credentials)
	}
	_, err := exampleAvangate().Header(t.Context(), `code="YOURCODE123"`)
	assert.NotContains(t, err.Error(), "Secret Key")

	req := httptest.NewRequest("GET", "/rest/6.0/orders/", nil)
	req.Header.Set("Authorization", "Basic "+credentials)
	_, err = exampleAvangate().Request(req)
	require.ErrorIs(t, err, auth.ErrUnsigned)
	assert.ErrorContains(t, err, "there is no header X-Avangate-Authentication, and a credential is sent in the header Authorization: Basic, which 2Checkout does not read: send")
	assert.NotContains(t, err.Error(), credentials)
}

func TestPaylinkNamesTheSecretSentInClear(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"a=b&ApiSignature=" + testSecret, "the API secret itself is sent"},
		{"a=b&secret=" + testSecret + "&ApiSignature=" + url.QueryEscape(sign("another-secret", "a=b")), "the API secret itself is sent"},
		{"a=b&secret=" + testSecret + "&ApiSignature=" + url.QueryEscape(sign(testSecret, "a=b&secret="+testSecret+"\n")), "a newline is signed behind the parameters, the API secret itself is sent"},
	} {
		d := (&paylinkVector{Method: "POST", URL: "/v1.0/Page/", Type: formType, Secret: testSecret, Body: c.body}).explain(t)
		mistakes := d.Shown
		if len(d.Findings) > 0 {
			mistakes = d.Findings[0].Mistakes
		}
		assert.Equal(t, c.want, strings.Join(namesOf(mistakes), ", "))
		assert.NotContains(t, d.String(), testSecret)
	}
}

// TestNoFunctionIsNamedOfSeveral whose digests are as long, unless it gives the signature.
func TestNoFunctionIsNamedOfSeveral(t *testing.T) {
	d, err := exampleAvangate().Header(t.Context(), `code="YOURCODE123" date="2026-01-02 03:04:05" hash="`+strings.Repeat("0a", 64)+`" algo="sha256"`)
	require.NoError(t, err)
	assert.Equal(t, []string{"a hash function of 512 bits is used"}, namesOf(d.Shown))
	v := paylinkVector{Method: "POST", URL: "/v1.0/Page/", Type: formType, Secret: testSecret, Body: "a=b&ApiSignature=" + strings.Repeat("0a", 64)}
	assert.Equal(t, []string{"the signature is in hexadecimal digits", "a hash function of 512 bits is used"}, namesOf(v.explain(t).Shown))
	v.Body = "a=b&ApiSignature=" + strings.Repeat("0a", 16)
	assert.Equal(t, []string{"the signature is in hexadecimal digits", "MD5 is used"}, namesOf(v.explain(t).Shown))
}
