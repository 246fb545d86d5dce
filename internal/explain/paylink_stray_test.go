package explain

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
)

// TestPaylinkMisplacedCredentials: what is there is named, and where it belongs, and
// its value is not told.
func TestPaylinkMisplacedCredentials(t *testing.T) {
	p := &Paylink{Secret: auth.NewSecret(testSecret)}
	request := func(url, name, value string) *http.Request {
		req := (&paylinkVector{Method: "GET", URL: url}).request()
		if name != "" {
			req.Header.Set(name, value)
		}
		return req
	}
	for name, c := range map[string]struct {
		req  *http.Request
		want string
	}{
		"Bearer":        {request("/v1.0/Page/?a=1", "Authorization", "Bearer "+testSecret), "and a credential is sent in the header Authorization: Bearer"},
		"Basic":         {request("/v1.0/Page/?a=1", "Authorization", "Basic "+testSecret), "and a credential is sent in the header Authorization: Basic"},
		"API-KEY":       {request("/v1.0/Page/?a=1", "API-KEY", testSecret), "and a credential is sent in the header API-KEY"},
		"apiKey":        {request("/v1.0/Page/?a=1&apiKey="+testSecret, "", ""), "and a credential is sent in the query"},
		"api_secret":    {request("/v1.0/Page/?api_secret="+testSecret, "", ""), "and a credential is sent in the query"},
		"nothing there": {request("/v1.0/Page/?a=1", "", ""), "there is no ApiSignature among the parameters: the query has a; send"},
		"nothing":       {request("/v1.0/Page/", "", ""), "the query has none; send"},
		"its names":     {request("/v1.0/Page/?a1="+testSecret+"&abc[d]=2&abc[e]=3&e=4&"+testSecret+"=5", "", ""), "the query has abc, e; send"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := p.Request(c.req)
			require.ErrorIs(t, err, auth.ErrUnsigned)
			assert.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "there is no ApiSignature among the parameters")
			assert.NotContains(t, err.Error()+d.String(), testSecret)
		})
	}

	// PHP makes one value of several.
	keys := request("/v1.0/Page/?a=1", "X-Api-Key", testSecret)
	keys.Header.Add("X-Api-Key", testSecret)
	_, err := p.Request(keys)
	require.ErrorIs(t, err, auth.ErrUnsigned)
	assert.ErrorContains(t, err, "there is no ApiSignature among the parameters, and the header has X-Api-Key 2 times: give it once")

	// However often a header came, it is named once, by its first value.
	twice := request("/v1.0/Page/", "Authorization", "Bearer x")
	twice.Header.Add("Authorization", "basic y")
	assert.Equal(t, []Mistake{{"a credential is sent in the header Authorization: Bearer", credentialFix}}, misplacedCredentials(twice))

	// Beside a signature it is named behind what explains that, or alone.
	for _, c := range []struct {
		req   *http.Request
		found []string
		shown []string
	}{
		{request("/v1.0/Page/?a=b%20c&ApiSignature="+url.QueryEscape(sign(testSecret, "a=b%20c")), "Authorization", "Bearer x"),
			[]string{"a space is signed as %20", "a credential is sent in the header Authorization: Bearer"}, nil},
		{request("/v1.0/Page/?a=b%20c&ApiSignature="+url.QueryEscape(sign(testSecret+"x", "a=b+c")), "ApiKey", "x"),
			nil, []string{"a credential is sent in the header ApiKey"}},
		{request("/v1.0/Page/?a=b&api_key="+testSecret+"&ApiSignature="+url.QueryEscape(sign(testSecret+"x", "a=b")), "", ""),
			nil, []string{"a credential is sent in the query"}},
	} {
		d, err := p.Request(c.req)
		require.NoError(t, err)
		assert.Equal(t, c.shown, namesOf(d.Shown))
		assert.Equal(t, c.found != nil, len(d.Findings) > 0)
		if len(d.Findings) > 0 {
			assert.Equal(t, c.found, namesOf(d.Findings[0].Mistakes))
		}
		assert.NotContains(t, d.String(), testSecret)
	}

	for _, c := range []struct {
		signature string
		mistakes  []string
	}{
		{sign(testSecret, "a=1"), []string{"the signature is sent in a header"}},
		{sign(testSecret+"\n", "a=1"), []string{"the signature is sent in a header", "white space around the secret"}},
	} {
		for _, header := range []string{"ApiSignature", "X-Api-Signature"} {
			d, err := p.Request(request("/v1.0/Page/?a=1", header, c.signature))
			require.NoError(t, err)
			require.Len(t, d.Findings, 1)
			assert.Equal(t, c.mistakes, namesOf(d.Findings[0].Mistakes))
		}
	}
}

// TestPaylinkKeys: a request with an X-API-KEY has nothing to be explained but that.
func TestPaylinkKeys(t *testing.T) {
	const plus = "a plus sign in the query is taken for a plus sign beside an X-API-KEY, so that a filter with it finds nothing: write a space as %20 and a plus sign as %2B"
	for _, c := range []struct {
		name, url, key string
		right          bool
		notes, names   []string
	}{
		{"right", "/v1.0/Page/?instance=example&a=b%20c", testSecret, true, nil, nil},
		{"a plus sign", "/v1.11/Transaction/?instance=example&filterDatetimeUtcGreaterThan=2026-06-22+08%3A28%3A01", testSecret, true, []string{plus}, nil},
		{"no slash", "/v1.0/Page?instance=example", testSecret, true, []string{"the path has no slash at its end, and a gateway may redirect to the one that has: write it"}, nil},
		{"quotes", "/v1.0/Page/?instance=example", "'" + testSecret + "'", false, nil, []string{"quotes around the secret"}},
		{"undefined", "/v1.0/Page/?instance=example", "undefined", false, nil, []string{"the secret is empty, undefined or null"}},
		{"another", "/v1.0/Page/?instance=example", "another", false, nil, []string{"the X-API-KEY is not the secret"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := (&paylinkVector{Method: "GET", URL: c.url}).request()
			req.Header.Set("X-Api-Key", c.key)
			d, err := (&Paylink{Secret: auth.NewSecret(testSecret)}).Request(req)
			require.NoError(t, err)
			assert.Equal(t, c.right, d.Right)
			assert.Equal(t, c.notes, d.Notes)
			names := namesOf(d.Shown)
			for _, f := range d.Findings {
				names = namesOf(f.Mistakes)
			}
			assert.Equal(t, c.names, names)
		})
	}
}

// TestPaylinkQuestionMarks: one is named that tears the signature or the instance, and
// none that a value may have.
func TestPaylinkQuestionMarks(t *testing.T) {
	p := &Paylink{Secret: auth.NewSecret(testSecret)}
	signed := func(secret, stringToSign string) string {
		return "ApiSignature=" + url.QueryEscape(sign(secret, stringToSign))
	}
	const link = "a=1&url=https%3A%2F%2Fe.com%2F%3Fb%3D2"
	for query, want := range map[string][]string{
		"a=1&" + signed(testSecret, "a=1") + "?b=2":                                         {straySeparator.Name},
		"instance=example?a=1&" + signed(testSecret, "a=1"):                                 {straySeparator.Name},
		"instance=example?" + signed(testSecret, ""):                                        {straySeparator.Name},
		"instance=example&a=1&url=https://e.com/?b=2&" + signed(testSecret+"\n", link):      {"white space around the secret"},
		"instance=example&a=1&url=https://e.com/?b=2&" + signed(testSecret, link+"&id=3"):   nil,
		"instance=example&a=1&url=https://e.com/?b=2&" + signed("another-secret-key", link): nil,
	} {
		d, err := p.Request((&paylinkVector{Method: "GET", URL: "/v1.0/Page/?" + query}).request())
		require.NoError(t, err)
		mistakes := d.Shown
		if len(d.Findings) > 0 {
			mistakes = d.Findings[0].Mistakes
		}
		assert.Equal(t, want, namesOf(mistakes), query)
	}
}
