package sqlitestore

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/internal/store"
)

// overlay is what the journal holds, in memory: the latest of every document in it.
// A document that has no entry is as table documents has it.
type overlay struct {
	// folding is held for reading by who merges rows of the tables with entries, and
	// for writing while entries go, so that none goes in between.
	folding sync.RWMutex

	mu      sync.RWMutex                  // guards all below
	docs    map[string]map[string]*record // by collection and id
	keyed   map[term]map[string]*record   // by id; without deleted ones
	batches []batch                       // the oldest first
	bytes   int                           // of memory, that all of it takes
	head    int64                         // the latest batch that is known
	folded  int64                         // the latest one that was folded

	generation uint32    // of the traffic, up to which all batches are known
	looked     time.Time // when the file was last asked for more
}

// term is what documents of a collection are found by.
type term struct{ collection, key, value string }

func newOverlay() *overlay {
	return &overlay{docs: map[string]map[string]*record{}, keyed: map[term]map[string]*record{}}
}

// add takes in a batch; one that is known already has no effect.
func (o *overlay) add(b batch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if b.seq <= o.head {
		return
	}
	for n := range b.records {
		r := &b.records[n]
		o.forget(r.collection, r.doc.ID)
		o.keep(r)
	}
	o.batches, o.bytes, o.head = append(o.batches, b), o.bytes+b.size(), b.seq
}

func (o *overlay) keep(e *record) {
	index(o.docs, e.collection, e)
	if e.deleted {
		return
	}
	for k, v := range e.doc.Keys {
		index(o.keyed, term{e.collection, k, v}, e)
	}
}

func index[K comparable](m map[K]map[string]*record, k K, e *record) {
	byID := m[k]
	if byID == nil {
		byID = map[string]*record{}
		m[k] = byID
	}
	byID[e.doc.ID] = e
}

func (o *overlay) forget(collection, id string) {
	e := o.docs[collection][id]
	if e == nil {
		return
	}
	unindex(o.docs, collection, id)
	for k, v := range e.doc.Keys {
		unindex(o.keyed, term{collection, k, v}, id)
	}
}

func unindex[K comparable](m map[K]map[string]*record, k K, id string) {
	byID := m[k]
	delete(byID, id)
	if len(byID) == 0 {
		delete(m, k)
	}
}

// drop forgets all batches up to one that was folded.
func (o *overlay) drop(folded int64) {
	if folded <= o.done() {
		return
	}
	o.folding.Lock()
	defer o.folding.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	gone := 0
	for _, b := range o.batches {
		if b.seq > folded {
			break
		}
		for n := range b.records {
			if r := &b.records[n]; o.docs[r.collection][r.doc.ID] == r {
				o.forget(r.collection, r.doc.ID)
			}
		}
		gone, o.bytes = gone+1, o.bytes-b.size()
	}
	o.batches = slices.Delete(o.batches, 0, gone)
	o.folded, o.head = folded, max(o.head, folded)
}

func (o *overlay) done() int64 {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.folded
}

// last is the latest batch that is known.
func (o *overlay) last() int64 {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.head
}

// collections are those that have entries.
func (o *overlay) collections() []string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.Collect(maps.Keys(o.docs))
}

// look is a document's entry; nil when it has none.
func (o *overlay) look(collection, id string) *record {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.docs[collection][id]
}

// size is how much there is to fold, in bytes of memory; 0 when there is nothing.
func (o *overlay) size() int {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.bytes
}

// oldest are the batches to fold next, with at least so many records if there are.
func (o *overlay) oldest(records int) (list []batch) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for _, b := range o.batches {
		if records <= 0 {
			break
		}
		list, records = append(list, b), records-len(b.records)
	}
	return slices.Clone(list)
}

// merge replaces rows of the tables by what the journal says of them, and adds
// what is only there, in the range behind after and, unless it is empty, up to upTo.
// Rows and overlay are to be read under folding.
func (o *overlay) merge(collection string, q store.Query, rows []store.Doc, upTo string) []store.Doc {
	o.mu.RLock()
	defer o.mu.RUnlock()
	entries := o.docs[collection]
	if len(entries) == 0 {
		return rows
	}
	rows = slices.DeleteFunc(rows, func(d store.Doc) bool { return entries[d.ID] != nil })
	if q.Key != "" {
		entries = o.keyed[term{collection, q.Key, q.Value}]
	}
	had := len(rows)
	for id, e := range entries {
		if !e.deleted && id > q.After && (upTo == "" || id <= upTo) {
			rows = append(rows, e.doc)
		}
	}
	if len(rows) > had {
		slices.SortFunc(rows, func(a, b store.Doc) int { return cmp.Compare(a.ID, b.ID) })
	}
	return rows
}
