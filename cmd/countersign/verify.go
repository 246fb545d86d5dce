package main

import (
	"github.com/countersign/countersign/internal/explain"
)

const verifyUsage = `usage: countersign verify [paylink|avangate] [flags] < REQUEST

Says whether the signature of a request is right, and prints the string to sign.
Exits with 0 if it is, and with 1 if not.
` + inspectUsage + `
example:
  countersign verify < request.txt
`

func verify(c *command) int {
	return c.inspect(verifyUsage, func(d *explain.Diagnosis) (text string, object any) {
		text = "wrong"
		if d.Right {
			text = "right"
		}
		return text, struct {
			Right        bool   `json:"right"`
			StringToSign string `json:"stringToSign"`
		}{d.Right, d.StringToSign}
	})
}
