package curl

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Quote writes words so that a shell, and Request, reads them as they are. None may
// hold a NUL byte, which no argument can.
func Quote(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if !plainWord.MatchString(w) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

var plainWord = regexp.MustCompile(`^[0-9A-Za-z_./:@%+,=-]+$`)

// splitWords splits a command line into words as bash does. What bash would carry
// out or fill in is an error.
func splitWords(line string) ([]string, error) {
	var words []string
	var word []byte
	begun := false                    // a word may be empty, in quotes
	firstQuoted, lastQuoted := -1, -1 // where the word's first quote begins and its last ends
	for line != "" {
		c := line[0]
		quoted := strings.IndexByte(`'"\`, c) >= 0 || strings.HasPrefix(line, "$'") || strings.HasPrefix(line, `$"`)
		length := len(word)
		var err error
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if begun {
				words, word, begun = append(words, string(word)), nil, false
				firstQuoted, lastQuoted = -1, -1
			}
			if c == '\n' && strings.TrimSpace(line) != "" {
				return nil, errors.New("the command ends at the end of its line, and more follows: end each line but the last with a backslash, and leave out what it has printed")
			}
			line = line[1:]
			continue
		case strings.HasPrefix(line, "\\\n"), strings.HasPrefix(line, "\\\r\n"):
			_, line, _ = strings.Cut(line, "\n")
			continue
		case c == '\'':
			var found bool
			var text string
			if text, line, found = strings.Cut(line[1:], "'"); !found {
				err = errUnclosed
			}
			word = append(word, text...)
		case c == '"', strings.HasPrefix(line, `$"`):
			word, line, err = appendQuoted(word, strings.TrimPrefix(line, "$")[1:])
		case strings.HasPrefix(line, "$'"):
			word, line, err = appendEscaped(word, line[2:])
		case c == '\\' && len(line) > 1:
			word, line = append(word, line[1]), line[2:]
		case strings.IndexByte("|&;<>()", c) >= 0, c == '{' && !strings.HasPrefix(line, "{}"), c == '#' && !begun:
			return nil, fmt.Errorf("the shell takes %q outside of quotes for its own: put the URL and the data in single quotes, and leave out what is not curl's", c)
		case c == '~' && lastQuoted != len(word) && (!begun || isAssigned(word, firstQuoted)) && !quotedNext.MatchString(line):
			return nil, errors.New("the shell takes the tilde for a directory that only it knows: put it in single quotes, or write the directory")
		default:
			word, line, err = appendPlain(word, line)
		}
		if err != nil {
			return nil, err
		}
		begun = true
		if quoted {
			lastQuoted = len(word)
			if firstQuoted < 0 {
				firstQuoted = length
			}
		}
	}
	if begun {
		words = append(words, string(word))
	}
	return words, nil
}

var (
	assignment = regexp.MustCompile(`^[A-Za-z_][0-9A-Za-z_]*(\[(?:[^][=]|\[[^][=]*\])*\])?\+?=`)
	quotedNext = regexp.MustCompile(`^~(?:\\\r?\n)*(?:['"]|\\[^\r\n])`)
)

// isAssigned reports whether what follows in a word has the place of a value, or of a
// path behind a colon in one: bash takes a=b for an assignment, and expands the value's
// tildes, wherever it stands. The quotes of a subscript make no difference.
func isAssigned(word []byte, firstQuoted int) bool {
	m := assignment.FindSubmatchIndex(word)
	if m == nil || m[2] < 0 && 0 <= firstQuoted && firstQuoted < m[1] {
		return false
	}
	return len(word) == m[1] || word[len(word)-1] == ':'
}

var (
	errUnclosed = errors.New("a quote is not closed: paste the whole command")
	expansion   = regexp.MustCompile("^(?:`|\\$([0-9A-Za-z_]{1,64}|[{(\\[@*#?$!-]))")
)

// appendPlain appends the first byte of line, unless the shell would expand it.
func appendPlain(word []byte, line string) ([]byte, string, error) {
	if line[0] != '$' && line[0] != '`' {
		return append(word, line[0]), line[1:], nil
	}
	if expanded := expansion.FindString(line); expanded != "" {
		return nil, "", fmt.Errorf("%s stands for something that only your shell knows: write the value itself, or put it in single quotes if it is the value", expanded)
	}
	return append(word, line[0]), line[1:], nil
}

// appendQuoted appends what stands in double quotes.
func appendQuoted(word []byte, line string) (_ []byte, rest string, err error) {
	for line != "" {
		switch {
		case line[0] == '"':
			return word, line[1:], nil
		case strings.HasPrefix(line, "\\\n"):
			line = line[2:]
		case len(line) > 1 && line[0] == '\\' && strings.IndexByte("$`\"\\", line[1]) >= 0:
			word, line = append(word, line[1]), line[2:]
		default:
			if word, line, err = appendPlain(word, line); err != nil {
				return nil, "", err
			}
		}
	}
	return nil, "", errUnclosed
}

var codeEscape = regexp.MustCompile(`^\\(?:[0-7]{1,3}|x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8})`)

// appendEscaped appends what stands in $'...', in which a backslash begins an
// escape.
func appendEscaped(word []byte, line string) (_ []byte, rest string, err error) {
	const letters, meanings = `abeEfnrtv\'"?`, "\a\b\x1b\x1b\f\n\r\t\v\\'\"?"
	for line != "" {
		if line[0] == '\'' {
			return word, line[1:], nil
		}
		if line[0] != '\\' || len(line) == 1 {
			word, line = append(word, line[0]), line[1:]
			continue
		}
		code := codeEscape.FindString(line)
		letter := strings.IndexByte(letters, line[1])
		switch {
		case code != "":
			if word = appendCode(word, code[1:]); word[len(word)-1] == 0 {
				return nil, "", errors.New("a NUL byte cannot stand in an argument")
			}
			line = line[len(code):]
		case letter >= 0:
			word, line = append(word, meanings[letter]), line[2:]
		case line[1] == 'c' && len(line) > 2 && line[2] != '\'':
			word, line = append(word, line[2]&0x1f), line[3:]
		default:
			word, line = append(word, line[:2]...), line[2:]
		}
	}
	return nil, "", errUnclosed
}

// appendCode appends what a code stands for: a byte in octal digits or behind an x,
// a character behind a u or U.
func appendCode(word []byte, code string) []byte {
	switch code[0] {
	case 'x':
		n, _ := strconv.ParseUint(code[1:], 16, 8)
		return append(word, byte(n))
	case 'u', 'U':
		n, _ := strconv.ParseUint(code[1:], 16, 32)
		if 0xd800 <= n && n <= 0xdfff { // bash writes half a character, too
			return append(word, 0xe0|byte(n>>12), 0x80|byte(n>>6&0x3f), 0x80|byte(n&0x3f))
		}
		return utf8.AppendRune(word, rune(n))
	}
	n, _ := strconv.ParseUint(code, 8, 16)
	return append(word, byte(n))
}
