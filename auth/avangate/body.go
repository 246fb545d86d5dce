package avangate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/request"
)

// maxBody bounds the body of a JSON-RPC or SOAP request, in bytes.
const maxBody = 8 << 20

// maxHead bounds what is read of an answer to see whether it is a session error,
// in bytes.
const maxHead = 64 << 10

// A head reads the beginning of an answer's body, and no more than it is asked
// for and the source has at hand.
type head struct {
	source io.Reader
	b      []byte // what has been read; its capacity is what is read at once
	at     int    // what of it has been passed on
	err    error  // the source's
}

func newHead(source io.Reader) *head {
	return &head{source: source, b: make([]byte, 0, 4<<10)}
}

// Read ends with io.EOF where the source does, and at maxHead.
func (h *head) Read(p []byte) (int, error) {
	for h.at == len(h.b) {
		if !h.fill() {
			return 0, io.EOF
		}
	}
	n := copy(p, h.b[h.at:])
	h.at += n
	return n, nil
}

func (h *head) fill() bool {
	if h.err != nil || len(h.b) == maxHead {
		return false
	}
	h.b = slices.Grow(h.b, 1)
	n, err := h.source.Read(h.b[len(h.b):min(cap(h.b), maxHead)])
	h.b, h.err = h.b[:len(h.b)+n], err
	return true
}

// byteAt returns the first byte from offset on that is neither JSON's white space
// nor the colon behind a name, 0 if it is out of reach.
func (h *head) byteAt(offset int64) byte {
	for i := int(offset); ; i++ {
		for i >= len(h.b) {
			if !h.fill() {
				return 0
			}
		}
		if c := h.b[i]; strings.IndexByte(" \t\r\n:", c) < 0 {
			return c
		}
	}
}

// peek lets look read the beginning of an answer's body, which it leaves whole. One
// without a body is empty.
func peek(resp *http.Response, look func(h *head)) {
	if resp.Body == nil || resp.Body == http.NoBody {
		look(newHead(http.NoBody))
		return
	}
	h := newHead(resp.Body)
	look(h)
	resp.Body = h.whole(resp.Body)
}

// whole returns the body as it was, closed by c.
func (h *head) whole(c io.Closer) io.ReadCloser {
	rest := h.source
	if h.err != nil {
		rest = failed{h.err}
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(h.b), rest), c}
}

// failed is the rest of a body whose source has ended or failed.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// saysAuthenticationError reports whether the body of an answer is an object of
// JSON whose own error_code is AUTHENTICATION_ERROR: what the vendor's REST API
// answers to a wrong code or key. No words of a message decide, and nothing that stands
// deeper: an order may hold what somebody wrote.
func saysAuthenticationError(answer io.Reader) (says bool) {
	d := json.NewDecoder(answer)
	if start, _ := d.Token(); start != json.Delim('{') {
		return false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		if name != "error_code" {
			if skip(d) != nil {
				return false
			}
			continue
		}
		if code, _ := d.Token(); code != vendor.AuthenticationError {
			return false
		}
		says = true
	}
	_, err := d.Token()
	return says && err == nil
}

// checkText refuses a body of JSON or XML that its readers may take for something
// else: one that is not in UTF-8, or whose Content-Type says another charset, or a
// form.
func checkText(h http.Header, body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("the body is not in UTF-8: send it so")
	}
	header, err := request.SoleHeader(h, "Content-Type")
	if err != nil || header == "" {
		return err
	}
	media, parameters, err := mime.ParseMediaType(header)
	if err != nil {
		return errors.New("the Content-Type is malformed: write it as type/subtype; charset=utf-8, and quote what holds a colon or a slash")
	}
	if charset, ok := parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return fmt.Errorf("the Content-Type names the charset %.40q: send the body in UTF-8", charset)
	}
	if media == request.FormType || strings.HasPrefix(media, "multipart/") {
		return fmt.Errorf("the Content-Type is %s, as which PHP reads something else: write application/json, or in SOAP text/xml", media)
	}
	return nil
}

// checkREST refuses a body that holds Session: its writer means the path of a
// session, and neither the header nor the constant is to go elsewhere. Only a body
// that can be had again is looked into, up to maxHead, so that uploads stay
// streams.
func checkREST(req *http.Request) error {
	if req.GetBody == nil || !request.HasBody(req) || !isText(req.Header) {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil // nor is it the one that is sent
	}
	defer body.Close()
	size := int64(maxHead)
	if req.ContentLength > 0 { // 0 is unknown, too
		size = min(size, req.ContentLength)
	}
	b := make([]byte, size)
	n, _ := io.ReadFull(body, b)
	if bytes.Contains(b[:n], []byte(Session)) {
		return errors.New("the body holds avangate.Session, and the path is one of REST, which has no sessions: call an endpoint of JSON-RPC or SOAP, such as /rpc/6.0/ or /soap/6.0/")
	}
	return nil
}

// isText reports whether a body is said to be JSON or XML.
func isText(h http.Header) bool {
	for _, value := range request.HeaderValues(h, "Content-Type") {
		media, _, _ := strings.Cut(strings.ToLower(value), ";")
		media = strings.TrimSpace(media)
		for _, kind := range []string{"json", "xml"} {
			if strings.HasSuffix(media, "/"+kind) || strings.HasSuffix(media, "+"+kind) {
				return true
			}
		}
	}
	return false
}
