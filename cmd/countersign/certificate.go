package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// certificateLife is for how long a certificate is valid.
const certificateLife = 7 * 24 * time.Hour

// certificateSubject begins the common name of each certificate's subject.
const certificateSubject = "countersign serve "

// isHostName matches what may be a name in a certificate.
var isHostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`).MatchString

// newCertificate makes a certificate for this machine's own names, for host and for
// names, and returns it in PEM too. api.localhost is among them, since SDKs of the
// Payrexx family put api. before the domain that they are given. It signs itself, and
// can sign no other: a client that trusts it trusts nobody else. No two have one
// subject, or a client that trusts several would try one for another, as Node does.
// Its key is never written anywhere.
func newCertificate(host string, names []string, now time.Time) (certificate tls.Certificate, text []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificate, nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: certificateSubject + rand.Text()},
		NotBefore:             now.Add(-time.Hour), // the client's clock may be behind
		NotAfter:              now.Add(certificateLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost", "api.localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, name := range append([]string{host}, names...) {
		ip := net.ParseIP(name)
		switch {
		case name == "", ip != nil && ip.IsUnspecified():
		case ip == nil && !slices.Contains(template.DNSNames, name):
			template.DNSNames = append(template.DNSNames, name)
		case ip != nil && !slices.ContainsFunc(template.IPAddresses, ip.Equal):
			template.IPAddresses = append(template.IPAddresses, ip)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return certificate, nil, err
	}
	certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// writeCertificate writes a certificate to a file. It takes the place of an earlier
// one, and of nothing else: an SDK's list of authorities is not to be lost.
func writeCertificate(path string, text []byte) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() { // to read a pipe would take forever
		return usagef("--tls-cert: %s is no regular file: name one, or have --tls print the certificate", path)
	}
	held, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return usagef("--tls-cert: %w", err)
	case len(held) > 0 && !isOwnCertificate(held):
		return usagef("--tls-cert: %s is there, and is no certificate of countersign serve: name another file, and append that to this one", path)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return usagef("--tls-cert: %w", err)
	}
	return nil
}

// isOwnCertificate reports whether text is one certificate that newCertificate made,
// and nothing else.
func isOwnCertificate(text []byte) bool {
	block, rest := pem.Decode(text)
	if block == nil || len(rest) > 0 || !bytes.HasPrefix(text, []byte("-----BEGIN")) {
		return false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	return err == nil && strings.HasPrefix(certificate.Subject.CommonName, certificateSubject)
}
