package explain

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// An avangateAttempt is how a hash is made.
type avangateAttempt struct {
	claim     *avangateClaim
	stage     avangateStage // the last at which there is a mistake
	code      string
	date      string
	ahead     time.Duration // the time zone of date, of the one that was sent
	layout    string        // see layOut
	tail      string        // behind the layout
	key       string
	functions []*hashFunction // any of these
	keying    keying
}

// An avangateTrial compares attempts with the digest that was sent.
type avangateTrial struct {
	digest  []byte
	message []byte // the string to sign of the attempt
	hasher  hasher

	// found are the attempts that gave the digest, in the order of the Findings.
	found []*avangateAttempt
}

func (t *avangateTrial) try(a *avangateAttempt) (stringToSign string, reproduced bool, cost int) {
	t.message = append(layOut(t.message[:0], a.layout, a.code, a.date), a.tail...)
	cost = len(t.message)
	for _, f := range a.functions {
		cost += len(t.message) + len(a.key)
		if bytes.Equal(t.hasher.sum(keyedHash{f, a.keying, a.key}, t.message), t.digest) {
			t.found = append(t.found, a)
			return string(t.message), true, cost
		}
	}
	return "", false, cost
}

// documented is the layout of the string to sign: each value behind its length.
const documented = "CcDd"

// layOut appends code and date where the layout has c and d, their lengths in bytes
// where it has C and D, and the code's length in code points, or in the units of
// UTF-16, where it has P or U.
func layOut(b []byte, layout, code, date string) []byte {
	for _, part := range layout {
		switch part {
		case 'c':
			b = append(b, code...)
		case 'd':
			b = append(b, date...)
		case 'C':
			b = strconv.AppendInt(b, int64(len(code)), 10)
		case 'D':
			b = strconv.AppendInt(b, int64(len(date)), 10)
		case 'P':
			b = strconv.AppendInt(b, int64(utf8.RuneCountInString(code)), 10)
		case 'U':
			units := 0
			for _, r := range code {
				units += utf16.RuneLen(r)
			}
			b = strconv.AppendInt(b, int64(units), 10)
		}
	}
	return b
}
