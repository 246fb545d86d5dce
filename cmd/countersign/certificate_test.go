package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCertificateNames(t *testing.T) {
	for _, c := range []struct {
		host  string
		names []string
		want  []string
	}{
		{"", nil, []string{"localhost", "api.localhost", "127.0.0.1", "::1"}},
		{"0.0.0.0", nil, []string{"localhost", "api.localhost", "127.0.0.1", "::1"}},
		{"127.0.0.1", []string{"localhost", "::1"}, []string{"localhost", "api.localhost", "127.0.0.1", "::1"}},
		{"gateway.test", nil, []string{"localhost", "api.localhost", "gateway.test", "127.0.0.1", "::1"}},
		{"192.0.2.1", nil, []string{"localhost", "api.localhost", "127.0.0.1", "::1", "192.0.2.1"}},
		{"127.0.0.1", []string{"api.2checkout.com", "192.0.2.1", "api.2checkout.com"},
			[]string{"localhost", "api.localhost", "api.2checkout.com", "127.0.0.1", "::1", "192.0.2.1"}},
	} {
		certificate, _, err := newCertificate(c.host, c.names, time.Now())
		require.NoError(t, err)
		parsed, err := x509.ParseCertificate(certificate.Certificate[0])
		require.NoError(t, err)
		got := parsed.DNSNames
		for _, ip := range parsed.IPAddresses {
			got = append(got, ip.String())
		}
		assert.Equal(t, c.want, got, "%q", c.host)
	}
}

// A client that trusts two certificates of one subject may try the one for the other.
func TestCertificateSubjectsDiffer(t *testing.T) {
	subjects := make(map[string]bool)
	for range 10 {
		certificate, _, err := newCertificate("", nil, time.Now())
		require.NoError(t, err)
		parsed, err := x509.ParseCertificate(certificate.Certificate[0])
		require.NoError(t, err)
		subjects[parsed.Subject.String()] = true
	}
	assert.Len(t, subjects, 10)
}

func TestWriteCertificateSparesOtherFiles(t *testing.T) {
	_, first, err := newCertificate("", nil, time.Now())
	require.NoError(t, err)
	_, second, err := newCertificate("", nil, time.Now())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		held  []byte
		taken bool
	}{
		"nothing":             {nil, true},
		"an earlier one":      {first, true},
		"a list of two":       {append(bytes.Clone(first), first...), false},
		"one with a title":    {append([]byte("Bundle\n"), first...), false},
		"another certificate": {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), false},
		"a text":              {[]byte("x\n"), false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ca.pem")
			require.NoError(t, os.WriteFile(path, c.held, 0o600))
			want := second
			if err := writeCertificate(path, second); c.taken {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, "is no certificate of countersign serve: name another file")
				assert.ErrorAs(t, err, new(usageError))
				want = c.held
			}
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	for _, path := range []string{t.TempDir(), os.DevNull} {
		err := writeCertificate(path, second)
		assert.ErrorContains(t, err, "--tls-cert: "+path+" is no regular file")
		assert.ErrorAs(t, err, new(usageError))
	}
}
