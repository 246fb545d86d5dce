package avangate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/internal/avangate"
)

func TestProtocolOf(t *testing.T) {
	for path, want := range map[string]avangate.Protocol{
		"":                          avangate.REST,
		"/":                         avangate.REST,
		"/rest/6.0/orders/":         avangate.REST,
		"/rest/6.0/products/rpc/":   avangate.REST,
		"/rpcs/6.0/":                avangate.REST,
		"/x/rpc/6.0/":               avangate.REST,
		"/orders/2.0/rpc/":          avangate.REST,
		"/order/2.0/rest/rpc":       avangate.REST,
		"/rpc/6.0":                  avangate.JSONRPC,
		"/rpc/6.0/":                 avangate.JSONRPC,
		"/order/2.0/rpc/":           avangate.JSONRPC,
		"/channel-manager/2.1/rpc/": avangate.JSONRPC,
		"/soap/3.0":                 avangate.SOAP,
		"/soap/6.0/":                avangate.SOAP,
		"/order/2.0/soap":           avangate.SOAP,
		"/product/2.0/soap/":        avangate.SOAP,
	} {
		assert.Equal(t, want, avangate.ProtocolOf(path), path)
	}
}

func TestHasPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/rest/6.0/orders/": true,
		"/rest":             true,
		"/rpc/6.0/":         true,
		"//soap/6.0/":       true,
		"/order/2.0/rpc/":   true,
		"/product/":         false,
		"/order/2.0/other/": false,
		"":                  false,
		"/":                 false,
		"/rests/":           false,
		"/v1.0/rest/":       false,
	} {
		assert.Equal(t, want, avangate.HasPath(path), path)
	}
}
