package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/bumpwire/bumpwire/internal/store"
)

// snapshotWire is the wire version of MongoDB 5.0, from which on reads outside of
// transactions can all be of one moment.
const snapshotWire = 13

// frozen is a database as it was at one moment, to be read.
type frozen struct {
	*Driver
	session *mongo.Session
}

// Snapshot is the database as it is at its first read from here on, however others
// write it meanwhile, until thaw is called; the servers keep it for five minutes
// unless they are told otherwise (minSnapshotHistoryWindowInSeconds). nil where the
// server is no replica set, or older than MongoDB 5.0.
func (d *Driver) Snapshot(ctx context.Context) (a store.Archive, thaw func(), err error) {
	var hello struct {
		SetName string `bson:"setName"`
		Msg     string `bson:"msg"`
		Wire    int    `bson:"maxWireVersion"`
	}
	err = d.call(ctx, func(ctx context.Context) error {
		return d.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	})
	if err != nil || hello.Wire < snapshotWire || hello.SetName == "" && hello.Msg != "isdbgrid" {
		return nil, nil, err
	}
	session, err := d.client.StartSession(options.Session().SetSnapshot(true))
	if err != nil {
		return nil, nil, explain(err)
	}
	return frozen{d, session}, func() { session.EndSession(context.WithoutCancel(ctx)) }, nil
}

// Get implements store.Driver.
func (f frozen) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	return f.Driver.Get(mongo.NewSessionContext(ctx, f.session), collection, id)
}

// Scan implements store.Driver.
func (f frozen) Scan(ctx context.Context, collection string, q store.Query) ([]store.Doc, error) {
	return f.Driver.Scan(mongo.NewSessionContext(ctx, f.session), collection, q)
}
