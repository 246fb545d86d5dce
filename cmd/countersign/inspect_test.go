package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestInspectKeepsTheTerminal has a pasted request that holds a command to a terminal.
func TestInspectKeepsTheTerminal(t *testing.T) {
	const pasted = "GET /rest/6.0/orders/ HTTP/1.1\nX-Avangate-Authentication: code=\"A\u009b2J\u202e\" date=\"2020-06-18 08:05:46\" hash=\"00\" algo=\"sha256\"\n\n"
	for _, args := range [][]string{{"verify"}, {"verify", "--json"}, {"explain"}, {"explain", "--json"}} {
		stdout, stderr, code := runIn(t, pasted, args...)
		assert.Equal(t, exitWrong, code)
		assert.Contains(t, stdout, `A\u009b2J\u202e`, "%q", args)
		assert.NotRegexp(t, `[^\n[:print:]]`, stdout+stderr, "%q", args)
	}
}
