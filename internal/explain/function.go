package explain

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"slices"

	// For Keccak, and for SHA3-512 beside the SHA3-256 that goes with it.
	"golang.org/x/crypto/sha3"

	vendor "github.com/countersign/countersign/internal/avangate"
)

// A hashFunction is one that people take, rightly or not.
type hashFunction struct {
	name      string
	new       func() hash.Hash
	size      int    // of its digests, in bytes
	block     int    // of its HMAC, in bytes
	forbidden bool   // in FIPS 140 mode
	fix       string // beside the scheme's
}

var (
	md5Hash    = &hashFunction{"MD5", md5.New, md5.Size, md5.BlockSize, true, ""}
	sha1Hash   = &hashFunction{"SHA-1", sha1.New, sha1.Size, sha1.BlockSize, true, ""}
	sha256Hash = &hashFunction{"SHA-256", vendor.SHA2_256.New, sha256.Size, sha256.BlockSize, false, ""}
	sha3_256   = &hashFunction{"SHA3-256", vendor.SHA3_256.New, 32, 136, false, ""}
	keccak256  = &hashFunction{"Keccak-256", sha3.NewLegacyKeccak256, 32, 136, true, keccakFix}
	sha512Hash = &hashFunction{"SHA-512", sha512.New, sha512.Size, sha512.BlockSize, false, ""}
	sha3_512   = &hashFunction{"SHA3-512", sha3.New512, 64, 72, false, ""}
	keccak512  = &hashFunction{"Keccak-512", sha3.NewLegacyKeccak512, 64, 72, true, keccakFix}
)

const keccakFix = "Some libraries call the older Keccak SHA3: take one that has the SHA3 of FIPS 202. "

var hashFunctions = []*hashFunction{md5Hash, sha1Hash, sha256Hash, sha3_256, keccak256, sha512Hash, sha3_512, keccak512}

// ofSize returns those of the functions that give a digest of so many bytes.
func ofSize(functions []*hashFunction, size int) []*hashFunction {
	return slices.DeleteFunc(slices.Clone(functions), func(f *hashFunction) bool { return f.size != size })
}

// A keying says how a key and a string to sign meet.
type keying uint8

const (
	inHMAC       keying = iota
	inNarrowHMAC        // whose block has 64 bytes, whatever the function's has
	swapped             // in an HMAC
	keyBehind           // the string to sign, in a plain hash
	keyBefore
	noKey
)

// A keyedHash says what is made of a string to sign.
type keyedHash struct {
	function *hashFunction
	keying   keying
	key      string
}

// A hasher computes digests. The zero value is ready for use.
type hasher struct {
	macs map[keyedHash]hash.Hash // setting up an HMAC costs as much as several attempts
	last []byte

	// shortKey says that FIPS 140 mode forbade a key.
	shortKey bool
}

// FIPS 140 mode makes crypto/hmac panic at a key of less than minFIPSKey bytes. What
// makes such a key is named in a Diagnosis as shortKeys.
const (
	minFIPSKey = 14
	shortKeys  = "mistakes that make an HMAC key of under 14 bytes"
)

// sum returns the digest of a string to sign, which holds until the next call; nil
// if FIPS 140 mode forbids the function or the key.
func (h *hasher) sum(k keyedHash, stringToSign []byte) []byte {
	if k.function.forbidden && fips140.Enforced() {
		return nil
	}
	var f hash.Hash
	switch k.keying {
	case inHMAC, inNarrowHMAC:
		if f = h.mac(k); f == nil {
			return nil
		}
		f.Write(stringToSign)
	case swapped:
		if h.forbids(stringToSign) {
			return nil
		}
		f = hmac.New(k.function.new, stringToSign)
		f.Write([]byte(k.key))
	default:
		f = k.function.new()
		if k.keying == keyBefore {
			f.Write([]byte(k.key))
		}
		f.Write(stringToSign)
		if k.keying == keyBehind {
			f.Write([]byte(k.key))
		}
	}
	h.last = f.Sum(h.last[:0])
	return h.last
}

// mac returns an HMAC that nothing has been written to, nil if its key is forbidden.
func (h *hasher) mac(k keyedHash) hash.Hash {
	mac, ok := h.macs[k]
	if ok {
		mac.Reset()
		return mac
	}
	key := []byte(k.key)
	if h.forbids(key) {
		return nil
	}
	function := k.function.new
	if k.keying == inNarrowHMAC {
		function = func() hash.Hash { return narrow{k.function.new()} }
	}
	if h.macs == nil {
		h.macs = make(map[keyedHash]hash.Hash)
	}
	mac = hmac.New(function, key)
	h.macs[k] = mac
	return mac
}

type narrow struct{ hash.Hash }

func (narrow) BlockSize() int { return 64 }

func (h *hasher) forbids(key []byte) bool {
	forbidden := len(key) < minFIPSKey && fips140.Enforced()
	h.shortKey = h.shortKey || forbidden
	return forbidden
}

// keyingRows are the mistakes in how a key and a string to sign meet.
func (s *scheme) keyingRows() []row[making] {
	return []row[making]{
		{Mistake{"the HMAC has a block of 64 bytes", "Use an HMAC that takes the function's own block, which has 136 bytes for SHA3-256."},
			func(a making) []making {
				if a.hash.function.block == sha256.BlockSize {
					return nil
				}
				return combined(inNarrowHMAC)(a)
			}, true, keyingStep},
		{Mistake{"key and message are swapped", "Give the " + s.shown + " as the key and the string to sign as the message: functions differ in which comes first."},
			combined(swapped), false, keyingStep},
		{Mistake{"a plain hash is made, and no HMAC", "Make an HMAC, with the " + s.shown + " as the key: a hash of the two, one behind the other, is something else."},
			combined(keyBehind, keyBefore, noKey), false, keyingStep},
	}
}

// combined is a mistake in how the key and the string to sign meet.
func combined(ways ...keying) apply {
	return func(a making) []making {
		as := make([]making, len(ways))
		for i := range as {
			as[i] = a
			as[i].hash.keying = ways[i]
		}
		return as
	}
}

// functionRows are the mistakes to take another function whose digests are as long.
// Where their length shows it, nothing is tried; see seen.
func (s *scheme) functionRows() (rows []row[making]) {
	for _, f := range hashFunctions {
		rows = append(rows, row[making]{s.misused(f), hashed(f), f.forbidden, functionStep})
	}
	return rows
}

func (s *scheme) misused(f *hashFunction) Mistake {
	return Mistake{f.name + " is used", f.fix + s.functionFix}
}

func hashed(f *hashFunction) apply {
	return func(a making) []making {
		if f.size != len(a.claim.digest) || !slices.Contains(a.from.functions, a.hash.function) || slices.Contains(a.from.functions, f) {
			return nil
		}
		a.hash.function = f
		return []making{a}
	}
}
