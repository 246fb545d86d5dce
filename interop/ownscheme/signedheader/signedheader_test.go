package signedheader_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/interop/ownscheme/signedheader"
	"github.com/countersign/countersign/transport"
	"github.com/countersign/countersign/transport/transporttest"
)

const (
	api = "https://api.alder.example"
	key = "test-secret-key"
)

// alder is an emulated gateway. It reads what arrives, and takes a time within
// five minutes of its own.
func alder(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var field []string
	for name, values := range r.Header { // as CGI takes them
		if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), "Alder-Signature") {
			field = append(field, values...)
		}
	}
	if len(field) != 1 {
		http.Error(w, "no signature, or more than one", http.StatusUnauthorized)
		return
	}
	t, signature, _ := strings.Cut(strings.TrimPrefix(field[0], "t="), ",v1=")
	seconds, err := strconv.ParseInt(t, 10, 64)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(t + "\n" + r.Method + "\n" + r.RequestURI + "\n" + string(body)))
	switch {
	case err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute:
		w.Header().Set("Alder-Error", "time")
		http.Error(w, "the time is wrong", http.StatusUnauthorized)
	case !hmac.Equal([]byte(signature), []byte(hex.EncodeToString(mac.Sum(nil)))):
		http.Error(w, "the signature is wrong", http.StatusUnauthorized)
	default:
		io.WriteString(w, "{}")
	}
}

func request(t testing.TB, method, url, body string) *http.Request {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

func TestContract(t *testing.T) {
	a, err := signedheader.New(signedheader.Config{BaseURL: api, Secret: auth.NewSecret(key)})
	require.NoError(t, err)
	require.NoError(t, transporttest.TestAuthenticator(a, http.HandlerFunc(alder),
		request(t, "POST", api+"/v1/payments", `{"amount":200}`),
		request(t, "GET", api+"/v1/payments?from=2026-01-01&page=2", ""),
		request(t, "DELETE", api+"/v1/payments/7", ""),
	))
}

// What is signed is what arrives, whatever the request looks like.
func TestArrives(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(alder))
	defer gateway.Close()
	a, err := signedheader.New(signedheader.Config{BaseURL: gateway.URL, Secret: auth.NewSecret(key)})
	require.NoError(t, err)
	client, err := transport.Wrap(nil, a)
	require.NoError(t, err)
	plain, err := url.Parse(gateway.URL + "/v1")
	require.NoError(t, err)
	for name, req := range map[string]*http.Request{
		"a path with escapes": request(t, "GET", gateway.URL+"/v1/a%2Fb%20c/%C3%A4?x=%7E+y", ""),
		"no path":             request(t, "GET", gateway.URL, ""),
		"an empty query":      request(t, "GET", gateway.URL+"/v1?", ""),
		"no method":           {URL: plain, Header: http.Header{}},
		"a fragment":          request(t, "GET", gateway.URL+"/v1#top", ""),
		"a body with GET":     request(t, "GET", gateway.URL+"/v1", "{}"),
		"a body with DELETE":  request(t, "DELETE", gateway.URL+"/v1", "{}"),
		"a body of any bytes": request(t, "PUT", gateway.URL+"/v1", "\x00\xff\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			req.Header["alder_signature"] = []string{"stale"}
			resp, err := client.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			answer, _ := io.ReadAll(resp.Body)
			assert.Equal(t, "{}", string(answer))
		})
	}
}

// The value is that of
//
//	printf '1764288000\nPOST\n/v1/payments?dry=1\n{"amount":200}' | openssl dgst -sha256 -hmac test-secret-key
func TestVector(t *testing.T) {
	a, err := signedheader.New(signedheader.Config{BaseURL: api, Secret: auth.NewSecret(key), Now: func() time.Time { return time.Unix(1764288000, 0) }})
	require.NoError(t, err)
	req := request(t, "POST", api+"/v1/payments?dry=1", `{"amount":200}`)
	require.NoError(t, a.Authenticate(req, nil))
	assert.Equal(t, "t=1764288000,v1=a3ede5a24040acee54ec9ebbc573e759822e759d9014a53d6ce85c9898d219e7", req.Header.Get("Alder-Signature"))
}

// Who asks for the string to sign gets it, from a scheme outside the module too.
func TestTheStringToSignIsTraced(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(alder))
	defer gateway.Close()
	a, err := signedheader.New(signedheader.Config{BaseURL: gateway.URL, Secret: auth.NewSecret(key), Now: func() time.Time { return time.Unix(1764288000, 0) }})
	require.NoError(t, err)
	signing, err := transport.New(nil, a)
	require.NoError(t, err)
	var got []string
	client := &http.Client{Transport: signing.WithTrace(&auth.Trace{Signed: func(_ context.Context, i auth.SignedInfo) {
		s, ok := i.StringToSign()
		got = append(got, fmt.Sprint(i.Method, " ", s, " ", ok))
		assert.Equal(t, gateway.URL, i.Origin.String())
	}})}
	resp, err := client.Post(gateway.URL+"/v1/payments?dry=1", "application/json", strings.NewReader(`{"amount":200}`))
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, []string{"POST 1764288000\nPOST\n/v1/payments?dry=1\n{\"amount\":200} true"}, got)
}

func TestTheTimeIsThatOfEachCall(t *testing.T) {
	now := time.Unix(1764288000, 0)
	a, err := signedheader.New(signedheader.Config{BaseURL: api, Secret: auth.NewSecret(key), Now: func() time.Time { return now }})
	require.NoError(t, err)
	req := request(t, "GET", api+"/v1/payments", "")
	for range 2 {
		now = now.Add(time.Hour)
		require.NoError(t, a.Authenticate(req, nil))
		assert.Contains(t, req.Header.Get("Alder-Signature"), fmt.Sprintf("t=%d,", now.Unix()))
	}
}

// answering returns a client of an account whose machine's clock is off, and of a
// gateway in memory. Use it in a bubble of synctest.
func answering(t *testing.T, off time.Duration, gateway http.HandlerFunc) (*signedheader.Authenticator, *http.Client) {
	a, err := signedheader.New(signedheader.Config{BaseURL: api, Secret: auth.NewSecret(key), Now: func() time.Time { return time.Now().Add(off) }})
	require.NoError(t, err)
	rt, err := transport.New(roundTripper(func(req *http.Request) (*http.Response, error) {
		arrived := httptest.NewRequest(req.Method, req.URL.String(), req.Body)
		arrived.Header, arrived.RequestURI = req.Header, req.URL.RequestURI()
		w := httptest.NewRecorder()
		gateway(w, arrived)
		resp := w.Result()
		resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
		return resp, nil
	}), a)
	require.NoError(t, err)
	return a, &http.Client{Transport: rt}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// pay returns how the gateway answers a payment.
func pay(t *testing.T, client *http.Client) int {
	resp, err := client.Do(request(t, "POST", api+"/v1/payments", `{"amount":200}`))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// A clock that is wrong heals in one second turn, and one that is put right again
// does.
func TestWrongClockHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, off := range []time.Duration{-time.Hour, time.Hour, -24 * time.Hour} {
			var statuses []int
			a, client := answering(t, off, func(w http.ResponseWriter, r *http.Request) {
				recorder := httptest.NewRecorder()
				alder(recorder, r)
				maps.Copy(w.Header(), recorder.Header())
				w.WriteHeader(recorder.Code)
				statuses = append(statuses, recorder.Code)
			})
			require.Equal(t, 200, pay(t, client))
			require.Equal(t, -off, a.Offset())
			require.Equal(t, 200, pay(t, client))
			require.Equal(t, []int{401, 200, 200}, statuses, "one second turn, for the first request only")
		}
	})
}

// What was refused late, or for another reason, is not sent twice.
func TestRefusalsThatAreNotSentTwice(t *testing.T) {
	for name, c := range map[string]struct {
		off    time.Duration
		delay  time.Duration
		status int
		reason string
	}{
		"a slow refusal of the time under a right clock": {0, time.Minute, 401, "time"},
		"an instant one": {0, 0, 401, "time"},
		"a refusal of something else under a wrong clock": {-time.Hour, 0, 401, "account"},
		"a slow one":      {-time.Hour, time.Minute, 401, ""},
		"a fraud check's": {-time.Hour, time.Minute, 403, ""},
		"one with the reason, and a status that proves nothing": {-time.Hour, 0, 500, "time"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				times := 0
				a, client := answering(t, c.off, func(w http.ResponseWriter, r *http.Request) {
					times++
					time.Sleep(c.delay)
					w.Header().Set("Alder-Error", c.reason)
					w.WriteHeader(c.status)
				})
				require.Equal(t, c.status, pay(t, client))
				require.Equal(t, 1, times)
				require.Zero(t, a.Offset())
			})
		})
	}
}

// What would not arrive as it was signed is not sent.
func TestRefuses(t *testing.T) {
	a, err := signedheader.New(signedheader.Config{BaseURL: api, Secret: auth.NewSecret(key)})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func(*http.Request)
		code   error
	}{
		"a body shorter than it says": {func(r *http.Request) { r.ContentLength++ }, auth.ErrBody},
		"a body longer than it says":  {func(r *http.Request) { r.ContentLength-- }, auth.ErrBody},
		"a body of 64 MiB":            {func(r *http.Request) { r.ContentLength, r.Body = -1, io.NopCloser(io.LimitReader(zeros{}, 1<<26)) }, auth.ErrBody},
		"a trailer":                   {func(r *http.Request) { r.ContentLength, r.Trailer = -1, http.Header{"Digest": nil} }, auth.ErrRequest},
		"a Content-Encoding":          {func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, auth.ErrRequest},
	} {
		req := request(t, "POST", api+"/v1/payments", "S3cret-value")
		c.change(req)
		err := a.Authenticate(req, nil)
		assert.ErrorIs(t, err, c.code, name)
		for _, hidden := range []string{"S3cret-value", key} {
			assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), hidden, name)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		config signedheader.Config
		code   error
	}{
		"not encrypted": {signedheader.Config{BaseURL: "http://api.alder.example", Secret: auth.NewSecret(key)}, auth.ErrConfig},
		"no secret":     {signedheader.Config{BaseURL: api}, auth.ErrSecret},
	} {
		_, err := signedheader.New(c.config)
		assert.ErrorIs(t, err, c.code, name)
	}
	a, err := signedheader.New(signedheader.Config{BaseURL: api, Secret: auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.NewSecret(""), nil })})
	require.NoError(t, err)
	assert.ErrorIs(t, a.Authenticate(request(t, "GET", api, ""), nil), auth.ErrSecret)
}

func TestPrintsNoSecret(t *testing.T) {
	a, err := signedheader.New(signedheader.Config{BaseURL: api, Secret: auth.NewSecret(key)})
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		assert.NotContains(t, fmt.Sprintf(verb, a), key)
	}
}
