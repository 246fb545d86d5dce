package php

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestStripSlashes: the values are those of PHP 8.2.
func TestStripSlashes(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "a": "a", `\`: "", `a\`: "a", `\\`: `\`, `\\\`: `\`, `\a\'\"`: `a'"`, `\0`: "\x00", `\00`: "\x000", `\\0`: `\0`, "\\\n": "\n", `ü\ü`: "üü",
	} {
		assert.Equal(t, want, StripSlashes(s), "%q", s)
	}
}
