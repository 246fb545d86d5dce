package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/interop/ownscheme/bearer"
	"github.com/countersign/countersign/transport"
	"github.com/countersign/countersign/transport/transporttest"
)

const (
	api      = "https://api.birch.example"
	clientID = "a client: 1"
	key      = "test-secret-key"
)

// A birch is an emulated gateway. Each login gives another token.
type birch struct {
	answer http.HandlerFunc // of a login, in place of the gateway's own
	url    string           // once it is started

	mu      sync.Mutex
	logins  int
	valid   map[string]bool
	refused int
}

func (b *birch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/token" {
		b.logins++
		id, secret, _ := r.BasicAuth()
		switch {
		case b.answer != nil:
			b.answer(w, r)
		case id != "a+client%3A+1" || secret != key || r.PostFormValue("grant_type") != "client_credentials":
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"error":"invalid_client"}`)
		default:
			token := "token-" + strconv.Itoa(b.logins)
			if b.valid == nil {
				b.valid = make(map[string]bool)
			}
			b.valid[token] = true
			fmt.Fprintf(w, `{"access_token":%q,"expires_in":3600}`, token)
		}
		return
	}
	if field := r.Header["Authorization"]; len(field) != 1 || !b.valid[strings.TrimPrefix(field[0], "Bearer ")] {
		b.refused++
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	io.Copy(w, r.Body)
}

// counts returns how many logins there were, and how many requests were refused.
func (b *birch) counts() (logins, refused int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.logins, b.refused
}

// expire ends all tokens.
func (b *birch) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.valid)
}

func (b *birch) start(t *testing.T, secret string) *http.Client {
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	a, err := bearer.New(bearer.Config{BaseURL: server.URL, ClientID: clientID, Secret: auth.NewSecret(secret)})
	require.NoError(t, err)
	client, err := transport.Wrap(&http.Client{Transport: server.Client().Transport}, a)
	require.NoError(t, err)
	b.url = server.URL
	return client
}

func (b *birch) post(client *http.Client) (*http.Response, error) {
	resp, err := client.Post(b.url+"/payments", "application/json", strings.NewReader("{}"))
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

func request(t testing.TB, method, url, body string) *http.Request {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	return req
}

func TestContract(t *testing.T) {
	a, err := bearer.New(bearer.Config{BaseURL: api, ClientID: clientID, Secret: auth.NewSecret(key)})
	require.NoError(t, err)
	require.NoError(t, transporttest.TestAuthenticator(a, &birch{},
		request(t, "POST", api+"/payments", `{"amount":200}`),
		request(t, "GET", api+"/payments?page=2", ""),
	))
}

func TestLearner(t *testing.T) {
	var b birch
	require.NoError(t, transporttest.TestLearner(func() auth.Authenticator {
		a, err := bearer.New(bearer.Config{BaseURL: api, ClientID: clientID, Secret: auth.NewSecret(key)})
		require.NoError(t, err)
		return a
	}, &b, b.expire,
		request(t, "POST", api+"/payments", `{"amount":200}`),
		request(t, "GET", api+"/payments?page=2", ""),
	))
}

func TestOneLoginForAll(t *testing.T) {
	var b birch
	client := b.start(t, key)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			resp, err := b.post(client)
			assert.NoError(t, err)
			assert.Equal(t, http.StatusOK, resp.StatusCode)
		})
	}
	all.Wait()
	logins, refused := b.counts()
	assert.Equal(t, 1, logins)
	assert.Zero(t, refused)
}

func TestAnEndedTokenIsReplaced(t *testing.T) {
	var b birch
	client := b.start(t, key)
	for range 2 {
		resp, err := b.post(client)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		b.expire()
	}
	logins, refused := b.counts()
	assert.Equal(t, 2, logins)
	assert.Equal(t, 1, refused)
}

// A gateway that takes no token is asked twice, and no more.
func TestAGatewayThatTakesNoToken(t *testing.T) {
	b := birch{answer: func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"access_token":"of another","expires_in":3600}`)
	}}
	resp, err := b.post(b.start(t, key))
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	_, refused := b.counts()
	assert.Equal(t, 2, refused)
}

// A 401 that does not name the token may be of a gateway that has acted.
func TestAnother401IsNoProof(t *testing.T) {
	a, err := bearer.New(bearer.Config{BaseURL: api, ClientID: clientID, Secret: auth.NewSecret(key)})
	require.NoError(t, err)
	req := request(t, "POST", api+"/payments", "{}")
	for header, want := range map[string]bool{"": false, `Bearer error="insufficient_scope"`: false, `Bearer realm="a", error="invalid_token"`: true} {
		for status, proves := range map[int]bool{200: false, 401: true, 403: false, 500: false} {
			resp := &http.Response{StatusCode: status, Header: http.Header{"Www-Authenticate": {header}}}
			assert.Equal(t, want && proves, a.Refused(req, resp), "%d %s", status, header)
		}
	}
}

func TestLoginsThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		secret  string
		answer  http.HandlerFunc
		refused bool
		logins  int // of two calls
		want    string
	}{
		"a wrong secret": {"wrong-secret-key", nil, true, 1, "check the client's id and secret"},
		"a redirect": {key, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/token/", http.StatusTemporaryRedirect)
		},
			false, 2, "with status 307, holds no token"},
		"a redirect with a token": {key, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/token/")
			w.WriteHeader(http.StatusTemporaryRedirect)
			io.WriteString(w, `{"access_token":"17645","expires_in":3600}`)
		}, false, 2, "with status 307, holds no token"},
		"a firewall":   {key, func(w http.ResponseWriter, r *http.Request) { http.Error(w, key, http.StatusUnauthorized) }, false, 2, "with status 401, holds no token"},
		"a failure":    {key, func(w http.ResponseWriter, r *http.Request) { http.Error(w, key, http.StatusServiceUnavailable) }, false, 2, "with status 503, holds no token"},
		"no token":     {key, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"token":"`+key+`"}`) }, false, 2, "with status 200, holds no token"},
		"another type": {key, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"access_token":17645}`) }, false, 2, "with status 200, holds no token"},
		"no JSON":      {key, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, key) }, false, 2, "with status 200, holds no token"},
		"an endless one": {key, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat(" ", 4<<10)); err != nil {
					return
				}
			}
		}, false, 2, "with status 200, holds no token"},
		"no answer": {key, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, false, 2, "the token could not be asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			b := birch{answer: c.answer}
			client := b.start(t, c.secret)
			for range 2 {
				_, err := b.post(client)
				require.ErrorIs(t, err, scheme.ErrLogin)
				assert.Equal(t, c.refused, errors.Is(err, scheme.ErrRefused))
				assert.ErrorContains(t, err, c.want)
				for _, hidden := range []string{c.secret, key, "17645"} {
					assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), hidden)
				}
			}
			logins, refused := b.counts()
			assert.Equal(t, c.logins, logins)
			assert.Zero(t, refused, "no request is sent without a token")
		})
	}
}

// Both transports would wait for the login that the lower one holds up.
func TestALoginThroughItselfIsRefused(t *testing.T) {
	var b birch
	server := httptest.NewServer(&b)
	defer server.Close()
	a, err := bearer.New(bearer.Config{BaseURL: server.URL, ClientID: clientID, Secret: auth.NewSecret(key)})
	require.NoError(t, err)
	below, err := transport.New(nil, a)
	require.NoError(t, err)
	above, err := transport.New(below, a)
	require.NoError(t, err)
	_, err = above.RoundTrip(request(t, "GET", server.URL+"/payments", ""))
	require.ErrorIs(t, err, scheme.ErrLogin)
	assert.ErrorContains(t, err, "waits for this very login")
	logins, _ := b.counts()
	assert.Zero(t, logins)
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		config bearer.Config
		code   error
	}{
		"not encrypted": {bearer.Config{BaseURL: "http://api.birch.example", Secret: auth.NewSecret(key)}, auth.ErrConfig},
		"no secret":     {bearer.Config{BaseURL: api}, auth.ErrSecret},
	} {
		_, err := bearer.New(c.config)
		assert.ErrorIs(t, err, c.code, name)
	}
	a, err := bearer.New(bearer.Config{BaseURL: api, Secret: auth.SecretFunc(func(context.Context) (auth.Secret, error) { return auth.NewSecret(""), nil })})
	require.NoError(t, err)
	err = a.Authenticate(request(t, "GET", api, ""), nil)
	assert.ErrorIs(t, err, auth.ErrSecret)
	assert.ErrorIs(t, err, scheme.ErrLogin)
}

// alone returns an Authenticator, and a base that leads to b without a network and
// counts the answers that are not closed.
func (b *birch) alone(t *testing.T) (a *bearer.Authenticator, base http.RoundTripper, open *int) {
	a, err := bearer.New(bearer.Config{BaseURL: api, ClientID: clientID, Secret: auth.NewSecret(key)})
	require.NoError(t, err)
	open = new(int)
	return a, roundTripper(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		resp := w.Result()
		*open++
		resp.Body = closer{resp.Body, func() { *open-- }}
		return resp, nil
	}), open
}

type closer struct {
	io.Reader
	close func()
}

func (c closer) Close() error { c.close(); return nil }

func TestATokenIsReplacedBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, base, open := new(birch).alone(t)
		for _, want := range []string{"Bearer token-1", "Bearer token-1", "Bearer token-2"} {
			req := request(t, "GET", api+"/payments", "")
			req.Header["authorization"] = []string{"stale"}
			require.NoError(t, a.Authenticate(req, base))
			assert.Equal(t, http.Header{"Authorization": {want}}, req.Header)
			time.Sleep((time.Hour - 10*time.Second + 1) / 2)
		}
		assert.Zero(t, *open, "the answer to a login is closed")
	})
}

func TestALateRefusalDropsNothingNewer(t *testing.T) {
	a, base, _ := new(birch).alone(t)
	resp := &http.Response{StatusCode: 401, Header: http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}}}
	old, next := request(t, "GET", api+"/payments", ""), request(t, "GET", api+"/payments", "")
	require.NoError(t, a.Authenticate(old, base))
	require.True(t, a.Refused(old, resp))
	require.NoError(t, a.Authenticate(next, base))
	require.True(t, a.Refused(old, resp), "another try has a newer token")
	require.NoError(t, a.Authenticate(next, base))
	assert.Equal(t, "Bearer token-2", next.Header.Get("Authorization"))
}

func TestPrintsNoToken(t *testing.T) {
	a, base, _ := new(birch).alone(t)
	req := request(t, "GET", api+"/payments", "")
	require.NoError(t, a.Authenticate(req, base))
	require.Equal(t, "Bearer token-1", req.Header.Get("Authorization"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, hidden := range []string{key, "token-1"} {
			assert.NotContains(t, fmt.Sprintf(verb, a), hidden)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
