// Caddy is a Caddy that signs the requests that pass through it, with the modules that
// a sidecar needs and no others: it serves no files, runs no FastCGI and has no
// templates. Its commands are Caddy's: run, validate, adapt, reload and the like.
//
//	caddy run --adapter countersign --config gateways.json
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	// What Caddy's own main plugs in by modules/standard, as far as it is needed here.
	_ "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/requestbody"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
	_ "github.com/caddyserver/caddy/v2/modules/caddytls"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
	_ "github.com/caddyserver/caddy/v2/modules/metrics"

	_ "github.com/countersign/countersign/caddy"
)

func main() { caddycmd.Main() }
