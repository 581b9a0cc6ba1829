package sqlitestore

import (
	"sync"

	"github.com/bumpwire/bumpwire/internal/store"
)

// maxRemembered bounds the bodies that a process remembers, in bytes, about.
const maxRemembered = 64 << 20

// memory is the documents that were read lately, in two generations: when the young
// one is full it becomes the old one, and what was there is forgotten.
type memory struct {
	mu         sync.Mutex
	young, old map[name]remembered
	size       int // bodies of the young ones, in bytes
}

type name struct{ collection, id string }

// remembered is a document and the count of its counter when it was read.
type remembered struct {
	doc   store.Doc
	count uint32
}

// recall is a document that was read when its counter had this count.
func (m *memory) recall(n name, count uint32) (store.Doc, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, young := m.young[n]
	if !young {
		var known bool
		if r, known = m.old[n]; !known {
			return store.Doc{}, false
		}
		m.keep(n, r)
	}
	return r.doc, r.count == count
}

func (m *memory) remember(n name, r remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(n, r)
}

// keep puts a document among the young ones.
func (m *memory) keep(n name, r remembered) {
	if m.young == nil || m.size > maxRemembered/2 {
		m.young, m.old, m.size = map[name]remembered{}, m.young, 0
	}
	const overhead = 200 // of an entry, keys included
	m.size += len(r.doc.Body) + overhead
	m.young[n] = r
}
