package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// memory is the least driver that a format level needs; the real ones live in
// packages that import this one.
type memory map[string]Doc

func (m memory) Get(_ context.Context, collection, id string) (Doc, error) {
	d, ok := m[collection+"/"+id]
	if !ok {
		return d, fault.NotFound
	}
	return d, nil
}

func (m memory) Put(_ context.Context, collection string, d Doc) error {
	if m[collection+"/"+d.ID].Revision != d.Revision {
		return fault.Conflict
	}
	d.Revision++
	m[collection+"/"+d.ID] = d
	return nil
}

func (m memory) Delete(context.Context, string, string, int64) error { panic("not needed") }
func (m memory) Close() error                                        { return nil }

func (m memory) Scan(_ context.Context, collection string, q Query) (docs []Doc, _ error) {
	for _, place := range slices.Sorted(maps.Keys(m)) {
		if in, id, _ := strings.Cut(place, "/"); in == collection && id > q.After && len(docs) < q.Limit {
			docs = append(docs, m[place])
		}
	}
	return docs, nil
}

func TestAnEmptyStoreGetsTheCurrentLevel(t *testing.T) {
	t.Parallel()
	m := memory{}
	s, err := Open(t.Context(), m)
	require.NoError(t, err)
	require.JSONEq(t, `{"level":1}`, string(m["meta/format"].Body))
	require.NoError(t, s.lift(t.Context(), migrations(), liftLasts))
	require.EqualValues(t, 1, m["meta/format"].Revision, "nothing is written the second time")
	never := migration{2, "never", func(context.Context, *Store) error { return errors.New("an empty store needs no migration") }}
	require.NoError(t, New(memory{}).lift(t.Context(), []migration{never}, liftLasts))
}

func TestANewerStoreIsRefused(t *testing.T) {
	t.Parallel()
	m := memory{"meta/format": {ID: "format", Revision: 1, Body: []byte(`{"level":2}`)}}
	_, err := Open(t.Context(), m)
	require.ErrorIs(t, err, fault.Conflict)
	require.ErrorContains(t, err, "level 2")
	require.ErrorContains(t, err, "start a newer version")
	require.EqualValues(t, 1, m["meta/format"].Revision)
}

func TestMigrationsRunInOrderAndGoOnWhereTheyStopped(t *testing.T) {
	t.Parallel()
	m := memory{}
	s, err := Open(t.Context(), m)
	require.NoError(t, err)
	var ran []string
	broken := errors.New("broken")
	step := func(level int, name string, err *error) migration {
		return migration{level, name, func(context.Context, *Store) error { ran = append(ran, name); return *err }}
	}
	var fine error
	failing := broken
	steps := []migration{step(2, "two", &fine), step(3, "three", &failing), step(4, "four", &fine)}
	err = s.lift(t.Context(), steps, liftLasts)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "cannot migrate the store to level 3 (three)")
	require.Equal(t, 2, levelOf(t, s))
	failing = nil
	require.NoError(t, s.lift(t.Context(), steps, liftLasts))
	require.Equal(t, []string{"two", "three", "three", "four"}, ran)
	require.Equal(t, 4, levelOf(t, s))
}

func levelOf(t *testing.T, s *Store) int {
	t.Helper()
	f, err := In[format](s, metaCollection, nil).Get(t.Context(), formatID)
	require.NoError(t, err)
	return f.Level
}
