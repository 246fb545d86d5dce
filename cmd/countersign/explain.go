package main

import (
	"github.com/countersign/countersign/internal/explain"
)

const explainUsage = `usage: countersign explain [paylink|avangate|ipn|lcn|webhook] [flags] < REQUEST
       countersign explain buylink|return-url [flags], which has a --help of its own

Says whether the signature of a request is right. If not, it tries the mistakes
that people make and names those that give this very signature, with the fix and
the place where the strings to sign begin to differ. Exits with 0 if the signature
is right, with notes or without, and with 1 if not.
` + inspectUsage + `
example:
  countersign explain <<'END'
  curl https://api.payrexx.com/v1.0/Gateway/?instance=example --data 'amount=200&ApiSignature=...'
  END
`

func explainRequest(c *command) int {
	if len(c.args) > 0 && (c.args[0] == buyLinkWord || c.args[0] == returnURL) {
		word := c.args[0]
		c.name += " " + word
		c.args = c.args[1:]
		return explainLink(c, word == returnURL)
	}
	return c.inspect(explainUsage, func(_ *subject, d *explain.Diagnosis) (text string, object any) { return d.String(), d })
}
