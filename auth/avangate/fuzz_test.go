package avangate_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth/avangate"
)

// FuzzSplice: in a body that is accepted nothing changes but the constant, and in
// JSON-RPC it is the first parameter of each call but a login.
func FuzzSplice(f *testing.F) {
	a := authenticator(f, config())
	f.Fuzz(func(t *testing.T, soap bool, in string) {
		path := "/rpc/6.0/"
		if soap {
			path = "/soap/6.0/"
		}
		req := httptest.NewRequest("POST", vendor+path, strings.NewReader(in))
		if a.Authenticate(req, givesID) != nil {
			return
		}
		out := body(t, req)
		require.Len(t, out, int(req.ContentLength))
		replaced := 0
		left, right := in, out
		for left != "" {
			if strings.HasPrefix(left, avangate.Session) && strings.HasPrefix(right, "ID") {
				left, right = left[len(avangate.Session):], right[len("ID"):]
				replaced++
				continue
			}
			require.NotEmpty(t, right)
			require.Equal(t, left[0], right[0])
			left, right = left[1:], right[1:]
		}
		require.Empty(t, right)
		if soap {
			require.LessOrEqual(t, replaced, 1)
		} else {
			require.Equal(t, calls(t, out), replaced)
		}
	})
}

// calls returns how many calls of the body have ID as their first parameter, of
// which all but logins must.
func calls(t *testing.T, out string) (n int) {
	var batch []map[string]json.RawMessage
	if json.Unmarshal([]byte(out), &batch) != nil {
		batch = make([]map[string]json.RawMessage, 1)
		require.NoError(t, json.Unmarshal([]byte(out), &batch[0]))
	}
	for _, request := range batch {
		var method string
		var params []json.RawMessage
		if json.Unmarshal(request["method"], &method) == nil && method == "login" {
			continue
		}
		require.NoError(t, json.Unmarshal(request["params"], &params))
		require.Equal(t, `"ID"`, string(params[0]))
		n++
	}
	return n
}

// FuzzAnswer: whatever the answer, the caller gets it whole, and a login takes no
// id of it that could need escaping.
func FuzzAnswer(f *testing.F) {
	a := authenticator(f, config())
	call := func(a *avangate.Authenticator, soap bool, network http.RoundTripper) (*http.Request, error) {
		url, text := rpcURL, rpcBody("1")
		if soap {
			url, text = vendor+"/soap/6.0/", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><m><a>`+avangate.Session+`</a></m></e:Body></e:Envelope>`
		}
		req := httptest.NewRequest("POST", url, strings.NewReader(text))
		return req, a.Authenticate(req, network)
	}
	f.Fuzz(func(t *testing.T, soap bool, answer string) {
		response := func() *http.Response {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(iotest.HalfReader(strings.NewReader(answer)))}
		}
		req, err := call(a, soap, givesID)
		require.NoError(t, err)
		resp := response()
		a.Refused(req, resp)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, answer, string(got))

		fresh := authenticator(t, config())
		req, err = call(fresh, soap, roundTripper(func(*http.Request) (*http.Response, error) { return response(), nil }))
		if err != nil {
			require.ErrorIs(t, err, avangate.ErrLogin)
			return
		}
		start, end := `"params":["`, `","1"]`
		if soap {
			start, end = "<m><a>", "</a>"
		}
		_, rest, _ := strings.Cut(body(t, req), start)
		id, _, found := strings.Cut(rest, end)
		require.True(t, found)
		require.Regexp(t, `^[0-9A-Za-z._+/=-]+$`, id)
	})
}

// FuzzRefusal: whatever a refusal says of the time, the offset is at most a day, and
// learnt from the Date of a 401 or 403 that comes from no cache.
func FuzzRefusal(f *testing.F) {
	f.Add(401, "Thu, 18 Jun 2020 08:20:46 GMT", "", false)
	f.Add(403, "Wed, 17 Jun 2020 08:05:46 GMT", "", false)
	f.Add(401, "Thu, 18 Jun 2020 08:20:46 GMT", "10", true)
	f.Add(401, "Thursday, 18-Jun-20 08:20:46 GMT", "", false)
	f.Add(401, "Thu Jun 18 08:20:46 2020", "", false)
	f.Add(200, "Thu, 18 Jun 2020 08:20:46 GMT", "", false)
	f.Add(401, "Mon, 01 Jan 0001 00:00:00 GMT", "", false)
	f.Fuzz(func(t *testing.T, status int, date, age string, cached bool) {
		c := config()
		c.Now = fixed(moment)
		a := authenticator(t, c)
		resp := &http.Response{StatusCode: status, Header: http.Header{"Date": {date}}, Body: http.NoBody}
		if cached {
			resp.Header.Set("Age", age)
		}
		again := a.Refused(signed(t, a), resp)
		offset := a.Offset()
		require.Equal(t, again, offset != 0)
		if offset == 0 {
			return
		}
		require.LessOrEqual(t, offset.Abs(), 24*time.Hour)
		require.False(t, cached)
		require.Contains(t, []int{401, 403}, status)
		said, err := http.ParseTime(date)
		require.NoError(t, err)
		require.Equal(t, said.UTC(), moment.Add(offset).UTC())
	})
}
