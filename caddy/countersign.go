// Package countersign has a Caddy sign what passes through it, so that a service in
// any language, which sends plain requests to a port of its own machine, needs neither
// the scheme nor the secret. cmd/caddy is a Caddy that has it; docs/sidecar.md is for
// those who run one.
//
// It adds to Caddy:
//
//   - [Transport], http.reverse_proxy.transport.countersign, through which a
//     reverse_proxy sends;
//   - [Problem], http.handlers.countersign_problem, which answers Caddy's own errors
//     as the Transport answers its refusals;
//   - [Ready], http.handlers.countersign_ready, which asks the gateways whether the
//     credentials are right;
//   - [HostMatcher], http.matchers.countersign_host, which tells a name of this machine
//     from one that was pointed to it;
//   - [Adapter], the config adapter countersign, which makes a whole configuration out
//     of one short file.
//
// In a Caddyfile:
//
//	{
//		admin off
//	}
//	http://127.0.0.1:9000 {
//		bind 127.0.0.1
//		route /vrpay/* {
//			uri strip_prefix /vrpay
//			reverse_proxy https://api.vr-pay-secure.de {
//				transport countersign paylinkhmac {
//					instance example
//					secret_file /run/secrets/vrpay
//					allow POST /v1.0/Gateway/ /v1.0/Invoice/
//					allow GET /v1.0/*
//					require_header X-Shop
//				}
//			}
//		}
//		route {
//			error 404
//		}
//		handle_errors {
//			countersign_problem
//		}
//	}
//
// Without bind this listens on every interface, and without the last route what no
// route names is answered 200.
package countersign

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	caddy.RegisterModule(Transport{})
	caddy.RegisterModule(Problem{})
	caddy.RegisterModule(Ready{})
	caddy.RegisterModule(HostMatcher{})
	caddyconfig.RegisterAdapter("countersign", Adapter{})
	httpcaddyfile.RegisterHandlerDirective("countersign_problem", parseProblem)
	httpcaddyfile.RegisterDirectiveOrder("countersign_problem", httpcaddyfile.After, "error")
}
