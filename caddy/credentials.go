package countersign

import (
	"errors"
	"fmt"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/avangate"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/auth/paylinkkey"
)

// Credentials name one gateway account. A secret is never part of a configuration:
// it is in a file or in an environment variable.
type Credentials struct {
	// Scheme is paylinkhmac, paylinkkey or avangate.
	Scheme string `json:"scheme,omitempty"`

	// Instance is the account's name: of paylinkhmac and paylinkkey.
	Instance string `json:"instance,omitempty"`

	// MerchantCode is the account's code: of avangate.
	MerchantCode string `json:"merchant_code,omitempty"`

	// Algorithm is sha256 or sha3-256: of avangate. Empty means sha256.
	Algorithm string `json:"algorithm,omitempty"`

	// SecretFile is the path of the file that holds the secret. It is read for each
	// request: replace it by renaming another over it.
	SecretFile string `json:"secret_file,omitempty"`

	// SecretEnv is the name of the environment variable that holds the secret.
	SecretEnv string `json:"secret_env,omitempty"`
}

// secret returns the source of the secret.
func (c Credentials) secret() (auth.SecretSource, error) {
	switch {
	case c.SecretFile != "" && c.SecretEnv != "":
		return nil, errors.New("both secret_file and secret_env are given: give one")
	case c.SecretFile != "":
		return auth.NewFile(c.SecretFile), nil
	case c.SecretEnv != "":
		return auth.Env(c.SecretEnv), nil
	}
	return nil, errors.New("no secret is named: give secret_file PATH or secret_env NAME")
}

// check refuses what another scheme wants: it would be ignored, and somebody relies
// on it.
func (c Credentials) check() error {
	isPaylink := c.Scheme == "paylinkhmac" || c.Scheme == "paylinkkey"
	switch {
	case !isPaylink && c.Scheme != "avangate":
		return errors.New("the scheme is none of paylinkhmac, paylinkkey and avangate")
	case isPaylink && c.MerchantCode != "":
		return fmt.Errorf("%s has no merchant_code: give instance", c.Scheme)
	case isPaylink && c.Algorithm != "":
		return fmt.Errorf("%s has no algorithm: leave it out", c.Scheme)
	case !isPaylink && c.Instance != "":
		return fmt.Errorf("%s has no instance: give merchant_code", c.Scheme)
	}
	return nil
}

// authenticator returns what signs the requests of the account at an origin, which
// is written as a URL.
func (c Credentials) authenticator(origin string) (auth.Checker, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	secret, err := c.secret()
	if err != nil {
		return nil, err
	}
	switch c.Scheme {
	case "paylinkhmac":
		return paylinkhmac.New(paylinkhmac.Config{BaseURL: origin, Instance: c.Instance, Secret: secret})
	case "paylinkkey":
		return paylinkkey.New(paylinkkey.Config{BaseURL: origin, Instance: c.Instance, Secret: secret})
	}
	algorithm, err := c.algorithm()
	if err != nil {
		return nil, err
	}
	return avangate.New(avangate.Config{BaseURL: origin, MerchantCode: c.MerchantCode, SecretKey: secret, Algorithm: algorithm})
}

func (c Credentials) algorithm() (avangate.Algorithm, error) {
	switch c.Algorithm {
	case "", avangate.SHA2_256.String():
		return avangate.SHA2_256, nil
	case avangate.SHA3_256.String():
		return avangate.SHA3_256, nil
	}
	return 0, fmt.Errorf("the algorithm is neither %v nor %v", avangate.SHA2_256, avangate.SHA3_256)
}
