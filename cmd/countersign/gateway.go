package main

import (
	"bytes"
	"io"
	"net/http"
	"slices"

	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/paylink"
)

// The gateways, as arguments name them.
const (
	paylinkGateway  = "paylink"
	avangateGateway = "avangate"
)

// perGateway runs the one of two that the first argument names.
func (c *command) perGateway(usage string, family, checkout func(*command) int) int {
	if len(c.args) == 0 {
		return c.fail(usagef("name the gateway first, paylink or avangate"))
	}
	gateway := c.args[0]
	runs := map[string]func(*command) int{paylinkGateway: family, avangateGateway: checkout}
	switch run := runs[gateway]; {
	case run != nil:
		c.name += " " + gateway
		c.args = c.args[1:]
		return run(c)
	case slices.Contains(helpFlags, gateway):
		io.WriteString(c.stdout, usage)
		return exitRight
	}
	return c.fail(usagef("name the gateway first, paylink or avangate, not %q%s", gateway, didYouMean(gateway, paylinkGateway, avangateGateway)))
}

// gatewayOf tells which gateway a request is for, that was read from input.
func gatewayOf(req *http.Request, input []byte) (string, error) {
	switch {
	case req.Header.Get(vendor.Header) != "", vendor.IsHost(req.Host):
		return avangateGateway, nil
	case bytes.Contains(input, []byte(paylink.SignatureName)), paylink.IsPath(req.URL.Path):
		return paylinkGateway, nil
	case vendor.HasPath(req.URL.EscapedPath()):
		return avangateGateway, nil
	}
	return "", usagef("it cannot be told from the request which gateway it is for: name it, paylink or avangate")
}
