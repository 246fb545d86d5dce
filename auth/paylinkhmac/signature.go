package paylinkhmac

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/countersign/countersign/auth"
	"github.com/countersign/countersign/internal/php"
)

// A signer computes signatures. Hash states are keyed once a secret and kept
// until another secret comes. The zero value is ready for use.
type signer struct {
	current atomic.Pointer[key]
}

type key struct {
	secret string
	states sync.Pool // of *state
}

type state struct {
	mac hash.Hash
	sum []byte
}

// appendSignature appends the signature over a string to sign:
// base64(HMAC-SHA256(secret, stringToSign)).
func (s *signer) appendSignature(dst []byte, secret auth.Secret, stringToSign []byte) []byte {
	k := s.key(secret.Reveal())
	st := k.states.Get().(*state)
	st.mac.Reset()
	st.mac.Write(stringToSign)
	st.sum = st.mac.Sum(st.sum[:0])
	dst = base64.StdEncoding.AppendEncode(dst, st.sum)
	k.states.Put(st)
	return dst
}

func (s *signer) key(secret string) *key {
	if k := s.current.Load(); k != nil && k.secret == secret {
		return k
	}
	k := &key{secret: secret}
	k.states.New = func() any {
		return &state{mac: hmac.New(sha256.New, []byte(secret))}
	}
	s.current.Store(k)
	return k
}

// A workspace holds what signing needs beside the request, for reuse. Nothing in
// one that is used again is handed out.
type workspace struct {
	body      []byte
	params    php.Array
	signed    []byte
	wire      []byte
	signature []byte
}

// sign computes the string to sign and the signature of w's parameters.
func (w *workspace) sign(a *Authenticator, secret auth.Secret) {
	w.signed = w.params.AppendQuery(w.signed[:0])
	w.signature = a.signer.appendSignature(w.signature[:0], secret, w.signed)
}

// report reports the string to sign to whoever traces req.
func (w *workspace) report(req *http.Request) {
	if signed := auth.TraceSigned(req.Context()); signed != nil {
		signed(w.signed)
	}
}

// takeWire returns a copy of w.wire. What is too long to be kept is taken out of w
// itself.
func (w *workspace) takeWire() []byte {
	if cap(w.wire) <= maxPooled {
		return bytes.Clone(w.wire)
	}
	wire := w.wire
	w.wire = nil
	return wire
}

// maxPooled is how many bytes a workspace may have room for and be kept. A JSON
// object's string to sign may be far longer than its names and values.
const maxPooled = 128 << 10

func (w *workspace) release() {
	if cap(w.body)+w.params.Size()+cap(w.signed)+cap(w.wire) <= maxPooled {
		workspaces.Put(w)
	}
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}
