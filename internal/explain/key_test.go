package explain

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestKeyVariants(t *testing.T) {
	for name, tc := range map[string]struct {
		variant keyVariant
		key     string
		want    []string
	}{
		"space behind":       {spaceBehind, "k", []string{"k\n", "k\r\n", "k "}},
		"space before":       {spaceBefore, "k", []string{" k"}},
		"no text":            {noText, "k", []string{""}},
		"null as text":       {nullTexts, "k", []string{"undefined", "null", "None"}},
		"in quotes":          {inQuotes, "k", []string{`"k"`, "'k'"}},
		"hexadecimal digits": {fromHex, "6B6b", []string{"kk"}},
		"no such digits":     {fromHex, "6b6", nil},
		"base64":             {fromBase64, "+/8=", []string{"\xfb\xff"}},
		"base64url":          {fromBase64, "-_8", []string{"\xfb\xff"}},
		"no base64":          {fromBase64, "+/8!", nil},
		"as HTML":            {asHTML, `&<>"'`, []string{"&amp;&lt;&gt;&quot;&#039;"}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tc.want, tc.variant(tc.key)) })
	}
	assert.Equal(t, []string{"k\n", "k\r\n", "k ", " k"}, variantsOf("k", []keyVariant{spaceBehind, spaceBefore}))
}
