package php

import (
	"bytes"
	"hash/maphash"
	"iter"
	"strconv"
)

// An Array is an ordered PHP array of strings and arrays, as a request's
// parameters arrive in $_GET and $_POST. The zero value is empty and ready for
// use; a reader empties it first, so that one Array serves many requests
// without allocating. It is not safe for concurrent use.
type Array struct {
	text  []byte // every key and value, decoded
	nodes []node // nodes[0] is the array itself
	slots []int32
	vars  int
	ids   int32
	path  []byte
}

// A span is a piece of Array.text.
type span struct{ from, to int }

// A node is a value or an array. Nodes refer to each other by their place in
// Array.nodes; 0, the root, is nobody's child and stands for none.
type node struct {
	key, value        span
	first, last, next int32
	id, parentID      int32 // a value that becomes an array, or back, loses its children with its id
	hash              uint32
	isArray           bool
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

const minSlots = 64

var seed = maphash.MakeSeed()

func (a *Array) reset() {
	a.text = a.text[:0]
	a.nodes = append(a.nodes[:0], node{isArray: true})
	a.vars, a.ids = 0, 0
	if a.slots == nil {
		a.slots = make([]int32, minSlots)
	}
	a.slots = a.slots[:minSlots]
	clear(a.slots)
}

func (a *Array) bytes(s span) []byte { return a.text[s.from:s.to] }

// find returns parent's element with the given key, or 0, and the key's hash.
func (a *Array) find(parent int32, key []byte) (int32, uint32) {
	id := a.nodes[parent].id
	h := uint32(maphash.Bytes(seed, key)) ^ uint32(id)*0x9E3779B1
	mask := uint32(len(a.slots) - 1)
	for i := h & mask; a.slots[i] != 0; i = (i + 1) & mask {
		n := &a.nodes[a.slots[i]]
		if n.hash == h && n.parentID == id && bytes.Equal(a.bytes(n.key), key) {
			return a.slots[i], h
		}
	}
	return 0, h
}

// insert appends an element to parent. Its key must be new there and h its
// hash, both as find gave them.
func (a *Array) insert(parent int32, key span, h uint32) int32 {
	n := int32(len(a.nodes))
	p := &a.nodes[parent]
	if p.last == 0 {
		p.first = n
	} else {
		a.nodes[p.last].next = n
	}
	p.last = n
	a.nodes = append(a.nodes, node{key: key, hash: h, parentID: p.id})
	a.renew(n)
	if 2*len(a.nodes) > len(a.slots) {
		a.grow()
	} else {
		a.enter(n)
	}
	return n
}

// renew gives n an id of its own, so that no element is found below it.
func (a *Array) renew(n int32) {
	a.ids++
	a.nodes[n].id = a.ids
}

func (a *Array) enter(n int32) {
	mask := uint32(len(a.slots) - 1)
	i := a.nodes[n].hash & mask
	for a.slots[i] != 0 {
		i = (i + 1) & mask
	}
	a.slots[i] = n
}

func (a *Array) grow() {
	size := 2 * len(a.slots)
	if cap(a.slots) < size {
		a.slots = make([]int32, size)
	}
	a.slots = a.slots[:size]
	clear(a.slots)
	for n := range a.nodes[1:] {
		a.enter(int32(n + 1))
	}
}

// appendIndex writes the automatic index of parent's next element. It reports
// whether there is one: PHP adds nothing behind the largest integer.
func (a *Array) appendIndex(parent int32) (span, bool) {
	p := &a.nodes[parent]
	from := len(a.text)
	a.text = strconv.AppendInt(a.text, p.nextIndex, 10)
	key := span{from, len(a.text)}
	n, _ := a.find(parent, a.bytes(key))
	return key, n == 0
}

// countIndex keeps account of an integer key among parent's elements.
func (a *Array) countIndex(parent int32, key []byte) {
	i, ok := integer(key)
	p := &a.nodes[parent]
	if !ok || p.hasIndex && i < p.nextIndex {
		return
	}
	p.hasIndex = true
	p.nextIndex = i
	if i+1 > i {
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
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	i, err := strconv.ParseInt(string(key), 10, 64)
	return i, err == nil
}

// Size is how many bytes of names and values a has room for.
func (a *Array) Size() int { return cap(a.text) }

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

// HasArray reports whether the top-level element is an array.
func (a *Array) HasArray(key string) bool {
	n := a.top(key)
	return n != 0 && a.nodes[n].isArray
}

// Remove takes a top-level element out of a; one that is not there is no error.
func (a *Array) Remove(key string) {
	n := a.top(key)
	if n == 0 {
		return
	}
	root := &a.nodes[0]
	prev := int32(0)
	for i := root.first; i != n; i = a.nodes[i].next {
		prev = i
	}
	next := a.nodes[n].next
	if prev == 0 {
		root.first = next
	} else {
		a.nodes[prev].next = next
	}
	if next == 0 {
		root.last = prev
	}
	a.vars -= a.count(n)
	a.nodes[n].parentID = -1 // no longer found
}

func (a *Array) top(key string) int32 {
	if len(a.nodes) == 0 {
		return 0
	}
	n, _ := a.find(0, []byte(key))
	return n
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

// AppendQuery appends what http_build_query($a, "", "&") returns, the encoding
// of RFC 1738: a space is a plus sign.
func (a *Array) AppendQuery(dst []byte) []byte {
	if len(a.nodes) == 0 {
		return dst
	}
	a.path = a.path[:0]
	dst, _ = a.appendElements(dst, 0, true)
	return dst
}

// appendElements writes the elements of parent, whose own name stands in a.path.
func (a *Array) appendElements(dst []byte, parent int32, first bool) ([]byte, bool) {
	end := len(a.path)
	for i := a.nodes[parent].first; i != 0; i = a.nodes[i].next {
		n := &a.nodes[i]
		if parent != 0 {
			a.path = append(a.path, "%5B"...)
		}
		a.path = appendEscaped(a.path, a.bytes(n.key))
		if parent != 0 {
			a.path = append(a.path, "%5D"...)
		}
		if n.isArray {
			dst, first = a.appendElements(dst, i, first)
		} else {
			if !first {
				dst = append(dst, '&')
			}
			first = false
			dst = append(dst, a.path...)
			dst = append(dst, '=')
			dst = appendEscaped(dst, a.bytes(n.value))
		}
		a.path = a.path[:end]
	}
	return dst, first
}
