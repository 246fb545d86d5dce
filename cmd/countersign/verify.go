package main

import (
	"github.com/countersign/countersign/internal/explain"
)

const verifyUsage = `usage: countersign verify [paylink|avangate|ipn|lcn|webhook] [flags] < REQUEST
       countersign verify return-url [flags], which has a --help of its own

Says whether the signature of a request is right, and prints the string to sign.
Exits with 0 if it is, and with 1 if not. What a gateway takes, and is fragile or
loses something, is right, with a line "note: ..." for each reason. So is a message
whose receiver should look at something else, and the first line then says it too.
` + inspectUsage + `
example:
  countersign verify < request.txt
`

func verify(c *command) int {
	if len(c.args) > 0 && c.args[0] == returnURL {
		c.name += " " + returnURL
		c.args = c.args[1:]
		return verifyReturnURL(c)
	}
	return c.inspect(verifyUsage, func(s *subject, d *explain.Diagnosis) (text string, object any) {
		text = "wrong"
		if d.Right {
			text = "right"
			if s.isInbound() && len(d.Notes) > 0 {
				text += ", with notes"
			}
			for _, note := range d.Notes {
				text += "\nnote: " + note
			}
		}
		return text, struct {
			Right        bool     `json:"right"`
			Notes        []string `json:"notes,omitempty"`
			StringToSign string   `json:"stringToSign,omitempty"`
		}{d.Right, d.Notes, s.signed(d)}
	})
}
