package avangate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/countersign/countersign/internal/avangate"
)

func TestIsHost(t *testing.T) {
	for host, want := range map[string]bool{
		"api.2checkout.com":       true,
		"API.2Checkout.com:443":   true,
		"2checkout.com":           true,
		"secure.avangate.com":     true,
		"api.avangate.com:8443":   true,
		"api.avangate.com.test":   false,
		"my2checkout.com":         false,
		"api.2checkout.com.":      false,
		"api.2checkout.com:443:1": false,
		"[::1]:443":               false,
		"example.payrexx.com":     false,
		"":                        false,
	} {
		assert.Equal(t, want, avangate.IsHost(host), host)
	}
}
