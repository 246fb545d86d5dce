package php

import (
	"bytes"
	"iter"
)

// Pairs yields the names and values of an urlencoded string as they stand, still
// encoded: in its order, repeated ones too. It is cut at ampersands and each pair at
// its first equals sign, where PHP cuts it, and nothing between two ampersands is no
// pair. What PHP then makes of names, its arrays, is left to [ParseStr].
func Pairs(s []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for len(s) > 0 {
			pair := s
			if i := bytes.IndexByte(s, '&'); i >= 0 {
				pair, s = s[:i], s[i+1:]
			} else {
				s = nil
			}
			if len(pair) == 0 {
				continue
			}
			name, value := pair, []byte(nil)
			if i := bytes.IndexByte(pair, '='); i >= 0 {
				name, value = pair[:i], pair[i+1:]
			}
			if !yield(name, value) {
				return
			}
		}
	}
}
