package printable

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLine(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "Grüße \"a\" \\n": "Grüße \"a\" \\n", "a\nb": `a\nb`, "a\x00\xff": `a\x00\xff`, "\u202e\u00a0": `\u202e\u00a0`,
	} {
		assert.Equal(t, want, Line(s))
	}
}

func TestShorten(t *testing.T) {
	for s, want := range map[string]string{"": "", "Grüß": "Grüß", "Grüße": "Grü…"} {
		assert.Equal(t, want, Shorten(s, 4))
	}
}
