package paylinkhmac_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

func jsonRequest(t *testing.T, method, body string) *http.Request {
	req, err := http.NewRequest(method, path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	return req
}

// TestJSON says what becomes of JSON bodies. SIG stands for the signature, which
// the Verifier checks; what is signed is PHP's, see internal/php.
func TestJSON(t *testing.T) {
	for _, c := range []struct{ name, body, want, signed string }{
		{"an object", `{"amount": 200, "title":"Abo" }`, `{"amount": 200, "title":"Abo" ,"ApiSignature":"SIG"}`, "amount=200&title=Abo"},
		{"an empty object", `{}`, `{"ApiSignature":"SIG"}`, ""},
		{"nesting and types", `{"b":[{"n":"ü ~","v":7.7}],"t":true,"f":false,"z":null,"e":[]}`,
			`{"b":[{"n":"ü ~","v":7.7}],"t":true,"f":false,"z":null,"e":[],"ApiSignature":"SIG"}`, "b%5B0%5D%5Bn%5D=%C3%BC+%7E&b%5B0%5D%5Bv%5D=7.7&t=1&f=0"},
		{"an earlier signature", `{"ApiSignature":"old","a":"1","instance":"example"}` + "\n", `{"a":"1","ApiSignature":"SIG"}` + "\n", "a=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				req := jsonRequest(t, method, c.body)
				require.NoError(t, example(t).Authenticate(req, nil))
				body := bodyOf(t, req)
				found, err := (&paylinkhmac.Verifier{Secret: auth.NewSecret(secret), Reading: paylinkhmac.Live}).Verify(jsonRequest(t, method, body))
				require.NoError(t, err)
				assert.Equal(t, c.signed, found.StringToSign)
				_, err = (&paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}).Verify(jsonRequest(t, method, body))
				if c.name == "nesting and types" {
					require.ErrorIs(t, err, auth.ErrAmbiguous, "true and null can be put in the place of 1 and nothing")
				} else {
					require.NoError(t, err)
				}
				var sent struct{ ApiSignature string }
				require.NoError(t, json.Unmarshal([]byte(body), &sent))
				assert.Equal(t, c.want, strings.Replace(body, sent.ApiSignature, "SIG", 1))
				assert.EqualValues(t, len(body), req.ContentLength)
				assert.Equal(t, "instance=example", req.URL.RawQuery)
				again, err := req.GetBody()
				require.NoError(t, err)
				b, _ := io.ReadAll(again)
				assert.Equal(t, body, string(b), "GetBody")
			}
		})
	}
}

func TestJSONRefused(t *testing.T) {
	for _, c := range []struct {
		name, body, contentType string
		code                    error
		says                    string
	}{
		{"a number that PHP prints otherwise", `{"basket":[{"vatRate":8.10}]}`, "", auth.ErrParameter, `"basket[0][vatRate]"`},
		{"a member twice", `{"a":1,"\u0061":2}`, "", auth.ErrParameter, `"a"`},
		{"another instance", `{"instance":"elsewhere"}`, "", auth.ErrParameter, `parameter "instance" is not the configured "example"`},
		{"an image as text", `{"headerImage":"x"}`, "", auth.ErrParameter, `parameter "headerImage" is an image`},
		{"a list", `[1]`, "", auth.ErrBody, "want an object"},
		{"nothing", ` `, "", auth.ErrBody, "want an object"},
		{"a form that is said to be JSON", `amount=200&title=x`, "", auth.ErrBody, "the Content-Type is application/json, and the body reads like a form: send it as application/x-www-form-urlencoded"},
		{"an array that is said to be JSON", `pm%5B0%5D=1`, "", auth.ErrBody, "reads like a form"},
		{"an equals sign", `=1`, "", auth.ErrBody, "malformed JSON"},
		{"XML", `<a b="1"/>`, "", auth.ErrBody, "malformed JSON"},
		{"no JSON", `{"a"`, "", auth.ErrBody, "malformed JSON"},
		{"too long once it is signed", `{"a":"` + strings.Repeat("x", 960) + `"}`, "", auth.ErrBody, "as it is to be sent"},
		{"another charset", `{}`, "application/json; charset=latin1", auth.ErrRequest, `charset "latin1"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAuthenticator(t, paylinkhmac.Config{BaseURL: "https://api.example.com", Instance: "example", Secret: auth.NewSecret(secret), MaxBody: 1024})
			req := jsonRequest(t, "POST", c.body)
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			err := a.Authenticate(req, nil)
			require.ErrorIs(t, err, c.code)
			assert.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "elsewhere", "no parameter's value")
		})
	}
}

// upload returns a multipart body and its Content-Type.
func upload(t *testing.T, write func(w *multipart.Writer)) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	write(w)
	require.NoError(t, w.Close())
	return b.Bytes(), w.FormDataContentType()
}

func design(t *testing.T) (body []byte, contentType string) {
	return upload(t, func(w *multipart.Writer) {
		require.NoError(t, w.WriteField("name", "a+b ~ü"))
		file, err := w.CreateFormFile("headerImage", "image.png")
		require.NoError(t, err)
		file.Write(bytes.Repeat([]byte("\r\n--not the boundary"), 10_000))
		require.NoError(t, w.WriteField("fields[forename][value]", "Jürg"))
	})
}

func TestMultipart(t *testing.T) {
	body, contentType := design(t)
	for _, length := range []int64{int64(len(body)), -1, 0} {
		req, err := http.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", contentType)
		req.ContentLength = length
		require.NoError(t, example(t).Authenticate(req, nil))
		sent := bodyOf(t, req)
		if length > 0 {
			assert.EqualValues(t, len(sent), req.ContentLength, "the length is known as it was")
		} else {
			assert.Equal(t, length, req.ContentLength)
		}
		again, err := req.GetBody()
		require.NoError(t, err)
		b, err := io.ReadAll(again)
		require.NoError(t, err)
		assert.Equal(t, sent, string(b), "GetBody")
		assert.True(t, strings.HasPrefix(sent, string(body[:len(body)-len("--\r\n")-30])), "what was there is not changed")

		received, err := http.NewRequest(http.MethodPost, req.URL.String(), strings.NewReader(sent))
		require.NoError(t, err)
		received.Header.Set("Content-Type", contentType)
		found, err := (&paylinkhmac.Verifier{Secret: auth.NewSecret(secret)}).Verify(received)
		require.NoError(t, err)
		assert.Equal(t, "name=a%2Bb+%7E%C3%BC&fields%5Bforename%5D%5Bvalue%5D=J%C3%BCrg", found.StringToSign)
		assert.Equal(t, "example", found.Instance)
	}
}

func TestMultipartWithoutGetBodyHasNone(t *testing.T) {
	body, contentType := design(t)
	req, err := http.NewRequest(http.MethodPost, path, io.NopCloser(bytes.NewReader(body)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	require.NoError(t, example(t).Authenticate(req, nil))
	assert.Nil(t, req.GetBody)
}

func TestMultipartWhoseGetBodyFailsFails(t *testing.T) {
	body, contentType := design(t)
	req, err := http.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	gone := errors.New("the file is gone")
	req.GetBody = func() (io.ReadCloser, error) { return nil, gone }
	require.NoError(t, example(t).Authenticate(req, nil))
	_, err = req.GetBody()
	assert.ErrorIs(t, err, gone)
}

// TestMultipartRefused has what is seen at once, and what is seen only as the
// body is sent. internal/php has every rule.
func TestMultipartRefused(t *testing.T) {
	field := func(name, value string) func(w *multipart.Writer) {
		return func(w *multipart.Writer) { w.WriteField(name, value) }
	}
	broken := errors.New("the disk is gone")
	for _, c := range []struct {
		name  string
		write func(w *multipart.Writer)
		edit  func(*http.Request)
		code  error
		says  string
	}{
		{"another method", field("a", "1"), func(r *http.Request) { r.Method = "PUT" }, auth.ErrRequest, "in a POST request only"},
		{"no boundary", field("a", "1"), func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data") }, auth.ErrRequest, "boundary"},
		{"compressed", field("a", "1"), func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, auth.ErrRequest, `Content-Encoding "gzip"`},
		{"a dot in a name", field("a.b", "1"), nil, auth.ErrParameter, `parameter "a.b"`},
		{"an automatic index", field("pm[]", "1"), nil, auth.ErrParameter, `parameter "pm[]"`},
		{"an image as text", field("headerImage", "1"), nil, auth.ErrParameter, `parameter "headerImage" is an image`},
		{"broken in the middle", field("a", "1"), func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 70), iotest.ErrReader(broken)))
		}, broken, "the body cannot be read: the disk is gone"},
		{"cut off", field("a", "1"), func(r *http.Request) {
			r.Body = io.NopCloser(io.LimitReader(r.Body, 70))
			r.ContentLength = -1
		}, io.ErrUnexpectedEOF, ""},
		{"shorter than its length", field("a", "1"), func(r *http.Request) { r.ContentLength++ }, auth.ErrBody, "not as long as ContentLength says"},
		{"longer than its length", field("a", "1"), func(r *http.Request) { r.ContentLength-- }, auth.ErrBody, "not as long as ContentLength says"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, contentType := upload(t, c.write)
			req, err := http.NewRequest(http.MethodPost, path, bytes.NewReader(body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", contentType)
			if c.edit != nil {
				c.edit(req)
			}
			err = example(t).Authenticate(req, nil)
			if err == nil {
				var sent []byte
				sent, err = io.ReadAll(req.Body)
				assert.NotContains(t, string(sent), "ApiSignature")
				assert.NotContains(t, string(sent), contentType[len("multipart/form-data; boundary="):]+"--")
			}
			require.ErrorIs(t, err, c.code)
			assert.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, "countersign: sign "+req.Method+" for https://api.example.com: ")
		})
	}
}
