package avangate

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"

	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/request"
)

// soap12RPC is the namespace of what SOAP 1.2 says of results.
const soap12RPC = "http://www.w3.org/2003/05/soap-rpc"

// A soapDialect is SOAP 1.1 or 1.2, rpc or document style: how the vendor's WSDL
// has it is not known, so a login is written as the caller's envelope is.
type soapDialect struct{}

var _ dialect = soapDialect{}

// maxLoginPart bounds, in bytes, what a login repeats of the envelope of a call.
const maxLoginPart = 1 << 10

// A soapCall is how a call's envelope is written.
type soapCall struct {
	envelope      string // the envelope's namespace
	namespace     string // the method's
	method        string
	qualified     bool   // whether the parameters are in the namespace
	encodingStyle string // "" if there is none
	action        string // of SOAPAction, with its quotes, or of Content-Type; "" if there is none
}

// declaration is an XML declaration that says UTF-8 or nothing. It is read by hand,
// since encoding/xml does not see an encoding with white space before its equals
// sign, and other parsers do.
var declaration = regexp.MustCompile(`^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?i:"utf-8"|'utf-8'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"yes"|"no"|'yes'|'no'))?[ \t\r\n]*\?>`)

// checkXML refuses an envelope that other parsers may read in another encoding.
func checkXML(h http.Header, body []byte) error {
	switch {
	case bytes.HasPrefix(body, []byte("\ufeff")):
		return errors.New("the body begins with a byte order mark: leave it out")
	case bytes.HasPrefix(bytes.TrimSpace(body), []byte("<?xml")) && !declaration.Match(body):
		return errors.New(`the XML declaration is not of XML 1.0 in UTF-8: write <?xml version="1.0" encoding="UTF-8"?>, with nothing before it`)
	}
	return checkText(h, body)
}

// read takes an envelope in UTF-8 whose first parameter is the mark, or a login. It
// reads no further: what is malformed behind that is for the gateway to refuse.
func (soapDialect) read(body []byte, h http.Header, mark string) (*message, error) {
	if err := checkXML(h, body); err != nil {
		return nil, err
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	path, err := readEnvelope(d)
	if err != nil {
		return nil, noSOAPPlace("the body is not the call of a method in a SOAP envelope, without a DTD")
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
	parameter, first, place := readParameter(d, body, mark)
	if place == 0 {
		return nil, noSOAPPlace(whyNoPlace(call.method, first, mark, bytes.Contains(body, []byte(mark))))
	}
	for _, element := range append(path[:], parameter) {
		if err := checkAttributes(element, envelope.Space); err != nil {
			return nil, err
		}
	}
	call.qualified = parameter.Name.Space != ""
	if call.action, err = readAction(h, call.envelope); err != nil {
		return nil, err
	}
	for _, part := range []string{call.namespace, call.encodingStyle, call.action} {
		if len(part) > maxLoginPart {
			return nil, fmt.Errorf("the namespace, the encodingStyle or the action of the call is longer than %d bytes: shorten it", maxLoginPart)
		}
	}
	m.places = []int{place}
	m.login = call.login
	return m, nil
}

func noSOAPPlace(reason string) error {
	return fmt.Errorf("%s: write avangate.Session, %q, as the call's first parameter, the sessionID", reason, Session)
}

// xsiType is the attribute that says an element's type.
var xsiType = xml.Name{Space: "http://www.w3.org/2001/XMLSchema-instance", Local: "type"}

// checkAttributes refuses an attribute by which an element that holds the session
// id could be referred to from elsewhere, or be another's value: SOAP's id and href,
// and whatever means the like. PHP's SoapServer follows them (measured with PHP
// 8.2).
func checkAttributes(e xml.StartElement, envelope string) error {
	for _, a := range e.Attr {
		switch {
		case a.Name.Space == "xmlns", a.Name == xml.Name{Local: "xmlns"}:
		case a.Name == xsiType, a.Name == xml.Name{Space: envelope, Local: "encodingStyle"}:
		default:
			return fmt.Errorf("the element %.40q has the attribute %.40q, by which the session id might get elsewhere: leave it out of Envelope, Body, the call and its first parameter", e.Name.Local, a.Name.Local)
		}
	}
	return nil
}

// readParameter returns the start of the method's first parameter, the text that it
// begins with, and where that stands; 0 if it is anything else than the mark.
func readParameter(d *xml.Decoder, body []byte, mark string) (parameter xml.StartElement, first string, place int) {
	parameter, err := child(d)
	if err != nil {
		return xml.StartElement{}, "", 0
	}
	start := d.InputOffset()
	token, err := d.Token()
	if text, ok := token.(xml.CharData); ok {
		first = string(text)
	}
	if err != nil || string(body[start:d.InputOffset()]) != mark {
		return xml.StartElement{}, first, 0
	}
	if end, err := d.Token(); err != nil || end != parameter.End() {
		return xml.StartElement{}, "", 0
	}
	return parameter, first, int(start)
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
func readAction(h http.Header, envelope string) (string, error) {
	if envelope != vendor.SOAP12 {
		return request.SoleHeader(h, "SOAPAction")
	}
	contentType, err := request.SoleHeader(h, "Content-Type")
	_, parameters, _ := mime.ParseMediaType(contentType)
	return parameters["action"], err
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

// loginAction names the method in the action as the caller's does. It is empty if
// that names none: what else it says may be another method's.
func (c *soapCall) loginAction() string {
	bare := strings.TrimSuffix(c.action, `"`)
	before, ok := strings.CutSuffix(bare, c.method)
	if !ok || strings.TrimRightFunc(before, isNameRune) != before {
		return ""
	}
	return before + "login" + c.action[len(bare):]
}

// isNameRune reports whether a rune before a method's name makes it another name.
func isNameRune(r rune) bool {
	return r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

func (c *soapCall) loginHeader() http.Header {
	action := c.loginAction()
	if c.envelope == vendor.SOAP12 {
		parameters := map[string]string{"charset": "utf-8"}
		if action != "" {
			parameters["action"] = action
		}
		return http.Header{
			"Content-Type": {mime.FormatMediaType("application/soap+xml", parameters)},
			"Accept":       {"application/soap+xml"},
		}
	}
	h := http.Header{"Content-Type": {"text/xml; charset=utf-8"}, "Accept": {"text/xml"}}
	if c.action != "" {
		h["Soapaction"] = []string{cmp.Or(action, `""`)} // SOAP 1.1 wants the field
	}
	return h
}

// outcome reads the first text in the Body, save for what SOAP 1.2 calls a result:
// the name of the element that holds it, which PHP 8.2 writes before that.
//
// A fault is a refusal if its code speaks of authentication or is FORBIDDEN: the
// vendor's documents of login name AUTHENTICATION_FAILED and FORBIDDEN.
func (soapDialect) outcome(answer []byte) (o outcome) {
	d := answerDecoder(bytes.NewReader(answer))
	path, err := readEnvelope(d)
	if err != nil {
		return outcome{}
	}
	if isFault(path) {
		codes := readFaultCodes(d)
		o.failed, o.fault, o.reason = true, true, tellable(codes)
		o.refused = isForbidden(codes) || slices.ContainsFunc(codes, func(code string) bool {
			return strings.Contains(strings.ToUpper(code), "AUTHENTICATION")
		})
		return o
	}
	for {
		t, err := d.Token()
		if err != nil {
			return outcome{}
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name == (xml.Name{Space: soap12RPC, Local: "result"}) && d.Skip() != nil {
				return outcome{}
			}
		case xml.CharData:
			o.id += string(bytes.TrimSpace(t)) // a comment may stand between two pieces
		case xml.EndElement:
			if o.id != "" {
				return o
			}
		}
	}
}

// tellable returns what an error may say of a fault's codes. A hash is longer.
func tellable(codes []string) string {
	code := strings.Join(codes, " ")
	if code == "" || len(code) > 40 || checkSessionID(strings.NewReplacer(":", "", " ", "").Replace(code)) != nil {
		return "a fault"
	}
	return "fault " + code
}

// gone takes a fault whose code is FORBIDDEN, as the vendor's demo does:
// avangate/api-cart-demo-php 2632e2e, functions.php.
func (soapDialect) gone(answer *head, _ int) (gone, all bool) {
	d := answerDecoder(answer)
	path, err := readEnvelope(d)
	gone = err == nil && isFault(path) && isForbidden(readFaultCodes(d))
	return gone, gone
}

// isForbidden reports whether the last name of a code, behind its prefix or a more
// general one, is FORBIDDEN.
func isForbidden(codes []string) bool {
	return slices.ContainsFunc(codes, func(code string) bool {
		return strings.EqualFold(code[strings.LastIndexAny(code, ":.")+1:], vendor.Forbidden)
	})
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

// readFaultCodes returns the text in a fault's faultcode, in SOAP 1.2 the Values in
// its Code, the most general first. There are none if it cannot be read.
func readFaultCodes(d *xml.Decoder) []string {
	for {
		element, err := child(d)
		if err != nil {
			return nil
		}
		if element.Name.Local == "faultcode" || element.Name.Local == "Code" {
			return texts(d)
		}
		if d.Skip() != nil {
			return nil
		}
	}
}

// texts returns the texts of the elements that hold one, from the element that d is
// in. There are none if it cannot be read to its end.
func texts(d *xml.Decoder) (all []string) {
	text := ""
	for depth := 1; depth > 0; {
		t, err := d.Token()
		if err != nil {
			return nil
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			text = ""
		case xml.CharData:
			text += string(bytes.TrimSpace(t)) // a comment may stand between two pieces
		case xml.EndElement:
			depth--
			if text != "" {
				all = append(all, text)
			}
			text = ""
		}
	}
	return all
}
