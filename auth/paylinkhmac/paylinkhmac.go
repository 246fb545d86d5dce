// Package paylinkhmac signs requests with the ApiSignature of the Payrexx family
// of payment gateways: Payrexx and its white labels, such as Checkout Paylink,
// OkePay, Shop & Pay, VR pay secure and zahls.ch. See [Platforms].
//
// Most programs call [New] and hand the result to
// [github.com/countersign/countersign/transport.Wrap]; their requests then need
// neither ApiSignature nor instance. A [Verifier] is the other side, for tests
// and proxies.
//
// # What is signed, and where the signature goes
//
// The signature is an HMAC-SHA256 over the parameters as PHP's http_build_query
// writes them, in base64. Path, method and instance are not signed.
//
//	request                            parameters              ApiSignature goes
//	GET, HEAD, DELETE without a body   the query               into the query
//	POST, PUT, PATCH without a body    none                    into a form body
//	form body                          the body                into the body, last
//	JSON object                        the object              into the object, last
//	multipart/form-data, POST          the parts but files     into the last part
//
// Everything else is refused with [auth.ErrRequest]. The instance goes into the
// query. Prefer forms to JSON: that the gateways take an ApiSignature in JSON is
// inferred, and nobody has shown it.
//
// # What is sent
//
// Parameters keep their names, values and order. In queries and forms they do not
// keep their spelling: a space travels as %20, since these gateways take a plus
// sign for a plus sign. An automatic index is written out (pm[] is sent as pm[0])
// and the elements of an array are put together. In JSON and multipart bodies no
// byte is changed; the signature is added.
//
// What is signed is what the gateway will see: as PHP reads it, with plus signs
// decoded or kept, and by readers that do not nest. A request that cannot keep that
// promise is refused with [auth.ErrParameter]: a name that is given twice, a dot or
// a space in a name, text that is not UTF-8, more than 999 parameters, a number that
// PHP would print otherwise, and so on. The error names the parameter and says what
// to write. Nothing is sent then, save for a multipart body, which is read only as
// it is sent: it is cut off before its signature and its closing delimiter, so that
// the gateway has nothing that is authenticated. A gateway that answers before that
// has its answer returned in place of the error.
//
// Keep names to letters, digits and underscore, and no __proto__ among them: what
// readers in other languages make of the rest is not known.
//
// # Memory
//
// Forms and JSON are held in memory, up to [Config.MaxBody]. Of a multipart body
// only the fields that are no files are.
package paylinkhmac

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/auth/scheme"
	"github.com/countersign/countersign/internal/paylink"
)

// DefaultMaxBody is how long a body that is held in memory may be unless
// [Config.MaxBody] says otherwise, in bytes: PHP's default post_max_size.
const DefaultMaxBody = 8 << 20

// A Config describes one gateway account.
type Config struct {
	// BaseURL is the platform's API, such as "https://api.vr-pay-secure.de". Its
	// scheme, host and port are the only place where the signature may go; a path
	// is ignored.
	BaseURL string

	// Instance is the name of the account: "example" if its pages are at
	// example.vr-pay-secure.de.
	Instance string

	// Secret is the API secret of the instance. A static one is checked by New,
	// another one at each request.
	Secret auth.SecretSource

	// MaxBody is how long a form or a JSON body may be, before and after signing,
	// in bytes. Zero means DefaultMaxBody. A multipart body may have any length.
	MaxBody int64

	// AllowInsecureHTTP allows a BaseURL that is not encrypted, for a test
	// network. Loopback hosts need no permission.
	AllowInsecureHTTP bool
}

// An Authenticator signs the requests of one gateway account. It is safe for
// concurrent use. Printed, it shows its origin and instance only.
type Authenticator struct {
	account paylink.Account
	signer  *signer
}

var (
	_ auth.Authenticator = (*Authenticator)(nil)
	_ auth.Redactor      = (*Authenticator)(nil)
	_ auth.Checker       = (*Authenticator)(nil)
)

// New returns an Authenticator. It fails with [auth.ErrConfig] or
// [auth.ErrSecret], and does no I/O.
func New(c Config) (*Authenticator, error) {
	account, err := paylink.NewAccount("paylinkhmac", c.BaseURL, c.Instance, c.Secret, cmp.Or(c.MaxBody, DefaultMaxBody), c.AllowInsecureHTTP)
	if err != nil {
		return nil, err
	}
	return &Authenticator{account: account, signer: new(signer)}, nil
}

// Origins returns the origin of the base URL.
func (a *Authenticator) Origins() []auth.Origin {
	if a == nil {
		return nil
	}
	return a.account.Origins
}

// Check loads the secret, for [auth.Check]. Its error is [auth.ErrSecret].
func (a *Authenticator) Check(ctx context.Context) error {
	_, err := auth.Load(ctx, a.account.Secret)
	return err
}

// Format prints the origin and the instance, whatever the verb.
func (a *Authenticator) Format(f fmt.State, verb rune) {
	if a == nil {
		io.WriteString(f, "paylinkhmac.Authenticator(nil)")
		return
	}
	a.account.Print(f, "paylinkhmac")
}

// Authenticate signs req. Its error is an [*auth.Error] with the code
// [auth.ErrSecret], [auth.ErrRequest], [auth.ErrBody] or [auth.ErrParameter]. Signing
// a request again replaces its signature.
func (a *Authenticator) Authenticate(req *http.Request, _ http.RoundTripper) error {
	return paylink.Complete(a.sign(req), "sign", req, a.account.Origins)
}

// sentMember matches a signature that is a member of JSON in a URL, as a gateway may
// repeat it, escaped as often as JSON and URL are nested.
var sentMember = func() *regexp.Regexp {
	escaped := func(hex string) string { return `%(?:25)*(?:` + hex + `)|\\u00(?:` + hex + `)` }
	edge := `(?:^|[^0-9A-Za-z_]|` + escaped(`[0-9A-F]{2}`) + `)`
	space := `(?:[ +]|` + escaped(`20`) + `)*`
	quote := `(?:["'\\]|` + escaped(`22|27|5C`) + `)`
	colon := `(?::|` + escaped(`3A`) + `)`
	value := `(?:[0-9A-Za-z+/=_ -]|\\/|` + escaped(`20|2B|2F|3D|5C`) + `)*`
	return regexp.MustCompile(`(?i)(` + edge + paylink.SignatureName + quote + `*` + space + colon + `(?:` + space + quote + `+)?)` + value)
}()

// Redact empties ApiSignature wherever a gateway repeats it in location: as it was
// sent, decoded or escaped again, in another letter case, as a list, in a URL within
// the URL or in JSON. It does not matter which request that answers.
func (a *Authenticator) Redact(_ *http.Request, location string) string {
	return scheme.RedactParameters(sentMember.ReplaceAllString(location, "$1"), paylink.SignatureName)
}
