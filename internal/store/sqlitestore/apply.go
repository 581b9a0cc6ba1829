package sqlitestore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// statements are what the writing goroutine runs, compiled once.
type statements struct {
	revision, insert, update, remove, addKey, removeKey *sql.Stmt
}

func (d *Driver) compile(ctx context.Context) (s statements, err error) {
	for _, p := range []struct {
		into **sql.Stmt
		text string
	}{
		{&s.revision, `SELECT revision, keys FROM documents WHERE collection=? AND id=?`},
		{&s.insert, `INSERT INTO documents (collection, id, revision, keys, body) VALUES (?, ?, 1, ?, ?)`},
		{&s.update, `UPDATE documents SET revision=revision+1, keys=?, body=? WHERE collection=? AND id=?`},
		{&s.remove, `DELETE FROM documents WHERE collection=? AND id=?`},
		{&s.addKey, `INSERT INTO keys (collection, key, value, id) VALUES (?, ?, ?, ?)`},
		{&s.removeKey, `DELETE FROM keys WHERE collection=? AND key=? AND value=? AND id=?`},
	} {
		if *p.into, err = d.writer.PrepareContext(ctx, p.text); err != nil {
			return s, err
		}
	}
	return s, nil
}

// in is the statements within a transaction, which closes them.
func (s statements) in(tx *sql.Tx) statements {
	return statements{
		revision: tx.Stmt(s.revision), insert: tx.Stmt(s.insert), update: tx.Stmt(s.update),
		remove: tx.Stmt(s.remove), addKey: tx.Stmt(s.addKey), removeKey: tx.Stmt(s.removeKey),
	}
}

// apply does one write within the group's transaction. What concerns this write
// only goes to w.result; an error is one of the whole group.
func (w *write) apply(s statements) error {
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

// judge is what the stored revision, 0 when there is none, forbids.
func (w *write) judge(stored int64) error {
	switch {
	case w.delete && stored == 0:
		return fault.New(fault.NotFound, "there is no %q in %s", w.doc.ID, w.collection)
	case stored == w.doc.Revision:
		return nil
	case stored == 0:
		return fault.New(fault.Conflict, "%q in %s is gone", w.doc.ID, w.collection)
	case w.doc.Revision == 0 && !w.delete:
		return fault.New(fault.Conflict, "%q in %s exists already", w.doc.ID, w.collection)
	}
	return fault.New(fault.Conflict, "%q in %s has been changed meanwhile", w.doc.ID, w.collection)
}

// stored is the revision and the keys of the document as it is; 0 when absent.
func (w *write) stored(s statements) (revision int64, keys map[string]string, err error) {
	var text string
	err = s.revision.QueryRow(w.collection, w.doc.ID).Scan(&revision, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	keys, err = decodeKeys(text)
	return revision, keys, err
}

func (w *write) applyKeys(s statements, old map[string]string) error {
	for k, v := range old {
		if now, has := w.doc.Keys[k]; has && now == v {
			continue
		}
		if _, err := s.removeKey.Exec(w.collection, k, v, w.doc.ID); err != nil {
			return err
		}
	}
	for k, v := range w.doc.Keys {
		if before, had := old[k]; had && before == v {
			continue
		}
		if _, err := s.addKey.Exec(w.collection, k, v, w.doc.ID); err != nil {
			return err
		}
	}
	return nil
}

func (w *write) applyDoc(s statements) error {
	if w.delete {
		_, err := s.remove.Exec(w.collection, w.doc.ID)
		return err
	}
	keys, err := encodeKeys(w.doc.Keys)
	if err != nil {
		return err
	}
	if w.doc.Revision == 0 {
		_, err = s.insert.Exec(w.collection, w.doc.ID, keys, w.doc.Body)
		return err
	}
	_, err = s.update.Exec(keys, w.doc.Body, w.collection, w.doc.ID)
	return err
}
