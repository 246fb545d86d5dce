// Package pasted reads a request as people paste it: a raw HTTP request, with the line
// ends and the final newline that editors and shells leave, or a curl command line. An
// error tells the user what to give instead, and holds nothing of a parameter.
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

	"github.com/countersign/countersign/cmd/countersign/internal/curl"
	"github.com/countersign/countersign/internal/request"
)

// Request reads a request. Its body has been read, and its ContentLength is the
// body's.
func Request(input []byte) (*http.Request, error) {
	input = bytes.TrimLeft(input, " \t\r\n")
	if line, found := bytes.CutPrefix(input, []byte("$ ")); found {
		input = line // a shell's prompt
	}
	if len(input) == 0 {
		return nil, errors.New("the standard input is empty: give a raw HTTP request or a curl command line")
	}
	if curlName.Match(input) {
		return curl.Request(string(input))
	}
	return readRaw(input)
}

var (
	curlName    = regexp.MustCompile(`^curl(?:\s|$)`)
	requestLine = regexp.MustCompile(`^([A-Za-z]+) +(\S+) +HTTP/[0-9.]+\r?(?:\n|$)`)
	emptyLine   = regexp.MustCompile(`\r?\n\r?\n`)
)

// readRaw reads a raw HTTP request. Its lines may end without a carriage return,
// and it may lack a Content-Length: the rest is then the body, save for one final
// newline, which is the editor's or the shell's.
func readRaw(input []byte) (*http.Request, error) {
	head, body := input, []byte(nil)
	if end := emptyLine.FindIndex(input); end != nil {
		head, body = input[:end[0]], input[end[1]:]
	}
	line := requestLine.FindSubmatch(head)
	if line == nil {
		return nil, errors.New("the input is neither: a raw HTTP request begins with a line such as GET /v1.0/SignatureCheck/ HTTP/1.1, a curl command line with curl")
	}
	// The version is written anew, for net/http reads no HTTP/2 in text.
	fields := string(head[len(line[0]):])
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(
		string(line[1]) + " " + string(line[2]) + " HTTP/1.1\r\n" + strings.TrimRight(fields, "\r\n") + "\r\n\r\n")))
	if err != nil {
		return nil, errors.New("the request line or a header is malformed: write each header as Name: value on a line of its own, and an empty line behind them")
	}
	if len(req.TransferEncoding) > 0 {
		if body, err = io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body))); err != nil {
			return nil, errors.New("the body is not chunked as its Transfer-Encoding says: leave that header out")
		}
		request.SetBody(req, body)
		return req, nil
	}
	media, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if media == "multipart/form-data" && !bytes.Contains(head, []byte("\r\n")) {
		body = bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n"))
	}
	if body, err = cutBody(body, req); err != nil {
		return nil, err
	}
	request.SetBody(req, body)
	return req, nil
}

// cutBody returns what belongs to the body of all that follows a request's head.
func cutBody(rest []byte, req *http.Request) ([]byte, error) {
	if req.Header.Get("Content-Length") == "" {
		return CutNewline(rest), nil
	}
	n := req.ContentLength
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
