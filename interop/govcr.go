package interop

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
)

// Scrub is a hook for go-vcr's recorder that takes the credentials out of what is
// saved: ApiSignature, X-API-KEY, X-Avangate-Authentication, the date and the hash
// of a 2Checkout login, and session ids. What else is confidential, such as
// customers' data, is left to you.
//
// 2Checkout's JSON-RPC and SOAP are known by the body, at whatever path: JSON with
// params, and XML with a Body. There it must find what it takes out. Of such a body that it
// cannot read, or that has no credential where one belongs, the word scrubbed is
// left, and of the answer to it, too.
//
// It is a BeforeSaveHook. As an AfterCaptureHook it would take the session id out
// of the answer that Countersign is waiting for. A recorder's debug log is not
// scrubbed.
func Scrub(i *cassette.Interaction) error {
	sent, got := &i.Request, &i.Response
	sent.Form.Del("ApiSignature")
	if hasCalls(sent.Body) {
		sent.Body, got.Body = scrubSessions(sent.Body, got.Body)
		sent.Form = nil // a body that is said to be a form is the name of a field
	}

	got.Body = scrubSignature(got.Body)
	got.Headers = got.Headers.Clone()
	for _, values := range got.Headers {
		for k := range values {
			values[k] = scrubSignature(values[k])
		}
	}
	got.ContentLength = setLength(got.Headers, got.ContentLength, got.Body)

	sent.URL = scrubSignature(sent.URL)
	sent.Body = scrubSignature(sent.Body)
	sent.Headers = sent.Headers.Clone() // go-vcr shares it with the request
	sent.Headers.Del("X-Api-Key")
	sent.Headers.Del("X-Avangate-Authentication")
	sent.ContentLength = setLength(sent.Headers, sent.ContentLength, sent.Body)
	return nil
}

// Match is a matcher for go-vcr's recorder. It compares method, URL and body, all
// without what [Scrub] takes out, and without a multipart body's boundary. So a
// request finds its record although it was signed at another time, with another
// secret, or for another session. Headers are not compared.
func Match(r *http.Request, recorded cassette.Request) bool {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return false
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return r.Method == recorded.Method &&
		normalize(r.URL.String(), r.Header, string(body)) == normalize(recorded.URL, recorded.Headers, recorded.Body)
}

// normalize returns what is compared of a request.
func normalize(url string, h http.Header, body string) [2]string {
	if _, parameters, err := mime.ParseMediaType(h.Get("Content-Type")); err == nil && parameters["boundary"] != "" {
		body = strings.ReplaceAll(body, parameters["boundary"], scrubbed)
	}
	if hasCalls(body) {
		body, _ = scrubSessions(body, "")
	}
	return [2]string{scrubSignature(url), scrubSignature(body)}
}

// scrubbed takes the place of what is taken out. It could be a session id, so that
// a replayed login gives one.
const scrubbed = "scrubbed"

// signature matches an ApiSignature in a query or a form, in JSON, and in
// multipart. JSON may hold a slash as "\/", as PHP writes it, and any character as
// "\u" and its code.
var signature = regexp.MustCompile(`(ApiSignature(?:=|%3D|(?i:\\u003d)|"\s*:\s*"|"\r\n\r\n))` +
	`(?:[0-9A-Za-z+/=%]|\\/|(?i:\\u00(?:2[5bf]|3[0-9d]|[46][1-9a-f]|[57][0-9a])))+`)

func scrubSignature(s string) string { return signature.ReplaceAllString(s, "${1}"+scrubbed) }

// setLength returns what a known length of a body is now, and sets the header's.
func setLength(h http.Header, length int64, body string) int64 {
	if length < 0 {
		return length
	}
	if h.Get("Content-Length") != "" {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return int64(len(body))
}
