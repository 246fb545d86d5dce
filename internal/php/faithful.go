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
	for from := 0; from < end; {
		to := end
		if i := bytes.IndexByte(a.text[from:end], '&'); i >= 0 {
			to = from + i
		}
		if to > from {
			if count++; count > MaxInputVars {
				return
			}
			a.parsePair(from, to, bool(plus))
		}
		from = to + 1
	}
}

func (a *Array) parsePair(from, to int, keepPlus bool) {
	name := span{from, to}
	value := span{to, to}
	if i := bytes.IndexByte(a.text[from:to], '='); i >= 0 {
		name.to = from + i
		value.from = name.to + 1
		n, _ := unescape(a.bytes(value), keepPlus)
		value.to = value.from + n
	}
	n, _ := unescape(a.bytes(name), keepPlus)
	name.to = name.from + n
	a.register(name, value)
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
	key := span{name.from, name.from}
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
		sub := span{pos + 1, pos + 1}
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
		if parent, ok = a.replace(parent, key, appended, true); !ok {
			return
		}
		key, appended = sub, subAppended
		pos = sub.to + 1
	}
	if n, ok := a.replace(parent, key, appended, false); ok {
		a.nodes[n].value = value
	}
}

// replace returns parent's element for the key, an array or a value as wanted,
// in place of one of the other kind that is there.
func (a *Array) replace(parent int32, key span, appended, wantArray bool) (n int32, ok bool) {
	if appended {
		if key, ok = a.appendIndex(parent); !ok {
			return 0, false
		}
	}
	n, h := a.find(parent, a.bytes(key))
	switch {
	case n == 0:
		a.countIndex(parent, a.bytes(key))
		n = a.insert(parent, key, h)
		if !wantArray {
			a.vars++
		}
	case a.nodes[n].isArray && !wantArray:
		a.vars -= a.count(n) - 1
		a.nodes[n].first, a.nodes[n].last = 0, 0
		a.renew(n)
	case !a.nodes[n].isArray && wantArray:
		a.vars--
		a.nodes[n].hasIndex, a.nodes[n].nextIndex = false, 0
	}
	a.nodes[n].isArray = wantArray
	return n, true
}

func underscore(c *byte) {
	if *c == ' ' || *c == '.' || *c == '[' {
		*c = '_'
	}
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
