package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"runtime"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

const (
	maxGroup      = 1024    // writes in one transaction
	maxGroupBytes = 8 << 20 // bodies in one transaction, before the last one
)

// write is one Put or Delete on its way to the writing goroutine.
type write struct {
	ctx        context.Context
	collection string
	doc        store.Doc // for a delete, only its id and revision
	delete     bool
	result     error      // of this write alone; a conflict
	answer     chan error // buffered; answered once, after COMMIT
}

// Put implements store.Driver.
func (d *Driver) Put(ctx context.Context, collection string, doc store.Doc) error {
	return d.submit(&write{ctx: ctx, collection: collection, doc: doc})
}

// Delete implements store.Driver.
func (d *Driver) Delete(ctx context.Context, collection, id string, revision int64) error {
	return d.submit(&write{ctx: ctx, collection: collection, doc: store.Doc{ID: id, Revision: revision}, delete: true})
}

func (d *Driver) submit(w *write) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	w.answer = make(chan error, 1)
	select {
	case d.writes <- w:
	case <-d.closed:
		return d.usable()
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	select {
	case err := <-w.answer:
		return err
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// write is the writing goroutine: it ends with Close.
func (d *Driver) write() {
	defer close(d.done)
	for {
		select {
		case w := <-d.writes:
			d.commit(d.gather(w))
		case <-d.closed:
			return
		}
	}
}

// gather is a write and all others that wait.
func (d *Driver) gather(first *write) []*write {
	// Those whom the last commit woke are about to send their next write.
	runtime.Gosched()
	group, size := []*write{first}, len(first.doc.Body)
	for len(group) < maxGroup && size < maxGroupBytes {
		select {
		case w := <-d.writes:
			group, size = append(group, w), size+len(w.doc.Body)
		default:
			return group
		}
	}
	return group
}

// commit writes a group in one transaction and answers each of its members.
func (d *Driver) commit(group []*write) {
	err := d.transact(group)
	if err != nil {
		err = d.explain(fmt.Errorf("cannot write to the store: %w", err))
		d.reconnect()
	}
	for _, w := range group {
		if err != nil {
			w.answer <- err
			continue
		}
		w.answer <- w.result
	}
}

func (d *Driver) transact(group []*write) error {
	// Nobody's context ends a transaction that is everybody's.
	tx, err := d.writer.Begin()
	if err != nil {
		return err
	}
	for _, w := range group {
		if w.result = w.ctx.Err(); w.result != nil {
			continue
		}
		if err := w.apply(tx); err != nil {
			_ = tx.Rollback() // err says more
			return err
		}
	}
	return tx.Commit()
}

// reconnect drops the connection after a failure, because the file may have been
// replaced, or have come back, since it was opened.
func (d *Driver) reconnect() {
	if d.memory() {
		return
	}
	conn, err := d.writer.Conn(context.Background())
	if err != nil {
		return // there is none to drop
	}
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// apply does one write within the group's transaction. What concerns this write
// only goes to w.result; an error is one of the whole group.
func (w *write) apply(tx *sql.Tx) error {
	stored, keys, err := w.stored(tx)
	if err != nil {
		return err
	}
	switch {
	case w.delete && stored == 0:
		w.result = fault.New(fault.NotFound, "there is no %q in %s", w.doc.ID, w.collection)
		return nil
	case stored == 0 && w.doc.Revision != 0:
		w.result = fault.New(fault.Conflict, "%s %q is gone", w.collection, w.doc.ID)
		return nil
	case stored != 0 && w.doc.Revision == 0 && !w.delete:
		w.result = fault.New(fault.Conflict, "%s %q exists already", w.collection, w.doc.ID)
		return nil
	case stored != w.doc.Revision:
		w.result = fault.New(fault.Conflict, "%s %q has been changed meanwhile", w.collection, w.doc.ID)
		return nil
	}
	if err := w.applyKeys(tx, keys); err != nil {
		return err
	}
	return w.applyDoc(tx)
}

// stored is the revision and the keys of the document as it is; 0 when absent.
func (w *write) stored(tx *sql.Tx) (revision int64, keys map[string]string, err error) {
	var text string
	err = tx.QueryRow(`SELECT revision, keys FROM documents WHERE collection=? AND id=?`, w.collection, w.doc.ID).Scan(&revision, &text)
	if err == sql.ErrNoRows {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	keys, err = decodeKeys(text)
	return revision, keys, err
}

func (w *write) applyKeys(tx *sql.Tx, old map[string]string) error {
	for k, v := range old {
		if now, has := w.doc.Keys[k]; has && now == v {
			continue
		}
		if _, err := tx.Exec(`DELETE FROM keys WHERE collection=? AND key=? AND value=? AND id=?`, w.collection, k, v, w.doc.ID); err != nil {
			return err
		}
	}
	for k, v := range w.doc.Keys {
		if before, had := old[k]; had && before == v {
			continue
		}
		if _, err := tx.Exec(`INSERT INTO keys (collection, key, value, id) VALUES (?, ?, ?, ?)`, w.collection, k, v, w.doc.ID); err != nil {
			return err
		}
	}
	return nil
}

func (w *write) applyDoc(tx *sql.Tx) error {
	if w.delete {
		_, err := tx.Exec(`DELETE FROM documents WHERE collection=? AND id=?`, w.collection, w.doc.ID)
		return err
	}
	keys, err := encodeKeys(w.doc.Keys)
	if err != nil {
		return err
	}
	if w.doc.Revision == 0 {
		_, err = tx.Exec(`INSERT INTO documents (collection, id, revision, keys, body) VALUES (?, ?, 1, ?, ?)`,
			w.collection, w.doc.ID, keys, w.doc.Body)
		return err
	}
	_, err = tx.Exec(`UPDATE documents SET revision=revision+1, keys=?, body=? WHERE collection=? AND id=?`,
		keys, w.doc.Body, w.collection, w.doc.ID)
	return err
}
