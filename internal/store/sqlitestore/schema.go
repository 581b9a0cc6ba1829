package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// A document's row has its keys once more (as JSON), so that a fold finds the
// rows of table keys that it replaces without an index of their own. Table folded
// has one row: the latest batch of the journal that is in the other tables.
const (
	schema = `
CREATE TABLE document (
	collection TEXT NOT NULL,
	id         TEXT NOT NULL,
	revision   INTEGER NOT NULL,
	keys       TEXT NOT NULL,
	body       BLOB NOT NULL,
	UNIQUE (collection, id)
);
CREATE TABLE keys (
	collection TEXT NOT NULL,
	key        TEXT NOT NULL,
	value      TEXT NOT NULL,
	id         TEXT NOT NULL,
	PRIMARY KEY (collection, key, value, id)
) WITHOUT ROWID;` + schemaOfJournal

	schemaOfJournal = `
CREATE TABLE journal (seq INTEGER PRIMARY KEY, batch BLOB NOT NULL);
CREATE TABLE folded (seq INTEGER NOT NULL);
INSERT INTO folded VALUES (0);`

	// A program that knows level 1 only and is still at work finds its table no more,
	// instead of writing behind the journal's back.
	fromLevel1 = `ALTER TABLE documents RENAME TO document;` + schemaOfJournal
)

// prepare makes the tables in an empty file, lifts older ones and checks those of
// any other. It writes nothing into a file that is not ours.
func (d *Driver) prepare(ctx context.Context) error {
	level, err := d.inspect(ctx, d.writer)
	if err != nil {
		return err
	}
	// The mode is kept in the file; a transaction cannot change it.
	if _, err := d.writer.ExecContext(ctx, "PRAGMA journal_mode=WAL"); err != nil {
		return err
	}
	if level == tableLevel {
		return nil
	}
	tx, err := d.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // without effect after Commit
	// Another process may have been quicker.
	if level, err = d.inspect(ctx, tx); err != nil || level == tableLevel {
		return err
	}
	tables := schema
	if level == 1 {
		tables = fromLevel1
	}
	marks := fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d;", applicationID, tableLevel)
	if _, err := tx.ExecContext(ctx, marks+tables); err != nil {
		return err
	}
	return tx.Commit()
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// inspect is the level of the file's tables, 0 when it is empty, or what is wrong
// with its contents.
func (d *Driver) inspect(ctx context.Context, q querier) (level int, err error) {
	var id, tables int
	err = q.QueryRowContext(ctx, `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id a, pragma_user_version v`).Scan(&id, &level, &tables)
	switch {
	case err != nil:
		return 0, err
	case id == 0 && tables == 0:
		return 0, nil
	case id != applicationID:
		return 0, fault.New(fault.Invalid, "%s is a SQLite file of another program, not a Bumpwire store", d.path)
	case level > tableLevel:
		return 0, fault.New(fault.Conflict, "%s has tables of level %d and this program knows levels up to %d: start a newer version",
			d.path, level, tableLevel)
	}
	return level, nil
}
