package interop

import (
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/countersign/countersign/transport"
)

// NewClient returns the whole stack in its order, above a Transport of
// [transport.New]: tracing, retries, Countersign, connections. README.md and
// docs/layers.md show it.
func NewClient(signing *transport.Transport) *http.Client {
	retrying := retryablehttp.NewClient()
	retrying.Logger = nil            // or a *slog.Logger: it sees the caller's URL, which is not signed
	retrying.CheckRetry = CheckRetry // GET and HEAD, and nothing that Countersign refused
	retrying.HTTPClient = &http.Client{
		Transport:     signing,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	client := &http.Client{
		Timeout: 30 * time.Second,
		Transport: otelhttp.NewTransport(
			&retryablehttp.RoundTripper{Client: retrying},
			otelhttp.WithClientTrace(ClientTrace), // which leaves out header fields
		),
	}
	return client
}
