package interop

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
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
// It is a BeforeSaveHook. As an AfterCaptureHook it would take the session id out
// of the answer that Countersign is waiting for. A recorder's debug log is not
// scrubbed.
func Scrub(i *cassette.Interaction) error {
	sent, got := &i.Request, &i.Response
	if hasLogin(sent.Body) {
		got.Body = scrubLoginAnswer(got.Body)
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
	sent.Body = scrubBody(sent.Body)
	sent.Form.Del("ApiSignature")
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
		if body, err = io.ReadAll(r.Body); err != nil {
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
	return [2]string{scrubSignature(url), scrubBody(body)}
}

// scrubbed takes the place of what is taken out. It could be a session id, so that
// a replayed login gives one.
const scrubbed = "scrubbed"

// scrubBody scrubs the body of a request.
func scrubBody(body string) string {
	for _, c := range readCalls(body) {
		switch {
		case c.Method == "login" && len(c.Params) > 2: // merchant code, date, hash
			body = scrubValue(scrubValue(body, c.Params[1]), c.Params[2])
		case c.Method != "" && c.Method != "login" && len(c.Params) > 0: // session id
			body = scrubValue(body, c.Params[0])
		}
	}
	return scrubSignature(body)
}

// signature matches an ApiSignature in a query or a form, in JSON, and in
// multipart. PHP writes a slash in JSON as "\/".
var signature = regexp.MustCompile(`(ApiSignature(?:=|%3D|":\s*"|"\r\n\r\n))(?:[0-9A-Za-z+/=%]|\\/)+`)

func scrubSignature(s string) string { return signature.ReplaceAllString(s, "${1}"+scrubbed) }

// A call is a method of 2Checkout's JSON-RPC or SOAP that is called, or the answer
// to one.
type call struct {
	Method string `json:"method"`
	Params []any  `json:"params"`
	Result any    `json:"result"`
}

// readCalls returns the calls, or their answers, that a body holds; none if it is
// neither JSON-RPC nor SOAP.
func readCalls(body string) []call {
	var one call
	if json.Unmarshal([]byte(body), &one) == nil {
		return []call{one}
	}
	var batch []call
	if json.Unmarshal([]byte(body), &batch) == nil {
		return batch
	}
	var envelope struct {
		Body struct {
			Call struct {
				XMLName  xml.Name
				Elements []string `xml:",any"`
			} `xml:",any"`
		}
	}
	if xml.Unmarshal([]byte(body), &envelope) != nil {
		return nil
	}
	c := call{Method: envelope.Body.Call.XMLName.Local}
	for _, text := range envelope.Body.Call.Elements {
		c.Params = append(c.Params, text)
	}
	if len(c.Params) > 0 {
		c.Result = c.Params[0]
	}
	return []call{c}
}

func hasLogin(body string) bool {
	for _, c := range readCalls(body) {
		if c.Method == "login" {
			return true
		}
	}
	return false
}

// scrubLoginAnswer takes out the session id. Of an answer that cannot be read
// nothing is left.
func scrubLoginAnswer(body string) string {
	answers := readCalls(body)
	if len(answers) == 0 {
		return scrubbed
	}
	for _, c := range answers {
		if c.Method != "Fault" {
			body = scrubValue(body, c.Result)
		}
	}
	return body
}

// scrubValue replaces a value that is a JSON string or the text of an element.
func scrubValue(body string, value any) string {
	text, _ := value.(string)
	if text == "" {
		return body
	}
	return strings.NewReplacer(`"`+text+`"`, `"`+scrubbed+`"`, ">"+text+"<", ">"+scrubbed+"<").Replace(body)
}

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
