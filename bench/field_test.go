package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsv4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"golang.org/x/oauth2"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

// newCountersign returns a Transport for one account.
func newCountersign(tb testing.TB, base http.RoundTripper, a auth.Authenticator) *transport.Transport {
	t, err := transport.New(base, a)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func newPaylink(tb testing.TB, origin string) *paylinkhmac.Authenticator {
	a, err := paylinkhmac.New(paylinkhmac.Config{BaseURL: origin, Instance: instance, Secret: auth.NewSecret(secret)})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func newAvangate(tb testing.TB, origin string, algorithm avangate.Algorithm) *avangate.Authenticator {
	a, err := avangate.New(avangate.Config{BaseURL: origin, MerchantCode: merchant, SecretKey: auth.NewSecret(secret), Algorithm: algorithm})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func newOAuth2(base http.RoundTripper) http.RoundTripper {
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: secret})
	return &oauth2.Transport{Source: source, Base: base}
}

// awsV4 is the least RoundTripper around a signer that brings none: it clones,
// hashes the body, which it need not read first, and signs.
type awsV4 struct {
	base   http.RoundTripper
	signer *awsv4.Signer
	body   string
}

func (t awsV4) RoundTrip(req *http.Request) (*http.Response, error) {
	signed := req.Clone(req.Context())
	sum := sha256.Sum256([]byte(t.body))
	who := aws.Credentials{AccessKeyID: merchant, SecretAccessKey: secret}
	if err := t.signer.SignHTTP(req.Context(), who, signed, hex.EncodeToString(sum[:]), "execute-api", "eu-central-1", time.Now()); err != nil {
		return nil, err
	}
	return t.base.RoundTrip(signed)
}

// An impl is something that a request can be sent through.
type impl struct {
	name string
	rt   http.RoundTripper
}

// field returns what s is compared with, over a stub, from nothing to the most.
func field(s shape) []impl {
	return []impl{
		{"stub", stub{}},
		{"floor", newCopier(s)},
		{"oauth2", newOAuth2(stub{})},
		{"aws-v4", awsV4{stub{}, awsv4.NewSigner(), s.body}},
	}
}
