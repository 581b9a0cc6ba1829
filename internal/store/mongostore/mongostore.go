// Package mongostore keeps a store's documents in a MongoDB database, on a replica
// set or a sharded cluster.
//
// Each collection of the store is a collection of the database, each document one
// of
//
//	{_id: "i1", rev: NumberLong(3), keys: ["tenant=acme"], body: "{…}"}
//
// where body is the document's JSON as text, and keys has an index that is made
// before the first document that needs it. A change of state is one replaceOne of
// {_id, rev}; nothing here spans two documents, so that no transaction is needed and
// a collection can be sharded by its _id. Writes wait for a majority and reads see
// what a majority has, so that nothing acknowledged is lost with a server.
//
// The collection "bumpwire" marks the database as ours: its document "store" has the
// level of this layout (not that of the documents, which is the store's matter).
package mongostore

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

const (
	layoutLevel = 1
	markName    = "bumpwire" // the collection that marks a database as ours
	markID      = "store"

	callPatience = 10 * time.Second // of each call, the driver's own second attempt included
	selection    = 5 * time.Second  // until a server must be found that can do it
	farewell     = 5 * time.Second  // for connections at Close
)

// Driver is a store.Driver on a MongoDB database. Open makes one.
type Driver struct {
	client   *mongo.Client
	database *mongo.Database

	indexing sync.Mutex
	indexed  map[string]bool // collections whose keys have their index

	mu     sync.RWMutex // held for reading by calls under way
	closed bool
}

type mark struct {
	ID    string `bson:"_id"`
	Level int    `bson:"layout"`
}

// Open connects to the database that a URI names ("bumpwire" when it names none) and
// marks an empty one as ours. password, when not empty, is that of the URI's user.
// A URI that cannot be read, or a database of another program, is fault.Invalid; one
// whose layout is newer fault.Conflict; a server that does not answer
// fault.Unavailable.
func Open(ctx context.Context, uri, password string) (*Driver, error) {
	o, name, err := clientOptions(uri, password)
	if err != nil {
		return nil, err
	}
	client, err := mongo.Connect(o)
	if err != nil {
		return nil, unreadable(uri, err)
	}
	d := &Driver{client: client, database: client.Database(name), indexed: map[string]bool{}}
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close implements store.Driver.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	return d.client.Disconnect(ctx)
}

// call runs one call of the driver within its time, while the store is open, and
// explains its error.
func (d *Driver) call(ctx context.Context, do func(context.Context) error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return fault.New(fault.Unavailable, "the store is closed")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	patience, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	err := do(patience)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return explain(err)
}

// prepare marks an empty database and checks any other, and makes the indexes that
// somebody removed. It writes nothing into a database that is not ours.
func (d *Driver) prepare(ctx context.Context) error {
	found, err := d.check(ctx)
	if err != nil || found {
		return err
	}
	names, err := d.names(ctx)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		// Another broker may have been quicker than our look for the mark.
		if found, err = d.check(ctx); err != nil || found {
			return err
		}
		return fault.New(fault.Invalid, "the database %q has collections of another program and is not a Bumpwire store", d.database.Name())
	}
	return d.call(ctx, func(ctx context.Context) error {
		_, err := d.database.Collection(markName).InsertOne(ctx, mark{markID, layoutLevel})
		if mongo.IsDuplicateKeyError(err) {
			return nil
		}
		return err
	})
}

// check reads the mark, and whether there is one, and makes what indexes miss.
func (d *Driver) check(ctx context.Context) (found bool, err error) {
	var m mark
	err = d.call(ctx, func(ctx context.Context) error {
		return d.database.Collection(markName).FindOne(ctx, bson.D{{Key: "_id", Value: markID}}).Decode(&m)
	})
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return false, nil
	case err != nil:
		return false, err
	case m.Level > layoutLevel:
		return false, fault.New(fault.Conflict, "the database %q has a layout of level %d and this program knows levels up to %d: start a newer version",
			d.database.Name(), m.Level, layoutLevel)
	}
	names, err := d.names(ctx)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if err := d.index(ctx, name); err != nil {
			return false, err
		}
	}
	return true, nil
}

// names are those of the store's collections.
func (d *Driver) names(ctx context.Context) (names []string, err error) {
	err = d.call(ctx, func(ctx context.Context) error {
		other := bson.D{{Key: "name", Value: bson.D{{Key: "$ne", Value: markName}}}}
		names, err = d.database.ListCollectionNames(ctx, other)
		return err
	})
	return names, err
}

// index makes the index of a collection's keys, if this process has not seen it.
func (d *Driver) index(ctx context.Context, collection string) error {
	d.indexing.Lock()
	defer d.indexing.Unlock()
	if d.indexed[collection] {
		return nil
	}
	err := d.call(ctx, func(ctx context.Context) error {
		keys := bson.D{{Key: "keys", Value: 1}, {Key: "_id", Value: 1}}
		_, err := d.database.Collection(collection).Indexes().CreateOne(ctx, mongo.IndexModel{Keys: keys, Options: options.Index().SetName("keys")})
		return err
	})
	d.indexed[collection] = err == nil
	return err
}

var _ store.Archive = (*Driver)(nil)
