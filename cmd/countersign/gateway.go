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
)

// The gateways, as arguments name them.
const (
	paylinkGateway  = "paylink"
	avangateGateway = "avangate"
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

// gatewayOf tells which gateway a request is for, that was read from input.
func gatewayOf(req *http.Request, input []byte) (string, error) {
	switch {
	case req.Header.Get(vendor.Header) != "", vendor.IsHost(req.Host):
		return avangateGateway, nil
	case bytes.Contains(input, []byte(paylink.SignatureName)), paylink.IsPath(req.URL.Path):
		return paylinkGateway, nil
	case vendor.HasPath(req.URL.EscapedPath()):
		return avangateGateway, nil
	}
	return "", usagef("it cannot be told from the request which gateway it is for: name it, paylink or avangate")
}
