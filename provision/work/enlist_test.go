package work_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision/work"
)

func TestAnEnlistedChangeIsKnownBeforeItIsStored(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		f := storetest.NewFaulty(d, nil)
		s := newSite("", "net")
		e := engine(t, f, s, options)
		require.NoError(t, e.Enlist(build("c", "tenant")))
		require.NoError(t, e.Enlist(build("c", "tenant")), "twice is once")
		require.Zero(t, f.Writes())

		c, err := e.Get(t.Context(), "c")
		require.NoError(t, err)
		require.Equal(t, work.Queued, c.Status)
		list, err := e.List(t.Context(), work.Filter{Lane: "tenant", Open: true})
		require.NoError(t, err)
		require.Len(t, list, 1)

		start(t, e)
		require.Equal(t, work.Done, wait(t, e, "c").Status)
		require.NoError(t, e.Enlist(build("c", "tenant")), "again, once it has ended")
		synctest.Wait()
		require.Equal(t, "plan net:do settle-done", s.sentence())
	})
}

func TestAnEnlistedChangeThatIsCancelledDoesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		e := engine(t, d, s, options)
		require.NoError(t, e.Enlist(build("c", "tenant")))
		require.NoError(t, e.Cancel(t.Context(), "c"))
		start(t, e)
		require.Equal(t, work.Undone, wait(t, e, "c").Status)
		require.Equal(t, "settle-undone", s.sentence())
	})
}

// More changes than a lane's document takes in at a time run one after another, in
// the order they came, also while the store fails now and then.
func TestEnlistedChangesRunInOrder(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		const changes = 200
		f := storetest.NewFaulty(d, func(op storetest.Op) storetest.Outcome {
			switch {
			case op.Write && op.N%17 == 0:
				return storetest.FailsAfter
			case op.Write && op.N%13 == 0:
				return storetest.FailsBefore
			}
			return storetest.Works
		})
		s := newSite("")
		e := engine(t, f, s, work.Options{Backoff: func(int) time.Duration { return time.Millisecond }})
		start(t, e)
		for n := range changes {
			require.NoError(t, e.Enlist(build(fmt.Sprintf("c-%03d", n), "tenant")))
		}
		var last work.Change
		for n := range changes {
			c := wait(t, e, fmt.Sprintf("c-%03d", n))
			require.Equal(t, work.Done, c.Status)
			require.False(t, c.Started.Before(last.Finished), "%s began before %s had ended", c.ID, last.ID)
			last = c
		}
		require.False(t, s.overlap)
	})
}

// What an engine has enlisted and not stored dies with it; its submitter enlists
// it again, here or elsewhere.
func TestAnEnlistedChangeIsItsSubmittersUntilItIsStored(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		dead := engine(t, d, s, options)
		require.NoError(t, dead.Enlist(build("c", "tenant")))
		e := engine(t, d, s, options)
		start(t, e)
		_, err := e.Get(t.Context(), "c")
		require.ErrorIs(t, err, fault.NotFound)
		require.NoError(t, e.Enlist(build("c", "tenant")))
		require.Equal(t, work.Done, wait(t, e, "c").Status)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, dead.Run(ctx))
		require.Equal(t, "plan net:do settle-done", s.sentence())
	})
}
