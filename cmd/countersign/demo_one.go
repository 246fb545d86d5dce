package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/authtest"
	"github.com/countersign/countersign/auth/paylinkhmac"
	"github.com/countersign/countersign/transport"
)

// oneCode is what showOne runs, as the demo shows it.
const oneCode = `vrpay, err := paylinkhmac.New(paylinkhmac.Config{
	BaseURL: base, Instance: "example", Secret: secret,
})
client, err := transport.Wrap(&http.Client{}, vrpay)
resp, err := client.PostForm(base+"/v1.0/Invoice/", url.Values{
	"purpose": {"This is a+b 100% test"},
})`

// showOne sends one request and prints it whole: the code, the string to sign, what
// the gateway got and what it answered. Its secret is that of the documents, so that
// they have the same signature.
func (d *demonstration) showOne() error {
	secret := auth.NewSecret("test-secret-key")
	var seen authtest.Recorder
	wire := make(chan string, 1)
	gateway := &authtest.Paylink{Instance: "example", Secret: secret, Observe: seen.Observe}
	base, err := d.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		select {
		case wire <- fmt.Sprintf("%s %s\n%s", r.Method, r.RequestURI, body):
		default: // the first is the one
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		gateway.ServeHTTP(w, r)
	}))
	if err != nil {
		return err
	}

	vrpay, err := paylinkhmac.New(paylinkhmac.Config{
		BaseURL: base, Instance: "example", Secret: secret,
	})
	if err != nil {
		return err
	}
	client, err := transport.Wrap(&http.Client{}, vrpay)
	if err != nil {
		return err
	}
	resp, err := client.PostForm(base+"/v1.0/Invoice/", url.Values{
		"purpose": {"This is a+b 100% test"},
	})
	if err != nil {
		return err
	}
	resp.Body.Close()

	signed := ""
	for _, e := range seen.Exchanges() {
		signed = e.StringToSign
	}
	problem := ""
	if resp.StatusCode != http.StatusOK {
		problem = "the status should be 200"
	}
	d.field("code", oneCode)
	d.field("string to sign", signed)
	d.field("wire (one line, broken before the signature)", strings.Replace(<-wire, "&ApiSignature", "\n  &ApiSignature", 1))
	d.field("answer", d.judge("one request", "form", resp.Status, problem))
	return nil
}

// field prints a name, and below it the lines of text.
func (d *demonstration) field(name, text string) {
	d.println("  " + name)
	for line := range strings.Lines(strings.ReplaceAll(text, "\t", "    ")) {
		d.println("      " + strings.TrimSuffix(line, "\n"))
	}
}
