package pasted

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/countersign/countersign/cmd/countersign/internal/curl"
	"github.com/countersign/countersign/internal/paylink"
)

var (
	// sentLine is the first line of a request in what curl -v prints.
	sentLine = regexp.MustCompile(`(?m)^> ([A-Za-z]+ +\S+ +HTTP/[0-9.]+)[ \t]*\r?$`)
	// shownLine is another line of it, and no part of a command or a body.
	shownLine = regexp.MustCompile(`(?m)^(?:[*<] |[{}] \[\d+ bytes data\]|  % Total )`)
)

// readCommand reads a curl command line. What curl -v has printed may follow.
func readCommand(text string) (*http.Request, error) {
	req, err := curl.Request(text)
	if err == nil {
		return req, nil
	}
	end := len(text)
	for _, line := range []*regexp.Regexp{shownLine, sentLine} {
		if at := line.FindStringIndex(text); at != nil {
			end = min(end, at[0])
		}
	}
	if end == len(text) || strings.HasSuffix(strings.TrimRight(text[:end], "\r\n"), `\`) {
		return nil, err
	}
	return curl.Request(text[:end])
}

// hasBody are the fields of a request that curl sends with a body.
var hasBody = regexp.MustCompile(`(?mi)^(?:content-length: *0*[1-9]|transfer-encoding:)`)

// readVerbose reads what curl -v prints, which shows the head of a request and not
// its body. A body may have been put behind the head, where nothing else follows.
func readVerbose(text string) (*http.Request, error) {
	heads := sentLine.FindAllStringIndex(text, 2)
	if len(heads) > 1 {
		return nil, errors.New("curl has sent more than one request: give the lines of one")
	}
	var b strings.Builder
	rest := text[heads[0][0]:]
	for line := range strings.Lines(rest) {
		cut, sent := cutMark(line)
		if !sent {
			break
		}
		b.WriteString(cut)
		rest = rest[len(line):]
	}
	head := strings.TrimRight(b.String(), " \t\r\n") + "\n\n"
	unknown := shownLine.MatchString(rest) || strings.TrimSpace(rest) == ""
	switch sent := hasBody.MatchString(head); {
	case sent && unknown:
		return nil, errors.New("curl -v does not show the body: give the curl command line, or put the body in the place of all that follows the head's lines")
	case unknown, !sent && (strings.HasPrefix(head, http.MethodGet) || strings.HasPrefix(head, http.MethodHead)):
		return readRaw([]byte(head))
	}
	return readRaw([]byte(head + rest))
}

// logLine is a line of an access log, in the common or the combined format of Apache
// and nginx. What is behind the status, and ahead of the address, differs.
var logLine = regexp.MustCompile(`^(?:\S+ +){3,}\[[^\]\n]*\] +"((?:[^"\\\n]|\\.)*)" +\d{3}(?:[ \t][^\n]*)?\r?(?:\n|$)`)

// readLog reads a line of an access log, which holds neither a header nor a body.
func readLog(text string) (*http.Request, error) {
	line := logLine.FindStringSubmatch(text)
	if strings.TrimSpace(text[len(line[0]):]) != "" {
		return nil, errors.New("there is more than one line of the log: give one")
	}
	sent := requestLine.FindStringSubmatch(unescapeLog(line[1]))
	if sent == nil {
		return nil, errors.New("the line of the log holds no request, such as GET /v1.0/SignatureCheck/ HTTP/1.1, in its first quotes: give another, or the request itself")
	}
	switch method := sent[1]; {
	case method == http.MethodPost, method == http.MethodPut, method == http.MethodPatch:
		return nil, errors.New("an access log holds no body, which is what is signed of " + method + ": give the request itself, or its curl command line")
	case !strings.Contains(strings.ToLower(sent[2]+sent[3]), strings.ToLower(paylink.SignatureName)):
		return nil, errors.New("the line of the log has no " + paylink.SignatureName + ", and an access log holds no headers, one of which may be the credential: give the request itself")
	}
	return readRaw([]byte(sent[0]))
}

var logEscape = regexp.MustCompile(`\\(?:x[0-9A-Fa-f]{2}|.)`)

// unescapeLog undoes the escapes of Apache and nginx.
func unescapeLog(s string) string {
	return logEscape.ReplaceAllStringFunc(s, func(escape string) string {
		if len(escape) == len(`\x00`) {
			code, _ := strconv.ParseUint(escape[2:], 16, 8)
			return string([]byte{byte(code)})
		}
		return escape[1:]
	})
}

// quotes are the pairs that people put a URL in.
const quotes = "''\"\"<>``"

// readURL reads a URL, or what stands behind its host, as the GET request for it.
func readURL(text string) (*http.Request, error) {
	text = strings.TrimSpace(text)
	for pair := quotes; pair != ""; pair = pair[2:] {
		if len(text) > 1 && text[0] == pair[0] && text[len(text)-1] == pair[1] {
			text = text[1 : len(text)-1]
		}
	}
	if strings.ContainsAny(text, " \t\r\n") || strings.ContainsAny(text[:1], quotes) {
		return nil, errors.New("there is a space in the URL, or something else behind it: give the URL alone, on one line, as it was sent")
	}
	text, _, _ = strings.Cut(text, "#") // which is not sent
	req, err := readRaw([]byte("GET " + text + " HTTP/1.1\n"))
	if err != nil {
		return nil, errors.New("the URL is malformed: give it as it was sent")
	}
	return req, nil
}
