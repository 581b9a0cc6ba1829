package sqlitestore

import (
	"context"
	"database/sql/driver"
	"time"
)

// selectNews is how far the journal is folded, and the batches behind one.
const selectNews = `SELECT f.seq, j.seq, j.batch FROM folded f LEFT JOIN journal j ON j.seq > ? ORDER BY j.seq`

// lookAgain is how often the journal is looked at when no process has said that it
// has written: one may have been killed between writing and saying so.
const lookAgain = time.Second

// follow brings the overlay up to all that was acknowledged before.
func (d *Driver) follow(ctx context.Context) error {
	generation := d.traffic.generation()
	if d.follows(generation) {
		return nil
	}
	d.following.Lock()
	defer d.following.Unlock()
	if d.follows(generation) {
		return nil // somebody else did it meanwhile
	}
	now := time.Now()
	rows, err := d.readers.QueryContext(context.WithoutCancel(ctx), selectNews, d.overlay.last())
	if err != nil {
		return err
	}
	defer rows.Close()
	var n news
	for rows.Next() {
		var seq *int64
		var text []byte
		if err := rows.Scan(&n.folded, &seq, &text); err != nil {
			return err
		}
		if err := n.add(seq, text); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	d.overlay.learn(n)
	d.overlay.reach(generation, now)
	return nil
}

func (d *Driver) follows(generation uint32) bool {
	d.overlay.mu.RLock()
	defer d.overlay.mu.RUnlock()
	return d.overlay.generation == generation && !d.overlay.looked.IsZero() &&
		(d.private() || time.Since(d.overlay.looked) < lookAgain)
}

// followLocked is follow for who holds the write lock of the file: nothing is
// missed.
func (d *Driver) followLocked(s *session) error {
	var n news
	err := s.rows(selectNews, []any{d.overlay.last()}, 3, func(row []driver.Value) error {
		n.folded = row[0].(int64)
		if row[1] == nil {
			return nil
		}
		seq := row[1].(int64)
		return n.add(&seq, row[2].([]byte))
	})
	if err == nil {
		d.overlay.learn(n)
	}
	return err
}

// news are what the journal holds that was not known.
type news struct {
	folded  int64
	batches []batch
}

func (n *news) add(seq *int64, text []byte) error {
	if seq == nil {
		return nil
	}
	records, err := decode(text)
	if err != nil {
		return err
	}
	n.batches = append(n.batches, batch{*seq, records})
	return nil
}

// learn takes news in. They may be known, or be out of date, by now.
func (o *overlay) learn(n news) {
	o.drop(n.folded)
	for _, b := range n.batches {
		o.add(b)
	}
}

// reach says that all is known up to a generation.
func (o *overlay) reach(generation uint32, looked time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if int32(generation-o.generation) > 0 || o.looked.IsZero() {
		o.generation = generation
	}
	o.looked = looked
}

// advance says that this process has written the generation's last batch, knowing
// all before it.
func (o *overlay) advance(generation uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.generation == generation-1 {
		o.generation = generation
	}
}
