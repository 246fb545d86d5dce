package paylinkhmac

import (
	"bytes"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/paylink"
	"github.com/countersign/countersign/internal/php"
	"github.com/countersign/countersign/internal/request"
)

// maxResigned is how long a query or a body may be that is signed once more, in
// bytes. What a peer without the secret sends is read as it would be signed, where
// nothing else bounds what JSON may hold.
const maxResigned = 16 << 10

// isAsSent reports whether a request is, to the byte, what an Authenticator sends
// that has the secret: its parameters are signed once more. They are then what every
// reader sees, and there is nothing to say of them; found holds them. Of any other
// request, and of a few that are, such as multipart bodies, it says nothing.
func (v *Verifier) isAsSent(req *http.Request, body []byte, secret auth.Secret, found *Verification) bool {
	if max(len(body), len(req.URL.RawQuery)) > maxResigned {
		return false
	}
	query, instance := cutInstance(req.URL.RawQuery)
	a := Authenticator{account: paylink.Account{Instance: instance}, signer: &v.signer}
	w := workspaces.Get().(*workspace)
	defer w.release()
	received, media, most := body, paylink.FormType, paylink.MaxFormParameters
	var err error
	switch method := request.Method(req); method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		if len(body) == 0 {
			w.body = append(w.body[:0], query...)
			received, most = w.body, paylink.MaxQueryParameters
			break
		}
		if method != http.MethodDelete {
			return false
		}
		fallthrough
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		header := request.ReadBodyHeader(req.Header)
		if media, err = paylink.MediaType(header); err != nil || query != "" || header.CheckPlain(req) != nil {
			return false
		}
	default:
		return false
	}
	var mark byte // the signature stands behind the last one
	switch media {
	case paylink.FormType:
		mark = '='
		if err = readForm(&a, w, received, most); err == nil {
			a.signForm(w, secret)
		}
	case paylink.JSONType:
		mark = ':'
		err = a.signJSON(w, received, secret)
		if err == nil && literalNote(received) != "" {
			return false
		}
	default:
		return false
	}
	if err != nil || !isSame(w.wire, received, mark) {
		return false
	}
	found.Instance, found.StringToSign = instance, string(w.signed)
	return true
}

// isSame reports whether what was received is wire. How far it is like the signature,
// behind the last mark in wire, the time that this takes does not tell; what stands
// in front of the mark is the peer's own.
func isSame(wire, received []byte, mark byte) bool {
	at := bytes.LastIndexByte(wire, mark)
	return len(received) == len(wire) && bytes.Equal(wire[:at], received[:at]) &&
		subtle.ConstantTimeCompare(wire[at:], received[at:]) == 1
}

// cutInstance cuts off the end of a query the instance, spelled as it is sent. One
// that stands elsewhere stays among the parameters, where nothing is sent like that.
func cutInstance(query string) (rest, instance string) {
	last := strings.LastIndexByte(query, '&') + 1
	instance, found := strings.CutPrefix(query[last:], paylink.InstanceName+"=")
	var buf [64]byte
	if !found || instance == "" || string(php.AppendEscaped(buf[:0], instance)) != instance {
		return query, ""
	}
	return query[:max(0, last-1)], instance
}
