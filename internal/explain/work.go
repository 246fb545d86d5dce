package explain

import (
	"crypto/hmac"
	"hash/maphash"

	"github.com/countersign/countersign/internal/php"
)

// work is what the attempts on one request share. The zero value is ready
// for use.
type work struct {
	spent      int  // bytes read and written since they were counted
	before     int  // of which so many were before the present row
	incomplete bool // something was too large to be tried
	hasher     hasher

	written  message // the other two are made of it
	text     []byte
	trial    trial
	revalued map[revaluedQuery][]string // queries with another value
	texts    map[message]writtenText    // short ones, which pairs of mistakes come back to

	made  map[uint64]bool // hashes of the trials that one mistake comes to
	tried map[uint64]bool // and of those that were tried
	jsons map[jsonValues]string

	params php.Array // of the JSON that is read last

	escapedIn string // the query whose escaped bytes these are
	escaped   byteSet
}

// A writtenText is a string to sign and its hash.
type writtenText struct {
	text string
	hash uint64
}

// How long texts are that are kept, in bytes, and how many.
const (
	maxKept  = 256
	mostKept = 1 << 12
)

// A trial is what an attempt comes to.
type trial struct {
	text  uint64 // its hash
	hash  keyedHash
	claim claim

	rest uint64 // the hash of hash and claim
}

// maxOfRow is how many bytes a row reads and writes at most, so that one that makes many
// texts of a long one does not go over the budget.
const maxOfRow = 8 << 20

// mayGoOn reports whether a row may make one more text.
func (w *work) mayGoOn() bool {
	if w.spent-w.before > maxOfRow {
		w.incomplete = true
		return false
	}
	return true
}

var trialSeed = maphash.MakeSeed()

// try is a search's. An attempt that comes to the same as one before does not
// reproduce the signature: it is the same explanation again.
func (w *work) try(a making) (stringToSign string, reproduced bool) {
	if w.isNew(a) && w.reproduces(a) {
		return a.message.redacted(), true
	}
	return "", false
}

// takeSpent is a search's spent.
func (w *work) takeSpent() (attempts int) {
	attempts = w.spent / attemptCost
	w.spent %= attemptCost
	w.before = w.spent
	return attempts
}

func (w *work) isNew(a making) bool {
	return len(a.claim.digest) == a.hash.function.size && !w.note(&w.tried, a)
}

// isMade reports whether a mistake comes to the same as one before.
func (w *work) isMade(a making) bool { return w.note(&w.made, a) }

// note puts what a comes to into the set, and reports whether it was there.
func (w *work) note(set *map[uint64]bool, a making) bool {
	w.write(a.message)
	if t := &w.trial; t.rest == 0 || t.hash != a.hash || t.claim != a.claim {
		t.hash, t.claim, t.rest = a.hash, a.claim, 0
		t.rest = maphash.Comparable(trialSeed, trial{hash: t.hash, claim: t.claim})
	}
	trial := maphash.Comparable(trialSeed, [2]uint64{w.trial.text, w.trial.rest})
	if *set == nil {
		*set = make(map[uint64]bool, 1<<10)
	}
	known := (*set)[trial]
	(*set)[trial] = true
	return known
}

func (w *work) write(m message) {
	if m == w.written {
		return
	}
	w.written = m
	if known, ok := w.texts[m]; ok {
		w.text, w.trial.text = append(w.text[:0], known.text...), known.hash
		return
	}
	w.text = m.append(w.text[:0])
	w.trial.text = maphash.Bytes(trialSeed, w.text)
	if len(w.text) <= maxKept && len(w.texts) < mostKept {
		if w.texts == nil {
			w.texts = make(map[message]writtenText)
		}
		w.texts[m] = writtenText{string(w.text), w.trial.text}
	}
	w.spent += len(w.text)
	if m.names != (spelling{}) || m.values != (spelling{}) { // byte by byte
		w.spent += len(m.query)
	}
}

// reproduces reports whether the signature was made so.
func (w *work) reproduces(a making) bool {
	if len(a.claim.digest) != a.hash.function.size {
		return false
	}
	w.write(a.message)
	w.spent += len(w.text)
	sum := w.hasher.sum(a.hash, w.text)
	return sum != nil && hmac.Equal(sum, []byte(a.claim.digest))
}
