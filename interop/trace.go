package interop

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/scheme"
)

const library = "github.com/countersign/countersign/interop"

// NewTrace returns a Trace that makes OpenTelemetry's metrics and spans of what it is
// told. It does not ask for the string to sign. What was refused is counted without
// its origin, and methods of one's own are one: whoever supplies URLs to a program
// could make a time series of each.
//
// In the span of the request, such as otelhttp's, there are events: signed, refused,
// repeated, clock. A login is a span of its own, below that of the request that
// brought it about. The metrics are
//
//	countersign.requests      how many were signed, and refused, with the reason
//	countersign.repeats       how many were sent a second time, with the reason
//	countersign.logins        how long logins took, and what came of them
//	countersign.clock.offset  what is added to the machine's clock
func NewTrace(meters metric.MeterProvider) (*auth.Trace, error) {
	meter := meters.Meter(library)
	requests, err := meter.Int64Counter("countersign.requests", metric.WithUnit("{request}"))
	repeats, repeatsErr := meter.Int64Counter("countersign.repeats", metric.WithUnit("{request}"))
	logins, loginsErr := meter.Float64Histogram("countersign.logins", metric.WithUnit("s"))
	offset, offsetErr := meter.Float64Gauge("countersign.clock.offset", metric.WithUnit("s"))
	if err := errors.Join(err, repeatsErr, loginsErr, offsetErr); err != nil {
		return nil, err
	}
	count := func(ctx context.Context, counter metric.Int64Counter, event string, attributes ...attribute.KeyValue) {
		counter.Add(ctx, 1, metric.WithAttributes(attributes...))
		trace.SpanFromContext(ctx).AddEvent(event, trace.WithAttributes(attributes...))
	}
	return &auth.Trace{
		Signed: func(ctx context.Context, i auth.SignedInfo) {
			count(ctx, requests, "signed", method(i.Method), origin(i.Origin), outcome("signed"))
		},
		Refused: func(ctx context.Context, i auth.RefusedInfo) {
			count(ctx, requests, "refused", method(i.Method), outcome(reason(i.Err)))
		},
		Repeated: func(ctx context.Context, i auth.RepeatedInfo) {
			count(ctx, repeats, "repeated", method(i.Method), origin(i.Origin), outcome(i.Reason))
		},
		LoggedIn: func(ctx context.Context, i auth.LoggedInInfo) {
			attributes := []attribute.KeyValue{origin(i.Origin), outcome(reason(i.Err))}
			logins.Record(ctx, i.Duration.Seconds(), metric.WithAttributes(attributes...))
			end := time.Now()
			_, span := trace.SpanFromContext(ctx).TracerProvider().Tracer(library).Start(ctx, "log in",
				trace.WithTimestamp(end.Add(-i.Duration)), trace.WithAttributes(attributes...), trace.WithSpanKind(trace.SpanKindClient))
			if i.Err != nil {
				span.SetStatus(codes.Error, i.Err.Error())
			}
			span.End(trace.WithTimestamp(end))
		},
		Clock: func(ctx context.Context, i auth.ClockInfo) {
			offset.Record(ctx, i.After.Seconds(), metric.WithAttributes(origin(i.Origin)))
			trace.SpanFromContext(ctx).AddEvent("clock", trace.WithAttributes(origin(i.Origin),
				attribute.Float64("before", i.Before.Seconds()), attribute.Float64("after", i.After.Seconds())))
		},
	}, nil
}

// method is that of OpenTelemetry's conventions.
func method(m string) attribute.KeyValue {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect:
	default:
		m = "_OTHER"
	}
	return attribute.String("http.request.method", m)
}

func origin(o auth.Origin) attribute.KeyValue { return attribute.String("origin", o.String()) }

func outcome(o string) attribute.KeyValue { return attribute.String("outcome", o) }

// reason makes a label of an error: its sentinel's text. An error's own text would
// make a time series of each.
func reason(err error) string {
	for _, sentinel := range []error{
		auth.ErrSecret, scheme.ErrRefused, scheme.ErrLogin, avangate.ErrLogin, auth.ErrOrigin, auth.ErrRedirect, auth.ErrNoAuthenticator,
		auth.ErrParameter, auth.ErrRequest, auth.ErrBody, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	if err != nil {
		return "other"
	}
	return "ok"
}
