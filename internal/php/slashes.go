package php

// StripSlashes is stripslashes: a backslash is taken out, and what it stands in front of
// is kept, but that \0 is a NUL byte.
func StripSlashes(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			if i++; i == len(s) {
				return string(b)
			}
			if c = s[i]; c == '0' {
				c = 0
			}
		}
		b = append(b, c)
	}
	return string(b)
}
