package sqlitestore

import (
	"bytes"
	"database/sql/driver"
	"maps"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// What the writing goroutine runs.
const (
	insertBatch    = `INSERT INTO journal (seq, batch) VALUES (?, ?)`
	selectRevision = `SELECT revision FROM document WHERE collection=? AND id=?`
	selectKeys     = `SELECT keys FROM document WHERE collection=? AND id=?`
	insertDoc      = `INSERT INTO document (collection, id, revision, keys, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	updateDoc      = `UPDATE document SET revision=?, keys=?, body=? WHERE collection=? AND id=?`
	deleteDoc      = `DELETE FROM document WHERE collection=? AND id=?`
	insertKeys     = `INSERT INTO keys (collection, key, value, id) VALUES (?, ?, ?, ?)`
	deleteKey      = `DELETE FROM keys WHERE collection=? AND key=? AND value=? AND id=?`
)

// stage is what a write puts into the journal behind those staged before it, by
// document; nothing, when what is stored forbids it: w.result says so.
func (d *Driver) stage(s *session, w *write, staged map[name]int64) (records []record, err error) {
	n := name{w.collection, w.doc.ID}
	revision, known := staged[n]
	if !known {
		if revision, err = d.revision(s, n); err != nil {
			return nil, err
		}
	}
	if w.result = w.judge(revision); w.result != nil {
		return nil, nil
	}
	if w.delete {
		staged[n] = 0
		return []record{{collection: w.collection, doc: store.Doc{ID: w.doc.ID}, deleted: true}}, nil
	}
	doc := w.doc
	doc.Revision, doc.Body = w.next(), bytes.Clone(w.doc.Body)
	staged[n] = doc.Revision
	return []record{{collection: w.collection, doc: doc}}, nil
}

// next is the revision that the document gets.
func (w *write) next() int64 {
	if w.load {
		return w.doc.Revision
	}
	return w.doc.Revision + 1
}

// revision is that of a document as stored; 0 when it is absent.
func (d *Driver) revision(s *session, n name) (int64, error) {
	if e := d.overlay.look(n.collection, n.id); e != nil {
		return e.doc.Revision, nil
	}
	row := make([]driver.Value, 1)
	found, err := s.row(selectRevision, []any{n.collection, n.id}, row)
	if err != nil || !found {
		return 0, err
	}
	return row[0].(int64), nil
}

// judge is what the stored revision, 0 when there is none, forbids.
func (w *write) judge(stored int64) error {
	switch {
	case w.load && stored == 0:
		return nil
	case w.delete && stored == 0:
		return fault.New(fault.NotFound, "there is no %q in %s", w.doc.ID, w.collection)
	case stored == w.doc.Revision && !w.load:
		return nil
	case w.load || w.doc.Revision == 0 && !w.delete:
		return fault.New(fault.Conflict, "%q in %s exists already", w.doc.ID, w.collection)
	case stored == 0:
		return fault.New(fault.Conflict, "%q in %s is gone", w.doc.ID, w.collection)
	}
	return fault.New(fault.Conflict, "%q in %s has been changed meanwhile", w.doc.ID, w.collection)
}

// apply brings a record into the tables.
func (r record) apply(s *session) error {
	text, err := encodeKeys(r.doc.Keys)
	if err != nil {
		return err
	}
	if !r.deleted { // most are new, which shows in the attempt
		inserted, err := s.exec(insertDoc, r.collection, r.doc.ID, r.doc.Revision, text, r.doc.Body)
		if err != nil {
			return err
		}
		if inserted > 0 {
			return r.applyKeys(s, nil)
		}
	}
	row := make([]driver.Value, 1)
	found, err := s.row(selectKeys, []any{r.collection, r.doc.ID}, row)
	if err != nil || !found {
		return err
	}
	old, err := decodeKeys(row[0].(string))
	if err != nil {
		return err
	}
	if err := r.applyKeys(s, old); err != nil {
		return err
	}
	if r.deleted {
		_, err = s.exec(deleteDoc, r.collection, r.doc.ID)
	} else {
		_, err = s.exec(updateDoc, r.doc.Revision, text, r.doc.Body, r.collection, r.doc.ID)
	}
	return err
}

func (r record) applyKeys(s *session, old map[string]string) error {
	for k, v := range old {
		if now, has := r.doc.Keys[k]; has && now == v {
			continue
		}
		if _, err := s.exec(deleteKey, r.collection, k, v, r.doc.ID); err != nil {
			return err
		}
	}
	var rows []any
	for _, k := range slices.Sorted(maps.Keys(r.doc.Keys)) {
		v := r.doc.Keys[k]
		if before, had := old[k]; !had || before != v {
			rows = append(rows, r.collection, k, v, r.doc.ID)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := s.exec(insertKeys+strings.Repeat(", (?, ?, ?, ?)", len(rows)/4-1), rows...)
	return err
}
