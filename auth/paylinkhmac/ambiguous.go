package paylinkhmac

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// ambiguities says what it is about a request with a right signature that an
// [Authenticator] would not have sent, and that another reader may see otherwise.
// signed is its string to sign, and buf has room for another one.
func ambiguities(req *http.Request, body []byte, r *paylink.Received, signed string, buf []byte) (notes []string) {
	note := func(texts ...string) {
		for _, text := range texts {
			if text != "" {
				notes = append(notes, text)
			}
		}
	}
	note(methodNote(request.Method(req), r.Kind))
	if r.Kind == paylink.Query {
		note(urlencodedNotes(req.URL.RawQuery, "a plus sign in the query is read as a space, and by others as a plus sign: "+plusAdvice)...)
		if r.Params.Len() > paylink.MaxQueryParameters {
			note(fmt.Sprintf("with the signature and the instance there are more than %d parameters, of which PHP drops what exceeds them: send fewer", php.MaxInputVars))
		}
	} else {
		note(typeNote(req, r.Kind), reason(request.CheckPlain(req)))
		note(besideNotes(req.URL.RawQuery)...)
	}
	switch r.Kind {
	case paylink.Form:
		note(urlencodedNotes(string(body), "a plus sign in the body is read as a plus sign, and by others as a space: "+plusAdvice)...)
	case paylink.JSON:
		note(reason(rereadJSON(r.Params, body, signed, buf)), literalNote(body))
	case paylink.Multipart:
		note(reason(rereadMultipart(body, r.Boundary, signed, buf)))
	}
	note(reason(checkImages(r.Params)))
	return notes
}

const plusAdvice = "write a space as %20 and a plus sign as %2B"

// reason returns what an error says, "" if there is none.
func reason(err error) string {
	if e, ok := errors.AsType[*auth.Error](err); ok {
		err = e.Err
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func methodNote(method string, kind paylink.Kind) string {
	switch method {
	case http.MethodGet, http.MethodHead:
		if kind != paylink.Query {
			return fmt.Sprintf("the parameters of a %s request stand in the body, and others look at the query: put them into the query", method)
		}
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if kind == paylink.Query {
			return fmt.Sprintf("the parameters of a %s request stand in the query, and others look at the body: put them into the body", method)
		}
	case http.MethodDelete:
	default:
		return "the gateways know no such method: use GET, POST, PUT, PATCH or DELETE"
	}
	return ""
}

// typeNote compares the Content-Type with what the body is.
func typeNote(req *http.Request, kind paylink.Kind) string {
	is := map[paylink.Kind]string{paylink.Form: paylink.FormType, paylink.JSON: paylink.JSONType, paylink.Multipart: paylink.MultipartType}[kind]
	switch media, err := paylink.MediaType(request.ReadBodyHeader(req.Header)); {
	case err != nil:
		return reason(err)
	case media == "":
		return fmt.Sprintf("the body has no Content-Type, and others do not read it: send %s", is)
	case media != is:
		return fmt.Sprintf("the body is not of the type %.40q that its Content-Type says: send %s", media, is)
	}
	return ""
}

// besideNotes says what stands in the query of a request whose parameters are in
// its body.
func besideNotes(query string) (notes []string) {
	var params php.Array
	php.ParseStr(&params, query, php.PlusDecoded)
	paylink.RemoveInstance(&params)
	if params.Len() > 0 {
		notes = append(notes, "there is more than the instance in the query, where the gateway does not look if there is a body: put the parameters into the body")
	}
	return append(notes, urlencodedNotes(query, "a plus sign in the query is read as a space, and by others as a plus sign: "+plusAdvice)...)
}

// urlencodedNotes says what is ambiguous about a query or a form.
func urlencodedNotes(s, plus string) (notes []string) {
	hasPlus := strings.Contains(s, "+")
	if hasPlus {
		notes = append(notes, plus)
	}
	if strings.Contains(s, "\x00") {
		notes = append(notes, "PHP reads nothing behind a NUL byte, and others do: leave it out")
	}
	count := 0
	signatureIsRaw := false
	otherIsRaw := strings.HasPrefix(s, "?") // URLSearchParams, and the server of PHP's command line, leave it out
	for name, value := range pairs(s) {
		count++
		if decoded, err := url.PathUnescape(name); err == nil && decoded == paylink.SignatureName {
			signatureIsRaw = signatureIsRaw || strings.Contains(value, "=")
		} else {
			otherIsRaw = otherIsRaw || strings.ContainsFunc(name, splits) || strings.ContainsFunc(value, splits)
		}
	}
	if signatureIsRaw { // as its padding shows
		notes = append(notes, "the signature is not escaped, and another one may have a plus sign: write + as %2B, / as %2F and = as %3D")
	}
	if otherIsRaw {
		notes = append(notes, "a name or a value has a character as such that not every reader takes for a part of it, such as a semicolon: escape it")
	}
	if count > php.MaxInputVars {
		return append(notes, fmt.Sprintf("there are more than %d parameters, of which PHP drops what exceeds them: send fewer", php.MaxInputVars))
	}
	if err := paylink.CheckIsForm(s); err != nil {
		return append(notes, reason(err))
	}
	var params php.Array
	if err := php.ReadForm(&params, s, php.MaxInputVars); err != nil {
		if e, ok := errors.AsType[*php.Error](err); ok && paylink.IsOwn(e.Name) {
			err = fmt.Errorf("parameter %q is given twice: give it once", e.Name)
		}
		return append(notes, reason(err))
	}
	if !hasPlus && !isFlat(s, &params) {
		notes = append(notes, `an index is left out, or the elements of a group are apart, which not every parser reads: write "[0]", and what is in the same brackets in a row`)
	}
	return notes
}

// pairs yields the names and values of a query or a form as they are written.
func pairs(s string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for pair := range strings.SplitSeq(s, "&") {
			if pair == "" {
				continue
			}
			if name, value, _ := strings.Cut(pair, "="); !yield(name, value) {
				return
			}
		}
	}
}

// splits reports whether a reader may split at c, leave it out, or take it for
// another one, where it is not escaped.
func splits(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"#;<=>\\^`{|}", c)
}

// isFlat reports whether a reader that neither nests nor decodes plus signs sees
// the same names and values in the same order. [php.ReadForm] has read s into params.
func isFlat(s string, params *php.Array) bool {
	next, stop := iter.Pull2(params.All())
	defer stop()
	for name, value := range pairs(s) {
		wantName, wantValue, _ := next()
		gotName, _ := url.PathUnescape(name) // what is malformed has been refused
		gotValue, _ := url.PathUnescape(value)
		if gotName != wantName || gotValue != wantValue {
			return false
		}
	}
	return true
}

var errReread = errors.New("the parameters are not those that other readers see")

// rereadJSON reads an object as it would be signed. It leaves params as they are.
func rereadJSON(params *php.Array, doc []byte, signed string, buf []byte) error {
	_, err := php.ReadJSON(params, doc, paylink.Own)
	if err == nil && string(params.AppendQuery(buf[:0])) == signed {
		return nil
	}
	if err == nil {
		err = errReread
	}
	if parseErr := php.ParseJSON(params, doc); parseErr != nil {
		return parseErr // it has been read once
	}
	paylink.RemoveOwn(params)
	return err
}

// literalNote says whether JSON has what is signed as something else.
func literalNote(doc []byte) string {
	last := byte(0)
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; c {
		case ' ', '\t', '\r', '\n':
		case '"':
			for i++; doc[i] != '"'; i++ {
				if doc[i] == '\\' {
					i++
				}
			}
			last = c
		case 't', 'f', 'n', ']', '}':
			if c != ']' && c != '}' || last == '[' || last == '{' {
				return "there are true, false, null, or an empty array or object in the JSON, which are signed as 1, 0 and nothing: send them as strings, and leave out what is nothing"
			}
			last = c
		default:
			last = c
		}
	}
	return ""
}

// rereadMultipart reads a body as it would be signed, without the parts that are the
// gateway's own.
func rereadMultipart(body []byte, boundary, signed string, buf []byte) error {
	delimiter := "--" + boundary
	open, end, _ := bytes.Cut(body, []byte(delimiter+"--"))
	rest := make([]byte, 0, len(body))
	cut := make(map[string]bool)
	for part := range bytes.SplitSeq(open, []byte(delimiter+"\r\n")) {
		header, _, _ := bytes.Cut(part, []byte("\r\n\r\n"))
		switch h := string(header); {
		case len(part) == 0: // in front of the first delimiter
		case !cut[h] && paylink.IsOwnPart(h):
			cut[h] = true
		default:
			rest = append(append(append(rest, delimiter...), "\r\n"...), part...)
		}
	}
	if len(rest) == 0 && len(signed) == 0 {
		return nil
	}
	rest = append(append(append(rest, delimiter...), "--"...), end...)
	reread := php.NewMultipart(bytes.NewReader(rest), boundary, paylink.Own, func(fields *php.Array) (string, error) {
		if string(fields.AppendQuery(buf[:0])) != signed {
			return "", errReread
		}
		return strings.Repeat("=", paylink.SignatureLen), nil
	})
	_, err := io.Copy(io.Discard, reread)
	return err
}
