package scheme_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
)

// noon is a time in whole seconds, and a bit.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 999_999_999, time.UTC)

// dated returns a refusal by a gateway at that time.
func dated(t time.Time) *http.Response {
	return &http.Response{StatusCode: 401, Header: http.Header{"Date": {t.UTC().Format(http.TimeFormat)}}}
}

func order() *http.Request { return httptest.NewRequest("POST", "https://api.example.com/orders", nil) }

func TestClockOfWhichNothingIsKnown(t *testing.T) {
	c := scheme.Clock{Now: func() time.Time { return noon }}
	assert.Equal(t, noon, c.Claim(order()))
	assert.Zero(t, c.Offset())
	synctest.Test(t, func(t *testing.T) {
		assert.Equal(t, time.Now(), new(scheme.Clock).Claim(order()))
	})
}

// The clock was wrong if the gateway's is more than ten seconds from it, and within
// a day.
func TestClockLearns(t *testing.T) {
	for name, c := range map[string]struct {
		ahead  time.Duration // the gateway
		header http.Header   // of the refusal, beside the Date
		wrong  bool
	}{
		"at the same time":                 {0, nil, false},
		"ten seconds ahead":                {10 * time.Second, nil, false},
		"ten seconds behind":               {-10 * time.Second, nil, false},
		"eleven seconds ahead":             {11 * time.Second, nil, true},
		"eleven seconds behind":            {-11 * time.Second, nil, true},
		"a day ahead":                      {24 * time.Hour, nil, true},
		"a day behind":                     {-24 * time.Hour, nil, true},
		"more than a day ahead":            {24*time.Hour + time.Second, nil, false},
		"more than a day behind":           {-24*time.Hour - time.Second, nil, false},
		"centuries behind":                 {-200 * 365 * 24 * time.Hour, nil, false},
		"in an answer from a cache":        {time.Hour, http.Header{"Age": {"0"}}, false},
		"in an answer with a Date of none": {time.Hour, http.Header{"Date": {"yesterday"}}, false},
		"in an answer without a Date":      {time.Hour, http.Header{"Date": nil}, false},
	} {
		t.Run(name, func(t *testing.T) {
			clock := scheme.Clock{Now: func() time.Time { return noon }}
			req := order()
			clock.Claim(req)
			refusal := dated(noon.Add(c.ahead))
			for name, values := range c.header {
				refusal.Header[name] = values
			}
			require.Equal(t, c.wrong, clock.Refused(req, refusal))
			if !c.wrong {
				require.Zero(t, clock.Offset())
				return
			}
			require.Equal(t, c.ahead, clock.Offset())
			again := order()
			require.Equal(t, noon.Add(c.ahead), clock.Claim(again))
			require.False(t, clock.Refused(again, refusal), "the offset that it was signed with is right")
		})
	}
	assert.False(t, new(scheme.Clock).Refused(order(), &http.Response{}), "an answer without a header")
}

// How long an answer takes says nothing of the clock, be that right or wrong.
func TestClockIsTheSameHoweverLateTheAnswer(t *testing.T) {
	for _, off := range []time.Duration{0, -25 * time.Second, 25 * time.Second, -15 * time.Minute, 15 * time.Minute} {
		for _, delay := range []time.Duration{0, 11 * time.Second, 20 * time.Second, time.Hour} {
			t.Run(fmt.Sprint(off, delay), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := scheme.Clock{Now: func() time.Time { return time.Now().Add(off) }}
					req := order()
					c.Claim(req)
					time.Sleep(delay)
					assert.Equal(t, off != 0, c.Refused(req, dated(time.Now())))
					assert.Equal(t, -off, c.Offset())
				})
			})
		}
	}
}

// What counts is the offset that the refused request was signed with, and not the
// present one, however many there were since.
func TestClockKnowsWhatARequestWasSignedWith(t *testing.T) {
	now := noon
	c := scheme.Clock{Now: func() time.Time { return now }}
	first, second, third := order(), order(), order()
	c.Claim(first)
	c.Claim(second)
	require.True(t, c.Refused(first, dated(now.Add(time.Hour))))
	require.True(t, c.Refused(second, dated(now.Add(time.Hour))), "it was refused together with the first")
	require.Equal(t, time.Hour, c.Offset())

	c.Claim(third)
	now = now.Add(time.Hour) // the clock is put right
	require.True(t, c.Refused(third, dated(now)))
	require.Zero(t, c.Offset())
	require.False(t, c.Refused(second, dated(now)), "its offset is right by now")

	require.Equal(t, now, c.Claim(third), "the request is signed again")
	require.False(t, c.Refused(third, dated(now)))
	for range 20 {
		now = now.Add(-time.Minute)
		req := order()
		c.Claim(req)
		require.True(t, c.Refused(req, dated(now.Add(c.Offset()+time.Minute))))
	}
	require.True(t, c.Refused(third, dated(now.Add(c.Offset()))))
	require.Equal(t, 20*time.Minute, c.Offset())

	var other scheme.Clock
	require.True(t, other.Refused(first, dated(time.Now().Add(time.Hour))), "a clock knows its own offsets only")
}

// What a request's context holds stays, and copies remember, too.
func TestClockKeepsTheRequestsContext(t *testing.T) {
	c := scheme.Clock{Now: func() time.Time { return noon }}
	req := order()
	c.Claim(req)
	require.True(t, c.Refused(req, dated(noon.Add(time.Hour))))
	ctx := context.WithValue(t.Context(), valueKey{}, "kept")
	req = order().WithContext(ctx)
	c.Claim(req)
	assert.Equal(t, "kept", req.Context().Value(valueKey{}))
	assert.Equal(t, ctx.Done(), req.Context().Done())
	assert.False(t, c.Refused(req.Clone(req.Context()), dated(noon.Add(time.Hour))))
}

func TestClockReportsWhatItLearns(t *testing.T) {
	c := scheme.Clock{Now: func() time.Time { return noon }}
	var seen []auth.ClockInfo
	for _, trace := range []*auth.Trace{{}, {Clock: func(_ context.Context, i auth.ClockInfo) { seen = append(seen, i) }}} {
		req := order()
		req = req.WithContext(auth.WithTrace(req.Context(), trace))
		c.Claim(req)
		assert.True(t, c.Refused(req, dated(noon.Add(c.Offset()+time.Hour))))
	}
	assert.Equal(t, []auth.ClockInfo{{Before: time.Hour, After: 2 * time.Hour}}, seen)
}

func TestClockOfManyRequests(t *testing.T) {
	c := scheme.Clock{Now: func() time.Time { return noon }}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			req := order()
			claimed := c.Claim(req)
			ahead := time.Duration(i%2+1) * time.Hour
			wrong := claimed.Sub(noon) != ahead
			assert.Equal(t, wrong, c.Refused(req, dated(noon.Add(ahead))))
			c.Offset()
		})
	}
	all.Wait()
	assert.Contains(t, []time.Duration{time.Hour, 2 * time.Hour}, c.Offset())
}

func TestClockThatIsRightCostsNothing(t *testing.T) {
	c := scheme.Clock{Now: func() time.Time { return noon }}
	req := order()
	assert.Zero(t, testing.AllocsPerRun(100, func() { c.Claim(req) }))
	require.True(t, c.Refused(req, dated(noon.Add(time.Hour))))
	fresh := *req
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		*req = fresh
		c.Claim(req)
	}), 1.0)
}
