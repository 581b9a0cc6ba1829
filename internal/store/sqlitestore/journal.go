package sqlitestore

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bumpwire/bumpwire/internal/store"
)

// The journal is where writes are on disk first: one row for each group, appended,
// so that a group costs a few pages however many documents it has and wherever
// these are. Rows are folded into the tables documents and keys when nobody waits,
// the oldest first. What is in the journal and not folded yet every process has in
// its overlay, and reads look there first.

// record is one write of a group: a document as it is from then on, or is no more.
type record struct {
	collection string
	doc        store.Doc // with its new revision; for a deletion, only its id
	deleted    bool
}

// batch is a row of the journal.
type batch struct {
	seq     int64
	records []record
}

// size is what a batch takes in memory, its entries in the overlay included, in bytes, about.
func (b batch) size() int {
	const each, eachKey = 150, 150
	size := each
	for _, r := range b.records {
		size += each + len(r.collection) + len(r.doc.ID) + len(r.doc.Body)
		for k, v := range r.doc.Keys {
			size += eachKey + len(k) + len(v)
		}
	}
	return size
}

// encode is a batch as it is stored: for each record its collection, id, revision
// (0: deleted), keys and body, texts behind their lengths.
func encode(records []record) []byte {
	size := 0
	for _, r := range records {
		size += len(r.collection) + len(r.doc.ID) + len(r.doc.Body) + 64
	}
	b := make([]byte, 0, size)
	for _, r := range records {
		b = appendText(b, r.collection)
		b = appendText(b, r.doc.ID)
		if r.deleted {
			b = binary.AppendUvarint(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, uint64(r.doc.Revision))
		b = binary.AppendUvarint(b, uint64(len(r.doc.Keys)))
		for k, v := range r.doc.Keys {
			b = appendText(appendText(b, k), v)
		}
		b = appendText(b, r.doc.Body)
	}
	return b
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// decode is the other direction. Its records have copies of the bytes.
func decode(b []byte) ([]record, error) {
	r := reader{rest: b}
	var records []record
	for len(r.rest) > 0 && r.err == nil {
		records = append(records, r.record())
	}
	if r.err != nil {
		return nil, fmt.Errorf("the store's journal is damaged: %w", r.err)
	}
	return records, nil
}

// reader takes a batch apart; after an error it gives nothing.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) record() record {
	x := record{collection: string(r.text()), doc: store.Doc{ID: string(r.text()), Revision: int64(r.number())}}
	if x.doc.Revision == 0 {
		x.deleted = true
		return x
	}
	for n := r.number(); n > 0 && r.err == nil; n-- {
		if x.doc.Keys == nil {
			x.doc.Keys = map[string]string{}
		}
		k := string(r.text())
		x.doc.Keys[k] = string(r.text())
	}
	x.doc.Body = append([]byte{}, r.text()...)
	return x
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.rest, r.err = nil, errors.New("a number is cut off")
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) text() []byte {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.rest, r.err = nil, errors.New("a text is cut off")
		return nil
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}
