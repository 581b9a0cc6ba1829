package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// Put implements store.Driver. Writes are not gathered here: the server has those
// that wait at the same time share a flush of its journal.
func (d *Driver) Put(ctx context.Context, collection string, doc store.Doc) error {
	next, err := encode(doc, doc.Revision+1)
	if err != nil {
		return err
	}
	if len(next.Keys) > 0 {
		if err := d.index(ctx, collection); err != nil {
			return err
		}
	}
	if doc.Revision == 0 {
		return d.create(ctx, collection, next)
	}
	return d.replace(ctx, collection, doc.Revision, next)
}

func (d *Driver) create(ctx context.Context, collection string, doc document) error {
	err := d.call(ctx, func(ctx context.Context) error {
		_, err := d.database.Collection(collection).InsertOne(ctx, doc)
		return err
	})
	if mongo.IsDuplicateKeyError(err) {
		return fault.New(fault.Conflict, "%q in %s exists already", doc.ID, collection)
	}
	return err
}

func (d *Driver) replace(ctx context.Context, collection string, revision int64, next document) error {
	var matched int64
	err := d.call(ctx, func(ctx context.Context) error {
		result, err := d.database.Collection(collection).ReplaceOne(ctx, at(next.ID, revision), next)
		if result != nil {
			matched = result.MatchedCount
		}
		return err
	})
	if err == nil && matched == 0 {
		return fault.New(fault.Conflict, "%q in %s has been changed meanwhile, or is gone", next.ID, collection)
	}
	return err
}

// Delete implements store.Driver.
func (d *Driver) Delete(ctx context.Context, collection, id string, revision int64) error {
	var deleted int64
	err := d.call(ctx, func(ctx context.Context) error {
		result, err := d.database.Collection(collection).DeleteOne(ctx, at(id, revision))
		if result != nil {
			deleted = result.DeletedCount
		}
		return err
	})
	if err != nil || deleted > 0 {
		return err
	}
	if _, err := d.Get(ctx, collection, id); err != nil {
		return err // also that it is not there
	}
	return fault.New(fault.Conflict, "%q in %s has been changed meanwhile", id, collection)
}

// at is the filter that makes a write one of this revision only.
func at(id string, revision int64) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "rev", Value: revision}}
}
