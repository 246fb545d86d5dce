package explain

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/countersign/countersign/auth/paylinkhmac"
)

// emptyTexts are what languages make of a value that is not there or is no text.
var emptyTexts = []string{"undefined", "null", "None", "NaN", "[object Object]", "Array"}

// An escape is seen in a value that has been decoded once.
var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// valueNotes says which values were signed and sent alike, and are hardly meant.
func valueNotes(found *paylinkhmac.Verification) (notes []string) {
	isEscaped := false
	for _, value := range found.Parameters() {
		isEscaped = isEscaped || escape.MatchString(value)
		if slices.Contains(emptyTexts, value) {
			note := fmt.Sprintf("a value is the text %q: leave the parameter out if it has no value, and write what is no text as one", value)
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	if isEscaped {
		notes = append(notes, "a value is escaped twice, in what is sent and in what is signed, and is stored as it arrives: escape once, and leave it to the HTTP library")
	}
	return notes
}
