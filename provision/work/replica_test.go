package work_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision/work"
)

// crew is what replicas have in hand.
type crew struct {
	mu     sync.Mutex
	inHand map[work.Lane]bool // of the one that is to be killed
	killed time.Time
	orphan map[work.Lane]bool          // what it had in hand when it was killed
	taken  map[work.Lane]time.Duration // after how long another took it up
}

func (c *crew) step(replica int, lane work.Lane) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case replica == 0 && c.killed.IsZero():
		c.inHand[lane] = true
	case replica != 0 && c.orphan[lane] && c.taken[lane] == 0:
		c.taken[lane] = time.Since(c.killed)
	}
}

func (c *crew) left(replica int, lane work.Lane) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if replica == 0 && c.killed.IsZero() {
		delete(c.inHand, lane)
	}
}

// Three replicas have 1,000 changes, each step takes 50 ms, and one replica is killed:
// what it had in hand goes on within its lease and a look, and all is done.
func TestTheWorkOfAKilledReplicaGoesOnWithinItsLease(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		const changes = 1000
		lease := 10 * time.Second
		c := &crew{inHand: map[work.Lane]bool{}, orphan: map[work.Lane]bool{}, taken: map[work.Lane]time.Duration{}}
		victim := storetest.NewFaulty(d, nil)
		var replicas []*work.Engine
		for n, link := range []store.Driver{victim, d, d} {
			e := work.New(store.New(link), slog.New(slog.DiscardHandler), work.Options{Lease: lease})
			step := func(ctx context.Context, change work.Change, _ work.Task) error {
				c.step(n, change.Lane)
				defer c.left(n, change.Lane)
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(50 * time.Millisecond):
					return nil
				}
			}
			e.Change("build", work.Planner{
				Plan: func(context.Context, work.Change) ([]work.Task, error) {
					return []work.Task{{Kind: "port"}, {Kind: "boot"}, {Kind: "plug"}}, nil
				},
				Settle: func(context.Context, work.Change) error { return nil },
			})
			for _, kind := range []work.TaskKind{"port", "boot", "plug"} {
				e.Task(kind, step, nil)
			}
			replicas = append(replicas, e)
		}
		for n := range changes {
			submit(t, replicas[1], work.Change{ID: work.ChangeID(fmt.Sprintf("c-%d", n)), Lane: work.Lane(fmt.Sprintf("t-%d", n)), Kind: "build"})
		}
		for _, e := range replicas {
			start(t, e)
		}
		time.Sleep(1020 * time.Millisecond) // in the middle of steps
		c.mu.Lock()
		c.killed, c.orphan = time.Now(), c.inHand
		c.mu.Unlock()
		victim.Kill()
		for n := range changes {
			require.Equal(t, work.Done, wait(t, replicas[1], fmt.Sprintf("c-%d", n)).Status)
		}
		took := time.Since(c.killed)

		require.NotEmpty(t, c.orphan, "it had work in hand")
		var last time.Duration
		for lane := range c.orphan {
			require.NotZero(t, c.taken[lane], "nobody took up %s", lane)
			last = max(last, c.taken[lane])
		}
		t.Logf("%d lanes were in hand; the last was taken up %v after the kill, all was done after %v; a lease is %v", len(c.orphan), last, took, lease)
		require.LessOrEqual(t, last, lease+time.Second, "a lease, and how often a replica looks")
	})
}
