package sqlitestore

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

const never = time.Hour

func TestABatchIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var want []record
		for range rapid.IntRange(1, 5).Draw(t, "records") {
			r := record{collection: rapid.String().Draw(t, "collection"), doc: store.Doc{ID: rapid.String().Draw(t, "id")}}
			if r.deleted = rapid.Bool().Draw(t, "deleted"); !r.deleted {
				r.doc.Revision = rapid.Int64Min(1).Draw(t, "revision")
				r.doc.Body = append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "body")...)
				if keys := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "keys"); len(keys) > 0 {
					r.doc.Keys = keys
				}
			}
			want = append(want, r)
		}
		text := encode(want)
		got, err := decode(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		if cut, err := decode(text[:rapid.IntRange(1, len(text)-1).Draw(t, "cut")]); err == nil {
			require.Less(t, len(cut), len(want), "what is cut off is missed")
		}
	})
}

// What is in the journal is read as if it were in the tables, by every process, in
// pages of any size, whoever folds and when.
func TestJournalAndTablesTogetherAreWhatAMapWouldBe(t *testing.T) {
	t.Parallel()
	const collection = "things"
	rapid.Check(t, func(r *rapid.T) {
		path := filepath.Join(t.TempDir(), rapid.StringMatching(`[a-z]{12}`).Draw(r, "file"))
		var drivers []*Driver
		for _, f := range []folder{{lull: 0, longest: 1 << 20}, {lull: never, longest: 1 << 20}, {lull: never, longest: 0}} {
			d, err := open(t.Context(), path, f)
			require.NoError(r, err)
			defer d.Close() //nolint:errcheck // what matters has been read
			drivers = append(drivers, d)
		}
		some := rapid.SampledFrom(drivers)
		model := map[string]store.Doc{}
		for range rapid.IntRange(1, 30).Draw(r, "writes") {
			id := fmt.Sprint(rapid.IntRange(0, 9).Draw(r, "id"))
			old := model[id]
			if old.Revision > 0 && rapid.IntRange(0, 3).Draw(r, "delete") == 0 {
				require.NoError(r, some.Draw(r, "by").Delete(t.Context(), collection, id, old.Revision))
				delete(model, id)
			} else {
				next := store.Doc{ID: id, Revision: old.Revision, Body: fmt.Appendf(nil, "%d", old.Revision),
					Keys: map[string]string{"color": rapid.SampledFrom([]string{"red", "blue"}).Draw(r, "color")}}
				require.NoError(r, some.Draw(r, "by").Put(t.Context(), collection, next))
				next.Revision++
				model[id] = next
			}
			agree(t, r, some.Draw(r, "reader"), collection, model, rapid.IntRange(1, 12).Draw(r, "page"))
		}
	})
}

func agree(t *testing.T, r *rapid.T, d *Driver, collection string, model map[string]store.Doc, page int) {
	for _, color := range []string{"", "red", "blue"} {
		want, got := []store.Doc{}, []store.Doc{}
		for _, id := range slices.Sorted(maps.Keys(model)) {
			if color == "" || model[id].Keys["color"] == color {
				want = append(want, model[id])
			}
		}
		q := store.Query{Value: color, Limit: page}
		if color != "" {
			q.Key = "color"
		}
		for {
			docs, err := d.Scan(t.Context(), collection, q)
			require.NoError(r, err)
			got = append(got, docs...)
			if len(docs) < page {
				break
			}
			q.After = docs[page-1].ID
		}
		require.Equal(r, want, got, "%+v", q)
	}
	for n := range 10 {
		doc, err := d.Get(t.Context(), collection, fmt.Sprint(n))
		want, exists := model[fmt.Sprint(n)]
		require.Equal(r, exists, err == nil)
		require.Equal(r, want, doc)
	}
}

// What one process wrote and never folded another one finds, and folds.
func TestTheJournalOutlivesItsWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	lazy, err := open(t.Context(), path, folder{lull: never, longest: 1 << 30})
	require.NoError(t, err)
	for n := range 300 {
		require.NoError(t, lazy.Put(t.Context(), "things", store.Doc{ID: fmt.Sprintf("%03d", n), Keys: map[string]string{"k": "v"}, Body: []byte(`1`)}))
	}
	require.NoError(t, lazy.Put(t.Context(), "things", store.Doc{ID: "007", Revision: 1, Body: []byte(`2`)}))
	require.NoError(t, lazy.Delete(t.Context(), "things", "008", 1))
	require.NoError(t, lazy.Close())
	require.Zero(t, inTables(t, path))

	d := opened(t, path)
	require.NoError(t, d.Folded(t.Context()))
	require.Equal(t, 299, inTables(t, path))
	docs, err := d.Scan(t.Context(), "things", store.Query{Key: "k", Value: "v"})
	require.NoError(t, err)
	require.Len(t, docs, 298)
	doc, err := d.Get(t.Context(), "things", "007")
	require.NoError(t, err)
	require.Equal(t, store.Doc{ID: "007", Revision: 2, Body: []byte(`2`)}, doc)
}

// inTables counts the documents that were folded, as another program sees them.
func inTables(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM document`).Scan(&n))
	return n
}

// A journal that nobody has time to fold does not grow beyond its bound.
func TestALongJournalIsFoldedBesideWrites(t *testing.T) {
	t.Parallel()
	const longest = 64 << 10
	d, err := open(t.Context(), filepath.Join(t.TempDir(), "store.db"), folder{lull: never, longest: longest})
	require.NoError(t, err)
	defer d.Close()
	for n := range 500 {
		require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: fmt.Sprint(n), Body: make([]byte, 1000)}))
		require.Less(t, d.overlay.size(), longest+2000, "the last write, at most, is beyond it")
	}
	docs, err := d.Scan(t.Context(), "things", store.Query{})
	require.NoError(t, err)
	require.Len(t, docs, 500)
}

// A fold that fails loses nothing, is not noticed, and is done later.
func TestAFoldThatFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	d, err := open(t.Context(), path, folder{lull: never, longest: 1 << 30})
	require.NoError(t, err)
	for n := range 20 {
		require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: fmt.Sprint(n), Body: []byte(`1`)}))
	}
	require.NoError(t, d.Close())

	d, err = open(t.Context(), path, folder{lull: never, longest: 1 << 30})
	require.NoError(t, err)
	defer d.Close()
	broken := errors.New("broken")
	require.ErrorIs(t, d.inTransaction(func(s *session) error {
		for _, b := range d.overlay.oldest(20) {
			for _, r := range b.records {
				require.NoError(t, r.apply(s))
			}
		}
		return broken
	}), broken)
	require.Zero(t, inTables(t, path))
	docs, err := d.Scan(t.Context(), "things", store.Query{})
	require.NoError(t, err)
	require.Len(t, docs, 20)
	require.NoError(t, opened(t, path).Folded(t.Context())) // another process does it
	docs, err = d.Scan(t.Context(), "things", store.Query{})
	require.NoError(t, err)
	require.Len(t, docs, 20)
	require.Equal(t, 20, inTables(t, path))
}

// A process that was killed after its commit and before it said so is noticed.
func TestACommitThatNobodyAnnouncedIsFound(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	one, two := opened(t, path), opened(t, path)
	_, err := one.Get(t.Context(), "things", "a")
	require.ErrorIs(t, err, fault.NotFound)
	require.NoError(t, two.inTransaction(func(s *session) error {
		_, err := s.exec(insertBatch, two.overlay.last()+1, encode([]record{{collection: "things", doc: store.Doc{ID: "a", Revision: 1, Body: []byte(`1`)}}}))
		return err
	}))
	require.ErrorIs(t, one.Put(t.Context(), "things", store.Doc{ID: "a", Body: []byte(`2`)}), fault.Conflict, "by the next write at once")
	three := opened(t, path)
	doc, err := three.Get(t.Context(), "things", "a")
	require.NoError(t, err)
	require.Equal(t, `1`, string(doc.Body))
	require.Eventually(t, func() bool { // and by who only reads
		_, err := two.Get(t.Context(), "things", "a")
		return err == nil
	}, time.Minute, 10*time.Millisecond)
}

// A store of the former level is lifted with all that it holds; a program that is
// still at work on it can write no more.
func TestAStoreWithoutAJournalGetsOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`PRAGMA application_id=0x42575354; PRAGMA user_version=1;` +
		strings.Replace(strings.TrimSuffix(schema, schemaOfJournal), "TABLE document", "TABLE documents", 1) + `
		INSERT INTO documents VALUES ('things', 'a', 3, '{"color":"red"}', '1');
		INSERT INTO keys VALUES ('things', 'color', 'red', 'a');`)
	require.NoError(t, err)
	d := opened(t, path)
	docs, err := d.Scan(t.Context(), "things", store.Query{Key: "color", Value: "red"})
	require.NoError(t, err)
	require.Equal(t, []store.Doc{{ID: "a", Revision: 3, Keys: map[string]string{"color": "red"}, Body: []byte(`1`)}}, docs)
	require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: "a", Revision: 3, Body: []byte(`2`)}))
	_, err = db.Exec(`UPDATE documents SET body='x' WHERE id='a'`)
	require.ErrorContains(t, err, "no such table")
}
