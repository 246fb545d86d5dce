package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"testing"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/countersign/countersign/interop"
	"github.com/countersign/countersign/transport"
)

// spans keeps what is traced.
type spans struct {
	exporter *tracetest.InMemoryExporter
	traces   *sdktrace.TracerProvider
}

func newSpans(t *testing.T) *spans {
	exporter := tracetest.NewInMemoryExporter()
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	t.Cleanup(func() { traces.Shutdown(context.WithoutCancel(t.Context())) })
	return &spans{exporter, traces}
}

func (s *spans) provider() otelhttp.Option { return otelhttp.WithTracerProvider(s.traces) }

// dump returns all that is exported.
func (s *spans) dump(t *testing.T) string {
	dump, err := json.Marshal(s.exporter.GetSpans())
	require.NoError(t, err)
	return string(dump)
}

// values returns the values of an attribute, one for each span that has it.
func (s *spans) values(key string) (values []string) {
	for _, span := range s.exporter.GetSpans() {
		for _, a := range span.Attributes {
			if string(a.Key) == key {
				values = append(values, a.Value.String())
			}
		}
	}
	return values
}

// events returns the names of the events in spans, in order.
func (s *spans) events() (names []string) {
	for _, span := range s.exporter.GetSpans() {
		for _, e := range span.Events {
			names = append(names, e.Name)
		}
	}
	return names
}

func TestOtelHTTPRecordsTheCallersURL(t *testing.T) {
	for _, tt := range reads {
		t.Run(tt.name, func(t *testing.T) {
			g, s := tt.gateway(t), newSpans(t)
			client := &http.Client{Transport: otelhttp.NewTransport(g.signing(t, nil), s.provider())}
			code, _, err := send(t, client, http.MethodGet, g.URL+tt.path, "", "")
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, code)
			g.requireVerified(t, 1)
			assert.Equal(t, []string{g.URL + tt.path}, s.values("url.full"))
			g.requireClean(t, s.dump(t))
		})
	}
}

// Above the retries there is one span a call, between them and the signer one an
// attempt. Both are clean.
func TestOtelHTTPBesideRetries(t *testing.T) {
	g := newPaylink(t)
	path := "/v1.0/Transaction/"
	above, between := newSpans(t), newSpans(t)
	retrying := newRetrying(io.Discard)
	retrying.HTTPClient.Transport = otelhttp.NewTransport(g.signing(t, nil), between.provider())
	client := &http.Client{Transport: otelhttp.NewTransport(&retryablehttp.RoundTripper{Client: retrying}, above.provider())}
	g.fail(2)
	_, _, err := send(t, client, http.MethodGet, g.URL+path, "", "")
	require.NoError(t, err)
	g.requireVerified(t, 3)
	assert.Equal(t, []string{g.URL + path}, above.values("url.full"))
	assert.Equal(t, []string{g.URL + path, g.URL + path, g.URL + path}, between.values("url.full"))
	g.requireClean(t, above.dump(t))
	g.requireClean(t, between.dump(t))
}

func TestOtelHTTPSeesNoLogin(t *testing.T) {
	trace := func(t *testing.T, client func(*gateway, *spans) *http.Client) []string {
		g, s := newAvangate(t), newSpans(t)
		code, _, err := send(t, client(g, s), http.MethodPost, g.URL+"/rpc/6.0/", "application/json", rpcCall)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
		g.requireVerified(t, 2)
		g.requireClean(t, s.dump(t))
		return s.values("url.full")
	}
	assert.Len(t, trace(t, func(g *gateway, s *spans) *http.Client {
		return &http.Client{Transport: otelhttp.NewTransport(g.signing(t, nil), s.provider())}
	}), 1)
	assert.Len(t, trace(t, func(g *gateway, s *spans) *http.Client {
		return &http.Client{Transport: g.signing(t, otelhttp.NewTransport(g.Client().Transport, s.provider()))}
	}), 2, "wrong: below the signer the login is a span of its own")
}

// A gateway that repeats the signed URL in a redirect, and one that breaks the
// connection: what then is an error is clean, too.
func TestOtelHTTPRecordsCleanErrors(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a redirect to elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/?from="+r.URL.RawQuery, http.StatusFound)
		},
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			g, s := newPaylink(t), newSpans(t)
			g.answer(answer)
			client := &http.Client{Transport: otelhttp.NewTransport(g.signing(t, nil), s.provider())}
			_, _, err := send(t, client, http.MethodGet, g.URL+"/v1.0/Transaction/", "", "")
			require.Error(t, err)
			g.requireVerified(t, 1)
			g.requireClean(t, err.Error())
			g.requireClean(t, s.dump(t))
		})
	}
}

func TestOtelHTTPWrongBelowTheSigner(t *testing.T) {
	g, s := newPaylink(t), newSpans(t)
	client := &http.Client{Transport: g.signing(t, otelhttp.NewTransport(g.Client().Transport, s.provider()))}
	_, _, err := send(t, client, http.MethodGet, g.URL+"/v1.0/Transaction/", "", "")
	require.NoError(t, err)
	g.requireVerified(t, 1)
	leaks := g.leaks(s.dump(t))
	require.Len(t, leaks, 1)
	require.Len(t, s.values("url.full"), 1)
	assert.Equal(t, leaks, g.leaks(s.values("url.full")[0]), "the signature stands in url.full")
}

// The hooks of httptrace run below the signer, wherever otelhttp stands.
func TestOtelHTTPClientTrace(t *testing.T) {
	for _, tt := range []struct {
		name    string
		gateway func(*testing.T) *gateway
		path    string
	}{
		{"X-API-KEY", newPaylinkKey, "/v1.0/Transaction/"},
		{"2Checkout's header", newAvangate, "/rest/6.0/orders/"},
		{"HTTP/2's :path", newPaylinkHTTP2, "/v1.0/Transaction/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trace := func(clientTrace func(context.Context) *httptrace.ClientTrace) (*gateway, *spans) {
				g, s := tt.gateway(t), newSpans(t)
				client := &http.Client{Transport: otelhttp.NewTransport(g.signing(t, nil), s.provider(), otelhttp.WithClientTrace(clientTrace))}
				_, _, err := send(t, client, http.MethodGet, g.URL+tt.path, "", "")
				require.NoError(t, err)
				g.requireVerified(t, 1)
				return g, s
			}
			g, s := trace(interop.ClientTrace)
			g.requireClean(t, s.dump(t))
			assert.Contains(t, s.dump(t), "http.getconn", "connections are traced")

			g, s = trace(func(ctx context.Context) *httptrace.ClientTrace { return otelhttptrace.NewClientTrace(ctx) })
			assert.Len(t, g.leaks(s.dump(t)), 1, "wrong: without the option the header is in a span")
		})
	}
}

func ExampleClientTrace() {
	gateway, shop := newShop()
	defer gateway.Close()
	signing, err := transport.New(http.DefaultTransport, shop)
	if err != nil {
		log.Fatal(err)
	}
	exporter := tracetest.NewInMemoryExporter()
	client := &http.Client{Transport: otelhttp.NewTransport(signing,
		otelhttp.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))),
		otelhttp.WithClientTrace(interop.ClientTrace),
	)}
	resp, err := client.Get(gateway.URL + "/v1.0/Transaction/")
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	for _, span := range exporter.GetSpans() {
		if span.Name == "HTTP GET" {
			for _, a := range span.Attributes {
				if a.Key == "url.full" {
					fmt.Println("the span has the caller's URL:", a.Value.AsString() == gateway.URL+"/v1.0/Transaction/")
				}
			}
		}
	}
	// Output:
	// GET /v1.0/Transaction/ is signed: true
	// the span has the caller's URL: true
}
