package answer_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/cmd/countersign/internal/answer"
)

const html = "<html><body>The secret is not correct</body></html>"

// respond returns an answer to a request for http://gateway.example.
func respond(status int, header http.Header, body string) *http.Response {
	asked := &http.Request{URL: &url.URL{Scheme: "http", Host: "gateway.example", Path: "/v1.0/"}}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: asked}
}

func dated(offset time.Duration) http.Header {
	return http.Header{"Date": {time.Now().Add(offset).UTC().Format(http.TimeFormat)}}
}

func TestAnswersMean(t *testing.T) {
	paylinkError := func(message string) string {
		return `{"status":"error","message":"An error occurred: ` + message + `"}`
	}
	avangateError := func(message string) string {
		return `{"error_code":"AUTHENTICATION_ERROR","message":"` + message + `"}`
	}
	for name, c := range map[string]struct {
		gateway string
		answer  *http.Response
		want    string
	}{
		"right":                    {"paylink", respond(200, nil, `{"status":"success","data":[{"id":1}]}`), "right: the gateway accepts"},
		"an error with 200":        {"paylink", respond(200, nil, paylinkError("x")), "unknown: the gateway answers with 200 and reports"},
		"a wrong secret with 200":  {"paylink", respond(200, nil, paylinkError("The API secret is not correct.")), "wrong: the secret"},
		"a page":                   {"paylink", respond(200, nil, html), "unknown: the answer is none of these gateways'"},
		"wrong secret":             {"paylink", respond(403, nil, paylinkError("The API secret is not correct.")), "wrong: the secret"},
		"wrong signature":          {"paylink", respond(403, nil, paylinkError("The API Signature is wrong")), "wrong: the secret"},
		"no license":               {"paylink", respond(403, nil, paylinkError("API is not included in your License")), "unknown: the account's license"},
		"a firewall":               {"paylink", respond(403, nil, html), "unknown: a firewall or a proxy refuses"},
		"a firewall's JSON":        {"paylink", respond(403, nil, `{"message":"Forbidden"}`), "unknown: a firewall or a proxy refuses"},
		"rate limit as 405":        {"paylink", respond(405, nil, html), "unknown: a firewall takes no more requests"},
		"rate limit":               {"paylink", respond(429, nil, ""), "unknown: the gateway answers with 429, too many requests: wait five minutes"},
		"rate limit, and its end":  {"paylink", respond(429, http.Header{"Retry-After": {"90"}}, html), "unknown: the gateway answers with 429, too many requests: wait 1m30s, as it asks for"},
		"rate limit until a date":  {"paylink", respond(429, http.Header{"Retry-After": {"Wed, 21 Oct 2026 07:28:00 GMT"}}, ""), "unknown: the gateway answers with 429, too many requests: wait five minutes"},
		"a proxy's 401":            {"paylink", respond(401, nil, html), "unknown: the answer, with 401, is no JSON, so a firewall"},
		"a proxy's 422":            {"paylink", respond(422, nil, html), "unknown: the gateway answers with 422"},
		"wrong instance":           {"paylink", respond(422, nil, `{"status":"error","reason":""}`), "wrong: the instance"},
		"wrong version":            {"paylink", respond(404, nil, paylinkError("Version not found.")), "unknown: there is no SignatureCheck"},
		"elsewhere":                {"paylink", respond(307, http.Header{"Location": {"https://other.example/v1.0/?ApiSignature=x"}}, ""), "unknown: the gateway redirects to \"https://other.example\", "},
		"elsewhere by path":        {"paylink", respond(301, http.Header{"Location": {"/login"}}, ""), "unknown: the gateway redirects to \"http://gateway.example"},
		"a fault":                  {"paylink", respond(502, nil, html), "unknown: the gateway, or a proxy, fails with 502"},
		"another status":           {"paylink", respond(418, nil, ""), "unknown: the gateway answers with 418"},
		"2Checkout, right":         {"avangate", respond(200, nil, `{"Items":[]}`), "right: the gateway accepts"},
		"2Checkout, a page":        {"avangate", respond(200, nil, html), "unknown: the answer is not 2Checkout's"},
		"2Checkout, hash":          {"avangate", respond(401, nil, avangateError("Hash signature could not be authenticated")), "wrong: the merchant code and the Secret Key do not belong together"},
		"2Checkout, hash, status":  {"avangate", respond(400, nil, avangateError("Hash signature could not be authenticated")), "wrong: the merchant code and the Secret Key do not belong together"},
		"2Checkout, credentials":   {"avangate", respond(401, nil, avangateError("Authentication needed for this resource")), "wrong: the merchant code or the Secret Key"},
		"2Checkout, another form":  {"avangate", respond(401, nil, `{"Error":"x","code":"401"}`), "wrong: the merchant code or the Secret Key"},
		"2Checkout, time":          {"avangate", respond(401, nil, avangateError("Time offset mismatch")), "unknown: the gateway refuses the time"},
		"2Checkout, clock":         {"avangate", respond(401, dated(50*time.Hour), avangateError("Time offset mismatch")), "unknown: the clocks are too far apart"},
		"2Checkout, time, status":  {"avangate", respond(403, dated(-50*time.Hour), avangateError("Time offset mismatch")), "unknown: the clocks are too far apart"},
		"2Checkout, version":       {"avangate", respond(404, nil, "{}"), "unknown: there are no orders"},
		"2Checkout, a firewall":    {"avangate", respond(403, nil, html), "unknown: the answer, with 403, is no JSON, so a firewall or a proxy refuses"},
		"2Checkout, a proxy":       {"avangate", respond(401, nil, html), "unknown: the answer, with 401, is no JSON, so a firewall or a proxy refuses"},
		"2Checkout, forbidden":     {"avangate", respond(403, nil, `{"message":"x"}`), "unknown: the gateway answers with 403"},
		"2Checkout, 403":           {"avangate", respond(403, nil, avangateError("x")), "wrong: the merchant code or the Secret Key is wrong"},
		"2Checkout, 200 and code":  {"avangate", respond(200, nil, avangateError("Authentication needed for this resource")), "wrong: the merchant code or the Secret Key is wrong"},
		"2Checkout, 200 and hash":  {"avangate", respond(200, nil, avangateError("Hash signature could not be authenticated")), "wrong: the merchant code and the Secret Key"},
		"2Checkout, 200 and error": {"avangate", respond(200, nil, `{"error_code":"INTERNAL_ERROR","message":"x"}`), "unknown: the gateway answers with 200 and reports an error"},
		"2Checkout, 200 and Error": {"avangate", respond(200, nil, `{"Error":"x","code":"500","message":"y"}`), "unknown: the gateway answers with 200 and reports an error"},
		"2Checkout, 200, Errors":   {"avangate", respond(200, nil, `{"Errors":{"x":"y"}}`), "unknown: the gateway answers with 200 and reports an error"},
		"2Checkout, no Errors":     {"avangate", respond(200, nil, `{"Items":[],"Errors":[],"error_code":""}`), "right: the gateway accepts"},
		"2Checkout, rate limit":    {"avangate", respond(429, nil, html), "unknown: the gateway answers with 429, too many requests"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := answer.Read(c.answer)
			require.NoError(t, err)
			meaning := a.Paylink
			if c.gateway == "avangate" {
				meaning = a.Avangate
			}
			verdict, words := meaning()
			got := string(verdict) + ": " + words
			assert.True(t, strings.HasPrefix(got, c.want), "%s", got)
			assert.NotContains(t, got, "<html>")
		})
	}
}

func TestReadTakesWhatTells(t *testing.T) {
	read := func(header http.Header, body string) *answer.Answer {
		a, err := answer.Read(respond(200, header, body))
		require.NoError(t, err)
		return a
	}
	for name, c := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"ahead":              {dated(time.Hour), time.Hour},
		"behind":             {dated(-time.Hour), -time.Hour},
		"no Date":            {nil, 0},
		"no date":            {http.Header{"Date": {"now"}}, 0},
		"of a cache":         {http.Header{"Date": {"Mon, 01 Jan 2024 00:00:00 GMT"}, "Age": {"1"}}, 0},
		"of another century": {http.Header{"Date": {"Fri, 31 Dec 9999 23:59:59 GMT"}}, 0},
		"before Go's zero":   {http.Header{"Date": {"Sat, 01 Jan 0000 00:00:00 GMT"}}, 0},
	} {
		a := read(c.header, "")
		assert.InDelta(t, c.want.Seconds(), a.Offset.Seconds(), 5, name)
		assert.Equal(t, c.want != 0, a.ClockIsOff(), name)
	}
	assert.Equal(t, "1h0m0s behind", (&answer.Answer{Offset: time.Hour}).OffsetInWords())
	assert.Equal(t, "1h0m0s ahead of", (&answer.Answer{Offset: -time.Hour}).OffsetInWords())

	for seconds, want := range map[string]time.Duration{"90": 90 * time.Second, "-1": 0, "1.5": 0, "65536": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0} {
		assert.Equal(t, want, read(http.Header{"Retry-After": {seconds}}, "").Pause, seconds)
	}
	assert.Equal(t, "https://other.example", read(http.Header{"Location": {"https://user:pass@OTHER.example/x?y"}}, "").Location)
	assert.Empty(t, read(http.Header{"Location": {"%zz"}}, "").Location)
	assert.Len(t, read(nil, strings.Repeat("x", 1<<21)).Body, 1<<20)
	assert.Nil(t, read(nil, `["x"]`).Object)
	assert.Nil(t, read(nil, strings.Repeat(`{"a":`, 1<<17)).Object)
	assert.Empty(t, read(nil, `{"message":{"a":1}}`).Message)

	for body, isPage := range map[string]bool{html: true, "\n <!DOCTYPE HTML>": true, "": false, "{}": false, `<?xml version="1.0"?><html/>`: false} {
		assert.Equal(t, isPage, read(nil, body).IsPage(), body)
	}
	broken := respond(200, nil, "")
	broken.Body = io.NopCloser(iotest.ErrReader(errors.New("reset")))
	_, err := answer.Read(broken)
	assert.EqualError(t, err, "reset")
}
