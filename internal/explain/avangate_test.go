package explain

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

const (
	avangateCode = "YOURCODE123"
	avangateDate = "2026-01-02 03:04:05"
	avangateKey  = "a-secret-key-of-some-length"
)

// hashOf returns the HMAC-SHA256 of a string to sign.
func hashOf(stringToSign string) string {
	mac := hmac.New(sha256.New, []byte(avangateKey))
	io.WriteString(mac, stringToSign)
	return hex.EncodeToString(mac.Sum(nil))
}

func exampleAvangate() *Avangate {
	now, _ := time.Parse(time.DateTime, avangateDate)
	return &Avangate{MerchantCode: avangateCode, SecretKey: auth.NewSecret(avangateKey), Now: func() time.Time { return now }}
}

var exampleHeader = fmt.Sprintf(`code="%s" date="%s" hash="%s" algo="sha256"`, avangateCode, avangateDate, hashOf("11YOURCODE123192026-01-02 03:04:05"))

func TestAvangateRequestReadsTheHeader(t *testing.T) {
	req := httptest.NewRequest("GET", "/rest/6.0/orders/", nil)
	req.Header["X-AVANGATE-authentication"] = []string{exampleHeader}
	d, err := exampleAvangate().Request(req)
	require.NoError(t, err)
	assert.True(t, d.Right)

	req.Header.Add("X-Avangate-Authentication", exampleHeader)
	d, err = exampleAvangate().Request(req)
	require.NoError(t, err)
	assert.False(t, d.Right)
	require.Len(t, d.Findings, 1)
	assert.Equal(t, []string{"the header is sent more than once"}, namesOf(d.Findings[0].Mistakes))
}

func TestAvangateRequestPutsTheBodyBack(t *testing.T) {
	const body = `{"method":"login","params":["YOURCODE123","2026-01-02 03:04:05","00",7]}`
	req := httptest.NewRequest("POST", "/rpc/6.0", strings.NewReader(body))
	d, err := exampleAvangate().Request(req)
	require.NoError(t, err)
	assert.Equal(t, []string{"the hash is not 64 hexadecimal digits"}, namesOf(d.Shown))
	again, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	assert.Equal(t, body, string(again))
}

func TestAvangateErrors(t *testing.T) {
	const toSign = "11YOURCODE123192026-01-02 03:04:05"
	post := func(path, body string) *http.Request {
		return httptest.NewRequest("POST", path, strings.NewReader(body))
	}
	unreadable := post("/soap/6.0/", "")
	unreadable.Body = io.NopCloser(iotest.ErrReader(errors.New("gone")))
	header := func(value string) *http.Request {
		req := httptest.NewRequest("GET", "/rest/6.0/orders/", nil)
		req.Header.Set("X-Avangate-Authentication", value)
		return req
	}
	noSecret := exampleAvangate()
	noSecret.SecretKey = auth.NewSecret(" a key between spaces ")
	for _, c := range []struct {
		name    string
		a       *Avangate
		req     *http.Request
		code    error
		says, d string
	}{
		{"no header", nil, post("/rest/6.0/orders/", "{}"), auth.ErrUnsigned, "there is no header X-Avangate-Authentication", ""},
		{"no hash", nil, header(`code="YOURCODE123" date="2026-01-02 03:04:05" algo="sha256"`), auth.ErrUnsigned, "there is no hash", toSign},
		{"nothing like it", nil, header("Basic YTpi"), auth.ErrUnsigned, "there is no hash", "00"},
		{"a call with a session", nil, post("/rpc/6.0/", `{"method":"getOrder","params":["id","1"]}`), auth.ErrUnsigned, "only the call of login carries a hash", ""},
		{"a batch without a login", nil, post("/rpc/6.0/", `[{"method":"getOrder"}, 1]`), auth.ErrUnsigned, "only the call of login", ""},
		{"a SOAP call with a session", nil, post("/channel-manager/2.1/soap/", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><getOrder><a>id</a></getOrder></e:Body></e:Envelope>`), auth.ErrUnsigned, "only the call of login", ""},
		{"no body", nil, httptest.NewRequest("GET", "/soap/6.0/?wsdl", nil), auth.ErrUnsigned, "only the call of login", ""},
		{"a login without a hash", nil, post("/rpc/6.0/", `{"method":"login","params":["YOURCODE123","2026-01-02 03:04:05"]}`), auth.ErrUnsigned, "there is no hash", toSign},
		{"no secret", noSecret, header(exampleHeader), auth.ErrSecret, "white space", toSign},
		{"a body that cannot be read", nil, unreadable, auth.ErrBody, "gone", ""},
		{"a body that is too long", nil, post("/rpc/6.0/", strings.Repeat(" ", maxAvangateBody+1)), auth.ErrBody, "longer", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.a
			if a == nil {
				a = exampleAvangate()
			}
			d, err := a.Request(c.req)
			require.ErrorIs(t, err, c.code)
			assert.ErrorContains(t, err, c.says)
			assert.Equal(t, &Diagnosis{StringToSign: c.d}, d)
		})
	}
}

func TestAvangateWithoutAMerchantCodeTakesAny(t *testing.T) {
	a := exampleAvangate()
	a.MerchantCode = ""
	d, err := a.Header(t.Context(), exampleHeader)
	require.NoError(t, err)
	assert.True(t, d.Right)
	d, err = a.Header(t.Context(), strings.Replace(exampleHeader, "YOURCODE123", "yourcode123", 1))
	require.NoError(t, err)
	require.Len(t, d.Findings, 1)
	assert.Equal(t, []string{"another merchant code is signed than sent"}, namesOf(d.Findings[0].Mistakes))
}

func TestAvangateHasItsOwnWindowAndClock(t *testing.T) {
	a := exampleAvangate()
	d, err := (&Avangate{MerchantCode: avangateCode, SecretKey: a.SecretKey}).Header(t.Context(), exampleHeader)
	require.NoError(t, err)
	assert.False(t, d.Right, "long ago")
	now := a.Now().Add(time.Hour)
	a.Now = func() time.Time { return now }
	d, err = a.Header(t.Context(), exampleHeader)
	require.NoError(t, err)
	require.Len(t, d.Findings, 1)
	assert.Equal(t, -1, d.Findings[0].Difference, "the hash is right")
	a.Window = time.Hour
	d, err = a.Header(t.Context(), exampleHeader)
	require.NoError(t, err)
	assert.True(t, d.Right)
}

// TestAvangateFlawsAreNotClaimed: what is seen to be wrong is no Finding as long as
// the hash is not reproduced.
func TestAvangateFlawsAreNotClaimed(t *testing.T) {
	d, err := exampleAvangate().Header(t.Context(), `code=YOURCODE123, date=2026-01-02T05:04:05Z, hash=`+strings.Repeat("0", 32))
	require.NoError(t, err)
	assert.False(t, d.Right)
	assert.Empty(t, d.Findings)
	assert.Equal(t, []string{"the attributes are not separated by spaces", "a value is not in quotes", "the date has a T or a Z", "MD5 is used", "the date is outside the window"}, namesOf(d.Shown))
	assert.Equal(t, avangatePossibilities, d.Possibilities)
}

// TestAvangateTellsOnlyZonesThatExist: a right header that is explained late is not
// in local time.
func TestAvangateTellsOnlyZonesThatExist(t *testing.T) {
	for late, zone := range map[time.Duration]string{
		15 * time.Minute: "", 45 * time.Minute: "", 4*time.Hour + 30*time.Minute: "", 13 * time.Hour: "",
		-15 * time.Minute: "", -15 * time.Hour: "",
		5 * time.Hour: "UTC-05:00", 3*time.Hour + 30*time.Minute: "UTC-03:30", -5*time.Hour - 45*time.Minute: "UTC+05:45",
	} {
		a := exampleAvangate()
		now := a.Now().Add(late)
		a.Now = func() time.Time { return now }
		d, err := a.Header(t.Context(), exampleHeader)
		require.NoError(t, err)
		require.Len(t, d.Findings, 1, "%v", late)
		require.Equal(t, []string{"the date is outside the window"}, namesOf(d.Findings[0].Mistakes))
		fix := d.Findings[0].Mistakes[0].Fix
		assert.Contains(t, fix, distance(late))
		if zone == "" {
			assert.NotContains(t, fix, "local time", "%v", late)
		} else {
			assert.Contains(t, fix, "if it is local time, of "+zone+",", "%v", late)
		}
	}
}

func TestAvangateTellsTheZoneOfTheDateThatIsNotInUTC(t *testing.T) {
	for signed, says := range map[string]string{
		"2026-01-02 08:34:05": "5 hours 30 minutes ahead of the one that is sent, as UTC+05:30 is of UTC.",
		"2026-01-01 21:34:05": "5 hours 30 minutes behind the one that is sent, as UTC is of UTC+05:30.",
		"2026-01-01 17:04:05": "10 hours behind the one that is sent, as UTC-10:00 is of UTC and UTC is of UTC+10:00.",
	} {
		d, err := exampleAvangate().Header(t.Context(), fmt.Sprintf(`code="%s" date="%s" hash="%s" algo="sha256"`, avangateCode, avangateDate, hashOf("11YOURCODE12319"+signed)))
		require.NoError(t, err)
		require.Len(t, d.Findings, 1, signed)
		require.Len(t, d.Findings[0].Mistakes, 1)
		assert.Contains(t, d.Findings[0].Mistakes[0].Fix, says)
	}
}

// TestAvangateHashesThatAreNone have another length, or a letter among the digits.
func TestAvangateHashesThatAreNone(t *testing.T) {
	for _, hash := range []string{strings.Repeat("0", 63) + "O", strings.Repeat("0", 58)} {
		d, err := exampleAvangate().Header(t.Context(), fmt.Sprintf(`code="%s" date="%s" hash="%s" algo="sha256"`, avangateCode, avangateDate, hash))
		require.NoError(t, err)
		assert.Equal(t, []string{"the hash is not 64 hexadecimal digits"}, namesOf(d.Shown), hash)
		assert.Equal(t, avangatePossibilities, d.Possibilities)
	}
}

// TestAvangateTextCutsNoCharacter: half a character would be shown as bytes.
func TestAvangateTextCutsNoCharacter(t *testing.T) {
	for extra := range 4 {
		code := strings.Repeat("a", extra) + strings.Repeat("😀", 40)
		d := explainedAt(t, code, avangateDate, avangateKey, fmt.Sprintf(`code="%s" date="%s" hash="%s" algo="sha256"`, code, avangateDate, hashOf(code+avangateDate)))
		require.Len(t, d.Findings, 1)
		assert.Contains(t, d.String(), "😀...\n")
		assert.NotContains(t, d.String(), `\x`)
	}
}

func TestAvangateWorkIsBounded(t *testing.T) {
	for _, header := range []string{
		strings.Replace(exampleHeader, avangateCode, strings.Repeat("Ab😀", 200_000), 1),
		strings.Replace(exampleHeader, avangateDate, strings.Repeat("1", 1<<20), 1),
		strings.Replace(exampleHeader, `hash="`, `hash="`+strings.Repeat("0", 1<<20), 1),
		strings.Repeat("a=b, code:", 10_000) + exampleHeader,
		strings.Repeat(`code="`, 10_000) + exampleHeader,
		strings.Repeat("code=a ", 10_000) + exampleHeader,
		strings.Repeat("a ", 50_000) + exampleHeader,
		"hash=" + strings.Repeat(" a", 50_000) + exampleHeader,
	} {
		d, err := exampleAvangate().Header(t.Context(), header)
		if err != nil {
			require.ErrorIs(t, err, auth.ErrUnsigned)
			continue
		}
		assert.False(t, d.Right)
		assert.Equal(t, len(d.StringToSign) > 1<<19, d.Incomplete)
	}
}

// BenchmarkExplainAvangate has one mistake, and the worst case: nothing is found.
func BenchmarkExplainAvangate(b *testing.B) {
	for _, v := range []struct{ name, key, algo string }{
		{"white space around the key", avangateKey + "\n", "sha256"},
		{"another key, SHA-256", "another-secret-key-of-some-length", "sha256"},
		{"another key, SHA3-256", "another-secret-key-of-some-length", "sha3-256"},
	} {
		b.Run(v.name, func(b *testing.B) {
			function := sha256.New
			if v.algo == "sha3-256" {
				function = func() hash.Hash { return sha3.New256() }
			}
			mac := hmac.New(function, []byte(v.key))
			io.WriteString(mac, "11YOURCODE123192026-01-02 03:04:05")
			header := fmt.Sprintf(`code="%s" date="%s" hash="%x" algo="%s"`, avangateCode, avangateDate, mac.Sum(nil), v.algo)
			a := exampleAvangate()
			b.ReportAllocs()
			for b.Loop() {
				if d, err := a.Header(b.Context(), header); err != nil || d.Right {
					b.Fatal(d, err)
				}
			}
		})
	}
}
