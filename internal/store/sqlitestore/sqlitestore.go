// Package sqlitestore keeps a store's documents in one SQLite file.
//
// A commit is on disk before it is acknowledged (WAL, synchronous=FULL). One
// goroutine writes: it puts all writes that wait into one transaction, so that
// concurrent commits share one flush. Reads go beside it over connections of
// their own. Several processes may use one file at the same time.
//
// A group is one row of table journal, which is folded later into table document, a
// row per document, and table keys, a row per document and indexed key. What is not
// folded yet every process has in memory, too, where reads look first.
// application_id marks the file as ours, user_version is the level
// of these tables (not that of the documents, which is the store's matter).
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/bumpwire/bumpwire/internal/fault"
)

const (
	applicationID = 0x42575354 // "BWST"
	tableLevel    = 2
	busyTimeout   = "20000" // milliseconds that a statement waits for another process's lock
)

// writing are the pragmas of the writer. The cache, 16 MiB, holds the inner pages
// of large indexes and is small enough to be gone through at each commit; a
// checkpoint every 8,000 pages (32 MiB) copies a page that many commits altered once.
var writing = []string{"synchronous(FULL)", "cache_size(-16384)", "wal_autocheckpoint(8000)"}

// reading are those of each reader. Its cache, 8 MiB, holds the inner pages of the
// indexes of a million documents.
var reading = []string{"query_only(1)", "cache_size(-8192)"}

// Driver is a store.Driver on a SQLite file. Open and Memory make one.
type Driver struct {
	path    string
	file    os.FileInfo // of the file that was opened
	opened  time.Time
	seen    atomic.Int64 // when the file was last found at its path, after opened; 0: it was not
	writer  *sql.DB      // one connection
	readers *sql.DB      // the writer's, when the database is in memory
	session session      // of the writing goroutine
	one     *sql.Stmt    // reads one document
	all     *sql.Stmt    // reads a page of a collection
	byKey   *sql.Stmt    // reads a page of what has a key
	traffic *traffic
	memory  memory

	overlay   *overlay
	following sync.Mutex // held by who reads the journal for all
	folder    folder

	patientAt time.Time // when a group that somebody waits for last had patient writes

	writes  chan *write   // to the writing goroutine
	patient chan *write   // likewise, of those who can wait
	closed  chan struct{} // closed by Close
	done    chan struct{} // closed when the writing goroutine has ended
	once    sync.Once
}

// Open opens the store in a file and creates it, readable for its owner only,
// when it is absent. A file that is not a store of ours is refused with
// fault.Invalid and left as it is, one whose tables are newer with
// fault.Conflict; a place that cannot be written is fault.Unavailable.
func Open(ctx context.Context, path string) (*Driver, error) {
	return open(ctx, path, newFolder())
}

func open(ctx context.Context, path string, f folder) (*Driver, error) {
	d := newDriver(path)
	d.folder = f
	if err := d.create(); err != nil {
		return nil, err
	}
	var err error
	if d.traffic, err = sharedTraffic(path + "-traffic"); err != nil {
		return nil, err
	}
	if d.writer, err = sql.Open("sqlite", dsn(path, writing...)); err != nil {
		return nil, d.explain(err)
	}
	d.writer.SetMaxOpenConns(1)
	if d.readers, err = sql.Open("sqlite", dsn(path, reading...)); err != nil {
		return nil, d.explain(errors.Join(err, d.writer.Close()))
	}
	conns := max(4, runtime.GOMAXPROCS(0))
	d.readers.SetMaxOpenConns(conns)
	d.readers.SetMaxIdleConns(conns)
	return d.begin(ctx)
}

// Memory is a store that lives in memory and is gone with its Close.
func Memory() (*Driver, error) {
	d := newDriver(":memory:")
	var err error
	if d.writer, err = sql.Open("sqlite", ":memory:"); err != nil {
		return nil, d.explain(err)
	}
	d.writer.SetMaxOpenConns(1)
	d.readers, d.traffic = d.writer, privateTraffic()
	return d.begin(context.Background())
}

// Close implements store.Driver.
func (d *Driver) Close() error {
	d.once.Do(func() { close(d.closed) })
	<-d.done
	d.session.drop()
	return errors.Join(d.readers.Close(), d.writer.Close())
}

func newDriver(path string) *Driver {
	return &Driver{
		path:    path,
		opened:  time.Now(),
		overlay: newOverlay(),
		folder:  newFolder(),
		writes:  make(chan *write),
		patient: make(chan *write),
		closed:  make(chan struct{}),
		done:    make(chan struct{}),
	}
}

// begin makes or checks the tables and starts the writing goroutine.
func (d *Driver) begin(ctx context.Context) (*Driver, error) {
	err := d.prepare(ctx)
	for text, prepared := range map[string]**sql.Stmt{selectOne: &d.one, selectAll: &d.all, selectByKey: &d.byKey} {
		if err == nil {
			*prepared, err = d.readers.PrepareContext(ctx, text)
		}
	}
	if err == nil {
		err = d.follow(ctx)
	}
	if err != nil {
		return nil, d.explain(errors.Join(err, d.readers.Close(), d.writer.Close()))
	}
	go d.write()
	return d, nil
}

// create makes an empty file, because SQLite would make it readable for others.
func (d *Driver) create() error {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return fault.New(fault.Unavailable, "cannot make the folder of the store: %w", err)
	}
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fault.New(fault.Unavailable, "cannot write the store: %w", err)
	}
	d.file, err = f.Stat()
	return errors.Join(err, f.Close())
}

func (d *Driver) private() bool { return d.readers == d.writer }

func dsn(path string, pragmas ...string) string {
	v := url.Values{"_pragma": append(pragmas, "busy_timeout("+busyTimeout+")"), "_txlock": {"immediate"}}
	segments := strings.Split(filepath.ToSlash(path), "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return "file:" + strings.Join(segments, "/") + "?" + v.Encode()
}
