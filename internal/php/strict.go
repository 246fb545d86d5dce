package php

import (
	"bytes"
	"fmt"
)

// ReadForm reads an application/x-www-form-urlencoded string, a query or a body,
// that is in the normal form. An automatic index is written out: pm[] is pm[0].
// Elements of an array are put together, in the order in which their names first
// occur. The error is an *[Error]; a is then of no use.
//
// Nothing else is changed or left out: rebuilt by [Array.AppendQuery] and read
// again by PHP, by a parser that keeps plus signs, or by one that does not nest,
// the parameters are the same. The number of variables is not limited here, see
// [Array.Len].
func ReadForm[S string | []byte](a *Array, s S) error {
	a.reset()
	a.text = append(a.text, s...)
	a.source = append(a.source[:0], s...)
	a.canonical = !bytes.HasSuffix(a.text, []byte("&"))
	for from, end := 0, len(a.text); from < end; from++ {
		if a.text[from] == '&' {
			a.canonical = false
			continue
		}
		read, err := a.readPair(from, end)
		if err != nil {
			return err
		}
		from += read
	}
	return nil
}

// readPair reads the pair at from, decoding it in place. It returns the length
// that the pair had.
func (a *Array) readPair(from, end int) (int, error) {
	n, read, inName, ok := unescape(a.text[from:end], '=', false)
	name := span{from: from, to: from + n}
	if !ok {
		return 0, refuse(a.bytes(name), "has a malformed %%-escape: write a percent sign as %%25")
	}
	value := span{from: end, to: end}
	if pos := from + read; pos < end && a.text[pos] == '=' {
		n, more, inValue, ok := unescape(a.text[pos+1:end], '&', false)
		if !ok {
			return 0, refuse(a.bytes(name), "has a malformed %%-escape in its value: write a percent sign as %%25")
		}
		value = span{pos + 1, pos + 1 + n, inValue&reserved == 0}
		read += 1 + more
		a.canonical = a.canonical && (inName|inValue)&respelled == 0
	} else {
		a.canonical = false
	}
	if name.from < name.to && inName&endsKey == 0 {
		name.plain = inName&reserved == 0
		return read, a.setValue(0, name, value, a.bytes(name))
	}
	return read, a.set(name, value)
}

// scan returns how many bytes stand before the first that is an end, and whether
// urlencode changes none of them.
func scan(s []byte, end class) (n int, plain bool) {
	seen := class(0)
	for ; n < len(s) && classes[s[n]]&end == 0; n++ {
		seen |= classes[s[n]]
	}
	return n, seen&reserved == 0
}

// set adds a value under a name of the normal form: key or key[sub]...[sub].
func (a *Array) set(name, value span) error {
	text := a.bytes(name)
	n, plain := scan(text, endsKey)
	if n == 0 || n < len(text) && text[n] != '[' {
		key, _, _ := bytes.Cut(text, []byte("["))
		return checkKey(text, key)
	}
	key := span{name.from, name.from + n, plain}
	parent := int32(0)
	depth := 0
	for pos := key.to; pos < name.to; pos = key.to + 1 {
		if depth++; depth > MaxInputNestingLevel {
			return refuse(text, "has more than %d levels of brackets, and PHP drops it: nest it less", MaxInputNestingLevel)
		}
		if a.text[pos] != '[' {
			return refuse(text, "has text behind a closing bracket, which PHP drops: put it between the brackets")
		}
		rest := a.text[pos+1 : name.to]
		n, plain := scan(rest, endsSub)
		if n == len(rest) || rest[n] != ']' || n == 1 && isSpace(rest[0]) {
			sub, _, closed := bytes.Cut(rest, []byte("]"))
			if !closed {
				return refuse(text, "has a bracket that is not closed, which PHP turns into an underscore: close it")
			}
			return checkSub(text, sub)
		}
		var err error
		if parent, err = a.setArray(parent, key, text); err != nil {
			return err
		}
		key = span{pos + 1, pos + 1 + n, plain}
	}
	return a.setValue(parent, key, value, text)
}

// setArray returns parent's element for the key, an array, adding it if there
// is none yet.
func (a *Array) setArray(parent int32, key span, name []byte) (int32, error) {
	key, err := a.setIndex(parent, key, name)
	if err != nil {
		return 0, err
	}
	n, found := a.element(parent, key)
	if !found {
		a.nodes[n].isArray = true
	}
	if n != a.nodes[parent].last {
		a.canonical = false
	}
	if !a.nodes[n].isArray {
		return 0, refuseKinds(name)
	}
	return n, nil
}

// setValue adds a value to parent. Its key must be new there.
func (a *Array) setValue(parent int32, key, value span, name []byte) error {
	key, err := a.setIndex(parent, key, name)
	if err != nil {
		return err
	}
	n, found := a.element(parent, key)
	switch {
	case !found:
		a.nodes[n].value = value
		a.vars++
		return nil
	case a.nodes[n].isArray:
		return refuseKinds(name)
	}
	short := name[:min(len(name), maxErrorName)]
	return refuse(name, "is given twice, and PHP keeps the last only: name a list's elements %q, %q", fmt.Sprintf("%s[0]", short), fmt.Sprintf("%s[1]", short))
}

// setIndex turns an empty key into the automatic index that it stands for.
func (a *Array) setIndex(parent int32, key span, name []byte) (span, error) {
	if parent == 0 {
		return key, nil
	}
	p := &a.nodes[parent]
	kind := written
	if key.from == key.to {
		kind = automatic
	}
	if p.indexes == undecided {
		p.indexes = kind
	}
	if p.indexes != kind {
		return key, refuse(name, "mixes automatic and written indexes: write all of them, %q, %q", "[0]", "[1]")
	}
	if kind == automatic {
		a.canonical = false
		key, _ = a.appendIndex(parent)
		p.nextIndex++
	}
	return key, nil
}

func refuseKinds(name []byte) *Error {
	return refuse(name, "is a value here and a group with brackets elsewhere, and PHP keeps one of the two: rename one")
}

// checkKey checks the part of a name before its first bracket.
func checkKey(name, key []byte) error {
	if len(key) == 0 {
		return refuse(name, "has no name before its value or bracket, and PHP drops it: name it")
	}
	for _, c := range key {
		switch c {
		case 0:
			return refuse(name, "has a NUL byte, where PHP ends the name: leave it out")
		case ' ', '.':
			return refuse(name, "has a %q, which PHP turns into an underscore: write an underscore", c)
		}
	}
	return nil
}

// checkSub checks the part of a name between two brackets.
func checkSub(name, sub []byte) error {
	if len(sub) == 1 && isSpace(sub[0]) {
		return refuse(name, "has nothing but white space between its brackets, which PHP reads as an automatic index: write the index")
	}
	for _, c := range sub {
		switch c {
		case 0:
			return refuse(name, "has a NUL byte, where PHP ends the name: leave it out")
		case '[':
			return refuse(name, "has a bracket within brackets, which not every parser reads the same: leave it out")
		}
	}
	return nil
}
