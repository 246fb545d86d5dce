// Package pasted reads a request as people have it in hand: a raw HTTP request, with
// the line ends and the final newline that editors and shells leave, a curl command
// line, what curl -v prints, a line of an access log, or a URL; each of them alone,
// in a fenced block, quoted, or with the shell's prompts. What can be read in two ways
// is an error. An error tells the user what to give instead, and holds nothing of a
// parameter.
package pasted

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httputil"
	"regexp"
	"strings"

	"github.com/countersign/countersign/internal/request"
)

// Request reads a request. Its body has been read, and its ContentLength is the
// body's.
func Request(input []byte) (*http.Request, error) {
	text, err := unwrap(strings.TrimLeft(string(input), " \t\r\n"))
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, errors.New("the standard input is empty: give a raw HTTP request or a curl command line")
	}
	for _, f := range forms {
		if f.begin.MatchString(text) {
			return f.read(text)
		}
	}
	if sentLine.MatchString(text) {
		return readVerbose(text)
	}
	return nil, errors.New("the input is none of what can be read: a raw HTTP request, which begins with a line such as GET /v1.0/SignatureCheck/ HTTP/1.1, " +
		"a curl command line, the output of curl -v, a line of an access log, or a URL")
}

var (
	curlName    = regexp.MustCompile(`^curl(?:\s|$)`)
	requestLine = regexp.MustCompile(`^([A-Za-z]+) +(?:(\S+) +HTTP/[0-9.]+|((?i:https?)://\S+))[ \t]*\r?(?:\n|$)`)
	urlBegin    = regexp.MustCompile(`^(?:['"<` + "`" + `]?(?i:https?)://|/)`)
	emptyLine   = regexp.MustCompile(`\r?\n\r?\n`)
)

// The forms of a request that are known by how they begin.
var forms = []struct {
	begin *regexp.Regexp
	read  func(string) (*http.Request, error)
}{
	{curlName, readCommand},
	{requestLine, func(text string) (*http.Request, error) { return readRaw([]byte(text)) }},
	{logLine, readLog},
	{urlBegin, readURL},
}

// readRaw reads a raw HTTP request. Its lines may end without a carriage return,
// and it may lack a Content-Length: the rest is then the body, save for one final
// newline, which is the editor's or the shell's. A request line with a whole URL, as
// countersign sign prints it, needs no version.
func readRaw(input []byte) (*http.Request, error) {
	head, body := input, []byte(nil)
	if end := emptyLine.FindIndex(input); end != nil {
		head, body = input[:end[0]], input[end[1]:]
	}
	line := requestLine.FindSubmatch(head)
	if line == nil {
		return nil, errMalformed
	}
	// The version is written anew, for net/http reads no HTTP/2 in text.
	fields := string(head[len(line[0]):])
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(
		string(line[1]) + " " + string(line[2]) + string(line[3]) + " HTTP/1.1\r\n" + strings.TrimRight(fields, "\r\n") + "\r\n\r\n")))
	if err != nil {
		return nil, errMalformed
	}
	if len(req.TransferEncoding) > 0 {
		if body, err = io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body))); err != nil {
			return nil, errors.New("the body is not chunked as its Transfer-Encoding says: leave that header out")
		}
		request.SetBody(req, body)
		return req, nil
	}
	media, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if media == request.MultipartType && !bytes.Contains(head, []byte("\r\n")) {
		body = bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n"))
	}
	if body, err = cutBody(body, req); err != nil {
		return nil, err
	}
	request.SetBody(req, body)
	return req, nil
}

var errMalformed = errors.New("the request line or a header is malformed: write each header as Name: value on a line of its own, and an empty line behind them")

// cutBody returns what belongs to the body of all that follows a request's head.
func cutBody(rest []byte, req *http.Request) ([]byte, error) {
	if req.Header.Get("Content-Length") == "" {
		return CutNewline(rest), nil
	}
	n := req.ContentLength
	if n > 0 && len(bytes.TrimSpace(rest)) == 0 {
		return nil, fmt.Errorf("the body is missing, of which Content-Length says %d bytes: put it behind an empty line, or give the curl command line, since curl -v does not show a body", n)
	}
	if int64(len(rest)) < n || len(bytes.TrimSpace(rest[n:])) > 0 {
		return nil, fmt.Errorf("the body has %d bytes, and its Content-Length says %d: give the request as it was sent, or leave Content-Length out", len(rest), n)
	}
	return rest[:n], nil
}

// CutNewline cuts one final newline, as echo and editors write it.
func CutNewline(b []byte) []byte {
	if cut, found := bytes.CutSuffix(b, []byte("\n")); found {
		return bytes.TrimSuffix(cut, []byte("\r"))
	}
	return b
}
