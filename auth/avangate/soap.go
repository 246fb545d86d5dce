package avangate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	vendor "github.com/countersign/countersign/internal/avangate"
)

// soap12RPC is the namespace of what SOAP 1.2 says of results.
const soap12RPC = "http://www.w3.org/2003/05/soap-rpc"

// A soapDialect is SOAP 1.1 or 1.2, rpc or document style: how the vendor's WSDL
// has it is not known, so a login is written as the caller's envelope is.
type soapDialect struct{}

var _ dialect = soapDialect{}

// A soapCall is how a call's envelope is written.
type soapCall struct {
	envelope      string // the envelope's namespace
	namespace     string // the method's
	method        string
	qualified     bool   // whether the parameters are in the namespace
	encodingStyle string // "" if there is none
	action        string // of SOAPAction, with its quotes, or of Content-Type
	hasAction     bool
}

// read takes an envelope in UTF-8 whose first parameter is the mark, or a login. It
// reads no further.
func (soapDialect) read(body []byte, h http.Header, mark string) (*message, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	path, err := readEnvelope(d)
	if err != nil {
		return nil, noSOAPPlace("the body is not the call of a method in a SOAP envelope, in UTF-8 and without a DTD")
	}
	envelope, method := path[0].Name, path[2].Name
	call := soapCall{envelope: envelope.Space, namespace: method.Space, method: method.Local}
	for _, element := range path {
		for _, a := range element.Attr {
			if a.Name == (xml.Name{Space: envelope.Space, Local: "encodingStyle"}) {
				call.encodingStyle = a.Value
			}
		}
	}
	m := &message{calls: 1}
	if call.method == "login" {
		return m, nil
	}
	parameter, place := readParameter(d, body, mark)
	if place < 0 {
		return nil, noSOAPPlace("the call has no place for it")
	}
	call.qualified = parameter.Space != ""
	call.action, call.hasAction = readAction(h, call.envelope)
	m.places = []int{place}
	m.login = call.login
	return m, nil
}

func noSOAPPlace(reason string) error {
	return fmt.Errorf("%s: write avangate.Session, %q, as the call's first parameter, the sessionID", reason, Session)
}

// readParameter returns the name of the method's first parameter, and where its
// text stands; -1 if that is anything else than the mark.
func readParameter(d *xml.Decoder, body []byte, mark string) (xml.Name, int) {
	parameter, err := child(d)
	if err != nil {
		return xml.Name{}, -1
	}
	start := d.InputOffset()
	if _, err := d.Token(); err != nil || string(body[start:d.InputOffset()]) != mark {
		return xml.Name{}, -1
	}
	if end, err := d.Token(); err != nil || end != parameter.End() {
		return xml.Name{}, -1
	}
	return parameter.Name, int(start)
}

// readEnvelope reads up to the first element in the Body, and returns the start of
// Envelope, Body and that.
func readEnvelope(d *xml.Decoder) (path [3]xml.StartElement, err error) {
	if path[0], err = child(d); err != nil {
		return path, err
	}
	space := path[0].Name.Space
	if path[0].Name.Local != "Envelope" || space != vendor.SOAP11 && space != vendor.SOAP12 {
		return path, errNoElement
	}
	for path[1].Name != (xml.Name{Space: space, Local: "Body"}) {
		if path[1].Name.Local != "" {
			if err := d.Skip(); err != nil {
				return path, err
			}
		}
		if path[1], err = child(d); err != nil {
			return path, err
		}
	}
	path[2], err = child(d)
	return path, err
}

var errNoElement = errors.New("there is no such element")

// child returns the start of the next element in the one that d is in.
func child(d *xml.Decoder) (xml.StartElement, error) {
	for {
		t, err := d.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return t, nil
		case xml.EndElement, xml.Directive: // a DTD could say what the text is
			return xml.StartElement{}, errNoElement
		}
	}
}

// readAction returns the action that goes with a call.
func readAction(h http.Header, envelope string) (action string, ok bool) {
	if envelope == vendor.SOAP12 {
		_, parameters, _ := mime.ParseMediaType(h.Get("Content-Type"))
		action, ok = parameters["action"]
		return action, ok
	}
	for key, values := range h {
		if strings.EqualFold(key, "SOAPAction") && len(values) > 0 {
			return values[0], true
		}
	}
	return "", false
}

// login writes the call of login as c was written.
func (c *soapCall) login(l Login) ([]byte, http.Header) {
	var b bytes.Buffer
	attribute := func(name, value string) {
		b.WriteString(" " + name + `="`)
		xml.EscapeText(&b, []byte(value))
		b.WriteString(`"`)
	}
	prefix, parameterPrefix, parameterType := "", "", ""
	if c.namespace != "" {
		prefix = "ns1:"
	}
	if c.qualified {
		parameterPrefix = prefix
	}
	b.WriteString(xml.Header + "<SOAP-ENV:Envelope")
	attribute("xmlns:SOAP-ENV", c.envelope)
	if c.namespace != "" {
		attribute("xmlns:ns1", c.namespace)
	}
	if c.encodingStyle != "" {
		attribute("xmlns:xsd", "http://www.w3.org/2001/XMLSchema")
		attribute("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
		parameterType = ` xsi:type="xsd:string"`
	}
	b.WriteString("><SOAP-ENV:Body><" + prefix + "login")
	if c.encodingStyle != "" {
		attribute("SOAP-ENV:encodingStyle", c.encodingStyle)
	}
	b.WriteString(">")
	for _, p := range [][2]string{
		{"merchantCode", l.MerchantCode},
		{"date", l.Date},
		{"hash", l.Hash.Reveal()},
		{"algo", l.Algorithm.String()},
	} {
		b.WriteString("<" + parameterPrefix + p[0] + parameterType + ">")
		xml.EscapeText(&b, []byte(p[1]))
		b.WriteString("</" + parameterPrefix + p[0] + ">")
	}
	b.WriteString("</" + prefix + "login></SOAP-ENV:Body></SOAP-ENV:Envelope>\n")
	return b.Bytes(), c.loginHeader()
}

// loginHeader names the method in the action as the caller's does.
func (c *soapCall) loginHeader() http.Header {
	action := c.action
	bare := strings.TrimSuffix(action, `"`)
	if before, ok := strings.CutSuffix(bare, c.method); ok {
		action = before + "login" + action[len(bare):]
	}
	if c.envelope == vendor.SOAP12 {
		parameters := map[string]string{"charset": "utf-8"}
		if c.hasAction {
			parameters["action"] = action
		}
		return http.Header{
			"Content-Type": {mime.FormatMediaType("application/soap+xml", parameters)},
			"Accept":       {"application/soap+xml"},
		}
	}
	h := http.Header{"Content-Type": {"text/xml; charset=utf-8"}, "Accept": {"text/xml"}}
	if c.hasAction {
		h["Soapaction"] = []string{action}
	}
	return h
}

// session reads the first text in the Body, save for what SOAP 1.2 calls a result:
// the name of the element that holds it, which PHP 8.2 writes before that.
//
// A fault is a refusal if its code speaks of authentication or is FORBIDDEN: the
// vendor's documents of login name AUTHENTICATION_FAILED and FORBIDDEN.
func (soapDialect) session(answer []byte) (id, reason string, refused bool) {
	d := answerDecoder(bytes.NewReader(answer))
	path, err := readEnvelope(d)
	if err != nil {
		return "", "", false
	}
	if isFault(path) {
		code := readFaultCode(d)
		upper := strings.ToUpper(code)
		return "", tellable(code), strings.Contains(upper, "AUTHENTICATION") || strings.Contains(upper, "FORBIDDEN")
	}
	for {
		t, err := d.Token()
		if err != nil {
			return "", "", false
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name == (xml.Name{Space: soap12RPC, Local: "result"}) && d.Skip() != nil {
				return "", "", false
			}
		case xml.CharData:
			id += string(bytes.TrimSpace(t)) // a comment may stand between two pieces
		case xml.EndElement:
			if id != "" {
				return id, "", false
			}
		}
	}
}

// tellable returns what an error may say of a fault's code. A hash is longer.
func tellable(code string) string {
	if code == "" || len(code) > 40 || checkSessionID(strings.ReplaceAll(code, ":", "")) != nil {
		return "a fault"
	}
	return "fault " + code
}

// gone takes a fault whose code contains FORBIDDEN, as the vendor's demo does:
// avangate/api-cart-demo-php 2632e2e, functions.php.
func (soapDialect) gone(answer *head, _ int) (gone, all bool) {
	d := answerDecoder(answer)
	path, err := readEnvelope(d)
	gone = err == nil && isFault(path) && strings.Contains(strings.ToUpper(readFaultCode(d)), "FORBIDDEN")
	return gone, gone
}

// answerDecoder reads any encoding that has ASCII in it, up to what is none.
func answerDecoder(r io.Reader) *xml.Decoder {
	d := xml.NewDecoder(r)
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}

func isFault(path [3]xml.StartElement) bool {
	return path[2].Name == xml.Name{Space: path[0].Name.Space, Local: "Fault"}
}

// readFaultCode returns the text in a fault's faultcode, in SOAP 1.2 its Code. It
// is empty if there is none.
func readFaultCode(d *xml.Decoder) string {
	for {
		element, err := child(d)
		if err != nil {
			return ""
		}
		if element.Name.Local == "faultcode" || element.Name.Local == "Code" {
			return text(d)
		}
		if d.Skip() != nil {
			return ""
		}
	}
}

// text returns the text in the element that d is in.
func text(d *xml.Decoder) string {
	var b strings.Builder
	for depth := 1; depth > 0; {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			b.Write(bytes.TrimSpace(t))
		}
	}
	return b.String()
}
