package mongostore

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// Get implements store.Driver.
func (d *Driver) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	var found bson.Raw
	err := d.call(ctx, func(ctx context.Context) (err error) {
		found, err = d.database.Collection(collection).FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Raw()
		return err
	})
	if errors.Is(err, mongo.ErrNoDocuments) {
		return store.Doc{}, fault.New(fault.NotFound, "there is no %q in %s", id, collection)
	}
	if err != nil {
		return store.Doc{}, err
	}
	return decode(found)
}

// Scan implements store.Driver.
func (d *Driver) Scan(ctx context.Context, collection string, q store.Query) ([]store.Doc, error) {
	if q.Limit <= 0 {
		q.Limit = store.DefaultLimit
	}
	var found []bson.Raw
	err := d.call(ctx, func(ctx context.Context) error {
		order := options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(q.Limit))
		cursor, err := d.database.Collection(collection).Find(ctx, selected(q), order)
		if err != nil {
			return err
		}
		return cursor.All(ctx, &found)
	})
	if err != nil {
		return nil, err
	}
	docs := make([]store.Doc, len(found))
	for n, raw := range found {
		if docs[n], err = decode(raw); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

// selected is the filter of a query.
func selected(q store.Query) bson.D {
	filter := bson.D{}
	if q.Key != "" {
		filter = append(filter, bson.E{Key: "keys", Value: entry(q.Key, q.Value)})
	}
	if q.After != "" {
		filter = append(filter, bson.E{Key: "_id", Value: bson.D{{Key: "$gt", Value: q.After}}})
	}
	return filter
}
