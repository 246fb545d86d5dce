package main

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCertificateNames(t *testing.T) {
	for host, names := range map[string][]string{
		"":             {"localhost", "127.0.0.1", "::1"},
		"0.0.0.0":      {"localhost", "127.0.0.1", "::1"},
		"gateway.test": {"localhost", "gateway.test", "127.0.0.1", "::1"},
		"192.0.2.1":    {"localhost", "127.0.0.1", "::1", "192.0.2.1"},
	} {
		c, _, err := newCertificate(host, time.Now())
		require.NoError(t, err)
		parsed, err := x509.ParseCertificate(c.Certificate[0])
		require.NoError(t, err)
		got := parsed.DNSNames
		for _, ip := range parsed.IPAddresses {
			got = append(got, ip.String())
		}
		assert.Equal(t, names, got, "%q", host)
	}
}
