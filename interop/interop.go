// Package interop shows how Countersign's transport goes together with its
// neighbours: layers that retry, trace, record or proxy requests, and clients that
// write them. Its tests prove for each that the documented order signs every
// attempt afresh and leaks nothing, and what another order does.
//
// It is a module of its own, and needs all of these neighbours. Rather than
// importing it, copy from it what you use. Most need nothing but their place in the
// order; these functions are for what is left:
//
//	hashicorp/go-retryablehttp         CheckRetry
//	go-resty/resty                     RetryCondition
//	otelhttp with otelhttptrace        ClientTrace
//	OpenTelemetry's metrics and spans  NewTrace
//	all of them                        NewClient
//	go-vcr                             Match and Scrub, below the transport
//	httputil.ReverseProxy              Rewrite
//
// The packages below ownscheme are another thing: Authenticators for gateways of
// one's own, see docs/own-scheme.md. Package peers runs the vendors' SDKs.
//
// # The order
//
// The whole stack is
//
//	http.Client -> otelhttp -> go-retryablehttp -> transport.New -> http.Transport
//
// as [NewClient] makes it.
//
// What is above the transport sees the caller's request. What is below sees the
// signed one, its credentials and the logins that Countersign sends by itself.
// otelhttp may as well stand between the retries and the transport: there it records
// a span for each attempt.
//
// resty and generated clients are above http.Client. A recorder stands above the
// transport, and a ReverseProxy in http.Client's place.
//
// # Retries
//
// Both retry layers repeat, as they come, any request that failed, POST included,
// and an error of Countersign like any other. [CheckRetry] and [RetryCondition]
// repeat GET and HEAD alone, and no request that Countersign refused: it would be
// refused again.
//
// # Signing in a hook
//
// Many clients have a hook that may change a request before it is sent: resty's
// SetPreRequestHook, oapi-codegen's RequestEditorFn, ReverseProxy's Rewrite. Do not
// call an Authenticator there. The signed request is then the caller's: it stands
// in the errors of http.Client and in the client's log, and a redirect takes the
// credentials to any host, the header as it is and the URL in a Referer.
//
// # Generated clients
//
// Where an operation may have a body, generated clients send one with a GET, too:
// the JSON null. A gateway that sees a body does not look at the query, and answers
// 403. Countersign takes it off.
package interop
