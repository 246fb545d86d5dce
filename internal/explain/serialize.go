package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A phpArray is an array as serialize writes it, whose values are texts and arrays.
type phpArray struct {
	keys   []string
	values map[string]any // a string or a *phpArray
}

// put puts a value where the keys lead, the first of which is this array's.
func (p *phpArray) put(keys []string, value string) {
	if p.values == nil {
		p.values = make(map[string]any)
	}
	key := keys[0]
	old, ok := p.values[key]
	if !ok {
		p.keys = append(p.keys, key)
	}
	if len(keys) == 1 {
		p.values[key] = value
		return
	}
	inner, ok := old.(*phpArray)
	if !ok {
		inner = new(phpArray)
		p.values[key] = inner
	}
	inner.put(keys[1:], value)
}

func (p *phpArray) write(b *strings.Builder) {
	fmt.Fprintf(b, "a:%d:{", len(p.keys))
	for _, key := range p.keys {
		if n, err := strconv.Atoi(key); err == nil && strconv.Itoa(n) == key {
			fmt.Fprintf(b, "i:%d;", n)
		} else {
			writeSerialized(b, key)
		}
		switch value := p.values[key].(type) {
		case string:
			writeSerialized(b, value)
		case *phpArray:
			value.write(b)
		}
	}
	b.WriteByte('}')
}

func writeSerialized(b *strings.Builder, text string) {
	fmt.Fprintf(b, "s:%d:\"%s\";", len(text), text)
}

// serialized returns what serialize of PHP makes of the parameters, as they come and
// sorted by their first keys.
func serialized(ps []parameter) []string {
	var root phpArray
	for _, p := range ps {
		root.put(everyKey(urldecode(p.name)), urldecode(p.value))
	}
	var asSent, sorted strings.Builder
	root.write(&asSent)
	slices.Sort(root.keys)
	root.write(&sorted)
	return []string{asSent.String(), sorted.String()}
}
