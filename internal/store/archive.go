package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
)

// Archive is a Driver whose documents can be moved as they are, revisions included.
type Archive interface {
	Driver

	// Collections are the names of the collections that have documents, in order.
	Collections(ctx context.Context) ([]string, error)

	// Load stores new documents with the revisions that they have. fault.Conflict
	// when one of them exists; then, and when it fails otherwise, some may have been
	// stored.
	Load(ctx context.Context, collection string, docs []Doc) error
}

// Used are those of some collections that have documents, in order; a back end may
// know collections that have none any more.
func Used(ctx context.Context, d Driver, names []string) (used []string, err error) {
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		docs, err := d.Scan(ctx, name, Query{Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(docs) > 0 {
			used = append(used, name)
		}
	}
	return used, nil
}

// Content is what a collection has.
type Content struct {
	Collection string `json:"collection"`
	Documents  int    `json:"documents"`
	Digest     string `json:"digest"` // SHA-256 over all of each document, in the order of ids
}

// digest is a Content in the making.
type digest struct {
	Content
	sum hash.Hash
}

func newDigest(collection string) *digest {
	return &digest{Content{Collection: collection}, sha256.New()}
}

// add takes in a document: each of its parts after its length, so that no two
// documents read the same.
func (d *digest) add(doc Doc) {
	d.Documents++
	d.text([]byte(doc.ID))
	d.number(uint64(doc.Revision))
	d.number(uint64(len(doc.Keys)))
	for _, k := range slices.Sorted(maps.Keys(doc.Keys)) {
		d.text([]byte(k))
		d.text([]byte(doc.Keys[k]))
	}
	d.text(doc.Body)
}

func (d *digest) text(t []byte) {
	d.number(uint64(len(t)))
	d.sum.Write(t)
}

func (d *digest) number(n uint64) { d.sum.Write(binary.LittleEndian.AppendUint64(nil, n)) }

func (d *digest) content() Content {
	d.Digest = hex.EncodeToString(d.sum.Sum(nil))
	return d.Content
}

// equal says whether two documents are the same in all.
func equal(a, b Doc) bool {
	return a.ID == b.ID && a.Revision == b.Revision && maps.Equal(a.Keys, b.Keys) && string(a.Body) == string(b.Body)
}

// walk goes through a collection page by page, in the order of ids.
func walk(ctx context.Context, d Driver, collection string, page func([]Doc) error) error {
	for q := (Query{Limit: pageSize}); ; {
		docs, err := d.Scan(ctx, collection, q)
		if err != nil {
			return err
		}
		if err := page(docs); err != nil || len(docs) < q.Limit {
			return err
		}
		q.After = docs[len(docs)-1].ID
	}
}

// pageSize bounds what is held of a store that is copied or compared.
const pageSize = 200
