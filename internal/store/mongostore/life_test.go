package mongostore_test

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/mongostore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

func open(t *testing.T, uri string) *mongostore.Driver {
	t.Helper()
	d, err := mongostore.Open(t.Context(), uri, "")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// database is the one of a URI, for a hand that is not the store's.
func database(t *testing.T, uri string) *mongo.Database {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(t.Context())) })
	name := uri[strings.LastIndex(uri, "/")+1:]
	return client.Database(name)
}

func TestWhatOneBrokerWritesAnotherReads(t *testing.T) {
	t.Parallel()
	uri := storetest.MongoURI(t)
	var together sync.WaitGroup
	drivers := make([]*mongostore.Driver, 4)
	for n := range drivers {
		together.Go(func() { // the first start of several at once
			var err error
			drivers[n], err = mongostore.Open(t.Context(), uri, "")
			assert.NoError(t, err)
		})
	}
	together.Wait()
	d := store.Doc{ID: "a", Keys: map[string]string{"color": "red"}, Body: []byte(`1`)}
	require.NoError(t, drivers[0].Put(t.Context(), "things", d))
	for _, other := range drivers {
		found, err := other.Scan(t.Context(), "things", store.Query{Key: "color", Value: "red"})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.NoError(t, other.Close())
	}
}

func TestThereIsAnIndexOfKeys(t *testing.T) {
	t.Parallel()
	uri := storetest.MongoURI(t)
	indexes := database(t, uri).Collection("things").Indexes()
	d := open(t, uri)
	require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: "a", Keys: map[string]string{"color": "red"}, Body: []byte(`1`)}))
	require.Contains(t, names(t, indexes), "keys")
	require.NoError(t, indexes.DropOne(t.Context(), "keys"))
	open(t, uri)
	require.Contains(t, names(t, indexes), "keys", "a start mends it")
}

func names(t *testing.T, v mongo.IndexView) (names []string) {
	t.Helper()
	all, err := v.ListSpecifications(t.Context())
	require.NoError(t, err)
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}

func TestADatabaseThatIsNotOursIsLeftAlone(t *testing.T) {
	t.Parallel()
	uri := storetest.MongoURI(t)
	db := database(t, uri)
	_, err := db.Collection("customers").InsertOne(t.Context(), bson.D{{Key: "name", Value: "x"}})
	require.NoError(t, err)
	_, err = mongostore.Open(t.Context(), uri, "")
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "another program")
	left, err := db.ListCollectionNames(t.Context(), bson.D{})
	require.NoError(t, err)
	require.Equal(t, []string{"customers"}, left)
}

func TestANewerLayoutIsRefused(t *testing.T) {
	t.Parallel()
	uri := storetest.MongoURI(t)
	_, err := database(t, uri).Collection("bumpwire").InsertOne(t.Context(), bson.D{{Key: "_id", Value: "store"}, {Key: "layout", Value: 2}})
	require.NoError(t, err)
	_, err = mongostore.Open(t.Context(), uri, "")
	require.ErrorIs(t, err, fault.Conflict)
	require.ErrorContains(t, err, "start a newer version")
}

// The store goes on by itself once its server is back, with all that it had
// acknowledged.
func TestAServerThatGoesAndComesBack(t *testing.T) {
	t.Parallel()
	if os.Getenv("BUMPWIRE_TEST_MONGODB") != "" {
		t.Skip("a server that is not this test's own is not stopped")
	}
	server := storetest.NewServer(t)
	d := open(t, server.URI)
	put := func(id string) error {
		return d.Put(t.Context(), "things", store.Doc{ID: id, Body: []byte(`1`)})
	}
	require.NoError(t, put("before"))
	server.Stop()
	began := time.Now()
	require.ErrorIs(t, put("while"), fault.Unavailable)
	_, err := d.Get(t.Context(), "things", "before")
	require.ErrorIs(t, err, fault.Unavailable)
	require.Equal(t, "the MongoDB server of the store does not answer", fault.Message(err))
	_, err = d.Scan(t.Context(), "things", store.Query{})
	require.ErrorIs(t, err, fault.Unavailable)
	require.Less(t, time.Since(began), 30*time.Second, "a caller is not kept waiting")
	server.Start(t)
	require.NoError(t, put("after"))
	found, err := d.Scan(t.Context(), "things", store.Query{})
	require.NoError(t, err)
	require.Len(t, found, 2)
}

func TestADocumentThatIsTooLargeIsRefusedWithASentence(t *testing.T) {
	t.Parallel()
	d := open(t, storetest.MongoURI(t))
	err := d.Put(t.Context(), "things", store.Doc{ID: "a", Body: make([]byte, 16<<20)})
	require.ErrorIs(t, err, fault.TooLarge)
	require.ErrorContains(t, err, `"a" with its keys has`)
}
