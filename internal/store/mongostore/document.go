package mongostore

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// maxDocument is the largest that a server takes.
const maxDocument = 16 << 20

// document is a store.Doc as the database has it. The body is text, so that people
// can read it there.
type document struct {
	ID       string   `bson:"_id"`
	Revision int64    `bson:"rev"`
	Keys     []string `bson:"keys,omitempty"` // "key=value"
	Body     string   `bson:"body"`
}

// encode is the document of a revision.
func encode(d store.Doc, revision int64) (document, error) {
	doc := document{ID: d.ID, Revision: revision, Body: string(d.Body)}
	for _, k := range slices.Sorted(maps.Keys(d.Keys)) {
		if strings.Contains(k, "=") {
			return doc, fault.New(fault.Invalid, "%q cannot be the name of a key: it has a \"=\"", k)
		}
		doc.Keys = append(doc.Keys, entry(k, d.Keys[k]))
	}
	if raw, err := bson.Marshal(doc); err != nil || len(raw) > maxDocument {
		return doc, fault.New(fault.TooLarge, "%q with its keys has %d bytes; MongoDB takes up to %d", d.ID, len(raw), maxDocument)
	}
	return doc, nil
}

func decode(raw bson.Raw) (store.Doc, error) {
	var d document
	if err := bson.Unmarshal(raw, &d); err != nil {
		return store.Doc{}, fmt.Errorf("cannot read a document of the database: %w", err)
	}
	doc := store.Doc{ID: d.ID, Revision: d.Revision, Body: []byte(d.Body)}
	for _, e := range d.Keys {
		if doc.Keys == nil {
			doc.Keys = make(map[string]string, len(d.Keys))
		}
		k, v, _ := strings.Cut(e, "=")
		doc.Keys[k] = v
	}
	return doc, nil
}

// entry is what the index of keys has of a key and its value.
func entry(key, value string) string { return key + "=" + value }
