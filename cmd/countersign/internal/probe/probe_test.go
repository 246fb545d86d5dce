package probe_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/cmd/countersign/internal/probe"
	"github.com/countersign/countersign/internal/phptest"
)

const secret = "test-secret-key"

// A gateway counts what it gets and refuses.
type gateway struct {
	handler           http.Handler
	requests, refused int
	got               []string                                               // method and target
	instead           func(n int, req *http.Request) (*http.Response, error) // of the nth request's answer, if it is not nil
}

func (g *gateway) RoundTrip(req *http.Request) (*http.Response, error) {
	g.requests++
	r := httptest.NewRequest(req.Method, req.URL.RequestURI(), nil)
	r.Header = req.Header.Clone()
	if req.Body != nil {
		r.Body, r.ContentLength = req.Body, req.ContentLength
	}
	g.got = append(g.got, r.Method+" "+r.RequestURI)
	if g.instead != nil {
		if resp, err := g.instead(g.requests, req); resp != nil || err != nil {
			return resp, err
		}
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	if w.Code >= 400 {
		g.refused++
	}
	return w.Result(), nil
}

func newProbe(name string, base http.RoundTripper) *probe.Probe {
	p := &probe.Probe{
		Gateway: name, BaseURL: &url.URL{Scheme: "https", Host: "api.example.com"}, Account: "example", Secret: auth.NewSecret(secret), Base: base,
		Max: 60, MaxRefused: 20, Ask: probe.Questions{Methods: true, Versions: true, Logins: true, Clock: true},
	}
	if name == "avangate" {
		p.Account = "YOURCODE123"
	}
	return p
}

func newPaylink(o authtest.Options) *gateway {
	return &gateway{handler: &authtest.Paylink{Instance: "example", Secret: auth.NewSecret(secret), Options: o}}
}

func newAvangate(o authtest.Options) *gateway {
	return &gateway{handler: &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(secret), Options: o}}
}

// everyReading calls f with every combination of what a Paylink's options may say.
func everyReading(f func(authtest.Options)) {
	var o authtest.Options
	fields := []struct {
		field  *string
		values []string
	}{
		{&o.Reads.QueryPlus, []string{"space", "plus"}},
		{&o.Reads.BodyPlus, []string{"plus", "space"}},
		{&o.Reads.BodyReplacesQuery, []string{"yes", "no"}},
		{&o.Reads.JSON, []string{"yes", "no"}},
		{&o.Reads.TypeMatters, []string{"no", "yes"}},
		{&o.Reads.Names, []string{"php", "flat"}},
		{&o.Reads.APIKey, []string{"accepted", "refused"}},
		{&o.Slash, []string{"served", "redirected", "refused"}},
	}
	var set func(i int)
	set = func(i int) {
		if i == len(fields) {
			f(o)
			return
		}
		for _, value := range fields[i].values {
			*fields[i].field = value
			set(i + 1)
		}
	}
	set(0)
}

func TestPaylinkRecoversWhatWasSet(t *testing.T) {
	combinations := 0
	everyReading(func(o authtest.Options) {
		combinations++
		g := newPaylink(o)
		p := newProbe("paylink", g)
		p.Ask.APIKey, p.Ask.Object = true, "Gateway/17"
		f, err := p.Run(t.Context())
		require.NoError(t, err, "%+v", o)
		require.Equal(t, o, f.Options)
		require.True(t, f.Complete)
		require.Equal(t, g.requests, f.Requests)
		require.Equal(t, g.refused, f.Refused, "%+v", o)
		require.LessOrEqual(t, g.requests, 60)
		require.LessOrEqual(t, g.refused, 20, "%+v", o)
		require.Equal(t, &probe.Versions{Newest: "1.16"}, f.Versions)
	})
	assert.Equal(t, 384, combinations)
}

func TestAvangateRecoversWhatWasSet(t *testing.T) {
	for _, digests := range [][]string{{"sha256"}, {"sha256", "sha3-256"}, {"sha3-256"}} {
		for _, quotes := range []string{"accepted", "refused"} {
			for _, slash := range []string{"served", "redirected", "refused"} {
				for _, window := range []int{60, 300, 301, 900, 86400} {
					o := authtest.Options{
						Reads: authtest.Reads{Digests: digests, SingleQuotes: quotes}, Slash: slash,
						ClockSeconds: authtest.ClockSeconds{Accepted: window, Refused: window + 1},
					}
					g := newAvangate(o)
					f, err := newProbe("avangate", g).Run(t.Context())
					assert.LessOrEqual(t, g.refused, 20)
					assert.Equal(t, g.requests, f.Requests)
					if digests[0] != "sha256" {
						_, isRefusal := errors.AsType[*probe.Refusal](err)
						assert.True(t, isRefusal)
						assert.Equal(t, authtest.Options{Reads: authtest.Reads{Digests: []string{}, SingleQuotes: "unknown"}, Slash: "unknown"}, f.Options)
						continue
					}
					require.NoError(t, err)
					clock := f.ClockSeconds
					assert.True(t, clock.Accepted <= window && window < clock.Refused, "%d: %+v", window, clock)
					f.ClockSeconds = o.ClockSeconds
					assert.Equal(t, o, f.Options)
					for _, row := range f.Rows {
						if strings.HasSuffix(row.ID, "login") || row.ID == "rpc.batch" {
							assert.Equal(t, probe.Row{ID: row.ID, Verdict: probe.Accepted, Status: 200, Control: probe.Refused}, row)
						}
					}
				}
			}
		}
	}
}

// A clock that is wrong, and told by a Date, is not taken for a narrow window.
func TestTheGatewaysClockCounts(t *testing.T) {
	for _, off := range []time.Duration{-100 * time.Second, 0, 100 * time.Second} {
		g := &gateway{handler: &authtest.Avangate{MerchantCode: "YOURCODE123", SecretKey: auth.NewSecret(secret), Now: func() time.Time { return time.Now().Add(off) }}}
		f, err := newProbe("avangate", g).Run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, authtest.ClockSeconds{Accepted: 295, Refused: 305}, f.ClockSeconds, off)
	}
}

// A Date that lies moves no time but those of the clock, and these tell nothing.
func TestADateIsNotBelievedAgainstWhatIsAccepted(t *testing.T) {
	g := newAvangate(authtest.Options{})
	honest := g.handler
	g.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().AddDate(50, 0, 0).UTC().Format(http.TimeFormat))
		honest.ServeHTTP(w, r)
	})
	f, err := newProbe("avangate", g).Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"sha256", "sha3-256"}, f.Reads.Digests)
	assert.Zero(t, f.ClockSeconds)
}

// Where no version is accepted, 1.0 is the newest only if it was asked for.
func TestNoVersionIsGuessed(t *testing.T) {
	for base, want := range map[string]*probe.Versions{"": {Newest: "1.0"}, "/v1.0/": {Newest: "1.0"}, "/proxy": nil} {
		g := newPaylink(authtest.Options{})
		family := g.handler
		g.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, "/proxy/", "/v1.0/", 1)
			family.ServeHTTP(w, r)
		})
		answers(g, 404, `{"status":"error"}`, func(req *http.Request) bool { return version.MatchString(req.URL.Path) })
		p := newProbe("paylink", g)
		p.BaseURL.Path = base
		f, err := p.Run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, f.Versions, base)
	}
}

// TestAFingerprintPlaysTheGateway gives a document to another gateway, and asks that.
func TestAFingerprintPlaysTheGateway(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range []authtest.Options{
		{},
		{Reads: authtest.Reads{BodyPlus: "space"}},
		{Reads: authtest.Reads{QueryPlus: "plus"}},
		{Reads: authtest.Reads{TypeMatters: "yes"}},
		{Reads: authtest.Reads{Names: "flat"}},
		{Slash: "redirected"},
	} {
		f, err := newProbe("paylink", newPaylink(o)).Run(t.Context())
		require.NoError(t, err)
		document, err := json.Marshal(f)
		require.NoError(t, err)
		assert.False(t, seen[string(document)], "two gateways look alike: %+v", o)
		seen[string(document)] = true
		var read authtest.Options
		require.NoError(t, json.Unmarshal(document, &read))
		require.NoError(t, read.Validate())
		again, err := newProbe("paylink", newPaylink(read)).Run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, f, again)
	}
}

func TestTellsPHPsReadersApart(t *testing.T) {
	server := phptest.Serve(t, "readers.php", "SECRET="+secret)
	asked, wrong := 0, 0
	everyReading(func(o authtest.Options) {
		if o.Slash != "served" || o.Reads.APIKey != "refused" {
			return
		}
		r := o.Reads
		differs := 0
		for i, is := range []bool{r.QueryPlus == "plus", r.BodyPlus == "space", r.BodyReplacesQuery == "no", r.JSON == "no", r.TypeMatters == "yes"} {
			if is {
				differs += 1 << i
			}
		}
		if !phptest.Full() && differs&(differs-1) != 0 {
			return // more than one
		}
		parsers := map[string][]string{"php": {"parse_str", "regex"}, "flat": {"flat"}}
		for _, parser := range parsers[r.Names] {
			want := r
			want.APIKey = "unknown"
			if parser == "regex" { // pm[] is pm to it
				want.Names = "unknown"
			}
			how := strings.Join([]string{r.QueryPlus, r.BodyPlus, r.BodyReplacesQuery, r.JSON, r.TypeMatters, parser}, "-")
			p := newProbe("paylink", http.DefaultTransport)
			p.Ask = probe.Questions{}
			var err error
			p.BaseURL, err = url.Parse(server + "/" + how + "/v1.0")
			require.NoError(t, err)
			f, err := p.Run(t.Context())
			require.NoError(t, err, how)
			asked += f.Requests
			if !assert.Equal(t, want, f.Reads, how) {
				wrong++
			}
		}
	})
	t.Logf("%d requests to PHP, %d mismatches", asked, wrong)
}

// The controls of a gateway that looks at nothing are not refused.
func TestNothingIsKnownOfAGatewayThatTakesEverything(t *testing.T) {
	g := &gateway{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"status":"success","Items":[],"result":"id"}`)
	})}
	for _, name := range []string{"paylink", "avangate"} {
		p := newProbe(name, g)
		p.Ask.Logins, p.Ask.APIKey = false, true
		f, err := p.Run(t.Context())
		require.NoError(t, err)
		for _, row := range f.Rows {
			assert.Equal(t, probe.NotToldApart, row.Verdict, row.ID)
			assert.Equal(t, probe.Accepted, row.Control, row.ID)
		}
		assert.NotContains(t, fmt.Sprint(f.Reads), "accepted")
		assert.Equal(t, "unknown", f.Slash)
		assert.Nil(t, f.Versions)
		assert.Zero(t, f.ClockSeconds)
	}
}

// answers has a gateway answer some requests otherwise.
func answers(g *gateway, status int, body string, to func(*http.Request) bool) *gateway {
	g.instead = func(_ int, req *http.Request) (*http.Response, error) {
		if to(req) {
			return respond(status, body), nil
		}
		return nil, nil
	}
	return g
}

// What is refused for another reason, or answered by nothing that tells, is unknown.
func TestNothingIsSaidOfWhatIsNotKnown(t *testing.T) {
	const wrong = `{"status":"error","message":"The API secret is not correct."}`
	isPOST := func(req *http.Request) bool { return req.Method == http.MethodPost }
	isJSONControl := func(req *http.Request) bool { return strings.Contains(bodyOf(req), `"ApiSignature":"0`) }
	newest := func(req *http.Request) bool { return strings.Contains(req.URL.Path, "/v1.16/") }

	p := newProbe("paylink", answers(newPaylink(authtest.Options{}), 403, wrong, isPOST))
	p.MaxRefused = 60
	f, err := p.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "unknown", f.Reads.TypeMatters, "no form is taken")
	assert.Equal(t, "unknown", f.Reads.JSON, "no form is taken")

	f, err = newProbe("paylink", answers(newPaylink(authtest.Options{Reads: authtest.Reads{JSON: "no"}}), 200, `{"status":"success"}`, isJSONControl)).Run(t.Context())
	require.NoError(t, err)
	assert.Contains(t, f.Rows, probe.Row{ID: "json", Verdict: probe.NotToldApart, Status: 403, Control: probe.Accepted})
	assert.Equal(t, "unknown", f.Reads.JSON)

	f, err = newProbe("paylink", answers(newPaylink(authtest.Options{}), 500, `{"status":"error"}`, newest)).Run(t.Context())
	require.NoError(t, err)
	assert.Nil(t, f.Versions)

	clock := 0
	f, err = newProbe("avangate", answers(newAvangate(authtest.Options{}), 500, "{}", func(req *http.Request) bool {
		date, _ := time.Parse(time.DateTime, dates.FindString(req.Header.Get("X-Avangate-Authentication")))
		if req.Method == http.MethodGet && time.Since(date) > 8*time.Second {
			clock++
			return clock == 2
		}
		return false
	})).Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, clock)
	assert.Zero(t, f.ClockSeconds)

	p = newProbe("avangate", newAvangate(authtest.Options{}))
	p.Max = 2 // no other digest was tried
	f, err = p.Run(t.Context())
	require.Error(t, err)
	assert.Empty(t, f.Reads.Digests)
	assert.Equal(t, "unknown", f.Reads.SingleQuotes)
}

var dates = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)

func bodyOf(req *http.Request) string {
	if req.GetBody == nil {
		return ""
	}
	body, _ := req.GetBody()
	text, _ := io.ReadAll(body)
	return string(text)
}

func TestAMethodThatIsNotAllowedIsAVerdict(t *testing.T) {
	g := newPaylink(authtest.Options{})
	g.instead = func(_ int, req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodPatch {
			return nil, nil
		}
		return respond(405, "<html>"), nil
	}
	f, err := newProbe("paylink", g).Run(t.Context())
	require.NoError(t, err)
	assert.Contains(t, f.Rows, probe.Row{ID: "method.patch", Verdict: probe.NotAllowed, Status: 405, Control: probe.None})
	assert.Contains(t, f.Rows, probe.Row{ID: "method.head", Verdict: probe.Accepted, Status: 200, Control: probe.Refused})
}

func respond(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

var (
	secrets = regexp.MustCompile(`ApiSignature=[^&]*`)
	version = regexp.MustCompile(`/v1\.[1-9]\d?/`)
)
