// Package store keeps documents: JSON bodies under an id in a named collection,
// found again by id or by an indexed key. It is a concrete type over a narrow
// Driver, so that what all back ends share is written and tested once.
//
// One document is the unit of atomicity. There are no transactions over several
// documents; a change of state is a compare-and-swap on the document's revision,
// written as a closure that may run again (Collection.Update). Whatever must not
// be lost together belongs into one document.
//
// A write that returned without error is on disk. A write that returned an error
// other than Conflict may or may not have happened: a reader must look, and a
// closure must bear being run on its own earlier result.
//
// The collection "meta" is this package's own: its document "format" holds the
// level of everything else (see Open).
package store

import (
	"context"
	"errors"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// MaxBody is the largest body in bytes that every back end takes.
const MaxBody = 15 << 20

// MaxID is the longest id in bytes.
const MaxID = 1024

// Doc is a document as a driver keeps it.
type Doc struct {
	ID       string            // 1 to MaxID bytes of UTF-8 without NUL; ids order by their bytes
	Revision int64             // rises by one with every write; 1 after the first; 0 = not stored yet
	Keys     map[string]string // what the document is found by, besides its id; empty values are not indexed
	Body     []byte            // JSON
}

// Query selects documents of a collection, in the order of their ids.
type Query struct {
	Key, Value string // Key "" = all documents; else those whose Keys[Key] equals Value
	After      string // ids greater than this one, to page on; "" = from the first
	Limit      int    // at most so many; 0 = the driver's default (DefaultLimit)
}

// DefaultLimit is the page size of a Query without a Limit.
const DefaultLimit = 1000

// Driver is a back end. All methods may be called at the same time, from many
// processes where the back end allows that. The suite in storetest says the same
// in tests.
//
// A back end that cannot be reached, or cannot write, answers fault.Unavailable;
// one without space fault.Full; both work again, without a restart, once the
// cause is gone. A cancelled context ends a call with the context's error.
type Driver interface {
	// Get reads one document as last acknowledged, whoever wrote it. What it gives
	// may be shared and must not be altered. Absent: fault.NotFound.
	Get(ctx context.Context, collection, id string) (Doc, error)

	// Put writes one document, durably, as revision d.Revision+1. A d.Revision of 0
	// creates: fault.Conflict when the id exists. Otherwise the stored revision must
	// equal d.Revision: fault.Conflict when it does not or the document is absent.
	// Of several concurrent Puts of one revision exactly one succeeds. d.Keys is the
	// driver's from then on and must not be altered. Repeating a
	// Put that succeeded is a Conflict. A Put ended by its context or by
	// fault.Unavailable may or may not have been stored.
	Put(ctx context.Context, collection string, d Doc) error

	// Delete removes the document if its revision is the given one. Absent:
	// fault.NotFound. Another revision: fault.Conflict. Cancelled: as Put.
	Delete(ctx context.Context, collection, id string, revision int64) error

	// Scan reads the documents that q selects, in the byte order of their ids; none
	// is no error. Each document is consistent in itself; a Scan that runs beside
	// writes may see some of them and not others.
	Scan(ctx context.Context, collection string, q Query) ([]Doc, error)

	// Close waits for writes under way and releases the back end. Repeated: no
	// effect. Calls after it answer fault.Unavailable.
	Close() error
}

// Stamper is what a Driver is that knows, without a read, when a collection changes.
type Stamper interface {
	// Stamp is a number that any write to the collection, by whatever process,
	// changes; to be asked for before the collection is read. Known is false while
	// a write is under way.
	Stamp(collection string) (stamp uint32, known bool)
}

type patientKey struct{}

// Patient marks the writes made with a context as ones that nobody waits for: a
// back end that has many writes to do may do those of others first, but none for
// good.
func Patient(ctx context.Context) context.Context {
	return context.WithValue(ctx, patientKey{}, true)
}

// IsPatient says whether a context was marked by Patient.
func IsPatient(ctx context.Context) bool {
	patient, _ := ctx.Value(patientKey{}).(bool)
	return patient
}

// Store is a set of collections on one back end.
type Store struct {
	driver Driver
}

// New is a store on a back end as it is, without a look at its level: for tests
// and tools. Open is what a program wants.
func New(d Driver) *Store { return &Store{driver: d} }

// Ping reads from the back end and reports what prevents it.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.driver.Get(ctx, metaCollection, formatID)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Close closes the back end.
func (s *Store) Close() error { return s.driver.Close() }
