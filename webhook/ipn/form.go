package ipn

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"sync"

	"github.com/countersign/countersign/auth"
	vendor "github.com/countersign/countersign/internal/avangate"
	"github.com/countersign/countersign/internal/php"
)

// hashField returns the index of the hash field that an encoded name stands for, -1
// if for none. They are left out of what is signed by their whole name, wherever they
// stand.
func hashField(name []byte) int {
	var room [3 * len("SIGNATURE_SHA2_256")]byte
	if len(name) == 0 || len(name) > len(room) || name[0] != 'S' && name[0] != 'H' && name[0] != '%' {
		return -1 // as most are
	}
	if bytes.IndexByte(name, '%') >= 0 {
		name = php.AppendURLDecoded(room[:0], name)
	}
	for i := range vendor.HashFields {
		if string(name) == vendor.HashFields[i].Name {
			return i
		}
	}
	return -1
}

// A digest is what both functions give that are taken.
type digest [32]byte

// findHash returns the strongest hash of a body that is not empty, and its function.
func findHash(body []byte) (f vendor.Function, hash digest, err error) {
	var values [len(vendor.HashFields)][]byte
	var seen [len(vendor.HashFields)]bool
	for name, value := range php.Pairs(body) {
		i := hashField(name)
		if i < 0 {
			continue
		}
		if seen[i] {
			return f, hash, fmt.Errorf("the field %s comes twice", vendor.HashFields[i].Name)
		}
		seen[i], values[i] = true, value
	}
	for i, value := range values {
		if len(value) == 0 {
			continue
		}
		name := vendor.HashFields[i].Name
		if f = vendor.HashFields[i].Function; f.Name == vendor.MD5.Name {
			return f, hash, errors.New("there is no hash but HASH, which is MD5 and retired: choose SHA2 or SHA3 for this URL in the Control Panel")
		}
		var room [3 * 2 * len(hash)]byte
		if len(value) <= len(room) { // or it is none in any spelling
			value = php.AppendURLDecoded(room[:0], value)
		}
		if len(value) != 2*len(hash) {
			return f, hash, fmt.Errorf("the field %s is not %d hexadecimal digits", name, 2*len(hash))
		}
		if _, err := hex.Decode(hash[:], value); err != nil {
			return f, hash, fmt.Errorf("the field %s is not hexadecimal digits", name)
		}
		return f, hash, nil
	}
	return f, hash, errors.New("there is no hash: neither SIGNATURE_SHA3_256 nor SIGNATURE_SHA2_256 is filled")
}

// keptAtOnce is how long a body may be whose fields are kept before it is known whether
// its hash is right, in bytes. A notification has a few thousand.
const keptAtOnce = 32 << 10

// A message is a body that is to be verified.
type message struct {
	body   []byte
	fields fields // none if it is long, and not verified yet
}

// read makes the message that of a body.
func (m *message) read(body []byte) {
	m.body = body
	if len(body) <= keptAtOnce {
		walk(body, nil, &m.fields)
	}
}

// keep returns the fields.
func (m *message) keep() *fields {
	if m.fields.spans == nil {
		walk(m.body, nil, &m.fields)
	}
	return &m.fields
}

// hash returns the HMAC over the values, in their order, as [vendor.AppendPrefixed]
// joins them. A name is not part of it.
func (m *message) hash(f vendor.Function, key auth.Secret) (hash digest) {
	st := takeState(f, key.Reveal())
	defer states.Put(st)
	if m.fields.spans != nil {
		st.mac.Write(m.fields.signed)
	} else {
		walk(m.body, st.mac, nil)
	}
	st.sum = st.mac.Sum(st.sum[:0])
	return digest(st.sum)
}

// A state is a keyed hash function. It is kept after use, since the next message has
// the same key, as a rule.
type state struct {
	function string
	secret   string
	mac      hash.Hash
	sum      []byte
}

var states sync.Pool // of *state

func takeState(f vendor.Function, secret string) *state {
	if st, _ := states.Get().(*state); st != nil && st.function == f.Name && st.secret == secret {
		st.mac.Reset()
		return st
	}
	return &state{function: f.Name, secret: secret, mac: hmac.New(f.New, []byte(secret))}
}

// cut returns how many bytes of an encoded value to decode at once: at most a chunk,
// and no escape in part.
func cut(value []byte) int {
	if len(value) <= chunk {
		return len(value)
	}
	n := chunk
	for i := 1; i <= 2; i++ {
		if value[chunk-i] == '%' {
			n = chunk - i
		}
	}
	return n
}

// chunk is how much of a body is decoded at once, in bytes, where it is not kept: memory
// does not grow with what anybody can send.
const chunk = 1 << 10

// walk walks the fields of a body that are signed, and writes what is signed to mac, or
// keeps it and the names in kept, whichever is not nil.
func walk(body []byte, mac hash.Hash, kept *fields) {
	var names, signed []byte
	if kept != nil {
		room := make([]byte, 2*len(body)+1)
		names, signed = room[:0:len(body)], room[len(body):len(body)]
		kept.spans = make([]span, 0, bytes.Count(body, []byte("&"))+1)
	} else {
		signed = make([]byte, 0, 2*chunk+len("1048576"))
	}
	for name, value := range php.Pairs(body) {
		if hashField(name) >= 0 {
			continue
		}
		signed = strconv.AppendInt(signed, int64(php.URLDecodedLen(value)), 10)
		begin := len(signed)
		for {
			n := cut(value)
			signed = php.AppendURLDecoded(signed, value[:n])
			if kept == nil && len(signed) >= chunk {
				mac.Write(signed)
				signed = signed[:0]
			}
			if value = value[n:]; len(value) == 0 {
				break
			}
		}
		if kept != nil {
			names = php.AppendURLDecoded(names, name)
			kept.spans = append(kept.spans, span{len(names), begin, len(signed)})
		}
	}
	if kept != nil {
		kept.names, kept.signed = names, signed
	} else {
		mac.Write(signed)
	}
}

// fields are those that are signed.
type fields struct {
	names  []byte // one behind the other
	signed []byte // what the hash is over: the values, each behind its length
	spans  []span
}

// A span says where a field's name ends, and where its value begins and ends.
type span struct{ name, value, end int }
