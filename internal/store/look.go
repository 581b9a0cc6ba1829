package store

import (
	"context"
	"iter"
	"sync"
)

// maxLooks bounds the decoded values that a collection remembers in a generation.
const maxLooks = 4096

// looks are the values that were decoded lately, each with the body that it was
// decoded from, in two generations: when the young one is full it becomes the old
// one, and what was there is forgotten.
type looks[T any] struct {
	mu         sync.Mutex
	young, old map[string]*look[T]
}

type look[T any] struct {
	body  []byte
	value T
}

// Look is Get for a caller who only looks: the value is shared with others, and
// nothing of it may be altered. A body that the back end gives again is not
// decoded again.
func (c Collection[T]) Look(ctx context.Context, id string) (*T, error) {
	d, err := c.driver.Get(ctx, c.name, id)
	if err != nil {
		return nil, c.explain(id, err)
	}
	return c.shared(d, true)
}

// maxBrowsed is how many values LookAll remembers of a page: more would push out what
// is looked at again and again.
const maxBrowsed = 256

// LookAll is All for a caller who only looks, as with Look.
func (c Collection[T]) LookAll(ctx context.Context, key, value string) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for docs, err := range c.pages(ctx, Query{Key: key, Value: value}) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, d := range docs {
				v, err := c.shared(d, len(docs) <= maxBrowsed)
				if !yield(v, err) || err != nil {
					return
				}
			}
		}
	}
}

func (c Collection[T]) shared(d Doc, remember bool) (*T, error) {
	if known := c.looks.recall(d.ID); known != nil && same(known.body, d.Body) {
		return &known.value, nil
	}
	v, err := c.decode(d)
	if err != nil {
		return nil, err
	}
	fresh := &look[T]{d.Body, v}
	if remember {
		c.looks.remember(d.ID, fresh)
	}
	return &fresh.value, nil
}

// same says whether two bodies are one and the same in memory.
func same(a, b []byte) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

func (l *looks[T]) recall(id string) *look[T] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.young[id]; known != nil {
		return known
	}
	known := l.old[id]
	if known != nil {
		l.keep(id, known)
	}
	return known
}

func (l *looks[T]) remember(id string, fresh *look[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(id, fresh)
}

// keep puts a value among the young ones.
func (l *looks[T]) keep(id string, k *look[T]) {
	if l.young == nil || len(l.young) >= maxLooks {
		l.young, l.old = map[string]*look[T]{}, l.young
	}
	l.young[id] = k
}

// Stamp is a number that any write to the collection changes, for what is made of
// a whole collection; take it before reading. Known is false where the back end
// cannot tell, or not now.
func (c Collection[T]) Stamp() (stamp uint32, known bool) {
	if s, can := c.driver.(Stamper); can {
		return s.Stamp(c.name)
	}
	return 0, false
}
