package printable

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLine(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "Grüße \"a\" \\n": "Grüße \"a\" \\n", "a\nb": `a\nb`, "a\x00\xff": `a\x00\xff`,
		"code=\"a\"\n'\\": `code="a"\n'\`, "a\ufffd\U000e0001": "a\ufffd" + `\U000e0001`, "\u202e\u00a0": `\u202e\u00a0`,
	} {
		assert.Equal(t, want, Line(s))
	}
}

func TestJSON(t *testing.T) {
	const text = "{\n \"a\": \"Grüße \u009b2J\u202e\U000E0001\ufffd\u007f\"\n}\n"
	shown := JSON([]byte(text))
	assert.Equal(t, "{\n \"a\": \"Grüße \\u009b2J\\u202e\\udb40\\udc01\ufffd\\u007f\"\n}\n", string(shown))
	assert.JSONEq(t, text, string(shown))
}

func TestCut(t *testing.T) {
	for s, want := range map[string]string{"": "", "Grüße": "Grüße", "Grüße, ": "Grü…", "abcü, das": "abc…"} {
		assert.Equal(t, want, Cut(s, 7))
	}
}

func TestShorten(t *testing.T) {
	for s, want := range map[string]string{"": "", "Grüß": "Grüß", "Grüße": "Grü…"} {
		assert.Equal(t, want, Shorten(s, 4))
	}
}
