package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// migrationID is the document, in the collection meta, of a store into which others
// are being moved: until it is gone the store is not complete, and Open refuses it.
const migrationID = "migration"

// moving is that document.
type moving struct {
	From string `json:"from"` // names the store whose documents they are
}

// Progress is told how many documents of a collection have been dealt with.
type Progress func(doing, collection string, documents int)

// Migrate copies every document of a store, as it is, to an empty one on another back
// end, and compares the two document by document. Nobody may work on either. A
// migration that was ended on its way is begun again by the same call, with the same
// name for the store it comes from, and goes on with what is there. A target that
// has documents of its own is refused with fault.Conflict and left as it is.
func Migrate(ctx context.Context, from, to Archive, name string, tell Progress) ([]Content, error) {
	if err := begin(ctx, to, name); err != nil {
		return nil, err
	}
	if _, err := Mirror(ctx, from, to, tell); err != nil {
		return nil, err
	}
	contents, err := Compare(ctx, from, to, tell)
	if err != nil {
		return nil, err
	}
	return contents, In[moving](New(to), metaCollection, nil).Delete(ctx, migrationID)
}

// begin marks the target as not complete, if it is empty or was marked before.
func begin(ctx context.Context, to Archive, name string) error {
	marks := In[moving](New(to), metaCollection, nil)
	mark, err := marks.Get(ctx, migrationID)
	switch {
	case err == nil && mark.From == name:
		return nil
	case err == nil:
		return fault.New(fault.Conflict, "a migration from %s into this store was begun and has not ended: end it, or take an empty store", mark.From)
	case !errors.Is(err, fault.NotFound):
		return err
	}
	used, err := to.Collections(ctx)
	if err != nil {
		return err
	}
	for _, c := range used {
		if c != presences {
			return fault.New(fault.Conflict, "the store to migrate to is not empty: it has documents in %q", c)
		}
	}
	return marks.Create(ctx, migrationID, moving{name})
}

// unmoved refuses a store into which documents are still to be moved.
func unmoved(ctx context.Context, s *Store) error {
	mark, err := In[moving](s, metaCollection, nil).Get(ctx, migrationID)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "the migration from %s into this store has not ended: run it again", mark.From)
}

// ownDocument says whether a document belongs to the store that it is in, and is
// neither copied nor compared.
func ownDocument(collection, id string) bool {
	return collection == presences || collection == metaCollection && id == migrationID
}

// Mirror makes a store's documents those of another, and says how many it had to
// write or remove. What is there and right is left. Where the other is being written,
// each document is one that it had; a call that had nothing to write has seen all as
// they were at one moment.
func Mirror(ctx context.Context, from, to Archive, tell Progress) (written int, err error) {
	names, err := both(ctx, from, to)
	if err != nil {
		return 0, err
	}
	for _, c := range names {
		n, err := mirrorCollection(ctx, from, to, c, tell)
		if written += n; err != nil {
			return written, fmt.Errorf("cannot copy %s: %w", c, err)
		}
	}
	return written, nil
}

// both are the collections of either store. The format is the last, so that a
// store that has it has the rest.
func both(ctx context.Context, a, b Archive) ([]string, error) {
	names, err := a.Collections(ctx)
	if err != nil {
		return nil, err
	}
	more, err := b.Collections(ctx)
	if err != nil {
		return nil, err
	}
	names = append(slices.Clone(names), more...)
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(c string) bool { return c == presences || c == metaCollection })
	return append(names, metaCollection), nil
}

func mirrorCollection(ctx context.Context, from, to Archive, collection string, tell Progress) (written int, err error) {
	after, done := "", 0
	err = walk(ctx, from, collection, func(page []Doc) error {
		last := ""
		if len(page) == pageSize {
			last = page[len(page)-1].ID
		}
		there, err := span(ctx, to, collection, after, last)
		if err != nil {
			return err
		}
		n, err := mirrorPage(ctx, to, collection, page, there)
		written += n
		after, done = last, done+len(page)
		tell("copied", collection, done)
		return err
	})
	return written, err
}

// span is the documents after one id up to another; "" for the last: to the end.
func span(ctx context.Context, d Driver, collection, after, last string) (map[string]Doc, error) {
	found := map[string]Doc{}
	for q := (Query{After: after, Limit: pageSize}); ; {
		docs, err := d.Scan(ctx, collection, q)
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			if last != "" && doc.ID > last {
				return found, nil
			}
			found[doc.ID] = doc
		}
		if len(docs) < q.Limit {
			return found, nil
		}
		q.After = docs[len(docs)-1].ID
	}
}

// mirrorPage writes what is missing or different and removes what is too much.
func mirrorPage(ctx context.Context, to Archive, collection string, page []Doc, there map[string]Doc) (written int, err error) {
	var missing []Doc
	for _, doc := range page {
		old, exists := there[doc.ID]
		if ownDocument(collection, doc.ID) || exists && equal(old, doc) {
			delete(there, doc.ID)
			continue
		}
		missing = append(missing, doc)
	}
	for id, old := range there {
		if ownDocument(collection, id) {
			continue
		}
		if err := to.Delete(ctx, collection, id, old.Revision); err != nil {
			return written, err
		}
		written++
	}
	return written + len(missing), load(ctx, to, collection, missing)
}

// load stores documents in portions of a bounded size.
func load(ctx context.Context, to Archive, collection string, docs []Doc) error {
	const portion = 8 << 20 // bytes
	for len(docs) > 0 {
		n, size := 0, 0
		for n < len(docs) && (n == 0 || size+len(docs[n].Body) <= portion) {
			size += len(docs[n].Body)
			n++
		}
		if err := to.Load(ctx, collection, docs[:n]); err != nil {
			return err
		}
		docs = docs[n:]
	}
	return nil
}

// Compare goes through two stores and says what both have; the first difference is
// an error that names the document.
func Compare(ctx context.Context, a, b Archive, tell Progress) ([]Content, error) {
	names, err := both(ctx, a, b)
	if err != nil {
		return nil, err
	}
	contents := []Content{}
	for _, c := range names {
		here, err := contentOf(ctx, a, c, tell)
		if err != nil {
			return nil, err
		}
		there, err := contentOf(ctx, b, c, tell)
		if err != nil {
			return nil, err
		}
		if here != there {
			return nil, differ(ctx, a, b, here, there)
		}
		contents = append(contents, here)
	}
	return contents, nil
}

func contentOf(ctx context.Context, d Driver, collection string, tell Progress) (Content, error) {
	sum := newDigest(collection)
	err := walk(ctx, d, collection, func(page []Doc) error {
		for _, doc := range page {
			if !ownDocument(collection, doc.ID) {
				sum.add(doc)
			}
		}
		tell("compared", collection, sum.Documents)
		return nil
	})
	return sum.content(), err
}

// differ finds the first document in which two collections differ.
func differ(ctx context.Context, a, b Archive, here, there Content) error {
	const sentence = "%s differs: %d documents here, %d there; %q is the first that is not the same"
	after, found := "", ""
	err := walk(ctx, a, here.Collection, func(page []Doc) error {
		last := ""
		if len(page) == pageSize {
			last = page[len(page)-1].ID
		}
		others, err := span(ctx, b, here.Collection, after, last)
		if err != nil {
			return err
		}
		for _, doc := range page {
			if other, exists := others[doc.ID]; !ownDocument(here.Collection, doc.ID) && (!exists || !equal(doc, other)) {
				found = doc.ID
				return errFound
			}
			delete(others, doc.ID)
		}
		for id := range others {
			if !ownDocument(here.Collection, id) && (found == "" || id < found) {
				found = id
			}
		}
		if after = last; found != "" {
			return errFound
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFound) {
		return err
	}
	return fault.New(fault.Conflict, sentence, here.Collection, here.Documents, there.Documents, found)
}

var errFound = errors.New("found")

// Strip removes from a copy of a store what belongs to the store it was copied from
// only, and says what is in it.
func Strip(ctx context.Context, d Archive) ([]Content, error) {
	s := New(d)
	visitors := In[Visitor](s, presences, nil)
	there, err := span(ctx, d, presences, "", "")
	if err != nil {
		return nil, err
	}
	for id := range there {
		if err := visitors.Delete(ctx, id); err != nil {
			return nil, err
		}
	}
	names, err := d.Collections(ctx)
	if err != nil {
		return nil, err
	}
	contents := []Content{}
	for _, c := range names {
		content, err := contentOf(ctx, d, c, func(string, string, int) {})
		if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}
