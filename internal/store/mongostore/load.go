package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// Load implements store.Archive.
func (d *Driver) Load(ctx context.Context, collection string, docs []store.Doc) error {
	if len(docs) == 0 {
		return nil
	}
	documents := make([]document, len(docs))
	for n, doc := range docs {
		var err error
		if documents[n], err = encode(doc, doc.Revision); err != nil {
			return err
		}
		if len(documents[n].Keys) > 0 {
			if err := d.index(ctx, collection); err != nil {
				return err
			}
		}
	}
	err := d.call(ctx, func(ctx context.Context) error {
		_, err := d.database.Collection(collection).InsertMany(ctx, documents)
		return err
	})
	if mongo.IsDuplicateKeyError(err) {
		return fault.New(fault.Conflict, "a document of these exists in %s already", collection)
	}
	return err
}

// Collections implements store.Archive.
func (d *Driver) Collections(ctx context.Context) ([]string, error) {
	names, err := d.names(ctx)
	if err != nil {
		return nil, err
	}
	return store.Used(ctx, d, names)
}
