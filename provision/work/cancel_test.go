package work_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/work"
)

func TestCancelDuringATask(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]string{
		"plan":        "plan settle-undone",
		"net:do":      "plan net:do net:undo settle-undone",
		"boot:do":     "plan net:do port:do boot:do boot:undo port:undo net:undo settle-undone",
		"settle-done": "plan net:do port:do boot:do settle-done",
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, d store.Driver) {
				s := newSite("", "net", "port", "boot")
				e := engine(t, d, s, options)
				s.during = func(ctx context.Context, call string) error {
					if call == at {
						require.NoError(t, e.Cancel(ctx, "c"))
						require.NoError(t, e.Cancel(ctx, "c"))
						require.NoError(t, ctx.Err(), "the task in hand is not interrupted")
					}
					return nil
				}
				start(t, e)
				submit(t, e, build("c", "tenant"))
				c := wait(t, e, "c")
				require.Equal(t, want, s.sentence())
				require.Equal(t, strings.HasSuffix(want, "undone"), c.Cancelled)
				if c.Cancelled {
					require.Equal(t, "it was cancelled", c.Error)
					require.Equal(t, "nothing", s.left())
				}
			})
		})
	}
}

func TestCancelWhileATaskWaitsIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		e := engine(t, d, s, work.Options{})
		e.Task("net", func(context.Context, work.Change, work.Task) error {
			return work.Retry(5*time.Minute, "not yet")
		}, s.undo)
		start(t, e)
		submit(t, e, build("c", "tenant"))
		synctest.Wait()
		c, err := e.Get(t.Context(), "c")
		require.NoError(t, err)
		require.Equal(t, "not yet", c.Tasks[0].Note)
		begun := time.Now()
		require.NoError(t, e.Cancel(t.Context(), "c"))
		require.Equal(t, work.Undone, wait(t, e, "c").Status)
		require.Zero(t, time.Since(begun))
	})
}

func TestCancelBeforeTheBeginningIsWithoutWork(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		e := engine(t, d, s, options)
		c := build("c", "tenant")
		c.NotBefore = time.Now().Add(time.Hour)
		submit(t, e, c)
		require.NoError(t, e.Cancel(t.Context(), "c"))
		start(t, e)
		begun := time.Now()
		require.Equal(t, work.Undone, wait(t, e, "c").Status)
		require.Zero(t, time.Since(begun))
		require.Equal(t, "settle-undone", s.sentence())
	})
}

func TestCancelLeavesAloneWhatHasEnded(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("net:do-fail net:undo-fail*99", "net")
		e := engine(t, d, s, options)
		start(t, e)
		submit(t, e, build("parked", "tenant"))
		wait(t, e, "parked")
		s.mu.Lock()
		clear(s.setup)
		s.mu.Unlock()
		submit(t, e, build("done", "tenant"))
		wait(t, e, "done")
		for _, id := range []work.ChangeID{"parked", "done"} {
			before, err := e.Get(t.Context(), id)
			require.NoError(t, err)
			require.NoError(t, e.Cancel(t.Context(), id))
			after, err := e.Get(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, before, after)
		}
		require.ErrorIs(t, e.Cancel(t.Context(), "unknown"), fault.NotFound)
	})
}

func TestCancelDuringAnUndoChangesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("port:do-fail", "net", "port")
		e := engine(t, d, s, options)
		s.during = func(ctx context.Context, call string) error {
			if call == "port:undo" {
				return e.Cancel(ctx, "c")
			}
			return nil
		}
		start(t, e)
		submit(t, e, build("c", "tenant"))
		c := wait(t, e, "c")
		require.Equal(t, "plan net:do port:do port:undo net:undo settle-undone", s.sentence())
		require.Equal(t, "no room for port:do", c.Error)
		require.False(t, c.Cancelled)
	})
}

func TestCancelAndDeadlineBehindAFinalTaskChangeNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("net:final port:do-wait*5", "net", "port")
		e := engine(t, d, s, options)
		s.during = func(ctx context.Context, call string) error {
			if call == "port:do" {
				return e.Cancel(ctx, "c")
			}
			return nil
		}
		start(t, e)
		c := build("c", "tenant")
		c.Deadline = time.Now().Add(2 * time.Second)
		submit(t, e, c)
		require.Equal(t, work.Done, wait(t, e, "c").Status)
		require.Equal(t, "c/net c/port", s.left())
	})
}
