package paylink

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

func newAccount(t *testing.T) *Account {
	a, err := NewAccount("test", "https://api.example.com", "example", auth.NewSecret("test-secret-key"), 8<<20, false)
	require.NoError(t, err)
	return &a
}

func TestNewAccount(t *testing.T) {
	a := newAccount(t)
	assert.Equal(t, "instance=example", a.InstanceQuery)
	assert.EqualValues(t, 8<<20, a.MaxBody)
	assert.Equal(t, "https://api.example.com", a.Origins[0].String())

	secret := auth.NewSecret("test-secret-key")
	for _, tc := range []struct {
		name, baseURL, instance string
		secret                  auth.SecretSource
		maxBody                 int64
		want                    error
	}{
		{"no base URL", "", "example", secret, 0, auth.ErrConfig},
		{"no instance", "https://api.example.com", "", secret, 0, auth.ErrConfig},
		{"a host for an instance", "https://api.example.com", "example.payrexx.com", secret, 0, auth.ErrConfig},
		{"a negative limit", "https://api.example.com", "example", secret, -1, auth.ErrConfig},
		{"no secret", "https://api.example.com", "example", nil, 0, auth.ErrSecret},
		{"an empty secret", "https://api.example.com", "example", auth.NewSecret(""), 0, auth.ErrSecret},
	} {
		_, err := NewAccount("test", tc.baseURL, tc.instance, tc.secret, tc.maxBody, false)
		assert.ErrorIs(t, err, tc.want, tc.name)
	}
}

// TestNewAccountKnowsThePagesOfPlatforms has every platform's pages for a base URL,
// and hosts that are not known to be one's.
func TestNewAccountKnowsThePagesOfPlatforms(t *testing.T) {
	account := func(baseURL, instance string) error {
		_, err := NewAccount("test", baseURL, instance, auth.NewSecret("test-secret-key"), 8<<20, true)
		return err
	}
	for _, p := range Platforms {
		assert.NoError(t, account("https://api."+p.Domain+"/v1.0/", "example"))
		assert.NoError(t, account("https://api."+p.Domain, "API"), "an instance may have that name")
		for _, host := range []string{"example." + p.Domain, "EXAMPLE." + p.Domain, p.Domain, "www." + p.Domain} {
			err := account("https://"+host+"/v1.0/", "Example")
			assert.ErrorIs(t, err, auth.ErrConfig, host)
			assert.ErrorContains(t, err, "the API is at https://api."+p.Domain+": ", host)
		}
	}
	for _, baseURL := range []string{"https://example.gateway.test", "http://example.payrexx.com:8080", "http://127.0.0.1:8080", "https://other.payrexx.com", "https://payrexx.com.example"} {
		assert.NoError(t, account(baseURL, "example"), baseURL)
	}
}

func TestErrorsNeverShowTheInstanceThatIsNone(t *testing.T) {
	for _, instance := range []string{"S3cr3t+key=", "S3cr3t/", "https://S3cr3t", "S3cr3t.payrexx.com", "S3cr3t\n"} {
		_, err := NewAccount("test", "https://api.example.com", instance, auth.NewSecret("test-secret-key"), 8<<20, false)
		assert.ErrorIs(t, err, auth.ErrConfig)
		assert.NotContains(t, err.Error(), "S3cr3t")
	}
}

func TestCheckIsForm(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"a=1":                           "",
		"  \n":                          "",
		"ü=1":                           "",
		"\uff41=1":                      "", // its first byte is a byte order mark's
		"%":                             "",
		"%7":                            "",
		"%zz{":                          "",
		"&{":                            "JSON",
		"ApiSignature=x&%7B=1":          "JSON",
		"instance=x&&ApiSignature&{":    "JSON",
		"instance=x&%41piSignature=&{":  "JSON",
		"ApiSignature=x":                "",
		"ApiSignature[]=x&{=1":          "",
		"a=1&{":                         "",
		`{"a":1}`:                       "JSON",
		"[1]":                           "JSON",
		"\ufeff{}":                      "JSON",
		"\v\f\u00a0{":                   "JSON",
		"\u00a3{=1":                     "",
		" \t\r\n[":                      "JSON",
		"%7B%22a%22%3A1%7D=":            "JSON",
		"%7b":                           "JSON",
		"%EF%BB%BF+%20%0A%5B1%5D":       "JSON",
		`"a=1"`:                         "quote",
		"%22a%22":                       "quote",
		"<a>1</a>":                      "XML",
		"\n%3Ca%3E":                     "XML",
		`<?xml version="1.0"?><a>1</a>`: "XML",
	} {
		if err := CheckIsForm(text); want == "" {
			assert.NoError(t, err, text)
		} else {
			assert.ErrorContains(t, err, want, text)
		}
	}
}

func TestReadForm(t *testing.T) {
	a := newAccount(t)
	for _, tc := range []struct{ name, form, want, reason string }{
		{"nothing", "", "", ""},
		{"what is the user's", "a=1&instance=example&b=2&ApiSignature=x", "a=1&b=2", ""},
		{"only what is the gateway's", "ApiSignature=x&instance=example", "", ""},
		{"another instance", "instance=other", "", `"instance" is not the configured "example"`},
		{"a signature twice", "ApiSignature=x&ApiSignature=y", "", "leave it out, it is added"},
		{"a group with a gateway's name", "instance[a]=example", "", "its name is the gateway's own: rename it"},
		{"JSON", `{"a":1}`, "", "application/json"},
		{"as many as may be", "a=1&instance=example&b=2&ApiSignature=x&c=3&", "a=1&b=2&c=3", ""},
		{"too many", "a=1&b=2&c=3&d=4", "", "there are more than 3 parameters"},
		{"too many with the gateway's own", "a=1&b=2&instance=example&c=3&d=4&ApiSignature=x", "", "there are more than 3 parameters"},
		{"far too many, of which the last are not read", "a=1&b=2&c=3&d=4&e=5&f=6&%", "", "there are more than 3 parameters"},
		{"a name that begins as the gateway's", "ApiSignatureÄ=1&ApiSignatureÄ=2", "", `parameter 2, which begins "ApiSignature", is given twice`},
	} {
		var params php.Array
		err := ReadForm(a, &params, tc.form, 3)
		if tc.reason != "" {
			assert.ErrorIs(t, err, auth.ErrParameter, tc.name)
			assert.ErrorContains(t, err, tc.reason, tc.name)
			continue
		}
		assert.NoError(t, err, tc.name)
		assert.Equal(t, tc.want, string(params.AppendQuery(nil)), tc.name)
	}
}

func TestCheckBodyQuery(t *testing.T) {
	a := newAccount(t)
	for query, right := range map[string]bool{"": true, "instance=example": true, "ApiSignature=x&instance=example": true, "a=1": false, "instance=other": false} {
		var params php.Array
		err := a.CheckBodyQuery(&params, &http.Request{Method: "POST", URL: &url.URL{RawQuery: query}})
		assert.Equal(t, right, err == nil, "%q: %v", query, err)
	}
	assert.Equal(t, "instance=example", string(a.AppendInstance(nil)))
	assert.Equal(t, "a=1&instance=example", string(a.AppendInstance([]byte("a=1"))))
}

func TestMediaType(t *testing.T) {
	long := strings.Repeat("4111", 11)
	for header, want := range map[string]string{
		"":                                  "",
		FormType:                            FormType,
		JSONType:                            JSONType,
		"Application/JSON; charset=UTF-8":   JSONType,
		FormType + " ; charset=utf-8":       FormType,
		MultipartType + "; boundary=B":      MultipartType,
		"text/plain; charset=iso-8859-1":    "text/plain",
		FormType + "; charset=iso-8859-1":   "refused",
		JSONType + `; charset="utf-16"`:     "refused",
		FormType + "\t; charset=utf-8":      "refused",
		" " + JSONType:                      "refused",
		JSONType + "\n":                     "refused",
		JSONType + "\u00a0":                 "refused",
		JSONType + "\x7f":                   "refused",
		JSONType + "  ":                     JSONType,
		"application/ json":                 "refused",
		"application/x-www-form-urlencodéd": "refused",
		"appl\u0130cation/json":             "refused",
		"text/plain, text/html":             "refused",
	} {
		got, err := MediaType(request.ReadBodyHeader(http.Header{"Content-Type": {header}}))
		if want == "refused" {
			assert.ErrorIs(t, err, auth.ErrRequest, header)
			continue
		}
		assert.NoError(t, err, header)
		assert.Equal(t, want, got, header)
	}
	for _, header := range []string{"text plain; " + long, long + "\t/plain", FormType + "; charset=" + long} {
		_, err := MediaType(request.ReadBodyHeader(http.Header{"Content-Type": {header}}))
		assert.ErrorIs(t, err, auth.ErrRequest)
		assert.NotContains(t, err.Error(), long, "what is quoted is cut")
	}
	_, err := MediaType(request.ReadBodyHeader(http.Header{"Content-Type": {FormType}, "content-type": {FormType}}))
	assert.ErrorIs(t, err, auth.ErrRequest, "two of them")
}

func TestDropEmptyBody(t *testing.T) {
	for body, dropped := range map[string]bool{"": true, "ApiSignature=x": false, "null": true, " {} \n": true, "{": false, "[]": false, "a=1": false, strings.Repeat(" ", 2000): false} {
		req, err := http.NewRequest("GET", "https://api.example.com/", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", JSONType)
		var params php.Array
		err = newAccount(t).DropEmptyBody(&params, req)
		if !dropped {
			assert.ErrorIs(t, err, auth.ErrRequest, body)
			continue
		}
		require.NoError(t, err, body)
		assert.False(t, request.HasBody(req), body)
		assert.Equal(t, body == "", req.Header.Get("Content-Type") != "", body)
	}
	for body, dropped := range map[string]bool{
		"ApiSignature=0QEbWTAnBA3yeozdepWvMCFSOQmJSiFAM8abUI%2FLmwU%3D": true,
		"instance=example&ApiSignature=x":                               true,
		"&":                                                             true,
		"instance=other&ApiSignature=x":                                 false,
		"ApiSignature=x&a=1":                                            false,
		"ApiSignature[]=x":                                              false,
		"ApiSignature=" + strings.Repeat("x", 2000):                     false,
	} {
		for _, contentType := range []string{FormType, FormType + "; charset=utf-8", "", "text/plain"} {
			req, err := http.NewRequest("HEAD", "https://api.example.com/", strings.NewReader(body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", contentType)
			var params php.Array
			err = newAccount(t).DropEmptyBody(&params, req)
			assert.Equal(t, dropped && contentType != "text/plain", err == nil, "%s of type %q: %v", body, contentType, err)
		}
	}
}

func TestDropNull(t *testing.T) {
	for _, tc := range []struct {
		name, body, contentType string
		length                  int64
		dropped                 bool
	}{
		{"null", "null", JSONType, 4, true},
		{"null with white space and a charset", " null\r\n", JSONType + "; charset=utf-8", 7, true},
		{"null with as much white space as may be", "null" + strings.Repeat(" ", 60), JSONType, 64, true},
		{"null of unknown length", "null", JSONType, -1, true},
		{"null of unknown length, 0 as net/http has it", "null", JSONType, 0, true},
		{"null and more", "null" + strings.Repeat(" ", 100), JSONType, -1, false},
		{"null and more, 0 as net/http has it", "null" + strings.Repeat(" ", 100), JSONType, 0, false},
		{"an empty object", "{}", JSONType, 2, false},
		{"an empty object of unknown length", "{}", JSONType, -1, false},
		{"nothing, of unknown length", "", JSONType, -1, false},
		{"a form", "null", FormType, 4, false},
		{"no type", "null", "", 4, false},
	} {
		req, err := http.NewRequest("PUT", "https://api.example.com/", strings.NewReader(tc.body))
		require.NoError(t, err)
		req.ContentLength = tc.length
		if tc.contentType != "" {
			req.Header.Set("Content-Type", tc.contentType)
		}
		body := &fragile{Reader: strings.NewReader(tc.body)}
		req.Body = body
		require.NoError(t, DropNull(req), tc.name)
		if tc.dropped {
			assert.Equal(t, http.NoBody, req.Body, tc.name)
			assert.Empty(t, req.Header, tc.name)
			assert.Equal(t, 1, body.closed, tc.name)
			continue
		}
		left, err := io.ReadAll(req.Body)
		require.NoError(t, err, tc.name)
		assert.Equal(t, tc.body, string(left), tc.name)
		require.NoError(t, req.Body.Close(), tc.name)
		assert.Equal(t, 1, body.closed, tc.name)
		assert.Equal(t, tc.contentType, req.Header.Get("Content-Type"), tc.name)
	}
	for _, length := range []int64{-1, 4, 5} {
		req, err := http.NewRequest("PUT", "https://api.example.com/", nil)
		require.NoError(t, err)
		body := &fragile{Reader: strings.NewReader("null"), err: errors.New("cannot be closed")}
		req.Header.Set("Content-Type", JSONType)
		req.Body, req.ContentLength = body, length
		assert.ErrorIs(t, DropNull(req), auth.ErrBody, "length %d", length)
		if req.Body != nil {
			req.Body.Close() // as a caller does who gets an error
		}
		assert.Equal(t, 1, body.closed, "length %d", length)
	}
}

// A fragile body counts how often it is closed, and may fail then.
type fragile struct {
	io.Reader
	err    error
	closed int
}

func (f *fragile) Close() error {
	f.closed++
	return f.err
}

func TestCheckMethod(t *testing.T) {
	for method, known := range map[string]bool{"": true, "GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true,
		"TRACE": false, "CONNECT": false, "OPTIONS": false, "get": false, "BREW": false} {
		err := CheckMethod(&http.Request{Method: method})
		assert.Equal(t, known, err == nil, "%q: %v", method, err)
	}
}

func TestSetBody(t *testing.T) {
	a := newAccount(t)
	a.MaxBody = 3
	req, err := http.NewRequest("POST", "https://api.example.com/", strings.NewReader("a=1"))
	require.NoError(t, err)
	body, err := a.TakeBody(nil, req, request.ReadBodyHeader(req.Header))
	require.NoError(t, err)
	assert.Equal(t, "a=1", string(body))
	assert.ErrorIs(t, a.SetBody(req, []byte("a=10")), auth.ErrBody)
	require.NoError(t, a.SetBody(req, []byte("b=2")))
	read, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	assert.Equal(t, "b=2", string(read))

	req, err = http.NewRequest("POST", "https://api.example.com/", strings.NewReader("a=10"))
	require.NoError(t, err)
	_, err = a.TakeBody(nil, req, request.ReadBodyHeader(req.Header))
	assert.ErrorIs(t, err, auth.ErrBody, "a body that is too long")
	req.Header.Set("Content-Encoding", "gzip")
	_, err = a.TakeBody(nil, req, request.ReadBodyHeader(req.Header))
	assert.ErrorIs(t, err, auth.ErrRequest, "an encoding")
}
