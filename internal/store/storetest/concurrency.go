package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

type counter struct {
	N int `json:"n"`
}

func concurrencyCases() []testCase {
	return []testCase{
		{"no increment is lost", func(t *testing.T, d store.Driver) {
			const workers, each = 8, 25
			c := store.In[counter](store.New(d), "counters", nil)
			together(workers, func(int) {
				for range each {
					_, err := c.Upsert(t.Context(), "n", func(old counter, _ bool) (counter, error) {
						return counter{N: old.N + 1}, nil
					})
					assert.NoError(t, err)
				}
			})
			got, err := c.Get(t.Context(), "n")
			require.NoError(t, err)
			require.Equal(t, workers*each, got.N)
		}},
		{"of many creators one wins", func(t *testing.T, d store.Driver) {
			for round := range 10 {
				var won atomic.Int32
				together(8, func(int) {
					err := d.Put(t.Context(), things, doc(fmt.Sprint(round), 0))
					if err == nil {
						won.Add(1)
						return
					}
					assert.ErrorIs(t, err, fault.Conflict)
				})
				require.EqualValues(t, 1, won.Load())
			}
		}},
		{"a conflict does not fail its neighbours", func(t *testing.T, d store.Driver) {
			put(t, d, doc("taken", 0))
			together(32, func(i int) {
				if i%2 == 0 {
					assert.ErrorIs(t, d.Put(t.Context(), things, doc("taken", 0)), fault.Conflict)
					return
				}
				assert.NoError(t, d.Put(t.Context(), things, doc(fmt.Sprint(i), 0)))
			})
			require.Len(t, ids(t, d, store.Query{}), 17)
		}},
		{"a cancelled write does not fail its neighbours", func(t *testing.T, d store.Driver) {
			together(32, func(i int) {
				ctx, cancel := context.WithCancel(t.Context())
				if i%2 == 0 {
					go cancel()
				}
				defer cancel()
				err := d.Put(ctx, things, doc(fmt.Sprint(i), 0))
				if i%2 == 1 || err != nil && !errors.Is(err, context.Canceled) {
					assert.NoError(t, err)
				}
			})
			require.GreaterOrEqual(t, len(ids(t, d, store.Query{})), 16)
		}},
		{"a reader sees what was acknowledged", func(t *testing.T, d store.Driver) {
			together(8, func(i int) {
				for n := range 20 {
					id := fmt.Sprintf("%d-%d", i, n)
					assert.NoError(t, d.Put(t.Context(), things, doc(id, 0)))
					_, err := d.Get(t.Context(), things, id)
					assert.NoError(t, err)
				}
			})
		}},
	}
}

func lifeCases() []testCase {
	return []testCase{
		{"a cancelled context ends a call with its error", func(t *testing.T, d store.Driver) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := d.Get(ctx, things, "a")
			require.ErrorIs(t, err, context.Canceled)
			_, err = d.Scan(ctx, things, store.Query{})
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, d.Put(ctx, things, doc("a", 0)), context.Canceled)
			require.ErrorIs(t, d.Delete(ctx, things, "a", 1), context.Canceled)
			require.Empty(t, ids(t, d, store.Query{}))
		}},
		{"a closed back end is unavailable", func(t *testing.T, d store.Driver) {
			require.NoError(t, d.Close())
			require.NoError(t, d.Close())
			_, err := d.Get(t.Context(), things, "a")
			require.ErrorIs(t, err, fault.Unavailable)
			_, err = d.Scan(t.Context(), things, store.Query{})
			require.ErrorIs(t, err, fault.Unavailable)
			require.ErrorIs(t, d.Put(t.Context(), things, doc("a", 0)), fault.Unavailable)
			require.ErrorIs(t, d.Delete(t.Context(), things, "a", 1), fault.Unavailable)
		}},
		{"a close beside writes answers each of them", func(t *testing.T, d store.Driver) {
			together(16, func(i int) {
				if i == 8 {
					assert.NoError(t, d.Close())
					return
				}
				if err := d.Put(t.Context(), things, doc(fmt.Sprint(i), 0)); err != nil {
					assert.ErrorIs(t, err, fault.Unavailable)
				}
			})
		}},
	}
}

// together runs n goroutines at the same time and waits for them.
func together(n int, run func(i int)) {
	var start, end sync.WaitGroup
	start.Add(1)
	for i := range n {
		end.Go(func() {
			start.Wait()
			run(i)
		})
	}
	start.Done()
	end.Wait()
}
