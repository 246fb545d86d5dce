package explain

import (
	"cmp"
	"fmt"
	"slices"
)

// A scheme is one kind of signature: how it is made, and what its parts are called in
// what a Diagnosis says.
type scheme struct {
	signature string // as in "the signature is in base64"
	coding    *coding
	codingFix string

	key    string // as in "quotes around the secret"
	shown  string // and as its owner sees it: "API secret"
	keyFix string

	functions   []*hashFunction // any of which may be meant
	functionFix string

	layout    layout
	layoutFix string
}

// table returns a scheme's own mistakes with those that all schemes share, in the order
// in which they would be made: in a pair, the second one stands below the first. Of
// mistakes that come to the same the first one is named, so that at a step a scheme's
// own stand before those that are shared.
func (s *scheme) table(own ...row[making]) []row[making] {
	rows := slices.Concat(own, s.layoutRows(), s.keyRows(), s.functionRows(), s.keyingRows())
	slices.SortStableFunc(rows, func(a, b row[making]) int { return cmp.Compare(a.step, b.step) })
	return inOrder(rows)
}

// inClear is not tried: the key is seen.
func (s *scheme) inClear() Mistake {
	return Mistake{"the " + s.shown + " itself is sent", "Send the HMAC that is made with it, and give the " + s.shown + " a new value: it has been on the wire."}
}

// A source is what the attempts on one request begin with.
type source struct {
	scheme    *scheme
	functions []*hashFunction // any of which may be meant here
	secret    string
	right     message // what is to be signed
	read      any     // what the scheme's reader made of the request, for the scheme's rows

	work work
}

// makings returns how the signature is made rightly: in several ways if nothing tells the
// hash functions apart.
func (r *source) makings(signature string) []making {
	return making{from: r, message: r.right, hash: keyedHash{key: r.secret}}.claiming(signature)
}

// claiming returns a with another signature, once for each function that may have made
// it: those that are meant, or, where its length shows others, these.
func (a making) claiming(signature string) []making {
	a.claim = a.from.claim(signature)
	functions := ofSize(a.from.functions, len(a.claim.digest))
	if len(functions) == 0 {
		functions = ofSize(hashFunctions, len(a.claim.digest))
	}
	if len(functions) == 0 { // which no attempt is made with
		functions = a.from.functions[:1]
	}
	as := make([]making, len(functions))
	for i, f := range functions {
		as[i] = a
		as[i].hash.function = f
	}
	return as
}

// seen returns the mistakes that a signature shows by itself: how it is written, and the
// function that its length tells. It is not readable if it stands for no digest.
func (a making) seen() (mistakes []Mistake, readable bool) {
	if a.claim.coding == nil {
		return nil, false
	}
	if a.claim.coding != a.from.scheme.coding {
		mistakes = append(mistakes, a.from.scheme.miscoded(a.claim.coding))
	}
	if size := a.hash.function.size; len(ofSize(a.from.functions, size)) == 0 {
		mistakes = append(mistakes, a.from.scheme.misused(a.hash.function))
	}
	return mistakes, true
}

// sure returns what was seen as it is for certain, though nothing was reproduced: of
// several functions whose digests are as long none is named.
func (r *source) sure(seen []Mistake) []Mistake {
	sure := slices.Clone(seen)
	for i, m := range sure {
		for _, f := range hashFunctions {
			if m == r.scheme.misused(f) && len(ofSize(hashFunctions, f.size)) > 1 {
				sure[i] = Mistake{fmt.Sprintf("a hash function of %d bits is used", 8*f.size), r.scheme.functionFix}
			}
		}
	}
	return sure
}
