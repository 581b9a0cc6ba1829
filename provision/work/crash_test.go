package work_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision/work"
)

var crashSetups = map[string]string{
	"forward":        "",
	"back":           "boot:do-fail*2",
	"back after":     "boot:do-fail-after*2",
	"stumbling":      "net:do-unavailable boot:do-wait",
	"stumbling back": "boot:do-fail*2 port:undo-fail",
	"no plan":        "plan-fail*2",
	"no way back":    "port:final boot:do-fail*2",
}

// TestACrashAtAnyWrite has each single write of each saga fail in each way, the
// broker die of it or not, and another broker come after it.
func TestACrashAtAnyWrite(t *testing.T) {
	t.Parallel()
	outcomes := map[string]storetest.Outcome{
		"fails before": storetest.FailsBefore, "fails after": storetest.FailsAfter,
		"dies before": storetest.DiesBefore, "dies after": storetest.DiesAfter,
	}
	for name, setup := range crashSetups {
		for how, outcome := range outcomes {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				last := false
				for n := 1; !last; n++ {
					require.Less(t, n, 100)
					t.Run(fmt.Sprintf("write %d", n), func(t *testing.T) {
						bubble(t, func(t *testing.T, d store.Driver) {
							f := storetest.NewFaulty(d, func(op storetest.Op) storetest.Outcome {
								if op.Write && op.N == n {
									return outcome
								}
								return storetest.Works
							})
							s := newSite(setup, "net", "port", "boot")
							firstBroker(t, f, s)
							last = f.Writes() < n
							secondBroker(t, d, s, work.Options{Takeover: n%2 == 0})
						})
					})
				}
			})
		}
	}
}

// TestAKillInAnyHandler has the broker die while each single handler runs, with
// its effect had or not.
func TestAKillInAnyHandler(t *testing.T) {
	t.Parallel()
	for name, setup := range crashSetups {
		for _, how := range []string{"before the effect", "after the effect"} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				last := false
				for n := 1; !last; n++ {
					require.Less(t, n, 100)
					t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) {
						bubble(t, func(t *testing.T, d store.Driver) {
							f := storetest.NewFaulty(d, nil)
							s := newSite(setup, "net", "port", "boot")
							calls := 0
							s.during = func(context.Context, string) error {
								if calls++; calls != n {
									return nil
								}
								f.Kill()
								if how == "before the effect" {
									return errors.New("killed")
								}
								return nil
							}
							firstBroker(t, f, s)
							last = calls < n
							secondBroker(t, d, s, work.Options{})
						})
					})
				}
			})
		}
	}
}

// firstBroker works until its change has ended or it has died.
func firstBroker(t *testing.T, f *storetest.Faulty, s *site) {
	e := engine(t, f, s, options)
	stop := start(t, e)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-f.Dead()
		cancel()
	}()
	// A caller without an answer repeats its request; one whose broker is dead cannot.
	for e.Submit(ctx, build("c", "tenant")) != nil && ctx.Err() == nil {
		synctest.Wait()
	}
	for ctx.Err() == nil {
		if c, err := e.Wait(ctx, "c"); err == nil && c.Ended() {
			break
		}
	}
	f.Kill()
	cancel()
	stop()
}

// secondBroker comes after the first, finishes the change, and finds nothing to do
// when it is started once more.
func secondBroker(t *testing.T, d store.Driver, s *site, o work.Options) {
	o.MaxAttempts, o.TaskDeadline, o.Backoff = options.MaxAttempts, options.TaskDeadline, options.Backoff
	e := engine(t, d, s, o)
	stop := start(t, e)
	if _, err := e.Get(t.Context(), "c"); errors.Is(err, fault.NotFound) {
		submit(t, e, build("c", "tenant"))
	}
	c := wait(t, e, "c")
	stop()
	switch c.Status {
	case work.Done:
		require.Equal(t, "c/boot c/net c/port", s.left())
	case work.Undone:
		require.Equal(t, "nothing", s.left())
		require.NotEmpty(t, c.Error)
	default:
		require.Fail(t, "neither complete nor undone", "%+v", c)
	}
	require.Equal(t, c.Status, s.outcome("c"))
	require.False(t, s.overlap)
	requireOrder(t, s)

	before := s.sentence()
	e = engine(t, d, s, o)
	stop = start(t, e)
	submit(t, e, build("c", "tenant"))
	wait(t, e, "c")
	synctest.Wait()
	stop()
	require.Equal(t, before, s.sentence(), "a second run changes nothing")
}

// requireOrder checks that calls are repeated only in place: plan, each do
// forward, each undo backward, settle.
func requireOrder(t *testing.T, s *site) {
	order := strings.Fields("plan net:do port:do boot:do boot:undo port:undo net:undo settle-done settle-undone")
	at := 0
	for _, call := range strings.Fields(s.sentence()) {
		next := slices.Index(order, call)
		require.GreaterOrEqual(t, next, at, "%s in %q", call, s.sentence())
		at = next
	}
}
