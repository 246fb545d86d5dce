package main

import (
	"fmt"
	"slices"
	"strings"
)

// vendors are what people call the gateways by, and how arguments name them.
var vendors = map[string]string{"payrexx": paylinkGateway, "2checkout": avangateGateway, "verifone": avangateGateway}

// didYouMean returns the end of an error about a word that is none of the names: a
// question, if one of them begins with it, is at most two letters away, or is a
// gateway that the word is the vendor of.
func didYouMean(word string, names ...string) string {
	nearest, least := "", 3
	if name := vendors[strings.ToLower(word)]; slices.Contains(names, name) {
		nearest, least = name, 0
	}
	for _, name := range names {
		n := edits(word, name)
		if len(word) >= 2 && strings.HasPrefix(name, word) {
			n = 0
		}
		if n < least && n < len(name)/2 {
			nearest, least = name, n
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %s?", nearest)
}

// edits counts the letters that are to be added, taken out, changed, or exchanged
// with the next one, to make b of a.
func edits(a, b string) int {
	if len(a) > 2*len(b) { // as far away as any, and the user's
		return len(a)
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
			case a[i-1] == b[j-1]:
				d[i][j] = d[i-1][j-1]
			default:
				d[i][j] = 1 + min(d[i-1][j], d[i][j-1], d[i-1][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
