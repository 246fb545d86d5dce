package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/interop"
)

// meters keep what is measured.
type meters struct{ *sdkmetric.ManualReader }

func newMeters(t *testing.T) (*meters, *auth.Trace) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { provider.Shutdown(context.WithoutCancel(t.Context())) })
	trace, err := interop.NewTrace(provider)
	require.NoError(t, err)
	return &meters{reader}, trace
}

func (m *meters) collect(t *testing.T) *metricdata.ResourceMetrics {
	var all metricdata.ResourceMetrics
	require.NoError(t, m.Collect(t.Context(), &all))
	return &all
}

func (m *meters) dump(t *testing.T) string {
	dump, err := json.Marshal(m.collect(t))
	require.NoError(t, err)
	return string(dump)
}

// values returns what was measured, without the origin.
func (m *meters) values(t *testing.T) (lines []string) {
	line := func(name string, set attribute.Set, value any) {
		text := name
		for _, key := range []string{"http.request.method", "outcome"} {
			if v, ok := set.Value(attribute.Key(key)); ok {
				text += fmt.Sprintf(" %s", v.AsString())
			}
		}
		lines = append(lines, fmt.Sprint(text, ": ", value))
	}
	for _, scope := range m.collect(t).ScopeMetrics {
		for _, metric := range scope.Metrics {
			switch data := metric.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					line(metric.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					line(metric.Name, p.Attributes, p.Count)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					line(metric.Name, p.Attributes, p.Value)
				}
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// traced is the whole stack, with a Trace.
func (g *gateway) traced(t *testing.T, s *spans, trace *auth.Trace, logged *bytes.Buffer) *http.Client {
	retrying := newRetrying(logged)
	retrying.HTTPClient.Transport = g.signing(t, nil).WithTrace(trace)
	return &http.Client{Transport: otelhttp.NewTransport(&retryablehttp.RoundTripper{Client: retrying}, s.provider(), otelhttp.WithClientTrace(interop.ClientTrace))}
}

// Neither a secret, nor a credential, nor what was signed is in a span, a metric or
// the log, through tracing, retries and Countersign.
func TestTraceHoldsNoCredential(t *testing.T) {
	for _, tt := range reads {
		t.Run(tt.name, func(t *testing.T) {
			g, s := tt.gateway(t), newSpans(t)
			m, trace := newMeters(t)
			var stringsToSign []string
			watched := trace.Signed
			trace.Signed = func(ctx context.Context, i auth.SignedInfo) {
				if s, ok := i.StringToSign(); ok {
					stringsToSign = append(stringsToSign, s)
				}
				watched(ctx, i)
			}
			var logged bytes.Buffer
			client := g.traced(t, s, trace, &logged)
			g.fail(2)
			code, _, err := send(t, client, http.MethodGet, g.URL+tt.path, "", "")
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, code)
			g.requireVerified(t, 3)
			_, _, err = send(t, client, http.MethodGet, "https://elsewhere.test/", "", "")
			require.ErrorIs(t, err, auth.ErrOrigin)

			assert.Equal(t, []string{"countersign.requests GET origin refused: 1", "countersign.requests GET signed: 3"}, m.values(t))
			assert.Equal(t, []string{"signed", "signed", "signed", "refused"}, s.events())
			for _, output := range []string{m.dump(t), s.dump(t), logged.String()} {
				g.requireClean(t, output)
				for _, signed := range stringsToSign {
					assert.NotContains(t, output, signed)
				}
			}
			assert.Equal(t, tt.name != "X-API-KEY", len(stringsToSign) == 3, "got %q", stringsToSign)
		})
	}
}

// The clock is wrong, the session ends early, and the login is a span.
func TestTraceOfLogins(t *testing.T) {
	g, s := newAvangate(t), newSpans(t)
	m, trace := newMeters(t)
	var logged bytes.Buffer
	client := g.traced(t, s, trace, &logged)
	call := func() error {
		_, _, err := send(t, client, http.MethodPost, g.URL+"/rpc/6.0/", "application/json", rpcCall)
		return err
	}
	require.NoError(t, call())
	g.emulated.(*authtest.Avangate).EndSessions()
	require.NoError(t, call())
	assert.Equal(t, []string{
		"countersign.logins ok: 2",
		"countersign.repeats POST session: 1",
		"countersign.requests POST signed: 3",
	}, m.values(t))
	var logins int
	for _, span := range s.exporter.GetSpans() {
		if span.Name == "log in" {
			logins++
			assert.True(t, span.Parent.IsValid(), "it is below the request's")
			assert.Equal(t, codes.Unset, span.Status.Code)
		}
	}
	assert.Equal(t, 2, logins)
	g.requireClean(t, m.dump(t))
	g.requireClean(t, s.dump(t))
	for _, id := range g.sessions {
		assert.NotContains(t, s.dump(t)+m.dump(t)+logged.String(), id)
	}
	require.NotEmpty(t, g.sessions)
}

// A refusal is told from a failure by a label of few values.
func TestTraceOfAFailedLogin(t *testing.T) {
	g, s := newAvangate(t), newSpans(t)
	m, trace := newMeters(t)
	g.answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) })
	_, _, err := send(t, g.traced(t, s, trace, new(bytes.Buffer)), http.MethodPost, g.URL+"/rpc/6.0/", "application/json", rpcCall)
	require.Error(t, err)
	e, ok := errors.AsType[*auth.Error](err)
	require.True(t, ok)
	lines := strings.Join(m.values(t), "\n")
	assert.Contains(t, lines, "countersign.logins other: 1")
	assert.Contains(t, lines, "countersign.requests POST login failed: 1")
	for _, span := range s.exporter.GetSpans() {
		if span.Name == "log in" {
			assert.Equal(t, codes.Error, span.Status.Code)
			assert.Contains(t, e.Error(), span.Status.Description)
		}
	}
}

// Whoever supplies the URL chooses them.
func TestRefusalsMakeNoTimeSeriesEach(t *testing.T) {
	g, s := newPaylink(t), newSpans(t)
	m, trace := newMeters(t)
	client := g.traced(t, s, trace, new(bytes.Buffer))
	for i := range 5 {
		_, _, err := send(t, client, fmt.Sprint("X", i), fmt.Sprintf("https://elsewhere-%d.test/", i), "", "")
		require.ErrorIs(t, err, auth.ErrOrigin)
	}
	assert.Equal(t, []string{"countersign.requests _OTHER origin refused: 5"}, m.values(t))
}

func TestTraceOfTheClock(t *testing.T) {
	m, trace := newMeters(t)
	trace.Clock(t.Context(), auth.ClockInfo{After: -90 * 1e9})
	assert.Equal(t, []string{"countersign.clock.offset: -90"}, m.values(t))
}
