package sqlitestore

import (
	"context"
	"errors"
	"os"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// failed is what a call that met err answers: the context's error when the
// context ended it.
func (d *Driver) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if closed := d.usable(); closed != nil {
		return closed
	}
	return d.explain(err)
}

// usable is nil until Close, while the file is there.
func (d *Driver) usable() error {
	select {
	case <-d.closed:
		return fault.New(fault.Unavailable, "the store is closed")
	default:
		return d.presentLately()
	}
}

// lookForFile is how often readers look whether the file is still there. Writers
// always do.
const lookForFile = 100 * time.Millisecond

// presentLately is present for readers, who may be told a moment later.
func (d *Driver) presentLately() error {
	if seen := d.seen.Load(); seen != 0 && time.Since(d.opened) < time.Duration(seen)+lookForFile {
		return nil
	}
	return d.present()
}

// present is nil while the file that was opened is the one at its path. SQLite
// would go on with a file that was moved away or unlinked, which nobody finds again.
func (d *Driver) present() error {
	if d.private() {
		return nil
	}
	at := time.Since(d.opened)
	info, err := os.Stat(d.path)
	if err != nil || !os.SameFile(info, d.file) {
		d.seen.Store(0)
		return &fault.Error{Kind: fault.Unavailable, Message: "the store's file is not where it was", Err: err}
	}
	d.seen.Store(int64(at))
	return nil
}

const readOnly = "the store cannot be written: its file or folder is read-only"

// explain gives SQLite's result codes (https://sqlite.org/rescode.html) a kind
// and a sentence.
func (d *Driver) explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	kind, sentence := fault.Unavailable, ""
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_FULL:
		kind, sentence = fault.Full, "there is no space left on the disk of the store"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		sentence = readOnly
	case sqlite3.SQLITE_CANTOPEN:
		sentence = "the store's file cannot be opened"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		sentence = "the store is in use by another process"
	case sqlite3.SQLITE_IOERR:
		sentence = "the disk of the store does not answer as it should"
	case sqlite3.SQLITE_NOTADB:
		kind, sentence = fault.Invalid, d.path+" is not a Bumpwire store"
	case sqlite3.SQLITE_TOOBIG:
		kind, sentence = fault.TooLarge, "the document is too large"
	default:
		return err
	}
	return &fault.Error{Kind: kind, Message: sentence, Err: err}
}
