package authtest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// wsdl returns the WSDL of the endpoint that r is for. It is rpc/encoded, since the
// vendor's samples, which give parameters by their place, speak that in PHP. No copy of
// the vendor's own was to be had: its style and its names are not known.
func (a *Avangate) wsdl(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	var w wsdl
	w.add("login", "xsd:string", "merchantCode", "date", "hash", "algo")
	for _, method := range slices.Sorted(maps.Keys(a.SOAPMethods)) {
		if method != "login" {
			w.add(method, "tns:Echo", append([]string{"sessionID"}, a.SOAPMethods[method]...)...)
		}
	}
	return fmt.Sprintf(wsdlText, w.messages.String(), w.operations.String(), w.bindings.String(), escapeXML(scheme+"://"+r.Host+r.URL.Path))
}

// wsdlText wants the messages, the operations, their bindings, and the address.
const wsdlText = `<?xml version="1.0" encoding="UTF-8"?>
<definitions name="Invented" targetNamespace="urn:countersign:invented" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:tns="urn:countersign:invented" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
<documentation>This WSDL is invented. It is that of an emulated gateway for tests, made of the methods that the gateway was told, and not 2Checkout's: names, types and style are other there.</documentation>
<types><xsd:schema targetNamespace="urn:countersign:invented"><xsd:complexType name="Echo"><xsd:sequence><xsd:element name="Method" type="xsd:string"/><xsd:element name="Params" type="xsd:anyType" minOccurs="0" maxOccurs="unbounded" nillable="true"/></xsd:sequence></xsd:complexType></xsd:schema></types>
%s<portType name="InventedPort">
%s</portType>
<binding name="InventedBinding" type="tns:InventedPort"><soap:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>
%s</binding>
<service name="InventedService"><port name="InventedPort" binding="tns:InventedBinding"><soap:address location="%s"/></port></service>
</definitions>
`

// A wsdl is what a WSDL says of its methods.
type wsdl struct{ messages, operations, bindings strings.Builder }

// add adds a method, whose first parameter is a string. All of login's are.
func (w *wsdl) add(method, returns string, parameters ...string) {
	method = escapeXML(method)
	fmt.Fprintf(&w.messages, "<message name=\"%sRequest\">", method)
	for i, name := range parameters {
		kind := "xsd:anyType"
		if i == 0 || method == "login" {
			kind = "xsd:string"
		}
		fmt.Fprintf(&w.messages, "<part name=\"%s\" type=\"%s\"/>", escapeXML(name), kind)
	}
	fmt.Fprintf(&w.messages, "</message>\n<message name=\"%[1]sResponse\"><part name=\"%[1]sReturn\" type=\"%[2]s\"/></message>\n", method, returns)
	fmt.Fprintf(&w.operations, "<operation name=\"%[1]s\"><input message=\"tns:%[1]sRequest\"/><output message=\"tns:%[1]sResponse\"/></operation>\n", method)
	const body = `<soap:body use="encoded" encodingStyle="http://schemas.xmlsoap.org/soap/encoding/" namespace="urn:countersign:invented"/>`
	fmt.Fprintf(&w.bindings, "<operation name=\"%[1]s\"><soap:operation soapAction=\"%[1]s\"/><input>%[2]s</input><output>%[2]s</output></operation>\n", method, body)
}
