package transport

import (
	"net/http"
	"slices"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/redact"
)

// How long a field of a header is, and a word in one, that is sought in a Location,
// in bytes: what is shorter is in many.
const (
	minField = 8
	minWord  = 16
)

// redactLocation takes out of a Location the credentials of the request that it
// answers: net/http quotes it in errors. given is the header without them.
func redactLocation(resp *http.Response, signed *http.Request, given http.Header, redactor auth.Redactor) {
	locations := resp.Header["Location"]
	if len(locations) == 0 {
		return
	}
	inHeader := redact.New(credentials(signed.Header, given)...)
	for i, location := range locations {
		if redactor != nil {
			location = redactor.Redact(signed, location)
		}
		locations[i] = inHeader.String(location)
	}
}

// credentials returns what an Authenticator has put into a header, field by field
// and, since a part of one may do, word by word.
func credentials(signed, given http.Header) (all []string) {
	for key, values := range signed {
		if key == "Accept" || key == "Content-Type" {
			continue
		}
		for _, value := range values {
			if slices.Contains(given[key], value) {
				continue
			}
			if len(value) >= minField {
				all = append(all, value)
			}
			for word := range strings.FieldsFuncSeq(value, isBetweenWords) {
				if len(word) >= minWord {
					all = append(all, word)
				}
			}
		}
	}
	return all
}

func isBetweenWords(c rune) bool { return strings.ContainsRune(" \t\"',;=", c) }
