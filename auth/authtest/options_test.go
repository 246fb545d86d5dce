package authtest_test

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
)

// apiSignature signs a string with test-secret-key.
func apiSignature(stringToSign string) string {
	mac := hmac.New(sha256.New, []byte("test-secret-key"))
	mac.Write([]byte(stringToSign))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// every calls f with every combination of the options of a Paylink's reads.
func every(f func(authtest.Reads)) {
	var r authtest.Reads
	fields := []struct {
		field  *string
		values [2]string
	}{
		{&r.QueryPlus, [2]string{"space", "plus"}},
		{&r.BodyPlus, [2]string{"plus", "space"}},
		{&r.BodyReplacesQuery, [2]string{"yes", "no"}},
		{&r.JSON, [2]string{"yes", "no"}},
		{&r.TypeMatters, [2]string{"no", "yes"}},
		{&r.Names, [2]string{"php", "flat"}},
		{&r.APIKey, [2]string{"accepted", "refused"}},
	}
	for combination := range 1 << len(fields) {
		for i, field := range fields {
			*field.field = field.values[combination>>i&1]
		}
		f(r)
	}
}

// TestPaylinkReadsAsItsOptionsSay sends what tells the options apart, signed over what
// each of them would have, to a gateway of every combination.
func TestPaylinkReadsAsItsOptionsSay(t *testing.T) {
	const form, jsonType = "application/x-www-form-urlencoded", "application/json"
	type R = authtest.Reads
	always := func(R) bool { return true }
	cases := []struct {
		name, method, query, contentType, body string // %s is the signature
		signed                                 string
		accepted                               func(R) bool
	}{
		{"a plus sign in a query is a space", "GET", "a=b+c&ApiSignature=%s", "", "", "a=b+c", func(r R) bool { return r.QueryPlus == "space" }},
		{"a plus sign in a query is one", "GET", "a=b+c&ApiSignature=%s", "", "", "a=b%2Bc", func(r R) bool { return r.QueryPlus == "plus" }},
		{"%20 in a query is a space", "GET", "a=b%%20c&ApiSignature=%s", "", "", "a=b+c", always},
		{"a plus sign in a form is one", "POST", "", form, "a=b+c&ApiSignature=%s", "a=b%2Bc", func(r R) bool { return r.BodyPlus == "plus" }},
		{"a plus sign in a form is a space", "PUT", "", form, "a=b+c&ApiSignature=%s", "a=b+c", func(r R) bool { return r.BodyPlus == "space" }},
		{"a body replaces the query", "POST", "a=1&b=2", form, "a=3&ApiSignature=%s", "a=3", func(r R) bool { return r.BodyReplacesQuery == "yes" }},
		{"a body is read beside the query", "POST", "a=1&b=2", form, "a=3&ApiSignature=%s", "a=3&b=2", func(r R) bool { return r.BodyReplacesQuery == "no" }},
		{"GET: a body is read beside the query", "GET", "a=1&ApiSignature=%s", form, "b=2", "a=1&b=2", func(r R) bool { return r.BodyReplacesQuery == "no" }},
		{"JSON beside the query", "POST", "a=1&b=2", jsonType, `{"a":{"c":3},"ApiSignature":"%s"}`, "a%5Bc%5D=3&b=2", func(r R) bool { return r.BodyReplacesQuery == "no" && r.JSON == "yes" }},
		{"JSON", "PATCH", "", jsonType, `{"a":1,"ApiSignature":"%s"}`, "a=1", func(r R) bool { return r.JSON == "yes" }},
		{"JSON under another type", "POST", "", "text/plain", `{"a":1,"ApiSignature":"%s"}`, "a=1", func(r R) bool { return r.JSON == "yes" && r.TypeMatters == "no" }},
		{"JSON as a form", "POST", "", form, `{"a":1,"ApiSignature":"%s"}`, "a=1", func(r R) bool { return r.JSON == "yes" && r.TypeMatters == "no" }},
		{"a form as JSON", "POST", "", jsonType, "a=1&ApiSignature=%s", "a=1", func(r R) bool { return r.TypeMatters == "no" }},
		{"a form as text", "DELETE", "", "text/plain", "a=1&ApiSignature=%s", "a=1", func(r R) bool { return r.TypeMatters == "no" }},
		{"a form without a type", "POST", "", "", "a=1&ApiSignature=%s", "a=1", func(r R) bool { return r.TypeMatters == "no" }},
		{"a form with a charset", "POST", "", "Application/X-WWW-Form-Urlencoded; charset=utf-8", "a=1&ApiSignature=%s", "a=1", always},
		{"nested names", "POST", "", form, "a[b][0]=1&ApiSignature=%s", "a%5Bb%5D%5B0%5D=1", always},
		{"an automatic index is one", "POST", "", form, "pm[]=a&pm[]=b&ApiSignature=%s", "pm%5B0%5D=a&pm%5B1%5D=b", func(r R) bool { return r.Names == "php" }},
		{"an automatic index is a name", "POST", "", form, "pm[]=a&pm[]=b&ApiSignature=%s", "pm%5B%5D=b", func(r R) bool { return r.Names == "flat" }},
		{"a dot is an underscore", "GET", "a.b=1&ApiSignature=%s", "", "", "a_b=1", func(r R) bool { return r.Names == "php" }},
		{"a dot is a dot", "GET", "a.b=1&ApiSignature=%s", "", "", "a.b=1", func(r R) bool { return r.Names == "flat" }},
		{"multipart", "POST", "", "multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1+1\r\n" +
			"--B\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n\r\n" +
			"--B\r\nContent-Disposition: form-data; name=\"ApiSignature\"\r\n\r\n%s\r\n--B--\r\n", "a=1%2B1", always},
		{"a wrong signature", "GET", "a=1&ApiSignature=%s", "", "", "a=2", func(R) bool { return false }},
		{"no signature", "POST", "", form, "a=1", "", func(R) bool { return false }},
	}
	requests := 0
	every(func(reads authtest.Reads) {
		var told authtest.Exchange
		gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Options: authtest.Options{Reads: reads}, Observe: func(e authtest.Exchange) { told = e }}
		check := func(name string, req *http.Request, accepted bool) {
			requests++
			w := httptest.NewRecorder()
			gateway.ServeHTTP(w, req)
			if want := map[bool]int{true: 200, false: 403}[accepted]; w.Code != want || (told.Err == nil) != accepted {
				t.Errorf("%s: got %d, want %d of %+v: %v", name, w.Code, want, reads, told.Err)
			}
		}
		for _, c := range cases {
			sign := func(text string, escape func(string) string) string {
				if strings.Contains(text, "%s") {
					return fmt.Sprintf(text, escape(apiSignature(c.signed)))
				}
				return text
			}
			escape := url.QueryEscape
			if strings.HasPrefix(c.body, "{") || strings.HasPrefix(c.body, "--") {
				escape = func(s string) string { return s }
			}
			req := httptest.NewRequest(c.method, "/v1.0/Invoice/?instance=example&"+sign(c.query, url.QueryEscape), strings.NewReader(sign(c.body, escape)))
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			check(c.name, req, c.accepted(reads))
			if c.name == "nested names" && told.Parameters[0] != [2]string{"a[b][0]", "1"} {
				t.Errorf("%v", told.Parameters)
			}
		}
		req := httptest.NewRequest("GET", "/v1.0/Invoice/?instance=example", nil)
		req.Header.Set("X-API-KEY", "test-secret-key")
		check("the key", req, reads.APIKey == "accepted")
		req.Header.Set("X-API-KEY", "other-secret-key")
		check("another key", req, false)
	})
	assert.Equal(t, 128*26, requests)
}

// TestAvangateTakesWhatItsOptionsSay has hashes of hash_hmac over a fixed date.
func TestAvangateTakesWhatItsOptionsSay(t *testing.T) {
	hashes := map[string]string{
		"md5":      "55d5155d6b7e1719b934148a35cdb76c",
		"sha256":   "47efdafacd7f87430561e887fe8489d64b49aa0e51bb958486b3732c822f6d1a",
		"sha3-256": "665d02d6c45e2cce62349ed818980de760bc223dde5c18e123a27c2ed7b4ef83",
	}
	for _, digests := range [][]string{nil, {"sha256"}, {"sha3-256"}, {"md5"}, {"md5", "sha256"}, {"sha256", "sha3-256", "md5"}} {
		for _, quotes := range []string{"", "unknown", "accepted", "refused"} {
			for algo, hash := range hashes {
				for _, quote := range []string{`"`, `'`} {
					for _, wrong := range []bool{false, true} {
						gateway := newSessions(t).gateway
						gateway.Options.Reads = authtest.Reads{Digests: digests, SingleQuotes: quotes}
						listed := slices.Contains(digests, algo) || digests == nil && algo != "md5"
						taken := listed && !wrong && (algo != "md5" || !fips140.Enforced())
						hash := hash
						if wrong {
							hash = strings.Repeat("0", len(hash))
						}
						header := strings.ReplaceAll(fmt.Sprintf(`code="YOURCODE123" date="2026-01-02 03:04:05" hash="%s"`, hash), `"`, quote)
						params := fmt.Sprintf(`["YOURCODE123","2026-01-02 03:04:05",%q]`, hash)
						if algo != "md5" {
							header += " algo=" + quote + algo + quote
							params = strings.TrimSuffix(params, "]") + `,"` + algo + `"]`
						}
						name := fmt.Sprintf("%v of %v, quotes %q: %s", algo, digests, quotes, header)
						req := httptest.NewRequest("GET", "/rest/6.0/orders/", nil)
						req.Header.Set("X-Avangate-Authentication", header)
						w := httptest.NewRecorder()
						gateway.ServeHTTP(w, req)
						assert.Equal(t, taken && (quote == `"` || quotes != "refused"), w.Code == 200, name)
						w = httptest.NewRecorder()
						gateway.ServeHTTP(w, httptest.NewRequest("POST", "/rpc/6.0/", strings.NewReader(`{"method":"login","params":`+params+`,"id":1}`)))
						assert.Equal(t, taken, strings.Contains(w.Body.String(), `"result"`), "login, %s", name)
					}
				}
			}
		}
	}
}

// TestAvangateReadsMD5Strictly: a header that can be read in two ways is none.
func TestAvangateReadsMD5Strictly(t *testing.T) {
	const code, date, hash = `code="YOURCODE123" `, `date="2026-01-02 03:04:05" `, `hash="55d5155d6b7e1719b934148a35cdb76c" `
	for header, right := range map[string]bool{
		code + date + hash:                           true,
		date + hash + code:                           true,
		code + date + hash + `algo="sha256"`:         false,
		code + date + hash + `algo="md5"`:            false,
		code + date + code + hash:                    false,
		code + date + hash + date:                    false,
		code + date + hash + hash:                    false,
		code + hash:                                  false,
		date + hash:                                  false,
		code + date + hash + "x":                     false,
		`code="OTHER" ` + date + hash:                false,
		code + `date="2026-01-02T03:04:05Z" ` + hash: false,
	} {
		gateway := newSessions(t).gateway
		gateway.Options.Reads.Digests = []string{"md5"}
		req := httptest.NewRequest("GET", "/rest/6.0/orders/", nil)
		req.Header.Set("X-Avangate-Authentication", header)
		w := httptest.NewRecorder()
		gateway.ServeHTTP(w, req)
		assert.Equal(t, right && !fips140.Enforced(), w.Code == 200, header)
	}
}

func TestAvangateClockSeconds(t *testing.T) {
	hashes := map[string]string{
		`hash="47efdafacd7f87430561e887fe8489d64b49aa0e51bb958486b3732c822f6d1a" algo="sha256"`: "",
		`hash="55d5155d6b7e1719b934148a35cdb76c"`:                                               "md5",
	}
	for clock, want := range map[authtest.ClockSeconds]struct{ last, first int }{ // that is accepted, and refused
		{}:                            {300, 301},
		{Accepted: 300, Refused: 600}: {450, 451},
		{Accepted: 60, Refused: 61}:   {60, 61},
		{Refused: 600}:                {300, 301},
		{Accepted: 86400}:             {1e9, 0},
	} {
		for hash, digest := range hashes {
			if digest == "md5" && fips140.Enforced() {
				continue
			}
			for _, side := range []int{-1, 1} {
				for _, c := range []struct {
					seconds  int
					accepted bool
				}{{want.last, true}, {want.first, want.first == 0}} {
					s := newSessions(t)
					s.now = s.now.Add(time.Duration(side*c.seconds) * time.Second)
					s.gateway.Options = authtest.Options{ClockSeconds: clock, Reads: authtest.Reads{Digests: []string{"sha256", "md5"}}}
					req := httptest.NewRequest("GET", "/rest/6.0/orders/", nil)
					req.Header.Set("X-Avangate-Authentication", `code="YOURCODE123" date="2026-01-02 03:04:05" `+hash)
					w := httptest.NewRecorder()
					s.gateway.ServeHTTP(w, req)
					assert.Equal(t, c.accepted, w.Code == 200, "%+v: %d seconds", clock, side*c.seconds)
					if !c.accepted {
						assert.ErrorIs(t, s.seen[0].Err, auth.ErrClock)
					}
				}
			}
		}
	}
}

// TestSlash: a redirect comes before anybody looks at the credentials, and behind an
// action of the Payrexx family's SDK there is no slash.
func TestSlash(t *testing.T) {
	const served = 403 // or 401: there are no credentials
	for _, c := range []struct {
		target, location string
		want             [3]int // served, redirected, refused
	}{
		{"/v1.0/Gateway?instance=example&a=%20", "/v1.0/Gateway/?instance=example&a=%20", [3]int{served, 301, 404}},
		{"/v1.0/QrCodeScan/s%201?instance=example", "/v1.0/QrCodeScan/s%201/?instance=example", [3]int{served, 301, 404}},
		{"/v1.0/Gateway/?instance=example", "", [3]int{served, served, served}},
		{"/v1.0/Transaction/17/refund?instance=example", "", [3]int{served, served, served}},
		{"/v1.0", "", [3]int{404, 404, 404}},
		{"/rest/6.0/orders", "/rest/6.0/orders/", [3]int{401, 301, 404}},
		{"/rest/6.0/orders/1%2F2?a=1", "/rest/6.0/orders/1%2F2/?a=1", [3]int{401, 301, 404}},
		{"/rest/6.0/orders/", "", [3]int{401, 401, 401}},
		{"/rpc/6.0", "/rpc/6.0/", [3]int{200, 301, 404}},
		{"/soap/6.0", "/soap/6.0/", [3]int{500, 301, 404}},
		{"/rpc/6.0/", "", [3]int{200, 200, 200}},
	} {
		for i, slash := range []string{"served", "redirected", "refused"} {
			var told authtest.Exchange
			options := authtest.Options{Slash: slash}
			observe := func(e authtest.Exchange) { told = e }
			var gateway http.Handler = &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Options: options, Observe: observe}
			if !strings.HasPrefix(c.target, "/v1") {
				gateway = &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key"), Options: options, Observe: observe}
			}
			w := httptest.NewRecorder()
			gateway.ServeHTTP(w, httptest.NewRequest("POST", c.target, nil))
			assert.Equal(t, c.want[i], w.Code, "%s is %s", c.target, slash)
			assert.Equal(t, c.want[i], told.Status)
			assert.Error(t, told.Err)
			if w.Code == 301 {
				assert.Equal(t, c.location, w.Header().Get("Location"))
			}
		}
	}
}

// TestOptionsAreJSON: a document of which they are a part is read into them, and
// "unknown" is the default.
func TestOptionsAreJSON(t *testing.T) {
	var o authtest.Options
	require.NoError(t, json.Unmarshal([]byte(`{"schema":"x/1","host":"api.example.com","requests":41,"rows":[{"id":"form.post.plus"}],
		"reads":{"queryPlus":"plus","bodyPlus":"space","bodyReplacesQuery":"no","json":"no","typeMatters":"yes","names":"flat","apiKey":"refused","digests":["sha256"],"singleQuotes":"refused"},
		"slash":"redirected","versions":{"newest":"1.16"},"clockSeconds":{"accepted":300,"refused":600}}`), &o))
	require.NoError(t, o.Validate())
	want := authtest.Options{
		Reads: authtest.Reads{QueryPlus: "plus", BodyPlus: "space", BodyReplacesQuery: "no", JSON: "no", TypeMatters: "yes", Names: "flat", APIKey: "refused",
			Digests: []string{"sha256"}, SingleQuotes: "refused"},
		Slash:        "redirected",
		ClockSeconds: authtest.ClockSeconds{Accepted: 300, Refused: 600},
	}
	assert.Equal(t, want, o)
	text, err := json.Marshal(o)
	require.NoError(t, err)
	var again authtest.Options
	require.NoError(t, json.Unmarshal(text, &again))
	assert.Equal(t, want, again)
	text, err = json.Marshal(authtest.Options{})
	require.NoError(t, err)
	assert.JSONEq(t, "{}", string(text))

	const live = "/v1.11/Transaction?instance=example&a=b+c&ApiSignature="
	unknown := authtest.Options{Slash: "unknown"}
	each(&unknown.Reads, func(field *string) { *field = "unknown" })
	require.NoError(t, unknown.Validate())
	for _, o := range []authtest.Options{{}, unknown} {
		gateway := &authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Options: o}
		w := httptest.NewRecorder()
		gateway.ServeHTTP(w, httptest.NewRequest("GET", live+url.QueryEscape(apiSignature("a=b+c")), nil))
		assert.Equal(t, 200, w.Code)
	}
}

// each calls f with every field of reads that is a string.
func each(reads *authtest.Reads, f func(*string)) {
	v := reflect.ValueOf(reads).Elem()
	for i := range v.NumField() {
		if field, ok := v.Field(i).Addr().Interface().(*string); ok {
			f(field)
		}
	}
}

// TestOptionsThatAreWrong are named, and a gateway that has them answers nothing.
func TestOptionsThatAreWrong(t *testing.T) {
	wrong := map[string]authtest.Options{
		`names cannot be "Yes": write php, flat or unknown`: {Reads: authtest.Reads{Names: "Yes"}},
		`slash cannot be "no"`:                              {Slash: "no"},
		`digests cannot hold "sha1"`:                        {Reads: authtest.Reads{Digests: []string{"sha256", "sha1"}}},
		"clockSeconds cannot accept 600 and refuse 3":       {ClockSeconds: authtest.ClockSeconds{Accepted: 600, Refused: 3}},
		"clockSeconds cannot accept 3 and refuse 3":         {ClockSeconds: authtest.ClockSeconds{Accepted: 3, Refused: 3}},
		"clockSeconds cannot accept -1":                     {ClockSeconds: authtest.ClockSeconds{Accepted: -1}},
		"clockSeconds cannot accept 0 and refuse 20":        {ClockSeconds: authtest.ClockSeconds{Refused: 2_000_000_000}},
	}
	var reads authtest.Reads
	count := 0
	each(&reads, func(field *string) {
		reads = authtest.Reads{}
		*field = "Yes"
		assert.ErrorContains(t, (&authtest.Options{Reads: reads}).Validate(), `cannot be "Yes"`)
		count++
	})
	assert.Equal(t, 8, count)
	for reason, o := range wrong {
		require.ErrorContains(t, o.Validate(), reason)
		var told authtest.Exchange
		for _, gateway := range []http.Handler{
			&authtest.Paylink{Instance: "example", Secret: auth.NewSecret("test-secret-key"), Options: o, Observe: func(e authtest.Exchange) { told = e }},
			&authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret("test-secret-key"), Options: o, Observe: func(e authtest.Exchange) { told = e }},
		} {
			w := httptest.NewRecorder()
			gateway.ServeHTTP(w, httptest.NewRequest("GET", "/v1.0/Invoice/", nil))
			assert.Equal(t, 500, w.Code)
			assert.ErrorContains(t, told.Err, reason)
		}
	}
}
