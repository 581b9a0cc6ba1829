package ovf

import (
	"strconv"

	"github.com/beevik/etree"
)

// place is where an element starts in the descriptor. Places form the same
// tree as the elements, so that a path can be told long after the elements are gone.
type place struct {
	parent       *place
	name         string
	namespace    string
	ordinal      int32 // from 1, among siblings of the same name
	line, column int32
}

// path is XPath-like: /Envelope/References/File[2]. A first sibling bears no
// number.
func (p *place) path() string {
	if p == nil {
		return ""
	}
	step := "/" + p.name
	if p.ordinal > 1 {
		step += "[" + strconv.Itoa(int(p.ordinal)) + "]"
	}
	return p.parent.path() + step
}

// node is an element of the descriptor with its place. The zero node stands
// for an element that is absent; its methods answer with nothing.
type node struct {
	el  *etree.Element
	doc *document
}

func (n node) exists() bool { return n.el != nil }

func (n node) place() *place {
	if n.el == nil {
		return nil
	}
	return n.doc.places[n.el]
}

func (n node) namespace() string { return n.place().namespace }

// is reports whether the element is OVF's own of that name, in any of the
// versions: 2.x elements are grafted into 1.x descriptors in practice.
func (n node) is(name string) bool {
	return n.el != nil && n.el.Tag == name && n.doc.isOVF(n.namespace())
}

// children calls yield for each child element.
func (n node) children(yield func(node) bool) {
	if n.el == nil {
		return
	}
	for _, token := range n.el.Child {
		if el, ok := token.(*etree.Element); ok && !yield(node{el, n.doc}) {
			return
		}
	}
}

// child returns the first OVF child of that name.
func (n node) child(name string) node {
	for c := range n.children {
		if c.is(name) {
			return c
		}
	}
	return node{}
}
