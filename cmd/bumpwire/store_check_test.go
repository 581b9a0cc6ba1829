package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
)

// damage is a hand in a store that goes around everything that keeps it right.
type damage struct {
	t *testing.T
	d store.Archive
}

// edit alters the JSON of the first document of a collection that fits, and writes
// it with its keys as they were.
func (h damage) edit(collection string, fits func(body map[string]any) bool, change func(body map[string]any)) {
	h.t.Helper()
	docs, err := h.d.Scan(h.t.Context(), collection, store.Query{})
	require.NoError(h.t, err)
	for _, doc := range docs {
		var body map[string]any
		require.NoError(h.t, json.Unmarshal(doc.Body, &body))
		if !fits(body) {
			continue
		}
		change(body)
		doc.Body, err = json.Marshal(body)
		require.NoError(h.t, err)
		require.NoError(h.t, h.d.Put(h.t.Context(), collection, doc))
		return
	}
	h.t.Fatalf("no document of %s fits", collection)
}

// remove removes the documents of a collection that fit.
func (h damage) remove(collection string, fits func(body map[string]any) bool) {
	h.t.Helper()
	docs, err := h.d.Scan(h.t.Context(), collection, store.Query{})
	require.NoError(h.t, err)
	removed := 0
	for _, doc := range docs {
		var body map[string]any
		require.NoError(h.t, json.Unmarshal(doc.Body, &body))
		if fits(body) {
			require.NoError(h.t, h.d.Delete(h.t.Context(), collection, doc.ID, doc.Revision))
			removed++
		}
	}
	require.Positive(h.t, removed)
}

func whatever(map[string]any) bool { return true }

func is(key, value string) func(map[string]any) bool {
	return func(body map[string]any) bool { return body[key] == value }
}

func history(body map[string]any) []any { return body["history"].([]any) }

func TestStoreCheckFindsContradictions(t *testing.T) {
	t.Parallel()
	b := newBrokers(t, 1, "", "BUMPWIRE_METERING_WINDOW=1s")
	b.inhabit()
	b.stop()
	whole := filepath.Join(b.dir, "whole.db")
	_, err := b.run("store", "backup", whole, "--data", filepath.Join(b.dir, "data"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		damage func(h damage)
		want   string
	}{
		"a document that cannot be read": {func(h damage) {
			h.edit("instances", whatever, func(v map[string]any) { v["history"] = "none" })
		}, "it cannot be read"},
		"a gap in a history": {func(h damage) {
			h.edit("instances", whatever, func(v map[string]any) { v["history"] = append(history(v)[:1:1], history(v)[2:]...) })
		}, "event 3 where 2 should be"},
		"a history that tells another end": {func(h damage) {
			h.edit("instances", is("state", "active"), func(v map[string]any) { v["state"] = "failed" })
		}, "its history does not end with that"},
		"a state that no operation leads out of": {func(h damage) {
			h.edit("instances", is("state", "active"), func(v map[string]any) { v["state"] = "deprovisioning" })
		}, `it is deprovisioning, and its operation`},
		"an operation whose change has ended": {func(h damage) {
			h.edit("instances", is("state", "active"), func(v map[string]any) { v["operation"].(map[string]any)["state"] = "in progress" })
		}, "is in progress, and the change that carries it out is done"},
		"a quota that does not count": {func(h damage) {
			h.edit("instances", is("state", "active"), func(v map[string]any) { v["holders"] = []string{"somebody"} })
		}, "it counts against the quota of somebody, whose ledger does not have it"},
		"a service that is gone":  {func(h damage) { h.remove("services", whatever) }, "which the catalog does not have"},
		"a package that is gone":  {func(h damage) { h.remove("packages", whatever) }, "it was made of the package"},
		"a name that nobody kept": {func(h damage) { h.remove("names", whatever) }, "is not kept for it"},
		"keys that are not the document's": {func(h damage) {
			h.edit("instances", is("state", "active"), func(v map[string]any) { v["tenant"] = "another" })
		}, `it is to be found by live "another" and is indexed by`},
		"an instance that was billed and is gone": {func(h damage) { h.remove("instances", is("state", "deleted")) }, "and the histories of all instances have"},
		"a change that is done and not done": {func(h damage) {
			h.edit("changes", is("status", "done"), func(v map[string]any) { v["tasks"].([]any)[0].(map[string]any)["status"] = "todo" })
		}, `it is done, and its task`},
		"a change from the future": {func(h damage) {
			h.edit("changes", whatever, func(v map[string]any) { v["fence"] = 1000 })
		}, "it was written under fence 1000"},
		"a queue of nothing": {func(h damage) {
			h.edit("lanes", whatever, func(v map[string]any) { v["queue"] = []string{"nothing"} })
		}, `the change "nothing" in its queue does not exist`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "damaged.db")
			text, err := os.ReadFile(whole)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, text, 0o600))
			cfg := standard()
			cfg.Server.Data, cfg.Store.URL = filepath.Join(b.dir, "data"), "sqlite:"+path
			d, s, err := openExisting(t.Context(), cfg)
			require.NoError(t, err)
			defer d.Close()
			before, err := findings(t.Context(), d, s, cfg)
			require.NoError(t, err)
			require.Empty(t, before)
			c.damage(damage{t, d})
			found, err := findings(t.Context(), d, s, cfg)
			require.NoError(t, err)
			requireFound(t, found, c.want)
		})
	}
}

func requireFound(t *testing.T, found store.Findings, want string) {
	t.Helper()
	for _, f := range found {
		if strings.Contains(f.Message, want) {
			return
		}
	}
	t.Fatalf("%q is not among %v", want, found)
}

// What SQLite's tables say of the index is compared below the documents.
func TestStoreCheckFindsADamagedIndex(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	cfg := standard()
	cfg.Server.Data, cfg.Store.URL = t.TempDir(), "sqlite:"+path
	d, s, err := openArchive(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: "a", Keys: map[string]string{"color": "red"}, Body: []byte(`{}`)}))
	require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: "b", Keys: map[string]string{"color": "red"}, Body: []byte(`{}`)}))
	require.Eventually(t, func() bool { return rows(t, path, "keys") == 2 }, 2*time.Minute, 20*time.Millisecond, "they are in the tables")
	require.NoError(t, s.Close())
	hand(t, path, `UPDATE keys SET value='blue' WHERE id='a'`)
	d, s, err = openArchive(t.Context(), cfg)
	require.NoError(t, err)
	defer s.Close()
	found, err := findings(t.Context(), d, s, cfg)
	require.NoError(t, err)
	requireFound(t, found, "it has the key color and no row in the index")
	requireFound(t, found, "the index has it by the key color, which it does not have")
}

func hand(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

func rows(t *testing.T, path, table string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}
