package sqlitestore

import (
	"database/sql/driver"
	"maps"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// What the writing goroutine runs.
const (
	selectRevision = `SELECT revision, keys FROM documents WHERE collection=? AND id=?`
	insertDoc      = `INSERT INTO documents (collection, id, revision, keys, body) VALUES (?, ?, 1, ?, ?) ON CONFLICT DO NOTHING`
	updateDoc      = `UPDATE documents SET revision=revision+1, keys=?, body=? WHERE collection=? AND id=?`
	deleteDoc      = `DELETE FROM documents WHERE collection=? AND id=?`
	insertKeys     = `INSERT INTO keys (collection, key, value, id) VALUES (?, ?, ?, ?)`
	deleteKey      = `DELETE FROM keys WHERE collection=? AND key=? AND value=? AND id=?`
)

// apply does one write within the group's transaction. What concerns this write
// only goes to w.result; an error is one of the whole group.
func (w *write) apply(s *session) error {
	if w.doc.Revision == 0 && !w.delete {
		return w.create(s)
	}
	revision, keys, err := w.stored(s)
	if err != nil {
		return err
	}
	if w.result = w.judge(revision); w.result != nil {
		return nil
	}
	if err := w.applyKeys(s, keys); err != nil {
		return err
	}
	return w.applyDoc(s)
}

// create inserts a new document. That its id is taken shows in the attempt, so it
// is not looked for before.
func (w *write) create(s *session) error {
	keys, err := encodeKeys(w.doc.Keys)
	if err != nil {
		return err
	}
	inserted, err := s.exec(insertDoc, w.collection, w.doc.ID, keys, w.doc.Body)
	if err != nil {
		return err
	}
	if inserted == 0 {
		w.result = fault.New(fault.Conflict, "%q in %s exists already", w.doc.ID, w.collection)
		return nil
	}
	return w.applyKeys(s, nil)
}

// judge is what the stored revision, 0 when there is none, forbids.
func (w *write) judge(stored int64) error {
	switch {
	case w.delete && stored == 0:
		return fault.New(fault.NotFound, "there is no %q in %s", w.doc.ID, w.collection)
	case stored == w.doc.Revision:
		return nil
	case stored == 0:
		return fault.New(fault.Conflict, "%q in %s is gone", w.doc.ID, w.collection)
	}
	return fault.New(fault.Conflict, "%q in %s has been changed meanwhile", w.doc.ID, w.collection)
}

// stored is the revision and the keys of the document as it is; 0 when absent.
func (w *write) stored(s *session) (revision int64, keys map[string]string, err error) {
	row := make([]driver.Value, 2)
	found, err := s.row(selectRevision, []any{w.collection, w.doc.ID}, row)
	if err != nil || !found {
		return 0, nil, err
	}
	keys, err = decodeKeys(row[1].(string))
	return row[0].(int64), keys, err
}

func (w *write) applyKeys(s *session, old map[string]string) error {
	for k, v := range old {
		if now, has := w.doc.Keys[k]; has && now == v {
			continue
		}
		if _, err := s.exec(deleteKey, w.collection, k, v, w.doc.ID); err != nil {
			return err
		}
	}
	var rows []any
	for _, k := range slices.Sorted(maps.Keys(w.doc.Keys)) {
		v := w.doc.Keys[k]
		if before, had := old[k]; !had || before != v {
			rows = append(rows, w.collection, k, v, w.doc.ID)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := s.exec(insertKeys+strings.Repeat(", (?, ?, ?, ?)", len(rows)/4-1), rows...)
	return err
}

func (w *write) applyDoc(s *session) error {
	if w.delete {
		_, err := s.exec(deleteDoc, w.collection, w.doc.ID)
		return err
	}
	keys, err := encodeKeys(w.doc.Keys)
	if err != nil {
		return err
	}
	_, err = s.exec(updateDoc, keys, w.doc.Body, w.collection, w.doc.ID)
	return err
}
