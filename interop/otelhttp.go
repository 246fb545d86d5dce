package interop

import (
	"context"
	"net/http/httptrace"

	"go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace"
)

// ClientTrace is to be given to otelhttp.WithClientTrace. It records how a request
// gets to the gateway, as otelhttptrace does, but for the fields of its header:
// hooks of httptrace run in http.Transport, below Countersign, wherever otelhttp
// stands. The fields hold 2Checkout's header and X-API-KEY, and with HTTP/2 the
// signed URL, as the field ":path".
func ClientTrace(ctx context.Context) *httptrace.ClientTrace {
	return otelhttptrace.NewClientTrace(ctx, otelhttptrace.WithoutHeaders())
}
