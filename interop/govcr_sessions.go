package interop

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"slices"
	"strings"
)

// hasCalls reports whether the body of a request holds calls of JSON-RPC or SOAP:
// JSON with params, or XML that has a Body or cannot be read.
func hasCalls(body string) bool {
	body = strings.TrimSpace(body)
	if strings.HasPrefix(body, "<") {
		root, err := readXML(body)
		return err != nil || slices.ContainsFunc(root.Elements, func(e element) bool { return e.XMLName.Local == "Body" })
	}
	var requests []json.RawMessage
	if json.Unmarshal([]byte(body), &requests) != nil {
		requests = []json.RawMessage{json.RawMessage(body)}
	}
	return slices.ContainsFunc(requests, func(request json.RawMessage) bool {
		var message rpcMessage
		json.Unmarshal(request, &message) // what cannot be read has none
		return message.Params != nil
	})
}

// scrubSessions takes the credentials of calls and of logins out of the body of a
// request and out of that of its answer.
func scrubSessions(sent, got string) (string, string) {
	credentials, login, ok := readCalls(sent)
	if !ok {
		return scrubbed, scrubbed
	}
	sent = replaceTexts(sent, credentials)
	if login {
		ids, ok := readSessions(got)
		if !ok {
			return sent, scrubbed
		}
		credentials = append(credentials, ids...)
	}
	return sent, replaceTexts(got, credentials)
}

// readCalls returns the credentials in the body of a request, and whether one of
// its calls is a login. It is not ok if one may be there that it cannot see.
func readCalls(body string) (credentials []string, login, ok bool) {
	var calls []call
	ok = true
	switch {
	case strings.TrimSpace(body) == "":
	case json.Valid([]byte(body)):
		calls, ok = readRPCCalls(body)
	default:
		calls, ok = readSOAPCalls(body)
	}
	for _, c := range calls {
		var found []string
		switch {
		case c.method != "login":
			found = c.params[:min(1, len(c.params))] // the session id
		case len(c.params) > 2:
			login, found = true, c.params[1:3] // of code, date, hash
		default:
			return nil, false, false
		}
		credentials = append(credentials, found...)
	}
	return credentials, login, ok && !slices.Contains(credentials, "")
}

// A call is a method and its parameters. One that is not a text is empty.
type call struct {
	method string
	params []string
}

// An rpcMessage is a request of JSON-RPC, or the answer to one.
type rpcMessage struct{ Method, Params, Result, Response, Error every }

// every is all values of a member that may have been given more than once: each
// reader has its own idea of which one counts.
type every []json.RawMessage

func (e *every) UnmarshalJSON(value []byte) error {
	*e = append(*e, slices.Clone(value))
	return nil
}

// readRPC reads a message or a batch of them.
func readRPC(body string) (messages []rpcMessage, err error) {
	if !strings.HasPrefix(strings.TrimSpace(body), "[") {
		body = "[" + body + "]"
	}
	err = json.Unmarshal([]byte(body), &messages)
	return messages, err
}

func readRPCCalls(body string) (calls []call, ok bool) {
	messages, err := readRPC(body)
	if err != nil {
		return nil, false
	}
	for _, m := range messages {
		var c call
		var params []json.RawMessage
		if len(m.Method) != 1 || json.Unmarshal(m.Method[0], &c.method) != nil || len(m.Params) > 1 {
			return nil, false
		}
		if len(m.Params) == 1 && json.Unmarshal(m.Params[0], &params) != nil {
			return nil, false
		}
		for _, p := range params {
			var text string
			json.Unmarshal(p, &text)
			c.params = append(c.params, text)
		}
		calls = append(calls, c)
	}
	return calls, true
}

// An element is one of XML, with the text that stands in it and in no other, and
// with all that stands in it as it is written.
type element struct {
	XMLName    xml.Name
	Attributes []xml.Attr `xml:",any,attr"`
	Text       string     `xml:",chardata"`
	Inner      string     `xml:",innerxml"`
	Elements   []element  `xml:",any"`
}

// readXML reads any encoding that has ASCII in it.
func readXML(body string) (root element, err error) {
	d := xml.NewDecoder(strings.NewReader(body))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	err = d.Decode(&root)
	return root, err
}

// all returns e and the elements in it.
func (e element) all() []element {
	all := []element{e}
	for _, child := range e.Elements {
		all = append(all, child.all()...)
	}
	return all
}

// readSOAP returns the elements in an envelope's Body.
func readSOAP(body string) (elements []element, ok bool) {
	envelope, err := readXML(body)
	for _, e := range envelope.Elements {
		if e.XMLName.Local == "Body" {
			elements = append(elements, e.Elements...)
		}
	}
	return elements, err == nil && len(elements) > 0
}

func readSOAPCalls(body string) (calls []call, ok bool) {
	elements, ok := readSOAP(body)
	for _, e := range elements {
		c := call{method: e.XMLName.Local}
		for _, p := range e.Elements {
			c.params = append(c.params, strings.TrimSpace(p.Text))
		}
		calls = append(calls, c)
	}
	return calls, ok
}

// readSessions returns the session ids in the answer to a login. It is ok if there
// is one, or an error in its place.
func readSessions(answer string) (ids []string, ok bool) {
	if json.Valid([]byte(answer)) {
		return readRPCSessions(answer)
	}
	return readSOAPSessions(answer)
}

func readRPCSessions(answer string) (ids []string, ok bool) {
	messages, err := readRPC(answer)
	for _, m := range messages {
		isNull := func(value json.RawMessage) bool { return string(value) == "null" }
		answered := len(slices.DeleteFunc(m.Error, isNull)) > 0
		for _, result := range slices.DeleteFunc(slices.Concat(m.Result, m.Response), isNull) {
			var id string
			if json.Unmarshal(result, &id); id == "" {
				return nil, false
			}
			ids, answered = append(ids, id), true
		}
		if !answered {
			return nil, false
		}
	}
	return ids, err == nil && len(messages) > 0
}

// rpcResult holds the name of the element that holds the session id: PHP writes it
// with SOAP 1.2.
var rpcResult = xml.Name{Space: "http://www.w3.org/2003/05/soap-rpc", Local: "result"}

func readSOAPSessions(answer string) (ids []string, ok bool) {
	elements, ok := readSOAP(answer)
	fault := false
	for _, e := range elements {
		if e.XMLName.Local == "Fault" {
			fault = true
			continue
		}
		for _, inner := range e.all() {
			if text := strings.TrimSpace(inner.Text); text != "" && inner.XMLName != rpcResult {
				ids = append(ids, text)
			}
		}
	}
	return ids, ok && (fault || len(ids) > 0)
}

// replaceTexts replaces the strings of JSON, or the texts of XML, in which a
// credential stands, however it is spelled. If it cannot, nothing else is left.
func replaceTexts(body string, credentials []string) string {
	holds := func(text string) bool {
		return slices.ContainsFunc(credentials, func(c string) bool {
			// Without backslashes, JSON in a string is seen through, too.
			return c != scrubbed && (strings.Contains(text, c) || strings.Contains(strings.ReplaceAll(text, `\`, ""), c))
		})
	}
	if len(credentials) == 0 || strings.TrimSpace(body) == "" || body == scrubbed {
		return body
	}
	if json.Valid([]byte(body)) {
		body = replaceStrings(body, holds)
	} else if root, err := readXML(body); err == nil {
		body = replaceElements(body, root, holds)
	} else {
		return scrubbed
	}
	if holds(body) { // in a number, an attribute or a comment
		return scrubbed
	}
	return body
}

// replaceStrings replaces strings in a body that is valid JSON.
func replaceStrings(body string, holds func(string) bool) string {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber() // any number is one
	var b strings.Builder
	written, read := 0, 0
	for {
		t, err := d.Token()
		if err != nil {
			return b.String() + body[written:]
		}
		end := int(d.InputOffset())
		if text, ok := t.(string); ok && holds(text) {
			start := read + strings.IndexByte(body[read:end], '"')
			b.WriteString(body[written:start] + `"` + scrubbed + `"`)
			written = end
		}
		read = end
	}
}

// replaceElements replaces the texts of elements that hold nothing else.
func replaceElements(body string, root element, holds func(string) bool) string {
	var pairs []string
	for _, e := range root.all() {
		isHeld := func(a xml.Attr) bool { return holds(a.Value) }
		switch {
		case slices.ContainsFunc(e.Attributes, isHeld), len(e.Elements) > 0 && holds(e.Text):
			return scrubbed
		case holds(e.Text):
			pairs = append(pairs, ">"+e.Inner+"<", ">"+scrubbed+"<")
		}
	}
	return strings.NewReplacer(pairs...).Replace(body)
}
