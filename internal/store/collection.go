package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Unchanged is what the closure of Update or Upsert returns when there is nothing
// to write: the call then succeeds with the current value.
var Unchanged = errors.New("unchanged")

// Collection is the documents of one kind. Its values are encoded as JSON: a
// field added to T must work when absent from what was stored earlier.
type Collection[T any] struct {
	driver Driver
	name   string
	keys   func(T) map[string]string
	looks  *looks[T]
}

// In is the collection of that name. Function keys says what a value is found by,
// besides its id; nil for nothing. Keys with an empty value are not indexed.
func In[T any](s *Store, name string, keys func(T) map[string]string) Collection[T] {
	return Collection[T]{driver: s.driver, name: name, keys: keys, looks: &looks[T]{}}
}

// Get reads one value. Absent: fault.NotFound.
func (c Collection[T]) Get(ctx context.Context, id string) (T, error) {
	v, _, err := c.read(ctx, id)
	return v, err
}

// Create stores a new value. fault.Conflict when the id exists.
func (c Collection[T]) Create(ctx context.Context, id string, v T) error {
	return c.write(ctx, id, 0, v)
}

// Update reads a value, has change make the next one of it, and stores that if
// nobody else wrote in between; otherwise it reads and calls change again. An
// error of change ends the call with that error and nothing written; Unchanged
// ends it with the current value and no error. Absent: fault.NotFound.
func (c Collection[T]) Update(ctx context.Context, id string, change func(T) (T, error)) (T, error) {
	return c.swap(ctx, id, func(old T, exists bool) (T, error) {
		if !exists {
			return old, c.absent(id)
		}
		return change(old)
	})
}

// Upsert is Update for a value that need not exist yet: change is told whether it
// does, and gets the zero value when not.
func (c Collection[T]) Upsert(ctx context.Context, id string, change func(old T, exists bool) (T, error)) (T, error) {
	return c.swap(ctx, id, change)
}

// Delete removes a value, whatever its revision. Absent: no error.
func (c Collection[T]) Delete(ctx context.Context, id string) error {
	for try := 0; ; try++ {
		d, err := c.driver.Get(ctx, c.name, id)
		if err == nil {
			err = c.driver.Delete(ctx, c.name, id, d.Revision)
		}
		switch {
		case errors.Is(err, fault.NotFound):
			return nil
		case !errors.Is(err, fault.Conflict):
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// List reads the values that q selects, in the order of their ids; none is no error.
func (c Collection[T]) List(ctx context.Context, q Query) ([]T, error) {
	docs, err := c.driver.Scan(ctx, c.name, q)
	if err != nil {
		return nil, err
	}
	values := make([]T, len(docs))
	for i, d := range docs {
		if values[i], err = c.decode(d); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// All goes through every value whose key has the given value (every value at all
// when key is ""), in the order of their ids, page by page. Values written
// meanwhile may be seen or not. An error is the last thing it yields.
func (c Collection[T]) All(ctx context.Context, key, value string) iter.Seq2[T, error] {
	return c.From(ctx, Query{Key: key, Value: value})
}

// From is All for what q selects, from q.After on; q.Limit is how many are read at a
// time.
func (c Collection[T]) From(ctx context.Context, q Query) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for docs, err := range c.pages(ctx, q) {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, d := range docs {
				v, err := c.decode(d)
				if !yield(v, err) || err != nil {
					return
				}
			}
		}
	}
}

// pages are the documents that q selects, so many at a time as q.Limit says.
func (c Collection[T]) pages(ctx context.Context, q Query) iter.Seq2[[]Doc, error] {
	if q.Limit <= 0 {
		q.Limit = DefaultLimit
	}
	return func(yield func([]Doc, error) bool) {
		for q := q; ; {
			docs, err := c.driver.Scan(ctx, c.name, q)
			if !yield(docs, err) || err != nil || len(docs) < q.Limit {
				return
			}
			q.After = docs[len(docs)-1].ID
		}
	}
}

func (c Collection[T]) swap(ctx context.Context, id string, change func(T, bool) (T, error)) (T, error) {
	for try := 0; ; try++ {
		old, revision, err := c.read(ctx, id)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return old, err
		}
		next, err := change(old, revision > 0)
		if errors.Is(err, Unchanged) {
			return old, nil
		}
		if err != nil {
			return old, err
		}
		if err = c.write(ctx, id, revision, next); err == nil {
			return next, nil
		}
		if !errors.Is(err, fault.Conflict) {
			return old, err
		}
		if err := pause(ctx, try); err != nil {
			return old, err
		}
	}
}

// read is a value with its revision, which is 0 when the value is absent.
func (c Collection[T]) read(ctx context.Context, id string) (v T, revision int64, err error) {
	d, err := c.driver.Get(ctx, c.name, id)
	if err != nil {
		return v, 0, c.explain(id, err)
	}
	v, err = c.decode(d)
	return v, d.Revision, err
}

func (c Collection[T]) write(ctx context.Context, id string, revision int64, v T) error {
	if id == "" || len(id) > MaxID || !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return fault.New(fault.Invalid, "%q cannot be an id: an id has 1 to %d bytes of text", id, MaxID)
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot encode %s %q: %w", c.name, id, err)
	}
	if len(body) > MaxBody {
		return fault.New(fault.TooLarge, "%s %q has %d bytes; the store takes up to %d", c.name, id, len(body), MaxBody)
	}
	return c.driver.Put(ctx, c.name, Doc{ID: id, Revision: revision, Keys: c.indexed(v), Body: body})
}

func (c Collection[T]) indexed(v T) map[string]string {
	if c.keys == nil {
		return nil
	}
	keys := c.keys(v)
	for k, value := range keys {
		if value == "" {
			delete(keys, k)
		}
	}
	return keys
}

func (c Collection[T]) decode(d Doc) (v T, err error) {
	if err := json.Unmarshal(d.Body, &v); err != nil {
		return v, fmt.Errorf("cannot decode %s %q: %w", c.name, d.ID, err)
	}
	return v, nil
}

// explain names an absent value; any other error stands as it is.
func (c Collection[T]) explain(id string, err error) error {
	if errors.Is(err, fault.NotFound) {
		return c.absent(id)
	}
	return err
}

func (c Collection[T]) absent(id string) error {
	return fault.New(fault.NotFound, "there is no %q in %s", id, c.name)
}

// pause keeps losers of many races on one document out of each other's way.
func pause(ctx context.Context, try int) error {
	if try < 2 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(time.Millisecond << min(try, 5))):
		return nil
	}
}
