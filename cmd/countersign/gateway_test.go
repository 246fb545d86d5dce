package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/countersign/countersign/cmd/countersign/internal/pasted"
)

func TestGatewayIsToldFromTheRequest(t *testing.T) {
	for input, want := range map[string]string{
		"GET /v1.0/Transaction/ HTTP/1.1":                              paylinkGateway,
		"GET /v1/Transaction/ HTTP/1.1":                                paylinkGateway,
		"GET /anything?ApiSignature=a HTTP/1.1":                        paylinkGateway,
		"POST /anything HTTP/1.1\n\na=1&ApiSignature=a":                paylinkGateway,
		"GET /anything HTTP/1.1\nX-AVANGATE-AUTHENTICATION: code=\"\"": avangateGateway,
		"GET / HTTP/1.1\nHost: api.2checkout.com":                      avangateGateway,
		"GET / HTTP/1.1\nHost: API.Avangate.com:443":                   avangateGateway,
		"GET /v1.0/ HTTP/1.1\nHost: api.2checkout.com":                 avangateGateway,
		"GET /rest/6.0/orders/ HTTP/1.1":                               avangateGateway,
		"POST /rpc/6.0/ HTTP/1.1":                                      avangateGateway,
		"POST /order/2.0/soap/ HTTP/1.1":                               avangateGateway,
		"curl https://api.avangate.com/":                               avangateGateway,
		"curl http://127.0.0.1:8080/v1.0/Page/":                        paylinkGateway,
		"POST / HTTP/1.1\nx-webhook-signature: a\n\nHASH=a":            webhookMessage,
		"POST / HTTP/1.1\n\nREFNO=1&HASH=a":                            ipnMessage,
		"POST / HTTP/1.1\n\nREFNO=1&SIGNATURE%5FSHA3_256=":             ipnMessage,
		"POST / HTTP/1.1\n\nSIGNATURE_SHA2_256=a&LICENSE_CODE=1":       lcnMessage,
		"POST /v1.0/Page/?HASH=a HTTP/1.1\n\na=1":                      paylinkGateway,
		"POST / HTTP/1.1\n\nLICENSE_CODE=1":                            "",
		"GET / HTTP/1.1\nHost: not2checkout.com":                       "",
		"GET /order/2.0/other/ HTTP/1.1":                               "",
	} {
		req, err := pasted.Request([]byte(input))
		require.NoError(t, err, input)
		got, err := gatewayOf(req, []byte(input))
		assert.Equal(t, want, got, input)
		assert.Equal(t, want == "", err != nil, input)
	}
}
