package php

import "bytes"

// Plus says how a reader takes a plus sign in an urlencoded string.
type Plus bool

// PHP's own form decoding makes a space of a plus sign; a gateway that decodes
// with rawurldecode keeps it.
const (
	PlusDecoded Plus = false
	PlusKept    Plus = true
)

// ParseStr reads any urlencoded string as PHP's parse_str does, or as it does
// when plus signs are kept. What PHP drops, replaces or renames is dropped,
// replaced or renamed.
func ParseStr[S string | []byte](a *Array, s S, plus Plus) {
	a.reset()
	a.text = append(a.text, s...)
	end := len(a.text)
	if i := bytes.IndexByte(a.text, 0); i >= 0 {
		end = i // parse_str reads a C string
	}
	count := 0
	for from := 0; from < end; from++ {
		if a.text[from] == '&' {
			continue
		}
		if count++; count > MaxInputVars {
			return
		}
		from += a.parsePair(from, end, bool(plus))
	}
}

// ParseFlat reads any urlencoded string as a reader does that splits it at
// ampersands and equals signs and knows nothing of brackets: every name is one key,
// as it is. Of pairs with the same name the last one counts, in the place of the
// first. It reads as many pairs as [ParseStr].
func ParseFlat[S string | []byte](a *Array, s S, plus Plus) {
	a.reset()
	a.text = append(a.text, s...)
	end := len(a.text)
	count := 0
	for from := 0; from < end; from++ {
		if a.text[from] == '&' {
			continue
		}
		if count++; count > MaxInputVars {
			return
		}
		name, value, read := a.decodePair(from, end, bool(plus))
		a.assign(0, name, false, value)
		from += read
	}
}

// parsePair parses the pair at from, decoding it in place. It returns the length
// that the pair had.
func (a *Array) parsePair(from, end int, keepPlus bool) int {
	name, value, read := a.decodePair(from, end, keepPlus)
	a.register(name, value)
	return read
}

// decodePair decodes the pair at from in place, and returns its length.
func (a *Array) decodePair(from, end int, keepPlus bool) (name, value span, read int) {
	n, read, _, _ := unescape(a.text[from:end], '=', keepPlus)
	name = span{from: from, to: from + n}
	value = span{from: end, to: end}
	if pos := from + read; pos < end && a.text[pos] == '=' {
		n, more, seen, _ := unescape(a.text[pos+1:end], '&', keepPlus)
		value = span{pos + 1, pos + 1 + n, seen&reserved == 0}
		read += 1 + more
	}
	return name, value, read
}

// register adds a value as php_register_variable_ex does (PHP 8.2,
// main/php_variables.c), down to what it makes of malformed names.
func (a *Array) register(name, value span) {
	if i := bytes.IndexByte(a.bytes(name), 0); i >= 0 {
		name.to = name.from + i
	}
	for name.from < name.to && a.text[name.from] == ' ' {
		name.from++
	}
	key := span{from: name.from, to: name.from}
	for key.to < name.to && a.text[key.to] != '[' {
		underscore(&a.text[key.to])
		key.to++
	}
	if key.from == key.to {
		return
	}
	top := key
	parent := int32(0)
	appended := false // key is an automatic index
	depth := 0
	for pos := key.to; pos < name.to && a.text[pos] == '['; {
		if depth++; depth > MaxInputNestingLevel {
			a.Remove(string(a.bytes(top)))
			return
		}
		sub := span{from: pos + 1, to: pos + 1}
		if sub.to < name.to && isSpace(a.text[sub.to]) {
			sub.to++
		}
		length := bytes.IndexByte(a.text[sub.to:name.to], ']')
		if length < 0 {
			if depth == 1 { // the bracket is part of the key
				for i := pos; i < name.to; i++ {
					underscore(&a.text[i])
				}
				key.to = name.to
			}
			break
		}
		subAppended := length == 0
		sub.to += length
		var ok bool
		if parent, _, ok = a.replace(parent, key, appended, true); !ok {
			return
		}
		key, appended = sub, subAppended
		pos = sub.to + 1
	}
	a.assign(parent, key, appended, value)
}

// assign makes the value parent's element for the key, in place of what is there.
func (a *Array) assign(parent int32, key span, appended bool, value span) {
	if n, found, ok := a.replace(parent, key, appended, false); ok {
		if found && !bytes.Equal(a.bytes(a.nodes[n].value), a.bytes(value)) {
			a.nodes[n].changed = true
		}
		a.nodes[n].value = value
	}
}

// Merge puts the elements of b into a, as PHP makes $_REQUEST of $_GET and $_POST
// (main/php_variables.c, php_autoglobal_merge): of a name that both have the value of
// b counts, in its place in a; arrays are merged likewise.
func (a *Array) Merge(b *Array) {
	if len(b.nodes) == 0 {
		return
	}
	if len(a.nodes) == 0 {
		a.reset()
	}
	a.canonical = false
	a.merge(0, b, 0)
}

func (a *Array) merge(parent int32, b *Array, from int32) {
	for i := b.nodes[from].first; i != 0; i = b.nodes[i].next {
		key := a.copyOf(b, b.nodes[i].key)
		if !b.nodes[i].isArray {
			a.assign(parent, key, false, a.copyOf(b, b.nodes[i].value))
		} else if n, _, ok := a.replace(parent, key, false, true); ok {
			a.merge(n, b, i)
		}
	}
}

// copyOf copies a piece of b's text into a's.
func (a *Array) copyOf(b *Array, s span) span {
	from := len(a.text)
	a.text = append(a.text, b.bytes(s)...)
	return span{from, len(a.text), s.plain}
}

// replace returns parent's element for the key, an array or a value as wanted,
// in place of one of the other kind that is there. It reports whether one was
// found; and that all is well, but where an automatic index has no room.
func (a *Array) replace(parent int32, key span, appended, wantArray bool) (n int32, found, ok bool) {
	if appended {
		if key, ok = a.appendIndex(parent); !ok {
			return 0, false, false
		}
	}
	n, found = a.element(parent, key)
	if found && a.nodes[n].isArray != wantArray {
		a.nodes[n].changed = true
	}
	switch {
	case !found:
		if i, ok := integer(a.bytes(key)); ok {
			a.countIndex(parent, i)
		}
		if !wantArray {
			a.vars++
		}
	case a.nodes[n].isArray && !wantArray:
		a.vars -= a.count(n) - 1
		a.empty(n)
	case !a.nodes[n].isArray && wantArray:
		a.vars--
		a.nodes[n].hasIndex, a.nodes[n].nextIndex = false, 0
	}
	a.nodes[n].isArray = wantArray
	return n, found, true
}

func underscore(c *byte) {
	if *c == ' ' || *c == '.' || *c == '[' {
		*c = '_'
	}
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
