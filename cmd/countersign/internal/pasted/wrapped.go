package pasted

import (
	"errors"
	"regexp"
	"strings"
)

// maxWrappings is how many quotes within quotes are taken off.
const maxWrappings = 8

// unwrap takes off what stands around a request where people copy it from: a fence, a
// quote's marks, the shell's prompts, and the command that reads it. It does not look
// into what is a request already, whose body may hold all of that.
func unwrap(text string) (string, error) {
	for range maxWrappings {
		inner := text
		for _, step := range []func(string) (string, error){cutQuote, cutSession, cutFence} {
			if isForm(inner) {
				return inner, nil
			}
			var err error
			if inner, err = step(inner); err != nil {
				return "", err
			}
			inner = strings.TrimLeft(inner, " \t\r\n")
		}
		if inner == text {
			return text, nil
		}
		text = inner
	}
	return "", errors.New("the input is quoted too often: give the request without the quotes")
}

func isForm(text string) bool {
	for _, f := range forms {
		if f.begin.MatchString(text) {
			return true
		}
	}
	return false
}

var fence = regexp.MustCompile("(?m)^ {0,3}(```+|~~~+)[^`\r\n]*\r?(?:\n|$)")

// cutFence returns what stands in a fenced block, and all of a text that has none.
func cutFence(text string) (string, error) {
	open := fence.FindStringSubmatchIndex(text)
	if open == nil {
		return text, nil
	}
	inner, mark := text[open[1]:], text[open[2]:open[3]]
	end := 0
	for line := range strings.Lines(inner) {
		closing := strings.TrimSpace(line)
		if len(closing) < len(mark) || strings.Trim(closing, mark[:1]) != "" {
			end += len(line)
			continue
		}
		if fence.MatchString(inner[end+len(line):]) {
			return "", errors.New("there is more than one fenced block: give the one with the request")
		}
		return inner[:end], nil
	}
	if open[0] > 0 {
		return text, nil // one line of many that looks like a fence
	}
	return inner, nil
}

// cutQuote takes off the mark of a quote, if each line has one.
func cutQuote(text string) (string, error) {
	if !strings.HasPrefix(text, ">") {
		return text, nil
	}
	text = strings.TrimRight(text, "\r\n") + "\n"
	var b strings.Builder
	for line := range strings.Lines(text) {
		cut, quoted := cutMark(line)
		if !quoted {
			return text, nil
		}
		b.WriteString(cut)
	}
	return b.String(), nil
}

// cutMark takes the mark of a quote off a line, which curl -v and shells write in
// front of lines, too.
func cutMark(line string) (string, bool) {
	cut, quoted := strings.CutPrefix(line, ">")
	return strings.TrimPrefix(cut, " "), quoted
}

// hereDocument is a command that reads what follows, up to a word that it names.
var hereDocument = regexp.MustCompile(`^(?:[A-Za-z_]\w*=\S* +)*\S*countersign +(?:verify|explain)\b[^\n]*<<(-?)[ \t]*(['"]?)(\w+)['"]?[ \t]*\r?(?:\n|$)`)

var (
	// prompt is one with a command behind it: a heading of Markdown begins so, too.
	prompt = regexp.MustCompile(`^((?:\[[^]\n]*\]|[^\s@]*@\S*)?[$%#] +)(?:curl|\S*countersign|[A-Za-z_]\w*=\S*)\s`)
	// nextCommand is one that reads a request, behind a prompt.
	nextCommand = regexp.MustCompile(`(?m)^[^\n]{0,100}[$%#] +(?:curl|[^\n]*countersign +(?:verify|explain))\b`)
)

var errCommands = errors.New("there is more than one command: give the one with the request")

// cutSession takes the prompts off a session of a shell. Of a command that reads a
// here-document it returns what that holds.
func cutSession(text string) (string, error) {
	if prompted := prompt.FindStringSubmatch(text); prompted != nil {
		text = text[len(prompted[1]):]
		if nextCommand.MatchString(text) {
			return "", errCommands
		}
		if first, rest, more := strings.Cut(text, "\n"); more {
			text = first + "\n" + cutPrompts(rest, curlName.MatchString(first))
		}
	}
	command := hereDocument.FindStringSubmatch(text)
	if command == nil {
		return text, nil
	}
	tabs, quoted, end := command[1] != "", command[2] != "", command[3]
	var document strings.Builder
	for line := range strings.Lines(text[len(command[0]):]) {
		if tabs {
			line = strings.TrimLeft(line, "\t")
		}
		if strings.TrimRight(line, " \t\r\n") != end {
			document.WriteString(line)
			continue
		}
		if !quoted && (strings.ContainsAny(document.String(), "$`") || strings.Contains(document.String(), `\\`)) {
			return "", errors.New("the shell fills in what the here-document holds, as its word is not quoted: give the request as it is")
		}
		return document.String(), nil
	}
	return "", errors.New("the here-document has no end: give all of its lines, and its word on a line of its own")
}

// cutPrompts takes the prompt off the lines that continue a command: those that follow
// it, up to one without, or, of curl, to what curl -v says that it sent.
func cutPrompts(text string, isCurl bool) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		cut, prompted := cutMark(line)
		if !prompted || isCurl && sentLine.MatchString(line) {
			break
		}
		b.WriteString(cut)
		text = text[len(line):]
	}
	return b.String() + text
}
