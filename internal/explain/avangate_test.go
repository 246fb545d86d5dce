package explain

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/internal/phptest"
)

// An avangateVector is what testdata's scripts print, see avangate.py.
type avangateVector struct {
	Mistakes           []string
	Account, Key, Now  string
	Header, Path, Body string
	Signed, Fix        string
}

// avangateScripts are the scripts in testdata, and how they are run.
var avangateScripts = map[string][]string{
	"avangate_java.json":    {"java", "Avangate.java"},
	"avangate_node.json":    {"node", "avangate.mjs"},
	"avangate_openssl.json": {"sh", "avangate.sh"},
	"avangate_php.json":     {"php", "-n", "avangate.php"},
	"avangate_python.json":  {"python3", "avangate.py"},
}

func readAvangateVectors(t testing.TB, file string) (vectors []avangateVector) {
	b, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &vectors))
	require.NotEmpty(t, vectors)
	return vectors
}

func (v *avangateVector) explain(t testing.TB) *Diagnosis {
	now, err := time.Parse(time.DateTime, v.Now)
	require.NoError(t, err)
	a := &Avangate{MerchantCode: v.Account, SecretKey: auth.NewSecret(v.Key), Now: func() time.Time { return now }}
	var d *Diagnosis
	if v.Path == "" {
		d, err = a.Header(t.Context(), v.Header)
	} else {
		d, err = a.Request(httptest.NewRequest("POST", v.Path, strings.NewReader(v.Body)))
	}
	require.NoError(t, err, "%+v", v)
	return d
}

func namesOf(mistakes []Mistake) (names []string) {
	for _, m := range mistakes {
		names = append(names, m.Name)
	}
	return names
}

// TestAvangateVectorsAreWhatTheScriptsPrint fails if the committed vectors are not
// those of the languages that are installed.
func TestAvangateVectorsAreWhatTheScriptsPrint(t *testing.T) {
	for file, command := range avangateScripts {
		t.Run(file, func(t *testing.T) {
			program := command[0]
			if file == "avangate_openssl.json" {
				program = "openssl"
			}
			if program == "php" {
				phptest.Require(t, program)
			} else if _, err := exec.LookPath(program); err != nil {
				t.Skipf("no %s here: install it to run this test", program)
			}
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			cmd.Dir = "testdata"
			cmd.Stderr = os.Stderr
			got, err := cmd.Output()
			require.NoError(t, err)
			want, err := os.ReadFile(filepath.Join("testdata", file))
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got), "in testdata, run %s > %s", strings.Join(command, " "), file)
		})
	}
}

// TestAvangateVectors: what other languages sign wrongly is named, first and alone.
func TestAvangateVectors(t *testing.T) {
	for file := range avangateScripts {
		t.Run(file, func(t *testing.T) {
			for _, v := range readAvangateVectors(t, file) {
				if fips140.Enforced() && len(v.Key) < minFIPSKey {
					continue // the secret itself is refused
				}
				d := v.explain(t)
				if fips140.Enforced() && !d.Right && len(d.Findings) == 0 {
					assert.NotEmpty(t, d.Skipped, "%+v", v)
					continue // TestAvangateInFIPSMode says which may be skipped
				}
				assert.Equal(t, len(v.Mistakes) == 0, d.Right, "%+v", v)
				if d.Right {
					assert.Equal(t, &Diagnosis{Right: true, StringToSign: v.Signed}, d)
					continue
				}
				if !assert.Len(t, d.Findings, 1, "%+v\n%v", v, d) {
					continue
				}
				f := d.Findings[0]
				assert.Equal(t, v.Mistakes, namesOf(f.Mistakes), "%+v", v)
				assert.Equal(t, v.Signed, f.StringToSign, "%+v", v)
				assert.Contains(t, f.Mistakes[len(f.Mistakes)-1].Fix, v.Fix)
				assert.Equal(t, difference(d.StringToSign, v.Signed), f.Difference)
				assert.Empty(t, d.Possibilities)
				assert.False(t, d.Incomplete)
				assert.NotContains(t, fmt.Sprintf("%+v", d), v.Key, "the secret")
			}
		})
	}
}

// TestAvangateMistakesHaveVectors: no mistake is in the tables that no other
// language has been seen to make.
func TestAvangateMistakesHaveVectors(t *testing.T) {
	made := make(map[string]bool)
	for file := range avangateScripts {
		for _, v := range readAvangateVectors(t, file) {
			for _, name := range v.Mistakes {
				made[name] = true
			}
		}
	}
	known := []Mistake{unreadableDate, otherForm}
	for _, r := range avangateRows {
		known = append(known, r.Mistake)
	}
	for _, f := range avangateFlaws {
		known = append(known, f.Mistake)
	}
	for _, e := range avangateEncodings[1:] {
		known = append(known, e.Mistake)
	}
	for _, m := range known {
		assert.True(t, made[m.Name] || m.Name == "the header is sent more than once", m.Name)
		assert.Regexp(t, `^[^A-Z]|^(MD5|SHA|HMAC|Keccak)`, m.Name)
		assert.Regexp(t, `^[A-Z].*\.$`, m.Fix)
	}
}

// explainedAt explains a header at the time that it says, and has no sessions.
func explainedAt(t testing.TB, code, date, key, header string) *Diagnosis {
	return (&avangateVector{Account: code, Now: date, Key: key, Header: header}).explain(t)
}

func TestAvangateRightHeadersOfPHP(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), phptest.Require(t, "php"), "-n", "avangate.php", "10000")
	cmd.Dir = "testdata"
	out, err := cmd.Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	require.Len(t, lines, 10_000)
	for _, line := range lines {
		part := strings.Split(line, "\t")
		require.True(t, explainedAt(t, part[0], part[1], part[2], part[3]).Right, line)
	}
}

// A headerMaker makes right headers with nothing of this module.
type headerMaker struct{ *rand.Rand }

func (m headerMaker) text(letters string, length int) string {
	var b strings.Builder
	for range length {
		b.WriteRune([]rune(letters)[m.IntN(len([]rune(letters)))])
	}
	return b.String()
}

func (m headerMaker) header(key string) (code, date, header string) {
	code = m.text("ABCabc0189-_.,:=&%$!/漢😀", 1+m.IntN(20))
	date = time.Unix(m.Int64N(4102444800), 0).UTC().Format("2006-01-02 15:04:05")
	algo, function := "sha256", sha256.New
	if m.IntN(2) == 0 {
		algo, function = "sha3-256", func() hash.Hash { return sha3.New256() }
	}
	mac := hmac.New(function, []byte(key))
	fmt.Fprintf(mac, "%d%s%d%s", len(code), code, len(date), date)
	return code, date, fmt.Sprintf(`code="%s" date="%s" hash="%x" algo="%s"`, code, date, mac.Sum(nil), algo)
}

// repeat calls f so often, on all processors.
func repeat(times int, f func(m headerMaker)) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		wg.Go(func() {
			m := headerMaker{rand.New(rand.NewPCG(1, uint64(worker)))}
			for i := worker; i < times; i += workers {
				f(m)
			}
		})
	}
	wg.Wait()
}

func TestAvangateRightHeaders(t *testing.T) {
	repeat(10_000, func(m headerMaker) {
		key := m.text("abcXYZ123!#'&<", 14+m.IntN(30))
		code, date, header := m.header(key)
		assert.True(t, explainedAt(t, code, date, key, header).Right, header)
	})
}

// TestAvangateClaimsNothingOfAnotherKey tries every mistake, and every pair, in vain.
func TestAvangateClaimsNothingOfAnotherKey(t *testing.T) {
	repeat(randomKeys(), func(m headerMaker) {
		code, date, header := m.header(m.text("abcXYZ123!#'&<", 14+m.IntN(30)))
		d := explainedAt(t, code, date, m.text("abcXYZ123!#'&<", 14+m.IntN(30)), header)
		assert.False(t, d.Right, header)
		assert.Empty(t, d.Findings, header)
		assert.False(t, d.Incomplete, header)
		assert.Equal(t, avangatePossibilities, d.Possibilities)
	})
}

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
	assert.Equal(t, []string{"the hash is not 64 hexadecimal digits"}, namesOf(d.Possibilities)[:1])
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
		{"parameters by name", nil, post("/rpc/6.0/", `{"method":"login","params":{"hash":"00"}}`), auth.ErrUnsigned, "only the call of login", ""},
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
	assert.Equal(t, append([]string{"the attributes are not separated by spaces", "a value is not in quotes", "MD5 is used", "the date has a T or a Z", "the date is outside the window"},
		namesOf(avangatePossibilities)...), namesOf(d.Possibilities))
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
		assert.Contains(t, fix, late.Abs().String())
		if zone == "" {
			assert.NotContains(t, fix, "local time", "%v", late)
		} else {
			assert.Contains(t, fix, "if it is local time, of "+zone+",", "%v", late)
		}
	}
}

func TestAvangateTellsTheZoneOfTheDateThatIsNotInUTC(t *testing.T) {
	for signed, says := range map[string]string{
		"2026-01-02 08:34:05": "5h30m0s ahead of the one that is sent, as UTC+05:30 is of UTC.",
		"2026-01-01 21:34:05": "5h30m0s behind the one that is sent, as UTC is of UTC+05:30.",
		"2026-01-01 17:04:05": "10h0m0s behind the one that is sent, as UTC-10:00 is of UTC and UTC is of UTC+10:00.",
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
		assert.Equal(t, append([]string{"the hash is not 64 hexadecimal digits"}, namesOf(avangatePossibilities)...), namesOf(d.Possibilities), hash)
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

const avangateHelper = "COUNTERSIGN_TEST_HELPER"

// With GODEBUG=fips140=only, crypto/hmac panics at short keys and at functions that
// are not approved, and so do MD5 and SHA-1.
func TestAvangateInFIPSMode(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperAvangateFIPS$", "-test.v")
	cmd.Env = append(os.Environ(), avangateHelper+"=1", "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("FIPS 140 mode cannot be had here: %s", out)
	}
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "--- PASS: TestHelperAvangateFIPS")
}

func TestHelperAvangateFIPS(t *testing.T) {
	if os.Getenv(avangateHelper) == "" {
		return
	}
	if !fips140.Enforced() {
		t.Skip("GODEBUG=fips140=only does not enforce FIPS 140 mode")
	}
	// What is skipped, by the mistake that is not found then.
	const shortKey = "mistakes that make an HMAC key of under 14 bytes"
	forbidden := map[string]string{
		"MD5 is used":   "MD5",
		"SHA-1 is used": "SHA-1",
		"Keccak-256 is used in place of SHA3-256": "Keccak-256 is used in place of SHA3-256",
		"HMAC-SHA3 with a block of 64 bytes":      "HMAC-SHA3 with a block of 64 bytes",
		"the key is empty":                        shortKey,
	}
	skipped := make(map[string]bool)
	for file := range avangateScripts {
		for _, v := range readAvangateVectors(t, file) {
			if len(v.Key) < minFIPSKey {
				continue // the secret itself is refused
			}
			d := v.explain(t)
			if len(v.Mistakes) == 0 || len(d.Findings) > 0 {
				assert.Equal(t, len(v.Mistakes) == 0, d.Right)
				if !d.Right {
					assert.Equal(t, v.Mistakes, namesOf(d.Findings[0].Mistakes))
				}
				continue
			}
			i := slices.IndexFunc(v.Mistakes, func(name string) bool { return forbidden[name] != "" })
			if v.Mistakes[0] == "a hash function of 512 bits is used" { // of which Keccak is one
				assert.Contains(t, d.Skipped, "Keccak-512")
			} else if assert.GreaterOrEqual(t, i, 0, "%+v", v) {
				assert.Contains(t, d.Skipped, forbidden[v.Mistakes[i]])
				skipped[v.Mistakes[i]] = true
			}
		}
	}
	assert.Len(t, skipped, len(forbidden))

	// Swapped, a short string to sign is a short key.
	d, err := exampleAvangate().Header(t.Context(), `code="" date="" hash="`+strings.Repeat("0", 64)+`" algo="sha256"`)
	require.NoError(t, err)
	assert.Contains(t, d.Skipped, shortKey)
}

// FuzzAvangateHeader: whatever the header, Right is what the Verifier says, and what
// was signed is what a Finding says. In the header SHA256 and the like stand for the
// HMAC of the string to sign.
func FuzzAvangateHeader(f *testing.F) {
	functions := map[string]func() hash.Hash{
		"MD5": md5.New, "SHA1": sha1.New, "SHA256": sha256.New, "SHA512": sha512.New,
		"SHA3": func() hash.Hash { return sha3.New256() },
	}
	if fips140.Enforced() { // in which crypto/hmac panics at them
		delete(functions, "MD5")
		delete(functions, "SHA1")
	}
	f.Fuzz(func(t *testing.T, header string) {
		a := exampleAvangate()
		d, _ := a.Header(t.Context(), header)
		var sums []string
		for name, function := range functions {
			mac := hmac.New(function, []byte(avangateKey))
			io.WriteString(mac, d.StringToSign)
			sums = append(sums, hex.EncodeToString(mac.Sum(nil)))
			header = strings.ReplaceAll(header, name+"_", sums[len(sums)-1])
		}
		stringToSign := d.StringToSign
		d, err := a.Header(t.Context(), header)
		if err != nil {
			require.ErrorIs(t, err, auth.ErrUnsigned)
			require.False(t, d.Right)
			return
		}
		req := httptest.NewRequest("GET", "/", nil)
		req.Header["X-Avangate-Authentication"] = []string{header}
		claim, err := (&avangate.Verifier{MerchantCode: a.MerchantCode, SecretKey: a.SecretKey, Now: a.Now}).Verify(req)
		require.Equal(t, err == nil, d.Right)
		if claim.StringToSign != "" {
			require.Equal(t, claim.StringToSign, d.StringToSign)
		}
		if errors.Is(err, auth.ErrClock) {
			require.Len(t, d.Findings, 1)
			require.Len(t, d.Findings[0].Mistakes, 1)
		}
		require.False(t, d.Right && len(d.Findings) > 0)
		for _, finding := range d.Findings {
			require.NotEmpty(t, finding.Mistakes)
			require.Equal(t, difference(d.StringToSign, finding.StringToSign), finding.Difference)
			if finding.StringToSign == stringToSign && finding.Difference == -1 {
				digits := strings.ToLower(strings.NewReplacer("-", "", ":", "", " ", "").Replace(header))
				require.True(t, slices.ContainsFunc(sums, func(sum string) bool {
					return strings.Contains(digits, strings.TrimLeft(sum, "0"))
				}), "%+v", finding)
			}
		}
	})
}

// FuzzAvangateRequest: whatever the request, Right is what an emulated gateway with
// the same clock says, and a login that is right is one that it gives a session for.
// In the header and in the body SHA256_ and SHA3_ stand for the HMAC of the string
// to sign.
func FuzzAvangateRequest(f *testing.F) {
	const (
		login    = `{"jsonrpc":"2.0","id":1,"method":"login","params":["YOURCODE123","2026-01-02 03:04:05","SHA256_","sha256"]}`
		getOrder = `{"jsonrpc":"2.0","id":2,"method":"getOrder","params":["none","11331111"]}`
		envelope = `<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns1="urn:x"><SOAP-ENV:Body>%s</SOAP-ENV:Body></SOAP-ENV:Envelope>`
		soapLogin = `<ns1:login><a>YOURCODE123</a><b>2026-01-02 03:04:05</b><c>SHA256_</c><d>sha256</d></ns1:login>`
	)
	for _, c := range []struct{ path, body string }{
		{"/rpc/6.0/", login},
		{"/rpc/6.0", strings.NewReplacer("SHA256_", "SHA3_", "sha256", "sha3-256").Replace(login)},
		{"//order/2.0/rpc/", "[" + getOrder + "," + login + "]"},
		{"/rpc/6.0/", "[" + login + "," + login + "]"},
		{"/rpc/6.0/", `[{},` + login + `]`},
		{"/rpc/6.0/", getOrder},
		{"/rpc/6.0/", strings.Replace(login, "2026-01-02 03", "2026-01-02 04", 1)},
		{"/rpc/6.0/", strings.Replace(login, "YOURCODE123", `YOUR\u0043ODE124`, 1)},
		{"/rpc/6.0/", strings.NewReplacer("method", "METHOD", `,"sha256"`, `,null`).Replace(login)},
		{"/rpc/6.0/", strings.Replace(login, `["YOUR`, `[["YOUR`, 1)},
		{"/soap/6.0/", fmt.Sprintf(envelope, soapLogin)},
		{"/product/1.0/soap/", fmt.Sprintf(envelope, strings.Replace(soapLogin, "YOURCODE123", "<![CDATA[YOUR]]><!-- x -->CODE&#49;23", 1))},
		{"/soap/6.0/", fmt.Sprintf(strings.Replace(envelope, "xmlsoap.org/soap/envelope/", "w3.org/2003/05/soap-envelope", 1), soapLogin+"<getOrder><a>1</a></getOrder>")},
		{"/soap/6.0/", fmt.Sprintf(envelope, "<logout/>"+soapLogin)},
		{"/soap/6.0/", fmt.Sprintf(envelope, soapLogin) + "</x>"},
		{"/soap/6.0/", "<Envelope/>"},
	} {
		f.Add("POST", c.path, "", c.body)
	}
	for _, path := range []string{"/rest/6.0/orders/", "/rest/6.0/orders/17/", "/", "/order/rpc/", "/rpcs/6.0/"} {
		f.Add("GET", path, `code="YOURCODE123" date="2026-01-02 03:04:05" hash="SHA256_" algo="sha256"`, "")
		f.Add("PUT", path, `code='YOURCODE123' date='2026-01-02 03:04:05' hash='SHA3_'algo='sha3-256'`, login)
	}
	functions := map[string]func() hash.Hash{"SHA256": sha256.New, "SHA3": func() hash.Hash { return sha3.New256() }}
	session := regexp.MustCompile(`("result":"|<return>)[0-9A-F]{32}[<"]`)
	f.Fuzz(func(t *testing.T, method, path, header, body string) {
		if len(path)+len(header)+len(body) > 4<<10 {
			return // it is but slow
		}
		request := func() *http.Request {
			req := httptest.NewRequest("POST", "/", strings.NewReader(body))
			req.Method, req.URL.Path = method, path
			req.Header["X-Avangate-Authentication"] = []string{header}
			return req
		}
		a := exampleAvangate()
		sumsOf := func(d *Diagnosis) (sums []string) {
			for name, function := range functions {
				mac := hmac.New(function, []byte(avangateKey))
				io.WriteString(mac, d.StringToSign)
				sums = append(sums, name+"_", hex.EncodeToString(mac.Sum(nil)))
			}
			return sums
		}
		d, _ := a.Request(request())
		signed := strings.NewReplacer(sumsOf(d)...)
		header, body = signed.Replace(header), signed.Replace(body)

		req := request()
		d, err := a.Request(req)
		if err != nil {
			require.ErrorIs(t, err, auth.ErrUnsigned)
		}
		left, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Equal(t, body, string(left))
		if d.Right {
			sums := sumsOf(d)
			require.True(t, strings.Contains(header+body, sums[1]) || strings.Contains(header+body, sums[3]), "%q", d.StringToSign)
			require.Empty(t, d.Findings)
		}

		var seen authtest.Exchange
		gateway := &authtest.Avangate{MerchantCode: a.MerchantCode, SecretKey: a.SecretKey, Now: a.Now, Observe: func(e authtest.Exchange) { seen = e }}
		answer := httptest.NewRecorder()
		gateway.ServeHTTP(answer, request())
		if !avangateSession.MatchString(path) {
			require.Equal(t, seen.Err == nil || seen.Status == http.StatusNotFound, d.Right, "%v", seen.Err)
			return
		}
		logins := 0
		for _, called := range seen.Methods {
			if called == "login" {
				logins++
			}
		}
		require.Equal(t, logins > 0, d.StringToSign != "", "%q", seen.Methods)
		isAccepted := session.MatchString(answer.Body.String())
		if logins > 1 { // of which the first is explained
			require.True(t, isAccepted || !d.Right)
			return
		}
		require.Equal(t, isAccepted, d.Right, "%v", seen.Err)
		if len(seen.Methods) == 1 && seen.Err == nil {
			require.True(t, d.Right)
		}
		if seen.StringToSign != "" {
			require.Equal(t, seen.StringToSign, d.StringToSign)
		}
	})
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
