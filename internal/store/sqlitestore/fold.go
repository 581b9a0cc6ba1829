package sqlitestore

import (
	"context"
	"time"
)

const (
	deleteFolded = `DELETE FROM journal WHERE seq <= ?`
	updateFolded = `UPDATE folded SET seq=?`

	foldAtOnce = 128         // documents in a transaction, about
	foldPause  = time.Second // after a failure

	maxJournal = 128 << 20 // what is not folded, in bytes of memory; the collector of garbage lets the process have twice that
)

// folder is what the writing goroutine goes by when it folds.
type folder struct {
	lull    time.Duration // without a write, after which folding begins
	longest int           // bytes that the journal may take in memory; when it takes more, writes wait until it does not

	goesOn bool // the last thing done was to fold
	failed bool
}

func newFolder() folder { return folder{lull: 20 * time.Millisecond, longest: maxJournal} }

// pause is how long the writing goroutine waits before it folds; a negative time:
// there is nothing to fold.
func (d *Driver) pause() time.Duration {
	switch {
	case d.overlay.size() == 0:
		return -1
	case d.folder.failed:
		return foldPause
	case d.folder.goesOn:
		return 0
	}
	return d.folder.lull
}

// fold brings the oldest batches of the journal into the tables. What fails stays
// in the journal, and is tried again.
func (d *Driver) fold(documents int) {
	var upTo int64
	err := d.inTransaction(func(s *session) error {
		list := d.overlay.oldest(documents)
		if len(list) == 0 {
			return nil
		}
		for _, b := range list {
			for n := range b.records {
				r := &b.records[n]
				if d.overlay.look(r.collection, r.doc.ID) != r {
					continue // it was written again since, which a later record brings
				}
				if err := r.apply(s); err != nil {
					return err
				}
			}
		}
		upTo = list[len(list)-1].seq
		if _, err := s.exec(deleteFolded, upTo); err != nil {
			return err
		}
		_, err := s.exec(updateFolded, upTo)
		return err
	})
	d.folder.failed, d.folder.goesOn = err != nil, true
	if err != nil {
		d.reconnect()
		return
	}
	d.overlay.drop(upTo)
	d.folder.failed = d.advance() != nil
}

// Folded waits until all that was written before is in the tables: for who is about
// to read the file by other means than this package.
func (d *Driver) Folded(ctx context.Context) error {
	for {
		if err := d.follow(ctx); err != nil {
			return d.failed(ctx, err)
		}
		if d.overlay.size() == 0 {
			return nil
		}
		select {
		case <-time.After(d.folder.lull + time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		case <-d.closed:
			return d.usable()
		}
	}
}

// foldIfLong keeps what is in memory of the journal within its bound while writes never cease.
func (d *Driver) foldIfLong() {
	for d.overlay.size() > d.folder.longest {
		if d.fold(foldAtOnce); d.folder.failed {
			return
		}
	}
}
