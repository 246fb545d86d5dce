package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// The gateways, as arguments name them.
const (
	paylinkGateway  = "paylink"
	avangateGateway = "avangate"
)

// What the gateways send, as arguments name it.
const (
	ipnMessage     = "ipn"
	lcnMessage     = "lcn"
	webhookMessage = "webhook"
)

// A kind is a word that a command takes first, and what it then runs.
type kind struct {
	name string
	run  func(*command) int
}

// perKind runs the one of two or more that the first argument names. What they are is
// told to who names none.
func (c *command) perKind(usage, what string, kinds ...kind) int {
	var names []string
	for _, k := range kinds {
		if len(c.args) > 0 && c.args[0] == k.name {
			c.name += " " + k.name
			c.args = c.args[1:]
			return k.run(c)
		}
		names = append(names, k.name)
	}
	if len(c.args) > 0 && slices.Contains(helpFlags, c.args[0]) {
		io.WriteString(c.stdout, usage)
		return exitRight
	}
	last := len(names) - 1
	text := fmt.Sprintf("name %s first, %s or %s", what, strings.Join(names[:last], ", "), names[last])
	if len(c.args) > 0 {
		text += fmt.Sprintf(", not %q%s", c.args[0], didYouMean(c.args[0], names...))
	}
	return c.fail(usageError{errors.New(text)})
}

// messageOf tells which message of a gateway's a request is, "" if none.
func messageOf(req *http.Request) (string, error) {
	if len(request.HeaderValues(req.Header, paylink.WebhookHeader)) > 0 {
		return webhookMessage, nil
	}
	body, err := request.TakeBody(req, maxInput)
	if err != nil {
		return "", usageError{err}
	}
	request.SetBody(req, body)
	message, isSigned := ipnMessage, false
	for encoded := range php.Pairs(body) {
		switch name := string(php.AppendURLDecoded(nil, encoded)); {
		case vendor.IsHashField(name):
			isSigned = true
		case name == "LICENSE_CODE":
			message = lcnMessage
		}
	}
	if !isSigned {
		return "", nil
	}
	return message, nil
}

// gatewayOf tells which gateway a request is for, or which message of one it is, that
// was read from input.
func gatewayOf(req *http.Request, input []byte) (string, error) {
	message, err := messageOf(req)
	switch {
	case message != "" || err != nil:
		return message, err
	case req.Header.Get(vendor.Header) != "", vendor.IsHost(req.Host):
		return avangateGateway, nil
	case bytes.Contains(input, []byte(paylink.SignatureName)), paylink.IsPath(req.URL.Path):
		return paylinkGateway, nil
	case vendor.HasPath(req.URL.EscapedPath()):
		return avangateGateway, nil
	}
	return "", usagef("it cannot be told from the request which gateway it is for: name it, paylink or avangate; or ipn, lcn or webhook, if a gateway has sent it")
}
