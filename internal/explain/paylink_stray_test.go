package explain

import (
	"net/http"
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
		"Bearer":        {request("/v1.0/Page/?a=1", "Authorization", "Bearer "+testSecret), "there is a header Authorization"},
		"Basic":         {request("/v1.0/Page/?a=1", "Authorization", "Basic "+testSecret), "there is a header Authorization"},
		"API-KEY":       {request("/v1.0/Page/?a=1", "API-KEY", testSecret), "there is a header API-KEY"},
		"apiKey":        {request("/v1.0/Page/?a=1&apiKey="+testSecret, "", ""), "the query holds a credential"},
		"api_secret":    {request("/v1.0/Page/?api_secret="+testSecret, "", ""), "the query holds a credential"},
		"nothing there": {request("/v1.0/Page/?a=1", "", ""), "there is no ApiSignature among the parameters"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := p.Request(c.req)
			require.ErrorIs(t, err, auth.ErrUnsigned)
			assert.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "there is no ApiSignature among the parameters")
			assert.NotContains(t, err.Error()+d.String(), testSecret)
		})
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
