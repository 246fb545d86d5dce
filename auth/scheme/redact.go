package scheme

import "strings"

// RedactParameters returns location without the values of the parameters that have
// these names, for an Authenticator that is an [auth.Redactor]. Every other byte
// stays, malformed ones too.
//
// A parameter is a name, in any letter case and with PHP's brackets behind it or
// without, and an equals sign. It stands at the beginning of location or behind one
// of ?&;#=, so that those of fragments and of URLs within URLs are found, or behind a
// space, which is none of a URL but of a text; a longer name that ends alike is
// another one. All of these may be escaped, once or as often
// as URLs are nested. The value goes on to the next of &;# that is escaped as often
// or less, or the next ? that is escaped less.
func RedactParameters(location string, names ...string) string {
	var b strings.Builder
	copied, depth, begins := 0, 0, true
	for i := 0; i < len(location); {
		if begins {
			if value, inner, ok := parameter(location, i, names); ok {
				b.WriteString(location[copied:value])
				i = valueEnd(location, value, max(depth, inner))
				copied, begins = i, false
				continue
			}
		}
		u := unitAt(location, i)
		begins = strings.IndexByte("?&;#=", u.char) >= 0 || location[i] == ' '
		i, depth = u.end, u.depth
	}
	if copied == 0 {
		return location
	}
	b.WriteString(location[copied:])
	return b.String()
}

// parameter reports whether one of the names begins at i, where its value begins,
// and how often the equals sign is escaped.
func parameter(s string, i int, names []string) (value, depth int, ok bool) {
	for _, name := range names {
		end, matches := i, name != ""
		for j := 0; j < len(name) && matches; j++ {
			u := unitAt(s, end)
			end, matches = u.end, lower(u.char) == lower(name[j]) || u.char == '+' && name[j] == ' '
		}
		if !matches {
			continue
		}
		for {
			u := unitAt(s, end)
			end = u.end
			if u.char == '=' {
				return end, u.depth, true
			}
			if u.char != '[' {
				break
			}
			end = bracketEnd(s, end)
		}
	}
	return 0, 0, false
}

// bracketEnd returns where the sub of a name ends, behind its bracket, or where it
// is seen not to be one.
func bracketEnd(s string, i int) int {
	for i < len(s) {
		u := unitAt(s, i)
		if strings.IndexByte("?&;#=[", u.char) >= 0 {
			break
		}
		i = u.end
		if u.char == ']' {
			break
		}
	}
	return i
}

// valueEnd returns where the value ends that begins at i, in a URL that is escaped
// so many times.
func valueEnd(s string, i, depth int) int {
	for i < len(s) {
		u := unitAt(s, i)
		if u.depth <= depth && strings.IndexByte("&;#", u.char) >= 0 || u.depth < depth && u.char == '?' {
			break
		}
		i = u.end
	}
	return i
}

// A unit is a byte as it stands in a URL, or one that is escaped, so many times.
type unit struct {
	char  byte
	depth int
	end   int
}

// unitAt returns the one that begins at i. Behind the end it is a NUL.
func unitAt(s string, i int) unit {
	if i >= len(s) {
		return unit{end: i}
	}
	if s[i] != '%' {
		return unit{s[i], 0, i + 1}
	}
	depth, end := 0, i+1
	for strings.HasPrefix(s[end:], "25") {
		depth, end = depth+1, end+2
	}
	if end+2 <= len(s) {
		if high, low := unhex(s[end]), unhex(s[end+1]); high >= 0 && low >= 0 {
			return unit{byte(high<<4 | low), depth + 1, end + 2}
		}
	}
	return unit{'%', depth, end}
}

func unhex(c byte) int { return strings.IndexByte("0123456789abcdef", lower(c)) }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
