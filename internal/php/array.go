package php

import (
	"bytes"
	"hash/maphash"
	"iter"
	"math"
	"reflect"
	"slices"
	"strconv"
)

// An Array is an ordered PHP array of strings and arrays, as a request's
// parameters arrive in $_GET and $_POST. The zero value is empty and ready for
// use; a reader empties it first, so that one Array serves many requests
// without allocating. It is not safe for concurrent use.
type Array struct {
	text  []byte // every key and value, decoded
	nodes []node // nodes[0] is the array itself
	vars  int
	path  []byte
	name  span // that of what a strict reader sets, for an error

	group     span  // the name of the last value's group, up to its bracket, if it had one
	groupNode int32 // and its node

	source    []byte // what the array was read from,
	canonical bool   // if that is also its query

	slots []int32 // a hash table of the elements of long arrays
	used  int     // how many of the slots are not 0
	ids   int32
}

// A span is a piece of Array.text.
type span struct {
	from, to int
	plain    bool // it is known that urlencode changes nothing
}

// A node is a value or an array. Nodes refer to each other by their place in
// Array.nodes; 0, the root, is nobody's child and stands for none.
type node struct {
	key, value        span
	first, last, next int32
	added             int32  // how many elements it was given
	keyBits           uint64 // the keyBit of each of them
	id                int32  // stands for it in the hash table, 0 while it is not long
	parentID          int32
	hash              uint32
	isArray           bool
	changed           bool // another value, or kind of value, stood here before
	indexes           indexes
	hasIndex          bool  // an element has an integer key
	nextIndex         int64 // one above the largest of them
}

// indexes says how the normal form named the elements of an array.
type indexes uint8

const (
	undecided indexes = iota
	written
	automatic
)

// few is the most elements that are compared one by one. Those of a longer array
// are in the hash table.
const few = 8

const minSlots = 64

var seed = maphash.MakeSeed()

func (a *Array) reset() {
	a.text = a.text[:0]
	a.nodes = append(a.nodes[:0], node{isArray: true})
	a.vars, a.ids = 0, 0
	a.canonical = false
	a.group = span{}
	if a.used > 0 {
		a.slots = a.slots[:minSlots]
		clear(a.slots)
		a.used = 0
	}
}

func (a *Array) bytes(s span) []byte { return a.text[s.from:s.to] }

// keyBit is one of 64 bits. Keys that differ in it are not the same. The factors tell
// the names of the vendor's objects from those that each request is searched for.
func keyBit[S string | []byte](key S) uint64 {
	if len(key) == 0 {
		return 1
	}
	return 1 << ((key[0] + 3*key[len(key)-1] + 11*byte(len(key))) % 64)
}

// find returns parent's element with the given key, or 0.
func (a *Array) find(parent int32, key []byte) int32 {
	if a.nodes[parent].keyBits&keyBit(key) == 0 {
		return 0
	}
	return a.search(parent, key)
}

// search is find without regard to keyBits.
func (a *Array) search(parent int32, key []byte) int32 {
	p := &a.nodes[parent]
	if p.id == 0 {
		i := p.first
		for i != 0 && !bytes.Equal(a.bytes(a.nodes[i].key), key) {
			i = a.nodes[i].next
		}
		return i
	}
	h := hash(p.id, key)
	mask := uint32(len(a.slots) - 1)
	for i := h & mask; a.slots[i] != 0; i = (i + 1) & mask {
		n := &a.nodes[a.slots[i]]
		if n.hash == h && n.parentID == p.id && bytes.Equal(a.bytes(n.key), key) {
			return a.slots[i]
		}
	}
	return 0
}

// element returns parent's element with the given key. If there is none, it
// appends one, an empty value, and found is false.
func (a *Array) element(parent int32, key span) (n int32, found bool) {
	p := &a.nodes[parent]
	text := a.bytes(key)
	bit := keyBit(text)
	if p.keyBits&bit != 0 {
		if n = a.search(parent, text); n != 0 {
			return n, true
		}
	}
	n = int32(len(a.nodes))
	if p.last == 0 {
		p.first = n
	} else {
		a.nodes[p.last].next = n
	}
	p.last = n
	p.keyBits |= bit
	p.added++
	if int(n) == cap(a.nodes) {
		a.nodes = slices.Grow(a.nodes, int(n)) // twice as many, for long arrays too
	}
	a.nodes = a.nodes[:n+1]
	a.nodes[n] = node{} // in place: a literal would be built elsewhere and copied
	a.nodes[n].key = key
	switch p := &a.nodes[parent]; {
	case p.id != 0:
		a.enter(p.id, n)
	case p.added > few:
		a.ids++
		p.id = a.ids
		for i := p.first; i != 0; i = a.nodes[i].next {
			a.enter(p.id, i)
		}
	}
	return n, false
}

// empty takes all elements out of n.
func (a *Array) empty(n int32) {
	p := &a.nodes[n]
	p.first, p.last, p.added, p.keyBits, p.id = 0, 0, 0, 0, 0
}

func hash(parentID int32, key []byte) uint32 {
	return uint32(maphash.Bytes(seed, key)) ^ uint32(parentID)*0x9E3779B1
}

// enter puts an element of a long array into the hash table.
func (a *Array) enter(parentID, n int32) {
	if 2*a.used >= len(a.slots) {
		a.grow()
	}
	a.nodes[n].parentID = parentID
	a.nodes[n].hash = hash(parentID, a.bytes(a.nodes[n].key))
	a.occupy(n)
	a.used++
}

func (a *Array) occupy(n int32) {
	mask := uint32(len(a.slots) - 1)
	i := a.nodes[n].hash & mask
	for a.slots[i] != 0 {
		i = (i + 1) & mask
	}
	a.slots[i] = n
}

func (a *Array) grow() {
	size := max(minSlots, 2*len(a.slots))
	if cap(a.slots) < size {
		a.slots = make([]int32, size)
	}
	a.slots = a.slots[:size]
	clear(a.slots)
	for n := range a.nodes {
		if a.nodes[n].parentID > 0 {
			a.occupy(int32(n))
		}
	}
}

// appendIndex writes the automatic index of parent's next element. It reports
// whether there is one: PHP adds nothing behind the largest integer.
func (a *Array) appendIndex(parent int32) (span, bool) {
	p := &a.nodes[parent]
	from := len(a.text)
	a.text = strconv.AppendInt(a.text, p.nextIndex, 10)
	key := span{from, len(a.text), true}
	return key, a.find(parent, a.bytes(key)) == 0
}

// countIndex keeps account of an integer key among parent's elements.
func (a *Array) countIndex(parent int32, i int64) {
	p := &a.nodes[parent]
	if p.hasIndex && i < p.nextIndex {
		return
	}
	p.hasIndex = true
	p.nextIndex = i
	if i < math.MaxInt64 {
		p.nextIndex++
	}
}

// integer reports whether PHP takes the key for an integer: decimal, in its
// shortest spelling, within 64 bits.
func integer(key []byte) (int64, bool) {
	digits := bytes.TrimPrefix(key, []byte("-"))
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(key) > 1 {
		return 0, false
	}
	abs := uint64(0) // 19 digits have room
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		abs = 10*abs + uint64(c-'0')
	}
	if len(digits) < len(key) {
		return -int64(abs), abs <= 1<<63
	}
	return int64(abs), abs < 1<<63
}

// Size is how many bytes a has room for.
func (a *Array) Size() int {
	const slotSize = 4
	return cap(a.text) + cap(a.path) + cap(a.source) + cap(a.nodes)*nodeSize + cap(a.slots)*slotSize
}

var nodeSize = int(reflect.TypeFor[node]().Size())

// Len counts the values in a, at every level: PHP's input variables.
func (a *Array) Len() int { return a.vars }

// Get returns the value of a top-level element. It reports false where there is
// none or it is an array.
func (a *Array) Get(key string) (string, bool) {
	n := a.top(key)
	if n == 0 || a.nodes[n].isArray {
		return "", false
	}
	return string(a.bytes(a.nodes[n].value)), true
}

// Has reports whether there is a top-level element, a value or an array.
func (a *Array) Has(key string) bool { return a.top(key) != 0 }

// HasElements reports whether the top-level element is an array that is not empty.
func (a *Array) HasElements(key string) bool {
	n := a.top(key)
	return n != 0 && a.nodes[n].first != 0
}

// Changed reports whether the top-level element was given more than once to a
// faithful reader, and not the same each time.
func (a *Array) Changed(key string) bool { return a.nodes != nil && a.nodes[a.top(key)].changed }

// Take takes a top-level element out of a, if there is one, and returns its value,
// which is valid until a is used again.
func (a *Array) Take(key string) (value []byte, isArray, found bool) {
	n := a.top(key)
	if n == 0 {
		return nil, false, false
	}
	prev := int32(0)
	for i := a.nodes[0].first; i != n; i = a.nodes[i].next {
		prev = i
	}
	a.unlink(0, prev, n)
	return a.bytes(a.nodes[n].value), a.nodes[n].isArray, true
}

// Remove takes a top-level element out of a; one that is not there is no error.
func (a *Array) Remove(key string) { a.Take(key) }

// unlink takes n, which stands behind prev, out of parent.
func (a *Array) unlink(parent, prev, n int32) {
	a.canonical = false
	p := &a.nodes[parent]
	next := a.nodes[n].next
	if prev == 0 {
		p.first = next
	} else {
		a.nodes[prev].next = next
	}
	if next == 0 {
		p.last = prev
	}
	a.vars -= a.count(n)
	a.nodes[n].parentID = -1 // no longer found
}

// RemoveEmpty takes out the values that are empty strings, at every level. It
// reports whether there were any.
func (a *Array) RemoveEmpty() bool { return len(a.nodes) > 0 && a.removeEmpty(0) }

func (a *Array) removeEmpty(parent int32) (removed bool) {
	prev := int32(0)
	for i := a.nodes[parent].first; i != 0; i = a.nodes[i].next {
		n := &a.nodes[i]
		if !n.isArray && n.value.from == n.value.to {
			a.unlink(parent, prev, i)
			removed = true
			continue
		}
		if n.isArray && a.removeEmpty(i) {
			removed = true
		}
		prev = i
	}
	return removed
}

func (a *Array) top(key string) int32 {
	if len(a.nodes) == 0 || a.nodes[0].keyBits&keyBit(key) == 0 {
		return 0
	}
	return a.search(0, []byte(key))
}

// count counts the values in n.
func (a *Array) count(n int32) int {
	if !a.nodes[n].isArray {
		return 1
	}
	sum := 0
	for i := a.nodes[n].first; i != 0; i = a.nodes[i].next {
		sum += a.count(i)
	}
	return sum
}

// All yields every value of a in order, with its full name: key[sub][sub].
func (a *Array) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		if len(a.nodes) > 0 {
			a.walk(0, "", yield)
		}
	}
}

func (a *Array) walk(parent int32, prefix string, yield func(string, string) bool) bool {
	for i := a.nodes[parent].first; i != 0; i = a.nodes[i].next {
		n := &a.nodes[i]
		name := string(a.bytes(n.key))
		if parent != 0 {
			name = prefix + "[" + name + "]"
		}
		if n.isArray {
			if !a.walk(i, name, yield) {
				return false
			}
		} else if !yield(name, string(a.bytes(n.value))) {
			return false
		}
	}
	return true
}

// Query returns what [Array.AppendQuery] appends, with room for no more.
func (a *Array) Query() []byte {
	if len(a.nodes) == 0 {
		return nil
	}
	return a.AppendQuery(make([]byte, 0, a.queryLen(0, 0)))
}

// queryLen counts an ampersand behind each value. The length of parent's escaped
// name is nameLen.
func (a *Array) queryLen(parent int32, nameLen int) (sum int) {
	for i := a.nodes[parent].first; i != 0; i = a.nodes[i].next {
		n := &a.nodes[i]
		full := nameLen + a.escapedLen(n.key)
		if parent != 0 {
			full += len("%5B%5D")
		}
		if n.isArray {
			sum += a.queryLen(i, full)
		} else {
			sum += full + len("=&") + a.escapedLen(n.value)
		}
	}
	return sum
}

// AppendQuery appends what http_build_query($a, "", "&") returns, the encoding
// of RFC 1738: a space is a plus sign.
func (a *Array) AppendQuery(dst []byte) []byte {
	switch {
	case len(a.nodes) == 0:
		return dst
	case a.canonical:
		return append(dst, a.source...)
	}
	return a.appendQuery(dst)
}

func (a *Array) appendQuery(dst []byte) []byte {
	a.path = a.path[:0]
	from := len(dst)
	dst = a.appendElements(dst, 0)
	if len(dst) > from {
		dst = dst[:len(dst)-len("&")]
	}
	return dst
}

// appendElements writes the elements of parent, with an ampersand behind each. In
// a.path stands what comes before their keys.
func (a *Array) appendElements(dst []byte, parent int32) []byte {
	for i := a.nodes[parent].first; i != 0; i = a.nodes[i].next {
		n := &a.nodes[i]
		if n.isArray {
			end := len(a.path)
			a.path = a.appendEscaped(a.path, n.key)
			if parent == 0 {
				a.path = append(a.path, "%5B"...)
			} else {
				a.path = append(a.path, "%5D%5B"...)
			}
			dst = a.appendElements(dst, i)
			a.path = a.path[:end]
			continue
		}
		dst = append(dst, a.path...)
		dst = a.appendEscaped(dst, n.key)
		if parent == 0 {
			dst = append(dst, '=')
		} else {
			dst = append(dst, "%5D="...)
		}
		dst = append(a.appendEscaped(dst, n.value), '&')
	}
	return dst
}

func (a *Array) appendEscaped(dst []byte, s span) []byte {
	if s.plain {
		return append(dst, a.bytes(s)...)
	}
	return appendEscaped(dst, a.bytes(s))
}
