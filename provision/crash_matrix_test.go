package provision_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// TestCrashMatrix: every kind of change × every call that it makes of the cloud ×
// everything that can go wrong there. Each case ends complete or undone; nothing is
// left over or missing in the cloud; the history has no gap and nothing twice; a
// broker that comes after it finds nothing to do; what was asked for can be asked for
// again and comes true; and when all is removed the tenant has what it had.
//
// One case alone: go test ./provision -run 'TestCrashMatrix/update/step_3/killed_after$'
func TestCrashMatrix(t *testing.T) {
	t.Parallel()
	var done, undone atomic.Int64
	t.Cleanup(func() {
		report(t, fmt.Sprintf("crash matrix: %d cases ended complete, %d undone\n", done.Load(), undone.Load()))
	})
	for _, k := range kindsOfChange() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			end, steps := undisturbed(t, k)
			require.NotZero(t, steps)
			for n := 1; n <= steps; n++ {
				for what, m := range mishaps() {
					name := fmt.Sprintf("step %d/%s", n, what)
					if skips(k.name + name) {
						continue
					}
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						c := newCase(t, k)
						if c.suffer(t, n, m); c.requireSound(t, end) {
							done.Add(1)
						} else {
							undone.Add(1)
						}
						c.requireLasting(t, end)
					})
				}
			}
		})
	}
}

// undisturbed is how a change of a kind leaves the fabric when nothing happens, and
// how many calls it makes.
func undisturbed(t *testing.T, k kindOfChange) (end string, steps int) {
	c := newCase(t, k)
	out, err := k.ask(t.Context(), c.world, c.first)
	require.NoError(t, err)
	require.Equal(t, work.Done, c.first.wait(t, out.Operation).Status)
	return plainly(t, c.world), c.wire.count()
}

// mishap happens at a call of the cloud.
type mishap struct {
	strike func(c *matrixCase, effect func() error) error      // in place of the call, which effect makes
	after  func(t *testing.T, c *matrixCase, op work.ChangeID) // in the world; may be nil
}

func mishaps() map[string]mishap {
	weather := fault.New(fault.Internal, "bad weather")
	dies := func(c *matrixCase) error { c.store.Kill(); return weather }
	return map[string]mishap{
		"error before":  {strike: func(*matrixCase, func() error) error { return weather }},
		"error after":   {strike: func(_ *matrixCase, effect func() error) error { _ = effect(); return weather }},
		"killed before": {func(c *matrixCase, _ func() error) error { return dies(c) }, anotherComes},
		"killed after":  {func(c *matrixCase, effect func() error) error { _ = effect(); return dies(c) }, anotherComes},
		"write lost":    {strike: func(c *matrixCase, effect func() error) error { defer c.lose.Store(true); return effect() }},
		"lease lost":    {func(c *matrixCase, effect func() error) error { <-c.woken; return effect() }, anotherOvertakes},
	}
}

// anotherComes after the first broker has died.
func anotherComes(t *testing.T, c *matrixCase, _ work.ChangeID) {
	c.first.stop()
	c.survivor = c.broker(t, c.driver)
}

// anotherOvertakes a broker that is paused for so long that the other one does all
// that is left; then it wakes, in the middle of its call.
func anotherOvertakes(t *testing.T, c *matrixCase, op work.ChangeID) {
	c.survivor = c.broker(t, c.driver)
	c.survivor.submitted(t, op)
	c.survivor.wait(t, op)
	close(c.woken)
	<-c.wire.passed
}

// matrixCase is a world in which one change of a kind is about to be asked for.
type matrixCase struct {
	*world
	kind     kindOfChange
	start    string // the fabric
	store    *storetest.Faulty
	lose     atomic.Bool // the next write
	wire     *tripwire
	woken    chan struct{}
	first    *broker
	survivor *broker
	asked    work.ChangeID
}

func newCase(t *testing.T, k kindOfChange) *matrixCase {
	c := &matrixCase{world: k.world(t), kind: k, woken: make(chan struct{})}
	early := c.broker(t, c.driver)
	k.before(t, c.world, early)
	early.stop()
	c.start = plainly(t, c.world)
	c.store = storetest.NewFaulty(c.driver, func(op storetest.Op) storetest.Outcome {
		if op.Write && c.lose.CompareAndSwap(true, false) {
			return storetest.FailsBefore
		}
		return storetest.Works
	})
	c.wire = newTripwire(c.cloud)
	c.through = c.wire
	c.first = c.broker(t, c.store)
	c.through = nil
	c.survivor = c.first
	return c
}

// suffer asks for the change and lets something happen at its nth call.
func (c *matrixCase) suffer(t *testing.T, n int, m mishap) {
	c.wire.arm(n, func(effect func() error) error { return m.strike(c, effect) })
	out, err := c.kind.ask(t.Context(), c.world, c.first)
	require.NoError(t, err)
	c.asked = out.Operation
	select {
	case <-c.wire.struck:
	case <-time.After(5 * time.Minute):
		t.Fatalf("there is no call %d", n)
	}
	if m.after != nil {
		m.after(t, c, out.Operation)
	}
}

// requireSound says that the change has ended, and all with it; true: complete.
func (c *matrixCase) requireSound(t *testing.T, end string) bool {
	b := c.survivor
	b.submitted(t, c.asked)
	ended := b.wait(t, c.asked)
	require.Contains(t, []work.Status{work.Done, work.Undone}, ended.Status, "%s", ended.Reason)
	want := map[work.Status]string{work.Done: end, work.Undone: c.start}[ended.Status]
	require.JSONEq(t, want, plainly(t, c.world))
	require.Empty(t, c.cloud.Violations())
	requireHistory(t, b.tombstone(t))
	c.requireNothingToDo(t)
	return ended.Status == work.Done
}

// requireNothingToDo says that a broker that comes now changes nothing.
func (c *matrixCase) requireNothingToDo(t *testing.T) {
	calls := newTripwire(c.cloud)
	c.through = calls
	next := c.broker(t, c.driver)
	c.through = nil
	require.NoError(t, next.Resume(t.Context()))
	found, err := next.Orphans(t.Context(), true)
	require.NoError(t, err)
	require.Empty(t, found)
	next.stop()
	require.Zero(t, calls.count())
}

// requireLasting asks again for what did not come true, and then removes all.
func (c *matrixCase) requireLasting(t *testing.T, end string) {
	b := c.survivor
	if c.kind.again != nil && plainly(t, c.world) != end {
		c.kind.again(t, c.world, b)
	}
	if plainly(t, c.world) != end {
		out, err := c.kind.ask(t.Context(), c.world, b)
		require.NoError(t, err)
		require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
	}
	require.JSONEq(t, end, plainly(t, c.world))
	for _, id := range []topology.InstanceID{"fw", "ips"} {
		persist(t, func() (provision.Outcome, error) {
			return b.Deprovision(context.WithoutCancel(t.Context()), c.kind.removal(c.world, id))
		}, b, func() {})
	}
	c.requireBase(t)
	requireHistory(t, b.tombstone(t))
}

// requireHistory says that nothing is missing from a history, and nothing there twice.
func requireHistory(t *testing.T, i provision.Instance) {
	story(t, i)
	for n := 1; n < len(i.History); n++ {
		was, is := i.History[n-1], i.History[n]
		was.Seq, was.At, is.Seq, is.At = 0, time.Time{}, 0, time.Time{}
		require.NotEqual(t, was, is, "told twice")
	}
}
