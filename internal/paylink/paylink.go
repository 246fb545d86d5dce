// Package paylink is what is known of the Payrexx family: its names, objects and
// paths, and what its two schemes share, the account and the reading of a request
// that is about to be sent. What is said of the gateways has its sources in
// docs/paylink.md.
package paylink

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// The most parameters that a form may have, and a query. PHP drops what exceeds
// its limit, and ApiSignature comes behind them, in a query instance too.
const (
	MaxFormParameters  = php.MaxInputVars - 1
	MaxQueryParameters = php.MaxInputVars - 2
)

// An Account is what both schemes are configured with. It is immutable.
type Account struct {
	Origins       []auth.Origin
	Instance      string
	InstanceQuery string // the instance as a query
	Secret        auth.SecretSource
	MaxBody       int64
}

// NewAccount checks what the Config of a scheme, a package's name, says. Its errors
// are those of New.
func NewAccount(scheme, baseURL, instance string, secret auth.SecretSource, maxBody int64, allowInsecureHTTP bool) (Account, error) {
	origin, err := auth.ParseOrigin(baseURL, allowInsecureHTTP)
	if err == nil {
		err = checkInstance(instance)
	}
	if err == nil {
		err = checkHost(origin, instance)
	}
	if err == nil && maxBody < 0 {
		err = errors.New("the longest body is negative: leave it 0 for the default")
	}
	code := auth.ErrConfig
	if err == nil {
		code = auth.ErrSecret
		err = auth.CheckSource(secret)
	}
	if err != nil {
		return Account{}, &auth.Error{Op: "configure " + scheme, Gateway: origin.String(), Code: code, Err: err}
	}
	return Account{
		Origins:       []auth.Origin{origin},
		Instance:      instance,
		InstanceQuery: string(php.AppendEscaped([]byte(InstanceName+"="), instance)),
		Secret:        secret,
		MaxBody:       maxBody,
	}, nil
}

// checkInstance refuses what people give for an instance that is none: the
// gateways answer a host name or a URL with 422 and no further word.
func checkInstance(instance string) error {
	if instance == "" {
		return errors.New("no instance is given: it is the first label of your page's host, example for example.vr-pay-secure.de")
	}
	for _, c := range instance {
		if c <= ' ' || c == 0x7f || strings.ContainsRune("./:?&=#%+@", c) {
			// What is given may be the secret, and is not shown.
			return errors.New("the instance is not a name: write the first label of your page's host, example for example.vr-pay-secure.de")
		}
	}
	return nil
}

// Print prints the account of a scheme's Authenticator without its secret, for fmt.
// The zero Account has nothing to show.
func (a *Account) Print(f fmt.State, scheme string) {
	if len(a.Origins) == 0 {
		fmt.Fprintf(f, "%s.Authenticator()", scheme)
		return
	}
	fmt.Fprintf(f, "%s.Authenticator(%s, instance %q)", scheme, a.Origins[0], a.Instance)
}

// LoadSecret asks for the secret.
func (a *Account) LoadSecret(req *http.Request) (auth.Secret, error) {
	secret, err := auth.Load(req.Context(), a.Secret)
	if err != nil {
		return auth.Secret{}, Refuse(auth.ErrSecret, err)
	}
	return secret, nil
}

// ReadForm reads the parameters that belong to the user, from a query or a form.
// It leaves out an earlier signature, and the instance once it is seen to be the
// account's.
func ReadForm[S string | []byte](a *Account, params *php.Array, form S, most int) error {
	if err := CheckIsForm(form); err != nil {
		return Refuse(auth.ErrParameter, err)
	}
	const own = 2 // the two that are left out
	switch err := php.ReadForm(params, form, most+own); {
	case err == php.ErrTooMany:
		return refuseMany(most)
	case err != nil:
		if e, ok := errors.AsType[*php.Error](err); ok && !e.Begins && (e.Name == SignatureName || e.Name == InstanceName) {
			err = fmt.Errorf("parameter %q is not right as it stands: leave it out, it is added", e.Name)
		}
		return Refuse(auth.ErrParameter, err)
	}
	for _, name := range []string{SignatureName, InstanceName} {
		named, isArray, found := params.Take(name)
		switch {
		case isArray:
			return Refusef(auth.ErrParameter, "parameter %q has brackets, but its name is the gateway's own: rename it", name)
		case found && name == InstanceName:
			if err := a.CheckInstance(string(named)); err != nil {
				return err
			}
		}
	}
	if params.Len() > most {
		return refuseMany(most)
	}
	return nil
}

func refuseMany(most int) error {
	return Refusef(auth.ErrParameter, "there are more than %d parameters, and PHP drops what exceeds %d with those that are added: send fewer", most, php.MaxInputVars)
}

// CheckIsForm refuses a query or a form whose first parameter, the gateways' own
// aside, begins as no form does. White space, that of Unicode's Latin-1 too, and a
// byte order mark may stand before it, and all of it may be escaped.
func CheckIsForm[S string | []byte](text S) error {
	for i := skipOwn(text); i < len(text); {
		c, n := firstByte(text[i:])
		i += n
		switch c {
		case ' ', '\t', '\n', '\v', '\f', '\r', '+', 0xc2, 0xa0, 0xef, 0xbb, 0xbf:
			continue
		case '{', '[':
			return errors.New("the parameters are not a form: they begin as JSON does, with a bracket: set the Content-Type " + JSONType + " if they are, or write name=value")
		case '"':
			return errors.New("the parameters are not a form: they begin with a quote: leave it out, and write name=value")
		case '<':
			return errors.New("the parameters are not a form: they begin as XML does: write name=value")
		}
		return nil
	}
	return nil
}

// skipOwn returns where the first parameter stands that is not the gateways' own.
func skipOwn[S string | []byte](text S) (start int) {
	for i := range len(text) {
		if text[i] != '&' {
			continue
		}
		if i > start && !isNamed(text[start:i], SignatureName) && !isNamed(text[start:i], InstanceName) {
			return start
		}
		start = i + 1
	}
	return start
}

// isNamed reports whether a parameter, as it is written, has that name.
func isNamed[S string | []byte](pair S, name string) bool {
	for i := range len(name) {
		if len(pair) == 0 {
			return false
		}
		c, n := firstByte(pair)
		if c != name[i] {
			return false
		}
		pair = pair[n:]
	}
	return len(pair) == 0 || pair[0] == '='
}

// firstByte returns the first byte of a text that may be escaped, and how many
// bytes it is written in.
func firstByte[S string | []byte](text S) (byte, int) {
	if text[0] == '%' && len(text) > 2 {
		var decoded [1]byte
		if _, err := hex.Decode(decoded[:], []byte(text[1:3])); err == nil {
			return decoded[0], 3
		}
	}
	return text[0], 1
}

// CheckInstance refuses an instance, given as a parameter, that is not the
// account's.
func (a *Account) CheckInstance(named string) error {
	if named != a.Instance {
		return Refusef(auth.ErrParameter, "parameter %q is not the configured %q: leave it out, it is added", InstanceName, a.Instance)
	}
	return nil
}

// CheckBodyQuery refuses parameters in the query of a request that has a body, or
// whose method wants one: the gateway does not look there. It uses params.
func (a *Account) CheckBodyQuery(params *php.Array, req *http.Request) error {
	if req.URL.RawQuery == "" {
		return nil
	}
	if err := ReadForm(a, params, req.URL.RawQuery, MaxQueryParameters); err != nil {
		return err
	}
	for name := range params.All() {
		return Refuse(auth.ErrParameter, php.Refuse(name, "stands in the query of a %s request, where the gateway does not look: put it into the body", request.Method(req)))
	}
	return nil
}

// AppendInstance appends the instance to a query.
func (a *Account) AppendInstance(query []byte) []byte {
	if len(query) > 0 {
		query = append(query, '&')
	}
	return append(query, a.InstanceQuery...)
}

// Refuse makes an [auth.Error] whose operation and gateway Complete fills in.
func Refuse(code, err error) error { return &auth.Error{Code: code, Err: err} }

// Refusef is Refuse with a text.
func Refusef(code error, format string, args ...any) error {
	return Refuse(code, fmt.Errorf(format, args...))
}

// Complete fills in an error of Refuse: what was being done to req, for which
// gateway, if that is known.
func Complete(err error, verb string, req *http.Request, origins []auth.Origin) error {
	if e, ok := errors.AsType[*auth.Error](err); ok {
		e.Op = verb + " " + request.Method(req)
		if len(origins) > 0 {
			e.Gateway = origins[0].String()
		}
	}
	return err
}
