package avangate_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
)

func TestHeaderReplacesEverySpelling(t *testing.T) {
	a := authenticator(t, config())
	want := signed(t, a).Header[header]
	own := []string{"stale"}
	req := request(t, "GET", "https://api.2checkout.com/rest/6.0/orders/")
	req.Header = http.Header{
		header:                      own,
		"x-avangate-authentication": {"stale"},
		"X-AVANGATE-Authentication": {"stale", "stale"},
		"X-Avangate-Other":          {"kept"},
	}
	require.NoError(t, a.Authenticate(req, nil))
	assert.Equal(t, http.Header{
		header:             want,
		"X-Avangate-Other": {"kept"},
		"Accept":           {"application/json"},
	}, req.Header)
	assert.Equal(t, []string{"stale"}, own, "the caller's values were written to")
}

// Whoever writes the constant means a session. Where that is seen at no cost, the
// header and the constant do not go elsewhere.
func TestSessionInABodyOfREST(t *testing.T) {
	long := strings.Repeat(" ", 64<<10-len(avangate.Session))
	for _, test := range []struct {
		path, contentType, body string
		once, refused           bool
	}{
		{"/3.0/", "application/json", rpcBody("1"), false, true},
		{"/rest/6.0/orders/", "application/json; charset=utf-8", rpcBody("1"), false, true},
		{"/x/rpc/6.0/", "Application/Vnd.x+JSON", rpcBody("1"), false, true},
		{"/soaps/6.0/", "text/xml", soapBody(t, "php-document.xml"), false, true},
		{"/soaps/6.0/", "application/soap+xml;action=x", soapBody(t, "php-document.xml"), false, true},
		{"/rest/6.0/orders/", "application/json", long + avangate.Session, false, true},
		{"/rest/6.0/orders/", "application/json", " " + long + avangate.Session, false, false},
		{"/rest/6.0/orders/", "application/json", rpcBody("1"), true, false},
		{"/rest/6.0/orders/", "application/octet-stream", rpcBody("1"), false, false},
		{"/rest/6.0/orders/", "", rpcBody("1"), false, false},
		{"/rest/6.0/orders/", "application/json", `{"RefNo":"113"}`, false, false},
	} {
		for _, length := range []int64{int64(len(test.body)), -1, 0} {
			req, err := http.NewRequest("POST", vendor+test.path, strings.NewReader(test.body))
			require.NoError(t, err)
			if req.ContentLength = length; test.once {
				req.GetBody = nil
			}
			req.Header.Set("Content-Type", test.contentType)
			if test.contentType == "" {
				req.Header.Del("Content-Type")
			}
			err = authenticator(t, config()).Authenticate(req, nil)
			assert.Equal(t, test.refused, req.Header.Get(header) == "")
			if test.refused {
				require.ErrorIs(t, err, auth.ErrRequest)
				assert.ErrorContains(t, err, "the body holds avangate.Session")
				continue
			}
			require.NoError(t, err)
			assert.Equal(t, test.body, body(t, req), "the body is there")
		}
	}
	req, err := http.NewRequest("POST", vendor+"/rest/6.0/orders/", strings.NewReader("{}"))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	assert.NoError(t, authenticator(t, config()).Authenticate(req, nil))
}

func TestAcceptIsTheCallers(t *testing.T) {
	for _, p := range allProtocols(t) {
		authenticated := func(h http.Header) http.Header {
			req := httptest.NewRequest("POST", vendor+p.path, strings.NewReader(p.body))
			req.Header = h
			require.NoError(t, authenticator(t, config()).Authenticate(req, givesID))
			delete(req.Header, header)
			return req.Header
		}
		for _, key := range []string{"Accept", "accept", "ACCEPT"} {
			assert.Equal(t, http.Header{key: {"text/csv"}}, authenticated(http.Header{key: {"text/csv"}}), p.name)
		}
		want := http.Header{"Accept-Language": {"de"}}
		if !strings.HasPrefix(p.name, "SOAP") {
			want["Accept"] = []string{"application/json"}
		}
		assert.Equal(t, want, authenticated(http.Header{"Accept-Language": {"de"}}), p.name)
	}
}

// A base may change what it was given, to log it without the credential.
func TestNoRequestSeesWhatBecameOfAnothersHeader(t *testing.T) {
	const other = "another"
	w := newWorld(t)
	spoil := func(h http.Header) {
		for key, values := range h {
			assert.Equal(t, len(values), cap(values), "%s", key)
			h.Add(key, other)
			for i := range values {
				values[i] = other
			}
		}
	}
	for _, p := range allProtocols(t) {
		authenticate := func() *http.Request {
			method := "POST"
			if p.body == "" {
				method = "GET"
			}
			req := httptest.NewRequest(method, vendor+p.path, strings.NewReader(p.body))
			require.NoError(t, w.account.Authenticate(req, roundTripper(func(login *http.Request) (*http.Response, error) {
				for _, values := range login.Header {
					assert.NotContains(t, values, other)
				}
				resp, err := w.RoundTrip(login)
				spoil(login.Header)
				return resp, err
			})))
			return req
		}
		first := authenticate()
		want := first.Header.Clone()
		spoil(first.Header)
		assert.Equal(t, want, authenticate().Header, p.name)
		w.account.Refused(first, goneAnswer(p))
		assert.Equal(t, want, authenticate().Header, p.name)
	}
}

func TestDateIsUTCFromOneReading(t *testing.T) {
	readings := 0
	c := config()
	c.Now = func() time.Time {
		readings++
		return time.Date(2027, 1, 1, 0, 30, 0, 999_999_999, time.FixedZone("", 3600))
	}
	assert.Contains(t, signed(t, authenticator(t, c)).Header.Get(header), ` date="2026-12-31 23:30:00" `)
	assert.Equal(t, 1, readings)
}

func TestNoClockMeansTheSystems(t *testing.T) {
	c := config()
	c.Now = nil
	_, err := (&avangate.Verifier{SecretKey: c.SecretKey}).Verify(signed(t, authenticator(t, c)))
	require.NoError(t, err)
}

func TestHeaderFollowsClockAndSecret(t *testing.T) {
	now, key := moment, auth.NewSecret(secret)
	c := config()
	c.Now = func() time.Time { return now }
	c.SecretKey = auth.SecretFunc(func(context.Context) (auth.Secret, error) { return key, nil })
	a := authenticator(t, c)
	verify := func() string {
		t.Helper()
		req := signed(t, a)
		claim, err := (&avangate.Verifier{MerchantCode: c.MerchantCode, SecretKey: key, Now: c.Now}).Verify(req)
		require.NoError(t, err)
		assert.Equal(t, now.Truncate(time.Second), claim.Date)
		return req.Header.Get(header)
	}
	first := verify()
	now = now.Add(999 * time.Millisecond)
	assert.Equal(t, first, verify(), "the same second")
	now = now.Add(time.Millisecond)
	second := verify()
	assert.NotEqual(t, first, second, "the next second")
	key = auth.NewSecret("another " + secret)
	assert.NotEqual(t, second, verify(), "another secret")
	key = auth.NewSecret(secret)
	assert.Equal(t, second, verify(), "the secret back again")
	now = moment
	assert.Equal(t, first, verify(), "the clock set back")
}

func TestSecretThatCannotBeHad(t *testing.T) {
	cause := errors.New("the vault is sealed")
	for name, test := range map[string]struct {
		secret auth.Secret
		err    error
		says   string
	}{
		"an error":     {auth.Secret{}, cause, "the vault is sealed"},
		"an empty one": {auth.Secret{}, nil, "the secret is empty"},
		"a newline":    {auth.NewSecret(secret + "\n"), nil, "white space"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config()
			c.SecretKey = auth.SecretFunc(func(context.Context) (auth.Secret, error) { return test.secret, test.err })
			req := request(t, "", "https://api.avangate.com/rest/6.0/orders/")
			err := authenticator(t, c).Authenticate(req, nil)
			require.ErrorIs(t, err, auth.ErrSecret)
			if test.err != nil {
				require.ErrorIs(t, err, test.err)
			}
			assert.ErrorContains(t, err, "sign GET for https://api.avangate.com: ")
			assert.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), secret)
			assert.Empty(t, req.Header)
		})
	}
}

func TestSecretIsLoadedUnderTheRequestsContext(t *testing.T) {
	c := config()
	c.SecretKey = auth.SecretFunc(func(ctx context.Context) (auth.Secret, error) { return auth.NewSecret(secret), ctx.Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := request(t, "GET", "https://api.2checkout.com/rest/6.0/").WithContext(ctx)
	err := authenticator(t, c).Authenticate(req, nil)
	require.ErrorIs(t, err, auth.ErrSecret)
	require.ErrorIs(t, err, context.Canceled)
}

func TestWithinASecondOnlyTheHeadersValuesAreAllocated(t *testing.T) {
	a := authenticator(t, config())
	req := signed(t, a)
	allocations := testing.AllocsPerRun(100, func() {
		clear(req.Header)
		if err := a.Authenticate(req, nil); err != nil {
			t.Fatal(err)
		}
	})
	assert.Equal(t, 1.0, allocations)
}

func BenchmarkAuthenticate(b *testing.B) {
	for name, step := range map[string]time.Duration{"same second": 0, "next second": time.Second} {
		b.Run(name, func(b *testing.B) {
			now := moment
			c := config()
			c.Now = func() time.Time { now = now.Add(step); return now }
			a := authenticator(b, c)
			req := request(b, "GET", "https://api.2checkout.com/rest/6.0/orders/")
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Authenticate(req, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
