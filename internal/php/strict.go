package php

import (
	"bytes"
	"unicode/utf8"
)

// ReadForm reads an application/x-www-form-urlencoded string, a query or a body,
// that is in the normal form. An automatic index is written out: pm[] is pm[0].
// Elements of an array are put together, in the order in which their names first
// occur. The error is an *[Error]; a is then of no use.
//
// Nothing else is changed or left out: rebuilt by [Array.AppendQuery] and read
// again by PHP, with plus signs decoded or kept, by readers that do not nest, and by
// those that nest by brackets alone, the parameters are the same.
//
// Of more than most variables it reads none but these: the error is [ErrTooMany].
func ReadForm[S string | []byte](a *Array, s S, most int) error {
	a.reset()
	a.text = append(a.text, s...)
	a.canonical = !bytes.HasSuffix(a.text, []byte("&"))
	number := 0
	seen := class(0)
	plus, plusNumber := span{}, 0 // the first name of a pair with a plus sign
	for from, end := 0, len(a.text); from < end; from++ {
		if a.text[from] == '&' {
			a.canonical = false
			continue
		}
		if a.vars == most {
			return ErrTooMany
		}
		number++
		name, read, inPair, err := a.readPair(from, end)
		if err != nil {
			err.Number = number
			return err
		}
		if plusNumber == 0 && inPair&rawPlus != 0 {
			plus, plusNumber = name, number
		}
		if seen |= inPair; seen&(rawPlus|plusless) == rawPlus|plusless {
			err := Refuse(a.bytes(plus), `has a plus sign beside " ", "%%20" or "@", and could mean a space or itself: write every space as %%20 and a plus sign as %%2B`)
			err.Number = plusNumber
			return err
		}
		from += read
	}
	if a.canonical {
		a.source = append(a.source[:0], s...)
	}
	return nil
}

// readPair reads the pair at from, decoding it in place. It returns its name, the
// length that the pair had, and what was seen in it.
func (a *Array) readPair(from, end int) (span, int, class, *Error) {
	n, read, inName, ok := unescape(a.text[from:end], '=', false)
	name := span{from: from, to: from + n}
	if !ok {
		return name, 0, 0, Refuse(a.bytes(name), "has a malformed %%-escape: write a percent sign as %%25")
	}
	value := span{from: end, to: end}
	seen := inName
	if pos := from + read; pos < end && a.text[pos] == '=' {
		n, more, inValue, ok := unescape(a.text[pos+1:end], '&', false)
		if !ok {
			return name, 0, 0, Refuse(a.bytes(name), "has a malformed %%-escape in its value: write a percent sign as %%25")
		}
		value = span{pos + 1, pos + 1 + n, inValue&reserved == 0}
		if inValue&high != 0 && !utf8.Valid(a.bytes(value)) {
			return name, 0, 0, Refuse(a.bytes(name), "has a value that is not UTF-8: encode it as UTF-8")
		}
		read += 1 + more
		seen |= inValue
		a.canonical = a.canonical && seen&respelled == 0
	} else {
		a.canonical = false
	}
	if inName&high != 0 && !utf8.Valid(a.bytes(name)) {
		return name, 0, 0, Refuse(a.bytes(name), "has a name that is not UTF-8: encode it as UTF-8")
	}
	if a.text[name.from] == ' ' { // an empty name has its equals sign there
		return name, 0, 0, Refuse(a.bytes(name), "begins with a space, which PHP drops: leave it out, and write an ampersand in a value as %%26")
	}
	if name.from < name.to && inName&endsKey == 0 {
		name.plain = inName&reserved == 0
		a.name, a.group = name, span{}
		return name, read, seen, a.setValue(0, name, value)
	}
	return name, read, seen, a.set(name, value)
}

// scan returns how many bytes stand before the first that is an end, and whether
// urlencode changes none of them.
func scan(s []byte, end class) (n int, plain bool) {
	seen := class(0)
	for ; n < len(s); n++ {
		is := classes[s[n]]
		if is&end != 0 {
			break
		}
		seen |= is
	}
	return n, seen&reserved == 0
}

// set adds a value under a name of the normal form: key or key[sub]...[sub].
func (a *Array) set(name, value span) *Error {
	a.name = name
	text := a.bytes(name)
	if group := a.bytes(a.group); len(group) > 0 && bytes.HasPrefix(text, group) { // as in lists and records
		n, plain := scan(text[len(group):], endsSub)
		if len(group)+n == len(text)-1 && text[len(text)-1] == ']' && (n != 1 || !isSpace(text[len(group)])) {
			from := name.from + len(group)
			return a.setValue(a.groupNode, span{from, from + n, plain}, value)
		}
	}
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
			return Refuse(text, "has more than %d levels of brackets, and PHP drops it: nest it less", MaxInputNestingLevel)
		}
		if a.text[pos] != '[' {
			return Refuse(text, "has text behind a closing bracket, which PHP drops: put it between the brackets")
		}
		rest := a.text[pos+1 : name.to]
		n, plain := scan(rest, endsSub)
		if n == len(rest) || rest[n] != ']' || n == 1 && isSpace(rest[0]) {
			sub, _, closed := bytes.Cut(rest, []byte("]"))
			if !closed {
				return Refuse(text, "has a bracket that is not closed, which PHP turns into an underscore: close it")
			}
			return checkSub(text, sub)
		}
		if next := pos + 2; n == 0 && next < name.to && a.text[next] == '[' {
			return Refuse(text, "has an automatic index in front of more brackets, and PHP begins a new element at each of them: write the index, %s", firstIndex(text))
		}
		var err *Error
		if parent, err = a.setArray(parent, key); err != nil {
			return err
		}
		key = span{pos + 1, pos + 1 + n, plain}
	}
	a.group, a.groupNode = span{from: name.from, to: key.from}, parent
	return a.setValue(parent, key, value)
}

// setArray returns parent's element for the key, an array, adding it if there
// is none yet. The key is not empty.
func (a *Array) setArray(parent int32, key span) (int32, *Error) {
	if a.nodes[parent].indexes != written {
		var err *Error
		if key, err = a.setIndex(parent, key); err != nil {
			return 0, err
		}
	}
	n, found := a.element(parent, key)
	if !found {
		a.nodes[n].isArray = true
		if !a.inOrder(parent, key) {
			return 0, refuseOrder(a.bytes(a.name))
		}
	}
	if n != a.nodes[parent].last {
		a.canonical = false
	}
	if !a.nodes[n].isArray {
		return 0, refuseKinds(a.bytes(a.name))
	}
	return n, nil
}

// setValue adds a value to parent. Its key must be new there.
func (a *Array) setValue(parent int32, key, value span) *Error {
	if a.nodes[parent].indexes != written || key.from == key.to {
		var err *Error
		if key, err = a.setIndex(parent, key); err != nil {
			return err
		}
	}
	n, found := a.element(parent, key)
	switch {
	case !found:
		a.nodes[n].value = value
		a.vars++
		if !a.inOrder(parent, key) {
			return refuseOrder(a.bytes(a.name))
		}
		return nil
	case a.nodes[n].isArray:
		return refuseKinds(a.bytes(a.name))
	}
	name := a.bytes(a.name)
	return Refuse(name, "is given twice, and PHP keeps the last only: name a list's elements %s", elements(name))
}

// setIndex turns an empty key into the automatic index that it stands for.
func (a *Array) setIndex(parent int32, key span) (span, *Error) {
	p := &a.nodes[parent]
	kind := written
	if key.from == key.to {
		kind = automatic
	}
	if p.indexes == undecided {
		p.indexes = kind
	}
	if p.indexes != kind {
		return key, Refuse(a.bytes(a.name), "mixes automatic and written indexes: write all of them, %q, %q", "[0]", "[1]")
	}
	if kind == automatic {
		a.canonical = false
		key, _ = a.appendIndex(parent)
		p.nextIndex++
	}
	return key, nil
}

// inOrder reports whether the key of an element that is new in parent, which is not
// empty, may stand there: those that PHP takes for integers, JavaScript and the
// readers that are written in it sort.
func (a *Array) inOrder(parent int32, key span) bool {
	return a.text[key.from] > '9' || // as most begin with a letter
		a.indexInOrder(parent, key)
}

func (a *Array) indexInOrder(parent int32, key span) bool {
	if a.nodes[parent].indexes == automatic {
		return true
	}
	i, ok := integer(a.bytes(key))
	if !ok {
		return true
	}
	if p := &a.nodes[parent]; p.hasIndex && i < p.nextIndex {
		return false
	}
	a.countIndex(parent, i)
	return true
}

func refuseOrder(name []byte) *Error {
	return Refuse(name, "has a lower index than what stands before it, which not every parser keeps in that order: sort the indexes")
}

func refuseKinds(name []byte) *Error {
	return Refuse(name, "is a value here and a group with brackets elsewhere, and PHP keeps one of the two: rename one")
}

// checkKey checks the part of a name before its first bracket.
func checkKey(name, key []byte) *Error {
	if len(key) == 0 {
		return Refuse(name, "has no name before its value or bracket, and PHP drops it: name it")
	}
	for _, c := range key {
		switch c {
		case 0:
			return Refuse(name, "has a NUL byte, where PHP ends the name: leave it out")
		case ' ', '.':
			return Refuse(name, "has a %q, which PHP turns into an underscore: write an underscore", c)
		case ']':
			return Refuse(name, "has a closing bracket in front of the first that opens, where some parsers divide the name: leave it out")
		}
	}
	return nil
}

// checkSub checks the part of a name between two brackets.
func checkSub(name, sub []byte) *Error {
	if len(sub) == 1 && isSpace(sub[0]) {
		return Refuse(name, "has nothing but white space between its brackets, which PHP reads as an automatic index: write the index")
	}
	for _, c := range sub {
		switch c {
		case 0:
			return Refuse(name, "has a NUL byte, where PHP ends the name: leave it out")
		case '[':
			return Refuse(name, "has a bracket within brackets, which not every parser reads the same: leave it out")
		}
	}
	return nil
}
