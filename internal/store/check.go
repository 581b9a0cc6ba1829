package store

import (
	"context"
	"fmt"
	"hash/fnv"
)

// Finding is a contradiction in a store.
type Finding struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Message    string `json:"message"` // one sentence, no secrets
}

// Findings are gathered by those who check.
type Findings []Finding

// Add adds one.
func (f *Findings) Add(collection, id, format string, args ...any) {
	*f = append(*f, Finding{collection, id, fmt.Sprintf(format, args...)})
}

// Checker is what a Driver is that can find contradictions below its documents.
type Checker interface {
	// Check finds them, as far as the back end can be asked.
	Check(ctx context.Context, f *Findings) error
}

// Audit goes through a collection and finds documents that cannot be read, that do
// not have the keys that their contents say, and that are not found by their keys.
// Those that can be read are shown to see.
func (c Collection[T]) Audit(ctx context.Context, f *Findings, see func(id string, v T) error) error {
	terms := map[[2]string]tally{}
	err := walk(ctx, c.driver, c.name, func(page []Doc) error {
		for _, d := range page {
			for k, v := range d.Keys {
				terms[[2]string{k, v}] = terms[[2]string{k, v}].and(d.ID)
			}
			v, err := c.decode(d)
			if err != nil {
				f.Add(c.name, d.ID, "it cannot be read: %s", err)
				continue
			}
			c.auditKeys(f, d, c.indexed(v))
			if err := see(d.ID, v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for term, want := range terms {
		got, err := c.found(ctx, term[0], term[1])
		if err != nil {
			return err
		}
		if got != want {
			f.Add(c.name, term[0]+"="+term[1], "the index of %s %q has %d documents, and %d have it", term[0], term[1], got.count, want.count)
		}
	}
	return nil
}

func (c Collection[T]) auditKeys(f *Findings, d Doc, want map[string]string) {
	if c.keys == nil {
		return // not this collection's view of them
	}
	for k, v := range want {
		if d.Keys[k] != v {
			f.Add(c.name, d.ID, "it is to be found by %s %q and is indexed by %q", k, v, d.Keys[k])
		}
	}
	for k, v := range d.Keys {
		if _, has := want[k]; !has {
			f.Add(c.name, d.ID, "it is indexed by %s %q, which it does not have", k, v)
		}
	}
}

// found is what a key finds.
func (c Collection[T]) found(ctx context.Context, key, value string) (t tally, err error) {
	for q := (Query{Key: key, Value: value, Limit: pageSize}); ; {
		docs, err := c.driver.Scan(ctx, c.name, q)
		if err != nil {
			return t, err
		}
		for _, d := range docs {
			t = t.and(d.ID)
		}
		if len(docs) < q.Limit {
			return t, nil
		}
		q.After = docs[len(docs)-1].ID
	}
}

// tally is a set of ids, as far as it takes to tell two apart.
type tally struct {
	count int
	sum   uint64
}

func (t tally) and(id string) tally {
	h := fnv.New64a()
	h.Write([]byte(id))
	return tally{t.count + 1, t.sum + h.Sum64()}
}
