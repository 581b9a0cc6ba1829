package work_test

import (
	"context"
	"errors"
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

func TestSubmitIsIdempotent(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		e := engine(t, d, s, options)
		submit(t, e, build("c", "tenant"), build("c", "tenant"))
		other := build("c", "tenant")
		other.Subject = "another"
		submit(t, e, other)
		start(t, e)
		c := wait(t, e, "c")
		require.Equal(t, "subject of c", c.Subject)
		submit(t, e, build("c", "tenant"))
		synctest.Wait()
		require.Equal(t, "plan net:do settle-done", s.sentence())
		again, err := e.Get(t.Context(), "c")
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

func TestASubmittedChangeBeginsAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		e := engine(t, d, newSite("", "net"), work.Options{Poll: time.Hour})
		start(t, e)
		synctest.Wait()
		begun := time.Now()
		submit(t, e, build("c", "tenant"))
		wait(t, e, "c")
		require.Zero(t, time.Since(begun))
	})
}

func TestAnotherBrokersChangeBeginsWithinThePoll(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		start(t, engine(t, d, s, work.Options{Poll: 2 * time.Second}))
		synctest.Wait()
		client := engine(t, d, s, work.Options{Poll: 10 * time.Millisecond})
		begun := time.Now()
		submit(t, client, build("c", "tenant"))
		wait(t, client, "c")
		require.Less(t, time.Since(begun), 2100*time.Millisecond)
	})
}

func TestNotBeforeAndDeadline(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("net:do-wait*9999", "net")
		e := engine(t, d, s, work.Options{})
		start(t, e)
		begun := time.Now()
		c := build("c", "tenant")
		c.NotBefore, c.Deadline = begun.Add(time.Minute), begun.Add(3*time.Minute)
		submit(t, e, c)
		got := wait(t, e, "c")
		require.Equal(t, begun.Add(time.Minute).UTC(), got.Started.UTC())
		require.Equal(t, 3*time.Minute, time.Since(begun))
		require.Equal(t, work.Undone, got.Status)
		require.Equal(t, "it was not done in time", got.Error)
	})
}

func TestPausesGrow(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		e := engine(t, d, newSite("net:do-unavailable*5", "net"), work.Options{})
		start(t, e)
		begun := time.Now()
		submit(t, e, build("c", "tenant"))
		require.Equal(t, work.Done, wait(t, e, "c").Status)
		// 1, 2, 4, 8 and 16 s, each of them half fixed and half random.
		require.Greater(t, time.Since(begun), 15*time.Second)
		require.Less(t, time.Since(begun), 31*time.Second)
	})
}

func TestAStopFinishesTheStepAndHandsOver(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net", "port")
		s.stay = 5 * time.Second
		first := engine(t, d, s, work.Options{})
		stop := start(t, first)
		submit(t, first, build("c", "tenant"))
		time.Sleep(7 * time.Second) // in the middle of net:do
		stop()
		require.Equal(t, "plan net:do", s.sentence())
		second := engine(t, d, s, work.Options{})
		begun := time.Now()
		start(t, second)
		require.Equal(t, work.Done, wait(t, second, "c").Status)
		require.Equal(t, "plan net:do port:do settle-done", s.sentence())
		require.Equal(t, 10*time.Second, time.Since(begun), "no lease had to expire")
	})
}

func TestAStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		s.stay = time.Hour
		e := engine(t, d, s, work.Options{Grace: 20 * time.Second, TaskDeadline: 2 * time.Hour})
		stop := start(t, e)
		submit(t, e, build("c", "tenant"))
		synctest.Wait()
		begun := time.Now()
		stop()
		require.Equal(t, 20*time.Second, time.Since(begun))
		c, err := e.Get(t.Context(), "c")
		require.NoError(t, err)
		require.Equal(t, work.Planning, c.Status)
		require.Zero(t, c.Attempt, "an interruption is no failed attempt")
	})
}

func TestALongTaskKeepsItsLane(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		s.stay = 5 * time.Minute
		one, two := engine(t, d, s, work.Options{}), engine(t, d, s, work.Options{})
		start(t, one)
		start(t, two)
		submit(t, one, build("c", "tenant"))
		require.Equal(t, work.Done, wait(t, one, "c").Status)
		require.Equal(t, "plan net:do settle-done", s.sentence())
	})
}

func TestAHangingTaskIsGivenUp(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		s.during = func(ctx context.Context, call string) error {
			if call == "net:do" {
				<-ctx.Done()
				return fault.New(fault.Unavailable, "hung: %w", ctx.Err())
			}
			return nil
		}
		e := engine(t, d, s, options)
		start(t, e)
		submit(t, e, build("c", "tenant"))
		c := wait(t, e, "c")
		require.Equal(t, work.Undone, c.Status)
		require.Equal(t, "not finished within 10s", c.Error)
	})
}

// After a death the lane is free when the lease has expired, or at once for a
// broker that knows itself alone.
func TestWhenADeadBrokersWorkGoesOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options work.Options
		min     time.Duration
		max     time.Duration
	}{
		{"a new owner waits for the lease", work.Options{Lease: 10 * time.Second}, 5 * time.Second, 11 * time.Second},
		{"the same owner does not", work.Options{Owner: "me", Lease: 10 * time.Second}, 0, 0},
		{"takeover does not", work.Options{Takeover: true, Lease: 10 * time.Second}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, d store.Driver) {
				s := newSite("", "net")
				f := storetest.NewFaulty(d, nil)
				dying := make(chan struct{})
				s.during = func(ctx context.Context, call string) error {
					if call != "net:do" {
						return nil
					}
					select {
					case <-dying:
						return nil
					default:
					}
					close(dying)
					f.Kill()
					<-ctx.Done()
					return ctx.Err()
				}
				first := engine(t, f, s, c.options)
				stop := start(t, first)
				submit(t, first, build("c", "tenant"))
				<-dying
				second := engine(t, d, s, c.options)
				begun := time.Now()
				start(t, second)
				require.Equal(t, work.Done, wait(t, second, "c").Status)
				require.GreaterOrEqual(t, time.Since(begun), c.min)
				require.LessOrEqual(t, time.Since(begun), c.max)
				stop()
			})
		})
	}
}

func TestAStoreThatVanishesForAWhile(t *testing.T) {
	t.Parallel()
	for _, kind := range []storetest.Outcome{storetest.FailsBefore, storetest.FailsAfter} {
		bubble(t, func(t *testing.T, d store.Driver) {
			begun := time.Now()
			f := storetest.NewFaulty(d, func(storetest.Op) storetest.Outcome {
				if since := time.Since(begun); since > 2*time.Second && since < 32*time.Second {
					return kind
				}
				return storetest.Works
			})
			s := newSite("", "net", "port", "boot")
			s.stay = time.Second
			e := engine(t, f, s, work.Options{})
			start(t, e)
			submit(t, e, build("c", "tenant"))
			time.Sleep(33 * time.Second)
			require.Equal(t, work.Done, wait(t, e, "c").Status)
			require.Equal(t, "c/boot c/net c/port", s.left())
			require.Less(t, time.Since(begun), 50*time.Second)
			requireOrder(t, s)
		})
	}
}

// TestABrokersDowntimeIsNotATasksTime: what waited for its next look when the
// broker went down for an hour is looked at again before it is given up.
func TestABrokersDowntimeIsNotATasksTime(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("net:do-wait*3", "net")
		e := engine(t, d, s, options)
		stop := start(t, e)
		submit(t, e, build("c", "tenant"))
		time.Sleep(1500 * time.Millisecond)
		stop()
		time.Sleep(time.Hour)
		e = engine(t, d, s, options)
		start(t, e)
		require.Equal(t, work.Done, wait(t, e, "c").Status)
	})
}

func TestAChangeLeftOutOfItsQueueIsFound(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		f := storetest.NewFaulty(d, func(op storetest.Op) storetest.Outcome {
			if op.Collection == "lanes" {
				return storetest.FailsBefore
			}
			return storetest.Works
		})
		require.ErrorIs(t, engine(t, f, s, options).Submit(t.Context(), build("c", "tenant")), fault.Unavailable)
		e := engine(t, d, s, options)
		start(t, e)
		require.Equal(t, work.Done, wait(t, e, "c").Status)
	})
}

func TestRetryAndAbandonOfAParkedChange(t *testing.T) {
	t.Parallel()
	const parked = "plan net:do port:do port:undo port:undo port:undo port:undo settle-parked"
	for _, c := range []struct {
		name   string
		act    func(*work.Engine, context.Context) error
		setup  string
		want   string
		status work.Status
		left   string
	}{
		{"retry goes on undoing", retry, "port:do-fail port:undo-fail*4",
			parked + " port:undo net:undo settle-undone", work.Undone, "nothing"},
		{"retry has fresh attempts", retry, "port:do-fail port:undo-fail*7",
			parked + " port:undo port:undo port:undo port:undo net:undo settle-undone", work.Undone, "nothing"},
		{"retry may park again", retry, "port:do-fail port:undo-fail*99",
			parked + " port:undo port:undo port:undo port:undo settle-parked", work.Parked, "c/net"},
		{"abandon leaves what is left", abandon, "port:do-fail port:undo-fail*4",
			parked + " settle-abandoned", work.Abandoned, "c/net"},
		{"retry goes on doing behind a final task", retry, "net:final port:do-fail*4",
			"plan net:do port:do port:do port:do port:do settle-parked port:do settle-done", work.Done, "c/net c/port"},
		{"retry of a final task's successor may wait", retry, "net:final port:do-fail*4 port:do-wait",
			"plan net:do port:do port:do port:do port:do settle-parked port:do port:do settle-done", work.Done, "c/net c/port"},
		{"abandon leaves what is not finished", abandon, "net:final port:do-fail*4",
			"plan net:do port:do port:do port:do port:do settle-parked settle-abandoned", work.Abandoned, "c/net"},
		{"retry settles again", retry, "settle-done-fail*4",
			"plan net:do port:do settle-done settle-done settle-done settle-done settle-done", work.Done, "c/net c/port"},
		{"abandon does not settle what cannot be settled", abandon, "settle-done-fail*99",
			"plan net:do port:do settle-done settle-done settle-done settle-done", work.Abandoned, "c/net c/port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, d store.Driver) {
				s := newSite(c.setup, "net", "port")
				e := engine(t, d, s, options)
				start(t, e)
				submit(t, e, build("c", "tenant"))
				require.Equal(t, work.Parked, wait(t, e, "c").Status)
				require.NoError(t, c.act(e, t.Context()))
				synctest.Wait()
				got := wait(t, e, "c")
				require.Equal(t, c.want, s.sentence())
				require.Equal(t, c.status, got.Status)
				require.Equal(t, c.left, s.left())
				require.Equal(t, c.status == work.Undone || c.status == work.Done, got.Reason == "", got.Reason)
				if c.status != work.Parked {
					require.ErrorIs(t, e.Retry(t.Context(), "c"), fault.Conflict)
					require.ErrorIs(t, e.Abandon(t.Context(), "c", ""), fault.Conflict)
				}
			})
		})
	}
}

func retry(e *work.Engine, ctx context.Context) error { return e.Retry(ctx, "c") }

func abandon(e *work.Engine, ctx context.Context) error { return e.Abandon(ctx, "c", "not worth it") }

func TestListAndGet(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		e := engine(t, d, newSite("", "net"), options)
		stop := start(t, e)
		submit(t, e, build("1", "a"), build("2", "b"))
		wait(t, e, "1")
		wait(t, e, "2")
		stop()
		submit(t, e, build("3", "a"))
		for _, c := range []struct {
			filter work.Filter
			want   string
		}{
			{work.Filter{}, "[1 2 3]"},
			{work.Filter{Lane: "a"}, "[1 3]"},
			{work.Filter{Status: work.Done}, "[1 2]"},
			{work.Filter{Open: true}, "[3]"},
			{work.Filter{Subject: "subject of 2"}, "[2]"},
			{work.Filter{Lane: "a", Status: work.Done}, "[1]"},
			{work.Filter{Lane: "b", Open: true}, "[]"},
			{work.Filter{Limit: 2}, "[1 2]"},
			{work.Filter{After: "1", Limit: 1}, "[2]"},
		} {
			list, err := e.List(t.Context(), c.filter)
			require.NoError(t, err)
			ids := []work.ChangeID{}
			for _, change := range list {
				ids = append(ids, change.ID)
			}
			require.Equal(t, c.want, fmt.Sprint(ids), "%+v", c.filter)
		}
		_, err := e.Get(t.Context(), "unknown")
		require.ErrorIs(t, err, fault.NotFound)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = e.Wait(ctx, "3")
		require.True(t, errors.Is(err, context.DeadlineExceeded))
	})
}

// A part that asks for time gets it, one that does not answer is waited for, and
// neither holds a change up beyond its deadline.
func TestPatience(t *testing.T) {
	t.Parallel()
	away := &fault.Error{Kind: fault.Unavailable, Message: "the cloud sleeps"}
	busy := &fault.Error{Kind: fault.TooMany, Message: "not so fast", After: 90 * time.Second}
	always := func(int, time.Duration) bool { return true }
	three := work.Options{MaxAttempts: 3}
	for _, c := range []struct {
		name     string
		options  work.Options
		err      error
		fails    func(call int, after time.Duration) bool
		deadline time.Duration
		status   work.Status
		least    time.Duration
		most     time.Duration
	}{
		{"as long as was asked for", three, busy, func(n int, _ time.Duration) bool { return n <= 2 }, 0, work.Done, 180 * time.Second, 180 * time.Second},
		{"an outage longer than the attempts last", three, away, func(_ int, after time.Duration) bool { return after < 30*time.Minute }, 0, work.Done, 30 * time.Minute, 31 * time.Minute},
		{"until patience is at its end", work.Options{MaxAttempts: 3, Patience: 20 * time.Minute}, away, always, 0, work.Undone, 20 * time.Minute, 22 * time.Minute},
		{"not beyond the deadline", three, away, always, 5 * time.Minute, work.Undone, 5 * time.Minute, 5 * time.Minute},
		{"not even where more was asked for", three, busy, always, 60 * time.Second, work.Undone, 60 * time.Second, 60 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, d store.Driver) {
				s, calls, begun := newSite("", "net"), 0, time.Now()
				s.during = func(_ context.Context, call string) error {
					if call != "net:do" {
						return nil
					}
					if calls++; c.fails(calls, time.Since(begun)) {
						return c.err
					}
					return nil
				}
				e := engine(t, d, s, c.options)
				start(t, e)
				ch := build("c", "tenant")
				if c.deadline > 0 {
					ch.Deadline = begun.Add(c.deadline)
				}
				submit(t, e, ch)
				require.Equal(t, c.status, wait(t, e, "c").Status)
				require.GreaterOrEqual(t, time.Since(begun), c.least)
				require.LessOrEqual(t, time.Since(begun), c.most)
			})
		})
	}
}
