package php

import "strconv"

// Tree returns a as json_encode would write it: below the first level an array whose
// keys are 0, 1 and so on, in this order, is a []any, any other a map[string]any. All
// values are strings. An empty array, as a null of JSON is, is left out, as it is from
// the query.
func (a *Array) Tree() map[string]any {
	if len(a.nodes) == 0 {
		return map[string]any{}
	}
	tree, _ := a.tree(0)
	return tree
}

// tree returns the elements of an array; they are a list too if all is not nil.
func (a *Array) tree(parent int32) (elements map[string]any, all []any) {
	elements = make(map[string]any)
	isList := true
	for i := a.nodes[parent].first; i != 0; i = a.nodes[i].next {
		var element any = string(a.bytes(a.nodes[i].value))
		if a.nodes[i].isArray {
			under, list := a.tree(i)
			if len(under) == 0 {
				continue
			}
			if element = under; list != nil {
				element = list
			}
		}
		key := string(a.bytes(a.nodes[i].key))
		isList = isList && key == strconv.Itoa(len(all))
		elements[key], all = element, append(all, element)
	}
	if !isList {
		all = nil
	}
	return elements, all
}
