package main

import (
	"errors"
	"flag"
	"io/fs"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/cmd/countersign/internal/pasted"
)

// Where credentials are looked for.
const (
	instanceVariable     = "COUNTERSIGN_INSTANCE"
	secretVariable       = "COUNTERSIGN_SECRET"
	merchantCodeVariable = "COUNTERSIGN_MERCHANT_CODE"
	secretKeyVariable    = "COUNTERSIGN_SECRET_KEY"
	buyLinkVariable      = "COUNTERSIGN_BUY_LINK_SECRET"
	signingKeyVariable   = "COUNTERSIGN_SIGNING_KEY"
)

const credentialsUsage = `
Credentials come from the environment, for the Payrexx family from
COUNTERSIGN_INSTANCE and COUNTERSIGN_SECRET, for 2Checkout from
COUNTERSIGN_MERCHANT_CODE and COUNTERSIGN_SECRET_KEY. Or from

  --instance NAME       the instance: example for example.payrexx.com
  --merchant-code CODE  the merchant code
  --secret-file FILE    a file that holds the secret, - for the standard input;
                        one final newline is not part of it
`

// An account is what flags and environment say of the user's account. The secret
// itself is no flag: arguments can be read by every process of the machine.
type account struct {
	instance, merchantCode, secretFile string
}

func (a *account) paylinkFlags(c *command, flags *flag.FlagSet) {
	flags.StringVar(&a.instance, "instance", c.getenv(instanceVariable), "")
	a.secretFlag(flags)
}

func (a *account) avangateFlags(c *command, flags *flag.FlagSet) {
	flags.StringVar(&a.merchantCode, "merchant-code", c.getenv(merchantCodeVariable), "")
	a.secretFlag(flags)
}

// bothFlags adds the flags of both accounts. The secret file is one.
func (a *account) bothFlags(c *command, flags *flag.FlagSet) {
	flags.StringVar(&a.instance, "instance", c.getenv(instanceVariable), "")
	a.avangateFlags(c, flags)
}

func (a *account) secretFlag(flags *flag.FlagSet) {
	flags.StringVar(&a.secretFile, "secret-file", "", "")
}

// secret returns the secret, from the file or else from the variable. The file is
// read once, so that it may be a pipe.
func (a *account) secret(c *command, variable string) (auth.Secret, error) {
	if a.secretFile == "" {
		value := c.getenv(variable)
		if value == "" {
			return auth.Secret{}, usagef("%s is not set: set it, or name a file with --secret-file", variable)
		}
		return auth.NewSecret(value), nil
	}
	value, err := c.read(a.secretFile)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		// Its path is left out: somebody may have given the secret for it.
		err = usagef("the file of --secret-file cannot be read: %w", e.Err)
	}
	return auth.NewSecret(string(pasted.CutNewline(value))), err
}
