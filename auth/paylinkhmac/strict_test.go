package paylinkhmac_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

// ownParts are the parts that a signer refuses to be given, in a body of parts.
var ownParts = regexp.MustCompile(`--B\r\nContent-Disposition: form-data; name="(?:ApiSignature|instance)"\r\n\r\n[^\r]*\r\n`)

// requireSigned requires of a request that Strict takes that an Authenticator of its
// account signs the same parameters, and that Strict takes that too.
func requireSigned(t *testing.T, taken *paylinkhmac.Verification, req *http.Request) {
	t.Helper()
	instance := taken.Instance
	if instance == "" {
		instance = "example"
	}
	a, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: instance, Secret: auth.NewSecret(secret)})
	if err != nil {
		return // the instance is none
	}
	if contentType := req.Header.Get("Content-Type"); strings.HasPrefix(strings.ToLower(contentType), "multipart/form-data") {
		rest := ownParts.ReplaceAllString(bodyOf(t, req), "")
		if rest == "--B--\r\n" {
			return // without a part there is no such body
		}
		req = received(t, req.Method, req.URL.RawQuery, contentType, rest)
	}
	err = a.Authenticate(req, nil)
	if err != nil && strings.Contains(err.Error(), `"instance" is not the configured`) {
		return // it names one that is empty, which a Verifier's caller refuses
	}
	require.NoError(t, err, "an Authenticator refuses what Strict takes")
	var body strings.Builder
	if req.Body != nil {
		_, err = io.Copy(&body, req.Body)
		require.NoError(t, err, "an Authenticator refuses what Strict takes")
	}
	req = received(t, req.Method, req.URL.RawQuery, req.Header.Get("Content-Type"), body.String())
	again, err := (&paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}).Verify(req)
	require.NoError(t, err, "Strict refuses what an Authenticator signs")
	require.Equal(t, parametersOf(taken), parametersOf(again))
}

// numbered is a form of so many parameters.
func numbered(n int) string {
	var form strings.Builder
	for i := range n {
		fmt.Fprintf(&form, "n%d=1&", i)
	}
	return strings.TrimSuffix(form.String(), "&")
}

// FuzzWhatStrictTakesIsSigned: what Strict takes with a right signature, wherever
// that stands, an Authenticator signs, with the earlier signature and without it.
func FuzzWhatStrictTakesIsSigned(f *testing.F) {
	for _, urlencoded := range []string{
		"", "&", "a=1", "a=b%20c&b[x]=1&b[y]=2", "a[0]=1&a[1]=2", "a[]=1", "a=b+c", "a=%2B", "a=1&a=2", "a=1;b=2", "a.b=1", "a%00=1", "=1", "%=1", "a=%zz",
		"%7B%22a%22:1%7D=1", "%22a=1", "%3Cx=1", "%5B1%5D=1", "%EF%BB%BF%7B=1", "%0A%3Ca=1", "%C2%A0%22=1", "%257B=1", "a=%7B", "&%7B=1",
		"instance=example&%7B=1", "instance=example&a=1", "instance=&a=1", "%69nstance=example&%22a=1", "a[instance]=1", "headerImage=1",
		numbered(998), numbered(999), numbered(1000), "4111111111111111=1", "ü=1", "%FC=1",
	} {
		for kind := range uint8(4) {
			f.Add(kind, urlencoded)
		}
	}
	for _, members := range []string{`"a":1`, `"a":1.5,"b":["x","y"]`, `"{":1`, `"\"a":"1"`, `"<x":"1"`, `"instance":"example"`, `"a":{"b":"1"}`, `"a":true`, `"a.b":1`, `"":1`, `"a":"1","a":"2"`} {
		f.Add(uint8(4), members)
	}
	for _, pairs := range [][]string{{"a=1"}, {"{=1"}, {`<x=1`, "a=2"}, {"a[]=1"}, {"a[0]=1", "a[1]=2"}, {"instance=example", "a=1"}, {"b="}} {
		f.Add(uint8(5), strings.TrimSuffix(parts(pairs...), "--B--\r\n"))
	}
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		// request makes the request with a signature, or without one if it is "".
		request := func(signature string) *http.Request {
			urlencoded := ""
			if signature != "" {
				urlencoded = "ApiSignature=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(signature)
			}
			join := func(a, b, between string) string {
				if a == "" || b == "" {
					return a + b
				}
				return a + between + b
			}
			switch kind % 6 {
			case 0:
				return received(t, "GET", join(text, urlencoded, "&"), "", "")
			case 1:
				return received(t, "DELETE", join(urlencoded, text, "&"), "", "")
			case 2:
				return received(t, "POST", "instance=example", formType, join(text, urlencoded, "&"))
			case 3:
				return received(t, "PUT", "", formType, join(urlencoded, text, "&"))
			case 4:
				if signature != "" {
					signature = `"ApiSignature":"` + signature + `"`
				}
				return received(t, "PATCH", "", jsonType, "{"+join(text, signature, ",")+"}")
			}
			if signature != "" {
				signature = strings.TrimSuffix(parts("ApiSignature="+signature), "--B--\r\n")
			}
			return received(t, "POST", "", partsType, text+signature+"--B--\r\n")
		}
		strict := &paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}
		unsigned, err := strict.Verify(request("x"))
		if !errors.Is(err, auth.ErrSignature) {
			return // it cannot be read
		}
		signature := signatureOf(unsigned.StringToSign)
		taken, err := strict.Verify(request(signature))
		if err != nil {
			require.ErrorIs(t, err, auth.ErrAmbiguous)
			return
		}
		requireSigned(t, taken, request(signature))
		requireSigned(t, taken, request(""))
	})
}
