package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsv4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/aws-http-auth/credentials"
	"github.com/aws/smithy-go/aws-http-auth/sigv4"
	"github.com/prometheus/common/config"
	prometheus "github.com/prometheus/sigv4"
	"golang.org/x/oauth2"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

const (
	region  = "eu-central-1"
	service = "execute-api"
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

// cloning is the least that a RoundTripper does that changes a request.
type cloning struct{ base http.RoundTripper }

func (t cloning) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.base.RoundTrip(req.Clone(req.Context()))
}

func newOAuth2(base http.RoundTripper) http.RoundTripper {
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: secret})
	return &oauth2.Transport{Source: source, Base: base}
}

// awsV4 and smithy are the least RoundTrippers around signers that bring none:
// they clone, hash the body, which they need not read first, and sign.
type awsV4 struct {
	base   http.RoundTripper
	signer *awsv4.Signer
	body   string
}

func (t awsV4) RoundTrip(req *http.Request) (*http.Response, error) {
	signed := req.Clone(req.Context())
	sum := sha256.Sum256([]byte(t.body))
	who := aws.Credentials{AccessKeyID: merchant, SecretAccessKey: secret}
	if err := t.signer.SignHTTP(req.Context(), who, signed, hex.EncodeToString(sum[:]), service, region, time.Now()); err != nil {
		return nil, err
	}
	return t.base.RoundTrip(signed)
}

type smithy struct {
	base   http.RoundTripper
	signer *sigv4.Signer
	body   string
}

func (t smithy) RoundTrip(req *http.Request) (*http.Response, error) {
	signed := req.Clone(req.Context())
	sum := sha256.Sum256([]byte(t.body))
	err := t.signer.SignRequest(&sigv4.SignRequestInput{
		Request:     signed,
		PayloadHash: sum[:],
		Credentials: credentials.Credentials{AccessKeyID: merchant, SecretAccessKey: secret},
		Service:     service,
		Region:      region,
		Time:        time.Now(),
	})
	if err != nil {
		return nil, err
	}
	return t.base.RoundTrip(signed)
}

func newPrometheus(tb testing.TB, base http.RoundTripper) http.RoundTripper {
	t, err := prometheus.NewSigV4RoundTripper(&prometheus.SigV4Config{
		Region: region, AccessKey: merchant, SecretKey: config.Secret(secret), ServiceName: service,
	}, base)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// An impl is something that a request can be sent through.
type impl struct {
	name string
	rt   http.RoundTripper
}

// field returns what s is compared with, over a stub, from nothing to the most.
func field(tb testing.TB, s shape) []impl {
	return []impl{
		{"stub", stub{}},
		{"clone", cloning{stub{}}},
		{"oauth2", newOAuth2(stub{})},
		{"aws-v4", awsV4{stub{}, awsv4.NewSigner(), s.body}},
		{"smithy-sigv4", smithy{stub{}, sigv4.New(), s.body}},
		{"prometheus-sigv4", newPrometheus(tb, stub{})},
	}
}
