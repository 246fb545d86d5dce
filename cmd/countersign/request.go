package main

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/http/httputil"
	"regexp"
	"strings"

	"github.com/countersign/countersign/cmd/countersign/internal/curl"
	"github.com/countersign/countersign/internal/request"
)

// readRequest reads a request as people paste it: a raw HTTP request, or a curl
// command line. Its errors hold nothing of a parameter.
func readRequest(input []byte) (*http.Request, error) {
	input = bytes.TrimLeft(input, " \t\r\n")
	if line, found := bytes.CutPrefix(input, []byte("$ ")); found {
		input = line // a shell's prompt
	}
	if len(input) == 0 {
		return nil, usagef("the standard input is empty: give a raw HTTP request or a curl command line")
	}
	if curlName.Match(input) {
		req, err := curl.Request(string(input))
		if err != nil {
			return nil, usageError{err}
		}
		return req, nil
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
		return nil, usagef("the input is neither: a raw HTTP request begins with a line such as GET /v1.0/SignatureCheck/ HTTP/1.1, a curl command line with curl")
	}
	// The version is written anew, for net/http reads no HTTP/2 in text.
	fields := string(head[len(line[0]):])
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(
		string(line[1]) + " " + string(line[2]) + " HTTP/1.1\r\n" + strings.TrimRight(fields, "\r\n") + "\r\n\r\n")))
	if err != nil {
		return nil, usagef("the request line or a header is malformed: write each header as Name: value on a line of its own, and an empty line behind them")
	}
	if len(req.TransferEncoding) > 0 {
		if body, err = io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body))); err != nil {
			return nil, usagef("the body is not chunked as its Transfer-Encoding says: leave that header out")
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
		return cutNewline(rest), nil
	}
	n := req.ContentLength
	if int64(len(rest)) < n || len(bytes.TrimSpace(rest[n:])) > 0 {
		return nil, usagef("the body has %d bytes, and its Content-Length says %d: give the request as it was sent, or leave Content-Length out", len(rest), n)
	}
	return rest[:n], nil
}

// The gateways, as arguments name them.
const (
	paylinkGateway  = "paylink"
	avangateGateway = "avangate"
)

var (
	avangateHost = regexp.MustCompile(`(?i)(?:^|\.)(?:2checkout|avangate)\.com(?::\d+)?$`)
	avangatePath = regexp.MustCompile(`^/(?:rest|rpc|soap|(?:order|product|channel-manager)/[^/]+/(?:rpc|soap))/`)
	paylinkPath  = regexp.MustCompile(`^/v1(?:\.\d+)?/`)
)

// gatewayOf tells which gateway a request is for, that was read from input.
func gatewayOf(req *http.Request, input []byte) (string, error) {
	switch {
	case req.Header.Get("X-Avangate-Authentication") != "", avangateHost.MatchString(req.Host):
		return avangateGateway, nil
	case bytes.Contains(input, []byte("ApiSignature")), paylinkPath.MatchString(req.URL.Path):
		return paylinkGateway, nil
	case avangatePath.MatchString(req.URL.Path):
		return avangateGateway, nil
	}
	return "", usagef("it cannot be told from the request which gateway it is for: name it, paylink or avangate")
}
