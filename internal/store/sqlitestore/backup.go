package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Backup writes the store as it is at this moment to a new file, or an empty one,
// which is a store again. Others may go on working on this one.
func (d *Driver) Backup(ctx context.Context, path string) error {
	if err := d.usable(); err != nil {
		return err
	}
	if d.private() {
		return d.copyTo(ctx, d.writer, path)
	}
	// The writer has others to serve, and readers may not even write elsewhere.
	reader, err := sql.Open("sqlite", dsn(d.path))
	if err != nil {
		return d.explain(err)
	}
	return errors.Join(d.copyTo(ctx, reader, path), reader.Close())
}

func (d *Driver) copyTo(ctx context.Context, from *sql.DB, path string) error {
	if _, err := from.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return d.failed(ctx, fmt.Errorf("cannot write the backup: %w", err))
	}
	return nil
}
