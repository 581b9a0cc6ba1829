package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/bumpwire/bumpwire/internal/store"
)

const (
	selectDamage    = `SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'`
	selectUnindexed = `SELECT d.collection, d.id, 'it has the key ' || j.key || ' and no row in the index' FROM document d,
		json_each(CASE d.keys WHEN '' THEN '{}' ELSE d.keys END) j
		WHERE NOT EXISTS (SELECT 1 FROM keys k WHERE k.collection=d.collection AND k.key=j.key AND k.value=j.value AND k.id=d.id) LIMIT 100`
	selectStray = `SELECT k.collection, k.id, 'the index has it by the key ' || k.key || ', which it does not have' FROM keys k
		WHERE NOT EXISTS (SELECT 1 FROM document d, json_each(CASE d.keys WHEN '' THEN '{}' ELSE d.keys END) j
			WHERE d.collection=k.collection AND d.id=k.id AND j.key=k.key AND j.value=k.value) LIMIT 100`
)

// Check implements store.Checker: SQLite's own check of the file, and the rows of
// the index beside those of the documents.
func (d *Driver) Check(ctx context.Context, f *store.Findings) error {
	if err := d.usable(); err != nil {
		return err
	}
	err := d.ask(ctx, selectDamage, func(rows *sql.Rows) error {
		var what string
		err := rows.Scan(&what)
		f.Add("", d.path, "the file is damaged: %s", what)
		return err
	})
	for _, query := range []string{selectUnindexed, selectStray} {
		if err != nil {
			break
		}
		err = d.ask(ctx, query, func(rows *sql.Rows) error {
			var collection, id, what string
			err := rows.Scan(&collection, &id, &what)
			f.Add(collection, id, "%s", what)
			return err
		})
	}
	if err != nil {
		return d.failed(ctx, err)
	}
	return nil
}

func (d *Driver) ask(ctx context.Context, query string, see func(*sql.Rows) error) error {
	rows, err := d.readers.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := see(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
