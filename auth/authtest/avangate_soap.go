package authtest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	vendor "github.com/countersign/countersign/internal/avangate"
)

// What a SOAP envelope may have.
const (
	maxEnvelope     = 1 << 20 // bytes: read, it takes fifty times that
	maxSOAPPrefixes = 100     // remembered at once: types behind others are left out
)

// The namespaces of values' types, and the prefixes that an answer declares for them.
const (
	xsiSpace  = "http://www.w3.org/2001/XMLSchema-instance"
	xsdSpace  = "http://www.w3.org/2001/XMLSchema"
	encSpace  = "http://schemas.xmlsoap.org/soap/encoding/"
	enc2Space = "http://www.w3.org/2003/05/soap-encoding"
	mapSpace  = "http://xml.apache.org/xml-soap" // PHP's arrays with keys

	typePrefixes = ` xmlns:xsi="` + xsiSpace + `" xmlns:xsd="` + xsdSpace + `" xmlns:enc="` + encSpace + `" xmlns:enc2="` + enc2Space + `" xmlns:map="` + mapSpace + `"`
)

var errNoSOAP = errors.New("the body is not a SOAP envelope with the call of a method: send the call in its Body")

var typePrefix = map[string]string{xsdSpace: "xsd", encSpace: "enc", enc2Space: "enc2", mapSpace: "map"}

// serveSOAP answers a SOAP call as its envelope is written, or with the WSDL.
func (a *Avangate) serveSOAP(w http.ResponseWriter, r *http.Request, e *Exchange) {
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.EqualFold(r.URL.RawQuery, "wsdl") {
		e.Status = http.StatusOK
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		io.WriteString(w, a.wsdl(r))
		return
	}
	d := &soapReader{decoder: xml.NewDecoder(http.MaxBytesReader(w, r.Body, maxEnvelope))}
	method, c, err := d.call()
	result := callResult{refusal: noCall, reason: err}
	if err == nil {
		result = a.perform(r, c, e)
	} else {
		e.Err = err
	}
	e.Status = http.StatusOK
	if result.reason != nil {
		e.Status = http.StatusInternalServerError
	}
	contentType, space := "text/xml; charset=utf-8", vendor.SOAP11
	if d.envelope == vendor.SOAP12 {
		contentType, space = "application/soap+xml; charset=utf-8", vendor.SOAP12
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(e.Status)
	fmt.Fprintf(w, "%s<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"%s\"%s><SOAP-ENV:Body>%s</SOAP-ENV:Body></SOAP-ENV:Envelope>\n",
		xml.Header, space, typePrefixes, soapBody(space, method, result))
}

// A soapValue is a parameter that is more than a string.
type soapValue struct {
	attributes string // its type, as an answer may repeat it
	content    string // as an answer may repeat it
	text       string // what it is where a text is wanted
}

// A soapReader reads an envelope, as xml.Unmarshal would: it has to know the prefixes
// that are declared, which no Unmarshaler is told.
type soapReader struct {
	decoder  *xml.Decoder
	envelope string // its namespace
	prefixes []soapPrefix
	depth    int
}

// A soapPrefix is a prefix that an element declares, and how deep that stands.
type soapPrefix struct {
	name, space string
	depth       int
}

// token returns the next token that is an element's begin or end, or text.
func (d *soapReader) token() (xml.Token, error) {
	for {
		token, err := d.decoder.Token()
		if err != nil {
			return nil, errNoSOAP
		}
		switch t := token.(type) {
		case xml.StartElement:
			if strings.Contains(t.Name.Local, ":") { // as <a:> has it: an answer could not repeat it
				return nil, errNoSOAP
			}
			d.depth++
			for _, a := range t.Attr {
				if a.Name.Space == "xmlns" && len(d.prefixes) < maxSOAPPrefixes {
					d.prefixes = append(d.prefixes, soapPrefix{a.Name.Local, a.Value, d.depth})
				}
			}
			return t, nil
		case xml.EndElement:
			for n := len(d.prefixes); n > 0 && d.prefixes[n-1].depth == d.depth; n-- {
				d.prefixes = d.prefixes[:n-1]
			}
			d.depth--
			return t, nil
		case xml.CharData:
			return t, nil
		}
	}
}

// elements calls read with each element up to the end of the one that has begun. What
// read leaves of an element is passed over.
func (d *soapReader) elements(read func(xml.StartElement) error) error {
	for outside := d.depth - 1; d.depth > outside; {
		token, err := d.token()
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok || d.depth != outside+2 {
			continue
		}
		if err := read(start); err != nil {
			return err
		}
	}
	return nil
}

// call reads the call, which is the last if the Body has several, and no more of it
// than a call may have.
func (d *soapReader) call() (method xml.Name, c call, err error) {
	parameter := func(start xml.StartElement) error {
		if len(c.parameters) == maxParameters {
			return fmt.Errorf("the call has more than %d parameters", maxParameters)
		}
		p, err := d.parameter(start)
		c.parameters = append(c.parameters, p)
		return err
	}
	body := func(start xml.StartElement) error {
		method, c = start.Name, call{method: start.Name.Local}
		return d.elements(parameter)
	}
	for {
		token, err := d.token()
		if err != nil {
			return method, c, err
		}
		envelope, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		d.envelope = envelope.Name.Space
		err = d.elements(func(part xml.StartElement) error {
			if part.Name.Local == "Body" {
				return d.elements(body)
			}
			return nil
		})
		if err == nil && method.Local == "" {
			err = errNoSOAP
		}
		return method, c, err
	}
}

// parameter reads a parameter: a string if it is none of another type and holds no
// elements.
func (d *soapReader) parameter(start xml.StartElement) (any, error) {
	attributes := d.typeOf(start)
	var content, text strings.Builder
	isStruct := false
	for outside := d.depth - 1; d.depth > outside; {
		token, err := d.token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			isStruct = true
			content.WriteString("<" + t.Name.Local + d.typeOf(t) + ">")
		case xml.EndElement:
			if d.depth > outside {
				content.WriteString("</" + t.Name.Local + ">")
			}
		case xml.CharData:
			xml.EscapeText(&content, t)
			if d.depth == outside+1 {
				text.Write(t)
			}
		}
	}
	if !isStruct && (attributes == "" || attributes == ` xsi:type="xsd:string"`) {
		return text.String(), nil
	}
	return soapValue{attributes, content.String(), text.String()}, nil
}

// isTypeName matches a type of the namespaces that are known here, with the sizes of
// an array.
var isTypeName = regexp.MustCompile(`^[\w-]{1,40}(\[[\d,]{0,20}\]){0,4}$`).MatchString

// typeOf returns the attributes of an element that say of what type it is, as an answer
// may repeat them: of XML Schema, of SOAP's own, or of PHP's.
func (d *soapReader) typeOf(start xml.StartElement) string {
	var b strings.Builder
	for _, a := range start.Attr {
		switch {
		case a.Name == xml.Name{Space: xsiSpace, Local: "nil"} && (a.Value == "true" || a.Value == "1"):
			b.WriteString(` xsi:nil="true"`)
		case a.Name == xml.Name{Space: xsiSpace, Local: "type"}:
			d.writeType(&b, "xsi:type", a.Value)
		case a.Name == xml.Name{Space: encSpace, Local: "arrayType"}:
			d.writeType(&b, "enc:arrayType", a.Value)
		case a.Name == xml.Name{Space: enc2Space, Local: "itemType"}:
			d.writeType(&b, "enc2:itemType", a.Value)
		case a.Name == xml.Name{Space: enc2Space, Local: "arraySize"} && isTypeName(a.Value):
			b.WriteString(` enc2:arraySize="` + a.Value + `"`)
		}
	}
	return b.String()
}

func (d *soapReader) writeType(b *strings.Builder, attribute, value string) {
	prefix, name, found := strings.Cut(value, ":")
	if !found || !isTypeName(name) {
		return
	}
	for i := len(d.prefixes) - 1; i >= 0; i-- {
		if d.prefixes[i].name != prefix {
			continue
		}
		if own := typePrefix[d.prefixes[i].space]; own != "" {
			b.WriteString(" " + attribute + `="` + own + ":" + name + `"`)
		}
		return
	}
}

func soapBody(space string, method xml.Name, result callResult) string {
	switch {
	case result.reason != nil && space == vendor.SOAP12:
		return fmt.Sprintf("<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>%s</SOAP-ENV:Value></SOAP-ENV:Code>"+
			"<SOAP-ENV:Reason><SOAP-ENV:Text xml:lang=\"en\">%s</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>", result.fault, result.text)
	case result.reason != nil:
		return fmt.Sprintf("<SOAP-ENV:Fault><faultcode>%s</faultcode><faultstring>%s</faultstring></SOAP-ENV:Fault>", result.fault, result.text)
	}
	name, declared := method.Local+"Response", ""
	if method.Space != "" { // a prefix cannot be declared to be of no namespace
		name, declared = "ns1:"+name, ` xmlns:ns1="`+escapeXML(method.Space)+`"`
	}
	return fmt.Sprintf("<%[1]s%[2]s><%[3]sReturn%[4]s</%[3]sReturn></%[1]s>", name, declared, method.Local, soapResult(result.value))
}

// soapResult writes what a call returns, behind the name of its element: a login a
// string, any other an echo.
func soapResult(value any) string {
	echo, ok := value.(map[string]any)
	if !ok {
		return ` xsi:type="xsd:string">` + escapeXML(fmt.Sprint(value))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "><Method>%s</Method>", escapeXML(fmt.Sprint(echo["Method"])))
	for _, p := range echo["Params"].([]any) {
		if v, ok := p.(soapValue); ok {
			b.WriteString("<Params" + v.attributes + ">" + v.content + "</Params>")
		} else {
			b.WriteString("<Params>" + escapeXML(fmt.Sprint(p)) + "</Params>")
		}
	}
	return b.String()
}

func escapeXML(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s))
	return b.String()
}
