package sqlitestore

import (
	"context"
	"database/sql/driver"
	"fmt"
	"runtime"
	"time"

	"github.com/bumpwire/bumpwire/internal/store"
)

const (
	maxGroup      = 1024    // writes in one transaction
	maxGroupBytes = 8 << 20 // bodies in one transaction, before the last one
	patientShare  = 8       // of the writes in a transaction that others wait for, one in so many is patient,

	patientEvery = 5 * time.Millisecond // in one transaction of that time
)

// write is one Put or Delete on its way to the writing goroutine.
type write struct {
	ctx        context.Context
	collection string
	doc        store.Doc // for a delete, only its id and revision
	delete     bool
	load       bool       // a new document that has its revision already
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
	queue := d.writes
	if store.IsPatient(w.ctx) {
		queue = d.patient
	}
	select {
	case queue <- w:
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

// write is the writing goroutine: it ends with Close. When nobody writes for a
// while it folds the journal.
func (d *Driver) write() {
	defer close(d.done)
	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	for {
		wake.Stop()
		if pause := d.pause(); pause >= 0 {
			wake.Reset(pause)
		}
		select {
		case w := <-d.writes:
			d.commit(d.gather(w, true))
		case w := <-d.patient:
			d.commit(d.gather(w, false))
		case <-wake.C:
			d.fold(foldAtOnce)
		case <-d.closed:
			return
		}
	}
}

// gather is a write and all others that wait; of patient ones only a few, if
// somebody waits for the group.
func (d *Driver) gather(first *write, urgent bool) []*write {
	// Those whom the last commit woke are about to send their next write.
	runtime.Gosched()
	group := take(d.writes, []*write{first}, maxGroup)
	if urgent || len(group) > 1 {
		if time.Since(d.patientAt) < patientEvery {
			return group
		}
		d.patientAt = time.Now()
		return take(d.patient, group, min(maxGroup, len(group)+1+len(group)/patientShare))
	}
	return take(d.patient, group, maxGroup)
}

// take adds what waits in a queue to a group, which then has up to limit writes.
func take(queue chan *write, group []*write, limit int) []*write {
	size := 0
	for _, w := range group {
		size += len(w.doc.Body)
	}
	for len(group) < limit && size < maxGroupBytes {
		select {
		case w := <-queue:
			group, size = append(group, w), size+len(w.doc.Body)
		default:
			return group
		}
	}
	return group
}

// commit writes a group in one transaction and answers each of its members.
func (d *Driver) commit(group []*write) {
	err := d.present()
	if err == nil {
		err = d.transact(group)
	}
	if err == nil {
		err = d.present() // what was written elsewhere is not acknowledged
	}
	for _, w := range group {
		if err != nil {
			w.answer <- err
			continue
		}
		w.answer <- w.result
	}
	d.folder.goesOn = false
	d.foldIfLong()
}

// transact writes a group in one transaction, or nothing of it.
func (d *Driver) transact(group []*write) error {
	err := d.attempt(group)
	if err != nil {
		d.reconnect()
		return d.explain(fmt.Errorf("cannot write to the store: %w", err))
	}
	return nil
}

func (d *Driver) attempt(group []*write) error {
	b, marked := batch{}, false
	defer func() {
		if marked {
			d.traffic.end(group)
		}
	}()
	err := d.inTransaction(func(s *session) error {
		marked = true
		err := d.traffic.begin(group)
		if err != nil {
			return err
		}
		if b.records, err = d.stageAll(s, group); err != nil || len(b.records) == 0 {
			return err
		}
		b.seq = d.overlay.last() + 1
		_, err = s.exec(insertBatch, b.seq, encode(b.records))
		return err
	})
	if err != nil || len(b.records) == 0 {
		return err
	}
	d.overlay.add(b)
	return d.advance()
}

// advance tells all processes that there is something new.
func (d *Driver) advance() error {
	generation, err := d.traffic.advance()
	if err == nil {
		d.overlay.advance(generation)
	}
	return err
}

func (d *Driver) stageAll(s *session, group []*write) (all []record, err error) {
	staged := map[name]int64{}
	for _, w := range group {
		if w.result = w.ctx.Err(); w.result != nil {
			continue
		}
		records, err := d.stage(s, w, staged)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	return all, nil
}

// inTransaction runs do on the writer's connection, alone among all processes and
// with the overlay complete.
func (d *Driver) inTransaction(do func(s *session) error) error {
	// Nobody's context ends a transaction that is everybody's.
	conn, err := d.writer.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(raw any) error {
		s := d.session.on(raw)
		return s.transaction(func() error {
			if err := d.followLocked(s); err != nil {
				return err
			}
			return do(s)
		})
	})
}

// reconnect drops the connection after a failure, because the file may have been
// replaced, or have come back, since it was opened.
func (d *Driver) reconnect() {
	if d.private() {
		return
	}
	conn, err := d.writer.Conn(context.Background())
	if err != nil {
		return // there is none to drop
	}
	_ = conn.Raw(func(any) error {
		d.session.drop()
		return driver.ErrBadConn
	})
}
