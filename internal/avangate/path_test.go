package avangate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/internal/avangate"
)

const near = avangate.Protocol("")

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
		"/subscription/2.0/soap/":   avangate.SOAP,
		"/subscription/10.22/rpc":   avangate.JSONRPC,
		"/rest/6.0/orders/a%20b/":   avangate.REST,
		"/rest/6.0/a.b/":            avangate.REST,
		"/order/2.0/":               avangate.REST,
		"/order/2.0/x/rpc/":         avangate.REST,
		"/100%/":                    avangate.REST,

		"/rpc":                       near,
		"/rpc/":                      near,
		"/soap/":                     near,
		"/rpc/6/":                    near,
		"/rpc/6.0.1/":                near,
		"/rpc/v6.0/":                 near,
		"/rpc/6.0/x":                 near,
		"/rpc/6.0//":                 near,
		"//rpc/6.0/":                 near,
		"/rpc//6.0/":                 near,
		"rpc/6.0/":                   near,
		"/RPC/6.0/":                  near,
		"/Order/2.0/Soap/":           near,
		"/%72pc/6.0/":                near,
		"/rpc%2F6.0/":                near,
		"/rpc/6%2E0/":                near,
		"/rpc/6.0/%":                 near,
		"/rpc/6.0/..":                near,
		"/rpc/6.0/../x'%20OR%201=1":  near,
		"/rest/../rpc/6.0/":          near,
		"/rest/%2e%2e/rpc/6.0/":      near,
		"/./soap/6.0/":               near,
		"/order/rpc":                 near,
		"/order/2.0/rpc/x":           near,
		"/order/x/rpc/":              near,
		"/order/2.0/../2.0/soap/":    near,
		"/subscription/2.0/SOAP/":    near,
		"/channel-manager//2.1/rpc/": near,
	} {
		got, err := avangate.ProtocolOf(path)
		assert.Equal(t, want, got, path)
		assert.Equal(t, want == near, err == avangate.ErrNearSession, path)
	}
}

func TestRESTsPathsCostNoAllocation(t *testing.T) {
	assert.Zero(t, testing.AllocsPerRun(100, func() { avangate.ProtocolOf("/rest/6.0/orders/11331111/") }))
}

func TestParseREST(t *testing.T) {
	for path, want := range map[string]*avangate.Resource{
		"/rest/6.0/orders/":                 {"orders", "", ""},
		"/rest/6.0/orders":                  {"orders", "", ""},
		"/rest/6.0/orders/11331111/":        {"orders", "11331111", ""},
		"/rest/6.0/orders/11331111/refund/": {"orders", "11331111", "refund"},
		"/rest/10.22/orders/11331111/a/b/c": {"orders", "11331111", "a/b/c"},
		"/rest/6.0/orders//":                {"orders", "", ""},
		"/3.0/products/A-1 b/":              {"products", "A-1 b", ""},
		"/rest/6.0/":                        nil,
		"/3.0/":                             nil,
		"/3/orders/":                        nil,
		"/rest/6/orders/":                   nil,
		"/rest/6.0.1/orders/":               nil,
		"/rest/v6.0/orders/":                nil,
		"/rest/orders/":                     nil,
		"/x/rest/6.0/orders/":               nil,
		"":                                  nil,
	} {
		r, ok := avangate.ParseREST(path)
		assert.Equal(t, want != nil, ok, path)
		if want != nil {
			assert.Equal(t, *want, r, path)
		}
	}
}

func TestHasPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/rest/6.0/orders/": true,
		"/rest":             true,
		"/3.0/orders/":      true,
		"/3.0/":             true,
		"/3.0":              false,
		"/3/orders/":        false,
		"/rpc/6.0/":         true,
		"//soap/6.0/":       true,
		"/order/2.0/rpc/":   true,
		"/checkout/api/encrypt/generate/signature":   true,
		"/checkout/api/encrypt/generate/signature/":  true,
		"/checkout/api/encrypt/generate/signature/x": false,
		"/product/":         false,
		"/order/2.0/other/": false,
		"/rpc":              true,
		"":                  false,
		"/":                 false,
		"/rests/":           false,
		"/v1.0/rest/":       false,
	} {
		assert.Equal(t, want, avangate.HasPath(path), path)
	}
}
