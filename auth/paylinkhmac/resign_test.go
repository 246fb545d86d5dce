package paylinkhmac

import (
	"bytes"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
)

// What is taken because it is as an Authenticator sends it is taken by the way that
// judges any request, too, which finds the same and has nothing to say of it. The
// requests have a right signature, over what the gateway reads, and whatever can be
// put into each place of one that is ordinary.
func TestWhatIsAsSentIsJudgedTheSame(t *testing.T) {
	secret := auth.NewSecret("test-secret-key")
	v := &Verifier{Secret: secret}
	sign := func(signed string) string {
		return string(v.signer.appendSignature(nil, secret, []byte(signed)))
	}
	inserted := []string{"", "a", "0", "+", " ", "%20", "%2B", "%00", "\x00", "~", "%7E", "%7e", "%41", ".", "[", "]", "[]", "[0]", "%5B%5D", "%5B0%5D", "&", "=", ";",
		"&a=1", "&instance=other", "&ApiSignature=", "\xff", "%FF", "ü", "%C3%BC", `"`, `\`, `\u0041`, "{", "}", ",", ":", "null", "true", `{}`, `,"a":1`, "1.50", "-0"}
	type shape struct {
		method, contentType, query, body string
		add                              func(query, body, signature string) (string, string)
	}
	toBody := func(q, b, signature string) (string, string) {
		b = string(php.AppendEscaped([]byte(b+"&ApiSignature="), signature))
		return q, strings.TrimPrefix(b, "&")
	}
	toQuery := func(q, b, signature string) (string, string) {
		q, instance, _ := strings.Cut(q, "&instance=")
		return string(php.AppendEscaped([]byte(q+"&ApiSignature="), signature)) + "&instance=" + instance, b
	}
	toJSON := func(q, b, signature string) (string, string) {
		b, found := strings.CutSuffix(b, "}")
		if !found {
			return q, b
		}
		return q, b + `,"ApiSignature":"` + signature + `"}`
	}
	shapes := []shape{
		{"POST", paylink.FormType, "instance=example", "a=1&b%5B0%5D=x~y&b%5B1%5D=%2B%20", toBody},
		{"DELETE", paylink.FormType, "instance=example", "a=1", toBody},
		{"PUT", paylink.FormType, "", "a=1&c=", toBody},
		{"POST", paylink.JSONType, "instance=example", `{"a":1,"b":["x~y"],"c":{"d":"+ "}}`, toJSON},
		{"GET", "", "a=1&b%5B0%5D=x~y&c=%2B%20&instance=example", "", toQuery},
		{"DELETE", "", "a=1&instance=example", "", toQuery},
	}
	for _, s := range shapes {
		for _, in := range inserted {
			for at := range len(s.query) + len(s.body) + 1 {
				query, body := s.query, s.body
				if at < len(query) {
					query = query[:at] + in + query[at:]
				} else {
					body = body[:at-len(query)] + in + body[at-len(query):]
				}
				newRequest := func() *http.Request {
					req := httptest.NewRequest(s.method, "/v1.0/Invoice/", bytes.NewReader([]byte(body)))
					req.URL.RawQuery = query
					if s.contentType != "" {
						req.Header.Set("Content-Type", s.contentType)
					}
					return req
				}
				received, _ := paylink.Receive(newRequest(), []byte(body))
				paylink.RemoveOwn(received.Params)
				signed := string(received.Params.Query())
				query, body = s.add(query, body, sign(signed))
				require.Equal(t, slices.Collect(joined(received.Params.All())), slices.Collect(joined((&Verification{StringToSign: signed}).Parameters())),
					"the parameters are in the string to sign: %s", signed)

				var quick, judged Verification
				if !v.isAsSent(newRequest(), []byte(body), secret, &quick) {
					require.NotEmpty(t, in, "what is ordinary is taken: %s, %s", query, body)
					continue
				}
				require.NoError(t, v.judge(newRequest(), []byte(body), secret, &judged), "%s, %s", query, body)
				require.Equal(t, judged.StringToSign, quick.StringToSign, "%s, %s", query, body)
				require.Equal(t, judged.Instance, quick.Instance, "%s, %s", query, body)
				require.Empty(t, judged.Notes, "%s, %s", query, body)
			}
		}
	}
}

func joined(parameters iter.Seq2[string, string]) iter.Seq[[2]string] {
	return func(yield func([2]string) bool) {
		for name, value := range parameters {
			if !yield([2]string{name, value}) {
				return
			}
		}
	}
}
