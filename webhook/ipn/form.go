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

// The fields that hold the hash, the strongest first. They are left out of what is
// signed by their whole name, wherever they stand.
var hashFields = [...]struct {
	name     string
	function vendor.Function // of MD5 none
}{
	{"SIGNATURE_SHA3_256", vendor.SHA3_256},
	{"SIGNATURE_SHA2_256", vendor.SHA2_256},
	{name: "HASH"},
}

// hashField returns the index of the hash field that an encoded name stands for, -1
// if for none.
func hashField(name []byte) int {
	var room [3 * len("SIGNATURE_SHA2_256")]byte
	if len(name) == 0 || len(name) > len(room) || name[0] != 'S' && name[0] != 'H' && name[0] != '%' {
		return -1 // as most are
	}
	if bytes.IndexByte(name, '%') >= 0 {
		name = php.AppendURLDecoded(room[:0], name)
	}
	for i := range hashFields {
		if string(name) == hashFields[i].name {
			return i
		}
	}
	return -1
}

// A digest is what both functions give.
type digest [32]byte

// findHash returns the strongest hash of a body that is not empty, and its function.
func findHash(body []byte) (f vendor.Function, hash digest, err error) {
	var values [len(hashFields)][]byte
	var seen [len(hashFields)]bool
	for name, value := range php.Pairs(body) {
		i := hashField(name)
		if i < 0 {
			continue
		}
		if seen[i] {
			return f, hash, fmt.Errorf("the field %s comes twice", hashFields[i].name)
		}
		seen[i], values[i] = true, value
	}
	for i, value := range values {
		if len(value) == 0 {
			continue
		}
		name := hashFields[i].name
		if f = hashFields[i].function; f.New == nil {
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

// chunk is how much of a body is decoded at once, in bytes, so that memory does not
// grow with it.
const chunk = 1 << 10

// hashOf returns the HMAC over the values of a body, in its order, as
// [vendor.AppendPrefixed] joins them. A name is not part of it.
func hashOf(body []byte, f vendor.Function, key auth.Secret) (hash digest) {
	st := takeState(f, key.Reveal())
	defer states.Put(st)
	mac := st.mac
	buf := make([]byte, 0, 2*chunk+len("1048576"))
	for name, value := range php.Pairs(body) {
		if hashField(name) >= 0 {
			continue
		}
		buf = strconv.AppendInt(buf, int64(php.URLDecodedLen(value)), 10)
		for {
			n := cut(value)
			buf = php.AppendURLDecoded(buf, value[:n])
			if len(buf) >= chunk {
				mac.Write(buf)
				buf = buf[:0]
			}
			if value = value[n:]; len(value) == 0 {
				break
			}
		}
	}
	mac.Write(buf)
	st.sum = mac.Sum(st.sum[:0])
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

// readFields decodes the fields of a body that are signed: the text of names and
// values in turn, and where in it each name and its value end.
func readFields(body []byte) (text string, ends [][2]int) {
	buf := make([]byte, 0, len(body))
	ends = make([][2]int, 0, bytes.Count(body, []byte("&"))+1)
	for name, value := range php.Pairs(body) {
		if hashField(name) < 0 {
			buf = php.AppendURLDecoded(buf, name)
			end := len(buf)
			buf = php.AppendURLDecoded(buf, value)
			ends = append(ends, [2]int{end, len(buf)})
		}
	}
	return string(buf), ends
}
