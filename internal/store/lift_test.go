package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

// person is a document whose format changes: one name becomes two, and then gets an
// index.
type person struct {
	Name  string `json:"name,omitempty"`  // level 1
	First string `json:"first,omitempty"` // level 2 and on
	Last  string `json:"last,omitempty"`
	Times int    `json:"times"` // how often it was altered
}

// splitting is the migrations, and how often each began.
func splitting(begun *[2]atomic.Int32) []store.Step {
	each := func(ctx context.Context, s *store.Store, keys func(person) map[string]string, change func(person) (person, error)) error {
		people := store.In(s, "people", keys)
		for n := range 200 {
			if _, err := people.Update(ctx, fmt.Sprintf("p-%03d", n), change); err != nil {
				return err
			}
		}
		return nil
	}
	return []store.Step{
		{Name: "split names", Run: func(ctx context.Context, s *store.Store) error {
			begun[0].Add(1)
			return each(ctx, s, nil, func(p person) (person, error) {
				if p.Name == "" {
					return p, store.Unchanged
				}
				_, err := fmt.Sscan(p.Name, &p.First, &p.Last)
				p.Name, p.Times = "", p.Times+1
				return p, err
			})
		}},
		{Name: "index last names", Run: func(ctx context.Context, s *store.Store) error {
			begun[1].Add(1)
			return each(ctx, s, func(p person) map[string]string { return map[string]string{"last": p.Last} },
				func(p person) (person, error) {
					if p.Times > 1 {
						return p, store.Unchanged
					}
					p.Times++
					return p, nil
				})
		}},
	}
}

// A store of an older level is lifted once: by a program that is killed in the middle,
// and then by one of three that start at the same time. A program that knows
// less refuses it from then on.
func TestAStoreIsLiftedOnceOnEachBackEnd(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) store.Driver{
		"sqlite": func(t *testing.T) store.Driver {
			d, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, d.Close()) })
			return d
		},
		"mongodb": func(t *testing.T) store.Driver { return storetest.Mongo(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const lasts = 2 * time.Second
			d := open(t)
			require.NoError(t, store.Lift(t.Context(), d, lasts))
			people := store.In[person](store.New(d), "people", nil)
			for n := range 200 {
				require.NoError(t, people.Create(t.Context(), fmt.Sprintf("p-%03d", n), person{Name: fmt.Sprintf("first-%d last-%d", n, n%7)}))
			}

			var begun [2]atomic.Int32
			dies := storetest.NewFaulty(d, func(op storetest.Op) storetest.Outcome {
				if op.Write && op.Collection == "people" && op.N > 100 {
					return storetest.DiesAfter
				}
				return storetest.Works
			})
			err := store.Lift(t.Context(), dies, lasts, splitting(&begun)...)
			require.ErrorIs(t, err, fault.Unavailable)
			require.ErrorContains(t, err, "cannot migrate the store to level 2 (split names)")

			var starting sync.WaitGroup
			for range 3 {
				starting.Go(func() {
					if err := store.Lift(t.Context(), d, lasts, splitting(&begun)...); err != nil {
						t.Error(err)
					}
				})
			}
			starting.Wait()
			require.EqualValues(t, 2, begun[0].Load(), "by the one that died, and by one of three")
			require.EqualValues(t, 1, begun[1].Load())
			found, err := people.List(t.Context(), store.Query{Key: "last", Value: "last-3", Limit: 200})
			require.NoError(t, err)
			require.Len(t, found, 29)
			for p, err := range people.All(t.Context(), "", "") {
				require.NoError(t, err)
				require.Equal(t, 2, p.Times, "%+v was altered once by each", p)
				require.Empty(t, p.Name)
				require.NotEmpty(t, p.First)
			}

			_, err = store.Open(t.Context(), d)
			require.ErrorIs(t, err, fault.Conflict)
			require.ErrorContains(t, err, "the store has format level 3 and this program knows levels up to 1: start a newer version")
		})
	}
}
