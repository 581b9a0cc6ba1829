package sqlitestore

import (
	"context"
	"errors"
	"sync"

	"github.com/bumpwire/bumpwire/internal/store"
)

const selectCollections = `SELECT DISTINCT collection FROM document`

// Collections implements store.Archive.
func (d *Driver) Collections(ctx context.Context) ([]string, error) {
	if err := d.usable(); err != nil {
		return nil, err
	}
	names, err := d.known(ctx)
	if err != nil {
		return nil, d.failed(ctx, err)
	}
	return store.Used(ctx, d, names)
}

// known are the collections in the tables and in the journal.
func (d *Driver) known(ctx context.Context) (names []string, err error) {
	if err := d.follow(ctx); err != nil {
		return nil, err
	}
	d.overlay.folding.RLock()
	defer d.overlay.folding.RUnlock()
	names = d.overlay.collections()
	rows, err := d.readers.QueryContext(ctx, selectCollections)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// Load implements store.Archive.
func (d *Driver) Load(ctx context.Context, collection string, docs []store.Doc) error {
	errs := make([]error, len(docs))
	var together sync.WaitGroup // so that they share transactions
	for n, doc := range docs {
		together.Go(func() { errs[n] = d.submit(&write{ctx: ctx, collection: collection, doc: doc, load: true}) })
	}
	together.Wait()
	return errors.Join(errs...)
}
