package transport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
)

// A vault is a merchant's secret, of which there is a new generation every so many
// times that it is asked for.
type vault struct {
	merchant   string
	asked      atomic.Int64
	generation atomic.Int64
}

const rotateEvery = 250 // times that a vault is asked

func (v *vault) Secret(context.Context) (auth.Secret, error) {
	if v.asked.Add(1)%rotateEvery == 0 {
		v.generation.Add(1)
	}
	return v.secret(v.generation.Load()), nil
}

func (v *vault) secret(generation int64) auth.Secret {
	return auth.NewSecret(fmt.Sprintf("topsecret-of-%s-%d", v.merchant, generation))
}

// verifiedBy returns the generation of the secret that verify accepts, -1 if there
// is none among those that there have been.
func (v *vault) verifiedBy(verify func(auth.Secret) error) int64 {
	generation := v.generation.Load()
	for ; generation >= 0 && verify(v.secret(generation)) != nil; generation-- {
	}
	return generation
}

// A merchant is one of those that share an origin.
type merchant struct {
	*vault
	auth.Authenticator
	atTCO bool
}

// Of 10,000 requests at once through one Transport, none carries a secret that is
// not its merchant's, or was not in use between its beginning and its end.
func TestTenThousandConcurrentRequestsWhileSecretsRotate(t *testing.T) {
	const requests = 10_000
	leaveNothing(t, func() {
		vaults := make(map[string]*vault)
		for _, name := range []string{"bakery", "florist", "butcher", "TCO-1", "TCO-2"} {
			vaults[name] = &vault{merchant: name}
		}
		// What the gateways found, by the number of the request.
		var got [requests]struct {
			merchant   string
			generation int64
			times      int
		}
		var mu sync.Mutex
		note := func(name, number string, verify func(auth.Secret) error) {
			n, err := strconv.Atoi(number)
			v := vaults[name]
			if err != nil || n >= requests || v == nil {
				t.Errorf("got the request %q of %q", number, name)
				return
			}
			generation := v.verifiedBy(verify)
			mu.Lock()
			defer mu.Unlock()
			got[n].merchant, got[n].generation = name, generation
			got[n].times++
		}
		paylink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, number, _ := strings.Cut(r.URL.Path, "/v1.0/Page/")
			note(r.URL.Query().Get("instance"), number, func(secret auth.Secret) error {
				found, err := (&paylinkhmac.Verifier{Secret: secret}).Verify(r)
				if err == nil && found.StringToSign != "a=b+c" {
					t.Errorf("got %q signed", found.StringToSign)
				}
				return err
			})
		}))
		defer paylink.Close()
		tco := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, number, _ := strings.Cut(r.URL.Path, "/rest/6.0/orders/")
			claim, _ := new(avangate.Verifier).Verify(r)
			note(claim.Code, number, func(secret auth.Secret) error {
				_, err := (&avangate.Verifier{SecretKey: secret}).Verify(r)
				return err
			})
		}))
		defer tco.Close()

		var merchants []merchant
		for name, v := range vaults {
			m := merchant{vault: v, atTCO: strings.HasPrefix(name, "TCO")}
			var err error
			if m.atTCO {
				m.Authenticator, err = avangate.New(avangate.Config{BaseURL: tco.URL, MerchantCode: name, SecretKey: v})
			} else {
				m.Authenticator, err = paylinkhmac.New(paylinkhmac.Config{BaseURL: paylink.URL, Instance: name, Secret: v})
			}
			require.NoError(t, err)
			merchants = append(merchants, m)
		}
		base := &http.Transport{MaxConnsPerHost: 32, MaxIdleConnsPerHost: 32}
		defer base.CloseIdleConnections()
		shared := auth.NewPerRequest(originOf(t, paylink.URL), originOf(t, tco.URL))
		tr := newTransport(t, base, shared)

		request := func(n int) *http.Request {
			m := merchants[n%len(merchants)]
			req := bodyless("GET", fmt.Sprint(tco.URL, "/rest/6.0/orders/", n))(t)
			if !m.atTCO {
				u := fmt.Sprint(paylink.URL, "/v1.0/Page/", n)
				req = []func(*testing.T) *http.Request{
					bodyless("GET", u+"?a=b+c"),
					posting(u, "application/x-www-form-urlencoded", "a=b+c"),
					posting(u, "application/json", `{"a":"b c"}`),
					posting(u, multipartType, strings.Replace(multipartForm, "\r\nb\r\n", "\r\nb c\r\n", 1)),
				}[n/len(merchants)%4](t)
			}
			return req.WithContext(auth.WithAuthenticator(req.Context(), m))
		}
		var first, last [requests]int64 // generations, when a request began and ended
		var wg sync.WaitGroup
		var underWay, most atomic.Int64
		start := make(chan struct{})
		for n := range requests {
			req := request(n)
			v := merchants[n%len(merchants)].vault
			wg.Go(func() {
				<-start
				for now := underWay.Add(1); ; {
					if was := most.Load(); now <= was || most.CompareAndSwap(was, now) {
						break
					}
				}
				defer underWay.Add(-1)
				first[n] = v.generation.Load()
				err := ask(tr, req)
				last[n] = v.generation.Load()
				if err != nil {
					t.Errorf("request %d: %v", n, err)
				}
			})
		}
		close(start)
		wg.Wait()

		rotations := int64(0)
		for _, v := range vaults {
			rotations += v.generation.Load()
		}
		for n, g := range got {
			want := merchants[n%len(merchants)].merchant
			if g.times != 1 || g.merchant != want || g.generation < first[n] || g.generation > last[n] {
				t.Errorf("request %d of %s arrived %d times, for %q, signed with secret %d, want one of %d to %d",
					n, want, g.times, g.merchant, g.generation, first[n], last[n])
			}
		}
		t.Logf("%d requests, at most %d under way at once, %d merchants, %d rotations", requests, most.Load(), len(merchants), rotations)
	})
}

// A fileVault is a vault that keeps its secret in a file.
type fileVault struct {
	vault
	path string
}

func newFileVault(t *testing.T) *fileVault {
	v := &fileVault{vault{merchant: "example"}, filepath.Join(t.TempDir(), "secret")}
	v.put(t, 0)
	return v
}

// put replaces the file, as it should be done.
func (v *fileVault) put(t *testing.T, generation int64) {
	next := v.path + ".next"
	require.NoError(t, os.WriteFile(next, []byte(v.secret(generation).Reveal()+"\n"), 0o600))
	require.NoError(t, os.Rename(next, v.path))
}

// A fileGateway verifies what it is sent with the secrets that there have been.
type fileGateway struct {
	vault *fileVault
	sent  atomic.Int64
}

// RoundTrip answers with the generation of the secret that the request is signed
// with.
func (g *fileGateway) RoundTrip(req *http.Request) (*http.Response, error) {
	g.sent.Add(1)
	generation := g.vault.verifiedBy(func(secret auth.Secret) error {
		_, err := (&paylinkhmac.Verifier{Secret: secret}).Verify(req)
		return err
	})
	return response(200, fmt.Sprint(generation)), nil
}

// post sends a form, and returns the generation that signed it.
func post(t *testing.T, rt http.RoundTripper) (generation int64, err error) {
	resp, err := rt.RoundTrip(postForm(t, "https://api.shop.test/"))
	if err != nil {
		return -1, err
	}
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	generation, err = strconv.ParseInt(string(text), 10, 64)
	require.NoError(t, err)
	return generation, nil
}

func (v *fileVault) transport(t *testing.T) (*fileGateway, http.RoundTripper) {
	gateway := &fileGateway{vault: v}
	a, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: "https://api.shop.test", Instance: "example", Secret: auth.NewFile(v.path)})
	require.NoError(t, err)
	return gateway, newTransport(t, gateway, a)
}

// What requests are signed with while the file of their secret is replaced,
// emptied and removed is a secret that was in it between their beginning and their
// end.
func TestASecretFileThatChangesWhileItIsInUse(t *testing.T) {
	const rotations, workers = 200, 4
	leaveNothing(t, func() {
		v := newFileVault(t)
		_, rt := v.transport(t)
		var current atomic.Int64 // the file has it; v.generation is the one that it has or is to have
		check := func() {
			first := current.Load()
			signed, err := post(t, rt)
			last := v.generation.Load()
			if err != nil || signed < first || signed > last {
				t.Errorf("got a request signed with secret %d, %v, want one of %d to %d", signed, err, first, last)
			}
		}
		over := make(chan struct{})
		var wg sync.WaitGroup
		var requests atomic.Int64
		for range workers {
			wg.Go(func() {
				for {
					select {
					case <-over:
						return
					default:
						check()
						requests.Add(1)
					}
				}
			})
		}
		for n := range int64(rotations) {
			v.generation.Store(n + 1)
			v.put(t, n+1)
			current.Store(n + 1)
			check()
			switch n % 3 {
			case 1:
				assert.NoError(t, os.Truncate(v.path, 0))
			case 2:
				assert.NoError(t, os.Remove(v.path))
			}
			check()
		}
		close(over)
		wg.Wait()
		t.Logf("%d requests, %d rotations", requests.Load()+2*rotations, rotations)
	})
}

// When the grace of a file that is gone is over, every request fails and says why,
// and nothing is sent, until the file is back.
func TestTheGraceOfASecretFileEndsForAllRequests(t *testing.T) {
	for name, c := range map[string]struct {
		remove func(path string) error
		want   error
		says   string
	}{
		"removed": {os.Remove, os.ErrNotExist, "the secret's file cannot be read"},
		"emptied": {func(path string) error { return os.Truncate(path, 0) }, auth.ErrSecret, "it is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newFileVault(t)
			synctest.Test(t, func(t *testing.T) {
				gateway, rt := v.transport(t)
				all := func(check func(generation int64, err error)) (sent int64) {
					before := gateway.sent.Load()
					var wg sync.WaitGroup
					for range 100 {
						wg.Go(func() { check(post(t, rt)) })
					}
					wg.Wait()
					return gateway.sent.Load() - before
				}
				signedBy := func(want int64) func(int64, error) {
					return func(generation int64, err error) {
						assert.NoError(t, err)
						assert.Equal(t, want, generation)
					}
				}
				assert.EqualValues(t, 100, all(signedBy(0)))
				require.NoError(t, c.remove(v.path))
				assert.EqualValues(t, 100, all(signedBy(0)), "the grace begins")
				time.Sleep(auth.FileGrace - time.Nanosecond)
				assert.EqualValues(t, 100, all(signedBy(0)), "within the grace")
				time.Sleep(time.Nanosecond)
				assert.Zero(t, all(func(_ int64, err error) {
					assertRefused(t, err, auth.ErrSecret)
					assert.ErrorIs(t, err, c.want)
					assert.ErrorContains(t, err, c.says)
					assert.ErrorContains(t, err, v.path)
				}), "the grace is over")
				v.generation.Store(1)
				v.put(t, 1)
				assert.EqualValues(t, 100, all(signedBy(1)), "the file is back")
			})
		})
	}
}
